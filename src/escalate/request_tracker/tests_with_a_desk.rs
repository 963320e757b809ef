//! What a real Request Tracker does seldom: tickets that change under our hands, changes that are not made, proxies in
//! between. A small server plays one ticket with scripted moods; the rest is tested against the real thing in `tests/it`.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::failure::FailureKind;

/// How the server treats a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    /// Makes it.
    Obeys,
    /// Says 200 and does nothing.
    Ignores,
    /// Somebody raises the priority to 90 just before our first change.
    IsBusy,
    /// Finds every version stale, as behind a proxy that rewrites ETags.
    MistrustsVersions,
    /// Answers HTTP 400 with its own file names.
    Refuses,
}

struct Desk {
    mood: Mood,
    priority: i64,
    version: u64,
    changes: usize,
    notes: usize,
}

type Shared = Arc<Mutex<Desk>>;

async fn show(State(desk): State<Shared>) -> Response {
    let desk = desk.lock().unwrap();
    let ticket = json!({
        "id": 5, "Status": "open", "Priority": desk.priority.to_string(), "Requestor": [], "_hyperlinks": [],
        "Queue": { "id": "1", "Name": "General" }, "CustomFields": "", "LastUpdated": "2026-11-20T09:00:05Z",
    });
    ([(header::ETAG, format!("\"{}\"", desk.version))], Json(ticket)).into_response()
}

async fn change(State(desk): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut desk = desk.lock().unwrap();
    desk.changes += 1;
    if desk.mood == Mood::IsBusy && desk.changes == 1 {
        (desk.priority, desk.version) = (90, desk.version + 1);
    }
    let given = headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap().to_owned());
    let is_stale = given.is_some_and(|given| given != format!("\"{}\"", desk.version));
    if is_stale || (desk.mood == Mood::MistrustsVersions && headers.contains_key(header::IF_MATCH)) {
        return (StatusCode::PRECONDITION_FAILED, "{\"message\":\"Precondition Failed\"}").into_response();
    }
    if desk.mood == Mood::Refuses {
        return (StatusCode::BAD_REQUEST, "{\"message\":\"died at /opt/rt5/geheim.pm\"}").into_response();
    }
    if let (true, Some(priority)) = (desk.mood != Mood::Ignores, body["Priority"].as_i64()) {
        (desk.priority, desk.version) = (priority, desk.version + 1);
    }
    "[]".into_response()
}

async fn comment(State(desk): State<Shared>) -> Response {
    let mut desk = desk.lock().unwrap();
    (desk.notes, desk.version) = (desk.notes + 1, desk.version + 1);
    (StatusCode::CREATED, [(header::LOCATION, "/REST/2.0/transaction/77")], "[\"Comments added\"]")
        .into_response()
}

/// The texts of history entries; that of entry 2 is beyond what we take.
async fn texts(Json(query): Json<Value>) -> Response {
    let ids: Vec<&str> =
        query[0]["value"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    if ids.contains(&"2") {
        return vec![b' '; crate::source::client::WIRE_BYTES_MAX + 1].into_response();
    }
    let item = |id: &&str| json!({ "id": id, "TransactionId": id, "ContentType": "text/plain", "Content": "woorden" });
    Json(json!({ "total": null, "items": ids.iter().map(item).collect::<Vec<_>>() })).into_response()
}

async fn desk(mood: Mood) -> (RequestTracker, Shared) {
    let desk = Arc::new(Mutex::new(Desk { mood, priority: 10, version: 1, changes: 0, notes: 0 }));
    let router = Router::new()
        .route("/rt/REST/2.0/ticket/5", get(show).put(change))
        .route("/rt/REST/2.0/ticket/5/comment", post(comment))
        .route("/rt/REST/2.0/transaction/77", get(|| async { "{}" }))
        .route("/rt/REST/2.0/attachments", post(texts))
        .route("/rt/REST/2.0/rt", get(|| async { "<html>log in</html>" }))
        .with_state(Arc::clone(&desk));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rt", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = Config {
        url,
        token: Some(Secret::new("geheim")),
        queues: vec!["General".into()],
        ..Config::default()
    };
    (build(config, Client::new().unwrap()), desk)
}

fn raise() -> CrmAction {
    CrmAction::Escalate {
        ticket: "5".into(),
        note: "Zelfde klacht.".into(),
        raise_to: Some(Priority::High),
        problem: None,
        tag: "gehoord".into(),
    }
}

#[tokio::test]
async fn a_priority_is_raised_and_read_back() {
    let (crm, desk) = desk(Mood::Obeys).await;
    let receipt = crm.write(&raise(), "k", false).await.unwrap();
    assert_eq!((receipt.record.as_str(), receipt.found), ("5", false));
    assert!(receipt.url.unwrap().ends_with("/rt/Ticket/Display.html?id=5"));
    let desk = desk.lock().unwrap();
    assert_eq!((desk.priority, desk.notes, desk.changes), (80, 1, 1));
}

#[tokio::test]
async fn a_priority_that_somebody_raised_meanwhile_is_not_lowered() {
    let (crm, desk) = desk(Mood::IsBusy).await;
    crm.write(&raise(), "k", false).await.unwrap();
    let desk = desk.lock().unwrap();
    assert_eq!(
        (desk.priority, desk.changes),
        (90, 1),
        "our 80 was refused as stale, and is not needed any more"
    );
}

#[tokio::test]
async fn a_change_that_was_not_made_is_a_refusal_that_names_the_field() {
    let (crm, desk) = desk(Mood::Ignores).await;
    let failure = crm.write(&raise(), "k", false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("Priority of ticket 5"), "{}", failure.message);
    assert_eq!(desk.lock().unwrap().changes, 1);
}

#[tokio::test]
async fn versions_that_a_proxy_spoils_are_done_without() {
    let (crm, desk) = desk(Mood::MistrustsVersions).await;
    crm.write(&raise(), "k", false).await.unwrap();
    let desk = desk.lock().unwrap();
    assert_eq!((desk.priority, desk.changes), (80, 2));
}

#[tokio::test]
async fn the_words_of_an_error_stay_where_they_came_from() {
    let (crm, _) = desk(Mood::Refuses).await;
    let failure = crm.write(&raise(), "k", false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(!failure.to_string().contains("geheim"), "{failure}");
}

#[tokio::test]
async fn a_text_beyond_all_limits_costs_itself_only() {
    let (crm, _) = desk(Mood::Obeys).await;
    let mut rejected = Vec::new();
    let words = crm.words(&[1, 2, 3, 4], &mut rejected).await.unwrap();
    let mut read: Vec<u64> = words.into_keys().collect();
    read.sort_unstable();
    assert_eq!(
        (read, rejected),
        (vec![1, 3, 4], vec!["the text of history entry 2 is too large".to_owned()])
    );
}

#[tokio::test]
async fn a_login_page_is_no_answer_and_a_foreign_id_no_ticket() {
    let (crm, _) = desk(Mood::Obeys).await;
    assert_eq!(crm.check().await.unwrap_err().kind, FailureKind::Malformed);
    let action = CrmAction::NoteProblem { problem: "../user/1".into(), note: "x".into() };
    assert_eq!(crm.write(&action, "k", false).await.unwrap_err().kind, FailureKind::NotFound);
}
