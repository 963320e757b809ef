//! The three questions, answered apart: same case as a ticket? same customer, other case? same problem of others? Pure.
//!
//! - `terms` reads a text as words and pieces of words, `postings` and `documents` keep which ticket holds which.
//! - [`index`] finds the tickets and problems that resemble a text, over the whole register; [`Query`] is one such text.
//! - [`problems`] makes problems of tickets, [`calibration`] makes probabilities of scores.
//! - [`Argument`] is what speaks for or against an answer.
//! - [`questions`] turns what was found and what is known exactly into three answers with tier, score, probability, band
//!   and evidence.
//! - [`ruling`] is what colleagues say about answers.
//!
//! Start with [`questions::answer`]. Text alone is never more than *perhaps* until the installation has learned its
//! thresholds; an exact reference, a thread or a certain person is enough to act from the first day.

mod stop_words;
mod terms;
mod postings;
mod vectors;
mod tongue;
mod documents;
mod argument;
pub mod index;
mod search;
pub mod fusion;
pub mod problems;
pub mod calibration;
pub mod questions;
pub mod ruling;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod story;

use serde::{Deserialize, Serialize};

pub use argument::Argument;
pub use index::Index;
pub use questions::{Answers, Facts, answer, likely_problems};
pub use search::Query;

/// Rises whenever scoring changes, so that stored answers say what made them.
pub const VERSION: &str = "fused-1";

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchAnswer {
    /// Which question.
    pub question: Question,
    /// The ticket that carries the answer (row id).
    pub ticket_id: Option<String>,
    /// The problem (row id).
    pub problem_id: Option<String>,
    /// The customer (row id).
    pub contact_id: Option<String>,
    /// What sort of evidence it rests on.
    pub tier: Tier,
    /// The matcher's own score; comparable within a version only.
    pub score: f64,
    /// The score as a probability, 0 to 1.
    pub probability: f64,
    /// What may be done with it.
    pub band: Band,
    /// Why, for a person to read.
    pub evidence: Evidence,
}

/// The three questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Is this the case of a ticket we have?
    SameCase,
    /// Is this a customer with another open case?
    SameCustomer,
    /// Do other customers have this problem?
    SameProblem,
}

impl Question {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Question::SameCase => "same_case",
            Question::SameCustomer => "same_customer",
            Question::SameProblem => "same_problem",
        }
    }

    /// The question a stored name stands for.
    pub fn from_name(name: &str) -> Option<Question> {
        [Question::SameCase, Question::SameCustomer, Question::SameProblem]
            .into_iter()
            .find(|q| q.name() == name)
    }
}

/// What sort of evidence an answer rests on, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// An exact identifier.
    Reference,
    /// A reply to something we know, or the same author with an open case.
    Thread,
    /// The person's own tickets.
    Customer,
    /// Resemblance of text.
    Text,
    /// Nothing was found.
    None,
}

impl Tier {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Reference => "reference",
            Tier::Thread => "thread",
            Tier::Customer => "customer",
            Tier::Text => "text",
            Tier::None => "none",
        }
    }

    /// The tier a stored name stands for.
    pub fn from_name(name: &str) -> Option<Tier> {
        [Tier::Reference, Tier::Thread, Tier::Customer, Tier::Text, Tier::None]
            .into_iter()
            .find(|t| t.name() == name)
    }
}

/// What may be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Not known as far as we can see.
    New,
    /// Ask a person; one click.
    Perhaps,
    /// Act.
    Known,
}

impl Band {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Band::New => "new",
            Band::Perhaps => "perhaps",
            Band::Known => "known",
        }
    }

    /// The band a stored name stands for.
    pub fn from_name(name: &str) -> Option<Band> {
        [Band::New, Band::Perhaps, Band::Known].into_iter().find(|band| band.name() == name)
    }
}

/// A probability as whole percents; never a certainty that we do not have.
pub fn percent(probability: f64) -> String {
    let percents = if probability.is_finite() { (probability * 100.0).round().clamp(1.0, 99.0) } else { 1.0 };
    format!("{percents}%")
}

/// Why an answer is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Rare words that both sides share, the rarest first.
    #[serde(default)]
    pub shared: Vec<String>,
    /// What spoke for it.
    #[serde(default)]
    pub reasons: Vec<Argument>,
    /// What spoke against it.
    #[serde(default)]
    pub against: Vec<Argument>,
    /// The next best candidate (ticket or problem row id) and its probability.
    #[serde(default)]
    pub runner_up: Option<(String, f64)>,
}
