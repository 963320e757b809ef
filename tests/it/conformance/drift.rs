//! Drift: every field of every fixture missing, empty or of another type, one at a time. Page-mates survive, on both
//! engines alike.

use gehoord::config::SourceCommon;
use gehoord::source::poller::incoming;
use gehoord::source::{Item, Page, webhook};
use gehoord::store::mentions::IncomingPage;
use serde_json::{Value, json};

use super::kinds::{APP_STORE, BLUESKY, HTTP_JSON, KINDS, KIYOH, Kind, MASTODON, RSS, TRUSTPILOT, http_json};
use super::server::{Answer, Server};
use super::{built, nothing_wrong};
use crate::support::{start, stores};

/// The fixture of a kind, and where its items stand.
fn fixture(kind: Kind) -> (&'static str, &'static str) {
    match kind.name {
        "rss" => (include_str!("../../fixtures/rss/feed.json"), "/items"),
        "mastodon" => (include_str!("../../fixtures/mastodon/notifications.json"), ""),
        "bluesky" => (include_str!("../../fixtures/bluesky/search_posts.json"), "/posts"),
        "app_store" => (include_str!("../../fixtures/app_store/page.json"), "/feed/entry"),
        "trustpilot" => (include_str!("../../fixtures/trustpilot/page.json"), "/reviews"),
        "kiyoh" => (include_str!("../../fixtures/kiyoh/page.json"), "/reviews"),
        _ => (include_str!("../../fixtures/http_json/hacker_news.json"), "/hits"),
    }
}

/// What may stand in the place of anything.
pub fn wrong_values() -> [Value; 9] {
    [
        Value::Null,
        json!(true),
        json!(-7.5),
        json!(1e300),
        json!(""),
        json!("\u{0}x\u{202e}\u{301}"),
        json!([]),
        json!([[{ "x": 1 }]]),
        json!({ "x": {} }),
    ]
}

/// Every copy of the page in which one value of one item is missing, renamed or wrong. With it, the place of that item.
fn damaged(page: &str, list: &str) -> Vec<(String, usize, String)> {
    let whole: Value = serde_json::from_str(page).unwrap();
    let count = whole.pointer(list).unwrap().as_array().unwrap().len();
    let mut copies = Vec::new();
    for index in 0..count {
        let mut places = Vec::new();
        let item = format!("{list}/{index}");
        collect(whole.pointer(&item).unwrap(), &item, &mut places);
        for place in places {
            for wrong in wrong_values() {
                let mut copy = whole.clone();
                *copy.pointer_mut(&place).unwrap() = wrong.clone();
                copies.push((format!("{place} = {wrong}"), index, copy.to_string()));
            }
            let (parent, key) = place.rsplit_once('/').unwrap();
            let key = key.replace("~1", "/").replace("~0", "~");
            let mut copy = whole.clone();
            if let Some(Value::Object(fields)) = copy.pointer_mut(parent) {
                let value = fields.remove(&key).unwrap();
                copies.push((format!("{place} is missing"), index, copy.to_string()));
                let mut renamed = whole.clone();
                let fields = renamed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                fields.remove(&key);
                fields.insert(format!("{key}_v2"), value);
                copies.push((format!("{place} is renamed"), index, renamed.to_string()));
            }
        }
    }
    copies
}

/// The places of a value and of everything in it, as JSON pointers.
pub fn collect(value: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| {
            collect(field, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
        }),
        // Beyond the second element of a list nothing else is learnt.
        Value::Array(items) => items.iter().take(2).enumerate().for_each(|(index, item)| {
            collect(item, &format!("{at}/{index}"), places);
        }),
        _ => {}
    }
}

/// The ids of the statements on a page.
fn ids(page: &Page) -> Vec<String> {
    page.items
        .iter()
        .filter_map(|item| match item {
            Item::Mention(mention) => Some(mention.external_id.clone()),
            Item::Removed(_) | Item::Broken { .. } => None,
        })
        .collect()
}

async fn drifting(kinds: &[Kind]) {
    let stores = stores().await;
    let mut complaints = Vec::new();
    for kind in kinds {
        let (kind, (whole, list)) = (*kind, fixture(*kind));
        let server = Server::start(move |request| kind.aside(request)).await;
        let config = match kind.name {
            "http_json" => http_json(&server.url, "/posts", ""),
            _ => (kind.config)(&server.url),
        };
        // The ready-made fixture of a JSON interface is not in the shape of `posts`.
        let whole =
            whole.replace("\"hits\"", "\"posts\"").replace("objectID", "id").replace("comment_text", "text");
        let whole = whole.replace("\"author\"", "\"by\"").replace("\"created_at\"", "\"at\"");
        let list = list.replace("/hits", "/posts");
        let whole = if kind.name == HTTP_JSON.name { whole } else { fixture(kind).0.to_owned() };
        let source = built(&config);
        let common = SourceCommon { name: "bron".into(), ..SourceCommon::default() };
        let serve = |page: String| {
            server.set(move |request| match kind.is_list(request) {
                true => Answer::json(page.clone()),
                false => kind.aside(request),
            });
        };
        // Every item alone: what of it is a statement, without the others.
        let parsed: Value = serde_json::from_str(&whole).unwrap();
        let count = parsed.pointer(&list).unwrap().as_array().unwrap().len();
        let mut alone = Vec::new();
        for index in 0..count {
            let mut copy = parsed.clone();
            let item = copy.pointer(&list).unwrap()[index].clone();
            *copy.pointer_mut(&list).unwrap() = json!([item]);
            serve(copy.to_string());
            alone.push(ids(&source.fetch("", start()).await.unwrap()));
        }
        let mut all = IncomingPage::default();
        for (what, index, page) in damaged(&whole, &list) {
            serve(page);
            let page = match source.fetch("", start()).await {
                Ok(page) => page,
                Err(failure) => {
                    complaints.push(format!("{} {what}: the whole page is lost: {failure}", kind.name));
                    continue;
                }
            };
            let found = ids(&page);
            let mates = alone.iter().enumerate().filter(|(other, _)| *other != index);
            for mate in mates.flat_map(|(_, ids)| ids) {
                if !found.contains(mate) && !alone[index].contains(mate) {
                    complaints.push(format!("{} {what}: {mate} is lost with it", kind.name));
                }
            }
            let page = incoming(page, &common, false, start());
            all.mentions.extend(page.mentions);
            all.removed.extend(page.removed);
            all.quarantined.extend(page.quarantined);
        }
        let mut counts = Vec::new();
        for test in &stores {
            let mut tx = test.store.begin().await.unwrap();
            match test.store.save_page(&mut tx, kind.name, &all).await {
                Ok(stored) => counts.push(stored),
                Err(error) => complaints.push(format!("{} on {}: {error:#}", kind.name, test.engine)),
            }
            tx.commit().await.unwrap();
        }
        if counts.windows(2).any(|pair| pair[0] != pair[1]) {
            complaints.push(format!("{}: the engines differ: {counts:?}", kind.name));
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f47_drift_costs_one_item_only_on_social_networks_and_feeds() {
    drifting(&[RSS, MASTODON, BLUESKY, HTTP_JSON]).await;
}

#[tokio::test]
async fn f47_drift_costs_one_item_only_on_review_sites() {
    drifting(&[APP_STORE, TRUSTPILOT, KIYOH]).await;
}

/// A new kind joins this suite, or says here why it need not.
#[test]
fn f47_every_kind_of_source_is_in_this_suite() {
    let asked = KINDS.iter().map(|kind| kind.name);
    // Pushed and recorded: nobody is asked.
    let mut names: Vec<&str> = asked.chain(["webhook", "replay"]).collect();
    let mut all = gehoord::source::KINDS.to_vec();
    names.sort_unstable();
    all.sort_unstable();
    assert_eq!(names, all);
}

#[tokio::test]
async fn f47_drift_costs_one_item_only_in_what_is_pushed() {
    let page = include_str!("../../fixtures/webhook/batch.json");
    let mut all = IncomingPage::default();
    let common = SourceCommon { name: "brug".into(), ..SourceCommon::default() };
    for (what, index, page) in damaged(page, "/mentions") {
        let items = webhook::parse(page.as_bytes()).unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let page = Page { items, ..Page::default() };
        let mate = ["enquete-77", "forum-8812"][index].to_owned();
        assert!(ids(&page).contains(&mate), "{what}");
        let page = incoming(page, &common, false, start());
        all.mentions.extend(page.mentions);
        all.quarantined.extend(page.quarantined);
    }
    for test in stores().await {
        let mut tx = test.store.begin().await.unwrap();
        test.store
            .save_page(&mut tx, "brug", &all)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:#}", test.engine));
        tx.commit().await.unwrap();
    }
}
