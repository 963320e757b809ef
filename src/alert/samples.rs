//! Dossiers for tests, made by hand: one that fills every section, a new complaint, a recurrence, and a hostile post.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;

use super::Letter;
use crate::assess::{Assessment, Class, Severity, Topics};
use crate::config::Language;
use crate::decide::{AlertKind, Reason, Verdict};
use crate::dossier::{AnswerFacts, CaseFacts, Dossier};
use crate::exposure::{Exposure, ExposureSettings};
use crate::matching::questions::nothing;
use crate::matching::{Argument, Band, Evidence, MatchAnswer, Question, Tier};
use crate::mention::{Author, Engagement, Flag, Mention, MentionKind, Rating, StoredMention};
use crate::promises::Promise;
use crate::register::{
    Contact, Priority, Problem, ProblemStatus, StoredContact, StoredProblem, StoredTicket, Ticket,
    TicketStatus,
};

static SHIPPED: LazyLock<Arc<Topics>> = LazyLock::new(Topics::shipped);

pub const PAGE: &str = "https://gehoord.veldnet.example";
pub const KEY: &str = "0193a5f2-7c1e-7d10-8a2b-3c4d5e6f7a8b";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn letter(dossier: &Dossier, kind: AlertKind, language: Language) -> Letter<'_> {
    Letter { key: KEY, kind, dossier, language, link_only: false, page_url: PAGE, topics: &SHIPPED }
}

/// A comedian with 40,000 followers whose ticket is 42 days old. Fills every section.
pub fn celebrity() -> Dossier {
    let text = "Dag 42 zonder internet, @veldnet. Drie monteurs geweest. De eerste had geen ladder, de tweede geen sleutel \
                van de kast, en de derde zei dat het aan mijn huis lag.\n\nMijn huis staat er sinds 1931. Jullie kabel \
                sinds vorig jaar.\n\nTicket 18312. Ik hoor het wel. Of niet, want bellen gaat ook niet meer.";
    let author = Author {
        external_id: "109".into(),
        handle: Some("bramterlinden@podium.example".into()),
        display_name: Some("Bram Terlinden".into()),
        audience: Some(40_000),
    };
    let mention = Mention {
        url: Some("https://podium.example/@bramterlinden/113502".into()),
        published_at: Some(at("2026-11-24T10:14:00Z")),
        engagement: Engagement { likes: 412, shares: 96, replies: 57 },
        reply_to: Some("113499".into()),
        has_media: true,
        ..Mention::new("113502", author, text)
    };
    let ticket = ticket("18312", "Geen internet na aansluiten glasvezel", "2026-10-13T08:00:00Z");
    let problem = problem();
    Dossier {
        case: Some(case(12)),
        parent: Some(parent()),
        assessment: Assessment {
            topic: Some("no-knowledge".into()),
            evidence: vec![
                "about us: @veldnet".into(),
                "does not work: zonder internet".into(),
                "again: Drie monteurs".into(),
            ],
            ..assessment(Class::Complaint, 0.97)
        },
        verdict: Verdict::Known,
        urgency: Severity::High,
        exposure: exposure(&mention),
        answers: vec![
            AnswerFacts {
                answer: MatchAnswer {
                    evidence: Evidence {
                        reasons: vec![Argument::Number],
                        shared: vec!["monteur".into(), "ladder".into(), "kast".into()],
                        runner_up: Some(("rt:17990".into(), 0.22)),
                        ..Evidence::default()
                    },
                    ..answer(Question::SameCase, Band::Known, Tier::Reference, 0.99)
                },
                ticket: Some(ticket.clone()),
                problem: Some(problem.clone()),
                contact: Some(contact()),
            },
            facts(nothing(Question::SameCustomer)),
            AnswerFacts {
                answer: MatchAnswer {
                    evidence: Evidence {
                        reasons: vec![Argument::LinkedProblem],
                        against: vec![Argument::Missing { words: vec!["ladder".into(), "1931".into()] }],
                        ..Evidence::default()
                    },
                    ..answer(Question::SameProblem, Band::Known, Tier::Customer, 0.94)
                },
                ticket: None,
                problem: Some(problem.clone()),
                contact: None,
            },
        ],
        known_since_days: Some(42),
        ticket: Some(ticket),
        problem: Some(problem),
        others_silent: 312,
        others_public: 4,
        recurrence_days: None,
        promises: vec![
            Promise {
                quote: "Wij bellen u maandag voor 12 uur terug.".into(),
                at: at("2026-11-20T09:30:00Z"),
            },
            Promise {
                quote: "U ontvangt binnen 5 werkdagen een nieuwe afspraak.".into(),
                at: at("2026-10-29T14:05:00Z"),
            },
        ],
        reasons: vec![Reason::Answer {
            question: Question::SameCase,
            band: Band::Known,
            tier: Tier::Reference,
            probability: 0.99,
        }],
        mention: stored(mention, "mastodon"),
        ..empty()
    }
}

/// Somebody with 120 followers says something that no ticket knows.
pub fn newcomer() -> Dossier {
    let author = Author {
        external_id: "77".into(),
        handle: Some("ines.okafor".into()),
        display_name: Some("Ines Okafor".into()),
        audience: Some(120),
    };
    let text = "Has anybody else had their @veldnet invoice go up by €18 without any notice? The chat says it is \
                \"as agreed\". It is not what I agreed to.";
    let mention = Mention {
        url: Some("https://sky.example/profile/ines.okafor/post/3lbq".into()),
        published_at: Some(at("2026-11-24T10:11:00Z")),
        language_hint: Some("en".into()),
        ..Mention::new("3lbq", author, text)
    };
    Dossier {
        case: Some(case(13)),
        assessment: Assessment {
            language: Some("en".into()),
            topic: Some("my-own-topic".into()),
            evidence: vec!["money taken or lost: go up by €18".into()],
            ..assessment(Class::Complaint, 0.88)
        },
        verdict: Verdict::New,
        exposure: exposure(&mention),
        answers: vec![
            facts(nothing(Question::SameCase)),
            facts(nothing(Question::SameCustomer)),
            facts(answer(Question::SameProblem, Band::New, Tier::Text, 0.31)),
        ],
        mention: stored(mention, "bluesky"),
        ..empty()
    }
}

/// A review with one star, whose problem was reported fixed nine days before.
pub fn recurrence() -> Dossier {
    let author =
        Author { external_id: "r".into(), display_name: Some("M. Aerts".into()), ..Author::default() };
    let mention = Mention {
        kind: MentionKind::Review,
        title: Some("Weer storing".into()),
        url: Some("https://reviews.example/veldnet/88".into()),
        published_at: Some(at("2026-11-24T06:20:00Z")),
        rating: Rating::new(1.0, 5.0),
        ..Mention::new(
            "88",
            author,
            "Twee weken terug zou het opgelost zijn. Sinds gisteravond ligt alles er weer uit.",
        )
    };
    let mut problem = problem();
    problem.problem.status = ProblemStatus::Fixed;
    problem.problem.fixed_at = Some(at("2026-11-15T05:00:00Z"));
    problem.problem.owner_email = None;
    problem.problem.workaround = None;
    Dossier {
        case: Some(case(14)),
        verdict: Verdict::Perhaps,
        urgency: Severity::High,
        exposure: exposure(&mention),
        answers: vec![AnswerFacts {
            problem: Some(problem.clone()),
            ..facts(answer(Question::SameProblem, Band::Perhaps, Tier::Text, 0.64))
        }],
        problem: Some(problem),
        others_silent: 1,
        recurrence_days: Some(9),
        mention: stored(mention, "trustpilot"),
        ..empty()
    }
}

/// Everything that a stranger, or a customer who pastes into a CRM, may try.
pub fn hostile() -> Dossier {
    let evil = "</blockquote><script>alert(1)</script><img src=x onerror=alert(2)> <!channel> <@U123> <http://evil.example|Klik> \
                @channel @all `code` *vet* {{7*7}} \u{202E}txt.exe\u{202C} \u{200B}\r\n.\r\nMAIL FROM:<x@evil.example>\r\n\
                RCPT TO:<y@evil.example>\r\nDATA\r\nSubject: nep\r\n\r\n\0\u{2028}Bcc: all@veldnet.example\rX: y";
    let author = Author {
        external_id: evil.into(),
        handle: Some(format!("eve\r\nBcc: all@veldnet.example\0\u{2028}{evil}")),
        display_name: Some(format!("\"Eve\" <eve@evil.example>\r\nBcc: all@veldnet.example\n\u{202E}{evil}")),
        audience: Some(u64::MAX),
    };
    let mention = Mention {
        title: Some(format!("Titel\r\nX-Evil: 1 {evil}")),
        url: Some("javascript:alert(document.domain)//https://podium.example/".into()),
        published_at: Some(at("2026-11-24T10:14:00Z")),
        flags: vec![
            Flag::Lossy,
            Flag::Truncated,
            Flag::BadTime,
            Flag::IdReuse,
            Flag::Deceptive,
            Flag::Drifted,
        ],
        ..Mention::new("e\r\nvil", author, evil)
    };
    let mut ticket = ticket(&format!("1\r\nBcc: x {evil}"), evil, "2026-10-13T08:00:00Z");
    ticket.ticket.url = Some("https://veldnet.example@evil.example/".into());
    let mut problem = problem();
    problem.problem.number = format!("P\r\nBcc: x {evil}");
    problem.problem.title = evil.into();
    problem.problem.owner = Some(evil.into());
    problem.problem.owner_email = Some(format!("x@y.example\r\nBcc: {evil}"));
    problem.problem.workaround = Some(evil.into());
    problem.problem.url = Some("data:text/html,<script>alert(1)</script>".into());
    let lists = || Evidence {
        shared: vec![evil.into(); 40],
        reasons: vec![evil.into(); 40],
        against: vec![Argument::Missing { words: vec![evil.into(); 5] }; 40],
        runner_up: Some((evil.into(), f64::NAN)),
    };
    let mut contact = contact();
    contact.contact.name = evil.into();
    contact.contact.customer_number = Some(evil.into());
    let answered = |question| AnswerFacts {
        answer: MatchAnswer {
            evidence: lists(),
            ..answer(question, Band::Perhaps, Tier::Text, f64::INFINITY)
        },
        ticket: Some(ticket.clone()),
        problem: Some(problem.clone()),
        contact: Some(contact.clone()),
    };
    Dossier {
        case: Some(CaseFacts { id: format!("c\r\nX: {evil}"), ..case(66) }),
        parent: Some(stored(mention.clone(), evil)),
        assessment: Assessment {
            brand: Some(evil.into()),
            language: Some(evil.into()),
            topic: Some(evil.into()),
            evidence: vec![evil.into(); 40],
            ..assessment(Class::Complaint, f64::NAN)
        },
        verdict: Verdict::Perhaps,
        exposure: exposure(&mention),
        answers: vec![
            answered(Question::SameCase),
            answered(Question::SameCustomer),
            answered(Question::SameProblem),
        ],
        known_since_days: Some(i64::MIN),
        ticket: Some(ticket.clone()),
        problem: Some(problem.clone()),
        others_silent: i64::MAX,
        others_public: i64::MIN,
        recurrence_days: Some(i64::MAX),
        promises: vec![Promise { quote: evil.into(), at: Timestamp::MIN }; 40],
        reasons: vec![Reason::TicketByHand { register: evil.into() }; 40],
        register_age: Some(Duration::MAX),
        mention: stored(mention, &format!("bron\r\nBcc: x {evil}")),
        ..empty()
    }
}

/// The four of them by name.
pub fn all() -> [(&'static str, Dossier); 4] {
    [
        ("celebrity", celebrity()),
        ("newcomer", newcomer()),
        ("recurrence", recurrence()),
        ("hostile", hostile()),
    ]
}

fn empty() -> Dossier {
    let mention = Mention::new("x", Author::default(), "x");
    Dossier {
        case: None,
        exposure: exposure(&mention),
        mention: stored(mention, "test"),
        parent: None,
        assessment: assessment(Class::Complaint, 0.9),
        verdict: Verdict::New,
        urgency: Severity::Normal,
        answers: Vec::new(),
        known_since_days: None,
        ticket: None,
        problem: None,
        others_silent: 0,
        others_public: 0,
        recurrence_days: None,
        promises: Vec::new(),
        reasons: Vec::new(),
        register_age: Some(Duration::from_secs(12 * 60)),
        decided_at: Some(at("2026-11-24T10:14:30Z")),
        now: at("2026-11-24T10:14:31Z"),
    }
}

fn case(number: i64) -> CaseFacts {
    CaseFacts {
        id: format!("0193a5f2-0000-7000-8000-{number:012}"),
        number,
        status: "open".into(),
        opened_at: at("2026-11-24T10:14:30Z"),
    }
}

fn parent() -> StoredMention {
    let author = Author { external_id: "1".into(), handle: Some("veldnet".into()), ..Author::default() };
    let mention = Mention {
        published_at: Some(at("2026-11-24T09:00:00Z")),
        ..Mention::new(
            "113499",
            author,
            "Goedemorgen! Ons team zit weer voor je klaar. Waar kunnen we mee helpen?",
        )
    };
    StoredMention { own_voice: true, ..stored(mention, "mastodon") }
}

fn stored(mention: Mention, source: &str) -> StoredMention {
    StoredMention {
        id: "0193a5f2-1111-7000-8000-000000000001".into(),
        source: source.into(),
        revision: 1,
        decided: 1,
        backfill: false,
        own_voice: false,
        seen_at: at("2026-11-24T10:14:20Z"),
        removed_at: None,
        author_id: "a".into(),
        mention,
    }
}

fn exposure(mention: &Mention) -> Exposure {
    Exposure::compute(&ExposureSettings::default(), mention.author.audience, mention.engagement.shares, 7)
}

fn assessment(class: Class, probability: f64) -> Assessment {
    Assessment {
        relevant: true,
        brand: Some("Veldnet".into()),
        language: Some("nl".into()),
        class,
        probability,
        severity: Severity::Normal,
        topic: None,
        references: Vec::new(),
        evidence: Vec::new(),
    }
}

fn answer(question: Question, band: Band, tier: Tier, probability: f64) -> MatchAnswer {
    MatchAnswer { band, tier, probability, ..nothing(question) }
}

fn facts(answer: MatchAnswer) -> AnswerFacts {
    AnswerFacts { answer, ticket: None, problem: None, contact: None }
}

fn contact() -> StoredContact {
    let contact = Contact {
        external_id: "20031".into(),
        name: "A.B. Terlinden".into(),
        customer_number: Some("K-20031".into()),
        ..Contact::default()
    };
    StoredContact { id: "rt:20031".into(), contact }
}

fn ticket(number: &str, subject: &str, created_at: &str) -> StoredTicket {
    let ticket = Ticket {
        external_id: number.into(),
        number: number.into(),
        url: Some("https://rt.veldnet.example/Ticket/Display.html?id=18312".into()),
        subject: subject.into(),
        body: String::new(),
        status: TicketStatus::Open,
        priority: Priority::Normal,
        contact: Some("rt:20031".into()),
        problem: Some("rt:77".into()),
        product: None,
        created_at: at(created_at),
        updated_at: at(created_at),
        solved_at: None,
    };
    StoredTicket { id: format!("rt:{number}"), register: "rt".into(), ticket, changed_seq: 1, deleted: false }
}

fn problem() -> StoredProblem {
    let problem = Problem {
        external_id: "77".into(),
        number: "P-77".into(),
        url: Some("https://rt.veldnet.example/Ticket/Display.html?id=77".into()),
        title: "Glasvezel aangesloten, geen signaal in de kast".into(),
        description: String::new(),
        status: ProblemStatus::Open,
        workaround: Some("Leen een 4G-modem bij een winkel; de kosten zijn voor ons.".into()),
        owner: Some("Netwerkbeheer, Farida El Idrissi".into()),
        owner_email: Some("netwerkbeheer@veldnet.example".into()),
        opened_at: at("2026-10-01T08:00:00Z"),
        fixed_at: None,
    };
    StoredProblem { id: "rt:77".into(), register: "rt".into(), problem, changed_seq: 1, deleted: false }
}
