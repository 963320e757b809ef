//! Where an author says to live, held against the place of a contact.
//!
//! A place only helps to choose; it is read from the words and the handle and is not kept. A place that is merely named
//! ("storing in Deventer") is weak; one that the author lives in is strong, for a contact who lives there and against others.

use serde::{Deserialize, Serialize};

use super::handles::Handle;
use crate::mention::Mention;
use crate::text;

/// So much of a text is searched for places, in characters.
const CHARACTERS_MAX: usize = 2000;
/// Places that are everyday words, folded: they count only after "woon in" and the like.
const EVERYDAY_WORDS: &[&str] = &[
    "best", "echt", "een", "haren", "laren", "sloten", "loon", "born", "heel", "rijen", "velden", "zand",
    "mook", "goes", "ede", "oss", "ee", "wijk", "stad", "dorp", "hoorn", "weert", "lent", "broek", "veen",
    "bergen", "schagen", "ens",
];
/// What may follow "woon in" and is no place of residence.
const WIDER_PLACES: &[&str] = &[
    "nederland",
    "holland",
    "belgie",
    "vlaanderen",
    "friesland",
    "groningen",
    "drenthe",
    "overijssel",
    "gelderland",
    "flevoland",
    "zeeland",
    "brabant",
    "limburg",
    "utrecht",
    "twente",
    "achterhoek",
    "veluwe",
    "netherlands",
    "belgium",
    "europa",
    "europe",
];
/// Words before a wider place that belong to it: "Noord-Brabant".
const QUARTERS: &[&str] = &["noord", "zuid", "oost", "west", "midden"];

/// How an author's place and a contact's place agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The author says to live where the contact lives.
    Lives,
    /// The place of the contact is named.
    Named,
    /// The author says to live elsewhere.
    Elsewhere,
    /// Nothing is said.
    Unknown,
}

/// The places of one author.
#[derive(Debug, Default)]
pub(super) struct Places {
    words: Vec<Word>,
    /// Where in `words` a place of residence starts.
    residences: Vec<usize>,
    handle: Vec<String>,
}

#[derive(Debug)]
struct Word {
    text: String,
    is_capital: bool,
}

impl Places {
    /// Reads title, text, display name and handle.
    pub(super) fn of(mention: &Mention, handle: &Handle) -> Places {
        let author = mention.author.display_name.as_deref().unwrap_or_default();
        let title = mention.title.as_deref().unwrap_or_default();
        // The display name stands last: words of it follow nothing but the end of the text.
        let words = words(&[title, &mention.text, author]);
        let residences = (0..words.len()).filter(|at| is_residence(&words, *at)).collect();
        Places { words, residences, handle: handle.words.clone() }
    }

    /// How a contact's place agrees with what the author tells.
    pub(super) fn agreement(&self, city: &str) -> Place {
        let city: Vec<String> = self::words(&[city]).into_iter().map(|word| word.text).collect();
        if city.is_empty() {
            return Place::Unknown;
        }
        let stands_at = |at: usize| {
            self.words.len() >= at + city.len()
                && self.words[at..].iter().zip(&city).all(|(word, part)| word.text == *part)
        };
        if self.residences.iter().any(|at| stands_at(*at)) || self.is_in_handle(&city) {
            return Place::Lives;
        }
        let says_elsewhere = |at: &usize| {
            let is_quarter = QUARTERS.contains(&self.words[*at].text.as_str());
            let place = if is_quarter { self.words.get(at + 1) } else { self.words.get(*at) };
            place.is_some_and(|word| word.is_capital && !WIDER_PLACES.contains(&word.text.as_str()))
        };
        if self.residences.iter().any(says_elsewhere) {
            return Place::Elsewhere;
        }
        let is_telling = city.len() > 1 || city[0].len() > 2 && !EVERYDAY_WORDS.contains(&city[0].as_str());
        let is_named = is_telling
            && (0..self.words.len())
                .any(|at| stands_at(at) && self.words[at..at + city.len()].iter().any(|w| w.is_capital));
        if is_named { Place::Named } else { Place::Unknown }
    }

    /// "dirk-uit-hengelo", "hilversum_anja".
    fn is_in_handle(&self, city: &[String]) -> bool {
        let city = city.concat();
        city.len() > 3 && self.handle.contains(&city)
    }
}

fn words(texts: &[&str]) -> Vec<Word> {
    let mut words = Vec::new();
    for text in texts {
        let end = text.char_indices().nth(CHARACTERS_MAX).map_or(text.len(), |(at, _)| at);
        let pieces = text[..end].split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
        words.extend(pieces.map(|piece| Word {
            text: text::fold(piece),
            is_capital: piece.chars().next().is_some_and(char::is_uppercase),
        }));
    }
    words
}

/// The words before say that the author lives here.
fn is_residence(words: &[Word], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map_or("", |index| words[index].text.as_str());
    match before(1) {
        "in" | "te" => match before(2) {
            "woon" | "wonen" | "woont" | "woonachtig" | "wonend" | "live" | "lives" | "living" | "based" => {
                true
            }
            "hier" | "here" => true,
            "ons" => before(3) == "bij",
            _ => false,
        },
        "uit" => matches!(before(2), "groet" | "groeten" | "groetjes" | "klant" | "kom" | "komt"),
        "from" => matches!(before(2), "regards" | "greetings" | "customer"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mention::Author;

    fn told(text: &str, handle: &str, city: &str) -> Place {
        let mention = Mention::new("1", Author::default(), text);
        Places::of(&mention, &Handle::parse(handle)).agreement(city)
    }

    #[test]
    fn places_are_read_from_text_and_handle() {
        for (text, handle, city, expected) in [
            ("Ik woon in Hoog-Keppel en heb niets", "x", "Hoog-Keppel", Place::Lives),
            ("Ik woon in 's-Gravendeel.", "x", "'s-Gravendeel", Place::Lives),
            ("Groeten uit Zutphen", "x", "Zutphen", Place::Lives),
            ("Niets", "dirk-uit-hengelo", "Hengelo", Place::Lives),
            ("Al dagen storing in Deventer!", "x", "Deventer", Place::Named),
            ("Ik woon in Zwolle", "x", "Deventer", Place::Elsewhere),
            ("Ik woon in Nederland", "x", "Deventer", Place::Unknown),
            ("Ik woon in Noord-Brabant", "x", "Deventer", Place::Unknown),
            ("Ik woon in Zuid-Beijerland", "x", "Deventer", Place::Elsewhere),
            ("Ik woon in een flat", "x", "Deventer", Place::Unknown),
            ("Echt waar, best slecht", "x", "Echt", Place::Unknown),
            ("niets in deventer", "x", "Deventer", Place::Unknown),
            ("Niets", "x", "", Place::Unknown),
        ] {
            assert_eq!(told(text, handle, city), expected, "{text}, {handle}, {city}");
        }
    }
}
