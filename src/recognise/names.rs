//! Reading a written name: which words are given names, which are initials, and what is the surname with its particles.
//!
//! Start with [`Name::parse`]. It takes what people and CRMs write: "Y. van 't Hek", "Hek, Youp van 't", "Dirk Jan ter H.",
//! "mevr. A.M. de Wit-Overbeek". Words between the first and the surname may be either; comparing tries both.

use super::lists::{PARTICLES, PARTICLES_OR_GIVEN};
use super::words::{self, Word};

/// A name, folded and taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// Given names in full; more than one only where they are hyphenated.
    pub given: Vec<String>,
    /// First letters of all given names, written as initials or taken from the names.
    pub initials: Vec<char>,
    /// Words that may be given names or surnames.
    pub middle: Vec<String>,
    /// The parts of the surname, in order of writing. Empty when there is only a first name.
    pub surname: Vec<Part>,
}

/// One surname of perhaps two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// "van", "der".
    pub particles: Vec<String>,
    /// "kwast"; the first letter or letters when [`Part::is_abbreviated`].
    pub stem: String,
    /// Only the beginning was written: "H.".
    pub is_abbreviated: bool,
}

impl Name {
    /// Takes a written name apart. `None` when it is no name of one person: no letters, digits among them, a word as "klant".
    pub(super) fn parse(raw: &str) -> Option<Name> {
        let (before, after) = words::of_name(raw)?;
        let name = if before.is_empty() || after.is_empty() {
            read_forwards(if before.is_empty() { &after } else { &before })
        } else {
            read_reversed(before, after)
        };
        (!name.given.is_empty() || !name.surname.is_empty()).then_some(name)
    }

    /// All stems of the surname as one word: "terpstrahiemstra".
    pub(super) fn stems(&self) -> String {
        self.surname.iter().map(|part| part.stem.as_str()).collect()
    }

    /// The surname is written as its beginning only.
    pub(super) fn is_abbreviated(&self) -> bool {
        self.surname.iter().any(|part| part.is_abbreviated)
    }

    /// The same, with a lone word taken for a surname: what a person means who looks "Terpstra" up.
    pub(super) fn or_surname(mut self) -> Name {
        if self.surname.is_empty() && self.given.len() == 1 {
            self.surname = self.given.drain(..).map(|stem| Part { stem, ..Part::default() }).collect();
            self.initials.clear();
        }
        self
    }
}

impl Part {
    /// The first letters of the particles: "vd" for "van der" and for "v.d.".
    pub(super) fn particle_initials(&self) -> String {
        self.particles.iter().flat_map(|word| initials_of_particle(word)).collect()
    }
}

fn initials_of_particle(word: &str) -> impl Iterator<Item = char> {
    let keep = match word {
        "vd" | "vdr" | "vh" | "vt" => 2,
        _ => 1,
    };
    word.chars().take(keep)
}

/// A word that two writers of one name would spell alike: "Kuijpers" and "Kuypers", "Wielaert" and "Wielaart".
pub(super) fn sound(word: &str) -> String {
    const SPELLINGS: &[(&str, &str)] = &[
        ("uij", "ui"),
        ("sch", "s"),
        ("ij", "y"),
        ("ei", "y"),
        ("ae", "a"),
        ("ue", "u"),
        ("uy", "ui"),
        ("ck", "k"),
        ("ch", "g"),
        ("gh", "g"),
        ("ph", "f"),
        ("th", "t"),
        ("dt", "t"),
        ("c", "k"),
        ("q", "k"),
        ("x", "ks"),
        ("z", "s"),
        ("v", "f"),
        ("ß", "s"),
        ("æ", "a"),
    ];
    let mut sounds = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(letter) = rest.chars().next() {
        let (piece, length) = SPELLINGS
            .iter()
            .find(|(spelling, _)| rest.starts_with(spelling))
            .map_or((&rest[..letter.len_utf8()], letter.len_utf8()), |(spelling, sound)| {
                (*sound, spelling.len())
            });
        if !sounds.ends_with(piece) {
            sounds.push_str(piece);
        }
        rest = &rest[length..];
    }
    sounds
}

/// "Joost van der Kwast".
fn read_forwards(words: &[Word]) -> Name {
    let mut name = Name::default();
    let mut next = read_initials(words, &mut name);
    let starts_surname = words.get(next).is_some_and(|word| {
        is_particle(words, next)
            && (!name.initials.is_empty() || !PARTICLES_OR_GIVEN.contains(&word.text.as_str()))
    });
    // After initials a given name follows only if a surname is left: "A. Bakker" has none.
    let has_given = name.initials.is_empty() && !starts_surname;
    if has_given {
        while let Some(word) = words.get(next).filter(|word| name.given.is_empty() || word.is_joined) {
            // "Kale-de Ruiter" after an initial is no given name; "Henk-Jan" is.
            name.given.push(word.text.clone());
            name.initials.extend(word.text.chars().next());
            next += 1;
        }
    }
    let surname = next + surname_start(&words[next..]);
    for word in &words[next..surname] {
        let is_letter = word.text.chars().count() == 1;
        name.initials.extend(word.text.chars().next());
        if !is_letter {
            name.middle.push(word.text.clone());
        }
    }
    name.surname = parts(&words[surname..]);
    name
}

/// "Kwast, Joost van der" and "van der Kwast, J.".
fn read_reversed(surname: Vec<Word>, mut given: Vec<Word>) -> Name {
    let mut moved = Vec::new();
    while given.len() > 1 && given.last().is_some_and(|word| !word.is_capital && is_particle_word(&word.text))
    {
        moved.extend(given.pop());
    }
    moved.reverse();
    moved.extend(surname);
    let mut name = Name::default();
    let next = read_initials(&given, &mut name);
    for word in &given[next..] {
        name.initials.extend(word.text.chars().next());
        if name.given.is_empty() || word.is_joined {
            name.given.push(word.text.clone());
        } else {
            name.middle.push(word.text.clone());
        }
    }
    name.surname = parts(&moved);
    name
}

/// Reads "J.P." or "JP" or "Th." at the start and says where it ends.
fn read_initials(words: &[Word], name: &mut Name) -> usize {
    let mut next = 0;
    while let Some(word) = words.get(next) {
        let letters = word.text.chars().count();
        let is_initial = letters == 1 && (next == 0 || !is_particle(words, next) || word.is_capital);
        let is_short_form = word.is_dotted && letters <= 3 && next == 0 && !is_particle_word(&word.text);
        let is_last = next + 1 == words.len() && words.len() > 1;
        if is_last {
            break;
        }
        if word.is_acronym && next == 0 && words.len() > 1 {
            name.initials.extend(word.text.chars());
        } else if is_initial || is_short_form {
            name.initials.extend(word.text.chars().next());
        } else {
            break;
        }
        next += 1;
    }
    next
}

fn is_particle_word(word: &str) -> bool {
    PARTICLES.contains(&word)
}

/// The word is a particle here: something that can carry a surname follows.
fn is_particle(words: &[Word], at: usize) -> bool {
    let is_one = |word: &Word| is_particle_word(&word.text);
    words.get(at).is_some_and(is_one) && at + 1 < words.len()
}

/// Where the surname starts among the words after the given name: at the first particle, or else at the last word, and
/// in both cases at the start of a hyphenated chain.
fn surname_start(words: &[Word]) -> usize {
    let Some(last) = words.len().checked_sub(1) else { return 0 };
    let mut start = (0..last).find(|at| is_particle(words, *at)).unwrap_or(last);
    while start > 0 && words[start].is_joined {
        start -= 1;
    }
    start
}

fn parts(words: &[Word]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut particles = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_last = at + 1 == words.len();
        let letters = word.text.chars().count();
        if !is_last && is_particle_word(&word.text) {
            particles.push(word.text.clone());
        } else if is_last || letters > 1 {
            let is_abbreviated = letters == 1 || word.is_dotted && letters <= 3 && is_last;
            parts.push(Part {
                particles: std::mem::take(&mut particles),
                stem: word.text.clone(),
                is_abbreviated,
            });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: &Name) -> String {
        let parts: Vec<String> = name
            .surname
            .iter()
            .map(|part| {
                let words: Vec<&str> =
                    part.particles.iter().map(String::as_str).chain([part.stem.as_str()]).collect();
                words.join(" ") + if part.is_abbreviated { "." } else { "" }
            })
            .collect();
        let initials: String = name.initials.iter().collect();
        format!("{}|{initials}|{}|{}", name.given.join(" "), name.middle.join(" "), parts.join("+"))
    }

    #[test]
    fn written_names_are_taken_apart() {
        for (written, expected) in [
            ("Joost van der Kwast", "joost|j||van der kwast"),
            ("J. van der Kwast", "|j||van der kwast"),
            ("J.P. Bakker", "|jp||bakker"),
            ("JP Bakker", "|jp||bakker"),
            ("van 't Hek, Y.", "|y||van t hek"),
            ("Hek, Youp van 't", "youp|y||van t hek"),
            ("Youp van 't H.", "youp|y||van t h."),
            ("Dirk Jan ter H.", "dirk|dj|jan|ter h."),
            ("mevr. drs. A.M. de Wit-Overbeek", "|am||de wit+overbeek"),
            ("Geertje Terpstra-Hiemstra", "geertje|g||terpstra+hiemstra"),
            ("Marijn Niermann-Pieters van der Maes", "marijn|mnp|niermann pieters|van der maes"),
            ("Wilhelmina Moenen-van de Elzas", "wilhelmina|w||moenen+van de elzas"),
            ("Henk-Jan Vermeulen", "henk jan|hj||vermeulen"),
            ("Th. van Wijngaarden", "|t||van wijngaarden"),
            ("E. in 't Veld", "|e||in t veld"),
            ("Bram van't Slot", "bram|b||van t slot"),
            ("David v.d. Veen", "david|d||v d veen"),
            ("Dion v/h Riet", "dion|d||v riet"),
            ("Ben van Tours", "ben|b||van tours"),
            ("Soumaya El Idrissi", "soumaya|s||el idrissi"),
            ("de Vries", "|||de vries"),
            ("aaltje b", "aaltje|a||b."),
            ("Jan T.", "jan|j||t."),
            ("ZOË HARTMANS", "zoe|z||hartmans"),
            ("✨ Aimée van Saksen ✨", "aimee|a||van saksen"),
            ("Alicia Courtier - zzp'er", "alicia|a||courtier"),
            ("Benthe van der Plas | papa & fotograaf", "benthe|b||van der plas"),
            ("Robert P. Bresnahan, Jr.", "robert|rp||bresnahan"),
            ("Conan O'Brien", "conan|c||obrien"),
            ("Vincent", "vincent|v||"),
        ] {
            assert_eq!(Name::parse(written).as_ref().map(shown).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_is_no_name_of_one_person_is_refused() {
        for written in
            ["", " ", "🔥", "M760", "Klant uit Zeist", "mopperkont421 x", "Jan en Piet Bakker", "123", ","]
        {
            assert_eq!(Name::parse(written), None, "{written}");
        }
    }

    #[test]
    fn spellings_of_one_sound_meet() {
        for (one, other) in
            [("kuijpers", "kuypers"), ("claessen", "klaesen"), ("thijssen", "tyssen"), ("bosch", "bos")]
        {
            assert_eq!(sound(one), sound(other));
        }
        assert_ne!(sound("visser"), sound("vos"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_bounded(raw in "\\PC{0,60}|[\\x00-\\x7f\u{301}\u{200b}’.,-]{0,300}") {
            if let Some(name) = Name::parse(&raw) {
                prop_assert!(name.surname.len() + name.middle.len() + name.given.len() <= 2 * words::WORDS_MAX);
            }
        }
    }
}
