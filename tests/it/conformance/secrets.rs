//! What must not be seen: tokens, names and words, in messages, logs, reasons and debug output.

use gehoord::source::{Item, webhook};

use super::kinds::{KINDS, PRIVATE, Post, SECRETS, token};
use super::server::{Answer, Recorded, Server};
use super::{Logs, Rig, built, nothing_wrong};
use crate::support::{sqlite, start};

/// Everything the peer knows about us, sent back: in the body, in the status and in headers.
fn echo(status: u16, request: &Recorded) -> Answer {
    let told = format!("{} {:?} {}", request.target, request.headers, String::from_utf8_lossy(&request.body));
    let letters: String = told.chars().filter(char::is_ascii_alphabetic).collect();
    let body = serde_json::json!({
        "error": SECRETS[0], "message": told, "errorCode": SECRETS[0], "detail": letters,
        "error_description": PRIVATE[0], "detailedError": [{ "errorCode": PRIVATE[1], "message": told }],
    });
    Answer::new(status)
        .header("X-Error", SECRETS[1])
        .header("WWW-Authenticate", SECRETS[0])
        .body(body.to_string())
}

/// Values that no connector wants, with somebody's words in them, also behind quotes that a careless filter stumbles over.
fn indiscreet() -> Vec<String> {
    let [name, words, number] = PRIVATE;
    vec![
        format!(r#"["{name}"]"#),
        format!(r#"{{"{name}":"{words}"}}"#),
        token(&format!("{words} \" {name} \" {words}")),
        token(&format!("{words} ` {name} ` {words}")),
        token(&format!("x, expected {name}, expected {words} at line 1")),
        number.to_owned(),
        format!("{number}.5"),
        format!("-{number}"),
        "true".to_owned(),
    ]
}

fn leaks(haystack: &str, needles: &[&str]) -> Vec<String> {
    needles
        .iter()
        .filter_map(|needle| {
            let at = haystack.to_lowercase().find(&needle.to_lowercase())?;
            let start = haystack[..at].char_indices().rev().nth(160).map_or(0, |(start, _)| start);
            let around: String = haystack[start..].chars().take(320).collect();
            Some(format!("{needle}: …{around}…"))
        })
        .collect()
}

#[tokio::test]
async fn s2_no_secret_and_nobodys_words_in_messages_logs_and_debug_output() {
    let mut complaints = Vec::new();
    let hidden: Vec<&str> = SECRETS.into_iter().chain(PRIVATE).collect();
    for kind in KINDS {
        let server = Server::start(move |request| echo(500, request)).await;
        let config = (kind.config)(&server.url);
        let source = built(&config);
        let rig = Rig::new(sqlite().await, vec![("bron".into(), config.clone())]).await;
        let logs = Logs::capture(tracing::Level::TRACE);
        let mut told = format!("{config:?} {config:#?} {source:?} {:?}", super::client());
        // The address of a feed may hold a key, and a configuration is shown to nobody but its owner.
        if kind.name == "rss" {
            told.clear();
        }
        for status in [200, 301, 302, 400, 401, 403, 404, 409, 422, 500] {
            server.set(move |request| echo(status, request));
            // A fresh one each: a login that failed is remembered.
            let (source, other) = (built(&config), built(&config));
            for outcome in [source.fetch("", start()).await.map(|_| String::new()), other.check().await] {
                match outcome {
                    Ok(line) => told.push_str(&line),
                    Err(failure) => told.push_str(&format!("{failure} {failure:?}\n")),
                }
            }
            rig.poll("bron").await.unwrap();
        }
        for odd in indiscreet() {
            for place in 0..4 {
                let mut post = kind.post(7);
                let Post { id, name, text, at } = &mut post;
                *[id, name, text, at][place] = odd.clone();
                let page = (kind.page)(&[kind.post(8), post]);
                server.set(move |request| match kind.is_list(request) {
                    true => Answer::json(page.clone()),
                    false => kind.aside(request),
                });
                match source.fetch("", start()).await {
                    Ok(page) => {
                        for item in page.items {
                            if let Item::Broken { reason, .. } = item {
                                told.push_str(&format!("{reason}\n"));
                            }
                        }
                        told.push_str(&format!("{:?}\n", page.missed));
                    }
                    Err(failure) => told.push_str(&format!("{failure} {failure:?}\n")),
                }
                rig.poll("bron").await.unwrap();
            }
        }
        for reason in rig.rows("SELECT reason FROM quarantine").await {
            told.push_str(&format!("{}\n", reason[0]));
        }
        for gap in rig.gaps("bron").await {
            told.push_str(&format!("{}\n", gap.reason));
        }
        told.push_str(&rig.state("bron").await.failure_message.unwrap_or_default());
        complaints.extend(leaks(&told, &hidden).into_iter().map(|leak| format!("{}: {leak}", kind.name)));
        let logged = logs.text();
        complaints
            .extend(leaks(&logged, &hidden).into_iter().map(|leak| format!("{} logs {leak}", kind.name)));
    }
    nothing_wrong(complaints);
}

#[test]
fn s2_what_was_pushed_wrongly_is_put_aside_without_a_quotation() {
    let good = r#""author":{"external_id":"7"},"text":"x""#;
    let mut reasons = String::new();
    for odd in indiscreet() {
        for field in
            ["kind", "published_at", "rating", "text", "author", "flags", "engagement", "has_media", "url"]
        {
            let rest = if field == "text" { r#""author":{"external_id":"7"}"# } else { good };
            let rest = if field == "author" { r#""text":"x""# } else { rest };
            let body = format!(r#"{{"mentions":[{{"external_id":"1",{rest},"{field}":{odd}}}]}}"#);
            for item in webhook::parse(body.as_bytes()).unwrap() {
                if let Item::Broken { reason, .. } = item {
                    reasons.push_str(&format!("{reason}\n"));
                }
            }
        }
        if let Some(key) = odd.strip_prefix('"').and_then(|odd| odd.strip_suffix('"')) {
            let body = format!(r#"{{"mentions":[{{"external_id":"1",{good},"{key}":1}}]}}"#);
            for item in webhook::parse(body.as_bytes()).unwrap() {
                let Item::Broken { reason, .. } = item else { panic!("an unknown key is not understood") };
                reasons.push_str(&format!("{reason}\n"));
            }
        }
    }
    assert!(reasons.lines().count() > 40, "the corpus is understood too well");
    nothing_wrong(leaks(&reasons, &PRIVATE));
}

/// A token goes to the peer it belongs to, in a header, and nowhere into an address.
#[tokio::test]
async fn s2_secrets_travel_in_headers_only() {
    for kind in KINDS.into_iter().filter(|kind| kind.name != "rss") {
        let server = Server::start(move |request| match kind.is_list(request) {
            true => Answer::json(kind.page_of(1..=3)),
            false => kind.aside(request),
        })
        .await;
        built(&(kind.config)(&server.url)).fetch("", start()).await.unwrap();
        for request in server.take_requests() {
            nothing_wrong(leaks(&request.target, &SECRETS));
        }
    }
}
