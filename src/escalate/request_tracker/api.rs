//! Requests to Request Tracker, and the query language they need. Nothing here knows what a ticket means to us.
//!
//! Error bodies are never read into messages: Request Tracker puts file paths and pieces of the query into them.

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::Config;
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::source::client::{Client, Request, Response};
use crate::source::json;

/// The most rows that Request Tracker gives at once.
pub(super) const ROWS_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Api {
    base: Option<Url>,
    token: Option<Secret>,
    client: Client,
}

/// What to search for, and which fields to get of it.
pub(super) struct Search<'a> {
    /// TicketSQL.
    pub query: &'a str,
    /// Comma-separated fields.
    pub fields: &'a str,
    /// Fields of the objects that those fields refer to.
    pub subfields: &'a [(&'a str, &'a str)],
    /// Sort fields.
    pub order: &'a [&'a str],
    /// Newest or highest first.
    pub descending: bool,
    /// At most this many rows, and never more than [`ROWS_MAX`].
    pub rows_max: usize,
}

/// What a search found, still raw.
pub(super) struct Listing {
    /// The rows.
    pub items: Vec<Box<RawValue>>,
    /// Rows may have been left out of `items` after the server counted them: a short page need not be the last.
    pub has_hidden_rows: bool,
    /// The server's clock.
    pub server_now: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope {
    items: Vec<Box<RawValue>>,
    #[serde(default)]
    total: json::Count,
}

/// One record as it is at this moment.
pub(super) struct Record {
    /// The record.
    pub value: Value,
    /// Its version, for [`Api::change`].
    pub version: Option<String>,
}

/// How a change ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The server took the request. What it did with it shows only when the record is read again.
    Taken,
    /// The record is no longer at the version that was given.
    Stale,
    /// Our user may not.
    Forbidden,
}

impl Api {
    pub(super) fn new(config: &Config, client: Client) -> Api {
        Api { base: Url::parse(&config.url).ok(), token: config.token.clone(), client }
    }

    /// An address below the one that staff use.
    pub(super) fn address(&self, segments: &[&str]) -> Result<Url, Failure> {
        let unusable = || Failure::new(FailureKind::NotFound, "the url of Request Tracker is not an address");
        let mut url = self.base.clone().ok_or_else(unusable)?;
        url.path_segments_mut().map_err(|()| unusable())?.pop_if_empty().extend(segments);
        Ok(url)
    }

    fn endpoint(&self, segments: &[&str]) -> Result<Url, Failure> {
        self.address(&[&["REST", "2.0"], segments].concat())
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        let token = self.token.as_ref().map(Secret::expose).unwrap_or_default();
        let request = request
            .secret_header(header::AUTHORIZATION, &format!("token {token}"))
            .header(header::ACCEPT, "application/json");
        self.client.send(request).await
    }

    /// The server's version.
    pub(super) async fn version(&self) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct About {
            #[serde(rename = "Version")]
            version: String,
        }
        let response = self.send(Request::get(self.endpoint(&["rt"])?)).await?;
        Ok(json::envelope::<About>(&response.text())?.version)
    }

    /// Searches tickets.
    pub(super) async fn tickets(&self, search: &Search<'_>) -> Result<Listing, Failure> {
        self.list("tickets", search).await
    }

    /// Searches transactions: the single entries of histories.
    pub(super) async fn transactions(&self, search: &Search<'_>) -> Result<Listing, Failure> {
        self.list("transactions", search).await
    }

    async fn list(&self, what: &str, search: &Search<'_>) -> Result<Listing, Failure> {
        let mut request = Request::get(self.endpoint(&[what])?)
            .query("query", search.query)
            .query("fields", search.fields)
            .query("per_page", &search.rows_max.min(ROWS_MAX).to_string());
        for (field, subfields) in search.subfields {
            request = request.query(&format!("fields[{field}]"), subfields);
        }
        for field in search.order {
            request = request
                .query("orderby", field)
                .query("order", if search.descending { "DESC" } else { "ASC" });
        }
        listing(&self.send(request).await?)
    }

    /// The texts of some transactions, without the files that were sent along. `after` is the last id of the page before.
    pub(super) async fn contents(&self, transactions: &[u64], after: u64) -> Result<Listing, Failure> {
        #[derive(Serialize)]
        struct Limit<'a> {
            field: &'a str,
            operator: &'a str,
            value: Value,
            entry_aggregator: &'a str,
        }
        let limit = |field, operator, value| Limit { field, operator, value, entry_aggregator: "AND" };
        let ids: Vec<String> = transactions.iter().map(u64::to_string).collect();
        let query = [
            limit("TransactionId", "IN", Value::from(ids)),
            limit("ContentType", "STARTSWITH", Value::from("text/")),
            limit("id", ">", Value::from(after.to_string())),
            limit("Filename", "IS", Value::from("NULL")),
            // A nameless part has NULL there, or the empty text, depending on the database.
            Limit { entry_aggregator: "OR", ..limit("Filename", "=", Value::from("")) },
        ];
        let request = Request::new(Method::POST, self.endpoint(&["attachments"])?)
            .query("fields", "TransactionId,ContentType,Content")
            .query("per_page", &ROWS_MAX.to_string())
            .query("orderby", "id")
            .json(&query);
        listing(&self.send(request).await?)
    }

    /// One queue by its name; `None` when there is none that we may see.
    pub(super) async fn queue(&self, name: &str) -> Result<Option<Value>, Failure> {
        let request = Request::get(self.endpoint(&["queue", name])?).accepting(&[403, 404]);
        let response = self.send(request).await?;
        if response.status >= 400 { Ok(None) } else { json::envelope(&response.text()).map(Some) }
    }

    /// One ticket; `None` when there is none that we may see. A merged ticket is answered with the one it went into.
    pub(super) async fn ticket(&self, id: u64) -> Result<Option<Record>, Failure> {
        let request = Request::get(self.endpoint(&["ticket", &id.to_string()])?)
            .query("fields[Queue]", "Name")
            .accepting(&[403, 404]);
        let response = self.send(request).await?;
        if response.status >= 400 {
            return Ok(None);
        }
        let version = response.header("etag").map(plain_version);
        Ok(Some(Record { value: json::envelope(&response.text())?, version }))
    }

    /// Says whether we can read a transaction.
    pub(super) async fn can_read(&self, transaction: u64) -> Result<bool, Failure> {
        let request =
            Request::get(self.endpoint(&["transaction", &transaction.to_string()])?).accepting(&[403, 404]);
        Ok(self.send(request).await?.status < 400)
    }

    /// Adds an internal comment; the number of its transaction where the server tells it. `None`: it was refused.
    pub(super) async fn comment(&self, ticket: u64, text: &str) -> Result<Option<Option<u64>>, Failure> {
        let body = serde_json::json!({ "Content": text, "ContentType": "text/plain" });
        let request = Request::new(Method::POST, self.endpoint(&["ticket", &ticket.to_string(), "comment"])?)
            .json(&body)
            .accepting(&[400, 403, 404]);
        let response = self.send(request).await?;
        if response.status >= 400 {
            return Ok(None);
        }
        let transaction =
            response.header("location").and_then(|place| place.rsplit('/').next()?.parse().ok());
        Ok(Some(transaction))
    }

    /// Creates a ticket; its id. `None`: it was refused.
    pub(super) async fn create(&self, ticket: &Value) -> Result<Option<u64>, Failure> {
        #[derive(Deserialize)]
        struct Created {
            id: json::Id,
        }
        let request =
            Request::new(Method::POST, self.endpoint(&["ticket"])?).json(ticket).accepting(&[400, 403]);
        let response = self.send(request).await?;
        if response.status >= 400 {
            return Ok(None);
        }
        let created: Created = json::envelope(&response.text())?;
        created
            .id
            .0
            .parse()
            .map(Some)
            .map_err(|_| Failure::malformed("the new ticket has no number as its id"))
    }

    /// Changes a ticket, where `version` is given only while it is still at that version.
    pub(super) async fn change(
        &self,
        ticket: u64,
        changes: &Value,
        version: Option<&str>,
    ) -> Result<Change, Failure> {
        let mut request = Request::new(Method::PUT, self.endpoint(&["ticket", &ticket.to_string()])?)
            .json(changes)
            .accepting(&[403, 409, 412]);
        if let Some(version) = version {
            request = request.header(header::IF_MATCH, version);
        }
        Ok(match self.send(request).await?.status {
            403 => Change::Forbidden,
            409 | 412 => Change::Stale,
            _ => Change::Taken,
        })
    }
}

fn listing(response: &Response) -> Result<Listing, Failure> {
    let envelope: Envelope = json::envelope(&response.text())?;
    let server_now = response
        .header("date")
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map(|date| date.timestamp());
    Ok(Listing { items: envelope.items, has_hidden_rows: envelope.total.0.is_none(), server_now })
}

/// An ETag as Request Tracker gave it, without what a compressing proxy made of it.
fn plain_version(etag: &str) -> String {
    let bare = etag.trim().trim_start_matches("W/").trim_matches('"');
    let bare = ["-gzip", ";gzip"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    format!("\"{bare}\"")
}

/// A text in TicketSQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A moment in TicketSQL. Request Tracker would read an ISO text with `T` and `Z` as the beginning of that day, and reads
/// this form in the time zone of the user who asks: see `check`.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("'%Y-%m-%d %H:%M:%S'").to_string()
}

/// `(field = 1 OR field = 2 …)`; something that is never true when there are no values.
pub(super) fn any_of(field: &str, values: impl IntoIterator<Item = String>) -> String {
    let terms: Vec<String> = values.into_iter().map(|value| format!("{field} = {value}")).collect();
    if terms.is_empty() { "(id = 0)".to_owned() } else { format!("({})", terms.join(" OR ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_query() {
        assert_eq!(quoted(r"It's \ OR id > 0"), r"'It\'s \\ OR id > 0'");
        assert_eq!(
            any_of("Queue", ["a'b".into(), "c".into()].iter().map(|q: &String| quoted(q))),
            r"(Queue = 'a\'b' OR Queue = 'c')"
        );
        assert_eq!(any_of("id", []), "(id = 0)");
    }

    #[test]
    fn a_moment_is_written_with_a_blank() {
        assert_eq!(moment("2026-11-22T01:24:48.9Z".parse().unwrap()), "'2026-11-22 01:24:48'");
    }

    #[test]
    fn a_version_survives_a_compressing_proxy() {
        for etag in ["\"41\"", "W/\"41\"", "\"41-gzip\"", "W/\"41;gzip\"", "41"] {
            assert_eq!(plain_version(etag), "\"41\"");
        }
    }

    #[test]
    fn addresses_keep_the_path_of_the_server_and_escape_names() {
        let config = Config { url: "https://example.nl/rt/".into(), ..Config::default() };
        let api = Api::new(&config, Client::new().unwrap());
        let url = api.endpoint(&["queue", "Klanten/Übrig?"]).unwrap();
        assert_eq!(url.as_str(), "https://example.nl/rt/REST/2.0/queue/Klanten%2F%C3%9Cbrig%3F");
    }
}
