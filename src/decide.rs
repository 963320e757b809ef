//! What is to be done about a mention, and why: evidence and policy in, decision out. Pure and total.
//!
//! `policy` holds what the organisation wants, `reason` what a decision says of itself. Every branch states its reason, so that `gehoord explain` can answer "why was nobody told?" without logs. Reach may
//! raise the urgency, never lower it; a complaint that no rule wants to tell at once is told at the latest when the
//! maximum wait of its severity ends, however few people hear it.

mod policy;
mod reason;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use policy::{MaximumWait, Mode, OpenTickets, Policy, Rule};
pub use reason::{Raised, Reason};

use crate::assess::{Assessment, Class, Severity};
use crate::clock::whole_days_between;
use crate::exposure::Exposure;
use crate::matching::{Answers, Band, Tier};
use crate::mention::StoredMention;
use crate::register::{Priority, StoredProblem, StoredTicket, register_of};

/// The short answer to "is it known?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Known: acted on.
    Known,
    /// Perhaps known: a person is asked.
    Perhaps,
    /// Not known, as of the age of the register.
    New,
    /// The register was never read completely, so nothing can be called new.
    Unread,
    /// No complaint of ours: the question does not arise.
    None,
}

impl Verdict {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Known => "known",
            Verdict::Perhaps => "perhaps",
            Verdict::New => "new",
            Verdict::Unread => "unread",
            Verdict::None => "none",
        }
    }

    /// Says more than `other` did: unread, new, perhaps, known, in that order.
    pub fn is_better_than(self, other: Verdict) -> bool {
        let rank = |verdict| match verdict {
            Verdict::None => 0,
            Verdict::Unread => 1,
            Verdict::New => 2,
            Verdict::Perhaps => 3,
            Verdict::Known => 4,
        };
        other != Verdict::None && rank(self) > rank(other)
    }

    /// The verdict a stored name stands for.
    pub fn from_name(name: &str) -> Option<Verdict> {
        [Verdict::Known, Verdict::Perhaps, Verdict::New, Verdict::Unread, Verdict::None]
            .into_iter()
            .find(|v| v.name() == name)
    }
}

/// How far the register can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterHealth {
    /// No CRM is configured.
    NoRegister,
    /// It was never read completely.
    NeverRead,
    /// Last read completely this long ago.
    Read(Duration),
}

/// A case that is open already.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenCase {
    /// Its id.
    pub id: String,
    /// Its urgency so far.
    pub urgency: Severity,
    /// The ticket it is about.
    pub ticket_id: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// This mention (an earlier revision of it) belongs to it already.
    pub holds_mention: bool,
}

/// Everything a decision rests on.
#[derive(Debug)]
pub struct Situation<'a> {
    /// What was said.
    pub mention: &'a StoredMention,
    /// What it is.
    pub assessment: &'a Assessment,
    /// Whether it is known.
    pub answers: &'a Answers,
    /// The ticket that `same_case` or else `same_customer` names.
    pub ticket: Option<&'a StoredTicket>,
    /// The problem that `same_problem` names.
    pub problem: Option<&'a StoredProblem>,
    /// The open case of the same author or thread.
    pub open_case: Option<&'a OpenCase>,
    /// How far the register can be believed.
    pub register: RegisterHealth,
    /// The present moment.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Is it known?
    pub verdict: Verdict,
    /// How soon somebody must look.
    pub urgency: Severity,
    /// How many people hear it.
    pub exposure: Exposure,
    /// Which case it belongs to.
    pub case: CaseStep,
    /// Who is told, and when at the latest.
    pub alerts: Vec<Told>,
    /// What is done in the CRM.
    pub crm: Vec<CrmStep>,
    /// Days a fix held before this complaint, when it is a recurrence.
    pub recurrence_days: Option<i64>,
    /// Why, in the order in which it was thought.
    pub reasons: Vec<Reason>,
}

/// Which case a mention belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseStep {
    /// None: nobody is waiting for an answer.
    Nothing,
    /// A new case.
    Open,
    /// The open case with this id.
    Attach(String),
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Configured name of the receiver.
    pub receiver: String,
    /// Why.
    pub kind: AlertKind,
    /// When at the latest.
    pub due_at: Timestamp,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A complaint.
    Complaint,
    /// A complaint about something that was thought to be fixed.
    Recurrence,
    /// An open case became more urgent.
    Worse,
    /// The same author complains again.
    More,
    /// A text in no known language, heard by many.
    NotUnderstood,
    /// A complaint that was thought new turned out to be known.
    KnownAfterAll,
}

impl AlertKind {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::Complaint => "complaint",
            AlertKind::Recurrence => "recurrence",
            AlertKind::Worse => "worse",
            AlertKind::More => "more",
            AlertKind::NotUnderstood => "not_understood",
            AlertKind::KnownAfterAll => "known_after_all",
        }
    }

    /// The kind a stored name stands for.
    pub fn from_name(name: &str) -> Option<AlertKind> {
        use AlertKind::*;
        [Complaint, Recurrence, Worse, More, NotUnderstood, KnownAfterAll]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Something to be done in the CRM. Ids are row ids of the mirror; the words are written when it is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum CrmStep {
    /// Raise the customer's own ticket.
    Escalate {
        /// The ticket.
        ticket_id: String,
        /// The priority it should have at least.
        raise_to: Priority,
        /// The problem to link it to.
        problem_id: Option<String>,
    },
    /// Note on a problem that one more customer has it.
    NoteProblem {
        /// The problem.
        problem_id: String,
    },
    /// Open a ticket.
    OpenTicket {
        /// Configured name of the CRM that gets it.
        #[serde(default)]
        register: String,
        /// The customer, where certain.
        contact_id: Option<String>,
        /// How urgent.
        priority: Priority,
    },
}

/// Decides. Total: every situation has an answer, and every answer has its reasons.
pub fn decide(situation: &Situation, policy: &Policy) -> Decision {
    let assessment = situation.assessment;
    let mut reasons = Vec::new();
    let told = if assessment.class == Class::Praise {
        policy.exposure.told_praise
    } else {
        policy.exposure.told_complaint
    };
    let said = &situation.mention.mention;
    let exposure = Exposure::compute(&policy.exposure, said.author.audience, said.engagement.shares, told);
    if let Some(reason) = why_nothing_is_due(situation, policy, &mut reasons) {
        reasons.push(reason);
        return Decision {
            verdict: Verdict::None,
            urgency: assessment.severity,
            exposure,
            case: CaseStep::Nothing,
            alerts: Vec::new(),
            crm: Vec::new(),
            recurrence_days: None,
            reasons,
        };
    }
    let verdict = verdict(situation, &mut reasons);
    let recurrence_days = recurrence_days(situation, &mut reasons);
    let urgency = urgency(situation, policy, &exposure, recurrence_days, &mut reasons);
    let case = case_step(situation, policy, &mut reasons);
    let alerts = alerts(situation, policy, verdict, urgency, &exposure, recurrence_days, &case, &mut reasons);
    let crm = crm_steps(situation, policy, verdict, urgency, &mut reasons);
    Decision { verdict, urgency, exposure, case, alerts, crm, recurrence_days, reasons }
}

/// Why nobody is waiting for anything here; `None` when somebody is.
fn why_nothing_is_due(situation: &Situation, policy: &Policy, reasons: &mut Vec<Reason>) -> Option<Reason> {
    let (mention, assessment) = (situation.mention, situation.assessment);
    if mention.own_voice {
        return Some(Reason::OwnVoice);
    }
    if mention.removed_at.is_some() {
        return Some(Reason::Removed);
    }
    if !assessment.relevant {
        return Some(Reason::NotAboutUs);
    }
    if mention.backfill {
        return Some(Reason::FirstPoll);
    }
    if assessment.severity == Severity::Critical {
        reasons.push(Reason::Critical);
        return None;
    }
    match assessment.class {
        Class::Complaint => None,
        Class::Unknown
            if mention.mention.author.audience.is_some_and(|n| n >= policy.not_understood_audience) =>
        {
            reasons.push(Reason::HeardByMany);
            None
        }
        class => Some(Reason::NoComplaint { class }),
    }
}

fn verdict(situation: &Situation, reasons: &mut Vec<Reason>) -> Verdict {
    for answer in situation.answers.all() {
        if answer.band != Band::New {
            reasons.push(Reason::Answer {
                question: answer.question,
                band: answer.band,
                tier: answer.tier,
                // JSON has no infinities.
                probability: if answer.probability.is_finite() { answer.probability } else { 0.0 },
            });
        }
    }
    match (situation.answers.band(), situation.register) {
        (Band::Known, _) => Verdict::Known,
        (Band::Perhaps, _) => Verdict::Perhaps,
        (Band::New, RegisterHealth::NeverRead) => {
            reasons.push(Reason::RegisterUnread);
            Verdict::Unread
        }
        (Band::New, RegisterHealth::NoRegister) => {
            reasons.push(Reason::NoRegister);
            Verdict::New
        }
        (Band::New, RegisterHealth::Read(age)) => {
            reasons.push(Reason::NotInRegister { minutes_ago: age.as_secs() / 60 });
            Verdict::New
        }
    }
}

/// Days the fix held, when the problem was thought to be fixed before this was said.
fn recurrence_days(situation: &Situation, reasons: &mut Vec<Reason>) -> Option<i64> {
    let problem = situation.problem.filter(|problem| problem.problem.status.is_thought_fixed())?;
    let fixed_at = problem.problem.fixed_at?;
    let said_at = situation.mention.said_at();
    if said_at <= fixed_at {
        reasons.push(Reason::SaidBeforeFix);
        return None;
    }
    let days = whole_days_between(fixed_at, said_at);
    reasons.push(Reason::Recurrence { days });
    Some(days)
}

fn urgency(
    situation: &Situation,
    policy: &Policy,
    exposure: &Exposure,
    recurrence_days: Option<i64>,
    reasons: &mut Vec<Reason>,
) -> Severity {
    let mut urgency = situation.assessment.severity;
    let mut raise = |holds: bool, because: Raised| {
        if holds && urgency < Severity::High {
            urgency = Severity::High;
            reasons.push(Reason::Raised { because });
        }
    };
    let expected = exposure.expected;
    raise(expected >= policy.high_exposure, Raised::Reach { expected });
    raise(recurrence_days.is_some(), Raised::FixDidNotHold);
    if let Some(ticket) = situation.ticket.filter(|ticket| ticket.ticket.status.is_unresolved()) {
        let days = whole_days_between(ticket.ticket.created_at, situation.mention.said_at());
        raise(days >= policy.aged_ticket_days, Raised::AgedTicket { days });
    }
    urgency
}

fn case_step(situation: &Situation, policy: &Policy, reasons: &mut Vec<Reason>) -> CaseStep {
    let fresh = |case: &&OpenCase| {
        case.holds_mention || whole_days_between(case.opened_at, situation.now) <= policy.case_days
    };
    match situation.open_case.filter(fresh) {
        Some(case) => {
            reasons.push(Reason::OpenCase);
            CaseStep::Attach(case.id.clone())
        }
        None => CaseStep::Open,
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one decision, each computed once by decide")]
fn alerts(
    situation: &Situation,
    policy: &Policy,
    verdict: Verdict,
    urgency: Severity,
    exposure: &Exposure,
    recurrence_days: Option<i64>,
    case: &CaseStep,
    reasons: &mut Vec<Reason>,
) -> Vec<Told> {
    let kind = match (case, situation.open_case) {
        (CaseStep::Attach(_), Some(case)) if urgency > case.urgency => AlertKind::Worse,
        (CaseStep::Attach(_), Some(case)) if case.holds_mention => {
            reasons.push(Reason::HarmlessEdit);
            return Vec::new();
        }
        (CaseStep::Attach(_), _) => AlertKind::More,
        _ if situation.assessment.class == Class::Unknown => AlertKind::NotUnderstood,
        _ if recurrence_days.is_some() => AlertKind::Recurrence,
        _ => AlertKind::Complaint,
    };
    let floor = situation.now + policy.maximum_wait.of(situation.assessment.severity);
    let mut told: Vec<Told> = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.fits(situation, verdict, urgency, exposure)) {
        // With `maximum_wait.critical_minutes` at 0, where it is unless somebody raised it, holding delays nothing critical.
        let due_at = if rule.hold { floor } else { situation.now };
        reasons.push(match rule.hold {
            true => Reason::RuleHolds { rule: rule.name.clone() },
            false => Reason::RuleTells { rule: rule.name.clone() },
        });
        for receiver in &rule.notify {
            if !told.iter().any(|earlier| earlier.receiver == *receiver) {
                told.push(Told { receiver: receiver.clone(), kind, due_at });
            }
        }
        if !rule.go_on {
            return told;
        }
    }
    if told.is_empty() {
        reasons.push(Reason::NoRuleFits);
        told.extend(policy.fallback_receivers().map(|receiver| Told {
            receiver: receiver.clone(),
            kind,
            due_at: floor,
        }));
    }
    told
}

/// What is done in the CRM. Text alone never gets here as *known*; a problem of others never touches anybody's ticket. In a
/// register that can only be read nothing is owed: the reason says that a person must do it.
fn crm_steps(
    situation: &Situation,
    policy: &Policy,
    verdict: Verdict,
    urgency: Severity,
    reasons: &mut Vec<Reason>,
) -> Vec<CrmStep> {
    let priority = match urgency {
        Severity::Low | Severity::Normal => Priority::Normal,
        Severity::High => Priority::High,
        Severity::Critical => Priority::Urgent,
    };
    let answers = situation.answers;
    let problem_id =
        (answers.same_problem.band == Band::Known).then(|| answers.same_problem.problem_id.clone()).flatten();
    let mut steps = Vec::new();
    let own =
        [&answers.same_case, &answers.same_customer].into_iter().find(|answer| answer.band == Band::Known);
    if let Some(ticket_id) = own.and_then(|answer| answer.ticket_id.clone()) {
        if policy.writable_register_of(&ticket_id).is_some() {
            reasons.push(Reason::TicketRaised);
            steps.push(CrmStep::Escalate { ticket_id, raise_to: priority, problem_id: problem_id.clone() });
        } else {
            reasons.push(Reason::TicketByHand { register: register_of(&ticket_id).to_owned() });
        }
    }
    if let Some(problem_id) = problem_id.filter(|_| answers.same_problem.tier != Tier::None) {
        if policy.writable_register_of(&problem_id).is_some() {
            reasons.push(Reason::ProblemNoted);
            steps.push(CrmStep::NoteProblem { problem_id });
        } else {
            reasons.push(Reason::ProblemByHand { register: register_of(&problem_id).to_owned() });
        }
    }
    if verdict == Verdict::New {
        steps.extend(new_ticket(situation, policy, urgency, priority, reasons));
    }
    steps
}

/// The ticket to be opened for a complaint that no ticket knows: where its customer is, or else where the policy says.
fn new_ticket(
    situation: &Situation,
    policy: &Policy,
    urgency: Severity,
    priority: Priority,
    reasons: &mut Vec<Reason>,
) -> Option<CrmStep> {
    let wanted = match policy.open_tickets {
        OpenTickets::Never => false,
        OpenTickets::Complaints => true,
        OpenTickets::Urgent => urgency >= Severity::High,
    };
    if !wanted || situation.open_case.is_some() || situation.assessment.class != Class::Complaint {
        return None;
    }
    let stale_after = Duration::from_secs(policy.register_stale_minutes.saturating_mul(60));
    match situation.register {
        RegisterHealth::Read(age) if age <= stale_after => {}
        RegisterHealth::Read(_) => {
            reasons.push(Reason::RegisterStale);
            return None;
        }
        RegisterHealth::NeverRead | RegisterHealth::NoRegister => return None,
    }
    let same_customer = &situation.answers.same_customer;
    let customer = same_customer.contact_id.as_deref().filter(|_| same_customer.band == Band::Known);
    let where_they_are = customer.and_then(|customer| policy.writable_register_of(customer));
    let Some(register) = where_they_are.or(policy.new_tickets_in()) else {
        reasons.push(Reason::NowhereToOpen);
        return None;
    };
    reasons.push(Reason::TicketOpened { register: register.to_owned() });
    Some(CrmStep::OpenTicket {
        register: register.to_owned(),
        // A customer of another register is nobody there.
        contact_id: customer.filter(|_| where_they_are.is_some()).map(str::to_owned),
        priority,
    })
}

#[cfg(test)]
mod tests;
