use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::super::trial::{damaged, ids, mentions, serve};
use super::*;
use crate::mention::{MentionKind, Rating};

const PAGE: &str = include_str!("../../../tests/fixtures/trustpilot/page.json");
const UNIT: &str = "5f0000000000000000000001";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_page_gives_reviews_and_behind_them_the_replies() {
    let reviews = parse(PAGE, UNIT).unwrap();
    let found = ids(&reviews.items);
    assert_eq!(
        found[..3],
        ["6a0000000000000000000003", "6a0000000000000000000002", "6a0000000000000000000001"]
    );
    assert_eq!(found[3..], ["reply:6a0000000000000000000003"]);
    let first = mentions(&reviews.items)[0];
    assert_eq!(first.kind, MentionKind::Review);
    assert_eq!(first.rating, Rating::new(1.0, 5.0));
    assert_eq!(first.author.external_id, "7b0000000000000000000031");
    assert_eq!(first.author.display_name.as_deref(), Some("Wieteke van den Berg"));
    assert_eq!(first.author.audience, None, "having written reviews is no audience");
    assert_eq!(first.language_hint.as_deref(), Some("nl"));
    assert_eq!(first.reference.as_deref(), Some("KL-0042-7781"));
    assert_eq!(first.url.as_deref(), Some("https://www.trustpilot.com/reviews/6a0000000000000000000003"));
    assert_eq!(first.published_at, Some(at("2026-11-19T20:15:00Z")));
    assert_eq!(first.edited_at, Some(at("2026-11-20T08:30:00Z")));
    assert_eq!(first.engagement.likes, 2);
}

#[test]
fn a_reply_is_the_companys_own_voice() {
    let reviews = parse(PAGE, UNIT).unwrap();
    let reply = mentions(&reviews.items)[3];
    assert_eq!(reply.reply_to.as_deref(), Some("6a0000000000000000000003"));
    assert_eq!(reply.published_at, Some(at("2026-11-20T08:30:00Z")), "a time without zone is UTC");
    assert_eq!(reply.rating, None);
    let config = Config { business_units: vec![UNIT.into()], ..Config::default() };
    assert!(config.own_accounts().contains(&reply.author.external_id));
}

#[test]
fn stars_alone_are_a_review_and_a_lost_consumer_is_nobody_else() {
    let reviews = parse(PAGE, UNIT).unwrap();
    let last = mentions(&reviews.items)[2];
    assert_eq!((last.text.as_str(), last.rating), ("", Rating::new(2.0, 5.0)));
    assert_eq!(last.author.external_id, "review:6a0000000000000000000001");
    assert_eq!(last.edited_at, None, "the time of writing is no edit");
    assert_eq!(last.url.as_deref(), Some("https://www.trustpilot.com/reviews/6a0000000000000000000001"));
}

#[test]
fn one_damaged_review_costs_no_other() {
    let copies = damaged(PAGE, "/reviews/0");
    assert!(copies.len() > 150);
    for (what, page) in copies {
        let reviews = parse(&page, UNIT).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let found = ids(&reviews.items);
        assert!(found.contains(&"6a0000000000000000000002"), "{what}");
        assert!(found.contains(&"6a0000000000000000000001"), "{what}");
    }
}

#[test]
fn another_answer_is_malformed() {
    for wrong in ["", "<html>", "[]", "{}", r#"{"reviews":null}"#, r#"{"reviews":{"a":1}}"#] {
        assert_eq!(parse(wrong, UNIT).unwrap_err().kind, FailureKind::Malformed, "{wrong}");
    }
}

#[test]
fn every_mistake_in_the_settings_is_told_and_no_secret_is_printed() {
    let good = Config {
        business_units: vec![UNIT.into()],
        api_key: Some(Secret::new("sleutel")),
        ..Config::default()
    };
    assert_eq!(good.validate(), Vec::<String>::new());
    assert!(!format!("{good:?}").contains("sleutel"));
    let bad = Config {
        base_url: "x".into(),
        business_units: vec!["veldnet.example".into()],
        page_size: 500,
        ..Config::default()
    };
    for key in ["base_url:", "business_units:", "api_key:", "page_size:"] {
        assert!(bad.validate().iter().any(|error| error.starts_with(key)), "{key}");
    }
}

fn now() -> Timestamp {
    at("2026-11-20T10:00:00Z")
}

/// A review site with one list for every business unit; review `n` was written `n` seconds after a fixed moment.
#[derive(Clone, Default)]
struct Site {
    reviews: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    logins: Arc<AtomicUsize>,
}

impl Site {
    async fn serve(&self) -> String {
        let router = Router::new()
            .route("/v1/business-units/{unit}/reviews", get(public_list))
            .route("/v1/private/business-units/{unit}/reviews", get(private_list))
            .route("/v1/oauth/oauth-business-users-for-applications/accesstoken", post(login))
            .with_state(self.clone());
        serve(router).await
    }

    fn list(&self, query: &BTreeMap<String, String>) -> String {
        assert_eq!(query["orderBy"], "createdat.desc");
        let (page, size): (usize, usize) =
            (query["page"].parse().unwrap(), query["perPage"].parse().unwrap());
        let reviews: Vec<Value> = (0..self.reviews.load(Ordering::SeqCst))
            .rev()
            .skip((page - 1) * size)
            .take(size)
            .map(|number| {
                let written = at("2026-11-01T00:00:00Z").as_second() + number as i64;
                json!({"id": number.to_string(), "stars": 1, "text": "t", "referenceId": "r",
                       "createdAt": Timestamp::from_second(written).unwrap().to_string()})
            })
            .collect();
        json!({"links": [], "reviews": reviews}).to_string()
    }
}

async fn public_list(
    State(site): State<Site>,
    Path(unit): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    site.requests.fetch_add(1, Ordering::SeqCst);
    match (headers.get("apikey").map(|key| key.to_str().unwrap()), unit.as_str()) {
        (Some("sleutel"), "gone") => Err(StatusCode::NOT_FOUND),
        (Some("sleutel"), _) => Ok(site.list(&query)),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

async fn private_list(
    State(site): State<Site>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    let valid = format!("Bearer token{}", site.logins.load(Ordering::SeqCst));
    let given = headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
    if given.to_str().unwrap() == valid { Ok(site.list(&query)) } else { Err(StatusCode::UNAUTHORIZED) }
}

async fn login(State(site): State<Site>, headers: HeaderMap, body: String) -> Result<String, StatusCode> {
    assert_eq!(body, "grant_type=client_credentials");
    // The pair "sleutel:geheim" in base64.
    if headers["authorization"] != "Basic c2xldXRlbDpnZWhlaW0=" {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let number = site.logins.fetch_add(1, Ordering::SeqCst) + 1;
    Ok(json!({"access_token": format!("token{number}"), "expires_in": "359999"}).to_string())
}

fn source(base_url: &str, units: &[&str]) -> Trustpilot {
    let config = Config {
        base_url: base_url.to_owned(),
        business_units: units.iter().map(|&unit| unit.to_owned()).collect(),
        api_key: Some(Secret::new("sleutel")),
        page_size: 10,
        ..Config::default()
    };
    build(config, Client::new().unwrap())
}

async fn round(source: &Trustpilot, cursor: &mut String, now: Timestamp) -> (Vec<usize>, Option<String>) {
    let (mut seen, mut missed) = (Vec::new(), None);
    for _ in 0..200 {
        let page = source.fetch(cursor, now).await.unwrap();
        seen.extend(ids(&page.items).into_iter().map(|id| id.parse::<usize>().unwrap()));
        *cursor = page.cursor;
        missed = page.missed.or(missed);
        if !page.more {
            return (seen, missed);
        }
    }
    panic!("a round ends");
}

#[tokio::test]
async fn the_first_poll_is_bounded_and_later_ones_skip_nothing() {
    let site = Site::default();
    site.reviews.store(95, Ordering::SeqCst);
    let source = source(&site.serve().await, &[UNIT]);
    let mut cursor = String::new();
    assert_eq!(round(&source, &mut cursor, now()).await.0.len(), 30);

    site.requests.store(0, Ordering::SeqCst);
    round(&source, &mut cursor, now()).await;
    assert_eq!(site.requests.load(Ordering::SeqCst), 1, "a quiet poll is one request");

    site.reviews.store(142, Ordering::SeqCst);
    let (seen, missed) = round(&source, &mut cursor, now()).await;
    assert!((95..142).all(|number| seen.contains(&number)));
    assert_eq!(missed, None);
}

#[tokio::test]
async fn reviews_that_arrive_while_paging_are_not_skipped() {
    let site = Site::default();
    site.reviews.store(40, Ordering::SeqCst);
    let source = source(&site.serve().await, &[UNIT]);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    site.reviews.store(80, Ordering::SeqCst);
    let mut seen = Vec::new();
    loop {
        let page = source.fetch(&cursor, now()).await.unwrap();
        seen.extend(ids(&page.items).into_iter().map(|id| id.parse::<usize>().unwrap()));
        cursor = page.cursor;
        site.reviews.fetch_add(3, Ordering::SeqCst);
        if !page.more {
            break;
        }
    }
    seen.extend(round(&source, &mut cursor, now()).await.0);
    assert!((40..site.reviews.load(Ordering::SeqCst)).all(|number| seen.contains(&number)));
}

#[tokio::test]
async fn a_long_absence_is_caught_up_in_portions() {
    let site = Site::default();
    site.reviews.store(10, Ordering::SeqCst);
    let source = source(&site.serve().await, &[UNIT]);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    // 60 pages of news: more than one pass takes. The limiter of the client paces the test to a few seconds.
    site.reviews.store(610, Ordering::SeqCst);
    let (first, _) = round(&source, &mut cursor, now()).await;
    assert_eq!(first.len(), 500);
    let (second, _) = round(&source, &mut cursor, now()).await;
    assert!((10..610).all(|number| first.contains(&number) || second.contains(&number)));
}

#[tokio::test]
async fn the_newest_pages_are_read_for_edits_once_a_day() {
    let site = Site::default();
    site.reviews.store(95, Ordering::SeqCst);
    let source = source(&site.serve().await, &[UNIT]);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    let tomorrow = at("2026-11-21T10:00:00Z");
    assert_eq!(round(&source, &mut cursor, tomorrow).await.0.len(), 50);
    assert_eq!(round(&source, &mut cursor, tomorrow).await.0.len(), 10);
}

#[tokio::test]
async fn the_private_list_logs_in_once_and_again_when_the_token_ends_early() {
    let site = Site::default();
    site.reviews.store(5, Ordering::SeqCst);
    let mut source = source(&site.serve().await, &[UNIT]);
    source.config.api_secret = Some(Secret::new("geheim"));
    let mut cursor = String::new();
    for _ in 0..3 {
        round(&source, &mut cursor, now()).await;
    }
    assert_eq!(site.logins.load(Ordering::SeqCst), 1);
    site.logins.store(7, Ordering::SeqCst);
    let page = source.fetch(&cursor, now()).await.unwrap();
    assert_eq!(mentions(&page.items)[0].reference.as_deref(), Some("r"));
    assert_eq!(site.logins.load(Ordering::SeqCst), 8);
    // After its life of 359,999 seconds a token is not tried any more.
    round(&source, &mut cursor, at("2026-11-27T10:00:00Z")).await;
    assert_eq!(site.logins.load(Ordering::SeqCst), 9);
    assert!(source.check().await.unwrap().contains("with order numbers"));
}

#[tokio::test]
async fn wrong_keys_suspend_and_one_lost_unit_does_not_silence_the_others() {
    let site = Site::default();
    site.reviews.store(5, Ordering::SeqCst);
    let base = site.serve().await;
    let mut wrong = source(&base, &[UNIT]);
    wrong.config.api_key = Some(Secret::new("verkeerd"));
    assert_eq!(wrong.fetch("", now()).await.unwrap_err().kind, FailureKind::BadCredentials);
    let failure = wrong.check().await.unwrap_err();
    assert!(!failure.to_string().contains("verkeerd"));
    wrong.config.api_secret = Some(Secret::new("geheim"));
    assert_eq!(wrong.fetch("", now()).await.unwrap_err().kind, FailureKind::BadCredentials);

    let both = source(&base, &["gone", UNIT]);
    let (seen, missed) = round(&both, &mut String::new(), now()).await;
    assert_eq!(seen.len(), 5);
    assert!(missed.unwrap().contains("gone"));
    assert_eq!(source(&base, &["gone"]).fetch("", now()).await.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn a_list_that_ignores_the_page_number_ends_with_a_gap() {
    let same = || async { PAGE };
    let base = serve(Router::new().route("/v1/business-units/{unit}/reviews", get(same))).await;
    let (seen, missed) = {
        let source = source(&base, &[UNIT]);
        let mut pages = 0;
        let mut cursor = String::new();
        loop {
            let page = source.fetch(&cursor, now()).await.unwrap();
            pages += 1;
            cursor = page.cursor;
            if !page.more {
                break (pages, page.missed);
            }
        }
    };
    assert_eq!(seen, 2);
    assert!(missed.is_some());
}

#[test]
fn a_time_in_the_future_does_not_blind_us() {
    let mut progress = Progress::default();
    let seen = |id: &str, time: &str| Seen { id: id.into(), created_at: Some(at(time)) };
    progress.take(&[seen("1", "2099-01-01T00:00:00Z")], now());
    progress.take(&[], now());
    assert_eq!(progress.watermark, Some(now()));
    let step = progress.take(&[seen("2", "2026-11-20T10:00:01Z")], at("2026-11-20T10:00:05Z"));
    assert!(!step.finished, "the review after that is new, so paging goes on");
}
