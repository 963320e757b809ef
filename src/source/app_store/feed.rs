//! A page of the review feed, in which the store wraps every value and leaves out what is not there.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::mention::{Author, Flag, Mention, MentionKind, Rating};
use crate::source::Item;
use crate::source::json::{self, Count, Id};

/// One page of a feed.
#[derive(Debug, Default)]
pub struct Reviews {
    /// The reviews, newest first.
    pub items: Vec<Item>,
    /// Their ids, in the same order.
    pub ids: Vec<String>,
}

/// Reads one page of a review feed.
///
/// # Errors
/// `Malformed` when it is no such feed.
pub fn parse(body: &str) -> Result<Reviews, Failure> {
    let answer: Answer = json::envelope(body)?;
    let entries = match answer.feed.entry {
        None => Vec::new(),
        // With one review, the store writes an object instead of a list.
        Some(raw) if raw.get().starts_with('{') => vec![raw],
        Some(raw) => json::envelope(raw.get())?,
    };
    json::not_too_many(entries.len())?;
    let mut ids = Vec::new();
    let items = json::items(entries, |entry: Entry| {
        let Some(mention) = entry.mention()? else { return Ok(None) };
        ids.push(mention.external_id.clone());
        json::mention(mention)
    });
    Ok(Reviews { items, ids })
}

#[derive(Deserialize)]
struct Answer {
    feed: FeedBody,
}

#[derive(Deserialize)]
struct FeedBody {
    entry: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Label<T> {
    label: Option<T>,
}

#[derive(Deserialize)]
struct Entry {
    id: Option<Label<Id>>,
    author: Option<EntryAuthor>,
    title: Option<Label<String>>,
    content: Option<Label<String>>,
    updated: Option<Label<String>>,
    #[serde(rename = "im:rating")]
    rating: Option<Label<Id>>,
    #[serde(rename = "im:voteSum")]
    votes: Option<Label<Count>>,
    #[serde(rename = "im:name")]
    app_name: Option<IgnoredAny>,
    link: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct EntryAuthor {
    name: Option<Label<String>>,
    uri: Option<Label<String>>,
}

impl Entry {
    /// The review, or `None` when this is the app itself, which older feeds put first.
    fn mention(self) -> Result<Option<Mention>, String> {
        if self.app_name.is_some() && self.rating.is_none() {
            return Ok(None);
        }
        let id = label(self.id).map(|id| id.0).filter(|id| !id.is_empty()).ok_or("a review without an id")?;
        let (name, uri) = self.author.map_or((None, None), |author| (label(author.name), label(author.uri)));
        let mut mention = Mention::new(&id, author(name, uri, &id), label(self.content).unwrap_or_default());
        mention.kind = MentionKind::Review;
        mention.title = label(self.title);
        mention.url = self.link.as_deref().and_then(link);
        mention.published_at = label(self.updated).as_deref().and_then(json::moment);
        mention.rating = label(self.rating)
            .and_then(|stars| stars.0.trim().parse().ok())
            .filter(|stars| *stars >= 1.0)
            .and_then(|stars| Rating::new(stars, 5.0));
        if mention.rating.is_none() {
            mention.flags.push(Flag::Drifted);
        }
        mention.engagement.likes = label(self.votes).and_then(|votes| votes.0).unwrap_or(0);
        Ok(Some(mention))
    }
}

fn label<T>(wrapped: Option<Label<T>>) -> Option<T> {
    wrapped.and_then(|wrapped| wrapped.label)
}

/// The author by the number at the end of their address. Without one, a name is not enough to tell people apart.
fn author(name: Option<String>, uri: Option<String>, review: &str) -> Author {
    let external_id = uri
        .as_deref()
        .and_then(|uri| uri.trim_end_matches('/').rsplit('/').next())
        .filter(|account| !account.is_empty())
        .map_or_else(|| format!("review:{review}"), str::to_owned);
    Author { external_id, handle: None, display_name: name, audience: None }
}

/// The address in a link element, which may also be a list of them.
fn link(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Link {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        href: String,
    }
    serde_json::from_str::<Link>(raw.get())
        .or_else(|_| serde_json::from_str::<[Link; 1]>(raw.get()).map(|[first]| first))
        .ok()
        .map(|link| link.attributes.href)
}
