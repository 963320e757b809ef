//! The page, health, metrics and the door for webhooks: server-rendered, without scripts, without requests elsewhere.
//!
//! - `server` is the accept loop with its limits. `guard` decides who comes in. `tally` counts who comes how often.
//!   `dress` gives every answer its headers and every error its page.
//! - `pages` asks the store and renders a template; `words` speaks Dutch and English.
//! - `health` answers machines: live, ready, metrics. `push` takes what webhooks bring.
//! - `mailbox` shows the mails of the demo.
//!
//! Everything here reads, except `push`. A person's actions will be POST routes beside the pages.

mod dress;
mod guard;
mod health;
mod mailbox;
mod pages;
mod push;
mod server;
mod tally;
mod words;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Language;
use crate::demo::mailbox::Mailbox;
use guard::Guard;
use health::WriteProbe;
use server::Limits;
use tally::Tally;
use words::Words;

/// Serves the page until `stop`, and then lets answers that are under way finish.
///
/// # Errors
/// When the listener can be reached from elsewhere and there is no token to close the page with.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> anyhow::Result<()> {
    serve_site(listener, app, None, Limits::default(), stop).await
}

/// The same with the mails of the demo on a page of their own.
///
/// # Errors
/// Those of [`serve`].
pub async fn serve_demo(
    listener: TcpListener,
    app: App,
    mailbox: Mailbox,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    serve_site(listener, app, Some(mailbox), Limits::default(), stop).await
}

async fn serve_site(
    listener: TcpListener,
    app: App,
    mailbox: Option<Mailbox>,
    limits: Limits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let guard = Guard::new(&app.config.web, listener.local_addr()?)?;
    let site = Site {
        app,
        guard: Arc::new(guard),
        writes: Arc::default(),
        mailbox,
        pushes: Arc::default(),
        limits,
        zone: TimeZone::system(),
    };
    server::serve(listener, router(site), limits, stop).await
}

/// What every route works with.
#[derive(Clone)]
struct Site {
    app: App,
    guard: Arc<Guard>,
    writes: Arc<WriteProbe>,
    /// The mails of the demo.
    mailbox: Option<Mailbox>,
    /// Requests of each webhook by its senders' addresses.
    pushes: Arc<Tally<(String, IpAddr)>>,
    limits: Limits,
    /// The zone that clocks are shown in.
    zone: TimeZone,
}

/// All routes. Those behind the guard are the pages and the metrics; the others are open and say why where they stand.
fn router(site: Site) -> Router {
    let mut closed = Router::new()
        .route("/", get(pages::inbox::show))
        .route("/cases/{number}", get(pages::case::show))
        .route("/mentions/{id}", get(pages::case::show_mention))
        .route("/alerts/{id}", get(pages::case::show_alert))
        .route("/sources", get(pages::sources::show))
        .route("/outbox", get(pages::outbox::show))
        .route("/report", get(pages::report::show))
        .route("/metrics", get(health::metrics));
    if site.mailbox.is_some() {
        closed = closed.route("/mailbox", get(mailbox::list)).route("/mailbox/{number}", get(mailbox::show));
    }
    closed
        .layer(axum::middleware::from_fn_with_state(site.clone(), guard::admit))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/login", get(guard::login_page).post(guard::login))
        .route("/logout", post(guard::logout))
        .route("/static/{name}", get(dress::asset))
        .route("/hooks/{source}", post(push::take))
        .fallback(async || StatusCode::NOT_FOUND)
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(axum::middleware::from_fn_with_state(site.clone(), dress::dress))
        .with_state(site)
}

/// A request for a page, with everything that rendering needs.
struct Visit {
    site: Site,
    uri: Uri,
    w: Words,
    signed_in: bool,
}

impl Visit {
    /// A value of the query string; the last one when there are several.
    fn wanted(&self, key: &str) -> Option<String> {
        wanted(&self.uri, key)
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Visit, Self::Rejection> {
        Ok(Visit {
            w: Words {
                language: language(parts, site),
                now: site.app.store.clock().now(),
                zone: site.zone.clone(),
            },
            signed_in: site.guard.has_session(&parts.headers, site.app.store.clock().now()),
            site: site.clone(),
            uri: parts.uri.clone(),
        })
    }
}

/// The language of a request: what its query asks for, what was asked for before, or what is configured.
fn language(parts: &Parts, site: &Site) -> Language {
    let asked = wanted(&parts.uri, "lang").or_else(|| cookie(&parts.headers, dress::LANGUAGE_COOKIE));
    match asked.as_deref() {
        Some("nl") => Language::Dutch,
        Some("en") => Language::English,
        _ => site.app.config.web.language,
    }
}

fn wanted(uri: &Uri, key: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == key)
        .last()
        .map(|(_, value)| value.into_owned())
}

/// The value of a cookie.
fn cookie(headers: &axum::http::HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
