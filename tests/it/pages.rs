//! What the pages read is the same on both engines.

use std::time::Duration;

use gehoord::app::App;
use gehoord::config::Config;
use gehoord::mention::{Author, Mention};
use gehoord::source::client::Client;
use gehoord::store::mentions::IncomingPage;
use gehoord::store::views::InboxFilter;
use jiff::Timestamp;

use crate::support::{TestStore, start, stores};

const CONFIG: &str = "mode = 'act'\n[[brand]]\nname = 'Veldnet'\nterms = ['veldnet']\n\
    [[source]]\nname = 'forum'\nkind = 'replay'\npath = 'nowhere.jsonl'\nlawful_basis = 'x'\npurpose = 'x'\n\
    [[receiver]]\nname = 'webcare'\nkind = 'log'\nmay_resolve = true\n[[rule]]\nname = 'all'\nnotify = ['webcare']\n";

/// One complaint on its way to the desk, through the real pipeline.
async fn complain(test: &TestStore) -> App {
    let config = Config::parse(CONFIG, std::iter::empty()).unwrap();
    let app = App::with_parts(config, test.store.clone(), Client::new().unwrap()).await.unwrap();
    let author =
        Author { external_id: "a".into(), display_name: Some("A. Smit".into()), ..Author::default() };
    let text = "Al drie weken geen internet bij Veldnet en niemand belt terug. Schandalig, een grote klacht.";
    let mention = Mention::new("m-1", author, text).cleaned(start());
    let page = IncomingPage { mentions: vec![(mention, false)], ..IncomingPage::default() };
    let mut tx = test.store.begin().await.unwrap();
    test.store.save_page(&mut tx, "forum", &page).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(test.store.oldest_waiting().await.unwrap(), Some(start()), "{}", test.engine);
    assert_eq!(app.pipeline.process_all().await.unwrap(), 1, "{}", test.engine);
    app.outbox.dispatch().await.unwrap();
    app.outbox.deliver_due(None).await.unwrap();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_read_alike_for_its_pages() {
    for test in stores().await {
        let (store, engine) = (&test.store, test.engine);
        complain(&test).await;
        assert_eq!(store.oldest_waiting().await.unwrap(), None, "{engine}");
        let lines = store.inbox_page(&InboxFilter::default(), 10, 0).await.unwrap();
        assert_eq!(lines.len(), 1, "{engine}");
        let line = &lines[0];
        assert_eq!((line.known_since, line.author.as_deref()), (None, Some("A. Smit")), "{engine}");
        let fits = InboxFilter { urgency: Some(line.urgency), ended_too: true, ..InboxFilter::default() };
        assert_eq!(store.inbox_page(&fits, 10, 0).await.unwrap(), lines, "{engine}");
        assert!(store.inbox_page(&fits, 10, 1).await.unwrap().is_empty(), "{engine}");
        let counts = store.open_cases_by_verdict().await.unwrap();
        assert_eq!(counts.get(&line.verdict), Some(&1), "{engine}: {counts:?}");
        let mentions = store.newest_mentions_of_case(&line.id, 10).await.unwrap();
        assert_eq!(mentions[0].id, line.mention_id, "{engine}");
        assert!(store.persons_of_author(&mentions[0].author_id, 5).await.unwrap().is_empty(), "{engine}");
        let alerts = store.alerts_of_case(&line.id).await.unwrap();
        assert_eq!(alerts.len(), 1, "{engine}");
        let deliveries = store.deliveries_of_case(&line.id).await.unwrap();
        assert_eq!((deliveries.len(), &deliveries[0].cause), (1, &alerts[0].id), "{engine}");
        let ids = [deliveries[0].id.clone()];
        let attempts = store.attempts_of(&ids, 10).await.unwrap();
        assert_eq!((attempts.len(), attempts[0].outcome.as_str()), (1, "delivered"), "{engine}");
        assert!(store.attempts_of(&[], 10).await.unwrap().is_empty(), "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_remembered_alike_for_a_day() {
    let remember = async |test: &TestStore, source: &str, id: &str, now: Timestamp| {
        let mut tx = test.store.begin().await.unwrap();
        let is_new = test.store.remember_push(&mut tx, source, id, now).await.unwrap();
        test.store.note_push(&mut tx, source, now).await.unwrap();
        tx.commit().await.unwrap();
        is_new
    };
    for test in stores().await {
        test.store.ensure_sources(&["bridge".into()]).await.unwrap();
        assert!(remember(&test, "bridge", "1", start()).await, "{}", test.engine);
        assert!(!remember(&test, "bridge", "1", start()).await, "{}", test.engine);
        assert!(remember(&test, "another", "1", start()).await, "{}", test.engine);
        let next_day = start() + Duration::from_secs(25 * 3600);
        assert!(remember(&test, "bridge", "1", next_day).await, "{}", test.engine);
        let state = test.store.source_state("bridge").await.unwrap().unwrap();
        assert_eq!(
            (state.first_success_at, state.last_item_at),
            (Some(start()), Some(next_day)),
            "{}",
            test.engine
        );
        test.store
            .note_missed("bridge", start(), next_day, std::time::Duration::ZERO, "timed_out")
            .await
            .unwrap();
        assert_eq!(test.store.gaps_since(next_day, 5).await.unwrap().len(), 1, "{}", test.engine);
        let later = next_day + Duration::from_secs(1);
        assert!(test.store.gaps_since(later, 5).await.unwrap().is_empty(), "{}", test.engine);
    }
}
