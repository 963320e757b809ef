//! What a parser's message means to the person who wrote the file. Pure.
//!
//! Messages of the parser quote the value that does not fit. A value that stands in the wrong place may be a secret, so the
//! sentences here name what kind of value it is and never the value itself; names of keys and choices are quoted.

/// How alike two words must be (1 is equal) before one is suggested for the other.
const ALIKE: f64 = 0.6;
/// How much of a name from the file is quoted.
const QUOTED_CHARS_MAX: usize = 40;

/// The message of a parser in our words. `beside` are keys that the section has besides those the parser knows of.
pub fn plain(message: &str, beside: &[&str]) -> String {
    let message = message.trim().lines().next().unwrap_or_default();
    let names = quoted(message);
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (name, expected) = (names.first().copied().unwrap_or(""), names.get(1..).unwrap_or_default());
        let known: Vec<&str> = expected.iter().chain(beside).copied().collect();
        if rest.ends_with("there are no fields") && known.is_empty() {
            return "unknown key; nothing can be set here".to_owned();
        }
        return format!("unknown key{}; known are {}", did_you_mean(name, &known), known.join(", "));
    }
    if message.starts_with("unknown variant ") {
        let (name, known) = (names.first().copied().unwrap_or(""), names.get(1..).unwrap_or_default());
        return format!(
            "is none of its values{}; write one of {}",
            did_you_mean(name, known),
            known.join(", ")
        );
    }
    if message.starts_with("missing field ") {
        return format!("{} is missing; give it", names.first().copied().unwrap_or("a key"));
    }
    if let Some((found, wanted)) = misfit(message) {
        return format!("is {}; write {}", found_words(found), wanted_words(wanted));
    }
    message.to_owned()
}

/// The kinds of things there are, when `name` is none of them: the end of a message.
pub fn one_of(name: &str, known: &[&str]) -> String {
    format!("{}; one of {}", did_you_mean(name, known), known.join(", "))
}

/// `, did you mean "…"?`, or nothing when no known name resembles it.
pub fn did_you_mean(name: &str, known: &[&str]) -> String {
    let likeness = |other: &str| {
        let contained = name.len() >= 4 && other.len() >= 4 && (name.contains(other) || other.contains(name));
        let alike = strsim::normalized_damerau_levenshtein(&name.to_lowercase(), other);
        if contained { alike.max(0.8) } else { alike }
    };
    known
        .iter()
        .map(|other| (likeness(other), *other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, other)| format!(", did you mean {other:?}?"))
}

/// A name from the file as it may stand in a message.
pub fn shortened(name: &str) -> String {
    match name.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

/// The names between backquotes.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// `invalid type: FOUND, expected WANTED`, taken apart at the last `, expected`, since the value may hold one too.
fn misfit(message: &str) -> Option<(&str, &str)> {
    ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|start| message.strip_prefix(start))?
        .rsplit_once(", expected ")
}

fn found_words(found: &str) -> String {
    let kind = |start: &str| found.starts_with(start);
    match () {
        () if kind("string") => "a text that does not fit".to_owned(),
        () if kind("integer") || kind("floating point") => {
            format!("the number {}", quoted(found).first().copied().unwrap_or("?"))
        }
        () if kind("boolean") => "true or false".to_owned(),
        () if kind("map") => "a section".to_owned(),
        () if kind("sequence") => "a list".to_owned(),
        () => "of another kind".to_owned(),
    }
}

fn wanted_words(wanted: &str) -> String {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more, without quotes".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number without quotes".to_owned(),
        "f32" | "f64" => "a number without quotes".to_owned(),
        "a string" | "path string" | "a borrowed string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a character" => "one character in quotes".to_owned(),
        "a sequence" => "a list, such as [\"one\", \"two\"]".to_owned(),
        "a map" => "a section, such as { name = \"value\" }".to_owned(),
        _ if wanted.starts_with("struct ") => "a section with one bracket, such as [name]".to_owned(),
        _ if wanted.starts_with("internally tagged enum") => "{ kind = \"…\" }".to_owned(),
        _ => format!("{wanted} there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parsers_words_become_ours() {
        for (message, ours) in [
            (
                "unknown field `interval_sec`, expected `urls`",
                "unknown key, did you mean \"interval_secs\"?; known are urls, interval_secs",
            ),
            (
                "unknown variant `actt`, expected `observe` or `act`",
                "is none of its values, did you mean \"act\"?; write one of observe, act",
            ),
            ("missing field `terms`", "terms is missing; give it"),
            (
                "invalid type: string \"5\", expected u64",
                "is a text that does not fit; write a whole number, 0 or more, without quotes",
            ),
            (
                "invalid value: integer `-5`, expected u32",
                "is the number -5; write a whole number, 0 or more, without quotes",
            ),
            ("the secret is empty", "the secret is empty"),
        ] {
            assert_eq!(plain(message, &["interval_secs"]), ours);
        }
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_alike() {
        assert_eq!(did_you_mean("zzz", &["urls", "interval_secs"]), "");
    }

    proptest! {
        #[test]
        fn a_value_is_never_repeated(value in "[a-z]{2}[0-9]{6}, expected [a-z]{3}[0-9]{4}") {
            let message = format!("invalid type: string {value:?}, expected a sequence");
            prop_assert!(!plain(&message, &[]).contains(&value[..8]));
        }

        #[test]
        fn any_message_can_be_explained(message in "\\PC*") {
            plain(&message, &["name"]);
        }
    }
}
