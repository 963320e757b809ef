//! A small instance that pages as Mastodon documents it, and what the source makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response as Outgoing};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;

#[derive(Default)]
struct Instance {
    /// Statuses under the hashtag, by id.
    tagged: BTreeMap<u64, Value>,
    /// Other statuses.
    others: BTreeMap<u64, Value>,
    /// Statuses of our own account.
    own: BTreeMap<u64, Value>,
    /// Mention notifications.
    notifications: BTreeMap<u64, Value>,
    /// Ids that arrive one by one, each after a request for the hashtag.
    arriving: Vec<u64>,
    /// Only this token is let in, when there is one.
    token: Option<&'static str>,
    /// The question for several statuses is known (4.3 and later).
    gives_several: bool,
    /// The page is the same whatever is asked.
    ignores_cursors: bool,
    paths: Vec<String>,
}

type Shared = Arc<Mutex<Instance>>;

async fn open(instance: Instance) -> (Shared, String) {
    let shared = Arc::new(Mutex::new(instance));
    let router = Router::new()
        .route("/api/v1/timelines/tag/{tag}", get(tag))
        .route("/api/v1/notifications", get(notifications))
        .route("/api/v1/accounts/verify_credentials", get(account))
        .route("/api/v1/accounts/{id}/statuses", get(own))
        .route("/api/v1/statuses", get(several))
        .route("/api/v1/statuses/{id}", get(single))
        .route("/api/v1/instance", get(async || Json(json!({"title": "Sociaal", "version": "4.2.1"}))))
        .with_state(shared.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (shared, base_url)
}

fn status(id: u64) -> Value {
    json!({
        "id": id.to_string(), "created_at": "2026-11-20T08:00:00.000Z", "content": format!("<p>Klacht {id}</p>"),
        "account": {"id": "1", "acct": "joost", "display_name": "Joost", "followers_count": 7},
    })
}

fn reply(id: u64, to: u64) -> Value {
    let mut reply = status(id);
    reply["in_reply_to_id"] = json!(to.to_string());
    reply
}

fn statuses(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Value> {
    ids.into_iter().map(|id| (id, status(id))).collect()
}

fn number(query: &Option<String>, name: &str) -> Option<u64> {
    let query = query.clone().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?.1.parse().ok()
}

/// One page as documented: `min_id` gives the page right above an id, `max_id` the one right below; newest first.
fn page(all: &BTreeMap<u64, Value>, query: &Option<String>, ignores_cursors: bool) -> Outgoing {
    let limit = number(query, "limit").unwrap_or(20).min(40) as usize;
    let below = number(query, "max_id").unwrap_or(u64::MAX);
    let mut ids: Vec<u64> = match number(query, "min_id") {
        _ if ignores_cursors => all.keys().rev().take(limit).copied().collect(),
        Some(above) => all.range(above + 1..below).take(limit).map(|(id, _)| *id).collect(),
        None => all.range(..below).rev().take(limit).map(|(id, _)| *id).collect(),
    };
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let body = Json(ids.iter().map(|id| all[id].clone()).collect::<Vec<_>>());
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) => {
            let link = format!(
                "<http://x.example/?max_id={last}>; rel=\"next\", <http://x.example/?min_id={first}>; rel=\"prev\""
            );
            ([("link", link)], body).into_response()
        }
        _ => body.into_response(),
    }
}

fn enter(shared: &Shared, headers: &HeaderMap, path: &str) -> Result<(), StatusCode> {
    let mut instance = shared.lock().unwrap();
    instance.paths.push(path.to_owned());
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    match instance.token {
        Some(token) if given != Some(&format!("Bearer {token}")) => Err(StatusCode::UNAUTHORIZED),
        _ => Ok(()),
    }
}

async fn tag(
    State(shared): State<Shared>,
    Path(tag): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Outgoing {
    if let Err(refused) = enter(&shared, &headers, &format!("tag {tag}")) {
        return refused.into_response();
    }
    let mut instance = shared.lock().unwrap();
    let answer = page(&instance.tagged, &query, instance.ignores_cursors);
    if let Some(id) = instance.arriving.pop() {
        instance.tagged.insert(id, super::tests::status(id));
    }
    answer
}

async fn notifications(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Outgoing {
    if let Err(refused) = enter(&shared, &headers, "notifications") {
        return refused.into_response();
    }
    assert!(query.as_deref().unwrap_or_default().contains("types%5B%5D=mention"));
    page(&shared.lock().unwrap().notifications, &query, false)
}

async fn account(State(shared): State<Shared>, headers: HeaderMap) -> Outgoing {
    match enter(&shared, &headers, "account") {
        Ok(()) => Json(json!({"id": "77", "acct": "veldnet"})).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn own(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Outgoing {
    if let Err(refused) = enter(&shared, &headers, &format!("own {id}")) {
        return refused.into_response();
    }
    page(&shared.lock().unwrap().own, &query, false)
}

fn find(instance: &Instance, id: u64) -> Option<Value> {
    [&instance.tagged, &instance.others, &instance.own]
        .into_iter()
        .find_map(|statuses| statuses.get(&id).cloned())
}

async fn several(State(shared): State<Shared>, headers: HeaderMap, RawQuery(query): RawQuery) -> Outgoing {
    if let Err(refused) = enter(&shared, &headers, "several") {
        return refused.into_response();
    }
    let instance = shared.lock().unwrap();
    if !instance.gives_several {
        return StatusCode::NOT_FOUND.into_response();
    }
    let query = query.unwrap_or_default();
    let ids: Vec<u64> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "id[]")
        .filter_map(|(_, id)| id.parse().ok())
        .collect();
    if ids.len() > BATCH {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    Json(ids.into_iter().filter_map(|id| find(&instance, id)).collect::<Vec<_>>()).into_response()
}

async fn single(State(shared): State<Shared>, Path(id): Path<u64>, headers: HeaderMap) -> Outgoing {
    if let Err(refused) = enter(&shared, &headers, &format!("single {id}")) {
        return refused.into_response();
    }
    match find(&shared.lock().unwrap(), id) {
        Some(status) => Json(status).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": "Niet gevonden"}))).into_response(),
    }
}

fn source(base_url: &str, change: impl FnOnce(&mut Config)) -> Mastodon {
    let mut config =
        Config { base_url: base_url.to_owned(), tags: vec!["#Storing".to_owned()], ..Config::default() };
    change(&mut config);
    assert_eq!(config.validate(), Vec::<String>::new());
    build(config, Client::new().unwrap())
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// One poll: pages until no more wait, as the poller does.
async fn poll(source: &Mastodon, cursor: &mut String) -> (Vec<String>, Vec<String>) {
    let (mut ids, mut missed) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let page = source.fetch(cursor, now()).await.unwrap();
        *cursor = page.cursor;
        missed.extend(page.missed);
        ids.extend(page.items.iter().filter_map(mention).map(|mention| mention.external_id.clone()));
        if !page.more {
            return (ids, missed);
        }
    }
    panic!("the pass does not end");
}

fn as_numbers(ids: &[String]) -> BTreeSet<u64> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

#[tokio::test]
async fn five_hundred_posts_between_two_polls_are_five_hundred_mentions() {
    let (instance, base_url) = open(Instance { tagged: statuses(1..=10), ..Instance::default() }).await;
    let source = source(&base_url, |_| {});
    let mut cursor = String::new();
    assert_eq!(poll(&source, &mut cursor).await.0.len(), 10);
    instance.lock().unwrap().tagged.extend(statuses(11..=510));
    let (ids, missed) = poll(&source, &mut cursor).await;
    assert_eq!((ids.len(), missed.len()), (500, 0));
    assert_eq!(as_numbers(&ids), (11..=510).collect());
    assert_eq!(poll(&source, &mut cursor).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn posts_that_arrive_while_pages_are_read_are_neither_lost_nor_skipped() {
    let arriving: Vec<u64> = (501..=509).rev().collect();
    let (instance, base_url) =
        open(Instance { tagged: statuses(1..=300), arriving, ..Instance::default() }).await;
    let source = source(&base_url, |_| {});
    let mut cursor = String::new();
    // The first reading is bounded to three pages; what arrives on top of it is read in the same pass.
    let mut all = as_numbers(&poll(&source, &mut cursor).await.0);
    instance.lock().unwrap().tagged.extend(statuses(600..=700));
    instance.lock().unwrap().arriving = vec![703, 702, 701];
    for _ in 0..2 {
        all.extend(as_numbers(&poll(&source, &mut cursor).await.0));
    }
    let expected: BTreeSet<u64> = (181..=300).chain(501..=509).chain(600..=703).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_post_that_reaches_the_instance_late_is_still_found() {
    let id = |minute: u64| (1_795_000_000_000 + minute * 60_000) << 16;
    let (instance, base_url) =
        open(Instance { tagged: statuses([id(0), id(9)]), ..Instance::default() }).await;
    let source = source(&base_url, |_| {});
    let mut cursor = String::new();
    poll(&source, &mut cursor).await;
    instance.lock().unwrap().tagged.extend(statuses([id(5)]));
    assert_eq!(poll(&source, &mut cursor).await.0, [id(5).to_string()]);
    assert_eq!(poll(&source, &mut cursor).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn mentions_own_replies_and_parents_come_with_the_token() {
    let notification =
        |id: u64, status: Value| (id, json!({"id": id.to_string(), "type": "mention", "status": status}));
    let (instance, base_url) = open(Instance {
        token: Some("geheim"),
        gives_several: true,
        others: statuses([5, 6]),
        own: BTreeMap::from([(30, reply(30, 5))]),
        notifications: BTreeMap::from([
            notification(1, reply(20, 6)),
            notification(2, reply(21, 404)),
            notification(3, reply(22, 20)),
        ]),
        ..Instance::default()
    })
    .await;
    let source = source(&base_url, |config| {
        config.mentions = true;
        config.token = Some(Secret::new("geheim"));
    });
    let mut cursor = String::new();
    let (ids, missed) = poll(&source, &mut cursor).await;
    assert_eq!((as_numbers(&ids), missed.len()), ([5, 6, 20, 21, 22, 30].into(), 0));
    assert!(!cursor.contains("geheim"));
    let paths = std::mem::take(&mut instance.lock().unwrap().paths);
    assert_eq!(paths.iter().filter(|path| *path == "several").count(), 1);
    assert!(paths.contains(&"own 77".to_owned()) && paths.contains(&"tag storing".to_owned()));
    instance
        .lock()
        .unwrap()
        .notifications
        .extend([notification(4, reply(23, 6)), notification(5, reply(24, 404))]);
    assert_eq!(as_numbers(&poll(&source, &mut cursor).await.0), [23, 24].into());
    let paths = instance.lock().unwrap().paths.clone();
    assert!(
        !paths.contains(&"several".to_owned()),
        "parents that are known, or known to be gone, are not asked for again"
    );
    assert!(!paths.contains(&"account".to_owned()));
}

#[tokio::test]
async fn an_older_instance_gives_parents_one_by_one() {
    let tagged = (10..40).map(|id| (id, reply(id, id + 100))).collect();
    let (_, base_url) = open(Instance { tagged, others: statuses(110..=135), ..Instance::default() }).await;
    let source = source(&base_url, |_| {});
    let mut cursor = String::new();
    let (ids, _) = poll(&source, &mut cursor).await;
    // One question for several, then 24 for one each, the newest first: the rest of a storm of replies is left out rather
    // than asked for during minutes. Four of the 24 are not there.
    assert_eq!(ids.len(), 30 + 20);
}

#[tokio::test]
async fn an_instance_that_ignores_cursors_ends_the_pass_with_a_reason() {
    let (_, base_url) =
        open(Instance { tagged: statuses(1..=50), ignores_cursors: true, ..Instance::default() }).await;
    let source = source(&base_url, |_| {});
    let mut cursor = String::new();
    for expected in [40, 0] {
        let (ids, missed) = poll(&source, &mut cursor).await;
        assert_eq!(ids.len(), expected);
        assert!(missed[0].starts_with("tag:storing: the instance does not page"), "{missed:?}");
    }
}

#[tokio::test]
async fn recheck_names_what_is_gone_and_nothing_else() {
    for gives_several in [true, false] {
        let (_, base_url) =
            open(Instance { tagged: statuses(1..=30), gives_several, ..Instance::default() }).await;
        let source = source(&base_url, |_| {});
        let ids: Vec<String> =
            (25..=35).map(|id| id.to_string()).chain(["../..".to_owned(), String::new()]).collect();
        assert_eq!(source.recheck(&ids).await.unwrap(), ["31", "32", "33", "34", "35"]);
        let all_gone: Vec<String> = (90..=91).map(|id| id.to_string()).collect();
        assert_eq!(source.recheck(&all_gone).await.unwrap(), all_gone);
    }
    let (_, base_url) = open(Instance { token: Some("ander"), ..Instance::default() }).await;
    assert!(
        source(&base_url, |_| {}).recheck(&["1".to_owned()]).await.is_err(),
        "a closed door is no deletion"
    );
}

#[tokio::test]
async fn check_says_who_we_are_and_whether_hashtags_are_readable() {
    let (_, base_url) = open(Instance { token: Some("goed"), ..Instance::default() }).await;
    let check = async |token: Option<&str>| {
        source(&base_url, |config| config.token = token.map(Secret::new)).check().await
    };
    let line = check(Some("goed")).await.unwrap();
    assert!(
        line.starts_with("Sociaal (4.2.1): logged in as @veldnet; ") && line.contains("closed its timelines"),
        "{line}"
    );
    let failure = check(None).await.unwrap_err();
    assert!(
        failure.kind == FailureKind::BadCredentials && failure.message.contains("a token is needed"),
        "{failure}"
    );
    let failure = check(Some("fout-token")).await.unwrap_err();
    assert!(
        failure.kind == FailureKind::BadCredentials && !failure.to_string().contains("fout-token"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_revoked_token_stops_the_source_and_is_not_named() {
    let (_, base_url) = open(Instance { token: Some("nieuw"), ..Instance::default() }).await;
    let source = source(&base_url, |config| {
        config.token = Some(Secret::new("verlopen"));
        config.mentions = true;
    });
    let first = source.fetch("", now()).await.unwrap();
    let failure = source.fetch(&first.cursor, now()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadCredentials);
    assert!(!format!("{source:?} {failure}").contains("verlopen"));
}

#[test]
fn every_mistake_in_the_configuration_is_named() {
    let errors = |text: &str| toml::from_str::<Config>(text).unwrap().validate();
    let right = "base_url = 'https://a.example'\ntags = ['#Één', 'twee_2']\ntoken = 'x'\nmentions = true\nown_account_id = '7'";
    assert_eq!(errors(right), Vec::<String>::new());
    for (text, key) in [
        ("tags = ['a']", "base_url"),
        ("base_url = 'https://a.example/@us'\ntags = ['a']", "base_url"),
        ("base_url = 'ftp://a.example'\ntags = ['a']", "base_url"),
        ("base_url = 'https://a.example'", "tags"),
        ("base_url = 'https://a.example'\ntags = ['a b']", "tags[0]"),
        ("base_url = 'https://a.example'\ntags = ['../x']", "tags[0]"),
        ("base_url = 'https://a.example'\ntags = ['a', '#A']", "tags[1]"),
        ("base_url = 'https://a.example'\nmentions = true", "mentions"),
        ("base_url = 'https://a.example'\ntags = ['a']\npage_size = 80", "page_size"),
        ("base_url = 'https://a.example'\ntags = ['a']\nown_account_id = '@us'", "own_account_id"),
    ] {
        let found = errors(text);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{key}: ")), "{text}: {found:?}");
    }
    assert!(toml::from_str::<Config>("tag = ['a']").is_err());
}
