//! How fast the matching index is built, changed and asked, at 1,000, 10,000 and 100,000 tickets.
//!
//! Run it with `cargo bench --bench matching`. The tickets are made from the words of the demo's story, drawn as unevenly as
//! words are in language, with rare numbers and codes among them; posts are damaged copies of tickets and other texts.

use std::time::Instant;

use gehoord::matching::Index;
use gehoord::register::{Priority, StoredTicket, Ticket, TicketStatus};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const QUERIES: usize = 2_000;
const CHANGES: usize = 2_000;
/// Every how manieth ticket is linked to a problem, and how many tickets a problem has.
const LINKED_ONE_IN: usize = 3;
const TICKETS_PER_PROBLEM: usize = 40;

fn main() {
    let words = words_of_the_story();
    println!("{} words", words.len());
    for size in SIZES {
        let mut rng = SmallRng::seed_from_u64(7);
        let tickets: Vec<StoredTicket> = (0..size).map(|number| ticket(number, &words, &mut rng)).collect();
        let before = resident_kib();
        let mut index = Index::default();
        let build = timed(|| tickets.iter().for_each(|ticket| index.apply_ticket(ticket)));
        let memory = resident_kib().saturating_sub(before);
        let posts: Vec<String> = (0..QUERIES).map(|_| post(&tickets, &words, &mut rng)).collect();
        let mut spent: Vec<f64> = posts.iter().map(|post| timed(|| drop(index.search(post, 60)))).collect();
        spent.sort_by(f64::total_cmp);
        let mean = spent.iter().sum::<f64>() / spent.len() as f64;
        let changes = CHANGES.min(size / 4);
        let change = timed(|| tickets[..changes].iter().for_each(|ticket| index.apply_ticket(ticket)));
        println!(
            "{size:>7} tickets: build {build:.2} s, {memory} KiB; query mean {:.3} ms, p99 {:.3} ms, {:.0}/s; change {:.3} ms",
            mean * 1e3,
            spent[spent.len() * 99 / 100] * 1e3,
            1.0 / mean,
            change * 1e3 / changes as f64,
        );
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn words_of_the_story() -> Vec<String> {
    let story = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/story");
    let mut words: Vec<String> = Vec::new();
    for file in ["tickets.csv", "problems.csv", "answers.csv", "mentions.jsonl", "invoice_wordings.txt"] {
        let text =
            std::fs::read_to_string(format!("{story}/{file}")).expect("the story is in the repository");
        words.extend(text.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 1).map(str::to_lowercase));
    }
    words
}

/// The list holds every word as often as the story does, so drawing from it is drawing as language does.
fn sentence(count: usize, words: &[String], rng: &mut SmallRng) -> Vec<String> {
    (0..count)
        .map(|_| match rng.random_range(0..12) {
            0 => format!("{}{}", words[rng.random_range(0..words.len())], rng.random_range(0..3_000)),
            1 => format!("VB{:08}", rng.random_range(0..300_000)),
            _ => words[rng.random_range(0..words.len())].clone(),
        })
        .collect()
}

fn ticket(number: usize, words: &[String], rng: &mut SmallRng) -> StoredTicket {
    let opened: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a valid time");
    let subject_words = rng.random_range(2..6);
    let body_words = rng.random_range(8..24);
    let id = format!("crm:{number}");
    let problem = (number.is_multiple_of(LINKED_ONE_IN))
        .then(|| format!("crm:P-{}", rng.random_range(0..=number / (LINKED_ONE_IN * TICKETS_PER_PROBLEM))));
    StoredTicket {
        id: id.clone(),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        ticket: Ticket {
            external_id: number.to_string(),
            number: number.to_string(),
            url: None,
            subject: sentence(subject_words, words, rng).join(" "),
            body: sentence(body_words, words, rng).join(" "),
            status: TicketStatus::Open,
            priority: Priority::Normal,
            contact: Some(format!("crm:C-{}", number / 2)),
            problem,
            product: None,
            created_at: opened + SignedDuration::from_mins(number as i64),
            updated_at: opened,
            solved_at: None,
        },
    }
}

fn post(tickets: &[StoredTicket], words: &[String], rng: &mut SmallRng) -> String {
    let count = rng.random_range(4..8);
    let mut post = sentence(count, words, rng);
    if rng.random_bool(0.6) {
        let source = &tickets[rng.random_range(0..tickets.len())].ticket;
        post.extend(source.body.split(' ').filter(|_| rng.random_bool(0.6)).map(str::to_owned));
    } else {
        post.extend(sentence(10, words, rng));
    }
    post.join(" ")
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
