//! Feeds: RSS 0.90 to 2.0, Atom, and JSON Feed, as blogs, newspapers and alert services publish them.
//!
//! Start here: this file asks one feed per call, politely. `memory` is the cursor; `parse` turns bytes into mentions with
//! the help of `encoding`, `markup`, `entry` and `json_feed`.
//!
//! A feed shows a window of its latest entries and offers no way back: polling slower than the window moves loses entries,
//! which is reported as `missed`. There is no sign of deletion and no reach.

mod encoding;
mod entry;
mod json_feed;
mod markup;
mod memory;
mod parse;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use reqwest::header;
use serde::Deserialize;
use url::Url;

use super::client::{Client, Request, Response};
use super::json::ITEMS_MAX;
use super::seen::identity;
use super::{Item, Page, Source};
use crate::failure::{Failure, FailureKind};
use memory::{FeedMemory, Memory, key};

/// The most feeds in one source: each keeps its memory in the source's cursor.
const FEEDS_MAX: usize = 100;
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, \
                      text/xml;q=0.9, application/json;q=0.8, */*;q=0.5";

/// What is listened to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses of the feeds themselves, not of the pages that link to them.
    pub urls: Vec<String>,
}

/// A set of feeds.
#[derive(Clone, Debug)]
pub struct Rss {
    config: Config,
    client: Client,
}

/// Builds the source. The configuration was validated before.
pub fn build(config: Config, client: Client) -> Rss {
    Rss { config, client }
}

impl Config {
    /// Everything that is wrong, as `key: what; what to do`.
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.urls.is_empty() {
            errors.push("urls: no feed is named; write at least one address".to_owned());
        }
        if self.urls.len() > FEEDS_MAX {
            errors.push(format!("urls: more than {FEEDS_MAX} feeds; divide them over several sources"));
        }
        for (at, url) in self.urls.iter().enumerate() {
            let place = format!("urls[{at}]");
            match Url::parse(url) {
                Err(_) => errors.push(format!("{place}: not an address; write it whole, from https:// on")),
                Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                    errors.push(format!("{place}: not a web address; write one that starts with https://"));
                }
                Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                    errors.push(format!("{place}: holds a user name; use an address that needs no login"));
                }
                Ok(_) if self.urls[..at].contains(url) => {
                    errors.push(format!("{place}: stands there twice; take one out"));
                }
                Ok(_) => {}
            }
        }
        errors
    }
}

impl Source for Rss {
    /// Reads one feed. With several feeds, one that fails is reported as `missed` and left alone for a while: it must not
    /// hold up the others. A feed that stands alone fails as what it is.
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut memory = Memory::read(cursor, &self.config.urls, now);
        let place = |key_left: &String| self.config.urls.iter().position(|url| key(url) == *key_left);
        let Some(place) = memory.left.first().and_then(place) else {
            return Ok(Page { unchanged: true, ..Page::default() });
        };
        let feed_key = memory.left.remove(0);
        let feed = memory.feeds.entry(feed_key).or_default();
        let mut page = match self.read(&self.config.urls[place], feed, now).await {
            Ok(page) => page,
            Err(failure) if self.config.urls.len() == 1 => return Err(failure),
            Err(failure) => {
                let is_new = feed.failures == 0;
                feed.note_failure(&failure, now);
                let missed =
                    is_new.then(|| format!("feed {} of {}: {failure}", place + 1, self.config.urls.len()));
                Page { missed, ..Page::default() }
            }
        };
        page.more = !memory.left.is_empty();
        page.wait = if page.more { None } else { memory.wait(now) };
        page.cursor = memory.write();
        Ok(page)
    }

    async fn check(&self) -> Result<String, Failure> {
        let mut entries = 0;
        for (at, url) in self.config.urls.iter().enumerate() {
            let place = |failure: Failure| Failure {
                message: format!("feed {} of {}: {}", at + 1, self.config.urls.len(), failure.message),
                ..failure
            };
            let url = parsed(url)?;
            let response = self.client.send(request(url.clone())).await.map_err(place)?;
            // Dates are not shown, so any moment will do.
            let feed = parse_answer(&response, &url, Timestamp::UNIX_EPOCH).map_err(place)?;
            entries += feed.items.len();
        }
        Ok(format!("{} feeds answer, with {entries} entries", self.config.urls.len()))
    }
}

impl Rss {
    async fn read(&self, configured: &str, feed: &mut FeedMemory, now: Timestamp) -> Result<Page, Failure> {
        let configured = parsed(configured)?;
        let response = self.ask(&configured, feed).await?;
        if response.status == 304 {
            if feed.validators.is_none() {
                let origin = response.url.origin().ascii_serialization();
                return Err(Failure::malformed(format!(
                    "{origin} says that nothing changed, although it was not asked whether anything did"
                )));
            }
            feed.note_address(&response);
            feed.note_wait(&response, now);
            return Ok(Page { unchanged: true, ..Page::default() });
        }
        let answer = parse_answer(&response, &configured, now)?;
        feed.note_address(&response);
        match answer.is_whole {
            true => feed.note_validators(&response),
            // What was cut off must come with the next answer, so that one is not made conditional on this.
            false => feed.validators = None,
        }
        feed.ttl_minutes = answer.ttl_minutes;
        feed.skip_hours = answer.skip_hours;
        feed.note_wait(&response, now);
        let mut page = news(answer.items, feed);
        if answer.has_more {
            page.missed = page.missed.or_else(|| {
                Some(format!(
                    "the feed holds more than {ITEMS_MAX} entries; what stands behind them is not read"
                ))
            });
        }
        Ok(page)
    }

    /// Asks for a feed where it was last found. An address that was only remembered and fails is forgotten, and the
    /// configured one asked instead.
    async fn ask(&self, configured: &Url, feed: &mut FeedMemory) -> Result<Response, Failure> {
        if let Some(moved_to) = feed.moved_to.clone() {
            match self.ask_at(moved_to, configured, feed).await {
                Err(failure) if is_about_the_address(failure.kind) => feed.moved_to = None,
                outcome => return outcome,
            }
        }
        self.ask_at(configured.clone(), configured, feed).await
    }

    async fn ask_at(&self, url: Url, configured: &Url, feed: &mut FeedMemory) -> Result<Response, Failure> {
        let plain = match url.host_str() == configured.host_str() {
            true => request(url),
            false => request(url).from_content(),
        };
        let Some(validators) = &feed.validators else { return self.client.send(plain).await };
        let mut conditional = plain.clone();
        if let Some(etag) = &validators.etag {
            conditional = conditional.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(last_modified) = &validators.last_modified {
            conditional = conditional.header(header::IF_MODIFIED_SINCE, last_modified);
        }
        let response = self.client.send(conditional).await?;
        if response.status == 304 && response.url != validators.url {
            // Another address than the one the validators came from says "unchanged": it may mean another feed.
            feed.validators = None;
            return self.client.send(plain).await;
        }
        Ok(response)
    }
}

fn request(url: Url) -> Request {
    Request::get(url).header(header::ACCEPT, ACCEPT).following_redirects()
}

fn parsed(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|_| Failure::new(FailureKind::Internal, "a feed's address was not validated"))
}

fn parse_answer(response: &Response, configured: &Url, now: Timestamp) -> Result<parse::Feed, Failure> {
    let host = configured.host_str().unwrap_or_default();
    let origin = response.url.origin().ascii_serialization();
    let content_type = response.header("content-type");
    parse::parse(&response.body, content_type, &response.url, host, now)
        .map_err(|failure| Failure { message: format!("{origin}: {}", failure.message), ..failure })
}

/// Failures that a better address could mend.
fn is_about_the_address(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Unreachable
        | FailureKind::TlsRefused
        | FailureKind::BadCredentials
        | FailureKind::NotFound
        | FailureKind::Gone
        | FailureKind::Refused
        | FailureKind::Blocked => true,
        FailureKind::TimedOut
        | FailureKind::RateLimited
        | FailureKind::Unavailable
        | FailureKind::Malformed
        | FailureKind::TooLarge
        | FailureKind::QuotaSpent
        | FailureKind::UnknownOutcome
        | FailureKind::NotStored
        | FailureKind::Internal => false,
    }
}

/// What of a feed is new or changed, and whether its window has moved past what was seen.
fn news(items: Vec<Item>, feed: &mut FeedMemory) -> Page {
    let had_a_page = !feed.seen.is_empty();
    let is_connected = items.is_empty() || items.iter().any(|item| feed.seen.knows(&identity(item)));
    let missed = (had_a_page && !is_connected).then(|| {
        "the feed's window moved past everything seen before; lower interval_secs if this returns".to_owned()
    });
    let items = feed.seen.news(items);
    Page { items, missed, ..Page::default() }
}
