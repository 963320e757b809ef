//! What the organisation wants: `[policy]` and `[[rule]]`. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Situation, Verdict};
use crate::assess::Severity;
use crate::exposure::{Exposure, ExposureSettings};
use crate::register::register_of;

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
    /// The CRM that gets these tickets. Not needed while only one can be written to.
    pub open_tickets_in: Option<String>,
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
    /// CRMs that can be written to; the others are only read. Filled from `[[crm]]`.
    #[serde(skip)]
    pub writable_crms: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            high_exposure: 5_000,
            aged_ticket_days: 14,
            open_tickets: OpenTickets::Never,
            open_tickets_in: None,
            tag: "went-public".to_owned(),
            not_understood_audience: 5_000,
            case_days: 14,
            register_stale_minutes: 120,
            maximum_wait: MaximumWait::default(),
            exposure: ExposureSettings::default(),
            rules: Vec::new(),
            writable_crms: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// Those who are told when no rule fits: everybody whom any rule tells.
    pub(super) fn fallback_receivers(&self) -> impl Iterator<Item = &String> {
        let mut seen = BTreeSet::new();
        self.rules.iter().flat_map(|rule| &rule.notify).filter(move |receiver| seen.insert(receiver.as_str()))
    }

    /// The CRM that a ticket goes to when its customer is in none that we may write to. `None` when there is none, or
    /// several and no choice was made.
    pub fn new_tickets_in(&self) -> Option<&str> {
        match (&self.open_tickets_in, self.writable_crms.len()) {
            (Some(name), _) => self.writable_crms.get(name).map(String::as_str),
            (None, 1) => self.writable_crms.first().map(String::as_str),
            (None, _) => None,
        }
    }

    /// The register that a row of our mirror came from, when we may write to it.
    pub(super) fn writable_register_of<'a>(&self, row_id: &'a str) -> Option<&'a str> {
        Some(register_of(row_id)).filter(|register| self.writable_crms.contains(*register))
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
    /// For safety and threats. Only while this is 0 a critical complaint cannot be held back by a rule.
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

impl Rule {
    pub(super) fn fits(
        &self,
        situation: &Situation,
        verdict: Verdict,
        urgency: Severity,
        exposure: &Exposure,
    ) -> bool {
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
