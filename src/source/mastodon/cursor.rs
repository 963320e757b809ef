//! How far every list of an instance was read: the source's cursor.
//!
//! A list is read forward with `min_id`, which gives the page right after an id: nothing falls between two pages, however
//! much was posted meanwhile. Only the first reading goes backward from the newest page, a bounded way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::{Parsed, by_age};
use crate::source::seen::Seen;

/// Pages of the first reading of a list.
const FIRST_PAGES_MAX: u32 = 3;
/// Pages of one list in one pass.
pub const PAGES_MAX: u32 = 50;
/// A status that reaches the instance late gets an id as old as its own date, so every pass over posts of other
/// instances begins this much before the newest one known.
const LATE_MILLIS: u64 = 10 * 60 * 1000;
/// Parents that wait to be fetched.
pub const PARENTS_MAX: usize = 200;

/// The cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Lists that are still to be read in this pass, by key.
    pub left: Vec<String>,
    /// How far each list was read, by key.
    pub lists: BTreeMap<String, List>,
    /// The account behind the token, once it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnAccount>,
    /// Statuses that were answered and not seen, to be fetched at the end of the pass.
    pub parents: Vec<String>,
    /// Requests for parents in this pass.
    pub parent_requests: u32,
    /// The instance does not give several statuses at once.
    pub parents_singly: bool,
    /// What was handed over.
    pub seen: Seen,
}

/// How far a list was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// Everything up to this id was handed over, apart from what `back` still owes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// Where this pass goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The first reading goes on before this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
    /// Pages of this list in this pass.
    pub pages: u32,
    /// The list was read and empty: whatever is found first was posted since, and counts whole.
    pub was_empty: bool,
}

/// The account behind the token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnAccount {
    /// Its id; `None` when the token belongs to no account.
    pub id: Option<String>,
    /// When it was asked for, in milliseconds since the epoch.
    pub asked_at: i64,
}

/// Which page of a list to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The newest page.
    Newest,
    /// The page before this id.
    Before(String),
    /// The page right after this id.
    After(String),
}

/// What a page meant for the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    GoOn,
    /// The list is read for this pass.
    Done,
    /// The list is given up for this pass; statuses may have been missed.
    Missed(&'static str),
}

impl List {
    /// Begins a pass. `overlap` is for lists into which statuses may arrive late. A pass that was cut at its page limit is
    /// gone on with where it stopped: going back would read the same pages for ever in a burst, and never what follows.
    pub fn begin(&mut self, overlap: bool) {
        let overlap = overlap && self.pages < PAGES_MAX;
        self.pages = 0;
        self.after =
            self.newest.as_deref().map(|id| if overlap { a_little_before(id) } else { id.to_owned() });
    }

    /// The page to ask for next.
    pub fn ask(&self) -> Ask {
        match (&self.back, &self.after, &self.newest) {
            (Some(id), _, _) => Ask::Before(id.clone()),
            (None, Some(id), _) | (None, None, Some(id)) => Ask::After(id.clone()),
            (None, None, None) => Ask::Newest,
        }
    }

    /// Notes the answer to what was asked.
    pub fn note(&mut self, asked: &Ask, page: &Parsed) -> Step {
        self.pages += 1;
        let place = page.newest.as_ref().zip(page.oldest.as_ref());
        match (asked, place) {
            (Ask::Newest, _) if page.entries == 0 => {
                self.was_empty = true;
                Step::Done
            }
            (Ask::Newest, Some((newest, oldest))) => {
                self.newest = Some(newest.clone());
                self.back = Some(oldest.clone());
                Step::GoOn
            }
            (Ask::Before(_), _) if page.entries == 0 => self.first_reading_is_done(),
            (Ask::Before(before), Some((_, oldest))) if by_age(oldest, before).is_lt() => {
                self.back = Some(oldest.clone());
                match (self.pages >= FIRST_PAGES_MAX, self.was_empty, self.pages >= PAGES_MAX) {
                    (true, false, _) => self.first_reading_is_done(),
                    (_, true, true) => {
                        self.first_reading_is_done();
                        Step::Missed("more was posted since the first poll than is read at once")
                    }
                    _ => Step::GoOn,
                }
            }
            (Ask::After(_), _) if page.entries == 0 => Step::Done,
            (Ask::After(after), Some((newest, _))) if by_age(newest, after).is_gt() => {
                self.after = Some(newest.clone());
                if self.newest.as_deref().is_none_or(|known| by_age(newest, known).is_gt()) {
                    self.newest = Some(newest.clone());
                }
                if self.pages >= PAGES_MAX { Step::Done } else { Step::GoOn }
            }
            (_, None) => {
                self.back = None;
                Step::Missed("a page held no readable id")
            }
            (Ask::Before(_), Some(_)) => {
                self.back = None;
                Step::Missed("the instance does not page backward: the same page came again")
            }
            (Ask::After(_), Some(_)) => {
                Step::Missed("the instance does not page forward: the same page came again")
            }
        }
    }

    /// The way back ends; what came in on top meanwhile is still to be read forward.
    fn first_reading_is_done(&mut self) -> Step {
        self.back = None;
        self.was_empty = false;
        self.after = self.newest.clone();
        Step::GoOn
    }
}

impl Cursor {
    /// The cursor in a text; an empty one for a text that is none. Lists that are no longer configured are forgotten.
    pub fn read(text: &str, keys: &[String]) -> Cursor {
        let mut cursor: Cursor = serde_json::from_str(text).unwrap_or_default();
        cursor.lists.retain(|key, _| keys.contains(key));
        cursor.left.retain(|key| keys.contains(key));
        cursor.parents.truncate(PARENTS_MAX);
        cursor
    }

    /// The cursor as text.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("our own types are always JSON")
    }

    /// Nothing is left to be asked for in this pass.
    pub fn pass_is_over(&self) -> bool {
        self.left.is_empty() && self.parents.is_empty()
    }

    /// True when the account behind the token is worth asking for: never asked, or a day ago without success.
    pub fn should_ask_for_account(&self, now: Timestamp) -> bool {
        const DAY_MILLIS: i64 = 86_400_000;
        match &self.own {
            None => true,
            Some(own) => own.id.is_none() && now.as_millisecond() - own.asked_at >= DAY_MILLIS,
        }
    }
}

/// An id some minutes older. Mastodon's ids hold the time in milliseconds above 16 bits; other ids stay as they are.
fn a_little_before(id: &str) -> String {
    match id.parse::<u64>() {
        Ok(number) if (17..=20).contains(&id.len()) => number.saturating_sub(LATE_MILLIS << 16).to_string(),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(newest: &str, oldest: &str) -> Parsed {
        Parsed { items: Vec::new(), entries: 1, newest: Some(newest.into()), oldest: Some(oldest.into()) }
    }

    fn empty() -> Parsed {
        Parsed { items: Vec::new(), entries: 0, newest: None, oldest: None }
    }

    #[test]
    fn the_first_reading_goes_back_three_pages_and_then_forward() {
        let mut list = List::default();
        list.begin(false);
        for (ask, answer) in [
            (Ask::Newest, page("90", "80")),
            (Ask::Before("80".into()), page("79", "70")),
            (Ask::Before("70".into()), page("69", "60")),
            (Ask::After("90".into()), page("95", "91")),
        ] {
            assert_eq!(list.ask(), ask);
            assert_eq!(list.note(&ask, &answer), Step::GoOn);
        }
        assert_eq!(list.note(&list.ask(), &empty()), Step::Done);
        assert_eq!(list.newest.as_deref(), Some("95"));
    }

    #[test]
    fn what_fills_an_empty_list_is_read_whole() {
        let mut list = List::default();
        list.begin(false);
        assert_eq!(list.note(&Ask::Newest, &empty()), Step::Done);
        list.begin(false);
        let mut pages = 0;
        while list.back.is_some() || list.newest.is_none() {
            let top = 900 - pages * 10;
            let asked = list.ask();
            let answer = if pages < 10 { page(&format!("{top}"), &format!("{}", top - 9)) } else { empty() };
            assert_eq!(list.note(&asked, &answer), Step::GoOn);
            pages += 1;
        }
        assert_eq!((pages, list.was_empty), (11, false));
    }

    #[test]
    fn a_page_that_comes_again_ends_the_pass_with_a_reason() {
        let mut list = List { newest: Some("90".into()), ..List::default() };
        list.begin(false);
        assert!(matches!(list.note(&list.ask(), &page("90", "80")), Step::Missed(_)));
        let mut list = List { newest: Some("90".into()), back: Some("80".into()), ..List::default() };
        assert!(matches!(list.note(&list.ask(), &page("90", "80")), Step::Missed(_)));
        assert_eq!(list.ask(), Ask::After("90".into()));
        let unreadable = Parsed { entries: 1, ..empty() };
        assert!(matches!(list.note(&Ask::After("90".into()), &unreadable), Step::Missed(_)));
    }

    #[test]
    fn a_burst_longer_than_a_pass_is_gone_on_with_instead_of_read_again() {
        let newest = "110000000000002000".to_owned();
        let cut = List { newest: Some(newest.clone()), pages: PAGES_MAX, ..List::default() };
        let whole = List { newest: Some(newest.clone()), pages: PAGES_MAX - 1, ..List::default() };
        for (mut list, goes_on) in [(cut, true), (whole, false)] {
            list.begin(true);
            assert_eq!(list.ask() == Ask::After(newest.clone()), goes_on);
        }
    }

    #[test]
    fn a_pass_ends_after_fifty_pages_and_the_next_one_goes_on() {
        let mut list = List { newest: Some("1000".into()), ..List::default() };
        list.begin(false);
        for n in 1..=PAGES_MAX {
            let id = (1000 + n).to_string();
            let expected = if n == PAGES_MAX { Step::Done } else { Step::GoOn };
            assert_eq!(list.note(&list.ask(), &page(&id, &id)), expected);
        }
        list.begin(false);
        assert_eq!(list.ask(), Ask::After("1050".into()));
    }

    #[test]
    fn a_pass_over_other_peoples_posts_begins_ten_minutes_early_and_never_moves_the_mark_back() {
        let id = "117020593741189701";
        let mut list = List { newest: Some(id.into()), ..List::default() };
        list.begin(true);
        let Ask::After(early) = list.ask() else { panic!("forward") };
        assert!(by_age(&early, id).is_lt());
        assert_eq!((id.parse::<u64>().unwrap() >> 16) - (early.parse::<u64>().unwrap() >> 16), LATE_MILLIS);
        let late = (early.parse::<u64>().unwrap() + 1).to_string();
        assert_eq!(list.note(&list.ask(), &page(&late, &late)), Step::GoOn);
        assert_eq!(list.newest.as_deref(), Some(id));
        for other in ["9", "AbCdEf0123456789xyz", "00000000000000000000000000000000000000"] {
            assert_eq!(a_little_before(other), other);
        }
    }

    #[test]
    fn a_cursor_that_is_none_is_an_empty_one() {
        for text in ["", "null", "[]", "{\"left\":7}", "{\"lists\":{\"x\":{}},\"left\":[\"x\"]}"] {
            assert_eq!(Cursor::read(text, &[]), Cursor::default());
        }
    }
}
