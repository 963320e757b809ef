//! From what is known exactly and what resembles, to three answers.

use jiff::Timestamp;

use super::{Band, Evidence, Index, MatchAnswer, Question, Tier};
use crate::assess::Assessment;
use crate::mention::Mention;
use crate::recognise::Recognition;
use crate::register::StoredTicket;

/// Everything that is known about a mention before its text is compared.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was said.
    pub mention: &'a Mention,
    /// What it is.
    pub assessment: &'a Assessment,
    /// Who said it.
    pub recognition: &'a Recognition,
    /// Tickets that a reference in the text resolves to.
    pub by_reference: &'a [StoredTicket],
    /// The ticket of the case that this belongs to: a reply in its thread, or the same author.
    pub by_thread: Option<&'a StoredTicket>,
    /// The recognised person's own tickets.
    pub own_tickets: &'a [StoredTicket],
    /// The present moment.
    pub now: Timestamp,
}

/// The answers to the three questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Is this the case of a ticket we have?
    pub same_case: MatchAnswer,
    /// Is this a customer with another open case?
    pub same_customer: MatchAnswer,
    /// Do other customers have this problem?
    pub same_problem: MatchAnswer,
}

impl Answers {
    /// The three in their order.
    pub fn all(&self) -> [&MatchAnswer; 3] {
        [&self.same_case, &self.same_customer, &self.same_problem]
    }

    /// The strongest band of the three: is it known at all?
    pub fn band(&self) -> Band {
        self.all().into_iter().map(|answer| answer.band).max().unwrap_or(Band::New)
    }
}

/// Answers the three questions about one mention.
pub fn answer(facts: &Facts, index: &Index) -> Answers {
    let _ = (facts, index);
    Answers {
        same_case: nothing(Question::SameCase),
        same_customer: nothing(Question::SameCustomer),
        same_problem: nothing(Question::SameProblem),
    }
}

/// The answer "no, as far as we can see".
pub fn nothing(question: Question) -> MatchAnswer {
    MatchAnswer {
        question,
        ticket_id: None,
        problem_id: None,
        contact_id: None,
        tier: Tier::None,
        score: 0.0,
        probability: 0.0,
        band: Band::New,
        evidence: Evidence::default(),
    }
}
