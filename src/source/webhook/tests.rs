use axum::http::HeaderValue;
use proptest::prelude::*;

use super::super::trial::{damaged, ids, mentions};
use super::*;
use crate::mention::MentionKind;

const BATCH: &str = include_str!("../../../tests/fixtures/webhook/batch.json");
const SINGLE: &str = include_str!("../../../tests/fixtures/webhook/single.json");

const SECRET_ONE: &str = "whsec_dmVsZG5ldC1nZWhlaW0tbnVtbWVyLWVlbi0wMTIzNDU2Nzg5";
const SECRET_TWO: &str = "whsec_dmVsZG5ldC1nZWhlaW0tbnVtbWVyLXR3ZWUtOTg3NjU0MzIx";
/// Signatures over `msg_veldnet_1.1795168800.` and the fixture `single.json`, made with `openssl dgst -mac HMAC`.
const SIGNED_ONE: &str = "uvwrzJ7lVW3bGvxUAdSM6Sd5MjoolhDuFQhWcFFV/eI=";
const SIGNED_TWO: &str = "yNI3gYqbLfbUxjE2XyVAeO6xaNFaXGLIoGGYQFLiOvk=";
const SIGNED_AT: i64 = 1_795_168_800;

fn webhook(secrets: &[&str]) -> Webhook {
    let secrets = secrets.iter().map(|&secret| Secret::new(secret)).collect();
    build(Config { secrets, ..Config::default() })
}

fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
    {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn good_headers() -> HeaderMap {
    headers("msg_veldnet_1", &SIGNED_AT.to_string(), &format!("v1,{SIGNED_ONE}"))
}

/// So many seconds after the request was signed.
fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(SIGNED_AT + seconds).unwrap()
}

fn verdict(webhook: &Webhook, headers: &HeaderMap) -> Result<Verified, Refusal> {
    webhook.verify(headers, SINGLE.as_bytes(), after(0))
}

#[test]
fn a_signed_request_is_accepted_and_gives_its_id() {
    let verified = verdict(&webhook(&[SECRET_ONE]), &good_headers()).unwrap();
    assert_eq!(verified, Verified { id: "msg_veldnet_1".into() });
}

#[test]
fn any_flipped_bit_of_body_signature_id_or_time_is_refused() {
    let webhook = webhook(&[SECRET_ONE]);
    let body = SINGLE.as_bytes();
    for bit in 0..body.len() * 8 {
        let mut forged = body.to_vec();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(webhook.verify(&good_headers(), &forged, after(0)), Err(Refusal::Signature), "bit {bit}");
    }
    let signature = STANDARD.decode(SIGNED_ONE).unwrap();
    for bit in 0..signature.len() * 8 {
        let mut forged = signature.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let forged = format!("v1,{}", STANDARD.encode(forged));
        let headers = headers("msg_veldnet_1", &SIGNED_AT.to_string(), &forged);
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Signature), "bit {bit}");
    }
    for (id, time) in
        [("msg_veldnet_2", SIGNED_AT), ("Msg_veldnet_1", SIGNED_AT), ("msg_veldnet_1", SIGNED_AT + 1)]
    {
        let headers = headers(id, &time.to_string(), &format!("v1,{SIGNED_ONE}"));
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Signature), "{id} {time}");
    }
    let cut = format!("v1,{}", STANDARD.encode(&signature[..31]));
    for signature in [cut.as_str(), "v1,", "v1,!!!", "v1"] {
        let headers = headers("msg_veldnet_1", &SIGNED_AT.to_string(), signature);
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Signature), "{signature}");
    }
}

#[test]
fn four_minutes_are_tolerated_and_six_are_not() {
    let webhook = webhook(&[SECRET_ONE]);
    for (seconds, verdict) in [
        (240, None),
        (-240, None),
        (300, None),
        (-300, None),
        (301, Some(Refusal::Stale)),
        (360, Some(Refusal::Stale)),
        (-301, Some(Refusal::Future)),
        (-360, Some(Refusal::Future)),
    ] {
        let answer = webhook.verify(&good_headers(), SINGLE.as_bytes(), after(seconds));
        assert_eq!(answer.err(), verdict, "{seconds} seconds");
    }
}

#[test]
fn the_prefix_names_the_version_and_others_do_not_count() {
    let webhook = webhook(&[SECRET_ONE]);
    for prefix in ["", "v1", "v1=", "v2,", "v1a,", "V1,", "sha256=", ",v1,"] {
        let headers = headers("msg_veldnet_1", &SIGNED_AT.to_string(), &format!("{prefix}{SIGNED_ONE}"));
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Signature), "{prefix}");
    }
    let several = format!("v1a,AAAA v1,AAAA  v1,{SIGNED_ONE}");
    assert!(verdict(&webhook, &headers("msg_veldnet_1", &SIGNED_AT.to_string(), &several)).is_ok());
    let flood = format!("{}v1,{SIGNED_ONE}", "v1,AAAA ".repeat(100));
    let headers = headers("msg_veldnet_1", &SIGNED_AT.to_string(), &flood);
    assert_eq!(verdict(&webhook, &headers), Err(Refusal::Signature), "a flood of signatures is not searched");
}

#[test]
fn while_rotating_either_secret_will_do() {
    let old_only = webhook(&[SECRET_ONE]);
    let new_only = webhook(&[SECRET_TWO]);
    let both = webhook(&[SECRET_TWO, SECRET_ONE]);
    let signed = |signatures: &str| headers("msg_veldnet_1", &SIGNED_AT.to_string(), signatures);
    let (one, two) = (signed(&format!("v1,{SIGNED_ONE}")), signed(&format!("v1,{SIGNED_TWO}")));
    assert!(verdict(&both, &one).is_ok() && verdict(&both, &two).is_ok());
    assert!(verdict(&old_only, &two).is_err() && verdict(&new_only, &one).is_err());
    let twice = signed(&format!("v1,{SIGNED_TWO} v1,{SIGNED_ONE}"));
    for receiver in [&old_only, &new_only, &both] {
        assert!(verdict(receiver, &twice).is_ok());
    }
}

#[test]
fn headers_that_are_missing_doubled_or_odd_are_refused_by_name() {
    let webhook = webhook(&[SECRET_ONE]);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut missing = good_headers();
        missing.remove(name);
        assert_eq!(verdict(&webhook, &missing), Err(Refusal::Header(name)));
        let mut doubled = good_headers();
        doubled.append(name, good_headers()[name].clone());
        assert_eq!(verdict(&webhook, &doubled), Err(Refusal::Header(name)));
        let mut binary = good_headers();
        binary.insert(name, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        assert_eq!(verdict(&webhook, &binary), Err(Refusal::Header(name)));
    }
    for timestamp in
        ["", "nu", "-1795168800", "+1795168800", "1795168800.0", " 1795168800", "99999999999999999999"]
    {
        let headers = headers("msg_veldnet_1", timestamp, &format!("v1,{SIGNED_ONE}"));
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Header("webhook-timestamp")), "{timestamp}");
    }
    for id in ["", "a.b", &"x".repeat(257)] {
        let headers = headers(id, &SIGNED_AT.to_string(), &format!("v1,{SIGNED_ONE}"));
        assert_eq!(verdict(&webhook, &headers), Err(Refusal::Header("webhook-id")));
    }
}

#[test]
fn a_large_body_is_refused_before_anything_is_computed() {
    let webhook = webhook(&[SECRET_ONE]);
    let body = vec![b'x'; 1024 * 1024 + 1];
    assert_eq!(webhook.verify(&HeaderMap::new(), &body, after(0)), Err(Refusal::TooLarge));
    assert_eq!(
        [Refusal::TooLarge.status(), Refusal::Signature.status(), Refusal::Header("x").status()],
        [413, 401, 400]
    );
}

#[test]
fn without_a_usable_secret_nothing_is_accepted() {
    for secrets in [&[][..], &["geheim"], &["whsec_"], &["whsec_AAAA"]] {
        assert_eq!(verdict(&webhook(secrets), &good_headers()), Err(Refusal::Signature));
    }
}

#[test]
fn every_mistake_in_the_settings_is_told_and_no_secret_is_printed() {
    assert_eq!(webhook(&[SECRET_ONE, SECRET_TWO]).config.validate(), Vec::<String>::new());
    assert!(!format!("{:?}", webhook(&[SECRET_ONE]).config).contains("dmVsZ"));
    let longest = format!("whsec_{}", STANDARD.encode([7; 65]));
    for secrets in
        [&[][..], &[SECRET_ONE, "geheim"], &["whsec_AAAA"], &[&SECRET_ONE[6..]], &[longest.as_str()]]
    {
        assert!(webhook(secrets).config.validate()[0].starts_with("secrets:"));
    }
    let config = Config { body_bytes_max: 0, ..webhook(&[SECRET_ONE]).config };
    assert!(config.validate()[0].starts_with("body_bytes_max:"));
}

#[test]
fn a_body_is_one_mention_or_a_batch_with_removals() {
    let items = parse(SINGLE.as_bytes()).unwrap();
    assert_eq!(mentions(&items)[0].kind, MentionKind::Message);
    let items = parse(BATCH.as_bytes()).unwrap();
    assert_eq!(ids(&items), ["forum-8812", "enquete-77"]);
    let removed: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Removed(id) => Some(id.as_str()),
            Item::Mention(_) | Item::Broken { .. } => None,
        })
        .collect();
    assert_eq!(removed, ["forum-8700", "8701"]);
}

#[test]
fn one_damaged_mention_costs_no_other() {
    let copies = damaged(BATCH, "/mentions/0");
    assert!(copies.len() > 100);
    for (what, body) in copies {
        let items = parse(body.as_bytes()).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        assert!(ids(&items).contains(&"enquete-77"), "{what}");
        assert_eq!(items.len(), 4, "{what}: what is not understood is kept as broken");
    }
}

#[test]
fn what_cannot_be_relied_on_is_broken() {
    for mention in [
        r#"{"external_id":"","author":{"external_id":"a"},"text":"x"}"#,
        r#"{"external_id":"1","author":{"external_id":""},"text":"x"}"#,
        r#"{"external_id":"1","author":{"external_id":"a"},"text":"x","rating":{"value":6,"best":5}}"#,
        r#"{"external_id":"1","author":{"external_id":"a"},"text":"x","rating":{"value":1,"best":0}}"#,
        r#"{"external_id":"1","author":{"external_id":"a"},"text":"x","extra":1}"#,
        r#"{"mention":{"external_id":"1"}}"#,
        "{}",
    ] {
        let items = parse(mention.as_bytes()).unwrap();
        assert!(matches!(items.as_slice(), [Item::Broken { .. }]), "{mention}");
    }
}

#[test]
fn another_body_is_refused_as_a_whole() {
    for (body, kind) in [
        ("", FailureKind::Malformed),
        ("[]", FailureKind::Malformed),
        ("null", FailureKind::Malformed),
        ("<html>", FailureKind::Malformed),
        (r#"{"mentions":{}}"#, FailureKind::Malformed),
        (r#"{"removed":"1"}"#, FailureKind::Malformed),
        (r#"{"mentions":[],"remove":["1"]}"#, FailureKind::Refused),
    ] {
        assert_eq!(parse(body.as_bytes()).unwrap_err().kind, kind, "{body}");
    }
    let many = format!(r#"{{"removed":[{}]}}"#, vec!["\"1\""; 1001].join(","));
    assert_eq!(parse(many.as_bytes()).unwrap_err().kind, FailureKind::TooLarge);
    assert!(parse("[".repeat(100_000).as_bytes()).is_err());
}

#[tokio::test]
async fn a_poll_of_a_webhook_finds_nothing_and_keeps_the_cursor() {
    let page = webhook(&[SECRET_ONE]).fetch("c", after(0)).await.unwrap();
    assert!(page.items.is_empty() && page.unchanged && !page.more && page.cursor == "c");
    assert!(webhook(&[SECRET_ONE]).check().await.unwrap().contains("1 secrets"));
    assert_eq!(webhook(&[]).check().await.unwrap_err().kind, FailureKind::BadCredentials);
}

proptest! {
    #[test]
    fn no_body_and_no_header_makes_us_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "[ -~]{0,60}") {
        let _ = parse(&body);
        let headers = headers(&text, &SIGNED_AT.to_string(), &text);
        prop_assert!(webhook(&[SECRET_ONE]).verify(&headers, &body, after(0)).is_err());
    }
}
