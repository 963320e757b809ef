//! One suite for every connector: what any of them must do with a peer that is slow, broken, hostile or merely odd.
//!
//! `server` answers byte by byte as told; `kinds` says how each kind of source is configured and how its pages look. The
//! other files are the tests, each about one promise. Numbers such as `f34` are those of the list of faults.

mod crms;
mod drift;
mod hostile;
mod kinds;
mod limits;
mod paging;
mod redirects;
mod secrets;
mod server;
mod statuses;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex};

use gehoord::config::SourceCommon;
use gehoord::failure::Failure;
use gehoord::source::client::Client;
use gehoord::source::poller::Poller;
use gehoord::source::{AnySource, Page, SourceConfig};
use gehoord::store::listening::{ListeningGap, SourceState};
use gehoord::store::mentions::Stored;
use gehoord::telemetry::Metrics;

use crate::support::{TestStore, start};

/// A client that does not slow tests down. A fresh one each, because it remembers who asked to be left alone.
pub fn client() -> Client {
    Client::with_rate(NonZeroU32::new(1_000_000).unwrap()).unwrap()
}

/// A built source. It shares its client with others: not for tests in which a server asks to be left alone.
pub fn built(config: &SourceConfig) -> AnySource {
    static SHARED: LazyLock<Client> = LazyLock::new(client);
    built_with(config, &SHARED)
}

/// A built source with a client of its own.
pub fn built_with(config: &SourceConfig, client: &Client) -> AnySource {
    assert_eq!(config.validate(), Vec::<String>::new());
    AnySource::build(config, client).unwrap()
}

/// Fetches until the list itself was asked: a page with something on it, the last page, or a failure.
pub async fn ask(source: &AnySource) -> Result<Page, Failure> {
    let mut cursor = String::new();
    loop {
        let page = source.fetch(&cursor, start()).await?;
        if !page.more || !page.items.is_empty() || page.missed.is_some() {
            return Ok(page);
        }
        cursor = page.cursor;
    }
}

/// A poller on a store.
pub struct Rig {
    pub test: TestStore,
    poller: Poller,
}

impl Rig {
    pub async fn new(test: TestStore, sources: Vec<(String, SourceConfig)>) -> Rig {
        let names: Vec<String> = sources.iter().map(|(name, _)| name.clone()).collect();
        test.store.ensure_sources(&names).await.unwrap();
        let client = client();
        let sources: BTreeMap<String, (SourceCommon, AnySource)> = sources
            .into_iter()
            .map(|(name, config)| {
                let common = SourceCommon {
                    name: name.clone(),
                    own_accounts: config.own_accounts(),
                    ..SourceCommon::default()
                };
                (name, (common, built_with(&config, &client)))
            })
            .collect();
        let poller = Poller::new(test.store.clone(), sources, Arc::new(Metrics::new()));
        Rig { test, poller }
    }

    /// Polls now, whatever the plan says, ten minutes after the last time.
    pub async fn poll(&self, name: &str) -> anyhow::Result<Stored> {
        self.test.clock.advance(std::time::Duration::from_secs(600));
        self.test.store.make_source_due(name).await?;
        Ok(self.poller.poll_if_due(name).await?.expect("it was made due"))
    }

    pub async fn state(&self, name: &str) -> SourceState {
        self.test.store.source_state(name).await.unwrap().unwrap()
    }

    /// How far the lists were read, without the turn of the one that comes next.
    pub async fn position(&self, name: &str) -> serde_json::Value {
        let mut cursor: serde_json::Value = serde_json::from_str(&self.state(name).await.cursor).unwrap();
        if let Some(lists) = cursor.get_mut("lists") {
            return lists["mentions"]["newest"].take();
        }
        if let Some(locations) = cursor.get_mut("locations") {
            return locations["1099001"]["updated_until"].take();
        }
        cursor
    }

    pub async fn gaps(&self, name: &str) -> Vec<ListeningGap> {
        let gaps = self.test.store.gaps(1000).await.unwrap();
        gaps.into_iter().filter(|gap| gap.source == name).collect()
    }

    /// The rows of a query of text columns.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        rows(&self.test.url, sql).await
    }
}

/// The rows of a query whose columns are all text.
pub async fn rows(url: &str, sql: &str) -> Vec<Vec<String>> {
    use sqlx::Row;
    sqlx::any::install_default_drivers();
    let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(url).await.unwrap();
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&pool).await.unwrap();
    let rows = rows.iter().map(|row| (0..row.len()).map(|at| row.try_get(at).unwrap()).collect()).collect();
    pool.close().await;
    rows
}

/// Collects everything that is logged on this thread, down to the last library, until it is dropped.
pub struct Logs {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Logs {
    pub fn capture(level: tracing::Level) -> Logs {
        let text = Arc::new(Mutex::new(Vec::new()));
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || Written(writer.clone()))
            .finish();
        Logs { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// Lines that want somebody's attention.
    pub fn alarms(&self) -> Vec<String> {
        let is_alarm = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
        self.text().lines().filter(is_alarm).map(str::to_owned).collect()
    }
}

struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fails with all of them, so that one run shows everything that is wrong.
#[track_caller]
pub fn nothing_wrong(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
