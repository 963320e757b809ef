//! What is remembered of every feed between two polls: the source's cursor.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::failure::{Failure, FailureKind};
use crate::mention::hex;
use crate::source::client::Response;
use crate::source::seen::Seen;

/// The longest that a publisher is listened to when asking to be left alone.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);
/// A permanent redirect is believed after it was met in this many polls in a row.
const MOVES_BELIEVED: u8 = 3;
/// How long a feed among others is left alone after its first failure; doubled with each further one.
const FAILURE_WAIT: Duration = Duration::from_secs(5 * 60);

/// The cursor: which feeds are still to be read in this pass, and what is known of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Keys of the feeds that are still to be read in this pass.
    pub left: Vec<String>,
    /// What is known of each feed, by key.
    pub feeds: BTreeMap<String, FeedMemory>,
}

/// What is known of one feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedMemory {
    /// Where the feed has moved for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Url>,
    /// A permanent redirect that is not believed yet, and in how many polls in a row it was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving_to: Option<(Url, u8)>,
    /// What the next request is made conditional on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validators: Option<Validators>,
    /// RSS `ttl` of the last full answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_minutes: Option<u32>,
    /// RSS `skipHours` of the last full answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skip_hours: Vec<u8>,
    /// Not to be read before this moment, in milliseconds since the epoch.
    pub due_at: i64,
    /// Failures in a row.
    pub failures: u32,
    /// What was handed over.
    pub seen: Seen,
}

/// `ETag` and `Last-Modified` as received, and the address they belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validators {
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// `ETag`, quotes and weakness mark included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// The name of a feed in the cursor: a hash, because an address may hold a key that only the configuration should.
pub fn key(url: &str) -> String {
    hex(&Sha256::digest(url.as_bytes())[..8])
}

impl Memory {
    /// The memory in a cursor; an empty one for a cursor that is none. Feeds that are no longer configured are forgotten.
    ///
    /// A new pass begins when the last one is done: with the feeds that are due, or with all when none is, because then
    /// the poller has its own reason to come early.
    pub fn read(cursor: &str, urls: &[String], now: Timestamp) -> Memory {
        let mut memory: Memory = serde_json::from_str(cursor).unwrap_or_default();
        let keys: Vec<String> = urls.iter().map(|url| key(url)).collect();
        memory.feeds.retain(|key, _| keys.contains(key));
        memory.left.retain(|key| keys.contains(key));
        if memory.left.is_empty() {
            let now = now.as_millisecond();
            let is_due = |key: &&String| memory.feeds.get(*key).is_none_or(|feed| feed.due_at <= now);
            memory.left = keys.iter().filter(is_due).cloned().collect();
            if memory.left.is_empty() {
                memory.left = keys;
            }
        }
        memory
    }

    /// The memory as a cursor.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("our own types are always JSON")
    }

    /// How long until a feed is due again: the wait of the whole source once a pass is done.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let due_at = self.feeds.values().map(|feed| feed.due_at).min()?;
        let wait = u64::try_from(due_at - now.as_millisecond()).ok().filter(|wait| *wait > 0)?;
        Some(Duration::from_millis(wait))
    }
}

impl FeedMemory {
    /// Notes where an answer came from: a permanent redirect is followed directly once it was met often enough.
    pub fn note_address(&mut self, response: &Response) {
        if !response.moved_for_good {
            self.moving_to = None;
            return;
        }
        let times = match self.moving_to.take() {
            Some((url, times)) if url == response.url => times.saturating_add(1),
            _ => 1,
        };
        match times >= MOVES_BELIEVED {
            true => self.moved_to = Some(response.url.clone()),
            false => self.moving_to = Some((response.url.clone(), times)),
        }
    }

    /// Notes a full answer's validators.
    pub fn note_validators(&mut self, response: &Response) {
        let header = |name| response.header(name).map(str::to_owned);
        let (etag, last_modified) = (header("etag"), header("last-modified"));
        self.validators = (etag.is_some() || last_modified.is_some()).then(|| Validators {
            url: response.url.clone(),
            etag,
            last_modified,
        });
    }

    /// Notes when the feed may be asked again, from what the publisher said in the answer and in the feed.
    pub fn note_wait(&mut self, response: &Response, now: Timestamp) {
        self.failures = 0;
        let minutes = self.ttl_minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        let asked = [max_age(response), retry_after(response), minutes];
        let longest = asked.into_iter().flatten().max().unwrap_or_default().min(WAIT_MAX);
        let wait = past_skipped_hours(longest, &self.skip_hours, now).min(WAIT_MAX);
        self.due_at = now.as_millisecond() + wait.as_millis() as i64;
    }

    /// Notes a failure of a feed among others: it is left alone for a while, longer each time.
    pub fn note_failure(&mut self, failure: &Failure, now: Timestamp) {
        let doubled = FAILURE_WAIT.saturating_mul(1 << self.failures.min(10));
        let planned = if failure.kind == FailureKind::Gone { WAIT_MAX } else { doubled };
        let wait = planned.max(failure.retry_after.unwrap_or_default()).min(WAIT_MAX);
        self.failures += 1;
        self.due_at = now.as_millisecond() + wait.as_millis() as i64;
    }
}

fn max_age(response: &Response) -> Option<Duration> {
    let directives = response.header("cache-control")?.to_ascii_lowercase();
    if directives.contains("no-cache") || directives.contains("no-store") {
        return None;
    }
    let seconds = directives.split(',').find_map(|directive| directive.trim().strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// The wait, lengthened to the end of the hours in which the publisher does not want to be asked.
fn past_skipped_hours(wait: Duration, skip_hours: &[u8], now: Timestamp) -> Duration {
    let hour_of = |at: i64| (at.div_euclid(3600).rem_euclid(24)) as u8;
    let start = now.as_second();
    let planned = now.checked_add(wait).map_or(start, |at| at.as_second());
    let mut at = planned;
    for _ in 0..24 {
        if !skip_hours.contains(&hour_of(at)) {
            return wait.max(Duration::from_secs((at - start).max(0) as u64));
        }
        at = (at.div_euclid(3600) + 1) * 3600;
    }
    // Every hour of the day is skipped: that cannot be meant.
    wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    fn now() -> Timestamp {
        "2026-11-20T22:30:00Z".parse().unwrap()
    }

    fn response(headers: &[(&'static str, &str)], moved_for_good: bool) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        Response {
            status: 200,
            headers: HeaderMap::from_iter(headers),
            body: Vec::new(),
            url: Url::parse("https://nieuws.example/feed").unwrap(),
            moved_for_good,
        }
    }

    #[test]
    fn the_longest_request_to_wait_counts_and_a_day_is_enough() {
        let wait = |headers: &[(&'static str, &str)], ttl_minutes, skip_hours: &[u8]| {
            let mut feed =
                FeedMemory { ttl_minutes, skip_hours: skip_hours.to_vec(), ..FeedMemory::default() };
            feed.note_wait(&response(headers, false), now());
            (feed.due_at - now().as_millisecond()) / 60_000
        };
        assert_eq!(wait(&[], None, &[]), 0);
        assert_eq!(wait(&[("cache-control", "public, MAX-AGE=600")], Some(5), &[]), 10);
        assert_eq!(wait(&[("cache-control", "no-cache, max-age=600")], Some(5), &[]), 5);
        assert_eq!(wait(&[("retry-after", "7200"), ("cache-control", "max-age=x")], None, &[]), 120);
        assert_eq!(wait(&[("cache-control", "max-age=18446744073709551615")], Some(u32::MAX), &[]), 24 * 60);
        assert_eq!(wait(&[], None, &[22, 23, 0]), 150);
        assert_eq!(wait(&[], Some(120), &[22, 23, 0]), 150);
        assert_eq!(wait(&[], Some(60), &(0..24).collect::<Vec<u8>>()), 60);
    }

    #[test]
    fn a_permanent_redirect_is_believed_the_third_time_in_a_row() {
        let mut feed = FeedMemory::default();
        for (permanent, believed) in
            [(true, false), (true, false), (false, false), (true, false), (true, false), (true, true)]
        {
            feed.note_address(&response(&[], permanent));
            assert_eq!(feed.moved_to.is_some(), believed);
        }
    }

    #[test]
    fn a_new_pass_asks_who_is_due_and_everybody_when_nobody_is() {
        let urls = ["https://a.example/".to_owned(), "https://b.example/".to_owned()];
        let mut memory = Memory::read("nonsense", &urls, now());
        assert_eq!(memory.left.len(), 2);
        memory.left.clear();
        let later = now().as_millisecond() + 60_000;
        memory.feeds.insert(key(&urls[0]), FeedMemory { due_at: later, ..FeedMemory::default() });
        assert_eq!(Memory::read(&memory.write(), &urls, now()).left, [key(&urls[1])]);
        memory.feeds.insert(key(&urls[1]), FeedMemory { due_at: later + 1, ..FeedMemory::default() });
        assert_eq!(memory.wait(now()), Some(Duration::from_secs(60)));
        assert_eq!(Memory::read(&memory.write(), &urls, now()).left.len(), 2);
        let one = Memory::read(&memory.write(), &urls[..1], now());
        assert_eq!((one.left.len(), one.feeds.len()), (1, 1));
    }

    #[test]
    fn a_failing_feed_is_asked_less_and_less() {
        let mut feed = FeedMemory::default();
        let failure = Failure::new(FailureKind::Unavailable, "x");
        let minutes = [5, 10, 20].map(|minutes| {
            feed.note_failure(&failure, now());
            assert_eq!(feed.due_at, now().as_millisecond() + minutes * 60_000);
            minutes
        });
        assert_eq!(feed.failures as usize, minutes.len());
        feed.note_failure(&Failure::new(FailureKind::Gone, "x"), now());
        assert_eq!(feed.due_at, now().as_millisecond() + 24 * 3_600_000);
    }
}
