//! Mastodon and servers with its interface: posts under hashtags, mentions of us, our own replies, and what was replied to.
//!
//! Start here: this file asks one question per call. `cursor` says which; `status` turns answers into mentions.
//!
//! Every instance knows its own part of the network, with ids of its own: a source is one instance. The text of an error
//! is in the instance's language, so only the status code counts.

mod cursor;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::client::{Client, Request, Response};
use super::seen::mention;
use super::{Item, Page, Source};
use crate::config::secret::Secret;
use crate::failure::{Disposition, Failure, FailureKind};
use crate::mention::Mention;
use crate::source::json::{self, Id};
use cursor::{Ask, Cursor, OwnAccount, PARENTS_MAX, Step};
use status::{ListOf, Parsed, is_id};

/// The most statuses an instance gives for one request by ids.
const BATCH: usize = 20;
/// Requests for parents in one pass.
const PARENT_REQUESTS_MAX: u32 = 25;
/// The most statuses on one page of a timeline.
const PAGE_SIZE_MAX: u32 = 40;
const OWN: &str = "own";
const MENTIONS: &str = "mentions";
const TAG: &str = "tag:";

/// What is listened to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The instance, for instance `https://mastodon.example`.
    pub base_url: String,
    /// An access token with the scopes `read:statuses`, `read:notifications` and `read:accounts`. Needed for mentions,
    /// and for hashtags where the instance shows its timelines to members only.
    pub token: Option<Secret>,
    /// Hashtags, with or without `#`.
    pub tags: Vec<String>,
    /// Listen to mentions of the token's account.
    pub mentions: bool,
    /// Statuses per page, 1 to 40.
    pub page_size: u32,
    /// The id of our own account on this instance, whose replies are read too. With a token it is found by itself.
    pub own_account_id: Option<String>,
    /// What stands behind the `@` of the instance's own accounts, where it is not the host of `base_url`.
    pub local_domain: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            base_url: String::new(),
            token: None,
            tags: Vec::new(),
            mentions: false,
            page_size: PAGE_SIZE_MAX,
            own_account_id: None,
            local_domain: None,
        }
    }
}

impl Config {
    /// Everything that is wrong, as `key: what; what to do`.
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        match Url::parse(&self.base_url) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() => {
                errors
                    .push("base_url: not the address of an instance; write https:// and its host".to_owned());
            }
            Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                errors.push("base_url: holds more than the host; leave out what follows it".to_owned());
            }
            Ok(_) => {}
            Err(_) => {
                errors.push("base_url: missing or not an address; write https:// and the host".to_owned())
            }
        }
        if self.tags.is_empty() && !self.mentions {
            errors.push("tags: nothing to listen to; name hashtags or set mentions = true".to_owned());
        }
        for (at, tag) in self.tags.iter().enumerate() {
            let name = tag_name(tag);
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '·')) {
                errors.push(format!("tags[{at}]: not a hashtag; use letters, digits and _ only"));
            } else if self.tags[..at].iter().any(|other| tag_key(other) == tag_key(tag)) {
                errors.push(format!("tags[{at}]: stands there twice; take one out"));
            }
        }
        if self.mentions && self.token.is_none() {
            errors.push("mentions: needs a token; add token, or set mentions = false".to_owned());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            errors.push(format!("page_size: out of range; choose 1 to {PAGE_SIZE_MAX}"));
        }
        if self.own_account_id.as_deref().is_some_and(|id| !is_id(id)) {
            errors.push("own_account_id: not an id; it is the number, not the @name".to_owned());
        }
        errors
    }
}

fn tag_name(tag: &str) -> &str {
    tag.trim().trim_start_matches('#')
}

fn tag_key(tag: &str) -> String {
    format!("{TAG}{}", tag_name(tag).to_lowercase())
}

/// One instance.
#[derive(Clone, Debug)]
pub struct Mastodon {
    config: Config,
    client: Client,
}

/// Builds the source. The configuration was validated before.
pub fn build(config: Config, client: Client) -> Mastodon {
    Mastodon { config, client }
}

impl Source for Mastodon {
    /// One page of one list: our own account first, then every hashtag, then mentions, and at the end the parents of replies.
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut cursor = Cursor::read(cursor, &self.keys());
        if cursor.pass_is_over() {
            if self.wants_to_know_its_account(&cursor, now) {
                cursor.own =
                    Some(OwnAccount { id: self.own_account().await?, asked_at: now.as_millisecond() });
                self.begin_pass(&mut cursor);
                return Ok(Page { more: true, cursor: cursor.write(), ..Page::default() });
            }
            self.begin_pass(&mut cursor);
        }
        let mut page = match cursor.left.first().cloned() {
            Some(key) => self.read_list(&key, &mut cursor).await?,
            None => self.read_parents(&mut cursor).await?,
        };
        page.more = !cursor.pass_is_over();
        page.cursor = cursor.write();
        Ok(page)
    }

    async fn check(&self) -> Result<String, Failure> {
        let instance = self.instance_title().await?;
        let account = match self.config.token {
            Some(_) => {
                let request = self.get(&["api", "v1", "accounts", "verify_credentials"])?;
                let account: Account = json::envelope(&self.client.send(request).await?.text())?;
                format!("logged in as @{}", account.acct)
            }
            None => "not logged in".to_owned(),
        };
        let timeline = match self.config.tags.first() {
            Some(tag) => self.tag_is_readable(tag).await?,
            None => "no hashtags",
        };
        Ok(format!("{instance}: {account}; {timeline}"))
    }
}

#[derive(Deserialize)]
struct Account {
    id: Id,
    #[serde(default)]
    acct: String,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    title: String,
    #[serde(default)]
    version: String,
}

impl Mastodon {
    /// Asks which of these statuses are gone: deleted, or no longer shown to us. Ids that are none are passed over.
    ///
    /// # Errors
    /// Any failure that leaves it open whether a status is there; then nothing is known of any.
    pub async fn recheck(&self, ids: &[String]) -> Result<Vec<String>, Failure> {
        let ids: Vec<String> = ids.iter().filter(|id| is_id(id)).cloned().collect();
        let mut gone = Vec::new();
        for batch in ids.chunks(BATCH) {
            let answer = self.statuses(batch).await?;
            let items = answer.as_ref().map(|parsed| parsed.items.as_slice()).unwrap_or_default();
            let found: HashSet<&str> =
                items.iter().filter_map(mention).map(|mention| mention.external_id.as_str()).collect();
            for id in batch.iter().filter(|id| !found.contains(id.as_str())) {
                // Words are erased for good on this answer, and an instance that does not know the question, or closed its
                // timelines, leaves statuses out as well: whatever is missing is asked for by itself.
                if self.status(id).await?.is_none() {
                    gone.push(id.clone());
                }
            }
        }
        Ok(gone)
    }

    fn keys(&self) -> Vec<String> {
        let mut keys = vec![OWN.to_owned()];
        keys.extend(self.config.tags.iter().map(|tag| tag_key(tag)));
        keys.extend(self.config.mentions.then(|| MENTIONS.to_owned()));
        keys
    }

    fn begin_pass(&self, cursor: &mut Cursor) {
        cursor.left = self.keys();
        if self.own_account_id(cursor).is_none() {
            cursor.left.retain(|key| key != OWN);
        }
        for key in cursor.left.clone() {
            // Only hashtags hold posts of other instances, which may come late.
            let overlap = key.starts_with(TAG);
            cursor.lists.entry(key).or_default().begin(overlap);
        }
        cursor.parent_requests = 0;
        cursor.parents_singly = false;
    }

    fn own_account_id(&self, cursor: &Cursor) -> Option<String> {
        let found = cursor.own.as_ref().and_then(|own| own.id.clone());
        self.config.own_account_id.clone().or(found).filter(|id| is_id(id))
    }

    fn wants_to_know_its_account(&self, cursor: &Cursor, now: Timestamp) -> bool {
        self.config.token.is_some()
            && self.config.own_account_id.is_none()
            && cursor.should_ask_for_account(now)
    }

    /// The id of the token's account; `None` when the token belongs to an application only, or may not ask. A token that
    /// is no good at all fails at the lists themselves.
    async fn own_account(&self) -> Result<Option<String>, Failure> {
        let request = self.get(&["api", "v1", "accounts", "verify_credentials"])?;
        match self.client.send(request).await {
            Ok(response) => json::envelope(&response.text()).map(|account: Account| Some(account.id.0)),
            Err(failure) if !is_passing(failure.kind) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn read_list(&self, key: &str, cursor: &mut Cursor) -> Result<Page, Failure> {
        let (request, list_of) = self.list_request(key, cursor)?;
        let list = cursor.lists.entry(key.to_owned()).or_default();
        let asked = list.ask();
        let request = request.query("limit", &self.config.page_size.to_string());
        let request = match &asked {
            Ask::Newest => request,
            Ask::Before(id) => request.query("max_id", id),
            Ask::After(id) => request.query("min_id", id),
        };
        let parsed = self.parsed(&self.client.send(request).await?, list_of)?;
        let step = list.note(&asked, &parsed);
        let missed = match step {
            Step::Missed(reason) => Some(format!("{key}: {reason}")),
            Step::GoOn | Step::Done => None,
        };
        if step != Step::GoOn {
            cursor.left.retain(|left| left != key);
        }
        Ok(Page { items: handed_over(parsed, cursor), missed, ..Page::default() })
    }

    fn list_request(&self, key: &str, cursor: &Cursor) -> Result<(Request, ListOf), Failure> {
        if let Some(tag) = key.strip_prefix(TAG) {
            return Ok((self.get(&["api", "v1", "timelines", "tag", tag])?, ListOf::Statuses));
        }
        if key == MENTIONS {
            let request = self.get(&["api", "v1", "notifications"])?.query("types[]", "mention");
            return Ok((request, ListOf::Notifications));
        }
        let account = self.own_account_id(cursor).unwrap_or_default();
        let request = self.get(&["api", "v1", "accounts", &account, "statuses"])?;
        Ok((request.query("exclude_reblogs", "true"), ListOf::Statuses))
    }

    /// Fetches what was replied to: several at once where the instance can, else one per call. Context is worth having and
    /// not worth failing for, so only what time may mend is a failure here.
    async fn read_parents(&self, cursor: &mut Cursor) -> Result<Page, Failure> {
        let mut items = Vec::new();
        if cursor.parents_singly {
            let id = cursor.parents.first().cloned().unwrap_or_default();
            let found = match self.status(&id).await {
                Ok(body) => body.and_then(|body| status::parse_one(&body, &self.local_domain()).ok()),
                Err(failure) if is_passing(failure.kind) => return Err(failure),
                Err(_) => None,
            };
            cursor.parents.retain(|parent| *parent != id);
            cursor.seen.note_id(&id);
            items = cursor.seen.news(found.into_iter().map(|found| Item::Mention(Box::new(found))).collect());
        } else {
            let asked: Vec<String> = cursor.parents.iter().take(BATCH).cloned().collect();
            match self.statuses(&asked).await {
                Ok(Some(parsed)) if parsed.entries > 0 => {
                    cursor.parents.retain(|parent| !asked.contains(parent));
                    items = cursor.seen.news(parsed.items);
                    // Those that did not come are gone; they are not asked for again.
                    asked.iter().for_each(|id| cursor.seen.note_id(id));
                }
                Err(failure) if is_passing(failure.kind) => return Err(failure),
                // The instance does not know the question, or a parameter of it by another name.
                Ok(_) | Err(_) => cursor.parents_singly = true,
            }
        }
        cursor.parent_requests += 1;
        if cursor.parent_requests >= PARENT_REQUESTS_MAX {
            cursor.parents.clear();
        }
        Ok(Page { items, ..Page::default() })
    }

    /// Several statuses by id; `None` when the instance does not answer that question.
    async fn statuses(&self, ids: &[String]) -> Result<Option<Parsed>, Failure> {
        let request = self.get(&["api", "v1", "statuses"])?;
        let request = ids.iter().fold(request, |request, id| request.query("id[]", id));
        match self.client.send(request).await {
            Ok(response) => self.parsed(&response, ListOf::Statuses).map(Some),
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::NotFound | FailureKind::Gone | FailureKind::Refused
                ) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// One status as it came; `None` when it is gone.
    async fn status(&self, id: &str) -> Result<Option<String>, Failure> {
        match self.client.send(self.get(&["api", "v1", "statuses", id])?).await {
            Ok(response) => Ok(Some(response.text())),
            Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Gone) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn instance_title(&self) -> Result<String, Failure> {
        let mut answer = self.client.send(self.get(&["api", "v2", "instance"])?).await;
        if answer.as_ref().is_err_and(|failure| failure.kind == FailureKind::NotFound) {
            answer = self.client.send(self.get(&["api", "v1", "instance"])?).await;
        }
        let instance: Instance = json::envelope(&answer?.text())?;
        Ok(format!(
            "{} ({})",
            crate::text::clean_name(&instance.title),
            crate::text::clean_name(&instance.version)
        ))
    }

    async fn tag_is_readable(&self, tag: &str) -> Result<&'static str, Failure> {
        let request = self.get(&["api", "v1", "timelines", "tag", tag_name(tag)])?.query("limit", "1");
        match self.client.send(request).await {
            Ok(response) => match self.parsed(&response, ListOf::Statuses)?.entries {
                0 => Ok(
                    "the first hashtag's timeline is empty: nobody uses it there, or the instance closed its timelines",
                ),
                _ => Ok("hashtags are readable"),
            },
            Err(failure) if failure.kind == FailureKind::BadCredentials => Err(Failure {
                message: format!(
                    "{}: the instance shows hashtags to members only, so a token is needed",
                    failure.message
                ),
                ..failure
            }),
            Err(failure) => Err(failure),
        }
    }

    fn parsed(&self, response: &Response, list_of: ListOf) -> Result<Parsed, Failure> {
        status::parse(&response.text(), response.header("link"), list_of, &self.local_domain())
    }

    fn local_domain(&self) -> String {
        let host = || Url::parse(&self.config.base_url).ok()?.host_str().map(str::to_owned);
        self.config.local_domain.clone().or_else(host).unwrap_or_default()
    }

    fn get(&self, path: &[&str]) -> Result<Request, Failure> {
        let mut url = Url::parse(&self.config.base_url)
            .map_err(|_| Failure::new(FailureKind::Internal, "base_url was not validated"))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        let request = Request::get(url);
        Ok(match &self.config.token {
            Some(token) => request.bearer(token.expose()),
            None => request,
        })
    }
}

/// Failures that time may mend. An answer that cannot be read stays unreadable.
fn is_passing(kind: FailureKind) -> bool {
    kind.disposition() == Disposition::Retry
        && !matches!(kind, FailureKind::Malformed | FailureKind::TooLarge)
}

/// What of a page is new or changed. Parents that were not seen yet are noted, to be fetched at the end of the pass.
fn handed_over(parsed: Parsed, cursor: &mut Cursor) -> Vec<Item> {
    let mentions: Vec<&Mention> = parsed.items.iter().filter_map(mention).collect();
    let on_page = |id: &str| mentions.iter().any(|mention| mention.external_id == id);
    for mention in &mentions {
        if let Some(parent) = &mention.reply_to
            && is_id(parent)
            && !on_page(parent)
            && !cursor.seen.knows(parent)
            && !cursor.parents.contains(parent)
            && cursor.parents.len() < PARENTS_MAX
        {
            cursor.parents.push(parent.clone());
        }
    }
    cursor.parents.retain(|parent| !on_page(parent));
    cursor.seen.news(parsed.items)
}
