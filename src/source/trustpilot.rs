//! Reviews of a company on Trustpilot, and the company's own replies to them.
//!
//! Reviews come newest first by page number, so pages shift while new reviews arrive: we page until a whole page is older
//! than what we know, and what comes twice is recognised by its id downstream. Edits are not announced; they are found
//! because the newest page is read at every poll and the newest five once a day. Calls are counted by the year, so a
//! quiet poll is one request for each business unit.

mod list;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use list::Seen;
pub use list::{Reviews, parse};

use super::client::{Client, Request, Response};
use super::json::{self, Count};
use super::{Page, Source};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};

/// The most reviews that the service puts on a page.
const PAGE_SIZE_MAX: u32 = 100;
/// Pages that a first poll takes of each business unit.
const BACKFILL_PAGES: u32 = 3;
/// Pages that one pass asks for before it lets the other units, and the next poll, have their turn.
const PAGES_PER_PASS_MAX: u32 = 50;
/// Pages that the daily look for edits reads.
const SWEEP_PAGES: u32 = 5;
/// How long after one look for edits the next is due.
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// A token is renewed when this little of its life is left.
const TOKEN_MARGIN_SECS: i64 = 60;

/// What to listen to on Trustpilot.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address of the interface.
    pub base_url: String,
    /// The ids of the business units whose reviews are read: 24 hexadecimal digits each.
    pub business_units: Vec<String>,
    /// The API key of the application.
    pub api_key: Option<Secret>,
    /// The API secret of the application. With it the private list is read, which tells the order number of an invited
    /// review.
    pub api_secret: Option<Secret>,
    /// Reviews on a page, at most 100.
    pub page_size: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            base_url: "https://api.trustpilot.com".into(),
            business_units: Vec::new(),
            api_key: None,
            api_secret: None,
            page_size: PAGE_SIZE_MAX,
        }
    }
}

impl Config {
    /// Every error in these settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if !Url::parse(&self.base_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            errors.push("base_url: is no http or https address; leave it out for Trustpilot itself".into());
        }
        if self.business_units.is_empty() {
            errors.push("business_units: is empty; name at least one business unit by its id".into());
        }
        let is_id = |unit: &String| !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !self.business_units.iter().all(is_id) {
            errors.push("business_units: an id has only letters and digits; a domain name is no id".into());
        }
        if self.api_key.is_none() {
            errors.push("api_key: is missing; take it from the application in Trustpilot Business".into());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            errors.push(format!("page_size: must lie between 1 and {PAGE_SIZE_MAX}; choose {PAGE_SIZE_MAX}"));
        }
        errors
    }

    /// The author ids under which the company itself speaks in this source: its replies are own voice.
    pub fn own_accounts(&self) -> Vec<String> {
        self.business_units.clone()
    }
}

/// Trustpilot as a source.
#[derive(Debug)]
pub struct Trustpilot {
    config: Config,
    client: Client,
    /// The access token for the private list, while it lives.
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    value: Secret,
    expires_at: Timestamp,
}

/// The source that `config` describes.
pub fn build(config: Config, client: Client) -> Trustpilot {
    Trustpilot { config, client, token: Mutex::new(None) }
}

impl Source for Trustpilot {
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let units = &self.config.business_units;
        if cursor.at >= units.len() {
            cursor.at = 0;
        }
        let Some(unit) = units.get(cursor.at) else { return Ok(Page::default()) };
        let mut progress = cursor.units.remove(unit).unwrap_or_default();
        let (items, step) = match self.ask(unit, progress.next_page(), self.config.page_size, now).await {
            Ok(response) => {
                let reviews = parse(&response.text(), unit)?;
                let step = progress.take(&reviews.seen, now);
                (reviews.items, step)
            }
            Err(failure) if is_absent(&failure) && units.len() > 1 => {
                let missed = format!("business unit {unit} cannot be read: {failure}");
                (Vec::new(), Step { finished: true, missed: Some(missed) })
            }
            Err(failure) => return Err(failure),
        };
        cursor.units.insert(unit.clone(), progress);
        if step.finished {
            cursor.at += 1;
        }
        let more = cursor.at < units.len();
        if !more {
            cursor.at = 0;
            cursor.units.retain(|unit, _| units.contains(unit));
        }
        let cursor = serde_json::to_string(&cursor).expect("a cursor is plain data");
        Ok(Page { items, cursor, more, missed: step.missed, ..Page::default() })
    }

    async fn check(&self) -> Result<String, Failure> {
        for unit in &self.config.business_units {
            // Without a clock, a token that is fetched here serves this check only; the next poll logs in by itself.
            let response = self.ask(unit, 1, 1, Timestamp::MIN).await?;
            parse(&response.text(), unit)?;
        }
        let list = if self.config.api_secret.is_some() { "with" } else { "without" };
        Ok(format!(
            "reviews of {} business units can be read, {list} order numbers",
            self.config.business_units.len()
        ))
    }
}

fn is_absent(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::Gone)
}

impl Trustpilot {
    /// Asks for one page of one unit's reviews, logged in when the private list was configured.
    async fn ask(&self, unit: &str, page: u32, size: u32, now: Timestamp) -> Result<Response, Failure> {
        let Some(secret) = &self.config.api_secret else {
            return self.client.send(self.list(&["business-units", unit, "reviews"], page, size)?).await;
        };
        let list = self.list(&["private", "business-units", unit, "reviews"], page, size)?;
        let (token, fresh) = self.token(secret, now).await?;
        match self.client.send(list.clone().bearer(token.expose())).await {
            // A token may end before its time; one new login tells that from wrong credentials.
            Err(failure) if failure.kind == FailureKind::BadCredentials && !fresh => {
                *self.token.lock().await = None;
                let (token, _) = self.token(secret, now).await?;
                self.client.send(list.bearer(token.expose())).await
            }
            answer => answer,
        }
    }

    fn list(&self, path: &[&str], page: u32, size: u32) -> Result<Request, Failure> {
        Ok(Request::get(self.address(path)?)
            .secret_header(HeaderName::from_static("apikey"), self.api_key())
            .query("page", &page.to_string())
            .query("perPage", &size.to_string())
            .query("orderBy", "createdat.desc"))
    }

    /// The access token, and whether it was fetched just now. Trustpilot refuses those who log in before a token ends.
    async fn token(&self, secret: &Secret, now: Timestamp) -> Result<(Secret, bool), Failure> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && token.expires_at > now
        {
            return Ok((token.value.clone(), false));
        }
        let login = Request::new(
            Method::POST,
            self.address(&["oauth", "oauth-business-users-for-applications", "accesstoken"])?,
        )
        .basic(self.api_key(), secret.expose())
        .body(b"grant_type=client_credentials".to_vec(), "application/x-www-form-urlencoded");
        let answer: Login = json::envelope(&self.client.send(login).await?.text())?;
        let lifetime = i64::try_from(answer.expires_in.0.unwrap_or(0)).unwrap_or(i64::MAX);
        let value = Secret::new(answer.access_token);
        let expires_at = now.as_second().saturating_add(lifetime.saturating_sub(TOKEN_MARGIN_SECS));
        *held = Some(Token {
            value: value.clone(),
            expires_at: Timestamp::from_second(expires_at).unwrap_or(Timestamp::MAX),
        });
        Ok((value, true))
    }

    fn address(&self, path: &[&str]) -> Result<Url, Failure> {
        let bad_base = || {
            Failure::new(FailureKind::Blocked, "base_url of the Trustpilot source is no address we can ask")
        };
        let mut url = Url::parse(&self.config.base_url).map_err(|_| bad_base())?;
        url.path_segments_mut().map_err(|()| bad_base())?.pop_if_empty().push("v1").extend(path);
        Ok(url)
    }

    fn api_key(&self) -> &str {
        self.config.api_key.as_ref().map_or("", Secret::expose)
    }
}

#[derive(Deserialize)]
struct Login {
    access_token: String,
    #[serde(default)]
    expires_in: Count,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The business unit that is read now.
    at: usize,
    units: BTreeMap<String, Progress>,
}

/// How far one business unit was read.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// Every review up to this time was seen.
    watermark: Option<Timestamp>,
    /// When the newest pages were last read for edits.
    swept_at: Option<Timestamp>,
    /// The pass that is under way.
    pass: Option<Pass>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Pass {
    pages: u32,
    newest: Option<Timestamp>,
    /// Ids of the page before, to notice a service that ignores the page number.
    last_ids: Vec<String>,
    sweeping: bool,
}

struct Step {
    finished: bool,
    missed: Option<String>,
}

impl Progress {
    fn next_page(&self) -> u32 {
        self.pass.as_ref().map_or(0, |pass| pass.pages).saturating_add(1)
    }

    /// Takes one page into the pass, and says whether this unit's turn goes on.
    fn take(&mut self, seen: &[Seen], now: Timestamp) -> Step {
        let sweep_due = self
            .swept_at
            .is_none_or(|at| now.as_second() - at.as_second() >= SWEEP_INTERVAL.as_secs() as i64);
        let mut pass = self.pass.take().unwrap_or(Pass { sweeping: sweep_due, ..Pass::default() });
        pass.pages = pass.pages.saturating_add(1);
        // A time in the future must not move the watermark past reviews that are still to come.
        let newest = seen.iter().filter_map(|review| review.created_at).max().map(|at| at.min(now));
        pass.newest = pass.newest.max(newest);
        let ids: Vec<String> = seen.iter().map(|review| review.id.clone()).collect();
        if seen.is_empty() || ids == pass.last_ids {
            let repeats = !seen.is_empty();
            self.finish(&pass, now);
            return Step {
                finished: true,
                missed: repeats.then(|| "the list repeats a page, so older reviews were not reached".into()),
            };
        }
        let goes_on = match self.watermark {
            None => pass.pages < BACKFILL_PAGES,
            Some(watermark) => {
                let any_new = seen.iter().any(|review| review.created_at.is_some_and(|at| at > watermark));
                any_new || (pass.sweeping && pass.pages < SWEEP_PAGES)
            }
        };
        if !goes_on {
            let undated = seen.iter().all(|review| review.created_at.is_none());
            self.finish(&pass, now);
            return Step {
                finished: true,
                missed: undated.then(|| "reviews carry no time, so only the newest page was read".into()),
            };
        }
        let pause = pass.pages.is_multiple_of(PAGES_PER_PASS_MAX);
        pass.last_ids = ids;
        self.pass = Some(pass);
        Step { finished: pause, missed: None }
    }

    fn finish(&mut self, pass: &Pass, now: Timestamp) {
        if pass.sweeping {
            self.swept_at = Some(now);
        }
        self.watermark = self.watermark.max(pass.newest);
    }
}
