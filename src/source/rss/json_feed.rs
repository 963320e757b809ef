//! JSON Feed 1.0 and 1.1 (jsonfeed.org), item by item.
//!
//! Read by ourselves: the feed library takes text ids only and gives up the whole feed for one item of another type.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::entry::{Context, Entry, Words};
use crate::failure::Failure;
use crate::source::Item;
use crate::source::json::{self, Id};

#[derive(Deserialize)]
struct Feed {
    #[serde(default, deserialize_with = "lenient")]
    version: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    language: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    author: Option<Person>,
    #[serde(default, deserialize_with = "lenient")]
    authors: Option<Vec<Person>>,
    #[serde(default)]
    items: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Person {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Post {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<Id>,
    #[serde(default, deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    external_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    content_html: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    content_text: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    date_published: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    date_modified: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    author: Option<Person>,
    #[serde(default, deserialize_with = "lenient")]
    authors: Option<Vec<Person>>,
    #[serde(default, deserialize_with = "lenient")]
    language: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    image: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    attachments: Option<Vec<Box<RawValue>>>,
}

/// Reads a JSON Feed: its items, and whether there are more than are read.
///
/// # Errors
/// `Malformed` when the text is no JSON, or JSON of another kind.
pub fn parse(body: &str, mut context: Context<'_>) -> Result<(Vec<Item>, bool), Failure> {
    let mut feed: Feed = json::envelope(body)?;
    if !feed.version.is_some_and(|version| version.contains("jsonfeed.org/version/1")) {
        return Err(Failure::malformed("the answer is JSON, but no JSON Feed of version 1 or 1.1"));
    }
    context.feed_title = feed.title;
    context.feed_author = first_name(feed.author, feed.authors);
    context.feed_language = feed.language;
    let has_more = feed.items.len() > json::ITEMS_MAX;
    feed.items.truncate(json::ITEMS_MAX);
    let items = json::items(feed.items, |post: Post| json::mention(entry(post).into_mention(&context)?));
    Ok((items, has_more))
}

fn entry(post: Post) -> Entry {
    let html = post.content_html.map(Words::Html);
    Entry {
        id: post.id.map(|id| id.0),
        link: post.url.or(post.external_url),
        title: post.title.map(Words::Plain),
        texts: html
            .into_iter()
            .chain(post.content_text.map(Words::Plain))
            .chain(post.summary.map(Words::Plain))
            .collect(),
        author: first_name(post.author, post.authors),
        language: post.language,
        published: post.date_published.as_deref().and_then(moment),
        updated: post.date_modified.as_deref().and_then(moment),
        has_media: post.image.is_some() || post.attachments.is_some_and(|attached| !attached.is_empty()),
    }
}

fn first_name(author: Option<Person>, authors: Option<Vec<Person>>) -> Option<String> {
    authors.into_iter().flatten().chain(author).find_map(|person| person.name)
}

fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp()))
}

/// A value of another type than promised is a missing one.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}
