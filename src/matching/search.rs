//! Asking the index: a text against everything in it, or against one ticket.
//!
//! The measure is one sum: *weight of the shared terms ÷ √(weight of the text × weight of the document)*. A long ticket
//! shares much and weighs much, so it gains nothing by being long; a long post neither. Finding goes in two steps: sums
//! over the postings choose candidates, rarest terms first; then the candidates are measured exactly by their own terms.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::documents::{Document, Documents};
use super::index::{Hit, Index, Overlap};
use super::terms::{Key, Kind, Terms};
use super::tongue::Tongue;
use super::vectors::Usual;
use crate::encoder::Vector;
use crate::register::{StoredTicket, TicketStatus};

/// A term is not followed when it stands in more than one of this many problems and unlinked tickets …
const COMMON_ONE_IN: u32 = 10;
/// … and in this many documents, where following it costs more than it finds.
const COMMON_DOCUMENTS_MIN: usize = 1000;
/// Tickets of one problem that are measured, beside the problem's own text.
const TICKETS_PER_PROBLEM: usize = 2;
/// The fewest problems and unlinked tickets that are measured exactly, however few hits are wanted.
const CANDIDATES_MIN: usize = 40;
/// Documents that are measured because their meaning is near, whatever their words.
const NEAR_MAX: usize = 40;
/// How many times as many are looked at, because many may be of one problem.
const NEAR_DEPTH: usize = 4;
/// A meaning that is less near says nothing by itself.
pub(super) const NEAR_MIN: f32 = 0.3;
/// A word counts as partly shared when the document has this many tenths of its grams …
const PARTLY_TENTHS: usize = 7;
/// … and the word has at least this many.
const PARTLY_GRAMS_MIN: usize = 4;
/// A word is rare when at most this many problems and unlinked tickets have it, or one per cent of them.
const RARE_MAX: u32 = 2;
/// Working memories that are kept; more searches than this at once allocate their own.
const SCRATCHES_MAX: usize = 8;

/// A text that is ready to be compared. It borrows the index, because rarity holds for one state of it only.
pub struct Query<'i> {
    index: &'i Index,
    asked: Vec<Asked>,
    words: Vec<AskedWord>,
    mass: u64,
    content_mass: u64,
    vector: Vector,
    tongue: Tongue,
    usual: Usual,
}

/// A term of the text. Weightless ones are only watched for, to see which words are partly shared.
struct Asked {
    key: Key,
    slot: Option<u32>,
    weight: u32,
}

/// A word of the text that can be evidence.
struct AskedWord {
    written: String,
    asked: usize,
    weight: u32,
    frequency: u32,
    grams: Vec<usize>,
}

/// What was counted while going over a document's terms.
#[derive(Default)]
struct Counted {
    has: Vec<bool>,
    shared: u64,
    mass: u64,
}

impl<'i> Query<'i> {
    pub(super) fn new(index: &'i Index, text: &str, ignored: &[&str]) -> Query<'i> {
        let ignored: Vec<Key> = ignored
            .iter()
            .flat_map(|name| index.reader.read("", name, &[]).words.into_iter().map(|word| word.key))
            .collect();
        let terms = index.reader.read("", text, &ignored);
        let vector = index.encode(text);
        let mut query = Query {
            index,
            asked: Vec::new(),
            words: Vec::new(),
            mass: 0,
            content_mass: 0,
            usual: index.documents.vectors().usual(&vector),
            vector,
            tongue: Tongue::of(text),
        };
        let mut places = HashMap::new();
        for key in terms.keys() {
            query.ask(key, &mut places);
        }
        query.mass = query.asked.iter().map(|asked| u64::from(asked.weight)).sum();
        query.watch_words(&terms, &mut places);
        query
    }

    /// The words that can be evidence, as written, the rarest first. Unknown words are the rarest.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.written.as_str())
    }

    /// How near documents of this register usually are to the text.
    pub(super) fn usual(&self) -> Usual {
        self.usual
    }

    /// How many problems and unlinked tickets it is compared with.
    pub(super) fn groups(&self) -> u32 {
        self.documents().postings().groups()
    }

    /// The documents that resemble the text most, the best first; see [`Index::search`].
    pub fn best(&self, limit: usize) -> Vec<Hit> {
        let mut scratch = self.index.scratch.take();
        let mut candidates = self.candidates((limit / 2).max(CANDIDATES_MIN), &mut scratch);
        candidates.extend(self.near());
        candidates.sort_unstable();
        candidates.dedup();
        self.mark(&mut scratch);
        let mut hits: Vec<Hit> =
            candidates.into_iter().map(|number| self.measure(number, &scratch.marks)).collect();
        self.unmark(&mut scratch);
        self.index.scratch.give(scratch);
        hits.sort_by(|a, b| {
            let names = |hit: &Hit| (hit.ticket_id.clone(), hit.problem_id.clone());
            b.score.total_cmp(&a.score).then_with(|| names(a).cmp(&names(b)))
        });
        hits.truncate(limit);
        hits
    }

    /// Documents whose meaning is near, whatever their words: of each problem the nearest two.
    fn near(&self) -> Vec<u32> {
        let documents = self.documents();
        let mut near = documents.vectors().nearest(&self.vector, NEAR_MIN, NEAR_MAX * NEAR_DEPTH);
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut seen: HashMap<u32, usize> = HashMap::new();
        near.retain(|(_, number)| match documents.get(*number).problem {
            None => true,
            Some(problem) => {
                let count = seen.entry(problem).or_insert(0);
                *count += 1;
                *count <= TICKETS_PER_PROBLEM
            }
        });
        near.into_iter().take(NEAR_MAX).map(|near| near.1).collect()
    }

    /// Compares with one ticket, which need not be in the index.
    pub fn compare(&self, ticket: &StoredTicket) -> Hit {
        let fields = &ticket.ticket;
        let terms = self.index.reader.read(&fields.subject, &fields.body, &[]);
        let places: HashMap<Key, usize> =
            self.asked.iter().enumerate().map(|(place, asked)| (asked.key, place)).collect();
        let mut counted = Counted { has: vec![false; self.asked.len()], ..Counted::default() };
        let postings = self.documents().postings();
        for key in terms.keys() {
            counted.mass += u64::from(postings.weight_of(key, postings.slot(key)));
            if let Some(place) = places.get(&key) {
                counted.has[*place] = true;
                counted.shared += u64::from(self.asked[*place].weight);
            }
        }
        let (score, shared, overlap) = self.judged(&counted);
        let text = format!("{}\n{}", fields.subject, fields.body);
        Hit {
            closeness: f64::from(self.vector.likeness(&self.index.encode(&text))),
            translated: self.tongue.differs(Tongue::of(&fields.body)),
            ticket_id: Some(ticket.id.clone()),
            problem_id: fields.problem.clone(),
            contact_id: fields.contact.clone(),
            score,
            shared,
            unresolved: matches!(fields.status, TicketStatus::Open | TicketStatus::Pending),
            created_at: fields.created_at,
            solved_at: fields.solved_at,
            overlap,
        }
    }

    fn documents(&self) -> &'i Documents {
        &self.index.documents
    }

    fn ask(&mut self, key: Key, places: &mut HashMap<Key, usize>) {
        let postings = self.documents().postings();
        let slot = postings.slot(key);
        let weight = postings.weight_of(key, slot);
        places.entry(key).or_insert_with(|| {
            self.asked.push(Asked { key, slot, weight });
            self.asked.len() - 1
        });
    }

    fn watch_words(&mut self, terms: &Terms, places: &mut HashMap<Key, usize>) {
        let postings = self.documents().postings();
        for word in terms.words.iter().filter(|word| word.key.kind() == Kind::Content) {
            let grams = terms
                .grams_of(word)
                .into_iter()
                .map(|key| {
                    *places.entry(key).or_insert_with(|| {
                        self.asked.push(Asked { key, slot: postings.slot(key), weight: 0 });
                        self.asked.len() - 1
                    })
                })
                .collect();
            let asked = places[&word.key];
            self.words.push(AskedWord {
                written: terms.written(word).to_owned(),
                asked,
                weight: self.asked[asked].weight,
                frequency: postings.frequency(self.asked[asked].slot),
                grams,
            });
        }
        self.words.sort_by_key(|word| word.frequency);
        self.content_mass = self.words.iter().map(|word| u64::from(word.weight)).sum();
    }

    /// Sums over the postings, and the documents with the highest sums for their length.
    fn candidates(&self, groups_max: usize, scratch: &mut Scratch) -> Vec<u32> {
        let documents = self.documents();
        scratch.fit(documents);
        self.sum_up(scratch);
        let mut groups: Vec<(f32, u32, Option<u32>)> = Vec::new();
        let mut touched = std::mem::take(&mut scratch.touched);
        for number in touched.drain(..) {
            let sum = std::mem::take(&mut scratch.sums[number as usize]);
            let norm = documents.norm(number);
            let likeness = sum as f32 * norm;
            match documents.get(number).problem {
                _ if norm == 0.0 => {}
                None => groups.push((likeness, number, None)),
                Some(problem) => scratch.keep_best(problem, number, likeness, documents),
            }
        }
        scratch.touched = touched;
        for problem in &scratch.problems {
            let likeness = scratch.best[*problem as usize][0].map_or(0.0, |best| best.0);
            groups.push((likeness, *problem, Some(*problem)));
        }
        if groups.len() > groups_max {
            groups.select_nth_unstable_by(groups_max, |a, b| b.0.total_cmp(&a.0));
            groups.truncate(groups_max);
        }
        let mut chosen = Vec::with_capacity(groups.len() * 2);
        for (_, number, problem) in groups {
            match problem {
                None => chosen.push(number),
                Some(problem) => {
                    let own_text = documents.text_of(problem);
                    chosen.extend(own_text);
                    let tickets = scratch.best[problem as usize].iter().flatten().map(|best| best.1);
                    chosen.extend(tickets.filter(|number| Some(*number) != own_text));
                }
            }
        }
        scratch.forget_best();
        chosen
    }

    fn sum_up(&self, scratch: &mut Scratch) {
        let postings = self.documents().postings();
        let mut order: Vec<(u32, Key, u32, u32)> = self
            .asked
            .iter()
            .filter(|asked| asked.weight > 0)
            .filter_map(|asked| asked.slot.map(|slot| (asked, slot)))
            .map(|(asked, slot)| (postings.frequency(Some(slot)), asked.key, slot, asked.weight))
            .collect();
        order.sort_unstable();
        for (frequency, _, slot, weight) in order {
            let holders = postings.documents(slot);
            let is_common = frequency.saturating_mul(COMMON_ONE_IN) > postings.groups();
            if is_common && holders.len() > COMMON_DOCUMENTS_MIN && !scratch.touched.is_empty() {
                break;
            }
            for number in holders {
                let sum = &mut scratch.sums[*number as usize];
                if *sum == 0 {
                    scratch.touched.push(*number);
                }
                *sum += weight;
            }
        }
    }

    fn mark(&self, scratch: &mut Scratch) {
        for (place, asked) in (1..).zip(&self.asked) {
            if let Some(slot) = asked.slot {
                scratch.marks[slot as usize] = place;
            }
        }
    }

    fn unmark(&self, scratch: &mut Scratch) {
        for slot in self.asked.iter().filter_map(|asked| asked.slot) {
            scratch.marks[slot as usize] = 0;
        }
    }

    fn measure(&self, number: u32, marks: &[u32]) -> Hit {
        let documents = self.documents();
        let postings = documents.postings();
        let mut counted = Counted { has: vec![false; self.asked.len()], ..Counted::default() };
        for slot in documents.terms_of(number).slots() {
            counted.mass += u64::from(postings.weight(slot));
            if let Some(place) = (marks[slot as usize] as usize).checked_sub(1) {
                counted.has[place] = true;
                counted.shared += u64::from(self.asked[place].weight);
            }
        }
        let (score, shared, overlap) = self.judged(&counted);
        let document: &Document = documents.get(number);
        Hit {
            closeness: f64::from(documents.vectors().likeness(number, &self.vector)),
            translated: self.tongue.differs(document.tongue),
            ticket_id: document.ticket.as_deref().map(str::to_owned),
            problem_id: document.problem.map(|problem| documents.problem_id(problem).to_owned()),
            contact_id: document.contact.map(|contact| documents.contact_id(contact).to_owned()),
            score,
            shared,
            unresolved: document.unresolved,
            created_at: document.created_at,
            solved_at: document.solved_at,
            overlap,
        }
    }

    fn judged(&self, counted: &Counted) -> (f64, Vec<String>, Overlap) {
        let mut overlap = Overlap::default();
        let (mut shared, mut partly_shared) = (Vec::new(), Vec::new());
        let mut content_shared = 0.0;
        let rare_max = RARE_MAX.max(self.documents().postings().groups() / 100);
        for word in &self.words {
            if counted.has[word.asked] {
                overlap.exact += 1;
                overlap.rare += usize::from(word.frequency <= rare_max);
                content_shared += f64::from(word.weight);
                shared.push(word.written.clone());
            } else if word.is_partly_in(&counted.has) {
                overlap.partly += 1;
                content_shared += f64::from(word.weight) / 2.0;
                partly_shared.push(word.written.clone());
            }
        }
        shared.append(&mut partly_shared);
        overlap.text_share = content_shared / (self.content_mass as f64).max(1.0);
        let score = counted.shared as f64 / (self.mass as f64 * counted.mass as f64).sqrt().max(1.0);
        (score.min(1.0), shared, overlap)
    }
}

impl AskedWord {
    fn is_partly_in(&self, has: &[bool]) -> bool {
        let held = self.grams.iter().filter(|place| has[**place]).count();
        self.grams.len() >= PARTLY_GRAMS_MIN && held * 10 >= self.grams.len() * PARTLY_TENTHS
    }
}

/// Working memory of one search, kept for the next one: clearing what was touched is cheaper than allocating it all.
#[derive(Default)]
struct Scratch {
    sums: Vec<u32>,
    touched: Vec<u32>,
    best: Vec<[Option<(f32, u32)>; TICKETS_PER_PROBLEM]>,
    problems: Vec<u32>,
    marks: Vec<u32>,
}

impl Scratch {
    fn fit(&mut self, documents: &Documents) {
        self.sums.resize(documents.len(), 0);
        self.best.resize(documents.problems_len(), [None; TICKETS_PER_PROBLEM]);
        self.marks.resize(documents.postings().slots_len(), 0);
    }

    fn keep_best(&mut self, problem: u32, number: u32, likeness: f32, documents: &Documents) {
        let best = &mut self.best[problem as usize];
        if best[0].is_none() {
            self.problems.push(problem);
        }
        let mut rival = Some((likeness, number));
        for place in best {
            let wins = match (*place, rival) {
                (Some(held), Some(new)) => {
                    let by_name = || documents.get(held.1).ticket.cmp(&documents.get(new.1).ticket);
                    held.0.total_cmp(&new.0).then_with(by_name).is_lt()
                }
                (held, _) => held.is_none(),
            };
            if wins {
                std::mem::swap(place, &mut rival);
            }
        }
    }

    fn forget_best(&mut self) {
        for problem in self.problems.drain(..) {
            self.best[problem as usize] = [None; TICKETS_PER_PROBLEM];
        }
    }
}

/// Working memories that wait for the next search, so that searching needs no exclusive access.
#[derive(Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    fn take(&self) -> Scratch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, scratch: Scratch) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < SCRATCHES_MAX {
            waiting.push(scratch);
        }
    }
}

impl Clone for ScratchPool {
    fn clone(&self) -> ScratchPool {
        ScratchPool::default()
    }
}
