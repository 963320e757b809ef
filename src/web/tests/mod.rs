//! The web as a client sees it. Data is written through the store, and judged by hand, so that a page shows the same
//! whatever the pure steps think of it today.

mod doors;
mod pages;
mod pushes;
mod slow;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tower::ServiceExt;

use super::guard::Guard;
use super::server::{Limits, Peer};
use super::{Site, router};
use crate::app::App;
use crate::assess::{Assessment, Class, Reference, ReferenceKind, Severity};
use crate::clock::Clock;
use crate::config::Config;
use crate::decide::{AlertKind, CaseStep, CrmStep, Decision, Mode, Reason, Told, Verdict};
use crate::demo::mailbox::Mailbox;
use crate::exposure::{Exposure, ExposureSettings};
use crate::matching::{Answers, Argument, Band, Evidence, MatchAnswer, Question, Tier};
use crate::mention::{Author, Mention, StoredMention};
use crate::recognise::{Certainty, Likeness, Person, Provenance, Recognition};
use crate::register::{
    Answer, Contact, KeyKind, Priority, Problem, ProblemStatus, RegisterPage, Ticket, TicketStatus,
};
use crate::store::judgements::{Basis, Judged};
use crate::store::mentions::IncomingPage;

const SECRET: &str = "whsec_dmVsZG5ldC1nZWhlaW0tbnVtbWVyLWVlbi0wMTIzNDU2Nzg5";
const TOKEN: &str = "een-lang-geheim-token";

fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// A site of one test, with its database in a folder that goes with it.
struct TestSite {
    app: App,
    clock: Clock,
    folder: TempDir,
    site: Site,
}

/// An answer, whole.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestSite {
    /// A site without a token.
    async fn open() -> TestSite {
        TestSite::with_web("").await
    }

    /// A site with these lines in its `[web]` section.
    async fn with_web(web: &str) -> TestSite {
        TestSite::in_folder(tempfile::tempdir().unwrap(), web, Limits::default()).await
    }

    async fn in_folder(folder: TempDir, web: &str, limits: Limits) -> TestSite {
        let clock = Clock::test(start());
        let path = folder.path().display();
        std::fs::write(folder.path().join("mentions.jsonl"), "").unwrap();
        let text = format!(
            "mode = 'act'\n[database]\nurl = 'sqlite://{path}/t.db'\n[web]\nlisten = '127.0.0.1:0'\n{web}\n\
             [[brand]]\nname = 'Veldnet'\nterms = ['veldnet']\n\
             [[source]]\nname = 'forum'\nkind = 'replay'\npath = '{path}/mentions.jsonl'\ncalls_per_day = 1000\n\
             lawful_basis = 'legitimate interest'\npurpose = 'answering customers'\n\
             [[source]]\nname = 'bridge'\nkind = 'webhook'\nsecrets = ['{SECRET}']\n\
             lawful_basis = 'legitimate interest'\npurpose = 'answering customers'\n\
             [[crm]]\nname = 'desk'\nkind = 'log'\n\
             [[receiver]]\nname = 'webcare'\nkind = 'log'\nmay_resolve = true\n\
             [[rule]]\nname = 'all'\nnotify = ['webcare']\n"
        );
        let config = Config::parse(&text, std::iter::empty()).unwrap();
        let app = App::build(config, clock.clone()).await.unwrap();
        let guard = Guard::new(&app.config.web, "127.0.0.1:8470".parse().unwrap()).unwrap();
        let site = Site {
            app: app.clone(),
            guard: Arc::new(guard),
            writes: Arc::default(),
            mailbox: Some(Mailbox::default()),
            pushes: Arc::default(),
            limits,
            zone: TimeZone::UTC,
        };
        TestSite { app, clock, folder, site }
    }

    fn router(&self) -> Router {
        router(self.site.clone())
    }

    /// Sends a request as from `peer`.
    async fn send_from(&self, peer: &str, mut request: Request<Body>) -> Reply {
        let peer: SocketAddr = format!("{peer}:40000").parse().unwrap();
        request.extensions_mut().insert(Peer(peer));
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.into()).unwrap() }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        self.send_from("127.0.0.1", request).await
    }

    /// Asks for a page as a browser does.
    async fn get(&self, path: &str) -> Reply {
        self.send(get(path).body(Body::empty()).unwrap()).await
    }
}

fn get(path: &str) -> axum::http::request::Builder {
    Request::get(path).header("host", "localhost:8470").header("accept", "text/html,*/*")
}

fn author(handle: &str, name: &str, audience: Option<u64>) -> Author {
    Author {
        external_id: handle.into(),
        handle: Some(handle.into()),
        display_name: Some(name.into()),
        audience,
    }
}

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::from_second(start().as_second() - hours * 3600).unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    hours_ago(24 * days)
}

/// The register of the tests: one customer whose ticket is 42 days old, and others with the same problem.
fn register() -> RegisterPage {
    let ticket = |number: &str, contact: &str, age: i64| Ticket {
        external_id: number.into(),
        number: number.into(),
        url: Some(format!("https://desk.example/t/{number}")),
        subject: "Aansluiting komt niet mee".into(),
        body: "Klant is verhuisd en heeft nog steeds geen internet.".into(),
        status: TicketStatus::Open,
        priority: Priority::Normal,
        contact: Some(contact.into()),
        problem: Some("P-77".into()),
        product: Some("Glas".into()),
        created_at: days_ago(age),
        updated_at: days_ago(9),
        solved_at: None,
    };
    let contact = |id: &str, name: &str| Contact {
        external_id: id.into(),
        name: name.into(),
        customer_number: Some("40718263".into()),
        city: Some("Deventer".into()),
        ..Contact::default()
    };
    RegisterPage {
        contacts: vec![
            contact("C-1", "J. van der Kwast"),
            contact("C-2", "W. Brandsma"),
            contact("C-3", "M. Kaya"),
        ],
        tickets: vec![ticket("18312", "C-1", 42), ticket("18400", "C-2", 20), ticket("18401", "C-3", 12)],
        answers: vec![Answer {
            external_id: "a1".into(),
            ticket: "18312".into(),
            by_agent: true,
            public: true,
            body: "Excuses. We bellen u morgen terug.".into(),
            at: days_ago(30),
        }],
        problems: vec![Problem {
            external_id: "P-77".into(),
            number: "P-77".into(),
            url: Some("https://desk.example/p/77".into()),
            title: "Overzetting bij verhuizing mislukt".into(),
            description: "De order blijft hangen op het oude adres.".into(),
            status: ProblemStatus::Open,
            workaround: None,
            owner: None,
            owner_email: None,
            opened_at: days_ago(60),
            fixed_at: None,
        }],
        cursor: "1".into(),
        complete: true,
        ..RegisterPage::default()
    }
}

impl TestSite {
    async fn read_register(&self, page: RegisterPage) {
        let mut tx = self.app.store.begin().await.unwrap();
        self.app.store.save_register_page(&mut tx, "desk", &page.cleaned(), start()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Stores mentions of the forum and returns them in the order they were given in.
    async fn hear(&self, mentions: Vec<Mention>) -> Vec<StoredMention> {
        let mentions: Vec<Mention> = mentions.into_iter().map(|mention| mention.cleaned(start())).collect();
        let ids: Vec<String> = mentions.iter().map(|mention| mention.external_id.clone()).collect();
        let page = IncomingPage {
            mentions: mentions.into_iter().map(|mention| (mention, false)).collect(),
            ..IncomingPage::default()
        };
        let mut tx = self.app.store.begin().await.unwrap();
        self.app.store.save_page(&mut tx, "forum", &page).await.unwrap();
        tx.commit().await.unwrap();
        let mut stored = Vec::new();
        for id in ids {
            stored.push(self.app.store.find_mention(&id).await.unwrap().unwrap());
        }
        stored
    }

    /// Writes judgements with what they owe.
    async fn judge(&self, judged: &[Judged]) {
        let basis = Basis {
            mode: Mode::Act,
            register_seq: 1,
            register_age: Some(Duration::from_secs(120)),
            now: self.clock.now(),
        };
        let mut tx = self.app.store.begin().await.unwrap();
        let decided = self.app.store.save_judged(&mut tx, judged, &basis).await.unwrap();
        assert_eq!(decided.len(), judged.len(), "everything was judged");
        self.app.store.owe(&mut tx, &decided, &basis).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The known complaint of a customer with 40,000 followers, with its case.
    async fn known_case(&self) -> StoredMention {
        self.read_register(register()).await;
        let mut mention = Mention::new(
            "m-1",
            author("joost", "Joost van der Kwast", Some(40_000)),
            "Verhuisd. Elfhonderd meter.\n\nMijn internet is nu 42 dagen onderweg. #veldnet",
        );
        mention.url = Some("https://sociaal.example/@joost/1".into());
        mention.published_at = Some(hours_ago(3));
        mention.engagement.shares = 12;
        let stored = self.hear(vec![mention]).await.remove(0);
        self.judge(&[known(&stored)]).await;
        stored
    }
}

fn answer(question: Question, band: Band, tier: Tier, probability: f64) -> MatchAnswer {
    let found = band != Band::New;
    MatchAnswer {
        question,
        ticket_id: found.then(|| "desk:18312".into()),
        problem_id: found.then(|| "desk:P-77".into()),
        contact_id: found.then(|| "desk:C-1".into()),
        tier,
        score: probability,
        probability,
        band,
        evidence: if found {
            Evidence {
                shared: vec!["verhuisd".into(), "elfhonderd".into()],
                reasons: vec![Argument::SharedWords { words: 2, rare: 2 }],
                against: vec![Argument::Missing { words: vec!["piano".into()] }],
                runner_up: Some(("desk:18400".into(), 0.31)),
            }
        } else {
            Evidence::default()
        },
    }
}

/// A judgement of a new complaint.
fn new_complaint(mention: &StoredMention, urgency: Severity) -> Judged {
    let nothing = |question| answer(question, Band::New, Tier::None, 0.0);
    let settings = ExposureSettings::default();
    Judged {
        mention: mention.clone(),
        assessment: Assessment {
            relevant: true,
            brand: Some("Veldnet".into()),
            language: Some("nl".into()),
            class: Class::Complaint,
            probability: 0.91,
            severity: Severity::Normal,
            topic: Some("moving".into()),
            references: vec![Reference { kind: ReferenceKind::Ticket, value: "18312".into() }],
            evidence: vec!["onderweg".into()],
        },
        recognition: Recognition::default(),
        answers: Answers {
            same_case: nothing(Question::SameCase),
            same_customer: nothing(Question::SameCustomer),
            same_problem: nothing(Question::SameProblem),
        },
        decision: Decision {
            verdict: Verdict::New,
            urgency,
            exposure: Exposure::compute(
                &settings,
                mention.mention.author.audience,
                mention.mention.engagement.shares,
                7,
            ),
            case: CaseStep::Open,
            alerts: Vec::new(),
            crm: Vec::new(),
            recurrence_days: None,
            reasons: vec![Reason::NotInRegister { minutes_ago: 4 }],
        },
        case_id: Some(crate::ids::new_id(start())),
    }
}

/// A judgement of a complaint that the register knows.
fn known(mention: &StoredMention) -> Judged {
    let mut judged = new_complaint(mention, Severity::High);
    judged.recognition = Recognition {
        person: Some(Person {
            contact_id: "desk:C-1".into(),
            certainty: Certainty::Certain,
            provenance: Provenance::Handle,
            probability: 0.99,
            evidence: Likeness::OnlyOne { keys: vec![KeyKind::Handle] },
        }),
        others: Vec::new(),
    };
    judged.answers.same_case = answer(Question::SameCase, Band::Known, Tier::Customer, 0.97);
    judged.answers.same_problem = answer(Question::SameProblem, Band::Perhaps, Tier::Text, 0.66);
    judged.decision.verdict = Verdict::Known;
    judged.decision.reasons = vec![Reason::TicketRaised, Reason::RuleTells { rule: "all".into() }];
    judged.decision.alerts =
        vec![Told { receiver: "webcare".into(), kind: AlertKind::Complaint, due_at: start() }];
    judged.decision.crm = vec![CrmStep::Escalate {
        ticket_id: "desk:18312".into(),
        raise_to: Priority::High,
        problem_id: None,
    }];
    judged
}
