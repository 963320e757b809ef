//! Weighs agreement of names and places, and shares one probability among all contacts that fit and "nobody we know".
//!
//! Weights are natural logarithms of odds, as in probabilistic record linkage: how much more often two names of one person
//! agree so than names of two. Namesakes share the probability, so none of them is clear. Weights are ours, set on
//! generated Dutch names; they are coarse on purpose.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::call_names::baptismal_names;
use super::compare::{Agreement, Given, Particles, Surname};
use super::likeness::{Likeness, NameLikeness};
use super::lists::COMMON_SURNAMES;
use super::names::Name;
use super::places::Place;
use crate::register::Contact;

/// From here on a name points to one person clearly enough to propose that person.
pub(super) const CLEAR: f64 = 0.8;
/// Below this a contact is not worth a look.
pub(super) const WORTH_A_LOOK: f64 = 0.02;

/// The weight of "it is somebody we do not know".
const NOBODY: f64 = 5.0;
/// From so many candidates on a surname is not rare in the register, whatever the lists say.
const SHARED_BY: usize = 3;

/// What is known of a contact's fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// How the names agree.
    pub agreement: Agreement,
    /// What the agreement was seen on.
    pub seen_on: SeenOn,
    /// How the places agree.
    pub place: Place,
    /// How rare the surname is.
    pub rarity: Rarity,
    /// Log odds.
    pub weight: f64,
}

/// What an agreement was seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenOn {
    /// The display name, or a name that staff typed.
    Name,
    /// The handle.
    Handle,
    /// Both.
    Both,
    /// The handle, against a display name that says something else.
    HandleOnly,
}

/// How rare a surname is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rarity {
    /// Few have it.
    Rare,
    /// Several contacts here have it.
    Shared,
    /// Everybody knows one.
    Common,
}

/// What the candidates look like together.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    surnames: HashMap<String, usize>,
    given: HashMap<String, usize>,
}

impl Crowd {
    /// Counts the names of distinct contacts.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a Name>) -> Crowd {
        let mut crowd = Crowd::default();
        for name in names {
            *crowd.surnames.entry(name.stems()).or_default() += 1;
            for part in name.surname.iter().filter(|_| name.surname.len() > 1) {
                *crowd.surnames.entry(part.stem.clone()).or_default() += 1;
            }
            for given in name.given.iter().take(1) {
                *crowd.given.entry(given.clone()).or_default() += 1;
            }
        }
        crowd
    }

    /// A double surname is as rare as its whole, unless only a part agrees: then as its commonest part.
    fn rarity(&self, contact: &Name, agreed: Surname) -> Rarity {
        let stems: Vec<String> = match agreed {
            Surname::Part => contact.surname.iter().map(|part| part.stem.clone()).collect(),
            Surname::Same | Surname::Sound | Surname::Near(_) | Surname::Abbreviated => vec![contact.stems()],
        };
        let count = |stem: &String| self.surnames.get(stem).copied().unwrap_or_default();
        if stems.iter().any(|stem| COMMON_SURNAMES.contains(&stem.as_str())) {
            Rarity::Common
        } else if stems.iter().any(|stem| count(stem) >= SHARED_BY) {
            Rarity::Shared
        } else {
            Rarity::Rare
        }
    }

    /// A spelling that others bear is no slip of the pen.
    fn is_surname(&self, author: &Name) -> bool {
        let stems = author.stems();
        self.surnames.contains_key(&stems) || COMMON_SURNAMES.contains(&stems.as_str())
    }

    fn is_given(&self, author: &Name) -> bool {
        author
            .given
            .first()
            .is_some_and(|given| self.given.contains_key(given) || !baptismal_names(given).is_empty())
    }

    /// Weighs how an author fits a contact.
    pub(super) fn weigh(
        &self,
        agreement: Agreement,
        author: Option<&Name>,
        contact: &Name,
        seen_on: SeenOn,
        place: Place,
    ) -> Fit {
        let rarity = self.rarity(contact, agreement.surname);
        let mut weight =
            of_surname(agreement, rarity) + of_given(agreement.given) + of_place(place) + of_source(seen_on);
        if matches!(agreement.surname, Surname::Sound | Surname::Near(_))
            && author.is_some_and(|author| self.is_surname(author))
        {
            weight -= 3.0;
        }
        if agreement.given == Given::Near && author.is_some_and(|author| self.is_given(author)) {
            weight -= 2.5;
        }
        // Two slips in one name: rather another name.
        if agreement.given == Given::Near && agreement.surname != Surname::Same {
            weight -= 2.0;
        }
        Fit { agreement, seen_on, place, rarity, weight }
    }
}

fn of_surname(agreement: Agreement, rarity: Rarity) -> f64 {
    let whole = match rarity {
        Rarity::Rare => 6.0,
        Rarity::Shared => 5.3,
        Rarity::Common => 4.3,
    };
    let surname = match agreement.surname {
        Surname::Same => whole,
        Surname::Part => whole - 1.2,
        Surname::Sound => whole - 1.0,
        Surname::Near(1) => whole - 1.5,
        Surname::Near(_) => whole - 2.5,
        Surname::Abbreviated => 1.0,
    };
    let particles = match agreement.particles {
        Particles::Same if agreement.surname == Surname::Abbreviated => 1.3,
        Particles::Same | Particles::None => 0.0,
        Particles::Missing => -0.7,
        Particles::Different => -2.5,
    };
    surname + particles
}

fn of_given(given: Given) -> f64 {
    match given {
        Given::SameAll => 5.0,
        Given::Same => 4.0,
        Given::CallName => 3.0,
        Given::Near => 2.5,
        Given::Initials => 3.0,
        Given::Initial => 1.5,
        Given::Beginning => 0.5,
        Given::Missing => -1.0,
    }
}

fn of_place(place: Place) -> f64 {
    match place {
        Place::Lives => 2.5,
        Place::Named => 1.2,
        Place::Elsewhere => -6.0,
        Place::Unknown => 0.0,
    }
}

fn of_source(seen_on: SeenOn) -> f64 {
    match seen_on {
        SeenOn::Name => 0.0,
        SeenOn::Handle => -0.5,
        SeenOn::Both => 0.5,
        SeenOn::HandleOnly => -3.0,
    }
}

/// The probability of each, given that the author is one of them or nobody we know.
pub(super) fn probabilities(weights: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let total: f64 = NOBODY.exp() + weights.clone().map(f64::exp).sum::<f64>();
    weights.map(|weight| weight.exp() / total).collect()
}

impl Fit {
    /// Why the author may be this contact, whom `others` fit as well.
    pub(super) fn likeness(&self, contact: &Contact, others: usize) -> Likeness {
        Likeness::Name(NameLikeness {
            name: contact.name.clone(),
            seen_on: self.seen_on,
            agreement: self.agreement,
            rarity: self.rarity,
            place: self.place,
            city: contact.city.clone().filter(|_| self.place != Place::Unknown),
            others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::compare;

    fn weight(crowd: &[&str], author: &str, contact: &str, place: Place) -> f64 {
        let names: Vec<Name> = crowd.iter().filter_map(|name| Name::parse(name)).collect();
        let (author, contact) = (Name::parse(author).unwrap(), Name::parse(contact).unwrap());
        let agreement = compare::of_names(&author, &contact).unwrap();
        Crowd::of(names.iter()).weigh(agreement, Some(&author), &contact, SeenOn::Name, place).weight
    }

    #[test]
    fn closer_agreement_weighs_more() {
        let order = [
            ("Joost van der Kwast", "Joost van der Kwast"),
            ("J. van der Kwast", "Joost van der Kwast"),
            ("J. Kwast", "J. van der Kwast"),
            ("J. de Kwast", "J. van der Kwast"),
            ("J. van der K.", "Joost van der Kwast"),
        ];
        let weights = order.map(|(author, contact)| weight(&[], author, contact, Place::Unknown));
        assert!(weights.windows(2).all(|pair| pair[0] > pair[1]), "{weights:?}");
    }

    #[test]
    fn places_speak_for_and_against() {
        let at = |place| weight(&[], "Anna Zandvoort", "Anna Zandvoort", place);
        assert!(at(Place::Lives) > at(Place::Named) && at(Place::Named) > at(Place::Unknown));
        assert!(at(Place::Elsewhere) < NOBODY);
    }

    #[test]
    fn a_rare_surname_weighs_more_than_a_shared_or_common_one() {
        let crowd = ["Anna Zandvoort", "Bert Zandvoort", "Chris Zandvoort"];
        let rare = weight(&[], "A. Zandvoort", "A. Zandvoort", Place::Unknown);
        let shared = weight(&crowd, "A. Zandvoort", "A. Zandvoort", Place::Unknown);
        let common = weight(&[], "A. de Vries", "A. de Vries", Place::Unknown);
        assert!(rare > shared && shared > common);
    }

    #[test]
    fn a_spelling_that_others_bear_is_no_slip() {
        let slip = weight(&["Lieke Broek"], "Lieke Breek", "Lieke Broek", Place::Unknown);
        let other = weight(&["Lieke Broek", "Anna Breek"], "Lieke Breek", "Lieke Broek", Place::Unknown);
        assert!(slip - other > 2.0);
    }

    #[test]
    fn namesakes_share_and_nobody_keeps_a_share() {
        let one = probabilities([10.0].into_iter());
        let two = probabilities([10.0, 10.0].into_iter());
        assert!(one[0] > CLEAR && one[0] < 1.0);
        assert!(two[0] < 0.5 && two[0] > 0.4);
        assert!(probabilities(std::iter::empty()).is_empty());
    }
}
