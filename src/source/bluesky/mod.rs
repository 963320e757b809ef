//! Bluesky: what a search finds, what is said to us, and what we say ourselves.
//!
//! Three kinds of list are read newest first down to the watermark, in turn, one page a request. Parents of replies and
//! the authors' follower counts are fetched with the page. `session` logs in, `posts` reads, `walk` (beside this folder)
//! keeps track.
//!
//! Interface: the lexicons of the AT Protocol under `app.bsky`, <https://docs.bsky.app/docs/category/http-reference>.

mod posts;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use self::posts::{Listing, parse, parse_posts, parse_profiles};
use self::session::{Account, get_openly};
use super::client::Client;
use super::walk::{Habits, Step, Turn, Walk};
use super::{Item, Page, Source};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};

/// Posts and profiles that may be asked for in one request.
const BATCH: usize = 25;
/// Entries of a list that are asked for in one request: the most the interface allows.
const PAGE_LIMIT: &str = "100";
/// How far below the watermark every pass reads again. Posts are found some minutes after they were written.
const OVERLAP_MILLIS: i128 = 15 * 60 * 1000;
/// Answers of HTTP 5xx in a row after which a paging token, rather than the service, is held to be the trouble: the AppView
/// answers a token that it cannot read with 502.
const TOKEN_FAILURES_MAX: u32 = 3;

/// What to listen to on Bluesky, and as whom.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The server of the account.
    pub service: String,
    /// The handle or DID of the account.
    pub identifier: String,
    /// An app password of the account, made in its settings; not the account's own password.
    pub app_password: Option<Secret>,
    /// Search queries, each read to its end. Lucene-like: words, "a phrase", `#tag`, `from:handle`.
    pub search: Vec<String>,
    /// Listen to what mentions, answers or quotes the account, and to what the account says itself.
    pub notifications: bool,
    /// Another server for reading that needs no login, such as an own AppView. It never sees our token.
    pub appview: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            service: "https://bsky.social".to_owned(),
            identifier: String::new(),
            app_password: None,
            search: Vec::new(),
            notifications: true,
            appview: None,
        }
    }
}

impl Config {
    /// Everything that is wrong, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if let Err(why) = server(&self.service) {
            errors.push(format!("service: {why}; write an address such as https://bsky.social"));
        }
        if let Some(Err(why)) = self.appview.as_deref().map(server) {
            errors.push(format!("appview: {why}; write an address such as https://api.bsky.app"));
        }
        if self.identifier.trim().is_empty() {
            errors.push("identifier: is missing; give the handle of the account that listens".to_owned());
        }
        if self.app_password.is_none() {
            errors.push("app_password: is missing; make one in the account's settings".to_owned());
        }
        if self.search.is_empty() && !self.notifications {
            errors
                .push("search: is empty and notifications are off; there is nothing to listen to".to_owned());
        }
        for (index, query) in self.search.iter().enumerate() {
            if query.trim().is_empty() {
                errors.push(format!("search[{index}]: is empty; give words to search for or take it out"));
            }
        }
        errors
    }
}

/// A listener on Bluesky.
pub struct Bluesky {
    config: Config,
    account: Account,
    appview: Option<Url>,
    client: Client,
    token_failures: AtomicU32,
}

/// Builds the listener from a configuration that [`Config::validate`] found nothing wrong with.
pub fn build(config: Config, client: Client) -> Bluesky {
    let service = server(&config.service).expect("validate() has parsed it");
    let appview = config.appview.as_deref().map(|address| server(address).expect("validate() has parsed it"));
    let password = config.app_password.clone().unwrap_or_else(|| Secret::new(""));
    let account = Account::new(service, config.identifier.clone(), password, client.clone());
    Bluesky { config, account, appview, client, token_failures: AtomicU32::new(0) }
}

/// One list that is read.
#[derive(Clone, Debug, PartialEq)]
enum Stream {
    Notifications,
    Own,
    Search(String),
}

impl Stream {
    /// Its name in the cursor: by content, so that a changed configuration does not mix lists up.
    fn key(&self) -> String {
        match self {
            Stream::Notifications => "notifications".to_owned(),
            Stream::Own => "own".to_owned(),
            Stream::Search(query) => format!("search:{query}"),
        }
    }
}

/// How far every list was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    walks: BTreeMap<String, Walk>,
    /// The list whose turn it is; `None` at the start of a pass over all lists.
    turn_of: Option<String>,
}

impl Source for Bluesky {
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let streams = self.streams();
        let turn_of = cursor.turn_of.take();
        let at = streams.iter().position(|stream| Some(stream.key()) == turn_of).unwrap_or(0);
        let stream = streams
            .get(at)
            .ok_or_else(|| Failure::new(FailureKind::Internal, "this source has nothing to listen to"))?;
        let mut walk = cursor.walks.remove(&stream.key()).unwrap_or_default();

        let (mut items, turn) = self.read_page(stream, &mut walk, now).await?;
        self.add_reach(&mut items).await;

        cursor.walks.insert(stream.key(), walk);
        cursor.walks.retain(|key, _| streams.iter().any(|stream| stream.key() == *key));
        let next = if turn.step == Step::On { Some(stream) } else { streams.get(at + 1) };
        cursor.turn_of = next.map(Stream::key);
        Ok(Page {
            items,
            more: cursor.turn_of.is_some(),
            cursor: serde_json::to_string(&cursor).expect("our own types are always JSON"),
            missed: turn.missed,
            ..Page::default()
        })
    }

    async fn check(&self) -> Result<String, Failure> {
        let did = self.account.did().await?;
        for stream in self.streams() {
            self.list(&stream, None, "1").await?;
        }
        let heard = if self.config.notifications { "with notifications" } else { "without notifications" };
        Ok(format!("logged in as {did}; {} searches, {heard}", self.config.search.len()))
    }
}

impl Bluesky {
    /// Looks posts up again: how they stand now, or that they are gone (also when their author has blocked us or left).
    ///
    /// Ids that are no addresses of posts are left out of the answer.
    ///
    /// # Errors
    /// As [`Source::fetch`]; then nothing is known about any of them.
    pub async fn recheck(&self, ids: &[String]) -> Result<Vec<Item>, Failure> {
        let ids: Vec<&str> =
            ids.iter().map(String::as_str).filter(|id| posts::address(id).is_some()).collect();
        let mut items = Vec::new();
        for batch in ids.chunks(BATCH) {
            let (found, present) = self.posts(batch).await?;
            items.extend(found);
            let gone = batch.iter().filter(|id| !present.iter().any(|uri| uri == *id));
            items.extend(gone.map(|id| Item::Removed((*id).to_owned())));
        }
        self.add_reach(&mut items).await;
        Ok(items)
    }

    fn streams(&self) -> Vec<Stream> {
        let ours = self.config.notifications.then_some([Stream::Notifications, Stream::Own]);
        let searches = self.config.search.iter().map(|query| Stream::Search(query.trim().to_owned()));
        ours.into_iter().flatten().chain(searches).collect()
    }

    /// Reads one page of a list, with the parents of its replies, and takes the walk a step further.
    async fn read_page(
        &self,
        stream: &Stream,
        walk: &mut Walk,
        now: Timestamp,
    ) -> Result<(Vec<Item>, Turn), Failure> {
        let start = i128::from(now.as_millisecond());
        let habits = Habits { newest_first: true, overlap: OVERLAP_MILLIS, start, bounded: false };
        let body = match self.list(stream, walk.token(), PAGE_LIMIT).await {
            Ok(body) => body,
            Err(failure) if walk.token().is_some() && self.is_about_the_token(&failure) => {
                return Ok((Vec::new(), walk.token_refused(habits)));
            }
            // One query that the service does not take must not silence the others.
            Err(failure) if failure.kind == FailureKind::Refused && matches!(stream, Stream::Search(_)) => {
                let missed = Some(format!("a search was refused: {}", failure.message));
                return Ok((Vec::new(), Turn { step: Step::Done, missed }));
            }
            Err(failure) => return Err(failure),
        };
        self.token_failures.store(0, Ordering::Relaxed);
        let Listing { mut items, listed, parents, next } = parse(&body, stream, now, |key| walk.knows(key))?;
        let turn = walk.turn(&listed, None, next, habits);
        self.add_parents(&mut items, parents).await;
        Ok((items, turn))
    }

    fn is_about_the_token(&self, failure: &Failure) -> bool {
        match failure.kind {
            FailureKind::Refused => true,
            FailureKind::Unavailable => {
                let failures = self.token_failures.fetch_add(1, Ordering::Relaxed) + 1;
                failures.is_multiple_of(TOKEN_FAILURES_MAX)
            }
            _ => false,
        }
    }

    async fn list(&self, stream: &Stream, token: Option<&str>, limit: &str) -> Result<String, Failure> {
        let mut parameters = vec![("limit", limit)];
        parameters.extend(token.map(|token| ("cursor", token)));
        match stream {
            Stream::Search(query) => {
                parameters.extend([("q", query.as_str()), ("sort", "latest")]);
                self.read("app.bsky.feed.searchPosts", &parameters).await
            }
            Stream::Notifications => {
                parameters.extend(["mention", "reply", "quote"].map(|reason| ("reasons", reason)));
                self.account.get("app.bsky.notification.listNotifications", &parameters).await
            }
            Stream::Own => {
                let did = self.account.did().await?;
                parameters.extend([("actor", did.as_str()), ("filter", "posts_with_replies")]);
                self.read("app.bsky.feed.getAuthorFeed", &parameters).await
            }
        }
    }

    /// Reads what everybody may read: through the account's server, or of the AppView that was named.
    async fn read(&self, query: &str, parameters: &[(&str, &str)]) -> Result<String, Failure> {
        match &self.appview {
            Some(appview) => get_openly(&self.client, appview, query, parameters).await,
            None => self.account.get(query, parameters).await,
        }
    }

    /// The posts that still exist, and the addresses of all of them. Missing ones are missing silently.
    async fn posts(&self, uris: &[&str]) -> Result<(Vec<Item>, Vec<String>), Failure> {
        let parameters: Vec<(&str, &str)> = uris.iter().map(|uri| ("uris", *uri)).collect();
        parse_posts(&self.read("app.bsky.feed.getPosts", &parameters).await?)
    }

    /// Adds what the replies on the page answer to. A page without it is better than no page, so failures end it quietly.
    async fn add_parents(&self, items: &mut Vec<Item>, parents: Vec<String>) {
        let on_page: BTreeSet<&str> = mentions(items).map(|mention| mention.external_id.as_str()).collect();
        let wanted: BTreeSet<&str> = parents
            .iter()
            .map(String::as_str)
            .filter(|uri| posts::address(uri).is_some() && !on_page.contains(uri))
            .collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let mut found = Vec::new();
        for batch in wanted.chunks(BATCH) {
            match self.posts(batch).await {
                Ok((posts, _)) => found.extend(posts),
                Err(_) => break,
            }
        }
        items.extend(found);
    }

    /// Adds how many people follow each author. Without an answer it stays unknown: a complaint does not wait for it.
    async fn add_reach(&self, items: &mut [Item]) {
        let authors: BTreeSet<&str> =
            mentions(items).map(|mention| mention.author.external_id.as_str()).collect();
        let authors: Vec<String> = authors.into_iter().map(str::to_owned).collect();
        let mut followers = HashMap::new();
        for batch in authors.chunks(BATCH) {
            let parameters: Vec<(&str, &str)> = batch.iter().map(|did| ("actors", did.as_str())).collect();
            let answer = self.read("app.bsky.actor.getProfiles", &parameters).await;
            match answer.and_then(|body| parse_profiles(&body)) {
                Ok(profiles) => followers.extend(profiles),
                Err(_) => break,
            }
        }
        for item in items {
            if let Item::Mention(mention) = item {
                mention.author.audience = followers.get(&mention.author.external_id).copied().flatten();
            }
        }
    }
}

fn mentions(items: &[Item]) -> impl Iterator<Item = &crate::mention::Mention> {
    items.iter().filter_map(|item| match item {
        Item::Mention(mention) => Some(&**mention),
        Item::Removed(_) | Item::Broken { .. } => None,
    })
}

/// The address of a server: `http` or `https`, a host, and nothing after it.
fn server(address: &str) -> Result<Url, &'static str> {
    let url = Url::parse(address).map_err(|_| "is not an address")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("is not an http or https address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name");
    }
    if !url.path().trim_matches('/').is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err("has something after the host");
    }
    Ok(url)
}
