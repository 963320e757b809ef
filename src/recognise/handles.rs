//! Names inside handles: "joostvdkwast", "q_eijssel_nl", "puigmirte".
//!
//! Nothing tells where a given name ends. So a handle is read in all ways for looking up ([`Handle::splits`]), and each
//! contact that was found is asked whether the handle can be made from its name ([`Handle::agreement`]).

use super::call_names::{are_call_names, baptismal_names};
use super::compare::{Agreement, Given, Particles, Surname};
use super::lists::{HANDLE_PREFIXES, HANDLE_SUFFIXES, JOINED_PARTICLES};
use super::names::{Name, Part};
use crate::text;

/// Longer handles are no names.
const LETTERS_MAX: usize = 32;
/// Fewer letters than this identify nobody.
const LETTERS_MIN: usize = 4;

/// A handle, reduced to letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Handle {
    /// Ways to read it: as it is, without domain, without "official", "_nl", "rep".
    pub forms: Vec<String>,
    /// Readings without a first or last word ("annabakker_fotografie"): they count only with a given name in them.
    pub pieces: Vec<String>,
    /// The words in it, where separators or capitals tell them apart.
    pub words: Vec<String>,
}

/// What a handle may be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// A given name, or an initial when it is one letter.
    pub given: String,
    /// The stem of a surname.
    pub stem: String,
}

impl Handle {
    /// Reads a handle as a network writes it, with or without `@` and server.
    pub(super) fn parse(raw: &str) -> Handle {
        let local = raw.trim().trim_start_matches('@').split('@').next().unwrap_or_default();
        let local: String = local.chars().take(2 * LETTERS_MAX).collect();
        let mut forms = Vec::new();
        let whole = words(&local);
        add_forms(&mut forms, &whole.concat());
        // Networks with domains for handles: the name is in the first label.
        if let Some((label, domain)) = local.split_once('.')
            && domain.chars().any(char::is_alphabetic)
        {
            add_forms(&mut forms, &words(label).concat());
        }
        let mut pieces = Vec::new();
        if let [_, middle @ .., last] = &whole[..] {
            add_forms(&mut pieces, &whole[..whole.len() - 1].concat());
            add_forms(&mut pieces, &(middle.concat() + last.as_str()));
            add_forms(&mut pieces, &middle.concat());
        }
        pieces.retain(|piece| !forms.contains(piece));
        Handle { forms, pieces, words: whole }
    }

    /// All ways to read the handle as a given name and a surname, in either order, with and without particles.
    pub(super) fn splits(&self) -> Vec<Split> {
        let mut splits = Vec::new();
        for form in self.forms.iter().chain(&self.pieces) {
            let ends: Vec<usize> = form.char_indices().map(|(at, _)| at).skip(1).collect();
            for at in ends {
                let (left, right) = form.split_at(at);
                add_splits(&mut splits, left, right);
                add_splits(&mut splits, right, left);
            }
        }
        splits
    }

    /// How the handle can be made from a contact's name; the best way of all.
    pub(super) fn agreement(&self, contact: &Name) -> Option<Agreement> {
        let surnames = surname_forms(contact);
        let mut best: Option<Agreement> = None;
        let forms = self.forms.iter().map(|form| (form, Given::Missing));
        let pieces = self.pieces.iter().map(|piece| (piece, Given::Initials));
        for (form, given_at_least) in forms.chain(pieces) {
            for (written, surname, particles) in &surnames {
                let rests = [form.strip_prefix(written.as_str()), form.strip_suffix(written.as_str())];
                for given in rests.into_iter().flatten().filter_map(|rest| of_rest(rest, contact)) {
                    let found = Agreement { surname: *surname, particles: *particles, given };
                    let given_at_least = match surname {
                        Surname::Abbreviated => given_at_least.min(Given::CallName),
                        Surname::Same | Surname::Part | Surname::Sound | Surname::Near(_) => given_at_least,
                    };
                    let names_too_little = given > given_at_least;
                    if !names_too_little
                        && best.is_none_or(|best| (found.given, found.surname) < (best.given, best.surname))
                    {
                        best = Some(found);
                    }
                }
            }
        }
        best
    }
}

fn words(raw: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_small = false;
    let mut starts = true;
    for character in raw.chars() {
        if !character.is_alphabetic() {
            starts = true;
            continue;
        }
        starts = starts || after_small && character.is_uppercase();
        after_small = character.is_lowercase();
        let folded = text::fold(character.encode_utf8(&mut [0; 4]));
        match words.last_mut().filter(|_| !starts) {
            Some(word) => word.push_str(&folded),
            None => words.push(folded),
        }
        starts = false;
    }
    words
}

fn add_forms(forms: &mut Vec<String>, letters: &str) {
    if !(LETTERS_MIN..=LETTERS_MAX).contains(&letters.chars().count()) {
        return;
    }
    let front = HANDLE_PREFIXES.iter().find_map(|prefix| letters.strip_prefix(prefix)).unwrap_or(letters);
    let plain = [letters, front]
        .map(|form| HANDLE_SUFFIXES.iter().find_map(|suffix| form.strip_suffix(suffix)).unwrap_or(form));
    // The plainest first, because looking up is bounded.
    for form in [plain[1], front, plain[0], letters] {
        if form.chars().count() >= LETTERS_MIN && !forms.iter().any(|known| known == form) {
            forms.push(form.to_owned());
        }
    }
}

fn add_splits(splits: &mut Vec<Split>, given: &str, surname: &str) {
    let stripped = JOINED_PARTICLES.iter().filter_map(|particle| surname.strip_prefix(particle));
    for stem in std::iter::once(surname).chain(stripped) {
        // A single letter is a surname only after particles ("vdm"), and only with a given name.
        let is_enough = match (given.chars().count(), stem.chars().count()) {
            (_, 0) => false,
            (given, 1) => given >= 3 && stem.len() < surname.len(),
            (given, 2) => given >= 3,
            _ => true,
        };
        let split = Split { given: given.to_owned(), stem: stem.to_owned() };
        if is_enough && !splits.contains(&split) {
            splits.push(split);
        }
    }
}

/// The ways to write a contact's surname in a handle.
fn surname_forms(contact: &Name) -> Vec<(String, Surname, Particles)> {
    let mut forms: Vec<(String, Surname, Particles)> = Vec::new();
    let Some(first) = contact.surname.first() else { return forms };
    let stems = contact.stems();
    if contact.is_abbreviated() {
        return forms;
    }
    push_with_particles(&mut forms, first, &stems, Surname::Same);
    if contact.surname.len() > 1 {
        let whole: String =
            contact.surname.iter().map(|part| part.particles.concat() + part.stem.as_str()).collect();
        forms.push((whole, Surname::Same, Particles::None));
        for part in &contact.surname {
            push_with_particles(&mut forms, part, &part.stem, Surname::Part);
        }
    }
    if let Some(letter) = first.stem.chars().next()
        && !first.particles.is_empty()
    {
        let letter = letter.to_string();
        forms.push((first.particle_initials() + &letter, Surname::Abbreviated, Particles::Same));
        forms.push((first.particles.concat() + &letter, Surname::Abbreviated, Particles::Same));
    }
    forms
}

fn push_with_particles(
    forms: &mut Vec<(String, Surname, Particles)>,
    part: &Part,
    stem: &str,
    level: Surname,
) {
    if stem.chars().count() < 2 {
        return;
    }
    // Handles leave particles out as a habit: that says nothing against a contact.
    forms.push((stem.to_owned(), level, Particles::None));
    if !part.particles.is_empty() {
        forms.push((part.particles.concat() + stem, level, Particles::Same));
        forms.push((part.particle_initials() + stem, level, Particles::Same));
        let first: String = part.particle_initials().chars().take(1).collect();
        forms.push((first + stem, level, Particles::Same));
    }
}

/// What is left of a handle beside the surname, read as given names.
fn of_rest(rest: &str, contact: &Name) -> Option<Given> {
    if rest.is_empty() {
        return Some(Given::Missing);
    }
    let letters = rest.chars().count();
    let initials: String = contact.initials.iter().collect();
    if let Some(given) = contact.given.first() {
        let all = contact.given.concat() + &contact.middle.concat();
        let seconds: String = contact.initials.iter().skip(contact.given.len()).collect();
        let with_seconds =
            rest.strip_prefix(given.as_str()).is_some_and(|more| !more.is_empty() && more == seconds);
        if letters > 1 && (with_seconds || rest == all && rest != given) {
            return Some(Given::SameAll);
        }
        if letters > 1 && (rest == given || rest == contact.given.concat()) {
            return Some(Given::Same);
        }
        if are_call_names(rest, given) || contact.middle.iter().any(|name| name == rest) {
            return Some(Given::CallName);
        }
    } else if letters > 2 && contact.initials.first() == rest.chars().next().as_ref() {
        // The register has an initial, the handle a name: "joostvdkwast" and "J. van der Kwast".
        return Some(Given::Initial);
    }
    let is_baptismal = contact
        .given
        .first()
        .is_some_and(|given| baptismal_names(given).iter().any(|name| name.starts_with(rest)));
    match letters {
        2.. if initials == rest => Some(Given::Initials),
        1 if initials.starts_with(rest) => Some(Given::Initial),
        // The register often has one initial of several: "jhbakker" and "Jacob Bakker".
        2 if contact.initials.len() == 1 && rest.starts_with(initials.as_str()) => Some(Given::Initial),
        1 if is_baptismal => Some(Given::Beginning),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made_from(handle: &str, contact: &str) -> Option<(Surname, Given)> {
        let found = Handle::parse(handle).agreement(&Name::parse(contact)?)?;
        Some((found.surname, found.given))
    }

    #[test]
    fn handles_are_traced_to_names() {
        for (handle, contact, surname, given) in [
            ("joostvdkwast@sociaal.example", "Joost van der Kwast", Surname::Same, Given::Same),
            ("@joostvdkwast@sociaal.example", "J. van der Kwast", Surname::Same, Given::Initial),
            ("joostvanderkwast.example", "J. van der Kwast", Surname::Same, Given::Initial),
            ("Joost_van_der_Kwast1963", "Joost van der Kwast", Surname::Same, Given::Same),
            ("gijsvdm", "Gijs van der Meer", Surname::Abbreviated, Given::Same),
            ("puigmirte", "Mirte Puig", Surname::Same, Given::Same),
            ("aeijej31", "Jasper Aeije", Surname::Same, Given::Initial),
            ("q_eijsselofficial", "Quinty van den Eijssel", Surname::Same, Given::Initial),
            ("hannavwickerode36", "Hanna van Wickerode", Surname::Same, Given::Same),
            ("dylano.meulenheymans", "Dylano van der Meulen-Heymans", Surname::Same, Given::Same),
            ("djterhorst", "Dirk Jan ter Horst", Surname::Same, Given::Initials),
            ("keesjansen", "Cornelis Jansen", Surname::Same, Given::CallName),
            ("RepBalderson", "Troy Balderson", Surname::Same, Given::Missing),
            ("zoehartmans", "Zoë Hartmans", Surname::Same, Given::Same),
            ("annabakker_fotografie", "Anna Bakker", Surname::Same, Given::Same),
            ("jhbakker", "Jacob Bakker", Surname::Same, Given::Initial),
            ("bennie_g_bakker", "Bennie G. Bakker", Surname::Same, Given::SameAll),
        ] {
            assert_eq!(made_from(handle, contact), Some((surname, given)), "{handle} and {contact}");
        }
    }

    #[test]
    fn other_handles_are_traced_to_nobody() {
        for (handle, contact) in [
            ("jos", "Jos Os"),
            ("vdk", "Joost van der Kwast"),
            ("mopperkont421", "Mo Kont"),
            ("sannekoster", "Sanne Bakker"),
            ("pkwast", "Joost van der Kwast"),
            ("joost", "Joost van der Kwast"),
            ("kees_bakker", "Anna Bakker"),
            ("bakker_kees_nl", "Anna Bakker"),
        ] {
            assert_eq!(made_from(handle, contact), None, "{handle} and {contact}");
        }
    }

    proptest! {
        #[test]
        fn any_handle_can_be_read(raw in "\\PC{0,80}|[a-zA-Z0-9_.@ßİ\u{301}-]{0,80}", contact in "\\PC{0,40}") {
            let handle = Handle::parse(&raw);
            prop_assert!(handle.splits().len() < 4000);
            if let Some(name) = Name::parse(&contact) {
                handle.agreement(&name);
            }
        }
    }
}
