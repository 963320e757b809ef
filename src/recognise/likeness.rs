//! Why an author is taken for a contact: coded, so that everybody reads it in a language of their own. Pure.

use serde::{Deserialize, Serialize};

use super::compare::{Agreement, Given, Particles, Surname};
use super::places::Place;
use super::score::{Rarity, SeenOn};
use crate::config::Language;
use crate::register::KeyKind;

/// Why an author is taken for a contact. Stored as JSON such as `{"likeness": "only_one", "keys": ["handle"]}`; a row of an
/// earlier version holds an English sentence instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "likeness", rename_all = "snake_case")]
pub enum Likeness {
    /// Exact keys fit this contact, and no other fits them all.
    OnlyOne {
        /// The sorts of keys.
        keys: Vec<KeyKind>,
    },
    /// One exact key fits, another points to somebody else.
    Contested {
        /// The one that fits.
        key: KeyKind,
    },
    /// Several contacts have the key.
    Shared {
        /// The key.
        key: KeyKind,
        /// How many have it.
        customers: usize,
    },
    /// The names agree.
    Name(NameLikeness),
    /// A sentence of an earlier version, in English.
    #[serde(untagged)]
    Sentence(String),
}

/// How far an author's name and place agree with a contact's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameLikeness {
    /// The contact's name as the CRM has it.
    pub name: String,
    /// What the agreement was seen on.
    pub seen_on: SeenOn,
    /// How the names agree.
    pub agreement: Agreement,
    /// How rare the surname is.
    pub rarity: Rarity,
    /// How the places agree.
    pub place: Place,
    /// The contact's place, where the author says something about places.
    pub city: Option<String>,
    /// How many others fit as well.
    pub others: usize,
}

impl Likeness {
    /// As it is stored: a sentence that is no JSON is one of an earlier version.
    pub fn from_stored(stored: &str) -> Likeness {
        serde_json::from_str(stored).unwrap_or_else(|_| Likeness::Sentence(stored.to_owned()))
    }

    /// The likeness as a colleague would say it.
    pub fn in_words(&self, language: Language) -> String {
        let said = Said { dutch: language.is_dutch() };
        match self {
            Likeness::OnlyOne { keys } => {
                let keys: Vec<&str> = keys.iter().map(|key| said.key(*key)).collect();
                format!("{}: {}", keys.join(", "), said.others(0))
            }
            Likeness::Contested { key } => format!(
                "{}: {}",
                said.key(*key),
                said.t("iets anders wijst op iemand anders", "other evidence points to somebody else")
            ),
            Likeness::Shared { key, customers } => format!(
                "{}: {} {customers}",
                said.key(*key),
                said.t("aantal klanten dat dit heeft:", "customers who have it:")
            ),
            Likeness::Name(likeness) => said.name(likeness),
            Likeness::Sentence(sentence) => sentence.clone(),
        }
    }
}

impl From<&str> for Likeness {
    /// A sentence as it stands.
    fn from(sentence: &str) -> Likeness {
        Likeness::Sentence(sentence.to_owned())
    }
}

/// The words for one reader.
struct Said {
    dutch: bool,
}

impl Said {
    fn t(&self, dutch: &'static str, english: &'static str) -> &'static str {
        if self.dutch { dutch } else { english }
    }

    fn key(&self, key: KeyKind) -> &'static str {
        match key {
            KeyKind::Number => self.t("klantnummer in de tekst", "customer number in the text"),
            KeyKind::Handle => self.t("account dat de klant opgaf", "handle on file"),
            KeyKind::Email => self.t("e-mailadres in de tekst", "e-mail address in the text"),
            KeyKind::Phone => self.t("telefoonnummer in de tekst", "phone number in the text"),
            KeyKind::Name => self.t("naam", "name"),
        }
    }

    fn others(&self, others: usize) -> String {
        match (others, self.dutch) {
            (0, _) => self.t("geen andere klant past", "no other customer fits").to_owned(),
            (1, _) => self.t("er past nog één andere klant", "one other customer fits").to_owned(),
            (more, true) => format!("er passen nog {more} andere klanten"),
            (more, false) => format!("{more} other customers fit"),
        }
    }

    /// "name 'J. van der Kwast': initial and surname agree; surname is rare; no other customer fits".
    fn name(&self, likeness: &NameLikeness) -> String {
        let seen_on = match likeness.seen_on {
            SeenOn::Name => self.t("naam", "name"),
            SeenOn::Handle | SeenOn::HandleOnly => self.t("accountnaam voor", "handle for"),
            SeenOn::Both => self.t("naam en accountnaam", "name and handle"),
        };
        let mut parts =
            vec![format!("{seen_on} '{}': {}", likeness.name, self.agreement(likeness.agreement))];
        if likeness.agreement.surname != Surname::Abbreviated {
            let rarity = match likeness.rarity {
                Rarity::Rare => self.t("de achternaam is zeldzaam", "surname is rare"),
                Rarity::Shared => {
                    self.t("meer klanten hebben deze achternaam", "several customers share the surname")
                }
                Rarity::Common => self.t("de achternaam komt veel voor", "surname is common"),
            };
            parts.push(rarity.to_owned());
        }
        if likeness.seen_on == SeenOn::HandleOnly {
            parts
                .push(self.t("de getoonde naam is een andere", "the display name says otherwise").to_owned());
        }
        let city = likeness.city.as_deref().unwrap_or_default();
        let place = match likeness.place {
            Place::Lives => Some(self.t("woont in", "lives in")),
            Place::Named => Some(self.t("noemt", "names")),
            Place::Elsewhere => {
                Some(self.t("zegt ergens anders te wonen dan in", "says to live elsewhere than"))
            }
            Place::Unknown => None,
        };
        parts.extend(place.map(|place| format!("{place} {city}")));
        parts.push(self.others(likeness.others));
        parts.join("; ")
    }

    fn agreement(&self, agreement: Agreement) -> String {
        let surname = match agreement.surname {
            Surname::Same => self.t("achternaam", "surname"),
            Surname::Part => self.t("een van twee achternamen", "one of two surnames"),
            Surname::Sound => self.t("klank van de achternaam", "sound of the surname"),
            Surname::Near(_) => self.t("achternaam op een tikfout na", "surname but for a slip"),
            Surname::Abbreviated => self.t("begin van de achternaam", "beginning of the surname"),
        };
        let given = match agreement.given {
            Given::SameAll => Some(self.t("alle voornamen", "all given names")),
            Given::Same => Some(self.t("voornaam", "given name")),
            Given::CallName => Some(self.t("roepnaam", "call name")),
            Given::Near => Some(self.t("voornaam op een tikfout na", "given name but for a slip")),
            Given::Initials => Some(self.t("voorletters", "initials")),
            Given::Initial => Some(self.t("voorletter", "initial")),
            Given::Beginning => Some(self.t("begin van de voornaam", "beginning of the given name")),
            Given::Missing => None,
        };
        let agree = match (given, self.dutch) {
            (Some(given), true) => format!("{given} en {surname} komen overeen"),
            (Some(given), false) => format!("{given} and {surname} agree"),
            (None, true) => format!("alleen de {surname} komt overeen"),
            (None, false) => format!("only the {surname} agrees"),
        };
        match agreement.particles {
            Particles::Missing => {
                agree + self.t(", een van beide zonder tussenvoegsel", ", one without particle")
            }
            Particles::Different => agree + self.t(", met een ander tussenvoegsel", ", particles differ"),
            Particles::Same if agreement.surname == Surname::Abbreviated => {
                agree + self.t(", ook het tussenvoegsel", ", particles too")
            }
            Particles::None | Particles::Same => agree,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Likeness {
        Likeness::Name(NameLikeness {
            name: "J. van der Kwast".into(),
            seen_on: SeenOn::Both,
            agreement: Agreement {
                surname: Surname::Near(1),
                particles: Particles::Missing,
                given: Given::Initial,
            },
            rarity: Rarity::Rare,
            place: Place::Lives,
            city: Some("Zwolle".into()),
            others: 2,
        })
    }

    #[test]
    fn a_name_is_explained_in_both_languages() {
        assert_eq!(
            name().in_words(Language::Dutch),
            "naam en accountnaam 'J. van der Kwast': voorletter en achternaam op een tikfout na komen overeen, een van \
             beide zonder tussenvoegsel; de achternaam is zeldzaam; woont in Zwolle; er passen nog 2 andere klanten"
        );
        assert_eq!(
            name().in_words(Language::English),
            "name and handle 'J. van der Kwast': initial and surname but for a slip agree, one without particle; \
             surname is rare; lives in Zwolle; 2 other customers fit"
        );
    }

    #[test]
    fn every_likeness_survives_the_store_and_an_old_sentence_is_one() {
        let keys = vec![KeyKind::Handle, KeyKind::Email];
        for likeness in [
            name(),
            Likeness::OnlyOne { keys },
            Likeness::Contested { key: KeyKind::Number },
            Likeness::Shared { key: KeyKind::Phone, customers: 3 },
        ] {
            let stored = serde_json::to_string(&likeness).unwrap();
            assert_eq!(Likeness::from_stored(&stored), likeness, "{stored}");
            assert_ne!(likeness.in_words(Language::Dutch), likeness.in_words(Language::English));
        }
        let old = "handle on file: no other customer fits";
        assert_eq!(Likeness::from_stored(old), Likeness::from(old));
    }
}
