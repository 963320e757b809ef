//! Who is behind a mention: is this person in our register? Pure.
//!
//! In order of certainty: a reference in the text; a handle the customer gave us; an e-mail address or phone number;
//! then the name, with Dutch particles, initials and diacritics. Only certain links act; probable ones are proposed.

use serde::{Deserialize, Serialize};

use crate::assess::Assessment;
use crate::mention::Mention;
use crate::register::{Contact, ContactKey, StoredContact};

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
    /// In words, for a person to read.
    pub evidence: String,
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

/// All keys under which a contact can be found.
pub fn keys_of_contact(contact: &Contact) -> Vec<ContactKey> {
    let mut keys = Vec::new();
    keys.extend(contact.customer_number.as_deref().and_then(ContactKey::number));
    keys.extend(contact.email.as_deref().and_then(ContactKey::email));
    keys.extend(contact.phone.as_deref().and_then(ContactKey::phone));
    keys.extend(
        contact
            .handles
            .iter()
            .filter_map(|pair| pair.split_once(':'))
            .filter_map(|(n, h)| ContactKey::handle(n, h)),
    );
    keys
}

/// The keys to look a mention's author up by. `network` is what the register calls the source's network.
pub fn keys_of_mention(mention: &Mention, network: &str, assessment: &Assessment) -> Vec<ContactKey> {
    let _ = assessment;
    mention
        .author
        .handle
        .as_deref()
        .and_then(|handle| ContactKey::handle(network, handle))
        .into_iter()
        .collect()
}

/// The keys to look a name up by, for `gehoord who NAME`.
pub fn keys_of_name(name: &str) -> Vec<ContactKey> {
    let _ = name;
    Vec::new()
}

/// Chooses among the contacts that share a key with the mention.
pub fn recognise(
    mention: &Mention,
    network: &str,
    assessment: &Assessment,
    candidates: &[(ContactKey, StoredContact)],
) -> Recognition {
    let _ = (mention, network, assessment, candidates);
    Recognition::default()
}

/// How well a written name fits contacts, the best first, for `gehoord who NAME`.
pub fn rank_by_name(name: &str, candidates: &[StoredContact]) -> Vec<Person> {
    let _ = (name, candidates);
    Vec::new()
}
