//! CRMs that read over HTTP: what every status means, and what is known when the answer to a write is lost.

use gehoord::config::secret::Secret;
use gehoord::escalate::{AnyCrm, CrmAction, CrmConfig, request_tracker, zendesk};
use gehoord::failure::{Disposition, Failure, FailureKind};
use gehoord::register::Priority;

use super::kinds::{PRIVATE, SECRETS};
use super::server::{Answer, Recorded, Server, Step};
use super::{Logs, client, nothing_wrong};
use crate::support::start;

const KINDS: [&str; 2] = ["request_tracker", "zendesk"];
const KEY: &str = "0198c0de-0000-escalate";

fn crm(kind: &str, url: &str) -> AnyCrm {
    let config = match kind {
        "request_tracker" => CrmConfig::RequestTracker(request_tracker::Config {
            url: url.to_owned(),
            token: Some(Secret::new(SECRETS[0])),
            queues: vec!["General".into()],
            ..Default::default()
        }),
        _ => CrmConfig::Zendesk(zendesk::Config {
            url: url.to_owned(),
            email: "webcare@veldnet.example".into(),
            api_token: Some(Secret::new(SECRETS[0])),
            ..Default::default()
        }),
    };
    assert_eq!(config.validate(), Vec::<String>::new());
    AnyCrm::build(&config, &client())
}

fn actions() -> [CrmAction; 3] {
    let note = format!("{}: {}", PRIVATE[0], PRIVATE[1]);
    [
        CrmAction::Escalate {
            ticket: "5".into(),
            note: note.clone(),
            raise_to: Some(Priority::High),
            problem: None,
            tag: "publiek".into(),
        },
        CrmAction::NoteProblem { problem: "5".into(), note: note.clone() },
        CrmAction::OpenTicket {
            subject: note.clone(),
            body: note,
            contact: None,
            problem: None,
            priority: Priority::Normal,
            tag: "publiek".into(),
        },
    ]
}

/// Good answers to whatever only asks.
fn question(request: &Recorded) -> Answer {
    let path = request.path();
    Answer::json(if path.contains("/REST/2.0/ticket/") {
        r#"{"id":5,"Status":"open","Priority":"50","Requestor":[],"_hyperlinks":[],"CustomFields":"","Queue":{"id":"1","Name":"General"}}"#
    } else if path.contains("/REST/2.0/") {
        r#"{"items":[{"id":"5","Status":"open"}],"count":1,"total":1,"page":1,"pages":1,"per_page":100}"#
    } else if path.ends_with("comments.json") {
        r#"{"comments":[],"meta":{"has_more":false}}"#
    } else if path.ends_with("/tickets.json") {
        r#"{"tickets":[]}"#
    } else {
        r#"{"ticket":{"id":5,"status":"open","type":"question","priority":"normal","problem_id":null,"tags":[],
            "updated_at":"2026-11-20T09:00:00Z","is_public":true}}"#
    })
}

fn is_write(request: &Recorded) -> bool {
    matches!(request.method.as_str(), "POST" | "PUT") && !request.path().ends_with("/attachments")
}

async fn desk(write: Answer) -> Server {
    Server::start(move |request| if is_write(request) { write.clone() } else { question(request) }).await
}

fn disposition(status: u16) -> Disposition {
    match status {
        401..=403 => Disposition::Suspend,
        400 | 404 | 410 | 413 | 422 | 451 => Disposition::GiveUp,
        _ => Disposition::Retry,
    }
}

#[tokio::test]
async fn f59_every_status_of_a_read_has_one_meaning() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        for status in [400, 401, 402, 403, 404, 408, 410, 422, 429, 451, 500, 502, 503] {
            let server = Server::start(move |_| Answer::new(status).header("Retry-After", "7200")).await;
            let outcome = crm(kind, &server.url).read("", start()).await;
            match outcome {
                Err(failure) if failure.kind.disposition() == disposition(status) => {
                    let hint = failure.retry_after.map(|wait| wait.as_secs());
                    if matches!(status, 429 | 503) && hint != Some(7200) {
                        complaints.push(format!("{kind} {status}: the hint is lost: {hint:?}"));
                    }
                }
                other => complaints.push(format!("{kind} {status}: {other:?}")),
            }
        }
        for (what, answer) in [
            ("204", Answer::new(204)),
            ("304", Answer::new(304)),
            ("empty", Answer::new(200)),
            ("a login page", Answer::new(200).body("<html>Log in</html>")),
            ("null", Answer::json("null")),
            ("another object", Answer::json(r#"{"status":"maintenance"}"#)),
            ("a list", Answer::json("[]")),
            ("a redirect", Answer::new(302).header("Location", "/login")),
            ("deep", Answer::json("[".repeat(100_000))),
        ] {
            let server = Server::start(move |_| answer.clone()).await;
            if let Ok(page) = crm(kind, &server.url).read("", start()).await {
                complaints.push(format!("{kind}: {what} is taken for a page: {page:?}"));
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f59_every_status_of_a_write_has_one_meaning() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        for action in actions() {
            for status in [401, 402, 413, 422, 429, 451, 408, 500, 502, 503, 504] {
                let server = desk(Answer::new(status).header("Retry-After", "60")).await;
                let outcome = crm(kind, &server.url).write(&action, KEY, false).await;
                if !outcome.as_ref().is_err_and(|failure| failure.kind.disposition() == disposition(status)) {
                    complaints.push(format!("{kind} {status} {}: {outcome:?}", name(&action)));
                }
            }
            // No right, no such ticket, a bad field: nobody but a person can mend it, so it is never repeated for ever.
            for status in [400, 403, 404] {
                let server = desk(Answer::new(status)).await;
                let outcome = crm(kind, &server.url).write(&action, KEY, false).await;
                if !outcome.as_ref().is_err_and(|failure| failure.kind.disposition() != Disposition::Retry) {
                    complaints.push(format!("{kind} {status} {}: {outcome:?}", name(&action)));
                }
            }
        }
    }
    nothing_wrong(complaints);
}

fn name(action: &CrmAction) -> &'static str {
    match action {
        CrmAction::Escalate { .. } => "escalate",
        CrmAction::NoteProblem { .. } => "note_problem",
        CrmAction::OpenTicket { .. } => "open_ticket",
    }
}

/// The request arrived, the answer did not: nobody may say "it failed" or "it worked".
#[tokio::test]
async fn f59_an_answer_that_is_lost_after_the_request_is_an_unknown_outcome() {
    let mut complaints = Vec::new();
    let head =
        b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\nContent-Type: application/json\r\n\r\n{\"id\":"
            .to_vec();
    for kind in KINDS {
        for action in actions() {
            for (what, answer) in [
                ("closed", Answer::raw(vec![])),
                ("reset", Answer::raw(vec![Step::Reset])),
                ("cut in the headers", Answer::raw(vec![Step::Bytes(b"HTTP/1.1 201 Cre".to_vec())])),
                ("cut in the body", Answer::raw(vec![Step::Bytes(head.clone())])),
            ] {
                let server = desk(answer).await;
                let outcome = crm(kind, &server.url).write(&action, KEY, false).await;
                let sent = server.take_requests().iter().filter(|request| is_write(request)).count();
                let is_unknown =
                    outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::UnknownOutcome);
                if !is_unknown || sent != 1 {
                    complaints.push(format!("{kind} {} {what}: {sent} writes, {outcome:?}", name(&action)));
                }
            }
            let nonsense = desk(Answer::new(200).body("<html>proxy</html>")).await;
            let outcome = crm(kind, &nonsense.url).write(&action, KEY, false).await;
            let is_retried = |failure: &Failure| failure.kind.disposition() == Disposition::Retry;
            // Request Tracker tells the number of a comment in a header; where it does not, the note is looked up and is not there.
            let is_looked_up = |failure: &Failure| failure.kind == FailureKind::Refused && kind == KINDS[0];
            if !outcome.as_ref().is_err_and(|failure| is_retried(failure) || is_looked_up(failure)) {
                complaints.push(format!("{kind} {} nonsense under 200: {outcome:?}", name(&action)));
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f59_a_silent_desk_has_a_deadline() {
    let waits = KINDS.map(|kind| async move {
        let server = desk(Answer::raw(vec![Step::Stall])).await;
        let began = tokio::time::Instant::now();
        let failure = crm(kind, &server.url).write(&actions()[0], KEY, false).await.unwrap_err();
        assert!((14..=17).contains(&began.elapsed().as_secs()), "{kind}");
        assert_eq!(failure.kind.disposition(), Disposition::Retry, "{kind}: {failure}");
    });
    futures_util::future::join_all(waits).await;
}

#[tokio::test]
async fn s2_no_secret_and_nobodys_words_come_out_of_a_desk() {
    let mut complaints = Vec::new();
    let logs = Logs::capture(tracing::Level::TRACE);
    let mut told = String::new();
    for kind in KINDS {
        for status in [200, 302, 400, 401, 403, 404, 409, 412, 422, 429, 500] {
            let server = Server::start(move |request| {
                let seen = format!(
                    "{:?} {} {}",
                    request.headers,
                    request.target,
                    String::from_utf8_lossy(&request.body)
                );
                let body = serde_json::json!({
                    "error": SECRETS[0], "message": seen, "description": PRIVATE[0],
                    "details": { "subject": [{ "description": PRIVATE[1] }], PRIVATE[0]: [] },
                });
                match is_write(request)
                    || request.path().contains("incremental")
                    || request.path().ends_with("/tickets")
                {
                    true => Answer::new(status).body(body.to_string()),
                    false => question(request),
                }
            })
            .await;
            let crm = crm(kind, &server.url);
            told.push_str(&format!("{crm:?}"));
            for action in actions() {
                for again in [false, true] {
                    if let Err(failure) = crm.write(&action, KEY, again).await {
                        told.push_str(&format!("{failure} {failure:?}\n"));
                    }
                }
            }
            if let Err(failure) = crm.read("", start()).await {
                told.push_str(&format!("{failure} {failure:?}\n"));
            }
        }
    }
    told.push_str(&logs.text());
    for hidden in PRIVATE.iter().chain(&SECRETS) {
        if let Some(at) = told.find(hidden) {
            let from = told[..at].char_indices().rev().nth(200).map_or(0, |(from, _)| from);
            complaints.push(format!("{hidden}: {}", told[from..].chars().take(400).collect::<String>()));
        }
    }
    nothing_wrong(complaints);
}
