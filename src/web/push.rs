//! What webhooks bring: `POST /hooks/SOURCE`. The answer is 2xx only after the commit, so that a sender who hears anything
//! else may send again; a request that was stored before is answered well and stored once.
//!
//! Open to everybody, because the signature is the key. How often a sender's address came is checked before the body is
//! read, the size before the signature, and the signature before a byte is understood.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::Site;
use super::dress::OwnWords;
use super::guard::{network, peer_of};
use crate::failure::FailureKind;
use crate::source::{Page, poller, webhook};
use crate::store::mentions::Stored;

/// Bytes of a body beyond its limit that are read and thrown away, so that the sender hears our answer.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Takes one request of a webhook.
pub(super) async fn take(State(site): State<Site>, Path(source): Path<String>, request: Request) -> Response {
    let Some((common, webhook)) = site.app.poller.webhook(&source) else {
        return refused(StatusCode::NOT_FOUND, "there is no webhook source of this name".to_owned());
    };
    let (parts, body) = request.into_parts();
    let now = site.app.store.clock().now();
    let sender = (source.clone(), network(peer_of(&parts)));
    if let Some(wait_secs) = site.pushes.wait_after(webhook.requests_per_minute(), &sender, now) {
        return too_often(wait_secs);
    }
    site.pushes.note(sender, now);
    let body = match read_body(&parts.headers, body, webhook.body_bytes_max(), site.limits.body).await {
        Ok(body) => body,
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            let limit = webhook.body_bytes_max();
            return refused(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"));
        }
        Err(status) => return refused(status, "the body did not arrive whole".to_owned()),
    };
    let verified = match webhook.verify(&parts.headers, &body, now) {
        Ok(verified) => verified,
        Err(refusal) => {
            tracing::warn!(source.name = %source, "A request to webhook {source} was refused: {refusal}");
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            return refused(status, refusal.to_string());
        }
    };
    let items = match webhook::parse(&body) {
        Ok(items) => items,
        Err(failure) if failure.kind == FailureKind::TooLarge => {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, failure.message);
        }
        Err(failure) => return refused(StatusCode::BAD_REQUEST, failure.message),
    };
    let incoming = poller::incoming(Page { items, ..Page::default() }, common, false, now);
    match store(&site, &source, &verified.id, &incoming, now).await {
        Ok(Some(stored)) => {
            site.app.metrics.stored(&stored);
            answer(StatusCode::OK, counts(&stored))
        }
        Ok(None) => answer(StatusCode::OK, json!({ "repeated_request": true })),
        Err(error) => {
            tracing::error!(source.name = %source, "What was pushed to {source} could not be stored: {error:#}");
            refused(StatusCode::SERVICE_UNAVAILABLE, "not stored; send it again".to_owned())
        }
    }
}

/// One transaction: what the request brought, and that it was there. `None`: it was stored before.
async fn store(
    site: &Site,
    source: &str,
    id: &str,
    incoming: &crate::store::mentions::IncomingPage,
    now: jiff::Timestamp,
) -> anyhow::Result<Option<Stored>> {
    let store = &site.app.store;
    let mut tx = store.begin().await?;
    if !store.remember_push(&mut tx, source, id, now).await? {
        return Ok(None);
    }
    let stored = store.save_page(&mut tx, source, incoming).await?;
    store.note_push(&mut tx, source, now).await?;
    tx.commit().await?;
    Ok(Some(stored))
}

fn counts(stored: &Stored) -> Value {
    json!({
        "new": stored.new,
        "edited": stored.edited,
        "known_already": stored.repeated,
        "not_understood": stored.quarantined,
        "removed": stored.removed,
        "dropped": stored.buried,
    })
}

fn refused(status: StatusCode, reason: String) -> Response {
    answer(status, json!({ "error": reason }))
}

fn too_often(wait_secs: i64) -> Response {
    let reason = format!("more requests than are taken in a minute; go on in {wait_secs} seconds");
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, reason);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_secs));
    response
}

fn answer(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(OwnWords);
    response
}

/// Reads a body of at most `bytes_max` within `time_max`.
///
/// # Errors
/// The status to answer with: 413, 408, or 400 when it broke off. What is too large is read to its end, within bounds, and
/// thrown away: else the connection would be reset before the client reads the answer.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Bytes, StatusCode> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let is_too_large = announced.is_some_and(|bytes| bytes > bytes_max);
    if is_too_large && headers.contains_key(header::EXPECT) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match tokio::time::timeout(time_max, read(body, bytes_max, is_too_large)).await {
        Ok(read) => read,
        Err(_) if is_too_large => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

async fn read(body: Body, bytes_max: usize, is_too_large: bool) -> Result<Bytes, StatusCode> {
    let mut frames = body.into_data_stream();
    let (mut kept, mut drained, mut is_too_large) = (Vec::new(), 0, is_too_large);
    while let Some(frame) = frames.next().await {
        let Ok(frame) = frame else {
            return Err(if is_too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST });
        };
        is_too_large |= kept.len() + frame.len() > bytes_max;
        if is_too_large {
            kept = Vec::new();
            drained += frame.len();
            if drained > DRAINED_BYTES_MAX {
                break;
            }
        } else {
            kept.extend_from_slice(&frame);
        }
    }
    if is_too_large { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(kept.into()) }
}
