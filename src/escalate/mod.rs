//! CRMs: reading the register from them, and raising in them what the public already talks about.
//!
//! One CRM per file; this file holds the contract. `mirror` (in this folder) keeps our copy of the register fresh.
//! `columns`, `rows` and `moments` read rows with named columns, for the registers in files and in databases.

mod columns;
pub mod csv;
mod moments;
mod rows;
pub mod sql;
pub mod zendesk;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
