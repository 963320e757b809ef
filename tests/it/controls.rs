//! Negative controls: a test that stays green with its defect switched on proves nothing.
//!
//! Method: run the test again in a process of its own with one deliberate defect, and demand that it fails.

use std::process::{Command, Stdio};

/// Which defect must turn which test red.
const CONTROLS: [(&str, &str); 7] = [
    ("order", "store::many_claimers_keep_every_thread_in_order_and_claim_nothing_twice"),
    ("fence", "store::a_lost_claim_can_write_nothing_and_the_next_attempt_knows_of_it"),
    ("silent", "faults::any_one_write_to_the_ticket_system_may_fail"),
    ("dedup-key", "faults::any_one_write_to_the_ticket_system_may_fail"),
    ("ack-first", "faults::any_one_write_to_the_ticket_system_may_fail"),
    ("no-boundary", "trouble::f9_a_mention_that_panics_is_parked_and_the_others_go_on"),
    ("cursor-tx", "trouble::an_answer_that_cannot_be_stored_is_asked_for_again"),
];

#[test]
fn every_defect_turns_its_test_red() {
    if !cfg!(feature = "deliberately-broken") {
        assert!(
            std::env::var_os("GEHOORD_TEST_REQUIRE").is_none(),
            "run the tests with --features deliberately-broken"
        );
        eprintln!("SKIPPED: needs --features deliberately-broken, which scripts/test sets");
        return;
    }
    for (defect, test) in CONTROLS {
        let status = Command::new(std::env::current_exe().expect("this program"))
            .args([test, "--exact"])
            .env("GEHOORD_BROKEN", defect)
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the test program starts");
        assert!(!status.success(), "{test} stays green with the defect {defect}");
    }
}
