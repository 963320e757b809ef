//! One raw row of Request Tracker in our words. Pure; a row that does not fit costs itself only.
//!
//! Fields that are empty come as `""` whatever their type, and dates that are not set as 1970-01-01: both are "nothing".

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Config;
use crate::register::{Contact, Problem, ProblemStatus, Ticket, TicketStatus};
use crate::source::json;
use crate::text;

/// The fields of a ticket that a search must ask for.
pub(super) const TICKET_FIELDS: &str =
    "Subject,Status,Priority,Queue,Requestor,Cc,Owner,Created,LastUpdated,Resolved,CustomFields,EffectiveId";
/// The fields of what a ticket refers to.
pub(super) const TICKET_SUBFIELDS: [(&str, &str); 4] = [
    ("Queue", "Name"),
    ("Requestor", "id,Name,EmailAddress,RealName,MobilePhone,HomePhone,WorkPhone,City,CustomFields"),
    ("Cc", "id"),
    ("Owner", "id,Name,EmailAddress,RealName"),
];
/// The fields of a transaction that a search must ask for.
pub(super) const ENTRY_FIELDS: &str = "Type,ObjectId,Creator,Created,Field,OldValue";
/// The fields of what a transaction refers to.
pub(super) const ENTRY_SUBFIELDS: [(&str, &str); 1] = [("Creator", "id")];

/// A ticket as a search shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub id: u64,
    /// The ticket it was merged into, or itself.
    pub effective_id: u64,
    pub subject: String,
    pub status: String,
    pub priority: i64,
    pub queue: String,
    pub requestors: Vec<Person>,
    pub copied: Vec<String>,
    pub owner: Option<Person>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub resolved: Option<Timestamp>,
    pub fields: Vec<Field>,
}

/// A user of Request Tracker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Person {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub city: Option<String>,
    pub fields: Vec<Field>,
}

/// A custom field with its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub name: String,
    pub values: Vec<String>,
}

/// An entry of a ticket's history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub id: u64,
    pub ticket: u64,
    pub kind: String,
    pub creator: String,
    pub at: Timestamp,
    pub field: Option<String>,
    pub old_value: Option<String>,
}

/// The text of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub id: u64,
    pub entry: u64,
    pub is_html: bool,
    pub text: String,
}

/// Reads every raw row by itself; the reasons of those that do not fit go to `rejected`.
pub(super) fn read_all<T>(
    raw: &[Box<RawValue>],
    read: impl Fn(&Value) -> Result<T, String>,
    rejected: &mut Vec<String>,
) -> Vec<T> {
    raw.iter()
        .filter_map(|raw| {
            json::read_item::<Value>(raw.get())
                .and_then(|value| read(&value))
                .map_err(|reason| rejected.push(reason))
                .ok()
        })
        .collect()
}

impl Row {
    pub(super) fn read(value: &Value) -> Result<Row, String> {
        let id = number(value, "id").ok_or("a ticket without a number")?;
        let missing = |field: &str| format!("ticket {id}: no {field}");
        let updated = time(value, "LastUpdated").ok_or_else(|| missing("LastUpdated"))?;
        Ok(Row {
            id,
            effective_id: number(value, "EffectiveId").unwrap_or(id),
            subject: line(value, "Subject").unwrap_or_default(),
            status: line(value, "Status").ok_or_else(|| missing("Status"))?.to_lowercase(),
            priority: line(value, "Priority").and_then(|number| number.parse().ok()).unwrap_or(0),
            queue: line(&value["Queue"], "Name").ok_or_else(|| missing("Queue"))?,
            requestors: list(value, "Requestor").iter().filter_map(Person::read).collect(),
            copied: list(value, "Cc").iter().filter_map(|person| line(person, "id")).collect(),
            // Request Tracker's own user for "not taken yet".
            owner: Person::read(&value["Owner"])
                .filter(|_| line(&value["Owner"], "Name").is_none_or(|name| name != "Nobody")),
            created: time(value, "Created").unwrap_or(updated),
            updated,
            resolved: time(value, "Resolved"),
            fields: fields(value),
        })
    }

    /// The values of a custom field of the ticket, else of its first requestor.
    fn values(&self, name: &Option<String>) -> Vec<&str> {
        let Some(name) = name else { return Vec::new() };
        let own = values(&self.fields, name);
        match self.requestors.first() {
            Some(person) if own.is_empty() => values(&person.fields, name),
            _ => own,
        }
    }

    fn status(&self, config: &Config) -> TicketStatus {
        let explained = config.statuses.iter().find(|(name, _)| name.to_lowercase() == self.status);
        explained.map(|(_, status)| *status).unwrap_or(match self.status.as_str() {
            "new" | "open" => TicketStatus::Open,
            "stalled" => TicketStatus::Pending,
            "resolved" => TicketStatus::Solved,
            "rejected" | "deleted" => TicketStatus::Closed,
            // A status of an own lifecycle that nobody explained: Request Tracker dates the end of those that end.
            _ if self.resolved.is_some() => TicketStatus::Solved,
            _ => TicketStatus::Open,
        })
    }

    /// The row as a customer's ticket.
    pub(super) fn ticket(
        &self,
        config: &Config,
        url: Option<String>,
        body: String,
        problem: Option<u64>,
    ) -> Ticket {
        let status = self.status(config);
        let product = self.values(&config.product_field).first().map(|value| (*value).to_owned());
        Ticket {
            external_id: self.id.to_string(),
            number: self.id.to_string(),
            url,
            subject: self.subject.clone(),
            body,
            status,
            priority: config.priorities.of_number(self.priority),
            contact: self.requestors.first().map(|person| person.id.clone()),
            problem: problem.map(|id| id.to_string()),
            product: Some(product.unwrap_or_else(|| self.queue.clone())),
            created_at: self.created,
            updated_at: self.updated,
            solved_at: self.resolved.filter(|_| !status.is_unresolved()),
        }
    }

    /// The row as a known problem.
    pub(super) fn problem(&self, config: &Config, url: Option<String>, description: String) -> Problem {
        let status = match self.status(config) {
            TicketStatus::Open => ProblemStatus::Open,
            TicketStatus::Pending => ProblemStatus::Explained,
            TicketStatus::Solved => ProblemStatus::Fixed,
            TicketStatus::Closed => ProblemStatus::Closed,
        };
        let workaround = self.values(&config.workaround_field).join("\n");
        Problem {
            external_id: self.id.to_string(),
            number: self.id.to_string(),
            url,
            title: self.subject.clone(),
            description,
            status,
            workaround: Some(workaround).filter(|text| !text.is_empty()),
            owner: self.owner.as_ref().map(|owner| owner.name.clone()).filter(|name| !name.is_empty()),
            owner_email: self.owner.as_ref().and_then(|owner| owner.email.clone()),
            opened_at: self.created,
            fixed_at: self.resolved.filter(|_| status.is_thought_fixed()),
        }
    }

    /// The customer numbers on the ticket, or on its first requestor.
    pub(super) fn customer_number(&self, config: &Config) -> Option<String> {
        self.values(&config.customer_number_field).first().map(|value| (*value).to_owned())
    }

    /// The `network:handle` pairs on the ticket, or on its first requestor.
    pub(super) fn handles(&self, config: &Config) -> Vec<String> {
        self.values(&config.handle_field)
            .iter()
            .flat_map(|value| value.split([',', ';', ' ', '\n', '\r', '\t']))
            .filter_map(|value| handle(value, config.handle_network.as_deref()))
            .collect()
    }
}

impl Person {
    /// A user. Groups can stand where users do; they are nobody to write to.
    fn read(value: &Value) -> Option<Person> {
        if line(value, "type").is_some_and(|kind| kind != "user") {
            return None;
        }
        let email = line(value, "EmailAddress");
        let name = line(value, "RealName").or_else(|| line(value, "Name"));
        let phone = ["MobilePhone", "HomePhone", "WorkPhone"].iter().find_map(|field| line(value, field));
        Some(Person {
            id: line(value, "id")?,
            // A customer who only ever mailed has the address as user name, which is nobody's name.
            name: name.filter(|name| email.as_ref() != Some(name) && !name.contains('@')).unwrap_or_default(),
            email,
            phone,
            city: line(value, "City"),
            fields: fields(value),
        })
    }

    pub(super) fn contact(&self, customer_number: Option<String>, handles: Vec<String>) -> Contact {
        Contact {
            external_id: self.id.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            customer_number,
            city: self.city.clone(),
            handles,
            customer_since: None,
        }
    }
}

impl Entry {
    pub(super) fn read(value: &Value) -> Result<Entry, String> {
        let id = number(value, "id").ok_or("a history entry without a number")?;
        let missing = |field: &str| format!("history entry {id}: no {field}");
        Ok(Entry {
            id,
            ticket: number(value, "ObjectId").ok_or_else(|| missing("ObjectId"))?,
            kind: line(value, "Type").ok_or_else(|| missing("Type"))?,
            creator: line(&value["Creator"], "id").unwrap_or_default(),
            at: time(value, "Created").ok_or_else(|| missing("Created"))?,
            field: line(value, "Field"),
            old_value: line(value, "OldValue"),
        })
    }
}

impl Content {
    pub(super) fn read(value: &Value) -> Result<Content, String> {
        let id = number(value, "id").ok_or("a text without a number")?;
        let missing = |field: &str| format!("text {id}: no {field}");
        let kind = line(value, "ContentType").ok_or_else(|| missing("ContentType"))?;
        Ok(Content {
            id,
            entry: number(value, "TransactionId").ok_or_else(|| missing("TransactionId"))?,
            is_html: kind.to_ascii_lowercase().starts_with("text/html"),
            text: value["Content"].as_str().ok_or_else(|| missing("Content"))?.to_owned(),
        })
    }
}

/// The ids of the tickets that a ticket points to in a relation.
pub(super) fn linked(value: &Value, reference: &str) -> Vec<u64> {
    let is_one = |link: &&Value| line(link, "ref").as_deref() == Some(reference) && link["type"] == "ticket";
    list(value, "_hyperlinks").iter().filter(is_one).filter_map(|link| number(link, "id")).collect()
}

/// The values of a custom field, by its name.
pub(super) fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a str> {
    fields
        .iter()
        .filter(|field| field.name == name)
        .flat_map(|field| &field.values)
        .map(String::as_str)
        .collect()
}

/// All custom fields that have a value, or could have one.
pub(super) fn fields(value: &Value) -> Vec<Field> {
    let read = |field: &Value| {
        let values = list(field, "values").iter().filter_map(plain).collect();
        line(field, "name").map(|name| Field { name, values })
    };
    list(value, "CustomFields").iter().filter_map(read).collect()
}

/// A list; anything else is an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// A text or number that is not empty, on one line.
pub(super) fn line(value: &Value, key: &str) -> Option<String> {
    plain(&value[key]).map(|text| text::clean_name(&text)).filter(|text| !text.is_empty())
}

/// An id.
pub(super) fn number(value: &Value, key: &str) -> Option<u64> {
    plain(&value[key])?.parse().ok()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    let at: Timestamp = value[key].as_str()?.parse().ok()?;
    (at.as_second() > 0).then_some(at)
}

/// A value of the handle field as `network:handle`.
fn handle(value: &str, default_network: Option<&str>) -> Option<String> {
    let (network, handle) = match value.split_once(':') {
        Some((_, rest)) if rest.starts_with("//") => return None,
        Some(pair) => pair,
        None => (default_network?, value),
    };
    let (network, handle) = (network.trim().to_lowercase(), handle.trim().trim_start_matches('@'));
    (!network.is_empty() && !handle.is_empty()).then(|| format!("{network}:{handle}"))
}
