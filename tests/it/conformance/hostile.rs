//! Hostile input, through the poller into both engines: stored or put aside, alike on both, and nothing lost.

use std::collections::BTreeMap;
use std::time::Duration;

use gehoord::source::{SourceConfig, replay};
use gehoord::store::mentions::Stored;

use super::kinds::{APP_STORE, HTTP_JSON, KINDS, KIYOH, Kind, MASTODON, Post, RSS, TRUSTPILOT, token};
use super::server::{Answer, Server};
use super::{Rig, nothing_wrong};
use crate::support::{sqlite, stores};

/// Everything that a reader of the store could see of mentions and quarantine, without our own ids.
const SEEN: &str = "SELECT m.source, m.external_id, a.external_id AS author, COALESCE(a.handle, '-') AS handle, \
    COALESCE(a.display_name, '-') AS name, COALESCE(m.url, '-') AS url, COALESCE(m.reply_to, '-') AS reply_to, \
    CAST(COALESCE(m.published_at, -1) AS TEXT) AS at, COALESCE(r.title, '-') AS title, r.text, r.flags, \
    COALESCE(r.language, '-') AS language, COALESCE(r.reference, '-') AS reference, \
    CAST(COALESCE(a.audience, -1) AS TEXT) AS audience, CAST(r.likes AS TEXT) AS likes FROM mention m \
    JOIN author a ON a.id = m.author_id JOIN mention_revision r ON r.mention_id = m.id AND r.revision = m.revision";

fn all_of(stored: &Stored) -> usize {
    stored.new + stored.edited + stored.repeated + stored.quarantined + stored.buried + stored.removed
}

/// One rig per engine, with a source of each kind and the server that it asks.
async fn rigs() -> Vec<(Rig, BTreeMap<&'static str, Server>)> {
    let mut rigs = Vec::new();
    for test in stores().await {
        let mut servers = BTreeMap::new();
        let mut sources = Vec::new();
        for kind in KINDS {
            let server = Server::start(move |request| match kind.is_list(request) {
                true => Answer::json(kind.page_of([])),
                false => kind.aside(request),
            })
            .await;
            sources.push((kind.name.to_owned(), (kind.config)(&server.url)));
            servers.insert(kind.name, server);
        }
        let rig = Rig::new(test, sources).await;
        for kind in KINDS {
            rig.poll(kind.name).await.unwrap();
        }
        rigs.push((rig, servers));
    }
    rigs
}

fn serve(server: &Server, kind: Kind, body: impl Into<Vec<u8>>) {
    let body = body.into();
    server.set(move |request| match kind.is_list(request) {
        // Further pages are empty: what counts is what this one holds.
        true if !kind.is_top(request) => Answer::json(kind.page_of([])),
        true => Answer::json(body.clone()),
        false => kind.aside(request),
    });
}

/// The engines hold the same.
async fn same_on_both(rigs: &[(Rig, BTreeMap<&'static str, Server>)]) -> Vec<String> {
    let port = regex::Regex::new(r"127\.0\.0\.1:\d+").expect("a pattern");
    let mut seen: Vec<Vec<Vec<String>>> = Vec::new();
    for (rig, _) in rigs {
        let mut rows = rig.rows(SEEN).await;
        // Each rig has servers of its own, and a relative link is resolved against them.
        rows.iter_mut()
            .flatten()
            .for_each(|column| *column = port.replace_all(column, "127.0.0.1").into_owned());
        rows.extend(rig.rows("SELECT source, raw_hash, reason FROM quarantine").await);
        rows.sort();
        seen.push(rows);
    }
    let [one, other] = &seen[..] else { return Vec::new() };
    let differences =
        one.iter().filter(|row| !other.contains(row)).chain(other.iter().filter(|row| !one.contains(row)));
    differences.take(5).map(|row| format!("only on one engine: {}", cut(&format!("{row:?}")))).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

/// Texts, as raw JSON tokens, that have broken somebody's system before.
fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", token("")),
        ("NUL", r#""a\u0000b""#.into()),
        ("only NUL", r#""\u0000""#.into()),
        ("a lone high surrogate", r#""a\ud800b""#.into()),
        ("a lone low surrogate", r#""a\udfffb""#.into()),
        ("a pair the wrong way round", r#""\ude00\ud83d""#.into()),
        ("C0 and C1 controls", r#""a\u0001\u001b[31m\u007f\u0085\u009bb""#.into()),
        ("right-to-left override", r#""a\u202egnp.exe""#.into()),
        ("line separators", r#""a\u2028b\u2029c""#.into()),
        ("byte order mark inside", r#""\ufeffa\ufeff""#.into()),
        ("noncharacters", r#""a\uffff\ufdd0\udbff\udfff""#.into()),
        ("ten thousand marks", token(&format!("a{}", "\u{301}".repeat(10_000)))),
        (
            "zalgo",
            token(&"e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}".repeat(50)),
        ),
        ("an emoji cut at the limit", token(&format!("{}😀😀", "a".repeat(64 * 1024 - 2)))),
        ("a family of emoji", token(&"👩‍👩‍👧‍👦".repeat(3000))),
        ("200 kB", token(&"klacht ".repeat(28_000))),
        ("one 200 kB word", token(&"a".repeat(200_000))),
        ("beyond an item", token(&"klacht ".repeat(60_000))),
        ("markup without end", token(&"<b><i>".repeat(20_000))),
        (
            "a script",
            token("<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;&#0;&#xd800;&#99999999;"),
        ),
        ("SQL", token("'); DROP TABLE mention; -- \\' \" ` $1 ? %s {0}")),
        ("deep", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("a number", "5".into()),
        ("a number without end", "9".repeat(150_000)),
        ("a number beyond all", "1e400".into()),
        ("minus nothing", "-0".into()),
        ("null", "null".into()),
        ("true", "true".into()),
        ("a list", "[1,2]".into()),
        ("an object", r#"{"a":{"b":[]}}"#.into()),
        ("a key twice", r#"{"a":1,"a":2}"#.into()),
    ]
}

#[tokio::test]
async fn f46_hostile_texts_are_stored_or_put_aside_alike_on_both_engines() {
    let rigs = rigs().await;
    let mut complaints = Vec::new();
    for kind in KINDS {
        for (at, (what, text)) in texts().into_iter().enumerate() {
            for place in 0..2 {
                let n = 10 + (at * 2 + place) as u64 * 10;
                let mut post = kind.post(n + 1);
                *[&mut post.text, &mut post.name][place] = text.clone();
                let page = (kind.page)(&[kind.post(n + 2), post, kind.post(n)]);
                for (rig, servers) in &rigs {
                    serve(&servers[kind.name], kind, page.clone());
                    let place = format!(
                        "{} on {}, {what} as {}",
                        kind.name,
                        rig.test.engine,
                        ["text", "name"][place]
                    );
                    match rig.poll(kind.name).await {
                        Ok(stored) if all_of(&stored) == 3 => {}
                        Ok(stored) => {
                            let state = rig.state(kind.name).await;
                            complaints.push(format!("{place}: {stored:?} {:?}", state.failure_message));
                        }
                        Err(error) => complaints.push(format!("{place}: {error:#}")),
                    }
                }
            }
        }
    }
    complaints.extend(same_on_both(&rigs).await);
    nothing_wrong(complaints);
}

/// Ids, as raw tokens; all distinct.
fn ids() -> Vec<String> {
    let long = "x".repeat(10_000);
    [
        "0",
        "-1",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551616",
        "\"00123\"",
        "\"0123\"",
        "123",
        "\"a/b\"",
        "\"a\\\"b\"",
        "\"a\\\\b\"",
        "\"a\\nb\"",
        "\"a\\rb\"",
        "\"a\\u0000b\"",
        "\"a\\u0000c\"",
        "\"Abc\"",
        "\"abc\"",
        "\"ABC\"",
        "\"\u{e9}\"",
        "\"e\\u0301\"",
        "\"%2e%2e\"",
        "\"../..\"",
        "\"'; DROP\"",
        "\"\u{ff11}\"",
        "\"a b\"",
        "\"a\\u00a0b\"",
        "\"\\u202ea\"",
        "\"https://x.example/1\"",
        "\"1e3\"",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([token(&long), token(&format!("{long}y"))])
    .collect()
}

#[tokio::test]
async fn f48_odd_ids_stay_distinct_and_keep_every_digit_in_every_source() {
    let rigs = rigs().await;
    let mut complaints = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| kind.name != "bluesky") {
        let posts: Vec<Post> =
            ids().into_iter().enumerate().map(|(n, id)| Post { id, ..kind.post(n as u64) }).rev().collect();
        let page = (kind.page)(&posts);
        for (rig, servers) in &rigs {
            serve(&servers[kind.name], kind, page.clone());
            for _ in 0..2 {
                if let Err(error) = rig.poll(kind.name).await {
                    complaints.push(format!("{} on {}: {error:#}", kind.name, rig.test.engine));
                }
            }
            let rows =
                rig.rows(&format!("SELECT external_id FROM mention WHERE source = '{}'", kind.name)).await;
            if rows.len() != posts.len() {
                complaints.push(format!(
                    "{} on {}: {} of {}",
                    kind.name,
                    rig.test.engine,
                    rows.len(),
                    posts.len()
                ));
            }
            let stored: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
            for digits in ["9007199254740993", "18446744073709551616", "00123"] {
                if !stored.iter().any(|id| id.ends_with(digits)) {
                    complaints.push(format!("{} on {}: {digits} lost digits", kind.name, rig.test.engine));
                }
            }
        }
    }
    complaints.extend(same_on_both(&rigs).await);
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f48_what_has_no_usable_id_is_put_aside_as_it_came_and_costs_no_other() {
    let rigs = rigs().await;
    let mut complaints = Vec::new();
    for kind in KINDS {
        let mut posts = vec![kind.post(1)];
        for (n, id) in ["null", "\"\"", "true", "{}", "[1]", "1e400x"].iter().take(5).enumerate() {
            posts.push(Post { id: (*id).to_owned(), ..kind.post(10 + n as u64) });
        }
        posts.push(kind.post(2));
        for (rig, servers) in &rigs {
            serve(&servers[kind.name], kind, (kind.page)(&posts));
            let outcome = rig.poll(kind.name).await;
            let stored = outcome.map(|stored| all_of(&stored)).unwrap_or(0);
            let asides = format!("SELECT raw, reason FROM quarantine WHERE source = '{}'", kind.name);
            let asides = rig.rows(&asides).await;
            // A feed's entry needs no id of its own.
            let rows = rig
                .rows(&format!("SELECT external_id FROM mention WHERE source = '{}'", kind.name))
                .await
                .len();
            // On Bluesky an address that is no post's is something else, a like for instance, and none of ours.
            let count = if kind.name == "bluesky" { 6 } else { 7 };
            if stored != count || rows + asides.len() != count {
                complaints.push(format!(
                    "{} on {}: {stored} told, {rows} stored, {asides:?}",
                    kind.name, rig.test.engine
                ));
            }
            if asides.iter().any(|row| row[0].is_empty()) {
                complaints.push(format!("{} on {}: put aside without its bytes", kind.name, rig.test.engine));
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f49_odd_times_cost_nothing_and_later_news_is_heard() {
    let times = [
        "\"0000-01-01T00:00:00Z\"",
        "\"-9999-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59Z\"",
        "\"+292277026596-01-01T00:00:00Z\"",
        "292277026596",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "-1e308",
        "1795165200",
        "1795165200000",
        "1795165200000000",
        "\"1795165200\"",
        "\"2026-11-20T09:00:00\"",
        "\"2026-11-20\"",
        "\"yesterday\"",
        "\"\"",
        "null",
        "\"2026-02-30T00:00:00Z\"",
        "\"2026-11-20T10:00:00+99:99\"",
        "\"2016-12-31T23:59:60Z\"",
        "\"2031-01-01T00:00:00Z\"",
        "{}",
        "[]",
        "true",
        "\"Fri, 20 Nov 2026 07:30:00 +0100\"",
        "\"2026-11-20T09:00:00.123456789123Z\"",
    ];
    let rigs = rigs().await;
    let mut complaints = Vec::new();
    for kind in KINDS {
        let posts: Vec<Post> = times
            .iter()
            .enumerate()
            .map(|(n, at)| Post { at: (*at).to_owned(), ..kind.post(100 + n as u64) })
            .chain([kind.post(50)])
            .collect();
        for (rig, servers) in &rigs {
            let place = format!("{} on {}", kind.name, rig.test.engine);
            serve(&servers[kind.name], kind, (kind.page)(&posts));
            match rig.poll(kind.name).await {
                Ok(stored) if all_of(&stored) == posts.len() => {}
                other => complaints.push(format!("{place}: {other:?}")),
            }
            serve(&servers[kind.name], kind, kind.page_of(200..210));
            for _ in 0..2 {
                if let Err(error) = rig.poll(kind.name).await {
                    complaints.push(format!("{place}, afterwards: {error:#}"));
                }
            }
            let news = format!("SELECT external_id FROM mention WHERE external_id = '{}'", (kind.id)(209));
            if rig.rows(&news).await.is_empty() {
                complaints.push(format!("{place}: later news is not heard"));
            }
            let absurd = rig
                .rows(&format!(
                    "SELECT m.external_id FROM mention m JOIN mention_revision r ON r.mention_id = m.id WHERE m.source = '{}' \
                     AND ((m.published_at IS NULL) <> (r.flags LIKE '%bad_time%') OR m.published_at < 631152000000 \
                     OR m.published_at > 4000000000000)",
                    kind.name
                ))
                .await;
            if !absurd.is_empty() {
                complaints.push(format!("{place}: absurd or unflagged times: {absurd:?}"));
            }
        }
    }
    complaints.extend(same_on_both(&rigs).await);
    nothing_wrong(complaints);
}

/// Whole answers that have brought parsers down. With each: whether the page can be read all the same.
fn bodies(kind: Kind) -> Vec<(&'static str, Vec<u8>, bool)> {
    let page = kind.page_of(1..=3);
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{page}").encode_utf16().flat_map(to_bytes).collect()
    };
    let many_keys: String = (0..400_000).map(|n| format!("\"k{n}\":1,")).collect();
    let with_extra = |extra: &str| match page.strip_prefix('{') {
        Some(rest) => format!("{{{extra},{rest}"),
        None => page.clone(),
    };
    let in_a_list = |item: &str, count: usize| {
        let items = format!("{}{item}", format!("{item},").repeat(count - 1));
        let empty = (kind.page)(&[]);
        let at = empty.rfind("[]").unwrap();
        format!("{}[{items}]{}", &empty[..at], &empty[at + 2..])
    };
    vec![
        ("a byte order mark", format!("\u{feff}{page}").into_bytes(), true),
        ("UTF-16 LE", utf16(u16::to_le_bytes), true),
        ("UTF-16 BE", utf16(u16::to_be_bytes), true),
        ("blanks around it", format!("\r\n\t {page} \n").into_bytes(), true),
        (
            "bytes that are no UTF-8",
            page.replace("nummer", "nu\u{1}mer").bytes().map(|b| if b == 1 { 0xff } else { b }).collect(),
            true,
        ),
        ("400,000 unknown keys", with_extra(many_keys.trim_end_matches(',')).into_bytes(), true),
        (
            "a deep unknown value",
            with_extra(&format!("\"k\":{}{}", "[".repeat(100_000), "]".repeat(100_000))).into_bytes(),
            true,
        ),
        ("a number of 7 MB", with_extra(&format!("\"k\":{}", "9".repeat(7_000_000))).into_bytes(), true),
        ("a number beyond all", with_extra("\"k\":1e400").into_bytes(), true),
        ("trailing HTML", format!("{page}<script>x</script>").into_bytes(), false),
        ("depth 100,000", "[".repeat(100_000).into_bytes(), false),
        ("objects to depth 100,000", "{\"a\":".repeat(100_000).into_bytes(), false),
        ("half a page", page.as_bytes()[..page.len() / 2].to_vec(), false),
        ("a million numbers", in_a_list("1", 1_000_000).into_bytes(), false),
        ("5,000 broken items", in_a_list("{\"x\":1}", 5000).into_bytes(), false),
        ("5,000 statements", kind.page_of(10_000..15_000).into_bytes(), false),
        ("single quotes", page.replace('"', "'").into_bytes(), false),
        ("a bare NaN", b"NaN".to_vec(), false),
        ("NULs", vec![0; 100_000], false),
        ("noise", (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), false),
    ]
}

#[tokio::test]
async fn f45_answers_that_bring_parsers_down_are_read_or_refused_aloud() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        for (what, body, is_readable) in bodies(kind) {
            // The largest are read by the same code in most kinds.
            let has_own_reader = [RSS.name, MASTODON.name, HTTP_JSON.name].contains(&kind.name);
            if body.len() > 1_000_000 && !has_own_reader {
                continue;
            }
            let server = Server::start(move |_| Answer::new(500)).await;
            let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
            serve(&server, kind, body);
            let began = tokio::time::Instant::now();
            let stored = match rig.poll("bron").await {
                Ok(stored) => stored,
                Err(error) => {
                    complaints.push(format!("{}: {what}: {error:#}", kind.name));
                    continue;
                }
            };
            let state = rig.state("bron").await;
            let is_told = state.failures > 0 || !rig.gaps("bron").await.is_empty();
            if is_readable && stored.new != 3 {
                complaints.push(format!("{}: {what}: {stored:?} {:?}", kind.name, state.failure_message));
            }
            if !is_readable && !is_told && stored.new + stored.quarantined < 5000 {
                complaints.push(format!("{}: {what}: lost silently: {stored:?}", kind.name));
            }
            let took = began.elapsed();
            if took > Duration::from_secs(20) {
                complaints.push(format!("{}: {what}: {took:?}", kind.name));
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f45_a_key_twice_costs_one_item_at_most() {
    for kind in KINDS {
        let good = kind.page_of(1..=3);
        // The text of the second statement stands there twice.
        let text = kind.post(2).text;
        let name = good[..good.find(&text).unwrap()].rsplit('"').nth(1).unwrap().to_owned();
        let page = good.replace(&text, &format!("{text},\"{name}\":{text}"));
        let server = Server::start(move |_| Answer::new(500)).await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        serve(&server, kind, page);
        let stored = rig.poll("bron").await.unwrap();
        assert_eq!((stored.new >= 2, all_of(&stored)), (true, 3), "{}: {stored:?}", kind.name);
    }
}

#[tokio::test]
async fn f50_markup_bombs_unfold_nothing_and_open_nothing() {
    let trap = Server::start(|_| Answer::new(200).body("geheim")).await;
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let item = "<item><guid>urn:x:1</guid><title>TITEL</title><description>d</description></item>";
    let feed = |head: &str, title: &str| {
        format!(
            "<?xml version='1.0'?>{head}<rss version='2.0'><channel><title>t</title>{}</channel></rss>",
            item.replace("TITEL", title)
        )
    };
    let namespaces: String = (0..20_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let attributes: String = (0..50_000).map(|n| format!(" a{n}='x'")).collect();
    let cases = [
        ("laughs", feed(&format!("<!DOCTYPE r [<!ENTITY l0 \"ha\">{laughs}]>"), "&l9;")),
        ("a file", feed("<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", "&x;")),
        ("an address", feed(&format!("<!DOCTYPE r [<!ENTITY x SYSTEM '{}'>]>", trap.url), "&x;")),
        ("an external DTD", feed(&format!("<!DOCTYPE r SYSTEM '{}/x.dtd'>", trap.url), "x")),
        ("a parameter entity", feed(&format!("<!DOCTYPE r [<!ENTITY % p SYSTEM '{}'> %p;]>", trap.url), "x")),
        ("a style sheet", feed(&format!("<?xml-stylesheet href='{}'?>", trap.url), "x")),
        (
            "an inclusion",
            feed(
                "",
                &format!("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{}'/>", trap.url),
            ),
        ),
        ("depth", feed("", &"<b>".repeat(200_000))),
        ("CDATA in CDATA", feed("", "<![CDATA[<![CDATA[x]]]]><![CDATA[>]]>")),
        ("CDATA without end", feed("", "<![CDATA[")),
        ("a comment without end", feed("", "<!--")),
        ("a declaration without end", feed("<!DOCTYPE r [", "x")),
        ("namespaces", feed("", "x").replace("<rss", &format!("<rss{namespaces}"))),
        ("attributes", feed("", "x").replace("<item>", &format!("<item{attributes}>"))),
        ("markup in a title", feed("", "&lt;script&gt;alert(1)&lt;/script&gt;<b onclick='x'>vet</b>")),
        ("a name of 1 MB", feed("", &format!("<{0}>x</{0}>", "n".repeat(1_000_000)))),
        ("7 MB of entities", feed("", &"&amp;".repeat(1_400_000))),
        ("2 MB of angles", feed("", &"<".repeat(2_000_000))),
        ("7 MB of open quotes", feed("", &"<a b=\"".repeat(1_100_000))),
        ("NUL and controls", feed("", "a\u{0}b\u{1}c&#0;&#x1F;")),
        ("UTF-7", feed("", "x").replace("<?xml version='1.0'?>", "<?xml version='1.0' encoding='UTF-7'?>")),
    ];
    let mut complaints = Vec::new();
    for (what, body) in cases {
        let body = body.into_bytes();
        for test in stores().await {
            let page = body.clone();
            let server = Server::start(move |_| Answer::new(200).body(page.clone())).await;
            let rig = Rig::new(test, vec![("bron".into(), (RSS.config)(&server.url))]).await;
            let began = tokio::time::Instant::now();
            let outcome = rig.poll("bron").await;
            let took = began.elapsed();
            let state = rig.state("bron").await;
            match outcome {
                Ok(stored) if all_of(&stored) > 0 || state.failures > 0 => {}
                other => complaints.push(format!("{what} on {}: {other:?}", rig.test.engine)),
            }
            if took > Duration::from_secs(20) {
                complaints.push(format!("{what}: {took:?}"));
            }
            for row in rig.rows("SELECT COALESCE(title, ''), text FROM mention_revision").await {
                if row.iter().any(|text| {
                    text.contains("root:")
                        || text.contains("hahaha")
                        || text.contains("geheim")
                        || text.len() > 70_000
                }) {
                    complaints.push(format!("{what}: unfolded: {}", cut(&format!("{row:?}"))));
                }
            }
        }
    }
    assert_eq!(trap.connections(), 0);
    nothing_wrong(complaints);
}

/// Every text field of a mention in our own form with every hostile text, and a removal of everything afterwards.
#[tokio::test]
async fn f46_every_field_takes_every_hostile_text_on_both_engines_and_can_be_removed() {
    let fields = [
        "external_id",
        "url",
        "title",
        "text",
        "language_hint",
        "reply_to",
        "reference",
        "author",
        "handle",
        "name",
    ];
    let mut lines = String::new();
    let mut removals = String::new();
    let mut count = 0;
    let mut hostile = texts();
    hostile.extend([
        ("a link with NUL", r#""https://x.example/\u0000""#.into()),
        ("a link with a line break", r#""https://x.example/a\nb""#.into()),
        ("a link with blanks", r#"" https://x.example/ ""#.into()),
        ("a link with a lone surrogate", r#""https://x.example/\ud800""#.into()),
        ("a long link", token(&format!("https://x.example/{}", "a".repeat(5000)))),
    ]);
    for (what, text) in hostile.iter().filter(|(what, _)| *what != "deep") {
        for field in fields {
            count += 1;
            let text_of = |name: &str, usual: &str| if field == name { text.clone() } else { token(usual) };
            let id = match (field, text.strip_suffix('"')) {
                ("external_id", Some(open)) => format!("{open}-{count}\""),
                ("external_id", None) => text.clone(),
                _ => token(&format!("{what}-{field}")),
            };
            lines.push_str(&format!(
                "{{\"external_id\":{id},\"url\":{},\"title\":{},\"text\":{},\"language_hint\":{},\"reply_to\":{},\"reference\":{},\
                 \"author\":{{\"external_id\":{},\"handle\":{},\"display_name\":{},\"audience\":18446744073709551615}},\
                 \"engagement\":{{\"likes\":18446744073709551615,\"shares\":0,\"replies\":0}}}}\n",
                text_of("url", "https://x.example/1"), text_of("title", "t"), text_of("text", "x"),
                text_of("language_hint", "nl"), text_of("reply_to", "1"), text_of("reference", "r"),
                text_of("author", "7"), text_of("handle", "w"), text_of("name", "W"),
            ));
            removals.push_str(&format!("{{\"removed\":{id}}}\n"));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opname.jsonl");
    std::fs::write(&path, &lines).unwrap();
    let mut complaints = Vec::new();
    let mut rigs = Vec::new();
    for test in stores().await {
        let config = SourceConfig::Replay(replay::Config { path: path.clone(), ..replay::Config::default() });
        rigs.push((Rig::new(test, vec![("opname".into(), config)]).await, BTreeMap::new()));
    }
    for (rig, _) in &rigs {
        match rig.poll("opname").await {
            Ok(stored) if all_of(&stored) == count => {}
            other => complaints.push(format!("{}: {count} lines: {other:?}", rig.test.engine)),
        }
        let odd = rig.rows("SELECT url FROM mention WHERE url LIKE '% %' OR url LIKE '%\n%'").await;
        if !odd.is_empty() {
            complaints.push(format!("{}: links that do not open: {odd:?}", rig.test.engine));
        }
        let wrapped = rig.rows("SELECT external_id FROM author WHERE audience < 0").await;
        if !wrapped.is_empty() {
            complaints.push(format!("{}: an audience below nothing", rig.test.engine));
        }
    }
    complaints.extend(same_on_both(&rigs).await);
    std::fs::write(&path, format!("{lines}{removals}")).unwrap();
    for (rig, _) in &rigs {
        if let Err(error) = rig.poll("opname").await {
            complaints.push(format!("{}: removing: {error:#}", rig.test.engine));
        }
        let left = rig.rows("SELECT external_id FROM mention WHERE removed_at IS NULL").await;
        if !left.is_empty() {
            let left: Vec<String> = left.iter().map(|row| cut(&row[0])).collect();
            complaints.push(format!("{}: not removed: {left:?}", rig.test.engine));
        }
    }
    nothing_wrong(complaints);
}

/// The same statement is prepared once for a row without a rating and used again for one with it.
#[tokio::test]
async fn f46_a_rating_after_none_is_stored_alike_on_both_engines() {
    let rigs = rigs().await;
    for (rig, servers) in &rigs {
        for (kind, ratings) in [(MASTODON, "-/-"), (KIYOH, "3/10"), (MASTODON, "-/-"), (TRUSTPILOT, "1/5")] {
            serve(&servers[kind.name], kind, kind.page_of(1..=1));
            rig.poll(kind.name).await.unwrap();
            let rows = rig
                .rows(&format!(
                    "SELECT COALESCE(CAST(CAST(rating AS INTEGER) AS TEXT), '-') AS rating, \
                     COALESCE(CAST(CAST(rating_best AS INTEGER) AS TEXT), '-') AS best FROM mention_revision r \
                     JOIN mention m ON m.id = r.mention_id WHERE m.source = '{}'",
                    kind.name
                ))
                .await;
            assert_eq!(rows[0].join("/"), ratings, "{} on {}", kind.name, rig.test.engine);
        }
    }
    assert_eq!(same_on_both(&rigs).await, Vec::<String>::new());
}

#[tokio::test]
async fn f51_fifty_edits_are_fifty_revisions_and_no_second_mention() {
    let rigs = rigs().await;
    for kind in [RSS, MASTODON, APP_STORE, TRUSTPILOT, HTTP_JSON] {
        for (rig, servers) in &rigs {
            for edit in 1..=50 {
                let post = Post { text: token(&format!("versie {edit}")), ..kind.post(1) };
                serve(&servers[kind.name], kind, (kind.page)(&[post]));
                rig.poll(kind.name).await.unwrap();
            }
            let rows = rig
                .rows(&format!("SELECT CAST(revision AS TEXT) FROM mention WHERE source = '{}'", kind.name))
                .await;
            assert_eq!(rows, [["50"]], "{} on {}", kind.name, rig.test.engine);
        }
    }
}

#[tokio::test]
async fn f51_what_was_removed_does_not_come_back_from_a_stale_cache() {
    for test in stores().await {
        let removal =
            r#"[{"reviewId":"ID","updatedSince":"2026-11-20T10:00:00Z"}]"#.replace("ID", &(KIYOH.id)(2));
        let server = Server::start(|request| match KIYOH.is_list(request) {
            true => Answer::json(KIYOH.page_of(1..=3)),
            false => KIYOH.aside(request),
        })
        .await;
        let rig = Rig::new(test, vec![("bron".into(), (KIYOH.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
        server.set(move |request| match KIYOH.is_list(request) {
            true => Answer::json(KIYOH.page_of([])),
            false => Answer::json(removal.clone()),
        });
        rig.poll("bron").await.unwrap();
        // The cache still has it, and once more in another version.
        for text in ["kanariegele klacht nummer 2", "anders"] {
            let stale = Post { text: token(text), at: "\"2026-11-20T10:30:00Z\"".into(), ..KIYOH.post(2) };
            let page = (KIYOH.page)(&[KIYOH.post(1), stale, KIYOH.post(3)]);
            server.set(move |request| match KIYOH.is_list(request) {
                true => Answer::json(page.clone()),
                false => Answer::json("[]"),
            });
            rig.poll("bron").await.unwrap();
        }
        let words =
            rig.rows("SELECT r.text FROM mention m JOIN mention_revision r ON r.mention_id = m.id").await;
        let words: Vec<&str> =
            words.iter().map(|row| row[0].as_str()).filter(|text| !text.is_empty()).collect();
        assert_eq!(words.len(), 2, "{}: {words:?}", rig.test.engine);
        assert!(words.iter().all(|text| !text.ends_with('2') && *text != "anders"), "{words:?}");
    }
}
