//! Databases for tests: a fresh one each, on both engines, and a loud skip where PostgreSQL is missing.

use std::sync::atomic::{AtomicU32, Ordering};

use gehoord::clock::Clock;
use gehoord::store::Store;
use jiff::Timestamp;
use tempfile::TempDir;

/// The moment at which test clocks start.
pub fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().expect("a moment")
}

/// A database of one test.
pub struct TestStore {
    /// Which engine, for messages.
    pub engine: &'static str,
    /// The open store.
    pub store: Store,
    /// Its address, to open it again.
    pub url: String,
    /// Its clock.
    pub clock: Clock,
    _directory: Option<TempDir>,
}

/// What an environment variable names; a loud skip without it, a failure where the full run demands it.
pub fn peer(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(value) => Some(value),
        Err(_) if std::env::var_os("GEHOORD_TEST_REQUIRE").is_some() => {
            panic!("{variable} is not set, and this run requires every peer; start them with scripts/peers")
        }
        Err(_) => {
            eprintln!("SKIPPED: {variable} is not set; scripts/test starts the servers that this test needs");
            None
        }
    }
}

/// A fresh database on each engine that is there.
pub async fn stores() -> Vec<TestStore> {
    let mut stores = vec![sqlite().await];
    if let Some(address) = peer("GEHOORD_TEST_POSTGRES") {
        stores.push(postgres(&address).await);
    }
    stores
}

/// A fresh SQLite file.
pub async fn sqlite() -> TestStore {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", directory.path().join("gehoord.db").display());
    let clock = Clock::test(start());
    let store = Store::open(&url, clock.clone()).await.expect("SQLite opens");
    TestStore { engine: "sqlite", store, url, clock, _directory: Some(directory) }
}

/// A fresh schema in the test server.
pub async fn postgres(address: &str) -> TestStore {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let schema = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    execute(address, &format!("CREATE SCHEMA {schema}")).await;
    let url = format!("{address}?options[search_path]={schema}");
    let clock = Clock::test(start());
    let store = Store::open(&url, clock.clone()).await.expect("PostgreSQL opens");
    TestStore { engine: "postgres", store, url, clock, _directory: None }
}

/// Runs one statement beside the store.
pub async fn execute(url: &str, sql: &str) {
    sqlx::any::install_default_drivers();
    let pool =
        sqlx::any::AnyPoolOptions::new().max_connections(1).connect(url).await.expect("the database answers");
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&pool).await.expect("the statement fits");
    pool.close().await;
}

/// Makes the database refuse one kind of write, such as "INSERT ON mention", like a disk that is full just there. With
/// `only` it refuses rows of which that is true, such as "NEW.id = 'x'".
pub async fn refuse(url: &str, write: &str, only: Option<&str>) {
    let when = only.map_or(String::new(), |only| format!("WHEN ({only})"));
    if url.starts_with("sqlite:") {
        let sql = format!(
            "CREATE TRIGGER refusal BEFORE {write} {when} BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        );
        execute(url, &sql).await;
    } else {
        execute(
            url,
            "CREATE OR REPLACE FUNCTION refusing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'refused by the test'; END $$",
        )
        .await;
        let sql =
            format!("CREATE TRIGGER refusal BEFORE {write} FOR EACH ROW {when} EXECUTE FUNCTION refusing()");
        execute(url, &sql).await;
    }
}

/// Lets the database take again what [`refuse`] made it refuse. `table` is that of the write.
pub async fn refuse_no_more(url: &str, table: &str) {
    let of = if url.starts_with("sqlite:") { String::new() } else { format!(" ON {table}") };
    execute(url, &format!("DROP TRIGGER refusal{of}")).await;
}

/// Reads one number beside the store.
pub async fn number(url: &str, sql: &str) -> i64 {
    use sqlx::Row;
    sqlx::any::install_default_drivers();
    let pool =
        sqlx::any::AnyPoolOptions::new().max_connections(1).connect(url).await.expect("the database answers");
    let row =
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await.expect("the statement fits");
    let value = row.try_get(0).expect("a number");
    pool.close().await;
    value
}

/// Runs something beside the test until the test's runtime ends.
pub fn beside<F>(task: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's helpers end with its runtime; nobody waits for them"
    )]
    tokio::spawn(task)
}

/// Serves a router on a port of its own until the test ends.
pub async fn serve(router: axum::Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    beside(async move { axum::serve(listener, router).await });
    address
}
