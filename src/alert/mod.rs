//! Telling people: the channel contract, receivers, and the one list of channel kinds.
//!
//! An alert is first *composed* from its dossier (pure; the result is frozen in the outbox, so that every copy of it is
//! the same) and then *delivered*. `wording` writes the words, in Dutch and English, into one shape (`content`) for all
//! channels; `plain` and `html` show that shape, and a channel with a format of its own does so itself.

pub mod content;
pub mod email;
pub mod html;
pub mod log;
pub mod notice;
pub mod plain;
#[cfg(test)]
mod peer;
mod progress;
#[cfg(test)]
mod samples;
pub mod slack;
#[cfg(test)]
mod tests;
pub mod webhook;
pub mod wording;

use serde::Deserialize;
use toml::{Table, Value};

use crate::assess::Topics;
use crate::clock::Clock;
use crate::config::Language;
use crate::config::read::Reader;
use crate::decide::AlertKind;
use crate::dossier::Dossier;
use crate::failure::{Failure, FailureKind};
use crate::source::client::Client;
use notice::NoticeLetter;

/// The kinds of channels, as they stand in `kind = "…"` of a `[[receiver]]`.
pub const KINDS: &[&str] = &["email", "webhook", "slack", "log"];

/// A way to reach people.
///
/// [`compose`](Channel::compose) is pure: the same letter gives the same bytes. [`deliver`](Channel::deliver) is one
/// attempt with bytes that were composed earlier, perhaps by another process; it does not retry, sleep or touch the
/// store, and returns the peer's final yes. `key` is the same for every copy, so that a peer can recognise a repeat.
#[expect(async_fn_in_trait, reason = "channels are called through the closed enum only, never through dyn")]
pub trait Channel {
    /// The bytes to send, as text.
    fn compose(&self, letter: &Letter) -> String;

    /// The bytes of a notice about ourselves, as text.
    fn compose_notice(&self, letter: &NoticeLetter) -> String;

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
    /// What topics are called.
    pub topics: &'a Topics,
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
    /// Mail over SMTP.
    Email(Box<email::Config>),
    /// A program of the company's own, by Standard Webhooks.
    Webhook(webhook::Config),
    /// Slack or Mattermost.
    Slack(slack::Config),
    /// Writes what it would have sent.
    Log(log::Config),
}

/// A built channel, by kind.
#[derive(Debug)]
pub enum AnyChannel {
    /// Mail over SMTP.
    Email(Box<email::Email>),
    /// A program of the company's own, by Standard Webhooks.
    Webhook(Box<webhook::Webhook>),
    /// Slack or Mattermost.
    Slack(Box<slack::Slack>),
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
            "email" => reader.read(path, table).map(Box::new).map(ChannelConfig::Email),
            "webhook" => reader.read(path, table).map(ChannelConfig::Webhook),
            "slack" => reader.read(path, table).map(ChannelConfig::Slack),
            "log" => reader.read(path, table).map(ChannelConfig::Log),
            _ => None,
        }
    }

    /// The peer that it goes through, the same for channels that fail together; `None` when it reaches nobody.
    pub fn peer(&self) -> Option<String> {
        let origin = |kind: &str, url: &str| {
            let origin = url::Url::parse(url).map(|url| url.origin().ascii_serialization());
            Some(format!("{kind} {}", origin.unwrap_or_default()))
        };
        match self {
            ChannelConfig::Email(config) => Some(format!("email {}:{}", config.host, config.port())),
            ChannelConfig::Webhook(config) => origin("webhook", config.url.expose()),
            ChannelConfig::Slack(config) => origin("slack", config.url.expose()),
            ChannelConfig::Log(config) => config.path.as_ref().map(|path| format!("log {}", path.display())),
        }
    }

    fn validate(&self) -> Vec<String> {
        match self {
            ChannelConfig::Email(config) => config.validate(),
            ChannelConfig::Webhook(config) => config.validate(),
            ChannelConfig::Slack(config) => config.validate(),
            ChannelConfig::Log(config) => config.validate(),
        }
    }
}

impl AnyChannel {
    /// Builds the channel of a receiver. The clock dates each attempt where the peer wants to know it.
    ///
    /// # Errors
    /// When its settings cannot work on this machine.
    pub fn build(config: &ChannelConfig, client: &Client, clock: &Clock) -> anyhow::Result<AnyChannel> {
        Ok(match config {
            ChannelConfig::Email(config) => AnyChannel::Email(Box::new(email::build((**config).clone())?)),
            ChannelConfig::Webhook(config) => {
                AnyChannel::Webhook(Box::new(webhook::build(config.clone(), client.clone(), clock.clone())))
            }
            ChannelConfig::Slack(config) => {
                AnyChannel::Slack(Box::new(slack::build(config.clone(), client.clone())))
            }
            ChannelConfig::Log(config) => AnyChannel::Log(log::build(config.clone())),
        })
    }

    /// See [`Channel::compose`].
    pub fn compose(&self, letter: &Letter) -> String {
        match self {
            AnyChannel::Email(channel) => channel.compose(letter),
            AnyChannel::Webhook(channel) => channel.compose(letter),
            AnyChannel::Slack(channel) => channel.compose(letter),
            AnyChannel::Log(channel) => channel.compose(letter),
        }
    }

    /// See [`Channel::compose_notice`].
    pub fn compose_notice(&self, letter: &NoticeLetter) -> String {
        match self {
            AnyChannel::Email(channel) => channel.compose_notice(letter),
            AnyChannel::Webhook(channel) => channel.compose_notice(letter),
            AnyChannel::Slack(channel) => channel.compose_notice(letter),
            AnyChannel::Log(channel) => channel.compose_notice(letter),
        }
    }

    /// See [`Channel::deliver`].
    pub async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        match self {
            AnyChannel::Email(channel) => channel.deliver(composed, key).await,
            AnyChannel::Webhook(channel) => channel.deliver(composed, key).await,
            AnyChannel::Slack(channel) => channel.deliver(composed, key).await,
            AnyChannel::Log(channel) => channel.deliver(composed, key).await,
        }
    }

    /// See [`Channel::check`].
    pub async fn check(&self) -> Result<String, Failure> {
        match self {
            AnyChannel::Email(channel) => channel.check().await,
            AnyChannel::Webhook(channel) => channel.check().await,
            AnyChannel::Slack(channel) => channel.check().await,
            AnyChannel::Log(channel) => channel.check().await,
        }
    }
}

/// What is wrong with an address to post to, as "key: what; what to do".
fn validate_url(key: &str, written: &str) -> Vec<String> {
    let Ok(url) = url::Url::parse(written) else {
        return vec![format!("{key}: is no address; write it whole, beginning with https://")];
    };
    let mut errors = Vec::new();
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        errors.push(format!("{key}: customers' words would travel in the clear; use https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        errors.push(format!("{key}: has a user name in it; take it out, nothing would send it"));
    }
    errors
}

fn parsed_url(written: &str) -> Result<url::Url, Failure> {
    url::Url::parse(written)
        .map_err(|_| Failure::new(FailureKind::Blocked, "the configured address is no address"))
}
