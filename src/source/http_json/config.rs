//! What an operator writes to describe a JSON interface, and what can be wrong with it.

use std::collections::BTreeMap;

use reqwest::header::HeaderName;
use serde::Deserialize;

use super::filters::Filter;
use super::mapping::{Field, Rank, name};
use super::template::{faults, uses};
use crate::config::secret::Secret;
use crate::mention::MentionKind;

/// A list of statements behind any JSON interface, described by filters in the jq language.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address of the list. `{cursor}`, `{page}`, `{since}`, `{since_epoch}`, `{before}` and `{before_epoch}` are
    /// filled in; a query parameter that is nothing but a value that is not known yet is left out.
    pub url: String,
    /// How it is asked.
    pub method: Method,
    /// What is sent along, as JSON with the same placeholders inside its strings.
    pub body: Option<String>,
    /// Headers, each a text or a secret.
    pub headers: BTreeMap<String, Secret>,
    /// How we log in.
    pub auth: Auth,
    /// How the list goes on.
    pub paging: Paging,
    /// The filter that gives the list of items.
    pub items: String,
    /// The filter of each field.
    pub map: BTreeMap<Field, String>,
    /// The text is HTML.
    pub html: bool,
    /// What sort of statements these are.
    pub statement: MentionKind,
    /// Which way the list runs.
    pub order: Order,
    /// How what was read before is recognised.
    pub watermark: Watermark,
}

/// How the list is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST, for interfaces that take a query as a body.
    Post,
}

/// How we log in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// With a bearer token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// With a user name and a password.
    Basic {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a header of any name.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// With a query parameter.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
}

/// How the list goes on after a page.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// It is one page.
    #[default]
    None,
    /// With numbered pages, until an empty one: `{page}`.
    Page {
        /// The number of the first page.
        #[serde(default)]
        first: u64,
        /// The number of the last page that the interface gives.
        #[serde(default = "no_last_page")]
        last: u64,
    },
    /// With a token that the filter finds in the answer: `{cursor}`.
    Cursor {
        /// The filter.
        filter: String,
    },
    /// With a link that the filter finds in the answer, or the `Link` header holds. It must stay on the host.
    NextLink {
        /// The filter; without it the header.
        #[serde(default)]
        filter: Option<String>,
    },
    /// From the lowest watermark of the page downwards: `{before}` or `{before_epoch}`, which the interface has to take
    /// as "up to and including", so that several items of one moment are not torn apart.
    Before {
        /// How many ids to go down when a page brings nothing lower, for interfaces that look at a stretch at a time.
        #[serde(default)]
        step: Option<u64>,
    },
}

fn no_last_page() -> u64 {
    u64::MAX
}

/// Which way a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// From new to old.
    #[default]
    NewestFirst,
    /// From old to new, beginning at `{since}`.
    OldestFirst,
}

/// How what was read before is recognised.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watermark {
    /// The field that the list is ordered by.
    pub field: Rank,
    /// How far back every poll reads again, in seconds, where the field is a time. At least two intervals.
    pub overlap_secs: u32,
    /// How far back every poll reads again, in ids, where the field is the id.
    pub overlap_ids: u32,
    /// How far back the first poll reads, in days, where `{since}` is used.
    pub first_days: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            url: String::new(),
            method: Method::Get,
            body: None,
            headers: BTreeMap::new(),
            auth: Auth::None,
            paging: Paging::None,
            items: ".".to_owned(),
            map: BTreeMap::new(),
            html: false,
            statement: MentionKind::Post,
            order: Order::NewestFirst,
            watermark: Watermark::default(),
        }
    }
}

impl Default for Watermark {
    fn default() -> Watermark {
        Watermark { field: Rank::PublishedAt, overlap_secs: 600, overlap_ids: 50, first_days: 7 }
    }
}

impl Config {
    /// Everything that is wrong, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors: Vec<String> =
            faults(&self.url).into_iter().map(|fault| format!("url: {fault}")).collect();
        self.validate_filters(&mut errors);
        self.validate_headers(&mut errors);
        self.validate_paging(&mut errors);
        if self.body.is_some() && self.method == Method::Get {
            errors.push("body: is not sent with a GET; set method = \"post\"".to_owned());
        }
        errors
    }

    /// Whether the address or the body uses a placeholder.
    pub(super) fn uses(&self, placeholder: &str) -> bool {
        uses(&self.url, placeholder) || self.body.as_deref().is_some_and(|body| uses(body, placeholder))
    }

    /// The filter that finds the next page, if there is one.
    pub(super) fn paging_filter(&self) -> Option<&str> {
        match &self.paging {
            Paging::Cursor { filter } => Some(filter),
            Paging::NextLink { filter } => filter.as_deref(),
            Paging::None | Paging::Page { .. } | Paging::Before { .. } => None,
        }
    }

    fn validate_filters(&self, errors: &mut Vec<String>) {
        let mut compile = |key: String, code: &str| {
            if let Err(why) = Filter::compile(code) {
                errors.push(format!("{key}: {why}"));
            }
        };
        compile("items".to_owned(), &self.items);
        if let Some(filter) = self.paging_filter() {
            compile("paging.filter".to_owned(), filter);
        }
        for (field, code) in &self.map {
            compile(format!("map.{}", name(*field)), code);
        }
        if !self.map.contains_key(&Field::Id) {
            errors.push("map.id: is missing; give the filter that finds the id of an item".to_owned());
        }
        if ![Field::Text, Field::Title, Field::Rating].iter().any(|field| self.map.contains_key(field)) {
            errors.push("map.text: is missing; give the filter that finds the words of an item".to_owned());
        }
        let ordered_by = match self.watermark.field {
            Rank::PublishedAt => Field::PublishedAt,
            Rank::EditedAt => Field::EditedAt,
            Rank::Id => Field::Id,
        };
        if !self.map.contains_key(&ordered_by) {
            errors.push(format!("watermark.field: has no filter; give map.{}", name(ordered_by)));
        }
    }

    fn validate_headers(&self, errors: &mut Vec<String>) {
        for (header, value) in &self.headers {
            if HeaderName::try_from(header.as_str()).is_err() {
                errors.push(format!("headers: `{header}` is no name of a header; correct it"));
            }
            if !can_be_sent(value) {
                errors.push(format!("headers.{header}: cannot be sent as a header; take line breaks out"));
            }
        }
        match &self.auth {
            Auth::Header { name, value } => {
                if HeaderName::try_from(name.as_str()).is_err() {
                    errors.push("auth.name: is no name of a header; correct it".to_owned());
                }
                if !can_be_sent(value) {
                    errors.push("auth.value: cannot be sent as a header; take line breaks out".to_owned());
                }
            }
            Auth::Bearer { token } if !can_be_sent(token) => {
                errors.push("auth.token: cannot be sent as a header; take line breaks out".to_owned());
            }
            Auth::Query { name, .. } if name.is_empty() => {
                errors.push("auth.name: is empty; give the name of the parameter".to_owned());
            }
            Auth::None | Auth::Bearer { .. } | Auth::Basic { .. } | Auth::Query { .. } => {}
        }
    }

    fn validate_paging(&self, errors: &mut Vec<String>) {
        let mut wants = |placeholders: &[&str]| {
            if !placeholders.iter().any(|placeholder| self.uses(placeholder)) {
                let names = placeholders.join("} or {");
                errors.push(format!("paging: has no place in url or body; put {{{names}}} there"));
            }
        };
        match &self.paging {
            Paging::Page { .. } => wants(&["page"]),
            Paging::Cursor { .. } => wants(&["cursor"]),
            Paging::Before { step } => {
                wants(&["before", "before_epoch"]);
                if step.is_some() && self.watermark.field != Rank::Id {
                    errors.push("paging.step: is for ids; leave it out or order by the id".to_owned());
                }
            }
            Paging::None | Paging::NextLink { .. } => {}
        }
        if self.order == Order::OldestFirst {
            if !self.uses("since") && !self.uses("since_epoch") {
                errors.push(
                    "order: oldest_first has no beginning; put {since} or {since_epoch} in url".to_owned(),
                );
            }
            if matches!(self.paging, Paging::Before { .. }) {
                errors.push("paging: before goes down and order goes up; use newest_first".to_owned());
            }
        }
        if self.watermark.field == Rank::Id && (self.uses("since_epoch") || self.uses("before_epoch")) {
            errors.push("watermark.field: an id is no time; use {since} and {before} in url".to_owned());
        }
    }
}

fn can_be_sent(value: &Secret) -> bool {
    reqwest::header::HeaderValue::from_str(value.expose()).is_ok()
}
