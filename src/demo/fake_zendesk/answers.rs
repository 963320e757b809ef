//! The JSON of the desk, in the shapes that Zendesk documents.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use serde_json::{Map, Value, json};

use super::desk::{ADMIN, Desk, FakeTicket, User};
use super::{Answer, PRODUCT_FIELD, WORKAROUND_FIELD};

const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
const STATUSES: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];

type Query = HashMap<String, String>;

/// `GET /incremental/tickets/cursor`.
pub(super) fn exported_tickets(desk: &Desk, query: &Query) -> Answer {
    let mut changed: Vec<(u64, i64, &FakeTicket)> =
        desk.tickets().map(|ticket| (ticket.change, ticket.updated_at.as_second(), ticket)).collect();
    changed.sort_by_key(|(change, _, _)| *change);
    let page = match exported(desk, &changed, query) {
        Ok(page) => page,
        Err(answer) => return answer,
    };
    let include = query.get("include").map_or("", String::as_str);
    let tickets: Vec<Value> = page.items.iter().map(|ticket| ticket_json(desk, ticket, include)).collect();
    let mut body = page.envelope;
    body.insert("tickets".into(), json!(tickets));
    if include.contains("users") {
        let people: BTreeSet<u64> = page
            .items
            .iter()
            .flat_map(|ticket| [Some(ticket.requester), ticket.assignee])
            .flatten()
            .collect();
        body.insert("users".into(), people_json(desk, people));
    }
    Answer::new(200, Value::Object(body))
}

/// `GET /incremental/users/cursor`.
pub(super) fn exported_users(desk: &Desk, query: &Query) -> Answer {
    let mut changed: Vec<(u64, i64, &User)> =
        desk.users().map(|user| (user.change, user.updated_at.as_second(), user)).collect();
    changed.sort_by_key(|(change, _, _)| *change);
    match exported(desk, &changed, query) {
        Ok(page) => {
            let mut body = page.envelope;
            body.insert(
                "users".into(),
                json!(page.items.iter().map(|user| user_json(user)).collect::<Vec<_>>()),
            );
            if query.get("include").is_some_and(|include| include.contains("identities")) {
                let identities: Vec<Value> =
                    page.items.iter().flat_map(|user| identities_json(user)).collect();
                body.insert("identities".into(), json!(identities));
            }
            Answer::new(200, Value::Object(body))
        }
        Err(answer) => answer,
    }
}

struct Exported<'a, T> {
    items: Vec<&'a T>,
    envelope: Map<String, Value>,
}

/// One page of an export of things in the order of their changes.
fn exported<'a, T>(
    desk: &Desk,
    changed: &[(u64, i64, &'a T)],
    query: &Query,
) -> Result<Exported<'a, T>, Answer> {
    let per_page = query.get("per_page").and_then(|n| n.parse().ok()).unwrap_or(1000_usize).clamp(1, 1000);
    let refused = |why: &str| Answer::new(400, json!({ "error": "InvalidValue", "description": why }));
    let (behind, since) = match (query.get("cursor"), query.get("start_time")) {
        (Some(cursor), _) => {
            (position(cursor, desk.epoch()).ok_or_else(|| refused("Invalid cursor"))?, i64::MIN)
        }
        (None, Some(start)) => (0, start.parse().map_err(|_| refused("Invalid start_time"))?),
        (None, None) => return Err(refused("start_time is required")),
    };
    let mut rest = changed.iter().filter(|(change, at, _)| *change > behind && *at >= since);
    let page: Vec<_> = rest.by_ref().take(per_page).collect();
    let last = page.last().map_or_else(
        || if behind > 0 { behind } else { changed.last().map_or(0, |(change, _, _)| *change) },
        |(change, _, _)| *change,
    );
    let mut envelope = Map::new();
    envelope.insert("after_cursor".into(), json!(cursor(last, desk.epoch())));
    envelope.insert("before_cursor".into(), Value::Null);
    envelope.insert("end_of_stream".into(), json!(rest.next().is_none()));
    Ok(Exported { items: page.into_iter().map(|(_, _, item)| *item).collect(), envelope })
}

fn cursor(change: u64, epoch: u64) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{change}.0||{epoch}|"))
}

fn position(cursor: &str, epoch: u64) -> Option<u64> {
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(cursor).ok()?).ok()?;
    let (change, rest) = text.split_once(".0||")?;
    (rest == format!("{epoch}|")).then(|| change.parse().ok())?
}

/// `GET /users/me`.
pub(super) fn me(desk: &Desk) -> Answer {
    desk.user(ADMIN).map_or_else(Answer::not_found, |user| {
        let mut user = user_json(user);
        user["role"] = json!("admin");
        Answer::new(200, json!({ "user": user }))
    })
}

/// `GET /ticket_fields/{id}` and `GET /user_fields/{key}`.
pub(super) fn a_field(id: u64) -> Answer {
    Answer::new(200, json!({ "ticket_field": { "id": id, "active": true } }))
}

/// `GET /tickets?external_id=`.
pub(super) fn tickets_by_external_id(desk: &Desk, query: &Query) -> Answer {
    let wanted = query.get("external_id");
    list(
        desk,
        desk.tickets().filter(|ticket| {
            ticket.status != "deleted" && (wanted.is_none() || ticket.external_id.as_ref() == wanted)
        }),
    )
}

/// `GET /problems`.
pub(super) fn problems(desk: &Desk) -> Answer {
    list(desk, desk.tickets().filter(|ticket| is_live_problem(ticket)))
}

/// `GET /tickets/{id}/incidents`.
pub(super) fn incidents(desk: &Desk, problem: u64) -> Answer {
    list(desk, desk.tickets().filter(|ticket| ticket.problem == Some(problem) && ticket.status != "deleted"))
}

fn list<'a>(desk: &Desk, tickets: impl Iterator<Item = &'a FakeTicket>) -> Answer {
    let tickets: Vec<Value> = tickets.take(100).map(|ticket| ticket_json(desk, ticket, "")).collect();
    Answer::new(200, json!({ "count": tickets.len(), "tickets": tickets }))
}

/// `GET /tickets/{id}`.
pub(super) fn one_ticket(desk: &Desk, id: u64) -> Answer {
    match live(desk, id) {
        Some(ticket) => Answer::new(200, json!({ "ticket": ticket_json(desk, ticket, "") })),
        None => Answer::not_found(),
    }
}

/// `GET /tickets/{id}/comments`, with cursor pagination.
pub(super) fn comments(desk: &Desk, id: u64, query: &Query) -> Answer {
    if live(desk, id).is_none() {
        return Answer::not_found();
    }
    let size = query.get("page[size]").and_then(|n| n.parse().ok()).unwrap_or(100_usize).clamp(1, 100);
    let from = query.get("page[after]").and_then(|n| n.parse().ok()).unwrap_or(0_usize);
    let mut all: Vec<_> = desk.comments(id).iter().collect();
    if query.get("sort").is_some_and(|sort| sort.starts_with('-')) {
        all.reverse();
    }
    let page: Vec<_> = all.iter().skip(from).take(size).collect();
    let comments: Vec<Value> = page
        .iter()
        .map(|comment| {
            json!({
                "id": comment.id, "type": "Comment", "author_id": comment.author, "body": comment.body,
                "plain_body": comment.body, "public": comment.public, "created_at": comment.at.to_string(),
            })
        })
        .collect();
    let has_more = from + page.len() < all.len();
    let mut body = json!({
        "comments": comments,
        "meta": { "has_more": has_more, "after_cursor": has_more.then(|| (from + page.len()).to_string()) },
    });
    if query.get("include").is_some_and(|include| include.contains("users")) {
        body["users"] = people_json(desk, page.iter().map(|comment| comment.author).collect());
    }
    Answer::new(200, body)
}

/// `PUT /tickets/{id}`. Everything is checked before anything is changed.
pub(super) fn updated(desk: &mut Desk, id: u64, sent: &Value, fields_ignored: bool) -> Answer {
    let Some(ticket) = live(desk, id) else { return Answer::not_found() };
    if ticket.status == "closed" {
        return invalid("status", "Status: closed prevents ticket update");
    }
    let is_safe = sent["safe_update"] == true || sent["safe_update"] == "true";
    if is_safe && sent["updated_stamp"].as_str() != Some(ticket.updated_at.to_string().as_str()) {
        return Answer::new(
            409,
            json!({ "error": "UpdateConflict", "description": "The ticket changed after it was read" }),
        );
    }
    if let Some(refused) = invalid_fields(desk, sent) {
        return refused;
    }
    let mut events = Vec::new();
    if let Some(body) = sent["comment"]["body"].as_str() {
        let public = sent["comment"]["public"].as_bool().unwrap_or(true);
        desk.agent_comments(id, body, public);
        events.push(json!({ "type": "Comment", "public": public, "body": body }));
    }
    if !fields_ignored {
        desk.change(id, |ticket| set_fields(ticket, sent));
    }
    let ticket = desk.ticket(id).map(|ticket| ticket_json(desk, ticket, ""));
    Answer::new(200, json!({ "ticket": ticket, "audit": { "ticket_id": id, "events": events } }))
}

/// `PUT /tickets/{id}/tags`: adds.
pub(super) fn tagged(desk: &mut Desk, id: u64, sent: &Value, fields_ignored: bool) -> Answer {
    let Some(ticket) = live(desk, id) else { return Answer::not_found() };
    if ticket.status == "closed" {
        return invalid("status", "Status: closed prevents ticket update");
    }
    let added = texts(&sent["tags"]);
    if !fields_ignored {
        desk.change(id, |ticket| {
            ticket.tags.extend(added);
            ticket.tags.sort();
            ticket.tags.dedup();
        });
    }
    Answer::new(200, json!({ "tags": desk.ticket(id).map(|ticket| ticket.tags.clone()) }))
}

/// `POST /tickets`.
pub(super) fn created(desk: &mut Desk, sent: &Value, key: Option<&str>, bytes: &[u8]) -> Answer {
    if let Some((earlier, id)) = key.and_then(|key| desk.created.get(key)) {
        if earlier != bytes {
            return Answer::new(
                400,
                json!({ "error": "IdempotentRequestError", "description": "Another body under the same key" }),
            );
        }
        return created_answer(desk, *id, key.map(|_| "hit"));
    }
    let Some(body) = sent["comment"]["body"].as_str().filter(|body| !body.trim().is_empty()) else {
        return invalid("base", "Description: cannot be blank");
    };
    if let Some(refused) = invalid_fields(desk, sent) {
        return refused;
    }
    let requester = sent["requester_id"].as_u64().unwrap_or(ADMIN);
    if desk.user(requester).is_none() {
        return invalid("requester", "Requester: is not a user");
    }
    let public = sent["comment"]["public"].as_bool().unwrap_or(true);
    let id = desk.open(requester, body, public, |ticket| {
        sent["subject"].as_str().unwrap_or_default().clone_into(&mut ticket.subject);
        ticket.external_id = sent["external_id"].as_str().map(str::to_owned);
        set_fields(ticket, sent);
    });
    if let Some(key) = key {
        desk.created.insert(key.to_owned(), (bytes.to_vec(), id));
    }
    created_answer(desk, id, key.map(|_| "miss"))
}

fn created_answer(desk: &Desk, id: u64, lookup: Option<&str>) -> Answer {
    let ticket = desk.ticket(id).map(|ticket| ticket_json(desk, ticket, ""));
    let mut answer =
        Answer::new(201, json!({ "ticket": ticket, "audit": { "ticket_id": id, "events": [] } }));
    answer.headers.extend(lookup.map(|lookup| ("x-idempotency-lookup", lookup.to_owned())));
    answer
}

fn set_fields(ticket: &mut FakeTicket, sent: &Value) {
    if let Some(priority) = sent["priority"].as_str() {
        ticket.priority = Some(priority.to_owned());
    }
    if let Some(kind) = sent["type"].as_str() {
        ticket.kind = Some(kind.to_owned());
    }
    if let Some(status) = sent["status"].as_str() {
        status.clone_into(&mut ticket.status);
    }
    if let Some(problem) = sent["problem_id"].as_u64() {
        ticket.problem = Some(problem);
    }
    if sent.get("tags").is_some() {
        ticket.tags = texts(&sent["tags"]);
        ticket.tags.sort();
        ticket.tags.dedup();
    }
}

fn invalid_fields(desk: &Desk, sent: &Value) -> Option<Answer> {
    let is_other = |field: &str, known: &[&str]| {
        sent.get(field).is_some_and(|value| value.as_str().is_none_or(|value| !known.contains(&value)))
    };
    if is_other("priority", &PRIORITIES) {
        return Some(invalid("priority", "Priority: is not properly formatted"));
    }
    if is_other("status", &STATUSES) {
        return Some(invalid("status", "Status: is not properly formatted"));
    }
    let problem = sent.get("problem_id").filter(|problem| !problem.is_null())?;
    let is_problem = problem.as_u64().and_then(|id| desk.ticket(id)).is_some_and(is_live_problem);
    (!is_problem).then(|| invalid("problem_id", "Problem: is not a problem ticket"))
}

fn invalid(field: &str, description: &str) -> Answer {
    Answer::new(
        422,
        json!({
            "error": "RecordInvalid", "description": "Record validation errors",
            "details": { field: [{ "description": description }] },
        }),
    )
}

fn live(desk: &Desk, id: u64) -> Option<&FakeTicket> {
    desk.ticket(id).filter(|ticket| ticket.status != "deleted")
}

fn is_live_problem(ticket: &FakeTicket) -> bool {
    ticket.kind.as_deref() == Some("problem") && ticket.status != "deleted"
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn ticket_json(desk: &Desk, ticket: &FakeTicket, include: &str) -> Value {
    let mut shape = json!({
        "id": ticket.id, "external_id": ticket.external_id, "subject": ticket.subject,
        "raw_subject": ticket.subject, "description": ticket.description, "type": ticket.kind,
        "status": ticket.status, "priority": ticket.priority, "requester_id": ticket.requester,
        "submitter_id": ticket.requester, "assignee_id": ticket.assignee, "brand_id": 360_100,
        "problem_id": ticket.problem, "has_incidents": false, "is_public": ticket.is_public, "tags": ticket.tags,
        "custom_fields": [
            { "id": PRODUCT_FIELD, "value": ticket.product }, { "id": WORKAROUND_FIELD, "value": ticket.workaround },
        ],
        "created_at": ticket.created_at.to_string(), "updated_at": ticket.updated_at.to_string(),
        "generated_timestamp": ticket.updated_at.as_second(), "via": { "channel": "api" },
    });
    if include.contains("comment_count") {
        shape["comment_count"] = json!(desk.comments(ticket.id).len());
    }
    if include.contains("dates") {
        shape["dates"] = json!({ "solved_at": ticket.solved_at.map(|at| at.to_string()) });
    }
    shape
}

fn people_json(desk: &Desk, ids: BTreeSet<u64>) -> Value {
    json!(ids.into_iter().filter_map(|id| desk.user(id)).map(user_json).collect::<Vec<_>>())
}

fn user_json(user: &User) -> Value {
    let role = if user.id == ADMIN {
        "admin"
    } else if user.is_staff {
        "agent"
    } else {
        "end-user"
    };
    json!({
        "id": user.id, "name": user.name, "email": user.email, "phone": user.phone,
        "external_id": user.customer_number, "role": role, "active": user.is_active,
        "user_fields": { "social_handles": user.handles.join(" "), "city": user.city },
        "created_at": user.created_at.to_string(), "updated_at": user.updated_at.to_string(),
    })
}

fn identities_json(user: &User) -> Vec<Value> {
    user.email
        .iter()
        .map(|email| {
            json!({ "id": user.id * 10, "user_id": user.id, "type": "email", "value": email, "primary": true })
        })
        .collect()
}
