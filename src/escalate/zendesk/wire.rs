//! The shapes on the wire, and what they mean in the register. Pure: no network, no clock.
//!
//! Answers are read in two steps, so that one odd item costs itself only. Reasons for leaving one out hold its id, never
//! its content.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Zendesk;
use crate::failure::Failure;
use crate::register::{
    Answer, Contact, Priority, Problem, ProblemStatus, RegisterPage, Ticket, TicketStatus,
};
use crate::source::json::{self, Count, Id};

/// What every private note of ours holds, whatever its key.
const OUR_NOTE: &str = "[gehoord:";

/// Where an export stands after a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Position {
    /// The opaque cursor that goes on behind this page.
    pub after: Option<String>,
    /// This was the last page at this moment.
    pub is_end: bool,
}

/// `GET /users/me`.
#[derive(Debug, Deserialize)]
pub(super) struct Me {
    pub user: MeUser,
}

#[derive(Debug, Deserialize)]
pub(super) struct MeUser {
    pub role: Option<String>,
}

#[derive(Deserialize)]
struct TicketPage {
    tickets: Vec<Box<RawValue>>,
    #[serde(default)]
    users: Vec<Box<RawValue>>,
    after_cursor: Option<String>,
    end_of_stream: bool,
}

#[derive(Deserialize)]
struct UserPage {
    users: Vec<Box<RawValue>>,
    #[serde(default)]
    identities: Vec<Box<RawValue>>,
    after_cursor: Option<String>,
    end_of_stream: bool,
}

#[derive(Deserialize)]
struct CommentPage {
    comments: Vec<Box<RawValue>>,
    #[serde(default)]
    users: Vec<Box<RawValue>>,
    meta: Option<PageMeta>,
}

/// Where a list with cursor pagination stands.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageMeta {
    #[serde(default)]
    pub has_more: bool,
    pub after_cursor: Option<String>,
}

#[derive(Deserialize)]
struct WireTicket {
    id: Id,
    subject: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: String,
    priority: Option<String>,
    requester_id: Option<Id>,
    assignee_id: Option<Id>,
    brand_id: Option<Id>,
    problem_id: Option<Id>,
    custom_fields: Option<Vec<CustomField>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    comment_count: Option<Count>,
    dates: Option<Dates>,
}

#[derive(Deserialize)]
struct CustomField {
    id: Id,
    value: Value,
}

#[derive(Deserialize)]
struct Dates {
    solved_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WireUser {
    id: Id,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    external_id: Option<Id>,
    role: Option<String>,
    active: Option<bool>,
    user_fields: Option<BTreeMap<String, Value>>,
    created_at: Option<Timestamp>,
}

impl WireUser {
    fn is_staff(&self) -> bool {
        matches!(self.role.as_deref(), Some("agent" | "admin"))
    }
}

#[derive(Deserialize)]
struct Identity {
    user_id: Id,
    #[serde(rename = "type")]
    kind: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct WireComment {
    id: Id,
    author_id: Option<Id>,
    body: Option<String>,
    plain_body: Option<String>,
    public: bool,
    created_at: Timestamp,
}

/// Reads a page of the user export into `page.contacts`.
pub(super) fn users(body: &str, zendesk: &Zendesk, page: &mut RegisterPage) -> Result<Position, Failure> {
    let envelope: UserPage = json::envelope(body)?;
    let mut accounts: HashMap<Id, Vec<String>> = HashMap::new();
    for identity in items::<Identity>(envelope.identities, "identity", &mut page.rejected) {
        if let ("twitter", Some(name)) = (identity.kind.as_str(), identity.value) {
            accounts.entry(identity.user_id).or_default().push(format!("x:{}", name.trim_start_matches('@')));
        }
    }
    for user in items::<WireUser>(envelope.users, "user", &mut page.rejected) {
        if !user.is_staff() {
            let known = accounts.remove(&user.id).unwrap_or_default();
            page.contacts.push(contact(user, known, zendesk));
        }
    }
    Ok(Position { after: envelope.after_cursor, is_end: envelope.end_of_stream })
}

/// Reads a page of the ticket export. Returns where it stands, and the tickets that have more than their description.
pub(super) fn tickets(
    body: &str,
    zendesk: &Zendesk,
    page: &mut RegisterPage,
) -> Result<(Position, Vec<String>), Failure> {
    let envelope: TicketPage = json::envelope(body)?;
    let people: HashMap<Id, WireUser> = items::<WireUser>(envelope.users, "user", &mut page.rejected)
        .into_iter()
        .map(|user| (user.id.clone(), user))
        .collect();
    let brand = zendesk.config.brand.map(|brand| brand.to_string());
    let mut discussed = Vec::new();
    for mut ticket in items::<WireTicket>(envelope.tickets, "ticket", &mut page.rejected) {
        let id = ticket.id.0.clone();
        let is_other_brand = brand.is_some() && ticket.brand_id.as_ref().map(|id| &id.0) != brand.as_ref();
        if ticket.status == "deleted" || is_other_brand {
            // The mirror keeps no deleted problems; one that is gone is filed away.
            "closed".clone_into(&mut ticket.status);
            let problem = read_ticket(ticket, &people, zendesk).ok().and_then(|(problem, _)| problem);
            page.problems.extend(problem.filter(|_| !is_other_brand));
            page.deleted_tickets.push(id);
            continue;
        }
        let comments = ticket.comment_count.and_then(|count| count.0);
        match read_ticket(ticket, &people, zendesk) {
            Ok((problem, own_ticket)) => {
                match own_ticket {
                    Some(ticket) => {
                        if comments != Some(1) {
                            discussed.push(id);
                        }
                        page.tickets.push(ticket);
                    }
                    // It may have been a customer's ticket until somebody made a problem of it.
                    None => page.deleted_tickets.push(id),
                }
                page.problems.extend(problem);
            }
            Err(reason) => page.rejected.push(format!("ticket {}: {reason}", safe(&id))),
        }
    }
    Ok((Position { after: envelope.after_cursor, is_end: envelope.end_of_stream }, discussed))
}

/// Reads a page of a ticket's comments into `page.answers`. The first comment of all is the description, which the ticket
/// carries itself; our own notes are not what anybody said. Returns the cursor of the next page.
pub(super) fn comments(
    body: &str,
    ticket: &str,
    is_first_page: bool,
    page: &mut RegisterPage,
) -> Result<Option<String>, Failure> {
    let envelope: CommentPage = json::envelope(body)?;
    let staff: Vec<Id> = items::<WireUser>(envelope.users, "user", &mut page.rejected)
        .into_iter()
        .filter(WireUser::is_staff)
        .map(|user| user.id)
        .collect();
    let raw = envelope.comments.into_iter().skip(usize::from(is_first_page)).collect();
    for comment in items::<WireComment>(raw, "comment", &mut page.rejected) {
        let plain = comment.plain_body.filter(|body| !body.trim().is_empty());
        let body = plain.or(comment.body).unwrap_or_default();
        if !comment.public && body.contains(OUR_NOTE) {
            continue;
        }
        let author = comment.author_id.unwrap_or_default();
        page.answers.push(Answer {
            external_id: comment.id.0,
            ticket: ticket.to_owned(),
            // A customer cannot write a private comment, and author -1 is Zendesk itself speaking for the company.
            by_agent: !comment.public || author.0 == "-1" || staff.contains(&author),
            public: comment.public,
            body,
            at: comment.created_at,
        });
    }
    let meta = envelope.meta.unwrap_or_default();
    Ok(meta.after_cursor.filter(|_| meta.has_more))
}

/// What Zendesk calls the priority, and how urgent that is.
pub(super) fn priority(name: Option<&str>) -> Option<Priority> {
    name.and_then(Priority::from_name)
}

/// Reads all items of a page; the client bounds how large a page can be, and the cursor already stands behind it.
fn items<T: DeserializeOwned>(raw: Vec<Box<RawValue>>, what: &str, rejected: &mut Vec<String>) -> Vec<T> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: Id,
    }
    let mut read = Vec::with_capacity(raw.len());
    for item in raw {
        match json::read_item(item.get()) {
            Ok(item) => read.push(item),
            Err(reason) => {
                let id = json::read_item::<OnlyId>(item.get())
                    .map_or_else(|_| "?".to_owned(), |item| safe(&item.id.0));
                rejected.push(format!("{what} {id}: {reason}"));
            }
        }
    }
    read
}

/// An id as it may stand in a message: Zendesk's are digits.
fn safe(id: &str) -> String {
    let is_number = id.len() <= 24 && id.chars().all(|c| c.is_ascii_digit());
    if is_number { id.to_owned() } else { "?".to_owned() }
}

fn contact(user: WireUser, mut handles: Vec<String>, zendesk: &Zendesk) -> Contact {
    if user.active == Some(false) {
        // Deleted in Zendesk: what we hold of this person goes too.
        return Contact { external_id: user.id.0, ..Contact::default() };
    }
    let field = |key: &Option<String>| {
        let value = user.user_fields.as_ref()?.get(key.as_deref()?)?;
        text_of(value)
    };
    let config = &zendesk.config;
    for handle in field(&config.handle_field).unwrap_or_default().split([' ', ',', ';', '\n', '\t']) {
        let handle = handle.trim();
        if handle.contains(':') && !handles.iter().any(|known| known == handle) {
            handles.push(handle.to_owned());
        }
    }
    let customer_number = match &config.customer_number_field {
        Some(_) => field(&config.customer_number_field),
        None => user.external_id.as_ref().map(|id| id.0.clone()),
    };
    let city = field(&config.city_field);
    Contact {
        external_id: user.id.0,
        name: user.name.unwrap_or_default(),
        email: user.email.filter(|email| !email.is_empty()),
        phone: user.phone.filter(|phone| !phone.is_empty()),
        customer_number,
        city,
        handles,
        customer_since: user.created_at,
    }
}

type ProblemAndTicket = (Option<Problem>, Option<Ticket>);

/// A ticket of type *problem* is a problem, and stays a customer's ticket as well when a customer opened it.
fn read_ticket(
    wire: WireTicket,
    people: &HashMap<Id, WireUser>,
    zendesk: &Zendesk,
) -> Result<ProblemAndTicket, String> {
    let person = |id: &Option<Id>| id.as_ref().and_then(|id| people.get(id));
    let is_problem = wire.kind.as_deref() == Some("problem");
    let by_customer = person(&wire.requester_id).is_none_or(|user| !user.is_staff());
    let status = ticket_status(&wire.status).ok_or("its status is not one that Zendesk documents")?;
    let is_over = matches!(status, TicketStatus::Solved | TicketStatus::Closed);
    let solved_at =
        is_over.then(|| wire.dates.as_ref().and_then(|dates| dates.solved_at).unwrap_or(wire.updated_at));
    let field = |id: Option<u64>| custom_field(wire.custom_fields.as_deref(), id);
    let problem = is_problem.then(|| Problem {
        external_id: wire.id.0.clone(),
        number: wire.id.0.clone(),
        url: Some(zendesk.ticket_url(&wire.id.0)),
        title: wire.subject.clone().unwrap_or_default(),
        description: wire.description.clone().unwrap_or_default(),
        status: problem_status(&wire.status),
        workaround: field(zendesk.config.workaround_field),
        owner: person(&wire.assignee_id).and_then(|user| user.name.clone()),
        owner_email: person(&wire.assignee_id).and_then(|user| user.email.clone()),
        opened_at: wire.created_at,
        fixed_at: solved_at,
    });
    let product = field(zendesk.config.product_field);
    let ticket = (!is_problem || (by_customer && wire.requester_id.is_some())).then(|| Ticket {
        url: Some(zendesk.ticket_url(&wire.id.0)),
        number: wire.id.0.clone(),
        subject: wire.subject.unwrap_or_default(),
        body: wire.description.unwrap_or_default(),
        status,
        priority: priority(wire.priority.as_deref()).unwrap_or(Priority::Normal),
        contact: wire.requester_id.filter(|_| by_customer).map(|id| id.0),
        problem: if is_problem { Some(wire.id.0.clone()) } else { wire.problem_id.map(|id| id.0) },
        product,
        created_at: wire.created_at,
        updated_at: wire.updated_at,
        solved_at,
        external_id: wire.id.0,
    });
    Ok((problem, ticket))
}

fn ticket_status(name: &str) -> Option<TicketStatus> {
    match name {
        "new" | "open" => Some(TicketStatus::Open),
        "pending" | "hold" => Some(TicketStatus::Pending),
        "solved" => Some(TicketStatus::Solved),
        "closed" => Some(TicketStatus::Closed),
        _ => None,
    }
}

fn problem_status(name: &str) -> ProblemStatus {
    match name {
        "pending" | "hold" => ProblemStatus::Explained,
        "solved" => ProblemStatus::Fixed,
        "closed" => ProblemStatus::Closed,
        _ => ProblemStatus::Open,
    }
}

fn custom_field(fields: Option<&[CustomField]>, id: Option<u64>) -> Option<String> {
    let id = id?.to_string();
    text_of(&fields?.iter().find(|field| field.id.0 == id)?.value)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(text_of).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}
