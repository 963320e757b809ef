//! How far two names agree, in levels that a person can read, without any weighing.
//!
//! [`of_names`] compares what an author calls themselves with what the register calls a contact.

use serde::{Deserialize, Serialize};

use super::call_names::{are_call_names, baptismal_names};
use super::names::{Name, Part, sound};

/// Agreement of surname and given names. Names that contradict each other have no agreement at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Of the surnames.
    pub surname: Surname,
    /// Of the words before the surname.
    pub particles: Particles,
    /// Of the given names.
    pub given: Given,
}

impl Agreement {
    /// The best of two agreements with the same contact, seen on the name and on the handle.
    pub(super) fn with(self, other: Agreement) -> Agreement {
        let (surname, particles) = if other.surname < self.surname {
            (other.surname, other.particles)
        } else {
            (self.surname, self.particles)
        };
        Agreement { surname, particles, given: self.given.min(other.given) }
    }
}

/// Agreement of two surnames, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surname {
    /// Letter by letter.
    Same,
    /// One of two surnames: "Terpstra" and "Terpstra-Hiemstra".
    Part,
    /// Another spelling of the same sound.
    Sound,
    /// That many letters apart.
    Near(u8),
    /// One is the beginning of the other: "H." and "Hek".
    Abbreviated,
}

/// Agreement of the words before two surnames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Particles {
    /// Both have none.
    None,
    /// The same words, or their first letters.
    Same,
    /// One has none.
    Missing,
    /// "van der" and "de".
    Different,
}

/// Agreement of two given names, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// Letter by letter, and the second given names too.
    SameAll,
    /// Letter by letter.
    Same,
    /// A call name and its baptismal name, or one of several given names.
    CallName,
    /// Two or more initials.
    Initials,
    /// Another spelling.
    Near,
    /// One initial.
    Initial,
    /// One is the beginning of the other, like Jan and Janneke: hardly more than an initial.
    Beginning,
    /// One of the names has none.
    Missing,
}

/// How far an author's name and a contact's name agree.
pub(super) fn of_names(author: &Name, contact: &Name) -> Option<Agreement> {
    let given = of_given(author, contact)?;
    let (surname, particles) = of_surnames(author, contact)?;
    Some(Agreement { surname, particles, given })
}

/// How far the given names agree; `None` when they are of different persons.
pub(super) fn of_given(author: &Name, contact: &Name) -> Option<Given> {
    if let ([one, ..], [other, ..]) = (&author.given[..], &contact.given[..]) {
        let same = one == other || author.given.concat() == contact.given.concat();
        if same {
            let seconds = shared(after_first(author), after_first(contact));
            return Some(if seconds > 0 { Given::SameAll } else { Given::Same });
        }
        return of_full_given(author, contact, one, other);
    }
    let (Some(one), Some(other)) = (author.initials.first(), contact.initials.first()) else {
        return Some(Given::Missing);
    };
    let call_names = |name: &Name| name.given.first().map_or(&[][..], |given| baptismal_names(given));
    let is_baptismal = call_names(author).iter().any(|name| name.starts_with(*other))
        || call_names(contact).iter().any(|name| name.starts_with(*one));
    match (one == other, shared(&author.initials, &contact.initials)) {
        (true, 2..) => Some(Given::Initials),
        // "J.P." and "J.M." are two persons, more likely than not.
        (true, _) if author.initials.len() > 1 && contact.initials.len() > 1 => None,
        (true, _) => Some(Given::Initial),
        (false, _) if is_baptismal => Some(Given::Beginning),
        (false, _) => None,
    }
}

fn after_first(name: &Name) -> &[char] {
    name.initials.get(1..).unwrap_or_default()
}

fn of_full_given(author: &Name, contact: &Name, one: &str, other: &str) -> Option<Given> {
    if are_call_names(one, other) {
        return Some(Given::CallName);
    }
    let is_second = |name: &str, all: &Name| all.given.iter().chain(&all.middle).any(|given| given == name);
    if is_second(one, contact) || is_second(other, author) {
        return Some(Given::CallName);
    }
    let shorter = one.chars().count().min(other.chars().count());
    let distance = strsim::osa_distance(one, other);
    // Short given names that differ in one letter are mostly two names: Lisa and Lina, Sem and Sam.
    let is_slip = match distance {
        1 => shorter >= 5 || shorter == 4 && is_swap(one, other),
        2 => shorter >= 8,
        _ => false,
    };
    let is_near = is_slip || shorter >= 4 && sounds_alike(one, other, distance);
    if is_near && one.chars().next().map(similar) == other.chars().next().map(similar) {
        return Some(Given::Near);
    }
    (shorter >= 3 && (one.starts_with(other) || other.starts_with(one))).then_some(Given::Beginning)
}

/// First letters that are written for each other.
fn similar(letter: char) -> char {
    match letter {
        'c' | 'k' | 'q' => 'k',
        's' | 'z' => 's',
        'y' | 'j' | 'i' => 'i',
        'f' | 'v' => 'f',
        other => other,
    }
}

fn is_swap(one: &str, other: &str) -> bool {
    one.chars().count() == other.chars().count() && strsim::levenshtein(one, other) == 2
}

/// How many initials agree from the start.
fn shared(one: &[char], other: &[char]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

fn of_surnames(author: &Name, contact: &Name) -> Option<(Surname, Particles)> {
    let (first, other) = (author.surname.first()?, contact.surname.first()?);
    let (stems, other_stems) = (author.stems(), contact.stems());
    let is_abbreviated = author.is_abbreviated() || contact.is_abbreviated();
    if !is_abbreviated {
        if stems == other_stems {
            return Some((Surname::Same, of_particles(first, other)));
        }
        if let Some(particles) = shared_part(author, contact) {
            return Some((Surname::Part, particles));
        }
        return of_spellings(&stems, &other_stems).map(|surname| (surname, of_particles(first, other)));
    }
    let particles = of_particles(first, other);
    let is_beginning = first.stem.starts_with(&other.stem) || other.stem.starts_with(&first.stem);
    let fits = matches!(particles, Particles::None | Particles::Same);
    (is_beginning && fits).then_some((Surname::Abbreviated, particles))
}

/// One surname of a double one, or one that we took for a middle name.
fn shared_part(author: &Name, contact: &Name) -> Option<Particles> {
    let pairs =
        || author.surname.iter().flat_map(|one| contact.surname.iter().map(move |other| (one, other)));
    let same = pairs().find(|(one, other)| one.stem == other.stem && one.stem.chars().count() > 1);
    if let Some((one, other)) = same {
        return Some(of_particles(one, other));
    }
    let in_middle =
        |name: &Name, other: &Name| other.surname.iter().any(|part| name.middle.contains(&part.stem));
    (in_middle(author, contact) || in_middle(contact, author)).then_some(Particles::None)
}

fn of_spellings(one: &str, other: &str) -> Option<Surname> {
    let shorter = one.chars().count().min(other.chars().count());
    let longer = one.chars().count().max(other.chars().count());
    let distance = strsim::osa_distance(one, other);
    if shorter >= 4 && sounds_alike(one, other, distance) {
        return Some(Surname::Sound);
    }
    match distance {
        1 if shorter >= 3 && longer >= 4 => Some(Surname::Near(1)),
        2 if shorter >= 6 => Some(Surname::Near(2)),
        _ => None,
    }
}

/// Spellings further apart than this are not tried for their sound, which would cost more than it finds.
const SOUND_DISTANCE_MAX: usize = 4;

fn sounds_alike(one: &str, other: &str, distance: usize) -> bool {
    distance <= SOUND_DISTANCE_MAX && sound(one) == sound(other)
}

fn of_particles(one: &Part, other: &Part) -> Particles {
    match (one.particles.is_empty(), other.particles.is_empty()) {
        (true, true) => Particles::None,
        (false, false) if are_same_particles(one, other) => Particles::Same,
        (false, false) => Particles::Different,
        _ => Particles::Missing,
    }
}

/// "van der", "v.d." and also "van den", which half of their bearers meet in letters to them.
fn are_same_particles(one: &Part, other: &Part) -> bool {
    let (mut ones, mut others) = (one.particle_initials(), other.particle_initials());
    // "v." alone stands for whatever follows.
    if ones == "v" && one.particles[0] == "v" || others == "v" && other.particles[0] == "v" {
        ones.truncate(1);
        others.truncate(1);
    }
    ones == others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(author: &str, contact: &str) -> Option<Agreement> {
        of_names(&Name::parse(author)?, &Name::parse(contact)?)
    }

    #[test]
    fn agreement_is_told_in_levels() {
        for (author, contact, surname, particles, given) in [
            ("Joost van der Kwast", "J. van der Kwast", Surname::Same, Particles::Same, Given::Initial),
            ("Youp van 't H.", "Y. van 't Hek", Surname::Abbreviated, Particles::Same, Given::Initial),
            ("Dirk Jan ter H.", "Dirk Jan ter Horst", Surname::Abbreviated, Particles::Same, Given::SameAll),
            ("D.J. ter Horst", "Dirk Jan ter Horst", Surname::Same, Particles::Same, Given::Initials),
            ("Kees Jansen", "Cornelis Jansen", Surname::Same, Particles::None, Given::CallName),
            ("C. Jansen", "Kees Jansen", Surname::Same, Particles::None, Given::Beginning),
            ("Henk Vermeulen", "Henk-Jan Vermeulen", Surname::Same, Particles::None, Given::Same),
            ("Jan ter Horst", "Dirk Jan ter Horst", Surname::Same, Particles::Same, Given::CallName),
            ("Lana Jong", "Lana de Jong", Surname::Same, Particles::Missing, Given::Same),
            ("David v.d. Veen", "David van der Veen", Surname::Same, Particles::Same, Given::Same),
            ("Nienke v. Beaumont", "Nienke van Beaumont", Surname::Same, Particles::Same, Given::Same),
            ("Lieke Jansen", "Lieke Janssen", Surname::Sound, Particles::None, Given::Same),
            ("Bas Kuypers", "Bas Kuijpers", Surname::Sound, Particles::None, Given::Same),
            ("Ashley Breek", "Ashley Broek", Surname::Near(1), Particles::None, Given::Same),
            ("Geertje Hiemstra", "Geertje Terpstra-Hiemstra", Surname::Part, Particles::None, Given::Same),
            ("Timo van Dalem-Lafleur", "Timo van Dalem", Surname::Part, Particles::Same, Given::Same),
            ("Marijn Niermann-Pieters", "Marijn Pieters", Surname::Part, Particles::None, Given::Same),
            ("Hek, Y. van 't", "Youp van 't Hek", Surname::Same, Particles::Same, Given::Initial),
            ("ZOE HARTMANS", "Zoë Hartmans", Surname::Same, Particles::None, Given::Same),
            ("Eduard Pinto", "Edward Pinto", Surname::Same, Particles::None, Given::Near),
        ] {
            assert_eq!(
                compared(author, contact),
                Some(Agreement { surname, particles, given }),
                "{author} and {contact}"
            );
        }
    }

    #[test]
    fn different_people_have_no_agreement() {
        for (author, contact) in [
            ("Maartje Bos", "Peter Bos"),
            ("J.P. Bakker", "J.M. Bakker"),
            ("Anna Visser", "Anna Vos"),
            ("Sanne", "Sanne ten Bokkel"),
            ("Ali van H.", "Ali Hamaland"),
            ("Youp van 't H.", "Youp van der Hek"),
            ("Sem Bos", "Sam Bos"),
        ] {
            assert_eq!(compared(author, contact), None, "{author} and {contact}");
        }
    }
}
