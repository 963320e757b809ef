//! Where mentions come from. One provider per file; this file holds the contract and the one list of kinds.
//!
//! - `poller` decides when, and stores a page and its cursor together.
//! - `client` is the only HTTP client; `json` reads pages item by item, `html` reads markup as words; `seen` remembers
//!   what was handed over.
//! - Every other file is one kind: its `Config`, `build`, `fetch` and a pure `parse`.

pub mod client;
pub mod html;
pub mod json;
pub mod seen;

pub mod mastodon;
pub mod rss;

use std::time::Duration;

use jiff::Timestamp;

use crate::failure::Failure;
use crate::mention::Mention;

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
