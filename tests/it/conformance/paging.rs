//! Paging ends, whatever the peer says; the cursor never goes back; nothing falls between two pages.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::kinds::{self, BLUESKY, HTTP_JSON, KINDS, Kind, MASTODON};
use super::server::{Answer, Recorded, Server};
use super::{Rig, built, drift, nothing_wrong};
use crate::support::{sqlite, start};

/// More requests than these in one poll are no polling any more: fifty pages, each with parents and profiles.
const REQUESTS_MAX: usize = 160;

/// A page with a paging token in every place where a kind may look for one.
fn with_token(page: &str, next: &str) -> String {
    match page.strip_suffix('}') {
        Some(open) => format!(r#"{open},"cursor":"{next}","next":"{next}"}}"#),
        None => page.to_owned(),
    }
}

/// How a peer leads in circles: from the number of the request and the usual page to what is answered.
type Circle = fn(usize, Kind) -> String;

fn circles() -> Vec<(&'static str, Circle)> {
    vec![
        ("the same page with the same token", |_, kind| with_token(&kind.page_of(1..=20), "t")),
        ("the same page with a new token", |n, kind| with_token(&kind.page_of(1..=20), &format!("t{n}"))),
        ("an empty page with a new token", |n, kind| with_token(&kind.page_of([]), &format!("t{n}"))),
        ("two tokens in turn", |n, kind| {
            with_token(&kind.page_of(1..=20), if n % 2 == 0 { "a" } else { "b" })
        }),
        ("an endless token", |_, kind| with_token(&kind.page_of(1..=20), &"x".repeat(1024 * 1024))),
        ("a token with what breaks addresses", |n, kind| {
            with_token(&kind.page_of(1..=20), &format!("../../{n}?a=b&c=d#e\\n\\u0000\\u2028"))
        }),
    ]
}

#[tokio::test]
async fn f35_a_peer_that_leads_in_circles_is_left_and_later_news_is_heard() {
    let mut cases = Vec::new();
    for kind in KINDS {
        for (at, (what, circle)) in circles().into_iter().enumerate() {
            let server = Server::start(move |request| kind.answer(request, 1..=20)).await;
            cases.push((format!("{}-{at}", kind.name), kind, what, circle, server));
        }
    }
    let sources = cases.iter().map(|(name, kind, _, _, server)| (name.clone(), (kind.config)(&server.url)));
    let rig = Rig::new(sqlite().await, sources.collect()).await;
    let mut complaints = Vec::new();
    for (name, kind, what, circle, server) in cases {
        for _ in 0..2 {
            rig.poll(&name).await.unwrap();
        }
        let counter = Arc::new(Mutex::new(0));
        server.set(move |request| {
            let mut n = counter.lock().unwrap();
            *n += 1;
            if kind.is_list(request) { Answer::json(circle(*n, kind)) } else { kind.aside(request) }
        });
        server.take_requests();
        let mut at_the_top = 0;
        for poll in 1..=4 {
            rig.poll(&name).await.unwrap();
            let requests = server.take_requests();
            if requests.len() > REQUESTS_MAX {
                complaints.push(format!("{name}: {what}: {} requests in poll {poll}", requests.len()));
            }
            at_the_top = if requests.iter().any(|r| kind.is_top(r)) { poll } else { at_the_top };
        }
        if at_the_top < 3 {
            complaints.push(format!("{name}: {what}: the top of the list is no longer read"));
        }
        server.set(move |request| kind.answer(request, 2..=21));
        for _ in 0..3 {
            rig.poll(&name).await.unwrap();
        }
        let newest = (kind.id)(21);
        let newest =
            format!("SELECT external_id FROM mention WHERE source = '{name}' AND external_id = '{newest}'");
        if rig.rows(&newest).await.is_empty() {
            complaints.push(format!("{name}: {what}: later news is not heard"));
        }
    }
    nothing_wrong(complaints);
}

/// A first poll that meets a list without end takes a few pages and leaves it.
#[tokio::test]
async fn f35_a_list_without_end_does_not_hold_a_first_poll() {
    for kind in KINDS {
        let counter = Arc::new(Mutex::new(0_u64));
        let server = Server::start(move |request| {
            let mut n = counter.lock().unwrap();
            *n += 1;
            let lowest = 1_000_000 - *n * 50;
            let page = with_token(&kind.page_of(lowest..lowest + 50), &format!("t{n}"));
            if kind.is_list(request) { Answer::json(page) } else { kind.aside(request) }
        })
        .await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
        let asked = server.take_requests().len();
        assert!(asked <= REQUESTS_MAX, "{}: {asked} requests", kind.name);
    }
}

/// A cursor is our own text, and still it may be another version's, or half a one: whatever is in it, polling goes on.
#[tokio::test]
async fn f35_a_spoilt_cursor_does_no_harm() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        let server = Server::start(move |request| kind.answer(request, 1..=5)).await;
        let source = built(&(kind.config)(&server.url));
        let mut cursor = source.fetch("", start()).await.unwrap().cursor;
        cursor = source.fetch(&cursor, start()).await.unwrap().cursor;
        let whole: serde_json::Value = serde_json::from_str(&cursor).unwrap();
        let mut spoilt: Vec<String> =
            ["null", "[]", "{", "7", "\"x\"", "\u{0}", &"[".repeat(10_000)].map(str::to_owned).to_vec();
        let mut places = Vec::new();
        drift::collect(&whole, "", &mut places);
        for place in places {
            for wrong in drift::wrong_values().into_iter().chain([u64::MAX.into(), i64::MIN.into()]) {
                let mut copy = whole.clone();
                *copy.pointer_mut(&place).unwrap() = wrong;
                spoilt.push(copy.to_string());
            }
        }
        for first in spoilt {
            let mut cursor = first.clone();
            for round in 1..=60 {
                match source.fetch(&cursor, start()).await {
                    Ok(page) if page.more && round < 60 => cursor = page.cursor,
                    Ok(page) if page.more => complaints.push(format!("{}: endless after {first}", kind.name)),
                    Ok(_) => break,
                    Err(failure) => {
                        complaints.push(format!("{}: {failure} after {first}", kind.name));
                        break;
                    }
                }
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f35_older_answers_do_not_move_the_cursor_back() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        let serve = move |numbers: std::ops::Range<u64>| {
            move |request: &Recorded| match kind.is_list(request) {
                true if !kind.is_top(request) => Answer::json(kind.page_of([])),
                true => Answer::json(kind.page_of(numbers.clone())),
                false => kind.aside(request),
            }
        };
        let place = |requests: Vec<Recorded>| -> (usize, Option<String>) {
            let lists: Vec<&Recorded> = requests.iter().filter(|request| kind.is_list(request)).collect();
            let mark =
                lists.first().and_then(|first| first.query("min_id").or_else(|| first.query("updatedSince")));
            (lists.len(), mark)
        };
        let server = Server::start(serve(900..950)).await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        for _ in 0..3 {
            rig.poll("bron").await.unwrap();
        }
        server.take_requests();
        rig.poll("bron").await.unwrap();
        let (usual, mark) = place(server.take_requests());
        for stale in [100..150_u64, 0..0] {
            server.set(serve(stale.clone()));
            rig.poll("bron").await.unwrap();
            server.set(serve(900..950));
            server.take_requests();
            rig.poll("bron").await.unwrap();
            let (now, mark_now) = place(server.take_requests());
            if now > usual + 1 || mark_now < mark {
                complaints.push(format!("{}: {stale:?}: {usual} {mark:?} -> {now} {mark_now:?}", kind.name));
            }
        }
    }
    nothing_wrong(complaints);
}

/// A list at the peer, which grows at its top while it is read.
#[derive(Clone)]
struct Growing {
    kind: Kind,
    /// Numbers of the statements that are there.
    count: Arc<Mutex<u64>>,
    /// How many come with every request, and up to which number.
    pace: u64,
    end: Arc<Mutex<u64>>,
}

impl Growing {
    fn answer(&self, request: &Recorded) -> Answer {
        if !self.kind.is_list(request) {
            return self.kind.aside(request);
        }
        let mut count = self.count.lock().unwrap();
        let answer = self.page(request, *count);
        *count = (*count + self.pace).min(*self.end.lock().unwrap()).max(*count);
        answer
    }

    fn page(&self, request: &Recorded, count: u64) -> Answer {
        let number = |name: &str| request.query(name).and_then(|value| value.parse::<u64>().ok());
        let by_id = |id: Option<String>| id.and_then(|id| (1..=count).find(|n| (self.kind.id)(*n) == id));
        let below = |top: u64, size: u64| top.saturating_sub(size) + 1..top + 1;
        let page = |numbers: std::ops::Range<u64>| self.kind.page_of(numbers);
        Answer::json(match self.kind.name {
            "mastodon" if request.query("min_id").is_some() => {
                // The overlap asks for ids that never were: whatever lies right above them.
                let asked = number("min_id").unwrap();
                let from = (1..=count).find(|n| (self.kind.id)(*n).parse::<u64>().unwrap() > asked);
                from.map_or_else(|| page(0..0), |from| page(from..(from + 40).min(count + 1)))
            }
            "mastodon" => page(below(by_id(request.query("max_id")).map_or(count, |n| n - 1), 40)),
            "bluesky" => {
                let top = number("cursor").unwrap_or(count);
                let shown = page(below(top, 100));
                if top > 100 { with_token(&shown, &(top - 100).to_string()) } else { shown }
            }
            "trustpilot" => page(below(count.saturating_sub((number("page").unwrap() - 1) * 100), 100)),
            "app_store" => {
                let segments = request.path().split('/');
                let number: u64 =
                    segments.filter_map(|part| part.strip_prefix("page=")).next().unwrap().parse().unwrap();
                page(below(count.saturating_sub((number - 1) * 50), 50))
            }
            "kiyoh" => {
                let limit = number("limit").unwrap();
                match request.query("updatedSince") {
                    None => page(below(count, limit)),
                    Some(since) => {
                        let since: jiff::Timestamp = since.parse().unwrap();
                        let at = |n: u64| {
                            self.kind.post(n).at.trim_matches('"').parse::<jiff::Timestamp>().unwrap()
                        };
                        let from = (1..=count).find(|n| at(*n) > since).unwrap_or(count + 1);
                        page(from..(from + limit).min(count + 1))
                    }
                }
            }
            // Numbered pages, which shift.
            _ => page(below(count.saturating_sub((number("page").unwrap_or(1) - 1) * 40), 40)),
        })
    }
}

#[tokio::test]
async fn f36_nothing_falls_between_two_pages_while_the_list_grows() {
    let mut complaints = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| kind.name != "rss") {
        let growing = Growing { kind, count: Arc::new(Mutex::new(30)), pace: 0, end: Arc::default() };
        let peer = growing.clone();
        let server = Server::start(move |request| peer.answer(request)).await;
        let config = match kind.name {
            "http_json" => {
                kinds::http_json(&server.url, "/posts?page={page}", "paging = { kind = 'page', first = 1 }")
            }
            _ => (kind.config)(&server.url),
        };
        let rig = Rig::new(sqlite().await, vec![("bron".into(), config)]).await;
        for _ in 0..3 {
            rig.poll("bron").await.unwrap();
        }
        // A burst between two polls, and a trickle with every page that is read.
        *growing.count.lock().unwrap() = 250;
        *growing.end.lock().unwrap() = 330;
        let peer = Growing { pace: 7, ..growing.clone() };
        server.set(move |request| peer.answer(request));
        for _ in 0..16 {
            rig.poll("bron").await.unwrap();
        }
        assert_eq!(*growing.count.lock().unwrap(), 330, "{}: the list did not grow", kind.name);
        let rows = rig.rows("SELECT external_id FROM mention").await;
        let stored: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
        let missing: Vec<u64> = (1..=330).filter(|n| !stored.contains(&(kind.id)(*n))).collect();
        if !missing.is_empty() || stored.len() != rows.len() {
            complaints.push(format!("{}: {} missing: {missing:?}", kind.name, missing.len()));
        }
        if !rig.gaps("bron").await.is_empty() {
            complaints.push(format!(
                "{}: a hole is told of that is none: {:?}",
                kind.name,
                rig.gaps("bron").await
            ));
        }
    }
    nothing_wrong(complaints);
}

/// The same statement on two pages, in two lists and twice on one page is stored once.
#[tokio::test]
async fn f36_what_is_listed_twice_is_stored_once() {
    for kind in KINDS {
        let server = Server::start(move |request| match kind.is_list(request) {
            true => Answer::json(kind.page_of([1, 2, 2, 3, 1])),
            false => kind.aside(request),
        })
        .await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
        let rows = rig.rows("SELECT external_id FROM mention").await;
        assert_eq!(rows.len(), 3, "{}: {rows:?}", kind.name);
    }
}

/// A link to the next page that leads away is not followed, and the token does not go there.
#[tokio::test]
async fn f39_links_to_other_hosts_in_content_are_not_followed() {
    let trap = Server::start(|_| Answer::json("{}")).await;
    for target in [
        format!("http://localhost:{}/x", trap.port),
        format!("{}/x", trap.url),
        format!("//127.0.0.1:{}/x", trap.port),
        format!("http://[::ffff:127.0.0.1]:{}/x", trap.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let next = target.clone();
        let server = Server::start(move |_| Answer::json(with_token(&HTTP_JSON.page_of(1..=3), &next))).await;
        let config =
            kinds::http_json(&server.url, "/posts", "paging = { kind = 'next_link', filter = '.next' }");
        let rig = Rig::new(sqlite().await, vec![("bron".into(), config)]).await;
        for _ in 0..3 {
            rig.poll("bron").await.unwrap();
        }
        assert!(!rig.gaps("bron").await.is_empty() || rig.state("bron").await.failures > 0, "{target}");
        let linking = target.clone();
        let server =
            Server::start(move |request| match MASTODON.is_list(request) || BLUESKY.is_list(request) {
                true => Answer::json(MASTODON.page_of(1..=3))
                    .header("Link", format!("<{linking}?min_id=5>; rel=\"prev\"")),
                false => MASTODON.aside(request),
            })
            .await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (MASTODON.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
    }
    assert_eq!(trap.connections(), 0);
}
