use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::mention::{Mention, MentionKind};

const RSS2: &str = include_str!("../../../../tests/fixtures/rss/rss2.xml");
const ATOM: &str = include_str!("../../../../tests/fixtures/rss/atom.xml");
const RDF: &str = include_str!("../../../../tests/fixtures/rss/rdf.xml");
const JSON: &str = include_str!("../../../../tests/fixtures/rss/feed.json");

fn try_read(body: &[u8]) -> Result<Feed, Failure> {
    let base = Url::parse("https://deklos.example/feed").unwrap();
    parse(body, None, &base, "deklos.example", "2026-11-20T10:00:00Z".parse().unwrap())
}

fn read(body: &str) -> Vec<Mention> {
    mentions(try_read(body.as_bytes()).unwrap())
}

fn mentions(feed: Feed) -> Vec<Mention> {
    let mention = |item| match item {
        Item::Mention(mention) => Some(*mention),
        Item::Removed(_) | Item::Broken { .. } => None,
    };
    feed.items.into_iter().filter_map(mention).collect()
}

#[test]
fn rss_with_everything_and_with_next_to_nothing() {
    let feed = try_read(RSS2.as_bytes()).unwrap();
    assert_eq!((feed.ttl_minutes, feed.skip_hours.as_slice()), (Some(45), [2, 3].as_slice()));
    let all = mentions(feed);
    assert_eq!(all.len(), 3);
    let full = &all[0];
    assert_eq!((full.external_id.as_str(), full.kind), ("deklos.example:klos-4711", MentionKind::Article));
    assert_eq!(full.url.as_deref(), Some("https://deklos.example/2026/11/veldnet-storing"));
    assert_eq!(full.title.as_deref(), Some("VeldNet laat klanten één week zonder internet"));
    assert_eq!(full.text, "Een hele week zonder internet.\n\nEn dan ook nog een rekening.");
    assert_eq!(full.author.display_name.as_deref(), Some("Sanne de Wit"));
    assert_eq!(full.published_at, Some("2026-11-20T06:30:00Z".parse().unwrap()));
    assert_eq!((full.edited_at, full.has_media), (None, true));
    assert_eq!(full.language_hint.as_deref(), Some("nl-nl"));
    // A bare ampersand, an absurd date and a name that the library cannot cut: each costs nothing but itself.
    let odd = &all[1];
    assert_eq!(odd.external_id, "https://deklos.example/2026/11/reactie");
    assert_eq!(odd.title.as_deref(), Some("Reactie: AT&T doet het beter"));
    assert_eq!((odd.published_at, odd.text.as_str()), (None, "Volgens Bas althans."));
    assert_eq!(odd.author.display_name.as_deref(), Some("Bas Vermeer"));
    let bare = &all[2];
    assert!(bare.external_id.starts_with("deklos.example:sha256:"), "{}", bare.external_id);
    assert_eq!((bare.published_at, bare.has_media), (None, true));
    assert!(
        bare.author.external_id.starts_with("entry:deklos.example:"),
        "a nameless entry is its own author"
    );
    assert_eq!(bare.author.display_name.as_deref(), Some("Consumentenblog De Klos"));
}

#[test]
fn atom_with_relative_links_and_three_notations() {
    let all = read(ATOM);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].external_id, "tag:forum.example,2026:wonen/18");
    assert_eq!(all[0].url.as_deref(), Some("https://forum.example/wonen/18"));
    assert_eq!(all[0].title.as_deref(), Some("Monteur alweer niet gekomen"));
    assert_eq!(all[0].text, "Derde keer thuis gewacht.");
    assert_eq!(all[0].author.display_name.as_deref(), Some("Tjeerd H."));
    assert_eq!(all[0].edited_at, Some("2026-11-20T08:00:00Z".parse().unwrap()));
    assert_eq!(all[1].title.as_deref(), Some("3 < 5 maanden wachten"));
    assert_eq!(all[1].text, "Kort: x < y.");
    assert_eq!(all[1].author.display_name.as_deref(), Some("Beheer Forum Wonen"));
    assert_eq!(all[1].published_at, Some("2026-11-18T08:00:00Z".parse().unwrap()));
}

#[test]
fn every_age_of_rss_is_read() {
    assert_eq!(read(RDF).len(), 2);
    for version in ["0.91", "0.92", "0.93", "0.94", "2.0", "2.0.1", "9"] {
        assert_eq!(
            read(&RSS2.replace("rss version=\"2.0\"", &format!("rss version='{version}'"))).len(),
            3,
            "{version}"
        );
    }
    assert_eq!(read(&RSS2.replace(" version=\"2.0\"", "")).len(), 3);
    assert_eq!(read(&RSS2.replace("<rss", "<rss xmlns=\"http://backend.userland.com/rss2\"")).len(), 3);
}

#[test]
fn json_feed_item_by_item() {
    let feed = try_read(JSON.as_bytes()).unwrap();
    let broken = feed.items.iter().filter(|item| matches!(item, Item::Broken { .. })).count();
    assert_eq!(broken, 2);
    let all = mentions(feed);
    assert_eq!(all[0].external_id, "deklos.example:9007199254740993");
    assert_eq!(all[0].text, "Al twee weken.");
    assert!(all[0].edited_at.is_some());
    assert_eq!(all[1].text, "Platte <tekst> & meer");
    assert_eq!((all[1].author.external_id.as_str(), all[1].published_at), ("Karim", None));
    assert_eq!((all[2].title.as_deref(), all[2].text.as_str()), (None, "Alleen een samenvatting"));
    assert!(all[2].has_media && all[2].author.external_id == "Redactie Klaagmuur");
}

#[test]
fn each_json_field_of_any_type_costs_at_most_its_own_item() {
    let page: Value = serde_json::from_str(JSON).unwrap();
    let fields: Vec<String> = page["items"][0].as_object().unwrap().keys().cloned().collect();
    for field in fields {
        for value in [None, Some(Value::Null), Some(json!(7)), Some(json!([[]])), Some(json!({"a": 1}))] {
            let mut page = page.clone();
            let item = page["items"][0].as_object_mut().unwrap();
            match value {
                Some(value) => item.insert(field.clone(), value),
                None => item.remove(&field),
            };
            assert!(read(&page.to_string()).len() >= 2, "{field}");
        }
    }
}

#[test]
fn a_broken_entry_costs_itself_only() {
    let broken = RSS2.replace("Volgens", "<p>Volgens <br> niet");
    let feed = try_read(broken.as_bytes()).unwrap();
    let Item::Broken { raw, reason } = &feed.items[1] else { panic!("put aside") };
    assert!(raw.starts_with(b"<item>") && reason == "it is not well-formed XML");
    let all = mentions(feed);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0], read(RSS2)[0], "read alone, an entry is what it was");
    assert_eq!(all[1], read(RSS2)[2]);
    let cut_off = &RSS2[..RSS2.find("<title>Zonder").unwrap()];
    assert_eq!(read(cut_off).len(), 2);
}

#[test]
fn encodings_other_than_utf_8_are_read() {
    let expected = read(RSS2)[0].title.clone();
    let document = RSS2.replace("&#233;", "é").replace("（", "(").replace("）", ")");
    let utf16: Vec<u8> =
        document.replace("UTF-8", "UTF-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> = document.replace("UTF-8", "iso-8859-1").chars().map(|c| c as u8).collect();
    let mut spoilt = document.clone().into_bytes();
    let at = document.find("Samenvatting").unwrap();
    spoilt[at..at + 2].copy_from_slice(&[0xC3, 0xFF]);
    for (bytes, is_utf16) in
        [([&[0xFE, 0xFF], utf16.as_slice()].concat(), true), (utf16, true), (latin, false), (spoilt, false)]
    {
        let all = mentions(try_read(&bytes).unwrap());
        assert_eq!((all.len(), &all[0].title), (3, &expected), "{is_utf16}");
    }
}

#[test]
fn what_is_no_feed_is_malformed_and_never_no_news() {
    for body in [
        "",
        " ",
        "ok",
        "<html><body>Log in</body></html>",
        "<!doctype html><p>x",
        "{\"error\":1}",
        "[]",
        "{",
        "<opml/>",
    ] {
        let failure = try_read(body.as_bytes()).unwrap_err();
        assert_eq!(failure.kind, crate::failure::FailureKind::Malformed, "{body}");
    }
    assert_eq!(read("<rss><channel><title>leeg</title></channel></rss>").len(), 0);
}

#[test]
fn entities_are_neither_expanded_nor_fetched() {
    let mut types =
        String::from("<!DOCTYPE rss [<!ENTITY a0 \"ha\"><!ENTITY file SYSTEM \"file:///etc/passwd\">");
    for n in 1..30 {
        types.push_str(&format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
    }
    types.push_str("]>");
    let body = format!(
        "{types}<rss><channel><item><title>t</title><description>x &a29; &file;</description></item></channel></rss>"
    );
    let all = read(&body);
    assert!(all[0].text.len() < 100 && !all[0].text.contains("root:"), "{}", all[0].text);
}

#[test]
fn deep_nesting_neither_overflows_nor_takes_long() {
    let deep = "<b>".repeat(200_000);
    for body in [
        format!("<rss>{deep}"),
        format!(
            "<rss><channel><item><title>t</title><description>{deep}</description></item></channel></rss>"
        ),
        format!("<feed><entry><id>1</id><content type='xhtml'>{deep}"),
    ] {
        assert!(try_read(body.as_bytes()).is_err());
    }
    let quoted = format!(
        "<rss><channel><item><title>t</title><description><![CDATA[{}]]></description></item></channel></rss>",
        "<div>x".repeat(200_000)
    );
    assert!(read(&quoted)[0].text.starts_with("x\nx"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn reading_never_panics(
        which in 0..4_usize, at in 0..3000_usize,
        junk in "\\PC{0,8}|[<>&/;!@\"'（\\[\\]]{0,8}|(</item>|<entry>|<!\\[CDATA\\[|]]>|<author>é@b.nl（|&#64;){0,3}",
        cut in 0..40_usize,
    ) {
        let document = [RSS2, ATOM, RDF, JSON][which];
        let at = document.floor_char_boundary(at.min(document.len()));
        let end = document.ceil_char_boundary((at + cut).min(document.len()));
        let _ = try_read(format!("{}{junk}{}", &document[..at], &document[end..]).as_bytes());
    }
}
