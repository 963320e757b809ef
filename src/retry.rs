//! When to try again: attempts, hint and chance in; waiting time out. Pure.

use std::time::Duration;

use rand::Rng;

/// Waits before attempt 2, 3, … of a delivery. Together with jitter about 75 hours, the span that
/// Standard Webhooks recommends, so that a weekend without mail still ends in a delivery.
const DELIVERY_WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// The longest wait a peer may ask for with `Retry-After`.
pub const HINT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The longest a source waits when our own database did not take what it said, unless its interval is longer: a disk that
/// has room again is noticed within a minute (promise P12).
const NOT_STORED_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long a delivery waits after its `failed_attempts`-th failure, or `None` when the plan is used up.
///
/// A peer's hint is honoured up to [`HINT_MAX`], and never shortens the plan.
pub fn delivery_wait(failed_attempts: u32, hint: Option<Duration>, rng: &mut impl Rng) -> Option<Duration> {
    let planned = *DELIVERY_WAITS.get(failed_attempts.checked_sub(1)? as usize)?;
    Some(jittered(planned, rng).max(hint.unwrap_or_default().min(HINT_MAX)))
}

/// How long a source waits after `failures_in_a_row` failed polls: its interval, doubled each time, at most an hour.
pub fn poll_wait(
    interval: Duration,
    failures_in_a_row: u32,
    hint: Option<Duration>,
    rng: &mut impl Rng,
) -> Duration {
    let cap = Duration::from_secs(3600).max(interval);
    let doubled = interval.saturating_mul(1 << failures_in_a_row.min(12)).min(cap);
    jittered(doubled, rng).max(hint.unwrap_or_default().min(HINT_MAX))
}

/// How long a source waits after its answer could not be stored for the `failures_in_a_row`-th time.
pub fn not_stored_wait(interval: Duration, failures_in_a_row: u32, rng: &mut impl Rng) -> Duration {
    poll_wait(interval, failures_in_a_row, None, rng).min(NOT_STORED_WAIT_MAX.max(interval))
}

/// `wait` with ± 10 % of chance, so that many of us do not come back at the same moment.
fn jittered(wait: Duration, rng: &mut impl Rng) -> Duration {
    wait.mul_f64(rng.random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    #[test]
    fn the_plan_spans_about_three_days_and_then_ends() {
        let mut rng = SmallRng::seed_from_u64(1);
        let waits: Vec<Duration> = (1..).map_while(|n| delivery_wait(n, None, &mut rng)).collect();
        let hours = waits.iter().sum::<Duration>().as_secs() / 3600;
        assert_eq!(waits.len(), 9);
        assert!((68..=84).contains(&hours), "{hours} hours");
    }

    #[test]
    fn a_hint_lengthens_but_never_shortens_and_is_capped_at_a_day() {
        let mut rng = SmallRng::seed_from_u64(1);
        assert!(
            delivery_wait(1, Some(Duration::from_secs(120)), &mut rng).unwrap() >= Duration::from_secs(120)
        );
        assert!(delivery_wait(3, Some(Duration::ZERO), &mut rng).unwrap() >= Duration::from_secs(1600));
        let week = Duration::from_secs(7 * 86_400);
        assert_eq!(delivery_wait(1, Some(week), &mut rng), Some(HINT_MAX));
    }

    #[test]
    fn polling_backs_off_to_an_hour_at_most_twelve_attempts_an_hour_sooner() {
        let mut rng = SmallRng::seed_from_u64(1);
        let interval = Duration::from_secs(60);
        assert!(poll_wait(interval, 0, None, &mut rng) <= Duration::from_secs(66));
        assert!(poll_wait(interval, 20, None, &mut rng) <= Duration::from_secs(3960));
        assert!(poll_wait(interval, 3, None, &mut rng) >= Duration::from_secs(400));
        assert!(not_stored_wait(Duration::from_secs(10), 20, &mut rng) <= Duration::from_secs(60));
        assert!(not_stored_wait(Duration::from_secs(300), 20, &mut rng) <= Duration::from_secs(300));
    }
}
