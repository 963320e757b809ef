//! Zendesk Support, through its public API (developer.zendesk.com, read November 2026).
//!
//! - `read`: what changed, from the incremental exports of users and tickets, and the comments of changed tickets.
//! - `write`: private comments, priority, tags and problem links; new tickets that mail nobody.
//! - `wire`: the shapes on the wire and what they mean in the register. Pure.
//!
//! Tickets of type *problem* are our problems. The exports need an administrator and allow ten requests a minute; they
//! leave out the last minute, so the mirror is never fresher than that.

mod read;
#[cfg(test)]
mod tests;
mod wire;
mod write;

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;

use super::{Crm, CrmAction, CrmReceipt};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::register::RegisterPage;
use crate::source::client::{Client, Request, Response};
use crate::source::json;

/// The most items of one answer; Zendesk allows no more either.
const PAGE_SIZE_MAX: u32 = 1000;

/// Settings of a Zendesk account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the account: `https://SUBDOMAIN.zendesk.com`.
    pub url: String,
    /// E-mail address of the administrator whose API token is used.
    pub email: String,
    /// The API token (Admin Center → Apps and integrations → Zendesk API).
    pub api_token: Option<Secret>,
    /// Only tickets of this brand (its id) are mirrored, and new ones are opened in it. Without it: all brands.
    pub brand: Option<u64>,
    /// Id of the custom ticket field that holds the product or queue.
    pub product_field: Option<u64>,
    /// Id of the custom ticket field that holds a problem's workaround.
    pub workaround_field: Option<u64>,
    /// Key of the user field that holds public accounts as `network:handle`, separated by spaces or commas.
    pub handle_field: Option<String>,
    /// Key of the user field that holds the place of residence.
    pub city_field: Option<String>,
    /// Key of the user field that holds the customer number. Without it: the user's external id.
    pub customer_number_field: Option<String>,
    /// Put before every tag that is added; letters, digits, `_`, `-` and `/`.
    pub tag_prefix: String,
    /// Read what was said on changed tickets too: one request a ticket that has more than its description.
    pub answers: bool,
    /// How far the first sync looks back, in days since a ticket last changed.
    pub history_days: u32,
    /// Items a page of an export, at most 1000.
    pub page_size: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            url: String::new(),
            email: String::new(),
            api_token: None,
            brand: None,
            product_field: None,
            workaround_field: None,
            handle_field: None,
            city_field: None,
            customer_number_field: None,
            tag_prefix: String::new(),
            answers: true,
            history_days: 730,
            page_size: 500,
        }
    }
}

impl Config {
    /// Every mistake in the settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        match Url::parse(&self.url) {
            Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url)) => {}
            Ok(_) => errors.push("url: must use https, the token would be readable on the way".to_owned()),
            Err(_) => errors
                .push("url: is not an address; give the account's, https://SUBDOMAIN.zendesk.com".to_owned()),
        }
        if !self.email.contains('@') {
            errors.push(
                "email: is missing; give the address of the administrator who owns the token".to_owned(),
            );
        }
        if self.api_token.is_none() {
            errors.push("api_token: is missing; make one in Admin Center under Zendesk API".to_owned());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            errors.push(format!("page_size: must be between 1 and {PAGE_SIZE_MAX}"));
        }
        if self.history_days == 0 {
            errors.push("history_days: must be at least 1".to_owned());
        }
        if self.tag_prefix != tag(&self.tag_prefix) {
            errors.push(
                "tag_prefix: may hold lower case letters, digits, _, - and / only; change the rest"
                    .to_owned(),
            );
        }
        errors
    }
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// A Zendesk account.
#[derive(Clone, Debug)]
pub struct Zendesk {
    config: Config,
    client: Client,
}

/// Makes the connector of a validated configuration.
pub fn build(config: Config, client: Client) -> Zendesk {
    Zendesk { config, client }
}

impl Crm for Zendesk {
    async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        read::page(self, cursor, now).await
    }

    async fn write(&self, action: &CrmAction, key: &str, again: bool) -> Result<CrmReceipt, Failure> {
        write::carry_out(self, action, key, again).await
    }

    async fn check(&self) -> Result<String, Failure> {
        let response = self.send(self.request(Method::GET, &["users", "me.json"])?).await?;
        let me: wire::Me = json::envelope(&response.text())?;
        match me.user.role.as_deref() {
            Some("admin") => {}
            // A wrong token is not refused here: Zendesk answers as the anonymous user.
            Some("end-user") | None => {
                return Err(Failure::new(
                    FailureKind::BadCredentials,
                    "Zendesk does not know email and api_token",
                ));
            }
            Some(_) => {
                return Err(Failure::new(
                    FailureKind::BadCredentials,
                    "the Zendesk user is no administrator, and only those may read the incremental exports",
                ));
            }
        }
        for (key, id) in
            [("product_field", self.config.product_field), ("workaround_field", self.config.workaround_field)]
        {
            if let Some(id) = id {
                self.check_field(key, &["ticket_fields", &format!("{id}.json")]).await?;
            }
        }
        for (key, name) in [
            ("handle_field", &self.config.handle_field),
            ("city_field", &self.config.city_field),
            ("customer_number_field", &self.config.customer_number_field),
        ] {
            if let Some(name) = name {
                self.check_field(key, &["user_fields", &format!("{name}.json")]).await?;
            }
        }
        Ok("Zendesk: logged in as an administrator; every configured field exists".to_owned())
    }
}

impl Zendesk {
    async fn check_field(&self, key: &str, path: &[&str]) -> Result<(), Failure> {
        let request = self.request(Method::GET, path)?.accepting(&[404]);
        match self.send(request).await?.status {
            404 => Err(Failure::new(
                FailureKind::NotFound,
                format!("Zendesk has no field as {key} names it; compare it with Admin Center"),
            )),
            _ => Ok(()),
        }
    }

    /// A request to `/api/v2/…` with our credentials. Each piece of the path is escaped.
    fn request(&self, method: Method, path: &[&str]) -> Result<Request, Failure> {
        let unusable = || Failure::new(FailureKind::Internal, "the Zendesk address cannot carry a path");
        let mut url = Url::parse(&self.config.url).map_err(|_| unusable())?;
        url.path_segments_mut().map_err(|()| unusable())?.pop_if_empty().extend(["api", "v2"]).extend(path);
        let token = self.config.api_token.as_ref().map_or("", Secret::expose);
        Ok(Request::new(method, url).basic(&format!("{}/token", self.config.email), token))
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        self.client.send(request).await
    }

    /// Where staff can open a ticket.
    fn ticket_url(&self, id: &str) -> String {
        format!("{}/agent/tickets/{id}", self.config.url.trim_end_matches('/'))
    }
}

/// A tag as Zendesk keeps it: lower case, and no character that would split it in two.
fn tag(text: &str) -> String {
    text.trim()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-' | '/') { c } else { '_' })
        .collect()
}

/// A refusal with the names of the error and the fields it is about, and nothing of what they hold.
fn refusal(response: &Response, attempted: &str) -> Failure {
    let body: Value = serde_json::from_str(&response.text()).unwrap_or_default();
    let is_name = |name: &&str| {
        name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    // Names of errors have no digits, and tokens have.
    let is_error = |name: &&str| is_name(name) && !name.contains(|c: char| c.is_ascii_digit());
    let error = body["error"].as_str().filter(is_error).unwrap_or("no reason");
    let fields: Vec<&str> = body["details"]
        .as_object()
        .map(|details| details.keys().map(String::as_str).filter(is_name).take(8).collect())
        .unwrap_or_default();
    let about = if fields.is_empty() { String::new() } else { format!(" about {}", fields.join(", ")) };
    let message = format!("Zendesk answered HTTP {} ({error}{about}) to {attempted}", response.status);
    Failure::new(FailureKind::of_http_status(response.status), message)
}
