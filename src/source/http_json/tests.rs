//! The listener, and the ready-made configurations, against a small server.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Asked, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;

type Answering = dyn Fn(&Call) -> Response + Send + Sync;

/// One request as the server saw it.
#[derive(Clone, Debug)]
struct Call {
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: String,
}

impl Call {
    fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }
}

#[derive(Clone)]
struct Server {
    calls: Arc<Mutex<Vec<Call>>>,
    answering: Arc<Answering>,
}

async fn handle(State(server): State<Server>, asked: Asked) -> Response {
    let (parts, body) = asked.into_parts();
    let body = axum::body::to_bytes(body, 100_000).await.unwrap();
    let query = parts.uri.query().unwrap_or_default();
    let call = Call {
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    server.calls.lock().unwrap().push(call.clone());
    (server.answering)(&call)
}

/// Starts a server that answers everything with `answering`; gives its address and what it was asked.
async fn server(
    answering: impl Fn(&Call) -> Response + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Call>>>) {
    let server = Server { calls: Arc::default(), answering: Arc::new(answering) };
    let calls = server.calls.clone();
    let routes = Router::new().fallback(handle).with_state(server);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the server of a test dies with its runtime")]
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, calls)
}

fn json_answer(value: &Value) -> Response {
    axum::Json(value).into_response()
}

fn config(toml: &str) -> Config {
    let config: Config = toml::from_str(toml).unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    config
}

fn listener(config: Config) -> HttpJson {
    build(config, Client::new().unwrap())
}

/// A listener on a list of `{id, text, at}` under `posts`.
fn plain(address: &str, path_and_query: &str, rest: &str) -> HttpJson {
    listener(config(&format!(
        "url = '{address}{path_and_query}'\nitems = '.posts'\n{rest}\n[map]\nid = '.id'\ntext = '.text'\npublished_at = '.at'"
    )))
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn epoch(minutes_ago: i64) -> i64 {
    now().as_second() - minutes_ago * 60
}

fn post(id: i64, at: i64) -> Value {
    json!({ "id": id, "text": format!("bericht {id}"), "at": at })
}

/// Polls once: fetches until nothing more waits. Answers the ids, the gaps and the cursor.
async fn poll(source: &HttpJson, cursor: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut ids, mut gaps, mut cursor) = (Vec::new(), Vec::new(), cursor.to_owned());
    for _ in 0..100 {
        let page = source.fetch(&cursor, now()).await.unwrap();
        ids.extend(page.items.into_iter().map(|item| match item {
            Item::Mention(mention) => mention.external_id,
            Item::Removed(id) => format!("-{id}"),
            Item::Broken { reason, .. } => reason,
        }));
        gaps.extend(page.missed);
        cursor = page.cursor;
        if !page.more {
            return (ids, gaps, cursor);
        }
    }
    panic!("paging does not end");
}

/// The one source of a ready-made configuration, pointed at `address` instead of the real host.
fn example(file: &str, host: &str, address: &str) -> Config {
    let text = file.replace(host, address);
    assert_ne!(text, file, "the example names its host");
    let mut whole: toml::Table = toml::from_str(&text).unwrap();
    let mut source = match whole.remove("source").unwrap() {
        toml::Value::Array(mut sources) => match sources.remove(0) {
            toml::Value::Table(source) => source,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert!(whole.is_empty());
    // Keys that every source has, whatever its kind.
    for key in ["name", "lawful_basis", "purpose"] {
        assert!(source.remove(key).is_some(), "{key}");
    }
    assert_eq!(source.remove("kind").unwrap().as_str(), Some("http_json"));
    let config: Config = source.try_into().unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    config
}

fn hacker_news(address: &str) -> HttpJson {
    let file = include_str!("../../../config/examples/hacker_news.toml");
    listener(example(file, "https://hn.algolia.com", address))
}

fn discourse(address: &str) -> HttpJson {
    let file = include_str!("../../../config/examples/discourse.toml");
    listener(example(file, "https://forum.veldnet.example", address))
}

/// The bounds in `created_at_i>A,created_at_i<=B`.
fn bounds(call: &Call) -> (i64, i64) {
    let filters = call.get("numericFilters").unwrap();
    let (above, up_to) = filters.split_once(',').unwrap();
    let number = |text: &str, prefix: &str| text.strip_prefix(prefix).unwrap().parse().unwrap();
    (number(above, "created_at_i>"), number(up_to, "created_at_i<="))
}

#[tokio::test]
async fn the_hacker_news_example_reads_stories_and_comments() {
    let page: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/http_json/hacker_news.json")).unwrap();
    let (address, calls) = server(move |_| json_answer(&page)).await;
    let source = hacker_news(&address);
    let page = source.fetch("", now()).await.unwrap();
    let [Item::Mention(comment), Item::Mention(story)] = &page.items[..] else { panic!("{:?}", page.items) };
    assert_eq!(comment.external_id, "46000007");
    assert!(
        comment.text.starts_with("Third evening without a connection at Veldnet's fibre."),
        "{}",
        comment.text
    );
    assert!(comment.text.contains("\"within two hours\" every time: https://status.veldnet.example"));
    assert_eq!(comment.reply_to.as_deref(), Some("46000001"));
    assert_eq!(comment.author.external_id, "testbaker");
    assert_eq!(comment.published_at.unwrap().to_string(), "2026-11-20T09:12:09Z");
    assert_eq!(story.url.as_deref(), Some("https://news.ycombinator.com/item?id=46000003"));
    assert_eq!(
        (story.text.as_str(), story.title.as_deref()),
        ("", Some("Veldnet has been down for three days"))
    );
    assert_eq!((story.engagement.likes, story.engagement.replies), (41, 12));
    let first = calls.lock().unwrap()[0].clone();
    assert_eq!((first.path.as_str(), first.get("query")), ("/api/v1/search_by_date", Some("\"veldnet\"")));
    assert_eq!(bounds(&first), (epoch(7 * 24 * 60), epoch(-24 * 60)));
}

#[tokio::test]
async fn the_hacker_news_example_misses_nothing_of_a_busy_hour() {
    let all = Arc::new(Mutex::new(Vec::<(i64, i64)>::new()));
    let held = all.clone();
    // Like the real one: newest first, within the bounds, a page at a time.
    let (address, _calls) = server(move |call| {
        let (above, up_to) = bounds(call);
        let mut hits: Vec<(i64, i64)> = held.lock().unwrap().clone();
        hits.retain(|(_, at)| *at > above && *at <= up_to);
        hits.sort_by_key(|(_, at)| -at);
        let hits: Vec<Value> = hits
            .iter()
            .take(10)
            .map(|(id, at)| json!({ "objectID": id.to_string(), "comment_text": "veldnet", "author": "a", "created_at_i": at }))
            .collect();
        json_answer(&json!({ "hits": hits, "nbHits": 1, "nbPages": 1 }))
    })
    .await;
    let source = hacker_news(&address);
    all.lock().unwrap().push((1, epoch(600)));
    let (first, _, cursor) = poll(&source, "").await;
    all.lock().unwrap().extend((2..80).map(|id| (id, epoch(80 - id / 3))));
    // Indexed late, within the overlap.
    all.lock().unwrap().push((99, epoch(605)));
    let (second, gaps, cursor) = poll(&source, &cursor).await;
    assert_eq!((first.len(), second.len(), gaps.len()), (1, 79, 0));
    assert_eq!(poll(&source, &cursor).await.0.len(), 0);
}

#[tokio::test]
async fn the_discourse_example_reads_posts_edits_and_withdrawals() {
    let page: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/http_json/discourse_posts.json")).unwrap();
    let (address, calls) = server(move |call| match call.get("before") {
        None => json_answer(&page),
        Some(_) => json_answer(&json!({ "latest_posts": [] })),
    })
    .await;
    let source = discourse(&address);
    let page = source.fetch("", now()).await.unwrap();
    let [Item::Mention(edited), Item::Removed(gone), Item::Mention(plain)] = &page.items[..] else {
        panic!("{:?}", page.items)
    };
    assert_eq!(
        (edited.external_id.as_str(), gone.as_str(), plain.external_id.as_str()),
        ("9120", "9118", "9117")
    );
    assert_eq!(
        edited.text,
        "Sinds de update valt mijn verbinding elk uur weg.\nModem herstarten helpt niet."
    );
    assert!(edited.has_media && !plain.has_media);
    assert_eq!(edited.edited_at.unwrap().to_string(), "2026-11-20T09:08:40Z");
    assert_eq!(plain.edited_at, None);
    assert_eq!(edited.title.as_deref(), Some("Verbinding valt weg"));
    assert!(edited.url.as_deref().unwrap().ends_with("/t/verbinding-valt-weg/411/3"));
    assert_eq!((edited.author.external_id.as_str(), edited.author.handle.as_deref()), ("77", Some("mila_t")));
    assert_eq!(calls.lock().unwrap()[0].get("before"), None);
    assert!(source.check().await.unwrap().starts_with("3 of 3"));
}

#[tokio::test]
async fn the_discourse_example_goes_down_over_stretches_without_public_posts() {
    let newest = Arc::new(Mutex::new(1000));
    let held = newest.clone();
    // As older versions do: the stretch of fifty ids up to `before`, of which only some are public.
    let (address, _calls) = server(move |call| {
        let newest = *held.lock().unwrap();
        let before = call.number("before").filter(|before| *before > 0).unwrap_or(newest);
        let public = |id: &i64| *id <= 1000 || *id % 400 < 5;
        let posts: Vec<Value> = (before - 49..=before.min(newest))
            .rev()
            .filter(public)
            .map(|id| json!({ "id": id, "cooked": "<p>x</p>", "user_id": 1, "created_at": "2026-11-20T09:00:00Z" }))
            .collect();
        json_answer(&json!({ "latest_posts": posts }))
    })
    .await;
    let source = discourse(&address);
    let (first, _, cursor) = poll(&source, "").await;
    assert!(first.len() >= 100, "a few pages of history: {}", first.len());
    *newest.lock().unwrap() = 2010;
    let (mut new, gaps, _) = poll(&source, &cursor).await;
    new.sort();
    let expected: Vec<String> = (1001..=2010).filter(|id| id % 400 < 5).map(|id| id.to_string()).collect();
    assert_eq!((new, gaps.len()), (expected, 0));
}

#[tokio::test]
async fn cursors_pages_and_links_are_followed_to_the_end() {
    // Thirty posts, ten a page, whichever way is asked for.
    let (address, _calls) = server(|call| {
        let page = ["page", "after", "p"].iter().find_map(|name| call.number(name)).unwrap_or(0);
        let posts: Vec<Value> = (page * 10..page * 10 + 10)
            .filter(|n| *n < 30)
            .map(|n| post(n, epoch(n)))
            .collect();
        let next = (page < 2).then_some(page + 1);
        let link = next.map(|next| format!("</list?p={next}>; rel=\"next\", </list>; rel=\"first\""));
        let answer = json!({ "posts": posts, "next": next, "links": { "next": next.map(|n| format!("/list?p={n}")) } });
        (link.map(|link| [("link", link)]), axum::Json(answer)).into_response()
    })
    .await;
    for (path, paging) in [
        ("/list?page={page}", "{ kind = 'page' }"),
        ("/list?after={cursor}", "{ kind = 'cursor', filter = '.next' }"),
        ("/list?p=0", "{ kind = 'next_link', filter = '.links.next' }"),
        ("/list?p=0", "{ kind = 'next_link' }"),
    ] {
        let source = plain(&address, path, &format!("paging = {paging}"));
        let (ids, gaps, cursor) = poll(&source, "").await;
        assert_eq!((ids.len(), gaps.len()), (30, 0), "{paging}");
        assert_eq!(poll(&source, &cursor).await.0.len(), 0, "{paging}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_a_gap_and_not_followed() {
    let (elsewhere, visits) = server(|_| json_answer(&json!({ "posts": [] }))).await;
    let target = elsewhere.clone();
    let (address, _calls) =
        server(move |_| json_answer(&json!({ "posts": [post(1, epoch(1))], "next": format!("{target}/x") })))
            .await;
    let source = plain(&address, "/list", "paging = { kind = 'next_link', filter = '.next' }");
    let (ids, gaps, _) = poll(&source, "").await;
    assert_eq!((ids.len(), gaps.len()), (1, 1));
    assert_eq!(visits.lock().unwrap().len(), 0);
    let forged = json!({ "walk": { "pass": { "token": format!("{elsewhere}/x") } } }).to_string();
    assert_eq!(source.fetch(&forged, now()).await.unwrap_err().kind, FailureKind::Blocked);
    assert_eq!(visits.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_rising_list_is_climbed_from_the_watermark() {
    // Gives ten at a time from `since` on, without any paging.
    let (address, _calls) = server(|call| {
        let since = call.number("since").unwrap();
        let posts: Vec<Value> = (0..35)
            .map(|n| post(n, epoch(100 - n)))
            .filter(|p| p["at"].as_i64().unwrap() >= since)
            .take(10)
            .collect();
        json_answer(&json!({ "posts": posts }))
    })
    .await;
    let rest = "order = 'oldest_first'\nwatermark = { overlap_secs = 60 }";
    let source = plain(&address, "/list?since={since_epoch}", rest);
    let (ids, gaps, cursor) = poll(&source, "").await;
    assert_eq!((ids.len(), gaps.len()), (35, 0));
    assert_eq!(poll(&source, &cursor).await.0.len(), 0);
}

#[tokio::test]
async fn every_way_to_log_in_arrives_and_stays_out_of_cursor_and_messages() {
    let (address, calls) = server(|call| {
        if call.path == "/no" {
            return StatusCode::FORBIDDEN.into_response();
        }
        // Some interfaces repeat the key in their links.
        let key = call.get("key").map(|key| format!("&key={key}")).unwrap_or_default();
        let next = format!("/list?p=2{key}");
        json_answer(&json!({ "posts": [post(1, epoch(1))], "next": next }))
    })
    .await;
    for (auth, header, value) in [
        ("{ kind = 'bearer', token = 's3cret' }", "authorization", "Bearer s3cret"),
        ("{ kind = 'basic', user = 'u', password = 's3cret' }", "authorization", "Basic dTpzM2NyZXQ="),
        ("{ kind = 'header', name = 'Api-Key', value = 's3cret' }", "api-key", "s3cret"),
        ("{ kind = 'query', name = 'key', value = 's3cret' }", "x-extra", "e"),
    ] {
        let rest = format!(
            "auth = {auth}\nheaders = {{ X-Extra = 'e' }}\npaging = {{ kind = 'next_link', filter = '.next' }}"
        );
        let source = plain(&address, "/list?p=1", &rest);
        let page = source.fetch("", now()).await.unwrap();
        source.fetch(&page.cursor, now()).await.unwrap();
        assert!(!page.cursor.contains("s3cret"), "{}", page.cursor);
        let asked = calls.lock().unwrap().pop().unwrap();
        assert_eq!(asked.headers[header], value);
        assert_eq!(
            asked.query.iter().filter(|(name, _)| name == "key").count(),
            usize::from(header == "x-extra")
        );
        let refused = plain(&address, "/no", &format!("auth = {auth}")).fetch("", now()).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::BadCredentials);
        assert!(!refused.to_string().contains("s3cret"));
    }
}

#[tokio::test]
async fn a_query_may_be_a_body() {
    let (address, calls) = server(|call| {
        let asked: Value = serde_json::from_str(&call.body).unwrap();
        let next = (asked["after"] == "").then_some("een \"twee\"");
        json_answer(&json!({ "posts": [post(if next.is_some() { 1 } else { 2 }, epoch(1))], "next": next }))
    })
    .await;
    let rest = "method = 'post'\nbody = '{\"q\": {\"x\": 1}, \"after\": \"{cursor}\"}'\npaging = { kind = 'cursor', filter = '.next' }";
    let (ids, ..) = poll(&plain(&address, "/query", rest), "").await;
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(calls.lock().unwrap()[1].headers["content-type"], "application/json");
}

#[tokio::test]
async fn slow_filters_are_cut_off_and_the_runtime_lives_on() {
    let (address, _calls) = server(|_| json_answer(&json!({ "posts": vec![1; 60] }))).await;
    // Finite, and yet longer than this source waits: thirteen million rounds.
    let slow = ".posts as $p | [limit(1; $p[] as $a | $p[] as $b | $p[] as $c | $p[] as $d | empty)]";
    let mut source = listener(config(&format!(
        "url = '{address}/'\nitems = '{slow}'\n[map]\nid = '.id'\ntext = '.text'\npublished_at = '.at'"
    )));
    source.aside = Aside::new(Duration::from_millis(100));
    for says in ["longer than", "earlier"] {
        let failure = source.fetch("", now()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TimedOut);
        assert!(failure.message.contains(says), "{failure}");
    }
}

#[tokio::test]
async fn check_says_when_nothing_can_be_understood() {
    let (address, _calls) = server(|_| json_answer(&json!({ "posts": [{ "nummer": 1 }] }))).await;
    let failure = plain(&address, "/list?t={since_epoch}", "").check().await.unwrap_err();
    assert!(failure.message.contains("map.id"), "{failure}");
}

#[test]
fn every_mistake_in_the_configuration_is_named() {
    for (toml, says) in [
        ("", "url: is missing"),
        ("[map]\nid = '.id'", "map.text: is missing"),
        ("[map]\ntext = '.x'", "map.id: is missing"),
        ("[map]\nid = '.id | nosuch'", "map.id: there is no filter nosuch"),
        ("items = '[range(9)]'", "items: `range` could run for ever"),
        ("paging = { kind = 'cursor', filter = '(' }", "paging.filter: "),
        ("paging = { kind = 'page' }", "paging: has no place"),
        ("order = 'oldest_first'", "order: oldest_first has no beginning"),
        ("body = 'x'", "body: is not sent with a GET"),
        ("headers = { 'a b' = 'x' }", "headers: `a b` is no name"),
        ("auth = { kind = 'bearer', token = \"a\\nb\" }", "auth.token: "),
        (
            "url = 'https://a.example/?t={since_epoch}'\nwatermark = { field = 'id' }",
            "watermark.field: an id is no time",
        ),
        (
            "url = 'https://a.example/?t={before_epoch}'\npaging = { kind = 'before', step = 5 }",
            "paging.step: ",
        ),
    ] {
        let errors = toml::from_str::<Config>(toml).unwrap().validate().join("\n");
        assert!(errors.contains(says), "{toml}: {errors}");
    }
    for unknown in
        ["urls = 'x'", "[map]\nwords = '.x'", "paging = { kind = 'page', size = 3 }", "auth = { kind = 'x' }"]
    {
        assert!(toml::from_str::<Config>(unknown).is_err(), "{unknown}");
    }
}
