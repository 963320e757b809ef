//! What machines ask: does the process live, is it ready, and the metrics.
//!
//! Live needs no database: a restart does not heal one. Ready means that the database answers, that it takes writes, and that
//! what is owed moves on; a CRM or source in trouble is shown, and is no reason to take the page away.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Site;
use super::dress::{OwnWords, Trouble};
use crate::app::App;
use crate::decide::RegisterHealth;
use crate::store::Store;
use crate::watch::Findings;

/// How long the database may take to answer.
const DATABASE_PATIENCE: Duration = Duration::from_secs(3);
/// How long it is believed that the database takes writes, after it took one.
const WRITES_HOLD: Duration = Duration::from_secs(5);
/// A mention that waits longer than this for its decision means that the pipeline stands still.
const WAITING_SECS_MAX: i64 = 15 * 60;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Knows whether the database takes writes. A good answer holds for [`WRITES_HOLD`], so that whoever asks often costs little.
#[derive(Default)]
pub(super) struct WriteProbe {
    last_good: Mutex<Option<Instant>>,
}

impl WriteProbe {
    async fn check(&self, store: &Store) -> anyhow::Result<()> {
        let mut last_good = self.last_good.lock().await;
        if last_good.is_some_and(|at| at.elapsed() < WRITES_HOLD) {
            return Ok(());
        }
        store.check_writable().await?;
        *last_good = Some(Instant::now());
        Ok(())
    }
}

/// What can be said about the state of things, without personal data.
struct Readiness {
    ready: bool,
    details: Value,
}

/// Whether we can do our work: one word for everybody, the reasons for those who may see the page.
pub(super) async fn ready(State(site): State<Site>, request: Request) -> Response {
    let now = site.app.store.clock().now();
    let (parts, _) = request.into_parts();
    let may_see_reasons = site.guard.verdict(&parts, now).is_ok();
    let readiness = match tokio::time::timeout(DATABASE_PATIENCE, look(&site.app, &site.writes, now)).await {
        Ok(Ok(readiness)) => readiness,
        Ok(Err(error)) => {
            tracing::warn!("Not ready: {error:#}");
            Readiness { ready: false, details: json!({ "database": "does not answer" }) }
        }
        Err(_) => Readiness { ready: false, details: json!({ "database": "is slow to answer" }) },
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = if may_see_reasons {
        (status, Json(json!({ "ready": readiness.ready, "details": readiness.details }))).into_response()
    } else {
        (status, Json(json!({ "ready": readiness.ready }))).into_response()
    };
    response.extensions_mut().insert(OwnWords);
    response
}

async fn look(app: &App, writes: &WriteProbe, now: Timestamp) -> anyhow::Result<Readiness> {
    let store = &app.store;
    store.ping().await?;
    if let Err(error) = writes.check(store).await {
        tracing::warn!("Not ready: {error:#}");
        let answer = "answers, and takes no writes; is its disk full, or is it read-only?";
        return Ok(Readiness { ready: false, details: json!({ "database": answer }) });
    }
    let age = |at: Option<Timestamp>| at.map(|at| (now.as_second() - at.as_second()).max(0));
    let waiting = age(store.oldest_waiting().await?);
    let failing = store.source_states().await?.iter().filter(|state| state.failures > 0).count();
    let findings = Findings::look(store, &app.poller.names()).await?;
    let pipeline_moves = waiting.is_none_or(|seconds| seconds <= WAITING_SECS_MAX);
    let register = match app.mirror.health(store, now).await? {
        RegisterHealth::NoRegister => json!("none is configured"),
        RegisterHealth::NeverRead => json!("was never read completely"),
        RegisterHealth::Read(age) => json!({ "age_seconds": age.as_secs() }),
    };
    Ok(Readiness {
        ready: pipeline_moves,
        details: json!({
            "database": "answers",
            "pipeline": if pipeline_moves { "moves" } else { "stands still" },
            "register": register,
            "oldest_undecided_seconds": waiting,
            "oldest_effect_seconds": age(store.oldest_open_effect().await?),
            "effects_given_up": findings.given_up,
            "mentions_parked": findings.parked,
            "sources_failing": failing,
            "sources_silent": findings.silent.iter().map(|(source, _)| source).collect::<Vec<_>>(),
            "waits_for_a_person": findings.lines().iter().map(|(what, line)| format!("{what}: {line}")).collect::<Vec<_>>(),
        }),
    })
}

/// All metrics, with the levels read now.
pub(super) async fn metrics(State(site): State<Site>) -> Result<Response, Trouble> {
    let app = &site.app;
    let now = app.store.clock().now();
    let oldest = app.store.oldest_open_effect().await?;
    let register = match app.mirror.health(&app.store, now).await? {
        RegisterHealth::Read(age) => Some(age.as_secs_f64()),
        RegisterHealth::NoRegister | RegisterHealth::NeverRead => None,
    };
    let states = app.store.source_states().await?;
    let failing = states.iter().filter(|state| state.failures > 0).count();
    let silent = states.iter().filter(|state| state.hearing.silent_since.is_some()).count();
    app.metrics.set_levels(
        &app.store.totals().await?,
        &app.store.effect_counts().await?,
        oldest.map_or(0.0, |at| (now.as_millisecond() - at.as_millisecond()).max(0) as f64 / 1000.0),
        register,
        failing,
        silent,
    );
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.render()).into_response())
}
