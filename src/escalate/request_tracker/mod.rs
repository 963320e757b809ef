//! Request Tracker 5, through its REST2 interface: <https://docs.bestpractical.com/rt/5.0/RT/REST2.html>.
//!
//! - `api` speaks to the server: searches, histories, contents, changes.
//! - `rows` turns one raw row into our words; pure.
//! - `read` walks the tickets by `LastUpdated`; `describe` adds bodies, answers, links and handles to a page of them.
//! - `departures` finds what left: deleted, merged and moved tickets, which no ticket search shows.
//! - `write` comments, raises, links and opens; `lookup` finds what an earlier attempt may have left.
//! - `check` asks whether the settings fit, above all the time zone.
//!
//! # What the server must grant
//! An own user, **in the time zone UTC**: Request Tracker reads the dates of a query in the zone of whoever asks. A token
//! of that user. On every queue: `SeeQueue`, `ShowTicket`, `ShowTicketComments` (without it our own notes cannot be found
//! again), `SeeCustomField`; for writing also `CreateTicket`, `CommentOnTicket`, `ModifyTicket` and `ModifyCustomField`.
//! Phone numbers of customers are shown only to users with `AdminUsers`; without it contacts simply have none.
//!
//! # Known limits
//! Tickets that are shredded, or moved to a queue that our user may not see, leave no trace that we could read. A change
//! to a customer's own record is seen with the next change to one of that customer's tickets.

mod api;
mod check;
mod departures;
mod describe;
mod lookup;
mod read;
mod rows;
mod write;

#[cfg(test)]
mod tests_of_rows;
#[cfg(test)]
mod tests_with_a_desk;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use self::api::Api;
use super::{Crm, CrmAction, CrmReceipt};
use crate::config::secret::Secret;
use crate::failure::Failure;
use crate::register::{Priority, RegisterPage, TicketStatus};
use crate::source::client::Client;

/// How to reach Request Tracker, and what its queues and fields mean.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address that staff open in the browser, for instance `https://rt.example.nl` or `https://example.nl/rt`.
    pub url: String,
    /// An authentication token of the user for gehoord.
    pub token: Option<Secret>,
    /// The queues whose tickets are read. New tickets go to the first.
    pub queues: Vec<String>,
    /// The queue in which every ticket stands for a known problem.
    pub problem_queue: Option<String>,
    /// The relation from a customer's ticket to its problem.
    pub problem_link: ProblemLink,
    /// The custom field, of tickets or of users, that holds `network:handle` pairs.
    pub handle_field: Option<String>,
    /// The network of handles that are written without one.
    pub handle_network: Option<String>,
    /// The custom field, of tickets or of users, that holds the customer number.
    pub customer_number_field: Option<String>,
    /// The custom field that names the product. Without it the queue does.
    pub product_field: Option<String>,
    /// The custom field of problems that tells what customers can do meanwhile.
    pub workaround_field: Option<String>,
    /// The custom field, for several values, that takes our tags. Without it tags are left out.
    pub tag_field: Option<String>,
    /// Request Tracker's numbers for our priorities.
    pub priorities: Priorities,
    /// What statuses of own lifecycles mean. Those of the default lifecycle need not be listed.
    pub statuses: BTreeMap<String, TicketStatus>,
}

/// The relation from a customer's ticket to its problem, in Request Tracker's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ProblemLink {
    /// The ticket is a child of the problem.
    MemberOf,
    /// The ticket cannot be resolved before the problem is.
    #[default]
    DependsOn,
    /// The ticket mentions the problem.
    RefersTo,
}

/// Numbers between 0 and 100 for our four priorities. A ticket with a number in between has the priority below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Priorities {
    /// When there is time.
    pub low: i64,
    /// The usual.
    pub normal: i64,
    /// Before the usual.
    pub high: i64,
    /// Now.
    pub urgent: i64,
}

impl Default for Priorities {
    fn default() -> Priorities {
        Priorities { low: 10, normal: 50, high: 80, urgent: 100 }
    }
}

impl Priorities {
    fn number(self, priority: Priority) -> i64 {
        match priority {
            Priority::Low => self.low,
            Priority::Normal => self.normal,
            Priority::High => self.high,
            Priority::Urgent => self.urgent,
        }
    }

    fn of_number(self, number: i64) -> Priority {
        [Priority::Urgent, Priority::High, Priority::Normal]
            .into_iter()
            .find(|priority| number >= self.number(*priority))
            .unwrap_or(Priority::Low)
    }
}

impl ProblemLink {
    /// The key that sets it when a ticket is created; with `Add` before it, the key that adds it later.
    fn key(self) -> &'static str {
        match self {
            ProblemLink::MemberOf => "MemberOf",
            ProblemLink::DependsOn => "DependsOn",
            ProblemLink::RefersTo => "RefersTo",
        }
    }

    /// What the relation is called in `_hyperlinks`.
    fn reference(self) -> &'static str {
        match self {
            ProblemLink::MemberOf => "parent",
            ProblemLink::DependsOn => "depends-on",
            ProblemLink::RefersTo => "refers-to",
        }
    }
}

impl Config {
    /// Everything that is wrong, each with its key and what to do.
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let usable = Url::parse(&self.url).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !usable {
            errors.push("url: not the address of a server; write it as https://rt.example.nl".to_owned());
        } else if self.url.contains("/REST/") {
            errors.push(
                "url: leave out /REST/2.0; write the address that staff open in the browser".to_owned(),
            );
        }
        if self.token.is_none() {
            errors.push(
                "token: missing; make one under Settings, Auth Tokens, as the user for gehoord".to_owned(),
            );
        }
        if self.queues.is_empty() {
            errors.push("queues: empty; name at least the queue in which new tickets are opened".to_owned());
        }
        if self.problem_queue.as_ref().is_some_and(|problems| self.queues.contains(problems)) {
            errors.push(
                "problem_queue: is one of queues too; keep problems in a queue of their own".to_owned(),
            );
        }
        errors.extend(self.bad_names());
        let Priorities { low, normal, high, urgent } = self.priorities;
        if !(0 <= low && low < normal && normal < high && high < urgent) {
            errors.push(
                "priorities: must rise from low to urgent, none below 0; change the numbers".to_owned(),
            );
        }
        errors
    }

    /// Names that cannot stand in a query.
    fn bad_names(&self) -> Vec<String> {
        let fields = [
            ("handle_field", &self.handle_field),
            ("customer_number_field", &self.customer_number_field),
            ("product_field", &self.product_field),
            ("workaround_field", &self.workaround_field),
            ("tag_field", &self.tag_field),
            ("problem_queue", &self.problem_queue),
        ];
        let queues = self.queues.iter().map(|name| ("queues", name));
        fields
            .into_iter()
            .filter_map(|(key, name)| name.as_ref().map(|name| (key, name)))
            .chain(queues)
            .filter(|(_, name)| {
                name.trim().is_empty() || name.contains(['{', '}']) || name.chars().any(char::is_control)
            })
            .map(|(key, _)| {
                format!("{key}: empty, or with braces or control characters; write the name as Request Tracker shows it")
            })
            .collect()
    }
}

/// The connector.
#[derive(Debug)]
pub struct RequestTracker {
    config: Config,
    api: Api,
    /// The self-test of the time zone has passed since this process started.
    time_zone_fits: AtomicBool,
}

/// Builds the connector from a configuration that [`Config::validate`] finds no fault with.
pub fn build(config: Config, client: Client) -> RequestTracker {
    let api = Api::new(&config, client);
    RequestTracker { config, api, time_zone_fits: AtomicBool::new(false) }
}

impl Crm for RequestTracker {
    async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        self.read_page(cursor, now).await
    }

    async fn write(&self, action: &CrmAction, key: &str, again: bool) -> Result<CrmReceipt, Failure> {
        self.carry_out(action, key, again).await
    }

    async fn check(&self) -> Result<String, Failure> {
        self.check_all().await
    }
}

impl RequestTracker {
    /// Where staff can open a ticket.
    fn display_url(&self, ticket: u64) -> Option<String> {
        let mut url = self.api.address(&["Ticket", "Display.html"]).ok()?;
        url.query_pairs_mut().append_pair("id", &ticket.to_string());
        Some(url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Config {
        Config {
            url: "https://rt.example.nl".into(),
            token: Some(Secret::new("1-2-geheim")),
            queues: vec!["General".into()],
            ..Config::default()
        }
    }

    #[test]
    fn every_error_of_a_configuration_is_reported_together() {
        assert_eq!(valid().validate(), Vec::<String>::new());
        let errors = Config { problem_queue: Some("Pro{blems".into()), ..Config::default() }.validate();
        let keys: Vec<&str> = errors.iter().filter_map(|error| error.split(':').next()).collect();
        assert_eq!(keys, ["url", "token", "queues", "problem_queue"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (key, config) in [
            ("url", Config { url: "rt.example.nl".into(), ..valid() }),
            ("url", Config { url: "https://rt.example.nl/REST/2.0".into(), ..valid() }),
            ("url", Config { url: "https://jan:pw@rt.example.nl".into(), ..valid() }),
            ("problem_queue", Config { problem_queue: Some("General".into()), ..valid() }),
            ("handle_field", Config { handle_field: Some(" ".into()), ..valid() }),
            ("priorities", Config { priorities: Priorities { low: 60, ..Priorities::default() }, ..valid() }),
        ] {
            let errors = config.validate();
            assert!(errors.len() == 1 && errors[0].starts_with(&format!("{key}:")), "{key}: {errors:?}");
        }
    }

    #[test]
    fn a_configuration_reads_as_it_is_documented() {
        let config: Config = toml::from_str(
            "url = 'https://rt.example.nl'\ntoken = 'x'\nqueues = ['General']\nproblem_queue = 'Problems'\n\
             problem_link = 'MemberOf'\nhandle_field = 'SocialHandle'\n[priorities]\nurgent = 99\n\
             [statuses]\n'waiting for parts' = 'pending'",
        )
        .unwrap();
        assert_eq!(config.problem_link, ProblemLink::MemberOf);
        assert_eq!(config.priorities, Priorities { urgent: 99, ..Priorities::default() });
        assert_eq!(config.statuses["waiting for parts"], TicketStatus::Pending);
        assert!(toml::from_str::<Config>("que = []").is_err());
    }

    #[test]
    fn a_number_in_between_has_the_priority_below_it() {
        let priorities = Priorities::default();
        for (number, priority) in [
            (0, Priority::Low),
            (49, Priority::Low),
            (50, Priority::Normal),
            (80, Priority::High),
            (100, Priority::Urgent),
            (i64::MAX, Priority::Urgent),
            (i64::MIN, Priority::Low),
        ] {
            assert_eq!(priorities.of_number(number), priority, "{number}");
        }
    }
}
