//! The listener against a small server that behaves like the account's server and its AppView.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::*;
use crate::failure::Disposition;

const PASSWORD: &str = "abcd-efgh-ijkl-mnop";

/// What the server holds and what it saw.
#[derive(Default)]
struct Network {
    posts: Vec<Value>,
    page_size: usize,
    /// Token in force; older ones have expired.
    token: u32,
    /// Requests that the token still lives for; `None` for ever.
    token_lives_for: Option<u32>,
    refresh_refused: bool,
    loops: bool,
    tokens_break_it: bool,
    tokens_are_worthless: bool,
    asked: Vec<String>,
    tokens_seen: Vec<String>,
    largest_batch: usize,
}

type Shared = Arc<Mutex<Network>>;

impl Network {
    fn count(&self, what: &str) -> usize {
        self.asked.iter().filter(|asked| asked.starts_with(what)).count()
    }
}

fn post_at(number: usize, minute: usize) -> Value {
    let at = format!("2026-11-20T{:02}:{:02}:00.000Z", 6 + minute / 60, minute % 60);
    let did = format!("did:plc:klant{number}");
    json!({
        "uri": format!("at://{did}/app.bsky.feed.post/p{number}"), "cid": format!("c{number}"),
        "author": { "did": did, "handle": format!("klant{number}.example") },
        "record": { "$type": "app.bsky.feed.post", "text": format!("storing {number}"), "createdAt": at },
        "indexedAt": at,
    })
}

fn refusal(status: StatusCode, name: &str) -> Response {
    (status, axum::Json(json!({ "error": name, "message": "x" }))).into_response()
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.trim_start_matches("Bearer ").to_owned()
}

fn issue(network: &mut Network) -> Response {
    network.token += 1;
    let n = network.token;
    axum::Json(json!({ "did": "did:plc:zorg", "handle": "zorg.example",
        "accessJwt": format!("access-{n}"), "refreshJwt": format!("refresh-{n}") }))
    .into_response()
}

async fn create_session(State(network): State<Shared>, body: axum::Json<Value>) -> Response {
    let mut network = network.lock().unwrap();
    network.asked.push("createSession".into());
    if body["password"] != PASSWORD {
        return refusal(StatusCode::UNAUTHORIZED, "AuthenticationRequired");
    }
    issue(&mut network)
}

async fn refresh_session(State(network): State<Shared>, headers: HeaderMap) -> Response {
    let mut network = network.lock().unwrap();
    network.asked.push("refreshSession".into());
    // Each refresh token is good for one use.
    if network.refresh_refused || bearer(&headers) != format!("refresh-{}", network.token) {
        return refusal(StatusCode::BAD_REQUEST, "ExpiredToken");
    }
    network.token_lives_for = None;
    issue(&mut network)
}

#[expect(clippy::result_large_err, reason = "the refusal is the answer to send")]
/// Judges the token as the real server does: HTTP 400 with a name.
fn admitted<'a>(
    network: &'a Shared,
    headers: &HeaderMap,
    what: &str,
) -> Result<MutexGuard<'a, Network>, Response> {
    let mut network = network.lock().unwrap();
    network.asked.push(what.to_owned());
    let token = bearer(headers);
    network.tokens_seen.push(token.clone());
    if token.is_empty() {
        return Err((StatusCode::FORBIDDEN, Html("<html><body>Forbidden</body></html>")).into_response());
    }
    if network.tokens_are_worthless {
        return Err(refusal(StatusCode::BAD_REQUEST, "InvalidToken"));
    }
    let lives = network.token_lives_for;
    if lives == Some(0) || token != format!("access-{}", network.token) {
        return Err(refusal(StatusCode::BAD_REQUEST, "ExpiredToken"));
    }
    network.token_lives_for = lives.map(|n| n - 1);
    Ok(network)
}

fn parameters(query: Option<String>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

async fn search(State(network): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let network = match admitted(&network, &headers, "searchPosts") {
        Ok(network) => network,
        Err(refusal) => return refusal,
    };
    let parameters: HashMap<String, String> = parameters(query).into_iter().collect();
    if parameters["q"] == "(" {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequest");
    }
    if network.tokens_break_it && parameters.contains_key("cursor") {
        return refusal(StatusCode::BAD_GATEWAY, "InternalServerError");
    }
    let from: usize = parameters.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let page: Vec<Value> = network.posts.iter().skip(from).take(network.page_size).cloned().collect();
    let after = if network.loops { 0 } else { from + page.len() };
    let mut answer = json!({ "posts": page });
    if network.loops || after < network.posts.len() {
        answer["cursor"] = json!(after.to_string());
    }
    axum::Json(answer).into_response()
}

async fn get_posts(State(network): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let mut network = match admitted(&network, &headers, "getPosts") {
        Ok(network) => network,
        Err(refusal) => return refusal,
    };
    let uris: Vec<String> = parameters(query).into_iter().map(|(_, uri)| uri).collect();
    network.largest_batch = network.largest_batch.max(uris.len());
    let posts: Vec<&Value> =
        network.posts.iter().filter(|post| uris.iter().any(|uri| post["uri"] == **uri)).collect();
    axum::Json(json!({ "posts": posts })).into_response()
}

async fn get_profiles(
    State(network): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let mut network = match admitted(&network, &headers, "getProfiles") {
        Ok(network) => network,
        Err(refusal) => return refusal,
    };
    let actors = parameters(query);
    network.largest_batch = network.largest_batch.max(actors.len());
    let profiles: Vec<Value> = actors
        .iter()
        .map(|(_, did)| json!({ "did": did, "handle": "x.example", "followersCount": did.len() * 100 }))
        .collect();
    axum::Json(json!({ "profiles": profiles })).into_response()
}

async fn recorded(network: Shared, headers: HeaderMap, what: &str, body: &'static str) -> Response {
    match admitted(&network, &headers, what) {
        Ok(_) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(refusal) => refusal,
    }
}

async fn notifications(State(network): State<Shared>, headers: HeaderMap) -> Response {
    let page = include_str!("../../../tests/fixtures/bluesky/notifications.json");
    recorded(network, headers, "listNotifications", page).await
}

async fn author_feed(State(network): State<Shared>, headers: HeaderMap) -> Response {
    let page = include_str!("../../../tests/fixtures/bluesky/author_feed.json");
    recorded(network, headers, "getAuthorFeed", page).await
}

/// Starts the server; answers its address and a view into it.
async fn network(posts: Vec<Value>) -> (String, Shared) {
    let shared: Shared = Arc::new(Mutex::new(Network { posts, page_size: 40, ..Network::default() }));
    let routes = Router::new()
        .route("/xrpc/com.atproto.server.createSession", post(create_session))
        .route("/xrpc/com.atproto.server.refreshSession", post(refresh_session))
        .route("/xrpc/app.bsky.feed.searchPosts", get(search))
        .route("/xrpc/app.bsky.feed.getPosts", get(get_posts))
        .route("/xrpc/app.bsky.actor.getProfiles", get(get_profiles))
        .route("/xrpc/app.bsky.notification.listNotifications", get(notifications))
        .route("/xrpc/app.bsky.feed.getAuthorFeed", get(author_feed))
        .with_state(shared.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the server of a test dies with its runtime")]
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, shared)
}

fn searching(service: &str, queries: &[&str]) -> Config {
    Config {
        service: service.to_owned(),
        identifier: "zorg.example".to_owned(),
        app_password: Some(Secret::new(PASSWORD)),
        search: queries.iter().map(|query| (*query).to_owned()).collect(),
        notifications: false,
        appview: None,
    }
}

fn listener(config: Config) -> Bluesky {
    assert_eq!(config.validate(), Vec::<String>::new());
    build(config, Client::new().unwrap())
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// Polls once: fetches until nothing more waits. Answers the texts' ids, the gaps and the cursor.
async fn poll(source: &Bluesky, cursor: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut ids, mut gaps, mut cursor) = (Vec::new(), Vec::new(), cursor.to_owned());
    for _ in 0..200 {
        let page = source.fetch(&cursor, now()).await.unwrap();
        ids.extend(mentions(&page.items).map(|mention| mention.external_id.clone()));
        gaps.extend(page.missed);
        cursor = page.cursor;
        if !page.more {
            return (ids, gaps, cursor);
        }
    }
    panic!("paging does not end");
}

/// `count` posts, the newest first, one a minute.
fn posts(count: usize) -> Vec<Value> {
    (0..count).rev().map(|n| post_at(n, n)).collect()
}

#[tokio::test]
async fn a_session_that_expires_between_pages_is_renewed_without_a_login() {
    let (address, network) = network(posts(100)).await;
    let source = listener(searching(&address, &["storing"]));
    let page = source.fetch("", now()).await.unwrap();
    assert!(page.more);
    network.lock().unwrap().token_lives_for = Some(0);
    let (ids, gaps, _) = poll(&source, &page.cursor).await;
    assert_eq!((page.items.len(), ids.len(), gaps.len()), (40, 60, 0));
    network.lock().unwrap().token_lives_for = Some(0);
    source.fetch("", now()).await.unwrap();
    let network = network.lock().unwrap();
    assert_eq!((network.count("createSession"), network.count("refreshSession")), (1, 2));
}

#[tokio::test]
async fn a_refused_renewal_leads_to_one_login() {
    let (address, network) = network(posts(1)).await;
    let source = listener(searching(&address, &["storing"]));
    poll(&source, "").await;
    {
        let mut network = network.lock().unwrap();
        (network.refresh_refused, network.token) = (true, network.token + 1);
    }
    let (ids, ..) = poll(&source, "").await;
    assert_eq!(ids.len(), 1);
    assert_eq!(network.lock().unwrap().count("createSession"), 2);
}

#[tokio::test]
async fn polling_does_not_log_in_again() {
    let (address, network) = network(posts(3)).await;
    let source = listener(searching(&address, &["storing", "veldnet"]));
    let mut cursor = String::new();
    for _ in 0..5 {
        cursor = poll(&source, &cursor).await.2;
    }
    assert_eq!(network.lock().unwrap().count("createSession"), 1);
}

#[tokio::test]
async fn a_refused_login_suspends_and_is_not_repeated_for_five_minutes() {
    let (address, network) = network(posts(1)).await;
    let mut config = searching(&address, &["storing"]);
    config.app_password = Some(Secret::new("wrong-wrong-wrong"));
    let source = listener(config);
    for _ in 0..3 {
        let failure = source.fetch("", now()).await.unwrap_err();
        assert_eq!(failure.kind.disposition(), Disposition::Suspend);
        assert!(failure.message.contains("AuthenticationRequired"), "{failure}");
        assert!(!failure.to_string().contains("wrong-wrong"));
    }
    assert_eq!(network.lock().unwrap().count("createSession"), 1);
    source.account.let_the_pause_run_out().await;
    source.fetch("", now()).await.unwrap_err();
    assert_eq!(network.lock().unwrap().count("createSession"), 2);
}

#[tokio::test]
async fn a_server_that_takes_no_token_does_not_use_up_the_logins() {
    let (address, network) = network(posts(1)).await;
    network.lock().unwrap().tokens_are_worthless = true;
    let source = listener(searching(&address, &["storing"]));
    for _ in 0..4 {
        let failure = source.fetch("", now()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadCredentials);
    }
    assert_eq!(network.lock().unwrap().count("createSession"), 2);
}

#[tokio::test]
async fn searching_an_appview_without_login_says_what_to_do_and_shows_no_token() {
    let (address, network) = network(posts(1)).await;
    let mut config = searching(&address, &["storing"]);
    config.appview = Some(address.clone());
    let failure = listener(config).fetch("", now()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadCredentials);
    assert!(failure.message.contains("appview"), "{failure}");
    assert_eq!(network.lock().unwrap().tokens_seen, [""]);
}

#[tokio::test]
async fn pages_that_go_round_end_with_a_gap() {
    let (address, network) = network(posts(80)).await;
    network.lock().unwrap().loops = true;
    let source = listener(searching(&address, &["storing"]));
    let (ids, gaps, _) = poll(&source, "").await;
    assert_eq!((ids.len(), gaps.len()), (40, 1));
    assert!(gaps[0].contains("round"), "{gaps:?}");
}

#[tokio::test]
async fn a_paging_token_that_breaks_the_service_is_given_up_with_a_gap() {
    let (address, network) = network(posts(90)).await;
    network.lock().unwrap().tokens_break_it = true;
    let source = listener(searching(&address, &["storing"]));
    let (mut cursor, mut gaps, mut failures) = (String::new(), Vec::new(), 0);
    for _ in 0..20 {
        match source.fetch(&cursor, now()).await {
            Ok(page) => {
                cursor = page.cursor;
                gaps.extend(page.missed);
                if !page.more {
                    break;
                }
            }
            Err(failure) => {
                assert_eq!(failure.kind.disposition(), Disposition::Retry);
                failures += 1;
            }
        }
    }
    assert_eq!((failures, gaps.len()), (4, 1), "two short of three, from the top twice");
}

#[tokio::test]
async fn later_polls_bring_what_is_new_however_much_that_is() {
    let (address, network) = network(posts(30)).await;
    let source = listener(searching(&address, &["storing"]));
    let (first, _, cursor) = poll(&source, "").await;
    let (again, _, cursor) = poll(&source, &cursor).await;
    assert_eq!((first.len(), again.len()), (30, 0));
    network.lock().unwrap().posts = posts(250);
    let (new, gaps, _) = poll(&source, &cursor).await;
    assert_eq!((new.len(), gaps.len()), (220, 0));
}

#[tokio::test]
async fn a_query_that_is_refused_does_not_silence_the_others() {
    let (address, _network) = network(posts(5)).await;
    let source = listener(searching(&address, &["(", "storing"]));
    let (ids, gaps, _) = poll(&source, "").await;
    assert_eq!((ids.len(), gaps.len()), (5, 1));
    assert!(gaps[0].contains("InvalidRequest"), "{gaps:?}");
}

#[tokio::test]
async fn reach_and_parents_come_with_the_page_in_batches_of_25() {
    let mut all = posts(60);
    let parent = json!({ "uri": "at://did:plc:buur/app.bsky.feed.post/ouder", "cid": "c",
        "author": { "did": "did:plc:buur", "handle": "buur.example" },
        "record": { "text": "vraag", "createdAt": "2026-11-19T00:00:00Z" }, "indexedAt": "2026-11-19T00:00:00Z" });
    all[0]["record"]["reply"] = json!({ "parent": { "uri": parent["uri"], "cid": "c" } });
    all[1]["record"]["reply"] =
        json!({ "parent": { "uri": "at://did:plc:weg/app.bsky.feed.post/weg", "cid": "c" } });
    all.push(parent);
    let (address, network) = network(all).await;
    let source = listener(searching(&address, &["storing"]));
    let page = source.fetch("", now()).await.unwrap();
    let found: Vec<_> = mentions(&page.items).collect();
    assert_eq!(found.len(), 41, "forty posts and the one parent that still exists");
    assert!(found.iter().all(|mention| mention.author.audience.is_some()));
    assert!(found.iter().any(|mention| mention.external_id.ends_with("/ouder")));
    let network = network.lock().unwrap();
    assert_eq!((network.largest_batch, network.count("getProfiles"), network.count("getPosts")), (25, 2, 1));
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_gone_and_the_rest_as_it_stands() {
    let (address, network) = network(posts(30)).await;
    let source = listener(searching(&address, &["storing"]));
    let (mut ids, ..) = poll(&source, "").await;
    network.lock().unwrap().posts.remove(0);
    network.lock().unwrap().posts[0]["record"] = json!({ "text": 7 });
    ids.push("not an address".to_owned());
    let items = source.recheck(&ids).await.unwrap();
    let gone: Vec<&String> =
        items.iter().filter_map(|item| if let Item::Removed(id) = item { Some(id) } else { None }).collect();
    assert_eq!(gone, [&ids[0]], "a post that cannot be read is not gone");
    assert_eq!(mentions(&items).count(), 28);
    assert_eq!(network.lock().unwrap().largest_batch, 25);
}

#[tokio::test]
async fn notifications_and_own_words_are_read_in_turn() {
    let (address, network) = network(Vec::new()).await;
    let config = Config { notifications: true, ..searching(&address, &["storing"]) };
    let source = listener(config);
    let first = source.fetch("", now()).await.unwrap();
    assert_eq!((mentions(&first.items).count(), first.more), (3, true));
    let (ids, _, cursor) = poll(&source, "").await;
    assert_eq!(ids.iter().filter(|id| id.starts_with("at://did:plc:aaaaveldnetzorg/")).count(), 2);
    let (again, ..) = poll(&source, &cursor).await;
    assert_eq!(
        again,
        ["at://did:plc:aaaaveldnetzorg/app.bsky.feed.post/3lbxbericht0"],
        "the pinned one only"
    );
    assert!(source.check().await.unwrap().contains("did:plc:zorg"));
    assert_eq!(network.lock().unwrap().count("createSession"), 1);
}

#[tokio::test]
async fn a_cursor_of_another_version_starts_anew() {
    let (address, _network) = network(posts(3)).await;
    let source = listener(searching(&address, &["storing"]));
    for cursor in ["rubbish", "[]", r#"{"walks":7}"#, r#"{"turn_of":"search:no longer"}"#] {
        assert_eq!(poll(&source, cursor).await.0.len(), 3, "{cursor}");
    }
}

#[test]
fn every_mistake_in_the_configuration_is_named() {
    let wrong: Config = toml::from_str(
        "service = 'ftp://x'\nappview = 'https://a.example/path'\nnotifications = false\nsearch = []",
    )
    .unwrap();
    let errors = wrong.validate().join("\n");
    for key in ["service:", "appview:", "identifier:", "app_password:", "search:"] {
        assert!(errors.contains(key), "{errors}");
    }
    assert!(toml::from_str::<Config>("passwort = 'x'").is_err());
}
