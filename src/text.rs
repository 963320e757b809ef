//! What may stand in a text from outside: one normaliser for every source, and the folding that comparisons use.
//!
//! PostgreSQL refuses NUL in `text`, SQLite takes it; a lone surrogate breaks a whole page of JSON. So text is made
//! harmless once, before it is stored, and identically for both engines; that it was changed is flagged, not hidden.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// The most bytes of text that are kept of one mention; more is cut at a character and flagged.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of a name, handle or title that are kept.
pub const NAME_BYTES_MAX: usize = 512;
/// More combining marks than this on one letter are decoration, not language.
const COMBINING_RUN_MAX: usize = 8;

/// A text that is safe to store on both engines, and what had to be done to make it so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanText {
    /// The text: no NUL, no control characters except tab and newline, line ends as `\n`.
    pub text: String,
    /// Something was replaced or removed.
    pub lossy: bool,
    /// The end is missing.
    pub truncated: bool,
}

/// Makes a body of text harmless: see [`CleanText`]. Normalising twice changes nothing more.
pub fn clean(raw: &str) -> CleanText {
    clean_to(raw, TEXT_BYTES_MAX)
}

/// Makes a name or title harmless and puts it on one line: nobody's display name may carry a line break into a header.
pub fn clean_name(raw: &str) -> String {
    let cleaned = clean_to(raw, NAME_BYTES_MAX).text;
    let mut words = String::with_capacity(cleaned.len());
    for word in cleaned.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

fn clean_to(raw: &str, bytes_max: usize) -> CleanText {
    let mut text = String::with_capacity(raw.len().min(bytes_max));
    let mut lossy = false;
    let mut combining = 0;
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        let kept = match character {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    continue;
                }
                '\n'
            }
            '\n' | '\t' => character,
            '\u{2028}' | '\u{2029}' => '\n',
            '\0' => {
                lossy = true;
                '\u{FFFD}'
            }
            _ if character.is_control() || character == '\u{FEFF}' => {
                lossy = true;
                continue;
            }
            '\u{FFFD}' => {
                lossy = true;
                character
            }
            _ => character,
        };
        combining = if is_combining_mark(kept) { combining + 1 } else { 0 };
        if combining > COMBINING_RUN_MAX {
            lossy = true;
            continue;
        }
        if text.len() + kept.len_utf8() > bytes_max {
            return CleanText { text, lossy, truncated: true };
        }
        text.push(kept);
    }
    CleanText { text, lossy, truncated: false }
}

/// True when the text holds characters that change the reading direction or hide: shown isolated and with a flag. The
/// joiner between two emoji, which makes one picture of them, hides nothing.
pub fn has_deceptive_characters(text: &str) -> bool {
    let is_deceptive = |c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}'..='\u{200F}' | '\u{2060}');
    text.char_indices().any(|(at, c)| is_deceptive(c) && !(c == JOINER && joins_emoji(text, at)))
}

/// U+200D ZERO WIDTH JOINER.
const JOINER: char = '\u{200D}';

/// Whether the joiner at `at` stands between two emoji. Before it a skin tone or the sign for "as a picture" may follow
/// the emoji itself.
fn joins_emoji(text: &str, at: usize) -> bool {
    let dress = |c: &char| matches!(c, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}');
    let before = text[..at].chars().rev().find(|c| !dress(c));
    let after = text[at + JOINER.len_utf8()..].chars().next();
    before.is_some_and(is_emoji) && after.is_some_and(is_emoji)
}

/// The blocks of pictures. Letters, digits and invisible characters are in none of them.
fn is_emoji(character: char) -> bool {
    matches!(character, '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{2600}'..='\u{27BF}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Plain text from a piece of HTML, as sources deliver it. Links keep their text only.
pub fn from_html(html: &str) -> String {
    crate::html::to_text(html).0
}

/// Lower case without diacritics, for comparing names and words: "Pérez" and "perez" become one.
pub fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).map(plain_letter).collect()
}

/// Letters that carry no combining mark in Unicode, yet are written plain by half of their bearers.
fn plain_letter(letter: char) -> char {
    match letter {
        'ł' => 'l',
        'ø' => 'o',
        'đ' => 'd',
        'ı' => 'i',
        '’' | '‘' | '`' | '´' => '\'',
        other => other,
    }
}

/// The first `characters_max` characters as a reader counts them, with `…` where something was left out.
pub fn excerpt(text: &str, characters_max: usize) -> String {
    let mut graphemes = text.graphemes(true);
    let mut short: String = graphemes.by_ref().take(characters_max).collect();
    if graphemes.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nul_and_controls_do_not_survive_and_are_flagged() {
        let cleaned = clean("a\0b\u{1b}[31mc\r\nd\re");
        assert_eq!(cleaned.text, "a\u{FFFD}b[31mc\nd\ne");
        assert!(cleaned.lossy);
    }

    #[test]
    fn a_display_name_is_one_line() {
        assert_eq!(clean_name("Eve\r\nBcc: all@example.nl\u{2028}x"), "Eve Bcc: all@example.nl x");
    }

    #[test]
    fn zalgo_is_thinned_and_long_text_is_cut_at_a_character() {
        let zalgo = format!("a{}", "\u{301}".repeat(10_000));
        assert!(clean(&zalgo).text.chars().count() <= 1 + COMBINING_RUN_MAX);
        let long = "é".repeat(TEXT_BYTES_MAX);
        let cleaned = clean(&long);
        assert!(cleaned.truncated && cleaned.text.len() <= TEXT_BYTES_MAX);
    }

    #[test]
    fn joined_emoji_hide_nothing_and_a_joiner_elsewhere_does() {
        for harmless in [
            "👩\u{200D}👩\u{200D}👧",
            "🤷🏽\u{200D}♀\u{FE0F}",
            "🏳\u{FE0F}\u{200D}🌈 vrolijk",
            "❤\u{FE0F}\u{200D}🔥",
            "geen",
        ] {
            assert!(!has_deceptive_characters(harmless), "{harmless:?}");
        }
        for deceptive in [
            "veld\u{200D}net",
            "👩\u{200D}veldnet",
            "a\u{200D}👩",
            "👩\u{200D}",
            "👩\u{200D}\u{202E}👩",
            "x\u{200B}y",
            "\u{200D}👩",
        ] {
            assert!(has_deceptive_characters(deceptive), "{deceptive:?}");
        }
    }

    #[test]
    fn html_becomes_the_words_a_reader_sees() {
        assert_eq!(
            from_html("<p>Weer &amp; wéér storing<br>bij <a href=\"http://x\">@veldnet</a></p>"),
            "Weer & wéér storing\nbij @veldnet"
        );
    }

    #[test]
    fn folding_makes_spellings_meet() {
        assert_eq!(fold("Özgür Łukasz-Pérez’s"), "ozgur lukasz-perez's");
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(raw in "\\PC{0,40}|[\\x00-\\x20\u{301}a\u{FFFD}\r\n]{0,40}") {
            let once = clean(&raw);
            prop_assert_eq!(clean(&once.text).text, once.text);
        }
    }
}
