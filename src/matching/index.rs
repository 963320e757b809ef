//! Finds the tickets and problems that resemble a text, over the whole register, in memory.
//!
//! A cache: each replica builds it from the mirror and keeps it fresh by `changed_seq`. Nothing is lost with it. Texts are
//! not kept, only their terms. What is in it stands in `documents`, what is asked of it in `search`.

use std::sync::Arc;

use jiff::Timestamp;

use super::documents::{Document, Documents};
use super::search::{Query, ScratchPool};
use super::terms::Reader;
use crate::register::{StoredProblem, StoredTicket};

/// The matching index.
#[derive(Clone, Default)]
pub struct Index {
    seq: i64,
    pub(super) reader: Arc<Reader>,
    pub(super) documents: Documents,
    pub(super) scratch: ScratchPool,
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
    /// Words both sides share, as the searched text writes them, the rarest first.
    pub shared: Vec<String>,
    /// Still unresolved.
    pub unresolved: bool,
    /// When the ticket or problem was opened.
    pub created_at: Timestamp,
    /// When it was solved, where it was.
    pub solved_at: Option<Timestamp>,
    /// What the resemblance rests on.
    pub overlap: Overlap,
}

/// What a resemblance rests on, in words that have a meaning of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Words of the text that the document has too.
    pub exact: usize,
    /// Words of the text of which the document has most letters: a compound, an inflection, a typing error.
    pub partly: usize,
    /// Words among `exact` that few problems and tickets have.
    pub rare: usize,
    /// How much of the weight of the text's words is shared, 0 to 1.
    pub text_share: f64,
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
        self.documents.live_len()
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds or replaces a ticket; a deleted one is taken out.
    pub fn apply_ticket(&mut self, ticket: &StoredTicket) {
        self.documents.take_out_ticket(&ticket.id);
        if ticket.deleted {
            return;
        }
        let fields = &ticket.ticket;
        let document = Document {
            ticket: Some(Arc::from(ticket.id.as_str())),
            problem: fields.problem.as_deref().map(|id| self.documents.problem(id)),
            contact: fields.contact.as_deref().map(|id| self.documents.contact(id)),
            unresolved: fields.status.is_unresolved(),
            created_at: fields.created_at,
            solved_at: fields.solved_at,
        };
        self.documents.put_in(document, self.reader.read(&fields.subject, &fields.body, &[]).keys());
    }

    /// Adds or replaces a problem's own text; a deleted one is taken out. Its tickets stay linked to it.
    pub fn apply_problem(&mut self, problem: &StoredProblem) {
        self.documents.take_out_text_of(&problem.id);
        if problem.deleted {
            return;
        }
        let fields = &problem.problem;
        let document = Document {
            ticket: None,
            problem: Some(self.documents.problem(&problem.id)),
            contact: None,
            unresolved: !fields.status.is_thought_fixed(),
            created_at: fields.opened_at,
            solved_at: fields.fixed_at,
        };
        let body = format!("{}\n{}", fields.description, fields.workaround.as_deref().unwrap_or(""));
        self.documents.put_in(document, self.reader.read(&fields.title, &body, &[]).keys());
    }

    /// The `limit` documents that resemble `text` most, the best first; of one problem its own text and the best two
    /// tickets, because more say nothing new.
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        self.query(text, &[]).best(limit)
    }

    /// Prepares a text for comparing. The words of `ignored`, such as the brand's name, do not count.
    pub fn query(&self, text: &str, ignored: &[&str]) -> Query<'_> {
        Query::new(self, text, ignored)
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("seq", &self.seq).field("documents", &self.len()).finish()
    }
}
