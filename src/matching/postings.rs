//! Which documents hold which term, and how rare a term is.
//!
//! **Rarity is counted over problems, not over tickets.** A term's frequency is the number of problems and unlinked tickets
//! that hold it. Otherwise a thousand tickets about one invoice line would make the very words common that tell it apart.
//!
//! All sums are whole numbers, so that an index that was changed a thousand times scores exactly as one built afresh.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::terms::Key;

/// Fixed-point scale of logarithms.
const SCALE: f64 = 1024.0;
/// The least a term weighs: one that stands everywhere still says a little.
const WEIGHT_MIN: i32 = 51;

/// All terms of an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Postings {
    slots: HashMap<Key, u32, Mixed>,
    terms: Vec<Term>,
    held_by_problem: HashMap<u64, u32, Mixed>,
    groups: u32,
    groups_log: i32,
}

#[derive(Clone, Debug)]
struct Term {
    key: Key,
    documents: Vec<u32>,
    frequency: u32,
    frequency_log: i32,
}

/// The terms of one document, as slots in rising order, packed.
#[derive(Clone, Debug, Default)]
pub(super) struct TermList(Box<[u8]>);

impl Postings {
    /// Enters a document, whose number must be higher than all before it.
    pub(super) fn add(
        &mut self,
        document: u32,
        problem: Option<u32>,
        keys: impl Iterator<Item = Key>,
    ) -> TermList {
        let mut slots: Vec<u32> = keys.map(|key| self.slot_for(key)).collect();
        slots.sort_unstable();
        for slot in &slots {
            self.terms[*slot as usize].documents.push(document);
            self.change_frequency(*slot, problem, Change::Added);
        }
        TermList::pack(&slots)
    }

    /// Takes a document's terms out of the frequencies. Its number stays in the lists until they are built anew.
    pub(super) fn remove(&mut self, problem: Option<u32>, list: &TermList) {
        for slot in list.slots() {
            self.change_frequency(slot, problem, Change::Removed);
        }
    }

    /// Notes how many problems and unlinked tickets there are.
    pub(super) fn set_groups(&mut self, groups: u32) {
        self.groups = groups;
        self.groups_log = scaled_log(f64::from(groups) + 1.0);
    }

    /// The slot of a term that occurs or once occurred.
    pub(super) fn slot(&self, key: Key) -> Option<u32> {
        self.slots.get(&key).copied()
    }

    /// How many slots there are.
    pub(super) fn slots_len(&self) -> usize {
        self.terms.len()
    }

    /// The key in a slot.
    pub(super) fn key(&self, slot: u32) -> Key {
        self.terms[slot as usize].key
    }

    /// The documents that hold a term, removed ones among them, in rising order.
    pub(super) fn documents(&self, slot: u32) -> &[u32] {
        &self.terms[slot as usize].documents
    }

    /// How many problems and unlinked tickets hold a term.
    pub(super) fn frequency(&self, slot: Option<u32>) -> u32 {
        slot.map_or(0, |slot| self.terms[slot as usize].frequency)
    }

    /// How many problems and unlinked tickets there are.
    pub(super) fn groups(&self) -> u32 {
        self.groups
    }

    /// What a known term weighs: the rarer, the more.
    pub(super) fn weight(&self, slot: u32) -> u32 {
        let term = &self.terms[slot as usize];
        self.weight_at(term.frequency_log, term.key)
    }

    /// What a term weighs that may be unknown; an unknown one is as rare as can be.
    pub(super) fn weight_of(&self, key: Key, slot: Option<u32>) -> u32 {
        match slot {
            Some(slot) => self.weight(slot),
            None => self.weight_at(scaled_log(0.5), key),
        }
    }

    fn weight_at(&self, frequency_log: i32, key: Key) -> u32 {
        (self.groups_log - frequency_log).max(WEIGHT_MIN).unsigned_abs() * key.factor()
    }

    fn slot_for(&mut self, key: Key) -> u32 {
        let next = u32::try_from(self.terms.len()).expect("fewer than 2^32 terms fit into memory");
        *self.slots.entry(key).or_insert_with(|| {
            self.terms.push(Term {
                key,
                documents: Vec::new(),
                frequency: 0,
                frequency_log: scaled_log(0.5),
            });
            next
        })
    }

    fn change_frequency(&mut self, slot: u32, problem: Option<u32>, change: Change) {
        if let Some(problem) = problem {
            let pair = (u64::from(problem) << 32) | u64::from(slot);
            let held = self.held_by_problem.entry(pair).or_insert(0);
            match change {
                Change::Added => *held += 1,
                Change::Removed => *held = held.saturating_sub(1),
            }
            let first_or_last = match change {
                Change::Added => *held == 1,
                Change::Removed => *held == 0,
            };
            if *held == 0 {
                self.held_by_problem.remove(&pair);
            }
            if !first_or_last {
                return;
            }
        }
        let term = &mut self.terms[slot as usize];
        term.frequency = match change {
            Change::Added => term.frequency + 1,
            Change::Removed => term.frequency.saturating_sub(1),
        };
        term.frequency_log = scaled_log(f64::from(term.frequency) + 0.5);
    }
}

#[derive(Clone, Copy)]
enum Change {
    Added,
    Removed,
}

fn scaled_log(value: f64) -> i32 {
    (value.ln() * SCALE).round() as i32
}

impl TermList {
    fn pack(slots: &[u32]) -> TermList {
        let mut bytes = Vec::with_capacity(slots.len() * 2);
        let mut before = 0;
        for slot in slots {
            let mut gap = slot - before;
            before = *slot;
            while gap >= 0x80 {
                bytes.push((gap & 0x7F) as u8 | 0x80);
                gap >>= 7;
            }
            bytes.push(gap as u8);
        }
        TermList(bytes.into_boxed_slice())
    }

    /// The slots, in rising order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        let mut before = 0;
        let mut bytes = self.0.iter();
        std::iter::from_fn(move || {
            let mut gap = 0;
            let mut shift = 0;
            loop {
                let byte = *bytes.next()?;
                gap |= u32::from(byte & 0x7F) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            before += gap;
            Some(before)
        })
    }
}

/// Hashes what is already spread well, or is a pair of small numbers.
type Mixed = BuildHasherDefault<MixingHasher>;

#[derive(Clone, Copy, Debug, Default)]
struct MixingHasher(u64);

impl Hasher for MixingHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::super::terms::Reader;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_problem_with_many_tickets_does_not_make_its_words_common() {
        let reader = Reader::default();
        let key = reader.key_of("verrekening");
        let mut postings = Postings::default();
        let lists: Vec<TermList> = (0..100).map(|n| postings.add(n, Some(1), [key].into_iter())).collect();
        assert_eq!(postings.frequency(postings.slot(key)), 1);
        postings.add(100, None, [key].into_iter());
        assert_eq!(postings.frequency(postings.slot(key)), 2);
        for list in &lists {
            postings.remove(Some(1), list);
        }
        assert_eq!(postings.frequency(postings.slot(key)), 1);
    }

    #[test]
    fn rare_terms_weigh_more_and_none_weighs_nothing() {
        let reader = Reader::default();
        let [rare, common] = ["straalverbinding", "internet"].map(|word| reader.key_of(word));
        let mut postings = Postings::default();
        postings.add(0, None, [rare, common].into_iter());
        for document in 1..50 {
            postings.add(document, None, [common].into_iter());
        }
        postings.set_groups(50);
        let weight = |key| postings.weight_of(key, postings.slot(key));
        assert!(weight(rare) > 4 * weight(common) && weight(common) > 0);
        assert!(weight(reader.key_of("onbekend")) > weight(rare));
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(mut slots in proptest::collection::vec(any::<u32>(), 0..50)) {
            slots.sort_unstable();
            slots.dedup();
            prop_assert_eq!(TermList::pack(&slots).slots().collect::<Vec<_>>(), slots);
        }
    }
}
