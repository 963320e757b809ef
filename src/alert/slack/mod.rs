//! Slack and Mattermost through an incoming webhook.
//!
//! Slack gets blocks, Mattermost (which shows none of them) its Markdown. In both a text from outside is inert: no
//! mention, no link, no format of its own takes effect. A long complaint goes out whole, over several messages where the
//! service's limits demand it. The peer's yes is the word `ok`: an answer that says otherwise under HTTP 200 is a failure.

mod blocks;
mod markdown;
#[cfg(test)]
mod tests;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::Alert;
use super::notice::NoticeLetter;
use super::progress::Progress;
use super::{Channel, Letter, wording};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::source::client::{Client, Request};

/// Settings of the `slack` channel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address of the incoming webhook. Whoever has it can post.
    pub url: Secret,
    /// Which of the two services it is.
    #[serde(default)]
    pub format: Format,
}

/// The services that take the same request and show it differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Slack: blocks.
    #[default]
    Slack,
    /// Mattermost: Markdown.
    Mattermost,
}

impl Config {
    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        super::validate_url("url", self.url.expose())
    }
}

/// The `slack` channel.
#[derive(Debug)]
pub struct Slack {
    config: Config,
    client: Client,
    /// How many messages of an alert were taken, so that a retry goes on instead of starting over.
    taken: Progress,
}

/// Builds the channel.
pub fn build(config: Config, client: Client) -> Slack {
    Slack { config, client, taken: Progress::default() }
}

impl Slack {
    fn messages(&self, alert: &Alert) -> String {
        let messages: Vec<Value> = match self.config.format {
            Format::Slack => blocks::messages(alert),
            Format::Mattermost => markdown::messages(alert),
        };
        json!({ "messages": messages }).to_string()
    }

    async fn post(&self, message: &Value) -> Result<(), Failure> {
        let request = Request::new(Method::POST, super::parsed_url(self.config.url.expose())?).json(message);
        let answer = self.client.send(request).await?;
        understood(answer.status, &answer.text())
    }
}

impl Channel for Slack {
    fn compose(&self, letter: &Letter) -> String {
        self.messages(&wording::alert(letter))
    }

    fn compose_notice(&self, letter: &NoticeLetter) -> String {
        self.messages(&wording::notice(letter))
    }

    async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Composed {
            messages: Vec<Value>,
        }
        let Composed { messages } = serde_json::from_str(composed)
            .map_err(|_| Failure::new(FailureKind::Internal, "a frozen chat message is not readable"))?;
        for (place, message) in messages.iter().enumerate() {
            let part = place.to_string();
            if !self.taken.has(key, &part) {
                self.post(message).await?;
                self.taken.note(key, &part);
            }
        }
        self.taken.forget(key);
        Ok(format!("ok, in {} message(s)", messages.len()))
    }

    /// Posts an object without a text. The service refuses it, and by its refusal says that the webhook is there.
    async fn check(&self) -> Result<String, Failure> {
        let request =
            Request::new(Method::POST, super::parsed_url(self.config.url.expose())?).json(&json!({}));
        let answer = self.client.send(request.accepting_all()).await?;
        match answer.status {
            400 => Ok("the webhook is there and takes messages".to_owned()),
            200..=299 => Ok("the webhook answers, although it was given nothing to post".to_owned()),
            _ => Err(answer.status_failure()),
        }
    }
}

/// Reads the answer to a message: `ok`, or an object that says whether it is.
fn understood(status: u16, body: &str) -> Result<(), Failure> {
    let body = body.trim();
    let said_ok = body.eq_ignore_ascii_case("ok");
    let answer: Option<Value> = serde_json::from_str(body).ok();
    let ok = answer.as_ref().and_then(|answer| answer.get("ok")).and_then(Value::as_bool);
    if (200..300).contains(&status) && (said_ok || ok == Some(true)) {
        return Ok(());
    }
    if ok == Some(false) {
        let error =
            answer.as_ref().and_then(|answer| answer.get("error")).and_then(Value::as_str).unwrap_or("");
        let kind = match error {
            "ratelimited" | "rate_limited" => FailureKind::RateLimited,
            "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
                FailureKind::BadCredentials
            }
            "internal_error" | "fatal_error" | "service_unavailable" => FailureKind::Unavailable,
            _ => FailureKind::Refused,
        };
        let word: String =
            error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
        return Err(Failure::new(
            kind,
            format!("the chat service answered HTTP {status} with the error {word:?}"),
        ));
    }
    Err(Failure::malformed(format!("the chat service answered HTTP {status} without saying ok")))
}
