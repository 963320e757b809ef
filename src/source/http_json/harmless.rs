//! JSON from outside, made fit for a library that trusts it. Pure.

use crate::failure::Failure;
use crate::source::json::{envelope, without_lone_surrogates};

/// What is nested deeper is not read: the library recurses.
const DEPTH_MAX: usize = 128;
/// A longer number is not one: reading it takes the library quadratic time.
const NUMBER_BYTES_MAX: usize = 100;

/// The same JSON without what the library cannot stand: lone surrogates, endless numbers, deep nesting. Numbers and values
/// that are left out become null, so that an item without them is still read, or fails by itself.
///
/// # Errors
/// `Malformed` when it is no JSON.
pub(super) fn harmless(body: &str) -> Result<String, Failure> {
    let body = body.trim_start_matches('\u{FEFF}');
    envelope::<serde::de::IgnoredAny>(body)?;
    let body = without_lone_surrogates(body).unwrap_or_else(|| body.to_owned());
    let bytes = body.as_bytes();
    let (mut depth, mut at, mut copied) = (0usize, 0, 0);
    let mut shortened = String::new();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' if depth == DEPTH_MAX => {
                let end = end_of_nest(bytes, at);
                shortened.push_str(&body[copied..at]);
                shortened.push_str("null");
                copied = end;
                at = end - 1;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                if end - at > NUMBER_BYTES_MAX {
                    shortened.push_str(&body[copied..at]);
                    shortened.push_str("null");
                    copied = end;
                }
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Ok(body);
    }
    shortened.push_str(&body[copied..]);
    Ok(shortened)
}

/// The place of the quote that ends the string beginning at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// The place behind the bracket that closes the one at `start`.
fn end_of_nest(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0usize, start);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 1 => return at + 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    start + bytes[start..].iter().take_while(|byte| is_part(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_hurts_is_replaced() {
        let long = "9".repeat(NUMBER_BYTES_MAX + 1);
        for (body, becomes) in [
            (r#"{"a":[1,-2.5e3,"[[\"]}"]}"#.to_owned(), None),
            (format!("[{long},-{long},1]"), Some("[null,null,1]")),
            (format!("[\"{long}\"]"), None),
            (r#"["\ud800","\ud83d\ude00"]"#.to_owned(), Some(r#"["\uFFFD","\ud83d\ude00"]"#)),
            ("\u{FEFF}[1]".to_owned(), Some("[1]")),
        ] {
            assert_eq!(harmless(&body).ok().as_deref(), Some(becomes.unwrap_or(&body)), "{body}");
        }
    }

    #[test]
    fn what_is_too_deep_is_left_out_and_its_neighbours_stay() {
        let nested = |depth: usize, core: &str| format!("{}{core}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(harmless(&nested(DEPTH_MAX, "")).unwrap(), nested(DEPTH_MAX, ""));
        for deep in ["{\"a\":[\"]}\"]}".to_owned(), nested(100_000, "1")] {
            let body = nested(DEPTH_MAX, &format!("{deep},7"));
            assert_eq!(harmless(&body).unwrap(), nested(DEPTH_MAX, "null,7"));
        }
        let words = format!("[\"{}\"]", "[".repeat(10_000));
        assert_eq!(harmless(&words).unwrap(), words);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_still_json(body in "\\PC{0,40}|[\\[\\]{}\",:0-9ntrueal\\\\.e+-]{0,60}") {
            if let Ok(body) = harmless(&body) {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok());
            }
        }
    }
}
