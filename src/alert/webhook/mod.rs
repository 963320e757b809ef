//! Any program of the company's own: one JSON object per alert, signed as the Standard Webhooks specification describes.
//!
//! The id stays the same on every attempt, so that the receiver can recognise a repeat; the timestamp is that of the
//! attempt, so that the signature is fresh. Only a 2xx answer is a yes; a redirect is not followed.

mod facts;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Deserialize;
use sha2::Sha256;

use super::notice::NoticeLetter;
use super::{Channel, Letter, wording};
use crate::clock::Clock;
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::source::client::{Client, Request};

const SECRET_PREFIX: &str = "whsec_";
/// The specification's bounds for a secret, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const CONTENT_TYPE: &str = "application/json";

/// Settings of the `webhook` channel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where alerts are posted. A secret, because some services put a token into it.
    pub url: Secret,
    /// What they are signed with: `whsec_` and base64 of 24 to 64 random bytes.
    pub secret: Secret,
}

impl Config {
    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = super::validate_url("url", self.url.expose());
        if key(&self.secret).is_none() {
            errors.push(
                "secret: is not \"whsec_\" and base64 of 24 to 64 bytes; write \"whsec_\" before what \
                 \"openssl rand -base64 32\" prints, and give the receiver the same"
                    .to_owned(),
            );
        }
        errors
    }
}

/// The `webhook` channel.
#[derive(Debug)]
pub struct Webhook {
    config: Config,
    client: Client,
    clock: Clock,
}

/// Builds the channel. The clock dates each attempt.
pub fn build(config: Config, client: Client, clock: Clock) -> Webhook {
    Webhook { config, client, clock }
}

impl Webhook {
    fn signed(&self, composed: &str, id: &str) -> Result<Request, Failure> {
        let timestamp = self.clock.now().as_second().to_string();
        let signature = signature(&self.config.secret, id, &timestamp, composed).ok_or_else(|| {
            Failure::new(
                FailureKind::BadCredentials,
                "the webhook's secret is not a Standard Webhooks secret",
            )
        })?;
        let url = super::parsed_url(self.config.url.expose())?;
        Ok(Request::new(Method::POST, url)
            .body(composed.as_bytes().to_vec(), CONTENT_TYPE)
            .header(HeaderName::from_static("webhook-id"), id)
            .header(HeaderName::from_static("webhook-timestamp"), &timestamp)
            .header(HeaderName::from_static("webhook-signature"), &signature))
    }
}

impl Channel for Webhook {
    fn compose(&self, letter: &Letter) -> String {
        facts::body(letter, &wording::alert(letter))
    }

    fn compose_notice(&self, letter: &NoticeLetter) -> String {
        facts::notice_body(letter, &wording::notice(letter))
    }

    async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        let answer = self.client.send(self.signed(composed, key)?).await?;
        match answer.status {
            200..=299 => Ok(format!("HTTP {}", answer.status)),
            status => Err(Failure::malformed(format!("the webhook answered HTTP {status}, which is no yes"))),
        }
    }

    /// Asks without posting. Any answer shows that the address is reached; what it does with alerts shows at the first.
    async fn check(&self) -> Result<String, Failure> {
        let url = super::parsed_url(self.config.url.expose())?;
        let answer = self.client.send(Request::new(Method::HEAD, url).accepting_all()).await?;
        Ok(format!("reached (HTTP {} to a question without an alert)", answer.status))
    }
}

/// The `v1` signature over id, timestamp and body.
fn signature(secret: &Secret, id: &str, timestamp: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?).ok()?;
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn key(secret: &Secret) -> Option<Vec<u8>> {
    let encoded = secret.expose().strip_prefix(SECRET_PREFIX)?;
    STANDARD.decode(encoded).ok().filter(|key| SECRET_BYTES.contains(&key.len()))
}
