//! Who is behind a mention: is this person in our register? Pure.
//!
//! In order of certainty: a reference in the text; a handle the customer gave us; an e-mail address or phone number;
//! then the name, with Dutch particles, initials and diacritics. Only certain links act; probable ones are proposed.
//!
//! - `exact` judges exact evidence.
//! - `words`, `names`, `handles` and `places` read what an author tells; `lists` and `call_names` hold what we know by heart.
//! - `keys` makes the keys that bring candidates.
//! - `compare` says how far two names agree, `score` what that is worth, [`Likeness`] why, for people to read.
//!
//! Start with [`recognise`]. Judged is the account, not the text: a signature under a post is not read.

mod call_names;
mod compare;
mod exact;
mod handles;
mod keys;
mod likeness;
mod lists;
mod names;
mod places;
mod score;
mod words;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use compare::Agreement;
use handles::Handle;
pub use likeness::{Likeness, NameLikeness};
use names::Name;
use places::{Place, Places};
use score::{Crowd, Fit, SeenOn};

use crate::assess::Assessment;
use crate::mention::Mention;
use crate::register::{Contact, ContactKey, StoredContact};

/// At most so many others are listed beside a person.
const OTHERS_MAX: usize = 5;
/// At most so many are ranked for a person who looks a name up.
const RANKED_MAX: usize = 50;
/// Handles beyond so many of one contact are not looked up: a CRM field may hold anything.
const HANDLES_MAX: usize = 16;

/// A person that a mention's author may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Row id of the contact.
    pub contact_id: String,
    /// How sure we are.
    pub certainty: Certainty,
    /// What the link rests on.
    pub provenance: Provenance,
    /// How likely it is, 0 to 1.
    pub probability: f64,
    /// Why.
    pub evidence: Likeness,
}

/// How sure we are of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Enough to act on.
    Certain,
    /// Proposed to staff.
    Probable,
}

impl Certainty {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Certainty::Certain => "certain",
            Certainty::Probable => "probable",
        }
    }
}

/// What a link rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// A customer or ticket number in the text.
    Reference,
    /// A handle the customer gave us.
    Handle,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The name.
    Name,
    /// A colleague said so.
    Staff,
}

impl Provenance {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Provenance::Reference => "reference",
            Provenance::Handle => "handle",
            Provenance::Email => "email",
            Provenance::Phone => "phone",
            Provenance::Name => "name",
            Provenance::Staff => "staff",
        }
    }
}

/// Who it is, and who else it might be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    /// The one person it is or probably is.
    pub person: Option<Person>,
    /// Others that fit, the likeliest first; at most five.
    pub others: Vec<Person>,
}

/// All keys under which a contact can be found: what is exact, and at most twelve keys of the name.
pub fn keys_of_contact(contact: &Contact) -> Vec<ContactKey> {
    let mut keys = Vec::new();
    keys.extend(contact.customer_number.as_deref().and_then(ContactKey::number));
    keys.extend(contact.email.as_deref().and_then(ContactKey::email));
    keys.extend(contact.phone.as_deref().and_then(ContactKey::phone));
    keys.extend(
        contact
            .handles
            .iter()
            .take(HANDLES_MAX)
            .filter_map(|pair| pair.split_once(':'))
            .filter_map(|(network, handle)| ContactKey::handle(network, handle)),
    );
    keys.extend(Name::parse(&contact.name).map(Name::or_surname).iter().flat_map(keys::of_contact));
    keys
}

/// The keys to look a mention's author up by. `network` is what the register calls the source's network.
pub fn keys_of_mention(mention: &Mention, network: &str, assessment: &Assessment) -> Vec<ContactKey> {
    let mut found = exact::keys(mention, network, assessment);
    let author = Author::of(mention);
    found.extend(keys::of_author(author.name.as_ref(), &author.handle));
    found
}

/// The keys to look a name up by, for `gehoord who NAME`. A word alone is taken for a surname.
pub fn keys_of_name(name: &str) -> Vec<ContactKey> {
    Name::parse(name).map(Name::or_surname).iter().flat_map(keys::of_name).collect()
}

/// Chooses among the contacts that share a key with the mention.
///
/// Exact evidence comes first and is certain where it points to one contact. A name is never more than probable: anybody
/// may call themselves anything. A name that fits several contacts names nobody, and they are the others.
pub fn recognise(
    mention: &Mention,
    network: &str,
    assessment: &Assessment,
    candidates: &[(ContactKey, StoredContact)],
) -> Recognition {
    if let Some(exact) = exact::recognise(&exact::keys(mention, network, assessment), candidates) {
        return exact;
    }
    let mut persons = by_name(&Author::of(mention), candidates.iter().map(|(_, stored)| stored));
    persons.retain(|person| person.probability >= score::WORTH_A_LOOK);
    let is_clear = persons.first().is_some_and(|best| best.probability >= score::CLEAR);
    let person = is_clear.then(|| persons.remove(0));
    persons.truncate(OTHERS_MAX);
    Recognition { person, others: persons }
}

/// How well a written name fits contacts, the best first, for `gehoord who NAME`.
pub fn rank_by_name(name: &str, candidates: &[StoredContact]) -> Vec<Person> {
    let Some(name) = Name::parse(name).map(Name::or_surname) else { return Vec::new() };
    let mut persons = by_name(&Author { name: Some(name), ..Author::default() }, candidates.iter());
    persons.truncate(RANKED_MAX);
    persons
}

/// What an author tells about who they are.
#[derive(Debug, Default)]
struct Author {
    /// The display name, when it has a surname.
    name: Option<Name>,
    /// The display name, when it is a first name only.
    first: Option<Name>,
    handle: Handle,
    places: Places,
}

impl Author {
    fn of(mention: &Mention) -> Author {
        let shown = mention.author.display_name.as_deref().unwrap_or_default();
        let (name, first) = match Name::parse(shown) {
            Some(name) if name.surname.is_empty() => (None, Some(name)),
            other => (other, None),
        };
        let mut handle = Handle::parse(mention.author.handle.as_deref().unwrap_or_default());
        // A display name in one word is often the handle of another network.
        if name.is_none() && !shown.trim().contains(' ') {
            handle.forms.extend(Handle::parse(shown).forms);
            handle.forms.dedup();
        }
        let places = Places::of(mention, &handle);
        Author { name, first, handle, places }
    }

    /// How a contact fits, before weighing.
    fn agreement(&self, contact: &Name) -> Option<(Agreement, SeenOn)> {
        let by_handle = self.handle.agreement(contact);
        if let Some(name) = &self.name {
            return match (compare::of_names(name, contact), by_handle) {
                (Some(by_name), Some(by_handle)) => Some((by_name.with(by_handle), SeenOn::Both)),
                (Some(by_name), None) => Some((by_name, SeenOn::Name)),
                (None, by_handle) => by_handle.map(|found| (found, SeenOn::HandleOnly)),
            };
        }
        let by_handle = by_handle?;
        let Some(first) = &self.first else { return Some((by_handle, SeenOn::Handle)) };
        Some(match compare::of_given(first, contact) {
            Some(given) => (by_handle.with(Agreement { given, ..by_handle }), SeenOn::Handle),
            None => (by_handle, SeenOn::HandleOnly),
        })
    }
}

/// Contacts whose names fit an author, the likeliest first. A contact found by several keys counts once.
fn by_name<'a>(author: &Author, candidates: impl Iterator<Item = &'a StoredContact>) -> Vec<Person> {
    let mut seen = HashSet::new();
    let candidates: Vec<(&StoredContact, Name)> = candidates
        .filter(|stored| seen.insert(stored.id.as_str()))
        .filter_map(|stored| Some((stored, Name::parse(&stored.contact.name)?.or_surname())))
        .collect();
    let crowd = Crowd::of(candidates.iter().map(|(_, name)| name));
    let fits: Vec<(&StoredContact, Fit)> = candidates
        .iter()
        .filter_map(|(stored, name)| {
            let (agreement, seen_on) = author.agreement(name)?;
            let place =
                stored.contact.city.as_deref().map_or(Place::Unknown, |city| author.places.agreement(city));
            Some((*stored, crowd.weigh(agreement, author.name.as_ref(), name, seen_on, place)))
        })
        .collect();
    let probabilities = score::probabilities(fits.iter().map(|(_, fit)| fit.weight));
    let mut fits: Vec<((&StoredContact, Fit), f64)> = fits.into_iter().zip(probabilities).collect();
    fits.sort_by(|(one, p), (other, q)| q.total_cmp(p).then_with(|| one.0.id.cmp(&other.0.id)));
    let best = fits.first().map_or(0.0, |(_, probability)| *probability);
    let rivals = fits.iter().filter(|(_, probability)| *probability >= best * score::WORTH_A_LOOK).count();
    let others = rivals.saturating_sub(1);
    fits.into_iter()
        .map(|((stored, fit), probability)| Person {
            contact_id: stored.id.clone(),
            certainty: Certainty::Probable,
            provenance: Provenance::Name,
            probability,
            evidence: fit.likeness(&stored.contact, others),
        })
        .collect()
}

#[cfg(test)]
mod tests;
