//! The store: SQL, and nothing but SQL. Methods speak in domain words; no SQL type leaves this folder.
//!
//! - `db` opens either engine and begins transactions.
//! - `listening` keeps what polling needs: cursors, leases, quotas, gaps.
//! - `pushes` knows which requests to a webhook were stored already.
//! - `mentions` keeps what was said, `register` the mirror of the CRM.
//! - `judgements` keeps what we made of it, with everything it owes, in one transaction.
//! - `rulings` keeps what colleagues said about it.
//! - `outbox` hands out and finishes effects. `views` reads for people.
//!
//! Every method is one statement or one short transaction, and is exercised on both engines (`tests/it/store.rs`).

pub mod db;
pub mod judgements;
pub mod listening;
pub mod mentions;
pub mod outbox;
pub mod pushes;
pub mod register;
pub mod rulings;
pub mod views;

use anyhow::Context;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::clock::{Clock, at_millis};
use crate::ids;
pub use db::{Db, Engine, Tx};

/// The one door to the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Db,
    clock: Clock,
    /// Key of the tombstone hashes; made once per installation.
    secret: std::sync::Arc<str>,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated; the message says what to do.
    pub async fn open(url: &str, clock: Clock) -> anyhow::Result<Store> {
        let db = Db::open(url, clock.clone()).await?;
        db.migrate().await?;
        let secret = installation_secret(&db).await.context("reading the installation's secret")?;
        Ok(Store { db, clock, secret: secret.into() })
    }

    /// The time that judges leases and stamps rows (see [`Db::now`]).
    pub async fn now(&self) -> anyhow::Result<Timestamp> {
        Ok(self.db.now().await?)
    }

    /// The process's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Begins a write transaction.
    pub async fn begin(&self) -> anyhow::Result<Tx> {
        Ok(self.db.begin().await?)
    }

    /// Asks the database for one value, to know that it answers.
    pub async fn ping(&self) -> anyhow::Result<()> {
        sqlx::query("SELECT 1").fetch_one(self.db.read()).await.context("the database does not answer")?;
        Ok(())
    }

    /// Writes one small row, to know that the database takes what we hear: a full disk, a file system that became
    /// read-only, or a database that only reads still answer [`Store::ping`].
    pub async fn check_writable(&self) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO installation (name, value) VALUES ('write_check', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(self.clock.now().as_millisecond().to_string())
        .execute(self.db.write())
        .await
        .context("the database takes no writes; is its disk full, or is it read-only?")?;
        Ok(())
    }

    /// Writes down who did what.
    pub async fn audit(
        &self,
        tx: &mut Tx,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> anyhow::Result<()> {
        let now = self.clock.now();
        sqlx::query(
            "INSERT INTO audit (id, at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(ids::new_id(now))
        .bind(now.as_millisecond())
        .bind(actor)
        .bind(action)
        .bind(subject)
        .bind(detail)
        .execute(&mut *tx.tx)
        .await?;
        Ok(())
    }
}

/// The secret that keys tombstone hashes. The first of several replicas that start together wins.
async fn installation_secret(db: &Db) -> anyhow::Result<String> {
    let fresh = ids::new_token() + &ids::new_token();
    sqlx::query("INSERT INTO installation (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING")
        .bind(fresh)
        .execute(db.write())
        .await?;
    let row =
        sqlx::query("SELECT value FROM installation WHERE name = 'secret'").fetch_one(db.write()).await?;
    Ok(row.try_get(0)?)
}

/// Reads one column and says which one, when stored data does not fit the type.
fn get<'r, T, I>(row: &'r AnyRow, column: I) -> anyhow::Result<T>
where
    T: Decode<'r, sqlx::Any> + Type<sqlx::Any>,
    I: ColumnIndex<AnyRow> + std::fmt::Debug + Copy,
{
    row.try_get(column).with_context(|| format!("stored column {column:?} does not fit"))
}

/// Reads a moment.
fn get_time(row: &AnyRow, column: &str) -> anyhow::Result<Timestamp> {
    Ok(at_millis(get(row, column)?))
}

/// Reads a moment that may be missing.
fn get_time_maybe(row: &AnyRow, column: &str) -> anyhow::Result<Option<Timestamp>> {
    Ok(get::<Option<i64>, _>(row, column)?.map(at_millis))
}

/// Reads a flag.
fn get_flag(row: &AnyRow, column: &str) -> anyhow::Result<bool> {
    Ok(get::<i64, _>(row, column)? != 0)
}

/// Reads a JSON column.
fn get_json<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &str) -> anyhow::Result<T> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text)
        .with_context(|| format!("stored column {column:?} holds JSON of another shape"))
}

/// Reads a name that stands for one of our enum's values.
fn get_name<T>(row: &AnyRow, column: &str, from_name: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    let name: String = get(row, column)?;
    from_name(&name).with_context(|| format!("stored column {column:?} holds the unknown name {name:?}"))
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| at.as_millisecond())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types are always JSON")
}
