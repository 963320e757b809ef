//! Reading JSON from outside: a page is first split into raw items, then each item is read by itself.
//!
//! One lone surrogate, one wrong type or one absurd number in one of many items must cost that item only, never its page.

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::value::RawValue;

use super::Item;
use crate::failure::{Failure, FailureKind};
use crate::mention::{Mention, Rating};

/// The largest single item that is read.
pub const ITEM_BYTES_MAX: usize = 256 * 1024;
/// The most items that are taken from one answer.
pub const ITEMS_MAX: usize = 1000;

/// Reads the envelope of an answer, in which items are still raw (`Vec<Box<RawValue>>`).
///
/// # Errors
/// `Malformed` when it is no such JSON: a login page, a captcha, a list where an object should be.
pub fn envelope<T: DeserializeOwned>(body: &str) -> Result<T, Failure> {
    serde_json::from_str(body).map_err(|error| {
        let looks_like = if body.trim_start().starts_with('<') { "HTML" } else { "other JSON, or none" };
        Failure::malformed(format!(
            "the answer is {looks_like}, not the JSON that was asked for ({:?})",
            error.classify()
        ))
    })
}

/// Refuses an answer with more items than are taken from one: what was asked for is far less, and reading a part of it
/// would lose the rest without a word.
///
/// # Errors
/// `TooLarge`.
pub fn not_too_many(items: usize) -> Result<(), Failure> {
    match items {
        0..=ITEMS_MAX => Ok(()),
        _ => Err(Failure::new(
            FailureKind::TooLarge,
            format!("the answer holds more than {ITEMS_MAX} items, which was not asked for"),
        )),
    }
}

/// Reads every raw item by itself and turns it into a mention; what does not fit goes into quarantine.
///
/// `to_item` sees one parsed item and says what it is: a mention, a removal, or nothing of interest.
pub fn items<T: DeserializeOwned>(
    raw: Vec<Box<RawValue>>,
    mut to_item: impl FnMut(T) -> Result<Option<Item>, String>,
) -> Vec<Item> {
    raw.into_iter()
        .filter_map(|raw| match read_item(raw.get()).and_then(&mut to_item) {
            Ok(item) => item,
            Err(reason) => Some(Item::broken(raw.get().as_bytes(), reason)),
        })
        .collect()
}

/// Reads one item. A lone surrogate in it is replaced by U+FFFD, which later shows as the flag `lossy`.
///
/// # Errors
/// What does not fit, by position and expectation, without content.
pub fn read_item<T: DeserializeOwned>(raw: &str) -> Result<T, String> {
    if raw.len() > ITEM_BYTES_MAX {
        return Err(format!("larger than {ITEM_BYTES_MAX} bytes"));
    }
    let first_error = match serde_json::from_str(raw) {
        Ok(item) => return Ok(item),
        Err(error) => error,
    };
    match without_lone_surrogates(raw) {
        Some(repaired) => serde_json::from_str(&repaired).map_err(|error| reason(&error)),
        None => Err(reason(&first_error)),
    }
}

/// What is wrong with an item, by position and expectation, without its content.
///
/// Serde quotes what it found, and quoting cannot be told from a quotation that holds quotes. So only what stands before
/// and behind the finding is kept, and of messages that are nobody's we know, only the place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != serde_json::error::Category::Data
        || OUR_OWN_WORDS.iter().any(|start| text.starts_with(start))
    {
        return text;
    }
    let known = FINDINGS.iter().find(|start| text.starts_with(*start));
    match known.zip(text.rfind(", expected ")) {
        Some((start, expected)) => format!("{start} …{}", &text[expected..]),
        None => {
            let what = known.copied().unwrap_or("a value does not fit");
            format!("{what} at line {} column {}", error.line(), error.column())
        }
    }
}

/// Beginnings of messages that hold names from our own code only.
const OUR_OWN_WORDS: [&str; 4] =
    ["missing field `", "duplicate field `", "an id is text or a number", "at is no time"];
/// Beginnings of messages that go on with what was found, and end with what was expected.
const FINDINGS: [&str; 10] = [
    "invalid type: string",
    "invalid type: integer",
    "invalid type: floating point",
    "invalid type: map",
    "invalid type: sequence",
    "invalid type: null",
    "invalid type:",
    "invalid value:",
    "unknown variant",
    "unknown field",
];

/// The same JSON with every `\uD800`–`\uDFFF` escape that has no partner replaced; `None` when there is none.
pub(crate) fn without_lone_surrogates(raw: &str) -> Option<String> {
    let mut repaired = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => {
                repaired.push_str(&escape[..12]);
                rest = &escape[12..];
            }
            (Some(0xD800..=0xDFFF), _) => {
                repaired.push_str("\\uFFFD");
                changed = true;
                rest = &escape[6..];
            }
            _ => {
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                repaired.push_str(&escape[..length]);
                rest = &escape[length..];
            }
        }
    }
    repaired.push_str(rest);
    changed.then_some(repaired)
}

/// The code unit of an escape `\uXXXX` at the start of `text`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// An id from outside as text, taken from the token itself: a number beyond 2^53 keeps all its digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let token = raw.get();
        match token.as_bytes().first() {
            Some(b'"') => serde_json::from_str(token).map(Id).map_err(D::Error::custom),
            Some(b'0'..=b'9' | b'-') => Ok(Id(token.to_owned())),
            _ => Err(D::Error::custom("an id is text or a number")),
        }
    }
}

/// A count from outside: a number or a number as text; anything else, or a negative one, is unknown rather than an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        struct CountVisitor;
        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a count")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count(Some(value)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(value).ok()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
                Ok(Count((value.is_finite() && (0.0..1e15).contains(&value)).then_some(value as u64)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Count, E> {
                Ok(Count(value.trim().parse().ok()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                Ok(Count(None))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(None))
            }
            fn visit_none<E>(self) -> Result<Count, E> {
                Ok(Count(None))
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

/// A moment as sources write it: with an offset or `Z`; without one it is taken for UTC. Anything else is unknown.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

/// A mention that came in our own form from outside, as an item, if it holds what the rest relies on.
pub fn checked_mention(mention: Mention) -> Result<Option<Item>, String> {
    if mention.external_id.is_empty() || mention.author.external_id.is_empty() {
        return Err("external_id or author.external_id is empty".into());
    }
    if mention.rating.is_some_and(|rating| Rating::new(rating.value, rating.best).is_none()) {
        return Err("rating.value does not lie between 0 and rating.best".into());
    }
    self::mention(mention)
}

/// Shorthand for connectors: a mention as an item.
pub fn mention(mention: Mention) -> Result<Option<Item>, String> {
    Ok(Some(Item::Mention(Box::new(mention))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mention::Author;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Post {
        id: Id,
        text: String,
    }

    fn read(page: &str) -> Vec<Item> {
        let raw: Vec<Box<RawValue>> = envelope(page).unwrap();
        items(raw, |post: Post| mention(Mention::new(post.id.0, Author::default(), post.text)))
    }

    #[test]
    fn one_bad_item_costs_itself_only() {
        let page = r#"[{"id":"1","text":"goed"},{"id":2,"text":7},{"id":"3","text":"ook goed"}]"#;
        let items = read(page);
        assert!(matches!(items[0], Item::Mention(_)) && matches!(items[2], Item::Mention(_)));
        let Item::Broken { reason, .. } = &items[1] else { panic!("quarantined") };
        assert!(reason.contains("expected a string"), "{reason}");
    }

    #[test]
    fn a_lone_surrogate_is_replaced_and_a_pair_is_kept() {
        let items = read(r#"[{"id":"1","text":"a\ud800b \ud83d\ude00 \\ud800"}]"#);
        let Item::Mention(mention) = &items[0] else { panic!("stored") };
        assert_eq!(mention.text, "a\u{FFFD}b 😀 \\ud800");
    }

    #[test]
    fn ids_keep_every_digit() {
        let items = read(
            r#"[{"id":9007199254740993,"text":""},{"id":18446744073709551616,"text":""},{"id":"00123","text":""}]"#,
        );
        let ids: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::Mention(mention) => mention.external_id.as_str(),
                _ => "broken",
            })
            .collect();
        assert_eq!(ids, ["9007199254740993", "18446744073709551616", "00123"]);
    }

    #[test]
    fn moments_are_read_with_and_without_an_offset() {
        for (text, seen) in [
            ("2026-11-20T11:00:00+01:00", Some("2026-11-20T10:00:00Z")),
            ("2026-11-20T11:00:00+0100", Some("2026-11-20T10:00:00Z")),
            (" 2026-11-20T10:00:00.000Z ", Some("2026-11-20T10:00:00Z")),
            ("2026-11-20T10:00:00", Some("2026-11-20T10:00:00Z")),
            ("2026-11-20 10:00:00", Some("2026-11-20T10:00:00Z")),
            ("2026-11-20", Some("2026-11-20T00:00:00Z")),
            ("gisteren", None),
            ("", None),
            ("2026-13-41T10:00:00Z", None),
        ] {
            assert_eq!(moment(text), seen.map(|at| at.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_quarantine_reason_quotes_nobody() {
        let items = read(r#"[{"id":"1","text":"x","text":"y"},{"id":["Jan Jansen"],"text":"z"}]"#);
        for item in items {
            let Item::Broken { reason, .. } = item else { panic!("quarantined") };
            assert!(!reason.contains("Jansen"), "{reason}");
        }
    }

    #[test]
    fn deep_or_foreign_answers_are_errors_not_crashes() {
        assert!(envelope::<Vec<Box<RawValue>>>(&"[".repeat(100_000)).is_err());
        let failure = envelope::<Vec<Box<RawValue>>>("<html>log in</html>").unwrap_err();
        assert!(failure.message.contains("HTML"));
    }

    proptest! {
        #[test]
        fn repairing_never_panics_and_is_stable(raw in r#"(\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\|\\"|[a-é"\\]){0,20}"#) {
            if let Some(repaired) = without_lone_surrogates(&raw) {
                prop_assert_eq!(without_lone_surrogates(&repaired), None);
            }
        }
    }
}
