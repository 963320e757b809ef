//! The dossier: everything a person should see about a mention before answering it, gathered in one place.
//!
//! Alerts, the case page and `explain` all show the same dossier. Gathering reads the store; showing it is pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::assess::{Assessment, Severity};
use crate::clock::whole_days_between;
use crate::decide::{AlertKind, Reason, Verdict};
use crate::exposure::Exposure;
use crate::matching::{Band, MatchAnswer, Question};
use crate::mention::StoredMention;
use crate::promises::{self, Promise};
use crate::register::{StoredContact, StoredProblem, StoredTicket};
use crate::store::Store;

/// Everything a person should see.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The case, once there is one.
    pub case: Option<CaseFacts>,
    /// What was said.
    pub mention: StoredMention,
    /// What it answers, when that is known.
    pub parent: Option<StoredMention>,
    /// What it is.
    pub assessment: Assessment,
    /// Is it known?
    pub verdict: Verdict,
    /// How soon somebody must look.
    pub urgency: Severity,
    /// How many people hear it.
    pub exposure: Exposure,
    /// The answers to the three questions, with what they name.
    pub answers: Vec<AnswerFacts>,
    /// Age in days of the oldest matching ticket that is not solved.
    pub known_since_days: Option<i64>,
    /// The ticket to look at first.
    pub ticket: Option<StoredTicket>,
    /// The problem behind it.
    pub problem: Option<StoredProblem>,
    /// Customers with an unresolved ticket on the same problem who did not speak out in public.
    pub others_silent: i64,
    /// Other cases about the same problem.
    pub others_public: i64,
    /// Days the fix held, when it is a recurrence.
    pub recurrence_days: Option<i64>,
    /// What staff promised, the newest first.
    pub promises: Vec<Promise>,
    /// Why it was decided like this.
    pub reasons: Vec<Reason>,
    /// Age of the register when it was decided; `None` when it was never read completely.
    pub register_age: Option<Duration>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// When this dossier was put together.
    pub now: Timestamp,
}

/// What people call a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseFacts {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// open, resolved, forwarded, declined.
    pub status: String,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// The answer to one question with the rows it names.
#[derive(Clone, Debug)]
pub struct AnswerFacts {
    /// The answer.
    pub answer: MatchAnswer,
    /// The ticket it names.
    pub ticket: Option<StoredTicket>,
    /// The problem it names.
    pub problem: Option<StoredProblem>,
    /// The customer it names.
    pub contact: Option<StoredContact>,
}

impl Dossier {
    /// The alert kind as it would be decided from the facts alone, for pages that show a case without an alert.
    pub fn kind(&self) -> AlertKind {
        if self.recurrence_days.is_some() { AlertKind::Recurrence } else { AlertKind::Complaint }
    }

    /// The answer to one question.
    pub fn answer(&self, question: Question) -> Option<&AnswerFacts> {
        self.answers.iter().find(|facts| facts.answer.question == question)
    }
}

/// Gathers the dossier of one mention. `None` when there is no such mention or nothing was made of it yet.
pub async fn gather(store: &Store, mention_id: &str) -> anyhow::Result<Option<Dossier>> {
    let Some(mention) = store.mention(mention_id).await? else { return Ok(None) };
    let Some(decision) = store.decisions(mention_id).await?.pop() else { return Ok(None) };
    let Some(assessment) = store.assessment(mention_id, decision.revision).await? else { return Ok(None) };
    let now = store.clock().now();
    let mut answers = Vec::new();
    for answer in store.match_answers(mention_id, decision.revision).await? {
        answers.push(name_rows(store, answer).await?);
    }
    let case = match &decision.case_id {
        Some(case_id) => store.case_facts(case_id).await?,
        None => None,
    };
    let ticket = first_ticket(&answers);
    let problem = first_problem(store, &answers, ticket.as_ref()).await?;
    let contact_id = own_ticket(&answers).and_then(|ticket| ticket.ticket.contact.clone());
    let (mut others_silent, mut others_public, mut oldest) = (0, 0, None);
    if let Some(problem) = &problem {
        let harmed = store.harmed_by(&problem.id, contact_id.as_deref(), decision.case_id.as_deref()).await?;
        (others_silent, others_public, oldest) = (harmed.silent, harmed.public, harmed.oldest_unresolved_at);
    }
    let own = own_ticket(&answers)
        .filter(|ticket| ticket.ticket.status.is_unresolved())
        .map(|ticket| ticket.ticket.created_at);
    let promises = match &ticket {
        Some(ticket) => promises::find(&store.answers(&ticket.id).await?),
        None => Vec::new(),
    };
    let parent = store
        .parents(std::slice::from_ref(&mention))
        .await?
        .into_values()
        .find(|p| p.source == mention.source);
    let recurrence_days = recurrence_days(&mention, problem.as_ref(), &answers);
    Ok(Some(Dossier {
        case,
        known_since_days: own.or(oldest).map(|at| whole_days_between(at, now)),
        parent,
        assessment,
        verdict: decision.verdict,
        urgency: decision.urgency,
        exposure: decision.exposure,
        answers,
        ticket,
        problem,
        others_silent,
        others_public,
        recurrence_days,
        promises,
        reasons: decision.reasons,
        register_age: decision.register_age,
        decided_at: Some(decision.at),
        mention,
        now,
    }))
}

async fn name_rows(store: &Store, answer: MatchAnswer) -> anyhow::Result<AnswerFacts> {
    let ticket = match &answer.ticket_id {
        Some(id) => store.ticket(id).await?,
        None => None,
    };
    // Problems are resolved on reading: a ticket that was linked since then names its present problem.
    let problem_id = ticket
        .as_ref()
        .and_then(|ticket| ticket.ticket.problem.clone())
        .or_else(|| answer.problem_id.clone());
    let problem = match &problem_id {
        Some(id) => store.problem(id).await?,
        None => None,
    };
    let contact = match &answer.contact_id {
        Some(id) => store.contact(id).await?,
        None => None,
    };
    Ok(AnswerFacts { answer, ticket, problem, contact })
}

/// The ticket to look at first: of the same case, else of the same customer, else the one most alike.
fn first_ticket(answers: &[AnswerFacts]) -> Option<StoredTicket> {
    [Question::SameCase, Question::SameCustomer, Question::SameProblem].into_iter().find_map(|question| {
        answers
            .iter()
            .find(|facts| facts.answer.question == question && facts.answer.band != Band::New)
            .and_then(|facts| facts.ticket.clone())
    })
}

/// The customer's own ticket: not one of another customer that merely resembles the words.
fn own_ticket(answers: &[AnswerFacts]) -> Option<&StoredTicket> {
    [Question::SameCase, Question::SameCustomer].into_iter().find_map(|question| {
        let facts = answers.iter().find(|facts| facts.answer.question == question)?;
        facts.ticket.as_ref().filter(|_| facts.answer.band != Band::New)
    })
}

async fn first_problem(
    store: &Store,
    answers: &[AnswerFacts],
    ticket: Option<&StoredTicket>,
) -> anyhow::Result<Option<StoredProblem>> {
    let matched = answers
        .iter()
        .find(|facts| facts.answer.question == Question::SameProblem && facts.answer.band != Band::New)
        .and_then(|facts| facts.problem.clone());
    if matched.is_some() {
        return Ok(matched);
    }
    match ticket.and_then(|ticket| ticket.ticket.problem.as_deref()) {
        Some(id) => store.problem(id).await,
        None => Ok(None),
    }
}

fn recurrence_days(
    mention: &StoredMention,
    problem: Option<&StoredProblem>,
    answers: &[AnswerFacts],
) -> Option<i64> {
    let problem = problem.filter(|problem| problem.problem.status.is_thought_fixed())?;
    let matched = answers
        .iter()
        .any(|facts| facts.answer.question == Question::SameProblem && facts.answer.band != Band::New);
    let fixed_at = problem.problem.fixed_at.filter(|fixed_at| matched && mention.said_at() > *fixed_at)?;
    Some(whole_days_between(fixed_at, mention.said_at()))
}
