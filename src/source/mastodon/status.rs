//! Statuses and notifications as Mastodon writes them, and the mentions they become. Pure.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::html;
use crate::mention::{Author, Engagement, Flag, Mention, MentionKind};
use crate::source::Item;
use crate::source::json::{self, Count, Id};

/// The longest id. Mastodon's are 64-bit numbers; others of its kind have up to 26 letters and digits.
const ID_BYTES_MAX: usize = 32;
/// The most digits that a number of 64 bits has.
const DIGITS_MAX: usize = 20;

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOf {
    /// Statuses.
    Statuses,
    /// Notifications, each about a status.
    Notifications,
}

/// One page of a list.
#[derive(Debug)]
pub struct Parsed {
    /// Its statuses as mentions; broken ones as such.
    pub items: Vec<Item>,
    /// How many entries it had, ours or not.
    pub entries: usize,
    /// The highest id by which the list is paged, if any was readable.
    pub newest: Option<String>,
    /// The lowest.
    pub oldest: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    id: Id,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    id: Id,
    account: Account,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    edited_at: Option<String>,
    #[serde(default)]
    in_reply_to_id: Option<Id>,
    #[serde(default)]
    spoiler_text: Option<String>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    replies_count: Count,
    #[serde(default)]
    reblogs_count: Count,
    #[serde(default)]
    quotes_count: Count,
    #[serde(default)]
    favourites_count: Count,
    #[serde(default)]
    reblog: Option<Box<Status>>,
    #[serde(default)]
    media_attachments: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Account {
    id: Id,
    #[serde(default)]
    acct: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    followers_count: Count,
}

/// Anything with an id, for finding one's place on a page whose entries are otherwise unreadable.
#[derive(Deserialize)]
struct Identified {
    id: Id,
}

/// Reads one page of a list.
///
/// `link` is the `Link` header, whose `min_id` and `max_id` count beside the ids on the page. `local_domain` completes the
/// handles of the instance's own accounts.
///
/// # Errors
/// `Malformed` when the body is no JSON list.
pub fn parse(body: &str, link: Option<&str>, list: ListOf, local_domain: &str) -> Result<Parsed, Failure> {
    let mut page = match list {
        ListOf::Statuses => {
            read(body, |status: Status| (status.id.0.clone(), Some(mention(status, local_domain))))?
        }
        ListOf::Notifications => read(body, |notification: Notification| {
            let status = notification.status.filter(|_| notification.kind == "mention");
            (notification.id.0, status.map(|status| mention(status, local_domain)))
        })?,
    };
    page.ids.extend(link.into_iter().flat_map(cursors_in));
    page.ids.retain(|id| is_id(id));
    let newest = page.ids.iter().max_by(|a, b| by_age(a, b)).cloned();
    let oldest = page.ids.into_iter().min_by(|a, b| by_age(a, b));
    Ok(Parsed { items: page.items, entries: page.entries, newest, oldest })
}

/// A page while it is read.
#[derive(Default)]
struct Read {
    items: Vec<Item>,
    ids: Vec<String>,
    entries: usize,
}

/// Reads every entry of a list with `to_mention`, which gives the id it is paged by and what it says, if anything.
///
/// A small page is first read in one go, because nearly every page is sound and the second step costs as much as the first.
/// An entry with an absurd id is broken.
fn read<T: DeserializeOwned>(
    body: &str,
    to_mention: impl Fn(T) -> (String, Option<Mention>),
) -> Result<Read, Failure> {
    let mut page = Read::default();
    if body.len() <= json::ITEM_BYTES_MAX
        && let Ok(entries) = serde_json::from_str::<Vec<T>>(body)
    {
        json::not_too_many(entries.len())?;
        let read: Vec<(String, Option<Mention>)> = entries.into_iter().map(&to_mention).collect();
        if !read.iter().any(|(id, _)| is_absurd(id)) {
            page.entries = read.len();
            for (id, mention) in read {
                page.ids.push(id);
                page.items.extend(mention.map(|mention| Item::Mention(Box::new(mention))));
            }
            return Ok(page);
        }
    }
    let raw: Vec<Box<RawValue>> = json::envelope(body)?;
    page.entries = raw.len();
    json::not_too_many(page.entries)?;
    page.items = json::items(raw, |entry: T| {
        let (id, mention) = to_mention(entry);
        if is_absurd(&id) {
            return Err(format!("its id is a number of more than {DIGITS_MAX} digits"));
        }
        page.ids.push(id);
        Ok(mention.map(|mention| Item::Mention(Box::new(mention))))
    });
    for item in &page.items {
        if let Item::Broken { raw, .. } = item
            && let Ok(entry) = serde_json::from_slice::<Identified>(raw)
        {
            page.ids.push(entry.id.0);
        }
    }
    Ok(page)
}

/// Reads one status.
///
/// # Errors
/// `Malformed` when it is none.
pub fn parse_one(body: &str, local_domain: &str) -> Result<Mention, Failure> {
    json::envelope(body).map(|status: Status| mention(status, local_domain))
}

/// Older first. Ids are digits that outgrew 2^53, or another server's letters: the longer one is newer, then the greater.
pub fn by_age(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// True for what may stand in a path or cursor as an id. Anything else from outside is not sent back, and is no place in a
/// list: a long one would be taken for the newest for ever.
pub fn is_id(id: &str) -> bool {
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (1..=ID_BYTES_MAX).contains(&id.len()) && is_word && (!is_number || id.parse::<i64>().is_ok())
}

/// True for a number that is nobody's id: not even one of 64 bits.
fn is_absurd(id: &str) -> bool {
    id.len() > DIGITS_MAX && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ids in a `Link` header: `max_id` of the next page and `min_id` of the previous one.
fn cursors_in(link: &str) -> Vec<String> {
    let urls = link.split(['<', '>']).skip(1).step_by(2).filter_map(|url| url::Url::parse(url).ok());
    urls.flat_map(|url| {
        let cursors = url.query_pairs().filter(|(name, _)| matches!(name.as_ref(), "min_id" | "max_id"));
        cursors.map(|(_, id)| id.into_owned()).collect::<Vec<_>>()
    })
    .collect()
}

fn mention(status: Status, local_domain: &str) -> Mention {
    let mut status = status;
    // A boost repeats somebody: it is their statement, not the booster's.
    while let Some(original) = status.reblog.take() {
        status = *original;
    }
    let (content, truncated) = html::to_text(status.content.as_deref().unwrap_or_default());
    let warning = status.spoiler_text.as_deref().map(str::trim).unwrap_or_default();
    let text = match (warning, content.as_str()) {
        ("", _) => content,
        (warning, "") => warning.to_owned(),
        (warning, content) => format!("{warning}\n\n{content}"),
    };
    let mut mention = Mention::new(status.id.0, author(status.account, local_domain), text);
    if status.visibility.as_deref() == Some("direct") {
        // Only the addressed can read it: it was sent to us, not said in public.
        mention.kind = MentionKind::Message;
    }
    mention.url = status.url.filter(|url| !url.is_empty()).or(status.uri);
    mention.language_hint = status.language;
    mention.published_at = status.created_at.as_deref().and_then(moment);
    mention.edited_at = status.edited_at.as_deref().and_then(moment);
    mention.reply_to = status.in_reply_to_id.map(|id| id.0);
    mention.has_media = !status.media_attachments.is_empty();
    let count = |count: Count| count.0.unwrap_or(0);
    mention.engagement = Engagement {
        likes: count(status.favourites_count),
        shares: count(status.reblogs_count).saturating_add(count(status.quotes_count)),
        replies: count(status.replies_count),
    };
    if truncated {
        mention.flags.push(Flag::Truncated);
    }
    mention
}

fn author(account: Account, local_domain: &str) -> Author {
    let handle = account.acct.filter(|acct| !acct.is_empty()).map(|acct| match acct.contains('@') {
        true => acct,
        false => format!("{acct}@{local_domain}"),
    });
    Author {
        external_id: account.id.0,
        handle,
        display_name: account.display_name.filter(|name| !name.is_empty()),
        audience: account.followers_count.0,
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
