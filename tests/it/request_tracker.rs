//! The connector against a real Request Tracker, which `scripts/peers start rt` runs. Others may use that server at the
//! same time, so every test makes its own tickets and looks at those only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use gehoord::clock::Clock;
use gehoord::config::secret::Secret;
use gehoord::escalate::request_tracker::{Config, RequestTracker, build};
use gehoord::escalate::{Crm, CrmAction, marker};
use gehoord::failure::FailureKind;
use gehoord::register::{Priority, ProblemStatus, RegisterPage, TicketStatus};
use gehoord::source::client::{Client, Request};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use serde_json::{Value, json};
use url::Url;

/// The server, and two users of it: ours, and an administrator who prepares and inspects.
struct Peer {
    url: String,
    token: String,
    admin_token: String,
    mail: String,
    client: Client,
}

/// The server, or a loud `None`. Where `GEHOORD_TEST_REQUIRE=1` stands, a missing server is a failed test.
fn peer() -> Option<Peer> {
    let read = |name: &str| std::env::var(format!("GEHOORD_TEST_RT_{name}")).ok();
    let found = read("URL").map(|url| Peer {
        url,
        token: read("TOKEN").expect("the env file has all"),
        admin_token: read("ADMIN_TOKEN").expect("the env file has all"),
        mail: read("MAIL").expect("the env file has all"),
        client: Client::new().unwrap(),
    });
    if found.is_none() {
        assert_ne!(
            std::env::var("GEHOORD_TEST_REQUIRE").as_deref(),
            Ok("1"),
            "GEHOORD_TEST_RT_URL is not set"
        );
        eprintln!("SKIPPED: GEHOORD_TEST_RT_URL is not set; see scripts/peers");
    }
    found
}

/// Letters that no other test, and no other run of this one, uses.
fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let now = Clock::System.now().as_millisecond();
    format!("{what}{now}x{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Peer {
    fn config(&self) -> Config {
        Config {
            url: self.url.clone(),
            token: Some(Secret::new(self.token.clone())),
            queues: vec!["General".into()],
            problem_queue: Some("Problems".into()),
            handle_field: Some("SocialHandle".into()),
            ..Config::default()
        }
    }

    fn crm(&self) -> RequestTracker {
        build(self.config(), self.client.clone())
    }

    fn crm_at(&self, url: String) -> RequestTracker {
        build(Config { url, ..self.config() }, self.client.clone())
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let url = Url::parse(&format!("{}/REST/2.0/{path}", self.url)).unwrap();
        let mut request =
            Request::new(method, url).secret_header(AUTHORIZATION, &format!("token {}", self.admin_token));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = self.client.send(request).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    async fn create(&self, ticket: Value) -> String {
        let created = self.admin(Method::POST, "ticket", ticket).await;
        created["id"].as_str().expect("created").to_owned()
    }

    async fn ticket(&self, subject: &str) -> String {
        self.create(json!({ "Queue": "General", "Subject": subject, "Content": subject, "Priority": 10 }))
            .await
    }

    async fn problem(&self, subject: &str) -> String {
        self.create(json!({ "Queue": "Problems", "Subject": subject, "Content": subject })).await
    }

    async fn see(&self, ticket: &str) -> Value {
        self.admin(Method::GET, &format!("ticket/{ticket}"), Value::Null).await
    }

    /// How often each kind of entry is in the history of a ticket, fields of changes included.
    async fn history(&self, ticket: &str) -> BTreeMap<String, usize> {
        let path = format!("ticket/{ticket}/history?fields=Type,Field&per_page=100");
        let history = self.admin(Method::GET, &path, Value::Null).await;
        let mut kinds = BTreeMap::new();
        for entry in history["items"].as_array().unwrap() {
            let kind = format!("{} {}", entry["Type"].as_str().unwrap(), entry["Field"].as_str().unwrap());
            *kinds.entry(kind.trim().to_owned()).or_insert(0) += 1;
        }
        kinds
    }

    fn was_mailed(&self, words: &str) -> bool {
        String::from_utf8_lossy(&std::fs::read(&self.mail).unwrap()).contains(words)
    }
}

/// Reads until a pass is complete; everything that it brought, as one page.
async fn pass(crm: &RequestTracker, cursor: &str) -> RegisterPage {
    let mut all = RegisterPage { cursor: cursor.to_owned(), ..RegisterPage::default() };
    for _ in 0..200 {
        let page = crm.read(&all.cursor, Clock::System.now()).await.unwrap();
        assert!(page.tickets.len() + page.problems.len() <= 100);
        all.contacts.extend(page.contacts);
        all.tickets.extend(page.tickets);
        all.answers.extend(page.answers);
        all.problems.extend(page.problems);
        all.deleted_tickets.extend(page.deleted_tickets);
        all.rejected.extend(page.rejected);
        all.cursor = page.cursor;
        if page.complete {
            return all;
        }
    }
    panic!("a pass of this small server ends");
}

fn escalation(ticket: &str, problem: Option<&str>) -> CrmAction {
    CrmAction::Escalate {
        ticket: ticket.into(),
        note: "Dezelfde klacht staat op Mastodon – één keer melden.".into(),
        raise_to: Some(Priority::High),
        problem: problem.map(str::to_owned),
        tag: "gehoord".into(),
    }
}

fn opening(subject: &str, contact: Option<&str>, problem: Option<&str>) -> CrmAction {
    CrmAction::OpenTicket {
        subject: subject.into(),
        body: "Iemand klaagt in het openbaar.".into(),
        contact: contact.map(str::to_owned),
        problem: problem.map(str::to_owned),
        priority: Priority::Urgent,
        tag: "gehoord".into(),
    }
}

#[tokio::test]
async fn the_first_pass_brings_everything_and_later_ones_what_changed() {
    let Some(peer) = peer() else { return };
    let name = unique("eerste");
    let problem = peer.problem(&format!("{name} probleem")).await;
    let email = format!("{name}@example.org");
    let user =
        json!({ "Name": email, "EmailAddress": email, "RealName": "Wim Proefpersoon", "Privileged": 0 });
    peer.admin(Method::POST, "user", user).await;
    let ticket = peer
        .create(json!({
            "Queue": "General", "Subject": format!("{name} klacht"), "Content": "Al twee dagen één storing.",
            "Requestor": email, "Priority": 50, "DependsOn": [problem],
            "CustomFields": { "SocialHandle": "mastodon:@wim@sociaal.example" },
        }))
        .await;
    let bare = peer
        .create(json!({ "Queue": "General", "Subject": format!("{name} kaal"), "Requestor": email, "Content": "x" }))
        .await;
    let crm = peer.crm();

    let first = pass(&crm, "").await;
    assert_eq!(first.rejected, Vec::<String>::new());
    let found = first.tickets.iter().find(|found| found.external_id == ticket).expect("the ticket");
    assert_eq!((found.body.as_str(), found.status), ("Al twee dagen één storing.", TicketStatus::Open));
    assert_eq!((found.priority, found.problem.as_deref()), (Priority::Normal, Some(problem.as_str())));
    assert_eq!((found.product.as_deref(), found.solved_at), (Some("General"), None));
    let contact =
        first.contacts.iter().find(|contact| contact.email.as_deref() == Some(&email)).expect("the customer");
    assert_eq!(
        (&found.contact, contact.name.as_str()),
        (&Some(contact.external_id.clone()), "Wim Proefpersoon")
    );
    assert_eq!(contact.handles, ["mastodon:wim@sociaal.example"]);
    let cause = first.problems.iter().find(|cause| cause.external_id == problem).expect("the problem");
    assert_eq!((cause.status, cause.description.clone()), (ProblemStatus::Open, format!("{name} probleem")));
    assert!(
        first
            .problems
            .iter()
            .any(|seeded| seeded.status == ProblemStatus::Fixed && seeded.fixed_at.is_some())
    );
    assert!(first.tickets.iter().all(|found| found.external_id != problem), "a problem is no ticket");

    peer.admin(
        Method::POST,
        &format!("ticket/{bare}/correspond"),
        json!({ "Content": "Wij zoeken het uit.", "ContentType": "text/plain" }),
    )
    .await;
    peer.admin(Method::PUT, &format!("ticket/{problem}"), json!({ "Status": "stalled" })).await;
    let second = pass(&crm, &first.cursor).await;
    let answer = second.answers.iter().find(|answer| answer.ticket == bare).expect("the answer");
    assert!(answer.by_agent && answer.public && answer.body == "Wij zoeken het uit.");
    let cause =
        second.problems.iter().find(|cause| cause.external_id == problem).expect("the problem changed");
    assert_eq!(cause.status, ProblemStatus::Explained);
    assert!(
        second.problems.iter().all(|seeded| seeded.external_id != "2"),
        "the seeded problem did not change"
    );
    let contact =
        second.contacts.iter().find(|contact| contact.email.as_deref() == Some(&email)).expect("again");
    assert_eq!(
        contact.handles,
        ["mastodon:wim@sociaal.example"],
        "a ticket without the field undoes nothing"
    );
}

#[tokio::test]
async fn tickets_of_one_second_are_all_seen_over_several_pages() {
    let Some(peer) = peer() else { return };
    let crm = peer.crm();
    let before = pass(&crm, "").await;
    let name = unique("tegelijk");
    let created = futures_util::future::join_all((0..60).map(|_| peer.ticket(&name))).await;
    let after = pass(&crm, &before.cursor).await;
    let ours: Vec<_> = after.tickets.iter().filter(|ticket| ticket.subject == name).collect();
    let seconds: BTreeSet<_> = ours.iter().map(|ticket| ticket.created_at).collect();
    let seen: BTreeSet<String> = ours.iter().map(|ticket| ticket.external_id.clone()).collect();
    assert_eq!(seen, created.into_iter().collect());
    assert!(seconds.len() < 60, "the test needs tickets that share a second");
}

#[tokio::test]
async fn deleted_merged_and_moved_tickets_leave() {
    let Some(peer) = peer() else { return };
    let name = unique("vertrek");
    let (deleted, merged, moved) =
        (peer.ticket(&name).await, peer.ticket(&name).await, peer.ticket(&name).await);
    let (target, problem, moved_problem) =
        (peer.ticket(&name).await, peer.problem(&name).await, peer.problem(&name).await);
    let crm = peer.crm();
    let before = pass(&crm, "").await;
    assert_eq!(before.tickets.iter().filter(|ticket| ticket.subject == name).count(), 4);

    peer.admin(Method::DELETE, &format!("ticket/{deleted}"), Value::Null).await;
    peer.admin(Method::DELETE, &format!("ticket/{problem}"), Value::Null).await;
    peer.admin(Method::PUT, &format!("ticket/{merged}"), json!({ "MergeInto": target })).await;
    peer.admin(Method::PUT, &format!("ticket/{moved}"), json!({ "Queue": "Problems" })).await;
    peer.admin(Method::PUT, &format!("ticket/{moved_problem}"), json!({ "Queue": "General" })).await;
    let after = pass(&crm, &before.cursor).await;
    for gone in [&deleted, &merged, &moved] {
        assert!(after.deleted_tickets.contains(gone), "{gone}");
    }
    assert!(!after.deleted_tickets.contains(&target) && !after.deleted_tickets.contains(&moved_problem));
    let problem_status =
        |id: &String| after.problems.iter().rfind(|problem| problem.external_id == *id).unwrap().status;
    assert_eq!(problem_status(&problem), ProblemStatus::Closed);
    assert_eq!(problem_status(&moved_problem), ProblemStatus::Closed);
    assert_eq!(problem_status(&moved), ProblemStatus::Open);
    assert!(after.tickets.iter().any(|ticket| ticket.external_id == moved_problem));
}

#[tokio::test]
async fn a_user_in_another_time_zone_is_detected() {
    let Some(peer) = peer() else { return };
    peer.ticket(&unique("zone")).await;
    // Nobody but this test asks the server for dates as the administrator.
    let config = Config { token: Some(Secret::new(peer.admin_token.clone())), ..peer.config() };
    let mut outcomes = Vec::new();
    for zone in ["Europe/Amsterdam", "America/New_York", "UTC"] {
        peer.admin(Method::PUT, "user/root", json!({ "Timezone": zone })).await;
        let crm = build(config.clone(), peer.client.clone());
        outcomes.push((zone, crm.check().await, crm.read("", Clock::System.now()).await.map(|_| ())));
    }
    for (zone, check, read) in outcomes {
        if zone == "UTC" {
            assert!(check.unwrap().starts_with("Request Tracker 5.") && read.is_ok());
            continue;
        }
        for failure in [check.unwrap_err(), read.unwrap_err()] {
            assert_eq!(failure.kind, FailureKind::Refused, "{zone}");
            assert!(
                failure.message.contains("time zone of the user for gehoord to UTC"),
                "{}",
                failure.message
            );
        }
    }
}

#[tokio::test]
async fn a_note_that_is_written_again_is_there_once() {
    let Some(peer) = peer() else { return };
    let problem = peer.problem(&unique("notitie")).await;
    let (crm, key) = (peer.crm(), unique("k"));
    let action = CrmAction::NoteProblem { problem: problem.clone(), note: "Nog een klant.".into() };
    let first = crm.write(&action, &key, false).await.unwrap();
    let second = crm.write(&action, &key, true).await.unwrap();
    assert_eq!((first.found, second.found, &second.record), (false, true, &problem));
    assert_eq!(peer.history(&problem).await["Comment"], 1);
    crm.write(&action, &unique("k"), true).await.unwrap();
    assert_eq!(peer.history(&problem).await["Comment"], 2, "another effect is another note");
}

/// Passes requests on, and answers the `lost`-th of them with HTTP 504 after the server has carried it out.
struct Losing {
    to: String,
    client: Client,
    count: AtomicUsize,
    lost: usize,
}

async fn pass_on(
    State(losing): State<Arc<Losing>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut request = Request::new(method, Url::parse(&format!("{}{uri}", losing.to)).unwrap());
    if !body.is_empty() {
        request = request.body(body.to_vec(), "application/json");
    }
    for name in [AUTHORIZATION, CONTENT_TYPE, IF_MATCH] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value.to_str().unwrap());
        }
    }
    let answer = losing.client.send(request.accepting_all()).await.unwrap();
    if losing.count.fetch_add(1, Ordering::SeqCst) + 1 == losing.lost {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    let mut kept = HeaderMap::new();
    for name in ["etag", "location", "date", "content-type"] {
        if let Some(value) = answer.headers.get(name) {
            kept.insert(name, value.clone());
        }
    }
    (StatusCode::from_u16(answer.status).unwrap(), kept, answer.body).into_response()
}

/// A connector whose `lost`-th answer never comes, and the count of its requests.
async fn losing(peer: &Peer, lost: usize) -> (RequestTracker, Arc<Losing>) {
    let losing = Arc::new(Losing {
        to: peer.url.clone(),
        client: peer.client.clone(),
        count: AtomicUsize::new(0),
        lost,
    });
    let router = Router::new().fallback(pass_on).with_state(Arc::clone(&losing));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (peer.crm_at(url), losing)
}

#[tokio::test]
async fn whichever_answer_is_lost_a_ticket_is_escalated_once() {
    let Some(peer) = peer() else { return };
    for lost in 1.. {
        let name = unique("verloren");
        let (ticket, problem) = (peer.ticket(&name).await, peer.problem(&name).await);
        let (action, key) = (escalation(&ticket, Some(&problem)), unique("k"));
        let (crm, requests) = losing(&peer, lost).await;
        let first = crm.write(&action, &key, false).await;
        let receipt = peer.crm().write(&action, &key, true).await.unwrap();
        assert_eq!(receipt.record, ticket);
        assert!(receipt.url.unwrap().ends_with(&format!("/Ticket/Display.html?id={ticket}")));
        let history = peer.history(&ticket).await;
        assert_eq!(
            (history["Comment"], history["Set Priority"], history["AddLink DependsOn"]),
            (1, 1, 1),
            "{lost}"
        );
        assert_eq!(peer.see(&ticket).await["Priority"], "80");
        assert!(!peer.was_mailed(&key));
        if first.is_ok() {
            assert_eq!(requests.count.load(Ordering::SeqCst), lost - 1, "every answer was lost once");
            assert!(lost > 5, "the write has this many requests at least");
            return;
        }
    }
}

#[tokio::test]
async fn whichever_answer_is_lost_one_ticket_is_opened_and_nobody_is_mailed() {
    let Some(peer) = peer() else { return };
    let email = format!("{}@example.org", unique("klant"));
    peer.admin(Method::POST, "user", json!({ "Name": email, "EmailAddress": email, "Privileged": 0 })).await;
    let user = peer.admin(Method::GET, &format!("user/{email}"), Value::Null).await;
    let user = user["_hyperlinks"][0]["id"].to_string();
    for lost in 1.. {
        let subject = unique("geopend");
        let problem = peer.problem(&unique("oorzaak")).await;
        let (action, key) = (opening(&subject, Some(&user), Some(&problem)), unique("k"));
        let (crm, _) = losing(&peer, lost).await;
        let first = crm.write(&action, &key, false).await;
        let receipt = peer.crm().write(&action, &key, true).await.unwrap();
        assert!(receipt.found, "the create reached the server before its answer was lost");
        let query = format!("tickets?query=Subject%3D%27{subject}%27");
        let found = peer.admin(Method::GET, &query, Value::Null).await;
        assert_eq!(
            (&found["total"], &found["items"][0]["id"]),
            (&json!(1), &json!(receipt.record)),
            "{lost}"
        );
        let ticket = peer.see(&receipt.record).await;
        assert_eq!((&ticket["Priority"], &ticket["Requestor"][0]["id"]), (&json!("100"), &json!(email)));
        assert_eq!(peer.history(&receipt.record).await.get("AddWatcher Requestor"), Some(&1));
        assert!(!peer.was_mailed(&subject), "{lost}");
        if first.is_ok() {
            assert!(lost > 3, "the write has this many requests at least");
            break;
        }
    }
    assert!(!peer.was_mailed(&email));
    // The same user is mailed where a ticket is created in the ordinary way: the silence above was ours.
    peer.create(json!({ "Queue": "General", "Subject": "x", "Content": "x", "Requestor": email })).await;
    assert!(peer.was_mailed(&email));
}

#[tokio::test]
async fn our_own_notes_are_no_answers_and_a_higher_priority_stays() {
    let Some(peer) = peer() else { return };
    let ticket = peer
        .create(json!({ "Queue": "General", "Subject": unique("eigen"), "Content": "x", "Priority": 95 }))
        .await;
    let (crm, key) = (peer.crm(), unique("k"));
    crm.write(&escalation(&ticket, None), &key, false).await.unwrap();
    assert_eq!(peer.see(&ticket).await["Priority"], "95");
    let comment = json!({ "Content": "Collega's: ik bel morgen.", "ContentType": "text/plain" });
    peer.admin(Method::POST, &format!("ticket/{ticket}/comment"), comment).await;
    let read = pass(&crm, "").await;
    let said: Vec<_> = read.answers.iter().filter(|answer| answer.ticket == ticket).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].body.starts_with("Collega's") && said[0].by_agent && !said[0].public);
    assert!(read.answers.iter().all(|answer| !answer.body.contains(&marker(&key))));
}

#[tokio::test]
async fn what_is_missing_or_refused_is_told_apart() {
    let Some(peer) = peer() else { return };
    let crm = peer.crm();
    let note = |problem: &str| CrmAction::NoteProblem { problem: problem.into(), note: "x".into() };
    for action in [escalation("99999999", None), note("99999999"), note("geen nummer")] {
        assert_eq!(crm.write(&action, "k", true).await.unwrap_err().kind, FailureKind::NotFound);
    }
    let ticket = peer.ticket(&unique("mis")).await;
    let failure = crm.write(&escalation(&ticket, Some("99999999")), &unique("k"), false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("AddDependsOn"), "{}", failure.message);
    let tagging = build(Config { tag_field: Some("Labels".into()), ..peer.config() }, peer.client.clone());
    let failure = tagging.write(&escalation(&ticket, None), &unique("k"), false).await.unwrap_err();
    assert!(
        failure.kind == FailureKind::Refused && failure.message.contains("Labels"),
        "{}",
        failure.message
    );

    let stranger = Config { token: Some(Secret::new("1-14-verkeerd")), ..peer.config() };
    let stranger = build(stranger, peer.client.clone());
    assert_eq!(stranger.check().await.unwrap_err().kind, FailureKind::BadCredentials);
    assert_eq!(stranger.read("", Clock::System.now()).await.unwrap_err().kind, FailureKind::BadCredentials);
    let no_queue =
        build(Config { queues: vec!["Bestaat Niet".into()], ..peer.config() }, peer.client.clone());
    assert_eq!(no_queue.check().await.unwrap_err().kind, FailureKind::NotFound);
    let check = crm.check().await.unwrap();
    assert!(check.starts_with("Request Tracker 5.") && !check.contains("note:"), "{check}");
}

#[tokio::test]
async fn a_page_costs_few_requests_whatever_it_holds() {
    let Some(peer) = peer() else { return };
    peer.ticket(&unique("kosten")).await;
    let (crm, requests) = losing(&peer, usize::MAX).await;
    let mut cursor = String::new();
    let mut before = 0;
    for _ in 0..3 {
        let page = crm.read(&cursor, Clock::System.now()).await.unwrap();
        let after = requests.count.load(Ordering::SeqCst);
        assert!(after - before <= 12, "{} tickets cost {} requests", page.tickets.len(), after - before);
        (cursor, before) = (page.cursor, after);
    }
}
