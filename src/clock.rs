//! The wall clock as a value that can be handed in.
//!
//! Pure steps take `now` as an argument. Only I/O code asks a [`Clock`], and tests hand it one they control.
//! Leases do not use this clock on PostgreSQL: they are judged by the database's own (see `store::Store::now`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Says what time it is. Cheap to clone; clones of a test clock move together.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The clock of the operating system.
    System,
    /// A clock that stands still until a test moves it. Holds milliseconds since the Unix epoch.
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that starts at `start` and moves only when told to.
    pub fn test(start: Timestamp) -> Clock {
        Clock::Test(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// The present moment, cut to whole milliseconds because that is what the store keeps.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "this is the one place that reads the system clock"
                )]
                let now = Timestamp::now();
                at_millis(now.as_millisecond())
            }
            Clock::Test(millis) => at_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a test clock forward. Does nothing to the system clock.
    pub fn advance(&self, by: std::time::Duration) {
        if let Clock::Test(millis) = self {
            millis.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        }
    }
}

/// The moment `millis` milliseconds after the Unix epoch; out-of-range values are clamped to the range jiff knows.
pub fn at_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Whole days between two moments, rounded down, never negative. "Known since 42 days" is this number.
pub fn whole_days_between(earlier: Timestamp, later: Timestamp) -> i64 {
    (later.as_millisecond() - earlier.as_millisecond()).max(0) / 86_400_000
}
