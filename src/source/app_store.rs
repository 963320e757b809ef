//! Reviews in Apple's App Store, from the public review feed of each app in each country.
//!
//! The feed is newest first, 50 reviews a page and at most ten pages; it has no cursor, tells of no removal, and is known
//! to answer a stale or empty page now and then. So we page until reviews that we know, an empty page means nothing,
//! and an edit shows only as another text under the same id. Ids are unique over all countries.

mod feed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

pub use feed::{Reviews, parse};

use super::client::{Client, Request};
use super::{Page, Source};
use crate::failure::{Failure, FailureKind};

/// The deepest page the feed answers.
const PAGES_MAX: u32 = 10;
/// Pages that a first poll takes of each feed.
const BACKFILL_PAGES: u32 = 3;
/// The most feeds, one for each app and country, that one source visits.
const FEEDS_MAX: usize = 200;
/// The newest ids that are remembered of a feed: more than two pages, so that removed reviews do not hide the rest.
const KNOWN_IDS_MAX: usize = 120;
/// How often a feed is read in full because no known review came back, before that is believed.
const UNMET_PASSES_MAX: u32 = 3;
/// The most feeds that a check asks.
const CHECKED_FEEDS_MAX: usize = 20;

/// What to listen to in the App Store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address of the store.
    pub base_url: String,
    /// The numeric ids of the apps, as in the address of their page after `id`.
    pub apps: Vec<String>,
    /// The countries whose stores are read, as two-letter codes.
    pub countries: Vec<String>,
    /// Pages of 50 reviews that are read of one feed at most, 1 to 10.
    pub pages_max: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            base_url: "https://itunes.apple.com".into(),
            apps: Vec::new(),
            countries: Vec::new(),
            pages_max: PAGES_MAX,
        }
    }
}

impl Config {
    /// Every error in these settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if !Url::parse(&self.base_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            errors.push("base_url: is no http or https address; leave it out for the App Store".into());
        }
        if self.apps.is_empty() {
            errors.push("apps: is empty; name at least one app by its number".into());
        }
        if self.apps.iter().any(|app| app.is_empty() || !app.bytes().all(|byte| byte.is_ascii_digit())) {
            errors.push(
                "apps: an app is a number; take the digits after \"id\" in the address of its page".into(),
            );
        }
        if self.countries.is_empty() {
            errors.push("countries: is empty; name at least one store, for instance \"nl\"".into());
        }
        let two_letters =
            |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !self.countries.iter().all(two_letters) {
            errors.push("countries: a country is two letters; write for instance \"nl\"".into());
        }
        if self.apps.len().saturating_mul(self.countries.len()) > FEEDS_MAX {
            errors.push(format!(
                "apps: more than {FEEDS_MAX} feeds of apps and countries; spread them over several sources"
            ));
        }
        if !(1..=PAGES_MAX).contains(&self.pages_max) {
            errors
                .push(format!("pages_max: must lie between 1 and {PAGES_MAX}; the store has no more pages"));
        }
        errors
    }

    /// Every feed: country and app.
    fn feeds(&self) -> Vec<(&str, &str)> {
        let countries = self.countries.iter();
        countries
            .flat_map(|country| self.apps.iter().map(move |app| (country.as_str(), app.as_str())))
            .collect()
    }
}

/// The App Store as a source.
#[derive(Debug)]
pub struct AppStore {
    config: Config,
    client: Client,
}

/// The source that `config` describes.
pub fn build(config: Config, client: Client) -> AppStore {
    AppStore { config, client }
}

impl Source for AppStore {
    async fn fetch(&self, cursor: &str, _now: Timestamp) -> Result<Page, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let feeds = self.config.feeds();
        if cursor.at >= feeds.len() {
            cursor = Cursor { feeds: cursor.feeds, ..Cursor::default() };
        }
        let Some(&(country, app)) = feeds.get(cursor.at) else { return Ok(Page::default()) };
        let mut feed = cursor.feeds.remove(&key(country, app)).unwrap_or_default();

        let answer = self.client.send(self.request(country, app, feed.next_page())?).await;
        let (items, step) = match answer {
            Ok(response) => {
                let reviews = parse(&response.text())?;
                let step = feed.take(&reviews.ids, self.config.pages_max);
                (reviews.items, step)
            }
            Err(failure) if is_absent(&failure) && (feeds.len() > 1 || feed.pass.is_some()) => {
                // Not every app is sold in every country, and one such store must not silence the others; a later page
                // that is not there ends the feed.
                cursor.absent += usize::from(feed.pass.is_none());
                (Vec::new(), feed.finish())
            }
            Err(failure) => return Err(failure),
        };
        cursor.feeds.insert(key(country, app), feed);
        let mut missed = step.missed;
        if step.finished {
            cursor.at += 1;
        }
        let more = cursor.at < feeds.len();
        if !more {
            if cursor.absent == feeds.len() {
                missed = Some("no store of the configured countries knows any of the apps".into());
            }
            let known: Vec<String> = feeds.iter().map(|(country, app)| key(country, app)).collect();
            cursor.feeds.retain(|key, _| known.contains(key));
            cursor = Cursor { feeds: cursor.feeds, ..Cursor::default() };
        }
        let cursor = serde_json::to_string(&cursor).expect("a cursor is plain data");
        Ok(Page { items, cursor, more, missed, ..Page::default() })
    }

    async fn check(&self) -> Result<String, Failure> {
        let feeds = self.config.feeds();
        let (mut readable, mut absent, mut last_failure) = (0, Vec::new(), None);
        for &(country, app) in feeds.iter().take(CHECKED_FEEDS_MAX) {
            match self.client.send(self.request(country, app, 1)?).await {
                Ok(response) => {
                    parse(&response.text())?;
                    readable += 1;
                }
                Err(failure) if is_absent(&failure) => {
                    absent.push(key(country, app));
                    last_failure = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        match last_failure {
            Some(failure) if readable == 0 => Err(failure),
            Some(_) => Ok(format!("{readable} review feeds can be read; not there: {}", absent.join(", "))),
            None => Ok(format!("{readable} of {} review feeds were asked and can be read", feeds.len())),
        }
    }
}

impl AppStore {
    fn request(&self, country: &str, app: &str, page: u32) -> Result<Request, Failure> {
        let bad_base = || {
            Failure::new(FailureKind::Blocked, "base_url of the App Store source is no address we can ask")
        };
        let mut url = Url::parse(&self.config.base_url).map_err(|_| bad_base())?;
        url.path_segments_mut().map_err(|()| bad_base())?.pop_if_empty().extend([
            country.to_ascii_lowercase().as_str(),
            "rss",
            "customerreviews",
            &format!("page={page}"),
            &format!("id={app}"),
            "sortby=mostrecent",
            "json",
        ]);
        Ok(Request::get(url).following_redirects())
    }
}

fn key(country: &str, app: &str) -> String {
    format!("{country}/{app}")
}

fn is_absent(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::Gone | FailureKind::Refused)
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The feed that is read now.
    at: usize,
    /// Feeds of this round that do not exist.
    absent: usize,
    feeds: BTreeMap<String, Feed>,
}

/// What is remembered of one feed.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Feed {
    /// The newest ids seen, newest first.
    known: Vec<String>,
    /// Passes in a row that met no known id.
    unmet_passes: u32,
    /// The pass that is under way.
    pass: Option<Pass>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Pass {
    pages: u32,
    ids: Vec<String>,
    met_known: bool,
}

#[derive(Debug, PartialEq)]
struct Step {
    finished: bool,
    missed: Option<String>,
}

impl Feed {
    fn next_page(&self) -> u32 {
        self.pass.as_ref().map_or(0, |pass| pass.pages) + 1
    }

    /// Takes the ids of one page into the pass, and says whether the pass goes on.
    fn take(&mut self, ids: &[String], pages_max: u32) -> Step {
        let mut pass = self.pass.take().unwrap_or_default();
        pass.pages += 1;
        pass.met_known |= ids.iter().any(|id| self.known.contains(id));
        // A known review at the top may be an edited one, so only a known review at the end says that we caught up.
        let caught_up = ids.last().is_none_or(|id| self.known.contains(id));
        let repeated = !ids.is_empty() && ids.iter().all(|id| pass.ids.contains(id));
        let fresh: Vec<String> = ids.iter().filter(|id| !pass.ids.contains(id)).cloned().collect();
        pass.ids.extend(fresh);
        let pages_max = if self.known.is_empty() { pages_max.min(BACKFILL_PAGES) } else { pages_max };
        let too_deep = pass.pages >= pages_max;
        let met_known = pass.met_known;
        self.pass = Some(pass);
        if repeated {
            let step = self.finish();
            return Step { missed: step.missed.or(Some("the feed repeats a page".into())), ..step };
        }
        if caught_up {
            return self.finish();
        }
        if !too_deep {
            return Step { finished: false, missed: None };
        }
        if !self.known.is_empty() && !met_known {
            self.unmet_passes = UNMET_PASSES_MAX;
        }
        self.finish()
    }

    /// Ends the pass. What it saw becomes known, unless it met nothing known and may have been cut short by an empty page.
    fn finish(&mut self) -> Step {
        let pass = self.pass.take().unwrap_or_default();
        let mut step = Step { finished: true, missed: None };
        if pass.ids.is_empty() {
            return step;
        }
        if !pass.met_known && !self.known.is_empty() {
            self.unmet_passes += 1;
            if self.unmet_passes < UNMET_PASSES_MAX {
                return step;
            }
            step.missed = Some("no review of the last poll came back in the feed".into());
        }
        self.unmet_passes = 0;
        let older = std::mem::take(&mut self.known);
        self.known = pass.ids;
        self.known.extend(older.into_iter().filter(|id| !self.known.contains(id)).collect::<Vec<_>>());
        self.known.truncate(KNOWN_IDS_MAX);
        step
    }
}
