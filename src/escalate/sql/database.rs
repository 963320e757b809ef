//! The foreign database: opened read-only, asked one question at a time, every value as text.
//!
//! This is the one file beside `store/db.rs` that names drivers. The tables are not ours, so their types are whatever they
//! are: PostgreSQL turns each row into JSON itself, SQLite turns each value into text.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Column, PgPool, Row, SqlitePool};

use crate::failure::{Failure, FailureKind};

/// The most rows of one answer, for queries without `:limit`.
const ROWS_MAX: usize = 200_000;
const CONNECTIONS_MAX: u32 = 2;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite steps between two looks at whether the time is over.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Open connections to the foreign database.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An answer: names of columns, and rows of texts in that order. A row that is no text has its reason instead.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Result<Vec<Option<String>>, String>>,
}

impl Database {
    /// Prepares connections; the first question opens one.
    ///
    /// # Errors
    /// When the address is not one of SQLite or PostgreSQL. The address itself, which may hold a password, is not told.
    pub(super) fn open(url: &str) -> Result<Database, Failure> {
        let wrong = |_| {
            Failure::new(FailureKind::BadCredentials, "url is no address of a SQLite or PostgreSQL database")
        };
        if url.starts_with("sqlite:") {
            let options =
                SqliteConnectOptions::from_str(url).map_err(wrong)?.read_only(true).create_if_missing(false);
            let pool =
                SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
            Ok(Database::Sqlite(pool.connect_lazy_with(options)))
        } else {
            let options = PgConnectOptions::from_str(url).map_err(wrong)?.application_name("gehoord");
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
            Ok(Database::Postgres(pool.connect_lazy_with(options)))
        }
    }

    /// Asks one question in a read-only transaction. `what` names it in messages; `zone` is the time zone in which
    /// PostgreSQL reads and writes moments.
    pub(super) async fn ask(
        &self,
        what: &str,
        query: String,
        zone: &str,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        match self {
            Database::Sqlite(pool) => ask_sqlite(pool, query, timeout).await,
            Database::Postgres(pool) => ask_postgres(pool, query, zone, timeout).await,
        }
        .map_err(|error| failure(what, error))
    }
}

enum AskError {
    Driver(sqlx::Error),
    TooManyRows,
    TooSlow,
}

impl From<sqlx::Error> for AskError {
    fn from(error: sqlx::Error) -> AskError {
        AskError::Driver(error)
    }
}

async fn ask_postgres(
    pool: &PgPool,
    query: String,
    zone: &str,
    timeout: Duration,
) -> Result<Answer, AskError> {
    let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let settings = format!(
        "SET LOCAL statement_timeout = {}; SET LOCAL TIME ZONE '{}'; SET LOCAL standard_conforming_strings = on",
        timeout.as_millis(),
        zone.replace('\'', "")
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *tx).await?;
    // The line break ends a comment that the query may end with.
    let wrapped = format!("SELECT row_to_json(gehoord_row)::text FROM (\n{query}\n) AS gehoord_row");
    let mut answer = Answer::default();
    {
        let mut rows = sqlx::query(AssertSqlSafe(wrapped)).persistent(false).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            if answer.rows.len() >= ROWS_MAX {
                return Err(AskError::TooManyRows);
            }
            let json: String = row.try_get(0)?;
            answer.push_json(&json);
        }
    }
    tx.rollback().await?;
    Ok(answer)
}

async fn ask_sqlite(pool: &SqlitePool, query: String, timeout: Duration) -> Result<Answer, AskError> {
    let mut connection = pool.acquire().await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let seen = is_over.clone();
    // Without this a slow query would go on in its thread after we have left.
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS_BETWEEN_LOOKS, move || !seen.load(Ordering::Relaxed));
    let asked = tokio::time::timeout(timeout, rows_of_sqlite(&mut connection, query)).await;
    is_over.store(asked.is_err(), Ordering::Relaxed);
    match asked {
        Ok(answer) => {
            connection.lock_handle().await?.remove_progress_handler();
            answer
        }
        // The connection is in the middle of a statement; it is not used again.
        Err(_) => {
            drop(connection.detach());
            Err(AskError::TooSlow)
        }
    }
}

async fn rows_of_sqlite(connection: &mut sqlx::SqliteConnection, query: String) -> Result<Answer, AskError> {
    let mut answer = Answer::default();
    let mut rows = sqlx::query(AssertSqlSafe(query)).persistent(false).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if answer.rows.len() >= ROWS_MAX {
            return Err(AskError::TooManyRows);
        }
        if answer.columns.is_empty() {
            answer.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        let cells = (0..row.len()).map(|at| {
            row.try_get_unchecked::<Option<String>, _>(at)
                .map_err(|_| format!("what stands in column {} is no text", at + 1))
        });
        answer.rows.push(cells.collect());
    }
    Ok(answer)
}

impl Answer {
    /// Adds a row that is a JSON object. All rows of an answer have the same keys.
    fn push_json(&mut self, json: &str) {
        let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(json) else {
            self.rows.push(Err("it is no JSON".to_owned()));
            return;
        };
        if self.columns.is_empty() {
            self.columns = object.keys().cloned().collect();
        }
        let cells = self.columns.iter().map(|name| match object.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => Some(other.to_string()),
        });
        let cells = cells.collect();
        self.rows.push(Ok(cells));
    }
}

/// A failure with the database's code. Its words are told only where they are about the operator's own query: other
/// messages may quote what stands in the tables.
fn failure(what: &str, error: AskError) -> Failure {
    let error = match error {
        AskError::Driver(error) => error,
        AskError::TooManyRows => {
            let message =
                format!("the {what} query brought more than {ROWS_MAX} rows; use :since and :limit in it");
            return Failure::new(FailureKind::TooLarge, message);
        }
        AskError::TooSlow => {
            return Failure::new(FailureKind::TimedOut, format!("the {what} query took too long"));
        }
    };
    let (kind, why) = match &error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            let kind = kind_of_code(&code);
            let is_about_query = code == "1" || code.starts_with("42");
            let words = if is_about_query { format!(": {}", error.message()) } else { String::new() };
            (kind, format!("code {code}{words}"))
        }
        sqlx::Error::Io(error) => (FailureKind::Unreachable, error.kind().to_string()),
        sqlx::Error::PoolTimedOut => (FailureKind::Unreachable, "no connection in five seconds".to_owned()),
        sqlx::Error::Tls(_) => (FailureKind::TlsRefused, "TLS".to_owned()),
        _ => (FailureKind::Unavailable, "the driver gave up".to_owned()),
    };
    Failure::new(kind, format!("the {what} query failed ({why})"))
}

/// What a SQLSTATE of PostgreSQL or a result code of SQLite means.
fn kind_of_code(code: &str) -> FailureKind {
    match code {
        "57014" => FailureKind::TimedOut,
        // SQLITE_CANTOPEN, SQLITE_NOTADB
        "14" | "26" => FailureKind::Unreachable,
        // SQLITE_BUSY, SQLITE_LOCKED
        "5" | "6" => FailureKind::Unavailable,
        // SQLITE_ERROR
        "1" => FailureKind::Refused,
        _ if code.starts_with("28") || code == "42501" || code == "3D000" => FailureKind::BadCredentials,
        // What stands where it may not, such as a change inside a question.
        "0A000" => FailureKind::Refused,
        _ if code.starts_with("42") || code.starts_with("22") || code.starts_with("25") => {
            FailureKind::Refused
        }
        _ => FailureKind::Unavailable,
    }
}
