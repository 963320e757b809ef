//! From what is known exactly and what resembles, to three answers.

use jiff::{SignedDuration, Timestamp};

use super::calibration::{self, BY_REFERENCE, BY_REFERENCE_OF_ANOTHER, BY_THREAD, Features};
use super::index::Hit;
use super::problems::{self, Candidate};
use super::search::Query;
use super::{Band, Evidence, Index, MatchAnswer, Question, Tier};
use crate::assess::Assessment;
use crate::mention::Mention;
use crate::recognise::{Certainty, Person, Recognition};
use crate::register::StoredTicket;

/// A ticket that was solved longer ago is not the case of a new complaint.
const OWN_SOLVED_DAYS_MAX: i64 = 365;
/// Shared words that are shown.
const SHARED_WORDS_MAX: usize = 8;
/// Words of the post that a match does not have and that are named.
const MISSING_WORDS_MAX: usize = 5;
/// Fewer shared words than this speak against a match.
const FEW_SHARED: usize = 3;

/// Everything that is known about a mention before its text is compared.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was said.
    pub mention: &'a Mention,
    /// What it is.
    pub assessment: &'a Assessment,
    /// Who said it.
    pub recognition: &'a Recognition,
    /// Tickets that a reference in the text resolves to.
    pub by_reference: &'a [StoredTicket],
    /// The ticket of the case that this belongs to: a reply in its thread, or the same author.
    pub by_thread: Option<&'a StoredTicket>,
    /// The recognised person's own tickets.
    pub own_tickets: &'a [StoredTicket],
    /// The present moment.
    pub now: Timestamp,
}

/// The answers to the three questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Is this the case of a ticket we have?
    pub same_case: MatchAnswer,
    /// Is this a customer with another open case?
    pub same_customer: MatchAnswer,
    /// Do other customers have this problem?
    pub same_problem: MatchAnswer,
}

impl Answers {
    /// The three in their order.
    pub fn all(&self) -> [&MatchAnswer; 3] {
        [&self.same_case, &self.same_customer, &self.same_problem]
    }

    /// The strongest band of the three: is it known at all?
    pub fn band(&self) -> Band {
        self.all().into_iter().map(|answer| answer.band).max().unwrap_or(Band::New)
    }
}

/// Answers the three questions about one mention.
pub fn answer(facts: &Facts, index: &Index) -> Answers {
    let brand: Vec<&str> = facts.assessment.brand.as_deref().into_iter().collect();
    let query = index.query(&facts.mention.whole_text(), &brand);
    let contact = facts.recognition.person.as_ref().map(|person| person.contact_id.as_str());
    let is_own = |hit: &Hit| {
        let listed = facts.own_tickets.iter().any(|own| hit.ticket_id.as_deref() == Some(own.id.as_str()));
        listed || (contact.is_some() && hit.contact_id.as_deref() == contact)
    };
    let candidates = problems::likely(&query, facts.now, is_own);
    let same_case = same_case(facts, &query, &candidates);
    let same_customer = same_customer(facts, &query, &same_case);
    let same_problem = same_problem(facts, &query, &candidates, &same_case);
    Answers { same_case, same_customer, same_problem }
}

fn same_case(facts: &Facts, query: &Query, candidates: &[Candidate]) -> MatchAnswer {
    if let Some(found) = by_reference(facts, query) {
        return found;
    }
    if let Some(ticket) = facts.by_thread {
        let mut found = of_ticket(Question::SameCase, ticket, Tier::Thread, BY_THREAD, query);
        found.evidence.reasons.push("it belongs to a conversation about this ticket".into());
        return found;
    }
    own_case(facts, query, candidates).unwrap_or_else(|| nothing(Question::SameCase))
}

fn by_reference(facts: &Facts, query: &Query) -> Option<MatchAnswer> {
    let best = facts.by_reference.iter().max_by(|a, b| {
        let order = |ticket: &StoredTicket| (ticket.ticket.status.is_unresolved(), ticket.ticket.created_at);
        let alike = |ticket: &StoredTicket| query.compare(ticket).score;
        order(a).0.cmp(&order(b).0).then(alike(a).total_cmp(&alike(b))).then(order(a).1.cmp(&order(b).1))
    })?;
    let of_another = certain(facts).is_some_and(|person| {
        best.ticket.contact.as_ref().is_some_and(|contact| *contact != person.contact_id)
    });
    let probability = if of_another { BY_REFERENCE_OF_ANOTHER } else { BY_REFERENCE };
    let mut found = of_ticket(Question::SameCase, best, Tier::Reference, probability, query);
    found.evidence.reasons.push("the post names a number that belongs to this ticket".into());
    if of_another {
        found.evidence.against.push("the ticket belongs to another customer than the author".into());
    }
    if facts.by_reference.len() > 1 {
        let count = facts.by_reference.len();
        found.evidence.against.push(format!("the numbers in the post belong to {count} tickets"));
    }
    Some(found)
}

/// The person's own ticket that fits best, when one does.
fn own_case(facts: &Facts, query: &Query, candidates: &[Candidate]) -> Option<MatchAnswer> {
    let person = facts.recognition.person.as_ref()?;
    let words = query.words().count();
    let mut own: Vec<(Hit, &StoredTicket)> = facts
        .own_tickets
        .iter()
        .filter(|ticket| !is_past(ticket, facts.now))
        .map(|ticket| (query.compare(ticket), ticket))
        .collect();
    own.sort_by(|(a, x), (b, y)| {
        let by_age = || x.ticket.created_at.cmp(&y.ticket.created_at);
        b.score.total_cmp(&a.score).then(b.unresolved.cmp(&a.unresolved)).then_with(by_age)
    });
    let (hit, ticket) = own.first()?;
    let next = own.get(1);
    let features = features(hit, hit.score, next.map(|(hit, _)| hit.score), words, facts);
    let rival = candidates.first().map_or(0.0, |other| other.best.score - hit.score);
    let alike = calibration::of_their_own(&features, rival);
    let has_evidence = problems::has_evidence(hit, words);
    let is_certain = person.certainty == Certainty::Certain;
    // Without shared words only a certain person's open complaint is worth the question.
    if !has_evidence && !(is_certain && hit.unresolved && words > 0) {
        return None;
    }
    let mut found = of_ticket(Question::SameCase, ticket, Tier::Customer, alike * person.probability, query);
    if !(is_certain && hit.unresolved && has_evidence) {
        found.band = found.band.min(Band::Perhaps);
    }
    if found.band == Band::New {
        return None;
    }
    let of_whom =
        if is_certain { "the author's own ticket" } else { "a ticket of whom the author probably is" };
    found.evidence.reasons.push(of_whom.into());
    if !hit.unresolved {
        found.evidence.against.push("the ticket was solved".into());
    }
    found.evidence.runner_up = next.map(|(hit, other)| {
        let features = self::features(hit, hit.score, None, words, facts);
        (other.id.clone(), calibration::of_their_own(&features, rival) * person.probability)
    });
    Some(found)
}

/// Solved so long ago that a new complaint is another case.
fn is_past(ticket: &StoredTicket, now: Timestamp) -> bool {
    let solved_at = ticket.ticket.solved_at.unwrap_or(ticket.ticket.updated_at);
    let ago = now.duration_since(solved_at);
    !ticket.ticket.status.is_unresolved() && ago > SignedDuration::from_hours(24 * OWN_SOLVED_DAYS_MAX)
}

/// Another unresolved ticket of the person than the one of the case.
fn same_customer(facts: &Facts, query: &Query, same_case: &MatchAnswer) -> MatchAnswer {
    let others = facts.own_tickets.iter().filter(|ticket| {
        ticket.ticket.status.is_unresolved() && Some(&ticket.id) != same_case.ticket_id.as_ref()
    });
    let count = others.clone().count();
    let oldest = others.min_by_key(|ticket| ticket.ticket.created_at);
    let (Some(person), Some(ticket)) = (&facts.recognition.person, oldest) else {
        return nothing(Question::SameCustomer);
    };
    let mut found = of_ticket(Question::SameCustomer, ticket, Tier::Customer, person.probability, query);
    found.contact_id = Some(person.contact_id.clone());
    found.band = match person.certainty {
        Certainty::Certain => Band::Known,
        Certainty::Probable => Band::Perhaps,
    };
    found.evidence.reasons.push(format!("the customer has {count} other open tickets; this is the oldest"));
    found.evidence.reasons.push(person.evidence.clone());
    found
}

fn same_problem(
    facts: &Facts,
    query: &Query,
    candidates: &[Candidate],
    same_case: &MatchAnswer,
) -> MatchAnswer {
    let by_text = by_text(facts, query, candidates);
    let Some(problem_id) = same_case.problem_id.clone() else { return by_text };
    if by_text.problem_id.as_ref() != Some(&problem_id) && by_text.probability > same_case.probability {
        return by_text;
    }
    let mut found = MatchAnswer {
        question: Question::SameProblem,
        problem_id: Some(problem_id),
        contact_id: None,
        ..same_case.clone()
    };
    found.evidence.reasons.push("the ticket of the case is linked to this problem".into());
    found
}

fn by_text(facts: &Facts, query: &Query, candidates: &[Candidate]) -> MatchAnswer {
    let Some(best) = candidates.first() else { return nothing(Question::SameProblem) };
    let words = query.words().count();
    let likely = |place: usize| {
        let candidate = candidates.get(place)?;
        let next = candidates.get(place + 1).map(|next| next.score);
        Some(calibration::of_others(&features(&candidate.best, candidate.score, next, words, facts)))
    };
    let probability = likely(0).unwrap_or(0.0);
    let mut evidence = of_hit(&best.best, query);
    evidence.reasons.insert(0, format!("{} of its tickets and texts resemble the post", best.documents));
    if best.long_solved {
        evidence.against.push("everything of it was solved more than two years ago".into());
    }
    evidence.runner_up = candidates.get(1).map(|next| next.id().to_owned()).zip(likely(1));
    MatchAnswer {
        question: Question::SameProblem,
        ticket_id: best.ticket_id.clone(),
        problem_id: best.problem_id.clone(),
        contact_id: None,
        tier: Tier::Text,
        score: best.score,
        probability,
        band: calibration::band(Tier::Text, probability),
        evidence,
    }
}

fn features(hit: &Hit, score: f64, next: Option<f64>, text_words: usize, facts: &Facts) -> Features {
    let gap = next.map_or(1.0, |next| ((score - next) / score.max(f64::EPSILON)).clamp(0.0, 1.0));
    Features { score, gap, overlap: hit.overlap, text_words, class: facts.assessment.class }
}

fn of_ticket(
    question: Question,
    ticket: &StoredTicket,
    tier: Tier,
    probability: f64,
    query: &Query,
) -> MatchAnswer {
    let hit = query.compare(ticket);
    MatchAnswer {
        question,
        ticket_id: Some(ticket.id.clone()),
        problem_id: ticket.ticket.problem.clone(),
        contact_id: ticket.ticket.contact.clone(),
        tier,
        score: hit.score,
        probability,
        band: calibration::band(tier, probability),
        evidence: of_hit(&hit, query),
    }
}

/// What the words say for and against a hit.
fn of_hit(hit: &Hit, query: &Query) -> Evidence {
    let overlap = &hit.overlap;
    let shared = overlap.exact + overlap.partly;
    let mut evidence = Evidence {
        shared: hit.shared.iter().take(SHARED_WORDS_MAX).cloned().collect(),
        ..Evidence::default()
    };
    if shared > 0 {
        evidence.reasons.push(format!("{shared} words are shared, {} of them rare", overlap.rare));
    }
    if shared < FEW_SHARED {
        evidence.against.push(format!("only {shared} words are shared"));
    }
    let missing: Vec<&str> = query
        .words()
        .filter(|word| !hit.shared.iter().any(|shared| shared == word))
        .take(MISSING_WORDS_MAX)
        .collect();
    if !missing.is_empty() {
        evidence.against.push(format!("not in it: {}", missing.join(", ")));
    }
    evidence
}

fn certain<'a>(facts: &'a Facts) -> Option<&'a Person> {
    facts.recognition.person.as_ref().filter(|person| person.certainty == Certainty::Certain)
}

/// The answer "no, as far as we can see".
pub fn nothing(question: Question) -> MatchAnswer {
    MatchAnswer {
        question,
        ticket_id: None,
        problem_id: None,
        contact_id: None,
        tier: Tier::None,
        score: 0.0,
        probability: 0.0,
        band: Band::New,
        evidence: Evidence::default(),
    }
}
