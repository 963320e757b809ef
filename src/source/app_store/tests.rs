use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::trial::{damaged, ids, mentions, serve};
use super::*;
use crate::mention::{Flag, MentionKind, Rating};

const PAGE: &str = include_str!("../../../tests/fixtures/app_store/page.json");
const SINGLE: &str = include_str!("../../../tests/fixtures/app_store/single.json");
const NONE: &str = include_str!("../../../tests/fixtures/app_store/none.json");

#[test]
fn a_page_gives_its_reviews_and_skips_the_app_itself() {
    let reviews = parse(PAGE).unwrap();
    assert_eq!(reviews.items.len(), 3);
    assert_eq!(reviews.ids, ["12000000003", "12000000002", "12000000001"]);
    let first = mentions(&reviews.items)[0];
    assert_eq!(first.kind, MentionKind::Review);
    assert_eq!(first.rating, Rating::new(1.0, 5.0));
    assert_eq!(first.title.as_deref(), Some("Kan niet meer inloggen"));
    assert!(first.text.contains('\n'));
    assert_eq!(first.author.external_id, "id70000001");
    assert_eq!(first.author.display_name.as_deref(), Some("wieteke_vd_b"));
    assert_eq!(first.published_at, Some("2026-11-20T06:12:04Z".parse().unwrap()));
    assert_eq!(first.engagement.likes, 2);
    assert_eq!(first.language_hint, None);
    assert!(first.url.as_deref().unwrap().starts_with("https://itunes.apple.com/nl/review?"));
    assert!(first.flags.is_empty());
}

#[test]
fn two_nameless_accounts_are_not_one_author() {
    let reviews = parse(PAGE).unwrap();
    assert_eq!(mentions(&reviews.items)[2].author.external_id, "review:12000000001");
}

#[test]
fn a_single_review_comes_as_an_object_and_none_as_nothing() {
    assert_eq!(parse(SINGLE).unwrap().ids, ["12000000100"]);
    assert!(parse(NONE).unwrap().items.is_empty());
    assert!(parse(r#"{"feed":{"entry":null}}"#).unwrap().items.is_empty());
    for wrong in ["", "<html>", "[]", "{}", r#"{"feed":{"entry":7}}"#, r#"{"feed":{"entry":"x"}}"#] {
        assert_eq!(parse(wrong).unwrap_err().kind, FailureKind::Malformed, "{wrong}");
    }
}

#[test]
fn one_damaged_review_costs_no_other() {
    let copies = damaged(PAGE, "/feed/entry/1");
    assert!(copies.len() > 100);
    for (what, page) in copies {
        let reviews = parse(&page).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        assert!(ids(&reviews.items).ends_with(&["12000000002", "12000000001"]), "{what}");
    }
}

#[test]
fn a_rating_that_is_none_is_flagged() {
    for rating in ["0", "6", "NaN", "", "vijf", "-1", "inf"] {
        let page = SINGLE
            .replace(r#""im:rating": { "label": "3" }"#, &format!(r#""im:rating":{{"label":"{rating}"}}"#));
        let reviews = parse(&page).unwrap();
        let review = mentions(&reviews.items)[0];
        assert_eq!((review.rating, review.flags.as_slice()), (None, &[Flag::Drifted][..]), "{rating}");
    }
}

#[test]
fn every_mistake_in_the_settings_is_told() {
    let good = Config { apps: vec!["4400".into()], countries: vec!["nl".into()], ..Config::default() };
    assert_eq!(good.validate(), Vec::<String>::new());
    let bad = Config {
        base_url: "ftp://x".into(),
        apps: vec!["id4400".into()],
        countries: vec!["nld".into()],
        pages_max: 11,
    };
    let errors = bad.validate();
    for key in ["base_url:", "apps:", "countries:", "pages_max:"] {
        assert!(errors.iter().any(|error| error.starts_with(key)), "{key} in {errors:?}");
    }
    assert_eq!(Config::default().validate().len(), 2);
    assert!(toml::from_str::<Config>("app = ['1']").is_err());
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// A store that knows the feeds by country and app, each a list of review numbers, newest first.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<String, Vec<u64>>>>);

impl Store {
    fn set(&self, feed: &str, reviews: impl IntoIterator<Item = u64>) {
        self.0.lock().unwrap().insert(feed.to_owned(), reviews.into_iter().collect());
    }

    async fn serve(&self) -> String {
        let route = "/{country}/rss/customerreviews/{page}/{app}/sortby=mostrecent/json";
        serve(Router::new().route(route, get(page)).with_state(self.clone())).await
    }
}

async fn page(
    State(store): State<Store>,
    Path((country, page, app)): Path<(String, String, String)>,
) -> Result<String, StatusCode> {
    let page: usize = page.strip_prefix("page=").and_then(|page| page.parse().ok()).unwrap();
    assert!((1..=10).contains(&page), "the store has ten pages");
    let feeds = store.0.lock().unwrap();
    let feed =
        feeds.get(&format!("{country}/{}", app.trim_start_matches("id="))).ok_or(StatusCode::NOT_FOUND)?;
    let entries: Vec<Value> = feed
        .iter()
        .skip((page - 1) * 50)
        .take(50)
        .map(|number| {
            json!({"id": {"label": number.to_string()}, "im:rating": {"label": "2"},
                   "title": {"label": "t"}, "content": {"label": "c"}})
        })
        .collect();
    let mut body = json!({"feed": {"title": {"label": "recensies"}}});
    match entries.as_slice() {
        [] => {}
        [one] => body["feed"]["entry"] = one.clone(),
        many => body["feed"]["entry"] = json!(many),
    }
    Ok(body.to_string())
}

fn source(base_url: String, countries: &[&str]) -> AppStore {
    let countries = countries.iter().map(|&country| country.to_owned()).collect();
    let config = Config { base_url, apps: vec!["4400".into()], countries, ..Config::default() };
    build(config, Client::new().unwrap())
}

/// Fetches until there is no more. Returns the ids, the number of requests, and the last gap that was told.
async fn round(source: &AppStore, cursor: &mut String) -> (Vec<String>, usize, Option<String>) {
    let (mut seen, mut missed) = (Vec::new(), None);
    for requests in 1..100 {
        let page = source.fetch(cursor, now()).await.unwrap();
        seen.extend(ids(&page.items).into_iter().map(str::to_owned));
        *cursor = page.cursor;
        missed = page.missed.or(missed);
        if !page.more {
            return (seen, requests, missed);
        }
    }
    panic!("a round ends");
}

#[tokio::test]
async fn the_first_poll_is_bounded_and_later_ones_stop_at_known_reviews() {
    let store = Store::default();
    store.set("nl/4400", (1..=600).rev());
    let source = source(store.serve().await, &["nl"]);
    let mut cursor = String::new();
    let (seen, requests, _) = round(&source, &mut cursor).await;
    assert_eq!((seen.len(), requests), (150, 3));

    store.set("nl/4400", (1..=680).rev());
    let (seen, requests, missed) = round(&source, &mut cursor).await;
    assert!((601..=680).all(|number| seen.contains(&number.to_string())), "nothing is skipped");
    assert_eq!((requests, missed), (2, None));
    assert_eq!(round(&source, &mut cursor).await.1, 1, "a quiet poll is one request");
}

#[tokio::test]
async fn an_edited_or_removed_review_at_the_top_does_not_hide_new_ones() {
    let store = Store::default();
    store.set("nl/4400", (1..=200).rev());
    let source = source(store.serve().await, &["nl"]);
    let mut cursor = String::new();
    round(&source, &mut cursor).await;
    // Review 180 was edited and moved to the top, 199 was removed, and 55 new ones came.
    let newest = std::iter::once(180).chain((1..=255).rev().filter(|number| ![180, 199].contains(number)));
    store.set("nl/4400", newest);
    let (seen, _, _) = round(&source, &mut cursor).await;
    assert!((201..=255).all(|number| seen.contains(&number.to_string())));
}

#[tokio::test]
async fn an_empty_page_is_not_believed() {
    let store = Store::default();
    store.set("nl/4400", (1..=60).rev());
    let source = source(store.serve().await, &["nl"]);
    let mut cursor = String::new();
    round(&source, &mut cursor).await;
    store.set("nl/4400", []);
    let (seen, requests, missed) = round(&source, &mut cursor).await;
    assert_eq!((seen.len(), requests, missed), (0, 1, None));
    // The feed comes back cut short after one page of new ones; the next poll must still look behind it.
    store.set("nl/4400", (61..=130).rev().take(50));
    round(&source, &mut cursor).await;
    store.set("nl/4400", (1..=130).rev());
    let (seen, _, missed) = round(&source, &mut cursor).await;
    assert!((61..=130).all(|number| seen.contains(&number.to_string())));
    assert_eq!(missed, None);
}

#[tokio::test]
async fn more_than_the_store_shows_is_a_gap() {
    let store = Store::default();
    store.set("nl/4400", (1..=60).rev());
    let source = source(store.serve().await, &["nl"]);
    let mut cursor = String::new();
    round(&source, &mut cursor).await;
    store.set("nl/4400", (1..=900).rev());
    let (seen, requests, missed) = round(&source, &mut cursor).await;
    assert_eq!((seen.len(), requests), (500, 10));
    assert!(missed.is_some());
    assert_eq!(round(&source, &mut cursor).await.2, None, "a gap is told once");
}

#[tokio::test]
async fn a_country_without_the_app_does_not_silence_the_others() {
    let store = Store::default();
    store.set("be/4400", [9]);
    let base = store.serve().await;
    let mut cursor = String::new();
    let (seen, requests, missed) = round(&source(base.clone(), &["nl", "be"]), &mut cursor).await;
    assert_eq!((seen, requests, missed), (vec!["9".to_owned()], 3, None));
    let told = source(base.clone(), &["nl", "be"]).check().await.unwrap();
    assert!(told.contains("nl/4400"), "{told}");

    let (_, _, missed) = round(&source(base.clone(), &["nl", "de"]), &mut String::new()).await;
    assert!(missed.is_some(), "an app that no country knows is told");
    assert_eq!(source(base.clone(), &["nl"]).fetch("", now()).await.unwrap_err().kind, FailureKind::NotFound);
    assert_eq!(source(base, &["nl"]).check().await.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn a_cursor_that_is_not_ours_or_of_another_configuration_starts_anew() {
    let store = Store::default();
    store.set("nl/4400", [1]);
    let source = source(store.serve().await, &["nl"]);
    for cursor in ["x", "[]", "{\"at\":\"x\"}", "{\"at\":99}", "{\"feeds\":{\"be/1\":{\"known\":[\"1\"]}}}"] {
        let page = source.fetch(cursor, now()).await.unwrap();
        assert_eq!(ids(&page.items), ["1"], "{cursor}");
        assert!(!page.cursor.contains("be/1") || page.more, "{cursor}");
    }
}
