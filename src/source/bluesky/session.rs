//! Talking to the account's server: logging in rarely, renewing quietly, and saying what was refused.
//!
//! The access token lives for minutes and is renewed with the refresh token, which changes with every use. Logging in
//! with the password is limited per day (about a hundred), so it happens when nothing else works, and a login that failed
//! is remembered instead of repeated.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::source::client::{Client, Request, Response};
use crate::source::json::envelope;

/// How long a failed login is remembered before the next one.
const LOGIN_PAUSE: Duration = Duration::from_secs(300);

/// The account's server and our session there.
pub(super) struct Account {
    service: Url,
    identifier: String,
    password: Secret,
    client: Client,
    state: Mutex<State>,
}

enum State {
    Out,
    In(Session),
    Refused { until: Instant, failure: Failure },
}

/// Both tokens and whose they are.
#[derive(Clone)]
struct Session {
    did: String,
    access: Secret,
    refresh: Secret,
}

/// Why a token was turned down.
#[derive(Clone, Copy, PartialEq)]
enum TurnedDown {
    Expired,
    Invalid,
}

impl Account {
    /// An account that is not logged in yet.
    pub fn new(service: Url, identifier: String, password: Secret, client: Client) -> Account {
        Account { service, identifier, password, client, state: Mutex::new(State::Out) }
    }

    /// The DID of the account; logs in when that has not happened yet.
    pub async fn did(&self) -> Result<String, Failure> {
        Ok(self.session().await?.did)
    }

    /// Asks a query of the account's server, with our token.
    ///
    /// # Errors
    /// `BadCredentials` when the login is refused; otherwise as the answer says.
    pub async fn get(&self, query: &str, parameters: &[(&str, &str)]) -> Result<String, Failure> {
        let session = self.session().await?;
        let answer = self.ask(query, parameters, &session).await?;
        let Some(reason) = turned_down(&answer) else { return read(&answer, query) };
        let renewed = self.renewed(&session, reason).await?;
        let answer = self.ask(query, parameters, &renewed).await?;
        if turned_down(&answer).is_some() {
            let failure = Failure::new(
                FailureKind::BadCredentials,
                format!("{} refuses the token it has just issued", origin(&self.service)),
            );
            return Err(remember(&mut *self.state.lock().await, failure));
        }
        read(&answer, query)
    }

    /// Ends the waiting after a failed login, as five minutes do.
    #[cfg(test)]
    pub async fn let_the_pause_run_out(&self) {
        if let State::Refused { until, .. } = &mut *self.state.lock().await {
            *until = (*until).min(Instant::now());
        }
    }

    async fn ask(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
        session: &Session,
    ) -> Result<Response, Failure> {
        let request = request(&self.service, query, parameters).bearer(session.access.expose());
        self.client.send(request.accepting_all()).await
    }

    async fn session(&self) -> Result<Session, Failure> {
        let mut state = self.state.lock().await;
        match &*state {
            State::In(session) => Ok(session.clone()),
            State::Out => self.log_in(&mut state).await,
            State::Refused { until, failure } => match until.checked_duration_since(Instant::now()) {
                Some(wait) if !wait.is_zero() => Err(failure.clone().after(Some(wait))),
                _ => self.log_in(&mut state).await,
            },
        }
    }

    /// Another token in place of the one that was turned down, unless a neighbour has renewed it already.
    async fn renewed(&self, old: &Session, reason: TurnedDown) -> Result<Session, Failure> {
        let mut state = self.state.lock().await;
        if let State::In(current) = &*state
            && current.access != old.access
        {
            return Ok(current.clone());
        }
        if reason == TurnedDown::Expired {
            let endpoint = "com.atproto.server.refreshSession";
            let request =
                Request::new(Method::POST, address(&self.service, endpoint)).bearer(old.refresh.expose());
            let answer = self.client.send(request.accepting_all()).await?;
            if answer.status < 400 {
                return self.enter(&mut state, &answer);
            }
            if answer.status >= 500 {
                return Err(answer.status_failure());
            }
        }
        self.log_in(&mut state).await
    }

    async fn log_in(&self, state: &mut State) -> Result<Session, Failure> {
        let endpoint = "com.atproto.server.createSession";
        let body = json!({ "identifier": self.identifier, "password": self.password.expose() });
        let request = Request::new(Method::POST, address(&self.service, endpoint)).json(&body);
        let answer =
            self.client.send(request.accepting_all()).await.map_err(|failure| remember(state, failure))?;
        if answer.status < 400 {
            return self.enter(state, &answer).map_err(|failure| remember(state, failure));
        }
        let failure = match answer.status {
            400 | 401 | 403 => Failure::new(
                FailureKind::BadCredentials,
                format!(
                    "{} refuses the login{}; use an app password, not the password of the account",
                    origin(&self.service),
                    error_name(&answer).map(|name| format!(" ({name})")).unwrap_or_default(),
                ),
            ),
            _ => answer.status_failure(),
        };
        Err(remember(state, failure))
    }

    fn enter(&self, state: &mut State, answer: &Response) -> Result<Session, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Issued {
            did: String,
            access_jwt: String,
            refresh_jwt: String,
        }
        let issued: Issued = envelope(&answer.text())?;
        let session = Session {
            did: issued.did,
            access: Secret::new(issued.access_jwt),
            refresh: Secret::new(issued.refresh_jwt),
        };
        *state = State::In(session.clone());
        Ok(session)
    }
}

/// Asks a query that needs no login, of a server that must not see our token.
pub(super) async fn get_openly(
    client: &Client,
    server: &Url,
    query: &str,
    parameters: &[(&str, &str)],
) -> Result<String, Failure> {
    let answer = client.send(request(server, query, parameters).accepting_all()).await?;
    read(&answer, query)
}

/// A failed login is not repeated for a while. Where no login was judged, nothing needs to be remembered: the host was
/// not reached, or the client itself leaves it alone.
fn remember(state: &mut State, failure: Failure) -> Failure {
    if matches!(failure.kind, FailureKind::Unreachable | FailureKind::RateLimited) {
        *state = State::Out;
    } else {
        *state = State::Refused { until: Instant::now() + LOGIN_PAUSE, failure: failure.clone() };
    }
    failure
}

/// The body of a good answer; what a refusal means otherwise.
fn read(answer: &Response, query: &str) -> Result<String, Failure> {
    if answer.status < 400 {
        return Ok(answer.text());
    }
    let mut failure = answer.status_failure();
    let name = error_name(answer);
    let about_the_login = [
        "AuthMissing",
        "AuthenticationRequired",
        "AccountTakedown",
        "AccountDeactivated",
        "AccountSuspended",
    ];
    if name.as_deref().is_some_and(|name| about_the_login.contains(&name)) {
        failure.kind = FailureKind::BadCredentials;
    }
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    failure.message = format!("{}{name} to {query}", failure.message);
    if failure.kind == FailureKind::BadCredentials && query.ends_with("searchPosts") {
        failure
            .message
            .push_str("; searching needs a login: leave `appview` out to search through `service`");
    }
    Err(failure)
}

fn turned_down(answer: &Response) -> Option<TurnedDown> {
    if answer.status < 400 {
        return None;
    }
    // An expired token is HTTP 400, so that only the name tells it from a bad request.
    match error_name(answer).as_deref() {
        Some("ExpiredToken") => Some(TurnedDown::Expired),
        Some("InvalidToken") => Some(TurnedDown::Invalid),
        _ => None,
    }
}

/// The name in `{"error":"Name"}`, if it is one: letters only, so that it can stand in a message.
fn error_name(answer: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).ok()?;
    let is_a_name = refusal.error.len() <= 40 && refusal.error.chars().all(|c| c.is_ascii_alphabetic());
    is_a_name.then_some(refusal.error).filter(|name| !name.is_empty())
}

fn request(server: &Url, query: &str, parameters: &[(&str, &str)]) -> Request {
    parameters
        .iter()
        .fold(Request::get(address(server, query)), |request, (name, value)| request.query(name, value))
}

fn address(server: &Url, endpoint: &str) -> Url {
    let mut address = server.clone();
    address.set_path(&format!("/xrpc/{endpoint}"));
    address
}

fn origin(server: &Url) -> String {
    server.origin().ascii_serialization()
}
