//! Reading a list page by page without holes, however often it is interrupted. Pure.
//!
//! Most sources list the newest first. Such a list is read from the top down to what was read before; only when the
//! whole way was walked does the watermark move up. So a pass may be cut off on any page and goes on from the cursor,
//! and what arrives at the top meanwhile is met by the next pass. The last stretch is read again every time (the
//! overlap), because sources index late; what was returned from it already is recognised by its fingerprint.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mention::hex;

/// Pages that one pass reads before other streams and sources get their turn; the rest waits for the next poll.
pub const PAGES_MAX: u32 = 50;
/// Pages of a list that was never read before: enough history to start with.
pub const FIRST_PAGES_MAX: u32 = 3;
/// A longer paging token is no token.
const TOKEN_BYTES_MAX: usize = 4096;
/// Tokens of the pass under way that are remembered, to notice a loop.
const TOKENS_KEPT_MAX: usize = 200;
/// Fingerprints that are remembered of one list in any case: the usual page and some more.
const PRINTS_KEPT_MIN: usize = 120;
/// Fingerprints that are remembered of a busy overlap; beyond it, items are returned twice, which is fine.
const PRINTS_KEPT_MAX: usize = 500;
/// Pages in a row that hold nothing this pass has not met: then the pages go round, whatever their tokens say. A few are
/// natural, because pages shift while new items arrive and filters leave some of them empty.
const STALE_PAGES_MAX: u32 = 10;
/// A list that ends after fewer items than this was not cut off by its source.
const WHOLE_LIST_MIN: usize = 10;

/// How far one list was read. Part of a connector's cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// The highest rank of the last complete pass.
    mark: Option<i128>,
    /// What was returned of the overlap, and of the page below it.
    prints: Vec<Print>,
    /// The pass under way.
    pass: Option<Pass>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Pass {
    token: Option<String>,
    pages: u32,
    items: usize,
    newest: Option<i128>,
    prints: Vec<Print>,
    tokens: Vec<String>,
    met_known_ground: bool,
    second_start: bool,
    stale_pages: u32,
}

/// The rank of an item and a hash of its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Print(i128, String);

/// One item of a page, as far as paging is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// What the list is ordered by: milliseconds, or an id that rises. `None` where it cannot be read.
    pub rank: Option<i128>,
    /// The item in its present version: an edit must give another key where the source shows it.
    pub key: String,
}

/// How a list behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habits {
    /// The list runs from new to old. Otherwise it runs from the mark to the present and simply ends.
    pub newest_first: bool,
    /// How far below the mark is read again, in the unit of the rank.
    pub overlap: i128,
    /// The mark of a list that was empty when it was first read: the present moment, or 0 for ids.
    pub start: i128,
    /// The source was asked for what lies above the mark only, so that an end before the mark is no hole.
    pub bounded: bool,
}

/// What a page said about going on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing more.
    End,
    /// Ask again with this token.
    Token(String),
    /// The paging of the source cannot be followed, for this reason.
    Lost(String),
}

/// What to do after a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The list wants to be read further.
    pub step: Step,
    /// Items may be lost, and why.
    pub missed: Option<String>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Read the next page now.
    On,
    /// Enough for now; the next poll goes on here.
    Pause,
    /// Everything was read.
    Done,
}

impl Walk {
    /// The token to ask the next page with; `None` for the top of the list.
    pub fn token(&self) -> Option<&str> {
        self.pass.as_ref()?.token.as_deref()
    }

    /// The rank down to which (or from which) the list is read; `None` before the first complete pass.
    pub fn floor(&self, overlap: i128) -> Option<i128> {
        self.mark.map(|mark| mark.saturating_sub(overlap))
    }

    /// Whether the item with this key was returned before.
    pub fn knows(&self, key: &str) -> bool {
        let print = fingerprint(key);
        let in_pass = self.pass.iter().flat_map(|pass| &pass.prints);
        self.prints.iter().chain(in_pass).any(|known| known.1 == print)
    }

    /// Takes note of a page. `reached` is the rank that the page got to, where the paging tells it better than the
    /// last item does.
    pub fn turn(&mut self, page: &[Listed], reached: Option<i128>, next: Next, habits: Habits) -> Turn {
        let floor = self.floor(habits.overlap);
        let mut pass = self.pass.take().unwrap_or_default();
        pass.pages += 1;
        pass.items += page.len();
        let is_met = |item: &Listed| {
            let print = fingerprint(&item.key);
            pass.prints.iter().any(|known| known.1 == print)
        };
        let is_stale = reached.is_none() && page.iter().all(is_met);
        pass.stale_pages = if is_stale { pass.stale_pages + 1 } else { 0 };
        for item in page {
            let print = fingerprint(&item.key);
            pass.met_known_ground |= self.prints.iter().any(|known| known.1 == print);
            if let Some(rank) = item.rank {
                pass.newest = pass.newest.max(Some(rank));
                if !pass.prints.iter().any(|known| known.1 == print) {
                    pass.prints.push(Print(rank, print));
                }
            }
        }
        keep_newest(&mut pass.prints, floor);
        let got_to = reached.or_else(|| page.iter().rev().find_map(|item| item.rank));
        let at_the_floor =
            habits.newest_first && matches!((got_to, floor), (Some(rank), Some(floor)) if rank < floor);
        if at_the_floor {
            return self.finish(pass, habits, None);
        }
        match next {
            Next::End => {
                let hole = habits.newest_first
                    && !habits.bounded
                    && !self.prints.is_empty()
                    && !pass.met_known_ground
                    && pass.items >= WHOLE_LIST_MIN;
                let reason = "the list ended before it reached what was read last time";
                self.finish(pass, habits, hole.then(|| reason.to_owned()))
            }
            Next::Lost(reason) => self.finish(pass, habits, Some(reason)),
            Next::Token(token) => self.go_on(pass, token, habits),
        }
    }

    /// The source no longer takes the token. The list is read from its top once more; if that ends the same way, the
    /// rest is given up.
    pub fn token_refused(&mut self, habits: Habits) -> Turn {
        let mut pass = self.pass.take().unwrap_or_default();
        if pass.second_start {
            return self.finish(pass, habits, Some("the source refuses its own paging token".to_owned()));
        }
        pass.second_start = true;
        pass.token = None;
        pass.tokens.clear();
        pass.pages = 0;
        pass.items = 0;
        pass.stale_pages = 0;
        self.pass = Some(pass);
        Turn { step: Step::On, missed: None }
    }

    fn go_on(&mut self, mut pass: Pass, token: String, habits: Habits) -> Turn {
        let print = fingerprint(&token);
        if token.len() > TOKEN_BYTES_MAX {
            return self.finish(pass, habits, Some("the paging token is absurdly long".to_owned()));
        }
        if pass.tokens.contains(&print) {
            return self.finish(
                pass,
                habits,
                Some("the paging token repeats: the pages go round".to_owned()),
            );
        }
        if pass.stale_pages >= STALE_PAGES_MAX {
            let reason = "page after page held nothing new: the pages go round";
            return self.finish(pass, habits, Some(reason.to_owned()));
        }
        if habits.newest_first && self.mark.is_none() && pass.pages >= FIRST_PAGES_MAX {
            return self.finish(pass, habits, None);
        }
        pass.tokens.push(print);
        if pass.tokens.len() > TOKENS_KEPT_MAX {
            pass.tokens.remove(0);
        }
        pass.token = Some(token);
        let step = if pass.pages.is_multiple_of(PAGES_MAX) { Step::Pause } else { Step::On };
        self.pass = Some(pass);
        Turn { step, missed: None }
    }

    /// Moves the mark up to the newest of the pass.
    fn finish(&mut self, pass: Pass, habits: Habits, missed: Option<String>) -> Turn {
        self.mark = self.mark.max(pass.newest).or(Some(habits.start));
        let floor = self.floor(habits.overlap);
        for print in pass.prints {
            if !self.prints.contains(&print) {
                self.prints.push(print);
            }
        }
        keep_newest(&mut self.prints, floor);
        Turn { step: Step::Done, missed }
    }
}

fn keep_newest(prints: &mut Vec<Print>, floor: Option<i128>) {
    if prints.len() > PRINTS_KEPT_MIN {
        prints.sort_by_key(|print| std::cmp::Reverse(print.0));
        let of_the_overlap = prints.iter().take_while(|print| Some(print.0) >= floor).count();
        prints.truncate(of_the_overlap.clamp(PRINTS_KEPT_MIN, PRINTS_KEPT_MAX));
    }
}

fn fingerprint(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes())[..6])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HABITS: Habits = Habits { newest_first: true, overlap: 10, start: 0, bounded: false };

    fn page(ranks: &[i128]) -> Vec<Listed> {
        ranks.iter().map(|rank| Listed { rank: Some(*rank), key: rank.to_string() }).collect()
    }

    fn token(text: &str) -> Next {
        Next::Token(text.to_owned())
    }

    /// A walk that has read a list with these ranks.
    fn walked(ranks: &[i128]) -> Walk {
        let mut walk = Walk::default();
        assert_eq!(walk.turn(&page(ranks), None, Next::End, HABITS).step, Step::Done);
        walk
    }

    #[test]
    fn the_first_pass_takes_a_few_pages_only() {
        let mut walk = Walk::default();
        for n in 1..FIRST_PAGES_MAX {
            assert_eq!(walk.turn(&page(&[100]), None, token(&n.to_string()), HABITS).step, Step::On);
        }
        assert_eq!(walk.turn(&page(&[90]), None, token("more"), HABITS).step, Step::Done);
        assert_eq!(walk.floor(10), Some(90));
    }

    #[test]
    fn a_pass_ends_below_the_overlap_and_not_before() {
        let mut walk = walked(&[100, 95]);
        assert_eq!(walk.turn(&page(&[120, 99]), None, token("a"), HABITS).step, Step::On);
        assert_eq!(walk.token(), Some("a"));
        assert_eq!(walk.turn(&page(&[95, 89]), None, token("b"), HABITS).step, Step::Done);
        assert_eq!((walk.token(), walk.floor(0)), (None, Some(120)));
    }

    #[test]
    fn a_late_item_of_the_overlap_is_new_and_the_rest_is_known() {
        let walk = walked(&[100, 95]);
        assert!(walk.knows("100") && walk.knows("95") && !walk.knows("97"));
    }

    #[test]
    fn loops_and_absurd_tokens_end_the_pass_with_a_gap() {
        let long = "x".repeat(1024 * 1024);
        for (first, second) in [("a", "a"), ("a", long.as_str())] {
            let mut walk = walked(&[100]);
            walk.turn(&page(&[300]), None, token(first), HABITS);
            let turn = walk.turn(&page(&[200]), None, token(second), HABITS);
            assert_eq!(turn.step, Step::Done);
            assert!(turn.missed.is_some());
        }
    }

    #[test]
    fn pages_that_go_round_under_ever_new_tokens_end_the_pass_with_a_gap() {
        for ranks in [&[300, 200][..], &[]] {
            let mut walk = walked(&[100]);
            let mut turns = 0;
            let missed = loop {
                turns += 1;
                let turn = walk.turn(&page(ranks), None, token(&turns.to_string()), HABITS);
                if turn.step == Step::Done {
                    break turn.missed;
                }
            };
            assert!(missed.is_some() && turns <= STALE_PAGES_MAX + 1, "{turns}");
        }
    }

    #[test]
    fn a_long_way_pauses_and_goes_on_where_it_was() {
        let mut walk = walked(&[100]);
        for n in 0..PAGES_MAX - 1 {
            let turn = walk.turn(&page(&[1000 - i128::from(n)]), None, token(&n.to_string()), HABITS);
            assert_eq!(turn.step, Step::On);
        }
        assert_eq!(walk.turn(&page(&[600]), None, token("here"), HABITS).step, Step::Pause);
        let json = serde_json::to_string(&walk).unwrap();
        let mut walk: Walk = serde_json::from_str(&json).unwrap();
        assert_eq!(walk.token(), Some("here"));
        assert_eq!(walk.turn(&page(&[50]), None, token("x"), HABITS).step, Step::Done);
        assert_eq!(walk.floor(0), Some(1000));
    }

    #[test]
    fn a_list_that_ends_early_is_a_gap_and_a_short_one_is_not() {
        let many: Vec<i128> = (500..520).rev().collect();
        assert!(walked(&[100]).turn(&page(&many), None, Next::End, HABITS).missed.is_some());
        assert!(walked(&[100]).turn(&page(&[500]), None, Next::End, HABITS).missed.is_none());
        let bounded = Habits { bounded: true, ..HABITS };
        assert!(walked(&[100]).turn(&page(&many), None, Next::End, bounded).missed.is_none());
    }

    #[test]
    fn a_refused_token_starts_over_once_and_then_gives_up_loudly() {
        let mut walk = walked(&[100]);
        walk.turn(&page(&[300]), None, token("a"), HABITS);
        assert_eq!(walk.token_refused(HABITS), Turn { step: Step::On, missed: None });
        assert_eq!(walk.token(), None);
        walk.turn(&page(&[310, 300]), None, token("b"), HABITS);
        let turn = walk.token_refused(HABITS);
        assert_eq!(turn.step, Step::Done);
        assert!(turn.missed.is_some());
        assert_eq!(walk.floor(0), Some(310));
    }

    #[test]
    fn a_list_that_was_empty_at_first_is_read_to_its_end_later() {
        let mut walk = Walk::default();
        walk.turn(&[], None, Next::End, Habits { start: 40, ..HABITS });
        for n in 0..10 {
            assert_eq!(walk.turn(&page(&[100 - n]), None, token(&n.to_string()), HABITS).step, Step::On);
        }
    }

    proptest! {
        /// Items arrive between any two requests; each must come out, whatever the page size and the pace.
        #[test]
        fn nothing_is_skipped(
            arrivals in proptest::collection::vec(0usize..6, 1..80),
            page_size in 1usize..5,
            overlap in 0i128..4,
        ) {
            let habits = Habits { overlap, ..HABITS };
            let (mut walk, mut newest, mut returned) = (Walk::default(), 0i128, std::collections::BTreeSet::new());
            walk.turn(&[], None, Next::End, habits);
            let quiet = std::iter::repeat_n(0, 400);
            for arriving in arrivals.into_iter().chain(quiet) {
                newest += arriving as i128;
                // The token says below which rank the page starts, as sources with a key do.
                let from = walk.token().map_or(newest, |token| token.parse::<i128>().unwrap() - 1);
                let ranks: Vec<i128> = (1..=from).rev().take(page_size).collect();
                let next = ranks.last().filter(|last| **last > 1).map_or(Next::End, |last| token(&last.to_string()));
                for rank in &ranks {
                    if !walk.knows(&rank.to_string()) {
                        returned.insert(*rank);
                    }
                }
                let turn = walk.turn(&page(&ranks), None, next, habits);
                prop_assert_eq!(turn.missed, None);
            }
            prop_assert_eq!(returned.len() as i128, newest);
        }
    }
}
