//! In what language a text is: the platform's claim, small words, and a statistical guess, weighed against each other.
//!
//! The guess knows sixteen languages and always names one, so it never decides alone in Latin script: Polish would come
//! out as something it is not. Small words must support it.

use std::collections::HashMap;
use std::sync::LazyLock;

use whichlang::Lang;

use super::reading::{Reading, TokenKind};

/// The guess reads this much; more does not change it.
const GUESS_BYTES_MAX: usize = 600;
/// Fewer letters than this are no ground for a guess.
const LETTERS_MIN: usize = 12;
/// A language is clear from this many small words that it has for itself.
const CLEAR_SCORE: f32 = 1.9;
/// Texts of at most this many words may lack small words altogether.
const SHORT_WORDS_MAX: usize = 8;

static SMALL_WORDS: LazyLock<SmallWords> = LazyLock::new(|| {
    SmallWords::new(include_str!("../../config/lexicon/languages.toml"))
        .expect("a test reads the shipped list")
});

/// What is known about a text's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// This one, as a two-letter code.
    In(String),
    /// Too short to tell; the word lists of a judged language may still settle it.
    TooShort,
    /// Long enough, and still not known.
    Unknown,
}

/// Finds the language of a text. `hint` is the platform's claim; clear evidence outranks it.
pub(super) fn spoken(reading: &Reading, text: &str, hint: Option<&str>) -> Spoken {
    let scores = SMALL_WORDS.score(reading);
    let clear = scores.clear();
    if reading.letters == 0 {
        return hint.map_or(Spoken::TooShort, |code| Spoken::In(code.to_owned()));
    }
    if let Some(code) = clear {
        return Spoken::In(code.to_owned());
    }
    let guess = guess(reading, text);
    let supports = |code: &str| scores.of(code) >= 0.9;
    if let Some(code) = guess.filter(|code| is_other_script(code)) {
        return Spoken::In(code.to_owned());
    }
    if let Some(hint) = hint {
        let contradicted = !supports(hint) && guess.is_some_and(|code| code != hint && supports(code));
        return Spoken::In(if contradicted { guess.unwrap_or(hint) } else { hint }.to_owned());
    }
    match guess.filter(|code| supports(code)) {
        Some(code) => Spoken::In(code.to_owned()),
        None if scores.words <= SHORT_WORDS_MAX => Spoken::TooShort,
        None => Spoken::Unknown,
    }
}

fn guess(reading: &Reading, text: &str) -> Option<&'static str> {
    if reading.letters < LETTERS_MIN {
        return None;
    }
    // Non-Latin text is judged as it stands: folding takes marks away that carry the script.
    let ascii_words = reading.plain.is_ascii();
    let sample = if ascii_words { &reading.plain } else { text };
    let end = sample.floor_char_boundary(GUESS_BYTES_MAX);
    Some(two_letters(whichlang::detect_language(&sample[..end])))
}

/// How well the small words of each language are represented.
struct Scores<'a> {
    languages: &'a [String],
    points: [f32; LANGUAGES_MAX],
    words: usize,
}

impl Scores<'_> {
    fn of(&self, code: &str) -> f32 {
        self.languages.iter().position(|language| language == code).map_or(0.0, |at| self.points[at])
    }

    /// The language that is well represented while no other is.
    fn clear(&self) -> Option<&str> {
        let (best, points) = self
            .points
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .filter(|(at, _)| *at < self.languages.len())?;
        let second = self.points.iter().enumerate().filter(|(at, _)| *at != best).map(|(_, p)| *p);
        let second = second.fold(0.0, f32::max);
        let share = points / self.words.max(1) as f32;
        (*points >= CLEAR_SCORE && *points >= 1.6 * second && share >= 0.1)
            .then(|| self.languages[best].as_str())
    }
}

const LANGUAGES_MAX: usize = 16;
/// A word that several languages share counts this much for each.
const SHARED_WORD: f32 = 0.35;
/// More words add nothing.
const WORDS_READ_MAX: usize = 400;

struct SmallWords {
    languages: Vec<String>,
    of_word: HashMap<String, u16>,
}

impl SmallWords {
    fn new(lists: &str) -> Result<SmallWords, String> {
        let lists: toml::Table = lists.parse().map_err(|error| format!("languages: {error}"))?;
        let languages: Vec<String> = lists.keys().cloned().collect();
        if languages.len() > LANGUAGES_MAX {
            return Err(format!("languages: at most {LANGUAGES_MAX}"));
        }
        let mut of_word: HashMap<String, u16> = HashMap::new();
        for (index, words) in lists.values().enumerate() {
            for word in words.as_array().into_iter().flatten().filter_map(toml::Value::as_str) {
                *of_word.entry(word.to_owned()).or_default() |= 1 << index;
            }
        }
        Ok(SmallWords { languages, of_word })
    }

    fn score(&self, reading: &Reading) -> Scores<'_> {
        let mut scores = Scores { languages: &self.languages, points: [0.0; LANGUAGES_MAX], words: 0 };
        let words = reading.tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Word);
        for (index, _) in words.take(WORDS_READ_MAX) {
            let word = reading.words(index, index);
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            scores.words += 1;
            let mask = self.of_word.get(word).copied().unwrap_or(0);
            let weight = if mask.count_ones() > 1 { SHARED_WORD } else { 1.0 };
            for at in (0..self.languages.len()).filter(|at| mask & (1 << at) != 0) {
                scores.points[at] += weight;
            }
        }
        scores
    }
}

/// The script itself is the evidence, so that no small words are needed.
fn is_other_script(code: &str) -> bool {
    matches!(code, "ar" | "zh" | "hi" | "ja" | "ko" | "ru")
}

fn two_letters(language: Lang) -> &'static str {
    match language {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, hint: Option<&str>) -> Spoken {
        spoken(&Reading::of(text), text, hint)
    }

    #[test]
    fn plain_text_is_recognised_without_a_hint() {
        for (text, code) in [
            ("Het internet doet het al drie dagen niet en niemand belt terug", "nl"),
            ("My internet has been down for three days and nobody calls back", "en"),
            ("Ich habe seit drei Tagen kein Internet und niemand ruft zurück", "de"),
            ("Je n'ai pas d'internet depuis trois jours et personne ne me rappelle", "fr"),
            ("Уже три дня нет интернета, никто не отвечает", "ru"),
            ("İki gündür internet yok, kimse telefonu açmıyor ve bu çok kötü", "tr"),
        ] {
            assert_eq!(of(text, None), Spoken::In(code.into()), "{text}");
        }
    }

    #[test]
    fn a_language_that_is_not_known_gets_no_name() {
        for text in [
            "Interneti nuk funksionon prej dy javësh, askush nuk përgjigjet fare në telefon",
            "Az internet napok óta nem működik, senki sem veszi fel a telefont",
        ] {
            assert_eq!(of(text, None), Spoken::Unknown, "{text}");
        }
    }

    #[test]
    fn a_few_words_are_too_short_without_a_hint_and_enough_with_one() {
        assert_eq!(of("storing!", None), Spoken::TooShort);
        assert_eq!(of("storing!", Some("nl")), Spoken::In("nl".into()));
        assert_eq!(of("", None), Spoken::TooShort);
        assert_eq!(of("👍👍", Some("en")), Spoken::In("en".into()));
    }

    #[test]
    fn a_hint_that_contradicts_clear_evidence_loses() {
        let text = "Ik heb al een week geen internet en niemand doet er iets aan";
        assert_eq!(of(text, Some("en")), Spoken::In("nl".into()));
        assert_eq!(of("Ich habe kein Internet und das ist nicht gut", Some("nl")), Spoken::In("de".into()));
    }
}
