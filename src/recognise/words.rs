//! Cutting a written name into words: without emoji, titles and what people hang on their names.

use unicode_normalization::UnicodeNormalization;

use super::lists::{NOT_A_PERSON, PARTICLES, TITLES};
use crate::text;

/// Longer names are cut here, in characters.
const CHARACTERS_MAX: usize = 120;
/// Further words are left out.
pub(super) const WORDS_MAX: usize = 12;

/// One word as written.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Folded.
    pub text: String,
    /// A full stop follows.
    pub is_dotted: bool,
    /// A hyphen stands before it.
    pub is_joined: bool,
    /// Starts with a capital.
    pub is_capital: bool,
    /// All capitals, while the rest of the name is not.
    pub is_acronym: bool,
}

/// The words before and after the comma, if there is one. `None` when no single person can be meant: digits among the
/// letters, a word as "klant".
pub(super) fn of_name(raw: &str) -> Option<(Vec<Word>, Vec<Word>)> {
    let raw = undecorated(raw);
    let (before, after) = match raw.split_once(',') {
        Some((before, after)) => (words(before), words(after)),
        None => (words(&raw), Vec::new()),
    };
    let is_name = !before.iter().chain(&after).any(|word| is_impossible(&word.text));
    is_name.then(|| (without_titles(before), without_titles(after)))
}

/// The first piece with letters, without what people hang on their names: "✨ Aimée ✨ | fotograaf" is "Aimée".
fn undecorated(raw: &str) -> String {
    let plain: String = raw.chars().filter(|c| !is_invisible(*c)).take(CHARACTERS_MAX).nfc().collect();
    plain
        .replace(" - ", "|")
        .replace(" – ", "|")
        .replace(" / ", "|")
        .split(['|', '•', '·', '(', '~', '[', '\n', '@', ':'])
        .find(|piece| piece.chars().any(char::is_alphabetic))
        .unwrap_or_default()
        .to_owned()
}

fn is_invisible(character: char) -> bool {
    text::has_deceptive_characters(character.encode_utf8(&mut [0; 4]))
        || matches!(character, '\u{FE00}'..='\u{FE0F}')
}

fn words(raw: &str) -> Vec<Word> {
    let is_shouted = !raw.chars().any(char::is_lowercase);
    let mut words = Vec::new();
    let mut joined = false;
    let mut written = String::new();
    for character in raw.chars().chain([' ']) {
        match character {
            _ if character.is_alphanumeric() => written.push(character),
            '\'' | '’' | '‘' | '`' | '´' => {
                // "van't Hek" is two words, "O'Brien" and "D'Angelo" are one.
                if PARTICLES.contains(&text::fold(&written).as_str()) && written.chars().count() > 1 {
                    push_word(&mut words, &mut written, &mut joined, false, is_shouted);
                }
            }
            // A combining mark that has no composed letter stays with its letter.
            _ if unicode_normalization::char::is_combining_mark(character) => written.push(character),
            _ => {
                push_word(&mut words, &mut written, &mut joined, character == '.', is_shouted);
                joined = joined || character == '-' && !words.is_empty();
            }
        }
    }
    words.truncate(WORDS_MAX);
    words
}

fn push_word(
    words: &mut Vec<Word>,
    written: &mut String,
    joined: &mut bool,
    is_dotted: bool,
    is_shouted: bool,
) {
    let folded = text::fold(written);
    if folded.is_empty() {
        return;
    }
    let count = written.chars().count();
    words.push(Word {
        is_dotted,
        is_joined: std::mem::take(joined),
        is_capital: written.chars().next().is_some_and(char::is_uppercase),
        is_acronym: !is_shouted && (2..=3).contains(&count) && written.chars().all(char::is_uppercase),
        text: folded,
    });
    written.clear();
}

fn is_impossible(word: &str) -> bool {
    let has_digit = word.chars().any(char::is_numeric);
    has_digit && word.chars().any(char::is_alphabetic) || NOT_A_PERSON.contains(&word)
}

fn without_titles(words: Vec<Word>) -> Vec<Word> {
    words
        .into_iter()
        .filter(|word| !TITLES.contains(&word.text.as_str()) && !word.text.chars().all(char::is_numeric))
        .collect()
}
