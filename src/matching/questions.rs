//! From what is known exactly and what resembles, to three answers.

use jiff::{SignedDuration, Timestamp};

use super::calibration::{self, BY_REFERENCE, BY_REFERENCE_OF_ANOTHER, BY_THREAD, Features};
use super::index::Hit;
use super::problems::{self, Candidate};
use super::search::Query;
use super::{Argument, Band, Evidence, Index, MatchAnswer, Question, Tier};
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
    /// The ticket (row id) that we opened for this very mention: it is no proof that somebody knew.
    pub opened_for_it: Option<&'a str>,
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
        let opened_for_it = facts.opened_for_it.is_some() && hit.ticket_id.as_deref() == facts.opened_for_it;
        listed || opened_for_it || (contact.is_some() && hit.contact_id.as_deref() == contact)
    };
    let candidates = problems::likely(&query, index.fusion(), facts.now, is_own).candidates;
    let same_case = same_case(facts, &query, &candidates);
    let same_customer = same_customer(facts, &query, &same_case);
    let same_problem = same_problem(facts, &query, &candidates, &same_case);
    Answers { same_case, same_customer, same_problem }
}

/// Problems and unlinked tickets that a mention may be about by its text alone, the best first: for explaining a match and
/// for proposing others to a person.
pub fn likely_problems(
    mention: &Mention,
    brand: Option<&str>,
    index: &Index,
    now: Timestamp,
) -> Vec<Candidate> {
    let brand: Vec<&str> = brand.into_iter().collect();
    problems::likely(&index.query(&mention.whole_text(), &brand), index.fusion(), now, |_| false).candidates
}

fn same_case(facts: &Facts, query: &Query, candidates: &[Candidate]) -> MatchAnswer {
    if let Some(found) = by_reference(facts, query) {
        return found;
    }
    if let Some(ticket) = facts.by_thread {
        let mut found = of_ticket(Question::SameCase, ticket, Tier::Thread, BY_THREAD, query);
        found.evidence.reasons.push(Argument::Conversation);
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
    found.evidence.reasons.push(Argument::Number);
    if of_another {
        found.evidence.against.push(Argument::OfAnotherCustomer);
    }
    if facts.by_reference.len() > 1 {
        found.evidence.against.push(Argument::SeveralTickets { tickets: facts.by_reference.len() });
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
    let features = features(hit, hit.score, next.map(|(hit, _)| hit.score), facts);
    let rival = candidates.first().map_or(0.0, |other| other.best.score - hit.score);
    let alike = calibration::of_their_own(&features, rival);
    let has_evidence = problems::has_evidence(hit, words);
    let is_certain = person.certainty == Certainty::Certain;
    // Without shared words only a certain person's open complaint is worth the question.
    let is_worth_asking = is_certain && hit.unresolved && words > 0;
    if !has_evidence && !is_worth_asking {
        return None;
    }
    let mut found = of_ticket(Question::SameCase, ticket, Tier::Customer, alike * person.probability, query);
    let shared = hit.overlap.exact + hit.overlap.partly;
    let is_clear = has_evidence && (hit.overlap.rare > 0 || shared >= FEW_SHARED);
    if !(is_certain && hit.unresolved && is_clear) {
        found.band = found.band.min(Band::Perhaps);
    }
    if found.band == Band::New {
        return None;
    }
    found.evidence.reasons.push(if is_certain { Argument::OwnTicket } else { Argument::ProbablyOwnTicket });
    if !hit.unresolved {
        found.evidence.against.push(Argument::Solved);
    }
    found.evidence.runner_up = next.map(|(hit, other)| {
        let features = self::features(hit, hit.score, None, facts);
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
    found.evidence.reasons.push(Argument::OtherOpenTickets { tickets: count });
    found.evidence.reasons.push(Argument::Author { likeness: person.evidence.clone() });
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
    let agree = by_text.problem_id.as_ref() == Some(&problem_id);
    if !agree && by_text.probability > same_case.probability {
        return by_text;
    }
    let mut found = MatchAnswer {
        question: Question::SameProblem,
        problem_id: Some(problem_id),
        contact_id: None,
        ..same_case.clone()
    };
    if agree {
        found.probability = found.probability.max(by_text.probability);
        found.evidence.reasons.push(Argument::OthersResembleToo);
    }
    found.evidence.reasons.push(Argument::LinkedProblem);
    found
}

fn by_text(facts: &Facts, query: &Query, candidates: &[Candidate]) -> MatchAnswer {
    let Some(best) = candidates.first() else { return nothing(Question::SameProblem) };
    let probability = best.probability * calibration::of_class(facts.assessment.class);
    let mut evidence = of_hit(&best.best, query);
    evidence.reasons.insert(0, Argument::Resembling { texts: best.documents });
    if best.long_solved {
        evidence.against.push(Argument::LongSolved);
    }
    evidence.runner_up = candidates.get(1).map(|next| (next.id().to_owned(), next.probability));
    MatchAnswer {
        question: Question::SameProblem,
        ticket_id: best.ticket_id.clone(),
        problem_id: best.problem_id.clone(),
        contact_id: None,
        tier: Tier::Text,
        score: best.best.score,
        probability,
        band: calibration::band(Tier::Text, probability),
        evidence,
    }
}

fn features(hit: &Hit, score: f64, next: Option<f64>, facts: &Facts) -> Features {
    let gap = next.map_or(1.0, |next| ((score - next) / score.max(f64::EPSILON)).clamp(0.0, 1.0));
    Features { score, gap, overlap: hit.overlap, class: facts.assessment.class }
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
        evidence.reasons.push(Argument::SharedWords { words: shared, rare: overlap.rare });
    }
    if shared < FEW_SHARED {
        evidence.against.push(Argument::FewShared { words: shared });
    }
    let missing: Vec<String> = query
        .words()
        .filter(|word| !hit.shared.iter().any(|shared| shared == word))
        .take(MISSING_WORDS_MAX)
        .map(str::to_owned)
        .collect();
    if !missing.is_empty() {
        evidence.against.push(Argument::Missing { words: missing });
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::assess::Class;

    /// What is known about a post; everything else is empty.
    struct Given {
        text: &'static str,
        class: Class,
        recognition: Recognition,
        by_reference: Vec<StoredTicket>,
        by_thread: Option<StoredTicket>,
        own: Vec<StoredTicket>,
    }

    fn given(text: &'static str) -> Given {
        let (class, recognition) = (Class::Complaint, Recognition::default());
        Given { text, class, recognition, by_reference: Vec::new(), by_thread: None, own: Vec::new() }
    }

    impl Given {
        fn by(mut self, certainty: Certainty, own: Vec<StoredTicket>) -> Given {
            self.recognition = recognised("C-me", certainty);
            self.own = own;
            self
        }

        fn answers(&self) -> Answers {
            let facts = Facts {
                mention: &post(self.text),
                assessment: &assessed(self.class),
                recognition: &self.recognition,
                by_reference: &self.by_reference,
                by_thread: self.by_thread.as_ref(),
                own_tickets: &self.own,
                opened_for_it: None,
                now: now(),
            };
            answer(&facts, &register())
        }
    }

    fn register() -> Index {
        let mut tickets: Vec<StoredTicket> = (0..30)
            .map(|n| {
                let body = ["internet traag", "factuur klopt niet", "storing in de wijk"][n % 3];
                ticket(&format!("f{n}"), body, &format!("klant belt over zaak{n}"))
            })
            .collect();
        tickets.push(freeze("18363").of("C-you"));
        tickets
            .push(ticket("18397", "Beeld blijft hangen", "elke avond bevriest het beeld").linked_to("P-80"));
        index_of(&tickets, &[problem("P-80", "Tv-kastje bevriest elke avond", "gidsdata")])
    }

    fn freeze(id: &str) -> StoredTicket {
        ticket(id, "Kastje bevriest elke avond", "beeld stil, geluid loopt door").linked_to("P-80")
    }

    fn transfer(id: &str) -> StoredTicket {
        ticket(id, "Geen internet na verhuizing", "order valt terug, nieuwe adres niet aangesloten")
            .of("C-me")
    }

    const FREEZES: &str = "Veldnet: kastje bevriest elke avond, geluid loopt door";
    const MOVED: &str = "verhuizing: nieuwe adres nog steeds niet aangesloten, order valt telkens terug";

    #[test]
    fn nothing_known_is_new_and_says_so() {
        let answers = given("wat een schitterende dag aan de gracht").answers();
        assert_eq!(answers.band(), Band::New);
        assert_eq!(answers.all().map(|answer| answer.tier), [Tier::None; 3]);
        assert_eq!(given("").answers().band(), Band::New);
    }

    #[test]
    fn a_problem_of_others_is_found_by_text_but_never_acted_on() {
        let answers = given(FREEZES).answers();
        let problem = &answers.same_problem;
        assert_eq!(problem.problem_id.as_deref(), Some("crm:P-80"));
        assert_eq!((problem.tier, problem.band), (Tier::Text, Band::Perhaps));
        assert_eq!(problem.contact_id, None, "another customer is nobody's business");
        assert!(problem.probability > 0.8, "{problem:?}");
        assert_eq!((answers.same_case.band, answers.same_customer.band), (Band::New, Band::New));
        assert!(problem.evidence.shared.len() >= 4 && !problem.evidence.reasons.is_empty());
    }

    #[test]
    fn what_speaks_against_is_named_and_the_runner_up_kept() {
        let answers =
            given("kastje bevriest, en de hond heeft de afstandsbediening: storing in de wijk?").answers();
        let evidence = &answers.same_problem.evidence;
        assert!(evidence.against.iter().any(|argument| matches!(argument, Argument::Missing { words } if words.contains(&"afstandsbediening".to_owned()))), "{evidence:?}");
        let (id, probability) = evidence.runner_up.as_ref().unwrap();
        assert!(id.starts_with("crm:f") && *probability < answers.same_problem.probability, "{evidence:?}");
        let few = given("kastje helemaal stuk").answers().same_problem.evidence;
        assert!(few.against.iter().any(|argument| matches!(argument, Argument::FewShared { .. })), "{few:?}");
    }

    #[test]
    fn a_number_in_the_post_is_the_case_whatever_the_words() {
        let mut post = given("mijn opa wacht nog altijd op iemand");
        post.by_reference = vec![freeze("18254").of("C-opa")];
        let answers = post.answers();
        assert_eq!((answers.same_case.tier, answers.same_case.band), (Tier::Reference, Band::Known));
        assert_eq!(answers.same_case.ticket_id.as_deref(), Some("crm:18254"));
        let problem = &answers.same_problem;
        assert_eq!((problem.tier, problem.band), (Tier::Reference, Band::Known));
        assert_eq!((problem.problem_id.as_deref(), &problem.contact_id), (Some("crm:P-80"), &None));
    }

    #[test]
    fn a_number_of_somebody_else_is_asked_about() {
        let mut post = given("ticket 18254, dezelfde ellende").by(Certainty::Certain, vec![]);
        post.by_reference = vec![freeze("18254").of("C-opa")];
        let case = post.answers().same_case;
        assert_eq!(case.band, Band::Perhaps);
        assert!(case.evidence.against.contains(&Argument::OfAnotherCustomer));
        post.recognition = recognised("C-me", Certainty::Probable);
        assert_eq!(
            post.answers().same_case.band,
            Band::Known,
            "a guess about the author does not weaken a number"
        );
    }

    #[test]
    fn of_several_numbers_the_open_ticket_counts() {
        let mut post = given("18254 en 18255");
        post.by_reference = vec![freeze("18254").solved(3.0), transfer("18255")];
        let case = post.answers().same_case;
        assert_eq!(case.ticket_id.as_deref(), Some("crm:18255"));
        assert!(case.evidence.against.contains(&Argument::SeveralTickets { tickets: 2 }));
    }

    #[test]
    fn a_conversation_about_a_ticket_is_its_case() {
        let mut post = given("niks gehoord");
        post.by_thread = Some(freeze("18254"));
        let answers = post.answers();
        assert_eq!((answers.same_case.tier, answers.same_case.band), (Tier::Thread, Band::Known));
        assert_eq!(answers.same_problem.tier, Tier::Thread);
    }

    #[test]
    fn a_certain_persons_own_ticket_is_known_when_alike_and_asked_about_when_not() {
        for (text, certainty, ticket, expected) in [
            (MOVED, Certainty::Certain, transfer("1"), Band::Known),
            (MOVED, Certainty::Probable, transfer("1"), Band::Perhaps),
            ("57 dagen wachten op jullie, schande", Certainty::Certain, transfer("1"), Band::Perhaps),
            ("57 dagen wachten op jullie, schande", Certainty::Probable, transfer("1"), Band::New),
            (MOVED, Certainty::Certain, transfer("1").solved(30.0), Band::Perhaps),
            (MOVED, Certainty::Certain, transfer("1").solved(400.0), Band::New),
            (FREEZES, Certainty::Certain, transfer("1"), Band::New),
            ("", Certainty::Certain, transfer("1"), Band::New),
        ] {
            let case = given(text).by(certainty, vec![ticket]).answers().same_case;
            assert_eq!(case.band, expected, "{text} {certainty:?} {case:?}");
            assert_eq!(case.tier, if expected == Band::New { Tier::None } else { Tier::Customer });
        }
    }

    #[test]
    fn of_several_own_tickets_the_likest_is_the_case_and_another_the_customers() {
        let own =
            vec![transfer("1"), freeze("2").of("C-me").opened(90.0), ticket("3", "Naam", "fout").of("C-me")];
        let answers = given(MOVED).by(Certainty::Certain, own).answers();
        assert_eq!(answers.same_case.ticket_id.as_deref(), Some("crm:1"));
        assert!(answers.same_case.evidence.runner_up.is_some());
        let customer = &answers.same_customer;
        assert_eq!((customer.ticket_id.as_deref(), customer.band), (Some("crm:2"), Band::Known));
        assert_eq!(customer.contact_id.as_deref(), Some("crm:C-me"));
    }

    #[test]
    fn the_customer_question_follows_how_sure_we_are_and_needs_another_open_ticket() {
        for (certainty, own, expected) in [
            (Certainty::Certain, vec![freeze("2").of("C-me")], Band::Known),
            (Certainty::Probable, vec![freeze("2").of("C-me")], Band::Perhaps),
            (Certainty::Certain, vec![freeze("2").of("C-me").solved(3.0)], Band::New),
            (Certainty::Certain, vec![], Band::New),
        ] {
            let post = given("de gracht ligt er vreselijk bij vandaag, wat een troep").by(certainty, own);
            let mut post = post;
            post.class = Class::Other;
            let customer = post.answers().same_customer;
            assert_eq!(customer.band, expected, "{certainty:?} {customer:?}");
        }
    }

    #[test]
    fn the_problem_of_the_own_ticket_is_the_problem() {
        let own = vec![transfer("1").linked_to("P-77")];
        let problem = given(MOVED).by(Certainty::Certain, own).answers().same_problem;
        assert_eq!((problem.problem_id.as_deref(), problem.tier), (Some("crm:P-77"), Tier::Customer));
        assert_eq!((problem.question, problem.band), (Question::SameProblem, Band::Known));
    }

    #[test]
    fn at_most_eight_shared_words_are_shown() {
        let long = "alfabet banaan citroen dadel eiland fontein gebouw haven ijsberg jasmijn";
        let index = index_of(&[ticket("1", long, "")], &[]);
        let hit = index.search(long, 1).remove(0);
        assert!(hit.shared.len() == 10);
        assert_eq!(of_hit(&hit, &index.query(long, &[])).shared.len(), SHARED_WORDS_MAX);
    }
}
