//! What of an alert a peer has taken already, when it took a part and not all: some recipients of a mail, some messages
//! of a long complaint.
//!
//! It lives in memory only, and may: it saves people a second copy, and nothing is lost without it. After a restart, or on
//! another replica, the whole alert is sent again under the same key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// The most alerts that are remembered; the ones with the smallest keys, which are the oldest, are forgotten first.
const ALERTS_MAX: usize = 1_000;

/// Parts that were taken, by the key of their alert.
#[derive(Debug, Default)]
pub struct Progress {
    taken: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Progress {
    /// The part was taken.
    pub fn has(&self, key: &str, part: &str) -> bool {
        self.taken().get(key).is_some_and(|parts| parts.contains(part))
    }

    /// How many parts were taken.
    pub fn count(&self, key: &str) -> usize {
        self.taken().get(key).map_or(0, BTreeSet::len)
    }

    /// Remembers that a part was taken.
    pub fn note(&self, key: &str, part: &str) {
        let mut taken = self.taken();
        taken.entry(key.to_owned()).or_default().insert(part.to_owned());
        while taken.len() > ALERTS_MAX {
            taken.pop_first();
        }
    }

    /// The alert is done.
    pub fn forget(&self, key: &str) {
        self.taken().remove(key);
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<String>>> {
        self.taken.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_remembered_until_the_alert_is_done() {
        let progress = Progress::default();
        progress.note("a", "1");
        assert!(progress.has("a", "1") && !progress.has("a", "2") && !progress.has("b", "1"));
        progress.forget("a");
        assert_eq!(progress.count("a"), 0);
    }

    #[test]
    fn memory_stays_bounded() {
        let progress = Progress::default();
        for key in 0..2 * ALERTS_MAX {
            progress.note(&format!("{key:06}"), "1");
        }
        assert_eq!(progress.taken().len(), ALERTS_MAX);
        assert!(progress.has(&format!("{:06}", 2 * ALERTS_MAX - 1), "1"));
    }
}
