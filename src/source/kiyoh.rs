//! Reviews on Kiyoh and KlantenVertellen, the company's answers to them, and their removals.
//!
//! Reviews are asked for in the order of their last change, so that new ones and edits come alike. The interface
//! documents `updatedSince` as "updated after", to an unknown precision: every pass begins five minutes early. It is also
//! the one review site that lists removals. What is wrong is told in the body, whatever the status: see `answer`.

mod answer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use url::Url;

pub use answer::{Reviews, parse, parse_removals};

use super::client::{Client, Request};
use super::{Page, Source};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};

/// How far every pass looks back before what it has seen.
const OVERLAP: Duration = Duration::from_secs(5 * 60);
/// The most reviews that are asked for at once, and what a first poll asks for.
const PAGE_SIZE_MAX: u32 = 250;
/// The most reviews with one and the same time of change that are read; the interface cannot page within them.
const SAME_TIME_MAX: u32 = 1000;
/// Pages that one pass asks a location for before the others, and the next poll, have their turn.
const PAGES_PER_PASS_MAX: u32 = 50;
/// The most pairs of id and time that are remembered to leave out what the overlap repeats.
const REMEMBERED_MAX: usize = 500;

/// What to listen to on Kiyoh or KlantenVertellen.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The site: `https://www.kiyoh.com` or `https://www.klantenvertellen.nl`.
    pub base_url: String,
    /// The number of the site within the interface: 98 for Kiyoh, 99 for KlantenVertellen.
    pub tenant_id: u32,
    /// The locations whose reviews are read.
    pub locations: Vec<Location>,
    /// Reviews that are asked for at once, at most 250.
    pub page_size: u32,
}

/// A location: one company, shop or branch that is reviewed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its number.
    pub id: String,
    /// Its publication token.
    pub token: Secret,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            base_url: "https://www.kiyoh.com".into(),
            tenant_id: 98,
            locations: Vec::new(),
            page_size: 100,
        }
    }
}

impl Config {
    /// Every error in these settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        match Url::parse(&self.base_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                let elsewhere = url.host_str().is_some_and(|host| host.ends_with("klantenvertellen.nl"))
                    && self.tenant_id == 98;
                if elsewhere {
                    errors.push("tenant_id: 98 is Kiyoh; write 99 for KlantenVertellen".into());
                }
            }
            _ => errors.push("base_url: is no http or https address; write https://www.kiyoh.com".into()),
        }
        if self.locations.is_empty() {
            errors.push("locations: is empty; name at least one location with id and token".into());
        }
        let mut ids: Vec<&str> = self.locations.iter().map(|location| location.id.as_str()).collect();
        if ids.iter().any(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            errors.push(
                "locations: an id has only digits and letters; see the site's own settings page".into(),
            );
        }
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            errors.push("locations: one id stands there twice; leave one out".into());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            errors.push(format!("page_size: must lie between 1 and {PAGE_SIZE_MAX}; choose 100"));
        }
        errors
    }

    /// The author ids under which the company itself speaks in this source: its answers are own voice.
    pub fn own_accounts(&self) -> Vec<String> {
        self.locations.iter().map(|location| location.id.clone()).collect()
    }
}

/// Kiyoh or KlantenVertellen as a source.
#[derive(Debug)]
pub struct Kiyoh {
    config: Config,
    client: Client,
}

/// The source that `config` describes.
pub fn build(config: Config, client: Client) -> Kiyoh {
    Kiyoh { config, client }
}

impl Source for Kiyoh {
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let locations = &self.config.locations;
        if cursor.at >= locations.len() {
            cursor.at = 0;
        }
        let Some(location) = locations.get(cursor.at) else { return Ok(Page::default()) };
        let mut progress = cursor.locations.remove(&location.id).unwrap_or_default();

        let mut page = match self.visit(location, &mut progress, now).await {
            Ok(page) => page,
            Err(failure) if is_of_this_location(&failure) && locations.len() > 1 => {
                progress.stage = Stage::Reviews;
                let missed = format!("location {} cannot be read: {failure}", location.id);
                Page { missed: Some(missed), ..Page::default() }
            }
            Err(failure) => return Err(failure),
        };
        if !page.more {
            cursor.at += 1;
        }
        cursor.locations.insert(location.id.clone(), progress);
        page.more = cursor.at < locations.len();
        if !page.more {
            cursor.at = 0;
            cursor.locations.retain(|id, _| locations.iter().any(|location| &location.id == id));
        }
        page.cursor = serde_json::to_string(&cursor).expect("a cursor is plain data");
        Ok(page)
    }

    async fn check(&self) -> Result<String, Failure> {
        for location in &self.config.locations {
            let request = self.reviews(location)?.query("limit", "1");
            parse(&self.ask(request).await?, &location.id)?;
        }
        Ok(format!("reviews of {} locations can be read", self.config.locations.len()))
    }
}

/// Tokens are given for each location, so one that is refused says nothing of the others.
fn is_of_this_location(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::BadCredentials | FailureKind::NotFound | FailureKind::Gone)
}

impl Kiyoh {
    /// One request for one location. `more` of the page says that its turn goes on; the cursor is the caller's.
    async fn visit(
        &self,
        location: &Location,
        progress: &mut Progress,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        if progress.stage == Stage::Removals {
            let since = progress.removed_until.unwrap_or(now);
            let request =
                Request::get(self.address("removed/latest")?).query("updatedSince", &written(early(since)));
            let removals = parse_removals(&self.ask(authorised(request, location)).await?)?;
            progress.removed_until = Some(removals.newest.map_or(since, |at| at.min(now)).max(since));
            progress.stage = Stage::Reviews;
            return Ok(Page { items: removals.items, ..Page::default() });
        }
        let (order, limit) = match progress.next_since() {
            // A first poll takes the newest reviews; from there on everything is read forward.
            None => (self.reviews(location)?.query("sortOrder", "DESC"), PAGE_SIZE_MAX),
            Some(since) => {
                let request = self.reviews(location)?.query("sortOrder", "ASC");
                let limit = progress.same_time_limit.unwrap_or(self.config.page_size);
                (request.query("updatedSince", &written(since)), limit)
            }
        };
        let reviews = parse(&self.ask(order.query("limit", &limit.to_string())).await?, &location.id)?;
        Ok(progress.take(reviews, limit, now))
    }

    fn reviews(&self, location: &Location) -> Result<Request, Failure> {
        let request = Request::get(self.address("external")?)
            .query("locationId", &location.id)
            .query("tenantId", &self.config.tenant_id.to_string())
            .query("orderBy", "UPDATE_DATE");
        Ok(authorised(request, location))
    }

    async fn ask(&self, request: Request) -> Result<String, Failure> {
        let response = self.client.send(request.accepting_all()).await?;
        let body = response.text();
        match answer::refusal(&body, &response) {
            Some(failure) => Err(failure),
            None => Ok(body),
        }
    }

    fn address(&self, path: &str) -> Result<Url, Failure> {
        let bad_base =
            || Failure::new(FailureKind::Blocked, "base_url of the Kiyoh source is no address we can ask");
        let mut url = Url::parse(&self.config.base_url).map_err(|_| bad_base())?;
        url.path_segments_mut()
            .map_err(|()| bad_base())?
            .pop_if_empty()
            .extend(["v1", "publication", "review"])
            .extend(path.split('/'));
        Ok(url)
    }
}

fn authorised(request: Request, location: &Location) -> Request {
    request.secret_header(HeaderName::from_static("x-publication-api-token"), location.token.expose())
}

/// A moment as the interface takes it: to the millisecond, cut off and so never too late.
fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn early(at: Timestamp) -> Timestamp {
    at.checked_sub(OVERLAP).unwrap_or(at)
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The location that is read now.
    at: usize,
    locations: BTreeMap<String, Progress>,
}

/// How far one location was read.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    stage: Stage,
    /// Every review that changed up to this time was seen.
    updated_until: Option<Timestamp>,
    /// Every removal up to this time was seen.
    removed_until: Option<Timestamp>,
    /// The newest change of the last page of the pass under way; none while the look back is still due.
    position: Option<Timestamp>,
    /// Pages of the pass under way.
    pages: u32,
    /// A larger page, while more reviews carry one and the same time than a page holds.
    same_time_limit: Option<u32>,
    /// Reviews with their time of change within the overlap, which were returned already.
    remembered: Vec<(String, Timestamp)>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Reviews,
    Removals,
}

impl Progress {
    /// From when on changes are asked for; `None` before the first poll.
    fn next_since(&self) -> Option<Timestamp> {
        let until = self.updated_until?;
        // "After" may or may not leave out the moment itself, where more reviews may stand.
        let within = |at: Timestamp| at.checked_sub(Duration::from_millis(1)).unwrap_or(at);
        Some(self.position.map_or_else(|| early(until), within))
    }

    /// Takes one page into the pass, and says in the page's `more` whether the turn of this location goes on.
    fn take(&mut self, reviews: Reviews, limit: u32, now: Timestamp) -> Page {
        let first_poll = self.updated_until.is_none();
        let is_full = reviews.count >= limit.min(PAGE_SIZE_MAX) as usize;
        // A time in the future must not move us past changes that are still to come.
        let newest = reviews.updated.iter().map(|(_, at)| *at).max().map(|at| at.min(now));
        let mut page = Page { items: reviews.without(&self.remembered), more: true, ..Page::default() };
        self.updated_until = self.updated_until.max(newest).or(Some(now));
        self.removed_until = self.removed_until.or(Some(now));
        self.remember(reviews.updated);
        self.pages = self.pages.saturating_add(1);
        if first_poll || !is_full {
            self.end_pass();
            return page;
        }
        if newest > self.position {
            self.position = newest;
            self.same_time_limit = None;
        } else if limit < SAME_TIME_MAX {
            self.same_time_limit = Some(limit.saturating_mul(2).min(SAME_TIME_MAX));
        } else {
            page.missed = Some("more reviews changed at one and the same moment than can be read".into());
            let stuck = self.position.or(self.updated_until).unwrap_or(now);
            self.position = Some(stuck.checked_add(Duration::from_millis(2)).unwrap_or(stuck));
            self.same_time_limit = None;
        }
        if self.pages >= PAGES_PER_PASS_MAX {
            // The rest follows at the next poll, from where this one stopped.
            self.end_pass();
        }
        page
    }

    fn end_pass(&mut self) {
        self.pages = 0;
        self.position = None;
        self.same_time_limit = None;
        self.stage = Stage::Removals;
    }

    fn remember(&mut self, updated: Vec<(String, Timestamp)>) {
        let from = self.updated_until.map(early);
        for pair in updated {
            if !self.remembered.contains(&pair) {
                self.remembered.push(pair);
            }
        }
        self.remembered.retain(|(_, at)| Some(*at) >= from);
        let surplus = self.remembered.len().saturating_sub(REMEMBERED_MAX);
        self.remembered.drain(..surplus);
    }
}
