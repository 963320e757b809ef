//! Keys to find contacts by: two names of one person share at least one, and few others share it.
//!
//! A key holds a scheme and folded pieces: `n` given name and surname, `i` initial and surname, `s` a surname that few
//! share, `h` and `t` given name with head or tail of the surname (for misspelt ones), `g` given name and first letter
//! ("Sanne B."), `a` initial, particles and first letter ("Y. van 't H."). Surnames stand without particles, by sound.

use super::call_names::baptismal_names;
use super::handles::Handle;
use super::lists::sounds_common;
use super::names::{Name, sound};
use crate::register::{ContactKey, KeyKind};

/// At most so many name keys are kept of a contact: registers hold a million of them.
pub(super) const KEYS_OF_CONTACT_MAX: usize = 12;
/// At most so many name keys are looked up for one author; a handle can be read in many ways.
const KEYS_OF_AUTHOR_MAX: usize = 160;
/// Baptismal names under which a contact with a call name is also kept.
const BAPTISMAL_NAMES_MAX: usize = 2;

/// The keys under which a contact's name is kept.
pub(super) fn of_contact(name: &Name) -> Vec<ContactKey> {
    let mut keys = Keys::default();
    let stems = stems(name);
    let given = name.given.first().map(String::as_str);
    if let Some(whole) = stems.first() {
        keys.add_surname(name, whole);
        for stem in &stems {
            keys.add_full(name, given, stem);
        }
        if let Some(given) = given {
            keys.add_letter(given, name);
            keys.add_ends(given, whole);
        }
        keys.add_abbreviated(name);
        for stem in stems.iter().skip(1) {
            keys.add_surname(name, stem);
        }
        for baptismal in given.map(baptismal_names).unwrap_or_default().iter().take(BAPTISMAL_NAMES_MAX) {
            keys.add('n', &[baptismal, whole]);
        }
    }
    keys.cut_to(KEYS_OF_CONTACT_MAX)
}

/// The keys to look a written name up by.
pub(super) fn of_name(name: &Name) -> Vec<ContactKey> {
    let mut keys = Keys::default();
    keys.add_author_name(name);
    keys.cut_to(KEYS_OF_AUTHOR_MAX)
}

/// The keys to look an author up by, from display name and handle.
pub(super) fn of_author(name: Option<&Name>, handle: &Handle) -> Vec<ContactKey> {
    let mut keys = Keys::default();
    if let Some(name) = name {
        keys.add_author_name(name);
    }
    if handle.words.len() > 1
        && let Some(spoken) = Name::parse(&handle.words.join(" "))
    {
        keys.add_author_name(&spoken);
    }
    for form in &handle.forms {
        keys.add_rare(&sound(form));
    }
    for split in handle.splits() {
        let stem = sound(&split.stem);
        if split.given.chars().count() == 1 {
            keys.add('i', &[&split.given, &stem]);
        } else if split.stem.chars().count() == 1 {
            keys.add('g', &[&split.given, &stem]);
        } else {
            for given in with_baptismal(&split.given) {
                keys.add('n', &[given, &stem]);
            }
            // "djterhorst", and "joostvdkwast" where the register has "J.".
            if let Some(initial) = split.given.chars().next() {
                keys.add('i', &[initial.encode_utf8(&mut [0; 4]), &stem]);
            }
        }
        if split.stem.chars().count() >= 5 {
            keys.add_rare(&stem);
        }
    }
    keys.cut_to(KEYS_OF_AUTHOR_MAX)
}

/// The surname by sound: the whole first, then the parts of a double one.
fn stems(name: &Name) -> Vec<String> {
    let whole = sound(&name.stems());
    let mut stems: Vec<String> = Vec::new();
    if !whole.is_empty() {
        stems.push(whole);
    }
    if name.surname.len() > 1 {
        stems.extend(name.surname.iter().map(|part| sound(&part.stem)));
    }
    stems
}

fn with_baptismal(given: &str) -> impl Iterator<Item = &str> {
    std::iter::once(given).chain(baptismal_names(given).iter().copied())
}

#[derive(Default)]
struct Keys(Vec<ContactKey>);

impl Keys {
    fn add(&mut self, scheme: char, pieces: &[&str]) {
        let value = format!("{scheme}:{}", pieces.join("|"));
        let key = ContactKey { kind: KeyKind::Name, value };
        if !self.0.contains(&key) {
            self.0.push(key);
        }
    }

    fn add_author_name(&mut self, name: &Name) {
        let given = name.given.first().map(String::as_str);
        self.add_abbreviated(name);
        if name.is_abbreviated() {
            for given in given.into_iter().flat_map(with_baptismal) {
                self.add_letter(given, name);
            }
            return;
        }
        let mut stems = stems(name);
        if let Some(whole) = stems.first() {
            self.add_surname(name, whole);
            for given in given.into_iter().flat_map(with_baptismal) {
                self.add_ends(given, whole);
            }
        }
        // A word between may be half of a double surname, or the call name.
        stems.extend(name.middle.iter().map(|word| sound(word)));
        for stem in &stems {
            self.add_full(name, None, stem);
            for given in
                given.into_iter().flat_map(with_baptismal).chain(name.middle.iter().map(String::as_str))
            {
                self.add('n', &[given, stem]);
            }
            self.add_rare(stem);
        }
    }

    fn add_full(&mut self, name: &Name, given: Option<&str>, stem: &str) {
        if let Some(given) = given {
            self.add('n', &[given, stem]);
        }
        if let Some(initial) = name.initials.first() {
            self.add('i', &[initial.encode_utf8(&mut [0; 4]), stem]);
        }
    }

    /// A surname alone: only where it is telling, or all there is.
    fn add_surname(&mut self, name: &Name, stem: &str) {
        if name.initials.is_empty() {
            self.add('s', &[stem]);
        } else {
            self.add_rare(stem);
        }
    }

    fn add_rare(&mut self, stem: &str) {
        if stem.chars().count() >= 3 && !sounds_common(stem) {
            self.add('s', &[stem]);
        }
    }

    fn add_letter(&mut self, given: &str, name: &Name) {
        for part in &name.surname {
            if let Some(letter) = part.stem.get(..part.stem.chars().next().map_or(0, char::len_utf8)) {
                self.add('g', &[given, &sound(letter)]);
            }
        }
    }

    fn add_ends(&mut self, given: &str, stem: &str) {
        let letters = stem.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        if letters.len() >= 3 {
            self.add('h', &[given, &stem[..letters[2]]]);
            self.add('t', &[given, &stem[letters[letters.len() - 3]..]]);
        }
    }

    fn add_abbreviated(&mut self, name: &Name) {
        let Some(part) = name.surname.first().filter(|part| !part.particles.is_empty()) else { return };
        let (Some(initial), Some(letter)) = (name.initials.first(), part.stem.chars().next()) else { return };
        self.add('a', &[&initial.to_string(), &part.particle_initials(), &sound(&letter.to_string())]);
    }

    fn cut_to(mut self, keys_max: usize) -> Vec<ContactKey> {
        self.0.truncate(keys_max);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meet(author: &str, handle: &str, contact: &str) -> bool {
        let name = Name::parse(author);
        let keys = of_author(name.as_ref(), &Handle::parse(handle));
        of_contact(&Name::parse(contact).unwrap()).iter().any(|key| keys.contains(key))
    }

    #[test]
    fn two_names_of_one_person_share_a_key() {
        for (author, handle, contact) in [
            ("Joost van der Kwast", "", "J. van der Kwast"),
            ("Youp van 't H.", "", "Y. van 't Hek"),
            ("Sofia S.", "", "Sofia Sarneel"),
            ("Kees Jansen", "", "Cornelis Jansen"),
            ("Hanneke Schouten", "", "Johanna Schouten"),
            ("Ashley Breek", "", "Ashley Broek"),
            ("Milan Kolsster", "", "Milan Kolster"),
            ("Samuel Breukelveen-Thatcher", "", "Samuel Thatcher"),
            ("Marijn Niermann-Pieters van der Maes", "", "Marijn Pieters van der Maes"),
            ("Tours, Ben van", "", "Ben van Tours"),
            ("", "joostvdkwast", "J. van der Kwast"),
            ("", "puigmirte", "Mirte Puig"),
            ("", "aeijej31", "Jasper Aeije"),
            ("", "gijsvdm", "Gijs van der Meer"),
            ("", "djterhorst", "Dirk Jan ter Horst"),
            ("", "RepBalderson", "Troy Balderson"),
        ] {
            assert!(meet(author, handle, contact), "{author} {handle} and {contact}");
        }
    }

    #[test]
    fn a_common_surname_alone_is_no_key() {
        assert!(!meet("Piet de Vries", "", "Anna de Vries"));
        assert!(!meet("Jan B.", "", "J. Bakker"));
    }

    proptest! {
        #[test]
        fn a_contact_is_found_by_its_own_name(
            given in "[A-Z][a-zéëü]{0,9}",
            particles in "( van| van der| de| ten| 't)?",
            surname in "[A-Z][a-zéëü]{1,12}(-[A-Z][a-z]{1,9})?",
        ) {
            let name = Name::parse(&format!("{given}{particles} {surname}"));
            // "Ma" and "Ii" are a degree and a number, not surnames.
            if let Some(name) = name.filter(|name| !name.surname.is_empty()) {
                let (kept, asked) = (of_contact(&name), of_name(&name));
                prop_assert!(kept.iter().any(|key| asked.contains(key)), "{:?} {:?}", kept, asked);
                prop_assert!(kept.len() <= KEYS_OF_CONTACT_MAX);
                prop_assert_eq!(&kept, &of_contact(&name));
            }
        }

        #[test]
        fn keys_are_bounded_for_anything(author in "\\PC{0,60}", handle in "[a-z]{0,60}|\\PC{0,60}") {
            let keys = of_author(Name::parse(&author).as_ref(), &Handle::parse(&handle));
            prop_assert!(keys.len() <= KEYS_OF_AUTHOR_MAX);
        }
    }
}
