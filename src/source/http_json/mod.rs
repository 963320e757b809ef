//! Any JSON interface that lists statements, by configuration alone.
//!
//! `config` is what the operator writes; `filters` compiles its jq; `template` makes addresses; `harmless` disarms an answer
//! and `mapping` makes mentions of it, `aside` from the runtime, because a filter may take long. Ready-made configurations
//! stand in `config/examples`.

mod aside;
mod config;
mod filters;
mod harmless;
mod mapping;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use reqwest::{Method as Verb, Url};
use serde::{Deserialize, Serialize};

pub use self::config::{Auth, Config, Method, Order, Paging, Watermark};
pub use self::mapping::{Field, Rank};

use self::aside::Aside;
use self::filters::Filter;
use self::mapping::{Answer, Entry, Mapping};
use self::template::{Values, address, body, following, next_of_link_header};
use super::client::{Client, Request};
use super::walk::{Habits, Listed, Next, PAGES_MAX, Step, Walk};
use super::{Item, Page, Source};
use crate::clock::at_millis;
use crate::failure::{Failure, FailureKind};

/// How long the filters of one answer may run.
const FILTERS_PATIENCE: Duration = Duration::from_secs(10);
const DAY_MILLIS: i128 = 86_400_000;
/// The year 2100, for requests that are made without a clock.
const FAR_AWAY_MILLIS: i128 = 4_102_444_800_000;

/// A listener on a JSON interface.
pub struct HttpJson {
    config: Config,
    client: Client,
    mapping: Arc<Mapping>,
    aside: Aside,
    /// The address with nothing filled in: where every other one must lead to.
    home: Url,
}

/// Builds the listener from a configuration that [`Config::validate`] found nothing wrong with.
pub fn build(config: Config, client: Client) -> HttpJson {
    let compile = |code: &str| Filter::compile(code).expect("validate() has compiled it");
    let fields: BTreeMap<Field, Filter> =
        config.map.iter().map(|(field, code)| (*field, compile(code))).collect();
    let mapping = Mapping {
        items: compile(&config.items),
        next: config.paging_filter().map(compile),
        fields,
        kind: config.statement,
        html: config.html,
        rank: config.watermark.field,
    };
    let home = address(&config.url, &Values::default()).expect("validate() has parsed it");
    HttpJson { config, client, mapping: Arc::new(mapping), aside: Aside::new(FILTERS_PATIENCE), home }
}

/// How far the list was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    walk: Walk,
    /// Answers in a row that led on by themselves, in a list that has no pages.
    rounds: u32,
}

impl Source for HttpJson {
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let habits = self.habits(now);
        let (answer, link) = match self.ask(&cursor.walk, Some(now)).await {
            Ok(answered) => answered,
            Err(failure) if failure.kind == FailureKind::Refused && cursor.walk.token().is_some() => {
                let turn = cursor.walk.token_refused(habits);
                return Ok(page(Vec::new(), &cursor, turn.step == Step::On, turn.missed));
            }
            Err(failure) => return Err(failure),
        };
        let listed: Vec<Listed> = answer.entries.iter().filter_map(|entry| entry.listed.clone()).collect();
        let items = fresh(answer.entries, &cursor.walk);
        let (next, reached) = self.next(&cursor.walk, &listed, !items.is_empty(), answer.next.or(link));
        let mark_before = cursor.walk.floor(0);
        let turn = cursor.walk.turn(&listed, reached, next, habits);

        // Without pages, the next stretch of a rising list is asked for by the mark itself.
        let leads_on = self.config.order == Order::OldestFirst
            && self.config.paging == Paging::None
            && mark_before < cursor.walk.floor(0)
            && !items.is_empty();
        cursor.rounds = if leads_on { cursor.rounds + 1 } else { 0 };
        let more = turn.step == Step::On || (leads_on && !cursor.rounds.is_multiple_of(PAGES_MAX));
        Ok(page(items, &cursor, more, turn.missed))
    }

    async fn check(&self) -> Result<String, Failure> {
        let (answer, _) = self.ask(&Walk::default(), None).await?;
        let broken = answer.entries.iter().find_map(|entry| match &entry.item {
            Item::Broken { reason, .. } => Some(reason.clone()),
            Item::Mention(_) | Item::Removed(_) => None,
        });
        let understood = answer.entries.iter().filter(|entry| entry.listed.is_some()).count();
        let count = answer.entries.len();
        match broken {
            Some(reason) if understood == 0 => Err(Failure::malformed(format!(
                "none of {count} items can be understood, the first because {reason}"
            ))),
            Some(reason) => {
                Ok(format!("{understood} of {count} items understood; one not, because {reason}"))
            }
            None => Ok(format!("{understood} of {count} items understood")),
        }
    }
}

impl HttpJson {
    /// Asks for the page that the walk stands at: its entries, and the link to the next if a header gave one.
    /// Without a clock (`now`), the list is asked as a whole.
    async fn ask(&self, walk: &Walk, now: Option<Timestamp>) -> Result<(Answer, Option<String>), Failure> {
        let response = self.client.send(self.request(walk, now)?).await?;
        let link = match self.config.paging {
            Paging::NextLink { filter: None } => {
                let headers = response.headers.get_all("link").iter();
                let mut texts = headers.filter_map(|value| value.to_str().ok());
                texts.find_map(next_of_link_header).map(str::to_owned)
            }
            _ => None,
        };
        let (mapping, text) = (self.mapping.clone(), response.text());
        let latest = now.unwrap_or(Timestamp::MAX);
        let answer = self.aside.run(move || mapping.read(&text, latest)).await??;
        Ok((answer, link))
    }

    fn request(&self, walk: &Walk, now: Option<Timestamp>) -> Result<Request, Failure> {
        let values = self.values(walk, now);
        let url = match (&self.config.paging, walk.token()) {
            (Paging::NextLink { .. }, Some(link)) => following(&self.home, &self.home, link),
            _ => address(&self.config.url, &values).ok().filter(|url| url.origin() == self.home.origin()),
        };
        let url = url.ok_or_else(|| {
            Failure::new(
                FailureKind::Blocked,
                "the next page would be on another host than the configured one",
            )
        })?;
        let verb = match self.config.method {
            Method::Get => Verb::GET,
            Method::Post => Verb::POST,
        };
        let mut request = Request::new(verb, url).header(reqwest::header::ACCEPT, "application/json");
        if let Some(template) = &self.config.body {
            request = request.body(body(template, &values).into_bytes(), "application/json");
        }
        for (name, value) in &self.config.headers {
            let name = HeaderName::try_from(name.as_str()).expect("validate() has parsed it");
            request = request.secret_header(name, value.expose());
        }
        Ok(match &self.config.auth {
            Auth::None => request,
            Auth::Bearer { token } => request.bearer(token.expose()),
            Auth::Basic { user, password } => request.basic(user, password.expose()),
            Auth::Header { name, value } => {
                let name = HeaderName::try_from(name.as_str()).expect("validate() has parsed it");
                request.secret_header(name, value.expose())
            }
            Auth::Query { name, value } => request.query(name, value.expose()),
        })
    }

    /// What the placeholders stand for.
    fn values(&self, walk: &Walk, now: Option<Timestamp>) -> Values {
        let token = walk.token().map(str::to_owned);
        let now = now.map(|now| i128::from(now.as_millisecond()));
        let first_days = i128::from(self.config.watermark.first_days);
        let beginning = now.map_or(0, |now| now - first_days * DAY_MILLIS);
        // A list that is asked for "up to" some moment wants one at its top too: a day ahead of any clock.
        let end = now.map_or(FAR_AWAY_MILLIS, |now| now + DAY_MILLIS);
        let floor = walk.floor(self.overlap());
        let mut values = Values::default();
        match self.config.paging {
            Paging::Page { first, .. } => values.page = Some(token.unwrap_or_else(|| first.to_string())),
            Paging::Cursor { .. } => values.cursor = token,
            Paging::Before { .. } if self.is_by_id() => values.before = token,
            Paging::Before { .. } => {
                let before = token.and_then(|token| token.parse().ok()).unwrap_or(end);
                values.before = Some(iso(before));
                values.before_epoch = Some((before + 999).div_euclid(1000).to_string());
            }
            Paging::None | Paging::NextLink { .. } => {}
        }
        if self.is_by_id() {
            values.since = Some(floor.unwrap_or(0).max(0).to_string());
        } else {
            let since = floor.unwrap_or(beginning);
            values.since = Some(iso(since));
            values.since_epoch = Some(since.div_euclid(1000).to_string());
        }
        values
    }

    /// How the list goes on after this page, and how far down it got where that is known.
    fn next(
        &self,
        walk: &Walk,
        listed: &[Listed],
        has_news: bool,
        said: Option<String>,
    ) -> (Next, Option<i128>) {
        let token = walk.token();
        let is_empty = listed.is_empty() && !has_news;
        let next = match &self.config.paging {
            Paging::None => Next::End,
            Paging::Page { .. } if is_empty => Next::End,
            Paging::Page { first, last } => {
                let page = token.and_then(|token| token.parse().ok()).unwrap_or(*first).saturating_add(1);
                match page > *last {
                    true if walk.floor(0).is_some() => {
                        Next::Lost("the interface gives no further pages".into())
                    }
                    true => Next::End,
                    false => Next::Token(page.to_string()),
                }
            }
            Paging::Cursor { .. } => said.map_or(Next::End, Next::Token),
            Paging::NextLink { .. } => said.map_or(Next::End, |link| self.next_link(token, &link)),
            Paging::Before { step } => return self.next_before(token, listed, has_news, *step),
        };
        match next {
            // At the end some interfaces repeat the last token beside an empty page.
            Next::Token(said) if is_empty && token == Some(said.as_str()) => (Next::End, None),
            next => (next, None),
        }
    }

    fn next_link(&self, token: Option<&str>, link: &str) -> Next {
        let current = token.and_then(|token| Url::parse(token).ok()).unwrap_or_else(|| self.home.clone());
        let Some(mut next) = following(&self.home, &current, link) else {
            return Next::Lost("the link to the next page leads to another host".to_owned());
        };
        if let Auth::Query { name, .. } = &self.config.auth {
            without_parameter(&mut next, name);
        }
        Next::Token(next.into())
    }

    fn next_before(
        &self,
        token: Option<&str>,
        listed: &[Listed],
        has_news: bool,
        step: Option<u64>,
    ) -> (Next, Option<i128>) {
        let current: Option<i128> = token.and_then(|token| token.parse().ok());
        let lowest = listed.iter().filter_map(|item| item.rank).min();
        let lower = lowest.filter(|lowest| current.is_none_or(|current| *lowest < current));
        let stepped = current.zip(step).map(|(current, step)| current - i128::from(step));
        match lower.or(stepped) {
            Some(before) if before > 0 => (Next::Token(before.to_string()), Some(before)),
            Some(_) => (Next::End, None),
            None if has_news && current.is_some() => {
                (Next::Lost("more items share one moment than fit on a page".to_owned()), None)
            }
            None => (Next::End, None),
        }
    }

    fn habits(&self, now: Timestamp) -> Habits {
        Habits {
            newest_first: self.config.order == Order::NewestFirst,
            overlap: self.overlap(),
            start: if self.is_by_id() { 0 } else { i128::from(now.as_millisecond()) },
            bounded: self.config.uses("since") || self.config.uses("since_epoch"),
        }
    }

    fn overlap(&self) -> i128 {
        if self.is_by_id() {
            i128::from(self.config.watermark.overlap_ids)
        } else {
            i128::from(self.config.watermark.overlap_secs) * 1000
        }
    }

    fn is_by_id(&self) -> bool {
        self.config.watermark.field == Rank::Id
    }
}

/// What was not returned before.
fn fresh(entries: Vec<Entry>, walk: &Walk) -> Vec<Item> {
    let is_known = |entry: &Entry| entry.listed.as_ref().is_some_and(|listed| walk.knows(&listed.key));
    entries.into_iter().filter(|entry| !is_known(entry)).map(|entry| entry.item).collect()
}

fn page(items: Vec<Item>, cursor: &Cursor, more: bool, missed: Option<String>) -> Page {
    let cursor = serde_json::to_string(cursor).expect("our own types are always JSON");
    Page { items, cursor, more, missed, ..Page::default() }
}

/// Milliseconds since 1970 as ISO 8601 in UTC.
fn iso(millis: i128) -> String {
    at_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string()
}

/// Takes a parameter out, so that a secret that the source repeats in its links is not stored.
fn without_parameter(url: &mut Url, name: &str) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    if kept.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
}
