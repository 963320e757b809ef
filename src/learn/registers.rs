//! Registers made of our own wordings, in which is known what each post is about: what fusion is trained and judged on.
//!
//! Of a family of problems some are in the register and some are not, so that a post about a near miss is among those that
//! match nothing. Some problems have tickets in one language only, as in a company that answers in one.

use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

use super::corpus::{Group, Labelled, Tongue, Voice, Wording};
use crate::matching::Index;
use crate::register::{
    Priority, Problem, ProblemStatus, StoredProblem, StoredTicket, Ticket, TicketStatus, row_id,
};

/// A post, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The words.
    pub text: String,
    /// Its language.
    pub tongue: Tongue,
    /// Row id of the problem that it is about; `None` when nothing is known of it.
    pub answer: Option<String>,
    /// The languages that the tickets of that problem are in.
    pub ticket_tongues: Vec<Tongue>,
}

/// A register and posts to ask it about.
#[derive(Debug)]
pub struct Simulated {
    /// The register.
    pub index: Index,
    /// The posts.
    pub asked: Vec<Asked>,
}

/// How many of a hundred problems are in the register. The others are what nobody has heard of yet.
const KNOWN_PERCENT: u32 = 62;

/// Of so many posts one is no complaint at all, and so matches nothing.
const OTHERS_ONE_IN: usize = 5;

/// Makes a register of some of `groups` in an empty `index`. Some of `mentions` that are no complaints are asked about too.
pub fn simulate(
    groups: &[&Group],
    mentions: &[Labelled],
    index: Index,
    problems_max: usize,
    seed: u64,
) -> Simulated {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut groups = groups.to_vec();
    groups.shuffle(&mut rng);
    groups.truncate(problems_max * 100 / KNOWN_PERCENT as usize);
    let has_problems = rng.random_bool(0.7);
    let mut made = Simulated { index, asked: Vec::new() };
    for (number, group) in groups.iter().enumerate() {
        if rng.random_ratio(KNOWN_PERCENT, 100) {
            made.add_known(group, number, has_problems, &mut rng);
        } else {
            let posts = group.wordings.iter().filter(|wording| wording.voice == Voice::Post);
            made.asked.extend(posts.map(|post| asked(post, None, Vec::new())));
        }
    }
    let others: Vec<&Labelled> = mentions.iter().filter(|mention| mention.class != "complaint").collect();
    let count = made.asked.len() / OTHERS_ONE_IN;
    made.asked.extend(others.choose_multiple(&mut rng, count).map(|mention| Asked {
        text: mention.text.clone(),
        tongue: mention.tongue,
        answer: None,
        ticket_tongues: Vec::new(),
    }));
    made
}

impl Simulated {
    fn add_known(&mut self, group: &Group, number: usize, has_problems: bool, rng: &mut SmallRng) {
        let tongues = match rng.random_range(0..10) {
            0..4 => vec![Tongue::Dutch],
            4..7 => vec![Tongue::English],
            _ => vec![Tongue::Dutch, Tongue::English],
        };
        let (posts, records): (Vec<&Wording>, Vec<&Wording>) =
            group.wordings.iter().partition(|wording| wording.voice == Voice::Post);
        let mut posts: Vec<&Wording> = posts;
        posts.shuffle(rng);
        // Customers also write to us as they write in public.
        let written = posts.iter().position(|post| tongues.contains(&post.tongue));
        let mut tickets: Vec<&Wording> =
            records.into_iter().filter(|record| tongues.contains(&record.tongue)).collect();
        if rng.random_bool(0.6) && posts.len() > 3 {
            tickets.extend(written.map(|place| posts.remove(place)));
        }
        let problem = row_id("crm", &format!("P{number}"));
        let title = match tongues[0] {
            Tongue::Dutch => &group.dutch_title,
            Tongue::English => &group.english_title,
        };
        for (place, ticket) in tickets.iter().enumerate() {
            let subject = if rng.random_bool(0.25) { title.as_str() } else { "" };
            self.index.apply_ticket(&stored_ticket(
                &format!("{number}-{place}"),
                subject,
                &ticket.text,
                &problem,
            ));
        }
        if has_problems {
            self.index.apply_problem(&stored_problem(&problem, title));
        }
        let about = if tickets.is_empty() && !has_problems { None } else { Some(problem) };
        self.asked.extend(posts.into_iter().map(|post| asked(post, about.clone(), tongues.clone())));
    }
}

fn asked(post: &Wording, answer: Option<String>, ticket_tongues: Vec<Tongue>) -> Asked {
    Asked { text: post.text.clone(), tongue: post.tongue, answer, ticket_tongues }
}

/// A ticket about a problem.
pub fn stored_ticket(id: &str, subject: &str, body: &str, problem: &str) -> StoredTicket {
    StoredTicket {
        id: row_id("crm", id),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        ticket: Ticket {
            external_id: id.into(),
            number: id.into(),
            url: None,
            subject: subject.into(),
            body: body.into(),
            status: TicketStatus::Open,
            priority: Priority::Normal,
            contact: None,
            problem: Some(problem.into()).filter(|problem: &String| !problem.is_empty()),
            product: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            solved_at: None,
        },
    }
}

fn stored_problem(id: &str, title: &str) -> StoredProblem {
    StoredProblem {
        id: id.into(),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        problem: Problem {
            external_id: id.into(),
            number: id.into(),
            url: None,
            title: title.into(),
            description: String::new(),
            status: ProblemStatus::Open,
            workaround: None,
            owner: None,
            owner_email: None,
            opened_at: Timestamp::UNIX_EPOCH,
            fixed_at: None,
        },
    }
}
