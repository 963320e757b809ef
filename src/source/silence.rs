//! Whether a source that answers has fallen silent: valid answers, but empty for far longer than is usual for it. Pure.
//!
//! A search term that the network renamed, an account that was closed, or a filter of the other side all look like "no
//! news". What is usual is learned from the source itself, so that a forum with one post a week is left in peace, and a
//! list that was never empty is doubted soon.

use jiff::Timestamp;

/// Polls with items after which a list that was never empty is known to be one that is always full.
const FULL_POLLS_MIN: i64 = 20;
/// Empty polls in a row after which such a list is doubted.
const FULL_LIST_EMPTY_MAX: i64 = 3;
/// Polls with items after which something is known about how long a source is empty.
const HEARD_POLLS_MIN: i64 = 5;
/// A source is silent when it is empty for this many times its usual.
const TIMES_USUAL: i64 = 3;
/// A source that is empty at times is given this long at least, so that the first quiet night is no alarm.
const QUIET_MILLIS_MIN: i64 = 24 * 3_600_000;

/// What a source's answers have brought so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Polls that brought anything.
    pub heard_polls: i64,
    /// Complete answers without any item in a row.
    pub empty_polls: i64,
    /// The most of these in a row that are usual.
    pub usual_empty_polls: i64,
    /// Last time it brought anything before it fell silent; `None` while nothing is strange.
    pub silent_since: Option<Timestamp>,
}

impl Hearing {
    /// The hearing after a complete answer with this many items. `last_item_at` is when one came before.
    pub fn after(self, items: usize, last_item_at: Option<Timestamp>, now: Timestamp) -> Hearing {
        if items > 0 {
            // A silence that was doubted teaches at most as much as it took to doubt it: it may have been an outage.
            let doubted_at = self.usual_empty_polls.max(1) * TIMES_USUAL;
            let learned = self.silent_since.map_or(self.empty_polls, |_| self.empty_polls.min(doubted_at));
            return Hearing {
                heard_polls: self.heard_polls + 1,
                empty_polls: 0,
                usual_empty_polls: self.usual_empty_polls.max(learned),
                silent_since: None,
            };
        }
        let empty = Hearing { empty_polls: self.empty_polls + 1, ..self };
        let silent_since = self.silent_since.or(last_item_at.filter(|last| empty.is_strange(*last, now)));
        Hearing { silent_since, ..empty }
    }

    fn is_strange(&self, last_item_at: Timestamp, now: Timestamp) -> bool {
        if self.usual_empty_polls == 0 && self.heard_polls >= FULL_POLLS_MIN {
            return self.empty_polls >= FULL_LIST_EMPTY_MAX;
        }
        self.heard_polls >= HEARD_POLLS_MIN
            && self.empty_polls >= self.usual_empty_polls.max(1) * TIMES_USUAL
            && now.as_millisecond() - last_item_at.as_millisecond() >= QUIET_MILLIS_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::at_millis;

    const MINUTE: i64 = 60_000;

    /// Plays polls a number of minutes apart; each entry is how many items came. Returns the hearing and the alarms.
    fn play(minutes: i64, polls: impl IntoIterator<Item = usize>) -> (Hearing, Vec<usize>) {
        let (mut hearing, mut last_item_at, mut alarms) = (Hearing::default(), None, Vec::new());
        for (place, items) in polls.into_iter().enumerate() {
            let now = at_millis(place as i64 * minutes * MINUTE);
            let next = hearing.after(items, last_item_at, now);
            if items > 0 {
                last_item_at = Some(now);
            }
            if next.silent_since.is_some() && hearing.silent_since.is_none() {
                alarms.push(place);
            }
            hearing = next;
        }
        (hearing, alarms)
    }

    fn days(day: &[usize], days: usize) -> Vec<usize> {
        day.iter().copied().cycle().take(day.len() * days).collect()
    }

    #[test]
    fn a_list_that_was_never_empty_is_doubted_at_the_third_empty_answer_and_once() {
        let mut polls = vec![15; 40];
        polls.extend([0; 500]);
        let (hearing, alarms) = play(5, polls.clone());
        assert_eq!(alarms, [42]);
        assert_eq!(hearing.silent_since, Some(at_millis(39 * 5 * MINUTE)), "since the last item");
        polls.push(1);
        assert_eq!(play(5, polls).0.silent_since, None, "and all is well when items come");
    }

    #[test]
    fn nights_and_rare_posts_are_usual() {
        // Six polls an hour: busy from eight to eight, nothing at night.
        let day: Vec<usize> = (0..144).map(|poll| usize::from((48..120).contains(&poll))).collect();
        assert_eq!(play(10, days(&day, 10)).1, [0; 0]);
        // One post in two days.
        let rare: Vec<usize> = (0..288).map(|poll| usize::from(poll == 0)).collect();
        assert_eq!(play(10, days(&rare, 30)).1, [0; 0]);
    }

    #[test]
    fn a_source_that_is_empty_at_times_is_doubted_at_three_times_its_usual_and_a_day() {
        let mut polls = days(&[1, 0, 0, 0], 20);
        polls.extend([0; 400]);
        let (hearing, alarms) = play(10, polls);
        assert_eq!((hearing.usual_empty_polls, alarms), (3, vec![76 + 144]), "a day after the last item");
    }

    #[test]
    fn nothing_is_doubted_before_anything_is_known() {
        assert_eq!(play(60, std::iter::repeat_n(0, 1000)).1, [0; 0], "it was never heard");
        let history = [1, 1, 1].into_iter().chain(std::iter::repeat_n(0, 1000));
        assert_eq!(play(60, history).1, [0; 0], "three posts tell nothing about what is usual");
    }

    #[test]
    fn one_false_alarm_teaches() {
        // A week of work and a weekend of 64 hours, which is silent for the first time after two weeks without one.
        let mut week: Vec<usize> =
            days(&(0..24).map(|hour| usize::from((8..18).contains(&hour))).collect::<Vec<_>>(), 5);
        let mut polls = days(&week, 2);
        week.extend([0; 48]);
        polls.extend(days(&week, 6));
        assert_eq!(play(60, polls).1.len(), 1);
    }
}
