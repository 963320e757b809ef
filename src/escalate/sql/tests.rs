//! The connector against a desk in SQLite and, where one runs, in PostgreSQL.

use super::*;
use crate::escalate::passes::whole;
use crate::register::{Priority, TicketStatus};

const DESK: &str = include_str!("../../../tests/fixtures/sql/desk.sql");

fn now() -> Timestamp {
    "2026-02-01T12:00:00Z".parse().unwrap()
}

/// A desk of the test's own, and how the connector finds it.
struct Desk {
    url: String,
    pool: sqlx::AnyPool,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn sqlite() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("desk.db").display());
        Self::filled(url.clone(), format!("{url}?mode=rwc"), folder).await
    }

    /// A database of its own on the test server; `None`, loudly, where there is no server.
    async fn postgres() -> Option<Desk> {
        let Ok(server) = std::env::var("GEHOORD_TEST_POSTGRES") else {
            assert!(std::env::var("GEHOORD_TEST_REQUIRE").is_err(), "GEHOORD_TEST_POSTGRES is not set");
            eprintln!("SKIPPED: GEHOORD_TEST_POSTGRES is not set, so PostgreSQL goes untested");
            return None;
        };
        sqlx::any::install_default_drivers();
        let name = format!("sql_register_{}", crate::ids::new_id(now()).replace('-', ""));
        let admin = sqlx::AnyPool::connect(&server).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Some(Self::filled(url.to_string(), url.to_string(), tempfile::tempdir().unwrap()).await)
    }

    async fn both() -> Vec<Desk> {
        let mut desks = vec![Desk::sqlite().await];
        desks.extend(Desk::postgres().await);
        desks
    }

    async fn filled(url: String, own_url: String, folder: tempfile::TempDir) -> Desk {
        sqlx::any::install_default_drivers();
        let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&own_url).await.unwrap();
        let desk = Desk { url, pool, _folder: folder };
        desk.run(DESK).await;
        desk
    }

    async fn run(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    fn config(&self) -> Config {
        let changed = "COALESCE(gewijzigd, gemaakt)";
        Config {
            url: Some(Secret::new(self.url.clone())),
            queries: Queries {
                contacts: Some(
                    "SELECT klantnr AS id, klantnr AS customer_number, naam, mail AS email, plaats, sinds AS customer_since FROM klant; "
                        .to_owned(),
                ),
                tickets: Some(format!(
                    "SELECT nr AS id, onderwerp, tekst, stand AS status, prio, klantnr AS contact, probleem, \
                     gemaakt AS created_at, {changed} AS updated_at FROM melding \
                     WHERE {changed} > :since OR ({changed} = :since AND CAST(nr AS TEXT) > :after_id) \
                     ORDER BY {changed}, CAST(nr AS TEXT) LIMIT :limit -- een pagina"
                )),
                answers: Some(
                    "SELECT nr AS id, melding AS ticket, medewerker AS author, extern AS public, tekst, op FROM reactie"
                        .to_owned(),
                ),
                problems: Some("SELECT code AS id, titel, stand AS status, gemaakt AS opened_at FROM oorzaak".to_owned()),
            },
            page_rows: 2,
            time_zone: "Europe/Amsterdam".to_owned(),
            ..Config::default()
        }
    }

    fn register(&self, adapt: impl FnOnce(&mut Config)) -> Sql {
        let mut config = self.config();
        adapt(&mut config);
        assert_eq!(config.validate(), Vec::<String>::new());
        build(config)
    }
}

async fn pass(sql: &Sql, cursor: &str) -> (RegisterPage, String) {
    whole(async |cursor| sql.read(&cursor, now()).await, cursor).await
}

fn ids(page: &RegisterPage) -> Vec<&str> {
    page.tickets.iter().map(|ticket| ticket.external_id.as_str()).collect()
}

#[tokio::test]
async fn tables_of_any_type_are_read_page_by_page() {
    for desk in Desk::both().await {
        let (all, _) = pass(&desk.register(|_| {}), "").await;
        assert_eq!(ids(&all), ["1", "2", "3", "4"], "in the order of change; those of one moment all come");
        let ticket = &all.tickets[0];
        assert_eq!((ticket.status, ticket.priority), (TicketStatus::Open, Priority::High));
        assert_eq!((ticket.contact.as_deref(), ticket.problem.as_deref()), (Some("12345"), Some("P-7")));
        assert_eq!(ticket.created_at.to_string(), "2026-01-05T08:00:00Z");
        assert_eq!(all.tickets[1].solved_at, Some("2026-01-06T08:00:00Z".parse().unwrap()));
        assert_eq!(all.contacts.len(), 2);
        assert_eq!(all.contacts[0].customer_since, Some("2019-04-30T22:00:00Z".parse().unwrap()));
        let said: Vec<_> = all.answers.iter().map(|answer| (answer.by_agent, answer.public)).collect();
        assert_eq!(said, [(true, true), (false, true)]);
        assert_eq!(all.problems[0].title, "Glasstoring");
        assert_eq!(all.rejected.len(), 1, "{:?}", all.rejected);
        assert!(all.rejected[0].contains("status") && !all.rejected[0].contains("plank"));
    }
}

#[tokio::test]
async fn the_next_pass_brings_what_changed_and_reaches_back() {
    for desk in Desk::both().await {
        let sql = desk.register(|_| {});
        let (_, cursor) = pass(&sql, "").await;
        // Committed late: it was written down a minute before the last change that was seen.
        desk.run("UPDATE melding SET stand = 'gesloten', gewijzigd = '2026-01-06 08:59:00' WHERE nr = 1")
            .await;
        desk.run("INSERT INTO melding VALUES (9, 'Nieuw', 'x', 'nieuw', 1, NULL, NULL, '2026-01-07 09:00:00', NULL)").await;
        let (all, cursor) = pass(&sql, &cursor).await;
        assert_eq!(all.tickets.iter().find(|t| t.external_id == "1").unwrap().status, TicketStatus::Closed);
        assert_eq!(ids(&all), ["1", "2", "3", "4", "9"]);
        let (all, _) = pass(&sql, &cursor).await;
        assert_eq!(ids(&all), ["9"], "what lies before the overlap is not asked for again");
    }
}

#[tokio::test]
async fn a_row_from_the_future_hides_nothing() {
    for desk in Desk::both().await {
        let sql = desk.register(|_| {});
        desk.run("INSERT INTO melding VALUES (8, 'Typfout', 'x', 'open', 1, NULL, NULL, '2062-01-07 09:00:00', NULL)").await;
        let (_, cursor) = pass(&sql, "").await;
        desk.run("INSERT INTO melding VALUES (9, 'Nieuw', 'x', 'open', 1, NULL, NULL, '2026-02-01 13:00:00', NULL)").await;
        let (all, _) = pass(&sql, &cursor).await;
        assert!(ids(&all).contains(&"9"), "{:?}", ids(&all));
    }
}

#[tokio::test]
async fn a_query_that_does_not_get_on_is_told_instead_of_skipping() {
    for desk in Desk::both().await {
        let sql = desk.register(|config| {
            config.queries.tickets = Some(
                "SELECT nr AS id, onderwerp, gemaakt AS created_at, gemaakt AS updated_at FROM melding \
                 WHERE gemaakt >= :since ORDER BY gemaakt, nr LIMIT :limit"
                    .to_owned(),
            );
        });
        let mut cursor = String::new();
        let failure = loop {
            match sql.read(&cursor, now()).await {
                Ok(page) => {
                    assert!(!page.complete);
                    cursor = page.cursor;
                }
                Err(failure) => break failure,
            }
        };
        assert!(failure.message.contains(":after_id"), "{failure}");
    }
}

#[tokio::test]
async fn seconds_since_1970_can_be_compared_too() {
    let desk = Desk::sqlite().await;
    desk.run("CREATE TABLE bel (id INTEGER, titel TEXT, op INTEGER)").await;
    desk.run("INSERT INTO bel VALUES (1, 'a', 1767600000), (2, 'b', 1767600000), (3, 'c', 1767603600)").await;
    let sql = desk.register(|config| {
        config.queries.tickets = Some(
            "SELECT id, titel, op AS created_at, op AS updated_at FROM bel WHERE op > :since_epoch OR (op = :since_epoch \
             AND CAST(id AS TEXT) > :after_id) ORDER BY op, CAST(id AS TEXT) LIMIT :limit"
                .to_owned(),
        );
    });
    let (all, _) = pass(&sql, "").await;
    assert_eq!(ids(&all), ["1", "2", "3"]);
    assert_eq!(all.tickets[2].created_at.to_string(), "2026-01-05T09:00:00Z");
}

#[tokio::test]
async fn nothing_can_be_changed_through_a_query() {
    for desk in Desk::both().await {
        let sql = desk.register(|config| {
            config.queries.problems = Some(
                "WITH weg AS (DELETE FROM oorzaak RETURNING code) SELECT code AS id, code AS title FROM weg"
                    .to_owned(),
            );
        });
        let page = sql.read("", now()).await.unwrap();
        let failure = sql.read(&page.cursor, now()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
        let (all, _) = pass(&desk.register(|_| {}), "").await;
        assert_eq!(all.problems.len(), 1);
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended() {
    for desk in Desk::both().await {
        let sql = desk.register(|config| {
            config.statement_timeout_secs = 1;
            config.queries.contacts = Some(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) \
                 SELECT MAX(i) AS id, 'x' AS name FROM n"
                    .to_owned(),
            );
        });
        for _ in 0..3 {
            let failure = sql.read("", now()).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
        }
    }
}

#[tokio::test]
async fn trouble_is_told_by_its_kind_and_without_the_address() {
    let desk = Desk::sqlite().await;
    let asked =
        |query: &'static str| desk.register(|config| config.queries.contacts = Some(query.to_owned()));
    for (query, kind, words) in [
        ("SELECT nergens FROM klant", FailureKind::Refused, "nergens"),
        ("SELECT naam FROM klant", FailureKind::Refused, "id or customer_number"),
        ("SELECT klantnr AS id, naam FROM klant WHERE naam > :since", FailureKind::Refused, "updated_at"),
    ] {
        let failure = asked(query).read("", now()).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains(words), "{failure}");
        assert!(!failure.message.contains("desk.db"), "{failure}");
    }
    let gone = desk.register(|config| config.url = Some(Secret::new("sqlite:///nergens/desk.db")));
    assert_eq!(gone.check().await.unwrap_err().kind, FailureKind::Unreachable);
    let refused = desk.register(|config| config.url = Some(Secret::new("postgres://u:geheim@127.0.0.1:1/x")));
    let failure = refused.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(!failure.message.contains("geheim"), "{failure}");
}

#[tokio::test]
async fn bytes_that_are_no_text_cost_their_row_only() {
    let desk = Desk::sqlite().await;
    desk.run("INSERT INTO klant VALUES (12347, CAST(X'FF00FE' AS TEXT), NULL, NULL, NULL)").await;
    let (all, _) = pass(&desk.register(|_| {}), "").await;
    assert_eq!(all.contacts.len(), 2);
    assert!(all.rejected.iter().any(|reason| reason.starts_with("contacts row 3")), "{:?}", all.rejected);
}

#[tokio::test]
async fn check_names_the_queries_that_work_and_writing_is_refused() {
    for desk in Desk::both().await {
        let sql = desk.register(|_| {});
        let line = sql.check().await.unwrap();
        assert!(line.ends_with("contacts, problems, tickets, answers"), "{line}");
        let note = CrmAction::NoteProblem { problem: "P-7".to_owned(), note: "x".to_owned() };
        assert_eq!(sql.write(&note, "key", false).await.unwrap_err().kind, FailureKind::Refused);
    }
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let errors = Config {
        url: Some(Secret::new("mysql://x")),
        queries: Queries { contacts: Some("DROP TABLE klant".to_owned()), ..Queries::default() },
        page_rows: 0,
        time_zone: "Mars".to_owned(),
        ..Config::default()
    }
    .validate();
    for key in ["url:", "queries:", "queries.contacts:", "page_rows:", "time_zone:"] {
        assert!(errors.iter().any(|error| error.starts_with(key)), "{key} {errors:?}");
    }
}
