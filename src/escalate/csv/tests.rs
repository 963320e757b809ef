//! The connector against folders of files.

use std::path::Path;

use super::*;
use crate::escalate::passes::whole;
use crate::register::{Priority, ProblemStatus, TicketStatus};

const START: &str = "2026-02-01T12:00:00Z";

fn at(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds)
}

fn fixture(name: &str) -> Config {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv").join(name);
    let config = Config { folder, ..Config::default() };
    assert_eq!(config.validate(), Vec::<String>::new());
    config
}

/// A folder of the test's own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(name)).unwrap();
    }

    fn register(&self) -> Csv {
        build(Config { folder: self.0.path().to_owned(), ..Config::default() })
    }
}

async fn pass(csv: &Csv, cursor: &str, now: Timestamp) -> (RegisterPage, String) {
    whole(async |cursor| csv.read(&cursor, now).await, cursor).await
}

fn tickets(ids: impl IntoIterator<Item = u32>) -> String {
    let rows = ids.into_iter().map(|id| format!("{id};Vraag {id};Open;05-01-2026\n"));
    std::iter::once("id;onderwerp;status;aangemaakt\n".to_owned()).chain(rows).collect()
}

#[tokio::test]
async fn a_dutch_export_in_windows_1252_is_understood() {
    let csv = build(fixture("dutch"));
    let (all, cursor) = pass(&csv, "", at(0)).await;
    assert_eq!(all.contacts[0].name, "José van der Meer");
    assert_eq!(all.contacts[0].city.as_deref(), Some("’s-Hertogenbosch"));
    assert_eq!(all.contacts[0].customer_number.as_deref(), Some("00012345"));
    assert_eq!(all.contacts[1].name, "Visser; Bram");
    assert_eq!(all.problems[0].status, ProblemStatus::Explained);
    let ticket = &all.tickets[0];
    assert_eq!((ticket.number.as_str(), ticket.contact.as_deref()), ("0041", Some("00012345")));
    assert_eq!(ticket.body, "Sinds maandag niets.\r\nBedrag: € 17,43, \"eenmalig\".");
    assert_eq!((ticket.status, ticket.priority), (TicketStatus::Open, Priority::High));
    assert_eq!(ticket.created_at.to_string(), "2026-01-05T08:30:00Z");
    assert_eq!(all.tickets[1].solved_at, Some("2026-01-07T11:00:00Z".parse().unwrap()));
    let said: Vec<_> = all.answers.iter().map(|answer| (answer.by_agent, answer.public)).collect();
    assert_eq!(said, [(true, true), (false, true), (true, false)]);
    assert_eq!(
        all.rejected,
        [
            "tickets line 5: has 3 cells where the header has 10",
            "tickets line 6: the word in column status is unknown; add it to ticket_statuses"
        ]
    );
    let (nothing, same) = pass(&csv, &cursor, at(60)).await;
    assert!(nothing.tickets.is_empty() && nothing.rejected.is_empty());
    assert_eq!(same, cursor);
    assert_eq!(csv.check().await.unwrap(), "files with 2 contacts, 1 problems, 4 tickets, 3 answers");
}

#[tokio::test]
async fn an_english_export_with_words_of_its_own_is_understood() {
    let config = Config {
        ticket_statuses: BTreeMap::from([("stuck".to_owned(), "pending".to_owned())]),
        ..fixture("english")
    };
    let (all, _) = pass(&build(config), "", at(0)).await;
    assert_eq!(all.rejected, Vec::<String>::new());
    assert_eq!((all.tickets[0].status, all.tickets[0].priority), (TicketStatus::Pending, Priority::Urgent));
    assert_eq!(all.deleted_tickets, ["8"]);
}

#[tokio::test]
async fn rows_that_vanish_from_a_settled_snapshot_are_deleted_tickets() {
    let folder = Folder::new();
    folder.put("tickets.csv", &tickets(1..=5));
    let csv = folder.register();
    let (_, cursor) = pass(&csv, "", at(0)).await;
    folder.put("tickets.csv", &tickets([1, 2, 4, 5, 6]));
    let (all, cursor) = pass(&csv, &cursor, at(60)).await;
    assert_eq!(
        (all.tickets.len(), all.deleted_tickets.len()),
        (5, 0),
        "not yet: the file may be half written"
    );
    let (all, cursor) = pass(&csv, &cursor, at(119)).await;
    assert_eq!(all.deleted_tickets.len(), 0);
    let (all, cursor) = pass(&csv, &cursor, at(120)).await;
    assert_eq!(all.deleted_tickets, ["3"]);
    let (all, _) = pass(&csv, &cursor, at(500)).await;
    assert_eq!(all.deleted_tickets.len(), 0, "told once");
}

#[tokio::test]
async fn a_file_cut_between_two_rows_deletes_nothing_when_it_grows_on() {
    let folder = Folder::new();
    folder.put("tickets.csv", &tickets(1..=5));
    let csv = folder.register();
    let (_, mut cursor) = pass(&csv, "", at(0)).await;
    for (seconds, last) in [(60, 1), (119, 3), (178, 5)] {
        folder.put("tickets.csv", &tickets(1..=last));
        let (all, next) = pass(&csv, &cursor, at(seconds)).await;
        assert_eq!(all.deleted_tickets.len(), 0);
        cursor = next;
    }
    let (all, _) = pass(&csv, &cursor, at(9999)).await;
    assert_eq!(all.deleted_tickets.len(), 0);
}

#[tokio::test]
async fn a_half_written_file_is_not_taken_until_it_stays_so() {
    let folder = Folder::new();
    let whole = tickets(1..=3);
    let half = &whole[..whole.len() - 4];
    folder.put("tickets.csv", half);
    let csv = folder.register();
    let page = csv.read("", at(0)).await.unwrap();
    assert_eq!((page.tickets.len(), page.complete), (0, false));
    let failure = csv.read(&page.cursor, at(20)).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retry_after),
        (FailureKind::Unavailable, Some(Duration::from_secs(40)))
    );
    // It was half a file.
    folder.put("tickets.csv", &whole);
    let (all, _) = pass(&csv, &page.cursor, at(21)).await;
    assert_eq!(all.tickets.len(), 3);
    // It was an exporter that never ends its last line.
    folder.put("tickets.csv", whole.trim_end());
    let page = csv.read("", at(0)).await.unwrap();
    let (all, _) = pass(&csv, &page.cursor, at(60)).await;
    assert_eq!(all.tickets.len(), 3);
}

#[tokio::test]
async fn a_file_that_changes_during_a_pass_is_read_from_the_start() {
    let folder = Folder::new();
    folder.put("tickets.csv", &tickets(1..=7000));
    let csv = folder.register();
    let page = csv.read("", at(0)).await.unwrap();
    assert_eq!((page.tickets.len(), page.complete), (ROWS_PER_READ, false));
    folder.put("tickets.csv", &tickets(2..=7001));
    let (all, cursor) = pass(&csv, &page.cursor, at(1)).await;
    assert_eq!(all.tickets.len(), 7000);
    assert!(cursor.len() < 2000, "{}", cursor.len());
    let (all, _) = pass(&csv, &cursor, at(500)).await;
    assert_eq!(all.deleted_tickets.len(), 0, "ticket 1 was never in a whole snapshot");
}

#[tokio::test]
async fn a_missing_file_is_trouble_only_where_one_was() {
    let folder = Folder::new();
    let csv = folder.register();
    let (nothing, _) = pass(&csv, "", at(0)).await;
    assert!(nothing.tickets.is_empty());
    assert_eq!(csv.check().await.unwrap_err().kind, FailureKind::NotFound);
    folder.put("tickets.csv", &tickets(1..=3));
    let (_, cursor) = pass(&csv, "", at(0)).await;
    folder.remove("tickets.csv");
    assert_eq!(csv.read(&cursor, at(60)).await.unwrap_err().kind, FailureKind::Unavailable);
    let named = build(Config { answers: Some("antwoorden.csv".into()), ..csv.config });
    assert!(named.read("", at(0)).await.unwrap_err().message.contains("answers"));
}

#[tokio::test]
async fn a_row_of_the_wrong_length_hides_no_ticket() {
    let folder = Folder::new();
    folder.put("tickets.csv", &tickets(1..=3));
    let csv = folder.register();
    let (_, cursor) = pass(&csv, "", at(0)).await;
    folder.put("tickets.csv", &tickets(1..=3).replace("2;Vraag 2;Open", "2;Vraag; 2;Open"));
    let (all, cursor) = pass(&csv, &cursor, at(60)).await;
    assert_eq!(all.rejected.len(), 1);
    let (all, _) = pass(&csv, &cursor, at(9999)).await;
    assert_eq!(all.deleted_tickets.len(), 0);
}

#[tokio::test]
async fn columns_that_are_missing_are_told_with_the_way_out() {
    let folder = Folder::new();
    folder.put("tickets.csv", "kolom a;kolom b\n1;2\n");
    let failure = folder.register().read("", at(0)).await.unwrap_err();
    assert!(failure.message.contains("columns.tickets"), "{failure}");
}

#[tokio::test]
async fn a_csv_register_is_never_written() {
    let note = CrmAction::NoteProblem { problem: "P-7".to_owned(), note: "x".to_owned() };
    let failure = build(fixture("dutch")).write(&note, "key", false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let errors = Config {
        separator: Some('é'),
        time_zone: "Mars".to_owned(),
        ticket_statuses: BTreeMap::from([("x".to_owned(), "klaar".to_owned())]),
        columns: Names {
            tickets: BTreeMap::from([("kleur".to_owned(), "k".to_owned())]),
            ..Names::default()
        },
        ..Config::default()
    }
    .validate();
    for key in ["folder:", "separator:", "time_zone:", "ticket_statuses.x:", "columns.tickets.kleur:"] {
        assert!(errors.iter().any(|error| error.starts_with(key)), "{key} {errors:?}");
    }
}
