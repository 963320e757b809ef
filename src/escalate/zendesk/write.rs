//! Writing: effectively once, and never to a customer.
//!
//! Zendesk's default triggers mail the requester when a ticket is created with a public comment or gets one. Every comment
//! of ours is private, and the answer is compared with what was asked: a success status does not mean that a field was
//! written. Tags go through their own address, because `tags` in a ticket update replaces the list.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Zendesk, refusal, tag, wire};
use crate::escalate::{CrmAction, CrmReceipt, marker};
use crate::failure::{Failure, FailureKind};
use crate::register::Priority;
use crate::source::client::Response;
use crate::source::json::{self as page_json, Id};

/// Pages of a ticket's comments, newest first, that are searched for a note of ours. Zendesk keeps 5,000 comments at most.
const NOTE_PAGES_MAX: usize = 50;
/// Refusals that are read for their reason.
const REFUSALS: &[u16] = &[400, 403, 404, 409, 422];

/// Carries out one action under `key`.
pub(super) async fn carry_out(
    zendesk: &Zendesk,
    action: &CrmAction,
    key: &str,
    again: bool,
) -> Result<CrmReceipt, Failure> {
    match action {
        CrmAction::Escalate { ticket, note, raise_to, problem, tag } => {
            let wanted = Wanted { note, raise_to: *raise_to, problem: problem.as_deref(), tag: Some(tag) };
            raise(zendesk, ticket, &wanted, key, again).await
        }
        CrmAction::NoteProblem { problem, note } => {
            let wanted = Wanted { note, raise_to: None, problem: None, tag: None };
            raise(zendesk, problem, &wanted, key, again).await
        }
        CrmAction::OpenTicket { .. } => open(zendesk, action, key, again).await,
    }
}

/// What an existing ticket should come to have.
struct Wanted<'a> {
    note: &'a str,
    raise_to: Option<Priority>,
    problem: Option<&'a str>,
    tag: Option<&'a str>,
}

/// A ticket as far as a write needs it.
#[derive(Deserialize)]
struct TicketNow {
    id: Id,
    status: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    priority: Option<String>,
    problem_id: Option<Id>,
    #[serde(default)]
    tags: Vec<String>,
    /// As it came, because `updated_stamp` must be the same text.
    updated_at: String,
    is_public: Option<bool>,
}

#[derive(Deserialize)]
struct OneTicket {
    ticket: TicketNow,
    audit: Option<Audit>,
}

#[derive(Deserialize)]
struct Audit {
    #[serde(default)]
    events: Vec<Value>,
}

async fn raise(
    zendesk: &Zendesk,
    id: &str,
    wanted: &Wanted<'_>,
    key: &str,
    again: bool,
) -> Result<CrmReceipt, Failure> {
    let found = again && note_exists(zendesk, id, key).await?;
    let mut ticket = current(zendesk, id).await?;
    for is_last_attempt in [false, true] {
        let note = (!found).then(|| marked(wanted.note, key));
        let Some(update) = update_of(&ticket, wanted, note.as_deref()) else { break };
        if ticket.status == "closed" {
            if found {
                break;
            }
            return Err(Failure::new(
                FailureKind::Refused,
                format!("Zendesk ticket {} is closed, and closed tickets take no notes", ticket.id.0),
            ));
        }
        let response = put(zendesk, id, &update).await?;
        if response.status == 409 && !is_last_attempt {
            // Somebody changed it since we looked. Nothing of ours was written.
            ticket = current(zendesk, id).await?;
            continue;
        }
        if response.status == 409 {
            return Err(Failure::new(
                FailureKind::Unavailable,
                format!("Zendesk ticket {} changed twice while it was being escalated", ticket.id.0),
            ));
        }
        if response.status >= 400 {
            return Err(refusal(&response, &format!("the update of ticket {}", ticket.id.0)));
        }
        ticket = compare(zendesk, &response, &update, key).await?;
        break;
    }
    if let Some(tag) = wanted.tag {
        add_tag(zendesk, &ticket, tag).await?;
    }
    Ok(CrmReceipt { url: Some(zendesk.ticket_url(id)), record: id.to_owned(), found })
}

/// The update that brings a ticket to what is wanted; `None` when nothing is missing.
fn update_of(ticket: &TicketNow, wanted: &Wanted<'_>, note: Option<&str>) -> Option<Value> {
    let mut fields = serde_json::Map::new();
    if let Some(note) = note {
        fields.insert("comment".into(), json!({ "body": note, "public": false }));
    }
    let now = wire::priority(ticket.priority.as_deref());
    if let Some(raised) = wanted.raise_to.filter(|raised| now.is_none_or(|now| now < *raised)) {
        fields.insert("priority".into(), json!(raised.name()));
    }
    let may_be_linked = ticket.problem_id.is_none() && ticket.kind.as_deref() != Some("problem");
    if let Some(problem) = wanted.problem.filter(|problem| may_be_linked && *problem != ticket.id.0) {
        fields.insert("type".into(), json!("incident"));
        fields.insert("problem_id".into(), id_value(problem));
    }
    if fields.is_empty() {
        return None;
    }
    fields.insert("safe_update".into(), json!(true));
    fields.insert("updated_stamp".into(), json!(ticket.updated_at));
    Some(Value::Object(fields))
}

/// Compares the answer to an update with the update, and returns the ticket as it is now.
async fn compare(
    zendesk: &Zendesk,
    response: &Response,
    update: &Value,
    key: &str,
) -> Result<TicketNow, Failure> {
    let answer: OneTicket = page_json::envelope(&response.text())?;
    let ticket = answer.ticket;
    let mut missing = fields_not_kept(&ticket, update);
    if update.get("comment").is_some() {
        let events = answer.audit.map(|audit| audit.events).unwrap_or_default();
        let comments: Vec<&Value> = events.iter().filter(|event| event["type"] == "Comment").collect();
        let is_public = comments.iter().any(|comment| comment["public"] == true);
        let is_written = !comments.is_empty() || note_exists(zendesk, &ticket.id.0, key).await?;
        if is_public {
            missing.push("privacy of the note");
        }
        if !is_written {
            missing.push("note");
        }
    }
    if missing.is_empty() {
        return Ok(ticket);
    }
    Err(not_kept(&ticket.id.0, &missing))
}

fn fields_not_kept(ticket: &TicketNow, asked: &Value) -> Vec<&'static str> {
    let mut missing = Vec::new();
    let has_at_least = |name: &str| wire::priority(ticket.priority.as_deref()) >= Priority::from_name(name);
    if asked["priority"].as_str().is_some_and(|name| !has_at_least(name)) {
        missing.push("priority");
    }
    if asked
        .get("problem_id")
        .is_some_and(|id| ticket.problem_id.as_ref().map(|now| id_value(&now.0)) != Some(id.clone()))
    {
        missing.push("problem link");
    }
    missing
}

fn not_kept(id: &str, missing: &[&str]) -> Failure {
    Failure::new(
        FailureKind::Refused,
        format!(
            "Zendesk took the change of ticket {id} but did not keep: {}; check the user's rights and the account's triggers",
            missing.join(", ")
        ),
    )
}

async fn add_tag(zendesk: &Zendesk, ticket: &TicketNow, name: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Tags {
        tags: Vec<String>,
    }
    let name = tag(&format!("{}{name}", zendesk.config.tag_prefix));
    if name.is_empty() || ticket.tags.contains(&name) || ticket.status == "closed" {
        return Ok(());
    }
    let request = zendesk
        .request(Method::PUT, &["tickets", &ticket.id.0, "tags.json"])?
        .json(&json!({ "tags": [name] }))
        .accepting(REFUSALS);
    let response = zendesk.send(request).await?;
    if response.status >= 400 {
        return Err(refusal(&response, &format!("the tag on ticket {}", ticket.id.0)));
    }
    let now: Tags = page_json::envelope(&response.text())?;
    if now.tags.contains(&name) { Ok(()) } else { Err(not_kept(&ticket.id.0, &["tag"])) }
}

async fn open(zendesk: &Zendesk, action: &CrmAction, key: &str, again: bool) -> Result<CrmReceipt, Failure> {
    let CrmAction::OpenTicket { subject, body, contact, problem, priority, tag: name } = action else {
        return Err(Failure::new(FailureKind::Internal, "only new tickets are opened"));
    };
    if again && let Some(id) = opened_earlier(zendesk, key).await? {
        return Ok(CrmReceipt { url: Some(zendesk.ticket_url(&id)), record: id, found: true });
    }
    let mut ticket = json!({
        "subject": subject,
        "comment": { "body": marked(body, key), "public": false },
        "priority": priority.name(),
        "tags": [tag(&format!("{}{name}", zendesk.config.tag_prefix))],
        "external_id": key,
    });
    if let Some(contact) = contact {
        ticket["requester_id"] = id_value(contact);
    }
    if let Some(problem) = problem {
        ticket["type"] = json!("incident");
        ticket["problem_id"] = id_value(problem);
    }
    if let Some(brand) = zendesk.config.brand {
        ticket["brand_id"] = json!(brand);
    }
    let request = zendesk
        .request(Method::POST, &["tickets.json"])?
        .header(HeaderName::from_static("idempotency-key"), key)
        .json(&json!({ "ticket": ticket }))
        .accepting(REFUSALS);
    let response = zendesk.send(request).await?;
    if response.status >= 400 {
        return Err(refusal(&response, "a new ticket"));
    }
    let found = response.header("x-idempotency-lookup") == Some("hit");
    let opened: OneTicket = page_json::envelope(&response.text())?;
    let opened = opened.ticket;
    let mut missing = fields_not_kept(&opened, &ticket);
    if opened.is_public == Some(true) {
        missing.push("privacy of the description");
    }
    if !missing.is_empty() {
        return Err(not_kept(&opened.id.0, &missing));
    }
    Ok(CrmReceipt { url: Some(zendesk.ticket_url(&opened.id.0)), record: opened.id.0, found })
}

/// The ticket that an earlier attempt under `key` opened. External ids need not be unique, so the oldest counts.
async fn opened_earlier(zendesk: &Zendesk, key: &str) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Found {
        tickets: Vec<OnlyId>,
    }
    #[derive(Deserialize)]
    struct OnlyId {
        id: u64,
        external_id: Option<String>,
    }
    let request = zendesk.request(Method::GET, &["tickets.json"])?.query("external_id", key);
    let found: Found = page_json::envelope(&zendesk.send(request).await?.text())?;
    let ours = found.tickets.into_iter().filter(|ticket| ticket.external_id.as_deref() == Some(key));
    Ok(ours.map(|ticket| ticket.id).min().map(|id| id.to_string()))
}

async fn current(zendesk: &Zendesk, id: &str) -> Result<TicketNow, Failure> {
    let request =
        zendesk.request(Method::GET, &["tickets", &format!("{id}.json")])?.accepting(&[403, 404, 410]);
    let response = zendesk.send(request).await?;
    if response.status >= 400 {
        return Err(refusal(&response, &format!("the question for ticket {}", id_for_message(id))));
    }
    Ok(page_json::envelope::<OneTicket>(&response.text())?.ticket)
}

async fn put(zendesk: &Zendesk, id: &str, update: &Value) -> Result<Response, Failure> {
    let request = zendesk
        .request(Method::PUT, &["tickets", &format!("{id}.json")])?
        .json(&json!({ "ticket": update }))
        .accepting(REFUSALS);
    zendesk.send(request).await
}

/// Whether a private comment with the marker of `key` stands on the ticket. Search lags behind, so comments are listed.
async fn note_exists(zendesk: &Zendesk, id: &str, key: &str) -> Result<bool, Failure> {
    #[derive(Deserialize)]
    struct Notes {
        comments: Vec<Note>,
        meta: Option<wire::PageMeta>,
    }
    #[derive(Deserialize)]
    struct Note {
        body: Option<String>,
        public: bool,
    }
    let marker = marker(key);
    let mut after: Option<String> = None;
    for _ in 0..NOTE_PAGES_MAX {
        let mut request = zendesk
            .request(Method::GET, &["tickets", id, "comments.json"])?
            .query("sort", "-created_at")
            .query("page[size]", "100")
            .accepting(&[403, 404, 410]);
        if let Some(after) = &after {
            request = request.query("page[after]", after);
        }
        let response = zendesk.send(request).await?;
        if response.status >= 400 {
            return Err(refusal(&response, &format!("the comments of ticket {}", id_for_message(id))));
        }
        let notes: Notes = page_json::envelope(&response.text())?;
        let is_ours =
            |note: &Note| !note.public && note.body.as_deref().is_some_and(|body| body.contains(&marker));
        if notes.comments.iter().any(is_ours) {
            return Ok(true);
        }
        let meta = notes.meta.unwrap_or_default();
        match meta.after_cursor.filter(|_| meta.has_more) {
            Some(next) if Some(&next) != after.as_ref() => after = Some(next),
            _ => return Ok(false),
        }
    }
    Ok(false)
}

fn marked(text: &str, key: &str) -> String {
    let marker = marker(key);
    if text.contains(&marker) { text.to_owned() } else { format!("{text}\n\n{marker}") }
}

/// An id as Zendesk writes it: a number where it is one.
fn id_value(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |id| json!(id))
}

fn id_for_message(id: &str) -> &str {
    if id.len() <= 24 && id.chars().all(|c| c.is_ascii_digit()) { id } else { "(not a number)" }
}
