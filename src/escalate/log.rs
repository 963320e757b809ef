//! The CRM that writes what it would have done, and knows nothing. For a first look, and for tests.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Crm, CrmAction, CrmReceipt};
use crate::failure::Failure;
use crate::register::RegisterPage;

/// Settings of the `log` CRM: there are none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

impl Config {
    /// Nothing can be wrong with it.
    pub fn validate(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The `log` CRM.
#[derive(Debug)]
pub struct Log {}

/// Builds the connector.
pub fn build(_: Config) -> Log {
    Log {}
}

impl Crm for Log {
    async fn read(&self, cursor: &str, _: Timestamp) -> Result<RegisterPage, Failure> {
        Ok(RegisterPage { cursor: cursor.to_owned(), complete: true, ..RegisterPage::default() })
    }

    async fn write(&self, action: &CrmAction, key: &str, _: bool) -> Result<CrmReceipt, Failure> {
        let what = match action {
            CrmAction::Escalate { ticket, .. } => format!("ticket {ticket} would have been raised"),
            CrmAction::NoteProblem { problem, .. } => format!("problem {problem} would have been noted"),
            CrmAction::OpenTicket { .. } => "a ticket would have been opened".to_owned(),
        };
        tracing::info!(effect.key = key, "In the CRM, {what}");
        Ok(CrmReceipt { record: "logged".to_owned(), url: None, found: false })
    }

    async fn check(&self) -> Result<String, Failure> {
        Ok("writes what it would have done to the log".to_owned())
    }
}
