//! CRMs: reading the register from them, and raising in them what the public already talks about.
//!
//! One CRM per file; this file holds the contract. `mirror` (in this folder) keeps our copy of the register fresh.
//! `columns`, `rows` and `moments` read rows with named columns, for the registers in files and in databases.

mod columns;
pub mod csv;
mod moments;
#[cfg(test)]
mod passes;
mod rows;
pub mod sql;
pub mod zendesk;

pub mod log;
pub mod mirror;
pub mod notes;
pub mod request_tracker;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::read::Reader;

use crate::failure::Failure;
use crate::register::{Priority, RegisterPage};

/// A CRM or ticket system.
///
/// [`read`](Crm::read) is one page's worth of work: it does not sleep, retry, schedule, read the clock or touch the store.
/// Returning a row twice is fine; skipping one is not. The cursor is the connector's own text, empty before the first
/// read; a cursor it no longer understands is an empty one.
///
/// [`write`](Crm::write) is effectively once: every action carries a key, the key is left in the CRM as a marker
/// (see [`marker`]), and with `again` set the marker is looked for before anything is created or added. No write may make
/// the CRM mail a customer: notes are internal, and a ticket is opened in a way that notifies nobody outside.
#[expect(async_fn_in_trait, reason = "CRMs are called through the closed enum only, never through dyn")]
pub trait Crm {
    /// Asks for what changed after `cursor`.
    async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure>;

    /// Carries out one action under `key`. `again`: an earlier attempt may have reached the CRM.
    async fn write(&self, action: &CrmAction, key: &str, again: bool) -> Result<CrmReceipt, Failure>;

    /// Asks whether we can log in, and whether the settings fit; the answer is a line for the operator.
    async fn check(&self) -> Result<String, Failure>;
}

/// Something to be done in a CRM. Ids are the CRM's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum CrmAction {
    /// Raise the customer's own ticket: an internal note, a higher priority (never a lower one), a tag, the problem link.
    Escalate {
        /// The ticket.
        ticket: String,
        /// The internal note, plain text.
        note: String,
        /// The priority it should have at least.
        raise_to: Option<Priority>,
        /// The problem to link it to, unless it is linked to one.
        problem: Option<String>,
        /// The tag to add.
        tag: String,
    },
    /// Note on a problem that one more customer has it. Touches no customer's ticket.
    NoteProblem {
        /// The problem.
        problem: String,
        /// The internal note, plain text.
        note: String,
    },
    /// Open a ticket for a complaint that no ticket knows.
    OpenTicket {
        /// One line.
        subject: String,
        /// The description, plain text.
        body: String,
        /// The customer, where certain.
        contact: Option<String>,
        /// The problem to link it to.
        problem: Option<String>,
        /// How urgent.
        priority: Priority,
        /// The tag to add.
        tag: String,
    },
}

/// The CRM's final yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmReceipt {
    /// The id of the record that now carries our words.
    pub record: String,
    /// Where staff can open it.
    pub url: Option<String>,
    /// It was there already: an earlier attempt had succeeded.
    pub found: bool,
}

/// The text that marks a record or note as the work of the effect `key`, for a person to ignore and for us to find.
pub fn marker(key: &str) -> String {
    format!("[gehoord:{key}]")
}

/// The mention that a ticket was opened for, when its text carries the marker of one of ours.
pub fn opened_for(body: &str) -> Option<&str> {
    body.split("[gehoord:open-").nth(1)?.split(']').next()
}

/// The kinds of CRMs, as they stand in `kind = "…"` of a `[[crm]]`.
pub const KINDS: &[&str] = &["request_tracker", "zendesk", "csv", "sql", "log"];

/// The settings of a CRM, by kind.
#[derive(Clone, Debug)]
pub enum CrmConfig {
    /// Request Tracker 5.
    RequestTracker(request_tracker::Config),
    /// Zendesk Support.
    Zendesk(zendesk::Config),
    /// Files that somebody exports.
    Csv(csv::Config),
    /// A query on any SQLite or PostgreSQL table.
    Sql(sql::Config),
    /// Writes what it would have done.
    Log(log::Config),
}

/// A built CRM connector, by kind.
#[derive(Debug)]
pub enum AnyCrm {
    /// Request Tracker 5.
    RequestTracker(Box<request_tracker::RequestTracker>),
    /// Zendesk Support.
    Zendesk(Box<zendesk::Zendesk>),
    /// Files that somebody exports.
    Csv(Box<csv::Csv>),
    /// A query on any SQLite or PostgreSQL table.
    Sql(Box<sql::Sql>),
    /// Writes what it would have done.
    Log(log::Log),
}

impl CrmConfig {
    /// Reads the settings of one kind.
    pub fn read(kind: &str, reader: &mut Reader, path: &str, table: Table) -> Option<CrmConfig> {
        let table = Value::Table(table);
        match kind {
            "request_tracker" => reader.read(path, table).map(CrmConfig::RequestTracker),
            "zendesk" => reader.read(path, table).map(CrmConfig::Zendesk),
            "csv" => reader.read(path, table).map(CrmConfig::Csv),
            "sql" => reader.read(path, table).map(CrmConfig::Sql),
            "log" => reader.read(path, table).map(CrmConfig::Log),
            _ => None,
        }
    }

    /// Whether anything can be written there; the others are only read, and a person must do there what is to be done.
    pub fn is_writable(&self) -> bool {
        match self {
            CrmConfig::RequestTracker(_) | CrmConfig::Zendesk(_) | CrmConfig::Log(_) => true,
            CrmConfig::Csv(_) | CrmConfig::Sql(_) => false,
        }
    }

    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        match self {
            CrmConfig::RequestTracker(config) => config.validate(),
            CrmConfig::Zendesk(config) => config.validate(),
            CrmConfig::Csv(config) => config.validate(),
            CrmConfig::Sql(config) => config.validate(),
            CrmConfig::Log(config) => config.validate(),
        }
    }
}

impl AnyCrm {
    /// Builds a connector.
    pub fn build(config: &CrmConfig, client: &crate::source::client::Client) -> AnyCrm {
        match config {
            CrmConfig::RequestTracker(config) => {
                AnyCrm::RequestTracker(Box::new(request_tracker::build(config.clone(), client.clone())))
            }
            CrmConfig::Zendesk(config) => {
                AnyCrm::Zendesk(Box::new(zendesk::build(config.clone(), client.clone())))
            }
            CrmConfig::Csv(config) => AnyCrm::Csv(Box::new(csv::build(config.clone()))),
            CrmConfig::Sql(config) => AnyCrm::Sql(Box::new(sql::build(config.clone()))),
            CrmConfig::Log(config) => AnyCrm::Log(log::build(config.clone())),
        }
    }

    /// See [`Crm::read`].
    pub async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        match self {
            AnyCrm::RequestTracker(crm) => crm.read(cursor, now).await,
            AnyCrm::Zendesk(crm) => crm.read(cursor, now).await,
            AnyCrm::Csv(crm) => crm.read(cursor, now).await,
            AnyCrm::Sql(crm) => crm.read(cursor, now).await,
            AnyCrm::Log(crm) => crm.read(cursor, now).await,
        }
    }

    /// See [`Crm::write`].
    pub async fn write(&self, action: &CrmAction, key: &str, again: bool) -> Result<CrmReceipt, Failure> {
        match self {
            AnyCrm::RequestTracker(crm) => crm.write(action, key, again).await,
            AnyCrm::Zendesk(crm) => crm.write(action, key, again).await,
            AnyCrm::Csv(crm) => crm.write(action, key, again).await,
            AnyCrm::Sql(crm) => crm.write(action, key, again).await,
            AnyCrm::Log(crm) => crm.write(action, key, again).await,
        }
    }

    /// See [`Crm::check`].
    pub async fn check(&self) -> Result<String, Failure> {
        match self {
            AnyCrm::RequestTracker(crm) => crm.check().await,
            AnyCrm::Zendesk(crm) => crm.check().await,
            AnyCrm::Csv(crm) => crm.check().await,
            AnyCrm::Sql(crm) => crm.check().await,
            AnyCrm::Log(crm) => crm.check().await,
        }
    }
}
