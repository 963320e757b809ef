//! A small web server that publishes feeds, and what the source makes of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request as Incoming, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Outgoing};

use super::*;

/// What the server answers per path, and the requests it got.
#[derive(Clone, Default)]
struct Site {
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    requests: Arc<Mutex<Vec<Asked>>>,
}

/// A path, and the `If-None-Match` it was asked with.
type Asked = (String, Option<String>);

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Site {
    async fn open() -> (Site, SocketAddr) {
        let site = Site::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(site.clone());
        #[expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        (site, address)
    }

    fn set(&self, path: &str, status: u16, headers: &[(&'static str, &str)], body: impl Into<String>) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let answer = Answer { status, headers, body: body.into() };
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().drain(..).map(|(path, _)| path).collect()
    }
}

async fn answer(State(site): State<Site>, request: Incoming) -> Outgoing {
    let path = request.uri().path().to_owned();
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let condition = header("if-none-match");
    let since = header("if-modified-since");
    site.requests.lock().unwrap().push((path.clone(), condition.clone()));
    let Some(answer) = site.answers.lock().unwrap().get(&path).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let own = |name: &str| answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
    let etag_matches = own("etag").is_some() && own("etag") == condition;
    let date_matches = own("last-modified").is_some() && own("last-modified") == since;
    let is_unchanged = etag_matches && (own("last-modified").is_none() || date_matches);
    let status = if is_unchanged { 304 } else { answer.status };
    let mut response = Outgoing::builder().status(status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(if is_unchanged { String::new() } else { answer.body }.into()).unwrap()
}

fn feed(ids: impl IntoIterator<Item = u32>) -> String {
    let items = ids.into_iter().map(|id| {
        format!("<item><guid>urn:x:{id}</guid><title>Klacht {id}</title><link>/{id}</link></item>")
    });
    format!(
        "<rss version='2.0'><channel><title>Klachten</title>{}</channel></rss>",
        items.collect::<String>()
    )
}

fn source(urls: &[String]) -> Rss {
    let config = Config { urls: urls.to_vec() };
    assert_eq!(config.validate(), Vec::<String>::new());
    build(config, Client::new().unwrap())
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn ids(page: &Page) -> Vec<String> {
    page.items.iter().map(identity).collect()
}

#[tokio::test]
async fn validators_go_back_as_they_came_and_unchanged_is_said() {
    let (site, address) = Site::open().await;
    let validators = [("etag", "W/\"ab\\c\""), ("last-modified", "Fri, 20 Nov 2026 09:00:00 GMT")];
    site.set("/feed", 200, &validators, feed([2, 1]));
    let source = source(&[format!("http://{address}/feed")]);
    let first = source.fetch("", now()).await.unwrap();
    assert_eq!((ids(&first).len(), first.unchanged, first.more), (2, false, false));
    let second = source.fetch(&first.cursor, now()).await.unwrap();
    assert!(second.unchanged && second.items.is_empty() && second.missed.is_none());
    let requests = site.requests.lock().unwrap().clone();
    assert_eq!(requests[1].1.as_deref(), Some("W/\"ab\\c\""));
    site.set("/feed", 200, &[("etag", "\"b\"")], feed([3, 2, 1]));
    let third = source.fetch(&second.cursor, now()).await.unwrap();
    assert_eq!(ids(&third), ["urn:x:3"]);
}

#[tokio::test]
async fn an_unchanged_answer_from_another_address_is_not_believed() {
    let (site, address) = Site::open().await;
    site.set("/feed", 302, &[("location", "/monday")], "");
    site.set("/monday", 200, &[("etag", "\"same\"")], feed([1]));
    site.set("/tuesday", 200, &[("etag", "\"same\"")], feed([2, 1]));
    let source = source(&[format!("http://{address}/feed")]);
    let first = source.fetch("", now()).await.unwrap();
    site.set("/feed", 302, &[("location", "/tuesday")], "");
    let second = source.fetch(&first.cursor, now()).await.unwrap();
    assert_eq!((ids(&second), second.unchanged), (vec!["urn:x:2".to_owned()], false));
    assert!(source.fetch(&second.cursor, now()).await.unwrap().unchanged);
}

#[tokio::test]
async fn a_changed_entry_comes_again_and_an_unchanged_one_does_not() {
    let (site, address) = Site::open().await;
    site.set("/feed", 200, &[], feed([2, 1]));
    let source = source(&[format!("http://{address}/feed")]);
    let first = source.fetch("", now()).await.unwrap();
    site.set("/feed", 200, &[], feed([2, 1]).replace("Klacht 1", "Klacht 1, opgelost"));
    let second = source.fetch(&first.cursor, now()).await.unwrap();
    assert_eq!(ids(&second), ["urn:x:1"]);
    assert!(source.fetch(&second.cursor, now()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_window_that_moved_past_everything_seen_is_a_listening_gap() {
    let (site, address) = Site::open().await;
    let source = source(&[format!("http://{address}/feed")]);
    let mut cursor = String::new();
    for (window, is_gap) in [
        (1..=10, false),
        (8..=17, false),
        (18..=27, true),
        (20..=29, false),
        (0..=0, false),
        (29..=38, false),
    ] {
        site.set("/feed", 200, &[], feed(window.clone().rev().filter(|id| *id > 0)));
        let page = source.fetch(&cursor, now()).await.unwrap();
        assert_eq!(page.missed.is_some(), is_gap, "{window:?}");
        cursor = page.cursor;
    }
}

#[tokio::test]
async fn a_permanent_redirect_is_remembered_after_three_polls_and_forgotten_when_it_breaks() {
    let (site, address) = Site::open().await;
    site.set("/old", 301, &[("location", "/new")], "");
    site.set("/new", 200, &[("etag", "\"1\"")], feed([1]));
    let source = source(&[format!("http://{address}/old")]);
    let mut cursor = String::new();
    for expected in [vec!["/old", "/new"], vec!["/old", "/new"], vec!["/old", "/new"], vec!["/new"]] {
        cursor = source.fetch(&cursor, now()).await.unwrap().cursor;
        assert_eq!(site.paths(), expected);
    }
    site.set("/new", 410, &[], "");
    site.set("/old", 200, &[], feed([2, 1]));
    let page = source.fetch(&cursor, now()).await.unwrap();
    assert_eq!(
        (site.paths(), ids(&page)),
        (vec!["/new".to_owned(), "/old".to_owned()], vec!["urn:x:2".to_owned()])
    );
}

#[tokio::test]
async fn a_temporary_redirect_is_never_remembered() {
    let (site, address) = Site::open().await;
    for status in [302, 303, 307] {
        site.set("/old", status, &[("location", "/new")], "");
        site.set("/new", 200, &[], feed([1]));
        let source = source(&[format!("http://{address}/old")]);
        let mut cursor = String::new();
        for _ in 0..5 {
            cursor = source.fetch(&cursor, now()).await.unwrap().cursor;
        }
        assert_eq!(site.paths().iter().filter(|path| *path == "/old").count(), 5, "{status}");
    }
}

#[tokio::test]
async fn redirects_that_content_may_not_ask_for_are_refused() {
    let (site, address) = Site::open().await;
    let (inside, inside_address) = Site::open().await;
    inside.set("/secret", 200, &[], feed([1]));
    let port = address.port();
    let chain: Vec<String> = (0..6).map(|n| format!("/hop{n}")).collect();
    for pair in chain.windows(2) {
        site.set(&pair[0], 302, &[("location", &pair[1])], "");
    }
    site.set("/hop5", 200, &[], feed([1]));
    // Everything is asked through the name, so that an address in a redirect is another host.
    for (location, why) in [
        ("/feed".to_owned(), "a loop"),
        ("/hop0".to_owned(), "a long chain"),
        (format!("http://localhost:{}/secret", inside_address.port()), "another port of the named host"),
        (format!("http://{inside_address}/secret"), "the loopback address with a port"),
        ("http://127.0.0.1/secret".to_owned(), "the loopback address"),
        ("http://[::1]/secret".to_owned(), "the loopback address, version 6"),
        ("http://2130706433/secret".to_owned(), "the loopback address in disguise"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "a metadata service"),
        ("file:///etc/passwd".to_owned(), "a file"),
        ("http://user:pw@localhost/".to_owned(), "a login in the address"),
        (String::new(), "nowhere, which is a loop"),
    ] {
        site.set("/feed", 301, &[("location", &location)], "");
        let failure = source(&[format!("http://localhost:{port}/feed")]).fetch("", now()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Blocked, "{why}: {failure}");
    }
    site.set("/feed", 302, &[("location", &format!("http://{inside_address}/secret"))], "");
    let failure = source(&[format!("http://{address}/feed")]).fetch("", now()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Blocked, "from one port of an address to another: {failure}");
    assert_eq!(inside.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn a_remembered_address_is_checked_like_a_redirect() {
    let (inside, inside_address) = Site::open().await;
    inside.set("/secret", 200, &[], feed([1]));
    let (site, address) = Site::open().await;
    site.set("/feed", 200, &[], feed([2]));
    let configured = format!("http://localhost:{}/feed", address.port());
    let moved_to = Url::parse(&format!("http://{inside_address}/secret")).unwrap();
    let mut memory = Memory::default();
    memory.feeds.insert(key(&configured), FeedMemory { moved_to: Some(moved_to), ..FeedMemory::default() });
    let page = source(&[configured]).fetch(&memory.write(), now()).await.unwrap();
    assert_eq!(ids(&page), ["urn:x:2"]);
    assert_eq!(inside.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn one_failing_feed_does_not_hold_up_the_others() {
    let (site, address) = Site::open().await;
    site.set("/good", 200, &[("cache-control", "max-age=600")], feed([1]));
    site.set("/page", 200, &[], "<html><title>Bent u een robot?</title></html>");
    let source = source(&["missing", "page", "good"].map(|path| format!("http://{address}/{path}")));
    let mut cursor = String::new();
    let (mut seen, mut missed, mut wait) = (Vec::new(), Vec::new(), None);
    for n in 1..=3 {
        let page = source.fetch(&cursor, now()).await.unwrap();
        assert_eq!(page.more, n < 3);
        seen.extend(ids(&page));
        missed.extend(page.missed);
        (cursor, wait) = (page.cursor, page.wait);
    }
    assert_eq!(seen, ["urn:x:1"]);
    assert!(
        missed.len() == 2 && missed[0].starts_with("feed 1 of 3") && missed[1].contains("web page"),
        "{missed:?}"
    );
    assert_eq!(wait, Some(Duration::from_secs(300)));
    let later = now() + Duration::from_secs(301);
    let again = source.fetch(&cursor, later).await.unwrap();
    assert_eq!((again.missed, again.more), (None, true), "the same trouble is told once");
}

#[tokio::test]
async fn a_feed_that_stands_alone_fails_as_what_it_is() {
    let (site, address) = Site::open().await;
    let source = source(&[format!("http://{address}/feed?key=geheim")]);
    for (status, headers, body, kind) in [
        (200, vec![], "<!DOCTYPE html><html><form>Log in</form></html>", FailureKind::Malformed),
        (404, vec![], "", FailureKind::NotFound),
        (410, vec![], "", FailureKind::Gone),
        (503, vec![("retry-after", "120")], "", FailureKind::Unavailable),
        (401, vec![], "", FailureKind::BadCredentials),
    ] {
        site.set("/feed", status, &headers, body);
        let failure = source.fetch("", now()).await.unwrap_err();
        assert_eq!(failure.kind, kind);
        assert!(!failure.to_string().contains("geheim"), "{failure}");
        assert_eq!(failure.retry_after.is_some(), status == 503);
    }
}

#[tokio::test]
async fn check_reads_every_feed() {
    let (site, address) = Site::open().await;
    site.set("/a", 200, &[], feed([1, 2]));
    site.set("/b", 200, &[], "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[]}");
    let both = source(&["a", "b"].map(|path| format!("http://{address}/{path}")));
    assert_eq!(both.check().await.unwrap(), "2 feeds answer, with 2 entries");
    let wrong = source(&["a", "c"].map(|path| format!("http://{address}/{path}")));
    assert!(wrong.check().await.unwrap_err().message.starts_with("feed 2 of 2"));
}

#[test]
fn every_mistake_in_the_configuration_is_named() {
    let errors =
        |urls: &[&str]| Config { urls: urls.iter().map(|url| (*url).to_owned()).collect() }.validate();
    assert_eq!(errors(&["https://a.example/feed", "http://b.example"]), Vec::<String>::new());
    let found = errors(&[
        "a.example/feed",
        "ftp://a.example/",
        "https://u:p@a.example/",
        "https://a.example/",
        "https://a.example/",
    ]);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|error| error.starts_with("urls[") && error.contains("; ")));
    assert_eq!(errors(&[]).len(), 1);
    assert!(toml::from_str::<Config>("url = 'x'").is_err());
}
