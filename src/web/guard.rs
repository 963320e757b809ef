//! Who comes in.
//!
//! Without a token the page is for this machine only, and answers only to its own names: a page elsewhere that points its
//! name at us (DNS rebinding) gets nothing. With a token, a request carries it as `Authorization: Bearer`, or a browser
//! posts it once and gets a session: a value that proves the token was known, without being it.

use std::net::{IpAddr, SocketAddr};

use anyhow::bail;
use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand::RngCore;
use sha2::Sha256;

use super::dress::{self, OwnWords, Trouble, reads_html};
use super::pages::{Frame, Section};
use super::push::read_body;
use super::server::Peer;
use super::tally::Tally;
use super::{Site, Visit, cookie};
use crate::config::Web;
use crate::config::secret::Secret;
use crate::ids::process_rng;

/// How long a session lasts, in seconds.
const SESSION_SECS: i64 = 12 * 60 * 60;
/// Wrong tokens that one address may try within a minute.
const FAILURES_MAX: u32 = 10;
/// The largest login form.
const FORM_BYTES_MAX: usize = 8 * 1024;

/// Decides who comes in.
pub(super) struct Guard {
    door: Door,
    /// The page is reached over HTTPS, as far as its configured address says.
    behind_tls: bool,
    /// Makes and checks sessions; new with every start of the process, which ends all sessions.
    key: [u8; 32],
    failures: Tally<IpAddr>,
}

enum Door {
    /// For this machine, under these host names beside the loopback ones.
    ThisMachine { public_host: Option<String> },
    /// For whoever knows the token.
    Token(Secret),
}

impl Guard {
    /// A guard for a page that listens on `address`.
    ///
    /// # Errors
    /// When the page could be reached from elsewhere without a token.
    pub(super) fn new(web: &Web, address: SocketAddr) -> anyhow::Result<Guard> {
        let public = web.public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
        let door = match &web.token {
            Some(token) => Door::Token(token.clone()),
            None if address.ip().is_loopback() => Door::ThisMachine {
                public_host: public.as_ref().and_then(|url| url.host_str()).map(str::to_owned),
            },
            None => bail!(
                "web.listen: listening on {address} needs web.token, or everybody on the network reads your cases"
            ),
        };
        let mut key = [0; 32];
        process_rng().fill_bytes(&mut key);
        let behind_tls = public.is_some_and(|url| url.scheme() == "https");
        Ok(Guard { door, behind_tls, key, failures: Tally::default() })
    }

    /// The page is reached over HTTPS.
    pub(super) fn is_behind_tls(&self) -> bool {
        self.behind_tls
    }

    /// There is something to log out from.
    pub(super) fn has_session(&self, headers: &HeaderMap, now: Timestamp) -> bool {
        matches!(self.door, Door::Token(_))
            && cookie(headers, self.cookie_name()).is_some_and(|value| self.is_session(&value, now))
    }

    /// Whether this request may see everything.
    pub(super) fn verdict(&self, parts: &axum::http::request::Parts, now: Timestamp) -> Result<(), Refusal> {
        let token = match &self.door {
            Door::ThisMachine { public_host } => return check_host(parts, public_host.as_deref()),
            Door::Token(token) => token,
        };
        if self.has_session(&parts.headers, now) {
            return Ok(());
        }
        let Some(offered) = bearer(&parts.headers) else { return Err(Refusal::NoToken) };
        self.try_token(token, offered, peer_of(parts), now)
    }

    /// Compares a token, unless its sender was wrong too often.
    fn try_token(&self, token: &Secret, offered: &str, peer: IpAddr, now: Timestamp) -> Result<(), Refusal> {
        if self.failures.wait_after(FAILURES_MAX, &network(peer), now).is_some() {
            return Err(Refusal::TooManyTries);
        }
        if self.is_same(token.expose(), offered) {
            return Ok(());
        }
        self.failures.note(network(peer), now);
        Err(Refusal::WrongToken)
    }

    /// Compares two texts in a time that does not depend on how much of them is the same.
    fn is_same(&self, one: &str, other: &str) -> bool {
        self.mac(other.as_bytes()).verify_slice(&self.mac(one.as_bytes()).finalize().into_bytes()).is_ok()
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(message);
        mac
    }

    fn session_mac(&self, ends_at: &str) -> Option<Hmac<Sha256>> {
        let Door::Token(token) = &self.door else { return None };
        let mut mac = self.mac(b"session\0");
        mac.update(ends_at.as_bytes());
        mac.update(b"\0");
        mac.update(token.expose().as_bytes());
        Some(mac)
    }

    /// `END.PROOF`: the second at which it ends, and what only we can make of that and the token.
    fn new_session(&self, now: Timestamp) -> Option<String> {
        let ends_at = (now.as_second() + SESSION_SECS).to_string();
        let proof = URL_SAFE_NO_PAD.encode(self.session_mac(&ends_at)?.finalize().into_bytes());
        Some(format!("{ends_at}.{proof}"))
    }

    fn is_session(&self, value: &str, now: Timestamp) -> bool {
        let Some((ends_at, proof)) = value.split_once('.') else { return false };
        let (Some(mac), Ok(proof)) = (self.session_mac(ends_at), URL_SAFE_NO_PAD.decode(proof)) else {
            return false;
        };
        mac.verify_slice(&proof).is_ok() && ends_at.parse::<i64>().is_ok_and(|end| now.as_second() < end)
    }

    /// Over HTTPS the browser itself then refuses that another host sets it.
    fn cookie_name(&self) -> &'static str {
        if self.behind_tls { "__Host-session" } else { "session" }
    }

    fn set_cookie(&self, value: &str, seconds: i64) -> HeaderValue {
        let secure = if self.behind_tls { "; Secure" } else { "" };
        let name = self.cookie_name();
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).expect("a session is digits, a full stop and base64")
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The page was asked for under a name that is not ours.
    NotOurName,
    /// No name at all, or several.
    NoName,
    NoToken,
    WrongToken,
    TooManyTries,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::NotOurName => StatusCode::MISDIRECTED_REQUEST,
            Refusal::NoName => StatusCode::BAD_REQUEST,
            Refusal::NoToken | Refusal::WrongToken => StatusCode::UNAUTHORIZED,
            Refusal::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// The layer in front of everything that is not open.
pub(super) async fn admit(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let refusal = match site.guard.verdict(&parts, site.app.store.clock().now()) {
        Ok(()) => return next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal,
    };
    if refusal == Refusal::NoToken && reads_html(&parts.headers) {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        return Redirect::to(&format!("/login?next={next}")).into_response();
    }
    let mut response = refusal.status().into_response();
    if refusal.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    frame: Frame<'a>,
    next: String,
    wrong: bool,
}

/// The form that takes the token.
pub(super) async fn login_page(visit: Visit) -> Result<Response, Trouble> {
    if matches!(visit.site.guard.door, Door::ThisMachine { .. }) || visit.signed_in {
        return Ok(Redirect::to("/").into_response());
    }
    let next = local_path(visit.wanted("next"));
    dress::html(&Login { frame: Frame::new(&visit, Section::None), next, wrong: false })
}

/// Takes the token and gives a session for it.
pub(super) async fn login(State(site): State<Site>, request: Request) -> Result<Response, Trouble> {
    let (mut parts, body) = request.into_parts();
    if is_from_elsewhere(&parts.headers) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let body = match read_body(&parts.headers, body, FORM_BYTES_MAX, site.limits.body).await {
        Ok(body) => body,
        Err(status) => return Ok(status.into_response()),
    };
    let Door::Token(token) = &site.guard.door else { return Ok(Redirect::to("/").into_response()) };
    let (mut offered, mut next) = (String::new(), None);
    for (key, value) in url::form_urlencoded::parse(&body) {
        match key.as_ref() {
            "token" => offered = value.trim().to_owned(),
            "next" => next = Some(value.into_owned()),
            _ => {}
        }
    }
    let next = local_path(next);
    let now = site.app.store.clock().now();
    match site.guard.try_token(token, &offered, peer_of(&parts), now) {
        Ok(()) => {}
        Err(Refusal::TooManyTries) => return Ok(StatusCode::TOO_MANY_REQUESTS.into_response()),
        Err(_) => {
            let Ok(visit) = Visit::from_request_parts(&mut parts, &site).await;
            let form = Login { frame: Frame::new(&visit, Section::None), next, wrong: true };
            let mut response = dress::html(&form)?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response.extensions_mut().insert(OwnWords);
            return Ok(response);
        }
    }
    let session = site.guard.new_session(now).unwrap_or_default();
    let mut response = Redirect::to(&next).into_response();
    response.headers_mut().append(header::SET_COOKIE, site.guard.set_cookie(&session, SESSION_SECS));
    Ok(response)
}

/// Ends the session of this browser.
pub(super) async fn logout(State(site): State<Site>, headers: HeaderMap) -> Response {
    if is_from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = Redirect::to("/login").into_response();
    response.headers_mut().append(header::SET_COOKIE, site.guard.set_cookie("", 0));
    response
}

/// Where to go after logging in: a path of ours, or else the inbox.
fn local_path(asked: Option<String>) -> String {
    asked
        .filter(|path| path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'))
        .filter(|path| path.parse::<Uri>().is_ok() && !path.starts_with("/login"))
        .unwrap_or_else(|| "/".to_owned())
}

/// A form that was sent from another site's page, as far as the browser says.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The address that a request came from.
pub(super) fn peer_of(parts: &axum::http::request::Parts) -> IpAddr {
    parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip())
}

/// Whether the page was asked for under one of its own names.
fn check_host(parts: &axum::http::request::Parts, public_host: Option<&str>) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let name = match (parts.uri.authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return Err(Refusal::NoName),
        (Some(authority), _, None) => authority.as_str().to_owned(),
        (None, Some(host), None) => host.to_str().map_err(|_| Refusal::NotOurName)?.to_owned(),
        (None, None, None) => return Err(Refusal::NoName),
    };
    let Ok(authority) = name.parse::<axum::http::uri::Authority>() else { return Err(Refusal::NotOurName) };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_loopback || public_host.is_some_and(|public| host.eq_ignore_ascii_case(public)) {
        Ok(())
    } else {
        Err(Refusal::NotOurName)
    }
}

/// What one household has: an IPv4 address, or the first half of an IPv6 address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}
