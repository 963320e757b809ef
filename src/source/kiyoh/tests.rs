use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};

use super::super::trial::{damaged, ids, mentions, serve};
use super::*;
use crate::mention::{Flag, MentionKind, Rating};
use crate::source::Item;

const PAGE: &str = include_str!("../../../tests/fixtures/kiyoh/page.json");
const REMOVED: &str = include_str!("../../../tests/fixtures/kiyoh/removed.json");
const INVALID_HASH: &str = include_str!("../../../tests/fixtures/kiyoh/invalid_hash.json");
const LOCATION: &str = "1099001";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-20T10:00:00Z")
}

#[test]
fn a_review_is_put_together_from_its_questions() {
    let reviews = parse(PAGE, LOCATION).unwrap();
    let first = mentions(&reviews.items)[0];
    assert_eq!(first.kind, MentionKind::Review);
    assert_eq!(first.title.as_deref(), Some("Afspraken niet nagekomen"));
    assert_eq!(first.text, "De monteur kwam twee keer niet opdagen.\nWat kan beter?: Sneller terugbellen");
    assert_eq!(first.rating, Rating::new(3.0, 10.0));
    assert_eq!(first.reference.as_deref(), Some("KL-0042-7781"));
    assert_eq!(first.language_hint.as_deref(), Some("nl"));
    assert_eq!(first.published_at, Some(at("2026-11-18T09:12:44.120Z")));
    assert_eq!(first.edited_at, Some(at("2026-11-19T13:02:00.500Z")));
    assert!(first.flags.is_empty());
}

#[test]
fn scores_come_as_number_or_text_and_words_may_be_missing() {
    let reviews = parse(PAGE, LOCATION).unwrap();
    let all = mentions(&reviews.items);
    assert_eq!((all[1].text.as_str(), all[1].rating), ("", Rating::new(10.0, 10.0)));
    assert_eq!((all[2].title.as_deref(), all[2].rating), (Some("Prima winkel"), Rating::new(7.0, 10.0)));
    assert_eq!(all[1].edited_at, None);
    assert_ne!(all[1].author.external_id, all[2].author.external_id, "two anonymous people are two");
}

#[test]
fn our_answer_is_our_own_voice() {
    let reviews = parse(PAGE, LOCATION).unwrap();
    let reply = *mentions(&reviews.items).last().unwrap();
    assert_eq!(reply.external_id, "reply:3f6c1e10-0000-4000-8000-000000000001");
    assert_eq!(reply.reply_to.as_deref(), Some("3f6c1e10-0000-4000-8000-000000000001"));
    assert_eq!(reply.author.display_name.as_deref(), Some("Veldnet Winkel Zwolle"));
    assert!(config("x").own_accounts().contains(&reply.author.external_id));
}

#[test]
fn one_damaged_review_costs_no_other() {
    let copies = damaged(PAGE, "/reviews/0");
    assert!(copies.len() > 250);
    for (what, page) in copies {
        let reviews = parse(&page, LOCATION).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let found = ids(&reviews.items);
        for id in ["3f6c1e10-0000-4000-8000-000000000002", "3f6c1e10-0000-4000-8000-000000000003"] {
            assert!(found.contains(&id), "{what}");
        }
        assert_eq!(reviews.count, 3, "{what}");
    }
}

#[test]
fn one_odd_question_is_flagged_and_costs_no_words() {
    let page =
        PAGE.replace(r#""questionGroup": "CUSTOM", "questionType": "INT""#, r#""questionGroup": ["x"]"#);
    let reviews = parse(&page, LOCATION).unwrap();
    let first = mentions(&reviews.items)[0];
    assert_eq!(first.flags, [Flag::Drifted]);
    assert!(first.text.starts_with("De monteur"));
}

#[test]
fn a_lone_surrogate_in_an_opinion_costs_one_character() {
    let page = PAGE.replace("De monteur kwam", "De monteur \\ud83d kwam");
    let reviews = parse(&page, LOCATION).unwrap();
    assert!(mentions(&reviews.items)[0].text.starts_with("De monteur \u{FFFD} kwam"));
}

#[test]
fn removals_take_the_answer_along() {
    let removals = parse_removals(REMOVED).unwrap();
    let removed: Vec<&str> = removals
        .items
        .iter()
        .map(|item| match item {
            Item::Removed(id) => id.as_str(),
            _ => panic!("only removals"),
        })
        .collect();
    assert_eq!(removed.len(), 4);
    assert!(removed.contains(&"3f6c1e10-0000-4000-8000-000000000077"));
    assert!(removed.contains(&"reply:3f6c1e10-0000-4000-8000-000000000078"));
    assert_eq!(removals.newest, Some(at("2026-11-19T11:00:00Z")));
    assert!(parse_removals("").unwrap().items.is_empty());
    assert_eq!(parse_removals(&format!(r#"{{"reviews":{REMOVED}}}"#)).unwrap().items.len(), 4);
    assert!(parse_removals("<html>").is_err() && parse_removals("{}").is_err());
    let many = format!("[{}]", vec![r#"{"reviewId":"a"}"#; 2500].join(","));
    assert_eq!(parse_removals(&many).unwrap().items.len(), 5000, "no removal is left out");
}

#[test]
fn the_inner_code_tells_what_is_wrong() {
    let failure = |status: u16, body: &str| {
        let url = "https://site.example/v1/x?token=geheim".parse().unwrap();
        let headers = reqwest::header::HeaderMap::new();
        let response =
            crate::source::client::Response { status, headers, body: Vec::new(), url, moved_for_good: false };
        super::answer::refusal(body, &response)
    };
    let inner = |code: &str| {
        format!(r#"{{"httpCode":400,"errorCode":"BAD","detailedError":[{{"errorCode":"{code}"}}]}}"#)
    };
    let cases = [
        (400, INVALID_HASH.to_owned(), FailureKind::BadCredentials),
        (200, INVALID_HASH.to_owned(), FailureKind::BadCredentials),
        (400, inner("INVALID_TOKEN"), FailureKind::BadCredentials),
        (404, inner("LOCATION_NOT_FOUND"), FailureKind::NotFound),
        (400, inner("INTERNAL_SERVER_ERROR"), FailureKind::Unavailable),
        (400, inner("INVALID_DATE"), FailureKind::Refused),
        (400, inner("WAT_ANDERS"), FailureKind::Refused),
        (200, inner("WAT_ANDERS"), FailureKind::Refused),
        (200, r#"{"errorCode":"WAT_ANDERS"}"#.into(), FailureKind::Malformed),
        (400, r#"{"detailedError":{"errorCode":"INVALID_HASH"}}"#.into(), FailureKind::BadCredentials),
        (401, String::new(), FailureKind::BadCredentials),
        (503, "<html>".into(), FailureKind::Unavailable),
    ];
    for (status, body, kind) in cases {
        let failure = failure(status, &body).unwrap_or_else(|| panic!("{status} {body}"));
        assert_eq!(failure.kind, kind, "{status} {body}");
        assert!(!failure.message.contains("geheim"));
    }
    assert!(failure(200, PAGE).is_none() && failure(200, REMOVED).is_none());
    let quoting = failure(400, &inner("Klacht van Jan Jansen")).unwrap();
    assert!(!quoting.message.contains("Jansen"));
}

#[test]
fn every_mistake_in_the_settings_is_told_and_no_token_is_printed() {
    assert_eq!(config("https://www.kiyoh.com").validate(), Vec::<String>::new());
    assert!(!format!("{:?}", config("x")).contains("geheim"));
    let location = |id: &str| Location { id: id.into(), token: Secret::new("t") };
    for (bad, key) in [
        (Config::default(), "locations:"),
        (Config { locations: vec![location("1"), location("1")], ..Config::default() }, "locations:"),
        (Config { locations: vec![location("a b")], ..Config::default() }, "locations:"),
        (Config { page_size: 0, ..config("https://www.kiyoh.com") }, "page_size:"),
        (config("kiyoh"), "base_url:"),
        (config("https://www.klantenvertellen.nl"), "tenant_id:"),
    ] {
        assert!(bad.validate().iter().any(|error| error.starts_with(key)), "{key} in {:?}", bad.validate());
    }
}

/// A site that keeps, for its one location, each review's number and the second it last changed, and the removals.
#[derive(Clone, Default)]
struct Site(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    reviews: BTreeMap<u64, i64>,
    removed: Vec<(u64, i64)>,
    asked: Vec<BTreeMap<String, String>>,
}

impl Site {
    async fn serve(&self) -> String {
        let router = Router::new()
            .route("/v1/publication/review/external", get(reviews))
            .route("/v1/publication/review/removed/latest", get(removed))
            .with_state(self.clone());
        serve(router).await
    }

    fn change(&self, numbers: impl IntoIterator<Item = u64>, at: impl Fn(u64) -> i64) {
        self.0.lock().unwrap().reviews.extend(numbers.into_iter().map(|number| (number, at(number))));
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().asked).len()
    }
}

fn stamp(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}

type Answer = Result<String, (StatusCode, &'static str)>;

async fn reviews(
    State(site): State<Site>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    if headers.get("x-publication-api-token").is_none_or(|token| token != "geheim") {
        return Err((StatusCode::BAD_REQUEST, INVALID_HASH));
    }
    assert_eq!((query["tenantId"].as_str(), query["orderBy"].as_str()), ("98", "UPDATE_DATE"));
    let since: Option<Timestamp> = query.get("updatedSince").map(|since| since.parse().unwrap());
    let mut kept = site.0.lock().unwrap();
    let mut found: Vec<(i64, u64)> = kept.reviews.iter().map(|(number, at)| (*at, *number)).collect();
    found.sort_unstable();
    if query.get("sortOrder").is_some_and(|order| order == "DESC") {
        found.reverse();
    }
    let page: Vec<Value> = found
        .iter()
        .filter(|(at, _)| since.is_none_or(|since| Timestamp::from_second(*at).unwrap() > since))
        .take(query["limit"].parse().unwrap())
        .map(|(at, number)| {
            json!({"reviewId": number.to_string(), "rating": 4, "dateSince": "2026-01-01T00:00:00Z",
                   "updatedSince": stamp(*at), "reviewComments": if *number == 1 { "Bedankt" } else { "" }})
        })
        .collect();
    kept.asked.push(query);
    Ok(json!({"locationId": LOCATION, "locationName": "Veldnet", "reviews": page}).to_string())
}

async fn removed(
    State(site): State<Site>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    assert_eq!(headers["x-publication-api-token"], "geheim");
    let since: Timestamp = query["updatedSince"].parse().unwrap();
    let list: Vec<Value> = site
        .0
        .lock()
        .unwrap()
        .removed
        .iter()
        .filter(|(_, at)| Timestamp::from_second(*at).unwrap() > since)
        .map(|(number, at)| json!({"tenantId": 98, "reviewId": number.to_string(), "updatedSince": stamp(*at)}))
        .collect();
    Ok(json!(list).to_string())
}

fn config(base_url: &str) -> Config {
    Config {
        base_url: base_url.to_owned(),
        locations: vec![Location { id: LOCATION.into(), token: Secret::new("geheim") }],
        page_size: 10,
        ..Config::default()
    }
}

fn source(base_url: &str) -> Kiyoh {
    build(config(base_url), Client::new().unwrap())
}

/// Fetches until there is no more. Returns the ids of reviews, the removed ids, and the last gap that was told.
async fn round(
    source: &Kiyoh,
    cursor: &mut String,
    now: Timestamp,
) -> (Vec<u64>, Vec<String>, Option<String>) {
    let (mut seen, mut removed, mut missed) = (Vec::new(), Vec::new(), None);
    for _ in 0..200 {
        let page = source.fetch(cursor, now).await.unwrap();
        seen.extend(ids(&page.items).iter().filter_map(|id| id.parse::<u64>().ok()));
        removed.extend(page.items.iter().filter_map(|item| match item {
            Item::Removed(id) => Some(id.clone()),
            _ => None,
        }));
        *cursor = page.cursor;
        missed = page.missed.or(missed);
        if !page.more {
            return (seen, removed, missed);
        }
    }
    panic!("a round ends");
}

fn seconds_ago(seconds: i64) -> i64 {
    now().as_second() - seconds
}

#[tokio::test]
async fn a_first_poll_takes_the_newest_and_later_ones_every_change() {
    let site = Site::default();
    site.change(0..400, |number| seconds_ago(100_000 - 100 * number as i64));
    let source = source(&site.serve().await);
    let mut cursor = String::new();
    let (seen, _, _) = round(&source, &mut cursor, now()).await;
    assert_eq!((seen.len(), *seen.iter().min().unwrap()), (250, 150));

    site.asked();
    assert!(round(&source, &mut cursor, now()).await.0.is_empty(), "the overlap repeats nothing");
    assert_eq!(site.asked(), 1);

    // 35 new ones, three edits of old ones, and one that was committed late, within the overlap.
    site.change(400..435, |number| seconds_ago(50_000 - number as i64));
    site.change([3, 200, 399], |_| seconds_ago(49_000));
    site.change([500], |_| seconds_ago(100_000 - 100 * 399 + 200));
    let (seen, _, missed) = round(&source, &mut cursor, now()).await;
    assert!((400..435).chain([3, 200, 399, 500]).all(|number| seen.contains(&number)), "{seen:?}");
    assert_eq!(missed, None);
}

#[tokio::test]
async fn a_removal_is_told() {
    let site = Site::default();
    site.change([1], |_| seconds_ago(1000));
    let source = source(&site.serve().await);
    let mut cursor = String::new();
    assert!(round(&source, &mut cursor, now()).await.1.is_empty());
    site.0.lock().unwrap().removed.push((1, seconds_ago(-60)));
    let later = at("2026-11-20T10:05:00Z");
    assert_eq!(round(&source, &mut cursor, later).await.1, ["1", "reply:1"]);
    // Long after, outside the overlap, it is not repeated once another removal moved on.
    site.0.lock().unwrap().removed.push((2, seconds_ago(-3600)));
    let much_later = at("2026-11-20T11:05:00Z");
    round(&source, &mut cursor, much_later).await;
    assert_eq!(round(&source, &mut cursor, much_later).await.1, ["2", "reply:2"]);
}

#[tokio::test]
async fn more_changes_at_one_moment_than_a_page_holds_do_not_stop_us() {
    let site = Site::default();
    let source = source(&site.serve().await);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    site.change(0..45, |_| seconds_ago(-10));
    site.change(45..60, |_| seconds_ago(-20));
    let (seen, _, missed) = round(&source, &mut cursor, at("2026-11-20T11:00:00Z")).await;
    assert!((0..60).all(|number| seen.contains(&number)), "{seen:?}");
    assert_eq!(missed, None);
}

#[tokio::test]
async fn more_changes_at_one_moment_than_can_be_read_are_a_gap_and_we_go_on() {
    let site = Site::default();
    let source = source(&site.serve().await);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    site.change(0..1100, |_| seconds_ago(-10));
    site.change([5000], |_| seconds_ago(-20));
    let (seen, _, missed) = round(&source, &mut cursor, at("2026-11-20T11:00:00Z")).await;
    assert!(seen.contains(&5000));
    assert!(missed.is_some());
}

#[tokio::test]
async fn a_time_in_the_future_does_not_blind_us() {
    let site = Site::default();
    site.change([1], |_| seconds_ago(-1_000_000));
    let source = source(&site.serve().await);
    let mut cursor = String::new();
    round(&source, &mut cursor, now()).await;
    site.change([2], |_| seconds_ago(-5));
    assert!(round(&source, &mut cursor, at("2026-11-20T10:01:00Z")).await.0.contains(&2));
}

#[tokio::test]
async fn a_refused_token_suspends_unless_other_locations_work() {
    let site = Site::default();
    site.change([1], |_| seconds_ago(10));
    let base = site.serve().await;
    let mut config = config(&base);
    config.locations[0].token = Secret::new("verkeerd");
    let alone = build(config.clone(), Client::new().unwrap());
    for failure in [alone.fetch("", now()).await.unwrap_err(), alone.check().await.unwrap_err()] {
        assert_eq!(failure.kind, FailureKind::BadCredentials);
        assert!(!failure.to_string().contains("verkeerd"));
    }
    config.locations.push(Location { id: "1099002".into(), token: Secret::new("geheim") });
    let both = build(config, Client::new().unwrap());
    let (seen, _, missed) = round(&both, &mut String::new(), now()).await;
    assert_eq!(seen, [1]);
    assert!(missed.unwrap().contains(LOCATION));
    assert_eq!(source(&base).check().await.unwrap(), "reviews of 1 locations can be read");
}
