//! What a colleague says about an answer: what an installation learns from. Pure.

use serde::{Deserialize, Serialize};

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is what was proposed.
    Confirm,
    /// It is not what was proposed; what else it is was not said.
    Reject,
    /// It is something else that is known.
    Instead,
    /// It is nothing that is known: a new problem.
    NewProblem,
}

impl Said {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Said::Confirm => "confirm",
            Said::Reject => "reject",
            Said::Instead => "instead",
            Said::NewProblem => "new_problem",
        }
    }

    /// What a stored name stands for.
    pub fn from_name(name: &str) -> Option<Said> {
        [Said::Confirm, Said::Reject, Said::Instead, Said::NewProblem]
            .into_iter()
            .find(|said| said.name() == name)
    }
}

/// What is known: a ticket, a problem, or a ticket with its problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Ticket row id.
    pub ticket_id: Option<String>,
    /// Problem row id.
    pub problem_id: Option<String>,
}

impl Known {
    /// It names nothing.
    pub fn is_nothing(&self) -> bool {
        self.ticket_id.is_none() && self.problem_id.is_none()
    }
}
