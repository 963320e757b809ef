//! How often something was done, by each who does it, within a minute.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use jiff::Timestamp;

/// The window that is counted in, in seconds.
const WINDOW_SECS: i64 = 60;
/// Keys that are remembered.
const KEYS_MAX: usize = 10_000;

/// Counts by key, each in a window that begins with its first event.
pub(super) struct Tally<K>(Mutex<HashMap<K, (u32, Timestamp)>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Tally(Mutex::default())
    }
}

impl<K: Eq + Hash> Tally<K> {
    /// Seconds until `key` may go on, when it was noted `most` times in its window.
    pub(super) fn wait_after(&self, most: u32, key: &K, now: Timestamp) -> Option<i64> {
        let counts = self.0.lock().expect("nobody panics while counting");
        let (_, since) = counts.get(key).filter(|(count, since)| *count >= most && is_recent(*since, now))?;
        Some((WINDOW_SECS - (now.as_second() - since.as_second())).clamp(1, WINDOW_SECS))
    }

    /// Counts one more.
    pub(super) fn note(&self, key: K, now: Timestamp) {
        let mut counts = self.0.lock().expect("nobody panics while counting");
        if counts.len() >= KEYS_MAX {
            counts.retain(|_, (_, since)| is_recent(*since, now));
        }
        if counts.len() >= KEYS_MAX {
            counts.clear();
        }
        let entry = counts.entry(key).or_insert((0, now));
        if !is_recent(entry.1, now) {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }
}

/// Within the window; a clock that was put back ends it too.
fn is_recent(since: Timestamp, now: Timestamp) -> bool {
    (now.as_second() - since.as_second()).abs() < WINDOW_SECS
}
