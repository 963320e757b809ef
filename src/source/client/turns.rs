//! Whose turn it is: our own rate limit, and the wish of a peer to be left alone.
//!
//! Both are kept for each origin (scheme, host and port): two peers on one machine have nothing to do with each other.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};

/// How long a peer without an own statement is left alone after HTTP 429.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// When each origin may be asked again.
#[derive(Debug)]
pub(super) struct Turns {
    limiter: DefaultKeyedRateLimiter<String>,
    not_before: Mutex<HashMap<String, Instant>>,
}

impl Turns {
    pub(super) fn new(quota: Quota) -> Turns {
        Turns { limiter: RateLimiter::keyed(quota), not_before: Mutex::default() }
    }

    /// Waits for our own rate limit.
    ///
    /// # Errors
    /// At once while the origin has asked to be left alone.
    pub(super) async fn wait(&self, origin: &str) -> Result<(), Failure> {
        let left_alone_until = self.not_before.lock().expect("no holder panics").get(origin).copied();
        if let Some(wait) = left_alone_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            return Err(Failure::new(
                FailureKind::RateLimited,
                format!("{origin} asked to be left alone for a while"),
            )
            .after(Some(wait)));
        }
        self.limiter.until_key_ready(&origin.to_owned()).await;
        Ok(())
    }

    /// What a refusing status means, and for how long the origin is left alone from now on.
    pub(super) fn refused(&self, origin: &str, status: u16, headers: &HeaderMap) -> Failure {
        let kind = FailureKind::of_http_status(status);
        let mut wait = retry_after(headers);
        if kind == FailureKind::RateLimited {
            let hint = wait.unwrap_or(RATE_LIMIT_WAIT).min(crate::retry::HINT_MAX);
            self.not_before
                .lock()
                .expect("no holder panics")
                .insert(origin.to_owned(), Instant::now() + hint);
            wait = Some(hint);
        }
        Failure::new(kind, format!("{origin} answered HTTP {status}")).after(wait)
    }

    /// Forgets origins that were not asked for a while.
    pub(super) fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.not_before.lock().expect("no holder panics").retain(|_, until| *until > Instant::now());
    }
}

/// How long an answer asks us to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else the reset headers
/// of the networks we know. Nonsense is no hint.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    #[expect(
        clippy::disallowed_methods,
        reason = "a date in a header is compared with the present moment here and nowhere else"
    )]
    let now = Timestamp::now();
    let until = |at: Timestamp| Duration::from_secs((at.as_second() - now.as_second()).max(0) as u64);
    if let Some(value) = text("retry-after") {
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        return jiff::fmt::rfc2822::parse(value).ok().map(|date| until(date.timestamp()));
    }
    let reset = text("x-ratelimit-reset")
        .or_else(|| text("x-rate-limit-reset"))
        .or_else(|| text("ratelimit-reset"))?;
    if let Ok(at) = reset.parse::<Timestamp>() {
        return Some(until(at));
    }
    match reset.parse::<f64>().ok()? {
        // Small numbers are seconds from now, large ones seconds since the epoch.
        seconds if (0.0..1e8).contains(&seconds) => Some(Duration::from_secs_f64(seconds)),
        epoch if (1e8..1e11).contains(&epoch) => Timestamp::from_second(epoch as i64).ok().map(until),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    #[test]
    fn waiting_hints_in_every_form() {
        let hint = |name: &'static str, value: &str| {
            retry_after(&HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )]))
        };
        assert_eq!(hint("retry-after", "120"), Some(Duration::from_secs(120)));
        assert_eq!(hint("retry-after", "-5"), None);
        assert_eq!(hint("retry-after", "soon"), None);
        assert_eq!(hint("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(hint("x-ratelimit-reset", "598.5"), Some(Duration::from_secs_f64(598.5)));
        assert!(hint("x-ratelimit-reset", "2099-01-01T00:00:00.123Z").unwrap() > Duration::from_secs(86_400));
        assert!(hint("ratelimit-reset", "4000000000").unwrap() > Duration::from_secs(86_400));
    }

    #[tokio::test]
    async fn one_peer_that_asks_for_rest_does_not_silence_its_neighbour_on_another_port() {
        let turns = Turns::new(Quota::per_second(std::num::NonZeroU32::new(10).unwrap()));
        let (busy, neighbour) = ("http://127.0.0.1:8001", "http://127.0.0.1:8002");
        assert_eq!(turns.refused(busy, 429, &HeaderMap::new()).kind, FailureKind::RateLimited);
        assert_eq!(turns.wait(busy).await.unwrap_err().kind, FailureKind::RateLimited);
        assert!(turns.wait(neighbour).await.is_ok());
    }
}
