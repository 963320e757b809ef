//! From text to terms: what a text is compared by.
//!
//! A text is read as *words* (stems, each with the place where it was written) and as *grams*: the 4-letter pieces of its
//! words, which let Dutch compounds, inflections and typing errors meet ("factuurregel" and "factuur").
//!
//! **One word has one stem, whatever the language of its text.** Every word goes through the Dutch stemmer, the English one
//! and the Dutch one again, so that "storing" meets "storingen" and "move" meets "moved". Choosing a stemmer by the language
//! of the text ranked no better on the public sets, and fails where it matters here: English posts quote Dutch invoice
//! lines, and four words and an emoji have no language.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_stemmers::{Algorithm, Stemmer};

use super::stop_words;
use crate::words::{compatible, each_word, folded, mixed};

/// The most distinct words of one text that are compared; a ticket with a 5,000-word history is cut here.
const WORDS_MAX: usize = 400;
/// The most words of one text that are looked at.
const WORDS_READ_MAX: usize = 10_000;
/// Grams are taken from the title and this many characters of the body: there a text says what it is about.
const GRAM_CHARACTERS: usize = 200;
/// Letters of a gram.
const GRAM_LETTERS: usize = 4;
/// How many words the memo in front of the stemmers holds before it starts anew: posts bring new tokens for ever.
const MEMO_WORDS_MAX: usize = 65_536;

/// A term: a word's stem or a gram, as a number. Two terms share a number by accident once in 10¹⁸ pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(u64);

/// What sort of term a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word with a meaning of its own.
    Content,
    /// A stop word, a letter, or a number below a hundred.
    Plain,
    /// A piece of a word.
    Gram,
}

impl Key {
    fn new(kind: Kind, hash: u64) -> Key {
        let tag = match kind {
            Kind::Content => 0,
            Kind::Plain => 1,
            Kind::Gram => 2,
        };
        Key((hash >> 2) | (tag << 62))
    }

    /// What sort of term it is.
    pub(super) fn kind(self) -> Kind {
        match self.0 >> 62 {
            0 => Kind::Content,
            1 => Kind::Plain,
            _ => Kind::Gram,
        }
    }

    /// How much a term of this sort weighs beside one of another sort and the same rarity.
    ///
    /// Set by ranking on the public sets: grams alone rank better than words alone, both better than either, and stop
    /// words at half weight better than none.
    pub(super) fn factor(self) -> u32 {
        match self.kind() {
            Kind::Content => 2,
            Kind::Plain | Kind::Gram => 1,
        }
    }
}

/// A text, read.
#[derive(Debug, Default)]
pub(super) struct Terms {
    text: String,
    /// Distinct words in the order of the text.
    pub(super) words: Vec<Word>,
    /// Distinct grams in the order of their keys.
    pub(super) grams: Vec<Key>,
}

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Its stem.
    pub(super) key: Key,
    place: Range<usize>,
}

impl Terms {
    /// The word as it was written.
    pub(super) fn written(&self, word: &Word) -> &str {
        &self.text[word.place.clone()]
    }

    /// The grams of one word, also where the text's own grams end before it.
    pub(super) fn grams_of(&self, word: &Word) -> Vec<Key> {
        let mut grams = Vec::new();
        push_grams(&folded(self.written(word)), &mut grams);
        grams
    }

    /// All keys, each once.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.words.iter().map(|word| word.key).chain(self.grams.iter().copied())
    }
}

/// Reads texts. Holds a bounded memo of stems, which is why it is worth keeping.
pub(super) struct Reader {
    english: Stemmer,
    dutch: Stemmer,
    stop_words: HashSet<&'static str>,
    memo: Mutex<HashMap<Box<str>, Key>>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            english: Stemmer::create(Algorithm::English),
            dutch: Stemmer::create(Algorithm::Dutch),
            stop_words: stop_words::all().collect(),
            memo: Mutex::default(),
        }
    }
}

impl Reader {
    /// Reads a text with its title, which may be empty. Words with a key among `ignored` are passed over.
    pub(super) fn read(&self, title: &str, body: &str, ignored: &[Key]) -> Terms {
        let (text, grams_end) = normalised(title, body);
        let mut words = Vec::new();
        let mut grams = Vec::new();
        let mut memo = self.memo();
        each_word(&text, |place| {
            let word = folded(&text[place.clone()]);
            let key = self.key(&mut memo, &word);
            if !word.is_empty() && !ignored.contains(&key) {
                if place.start < grams_end {
                    push_grams(&word, &mut grams);
                }
                words.push(Word { key, place });
            }
            words.len() < WORDS_READ_MAX
        });
        drop(memo);
        words.sort_by_key(|word| word.key);
        words.dedup_by_key(|word| word.key);
        words.sort_by_key(|word| (word.place.start, word.place.end));
        words.truncate(WORDS_MAX);
        grams.sort_unstable();
        grams.dedup();
        Terms { text, words, grams }
    }

    /// The key of a single word.
    #[cfg(test)]
    pub(super) fn key_of(&self, word: &str) -> Key {
        self.key(&mut self.memo(), &folded(word))
    }

    fn key(&self, memo: &mut HashMap<Box<str>, Key>, word: &str) -> Key {
        if let Some(key) = memo.get(word) {
            return *key;
        }
        let kind = if self.says_little(word) { Kind::Plain } else { Kind::Content };
        let mut hasher = DefaultHasher::new();
        hasher.write(self.stem(word).as_bytes());
        let key = Key::new(kind, hasher.finish());
        if memo.len() >= MEMO_WORDS_MAX {
            memo.clear();
        }
        memo.insert(Box::from(word), key);
        key
    }

    fn stem(&self, word: &str) -> String {
        // The stemmers know Latin letters; numbers, codes and other scripts stay as they are.
        if word.len() <= 3 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return word.to_owned();
        }
        self.dutch.stem(&self.english.stem(&self.dutch.stem(word))).into_owned()
    }

    fn says_little(&self, word: &str) -> bool {
        let small_number = word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        small_number || word.chars().nth(1).is_none() || self.stop_words.contains(word)
    }

    fn memo(&self) -> MutexGuard<'_, HashMap<Box<str>, Key>> {
        // A memo is right at every moment, also after a panic elsewhere.
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Title and body in one normal form, and the place where the part with grams ends.
fn normalised(title: &str, body: &str) -> (String, usize) {
    let mut text = compatible(title);
    text.push('\n');
    let body = compatible(body);
    let grams_end = text.len() + body.char_indices().nth(GRAM_CHARACTERS).map_or(body.len(), |(at, _)| at);
    text.push_str(&body);
    (text, grams_end)
}

/// The 4-letter pieces of a word, of which the ends count as letters.
fn push_grams(word: &str, grams: &mut Vec<Key>) {
    let mut window = [0u64; GRAM_LETTERS];
    let letters = std::iter::once(' ').chain(word.chars()).chain(std::iter::once(' '));
    for (count, letter) in letters.enumerate() {
        window.rotate_left(1);
        window[GRAM_LETTERS - 1] = u64::from(u32::from(letter) & 0xFFFF);
        if count + 1 >= GRAM_LETTERS {
            let packed = window.iter().fold(0, |packed, letter| (packed << 16) | letter);
            grams.push(Key::new(Kind::Gram, mixed(packed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let terms = Reader::default().read("", text, &[]);
        terms.words.iter().map(|word| terms.written(word).to_owned()).collect()
    }

    fn meet(a: &str, b: &str) -> bool {
        let reader = Reader::default();
        reader.key_of(a) == reader.key_of(b)
    }

    #[test]
    fn inflections_meet_in_both_languages_and_meanings_do_not() {
        for (a, b) in [
            ("facturen", "factuur"),
            ("monteurs", "monteur"),
            ("storingen", "storing"),
            ("verrekenen", "verrekening"),
            ("move", "moved"),
            ("invoices", "invoice"),
            ("moved", "moving"),
            ("Één", "een"),
            ("GEÏNSTALLEERD", "geinstalleerd"),
            ("12,75", "12.75"),
        ] {
            assert!(meet(a, b), "{a} and {b}");
        }
        for (a, b) in [("factuur", "monteur"), ("12.75", "12.85"), ("glas", "gas")] {
            assert!(!meet(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn numbers_tags_and_hidden_characters_are_read_as_a_person_reads_them() {
        assert_eq!(words("firmware 4.18, op 3 plekken."), ["firmware", "4.18", "op", "3", "plekken"]);
        assert_eq!(words("#NooitMeerVeldnet"), ["Nooit", "NooitMeerVeldnet", "Meer", "Veldnet"]);
        assert_eq!(words("ge\u{200B}en ver\u{2060}binding"), ["geen", "verbinding"]);
        assert_eq!(words("cafe\u{301} ﬁets"), ["café", "fiets"]);
    }

    #[test]
    fn accounts_addresses_and_links_hold_no_words() {
        assert_eq!(words("@a@b.example x@y.nl https://storing.example/storing www hallo"), ["www", "hallo"]);
    }

    #[test]
    fn compounds_and_typing_errors_share_most_grams() {
        let reader = Reader::default();
        for (short, long) in [("factuur", "factuurregel"), ("verekening", "verrekening")] {
            let (a, b) = (reader.read("", short, &[]), reader.read("", long, &[]));
            let shared = a.grams.iter().filter(|gram| b.grams.contains(gram)).count();
            assert!(shared * 10 >= a.grams.len() * 7, "{short}: {shared} of {}", a.grams.len());
        }
    }

    #[test]
    fn a_long_text_is_cut_at_both_bounds() {
        let long: String = (0..20_000).map(|number| format!("woord{number} ")).collect();
        let terms = Reader::default().read("titel", &long, &[]);
        assert_eq!(terms.words.len(), WORDS_MAX);
        assert!(terms.grams.len() < GRAM_CHARACTERS + 10);
    }

    #[test]
    fn the_memo_does_not_grow_for_ever() {
        let reader = Reader::default();
        for round in 0..20 {
            let text: String = (0..9_000).map(|number| format!("w{round}x{number} ")).collect();
            reader.read("", &text, &[]);
        }
        assert!(reader.memo().len() <= MEMO_WORDS_MAX);
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_writes_only_what_was_there(text in "(\\PC|[#@.,0-9a-zA-Z\u{301}\u{200B} \n]){0,80}") {
            let terms = Reader::default().read(&text, &text, &[]);
            for word in &terms.words {
                prop_assert!(!terms.written(word).is_empty());
            }
        }
    }
}
