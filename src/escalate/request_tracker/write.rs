//! Writing: notes, priorities, links, new tickets. Every step can be repeated without doing anything twice.
//!
//! Nothing here mails a customer. Comments reach staff only. A ticket is created without a requestor, because Request
//! Tracker greets whoever is one at that moment; the requestor is added afterwards, which its standard rules pass over
//! in silence. (An own scrip "On Watcher Added" would not: that is the operator's to know.)
//!
//! Request Tracker says 200 to changes that it did not make. So a ticket is read again after it was changed, and what is
//! still missing is a refusal that names the field.

use serde_json::{Map, Value, json};

use super::RequestTracker;
use super::api::{Change, Record};
use super::rows::{fields, line, linked, list, number, values};
use crate::escalate::{CrmAction, CrmReceipt, marker};
use crate::failure::{Failure, FailureKind};
use crate::register::Priority;
use crate::text;

/// Someone else may change the ticket while we do; that does not happen this often.
const CHANGE_ATTEMPTS: usize = 5;
/// The longest subject that Request Tracker keeps whole is 200 characters.
const SUBJECT_CHARACTERS_MAX: usize = 190;

/// What a ticket should be at least.
#[derive(Default)]
struct Wish<'a> {
    priority: Option<Priority>,
    problem: Option<u64>,
    tag: Option<&'a str>,
    requestor: Option<&'a str>,
}

impl RequestTracker {
    pub(super) async fn carry_out(
        &self,
        action: &CrmAction,
        key: &str,
        again: bool,
    ) -> Result<CrmReceipt, Failure> {
        match action {
            CrmAction::Escalate { ticket, note, raise_to, problem, tag } => {
                let wish = Wish {
                    priority: *raise_to,
                    problem: problem.as_deref().map(number_of).transpose()?,
                    tag: Some(tag.as_str()),
                    requestor: None,
                };
                self.escalate(number_of(ticket)?, note, &wish, key, again).await
            }
            CrmAction::NoteProblem { problem, note } => {
                let problem = number_of(problem)?;
                self.known_problem(problem).await?;
                let found = self.note_once(&[problem], note, key, again).await?;
                Ok(self.receipt(problem, found))
            }
            CrmAction::OpenTicket { subject, body, contact, problem, priority, tag } => {
                let wish = Wish {
                    priority: Some(*priority),
                    problem: problem.as_deref().map(number_of).transpose()?,
                    tag: Some(tag),
                    requestor: contact.as_deref(),
                };
                self.open(subject, body, &wish, key, again).await
            }
        }
    }

    async fn escalate(
        &self,
        ticket: u64,
        note: &str,
        wish: &Wish<'_>,
        key: &str,
        again: bool,
    ) -> Result<CrmReceipt, Failure> {
        let record = self.existing(ticket).await?;
        let effective = number(&record.value, "id").unwrap_or(ticket);
        // The note first: it is what staff need, even where the rest is refused.
        let found = self.note_once(&[effective, ticket], note, key, again).await?;
        self.fulfil(effective, wish).await?;
        Ok(self.receipt(effective, found))
    }

    async fn open(
        &self,
        subject: &str,
        body: &str,
        wish: &Wish<'_>,
        key: &str,
        again: bool,
    ) -> Result<CrmReceipt, Failure> {
        let earlier = if again { self.opened_ticket(&marker(key)).await? } else { None };
        if let Some(ticket) = earlier {
            // Staff may have merged or deleted it since: then it is theirs.
            let is_ours = self.api.ticket(ticket).await?.is_some_and(|record| {
                number(&record.value, "id") == Some(ticket) && !is_deleted(&record.value)
            });
            if is_ours {
                self.fulfil(ticket, wish).await?;
            }
            return Ok(self.receipt(ticket, true));
        }
        let ticket = self.api.create(&self.new_ticket(subject, body, wish, key)).await?.ok_or_else(|| {
            refused(format!(
                "Request Tracker opened no ticket in queue {}; our user needs the right CreateTicket there",
                self.config.queues.first().map_or("", String::as_str)
            ))
        })?;
        self.fulfil(ticket, wish).await?;
        Ok(self.receipt(ticket, false))
    }

    fn new_ticket(&self, subject: &str, body: &str, wish: &Wish<'_>, key: &str) -> Value {
        let customer = wish.requestor.map(|id| format!("\n\nRequest Tracker user: {id}")).unwrap_or_default();
        let mut ticket = Map::new();
        ticket.insert("Queue".into(), json!(self.config.queues.first()));
        ticket.insert(
            "Subject".into(),
            text::excerpt(&text::clean_name(subject), SUBJECT_CHARACTERS_MAX).into(),
        );
        ticket.insert("Content".into(), marked(&format!("{}{customer}", text::clean(body).text), key).into());
        ticket.insert("ContentType".into(), "text/plain".into());
        if let Some(priority) = wish.priority {
            ticket.insert("Priority".into(), self.config.priorities.number(priority).into());
        }
        if let Some(problem) = wish.problem {
            ticket.insert(self.config.problem_link.key().into(), json!([problem.to_string()]));
        }
        if let (Some(field), Some(tag)) = (&self.config.tag_field, wish.tag) {
            ticket.insert("CustomFields".into(), json!({ field.as_str(): [tag] }));
        }
        Value::Object(ticket)
    }

    /// Adds a note unless an earlier attempt did; says whether it did.
    async fn note_once(&self, tickets: &[u64], note: &str, key: &str, again: bool) -> Result<bool, Failure> {
        if again && self.has_note(tickets, &marker(key)).await? {
            return Ok(true);
        }
        let ticket = tickets.first().copied().unwrap_or_default();
        let content = marked(&text::clean(note).text, key);
        let Some(transaction) = self.api.comment(ticket, &content).await? else {
            return Err(refused(format!(
                "Request Tracker took no comment on ticket {ticket}; our user needs the right CommentOnTicket there"
            )));
        };
        let is_readable = match transaction {
            Some(transaction) => self.api.can_read(transaction).await?,
            None => self.has_note(tickets, &marker(key)).await?,
        };
        if is_readable {
            return Ok(false);
        }
        Err(refused(format!(
            "the comment on ticket {ticket} cannot be read back, so a repetition would not find it; \
             our user needs the right ShowTicketComments there"
        )))
    }

    /// Makes the ticket what it should be at least: reads it, changes what is missing while nobody else changed it
    /// meanwhile, and reads it again.
    async fn fulfil(&self, ticket: u64, wish: &Wish<'_>) -> Result<(), Failure> {
        let mut asked: Vec<String> = Vec::new();
        let mut stale_version: Option<String> = None;
        for _ in 0..CHANGE_ATTEMPTS {
            let record = self.existing(ticket).await?;
            let missing = self.missing(ticket, &record.value, wish).await?;
            if missing.is_empty() {
                return Ok(());
            }
            if let Some(key) = missing.keys().find(|key| asked.contains(key)) {
                return Err(self.unchanged(ticket, key));
            }
            // A version that is stale although nothing changed is one that a proxy rewrites: then we go without.
            let version = record.version.filter(|version| Some(version) != stale_version.as_ref());
            match self.api.change(ticket, &Value::Object(missing.clone()), version.as_deref()).await? {
                Change::Taken => asked.extend(missing.keys().cloned()),
                Change::Stale => stale_version = version,
                Change::Forbidden => {
                    return Err(refused(format!(
                        "our user may not change ticket {ticket}; it needs the right ModifyTicket there"
                    )));
                }
            }
        }
        Err(Failure::new(
            FailureKind::Unavailable,
            format!("ticket {ticket} was changed by others each time we tried to"),
        ))
    }

    /// Request Tracker took a change, and did not make it.
    fn unchanged(&self, ticket: u64, key: &str) -> Failure {
        let (field, likely) = match (key, &self.config.tag_field) {
            ("CustomFields", Some(name)) => {
                (name.as_str(), "is it a field for several values on that queue?")
            }
            ("Priority" | "Requestor", _) => (key, "our user may need the right ModifyTicket there"),
            _ => (key, "the problem may be gone"),
        };
        refused(format!(
            "Request Tracker did not change {field} of ticket {ticket}, although it said so; {likely}"
        ))
    }

    /// The changes that the ticket still needs.
    async fn missing(
        &self,
        ticket: u64,
        now: &Value,
        wish: &Wish<'_>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut missing = Map::new();
        if let Some(priority) = wish.priority.map(|priority| self.config.priorities.number(priority)) {
            let current: i64 = line(now, "Priority").and_then(|number| number.parse().ok()).unwrap_or(0);
            if current < priority {
                missing.insert("Priority".into(), priority.into());
            }
        }
        if let Some(problem) = wish.problem.filter(|problem| *problem != ticket) {
            let links = linked(now, self.config.problem_link.reference());
            let is_linked = links.contains(&problem) || !self.problems_among(&links).await?.is_empty();
            if !is_linked {
                let key = format!("Add{}", self.config.problem_link.key());
                missing.insert(key, json!([problem.to_string()]));
            }
        }
        if let (Some(field), Some(tag)) = (&self.config.tag_field, wish.tag) {
            let fields = fields(now);
            let mut tags = values(&fields, field);
            if !tags.contains(&tag) {
                tags.push(tag);
                missing.insert("CustomFields".into(), json!({ field.as_str(): tags }));
            }
        }
        if let Some(requestor) = wish.requestor.filter(|_| list(now, "Requestor").is_empty()) {
            // Only a number is sure to be one user who exists; a name or an address could create another.
            number_of(requestor)?;
            missing.insert("Requestor".into(), json!([requestor]));
        }
        Ok(missing)
    }

    async fn existing(&self, ticket: u64) -> Result<Record, Failure> {
        let record = self.api.ticket(ticket).await?.filter(|record| !is_deleted(&record.value));
        record.ok_or_else(|| not_found(ticket))
    }

    /// A problem can have thousands of links, so it is not read whole.
    async fn known_problem(&self, problem: u64) -> Result<(), Failure> {
        // Naming EffectiveId shows a problem that was merged; a note on it goes to the other by itself.
        let query = format!("EffectiveId > 0 AND id = {problem}");
        let found = self.search_tickets(&query, "id", &[]).await?;
        if found.items.is_empty() { Err(not_found(problem)) } else { Ok(()) }
    }

    fn receipt(&self, ticket: u64, found: bool) -> CrmReceipt {
        CrmReceipt { record: ticket.to_string(), url: self.display_url(ticket), found }
    }
}

fn marked(words: &str, key: &str) -> String {
    format!("{}\n\n{}", words.trim_end(), marker(key))
}

fn is_deleted(ticket: &Value) -> bool {
    line(ticket, "Status").is_some_and(|status| status == "deleted")
}

fn number_of(id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| {
        Failure::new(FailureKind::NotFound, "an id that is not one of Request Tracker's; they are numbers")
    })
}

fn not_found(ticket: u64) -> Failure {
    Failure::new(
        FailureKind::NotFound,
        format!("ticket {ticket} is not there, was deleted, or our user has no right ShowTicket on it"),
    )
}

fn refused(message: String) -> Failure {
    Failure::new(FailureKind::Refused, message)
}
