//! The connector against fixtures, and against the fake desk through real HTTP.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::demo::fake_zendesk::{Data, FakeTicket, FakeZendesk, Fault, Requests};
use crate::escalate::marker;
use crate::escalate::passes::whole;
use crate::register::{Answer, Contact, Priority, Problem, ProblemStatus, Ticket, TicketStatus};

const TICKETS: &str = include_str!("../../../tests/fixtures/zendesk/tickets.json");
const USERS: &str = include_str!("../../../tests/fixtures/zendesk/users.json");
const COMMENTS: &str = include_str!("../../../tests/fixtures/zendesk/comments.json");
const KEY: &str = "0198c0de-escalate-1";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-02-01T12:00:00Z")
}

fn ticket(id: &str, status: TicketStatus, priority: Priority) -> Ticket {
    Ticket {
        external_id: id.to_owned(),
        number: id.to_owned(),
        url: None,
        subject: format!("Vraag {id}"),
        body: "Mijn internet valt steeds uit.".to_owned(),
        status,
        priority,
        contact: Some("C-1".to_owned()),
        problem: None,
        product: Some("Veldnet Glas".to_owned()),
        created_at: at("2026-01-05T09:00:00Z"),
        updated_at: at("2026-01-06T09:00:00Z"),
        solved_at: (!status.is_unresolved()).then(|| at("2026-01-06T09:00:00Z")),
    }
}

fn data() -> Data {
    let contact = |id: &str, name: &str| Contact {
        external_id: id.to_owned(),
        name: name.to_owned(),
        email: Some(format!("{id}@example.nl")),
        customer_number: Some(format!("000{id}")),
        city: Some("Deventer".to_owned()),
        handles: vec![format!("mastodon:{id}@sociaal.example")],
        customer_since: Some(at("2019-01-01T00:00:00Z")),
        ..Contact::default()
    };
    let answer = |id: &str, by_agent, public, body: &str| Answer {
        external_id: id.to_owned(),
        ticket: "18201".to_owned(),
        by_agent,
        public,
        body: body.to_owned(),
        at: at("2026-01-05T11:00:00Z"),
    };
    Data {
        contacts: vec![contact("C-1", "Anna van der Meer"), contact("C-2", "Bram Visser")],
        tickets: vec![
            ticket("18201", TicketStatus::Open, Priority::Normal),
            ticket("18202", TicketStatus::Open, Priority::Urgent),
            ticket("18203", TicketStatus::Closed, Priority::Low),
            Ticket {
                problem: Some("P-74".to_owned()),
                ..ticket("18204", TicketStatus::Pending, Priority::High)
            },
        ],
        answers: vec![
            answer("a", true, true, "We kijken ernaar."),
            answer("b", false, true, "Nog steeds uit."),
            answer("c", true, false, "Klant is boos."),
        ],
        problems: vec![Problem {
            external_id: "P-74".to_owned(),
            number: "P-74".to_owned(),
            url: None,
            title: "Storing glas".to_owned(),
            description: "Kapotte lasmof.".to_owned(),
            status: ProblemStatus::Explained,
            workaround: Some("Gebruik de hotspot.".to_owned()),
            owner: Some("Netwerkbeheer".to_owned()),
            owner_email: Some("netwerk@example.nl".to_owned()),
            opened_at: at("2026-01-02T09:00:00Z"),
            fixed_at: None,
        }],
    }
}

async fn listening(fake: &FakeZendesk) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fake = fake.clone();
    #[expect(clippy::disallowed_methods, reason = "the test's own server ends with the test's runtime")]
    tokio::spawn(async move { fake.serve(listener).await });
    url
}

async fn desk() -> (FakeZendesk, Zendesk) {
    desk_with(data(), |config| config).await
}

async fn desk_with(data: Data, adapt: impl FnOnce(Config) -> Config) -> (FakeZendesk, Zendesk) {
    let fake = FakeZendesk::new(data);
    let config = adapt(FakeZendesk::config(&listening(&fake).await));
    assert_eq!(config.validate(), Vec::<String>::new());
    let client = Client::with_rate(NonZeroU32::new(100_000).unwrap()).unwrap();
    (fake, build(config, client))
}

async fn pass(zendesk: &Zendesk, cursor: &str) -> (RegisterPage, String) {
    whole(async |cursor| zendesk.read(&cursor, now()).await, cursor).await
}

fn escalate(ticket: &str) -> CrmAction {
    CrmAction::Escalate {
        ticket: ticket.to_owned(),
        note: "Deze klant klaagt nu ook openbaar.".to_owned(),
        raise_to: Some(Priority::High),
        problem: Some("74".to_owned()),
        tag: "openbaar".to_owned(),
    }
}

fn new_ticket(contact: Option<&str>) -> CrmAction {
    CrmAction::OpenTicket {
        subject: "Klacht op Mastodon".to_owned(),
        body: "Iemand klaagt openbaar over de storing.".to_owned(),
        contact: contact.map(str::to_owned),
        problem: Some("74".to_owned()),
        priority: Priority::High,
        tag: "openbaar".to_owned(),
    }
}

fn notes(fake: &FakeZendesk, ticket: u64) -> usize {
    fake.comments(ticket)
        .iter()
        .filter(|comment| comment.body.contains(&marker(KEY)) && !comment.public)
        .count()
}

fn live(fake: &FakeZendesk, id: u64) -> FakeTicket {
    fake.ticket(id).unwrap()
}

#[tokio::test]
async fn the_first_pass_brings_everything_page_by_page() {
    let (_, zendesk) = desk_with(data(), |config| Config { page_size: 2, ..config }).await;
    let (all, cursor) = pass(&zendesk, "").await;
    assert_eq!(all.rejected, Vec::<String>::new());
    let names: Vec<_> = all.contacts.iter().map(|contact| contact.name.as_str()).collect();
    assert_eq!(names, ["Anna van der Meer", "Bram Visser"], "staff are no contacts");
    let anna = &all.contacts[0];
    assert_eq!((anna.customer_number.as_deref(), anna.city.as_deref()), (Some("000C-1"), Some("Deventer")));
    assert_eq!(anna.handles, ["mastodon:C-1@sociaal.example"]);
    let numbers: Vec<_> = all.tickets.iter().map(|ticket| ticket.number.as_str()).collect();
    assert_eq!(numbers, ["18201", "18202", "18203", "18204"]);
    assert_eq!(all.tickets[0].contact.as_deref(), Some("1"));
    assert_eq!(all.tickets[0].product.as_deref(), Some("Veldnet Glas"));
    assert_eq!(all.tickets[3].problem.as_deref(), Some("74"));
    let problem = &all.problems[0];
    assert_eq!((problem.external_id.as_str(), problem.status), ("74", ProblemStatus::Explained));
    assert_eq!(problem.workaround.as_deref(), Some("Gebruik de hotspot."));
    assert_eq!(problem.owner_email.as_deref(), Some("netwerk@example.nl"));
    let said: Vec<_> =
        all.answers.iter().map(|answer| (answer.by_agent, answer.public, answer.body.as_str())).collect();
    assert_eq!(
        said,
        [
            (true, true, "We kijken ernaar."),
            (false, true, "Nog steeds uit."),
            (true, false, "Klant is boos.")
        ]
    );
    assert!(cursor.len() < 1000);
}

#[tokio::test]
async fn the_next_pass_brings_only_what_changed() {
    let (fake, zendesk) = desk().await;
    let (_, cursor) = pass(&zendesk, "").await;
    let (nothing, cursor) = pass(&zendesk, &cursor).await;
    assert!(nothing.tickets.is_empty() && nothing.contacts.is_empty() && nothing.answers.is_empty());
    fake.agent_comments(18202, "Monteur gepland.", true);
    fake.set_status(18204, TicketStatus::Solved);
    fake.delete(18203);
    fake.delete_user(2);
    let (changed, _) = pass(&zendesk, &cursor).await;
    let numbers: Vec<_> =
        changed.tickets.iter().map(|ticket| (ticket.number.as_str(), ticket.status)).collect();
    assert_eq!(numbers, [("18202", TicketStatus::Open), ("18204", TicketStatus::Solved)]);
    assert!(changed.tickets[1].solved_at.is_some());
    assert_eq!(changed.deleted_tickets, ["18203"]);
    assert_eq!(changed.answers.last().unwrap().body, "Monteur gepland.");
    assert_eq!(
        changed.contacts,
        [Contact { external_id: "2".to_owned(), ..Contact::default() }],
        "who was deleted is forgotten"
    );
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_taken_starts_an_hour_before_the_last_success() {
    let (fake, zendesk) = desk().await;
    let (_, cursor) = pass(&zendesk, "").await;
    fake.forget_cursors();
    fake.set_status(18202, TicketStatus::Pending);
    // The desk's own time is January; seen from February all of it lies before the hour.
    let (again, cursor) = pass(&zendesk, &cursor).await;
    assert!(again.tickets.is_empty());
    fake.forget_cursors();
    let early =
        cursor.replace(&now().as_second().to_string(), &at("2026-01-06T09:30:00Z").as_second().to_string());
    assert_ne!(early, cursor);
    let (again, cursor) = pass(&zendesk, &early).await;
    assert_eq!(again.tickets.len(), 4, "an hour of overlap brings what was seen before, too");
    let (nothing, _) = pass(&zendesk, &cursor).await;
    assert!(nothing.tickets.is_empty());
    let (all, _) = pass(&zendesk, "{\"tickets\":7}").await;
    assert_eq!(all.tickets.len(), 4, "a cursor that is no longer understood is an empty one");
}

#[tokio::test]
async fn escalating_raises_links_tags_and_notes_without_telling_the_customer() {
    let (fake, zendesk) = desk().await;
    let receipt = zendesk.write(&escalate("18201"), KEY, false).await.unwrap();
    assert_eq!((receipt.record.as_str(), receipt.found), ("18201", false));
    assert!(receipt.url.unwrap().ends_with("/agent/tickets/18201"));
    let ticket = live(&fake, 18201);
    assert_eq!(ticket.priority.as_deref(), Some("high"));
    assert_eq!((ticket.kind.as_deref(), ticket.problem), (Some("incident"), Some(74)));
    assert_eq!(ticket.tags, ["openbaar", "veldnet_glas"], "tags that were there stay");
    assert_eq!(notes(&fake, 18201), 1);
    assert_eq!(fake.mails(), []);
    // What we wrote ourselves is not what anybody said.
    let (all, _) = pass(&zendesk, "").await;
    assert!(all.answers.iter().all(|answer| !answer.body.contains("openbaar")));
}

#[tokio::test]
async fn a_priority_is_never_lowered_and_a_link_never_replaced() {
    let (fake, zendesk) = desk().await;
    zendesk.write(&escalate("18202"), KEY, false).await.unwrap();
    assert_eq!(live(&fake, 18202).priority.as_deref(), Some("urgent"));
    let CrmAction::Escalate { note, tag, .. } = escalate("18204") else { panic!("an escalation") };
    let other = CrmAction::Escalate {
        ticket: "18204".to_owned(),
        note,
        raise_to: Some(Priority::Low),
        problem: Some("18202".to_owned()),
        tag,
    };
    zendesk.write(&other, KEY, false).await.unwrap();
    let ticket = live(&fake, 18204);
    assert_eq!((ticket.priority.as_deref(), ticket.problem), (Some("high"), Some(74)));
}

#[tokio::test]
async fn a_note_whose_answer_was_lost_is_found_and_not_written_again() {
    for fault in [Fault::BreakAfterCommit, Fault::FailAfterCommit] {
        let (fake, zendesk) = desk().await;
        fake.fail_next(Requests::Writes, 1, fault);
        let failure = zendesk.write(&escalate("18201"), KEY, false).await.unwrap_err();
        assert_eq!(failure.kind.disposition(), crate::failure::Disposition::Retry, "{failure}");
        assert_eq!(notes(&fake, 18201), 1, "it had arrived");
        let receipt = zendesk.write(&escalate("18201"), KEY, true).await.unwrap();
        assert!(receipt.found);
        assert_eq!(notes(&fake, 18201), 1);
        assert!(live(&fake, 18201).tags.contains(&"openbaar".to_owned()), "the rest is made up for");
        // Somebody else's key is another note.
        zendesk.write(&escalate("18201"), "another-key", true).await.unwrap();
        assert_eq!(fake.comments(18201).len(), 6);
    }
}

#[tokio::test]
async fn a_note_is_found_behind_hundreds_of_comments() {
    let (fake, zendesk) = desk().await;
    zendesk.write(&escalate("18201"), KEY, false).await.unwrap();
    for n in 0..250 {
        fake.agent_comments(18201, &format!("Opmerking {n}"), false);
    }
    assert!(zendesk.write(&escalate("18201"), KEY, true).await.unwrap().found);
    assert_eq!(notes(&fake, 18201), 1);
    let (all, _) = pass(&zendesk, "").await;
    assert_eq!(all.answers.len(), 253, "comments are read page by page");
}

#[tokio::test]
async fn a_colleague_who_is_faster_loses_nothing() {
    let (fake, zendesk) = desk().await;
    fake.fail_next(Requests::Writes, 1, Fault::ColleagueFirst);
    zendesk.write(&escalate("18201"), KEY, false).await.unwrap();
    assert_eq!(notes(&fake, 18201), 1);
    fake.fail_next(Requests::Writes, 2, Fault::ColleagueFirst);
    let failure = zendesk.write(&escalate("18202"), KEY, false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "twice is for later");
    assert_eq!(notes(&fake, 18202), 0);
}

#[tokio::test]
async fn success_without_effect_is_noticed() {
    let (fake, zendesk) = desk().await;
    fake.fail_next(Requests::Writes, 1, Fault::FieldsIgnored);
    let failure = zendesk.write(&escalate("18201"), KEY, false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("priority, problem link"), "{failure}");
    let receipt = zendesk.write(&escalate("18201"), KEY, true).await.unwrap();
    assert!(receipt.found);
    assert_eq!((notes(&fake, 18201), live(&fake, 18201).priority.as_deref()), (1, Some("high")));
}

#[tokio::test]
async fn what_zendesk_refuses_is_told_without_content() {
    let (fake, zendesk) = desk().await;
    for (ticket, kind) in [("18203", FailureKind::Refused), ("99999", FailureKind::NotFound)] {
        let failure = zendesk.write(&escalate(ticket), KEY, false).await.unwrap_err();
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains(ticket) && !failure.message.contains("klaagt"), "{failure}");
    }
    let CrmAction::Escalate { note, raise_to, tag, .. } = escalate("18201") else { panic!("an escalation") };
    let no_problem = CrmAction::Escalate {
        ticket: "18201".to_owned(),
        note,
        raise_to,
        problem: Some("18202".to_owned()),
        tag,
    };
    let failure = zendesk.write(&no_problem, KEY, false).await.unwrap_err();
    assert!(failure.message.contains("RecordInvalid about problem_id"), "{failure}");
    assert_eq!(notes(&fake, 18201), 0);
}

#[tokio::test]
async fn a_problem_gets_a_private_note_and_its_customers_are_left_alone() {
    let (fake, zendesk) = desk().await;
    let before = fake.ticket(18204);
    let note = CrmAction::NoteProblem { problem: "74".to_owned(), note: "Nog een klant.".to_owned() };
    zendesk.write(&note, KEY, false).await.unwrap();
    zendesk.write(&note, KEY, true).await.unwrap();
    assert_eq!(notes(&fake, 74), 1);
    assert_eq!(fake.ticket(18204), before);
    assert_eq!(fake.mails(), []);
}

#[tokio::test]
async fn a_new_ticket_is_opened_once_and_mails_nobody() {
    for fault in [Fault::BreakAfterCommit, Fault::FailAfterCommit] {
        for again in [true, false] {
            let (fake, zendesk) = desk().await;
            let before = fake.tickets().len();
            fake.fail_next(Requests::Writes, 1, fault);
            zendesk.write(&new_ticket(Some("1")), KEY, false).await.unwrap_err();
            // Looked up when we know that it may be there; otherwise the idempotency key finds it.
            let receipt = zendesk.write(&new_ticket(Some("1")), KEY, again).await.unwrap();
            assert!(receipt.found);
            assert_eq!(fake.tickets().len(), before + 1);
            assert_eq!(fake.mails(), []);
            let ticket = live(&fake, receipt.record.parse().unwrap());
            assert_eq!((ticket.requester, ticket.problem, ticket.is_public), (1, Some(74), false));
            assert_eq!(ticket.priority.as_deref(), Some("high"));
            assert_eq!(ticket.tags, ["openbaar"]);
        }
    }
}

#[tokio::test]
async fn a_new_ticket_without_a_certain_customer_names_none() {
    let (fake, zendesk) = desk().await;
    let receipt = zendesk.write(&new_ticket(None), KEY, false).await.unwrap();
    assert!(!receipt.found);
    let (all, _) = pass(&zendesk, "").await;
    let ticket = all.tickets.iter().find(|ticket| ticket.external_id == receipt.record).unwrap();
    assert_eq!(ticket.contact, None);
    assert_eq!(fake.mails(), []);
}

#[tokio::test]
async fn a_public_comment_on_the_desk_would_have_mailed() {
    let fake = FakeZendesk::new(data());
    fake.agent_comments(18201, "Opgelost.", true);
    assert_eq!(fake.mails().len(), 1, "the fake can tell, or the other tests prove nothing");
}

#[tokio::test]
async fn zendesk_is_left_alone_as_long_as_it_asks() {
    let (fake, zendesk) = desk().await;
    fake.fail_next(Requests::Reads, 1, Fault::RateLimited { retry_after_secs: 30 });
    let failure = zendesk.read("", now()).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retry_after),
        (FailureKind::RateLimited, Some(Duration::from_secs(30)))
    );
    let asked = fake.requests();
    zendesk.read("", now()).await.unwrap_err();
    assert_eq!(fake.requests(), asked, "not even asked");
}

#[tokio::test]
async fn comments_that_were_read_before_trouble_are_kept() {
    let mut data = data();
    data.answers = ["18201", "18202", "18204"]
        .into_iter()
        .map(|ticket| Answer {
            external_id: ticket.to_owned(),
            ticket: ticket.to_owned(),
            ..data.answers[0].clone()
        })
        .collect();
    let (fake, zendesk) = desk_with(data, |config| config).await;
    let mut page = zendesk.read("", now()).await.unwrap();
    page = zendesk.read(&page.cursor, now()).await.unwrap();
    assert_eq!((page.tickets.len(), page.complete), (4, false));
    fake.fail_next(Requests::Reads, 2, Fault::Nothing);
    fake.fail_next(Requests::Reads, 2, Fault::Refused(503));
    page = zendesk.read(&page.cursor, now()).await.unwrap();
    assert_eq!((page.answers.len(), page.complete), (2, false));
    assert_eq!(zendesk.read(&page.cursor, now()).await.unwrap_err().kind, FailureKind::Unavailable);
    page = zendesk.read(&page.cursor, now()).await.unwrap();
    assert_eq!((page.answers.len(), page.complete), (1, true));
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let (fake, zendesk) = desk().await;
    fake.set_latency(Duration::from_millis(5));
    fake.fail_next(Requests::Writes, 1, Fault::StallAfterCommit(Duration::from_millis(50)));
    zendesk.write(&escalate("18201"), KEY, false).await.unwrap();
    assert_eq!(notes(&fake, 18201), 1);
}

#[tokio::test]
async fn check_tells_a_wrong_token_and_a_field_that_is_not_there() {
    let (_, zendesk) = desk().await;
    assert!(zendesk.check().await.unwrap().contains("administrator"));
    let (_, wrong) =
        desk_with(data(), |config| Config { api_token: Some(Secret::new("fout")), ..config }).await;
    let failure = wrong.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadCredentials);
    assert!(!failure.message.contains("fout"));
    let (_, typo) =
        desk_with(data(), |config| Config { handle_field: Some("handels".to_owned()), ..config }).await;
    assert!(typo.check().await.unwrap_err().message.contains("handle_field"));
}

fn twelve_hundred() -> Data {
    let mut data = data();
    data.tickets =
        (0..1200).map(|n| ticket(&(20_000 + n).to_string(), TicketStatus::Open, Priority::Low)).collect();
    data.answers = (0..1200)
        .step_by(4)
        .map(|n| Answer {
            external_id: n.to_string(),
            ticket: (20_000 + n).to_string(),
            ..data.answers[0].clone()
        })
        .collect();
    data
}

#[tokio::test]
async fn twelve_hundred_tickets_are_read_in_one_pass() {
    let (fake, zendesk) = desk_with(twelve_hundred(), |config| config).await;
    let (all, _) = pass(&zendesk, "").await;
    assert_eq!((all.tickets.len(), all.answers.len()), (1200, 300));
    assert!(fake.requests() < 310, "tickets with nothing but a description cost no request");
}

#[tokio::test]
async fn many_escalations_at_once_do_not_disturb_each_other() {
    let (fake, zendesk) = desk_with(twelve_hundred(), |config| config).await;
    let actions: Vec<(CrmAction, String)> =
        (0..200).map(|n| (escalate(&(20_000 + n).to_string()), format!("key-{n}"))).collect();
    let writes = actions.iter().map(|(action, key)| zendesk.write(action, key, false));
    let receipts = futures_util::future::join_all(writes).await;
    assert!(receipts.iter().all(Result::is_ok));
    assert!((0..200).all(|n| {
        let comments = fake.comments(20_000 + n);
        comments.iter().filter(|comment| comment.body.contains("[gehoord:")).count() == 1
    }));
    assert_eq!(fake.mails(), []);
}

#[test]
fn a_page_of_tickets_is_read_as_documented() {
    let zendesk = build(
        Config {
            workaround_field: Some(360_002),
            product_field: Some(360_001),
            ..FakeZendesk::config("https://v.example/")
        },
        Client::new().unwrap(),
    );
    let mut page = RegisterPage::default();
    let (position, discussed) = wire::tickets(TICKETS, &zendesk, &mut page).unwrap();
    assert!(position.is_end && position.after.is_some());
    assert_eq!(discussed, ["41001"]);
    assert_eq!(page.deleted_tickets, ["41009", "41003"], "a problem of staff is no customer's ticket");
    assert_eq!(page.tickets.len(), 2);
    assert_eq!(page.tickets[0].url.as_deref(), Some("https://v.example/agent/tickets/41001"));
    assert_eq!(page.tickets[1].solved_at, Some(at("2026-01-06T12:00:00Z")));
    assert_eq!(page.tickets[1].priority, Priority::Normal);
    assert_eq!(page.problems[0].workaround.as_deref(), Some("Gebruik de mobiele hotspot."));
    assert_eq!(page.problems[0].status, ProblemStatus::Explained);
}

#[test]
fn a_customers_ticket_that_became_a_problem_is_both() {
    let zendesk = build(FakeZendesk::config("https://v.example"), Client::new().unwrap());
    let body = TICKETS.replacen("\"type\": \"incident\"", "\"type\": \"problem\"", 1);
    let mut page = RegisterPage::default();
    wire::tickets(&body, &zendesk, &mut page).unwrap();
    assert_eq!(page.problems.len(), 2);
    let ticket = page.tickets.iter().find(|ticket| ticket.external_id == "41001").unwrap();
    assert_eq!((ticket.contact.as_deref(), ticket.problem.as_deref()), (Some("7001"), Some("41001")));
}

#[test]
fn another_brands_tickets_are_not_mirrored() {
    let zendesk =
        build(Config { brand: Some(1), ..FakeZendesk::config("https://v.example") }, Client::new().unwrap());
    let mut page = RegisterPage::default();
    wire::tickets(TICKETS, &zendesk, &mut page).unwrap();
    assert!(page.tickets.is_empty() && page.problems.is_empty());
    assert_eq!(page.deleted_tickets.len(), 4);
}

#[test]
fn users_and_comments_are_read_as_documented() {
    let zendesk = build(FakeZendesk::config("https://v.example"), Client::new().unwrap());
    let mut page = RegisterPage::default();
    let position = wire::users(USERS, &zendesk, &mut page).unwrap();
    assert!(!position.is_end);
    assert_eq!(page.contacts.len(), 2);
    assert_eq!(page.contacts[0].customer_number.as_deref(), Some("00012345"), "zeros stay");
    assert_eq!(
        page.contacts[0].handles,
        ["x:annavdm", "mastodon:@anna@sociaal.example", "bluesky:anna.example"]
    );
    assert_eq!(page.contacts[1], Contact { external_id: "7002".to_owned(), ..Contact::default() });
    let next = wire::comments(COMMENTS, "41001", true, &mut page).unwrap();
    assert_eq!(next.as_deref(), Some("abc"));
    let said: Vec<_> = page
        .answers
        .iter()
        .map(|answer| (answer.external_id.as_str(), answer.by_agent, answer.public))
        .collect();
    assert_eq!(said, [("2", true, true), ("3", false, true), ("5", true, false)]);
    assert_eq!(page.answers[0].body, "We zoeken het uit.");
}

/// Every field of the first item in turn is missing, null or of another type: the other items survive.
#[test]
fn one_odd_item_costs_itself_only() {
    let zendesk = build(FakeZendesk::config("https://v.example"), Client::new().unwrap());
    let read = |list: &str, body: &str| {
        let mut page = RegisterPage::default();
        match list {
            "tickets" => drop(wire::tickets(body, &zendesk, &mut page).unwrap()),
            "users" => drop(wire::users(body, &zendesk, &mut page).unwrap()),
            _ => drop(wire::comments(body, "1", false, &mut page).unwrap()),
        }
        page
    };
    for (list, fixture, others) in [("tickets", TICKETS, 2), ("users", USERS, 1), ("comments", COMMENTS, 3)] {
        let original: Value = serde_json::from_str(fixture).unwrap();
        let fields: Vec<String> = original[list][0].as_object().unwrap().keys().cloned().collect();
        for field in fields {
            for odd in [
                None,
                Some(Value::Null),
                Some(serde_json::json!({ "Jansen": [1] })),
                Some(serde_json::json!(-1.5)),
            ] {
                let mut mutated = original.clone();
                let item = mutated[list][0].as_object_mut().unwrap();
                match odd {
                    None => drop(item.remove(&field)),
                    Some(odd) => drop(item.insert(field.clone(), odd)),
                }
                let page = read(list, &mutated.to_string());
                let kept =
                    page.tickets.len() + page.problems.len() + page.contacts.len() + page.answers.len();
                assert!(kept >= others, "{list}.{field}");
                assert!(page.rejected.iter().all(|reason| !reason.contains("Jansen")), "{:?}", page.rejected);
            }
        }
    }
    let mut page = RegisterPage::default();
    assert!(wire::tickets("<html>log in</html>", &zendesk, &mut page).is_err());
    assert!(wire::users("{\"users\":7}", &zendesk, &mut page).is_err());
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let errors =
        Config { tag_prefix: "Web Care".to_owned(), page_size: 5000, ..Config::default() }.validate();
    for key in ["url:", "email:", "api_token:", "page_size:", "tag_prefix:"] {
        assert!(errors.iter().any(|error| error.starts_with(key)), "{key} {errors:?}");
    }
    let plain = Config { url: "http://veldnet.zendesk.com".to_owned(), ..FakeZendesk::config("") };
    assert!(plain.validate()[0].contains("https"));
}
