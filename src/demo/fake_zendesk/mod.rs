//! A Zendesk that lives in memory: it follows the public API as far as `escalate::zendesk` and people who look use it.
//!
//! - `desk`: users, tickets and comments, and what may be done with them.
//! - `answers`: the JSON of it.
//! - here: logging in, addresses, and the faults that a test may order.
//!
//! It is deterministic: without a clock of its own, time goes on by a second with every change. Clones are the same desk.

mod answers;
mod desk;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine;
use serde_json::{Value, json};

use self::desk::Desk;
pub use self::desk::{Data, FakeComment, FakeTicket, Mail};
use crate::clock::Clock;
use crate::config::secret::Secret;
use crate::escalate::zendesk::Config;
use crate::register::TicketStatus;

const EMAIL: &str = "beheer@veldnet.example";
const TOKEN: &str = "demo-token";
/// Id of the custom ticket field with the product.
const PRODUCT_FIELD: u64 = 360_001;
/// Id of the custom ticket field with a problem's workaround.
const WORKAROUND_FIELD: u64 = 360_002;

/// The fake.
#[derive(Clone, Debug)]
pub struct FakeZendesk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    desk: Desk,
    faults: VecDeque<(Requests, Fault)>,
    latency: Duration,
    requests: usize,
}

/// Which requests a fault may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// GET.
    Reads,
    /// PUT and POST.
    Writes,
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing at all: lets a later order hit the second, third, … request.
    Nothing,
    /// HTTP 429 with this `Retry-After`; nothing is done.
    RateLimited {
        /// Seconds to wait.
        retry_after_secs: u64,
    },
    /// This HTTP status; nothing is done.
    Refused(u16),
    /// Everything is done, and the answer is HTTP 500.
    FailAfterCommit,
    /// Everything is done, and the connection breaks in the middle of the answer.
    BreakAfterCommit,
    /// Everything is done, and the answer comes this much later.
    StallAfterCommit(Duration),
    /// A colleague changes the ticket just before the request is carried out.
    ColleagueFirst,
    /// The request succeeds, but a rule of the account throws priority, problem link and tags away.
    FieldsIgnored,
}

impl FakeZendesk {
    /// A desk that holds `data`. Its time starts at the latest moment in there and goes on with every change.
    pub fn new(data: Data) -> FakeZendesk {
        Self::with(Desk::new(data, None))
    }

    /// A desk that holds `data` and looks at `clock`.
    pub fn with_clock(data: Data, clock: Clock) -> FakeZendesk {
        Self::with(Desk::new(data, Some(clock)))
    }

    fn with(desk: Desk) -> FakeZendesk {
        let inner = Inner { desk, faults: VecDeque::new(), latency: Duration::ZERO, requests: 0 };
        FakeZendesk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The settings with which the connector can talk to this desk at `url`.
    pub fn config(url: &str) -> Config {
        Config {
            url: url.to_owned(),
            email: EMAIL.to_owned(),
            api_token: Some(Secret::new(TOKEN)),
            product_field: Some(PRODUCT_FIELD),
            workaround_field: Some(WORKAROUND_FIELD),
            handle_field: Some("social_handles".to_owned()),
            city_field: Some("city".to_owned()),
            ..Config::default()
        }
    }

    /// The API as a service.
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(self.clone())
    }

    /// Answers on `listener` until the future is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(&self, listener: tokio::net::TcpListener) -> std::io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    /// All tickets by id, deleted ones included.
    pub fn tickets(&self) -> Vec<FakeTicket> {
        self.lock().desk.tickets().cloned().collect()
    }

    /// One ticket.
    pub fn ticket(&self, id: u64) -> Option<FakeTicket> {
        self.lock().desk.ticket(id).cloned()
    }

    /// The comments of a ticket, oldest first, the description included.
    pub fn comments(&self, ticket: u64) -> Vec<FakeComment> {
        self.lock().desk.comments(ticket).to_vec()
    }

    /// The mails that Zendesk's default triggers would have sent to requesters since the desk was made.
    pub fn mails(&self) -> Vec<Mail> {
        self.lock().desk.mails().to_vec()
    }

    /// How many requests were answered or refused.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// The id that the ticket or problem `external_id` of the data was given.
    pub fn ticket_id(&self, external_id: &str) -> Option<u64> {
        self.lock().desk.ticket_id(external_id)
    }

    /// The id that the contact `external_id` of the data was given.
    pub fn user_id(&self, external_id: &str) -> Option<u64> {
        self.lock().desk.user_id(external_id)
    }

    /// An agent says something on a ticket, as happens in the demo.
    pub fn agent_comments(&self, ticket: u64, body: &str, public: bool) {
        self.lock().desk.agent_comments(ticket, body, public);
    }

    /// An agent moves a ticket.
    pub fn set_status(&self, ticket: u64, status: TicketStatus) {
        self.lock().desk.set_status(ticket, status.name());
    }

    /// An agent deletes a ticket.
    pub fn delete(&self, ticket: u64) {
        self.lock().desk.set_status(ticket, "deleted");
    }

    /// A customer asks to be forgotten.
    pub fn delete_user(&self, user: u64) {
        self.lock().desk.delete_user(user);
    }

    /// Makes every cursor that was given out useless.
    pub fn forget_cursors(&self) {
        self.lock().desk.forget_cursors();
    }

    /// Every later request takes this much longer.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// The next `times` requests of that sort go wrong. Several orders are carried out in the order they were given.
    pub fn fail_next(&self, requests: Requests, times: usize, fault: Fault) {
        self.lock().faults.extend(std::iter::repeat_n((requests, fault), times));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

impl Inner {
    fn fault_for(&mut self, method: &Method) -> Option<Fault> {
        let requests = if method == Method::GET { Requests::Reads } else { Requests::Writes };
        let at = self.faults.iter().position(|(hit, _)| *hit == requests)?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }
}

/// An answer of the desk before it becomes HTTP.
struct Answer {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn new(status: u16, body: Value) -> Answer {
        Answer { status, body, headers: Vec::new() }
    }

    fn not_found() -> Answer {
        Answer::new(404, json!({ "error": "RecordNotFound", "description": "Not found" }))
    }

    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body.to_string())).expect("status and headers are our own")
    }
}

async fn handle(
    State(fake): State<FakeZendesk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (answer, fault, latency) = fake.answer(&method, &uri, &headers, &body);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match fault {
        Some(Fault::FailAfterCommit) => Answer::new(500, json!({ "error": "InternalError" })).into_response(),
        Some(Fault::BreakAfterCommit) => broken_off(),
        Some(Fault::StallAfterCommit(stall)) => {
            tokio::time::sleep(stall).await;
            answer.into_response()
        }
        Some(
            Fault::Nothing
            | Fault::RateLimited { .. }
            | Fault::Refused(_)
            | Fault::ColleagueFirst
            | Fault::FieldsIgnored,
        )
        | None => answer.into_response(),
    }
}

/// An answer that begins well and never ends.
fn broken_off() -> Response {
    let pieces = [Ok(Bytes::from_static(b"{\"ticket\":")), Err(std::io::Error::other("broken off on order"))];
    Response::new(Body::from_stream(futures_util::stream::iter(pieces)))
}

impl FakeZendesk {
    /// Does what a request asks, and says which fault its answer has to suffer.
    fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (Answer, Option<Fault>, Duration) {
        let mut inner = self.lock();
        inner.requests += 1;
        let latency = inner.latency;
        let fault = inner.fault_for(method);
        let early = match fault {
            Some(Fault::RateLimited { retry_after_secs }) => {
                let mut answer = Answer::new(429, json!({ "error": "APIRateLimitExceeded" }));
                answer.headers.push(("retry-after", retry_after_secs.to_string()));
                Some(answer)
            }
            Some(Fault::Refused(status)) => Some(Answer::new(status, json!({ "error": "Ordered" }))),
            _ if !is_logged_in(headers) => {
                Some(Answer::new(401, json!({ "error": "Couldn't authenticate you" })))
            }
            _ => None,
        };
        let answer = early.unwrap_or_else(|| route(&mut inner.desk, method, uri, headers, body, fault));
        (answer, fault, latency)
    }
}

fn is_logged_in(headers: &HeaderMap) -> bool {
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("{EMAIL}/token:{TOKEN}"));
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .is_some_and(|pair| pair == expected)
}

fn route(
    desk: &mut Desk,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    fault: Option<Fault>,
) -> Answer {
    let Some(path) = uri.path().strip_prefix("/api/v2/") else { return Answer::not_found() };
    let path: Vec<&str> = path.trim_end_matches(".json").split('/').collect();
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let id = path.get(1).and_then(|id| id.parse::<u64>().ok());
    if let (Some(Fault::ColleagueFirst), Some(id)) = (fault, id) {
        desk.agent_comments(id, "Ik bel deze klant vanmiddag zelf.", false);
    }
    let ignored = fault == Some(Fault::FieldsIgnored);
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    match (method.as_str(), path.as_slice(), id) {
        ("GET", ["incremental", "tickets", "cursor"], _) => answers::exported_tickets(desk, &query),
        ("GET", ["incremental", "users", "cursor"], _) => answers::exported_users(desk, &query),
        ("GET", ["users", "me"], _) => answers::me(desk),
        ("GET", ["user_fields", "social_handles" | "city"], _) => answers::a_field(0),
        ("GET", ["ticket_fields", _], Some(field @ (PRODUCT_FIELD | WORKAROUND_FIELD))) => {
            answers::a_field(field)
        }
        ("GET", ["tickets"], _) => answers::tickets_by_external_id(desk, &query),
        ("GET", ["problems"], _) => answers::problems(desk),
        ("GET", ["tickets", _], Some(id)) => answers::one_ticket(desk, id),
        ("GET", ["tickets", _, "comments"], Some(id)) => answers::comments(desk, id, &query),
        ("GET", ["tickets", _, "incidents"], Some(id)) => answers::incidents(desk, id),
        ("PUT", ["tickets", _], Some(id)) => answers::updated(desk, id, &sent["ticket"], ignored),
        ("PUT", ["tickets", _, "tags"], Some(id)) => answers::tagged(desk, id, &sent, ignored),
        ("POST", ["tickets"], _) => {
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
            answers::created(desk, &sent["ticket"], key, body)
        }
        _ => Answer::not_found(),
    }
}
