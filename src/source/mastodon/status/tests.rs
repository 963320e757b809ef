use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TIMELINE: &str = include_str!("../../../../tests/fixtures/mastodon/timeline.json");
const NOTIFICATIONS: &str = include_str!("../../../../tests/fixtures/mastodon/notifications.json");

fn read(body: &str, list: ListOf) -> Parsed {
    parse(body, None, list, "sociaal.example").unwrap()
}

fn mentions(parsed: &Parsed) -> Vec<&Mention> {
    parsed
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mention(mention) => Some(mention.as_ref()),
            Item::Removed(_) | Item::Broken { .. } => None,
        })
        .collect()
}

#[test]
fn a_status_becomes_a_mention_with_everything_it_tells() {
    let parsed = read(TIMELINE, ListOf::Statuses);
    let all = mentions(&parsed);
    let original = all[4];
    assert_eq!(original.external_id, "115580000000000005");
    assert_eq!(
        original.text,
        "Al drie dagen storing bij @veldnet & niemand belt terug. #veldnet\n\nTicket VN-20481."
    );
    assert_eq!(original.author.handle.as_deref(), Some("joost@sociaal.example"));
    assert_eq!(original.author.audience, Some(1280));
    assert_eq!(original.url.as_deref(), Some("https://sociaal.example/@x/115580000000000005"));
    assert_eq!(original.language_hint.as_deref(), Some("nl"));
    assert_eq!(original.published_at, Some("2026-11-20T08:15:30.123Z".parse().unwrap()));
    assert_eq!(original.engagement, Engagement { likes: 5, shares: 4, replies: 2 });
    let reply = all[1];
    assert_eq!(reply.reply_to.as_deref(), Some("115580000000000005"));
    assert_eq!(reply.author.handle.as_deref(), Some("mira@elders.example"));
    assert_eq!((reply.author.audience, reply.has_media), (None, true));
    assert_eq!(reply.url.as_deref(), Some("https://elders.example/users/mira/statuses/8"));
    assert!(reply.edited_at.is_some());
}

#[test]
fn a_boost_is_the_statement_of_whom_it_repeats() {
    let parsed = read(TIMELINE, ListOf::Statuses);
    assert_eq!(mentions(&parsed)[0], mentions(&parsed)[4]);
    assert_eq!(parsed.newest.as_deref(), Some("115580000000000009"), "the place on the page is the boost's");
}

#[test]
fn a_content_warning_is_part_of_what_was_said() {
    let parsed = read(TIMELINE, ListOf::Statuses);
    assert_eq!(mentions(&parsed)[2].text, "Boos over mijn factuur\n\nDe rekening klopt weer niet.");
    assert_eq!(mentions(&parsed)[3].text, "Alleen een waarschuwing");
}

#[test]
fn of_notifications_only_mentions_count_and_a_direct_one_is_a_message() {
    let parsed = read(NOTIFICATIONS, ListOf::Notifications);
    let all = mentions(&parsed);
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].kind, all[1].kind), (MentionKind::Message, MentionKind::Post));
    assert_eq!(all[1].external_id, "115580000000000010");
    assert_eq!((parsed.newest.as_deref(), parsed.oldest.as_deref()), (Some("34"), Some("31")));
}

#[test]
fn ids_are_ordered_by_length_and_then_by_bytes() {
    let mut ids = ["100", "99", "9", "AbC", "9007199254740993", "9007199254740992"];
    ids.sort_by(|a, b| by_age(a, b));
    assert_eq!(ids, ["9", "99", "100", "AbC", "9007199254740992", "9007199254740993"]);
}

#[test]
fn an_absurd_id_costs_its_own_status_and_never_lifts_the_mark() {
    let mut page: Value = serde_json::from_str(TIMELINE).unwrap();
    let sound = read(&page.to_string(), ListOf::Statuses);
    for (odd, is_broken) in [
        ("9".repeat(21), true),
        ("9".repeat(64), true),
        ("9".repeat(20), false),
        ("9".repeat(19), false),
        ("z".repeat(33), false),
        ("1/../2".into(), false),
    ] {
        page[1]["id"] = json!(odd);
        let parsed = read(&page.to_string(), ListOf::Statuses);
        assert_eq!((&parsed.newest, parsed.entries), (&sound.newest, sound.entries), "{odd}");
        assert_eq!(matches!(&parsed.items[1], Item::Broken { .. }), is_broken, "{odd}");
        assert_eq!(mentions(&parsed).len() + usize::from(is_broken), mentions(&sound).len(), "{odd}");
    }
    let link = format!("<https://a.example/?min_id={}>; rel=\"prev\"", "9".repeat(40));
    assert_eq!(parse("[{}]", Some(&link), ListOf::Statuses, "a.example").unwrap().newest, None);
    for fit in ["1", "9223372036854775807", "01JD8ZC3Q6Y1T6G7N8P9RSTVWX", "AbCdEf0123456789xyz"] {
        assert!(is_id(fit), "{fit}");
    }
}

#[test]
fn the_link_header_counts_beside_the_ids() {
    let link = "<https://a.example/api?max_id=3>; rel=\"next\", <https://a.example/api?min_id=77&x=../..>; rel=\"prev\"";
    let parsed = parse("[{}]", Some(link), ListOf::Statuses, "a.example").unwrap();
    assert_eq!((parsed.newest.as_deref(), parsed.oldest.as_deref()), (Some("77"), Some("3")));
    let hostile = "<https://a.example/?min_id=..%2F..>, <, <https://a.example/?max_id=>; x, <<>>";
    assert_eq!(parse("[{}]", Some(hostile), ListOf::Statuses, "a.example").unwrap().newest, None);
}

#[test]
fn each_field_missing_null_or_of_another_type_costs_at_most_its_own_status() {
    let page: Value = serde_json::from_str(TIMELINE).unwrap();
    let fields: Vec<String> = page[4].as_object().unwrap().keys().cloned().collect();
    let accounts: Vec<String> = page[4]["account"].as_object().unwrap().keys().cloned().collect();
    let places = fields
        .into_iter()
        .map(|f| format!("/4/{f}"))
        .chain(accounts.into_iter().map(|f| format!("/4/account/{f}")));
    for place in places {
        for value in [
            None,
            Some(Value::Null),
            Some(json!(7)),
            Some(json!("x")),
            Some(json!([])),
            Some(json!({"a": []})),
        ] {
            let mut page = page.clone();
            let (parent, field) = place.rsplit_once('/').unwrap();
            let parent = page.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => parent.insert(field.to_owned(), value),
                None => parent.remove(field),
            };
            let parsed = read(&page.to_string(), ListOf::Statuses);
            assert_eq!(parsed.entries, 5, "{place}");
            assert!(mentions(&parsed).len() >= 4, "{place}");
        }
    }
}

#[test]
fn a_lone_surrogate_costs_one_character() {
    let body = TIMELINE.replace("Al drie dagen", "Al \\ud83d drie dagen");
    let parsed = read(&body, ListOf::Statuses);
    assert!(mentions(&parsed)[4].text.starts_with("Al \u{FFFD} drie dagen"));
}

#[test]
fn what_is_no_list_is_malformed() {
    for body in ["", "{\"error\":\"x\"}", "<html>", "null", "[", "[1,2"] {
        assert!(parse(body, None, ListOf::Statuses, "a.example").is_err(), "{body}");
    }
    let deep = format!("[{}", "{\"reblog\":".repeat(100_000));
    assert!(parse(&deep, None, ListOf::Statuses, "a.example").is_err());
}

proptest! {
    #[test]
    fn reading_never_panics(at in 0..TIMELINE.len(), junk in "\\PC{0,8}|[\\[\\]{}\",:0-9\\\\u]{0,8}", cut in any::<bool>()) {
        let at = TIMELINE.floor_char_boundary(at);
        let rest = if cut { "" } else { &TIMELINE[at..] };
        let body = format!("{}{junk}{rest}", &TIMELINE[..at]);
        let _ = parse(&body, Some(&junk), ListOf::Statuses, "a.example");
        let _ = parse(&body, None, ListOf::Notifications, "a.example");
    }
}
