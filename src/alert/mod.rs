//! Telling people: the channel contract, receivers, and the one list of channel kinds.
//!
//! An alert is first *composed* from its dossier (pure; the result is frozen in the outbox, so that every copy of it is
//! the same) and then *delivered*. `wording` writes the words, in Dutch and English, for all channels.

pub mod log;

use serde::Deserialize;
use toml::{Table, Value};

use crate::config::Language;
use crate::config::read::Reader;
use crate::decide::AlertKind;
use crate::dossier::Dossier;
use crate::failure::Failure;

/// The kinds of channels, as they stand in `kind = "…"` of a `[[receiver]]`.
pub const KINDS: &[&str] = &["log"];

/// A way to reach people.
///
/// [`compose`](Channel::compose) is pure: the same letter gives the same bytes. [`deliver`](Channel::deliver) is one
/// attempt with bytes that were composed earlier, perhaps by another process; it does not retry, sleep or touch the
/// store, and returns the peer's final yes. `key` is the same for every copy, so that a peer can recognise a repeat.
#[expect(async_fn_in_trait, reason = "channels are called through the closed enum only, never through dyn")]
pub trait Channel {
    /// The bytes to send, as text.
    fn compose(&self, letter: &Letter) -> String;

    /// Sends what was composed.
    async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure>;

    /// Asks whether the channel works, without telling anybody anything; the answer is a line for the operator.
    async fn check(&self) -> Result<String, Failure>;
}

/// What is to be told to one receiver.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The alert's key: the same for every copy.
    pub key: &'a str,
    /// Why somebody is told.
    pub kind: AlertKind,
    /// Everything a person should see.
    pub dossier: &'a Dossier,
    /// The receiver's language.
    pub language: Language,
    /// Leave out the customer's words; link only.
    pub link_only: bool,
    /// The start of links to the page.
    pub page_url: &'a str,
}

/// Somebody who can be told. Read from `[[receiver]]`.
#[derive(Clone, Debug)]
pub struct ReceiverConfig {
    /// Its name: in rules, in the database, on the page.
    pub name: String,
    /// The language of its alerts.
    pub language: Language,
    /// It can solve complaints. A rule must end at one who can.
    pub may_resolve: bool,
    /// Leave out the customer's words; link only.
    pub link_only: bool,
    /// How it is reached.
    pub channel: ChannelConfig,
}

/// How a receiver is reached, by kind.
#[derive(Clone, Debug)]
pub enum ChannelConfig {
    /// Writes what it would have sent.
    Log(log::Config),
}

/// A built channel, by kind.
#[derive(Debug)]
pub enum AnyChannel {
    /// Writes what it would have sent.
    Log(log::Log),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReceiverCommon {
    name: String,
    language: Language,
    may_resolve: bool,
    link_only: bool,
}

/// Reads all `[[receiver]]` sections.
pub fn read_receivers(reader: &mut Reader) -> Vec<ReceiverConfig> {
    reader
        .tables("receiver")
        .into_iter()
        .filter_map(|(path, mut table)| {
            let common: ReceiverCommon =
                reader.take_keys(&path, &mut table, &["name", "language", "may_resolve", "link_only"]);
            let kind = reader.take_kind(&path, &mut table, KINDS)?;
            Some(ReceiverConfig {
                name: common.name,
                language: common.language,
                may_resolve: common.may_resolve,
                link_only: common.link_only,
                channel: ChannelConfig::read(&kind, reader, &path, table)?,
            })
        })
        .collect()
}

impl ReceiverConfig {
    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        self.channel.validate()
    }
}

impl ChannelConfig {
    fn read(kind: &str, reader: &mut Reader, path: &str, table: Table) -> Option<ChannelConfig> {
        let table = Value::Table(table);
        match kind {
            "log" => reader.read(path, table).map(ChannelConfig::Log),
            _ => None,
        }
    }

    fn validate(&self) -> Vec<String> {
        match self {
            ChannelConfig::Log(config) => config.validate(),
        }
    }
}

impl AnyChannel {
    /// Builds the channel of a receiver.
    ///
    /// # Errors
    /// When its settings cannot work on this machine.
    pub fn build(
        config: &ChannelConfig,
        client: &crate::source::client::Client,
    ) -> anyhow::Result<AnyChannel> {
        let _ = client;
        Ok(match config {
            ChannelConfig::Log(config) => AnyChannel::Log(log::build(config.clone())),
        })
    }

    /// See [`Channel::compose`].
    pub fn compose(&self, letter: &Letter) -> String {
        match self {
            AnyChannel::Log(channel) => channel.compose(letter),
        }
    }

    /// See [`Channel::deliver`].
    pub async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        match self {
            AnyChannel::Log(channel) => channel.deliver(composed, key).await,
        }
    }

    /// See [`Channel::check`].
    pub async fn check(&self) -> Result<String, Failure> {
        match self {
            AnyChannel::Log(channel) => channel.check().await,
        }
    }
}
