//! Single words and signs: where one ends, how it is folded, and when it is a number.

use std::borrow::Cow;

use crate::text;

/// Longer words are cut: no word of a language is longer, and a run of letters must not cost time.
const WORD_CHARACTERS_MAX: usize = 64;
/// The numbers that are names: what people dial in an emergency keeps its digits.
const EMERGENCY_NUMBERS: [&str; 3] = ["112", "911", "999"];

/// The text without characters that hide inside words or turn the reading direction.
pub(super) fn without_hidden(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if text.is_ascii() || !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !hidden(*c)).collect())
}

/// Lower case, no diacritics, no apostrophes; a possessive `'s` is dropped.
pub(super) fn fold_word(raw: &str) -> Cow<'_, str> {
    let short = match raw.char_indices().nth(WORD_CHARACTERS_MAX) {
        Some((end, _)) => &raw[..end],
        None => raw,
    };
    if short.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(short);
    }
    let mut folded = if short.is_ascii() { short.to_ascii_lowercase() } else { text::fold(short) };
    if folded.len() > 2 && folded.ends_with("'s") {
        folded.truncate(folded.len() - 2);
    }
    folded.retain(|c| c != '\'' && c != '_');
    Cow::Owned(folded)
}

/// A letter three times or more in a row becomes two.
pub(super) fn without_stretching(word: &str) -> (Cow<'_, str>, bool) {
    let bytes = word.as_bytes();
    let stretched = |w: &[u8]| w[0] == w[1] && w[1] == w[2] && w[0].is_ascii_alphabetic();
    if !bytes.windows(3).any(stretched) {
        return (Cow::Borrowed(word), false);
    }
    let mut calm = String::with_capacity(word.len());
    let mut run = 0;
    let mut before = None;
    for character in word.chars() {
        run = if before == Some(character) { run + 1 } else { 1 };
        before = Some(character);
        if run <= 2 || !character.is_ascii_alphabetic() {
            calm.push(character);
        }
    }
    (Cow::Owned(calm), true)
}

/// What a number counts as: `#` for any amount, `#th` for any place in a row, nothing for other words.
pub(super) fn number_slot(word: &str) -> Option<&'static str> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        if EMERGENCY_NUMBERS.contains(&word) {
            return None;
        }
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':'));
        return match unit {
            "" | "u" | "uur" | "min" | "h" | "hrs" | "k" | "k1" | "euro" | "mbit" | "mb" | "gb" | "am"
            | "pm" => Some("#"),
            "e" | "de" | "ste" | "th" | "st" | "nd" | "rd" => Some("#th"),
            "x" => Some("#x"),
            _ => None,
        };
    }
    match word {
        "twee" | "drie" | "vier" | "vijf" | "zes" | "zeven" | "acht" | "negen" | "tien" | "elf"
        | "twaalf" | "dertien" | "veertien" | "vijftien" | "zestien" | "zeventien" | "achttien"
        | "negentien" | "two" | "three" | "four" | "five" | "six" | "seven" | "eight" | "nine" | "ten"
        | "eleven" | "twelve" | "thirteen" | "fourteen" | "fifteen" | "sixteen" | "seventeen"
        | "eighteen" | "nineteen" | "twenty" | "thirty" | "forty" | "fifty" | "sixty" | "hundred"
        | "honderd" => Some("#"),
        "tweede" | "derde" | "vierde" | "vijfde" | "zesde" | "zevende" | "achtste" | "negende" | "tiende"
        | "second" | "third" | "fourth" | "fifth" | "sixth" | "seventh" | "eighth" | "ninth" | "tenth" => {
            Some("#th")
        }
        _ => ["twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig"]
            .iter()
            .filter_map(|tens| word.strip_suffix(tens))
            .any(|units| units.is_empty() || units.ends_with("en"))
            .then_some("#"),
    }
}

/// Pieces of a hashtag at its capitals: "VeldnetStoring" is two words, "TVStoring" too.
pub(super) fn camel_pieces(tag: &str) -> Vec<&str> {
    let characters: Vec<(usize, char)> = tag.char_indices().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for (index, (byte, character)) in characters.iter().enumerate().skip(1) {
        let before = characters[index - 1].1;
        let next_is_lower = characters.get(index + 1).is_some_and(|(_, c)| c.is_lowercase());
        if character.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower)) {
            pieces.push(&tag[start..*byte]);
            start = *byte;
        }
    }
    pieces.push(&tag[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

pub(super) fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// How long the word at the start is: letters, digits, apostrophes between letters, marks between digits.
pub(super) fn word_length(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((byte, character)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, c)| *c);
        let joins = match character {
            '\'' | '’' | '‘' | '´' | '`' => before.is_alphabetic() && next.is_alphabetic(),
            '.' | ',' | ':' => before.is_ascii_digit() && next.is_ascii_digit(),
            _ => character.is_alphanumeric() || is_mark(character),
        };
        if !joins {
            return byte;
        }
        before = character;
    }
    text.len()
}

pub(super) fn link_length(text: &str) -> Option<usize> {
    let starts = |prefix: &str| {
        text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    (starts("http://") || starts("https://") || starts("www.")).then(|| run(text, |c| !c.is_whitespace()))
}

/// The host after a word when the two are a mail address.
pub(super) fn mail_host(after: &str) -> Option<&str> {
    let host = after.strip_prefix('@')?;
    let length = run(host, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let host = host[..length].trim_end_matches(['.', '-']);
    host.contains('.').then_some(host)
}

/// Faces made of marks, as the picture they mean.
pub(super) fn emoticon(text: &str) -> Option<(&'static str, usize)> {
    let eyes = text.strip_prefix([':', ';', '='])?;
    let mouth = eyes.strip_prefix('-').unwrap_or(eyes);
    let face = match mouth.chars().next()? {
        '(' | '[' | '/' | '|' => "☹",
        ')' | ']' | 'D' => "☺",
        _ => return None,
    };
    Some((face, text.len() - mouth.len() + 1))
}

pub(super) fn is_mark(character: char) -> bool {
    unicode_normalization::char::is_combining_mark(character)
}

/// Emoji and their like; variation selectors and skin tones are left out, because they only colour the one before.
pub(super) fn is_picture(character: char) -> bool {
    matches!(character, '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
        && !matches!(character, '\u{1F3FB}'..='\u{1F3FF}')
}
