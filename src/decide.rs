//! What is to be done about a mention, and why: evidence and policy in, decision out. Pure and total.
//!
//! Every branch states its reason, so that `gehoord explain` can answer "why was nobody told?" without logs. Reach may
//! raise the urgency, never lower it; a complaint that no rule wants to tell at once is told at the latest when the
//! maximum wait of its severity ends, however few people hear it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::assess::{Assessment, Class, Severity};
use crate::clock::whole_days_between;
use crate::exposure::{Exposure, ExposureSettings};
use crate::matching::{Answers, Band, Tier};
use crate::mention::StoredMention;
use crate::register::{Priority, StoredProblem, StoredTicket};

/// Whether decisions leave the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything is decided and written down; nothing is sent and no CRM is touched.
    #[default]
    Observe,
    /// Decisions are carried out.
    Act,
}

impl Mode {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Act => "act",
        }
    }
}

/// When a ticket is opened for a complaint that no ticket knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenTickets {
    /// Never: a person decides.
    #[default]
    Never,
    /// For every new complaint.
    Complaints,
    /// For new complaints of high or critical urgency.
    Urgent,
}

/// What the organisation wants. Read from `[policy]` and `[[rule]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Expected exposure from which a complaint is at least of high urgency.
    pub high_exposure: u64,
    /// Age in days of an unresolved ticket from which going public is at least of high urgency.
    pub aged_ticket_days: i64,
    /// When a ticket is opened for a complaint that no ticket knows.
    pub open_tickets: OpenTickets,
    /// The tag that CRM tickets get.
    pub tag: String,
    /// Audience from which a text in no known language is shown to a person.
    pub not_understood_audience: u64,
    /// Days after which another complaint of the same author is a new case.
    pub case_days: i64,
    /// Age in minutes from which the register is stale: no ticket is opened on a stale register.
    pub register_stale_minutes: u64,
    /// The longest time until somebody is told, per severity, in minutes.
    pub maximum_wait: MaximumWait,
    /// The assumptions behind exposure figures.
    pub exposure: ExposureSettings,
    /// Who is told what. Filled from `[[rule]]`.
    #[serde(skip)]
    pub rules: Vec<Rule>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            high_exposure: 5_000,
            aged_ticket_days: 14,
            open_tickets: OpenTickets::Never,
            tag: "went-public".to_owned(),
            not_understood_audience: 5_000,
            case_days: 14,
            register_stale_minutes: 120,
            maximum_wait: MaximumWait::default(),
            exposure: ExposureSettings::default(),
            rules: Vec::new(),
        }
    }
}

/// The longest time until somebody is told, in minutes. Holds at zero followers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaximumWait {
    /// For irritations.
    pub low_minutes: u64,
    /// For the usual.
    pub normal_minutes: u64,
    /// For money, long waiting, repeated failure.
    pub high_minutes: u64,
    /// For safety and threats.
    pub critical_minutes: u64,
}

impl Default for MaximumWait {
    fn default() -> Self {
        MaximumWait { low_minutes: 480, normal_minutes: 240, high_minutes: 60, critical_minutes: 0 }
    }
}

impl MaximumWait {
    /// The wait for one severity.
    pub fn of(&self, severity: Severity) -> Duration {
        let minutes = match severity {
            Severity::Low => self.low_minutes,
            Severity::Normal => self.normal_minutes,
            Severity::High => self.high_minutes,
            Severity::Critical => self.critical_minutes,
        };
        Duration::from_secs(minutes.saturating_mul(60))
    }
}

/// One rule of the policy: which complaints, and who is told. The first that fits decides, unless it says `go_on`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Its name, as it stands in reasons.
    pub name: String,
    /// Sources it is about; empty for all.
    pub sources: Vec<String>,
    /// Brands it is about; empty for all.
    pub brands: Vec<String>,
    /// Topics it is about; empty for all.
    pub topics: Vec<String>,
    /// Languages it is about; empty for all.
    pub languages: Vec<String>,
    /// Verdicts it is about: known, perhaps, new, unread; empty for all.
    pub verdicts: Vec<Verdict>,
    /// The lowest urgency it is about.
    pub urgency_at_least: Option<Severity>,
    /// The smallest audience it is about. An unknown audience does not reach it.
    pub audience_at_least: Option<u64>,
    /// Receivers that are told.
    pub notify: Vec<String>,
    /// Tell only when the maximum wait ends, instead of at once.
    pub hold: bool,
    /// Let the rules after it have their say too.
    pub go_on: bool,
}

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
    pub reasons: Vec<String>,
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
fn why_nothing_is_due(situation: &Situation, policy: &Policy, reasons: &mut Vec<String>) -> Option<String> {
    let (mention, assessment) = (situation.mention, situation.assessment);
    if mention.own_voice {
        return Some("our own voice: kept, never a complaint".to_owned());
    }
    if mention.removed_at.is_some() {
        return Some("removed at the source".to_owned());
    }
    if !assessment.relevant {
        return Some("not about us".to_owned());
    }
    if mention.backfill {
        return Some("came with the first poll of its source: assessed, not alerted".to_owned());
    }
    if assessment.severity == Severity::Critical {
        reasons.push("critical: a person looks now, whatever it is".to_owned());
        return None;
    }
    match assessment.class {
        Class::Complaint => None,
        Class::Unknown
            if mention.mention.author.audience.is_some_and(|n| n >= policy.not_understood_audience) =>
        {
            reasons.push("not understood, but heard by many: a person looks".to_owned());
            None
        }
        class => Some(format!("no complaint but {}", class.name())),
    }
}

fn verdict(situation: &Situation, reasons: &mut Vec<String>) -> Verdict {
    for answer in situation.answers.all() {
        if answer.band != Band::New {
            reasons.push(format!(
                "{}: {} (evidence: {}, probability {:.2})",
                answer.question.name(),
                answer.band.name(),
                answer.tier.name(),
                answer.probability
            ));
        }
    }
    match (situation.answers.band(), situation.register) {
        (Band::Known, _) => Verdict::Known,
        (Band::Perhaps, _) => Verdict::Perhaps,
        (Band::New, RegisterHealth::NeverRead) => {
            reasons.push("the register was never read completely, so nothing can be called new".to_owned());
            Verdict::Unread
        }
        (Band::New, RegisterHealth::NoRegister) => {
            reasons.push("no register is configured".to_owned());
            Verdict::New
        }
        (Band::New, RegisterHealth::Read(age)) => {
            reasons.push(format!("not known in the register as of {} minutes ago", age.as_secs() / 60));
            Verdict::New
        }
    }
}

/// Days the fix held, when the problem was thought to be fixed before this was said.
fn recurrence_days(situation: &Situation, reasons: &mut Vec<String>) -> Option<i64> {
    let problem = situation.problem.filter(|problem| problem.problem.status.is_thought_fixed())?;
    let fixed_at = problem.problem.fixed_at?;
    let said_at = situation.mention.said_at();
    if said_at <= fixed_at {
        reasons.push("said before the problem was fixed: no recurrence".to_owned());
        return None;
    }
    let days = whole_days_between(fixed_at, said_at);
    reasons.push(format!("recurrence: the fix held {days} days"));
    Some(days)
}

fn urgency(
    situation: &Situation,
    policy: &Policy,
    exposure: &Exposure,
    recurrence_days: Option<i64>,
    reasons: &mut Vec<String>,
) -> Severity {
    let mut urgency = situation.assessment.severity;
    let mut raise = |holds: bool, why: String| {
        if holds && urgency < Severity::High {
            urgency = Severity::High;
            reasons.push(format!("urgency raised to high: {why}"));
        }
    };
    raise(
        exposure.expected >= policy.high_exposure,
        format!("{} people are expected to hear it", exposure.expected),
    );
    raise(recurrence_days.is_some(), "a fix did not hold".to_owned());
    if let Some(ticket) = situation.ticket.filter(|ticket| ticket.ticket.status.is_unresolved()) {
        let days = whole_days_between(ticket.ticket.created_at, situation.mention.said_at());
        raise(
            days >= policy.aged_ticket_days,
            format!("went public {days} days after the ticket was opened"),
        );
    }
    urgency
}

fn case_step(situation: &Situation, policy: &Policy, reasons: &mut Vec<String>) -> CaseStep {
    let fresh = |case: &&OpenCase| {
        case.holds_mention || whole_days_between(case.opened_at, situation.now) <= policy.case_days
    };
    match situation.open_case.filter(fresh) {
        Some(case) => {
            reasons.push("belongs to an open case of the same author or thread".to_owned());
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
    reasons: &mut Vec<String>,
) -> Vec<Told> {
    let kind = match (case, situation.open_case) {
        (CaseStep::Attach(_), Some(case)) if urgency > case.urgency => AlertKind::Worse,
        (CaseStep::Attach(_), Some(case)) if case.holds_mention => {
            reasons.push("an edit that makes nothing worse: nobody is told again".to_owned());
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
        // Critical cannot be held: its maximum wait is zero.
        let due_at = if rule.hold { floor } else { situation.now };
        reasons.push(match rule.hold {
            true => format!("rule {:?}: told when the maximum wait ends", rule.name),
            false => format!("rule {:?}: told now", rule.name),
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
        reasons.push("no rule fits: everybody who may resolve is told when the maximum wait ends".to_owned());
        told.extend(policy.fallback_receivers().map(|receiver| Told {
            receiver: receiver.clone(),
            kind,
            due_at: floor,
        }));
    }
    told
}

impl Policy {
    /// Those who are told when no rule fits: everybody whom any rule tells.
    fn fallback_receivers(&self) -> impl Iterator<Item = &String> {
        let mut seen = std::collections::BTreeSet::new();
        self.rules.iter().flat_map(|rule| &rule.notify).filter(move |receiver| seen.insert(receiver.as_str()))
    }
}

impl Rule {
    fn fits(&self, situation: &Situation, verdict: Verdict, urgency: Severity, exposure: &Exposure) -> bool {
        let assessment = situation.assessment;
        let named = |list: &[String], value: Option<&str>| {
            list.is_empty()
                || value.is_some_and(|value| list.iter().any(|entry| entry.eq_ignore_ascii_case(value)))
        };
        named(&self.sources, Some(&situation.mention.source))
            && named(&self.brands, assessment.brand.as_deref())
            && named(&self.topics, assessment.topic.as_deref())
            && named(&self.languages, assessment.language.as_deref())
            && (self.verdicts.is_empty() || self.verdicts.contains(&verdict))
            && self.urgency_at_least.is_none_or(|least| urgency >= least)
            && self
                .audience_at_least
                .is_none_or(|least| exposure.audience.is_some_and(|audience| audience >= least))
    }
}

/// What is done in the CRM. Text alone never gets here as *known*; a problem of others never touches anybody's ticket.
fn crm_steps(
    situation: &Situation,
    policy: &Policy,
    verdict: Verdict,
    urgency: Severity,
    reasons: &mut Vec<String>,
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
        reasons.push("the customer's own ticket is noted and raised".to_owned());
        steps.push(CrmStep::Escalate { ticket_id, raise_to: priority, problem_id: problem_id.clone() });
    }
    if let Some(problem_id) = problem_id.filter(|_| answers.same_problem.tier != Tier::None) {
        reasons.push("the problem is noted and counted".to_owned());
        steps.push(CrmStep::NoteProblem { problem_id });
    }
    if steps.is_empty() && verdict == Verdict::New && may_open_ticket(situation, policy, urgency, reasons) {
        let contact_id =
            answers.same_customer.contact_id.clone().filter(|_| answers.same_customer.band == Band::Known);
        steps.push(CrmStep::OpenTicket { contact_id, priority });
    }
    steps
}

fn may_open_ticket(
    situation: &Situation,
    policy: &Policy,
    urgency: Severity,
    reasons: &mut Vec<String>,
) -> bool {
    let wanted = match policy.open_tickets {
        OpenTickets::Never => false,
        OpenTickets::Complaints => true,
        OpenTickets::Urgent => urgency >= Severity::High,
    };
    if !wanted || situation.open_case.is_some() || situation.assessment.class != Class::Complaint {
        return false;
    }
    let stale_after = Duration::from_secs(policy.register_stale_minutes.saturating_mul(60));
    match situation.register {
        RegisterHealth::Read(age) if age <= stale_after => {
            reasons.push("no ticket knows it: one is opened".to_owned());
            true
        }
        RegisterHealth::Read(_) => {
            reasons.push("the register is stale: no ticket is opened on it".to_owned());
            false
        }
        RegisterHealth::NeverRead | RegisterHealth::NoRegister => false,
    }
}

#[cfg(test)]
mod tests;
