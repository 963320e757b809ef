//! Finds what an earlier attempt may have left, by the marker in its last line.
//!
//! Request Tracker cannot be searched for words unless it has a full-text index, so histories are listed and read, the
//! newest first. For notes that is the history of the one ticket. For tickets it is what our own user created: a search by
//! subject would miss a ticket that staff renamed, and a field for the marker would be one more thing to set up and to see.

use super::RequestTracker;
use super::api::{ROWS_MAX, any_of};
use super::rows::{Entry, read_all};
use crate::failure::Failure;

/// Pages of entries that are looked through: a thousand notes on one problem, or a thousand tickets opened since.
const PAGES_MAX: usize = 10;

impl RequestTracker {
    /// Says whether a note with the marker is on one of the tickets (a ticket, and the one it was merged into).
    pub(super) async fn has_note(&self, tickets: &[u64], marker: &str) -> Result<bool, Failure> {
        let on_them = any_of("ObjectId", tickets.iter().map(u64::to_string));
        let notes = format!("ObjectType = 'RT::Ticket' AND {on_them} AND Type = 'Comment'");
        Ok(self.entry_with(&notes, marker).await?.is_some())
    }

    /// The ticket that our user opened with the marker.
    pub(super) async fn opened_ticket(&self, marker: &str) -> Result<Option<u64>, Failure> {
        let ours = "ObjectType = 'RT::Ticket' AND Type = 'Create' AND Creator = '__CurrentUser__'";
        Ok(self.entry_with(ours, marker).await?.map(|entry| entry.ticket))
    }

    async fn entry_with(&self, query: &str, marker: &str) -> Result<Option<Entry>, Failure> {
        let mut before = String::new();
        for _ in 0..PAGES_MAX {
            let found = self.entries(&format!("{query}{before}"), true).await?;
            let entries = read_all(&found.items, Entry::read, &mut Vec::new());
            let ids: Vec<u64> = entries.iter().map(|entry| entry.id).collect();
            let words = self.words(&ids, &mut Vec::new()).await?;
            let is_marked = |entry: &&Entry| words.get(&entry.id).is_some_and(|text| ends_with(text, marker));
            if let Some(entry) = entries.iter().find(is_marked) {
                return Ok(Some(entry.clone()));
            }
            let Some(last) = ids.iter().min().filter(|_| found.items.len() == ROWS_MAX) else { break };
            before = format!(" AND id < {last}");
        }
        Ok(None)
    }
}

/// Only the end counts: the words above it may quote anything.
fn ends_with(text: &str, marker: &str) -> bool {
    text.lines().rev().find(|line| !line.trim().is_empty()).is_some_and(|line| line.trim() == marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_counts_at_the_end_only() {
        for (text, found) in [
            ("Nog een klant.\n\n[gehoord:k1]", true),
            ("Nog een klant.\r\n\r\n[gehoord:k1]\r\n\n", true),
            ("[gehoord:k1]", true),
            ("Iemand schrijft: [gehoord:k1]", false),
            ("[gehoord:k1]\nNog een klant.", false),
            ("[gehoord:k12]", false),
            ("", false),
        ] {
            assert_eq!(ends_with(text, "[gehoord:k1]"), found, "{text:?}");
        }
    }
}
