//! Tickets, posts and the demo's story for the tests of matching.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::Index;
use crate::assess::{Assessment, Class, Severity};
use crate::mention::{Author, Mention};
use crate::recognise::{Certainty, Person, Provenance, Recognition};
use crate::register::{
    Priority, Problem, ProblemStatus, StoredProblem, StoredTicket, Ticket, TicketStatus, row_id,
};

pub(super) fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(super) fn days_ago(days: f64) -> Timestamp {
    now() - SignedDuration::from_secs((days * 86_400.0) as i64)
}

/// An open ticket of ten days ago, nobody's and about no problem.
pub(super) fn ticket(id: &str, subject: &str, body: &str) -> StoredTicket {
    StoredTicket {
        id: row_id("crm", id),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        ticket: Ticket {
            external_id: id.into(),
            number: id.into(),
            url: None,
            subject: subject.into(),
            body: body.into(),
            status: TicketStatus::Open,
            priority: Priority::Normal,
            contact: None,
            problem: None,
            product: None,
            created_at: days_ago(10.0),
            updated_at: days_ago(10.0),
            solved_at: None,
        },
    }
}

/// How tickets differ from the usual one.
pub(super) trait Variations: Sized {
    fn of(self, contact: &str) -> Self;
    fn linked_to(self, problem: &str) -> Self;
    fn opened(self, days: f64) -> Self;
    fn solved(self, days: f64) -> Self;
}

impl Variations for StoredTicket {
    fn of(mut self, contact: &str) -> StoredTicket {
        self.ticket.contact = Some(row_id("crm", contact));
        self
    }

    fn linked_to(mut self, problem: &str) -> StoredTicket {
        self.ticket.problem = Some(row_id("crm", problem));
        self
    }

    fn opened(mut self, days: f64) -> StoredTicket {
        self.ticket.created_at = days_ago(days);
        self
    }

    fn solved(mut self, days: f64) -> StoredTicket {
        self.ticket.status = TicketStatus::Solved;
        self.ticket.created_at = self.ticket.created_at.min(days_ago(days + 5.0));
        self.ticket.solved_at = Some(days_ago(days));
        self
    }
}

pub(super) fn problem(id: &str, title: &str, description: &str) -> StoredProblem {
    StoredProblem {
        id: row_id("crm", id),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        problem: Problem {
            external_id: id.into(),
            number: id.into(),
            url: None,
            title: title.into(),
            description: description.into(),
            status: ProblemStatus::Open,
            workaround: None,
            owner: None,
            owner_email: None,
            opened_at: days_ago(40.0),
            fixed_at: None,
        },
    }
}

pub(super) fn index_of(tickets: &[StoredTicket], problems: &[StoredProblem]) -> Index {
    let mut index = Index::default();
    tickets.iter().for_each(|ticket| index.apply_ticket(ticket));
    problems.iter().for_each(|problem| index.apply_problem(problem));
    index
}

pub(super) fn post(text: &str) -> Mention {
    Mention::new("m-1", Author { external_id: "a-1".into(), ..Author::default() }, text)
}

pub(super) fn assessed(class: Class) -> Assessment {
    Assessment {
        relevant: true,
        brand: Some("Veldnet".into()),
        language: None,
        class,
        probability: 0.9,
        severity: Severity::Normal,
        topic: None,
        references: Vec::new(),
        evidence: Vec::new(),
    }
}

pub(super) fn recognised(contact: &str, certainty: Certainty) -> Recognition {
    let probability = if certainty == Certainty::Certain { 0.99 } else { 0.7 };
    let person = Person {
        contact_id: row_id("crm", contact),
        certainty,
        provenance: Provenance::Handle,
        probability,
        evidence: "the handle is on file".into(),
    };
    Recognition { person: Some(person), others: Vec::new() }
}

/// The register of the demo.
pub(super) struct Story {
    pub(super) tickets: Vec<StoredTicket>,
    pub(super) problems: Vec<StoredProblem>,
    /// Contact row ids by handle and by customer number.
    pub(super) contacts: HashMap<String, String>,
    /// Mentions as they stand in the file.
    pub(super) mentions: Vec<serde_json::Value>,
}

impl Story {
    pub(super) fn read() -> Story {
        let mentions = include_str!("../../demo/story/mentions.jsonl").lines();
        Story {
            tickets: rows(include_str!("../../demo/story/tickets.csv"))
                .map(|row| story_ticket(&row))
                .collect(),
            problems: rows(include_str!("../../demo/story/problems.csv"))
                .map(|row| story_problem(&row))
                .collect(),
            contacts: rows(include_str!("../../demo/story/contacts.csv")).flat_map(contact_keys).collect(),
            mentions: mentions.map(|line| serde_json::from_str(line).unwrap()).collect(),
        }
    }
}

type Row = HashMap<String, String>;

fn rows(csv: &'static str) -> impl Iterator<Item = Row> {
    csv::Reader::from_reader(csv.as_bytes()).into_deserialize().map(|row| row.unwrap())
}

fn contact_keys(row: Row) -> Vec<(String, String)> {
    let handles = row["handles"].split_whitespace().filter_map(|pair| pair.split_once(':'));
    let keys = handles.map(|(_, handle)| handle.trim_start_matches('@').to_lowercase());
    keys.chain([row["customer_number"].clone()]).map(|key| (key, row_id("crm", &row["id"]))).collect()
}

fn story_ticket(row: &Row) -> StoredTicket {
    let mut stored =
        ticket(&row["id"], &row["subject"], &row["body"]).opened(age(row, "created_days_ago").unwrap());
    let filled =
        |column: &str| Some(&row[column]).filter(|value| !value.is_empty()).map(|id| row_id("crm", id));
    stored.ticket.status = TicketStatus::from_name(&row["status"]).unwrap();
    stored.ticket.contact = filled("contact");
    stored.ticket.problem = filled("problem");
    stored.ticket.solved_at = age(row, "resolved_days_ago").map(days_ago);
    stored
}

fn story_problem(row: &Row) -> StoredProblem {
    let mut stored = problem(&row["id"], &row["title"], &row["description"]);
    stored.problem.status = ProblemStatus::from_name(&row["status"]).unwrap();
    stored.problem.workaround = Some(row["workaround"].clone()).filter(|text| !text.is_empty());
    stored.problem.opened_at = days_ago(age(row, "opened_days_ago").unwrap());
    stored.problem.fixed_at = age(row, "fixed_days_ago").map(days_ago);
    stored
}

fn age(row: &Row, column: &str) -> Option<f64> {
    row[column].parse().ok()
}
