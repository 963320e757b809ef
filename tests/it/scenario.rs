//! The scenario language: *at* a moment the source says something, *by* a moment somebody was told, nothing else happened.
//!
//! A [`TestApp`] is the whole daemon on a test clock: a real feed and a real ticket system over HTTP on loopback, a file
//! for alerts, SQLite or PostgreSQL below. [`TestApp::work`] does rounds until nothing is due; [`TestApp::pass`] moves the
//! clock. Dropping a test app that still owes something fails the test.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use gehoord::app::App;
use gehoord::config::Config;
use gehoord::demo::fake_zendesk::{Data, FakeZendesk};
use gehoord::register::{Answer, Contact, Problem, ProblemStatus, Ticket, TicketStatus};
use gehoord::source::client::Client;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::register;
use crate::support::{TestStore, number, serve, start};

/// What the source says, newest last, and how it behaves.
#[derive(Debug, Default)]
pub struct Feed {
    posts: Vec<Value>,
    /// The next answers have these statuses instead.
    pub broken: Vec<u16>,
    /// How often it was asked.
    pub asked: usize,
}

/// The daemon with a world around it.
pub struct TestApp {
    pub app: App,
    pub desk: FakeZendesk,
    pub feed: Arc<Mutex<Feed>>,
    /// Which engine, for messages.
    pub engine: &'static str,
    test: TestStore,
    alerts: PathBuf,
    read: usize,
    owing_is_meant: bool,
    _folder: TempDir,
}

/// One post, to be filled in.
pub fn post(id: &str, by: &str, text: &str) -> Value {
    json!({ "id": id, "by": by, "name": by, "text": text, "at": null, "followers": 0, "stars": null, "gone": null, "reply_to": null })
}

/// A moment `days` before the test begins.
pub fn days_ago(days: u64) -> Timestamp {
    start() - Duration::from_secs(days * 86_400)
}

/// The register that most scenarios need: one customer with a ticket of 42 days, three others with the same problem, and
/// a problem that was fixed nine days ago.
pub fn register() -> Data {
    let contact = |n: u32, name: &str| Contact {
        email: Some(format!("klant{n}@voorbeeld.example")),
        customer_number: Some(format!("4071826{n}")),
        handles: if n == 1 { vec!["feed:joost".into()] } else { Vec::new() },
        ..register::contact(&format!("C-{n}"), name)
    };
    let ticket = |id: &str, contact: &str, problem: &str, days: u64, subject: &str, body: &str| Ticket {
        subject: subject.into(),
        body: body.into(),
        contact: Some(contact.into()),
        problem: Some(problem.into()),
        ..register::ticket(id, days_ago(days))
    };
    let problem = |id: &str, title: &str, status, fixed_at| Problem {
        title: title.into(),
        description: title.into(),
        status,
        fixed_at,
        ..register::problem(id, days_ago(90))
    };
    let moving = "De glasvezelaansluiting is na de verhuizing niet overgezet, monteur kwam niet";
    Data {
        contacts: vec![
            contact(1, "J. van der Kwast"),
            contact(2, "A. Bakker"),
            contact(3, "S. Yilmaz"),
            contact(4, "P. de Wit"),
        ],
        tickets: vec![
            ticket("18312", "C-1", "P-77", 42, "Verhuizing", moving),
            ticket("18313", "C-2", "P-77", 50, "Verhuizing glasvezel", moving),
            ticket("18314", "C-3", "P-77", 20, "Overzetten glasvezelaansluiting", moving),
            Ticket {
                status: TicketStatus::Solved,
                solved_at: Some(days_ago(9)),
                ..ticket(
                    "18400",
                    "C-4",
                    "P-80",
                    30,
                    "Beeld bevriest",
                    "Het televisiebeeld bevriest elke avond, decoder herstarten helpt kort",
                )
            },
        ],
        answers: vec![Answer {
            external_id: "A-1".into(),
            ticket: "18312".into(),
            by_agent: true,
            public: true,
            body: "Vervelend. We bellen u maandag terug.".into(),
            at: days_ago(40),
        }],
        problems: vec![
            problem("P-77", "Verhuizing van glasvezelaansluiting mislukt", ProblemStatus::Open, None),
            problem(
                "P-80",
                "Televisiebeeld bevriest elke avond op de decoder",
                ProblemStatus::Fixed,
                Some(days_ago(9)),
            ),
        ],
    }
}

impl TestApp {
    /// A daemon in `act` mode with the usual register, whose first poll lies behind it.
    pub async fn start(test: TestStore) -> TestApp {
        TestApp::start_with(test, "mode = \"act\"", register()).await
    }

    /// A daemon with other settings at the top of its file, and another register.
    pub async fn start_with(test: TestStore, top: &str, data: Data) -> TestApp {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let feed = Arc::new(Mutex::new(Feed::default()));
        let desk = FakeZendesk::with_clock(data, test.clock.clone());
        let (web, tickets) = (serve(feed_router(feed.clone())).await, serve(desk.router()).await);
        let alerts = folder.path().join("alerts.jsonl");
        let zendesk = FakeZendesk::config(&format!("http://{tickets}"));
        let text = format!(
            r#"
{top}
[database]
url = "{url}"
[policy]
open_tickets = "complaints"
[[brand]]
name = "Veldnet"
terms = ["veldnet"]
[[source]]
name = "feed"
kind = "http_json"
url = "http://{web}/feed.json"
items = ".posts"
interval_secs = 60
own_accounts = ["veldnet"]
lawful_basis = "legitimate interest"
purpose = "a test"
[source.map]
id = ".id"
text = ".text"
author_handle = ".by"
author_name = ".name"
audience = ".followers"
published_at = ".at"
rating = ".stars"
removed = ".gone"
reply_to = ".reply_to"
[[crm]]
name = "desk"
kind = "zendesk"
url = "http://{tickets}"
email = "x@voorbeeld.example"
api_token = "x"
interval_secs = 60
[[receiver]]
name = "webcare"
kind = "log"
path = "{alerts}"
may_resolve = true
[[rule]]
name = "all"
notify = ["webcare"]
"#,
            url = test.url,
            alerts = alerts.display(),
        );
        let mut config =
            Config::parse(&text, std::iter::empty()).expect("the scenario's configuration is right");
        if let gehoord::escalate::CrmConfig::Zendesk(settings) = &mut config.crms[0].kind {
            *settings = zendesk;
        }
        config.sources[0].common.network = Some("feed".into());
        let client =
            Client::with_rate(std::num::NonZeroU32::new(100_000).expect("not zero")).expect("a client");
        let app = App::with_parts(config, test.store.clone(), client).await.expect("the app is built");
        let engine = test.engine;
        let app = TestApp {
            app,
            desk,
            feed,
            engine,
            test,
            alerts,
            read: 0,
            owing_is_meant: false,
            _folder: folder,
        };
        app.work().await;
        app
    }

    /// The source says something, now.
    pub fn says(&self, mut post: Value) {
        if post["at"].is_null() {
            post["at"] = json!(self.test.clock.now().to_string());
        }
        let mut feed = self.feed.lock().expect("nobody panics");
        let id = post["id"].clone();
        feed.posts.retain(|earlier| earlier["id"] != id);
        feed.posts.push(post);
    }

    /// Time passes.
    pub fn pass(&self, by: Duration) {
        self.test.clock.advance(by);
    }

    /// Rounds until nothing is due.
    pub async fn work(&self) {
        self.app.step_until_idle().await.expect("the store works");
    }

    /// A minute passes, and what is due then is done.
    pub async fn next_poll(&self) {
        self.pass(Duration::from_secs(61));
        self.work().await;
    }

    /// The alerts that arrived since the last look.
    pub fn new_alerts(&mut self) -> Vec<Value> {
        let mut all = self.lines();
        all.retain(|line| line["notice"].is_null());
        all[std::mem::replace(&mut self.read, all.len())..].to_vec()
    }

    /// All notices about gehoord itself that arrived.
    pub fn notices(&self) -> Vec<Value> {
        let mut all = self.lines();
        all.retain(|line| !line["notice"].is_null());
        all
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.alerts).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The same world around a daemon with another configuration.
    pub async fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = (*self.app.config).clone();
        change(&mut config);
        let client =
            Client::with_rate(std::num::NonZeroU32::new(100_000).expect("not zero")).expect("a client");
        self.app = App::with_parts(config, self.app.store.clone(), client).await.expect("the app is built");
        self.work().await;
    }

    /// The address of the database.
    pub fn database(&self) -> &str {
        &self.test.url
    }

    /// Exactly one alert arrived since the last look.
    pub fn the_alert(&mut self) -> Value {
        let mut alerts = self.new_alerts();
        assert_eq!(alerts.len(), 1, "one alert on {}: {alerts:#?}", self.engine);
        alerts.remove(0)
    }

    /// Our notes on a ticket.
    pub fn notes(&self, ticket: &str) -> Vec<String> {
        let id = self.desk.ticket_id(ticket).expect("a ticket of the register");
        let comments = self.desk.comments(id);
        assert!(
            comments.iter().all(|comment| !(comment.public && comment.body.contains("[gehoord:"))),
            "our notes are internal"
        );
        comments.into_iter().map(|comment| comment.body).filter(|body| body.contains("[gehoord:")).collect()
    }

    /// A number read beside the store.
    pub async fn number(&self, sql: &str) -> i64 {
        number(&self.test.url, sql).await
    }

    /// The test ends with something owed on purpose.
    pub fn may_owe(&mut self) {
        self.owing_is_meant = true;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() || self.owing_is_meant {
            return;
        }
        let url = self.test.url.clone();
        let owed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                number(&url, "SELECT COUNT(*) FROM effect WHERE open = 1 OR state = 'dead'").await
                    + number(&url, "SELECT COUNT(*) FROM mention WHERE waiting = 1").await
            })
        });
        let owed = owed.join().expect("the database answers");
        assert_eq!(
            owed, 0,
            "the test ends, and {owed} effects or mentions are still owed on {}",
            self.engine
        );
        assert!(self.desk.mails().is_empty(), "a write of ours made the ticket system mail a customer");
    }
}

fn feed_router(feed: Arc<Mutex<Feed>>) -> axum::Router {
    axum::Router::new().route(
        "/feed.json",
        get(move || async move {
            let mut feed = feed.lock().expect("nobody panics");
            feed.asked += 1;
            if let Some(status) = feed.broken.pop() {
                return StatusCode::from_u16(status).expect("a status").into_response();
            }
            let newest_first: Vec<Value> = feed.posts.iter().rev().cloned().collect();
            axum::Json(json!({ "posts": newest_first })).into_response()
        }),
    )
}
