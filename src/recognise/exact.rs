//! Exact evidence: a number, handle, address or phone number that belongs to one contact.

use std::collections::{BTreeMap, BTreeSet};

use super::{Certainty, Likeness, Person, Provenance, Recognition};
use crate::assess::{Assessment, ReferenceKind};
use crate::mention::Mention;
use crate::register::{ContactKey, KeyKind, StoredContact};

/// How likely a leader is when another exact key points to somebody else.
const CONTESTED: f64 = 0.7;

/// The exact keys of a mention: its references, and its handle on this network.
pub(super) fn keys(mention: &Mention, network: &str, assessment: &Assessment) -> Vec<ContactKey> {
    let handle = mention.author.handle.as_deref().and_then(|handle| ContactKey::handle(network, handle));
    let references = assessment.references.iter().filter_map(|reference| match reference.kind {
        ReferenceKind::Customer => ContactKey::number(&reference.value),
        ReferenceKind::Email => ContactKey::email(&reference.value),
        ReferenceKind::Phone => ContactKey::phone(&reference.value),
        ReferenceKind::Ticket | ReferenceKind::Order | ReferenceKind::Parcel => None,
    });
    let mut keys: Vec<ContactKey> = references.chain(handle).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Who the exact keys point to. `None` when they point to nobody.
///
/// The one contact that every sort of evidence allows is certain: a shared phone number does no harm beside an address of
/// one's own. Two contacts under one sort of key are both listed and neither is chosen. Where sorts contradict each other
/// the stronger one is proposed only: somebody may write for somebody else.
pub(super) fn recognise(
    keys: &[ContactKey],
    candidates: &[(ContactKey, StoredContact)],
) -> Option<Recognition> {
    let mut hits: BTreeMap<KeyKind, BTreeSet<&str>> = BTreeMap::new();
    for (key, stored) in candidates.iter().filter(|(key, _)| keys.contains(key)) {
        hits.entry(key.kind).or_default().insert(stored.id.as_str());
    }
    let (strongest, leaders) = hits.iter().next()?;
    let mut agreed = leaders.iter().filter(|id| hits.values().all(|contacts| contacts.contains(**id)));
    if let (Some(id), None) = (agreed.next(), agreed.next()) {
        let evidence = Likeness::OnlyOne { keys: hits.keys().copied().collect() };
        let person =
            Person { certainty: Certainty::Certain, ..person(id, *strongest, certain(*strongest), evidence) };
        return Some(Recognition { person: Some(person), others: Vec::new() });
    }
    let mut leader = None;
    let mut others: Vec<Person> = Vec::new();
    for (kind, contacts) in &hits {
        for id in contacts {
            if leader.is_none() && leaders.len() == 1 {
                let evidence = Likeness::Contested { key: *kind };
                leader = Some(person(id, *kind, CONTESTED, evidence));
            } else if !others.iter().chain(&leader).any(|known| known.contact_id == *id) {
                let evidence = Likeness::Shared { key: *kind, customers: contacts.len() };
                others.push(person(id, *kind, 0.0, evidence));
            }
        }
    }
    let left = if leader.is_some() { 1.0 - CONTESTED } else { 1.0 };
    let share = left / others.len() as f64;
    others.iter_mut().for_each(|other| other.probability = share);
    others.truncate(super::OTHERS_MAX);
    Some(Recognition { person: leader, others })
}

fn person(id: &str, kind: KeyKind, probability: f64, evidence: Likeness) -> Person {
    Person {
        contact_id: id.to_owned(),
        certainty: Certainty::Probable,
        provenance: provenance(kind),
        probability,
        evidence,
    }
}

fn provenance(kind: KeyKind) -> Provenance {
    match kind {
        KeyKind::Number => Provenance::Reference,
        KeyKind::Handle => Provenance::Handle,
        KeyKind::Email => Provenance::Email,
        KeyKind::Phone => Provenance::Phone,
        KeyKind::Name => Provenance::Name,
    }
}

/// Numbers are mistyped and households share a phone; a certain link is never quite 1.
fn certain(kind: KeyKind) -> f64 {
    match kind {
        KeyKind::Number | KeyKind::Handle => 0.99,
        KeyKind::Email => 0.98,
        KeyKind::Phone => 0.97,
        KeyKind::Name => 0.0,
    }
}
