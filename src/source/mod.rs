//! Where mentions come from. One provider per file; this file holds the contract and the one list of kinds.
//!
//! - `poller` decides when, and stores a page and its cursor together.
//! - `client` is the only HTTP client; `json` reads pages item by item; `walk` and `seen` remember what was read before.
//! - Every other file is one kind: its `Config`, `build`, `fetch` and a pure `parse`.

pub mod client;
pub mod json;
pub mod poller;
pub mod seen;
pub mod silence;
pub mod walk;

pub mod app_store;
pub mod bluesky;
pub mod http_json;
pub mod kiyoh;
pub mod mastodon;
pub mod replay;
pub mod rss;
pub mod trustpilot;
pub mod webhook;

#[cfg(test)]
mod trial;

use std::time::Duration;

use jiff::Timestamp;
use toml::{Table, Value};

use crate::config::read::Reader;
use crate::failure::Failure;
use crate::mention::Mention;
use client::Client;

/// The most bytes of a broken item that are kept.
const BROKEN_BYTES_MAX: usize = 256 * 1024;

/// A place that is listened to.
///
/// One call of [`fetch`](Source::fetch) is one request's worth of work. It does not sleep, retry, schedule, read the
/// clock or touch the store. Returning a mention twice is fine; skipping one is not. The cursor is the connector's own
/// text (JSON by habit), empty before the first poll; a cursor it no longer understands is an empty one.
#[expect(async_fn_in_trait, reason = "sources are called through the closed enum only, never through dyn")]
pub trait Source {
    /// Asks for what comes after `cursor`. `now` is for windows such as "the last week".
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure>;

    /// Asks whether we can log in and see what we listen to; the answer is a line for the operator.
    async fn check(&self) -> Result<String, Failure>;
}

/// What one request brought.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What was on it, in the source's order.
    pub items: Vec<Item>,
    /// Where to go on. Stored with the items, in one transaction.
    pub cursor: String,
    /// More waits right now: fetch again without a pause.
    pub more: bool,
    /// The source said that nothing changed since last time (HTTP 304).
    pub unchanged: bool,
    /// How long the source asks to be left alone before the next poll.
    pub wait: Option<Duration>,
    /// Items may have slipped away before we came, and why: a listening gap.
    pub missed: Option<String>,
}

/// One thing on a page.
#[derive(Clone, Debug)]
pub enum Item {
    /// A statement.
    Mention(Box<Mention>),
    /// The source says that the statement with this id is gone.
    Removed(String),
    /// Something that could not be understood.
    Broken {
        /// As it came, cut at a limit.
        raw: Vec<u8>,
        /// What did not fit, without content.
        reason: String,
    },
}

impl Item {
    /// Something that could not be understood, cut to size.
    pub fn broken(raw: &[u8], reason: impl Into<String>) -> Item {
        Item::Broken { raw: raw[..raw.len().min(BROKEN_BYTES_MAX)].to_vec(), reason: reason.into() }
    }
}

/// The kinds of sources, as they stand in `kind = "…"` of a `[[source]]`.
pub const KINDS: &[&str] =
    &["rss", "mastodon", "bluesky", "app_store", "trustpilot", "kiyoh", "http_json", "webhook", "replay"];

/// The settings of a source, by kind.
#[derive(Clone, Debug)]
pub enum SourceConfig {
    /// RSS, Atom and JSON Feed.
    Rss(rss::Config),
    /// Mastodon and networks with its API.
    Mastodon(mastodon::Config),
    /// Bluesky.
    Bluesky(bluesky::Config),
    /// Customer reviews in Apple's App Store.
    AppStore(app_store::Config),
    /// Reviews on Trustpilot.
    Trustpilot(trustpilot::Config),
    /// Reviews on Kiyoh and KlantenVertellen.
    Kiyoh(kiyoh::Config),
    /// Any JSON API, by configuration.
    HttpJson(http_json::Config),
    /// Signed pushes.
    Webhook(webhook::Config),
    /// Recorded mentions.
    Replay(replay::Config),
}

/// A built source, by kind.
pub enum AnySource {
    /// RSS, Atom and JSON Feed.
    Rss(Box<rss::Rss>),
    /// Mastodon and networks with its API.
    Mastodon(Box<mastodon::Mastodon>),
    /// Bluesky.
    Bluesky(Box<bluesky::Bluesky>),
    /// Customer reviews in Apple's App Store.
    AppStore(Box<app_store::AppStore>),
    /// Reviews on Trustpilot.
    Trustpilot(Box<trustpilot::Trustpilot>),
    /// Reviews on Kiyoh and KlantenVertellen.
    Kiyoh(Box<kiyoh::Kiyoh>),
    /// Any JSON API, by configuration.
    HttpJson(Box<http_json::HttpJson>),
    /// Signed pushes.
    Webhook(Box<webhook::Webhook>),
    /// Recorded mentions.
    Replay(Box<replay::Replay>),
}

impl SourceConfig {
    /// Reads the settings of one kind.
    pub fn read(kind: &str, reader: &mut Reader, path: &str, table: Table) -> Option<SourceConfig> {
        let table = Value::Table(table);
        match kind {
            "rss" => reader.read(path, table).map(SourceConfig::Rss),
            "mastodon" => reader.read(path, table).map(SourceConfig::Mastodon),
            "bluesky" => reader.read(path, table).map(SourceConfig::Bluesky),
            "app_store" => reader.read(path, table).map(SourceConfig::AppStore),
            "trustpilot" => reader.read(path, table).map(SourceConfig::Trustpilot),
            "kiyoh" => reader.read(path, table).map(SourceConfig::Kiyoh),
            "http_json" => reader.read(path, table).map(SourceConfig::HttpJson),
            "webhook" => reader.read(path, table).map(SourceConfig::Webhook),
            "replay" => reader.read(path, table).map(SourceConfig::Replay),
            _ => None,
        }
    }

    /// The name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            SourceConfig::Rss(_) => "rss",
            SourceConfig::Mastodon(_) => "mastodon",
            SourceConfig::Bluesky(_) => "bluesky",
            SourceConfig::AppStore(_) => "app_store",
            SourceConfig::Trustpilot(_) => "trustpilot",
            SourceConfig::Kiyoh(_) => "kiyoh",
            SourceConfig::HttpJson(_) => "http_json",
            SourceConfig::Webhook(_) => "webhook",
            SourceConfig::Replay(_) => "replay",
        }
    }

    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        match self {
            SourceConfig::Rss(config) => config.validate(),
            SourceConfig::Mastodon(config) => config.validate(),
            SourceConfig::Bluesky(config) => config.validate(),
            SourceConfig::AppStore(config) => config.validate(),
            SourceConfig::Trustpilot(config) => config.validate(),
            SourceConfig::Kiyoh(config) => config.validate(),
            SourceConfig::HttpJson(config) => config.validate(),
            SourceConfig::Webhook(config) => config.validate(),
            SourceConfig::Replay(config) => config.validate(),
        }
    }

    /// Author ids that our own answers carry on this source, beside those the operator named.
    pub fn own_accounts(&self) -> Vec<String> {
        match self {
            SourceConfig::Trustpilot(config) => config.own_accounts(),
            SourceConfig::Kiyoh(config) => config.own_accounts(),
            SourceConfig::Rss(_)
            | SourceConfig::Mastodon(_)
            | SourceConfig::Bluesky(_)
            | SourceConfig::AppStore(_)
            | SourceConfig::HttpJson(_)
            | SourceConfig::Webhook(_)
            | SourceConfig::Replay(_) => Vec::new(),
        }
    }
}

impl AnySource {
    /// Empty answers may mean that something is wrong. A recording ends, and what is pushed to is never asked.
    pub fn can_fall_silent(&self) -> bool {
        !matches!(self, AnySource::Replay(_) | AnySource::Webhook(_))
    }

    /// Builds a source.
    ///
    /// # Errors
    /// When its settings cannot work on this machine.
    pub fn build(config: &SourceConfig, client: &Client) -> anyhow::Result<AnySource> {
        Ok(match config {
            SourceConfig::Rss(config) => AnySource::Rss(Box::new(rss::build(config.clone(), client.clone()))),
            SourceConfig::Mastodon(config) => {
                AnySource::Mastodon(Box::new(mastodon::build(config.clone(), client.clone())))
            }
            SourceConfig::Bluesky(config) => {
                AnySource::Bluesky(Box::new(bluesky::build(config.clone(), client.clone())))
            }
            SourceConfig::AppStore(config) => {
                AnySource::AppStore(Box::new(app_store::build(config.clone(), client.clone())))
            }
            SourceConfig::Trustpilot(config) => {
                AnySource::Trustpilot(Box::new(trustpilot::build(config.clone(), client.clone())))
            }
            SourceConfig::Kiyoh(config) => {
                AnySource::Kiyoh(Box::new(kiyoh::build(config.clone(), client.clone())))
            }
            SourceConfig::HttpJson(config) => {
                AnySource::HttpJson(Box::new(http_json::build(config.clone(), client.clone())))
            }
            SourceConfig::Webhook(config) => AnySource::Webhook(Box::new(webhook::build(config.clone()))),
            SourceConfig::Replay(config) => AnySource::Replay(Box::new(replay::build(config.clone()))),
        })
    }

    /// See [`Source::fetch`].
    pub async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        match self {
            AnySource::Rss(source) => source.fetch(cursor, now).await,
            AnySource::Mastodon(source) => source.fetch(cursor, now).await,
            AnySource::Bluesky(source) => source.fetch(cursor, now).await,
            AnySource::AppStore(source) => source.fetch(cursor, now).await,
            AnySource::Trustpilot(source) => source.fetch(cursor, now).await,
            AnySource::Kiyoh(source) => source.fetch(cursor, now).await,
            AnySource::HttpJson(source) => source.fetch(cursor, now).await,
            AnySource::Webhook(source) => source.fetch(cursor, now).await,
            AnySource::Replay(source) => source.fetch(cursor, now).await,
        }
    }

    /// See [`Source::check`].
    pub async fn check(&self) -> Result<String, Failure> {
        match self {
            AnySource::Rss(source) => source.check().await,
            AnySource::Mastodon(source) => source.check().await,
            AnySource::Bluesky(source) => source.check().await,
            AnySource::AppStore(source) => source.check().await,
            AnySource::Trustpilot(source) => source.check().await,
            AnySource::Kiyoh(source) => source.check().await,
            AnySource::HttpJson(source) => source.check().await,
            AnySource::Webhook(source) => source.check().await,
            AnySource::Replay(source) => source.check().await,
        }
    }
}

// A connector holds sessions and tokens; its kind is all that a log may show of it.
impl std::fmt::Debug for AnySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AnySource::Rss(_) => "rss",
            AnySource::Mastodon(_) => "mastodon",
            AnySource::Bluesky(_) => "bluesky",
            AnySource::AppStore(_) => "app_store",
            AnySource::Trustpilot(_) => "trustpilot",
            AnySource::Kiyoh(_) => "kiyoh",
            AnySource::HttpJson(_) => "http_json",
            AnySource::Webhook(_) => "webhook",
            AnySource::Replay(_) => "replay",
        })
    }
}
