//! What webhooks bring: stored once, acknowledged after the commit, and by nobody who does not know the secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::*;

const BODY: &str = r#"{"mentions":[{"external_id":"w-1","author":{"external_id":"kees"},"text":"al drie dagen geen internet"}]}"#;

fn signature(id: &str, at: Timestamp, body: &[u8]) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A request as a sender signs it at `at`. No host of ours: the signature is the key.
fn signed(source: &str, id: &str, at: Timestamp, body: &str) -> Request<Body> {
    Request::post(format!("/hooks/{source}"))
        .header("host", "hooks.example")
        .header("webhook-id", id)
        .header("webhook-timestamp", at.as_second().to_string())
        .header("webhook-signature", signature(id, at, body.as_bytes()))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn mentions(test: &TestSite) -> i64 {
    test.app.store.totals().await.unwrap().mentions
}

#[tokio::test]
async fn a_signed_push_is_stored_once_however_often_it_is_sent() {
    let test = TestSite::with_web(&format!("token = '{TOKEN}'")).await;
    let first = test.send(signed("bridge", "msg_1", start(), BODY)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert!(first.text.contains(r#""new":1"#), "{}", first.text);
    for _ in 0..3 {
        let again = test.send(signed("bridge", "msg_1", start(), BODY)).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (200, r#"{"repeated_request":true}"#));
    }
    let other_words = test.send(signed("bridge", "msg_1", start(), &BODY.replace("w-1", "w-2"))).await;
    assert!(other_words.text.contains("repeated_request"));
    assert_eq!(mentions(&test).await, 1);
    let next = test.send(signed("bridge", "msg_2", start(), BODY)).await;
    assert!(next.text.contains(r#""known_already":1"#), "{}", next.text);
    let heard = test.app.store.find_mention("w-1").await.unwrap().unwrap();
    assert!(!heard.backfill && heard.source == "bridge");
    let state = test.app.store.source_state("bridge").await.unwrap().unwrap();
    assert_eq!((state.last_item_at, state.first_success_at), (Some(start()), Some(start())));
    assert!(test.app.metrics.render().contains("gehoord_mentions_stored_total 1"));
}

#[tokio::test]
async fn an_id_is_remembered_for_a_day() {
    let test = TestSite::open().await;
    test.send(signed("bridge", "msg_1", start(), BODY)).await;
    test.clock.advance(Duration::from_secs(23 * 3600));
    let within = test.send(signed("bridge", "msg_1", test.clock.now(), BODY)).await;
    assert!(within.text.contains("repeated_request"));
    test.clock.advance(Duration::from_secs(2 * 3600));
    let after = test.send(signed("bridge", "msg_1", test.clock.now(), BODY)).await;
    assert!(after.text.contains(r#""known_already":1"#), "{}", after.text);
}

#[tokio::test]
async fn a_push_that_is_not_right_is_refused_and_stores_nothing() {
    let test = TestSite::open().await;
    let with_header = |name: &str, value: &str| {
        let mut request = signed("bridge", "msg_1", start(), BODY);
        request.headers_mut().insert(axum::http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        request
    };
    let mut tampered = signed("bridge", "msg_1", start(), BODY);
    *tampered.body_mut() = Body::from(BODY.replace("drie", "vier"));
    let mut unsigned = signed("bridge", "msg_1", start(), BODY);
    unsigned.headers_mut().remove("webhook-signature");
    let too_many = format!(r#"{{"removed":[{}]}}"#, vec!["1"; 20_000].join(","));
    for (what, request, status) in [
        ("tampered body", tampered, 401),
        ("another id", with_header("webhook-id", "msg_2"), 401),
        ("another signature", with_header("webhook-signature", "v1,AAAA"), 401),
        ("no signature", unsigned, 400),
        ("time that is none", with_header("webhook-timestamp", "soon"), 400),
        ("six minutes old", signed("bridge", "msg_1", hours_ago(0) - Duration::from_secs(360), BODY), 401),
        ("six minutes ahead", signed("bridge", "msg_1", start() + Duration::from_secs(360), BODY), 401),
        ("no source of that name", signed("nowhere", "msg_1", start(), BODY), 404),
        ("a source that is no webhook", signed("forum", "msg_1", start(), BODY), 404),
        ("not JSON", signed("bridge", "msg_1", start(), "hallo"), 400),
        ("another shape", signed("bridge", "msg_1", start(), r#"{"mentions":1}"#), 400),
        ("too many at once", signed("bridge", "msg_1", start(), &too_many), 413),
        ("too large", signed("bridge", "msg_1", start(), &"x".repeat(10 * 1024 * 1024)), 413),
    ] {
        let reply = test.send(request).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
        assert!(reply.text.starts_with(r#"{"error":""#), "{what}: {}", reply.text);
    }
    assert_eq!(mentions(&test).await, 0);
    let get = test.get("/hooks/bridge").await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    let good = test.send(signed("bridge", "msg_1", start(), BODY)).await;
    assert!(good.text.contains(r#""new":1"#), "a refused id is not remembered: {}", good.text);
}

#[tokio::test]
async fn a_sender_who_comes_too_often_is_told_when_to_go_on_and_holds_up_nobody_else() {
    let test = TestSite::open().await;
    // What is not signed counts too: it costs as much to look at.
    for _ in 0..600 {
        let unsigned = Request::post("/hooks/bridge").body(Body::from("{}")).unwrap();
        assert_eq!(test.send_from("192.0.2.1", unsigned).await.status, StatusCode::BAD_REQUEST);
    }
    test.clock.advance(Duration::from_secs(20));
    let push = |id: &str| signed("bridge", id, test.clock.now(), BODY);
    let refused = test.send_from("192.0.2.1", push("msg_1")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "40"));
    assert_eq!(mentions(&test).await, 0);
    assert_eq!(test.send_from("192.0.2.2", push("msg_2")).await.status, StatusCode::OK);
    test.clock.advance(Duration::from_secs(40));
    assert_eq!(test.send_from("192.0.2.1", push("msg_3")).await.status, StatusCode::OK, "the minute is over");
}

#[tokio::test]
async fn one_broken_item_costs_no_other() {
    let test = TestSite::open().await;
    let body = BODY.replace("]}", r#",{"text":5},7]}"#);
    let reply = test.send(signed("bridge", "msg_1", start(), &body)).await;
    assert!(
        reply.text.contains(r#""new":1"#) && reply.text.contains(r#""not_understood":2"#),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn a_push_during_a_broken_store_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestSite::in_folder(folder, "", Limits::default()).await;
    test.app.store.db.close().await;
    let reply = test.send(signed("bridge", "msg_1", start(), BODY)).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.header("retry-after"), "5");
    assert_eq!(reply.text, r#"{"error":"not stored; send it again"}"#);
    let TestSite { folder, .. } = test;
    let healed = TestSite::in_folder(folder, "", Limits::default()).await;
    let again = healed.send(signed("bridge", "msg_1", start(), BODY)).await;
    assert!(again.text.contains(r#""new":1"#), "{}", again.text);
}
