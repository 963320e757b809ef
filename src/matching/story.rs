//! How well the matcher does on the story of the demo. The figures are what was reached, rounded down: they may only rise.

use super::fixtures::*;
use super::questions::{Facts, answer, likely_problems};
use super::{Band, Index};
use crate::assess::Class;
use crate::mention::Mention;
use crate::recognise::{Certainty, Recognition};
use crate::register::StoredTicket;

struct Told {
    mention: Mention,
    class: Class,
    problem: Option<String>,
    contact: Option<String>,
    named: Vec<StoredTicket>,
    ticket: Option<String>,
}

fn tell() -> (Index, Story, Vec<Told>) {
    let story = Story::read();
    let index = index_of(&story.tickets, &story.problems);
    let told = story.mentions.iter().map(|value| told(value, &story)).collect();
    (index, story, told)
}

fn told(value: &serde_json::Value, story: &Story) -> Told {
    let expected = &value["expect"];
    let mut mention = post(value["text"].as_str().unwrap());
    mention.title = value["title"].as_str().map(str::to_owned);
    let text = mention.whole_text();
    let handle = value["author"]["handle"].as_str().unwrap().trim_start_matches('@').to_lowercase();
    let number = story.contacts.keys().find(|key| key.parse::<u64>().is_ok() && text.contains(key.as_str()));
    let id = |value: &serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(id) => Some(format!("crm:{id}")),
        number => Some(format!("crm:{number}")),
    };
    Told {
        class: Class::from_name(expected["class"].as_str().unwrap()).unwrap(),
        problem: id(&expected["problem"]),
        ticket: id(&expected["ticket"]),
        contact: story.contacts.get(&handle).or(number.and_then(|key| story.contacts.get(key))).cloned(),
        named: story.tickets.iter().filter(|t| text.contains(&t.ticket.number)).cloned().collect(),
        mention,
    }
}

fn share(hits: usize, of: usize) -> f64 {
    hits as f64 / of as f64
}

#[test]
fn complaints_lead_to_their_problem_by_text_alone() {
    let (index, _, told) = tell();
    let complaints: Vec<&Told> =
        told.iter().filter(|told| told.class == Class::Complaint && told.problem.is_some()).collect();
    let place = |told: &Told| {
        let candidates = likely_problems(&told.mention, Some("Veldnet"), &index, now());
        let first = candidates.first().map(|candidate| candidate.id().to_owned()) == told.problem;
        let problems = candidates.iter().filter(|candidate| candidate.problem_id.is_some());
        (first, problems.take(3).any(|candidate| candidate.problem_id == told.problem))
    };
    let places: Vec<(bool, bool)> = complaints.iter().map(|told| place(told)).collect();
    let first = share(places.iter().filter(|place| place.0).count(), places.len());
    let among_three = share(places.iter().filter(|place| place.1).count(), places.len());
    assert!(places.len() >= 40 && first >= 0.76 && among_three >= 0.88, "{first} {among_three}");
}

#[test]
fn what_is_no_complaint_is_not_taken_for_a_known_problem() {
    let (index, _, told) = tell();
    let others: Vec<&Told> = told
        .iter()
        .filter(|told| matches!(told.class, Class::Praise | Class::Other) && told.problem.is_none())
        .collect();
    // The second figure is for an assessor that takes every one of them for a complaint. Meanings tell what a text is about
    // ("glad about the new box"), not whether it complains, so a colleague is then asked about some of them.
    for (class, least) in [(None, 0.97), (Some(Class::Complaint), 0.72)] {
        let is_new = |told: &&&Told| {
            let assessment = assessed(class.unwrap_or(told.class));
            let facts = Facts {
                mention: &told.mention,
                assessment: &assessment,
                recognition: &Recognition::default(),
                by_reference: &[],
                by_thread: None,
                opened_for_it: None,
                own_tickets: &[],
                now: now(),
            };
            answer(&facts, &index).band() == Band::New
        };
        let new = share(others.iter().filter(is_new).count(), others.len());
        assert!(others.len() >= 25 && new >= least, "{class:?}: {new}");
    }
}

#[test]
fn with_person_and_numbers_every_expected_ticket_and_more_problems_are_found() {
    let (index, story, told) = tell();
    let (mut complaints, mut right, mut tickets) = (0, 0, 0);
    for told in told.iter().filter(|told| told.class == Class::Complaint) {
        let recognition = told
            .contact
            .as_deref()
            .and_then(|id| id.split_once(':'))
            .map_or_else(Recognition::default, |(_, id)| recognised(id, Certainty::Certain));
        let own: Vec<StoredTicket> = story
            .tickets
            .iter()
            .filter(|ticket| told.contact.is_some() && ticket.ticket.contact == told.contact)
            .cloned()
            .collect();
        let facts = Facts {
            mention: &told.mention,
            assessment: &assessed(Class::Complaint),
            recognition: &recognition,
            by_reference: &told.named,
            by_thread: None,
            opened_for_it: None,
            own_tickets: &own,
            now: now(),
        };
        let answers = answer(&facts, &index);
        if told.ticket.is_some() && (told.contact.is_some() || !told.named.is_empty()) {
            tickets += 1;
            assert_eq!(answers.same_case.ticket_id, told.ticket, "{}", told.mention.text);
        }
        if told.ticket.is_none() {
            assert!(answers.same_case.band < Band::Known, "{}", told.mention.text);
        }
        if told.problem.is_some() {
            complaints += 1;
            right += usize::from(answers.same_problem.problem_id == told.problem);
        }
    }
    assert!(tickets >= 6 && share(right, complaints) >= 0.80, "{tickets} tickets, {right} of {complaints}");
}
