//! Decisions as a table of situations.

use super::*;
use crate::matching::{Answers, Evidence, MatchAnswer, Question, questions};
use crate::mention::{Author, Mention};
use crate::register::{Problem, ProblemStatus, Ticket, TicketStatus};
use proptest::prelude::*;

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn mention(audience: Option<u64>) -> StoredMention {
    let author = Author { external_id: "a".into(), audience, ..Author::default() };
    StoredMention {
        id: "m".into(),
        source: "feed".into(),
        revision: 1,
        decided: 0,
        backfill: false,
        own_voice: false,
        seen_at: now(),
        removed_at: None,
        author_id: "author".into(),
        mention: Mention::new("1", author, "Weer geen verbinding"),
    }
}

fn assessment(class: Class, severity: Severity) -> Assessment {
    Assessment {
        relevant: true,
        brand: Some("Veldnet".into()),
        language: Some("nl".into()),
        class,
        probability: 0.9,
        severity,
        topic: None,
        references: Vec::new(),
        evidence: Vec::new(),
    }
}

fn answers(question: Question, band: Band, tier: Tier) -> Answers {
    let mut answers = Answers {
        same_case: questions::nothing(Question::SameCase),
        same_customer: questions::nothing(Question::SameCustomer),
        same_problem: questions::nothing(Question::SameProblem),
    };
    let answer = MatchAnswer {
        question,
        ticket_id: Some("crm:18312".into()),
        problem_id: Some("crm:77".into()),
        contact_id: Some("crm:1".into()),
        tier,
        score: 1.0,
        probability: 0.95,
        band,
        evidence: Evidence::default(),
    };
    match question {
        Question::SameCase => answers.same_case = answer,
        Question::SameCustomer => answers.same_customer = answer,
        Question::SameProblem => answers.same_problem = answer,
    }
    answers
}

fn ticket(days_old: i64) -> StoredTicket {
    let at = now() - Duration::from_secs(days_old as u64 * 86_400);
    StoredTicket {
        id: "crm:18312".into(),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        ticket: Ticket {
            external_id: "18312".into(),
            number: "18312".into(),
            url: None,
            subject: String::new(),
            body: String::new(),
            status: TicketStatus::Open,
            priority: Priority::Normal,
            contact: None,
            problem: None,
            product: None,
            created_at: at,
            updated_at: at,
            solved_at: None,
        },
    }
}

fn fixed_problem(days_ago: u64) -> StoredProblem {
    StoredProblem {
        id: "crm:77".into(),
        register: "crm".into(),
        changed_seq: 1,
        deleted: false,
        problem: Problem {
            external_id: "77".into(),
            number: "77".into(),
            url: None,
            title: String::new(),
            description: String::new(),
            status: ProblemStatus::Fixed,
            workaround: None,
            owner: None,
            owner_email: None,
            opened_at: now() - Duration::from_secs(90 * 86_400),
            fixed_at: Some(now() - Duration::from_secs(days_ago * 86_400)),
        },
    }
}

fn policy() -> Policy {
    let rule = Rule { name: "all".into(), notify: vec!["desk".into()], ..Rule::default() };
    Policy {
        rules: vec![rule],
        open_tickets: OpenTickets::Complaints,
        writable_crms: ["crm".to_owned()].into(),
        ..Policy::default()
    }
}

/// A situation whose parts a test changes before it is judged.
struct Scene {
    mention: StoredMention,
    assessment: Assessment,
    answers: Answers,
    ticket: Option<StoredTicket>,
    problem: Option<StoredProblem>,
    open_case: Option<OpenCase>,
    register: RegisterHealth,
    policy: Policy,
}

impl Scene {
    fn complaint() -> Scene {
        Scene {
            mention: mention(Some(0)),
            assessment: assessment(Class::Complaint, Severity::Normal),
            answers: answers(Question::SameCase, Band::New, Tier::None),
            ticket: None,
            problem: None,
            open_case: None,
            register: RegisterHealth::Read(Duration::from_secs(60)),
            policy: policy(),
        }
    }

    fn decide(&self) -> Decision {
        let situation = Situation {
            mention: &self.mention,
            assessment: &self.assessment,
            answers: &self.answers,
            ticket: self.ticket.as_ref(),
            problem: self.problem.as_ref(),
            open_case: self.open_case.as_ref(),
            register: self.register,
            now: now(),
        };
        decide(&situation, &self.policy)
    }
}

#[test]
fn a_new_complaint_without_followers_is_told_and_gets_a_ticket() {
    let decision = Scene::complaint().decide();
    assert_eq!((decision.verdict, decision.case), (Verdict::New, CaseStep::Open));
    assert_eq!((decision.alerts.len(), decision.alerts[0].due_at), (1, now()));
    assert!(matches!(decision.crm[..], [CrmStep::OpenTicket { .. }]));
}

#[test]
fn a_stale_register_opens_no_tickets_and_an_unread_one_calls_nothing_new() {
    for (register, verdict) in [
        (RegisterHealth::Read(Duration::from_secs(86_400)), Verdict::New),
        (RegisterHealth::NeverRead, Verdict::Unread),
        (RegisterHealth::NoRegister, Verdict::New),
    ] {
        let decision = Scene { register, ..Scene::complaint() }.decide();
        assert_eq!((decision.verdict, decision.crm.len()), (verdict, 0), "{register:?}");
        assert_eq!(decision.alerts.len(), 1, "people are told all the same");
    }
}

#[test]
fn a_known_case_raises_the_customers_own_ticket_and_an_aged_one_is_urgent() {
    let scene = Scene {
        answers: answers(Question::SameCase, Band::Known, Tier::Reference),
        ticket: Some(ticket(42)),
        ..Scene::complaint()
    };
    let decision = scene.decide();
    assert_eq!((decision.verdict, decision.urgency), (Verdict::Known, Severity::High));
    assert!(
        matches!(decision.crm[..], [CrmStep::Escalate { raise_to: Priority::High, .. }]),
        "{:?}",
        decision.crm
    );
    let aged = Reason::Raised { because: Raised::AgedTicket { days: 42 } };
    assert!(decision.reasons.contains(&aged), "{:?}", decision.reasons);
}

#[test]
fn a_problem_of_others_never_touches_anybodys_ticket() {
    let scene =
        Scene { answers: answers(Question::SameProblem, Band::Known, Tier::Thread), ..Scene::complaint() };
    assert!(matches!(scene.decide().crm[..], [CrmStep::NoteProblem { .. }]));
}

#[test]
fn a_register_that_can_only_be_read_is_owed_nothing_and_a_person_is_told_so() {
    let writable = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let mut known = Scene {
        answers: answers(Question::SameCase, Band::Known, Tier::Reference),
        ticket: Some(ticket(42)),
        ..Scene::complaint()
    };
    assert!(known.decide().reasons.contains(&Reason::TicketRaised));
    known.policy.writable_crms = writable(&["other"]);
    let decision = known.decide();
    assert!(decision.crm.is_empty() && decision.alerts.len() == 1, "{:?}", decision.crm);
    assert!(decision.reasons.contains(&Reason::TicketByHand { register: "crm".into() }));
    let mut problem =
        Scene { answers: answers(Question::SameProblem, Band::Known, Tier::Thread), ..Scene::complaint() };
    problem.policy.writable_crms = writable(&[]);
    assert!(problem.decide().crm.is_empty());
    assert!(problem.decide().reasons.contains(&Reason::ProblemByHand { register: "crm".into() }));
}

#[test]
fn a_new_ticket_goes_to_the_crm_that_was_chosen_or_is_the_only_one_and_never_to_the_first() {
    let opened_in = |writable: &[&str], chosen: Option<&str>| {
        let mut scene = Scene::complaint();
        scene.policy.writable_crms = writable.iter().map(|name| name.to_string()).collect();
        scene.policy.open_tickets_in = chosen.map(str::to_owned);
        let decision = scene.decide();
        let nowhere = decision.reasons.contains(&Reason::NowhereToOpen);
        match &decision.crm[..] {
            [CrmStep::OpenTicket { register, .. }] if !nowhere => Some(register.clone()),
            [] if nowhere => None,
            steps => panic!("{steps:?} {:?}", decision.reasons),
        }
    };
    assert_eq!(opened_in(&["desk"], None).as_deref(), Some("desk"));
    assert_eq!(opened_in(&["archive", "desk"], Some("desk")).as_deref(), Some("desk"));
    assert_eq!(opened_in(&["archive", "desk"], None), None);
    assert_eq!(opened_in(&["desk"], Some("export")), None, "export can only be read");
    assert_eq!(opened_in(&[], None), None);
}

#[test]
fn perhaps_touches_no_ticket_and_opens_none() {
    let scene =
        Scene { answers: answers(Question::SameProblem, Band::Perhaps, Tier::Text), ..Scene::complaint() };
    let decision = scene.decide();
    assert_eq!((decision.verdict, decision.crm.len(), decision.alerts.len()), (Verdict::Perhaps, 0, 1));
}

#[test]
fn a_complaint_about_something_fixed_is_a_recurrence_unless_it_was_said_before() {
    let scene = |fixed_days_ago| Scene {
        answers: answers(Question::SameProblem, Band::Perhaps, Tier::Text),
        problem: Some(fixed_problem(fixed_days_ago)),
        ..Scene::complaint()
    };
    let decision = scene(9).decide();
    assert_eq!((decision.recurrence_days, decision.urgency), (Some(9), Severity::High));
    assert_eq!(decision.alerts[0].kind, AlertKind::Recurrence);
    let mut earlier = scene(9);
    earlier.mention.mention.published_at = Some(now() - Duration::from_secs(20 * 86_400));
    assert_eq!(earlier.decide().recurrence_days, None);
}

#[test]
fn what_needs_no_answer_tells_nobody_and_says_why() {
    let mut cases: Vec<(Reason, Scene)> = [
        (Class::Question, Severity::Normal),
        (Class::Praise, Severity::Low),
        (Class::Unknown, Severity::Low),
    ]
    .map(|(class, severity)| {
        let scene = Scene { assessment: assessment(class, severity), ..Scene::complaint() };
        (Reason::NoComplaint { class }, scene)
    })
    .into();
    let mut changed = |why: Reason, change: fn(&mut Scene)| {
        let mut scene = Scene::complaint();
        change(&mut scene);
        cases.push((why, scene));
    };
    changed(Reason::OwnVoice, |scene| scene.mention.own_voice = true);
    changed(Reason::NotAboutUs, |scene| scene.assessment.relevant = false);
    changed(Reason::FirstPoll, |scene| scene.mention.backfill = true);
    changed(Reason::Removed, |scene| scene.mention.removed_at = Some(now()));
    for (why, scene) in cases {
        let decision = scene.decide();
        assert_eq!(
            (decision.verdict, decision.alerts.len(), decision.crm.len()),
            (Verdict::None, 0, 0),
            "{why:?}"
        );
        assert!(decision.reasons.contains(&why), "{why:?}: {:?}", decision.reasons);
    }
}

#[test]
fn critical_is_told_now_whatever_it_is_and_however_few_hear_it() {
    let mut scene = Scene { assessment: assessment(Class::Other, Severity::Critical), ..Scene::complaint() };
    scene.policy.rules[0].hold = true;
    let decision = scene.decide();
    assert_eq!((decision.urgency, decision.alerts[0].due_at), (Severity::Critical, now()));
}

#[test]
fn a_text_nobody_understands_is_shown_when_many_hear_it() {
    let loud = Scene {
        mention: mention(Some(40_000)),
        assessment: assessment(Class::Unknown, Severity::Normal),
        ..Scene::complaint()
    };
    assert_eq!(loud.decide().alerts[0].kind, AlertKind::NotUnderstood);
}

#[test]
fn a_held_complaint_is_told_when_its_maximum_wait_ends_and_so_is_one_that_no_rule_fits() {
    let floor = now() + Duration::from_secs(240 * 60);
    let mut held = Scene::complaint();
    held.policy.rules[0].hold = true;
    assert_eq!(held.decide().alerts[0].due_at, floor);
    let mut unfit = Scene::complaint();
    unfit.policy.rules[0].audience_at_least = Some(1_000);
    let decision = unfit.decide();
    assert_eq!((decision.alerts.len(), decision.alerts[0].due_at), (1, floor));
}

#[test]
fn an_open_case_takes_the_next_complaint_and_an_edit_alerts_only_when_it_is_worse() {
    let case = |holds_mention| OpenCase {
        id: "c".into(),
        urgency: Severity::Normal,
        ticket_id: None,
        opened_at: now() - Duration::from_secs(86_400),
        holds_mention,
    };
    let more = Scene { open_case: Some(case(false)), ..Scene::complaint() }.decide();
    assert_eq!((more.case, more.alerts[0].kind), (CaseStep::Attach("c".into()), AlertKind::More));
    assert!(more.crm.is_empty(), "no second ticket");
    let edit = Scene { open_case: Some(case(true)), ..Scene::complaint() }.decide();
    assert!(edit.alerts.is_empty());
    let worse = Scene {
        open_case: Some(case(true)),
        assessment: assessment(Class::Complaint, Severity::Critical),
        ..Scene::complaint()
    };
    assert_eq!(worse.decide().alerts[0].kind, AlertKind::Worse);
    let mut old = case(false);
    old.opened_at = now() - Duration::from_secs(40 * 86_400);
    assert_eq!(Scene { open_case: Some(old), ..Scene::complaint() }.decide().case, CaseStep::Open);
}

proptest! {
    #[test]
    fn reach_raises_urgency_and_never_lowers_it(
        few in 0u64..100_000, more in 0u64..100_000, severity in 0usize..4, band in 0usize..3, class in 0usize..5,
    ) {
        let scene = |audience| Scene {
            mention: mention(Some(audience)),
            assessment: assessment(Class::ALL[class], Severity::ALL[severity]),
            answers: answers(Question::SameProblem, [Band::New, Band::Perhaps, Band::Known][band], Tier::Text),
            ..Scene::complaint()
        };
        let (quiet, loud) = (scene(few.min(more)).decide(), scene(few.max(more)).decide());
        prop_assert!(loud.urgency >= quiet.urgency);
        prop_assert!(quiet.urgency >= Severity::ALL[severity]);
        // However few hear a complaint of ours, somebody is told within its maximum wait.
        if Class::ALL[class] == Class::Complaint {
            let latest = now() + policy().maximum_wait.of(Severity::ALL[severity]);
            prop_assert!(quiet.alerts.iter().any(|told| told.due_at <= latest));
        }
        prop_assert!(!quiet.reasons.is_empty());
    }
}
