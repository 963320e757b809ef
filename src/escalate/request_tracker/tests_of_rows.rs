//! Rows of recorded shape in, our words out; and what becomes of rows that do not have that shape.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::describe::{answer, readable};
use super::rows::{Content, Entry, Row, linked, read_all};
use super::*;
use crate::register::ProblemStatus;
use crate::source::json;

const TICKETS: &str = include_str!("../../../tests/fixtures/request_tracker/tickets.json");
const HISTORY: &str = include_str!("../../../tests/fixtures/request_tracker/history.json");
const CONTENTS: &str = include_str!("../../../tests/fixtures/request_tracker/contents.json");

fn config() -> Config {
    Config {
        queues: vec!["Klantenservice".into()],
        problem_queue: Some("Problemen".into()),
        handle_field: Some("Account".into()),
        customer_number_field: Some("Klantnummer".into()),
        product_field: Some("Product".into()),
        workaround_field: Some("Omweg".into()),
        statuses: [("Wacht op onderdeel".to_owned(), TicketStatus::Pending)].into(),
        ..Config::default()
    }
}

fn read<T>(page: &str, read: impl Fn(&Value) -> Result<T, String>) -> (Vec<T>, Vec<String>) {
    #[derive(serde::Deserialize)]
    struct Page {
        items: Vec<Box<serde_json::value::RawValue>>,
    }
    let mut rejected = Vec::new();
    let page: Page = json::envelope(page).unwrap();
    (read_all(&page.items, read, &mut rejected), rejected)
}

fn rows() -> Vec<Row> {
    let (rows, rejected) = read(TICKETS, Row::read);
    assert_eq!((rows.len(), rejected), (4, Vec::new()));
    rows
}

#[test]
fn a_row_becomes_a_ticket_with_its_customer() {
    let (config, rows) = (config(), rows());
    let ticket = rows[0].ticket(&config, None, "tekst".into(), Some(4104));
    assert_eq!(
        (ticket.external_id.as_str(), ticket.status, ticket.priority),
        ("4102", TicketStatus::Open, Priority::High)
    );
    assert_eq!((ticket.contact.as_deref(), ticket.problem.as_deref()), (Some("911"), Some("4104")));
    assert_eq!((ticket.product.as_deref(), ticket.solved_at), (Some("Klantenservice"), None));
    let contact = rows[0].requestors[0].contact(rows[0].customer_number(&config), rows[0].handles(&config));
    assert_eq!(
        (contact.name.as_str(), contact.phone.as_deref()),
        ("Femke Terpstra", Some("058 - 555 01 23"))
    );
    assert_eq!(contact.customer_number.as_deref(), Some("88-1204"));
    assert_eq!(contact.handles, ["mastodon:FemkeT@sociaal.example", "bluesky:femke.example"]);
}

#[test]
fn a_solved_ticket_and_a_status_of_an_own_lifecycle_are_understood() {
    let (config, rows) = (config(), rows());
    let solved = rows[1].ticket(&config, None, String::new(), None);
    assert_eq!((solved.status, solved.solved_at), (TicketStatus::Solved, rows[1].resolved));
    assert_eq!((solved.contact, solved.priority), (None, Priority::Low));
    let waiting = rows[3].ticket(&config, None, String::new(), None);
    assert_eq!(waiting.status, TicketStatus::Pending);
    let unexplained = rows[3].ticket(&Config::default(), None, String::new(), None);
    assert_eq!(unexplained.status, TicketStatus::Open);
}

#[test]
fn a_row_of_the_problem_queue_becomes_a_problem() {
    let problem = rows()[2].problem(&config(), None, "oorzaak".into());
    assert_eq!(
        (problem.title.as_str(), problem.status),
        ("Wijkcentrale Noord valt uit", ProblemStatus::Explained)
    );
    assert_eq!(problem.workaround.as_deref(), Some("Zet het modem tien minuten uit."));
    assert_eq!(
        (problem.owner.as_deref(), problem.owner_email.as_deref()),
        (Some("milan"), Some("milan@veldnet.example"))
    );
    assert_eq!(problem.fixed_at, None);
}

#[test]
fn handles_are_pairs_whatever_was_typed() {
    let with = |value: &str| {
        let mut row = rows().remove(0);
        row.fields[0].values = vec![value.to_owned()];
        row.handles(&Config { handle_network: Some("Mastodon".into()), ..config() })
    };
    for (typed, handles) in [
        ("X:@joris", vec!["x:joris"]),
        ("@joris@sociaal.example", vec!["mastodon:joris@sociaal.example"]),
        ("https://sociaal.example/@joris", vec![]),
        (":", vec![]),
        ("x: , ,@", vec![]),
        ("x:a\ny:b", vec!["x:a", "y:b"]),
    ] {
        assert_eq!(with(typed), handles, "{typed:?}");
    }
}

#[test]
fn answers_know_who_said_them_and_our_own_notes_are_none() {
    let row = rows().remove(0);
    let (entries, _) = read(HISTORY, Entry::read);
    let (contents, _) = read(CONTENTS, Content::read);
    let words = readable(contents);
    assert_eq!(words[&70001], "Al twee dagen geen beeld.", "plain text goes before HTML");
    let answers: Vec<_> = entries.iter().filter_map(|entry| answer(&row, entry, &words[&entry.id])).collect();
    let said: Vec<_> =
        answers.iter().map(|answer| (answer.by_agent, answer.public, answer.body.as_str())).collect();
    assert_eq!(
        said,
        [
            (true, true, "Wij zoeken het uit & bellen terug."),
            (false, true, "Bij mij ook, schrijft u hier [gehoord:x]")
        ]
    );
}

#[test]
fn only_links_of_the_relation_to_tickets_count() {
    let value = json!({ "_hyperlinks": [
        { "ref": "depends-on", "type": "ticket", "id": "12" },
        { "ref": "depends-on", "type": "external", "_url": "https://elsewhere.example/12" },
        { "ref": "depended-on-by", "type": "ticket", "id": "13" },
        { "ref": "depends-on", "type": "ticket", "id": 14 },
        { "ref": "depends-on", "type": "ticket" },
        null, "x"
    ] });
    assert_eq!(linked(&value, ProblemLink::DependsOn.reference()), [12, 14]);
}

/// Every field of the first row missing, null, and of a wrong type, one after the other: the other rows survive.
#[test]
fn a_broken_field_costs_its_row_at_most() {
    let page: Value = serde_json::from_str(TICKETS).unwrap();
    let keys: Vec<String> = page["items"][0].as_object().unwrap().keys().cloned().collect();
    for key in keys {
        for broken in [
            None,
            Some(Value::Null),
            Some(json!(-7)),
            Some(json!([[1]])),
            Some(json!({ "id": true })),
            Some(json!("\u{0}")),
        ] {
            let mut page = page.clone();
            let row = page["items"][0].as_object_mut().unwrap();
            match broken.clone() {
                Some(value) => row.insert(key.clone(), value),
                None => row.remove(&key),
            };
            let (rows, rejected) = read(&page.to_string(), Row::read);
            let config = config();
            for row in &rows {
                row.ticket(&config, None, String::new(), None);
                row.problem(&config, None, String::new());
                row.handles(&config);
            }
            assert!(rows.len() >= 3 && rows.len() + rejected.len() == 4, "{key} {broken:?}");
            assert!(rejected.iter().all(|reason| !reason.contains("Terpstra")));
        }
    }
}

#[test]
fn a_lone_surrogate_costs_a_character() {
    let page = TICKETS.replace("Geen televisie", "Geen \\ud83d televisie");
    let (rows, rejected) = read(&page, Row::read);
    assert!(
        rejected.is_empty() && rows[0].subject.starts_with("Geen \u{FFFD} televisie"),
        "{}",
        rows[0].subject
    );
}

proptest! {
    #[test]
    fn no_row_makes_us_panic(id in "[0-9]{0,30}|x", at in "[0-9TZ:-]{0,25}", text in "\\PC{0,30}") {
        let value = json!({
            "id": id, "LastUpdated": at, "Created": text, "Status": text, "Queue": { "Name": text },
            "Priority": text, "Requestor": [{ "id": text, "EmailAddress": text }], "CustomFields": [
                { "name": "Account", "values": [text, 1, null] }
            ],
        });
        if let Ok(row) = Row::read(&value) {
            row.ticket(&config(), None, text.clone(), None);
            row.handles(&config());
        }
        let _ = (Entry::read(&value), Content::read(&value), linked(&value, &text));
    }
}
