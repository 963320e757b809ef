//! Fail the first, second, third … operation, go on, and demand the same tickets and alerts.

use std::time::Duration;

use gehoord::demo::fake_zendesk::{Fault, Requests};

use crate::scenario::{TestApp, post};
use crate::support::{sqlite, stores};

/// More operations than one scenario has.
const OPERATIONS_MAX: usize = 8;

/// Two complaints, one of a known case; what must be there afterwards, whatever failed on the way.
async fn complaints_are_told_once(mut app: TestApp, what: &str) {
    app.says(post(
        "1",
        "iemand",
        "Veldnet doet niets aan ticket 18312. Nog steeds geen aansluiting, belachelijk!",
    ));
    app.says(post(
        "2",
        "ander",
        "Schandalig opdringerige verkoper van Veldnet aan de deur, voor de derde keer!",
    ));
    for _ in 0..6 {
        app.next_poll().await;
        app.pass(Duration::from_secs(3600));
    }
    app.work().await;
    let alerts = app.new_alerts();
    assert_eq!(alerts.len(), 2, "{what} on {}: {alerts:#?}", app.engine);
    assert_eq!(app.notes("18312").len(), 1, "{what} on {}", app.engine);
    assert_eq!(app.notes("P-77").len(), 1, "{what} on {}", app.engine);
    let opened = app
        .desk
        .tickets()
        .into_iter()
        .filter(|ticket| ticket.external_id.as_deref().is_some_and(|id| id.starts_with("open-")));
    assert_eq!(opened.count(), 1, "{what} on {}", app.engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_one_write_to_the_ticket_system_may_fail() {
    for fault in [Fault::Refused(503), Fault::FailAfterCommit, Fault::BreakAfterCommit, Fault::ColleagueFirst]
    {
        for n in 0..OPERATIONS_MAX {
            let app = TestApp::start(sqlite().await).await;
            app.desk.fail_next(Requests::Writes, n, Fault::Nothing);
            app.desk.fail_next(Requests::Writes, 1, fault);
            complaints_are_told_once(app, &format!("write {n} with {fault:?}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_one_read_of_the_ticket_system_may_fail() {
    for fault in [Fault::Refused(500), Fault::BreakAfterCommit] {
        for n in 0..OPERATIONS_MAX {
            let app = TestApp::start(sqlite().await).await;
            app.desk.fail_next(Requests::Reads, n, Fault::Nothing);
            app.desk.fail_next(Requests::Reads, 1, fault);
            complaints_are_told_once(app, &format!("read {n} with {fault:?}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_f59_a_source_or_ticket_system_out_of_order_holds_up_nobody_and_comes_back_by_itself() {
    for test in stores().await {
        let app = TestApp::start(test).await;
        app.feed.lock().unwrap().broken = vec![500, 401, 503];
        app.desk.fail_next(Requests::Writes, 6, Fault::Refused(503));
        complaints_are_told_once(app, "an outage").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_pause_the_ticket_system_with_one_alarm_and_burn_no_item() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.desk.fail_next(Requests::Writes, 2, Fault::Refused(401));
        app.says(post(
            "1",
            "iemand",
            "Veldnet doet niets aan ticket 18312. Nog steeds geen aansluiting, belachelijk!",
        ));
        app.next_poll().await;
        assert_eq!(app.new_alerts().len(), 1, "people are told all the same on {}", app.engine);
        assert!(app.notes("18312").is_empty());
        assert_eq!(app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await, 0);
        for _ in 0..4 {
            app.pass(Duration::from_secs(20 * 60));
            app.work().await;
        }
        assert_eq!(app.notes("18312").len(), 1, "{}", app.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_item_is_parked_where_a_person_sees_it_and_blocks_nobody() {
    for test in stores().await {
        let mut app = TestApp::start(test).await;
        app.desk.fail_next(Requests::Writes, 2, Fault::Refused(422));
        app.says(post(
            "1",
            "iemand",
            "Veldnet doet niets aan ticket 18312. Nog steeds geen aansluiting, belachelijk!",
        ));
        app.next_poll().await;
        let dead = app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await;
        assert!(dead >= 1, "{}", app.engine);
        let lines = app.app.store.effect_lines(100).await.unwrap();
        assert_eq!(lines[0].state, "dead", "trouble stands first");
        assert!(app.app.store.retry_effect(&lines[0].id, "a colleague").await.unwrap());
        app.work().await;
        assert_eq!(app.number("SELECT COUNT(*) FROM effect WHERE state = 'dead'").await, dead - 1);
        app.may_owe();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_heard_for_long_leaves_a_gap_and_one_that_is_deaf_again_another() {
    for test in stores().await {
        let app = TestApp::start(test).await;
        app.feed.lock().unwrap().broken = vec![503; 6];
        for _ in 0..8 {
            app.pass(Duration::from_secs(3700));
            app.work().await;
        }
        let gaps = app.app.store.gaps(10).await.unwrap();
        assert_eq!(gaps.len(), 1, "{}", app.engine);
        assert!(gaps[0].to.is_some() && gaps[0].reason == "unavailable", "{gaps:?}");
    }
}
