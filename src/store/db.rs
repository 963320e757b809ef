//! The only file that names a database driver: opening, pragmas, migrations, transactions, row lists.
//!
//! Both engines run the same SQL text through sqlx's `Any` driver (docs/adr/0002). SQLite has one writer connection and a
//! few readers, because two writers would only wait for each other; PostgreSQL has one pool for both.

use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyPoolOptions};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor, Row, Transaction};

use crate::clock::{Clock, at_millis};

/// The oldest SQLite without the WAL-reset race that can lose commits (fixed in 3.51.3).
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS_MAX: u32 = 12;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Which engine is behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one process.
    Sqlite,
    /// A server, several replicas.
    Postgres,
}

/// Open connections to one database.
#[derive(Clone, Debug)]
pub struct Db {
    /// Which engine it is.
    pub engine: Engine,
    read: AnyPool,
    write: AnyPool,
    clock: Clock,
}

/// A write transaction. Dropping it rolls back.
pub struct Tx {
    pub(super) tx: Transaction<'static, Any>,
    pub(super) engine: Engine,
}

impl Db {
    /// Opens `url` (`sqlite://PATH` or `postgres://…`), creating the SQLite file where it is missing.
    ///
    /// # Errors
    /// When the address is of another kind, the server cannot be reached, or the SQLite library is too old to be safe.
    pub async fn open(url: &str, clock: Clock) -> anyhow::Result<Db> {
        sqlx::any::install_default_drivers();
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, clock).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::open_postgres(url, clock).await
        } else {
            bail!("database.url must start with sqlite:// or postgres://")
        }
    }

    async fn open_sqlite(url: &str, clock: Clock) -> anyhow::Result<Db> {
        let url = if url.contains('?') { url.to_owned() } else { format!("{url}?mode=rwc") };
        let pool = |connections: u32| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        // FULL: a commit survives a power cut (promise P4). secure_delete: erased text leaves the file.
                        connection
                            .execute(
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
                                 PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
                            )
                            .await?;
                        Ok(())
                    })
                })
        };
        let write =
            pool(1).connect(&url).await.with_context(|| format!("opening {}", without_password(&url)))?;
        let version: String = sqlx::query("SELECT sqlite_version()").fetch_one(&write).await?.try_get(0)?;
        if parse_version(&version).is_none_or(|version| version < SQLITE_VERSION_MIN) {
            bail!("this build links SQLite {version}, which can lose commits; 3.51.3 or newer is needed");
        }
        let read = pool(SQLITE_READERS).connect(&url).await?;
        Ok(Db { engine: Engine::Sqlite, read, write, clock })
    }

    async fn open_postgres(url: &str, clock: Clock) -> anyhow::Result<Db> {
        let pool = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection
                        .execute(
                            "SET synchronous_commit = on; SET statement_timeout = '10s'; \
                             SET idle_in_transaction_session_timeout = '30s'; SET TIME ZONE 'UTC'",
                        )
                        .await?;
                    Ok(())
                })
            })
            .connect(url)
            .await
            .with_context(|| format!("connecting to {}", without_password(url)))?;
        Ok(Db { engine: Engine::Postgres, read: pool.clone(), write: pool, clock })
    }

    /// Brings the schema up to this build's version. Several replicas may call it at once.
    ///
    /// # Errors
    /// When the database was migrated by a newer build, or a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        MIGRATIONS.run(&self.write).await.context("migrating the database")
    }

    /// Begins a write transaction. On SQLite it takes the write lock at once: a transaction that first reads and then
    /// writes would otherwise fail without waiting.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let tx = match self.engine {
            Engine::Sqlite => self.write.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.write.begin().await?,
        };
        Ok(Tx { tx, engine: self.engine })
    }

    /// The pool for reading.
    pub(super) fn read(&self) -> &AnyPool {
        &self.read
    }

    /// The pool for single-statement writes.
    pub(super) fn write(&self) -> &AnyPool {
        &self.write
    }

    /// The time that judges leases: PostgreSQL's own, so that replicas with wrong clocks agree; on SQLite the process's.
    pub async fn now(&self) -> sqlx::Result<Timestamp> {
        match (self.engine, &self.clock) {
            (Engine::Postgres, Clock::System) => {
                let row = sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
                    .fetch_one(&self.read)
                    .await?;
                Ok(at_millis(row.try_get(0)?))
            }
            (Engine::Sqlite, _) | (_, Clock::Test(_)) => Ok(self.clock.now()),
        }
    }

    /// Closes all connections, so that SQLite can fold its log into the file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Rows of one multi-row statement, and values of one list: below the parameters that both engines take.
pub(super) const ROWS_MAX: usize = 200;

/// A statement while values are bound to it.
pub(super) type Statement = Query<'static, Any, AnyArguments>;

impl Tx {
    /// Inserts a row for each of `entries`, in statements of at most [`ROWS_MAX`] rows. Returns how many rows were written.
    ///
    /// `into` is the table with its columns, `end` what stands behind the values; `bind` binds one row, column by column.
    pub(super) async fn insert<T>(
        &mut self,
        into: &str,
        end: &str,
        entries: &[T],
        bind: impl Fn(Statement, &T) -> Statement,
    ) -> sqlx::Result<u64> {
        let mut written = 0;
        for chunk in entries.chunks(ROWS_MAX) {
            written +=
                insertion(self.engine, into, end, chunk, &bind).execute(&mut *self.tx).await?.rows_affected();
        }
        Ok(written)
    }

    /// Makes everything in it durable.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.tx.commit().await
    }
}

/// One statement that inserts a row for each of `entries`; see [`Tx::insert`].
pub(super) fn insertion<T>(
    engine: Engine,
    into: &str,
    end: &str,
    entries: &[T],
    bind: impl Fn(Statement, &T) -> Statement,
) -> Statement {
    let columns = into.matches(',').count() + 1;
    let sql = format!("INSERT INTO {into} VALUES {} {end}", rows(engine, entries.len(), columns));
    entries.iter().fold(sqlx::query(ours(sql)), bind)
}

/// `(…), (…), …` with `n` groups of `columns` markers, numbered from `first`: plain `?` on SQLite, where numbered
/// markers cost quadratic time, `$n` on PostgreSQL, which knows nothing else.
pub(super) fn rows(engine: Engine, n: usize, columns: usize) -> String {
    let mut list = String::with_capacity(n * columns * 5);
    for row in 0..n {
        list.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                list.push_str(", ");
            }
            marker(&mut list, engine, row * columns + column + 1);
        }
        list.push(')');
    }
    list
}

/// `?, ?, …` or `$1, $2, …` for an `IN` list of `n` values.
pub(super) fn list(engine: Engine, n: usize) -> String {
    let mut markers = String::new();
    for place in 1..=n {
        if place > 1 {
            markers.push_str(", ");
        }
        marker(&mut markers, engine, place);
    }
    markers
}

fn marker(into: &mut String, engine: Engine, place: usize) {
    match engine {
        Engine::Sqlite => into.push('?'),
        Engine::Postgres => {
            into.push('$');
            into.push_str(&place.to_string());
        }
    }
}

/// Binds a number with a fraction, or nothing.
///
/// sqlx 0.9 tells PostgreSQL that a missing double is a `real` and a missing `real` a double (sqlx-core,
/// `any/arguments.rs`). The prepared statement keeps what its first use said, so that after one row without the number
/// every row with it would be refused.
pub(super) fn bind_double(query: Statement, value: Option<f64>) -> Statement {
    match value {
        Some(value) => query.bind(value),
        None => query.bind(None::<f32>),
    }
}

/// SQL text that was put together from our own constants and markers only.
pub(super) fn ours(sql: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql)
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// A database address as it may stand in a message.
fn without_password(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(mut parsed) => {
            if parsed.password().is_some() {
                let _ = parsed.set_password(Some("…"));
            }
            parsed.to_string()
        }
        Err(_) => "the configured database".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_the_fix_are_too_old() {
        assert!(parse_version("3.46.0").unwrap() < SQLITE_VERSION_MIN);
        assert!(parse_version("3.51.3").unwrap() >= SQLITE_VERSION_MIN);
        assert_eq!(parse_version("nonsense"), None);
    }

    #[test]
    fn markers_follow_the_engine() {
        assert_eq!(rows(Engine::Sqlite, 2, 2), "(?, ?), (?, ?)");
        assert_eq!(rows(Engine::Postgres, 2, 2), "($1, $2), ($3, $4)");
        assert_eq!(list(Engine::Postgres, 3), "$1, $2, $3");
    }

    #[test]
    fn a_password_never_stands_in_a_message() {
        assert!(!without_password("postgres://u:geheim@localhost/db").contains("geheim"));
    }
}
