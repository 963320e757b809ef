//! Every store method on both engines, with the same outcome.

use std::time::Duration;

use gehoord::decide::CrmStep;
use gehoord::failure::{Failure, FailureKind};
use gehoord::mention::{Author, Mention, Rating};
use gehoord::register::{Contact, ContactKey, Problem, RegisterPage, Ticket};
use gehoord::source::silence::Hearing;
use gehoord::store::listening::CursorMove;
use gehoord::store::mentions::{IncomingPage, Stored};
use gehoord::store::outbox::{Intent, NewEffect, Outcome};
use jiff::Timestamp;

use crate::register;
use crate::support::{TestStore, beside, number, start, stores};

fn mention(id: &str, text: &str) -> Mention {
    let author = Author {
        external_id: format!("author of {id}"),
        handle: Some("@jansen".into()),
        display_name: Some("J. Jansen".into()),
        audience: Some(12),
    };
    let mut mention = Mention::new(id, author, text);
    mention.published_at = Some("2026-11-20T09:00:00Z".parse().unwrap());
    mention
}

fn page(mentions: Vec<Mention>) -> IncomingPage {
    IncomingPage {
        mentions: mentions.into_iter().map(|m| (m.cleaned(start()), false)).collect(),
        ..IncomingPage::default()
    }
}

async fn save(test: &TestStore, page: &IncomingPage) -> Stored {
    let mut tx = test.store.begin().await.unwrap();
    let stored = test.store.save_page(&mut tx, "feed", page).await.unwrap();
    tx.commit().await.unwrap();
    stored
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_stored_once_and_an_edit_is_a_new_revision() {
    for test in stores().await {
        let first = save(&test, &page(vec![mention("1", "storing"), mention("2", "weer storing")])).await;
        assert_eq!((first.new, first.repeated), (2, 0), "{}", test.engine);
        let again = save(&test, &page(vec![mention("1", "storing"), mention("2", "weer storing!")])).await;
        assert_eq!((again.new, again.edited, again.repeated), (0, 1, 1), "{}", test.engine);
        let waiting = test.store.waiting_mentions(10).await.unwrap();
        let edited = waiting.iter().find(|m| m.mention.external_id == "2").unwrap();
        assert_eq!((edited.revision, edited.mention.text.as_str()), (2, "weer storing!"), "{}", test.engine);
        let stale = save(&test, &page(vec![mention("2", "weer storing")])).await;
        assert_eq!(stale.repeated, 1, "a stale page resurrects nothing on {}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_stored_alike_on_both_engines() {
    let mut seen = Vec::new();
    for test in stores().await {
        let texts = [
            "a\0b",
            "a\u{202E}b",
            "\u{FEFF}x\u{2028}y",
            "é\u{301}\u{301}",
            "👩‍👩‍👧",
            "=HYPERLINK(1)",
            "'; DROP TABLE mention; --",
        ];
        let mentions: Vec<Mention> = texts
            .iter()
            .enumerate()
            .map(|(place, text)| {
                let mut mention = mention(&format!("{place}\0"), text);
                mention.author.display_name = Some(format!("Eve\r\n{text}"));
                mention.title = Some(text.to_string());
                mention.rating = Rating::new(1.0, 5.0);
                mention
            })
            .collect();
        assert_eq!(save(&test, &page(mentions)).await.new, texts.len(), "{}", test.engine);
        let mut stored: Vec<Mention> = test
            .store
            .waiting_mentions(100)
            .await
            .unwrap()
            .into_iter()
            .map(|stored| stored.mention)
            .collect();
        stored.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        seen.push(stored);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "the engines differ: {seen:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_look_alike_stay_apart_and_a_reused_id_is_flagged() {
    for test in stores().await {
        let ids = ["0", "-1", "00123", "123", "9007199254740993", "9007199254740992", "A", "a", "x/y\"z"];
        let stored = save(&test, &page(ids.iter().map(|id| mention(id, "t")).collect())).await;
        assert_eq!(stored.new, ids.len(), "{}", test.engine);
        let mut reused = mention("A", "something else");
        reused.author.external_id = "somebody else".into();
        assert_eq!(save(&test, &page(vec![reused])).await.edited, 1);
        let found = test.store.find_mention("A").await.unwrap().unwrap();
        assert!(found.mention.flags.contains(&gehoord::mention::Flag::IdReuse), "{}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_beats_every_later_page() {
    for test in stores().await {
        save(&test, &page(vec![mention("1", "geheim verhaal")])).await;
        let removal =
            IncomingPage { removed: vec!["1".into(), "never seen".into()], ..IncomingPage::default() };
        assert_eq!(save(&test, &removal).await.removed, 1, "{}", test.engine);
        let late = save(&test, &page(vec![mention("1", "geheim verhaal"), mention("never seen", "x")])).await;
        assert_eq!((late.buried, late.new), (2, 0), "{}", test.engine);
        let kept = test.store.find_mention("1").await.unwrap().unwrap();
        assert_eq!(
            (kept.mention.text.as_str(), kept.mention.author.display_name),
            ("", None),
            "{}",
            test.engine
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_item_is_kept_once_with_its_reason() {
    for test in stores().await {
        let broken = IncomingPage {
            quarantined: vec![(b"{\"x\":\0}".to_vec(), "no id".into())],
            ..IncomingPage::default()
        };
        save(&test, &broken).await;
        save(&test, &broken).await;
        assert_eq!(test.store.totals().await.unwrap().quarantined, 1, "{}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_moves_only_for_the_holder_who_saw_it_last() {
    for test in stores().await {
        let store = &test.store;
        store.ensure_sources(&["feed".into()]).await.unwrap();
        let lease = store.take_lease("source:feed", Duration::from_secs(60)).await.unwrap().expect("free");
        assert!(
            store.take_lease("source:feed", Duration::from_secs(60)).await.unwrap().is_none(),
            "{}",
            test.engine
        );
        let seen = store.source_state("feed").await.unwrap().unwrap();
        let to = |cursor: &str| CursorMove {
            cursor: cursor.into(),
            next_at: start(),
            items: 3,
            hearing: Hearing { heard_polls: 1, ..Hearing::default() },
            caught_up: true,
        };
        let mut tx = store.begin().await.unwrap();
        assert!(store.move_cursor(&mut tx, &lease, &seen, &to("a")).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(
            !store.move_cursor(&mut tx, &lease, &seen, &to("b")).await.unwrap(),
            "an old epoch on {}",
            test.engine
        );
        drop(tx);
        test.clock.advance(Duration::from_secs(61));
        let other = store.take_lease("source:feed", Duration::from_secs(60)).await.unwrap().expect("run out");
        let seen = store.source_state("feed").await.unwrap().unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(
            !store.move_cursor(&mut tx, &lease, &seen, &to("c")).await.unwrap(),
            "a lost lease on {}",
            test.engine
        );
        assert!(store.move_cursor(&mut tx, &other, &seen, &to("d")).await.unwrap());
        tx.commit().await.unwrap();
        let state = store.source_state("feed").await.unwrap().unwrap();
        assert_eq!(
            (state.cursor.as_str(), state.backfilled, state.last_item_at.is_some()),
            ("d", true, true)
        );
        assert!(store.renew_lease(&other, Duration::from_secs(60)).await.unwrap());
        assert!(!store.renew_lease(&lease, Duration::from_secs(60)).await.unwrap());
        store.release_lease(&other).await.unwrap();
        assert!(store.take_lease("source:feed", Duration::from_secs(1)).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_gaps_and_quotas_are_remembered() {
    for test in stores().await {
        let store = &test.store;
        store.ensure_sources(&["feed".into(), "other".into()]).await.unwrap();
        let failure = Failure::new(FailureKind::BadCredentials, "x answered HTTP 401");
        store.note_poll_failure("feed", &failure, start(), true).await.unwrap();
        store.note_poll_failure("feed", &failure, start(), true).await.unwrap();
        let state = store.source_state("feed").await.unwrap().unwrap();
        assert_eq!(
            (state.failures, state.suspended, state.failing_since),
            (2, true, Some(start())),
            "{}",
            test.engine
        );
        assert!(
            store.make_source_due("feed").await.unwrap() && !store.make_source_due("nobody").await.unwrap()
        );
        store.open_gap("feed", start(), "timed_out").await.unwrap();
        store.open_gap("feed", start(), "timed_out").await.unwrap();
        let missed = |reason| store.note_missed("other", start(), start(), Duration::ZERO, reason);
        assert!(missed("the window moved").await.unwrap(), "{}", test.engine);
        assert!(!missed("the window moved").await.unwrap(), "the same gap grows on {}", test.engine);
        assert_eq!(store.gaps(10).await.unwrap().len(), 2, "{}", test.engine);
        let mut tx = store.begin().await.unwrap();
        store.close_gap(&mut tx, "feed", start()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.gaps(10).await.unwrap().iter().all(|gap| gap.to.is_some()));
        for _ in 0..3 {
            assert!(store.spend_quota("q", start(), 1, 3).await.unwrap(), "{}", test.engine);
        }
        assert!(!store.spend_quota("q", start(), 1, 3).await.unwrap(), "{}", test.engine);
        assert_eq!(store.quota_used("q", start()).await.unwrap(), 3);
    }
}

fn ticket(id: &str, contact: Option<&str>, problem: Option<&str>) -> Ticket {
    Ticket {
        contact: contact.map(Into::into),
        problem: problem.map(Into::into),
        ..register::ticket(id, "2026-10-09T10:00:00Z".parse().unwrap())
    }
}

fn contact(id: &str, name: &str, email: &str) -> Contact {
    Contact {
        email: Some(email.into()),
        customer_number: Some(format!("4410{id:0>4}")),
        handles: vec![format!("mastodon:klant{id}@sociaal.example")],
        ..register::contact(id, name)
    }
}

fn problem(id: &str) -> Problem {
    Problem { number: format!("P-{id}"), ..register::problem(id, start()) }
}

async fn save_register(test: &TestStore, page: &RegisterPage) -> usize {
    let mut tx = test.store.begin().await.unwrap();
    let changed = test.store.save_register_page(&mut tx, "crm", page, start()).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_is_mirrored_and_its_changes_are_numbered() {
    for test in stores().await {
        let store = &test.store;
        store.ensure_registers(&["crm".into()]).await.unwrap();
        let page = RegisterPage {
            contacts: vec![
                contact("1", "J. van der Kwast", "joost@voorbeeld.example"),
                contact("2", "A. Bakker", "a@voorbeeld.example"),
            ],
            tickets: vec![
                ticket("18312", Some("1"), Some("77")),
                ticket("18313", Some("2"), Some("77")),
                ticket("18314", None, None),
            ],
            problems: vec![problem("77")],
            complete: true,
            cursor: "c1".into(),
            ..RegisterPage::default()
        };
        assert_eq!(save_register(&test, &page).await, 6, "{}", test.engine);
        let seq = store.register_seq().await.unwrap();
        assert_eq!(
            save_register(&test, &page).await,
            0,
            "unchanged rows are not written again on {}",
            test.engine
        );
        assert_eq!(store.register_seq().await.unwrap(), seq, "and nobody is made to look");
        assert_eq!(
            store.tickets_changed_after(0, 2).await.unwrap().len(),
            3,
            "all rows of one number come together"
        );
        assert_eq!(store.problems_changed_after(0).await.unwrap().len(), 1);
        assert!(store.tickets_changed_after(seq, 10).await.unwrap().is_empty());
        let found =
            store.contacts_by_keys(&[ContactKey::email("Joost@voorbeeld.example").unwrap()]).await.unwrap();
        assert_eq!(found[0].1.contact.name, "J. van der Kwast", "{}", test.engine);
        assert_eq!(store.tickets_of_contacts(&["crm:1".into()]).await.unwrap()[0].ticket.number, "18312");
        assert_eq!(store.tickets_by_number(&["18313".into()]).await.unwrap().len(), 1);
        let harmed = store.harmed_by("crm:77", Some("crm:1"), None).await.unwrap();
        assert_eq!((harmed.silent, harmed.public), (1, 0), "{}", test.engine);
        let ledger = store.ledger().await.unwrap();
        assert_eq!((ledger.len(), ledger[0].customers, ledger[1].tickets), (2, 2, 1), "{}", test.engine);
        let gone =
            RegisterPage { deleted_tickets: vec!["18314".into()], complete: true, ..RegisterPage::default() };
        assert_eq!(save_register(&test, &gone).await, 1);
        assert!(store.ticket("crm:18314").await.unwrap().is_none());
        assert!(store.tickets_changed_after(seq, 10).await.unwrap()[0].deleted, "{}", test.engine);
        let states = store.register_states().await.unwrap();
        assert_eq!(states[0].last_complete_at, Some(start()));
        let failure = Failure::new(FailureKind::TimedOut, "x did not answer");
        store.note_register_failure("crm", &failure, start(), false).await.unwrap();
        assert_eq!(store.register_states().await.unwrap()[0].failures, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_late_commit_of_the_register_is_skipped() {
    for test in stores().await {
        let store = test.store.clone();
        store.ensure_registers(&["crm".into()]).await.unwrap();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = store.clone();
                beside(async move {
                    for row in 0..10 {
                        let id = format!("{writer}-{row}");
                        let page = RegisterPage {
                            tickets: vec![ticket(&id, None, None)],
                            ..RegisterPage::default()
                        };
                        let mut tx = store.begin().await.unwrap();
                        store.save_register_page(&mut tx, "crm", &page, start()).await.unwrap();
                        tokio::time::sleep(Duration::from_millis((writer * 3 + row) % 7)).await;
                        tx.commit().await.unwrap();
                    }
                })
            })
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        let mut from = 0;
        while seen.len() < 40 {
            let upto = store.register_seq().await.unwrap();
            for ticket in store.tickets_changed_after(from, 7).await.unwrap() {
                from = from.max(ticket.changed_seq);
                assert!(ticket.changed_seq <= upto.max(from));
                seen.insert(ticket.id);
            }
            if writers.iter().all(|writer| writer.is_finished())
                && store.tickets_changed_after(from, 1).await.unwrap().is_empty()
            {
                break;
            }
        }
        assert_eq!(seen.len(), 40, "{}", test.engine);
    }
}

fn effect(key: &str, thread: &str, at: Timestamp) -> NewEffect {
    NewEffect {
        key: key.into(),
        target: "channel:desk".into(),
        thread: thread.into(),
        lane: 2,
        intent: Intent::Crm {
            step: CrmStep::NoteProblem { problem_id: "crm:77".into() },
            mention_id: "m".into(),
            case_id: None,
            decision_id: "d".into(),
        },
        cause: "d".into(),
        due_at: at,
        observed: false,
    }
}

async fn owe(test: &TestStore, effects: &[NewEffect]) -> usize {
    let mut tx = test.store.begin().await.unwrap();
    let written = test.store.insert_effects(&mut tx, effects, start()).await.unwrap();
    tx.commit().await.unwrap();
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_of_a_thread_leave_in_order_and_only_its_head_is_claimed() {
    for test in stores().await {
        assert_eq!(
            owe(&test, &[effect("a", "t", start()), effect("b", "t", start()), effect("c", "u", start())])
                .await,
            3
        );
        assert_eq!(owe(&test, &[effect("a", "t", start())]).await, 0, "owed once on {}", test.engine);
        let lease = Duration::from_secs(60);
        let mut claimed = test.store.claim_due(lease, 10, None).await.unwrap();
        claimed.sort_by(|x, y| x.key.cmp(&y.key));
        let keys: Vec<&str> = claimed.iter().map(|effect| effect.key.as_str()).collect();
        assert_eq!(keys, ["a", "c"], "{}", test.engine);
        assert!(test.store.claim_due(lease, 10, None).await.unwrap().is_empty());
        assert!(test.store.freeze(&claimed[0], "bytes").await.unwrap());
        assert!(test.store.renew_claim(&claimed[0], lease).await.unwrap());
        assert!(test.store.finish(&claimed[0], &Outcome::Delivered("250 ok".into())).await.unwrap());
        let next = test.store.claim_due(lease, 10, None).await.unwrap();
        assert_eq!(next[0].key, "b", "{}", test.engine);
        test.store.release_claim(&next[0]).await.unwrap();
        assert_eq!(
            test.store.claim_due(lease, 10, None).await.unwrap()[0].attempt,
            1,
            "a released claim burns no attempt"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_claim_can_write_nothing_and_the_next_attempt_knows_of_it() {
    for test in stores().await {
        owe(&test, &[effect("a", "t", start())]).await;
        let lost = test.store.claim_due(Duration::from_secs(60), 10, None).await.unwrap().remove(0);
        assert!(!lost.again);
        test.clock.advance(Duration::from_secs(61));
        let second = test.store.claim_due(Duration::from_secs(60), 10, None).await.unwrap().remove(0);
        assert!(second.again, "what was started and never ended is an unknown outcome on {}", test.engine);
        assert!(!test.store.freeze(&lost, "late").await.unwrap());
        assert!(!test.store.renew_claim(&lost, Duration::from_secs(60)).await.unwrap());
        assert!(
            !test.store.finish(&lost, &Outcome::Delivered("late".into())).await.unwrap(),
            "{}",
            test.engine
        );
        assert_eq!(
            number(&test.url, "SELECT COUNT(*) FROM audit WHERE action = 'fenced'").await,
            1,
            "{}",
            test.engine
        );
        let failure = Failure::new(FailureKind::Refused, "no");
        assert!(test.store.finish(&second, &Outcome::Dead(failure)).await.unwrap());
        let counts = test.store.effect_counts().await.unwrap();
        assert_eq!(counts.get("dead"), Some(&1), "{}", test.engine);
        assert!(test.store.retry_effect(&second.id, "a colleague").await.unwrap());
        assert!(!test.store.retry_effect(&second.id, "a colleague").await.unwrap(), "only what is parked");
        let third = test.store.claim_due(Duration::from_secs(60), 10, None).await.unwrap().remove(0);
        assert_eq!((third.attempt, third.again), (3, true));
        let attempts = test.store.attempts(&third.id).await.unwrap();
        let outcomes: Vec<&str> = attempts.iter().map(|(_, outcome, _, _)| outcome.as_str()).collect();
        assert_eq!(outcomes, ["fenced", "failed", "started"], "{}", test.engine);
        let again_at = start() + Duration::from_secs(3600);
        let failure = Failure::new(FailureKind::BadCredentials, "535");
        assert!(test.store.finish(&third, &Outcome::Retry(failure, again_at)).await.unwrap());
        assert_eq!(test.store.next_effect_due().await.unwrap(), Some(again_at));
        assert_eq!(test.store.oldest_open_effect().await.unwrap(), Some(start()));
        assert_eq!(
            test.store.pause_target("channel:desk", again_at + Duration::from_secs(1)).await.unwrap(),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_claimers_keep_every_thread_in_order_and_claim_nothing_twice() {
    for test in stores().await {
        for round in 0..10 {
            // Later ones are due earlier, so that only the thread can keep them in order.
            let due = start() - Duration::from_secs(round);
            let effects: Vec<NewEffect> = (0..4)
                .map(|thread| effect(&format!("{thread}-{round}"), &format!("thread {thread}"), due))
                .collect();
            owe(&test, &effects).await;
        }
        let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let workers: Vec<_> = (0..6)
            .map(|_| {
                let (store, sent) = (test.store.clone(), sent.clone());
                beside(async move {
                    let mut idle = 0;
                    while idle < 20 {
                        let claimed = store.claim_due(Duration::from_secs(60), 2, None).await.unwrap();
                        idle = if claimed.is_empty() { idle + 1 } else { 0 };
                        for effect in claimed {
                            sent.lock().unwrap().push(effect.key.clone());
                            assert!(store.finish(&effect, &Outcome::Delivered("ok".into())).await.unwrap());
                        }
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        let sent = sent.lock().unwrap();
        assert_eq!(sent.len(), 40, "{}", test.engine);
        for thread in 0..4 {
            let order: Vec<&String> =
                sent.iter().filter(|key| key.starts_with(&format!("{thread}-"))).collect();
            let wanted: Vec<String> = (0..10).map(|round| format!("{thread}-{round}")).collect();
            assert_eq!(order, wanted.iter().collect::<Vec<_>>(), "{}", test.engine);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_rulings_about_a_mention_the_latest_counts_and_names_are_looked_up() {
    use gehoord::matching::ruling::{Known, Said};
    for test in stores().await {
        save(&test, &page(vec![mention("1", "nog altijd geen internet"), mention("2", "top!")])).await;
        let store = &test.store;
        let one = store.find_mention("1").await.unwrap().unwrap();
        let two = store.find_mention("2").await.unwrap().unwrap();
        let problem = Known { ticket_id: None, problem_id: Some("crm:P-77".into()) };
        store.rule(&one.id, 1, Said::Confirm, &problem, &[], "Sanne").await.unwrap();
        store.rule(&two.id, 1, Said::NewProblem, &Known::default(), &[], "Sanne").await.unwrap();
        store.rule(&one.id, 1, Said::Reject, &Known::default(), &[], "Piet").await.unwrap();
        let mut said: Vec<(String, Said, String)> = store
            .rulings(10)
            .await
            .unwrap()
            .into_iter()
            .map(|ruling| (ruling.mention_id, ruling.said, ruling.actor))
            .collect();
        said.sort_by(|a, b| a.2.cmp(&b.2));
        let expected = [
            (one.id.clone(), Said::Reject, "Piet".to_owned()),
            (two.id.clone(), Said::NewProblem, "Sanne".to_owned()),
        ];
        assert_eq!(said, expected, "{}", test.engine);
        assert_eq!(store.known_as("P-77").await.unwrap(), [], "{}", test.engine);
    }
}
