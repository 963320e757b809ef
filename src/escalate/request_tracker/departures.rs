//! Tickets that left: deleted, merged into another, or moved to a queue that is not ours.
//!
//! Request Tracker leaves them out of every ticket search, whatever the query says, but keeps the entries of their
//! histories. So each pass asks for the entries that can make a ticket leave, and looks at what became of it.

use std::collections::{BTreeSet, HashMap};

use super::RequestTracker;
use super::api::{ROWS_MAX, any_of, moment};
use super::read::{Cursor, at};
use super::rows::{Entry, Row, TICKET_FIELDS, TICKET_SUBFIELDS, line, number, read_all};
use crate::failure::Failure;
use crate::register::{Problem, ProblemStatus, RegisterPage};

impl RequestTracker {
    pub(super) async fn read_departures(&self, mut cursor: Cursor) -> Result<RegisterPage, Failure> {
        let query = format!(
            "ObjectType = 'RT::Ticket' AND id > {} AND Created >= {} AND ((Type = 'Status' AND NewValue = 'deleted') \
             OR (Type = 'Set' AND Field = 'Queue') OR (Type = 'AddLink' AND Field = 'MergedInto'))",
            cursor.departure,
            moment(at(cursor.departures_from))
        );
        let found = self.entries(&query, false).await?;
        let mut page = RegisterPage::default();
        let entries = read_all(&found.items, Entry::read, &mut page.rejected);
        let ids: BTreeSet<u64> = entries.iter().map(|entry| entry.ticket).collect();
        let moved_out = self.moved_out_of_problems(&entries).await?;
        for (id, row) in self.whereabouts(&ids).await? {
            let stands_in = row.as_ref().filter(|row| row.effective_id == row.id && row.status != "deleted");
            let is_in = |queue: &String| stands_in.is_some_and(|row| row.queue == *queue);
            if !self.config.queues.iter().any(is_in) {
                page.deleted_tickets.push(id.to_string());
            }
            let Some(row) = &row else { continue };
            let was_problem =
                moved_out.contains(&id) || Some(&row.queue) == self.config.problem_queue.as_ref();
            if was_problem && !self.config.problem_queue.as_ref().is_some_and(is_in) {
                page.problems.push(self.closed_problem(row));
            }
        }
        let is_last = found.items.len() < ROWS_MAX || entries.is_empty();
        if let Some(last) = entries.iter().map(|entry| entry.id).max() {
            cursor.departure = last;
        }
        if is_last {
            cursor.end_pass();
        }
        page.complete = is_last;
        page.cursor = cursor.text();
        Ok(page)
    }

    /// The tickets among `entries` that were taken out of the problem queue.
    async fn moved_out_of_problems(&self, entries: &[Entry]) -> Result<BTreeSet<u64>, Failure> {
        let moves: Vec<&Entry> =
            entries.iter().filter(|entry| entry.field.as_deref() == Some("Queue")).collect();
        let (false, Some(name)) = (moves.is_empty(), &self.config.problem_queue) else {
            return Ok(BTreeSet::new());
        };
        let Some(queue) = self.api.queue(name).await?.and_then(|queue| line(&queue, "id")) else {
            return Ok(BTreeSet::new());
        };
        let is_out_of_it = |entry: &&Entry| entry.old_value.as_ref() == Some(&queue);
        Ok(moves.into_iter().filter(is_out_of_it).map(|entry| entry.ticket).collect())
    }

    /// What each ticket is now; `None` when there is nothing left of it that we may see.
    async fn whereabouts(&self, ids: &BTreeSet<u64>) -> Result<Vec<(u64, Option<Row>)>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Naming EffectiveId is what makes Request Tracker show merged tickets.
        let query = format!("EffectiveId > 0 AND {}", any_of("id", ids.iter().map(u64::to_string)));
        let found = self.search_tickets(&query, TICKET_FIELDS, &TICKET_SUBFIELDS).await?;
        let rows = read_all(&found.items, Row::read, &mut Vec::new());
        let mut rows: HashMap<u64, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut whereabouts = Vec::new();
        for &id in ids {
            let row = match rows.remove(&id) {
                Some(row) => Some(row),
                None => self.deleted_row(id).await?,
            };
            whereabouts.push((id, row));
        }
        Ok(whereabouts)
    }

    /// A ticket that no search shows, read by its number.
    async fn deleted_row(&self, id: u64) -> Result<Option<Row>, Failure> {
        let Some(record) = self.api.ticket(id).await? else { return Ok(None) };
        // Read by number, a merged ticket is answered with the one it went into.
        Ok(Row::read(&record.value).ok().filter(|_| number(&record.value, "id") == Some(id)))
    }

    fn closed_problem(&self, row: &Row) -> Problem {
        let problem = row.problem(&self.config, self.display_url(row.id), String::new());
        Problem { status: ProblemStatus::Closed, ..problem }
    }
}
