//! The walk over the tickets, by `LastUpdated` and then by number.
//!
//! The first pass takes every ticket of our queues. A later pass takes what changed since the newest change that was
//! seen, less an overlap: Request Tracker stamps a change when it begins and shows it when it is committed, so a change can
//! appear behind one that was seen before. What was read in the overlap, and at a time when nothing more could appear
//! under its stamp, is not read again.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::RequestTracker;
use super::api::{Search, any_of, moment, quoted};
use super::rows::{Row, TICKET_FIELDS, TICKET_SUBFIELDS, read_all};
use crate::failure::{Failure, FailureKind};
use crate::register::RegisterPage;

/// Tickets in one page. Each costs the server a query or two per field, and a page brings their whole history.
const PAGE_TICKETS: usize = 50;
/// How long after its stamp a change can still appear.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// Tickets of the overlap that are remembered; what does not fit is read once more, which does no harm.
const SEEN_MAX: usize = 1000;

/// Where we are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// What is read: another choice of queues begins anew.
    scope: String,
    /// Which part of a pass comes next.
    step: Step,
    /// `LastUpdated` of the last ticket that was read in this pass, or where the pass begins; seconds since 1970.
    from: i64,
    /// The number of that ticket; 0 where the pass begins.
    after: u64,
    /// The server's time when this pass began; 0 before it did.
    began: i64,
    /// The newest `LastUpdated` that was seen.
    newest: i64,
    /// Departures since then are asked for in the next pass; 0 before the first pass is complete.
    pub(super) departures_from: i64,
    /// The last departure that was read in this pass.
    pub(super) departure: u64,
    /// Tickets that need not be read again while their `LastUpdated` is this.
    seen: Vec<(u64, i64)>,
}

/// The parts of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    #[default]
    Tickets,
    Departures,
}

impl RequestTracker {
    pub(super) async fn read_page(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        if !self.time_zone_fits.load(Ordering::Relaxed) {
            let was_tested = self.test_time_zone().await?.is_some();
            self.time_zone_fits.store(was_tested, Ordering::Relaxed);
        }
        let cursor = Cursor::resumed(cursor, &self.scope());
        match cursor.step {
            Step::Tickets => self.read_tickets(cursor, now).await,
            Step::Departures => self.read_departures(cursor).await,
        }
    }

    /// The condition that a ticket is in one of our queues.
    fn scope(&self) -> String {
        let queues = self.config.queues.iter().chain(&self.config.problem_queue);
        any_of("Queue", queues.map(|name| quoted(name)))
    }

    async fn read_tickets(&self, mut cursor: Cursor, now: Timestamp) -> Result<RegisterPage, Failure> {
        let found = self
            .api
            .tickets(&Search {
                query: &cursor.query(),
                fields: TICKET_FIELDS,
                subfields: &TICKET_SUBFIELDS,
                order: &["LastUpdated", "id"],
                descending: false,
                rows_max: PAGE_TICKETS,
            })
            .await?;
        let server_now = found.server_now.unwrap_or(now);
        cursor.begin(server_now);
        let mut rejected = Vec::new();
        let rows = read_all(&found.items, Row::read, &mut rejected);
        if rows.is_empty() && !found.items.is_empty() {
            return Err(Failure::malformed("no ticket of a whole page could be read"));
        }
        self.doubt_time_zone(&cursor, &rows).await?;
        let is_last = if found.has_hidden_rows { rows.is_empty() } else { found.items.len() < PAGE_TICKETS };
        let fresh = cursor.take(rows, server_now);
        let mut page = self.describe(fresh).await?;
        page.rejected.append(&mut rejected);
        if is_last {
            page.complete = cursor.end_tickets(server_now);
        }
        page.cursor = cursor.text();
        Ok(page)
    }

    /// A time zone that changes while we run shows in answers that do not fit their query.
    async fn doubt_time_zone(&self, cursor: &Cursor, rows: &[Row]) -> Result<(), Failure> {
        if rows.iter().any(|row| row.updated.as_second() < cursor.from) {
            return Err(time_zone_failure());
        }
        // The newest ticket that was seen must be among those of the overlap, or among those that changed since.
        let expects_some = cursor.after == 0 && cursor.newest > 0;
        if expects_some && rows.is_empty() {
            self.test_time_zone().await?;
        }
        Ok(())
    }
}

/// What is said of a user whose dates are not ours. Not the credentials: they are good.
pub(super) fn time_zone_failure() -> Failure {
    Failure::new(
        FailureKind::Refused,
        "Request Tracker reads our dates in another time zone, so changes would be missed; \
         set the time zone of the user for gehoord to UTC",
    )
}

impl Cursor {
    fn resumed(text: &str, scope: &str) -> Cursor {
        serde_json::from_str(text)
            .ok()
            .filter(|cursor: &Cursor| cursor.scope == scope)
            .unwrap_or_else(|| Cursor { scope: scope.to_owned(), ..Cursor::default() })
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("our own types are always JSON")
    }

    /// What comes after the last ticket, in the order of `LastUpdated` and number. `=` would match the whole day.
    fn query(&self) -> String {
        if self.from <= 0 {
            return format!("{} AND id > {}", self.scope, self.after);
        }
        let (this_second, next_second) = (at(self.from), at(self.from.saturating_add(1)));
        format!(
            "{} AND LastUpdated >= {} AND (id > {} OR LastUpdated >= {})",
            self.scope,
            moment(this_second),
            self.after,
            moment(next_second)
        )
    }

    fn begin(&mut self, server_now: Timestamp) {
        if self.began == 0 {
            self.began = server_now.as_second();
        }
    }

    /// Moves past `rows`, and returns those that must be read.
    fn take(&mut self, rows: Vec<Row>, server_now: Timestamp) -> Vec<Row> {
        if let Some(last) = rows.last() {
            (self.from, self.after) = (last.updated.as_second(), last.id);
            self.newest = self.newest.max(self.from);
        }
        let mut fresh = rows;
        fresh.retain(|row| !self.seen.contains(&(row.id, row.updated.as_second())));
        let settled = server_now.as_second() - OVERLAP.as_secs();
        let read_for_good = fresh.iter().map(|row| (row.id, row.updated.as_second()));
        self.seen.extend(read_for_good.filter(|(_, updated)| *updated <= settled));
        self.forget();
        fresh
    }

    /// Forgets what the next pass will not meet.
    fn forget(&mut self) {
        let begins = self.newest - OVERLAP.as_secs();
        self.seen.retain(|(_, updated)| *updated >= begins);
        let surplus = self.seen.len().saturating_sub(SEEN_MAX);
        self.seen.drain(..surplus);
    }

    /// All tickets were walked; says whether the pass is complete. The first one has no departures to look for.
    fn end_tickets(&mut self, server_now: Timestamp) -> bool {
        // A ticket from the future must not hide all that happens until then.
        self.newest = self.newest.min(server_now.as_second());
        let is_first = self.departures_from == 0;
        if is_first {
            self.end_pass();
        } else {
            self.step = Step::Departures;
        }
        is_first
    }

    /// Makes ready for the next pass.
    pub(super) fn end_pass(&mut self) {
        self.step = Step::Tickets;
        self.departures_from = self.began - OVERLAP.as_secs();
        self.departure = 0;
        self.began = 0;
        self.after = 0;
        self.from = if self.newest > 0 { self.newest - OVERLAP.as_secs() } else { 0 };
    }
}

/// A moment of a cursor, which anybody may have written.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: i64 = 1_795_608_000;

    fn row(id: u64, updated: i64) -> Row {
        Row {
            id,
            effective_id: id,
            subject: String::new(),
            status: "open".into(),
            priority: 0,
            queue: "General".into(),
            requestors: Vec::new(),
            copied: Vec::new(),
            owner: None,
            created: at(updated),
            updated: at(updated),
            resolved: None,
            fields: Vec::new(),
        }
    }

    fn ids(rows: &[Row]) -> Vec<u64> {
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn the_next_page_begins_behind_the_last_ticket_of_its_second() {
        let mut cursor = Cursor::resumed("", "(Queue = 'General')");
        assert_eq!(cursor.query(), "(Queue = 'General') AND id > 0");
        cursor.take(vec![row(7, NOON), row(3, NOON + 1)], at(NOON + 100));
        assert_eq!(
            cursor.query(),
            "(Queue = 'General') AND LastUpdated >= '2026-11-25 12:00:01' AND \
             (id > 3 OR LastUpdated >= '2026-11-25 12:00:02')"
        );
    }

    #[test]
    fn a_settled_ticket_is_read_once_and_a_fresh_one_until_it_settles() {
        let mut cursor = Cursor::resumed("", "scope");
        cursor.begin(at(NOON));
        let rows = vec![row(1, NOON - 60), row(2, NOON - 5)];
        assert_eq!(ids(&cursor.take(rows.clone(), at(NOON))), [1, 2]);
        assert!(cursor.end_tickets(at(NOON)), "the first pass has no departures");
        assert_eq!(
            ids(&cursor.take(rows.clone(), at(NOON + 30))),
            [2],
            "one more change may come in its second"
        );
        assert_eq!(ids(&cursor.take(rows.clone(), at(NOON + 60))), [2]);
        assert_eq!(ids(&cursor.take(rows, at(NOON + 90))), Vec::<u64>::new());
        assert_eq!(ids(&cursor.take(vec![row(2, NOON + 80)], at(NOON + 90))), [2], "it changed");
    }

    #[test]
    fn a_later_pass_begins_before_the_newest_change_and_looks_for_departures() {
        let mut cursor = Cursor::resumed("", "scope");
        cursor.begin(at(NOON));
        cursor.take(vec![row(1, NOON - 600)], at(NOON));
        cursor.end_tickets(at(NOON));
        assert_eq!((cursor.from, cursor.after, cursor.departures_from), (NOON - 660, 0, NOON - 60));
        cursor.begin(at(NOON + 60));
        assert!(!cursor.end_tickets(at(NOON + 60)));
        assert_eq!(cursor.step, Step::Departures);
        cursor.end_pass();
        assert_eq!((cursor.step, cursor.departures_from), (Step::Tickets, NOON));
    }

    #[test]
    fn a_ticket_from_the_future_hides_nothing() {
        let mut cursor = Cursor::resumed("", "scope");
        cursor.begin(at(NOON));
        cursor.take(vec![row(1, NOON - 5), row(2, NOON + 1_000_000)], at(NOON));
        cursor.end_tickets(at(NOON));
        assert_eq!(cursor.from, NOON - 60);
    }

    #[test]
    fn other_queues_or_an_unknown_cursor_begin_anew() {
        let mut cursor = Cursor::resumed("", "one");
        cursor.take(vec![row(1, NOON)], at(NOON));
        assert_eq!(Cursor::resumed(&cursor.text(), "one"), cursor);
        assert_eq!(Cursor::resumed(&cursor.text(), "two").from, 0);
        for foreign in ["17", "{", "{\"from\":\"x\"}", "null"] {
            assert_eq!(Cursor::resumed(foreign, "one"), Cursor { scope: "one".into(), ..Cursor::default() });
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut cursor = Cursor::resumed("", "scope");
        for page in 0..50_u64 {
            let rows = (0..100).map(|n| row(page * 100 + n, NOON)).collect();
            cursor.take(rows, at(NOON + 1000));
        }
        assert_eq!(cursor.seen.len(), SEEN_MAX);
    }

    proptest! {
        #[test]
        fn any_cursor_gives_a_query(from in any::<i64>(), after in any::<u64>(), newest in any::<i32>()) {
            let mut cursor = Cursor { from, after, newest: newest.into(), ..Cursor::default() };
            prop_assert!(!cursor.query().is_empty());
            cursor.end_tickets(at(NOON));
            cursor.end_pass();
        }
    }
}
