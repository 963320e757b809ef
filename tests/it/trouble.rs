//! Our own trouble: it stays with what it is about, is shown, is told over a path that works, and ends when it is mended.

use std::time::Duration;

use gehoord::alert::{ChannelConfig, ReceiverConfig, log};
use gehoord::config::Language;
use gehoord::failure::FailureKind;
use gehoord::watch::Findings;
use serde_json::json;

use crate::scenario::{TestApp, post};
use crate::support::{refuse, refuse_no_more, stores};

const COMPLAINT: &str = "Wat een waardeloze service van Veldnet, al drie weken geen internet!";

/// Ends a test that needs words that make a pure step panic, in a build that has none.
fn nothing_is_poisonous() -> bool {
    let missing = !cfg!(feature = "deliberately-broken");
    if missing {
        assert!(
            std::env::var_os("GEHOORD_TEST_REQUIRE").is_none(),
            "run the tests with --features deliberately-broken"
        );
        eprintln!("SKIPPED: needs --features deliberately-broken, which scripts/test sets");
    }
    missing
}

/// How many complaints arrived as alerts since the last look. Tickets that are opened for them may make more of them known.
fn complaints(app: &mut TestApp) -> usize {
    app.new_alerts().iter().filter(|alert| alert["kind"] == "complaint").count()
}

async fn findings(app: &TestApp) -> Findings {
    Findings::look(&app.app.store, &app.app.poller.names()).await.unwrap()
}

async fn mention_id(app: &TestApp, external_id: &str) -> String {
    app.app.store.find_mention(external_id).await.unwrap().expect("it is stored").id
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_mention_that_panics_is_parked_and_the_others_go_on() {
    if nothing_is_poisonous() {
        return;
    }
    for step in ["assess", "judge"] {
        for test in stores().await {
            let mut app = TestApp::start(test).await;
            for n in 0..7 {
                app.says(post(&format!("{n}"), &format!("klant{n}"), COMPLAINT));
            }
            app.says(post("gif", "iemand", &format!("{COMPLAINT} gifpil-{step}")));
            app.next_poll().await;
            assert_eq!(complaints(&mut app), 7, "the others are told, {step} on {}", app.engine);
            let poison = mention_id(&app, "gif").await;
            let parked = app.app.store.parked_mentions(10).await.unwrap();
            assert_eq!(
                parked.iter().map(|one| (one.id.as_str(), one.source.as_str())).collect::<Vec<_>>(),
                [(poison.as_str(), "feed")]
            );
            assert!(app.app.store.is_parked(&poison).await.unwrap());
            let found = findings(&app).await;
            assert_eq!(found.parked, 1);
            assert!(found.lines()[0].1.contains("gehoord release"), "it is said what to do: {found:?}");
            assert!(app.app.metrics.render().contains("gehoord_mentions_troubled_total 3"), "three tries");
            // Released, it is tried again, three times at most; the next complaint passes it meanwhile.
            assert!(app.app.store.release_mention(&poison, "a colleague").await.unwrap());
            assert!(
                !app.app.store.release_mention(&poison, "a colleague").await.unwrap(),
                "only what is parked"
            );
            app.says(post("8", "klant8", COMPLAINT));
            app.next_poll().await;
            assert_eq!(complaints(&mut app), 1, "{}", app.engine);
            assert!(app.app.store.is_parked(&poison).await.unwrap(), "{}", app.engine);
            // Without what nobody can swallow it is judged like any other.
            app.says(post("gif", "iemand", COMPLAINT));
            app.next_poll().await;
            assert_eq!(complaints(&mut app), 1, "an edit releases it by itself on {}", app.engine);
            assert_eq!(findings(&app).await, Findings::default());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_matched_again_keeps_its_decision_and_holds_up_no_follow_up() {
    if nothing_is_poisonous() {
        return;
    }
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post("1", "iemand", "Veldnet, ticket 18999 en nog steeds geen verbinding. Belachelijk!"));
        app.next_poll().await;
        app.the_alert();
        app.number("UPDATE mention_revision SET text = text || ' gifpil-judge' RETURNING 1").await;
        app.says(post("2", "ander", "Veldnet, ticket 18999 en ik wacht ook al weken. Belachelijk!"));
        app.next_poll().await;
        app.the_alert();
        let late = gehoord::register::RegisterPage {
            tickets: vec![gehoord::register::Ticket {
                external_id: "18999".into(),
                number: "18999".into(),
                ..crate::scenario::register().tickets.remove(0)
            }],
            ..Default::default()
        };
        let mut tx = app.app.store.begin().await.unwrap();
        app.app.store.save_register_page(&mut tx, "elsewhere", &late, crate::support::start()).await.unwrap();
        tx.commit().await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), app.work())
            .await
            .expect("the follow-up comes to an end");
        assert_eq!(app.the_alert()["kind"], "known_after_all", "the other one is, on {}", app.engine);
        assert_eq!(app.number("SELECT COUNT(*) FROM decision").await, 2);
        app.may_owe();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_that_cannot_be_written_is_parked_and_a_store_that_takes_nothing_parks_nobody() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        refuse(app.database(), "INSERT ON decision", None).await;
        for n in 0..3 {
            app.says(post(&format!("{n}"), &format!("klant{n}"), COMPLAINT));
        }
        app.pass(Duration::from_secs(61));
        for _ in 0..5 {
            app.app.step().await.expect_err("the store is in trouble");
        }
        assert_eq!(
            app.number("SELECT COUNT(*) FROM mention WHERE trouble > 0").await,
            0,
            "not their fault on {}",
            app.engine
        );
        refuse_no_more(app.database(), "decision").await;
        app.work().await;
        assert_eq!(complaints(&mut app), 3, "{}", app.engine);

        refuse(
            app.database(),
            "INSERT ON assessment",
            Some("NEW.brand = 'Veldnet' AND NEW.severity = 'critical'"),
        )
        .await;
        app.says(post("4", "klant4", COMPLAINT));
        app.says(post("5", "klant5", &format!("{COMPLAINT} En 112 is niet te bereiken, levensgevaarlijk")));
        app.next_poll().await;
        assert_eq!(complaints(&mut app), 1, "{}", app.engine);
        assert_eq!(findings(&app).await.parked, 1, "{}", app.engine);
        refuse_no_more(app.database(), "assessment").await;
        assert!(app.app.store.release_mention(&mention_id(&app, "5").await, "a colleague").await.unwrap());
        app.work().await;
        assert_eq!(complaints(&mut app), 1, "released and told on {}", app.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_stored_is_asked_for_again() {
    // Every write of a page in turn.
    for (write, table) in [
        ("INSERT ON author", "author"),
        ("INSERT ON mention", "mention"),
        ("INSERT ON mention_revision", "mention_revision"),
        ("UPDATE OF cursor ON source_state", "source_state"),
    ] {
        for test in stores().await {
            let mut app = TestApp::start(test).await;
            let before = app.app.store.source_state("feed").await.unwrap().unwrap();
            refuse(app.database(), write, None).await;
            app.says(post("1", "piet", COMPLAINT));
            app.next_poll().await;
            let state = app.app.store.source_state("feed").await.unwrap().unwrap();
            assert_eq!(
                (state.failures, state.failure_kind.as_deref(), &state.cursor),
                (1, Some("not_stored"), &before.cursor),
                "{write} on {}",
                app.engine
            );
            let asked = app.feed.lock().unwrap().asked;
            app.work().await;
            assert_eq!(app.feed.lock().unwrap().asked, asked, "it waits its turn on {}", app.engine);
            for _ in 0..20 {
                app.next_poll().await;
            }
            let state = app.app.store.source_state("feed").await.unwrap().unwrap();
            assert!(
                state.failures > 10,
                "{} failures: it is tried every minute on {}",
                state.failures,
                app.engine
            );
            let gap = &app.app.store.gaps(10).await.unwrap()[0];
            assert_eq!(
                (gap.to, gap.reason.as_str()),
                (None, FailureKind::NotStored.name()),
                "a hole in the listening on {}",
                app.engine
            );
            refuse_no_more(app.database(), table).await;
            app.next_poll().await;
            app.the_alert();
            assert_eq!(app.app.store.source_state("feed").await.unwrap().unwrap().failures, 0);
        }
    }
}

/// A receiver that nothing arrives at: its file lies in a folder that is not there.
fn unreachable(name: &str) -> ReceiverConfig {
    ReceiverConfig {
        name: name.into(),
        language: Language::Dutch,
        may_resolve: true,
        link_only: false,
        channel: ChannelConfig::Log(log::Config { path: Some("/nowhere/alerts.jsonl".into()) }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_dies_on_one_channel_is_told_over_another_once_and_together() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.reconfigure(|config| {
            config.receivers.push(unreachable("ploeg"));
            config.policy.rules[0].notify.push("ploeg".into());
            config.policy.open_tickets = gehoord::decide::OpenTickets::Never;
        })
        .await;
        for n in 0..3 {
            app.says(post(&format!("{n}"), &format!("klant{n}"), COMPLAINT));
        }
        app.next_poll().await;
        // Ten attempts over three days.
        for _ in 0..90 {
            app.pass(Duration::from_secs(3600));
            app.work().await;
        }
        assert_eq!(app.new_alerts().len(), 3, "the other receiver has them on {}", app.engine);
        assert_eq!(app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await, 3);
        let notices = app.notices();
        let told: i64 = notices.iter().map(|one| one["notice"]["count"].as_i64().unwrap()).sum();
        assert_eq!(told, 3, "each is told once on {}: {notices:#?}", app.engine);
        assert_eq!(notices[0]["notice"]["target"], "channel:ploeg");
        assert!(notices[0]["subject"].as_str().unwrap().contains("aan ploeg opgegeven"), "{notices:#?}");
        let to_the_dead = "SELECT COUNT(*) FROM effect WHERE thread LIKE 'ploeg|given-up%'";
        assert_eq!(app.number(to_the_dead).await, 0, "not over the channel that failed, on {}", app.engine);
        assert_eq!(findings(&app).await.given_up, 3);
        app.may_owe();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_ticket_system_that_refuses_everything_is_told_in_groups() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        let complain = async |numbers: std::ops::Range<usize>| {
            for n in numbers {
                app.desk.fail_next(
                    gehoord::demo::fake_zendesk::Requests::Writes,
                    2,
                    gehoord::demo::fake_zendesk::Fault::Refused(422),
                );
                app.says(post(
                    &format!("{n}"),
                    &format!("klant{n}"),
                    "Veldnet doet niets aan ticket 18312. Nog steeds geen aansluiting, belachelijk!",
                ));
                app.next_poll().await;
            }
            app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await
        };
        let first = complain(0..1).await;
        let all = complain(1..5).await;
        assert!(first >= 1 && all >= first + 4, "{first} then {all} on {}", app.engine);
        assert_eq!(app.notices().len(), 1, "the first at once, the others wait, on {}", app.engine);
        app.pass(Duration::from_secs(15 * 60));
        app.work().await;
        let counts: Vec<i64> =
            app.notices().iter().map(|one| one["notice"]["count"].as_i64().unwrap()).collect();
        assert_eq!(counts, [first, all - first], "{}", app.engine);
        app.pass(Duration::from_secs(3600));
        app.work().await;
        assert_eq!(app.notices().len(), 2, "and nothing more on {}", app.engine);
        // What a person tries again and dies again is told again.
        let dead = app.app.store.effect_lines(1).await.unwrap().remove(0);
        app.desk.fail_next(
            gehoord::demo::fake_zendesk::Requests::Writes,
            2,
            gehoord::demo::fake_zendesk::Fault::Refused(422),
        );
        assert!(app.app.store.retry_effect(&dead.id, "a colleague").await.unwrap());
        app.work().await;
        assert_eq!(app.notices().len(), 3, "{}", app.engine);
        app.may_owe();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_without_another_channel_the_metrics_and_the_findings_say_so() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.reconfigure(|config| {
            config.receivers = vec![unreachable("webcare")];
        })
        .await;
        app.says(post("1", "piet", COMPLAINT));
        app.next_poll().await;
        for _ in 0..90 {
            app.pass(Duration::from_secs(3600));
            app.work().await;
        }
        assert!(app.notices().is_empty());
        let metrics = app.app.metrics.render();
        assert!(metrics.contains("gehoord_effects_unannounced_total 1"), "{metrics}");
        assert_eq!(findings(&app).await.lines().len(), 1, "{}", app.engine);
        assert_eq!(
            app.number("SELECT COUNT(*) FROM effect WHERE thread LIKE '%given-up%'").await,
            0,
            "nothing is sent where nothing arrives, on {}",
            app.engine
        );
        app.may_owe();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_source_with_empty_lists_for_longer_than_its_usual_is_told_once_and_cleared_when_items_come() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.reconfigure(|config| config.sources[0].common.interval_secs = 3600).await;
        let hours = async |hours: usize, says: Option<usize>| {
            for hour in 0..hours {
                if says.is_some_and(|every| hour % every == 0) {
                    let id = format!("{}", app.number("SELECT COUNT(*) FROM mention").await);
                    app.says(post(&id, &format!("klant{id}"), "Heel blij met Veldnet, topservice, bedankt!"));
                }
                app.pass(Duration::from_secs(3601));
                app.work().await;
            }
            (findings(&app).await.silent, app.notices().len(), app.app.store.gaps(10).await.unwrap())
        };
        let (silent, notices, gaps) = hours(16, Some(2)).await;
        assert_eq!((silent.len(), notices, gaps.len()), (0, 0, 0), "a post every other hour is usual");
        let (silent, notices, _) = hours(20, None).await;
        assert_eq!((silent.len(), notices), (0, 0), "a night is no alarm");
        let (silent, notices, gaps) = hours(30, None).await;
        assert_eq!((silent.len(), notices, gaps.len()), (1, 1, 1), "one alarm");
        assert_eq!(
            (silent[0].0.as_str(), gaps[0].to, gaps[0].reason.as_str()),
            ("feed", None, "empty_answers")
        );
        assert_eq!(silent[0].1, gaps[0].from, "not heard since its last item");
        let (silent, notices, gaps) = hours(1, Some(1)).await;
        assert_eq!((silent.len(), notices), (0, 1), "cleared");
        assert!(gaps.len() == 1 && gaps[0].to.is_some(), "{gaps:?}");
        let notice = app.notices().remove(0);
        assert_eq!(notice["notice"]["source"], json!("feed"), "{notice}");
        app.new_alerts();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_observes_is_told_of_nothing() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.desk.fail_next(
            gehoord::demo::fake_zendesk::Requests::Writes,
            2,
            gehoord::demo::fake_zendesk::Fault::Refused(422),
        );
        app.says(post("1", "iemand", "Veldnet doet niets aan ticket 18312, belachelijk!"));
        app.pass(Duration::from_secs(61));
        app.app.poller.poll_if_due("feed").await.unwrap();
        app.app.pipeline.process_all().await.unwrap();
        app.reconfigure(|config| config.mode = gehoord::decide::Mode::Observe).await;
        app.work().await;
        assert!(app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await > 0, "{}", app.engine);
        assert!(app.notices().is_empty(), "{}", app.engine);
        let written_down =
            "SELECT COUNT(*) FROM effect WHERE state = 'observed' AND thread LIKE 'webcare|given-up%'";
        assert_eq!(app.number(written_down).await, 1, "it can be read what would have been told");
        app.may_owe();
    }
}
