//! How a text is cut into words, for everything that compares texts: matching and the encoder. Pure.
//!
//! Both must agree on this, and a model that was trained on one cut must be used with the same: whoever changes what is
//! here trains anew (`gehoord train`).

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::text;

/// A longer word is noise (a token, a hash): only its head counts.
const WORD_LETTERS_MAX: usize = 40;

/// The text in NFKC without invisible characters, which only serve to split words.
pub fn compatible(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let visible = text.chars().filter(|character| !is_invisible(*character));
    match is_nfkc_quick(visible.clone()) {
        IsNormalized::Yes => visible.collect(),
        IsNormalized::No | IsNormalized::Maybe => visible.nfkc().collect(),
    }
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Calls `take` for every word until it returns false. Names of accounts, addresses and links hold no words.
pub fn each_word(text: &str, mut take: impl FnMut(Range<usize>) -> bool) {
    let mut start = 0;
    for chunk in text.split(char::is_whitespace) {
        let (from, until) = (start, start + chunk.len());
        start = until + text[until..].chars().next().map_or(0, char::len_utf8);
        if chunk.contains("://") || chunk.contains('@') {
            continue;
        }
        let mut at = from;
        while let Some(place) = next_word(&text[..until], at) {
            at = place.end;
            let is_tag = text[..place.start].ends_with('#');
            if is_tag && !camel_parts(text, &place).all(&mut take) {
                return;
            }
            if !take(place) {
                return;
            }
        }
    }
}

/// The next run of letters and digits from `from` on. A point or comma between digits belongs to the number.
fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text[from..].find(char::is_alphanumeric)?;
    let mut before = ' ';
    for (offset, character) in text[start..].char_indices() {
        let inside = character.is_alphanumeric()
            || is_combining_mark(character)
            || (matches!(character, '.' | ',')
                && before.is_ascii_digit()
                && text[start + offset + 1..].starts_with(|next: char| next.is_ascii_digit()));
        if !inside {
            return Some(start..start + offset);
        }
        before = character;
    }
    Some(start..text.len())
}

/// The parts of a tag such as `#NooitMeerVeldnet`; none when it is one word.
fn camel_parts(text: &str, place: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let tag = &text[place.clone()];
    let mut cuts = vec![place.start];
    let mut before = ' ';
    for (offset, character) in tag.char_indices() {
        if before.is_lowercase() && character.is_uppercase() {
            cuts.push(place.start + offset);
        }
        before = character;
    }
    cuts.push(place.end);
    let parts: Vec<_> = cuts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    (parts.len() > 1).then_some(parts).into_iter().flatten()
}

/// The word in lower case, without diacritics, numbers with a point.
pub fn folded(word: &str) -> String {
    let mut folded = if word.is_ascii() { word.to_ascii_lowercase() } else { text::fold(word) };
    if let Some((end, _)) = folded.char_indices().nth(WORD_LETTERS_MAX) {
        folded.truncate(end);
    }
    if folded.contains(',') {
        folded = folded.replace(',', ".");
    }
    folded
}

/// Spreads the bits of a number over all of it (the finaliser of MurmurHash3, a bijection).
pub fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    bits ^ (bits >> 33)
}

/// A number for a word that is the same on every machine and in every release, because models are stored by it
/// (FNV-1a, 64 bits, spread by [`mixed`]).
pub fn hashed(word: &str) -> u64 {
    mixed(word.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    }))
}
