//! JSON from outside, made fit for a library that trusts it. Pure.

use crate::failure::Failure;
use crate::source::json::{envelope, without_lone_surrogates};

/// JSON that is nested deeper is not read: the library recurses.
const DEPTH_MAX: usize = 128;
/// A longer number is not one: reading it takes the library quadratic time.
const NUMBER_BYTES_MAX: usize = 100;

/// The same JSON without what the library cannot stand: lone surrogates, endless numbers, deep nesting.
///
/// # Errors
/// `Malformed` when it is no JSON, or nested too deep.
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
        if depth > DEPTH_MAX {
            return Err(Failure::malformed(format!("the answer is nested deeper than {DEPTH_MAX} levels")));
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
    fn depth_is_limited_outside_of_text_only() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(harmless(&nested(DEPTH_MAX)).is_ok());
        assert!(harmless(&nested(DEPTH_MAX + 1)).is_err());
        assert!(harmless(&format!("[\"{}\"]", "[".repeat(10_000))).is_ok());
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
