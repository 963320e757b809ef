//! The pages: a handler asks the store, puts what it got into a template's fields, and renders.
//!
//! Templates hold the sentences in both languages; nothing here formats HTML.

pub(super) mod case;
pub(super) mod inbox;
pub(super) mod outbox;
pub(super) mod report;
pub(super) mod sources;

use crate::register::external_id;
use crate::web::words::Words;
use crate::web::{Visit, dress};

/// What stands around every page.
pub(super) struct Frame<'a> {
    pub(in crate::web) w: &'a Words,
    pub(in crate::web) section: Section,
    pub(in crate::web) style_version: &'static str,
    pub(in crate::web) signed_in: bool,
    pub(in crate::web) has_mailbox: bool,
    /// This page in the other language.
    pub(in crate::web) other_language: String,
}

/// The part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Inbox,
    Report,
    Sources,
    Outbox,
    Mailbox,
    None,
}

impl<'a> Frame<'a> {
    pub(super) fn new(visit: &'a Visit, section: Section) -> Frame<'a> {
        Frame {
            w: &visit.w,
            section,
            style_version: &dress::STYLE_VERSION,
            signed_in: visit.signed_in,
            has_mailbox: visit.site.mailbox.is_some(),
            other_language: link(visit, &[("lang", if visit.w.language.is_dutch() { "en" } else { "nl" })]),
        }
    }

    /// The zone of all clocks on the page.
    pub(in crate::web) fn zone(&self) -> String {
        let zone = &self.w.zone;
        zone.iana_name()
            .map_or_else(|| self.w.now.to_zoned(zone.clone()).strftime("UTC%:z").to_string(), str::to_owned)
    }

    /// `page` when that part is open, for `aria-current`; else nothing.
    pub(in crate::web) fn current(&self, section: Section) -> &'static str {
        if self.section == section { "page" } else { "false" }
    }
}

/// This page's address with some values of its query replaced; an empty value is left out.
fn link(visit: &Visit, changes: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let present = visit.uri.query().unwrap_or_default();
    for (key, value) in url::form_urlencoded::parse(present.as_bytes()).take(32) {
        if key != "lang" && !changes.iter().any(|(changed, _)| *changed == key) {
            query.append_pair(&key, &value);
        }
    }
    for (key, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(key, value);
    }
    let query = query.finish();
    if query.is_empty() { visit.uri.path().to_owned() } else { format!("{}?{query}", visit.uri.path()) }
}

/// A link that may stand on the page: to the web, and nothing else.
fn web_link(url: Option<&str>) -> Option<&str> {
    url.filter(|url| url::Url::parse(url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https")))
}

/// A row of the register as people call it, from its row id.
fn name_of_row(row_id: &str) -> &str {
    external_id(row_id)
}
