//! From a post to an alert and back, on a test clock, on both engines.

use std::time::Duration;

use gehoord::decide::{Reason, Verdict};
use gehoord::register::TicketStatus;
use serde_json::json;

use crate::scenario::{TestApp, days_ago, post, register};
use crate::support::stores;

const COMPLAINT: &str =
    "Wat een waardeloze service van Veldnet, al drie weken geen internet en niemand belt terug!";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_complaint_without_followers_is_told_and_gets_a_ticket() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "piet",
            "Veldnet, jullie verkoper belde me voor de derde keer onder het eten. Schandalig opdringerig!",
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        assert_eq!((alert["audience"].as_i64(), alert["ticket"].as_str()), (Some(0), None), "{alert}");
        let opened: Vec<_> = app
            .desk
            .tickets()
            .into_iter()
            .filter(|ticket| ticket.external_id.as_deref().is_some_and(|id| id.starts_with("open-")))
            .collect();
        assert_eq!(opened.len(), 1, "{}", app.engine);
        assert!(opened[0].description.contains("opdringerig"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_number_in_the_text_raises_that_customers_ticket_and_no_other() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "iemand",
            "Veldnet doet niets aan ticket 18312. Nog steeds geen aansluiting, belachelijk!",
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        assert_eq!(
            (alert["ticket"].as_str(), alert["known_since_days"].as_i64()),
            (Some("18312"), Some(42)),
            "{alert}"
        );
        let notes = app.notes("18312");
        assert_eq!(notes.len(), 1, "{}", app.engine);
        assert!(notes[0].contains("42") && notes[0].contains("geen aansluiting"), "{}", notes[0]);
        let ticket = app.desk.ticket(app.desk.ticket_id("18312").unwrap()).unwrap();
        assert_eq!(ticket.priority.as_deref(), Some("high"));
        assert!(
            app.notes("18313").is_empty() && app.notes("18314").is_empty(),
            "nobody else's ticket is touched"
        );
        assert_eq!(app.notes("P-77").len(), 1, "the problem is noted");
        app.next_poll().await;
        assert!(app.new_alerts().is_empty() && app.notes("18312").len() == 1, "and all of it once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_the_customer_gave_us_finds_the_open_ticket_and_the_silent_others() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "joost",
            "Veldnet, de glasvezelaansluiting is na mijn verhuizing nog steeds niet overgezet. Schandalig.",
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        assert_eq!(alert["ticket"], "18312", "{alert}");
        assert_eq!(alert["others_silent"], 2, "{alert}");
        assert_eq!(app.notes("18312").len(), 1, "a certain person is enough to act on {}", app.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resemblance_of_text_alone_asks_a_person_and_touches_nothing() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "vreemde",
            "Na de verhuizing is onze glasvezelaansluiting niet overgezet door Veldnet. Slecht geregeld!",
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        let verdicts = app.app.store.decisions(&mention_id(&app, "1").await).await.unwrap();
        assert_eq!(verdicts[0].verdict, Verdict::Perhaps, "{alert} {:?}", verdicts[0].reasons);
        for ticket in ["18312", "18313", "18314", "P-77"] {
            assert!(app.notes(ticket).is_empty(), "{ticket} on {}", app.engine);
        }
    }
}

async fn mention_id(app: &TestApp, external_id: &str) -> String {
    app.app.store.find_mention(external_id).await.unwrap().expect("it is stored").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_about_something_fixed_is_told_as_a_recurrence() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "kijker",
            "Alweer: elke avond bevriest het televisiebeeld op de decoder van Veldnet, waardeloos",
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        assert_eq!(alert["kind"], "recurrence", "{alert}");
        assert_eq!(alert["urgency"], "high");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_poll_alerts_nobody_and_observing_sends_nothing() {
    for test in stores().await {
        let mut app = TestApp::start_with(test, "mode = \"observe\"", register()).await;
        app.says(post("1", "iemand", "Veldnet doet niets aan ticket 18312, belachelijk!"));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty() && app.notes("18312").is_empty(), "{}", app.engine);
        assert_eq!(
            app.number("SELECT COUNT(*) FROM alert WHERE state = 'observed'").await,
            1,
            "what would have been done can be read"
        );
        assert_eq!(app.number("SELECT COUNT(*) FROM effect WHERE state = 'observed'").await, 2);
    }
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.number("UPDATE source_state SET backfilled = 0 RETURNING 1").await;
        app.says(post("old", "iemand", COMPLAINT));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty(), "history alerts nobody on {}", app.engine);
        app.says(post("new", "iemand anders", COMPLAINT));
        app.next_poll().await;
        assert_eq!(app.new_alerts().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_told_again_only_when_it_is_worse() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post("1", "piet", COMPLAINT));
        app.next_poll().await;
        app.the_alert();
        app.says(post("1", "piet", &format!("{COMPLAINT} (typefout)")));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty(), "{}", app.engine);
        app.says(post(
            "1",
            "piet",
            &format!("{COMPLAINT} En 112 is niet te bereiken vanaf dit toestel, levensgevaarlijk"),
        ));
        app.next_poll().await;
        let alert = app.the_alert();
        assert_eq!(
            (alert["kind"].as_str(), alert["urgency"].as_str()),
            (Some("worse"), Some("critical")),
            "{alert}"
        );
        assert_eq!(app.number("SELECT COUNT(*) FROM mention_revision").await, 3);
        assert_eq!(app.number("SELECT COUNT(*) FROM complaint_case").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_complaint_of_the_same_author_joins_the_open_case() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post("1", "piet", COMPLAINT));
        app.next_poll().await;
        app.says(post(
            "2",
            "piet",
            "En nog steeds niets gehoord van Veldnet. Wat een klantenservice, schandalig.",
        ));
        app.next_poll().await;
        let kinds: Vec<String> =
            app.new_alerts().iter().map(|alert| alert["kind"].as_str().unwrap_or("").to_owned()).collect();
        assert_eq!(kinds, ["complaint", "more"], "{}", app.engine);
        assert_eq!(app.number("SELECT COUNT(*) FROM complaint_case").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_voice_and_what_is_not_about_us_alert_nobody() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post(
            "1",
            "veldnet",
            "Vervelend dat het internet van Veldnet het niet doet! We bellen je morgen voor 12 uur.",
        ));
        app.says(post("2", "piet", "Alweer een storing op het spoor, waardeloos"));
        app.says(post("3", "piet", "Heel blij met Veldnet, topservice, bedankt!"));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty(), "{}", app.engine);
        assert_eq!(app.number("SELECT COUNT(*) FROM mention WHERE own_voice = 1").await, 1);
        assert_eq!(app.number("SELECT COUNT(*) FROM decision").await, 3, "each is decided, and says why");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_arrives_after_the_post_makes_it_known_after_all() {
    for test in stores().await {
        let mut data = register();
        data.tickets.retain(|ticket| ticket.number != "18312");
        let mut app = TestApp::start_with(test, "mode = \"act\"", data).await;
        app.says(post("1", "iemand", "Veldnet, ticket 18999 en nog steeds geen verbinding. Belachelijk!"));
        app.next_poll().await;
        assert_eq!(app.the_alert()["ticket"], json!(null));
        let late = gehoord::register::RegisterPage {
            tickets: vec![gehoord::register::Ticket {
                external_id: "18999".into(),
                number: "18999".into(),
                ..register().tickets.remove(0)
            }],
            ..Default::default()
        };
        let mut tx = app.app.store.begin().await.unwrap();
        app.app.store.save_register_page(&mut tx, "elsewhere", &late, days_ago(0)).await.unwrap();
        tx.commit().await.unwrap();
        app.work().await;
        let alert = app.the_alert();
        assert_eq!(
            (alert["kind"].as_str(), alert["ticket"].as_str()),
            (Some("known_after_all"), Some("18999")),
            "{alert}"
        );
        // The ticket lies in a register that nothing can be written to: nothing is owed there, and a person is told to.
        let owed = "SELECT COUNT(*) FROM effect WHERE target LIKE 'crm:%' AND key NOT LIKE 'open-%'";
        assert_eq!(app.number(owed).await, 0, "{}", app.engine);
        let mention = app.app.store.find_mention("1").await.unwrap().expect("it was stored");
        let decisions = app.app.store.decisions(&mention.id).await.unwrap();
        let by_hand = [
            Reason::TicketByHand { register: "elsewhere".into() },
            Reason::ProblemByHand { register: "elsewhere".into() },
        ];
        for reason in by_hand {
            assert!(decisions[0].reasons.contains(&reason), "{:?}", decisions[0].reasons);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_complaint_with_no_followers_is_told_when_its_maximum_wait_ends() {
    for test in stores().await {
        let mut app = TestApp::start_with(test, "mode = \"act\"", register()).await;
        let mut held = (*app.app.config).clone();
        held.policy.rules[0].hold = true;
        let client = gehoord::source::client::Client::new().unwrap();
        app.app = gehoord::app::App::with_parts(held, app.app.store.clone(), client).await.unwrap();
        app.says(post("1", "piet", "De monteur van Veldnet kwam niet opdagen, jammer"));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty());
        app.pass(Duration::from_secs(9 * 3600));
        app.work().await;
        assert_eq!(
            app.new_alerts().len(),
            1,
            "within the longest wait of any severity but critical on {}",
            app.engine
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_removed_at_its_source_loses_its_words_everywhere_and_stays_gone() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.says(post("1", "piet", &format!("{COMPLAINT} kanariewoord")));
        app.next_poll().await;
        app.the_alert();
        let mut gone = post("1", "piet", "");
        gone["gone"] = json!(true);
        app.says(gone);
        app.next_poll().await;
        app.says(post("1", "piet", &format!("{COMPLAINT} kanariewoord")));
        app.next_poll().await;
        assert!(app.new_alerts().is_empty());
        let words = "SELECT COUNT(*) FROM mention_revision WHERE text LIKE '%kanariewoord%'";
        assert_eq!(app.number(words).await, 0, "{}", app.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_that_gains_a_solved_ticket_counts_only_those_who_still_wait() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.desk.set_status(app.desk.ticket_id("18313").unwrap(), TicketStatus::Solved);
        app.next_poll().await;
        app.says(post(
            "1",
            "joost",
            "Veldnet, de glasvezelaansluiting is na mijn verhuizing nog steeds niet overgezet. Schandalig.",
        ));
        app.next_poll().await;
        assert_eq!(app.the_alert()["others_silent"], 1, "{}", app.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_two_replicas_share_the_work_and_double_nothing() {
    let Some(address) = crate::support::peer("GEHOORD_TEST_POSTGRES") else { return };
    let mut app = TestApp::start(crate::support::postgres(&address).await).await;
    let config = (*app.app.config).clone();
    let second =
        gehoord::store::Store::open(&config.database.url, app.app.store.clock().clone()).await.unwrap();
    let client = gehoord::source::client::Client::new().unwrap();
    let replica = gehoord::app::App::with_parts(config, second, client).await.unwrap();
    for n in 0..40 {
        let about = if n % 4 == 0 { "ticket 18312" } else { "mijn aansluiting" };
        app.says(post(
            &format!("{n}"),
            &format!("klant{n}"),
            &format!("Veldnet doet niets aan {about}, belachelijk dit!"),
        ));
    }
    app.pass(Duration::from_secs(61));
    for _ in 0..5 {
        let (one, two) = tokio::join!(app.app.step_until_idle(), replica.step_until_idle());
        // A batch that the other took first is no error.
        one.unwrap();
        two.unwrap();
    }
    let alerts = app.new_alerts();
    let distinct: std::collections::BTreeSet<String> =
        alerts.iter().map(|alert| alert["key"].to_string()).collect();
    assert_eq!((alerts.len(), distinct.len()), (40, 40));
    assert_eq!(app.notes("18312").len(), 10);
}
