//! The webhook against a peer of ours, and its signature against the verification that our own source does.

use reqwest::Method;
use serde_json::Value;

use super::{Config, SECRET_PREFIX, Webhook, build, signature};
use crate::alert::peer::Peer;
use crate::alert::samples::{self, KEY, at, letter};
use crate::alert::{Channel, Letter};
use crate::clock::Clock;
use crate::config::Language;
use crate::config::secret::Secret;
use crate::decide::AlertKind;
use crate::dossier::Dossier;
use crate::failure::{Disposition, FailureKind};
use crate::source::client::Client;

const SECRET: &str = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0";
const NOW: &str = "2026-11-24T10:15:00Z";

fn channel(url: &str, clock: Clock) -> Webhook {
    let config = Config { url: Secret::new(url), secret: Secret::new(SECRET) };
    assert_eq!(config.validate(), Vec::<String>::new());
    build(config, Client::new().unwrap(), clock)
}

fn composed(letter: &Letter) -> String {
    channel("https://hooks.veldnet.example/x", Clock::test(at(NOW))).compose(letter)
}

#[tokio::test]
async fn the_signature_is_one_that_a_receiver_accepts_and_fresh_on_every_attempt() {
    let (peer, url) = Peer::serve(&[(503, ""), (204, "")]).await;
    let clock = Clock::test(at(NOW));
    let webhook = channel(&url, clock.clone());
    let dossier = samples::celebrity();
    let composed = webhook.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    let first = webhook.deliver(&composed, KEY).await.unwrap_err();
    assert_eq!(first.kind, FailureKind::Unavailable);
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(webhook.deliver(&composed, KEY).await.unwrap(), "HTTP 204");

    let received = peer.received();
    assert_eq!(received.len(), 2);
    let source = crate::source::webhook::build(crate::source::webhook::Config {
        secrets: vec![Secret::new(SECRET)],
        ..Default::default()
    });
    for (request, now) in received.iter().zip([at(NOW), at("2026-11-24T11:15:00Z")]) {
        assert_eq!(request.body, composed.as_bytes());
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(source.verify(&request.headers, &request.body, now).unwrap().id, KEY);
    }
    assert_ne!(received[0].headers["webhook-signature"], received[1].headers["webhook-signature"]);
}

#[test]
fn the_signature_is_that_of_the_specification() {
    // Computed with: printf '%s' 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -binary
    // -macopt hexkey:$(printf 'secret secret secret secret' | xxd -p -c 64) | base64
    let secret = Secret::new(SECRET);
    let made = signature(&secret, "msg_1", "1614265330", "{\"test\": 2432232314}");
    assert_eq!(made.as_deref(), Some("v1,F3apMGv9OSSHRosRzvdoNWrUm0oum6BG1Ka18WtxChI="));
}

#[tokio::test]
async fn only_a_2xx_is_a_yes() {
    let dossier = samples::newcomer();
    for (status, kind, disposition) in [
        (300, FailureKind::Malformed, Disposition::Retry),
        (302, FailureKind::Blocked, Disposition::Suspend),
        (304, FailureKind::Malformed, Disposition::Retry),
        (400, FailureKind::Refused, Disposition::GiveUp),
        (401, FailureKind::BadCredentials, Disposition::Suspend),
        (410, FailureKind::Gone, Disposition::GiveUp),
        (429, FailureKind::RateLimited, Disposition::Retry),
        (500, FailureKind::Unavailable, Disposition::Retry),
    ] {
        let (peer, url) = Peer::serve(&[(status, "")]).await;
        let webhook = channel(&url, Clock::test(at(NOW)));
        let composed = webhook.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
        let failure = webhook.deliver(&composed, KEY).await.unwrap_err();
        assert_eq!((failure.kind, failure.kind.disposition()), (kind, disposition), "{status}: {failure}");
        assert!(!failure.message.contains("/hook"), "the address may hold a token: {failure}");
        assert_eq!(peer.received().len(), 1, "no redirect is followed");
    }
}

#[tokio::test]
async fn a_check_posts_nothing() {
    let (peer, url) = Peer::serve(&[(405, "")]).await;
    let answer = channel(&url, Clock::test(at(NOW))).check().await.unwrap();
    assert_eq!(answer, "reached (HTTP 405 to a question without an alert)");
    assert_eq!(peer.received()[0].method, Method::HEAD);
    assert!(channel("http://127.0.0.1:1/", Clock::test(at(NOW))).check().await.is_err());
}

#[test]
fn programs_find_the_facts_under_their_names() {
    let dossier = samples::celebrity();
    let body: Value =
        serde_json::from_str(&composed(&letter(&dossier, AlertKind::Complaint, Language::English))).unwrap();
    for (pointer, value) in [
        ("/type", "gehoord.alert"),
        ("/timestamp", "2026-11-24T10:14:31Z"),
        ("/data/key", KEY),
        ("/data/kind", "complaint"),
        ("/data/verdict", "known"),
        ("/data/urgency", "high"),
        ("/data/case/url", "https://gehoord.veldnet.example/cases/12"),
        ("/data/mention/source", "mastodon"),
        ("/data/mention/author/handle", "bramterlinden@podium.example"),
        ("/data/ticket/number", "18312"),
        ("/data/problem/owner_email", "netwerkbeheer@veldnet.example"),
        ("/data/answers/0/question", "same_case"),
        ("/data/answers/0/customer/number", "K-20031"),
        ("/data/promises/0/quote", "Wij bellen u maandag voor 12 uur terug."),
        ("/data/assessment/topic", "levering en monteur"),
    ] {
        assert_eq!(body.pointer(pointer).and_then(Value::as_str), Some(value), "{pointer}");
    }
    assert_eq!(body["data"]["words"], dossier.mention.mention.text);
    assert_eq!(body["data"]["exposure"]["expected"], 21_607);
    assert_eq!(body["data"]["known_since_days"], 42);
    assert_eq!(body["data"]["others_silent"], 312);
    assert!(body["data"].get("left_out").is_none());
}

#[test]
fn the_body_stays_small_unless_the_words_are_long() {
    let alert = |dossier: &Dossier| composed(&letter(dossier, AlertKind::Complaint, Language::Dutch));
    for (name, mut dossier) in samples::all() {
        let small = alert(&dossier).len();
        let words = serde_json::json!(dossier.mention.mention.whole_text()).to_string().len();
        assert!(small < 20_000 + words, "{name}: {small}");
        dossier.mention.mention.title = None;
        dossier.mention.mention.text = "Wachten & wachten. ".repeat(3_000);
        let body: Value = serde_json::from_str(&alert(&dossier)).unwrap();
        assert_eq!(body["data"]["words"], dossier.mention.mention.text, "{name}");
    }
    let body: Value =
        serde_json::from_str(&composed(&letter(&samples::hostile(), AlertKind::More, Language::Dutch)))
            .unwrap();
    assert_eq!(body["data"]["left_out"][0], "sections", "what was left out is said");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (url, secret, start) in [
        ("http://hooks.veldnet.example/x", SECRET, "url: "),
        ("https://hooks.veldnet.example/x", "c2VjcmV0", "secret: "),
        ("https://hooks.veldnet.example/x", "whsec_c2hvcnQ=", "secret: "),
    ] {
        let errors = Config { url: Secret::new(url), secret: Secret::new(secret) }.validate();
        assert!(errors.len() == 1 && errors[0].starts_with(start), "{errors:?}");
        assert!(!errors[0].contains(secret.trim_start_matches(SECRET_PREFIX)), "{errors:?}");
    }
}
