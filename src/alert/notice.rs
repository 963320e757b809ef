//! What people are told about gehoord itself: trouble of ours that only a person can end.
//!
//! A notice is about no mention and no case. It holds names from the configuration and figures, nothing of anybody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Language;

/// Trouble of our own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Notice {
    /// Effects were given up: somebody was not told, or something was not done in a CRM.
    GivenUp {
        /// `channel:RECEIVER` or `crm:REGISTER`.
        target: String,
        /// How many since the last notice about this target.
        count: usize,
    },
    /// A source answers, but with empty lists for far longer than is usual for it.
    Silent {
        /// Configured name.
        source: String,
        /// Its last item.
        since: Timestamp,
    },
}

/// A notice for one receiver.
#[derive(Clone, Debug)]
pub struct NoticeLetter<'a> {
    /// The effect's key: the same for every copy.
    pub key: &'a str,
    /// What it is about.
    pub notice: &'a Notice,
    /// The receiver's language.
    pub language: Language,
    /// The start of links to the page.
    pub page_url: &'a str,
    /// When it is written.
    pub now: Timestamp,
}
