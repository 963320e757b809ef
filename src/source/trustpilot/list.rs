//! A page of the list of reviews, with the company's replies.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::failure::Failure;
use crate::mention::{Author, Mention, MentionKind, Rating};
use crate::source::Item;
use crate::source::json::{self, Count, Id};

/// One page of the list.
#[derive(Debug, Default)]
pub struct Reviews {
    /// The reviews in the service's order, and behind them the company's replies.
    pub items: Vec<Item>,
    /// Id and time of each review, in the same order.
    pub(super) seen: Vec<Seen>,
}

/// What paging needs of a review.
#[derive(Debug)]
pub struct Seen {
    pub(super) id: String,
    pub(super) created_at: Option<Timestamp>,
}

/// Reads one page of the list of reviews of the business unit `unit`.
///
/// # Errors
/// `Malformed` when it is no such list.
pub fn parse(body: &str, unit: &str) -> Result<Reviews, Failure> {
    let answer: Answer = json::envelope(body)?;
    json::not_too_many(answer.reviews.len())?;
    let (mut seen, mut replies) = (Vec::new(), Vec::new());
    let mut items = json::items(answer.reviews, |review: Review| {
        if review.id.0.is_empty() {
            return Err("a review without an id".into());
        }
        replies.extend(review.reply(unit));
        let created_at = review.created_at.as_deref().and_then(json::moment);
        seen.push(Seen { id: review.id.0.clone(), created_at });
        json::mention(review.mention())
    });
    items.extend(replies.into_iter().map(|reply| Item::Mention(Box::new(reply))));
    Ok(Reviews { items, seen })
}

#[derive(Deserialize)]
struct Answer {
    reviews: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    id: Id,
    #[serde(default)]
    stars: Count,
    title: Option<String>,
    text: Option<String>,
    language: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    #[serde(default)]
    number_of_likes: Count,
    consumer: Option<Party>,
    business_unit: Option<Party>,
    company_reply: Option<Reply>,
    reference_id: Option<Id>,
    links: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Party {
    id: Option<Id>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    text: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Review {
    fn mention(self) -> Mention {
        let id = self.id.0;
        let (account, name) = self.consumer.map_or((None, None), |party| (party.id, party.display_name));
        let account = account.map(|account| account.0).filter(|account| !account.is_empty());
        let author = Author {
            // Nameless reviewers must not become one person.
            external_id: account.unwrap_or_else(|| format!("review:{id}")),
            handle: None,
            display_name: name,
            audience: None,
        };
        let mut mention = Mention::new(&id, author, self.text.unwrap_or_default());
        mention.kind = MentionKind::Review;
        mention.url = Some(self.links.as_deref().and_then(public_link).unwrap_or_else(|| review_page(&id)));
        mention.title = self.title;
        mention.language_hint = self.language;
        mention.published_at = self.created_at.as_deref().and_then(json::moment);
        mention.edited_at = later(self.updated_at.as_deref(), mention.published_at);
        mention.rating =
            self.stars.0.filter(|stars| *stars > 0).and_then(|stars| Rating::new(stars as f64, 5.0));
        mention.engagement.likes = self.number_of_likes.0.unwrap_or(0);
        mention.reference = self.reference_id.map(|reference| reference.0);
        mention
    }

    /// The company's reply as a mention of its own.
    fn reply(&self, unit: &str) -> Option<Mention> {
        let reply = self.company_reply.as_ref()?;
        let text = reply.text.as_deref().filter(|text| !text.trim().is_empty())?;
        let author = Author {
            external_id: unit.to_owned(),
            handle: None,
            display_name: self.business_unit.as_ref().and_then(|party| party.display_name.clone()),
            audience: None,
        };
        let mut mention = Mention::new(format!("reply:{}", self.id.0), author, text);
        mention.url = Some(review_page(&self.id.0));
        mention.reply_to = Some(self.id.0.clone());
        mention.published_at = reply.created_at.as_deref().and_then(json::moment);
        mention.edited_at = later(reply.updated_at.as_deref(), mention.published_at);
        Some(mention)
    }
}

/// A time of change, if it is one: the service repeats the time of writing for what never changed.
fn later(changed: Option<&str>, written: Option<Timestamp>) -> Option<Timestamp> {
    changed.and_then(json::moment).filter(|at| Some(*at) != written)
}

fn review_page(id: &str) -> String {
    let mut url = Url::parse("https://www.trustpilot.com/reviews").expect("a constant address");
    url.path_segments_mut().expect("an https address has a path").push(id);
    url.into()
}

/// The link for people among a review's links, most of which lead to the interface.
fn public_link(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Link {
        href: Option<String>,
    }
    let links: Vec<Link> = serde_json::from_str(raw.get()).ok()?;
    links.into_iter().filter_map(|link| link.href).find(|href| {
        Url::parse(href)
            .is_ok_and(|url| url.scheme() == "https" && url.host_str() == Some("www.trustpilot.com"))
    })
}
