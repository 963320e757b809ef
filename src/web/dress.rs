//! What every answer has: headers that keep a browser from doing harm, a page for every error, a time limit.

use std::sync::LazyLock;

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::pages::{Frame, Section};
use super::{Site, Visit, wanted};
use crate::mention::hex;

/// The cookie that remembers which language was asked for.
pub(super) const LANGUAGE_COOKIE: &str = "language";

const STYLE: &str = include_str!("static/style.css");
const ICON: &str = include_str!("static/icon.svg");

/// Changes with the style sheet, so that a browser may keep it for as long as it likes.
pub(super) static STYLE_VERSION: LazyLock<String> =
    LazyLock::new(|| hex(&Sha256::digest(STYLE.as_bytes())[..6]));

/// Nothing may be loaded, framed, or sent elsewhere; scripts do not run at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Seconds after which a page that could not be made should be asked for again.
const RETRY_AFTER: &str = "5";

/// Something of ours failed while a page was made. It is written down here; the reader learns only that it failed.
pub(super) struct Trouble;

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        tracing::error!("A request could not be answered: {error:#}");
        Trouble
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

/// The outermost layer.
pub(super) async fn dress(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(visit) = Visit::from_request_parts(&mut parts, &site).await;
    let reads_html = reads_html(&parts.headers);
    let asked_language = wanted(&parts.uri, "lang").filter(|code| code == "nl" || code == "en");
    let under_way = next.run(Request::from_parts(parts, body));
    let mut response = match tokio::time::timeout(site.limits.request, under_way).await {
        Ok(response) => response,
        Err(_) => {
            Trouble::from(anyhow::anyhow!("it took longer than {:?}", site.limits.request)).into_response()
        }
    };
    if is_bare_error(&response) {
        response = with_page(response, &visit, reads_html);
    }
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    if let Some(code) = asked_language {
        let cookie = format!("{LANGUAGE_COOKIE}={code}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if site.guard.is_behind_tls() {
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Whether the client is a person's browser.
pub(super) fn reads_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// An error that nobody wrote a text of ours for: it has no body, or one of the framework's.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let is_ours = response.extensions().get::<OwnWords>().is_some();
    (status.is_client_error() || status.is_server_error()) && !is_ours
}

/// Marks an error answer whose body is already what its reader needs.
#[derive(Clone, Copy)]
pub(super) struct OwnWords;

fn with_page(response: Response, visit: &Visit, reads_html: bool) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let message = Message::of(parts.status, visit);
    let (kind, body) = if reads_html {
        ("text/html; charset=utf-8", message.render().unwrap_or_default())
    } else {
        ("text/plain; charset=utf-8", format!("{}\n", message.explanation))
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(parts, Body::from(body))
}

/// A page that says what went wrong, and what to do.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    frame: Frame<'a>,
    status: u16,
    title: &'static str,
    explanation: &'static str,
}

impl<'a> Message<'a> {
    pub(super) fn of(status: StatusCode, visit: &'a Visit) -> Message<'a> {
        let w = &visit.w;
        let (title, explanation) = match status {
            StatusCode::NOT_FOUND => (
                w.t("Niet gevonden", "Not found"),
                w.t(
                    "Deze pagina, zaak of melding bestaat niet (meer).",
                    "This page, case or mention does not exist (any more).",
                ),
            ),
            StatusCode::METHOD_NOT_ALLOWED => (
                w.t("Zo werkt dit adres niet", "This address does not work like that"),
                w.t("Deze manier van aanroepen is hier niet toegestaan.", "This method is not allowed here."),
            ),
            StatusCode::UNAUTHORIZED => (
                w.t("Eerst inloggen", "Log in first"),
                w.t("Stuur het token mee als Authorization: Bearer.", "Send the token as Authorization: Bearer."),
            ),
            StatusCode::TOO_MANY_REQUESTS => (
                w.t("Even wachten", "Wait a moment"),
                w.t("Te veel mislukte pogingen; probeer het over een minuut weer.", "Too many failed tries; try again in a minute."),
            ),
            StatusCode::MISDIRECTED_REQUEST => (
                w.t("Verkeerd adres", "Wrong address"),
                w.t(
                    "Deze pagina is alleen onder haar eigen adres te openen. Zet een ander adres in web.public_url.",
                    "This page opens under its own address only. Write another address into web.public_url.",
                ),
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (
                w.t("Te groot", "Too large"),
                w.t("Dit is meer dan hier gelezen wordt.", "This is more than is read here."),
            ),
            StatusCode::FORBIDDEN => (
                w.t("Niet toegestaan", "Not allowed"),
                w.t("Dit verzoek kwam van een andere pagina en is geweigerd.", "This request came from another page and was refused."),
            ),
            status if status.is_client_error() => (
                w.t("Dit verzoek is niet te begrijpen", "This request cannot be understood"),
                w.t("Controleer het adres.", "Check the address."),
            ),
            _ => (
                w.t("Even niet beschikbaar", "Not available right now"),
                w.t(
                    "De database geeft geen antwoord. Er gaat niets verloren; probeer het zo weer.",
                    "The database does not answer. Nothing is lost; try again in a moment.",
                ),
            ),
        };
        Message { frame: Frame::new(visit, Section::None), status: status.as_u16(), title, explanation }
    }
}

/// A rendered template as an answer.
pub(super) fn html(template: &impl Template) -> Result<Response, Trouble> {
    let text = template.render().map_err(|error| Trouble::from(anyhow::Error::from(error)))?;
    Ok(Html(text).into_response())
}

/// The style sheet and the icon. Open, because the login page needs them.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, body).into_response()
}
