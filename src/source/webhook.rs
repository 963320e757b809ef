//! Mentions that are pushed to us: the bridge for whatever a company already has.
//!
//! A request is signed as the Standard Webhooks specification describes: HMAC-SHA256 over `id.timestamp.body`. Everything
//! here is pure; the HTTP route is in `web`, and it also refuses an id that was seen before. [`Webhook::verify`] looks at
//! the raw bytes and comes first, [`parse`] afterwards.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use super::json::{self, Id};
use super::{Item, Page, Source};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};

/// How far the sender's clock, and the way here, may differ from ours. In seconds.
const WINDOW_SECS: i64 = 5 * 60;
/// The specification's bounds for a secret, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The longest id of a request.
const ID_BYTES_MAX: usize = 256;
/// The most signatures of one request that are looked at; a sender who rotates sends two.
const SIGNATURES_MAX: usize = 16;
/// The largest body that may be allowed, in bytes.
const BODY_BYTES_LIMIT: usize = 16 * 1024 * 1024;
const SECRET_PREFIX: &str = "whsec_";

/// What a webhook accepts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The secrets that a request may be signed with, each `whsec_` and base64 of 24 to 64 random bytes. Two while one
    /// replaces the other.
    pub secrets: Vec<Secret>,
    /// The largest body that is read, in bytes.
    pub body_bytes_max: usize,
    /// Requests that are taken from one address within a minute.
    pub requests_per_minute: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config { secrets: Vec::new(), body_bytes_max: 1024 * 1024, requests_per_minute: 600 }
    }
}

impl Config {
    /// Every error in these settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.secrets.is_empty() {
            errors.push(
                "secrets: is empty; write at least one, for instance from \"openssl rand -base64 32\"".into(),
            );
        }
        if self.secrets.iter().any(|secret| key(secret).is_none()) {
            errors.push("secrets: one is not \"whsec_\" and base64 of 24 to 64 bytes; make a new one".into());
        }
        if !(1024..=BODY_BYTES_LIMIT).contains(&self.body_bytes_max) {
            errors.push(format!("body_bytes_max: must lie between 1024 and {BODY_BYTES_LIMIT}"));
        }
        if self.requests_per_minute == 0 {
            errors.push("requests_per_minute: is 0, so nothing would be taken; write 1 or more".into());
        }
        errors
    }
}

/// A webhook as a source.
#[derive(Debug)]
pub struct Webhook {
    config: Config,
}

/// The source that `config` describes.
pub fn build(config: Config) -> Webhook {
    Webhook { config }
}

/// A request that one of our senders signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The sender's id of the request: the same when it is delivered again.
    pub id: String,
}

/// Why a request is not accepted. The words are for the sender, and tell nothing that helps a forger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header of the specification is missing, repeated, or cannot be read.
    #[error("the header {0} is missing, stands there twice, or cannot be read")]
    Header(&'static str),
    /// The timestamp is more than five minutes behind.
    #[error("the request was signed more than five minutes ago")]
    Stale,
    /// The timestamp is more than five minutes ahead.
    #[error("the request was signed more than five minutes in the future")]
    Future,
    /// No signature fits any of our secrets.
    #[error("no signature fits")]
    Signature,
    /// The body exceeds the limit.
    #[error("the body is larger than what is read here")]
    TooLarge,
}

impl Refusal {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Header(_) => 400,
            Refusal::Stale | Refusal::Future | Refusal::Signature => 401,
            Refusal::TooLarge => 413,
        }
    }
}

impl Webhook {
    /// The largest body that is read, in bytes: for the route, which must stop reading there.
    pub fn body_bytes_max(&self) -> usize {
        self.config.body_bytes_max
    }

    /// Requests that are taken from one address within a minute: for the route.
    pub fn requests_per_minute(&self) -> u32 {
        self.config.requests_per_minute
    }

    /// Whether a request comes from a sender who knows one of the secrets, and was signed within five minutes of `now`.
    ///
    /// `body` is the raw body. That the id is new is for the caller to see to.
    ///
    /// # Errors
    /// A [`Refusal`] that says what to answer.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Verified, Refusal> {
        if body.len() > self.config.body_bytes_max {
            return Err(Refusal::TooLarge);
        }
        let id = single(headers, "webhook-id")?;
        // A full stop in the id would let the signed text be cut up in another way.
        if id.is_empty() || id.len() > ID_BYTES_MAX || id.contains('.') {
            return Err(Refusal::Header("webhook-id"));
        }
        let timestamp = single(headers, "webhook-timestamp")?;
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let signed_at: i64 =
            timestamp.parse().ok().filter(|_| is_number).ok_or(Refusal::Header("webhook-timestamp"))?;
        let age = now.as_second().saturating_sub(signed_at);
        if age > WINDOW_SECS {
            return Err(Refusal::Stale);
        }
        if age < -WINDOW_SECS {
            return Err(Refusal::Future);
        }
        if self.is_signed(&signatures(headers)?, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]) {
            Ok(Verified { id: id.to_owned() })
        } else {
            Err(Refusal::Signature)
        }
    }

    /// Whether one of `signatures` over the joined `parts` fits one of our secrets. Each comparison takes constant time.
    fn is_signed(&self, signatures: &[Vec<u8>], parts: &[&[u8]]) -> bool {
        self.config.secrets.iter().filter_map(key).any(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
            for part in parts {
                mac.update(part);
            }
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        })
    }
}

/// A secret as key. `None` when it is not written as the specification says.
fn key(secret: &Secret) -> Option<Vec<u8>> {
    let encoded = secret.expose().strip_prefix(SECRET_PREFIX)?;
    STANDARD.decode(encoded).ok().filter(|key| SECRET_BYTES.contains(&key.len()))
}

fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Header(name)),
        (_, _) => Err(Refusal::Header(name)),
    }
}

/// The signatures of version 1. Other versions, such as `v1a` with a public key, are not for us.
fn signatures(headers: &HeaderMap) -> Result<Vec<Vec<u8>>, Refusal> {
    let header = single(headers, "webhook-signature")?;
    let of_version_1 = header.split(' ').filter_map(|entry| entry.strip_prefix("v1,"));
    Ok(of_version_1.take(SIGNATURES_MAX).filter_map(|encoded| STANDARD.decode(encoded).ok()).collect())
}

/// Reads a body: one mention, or `{"mentions": […], "removed": ["id", …]}`, in the form of
/// [`crate::mention::Mention`].
///
/// A mention that cannot be understood becomes a broken item and costs no other.
///
/// # Errors
/// `Malformed` when it is neither, `Refused` when a key of the outer object is unknown, `TooLarge` when it holds more
/// than may be sent at once. Nothing of a body that failed was taken.
pub fn parse(body: &[u8]) -> Result<Vec<Item>, Failure> {
    let text = super::client::text_of(body);
    let fields: BTreeMap<String, Box<RawValue>> = json::envelope(&text)?;
    if !fields.contains_key("mentions") && !fields.contains_key("removed") {
        let whole: Box<RawValue> = json::envelope(&text)?;
        return Ok(json::items(vec![whole], json::checked_mention));
    }
    if fields.keys().any(|key| !matches!(key.as_str(), "mentions" | "removed")) {
        return Err(Failure::new(
            FailureKind::Refused,
            "a webhook body has other keys than \"mentions\" and \"removed\"",
        ));
    }
    let list = |key: &str| match fields.get(key) {
        Some(raw) => json::envelope::<Vec<Box<RawValue>>>(raw.get()),
        None => Ok(Vec::new()),
    };
    let (mentions, removed) = (list("mentions")?, list("removed")?);
    if mentions.len() > json::ITEMS_MAX || removed.len() > json::ITEMS_MAX {
        let message = format!("a webhook body holds more than {} items; send it in parts", json::ITEMS_MAX);
        return Err(Failure::new(FailureKind::TooLarge, message));
    }
    let mut items = json::items(mentions, json::checked_mention);
    items.extend(json::items(removed, |id: Id| {
        if id.0.is_empty() { Err("an empty id".into()) } else { Ok(Some(Item::Removed(id.0))) }
    }));
    Ok(items)
}

impl Source for Webhook {
    /// Nothing: what there is was pushed.
    async fn fetch(&self, cursor: &str, _now: Timestamp) -> Result<Page, Failure> {
        Ok(Page { cursor: cursor.to_owned(), unchanged: true, ..Page::default() })
    }

    async fn check(&self) -> Result<String, Failure> {
        let usable = self.config.secrets.iter().filter(|secret| key(secret).is_some()).count();
        if usable == 0 {
            return Err(Failure::new(FailureKind::BadCredentials, "the webhook has no usable secret"));
        }
        Ok(format!("waits for requests signed with one of {usable} secrets"))
    }
}
