//! What is in the index: tickets and problem texts by number, and which terms they hold.
//!
//! A changed document gets a new number; under its old one it is dead, until more than a quarter are dead and the whole
//! is built anew from its own term lists, without any text.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::postings::{Postings, TermList};
use super::terms::Key;
use super::tongue::Tongue;
use super::vectors::Vectors;
use crate::encoder::Vector;

/// Below this many dead documents building anew is not worth the trouble.
const DEAD_MIN: usize = 64;

/// All documents, by number.
#[derive(Clone, Default)]
pub(super) struct Documents {
    postings: Postings,
    documents: Vec<Document>,
    terms: Vec<TermList>,
    norms: Vec<f32>,
    vectors: Vectors,
    by_ticket: HashMap<Arc<str>, u32>,
    problems: Names,
    contacts: Names,
    of_problem: Vec<OfProblem>,
    groups: u32,
    dead: usize,
}

/// A ticket, or the text of a problem.
#[derive(Clone)]
pub(super) struct Document {
    /// Row id of the ticket; `None` for the text of a problem.
    pub(super) ticket: Option<Arc<str>>,
    /// Number of its problem, from [`Documents::problem`].
    pub(super) problem: Option<u32>,
    /// Number of its contact, from [`Documents::contact`].
    pub(super) contact: Option<u32>,
    pub(super) unresolved: bool,
    pub(super) created_at: Timestamp,
    pub(super) solved_at: Option<Timestamp>,
    /// What it is written in, as far as that is seen at once.
    pub(super) tongue: Tongue,
}

/// What belongs to one problem.
#[derive(Clone, Copy, Default)]
struct OfProblem {
    live: u32,
    own_text: Option<u32>,
}

/// Ids that stand in many documents, each kept once.
#[derive(Clone, Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Documents {
    /// How many documents are alive.
    pub(super) fn live_len(&self) -> usize {
        self.documents.len() - self.dead
    }

    /// How many numbers are in use, dead documents included.
    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    /// How many problems are known by name.
    pub(super) fn problems_len(&self) -> usize {
        self.of_problem.len()
    }

    /// Which document holds which term.
    pub(super) fn postings(&self) -> &Postings {
        &self.postings
    }

    /// The vectors of all documents, by number.
    pub(super) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The document with a number.
    pub(super) fn get(&self, number: u32) -> &Document {
        &self.documents[number as usize]
    }

    /// The terms of a document.
    pub(super) fn terms_of(&self, number: u32) -> &TermList {
        &self.terms[number as usize]
    }

    /// `1 / √length` of a document; zero when it is dead.
    pub(super) fn norm(&self, number: u32) -> f32 {
        self.norms[number as usize]
    }

    /// The number of the document that is a problem's own text.
    pub(super) fn text_of(&self, problem: u32) -> Option<u32> {
        self.of_problem[problem as usize].own_text
    }

    /// The row id of a problem.
    pub(super) fn problem_id(&self, problem: u32) -> &str {
        &self.problems.names[problem as usize]
    }

    /// The row id of a contact.
    pub(super) fn contact_id(&self, contact: u32) -> &str {
        &self.contacts.names[contact as usize]
    }

    /// The number of a problem, a new one if need be.
    pub(super) fn problem(&mut self, id: &str) -> u32 {
        let number = self.problems.number(id);
        if self.of_problem.len() <= number as usize {
            self.of_problem.resize(number as usize + 1, OfProblem::default());
        }
        number
    }

    /// The number of a contact, a new one if need be.
    pub(super) fn contact(&mut self, id: &str) -> u32 {
        self.contacts.number(id)
    }

    /// Adds a document that is not in it yet.
    pub(super) fn put_in(&mut self, document: Document, keys: impl Iterator<Item = Key>, vector: &Vector) {
        let number = u32::try_from(self.documents.len()).expect("fewer than 2^32 documents fit into memory");
        let mut length = 0;
        let keys = keys.inspect(|key| length += key.factor());
        self.terms.push(self.postings.add(number, document.problem, keys));
        self.norms.push(1.0 / (length.max(1) as f32).sqrt());
        self.vectors.push(vector);
        if let Some(ticket) = &document.ticket {
            self.by_ticket.insert(ticket.clone(), number);
        }
        match document.problem {
            Some(problem) => {
                let of_problem = &mut self.of_problem[problem as usize];
                of_problem.live += 1;
                self.groups += u32::from(of_problem.live == 1);
                if document.ticket.is_none() {
                    of_problem.own_text = Some(number);
                }
            }
            None => self.groups += 1,
        }
        self.documents.push(document);
        self.postings.set_groups(self.groups);
    }

    /// Takes out a ticket, if it is there. Numbers given before may change.
    pub(super) fn take_out_ticket(&mut self, id: &str) {
        if let Some(number) = self.by_ticket.remove(id) {
            self.take_out(number);
        }
    }

    /// Takes out a problem's own text, if it is there. Numbers given before may change.
    pub(super) fn take_out_text_of(&mut self, problem_id: &str) {
        let Some(problem) = self.problems.numbers.get(problem_id) else { return };
        if let Some(number) = self.of_problem[*problem as usize].own_text.take() {
            self.take_out(number);
        }
    }

    fn take_out(&mut self, number: u32) {
        let problem = self.documents[number as usize].problem;
        self.postings.remove(problem, &self.terms[number as usize]);
        self.norms[number as usize] = 0.0;
        self.vectors.forget(number);
        self.dead += 1;
        match problem {
            Some(problem) => {
                let of_problem = &mut self.of_problem[problem as usize];
                of_problem.live -= 1;
                self.groups -= u32::from(of_problem.live == 0);
            }
            None => self.groups -= 1,
        }
        self.postings.set_groups(self.groups);
        if self.dead >= DEAD_MIN && self.dead * 4 > self.documents.len() {
            *self = self.built_anew();
        }
    }

    /// The live documents alone, under new numbers.
    fn built_anew(&self) -> Documents {
        let mut fresh = Documents::default();
        for (number, document) in self.documents.iter().enumerate() {
            if self.norms[number] == 0.0 {
                continue;
            }
            let moved = Document {
                problem: document.problem.map(|problem| fresh.problem(self.problem_id(problem))),
                contact: document.contact.map(|contact| fresh.contact(self.contact_id(contact))),
                ..document.clone()
            };
            let keys = self.terms[number].slots().map(|slot| self.postings.key(slot));
            fresh.put_in(moved, keys, &self.vectors.get(number as u32));
        }
        fresh
    }
}

impl Names {
    fn number(&mut self, id: &str) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 names fit into memory");
        let name: Arc<str> = Arc::from(id);
        self.numbers.insert(name.clone(), number);
        self.names.push(name);
        number
    }
}
