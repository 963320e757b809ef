//! The bytes of a feed in, its entries as mentions out. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use feed_rs::model::{self, FeedType, Text};
use feed_rs::parser::{Builder, ParseFeedError};
use jiff::Timestamp;
use url::Url;

use super::encoding::decode;
use super::entry::{Context, Entry, Words};
use super::json_feed;
use super::markup::{AT_SIGN, Markup};
use crate::failure::Failure;
use crate::source::Item;
use crate::source::json::ITEMS_MAX;

/// What a feed holds.
#[derive(Debug)]
pub struct Feed {
    /// Its entries, in its order; broken ones as such.
    pub items: Vec<Item>,
    /// How many minutes the publisher wants to be left alone (RSS `ttl`).
    pub ttl_minutes: Option<u32>,
    /// Hours (UTC) in which the publisher does not want to be asked (RSS `skipHours`).
    pub skip_hours: Vec<u8>,
    /// Its end was there.
    pub is_whole: bool,
    /// It holds more entries than are read.
    pub has_more: bool,
}

/// Reads RSS 0.90 to 2.0, Atom 0.3 and 1.0, and JSON Feed 1.0 and 1.1.
///
/// `base` is the address the answer came from, `host` the host of the configured one; dates after `now` are dropped.
///
/// # Errors
/// `Malformed` when the bytes are no feed, for instance a login page.
pub fn parse(
    body: &[u8],
    content_type: Option<&str>,
    base: &Url,
    host: &str,
    now: Timestamp,
) -> Result<Feed, Failure> {
    let document = decode(body, content_type);
    let context = Context { base, host, now, feed_title: None, feed_author: None, feed_language: None };
    if document.trim_start().starts_with(['{', '[']) {
        let (items, has_more) = json_feed::parse(document.trim_start(), context)?;
        return Ok(Feed { items, ttl_minutes: None, skip_hours: Vec::new(), is_whole: true, has_more });
    }
    let markup = Markup::prepare(&document)?;
    drop(document);
    let (items, ttl_minutes) = match parsed(&markup.text, base) {
        Ok(mut feed) => {
            let entries = std::mem::take(&mut feed.entries);
            let context = described(context, &feed);
            (
                entries
                    .into_iter()
                    .take(ITEMS_MAX)
                    .map(|entry| item(entry, &feed.feed_type, &context))
                    .collect(),
                feed.ttl,
            )
        }
        Err(reason) if markup.entries.is_empty() => {
            return Err(Failure::malformed(format!("the feed cannot be read: {reason}")));
        }
        Err(_) => (one_by_one(&markup, &context)?, None),
    };
    Ok(Feed {
        items,
        ttl_minutes,
        skip_hours: markup.skip_hours,
        is_whole: markup.is_whole,
        has_more: markup.has_more_entries,
    })
}

/// Reads every entry as a feed of its own, after the feed as a whole was refused: a broken entry costs itself only.
fn one_by_one(markup: &Markup, context: &Context<'_>) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::with_capacity(markup.entries.len());
    let mut sound = 0;
    for place in &markup.entries {
        match parsed(&markup.alone(place), context.base) {
            Ok(mut feed) => {
                let entries = std::mem::take(&mut feed.entries);
                let context = described(context.clone(), &feed);
                sound += entries.len();
                items.extend(entries.into_iter().map(|entry| item(entry, &feed.feed_type, &context)));
            }
            Err(reason) => items.push(Item::broken(markup.text[place.clone()].as_bytes(), reason)),
        }
    }
    match sound {
        0 => Err(Failure::malformed("no entry of the feed can be read")),
        _ => Ok(items),
    }
}

/// The library's reading of a document; what is wrong with it otherwise, without a word of it.
fn parsed(document: &str, base: &Url) -> Result<model::Feed, String> {
    let parser = Builder::new().base_uri(Some(base.as_str())).id_generator(|_, _, _| String::new()).build();
    // The library has panicked over odd durations and names. What is known is kept from it (see `markup`); a panic over
    // anything else is one broken feed, not the end of the daemon.
    match catch_unwind(AssertUnwindSafe(|| parser.parse(document.as_bytes()))) {
        Ok(outcome) => outcome.map_err(|error| reason(&error).to_owned()),
        Err(_) => Err("the parser gave up on it".to_owned()),
    }
}

fn reason(error: &ParseFeedError) -> &'static str {
    match error {
        ParseFeedError::ParseError(_) => "an element does not hold what it should",
        ParseFeedError::IoError(_) => "its end is missing",
        ParseFeedError::JsonSerde(_) | ParseFeedError::JsonUnsupportedVersion(_) => "it is no JSON Feed",
        ParseFeedError::XmlReader(_) => "it is not well-formed XML",
    }
}

fn described<'a>(context: Context<'a>, feed: &model::Feed) -> Context<'a> {
    Context {
        feed_title: feed.title.as_ref().map(|title| title.content.trim().to_owned()),
        feed_author: person(&feed.authors),
        feed_language: feed.language.clone(),
        ..context
    }
}

fn item(entry: model::Entry, format: &FeedType, context: &Context<'_>) -> Item {
    match read(entry, format).into_mention(context) {
        Ok(mention) => Item::Mention(Box::new(mention)),
        Err(reason) => Item::broken(&[], reason),
    }
}

fn read(entry: model::Entry, format: &FeedType) -> Entry {
    let is_atom = *format == FeedType::Atom;
    let link = entry
        .links
        .iter()
        .find(|link| link.target.is_none() && matches!(link.rel.as_deref(), None | Some("alternate")));
    let attached = entry.links.iter().any(|link| link.rel.as_deref() == Some("enclosure"));
    let words = |text: Text| match is_atom && text.content_type.subty() == "plain" {
        true => Words::Plain(text.content),
        // RSS does not say what its text is; markup and entities are usual in all of it, titles included.
        false => Words::Html(text.content),
    };
    let content = entry.content.and_then(|content| {
        let body = content.body?;
        let kind = &content.content_type;
        match (kind.ty().as_str(), kind.subty().as_str()) {
            ("text", "plain") => Some(Words::Plain(body)),
            ("text", _) | (_, "xhtml" | "xml" | "xhtml+xml") => Some(Words::Html(body)),
            // Anything else is a file in base64.
            _ => None,
        }
    });
    Entry {
        id: Some(entry.id),
        link: link.map(|link| link.href.clone()),
        title: entry.title.map(words),
        texts: content.into_iter().chain(entry.summary.map(words)).collect(),
        author: person(&entry.authors),
        language: entry.language,
        published: entry.published.and_then(|at| Timestamp::from_millisecond(at.timestamp_millis()).ok()),
        updated: entry.updated.and_then(|at| Timestamp::from_millisecond(at.timestamp_millis()).ok()),
        has_media: attached || !entry.media.is_empty(),
    }
}

/// The first author's name. RSS writes `address (Name)`: the address is not kept.
fn person(people: &[model::Person]) -> Option<String> {
    people.iter().filter_map(|person| person.name.as_deref()).find_map(|name| {
        let name = match name.contains([AT_SIGN, '@']) {
            true => name
                .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '（' | '）'))
                .filter(|word| !word.is_empty() && !word.contains([AT_SIGN, '@']))
                .collect::<Vec<_>>()
                .join(" "),
            false => name.trim().to_owned(),
        };
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests;
