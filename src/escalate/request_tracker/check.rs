//! Do the settings fit? Asked by an operator, and in part before the first read.

use serde_json::Value;

use super::RequestTracker;
use super::api::{Search, moment};
use super::read::time_zone_failure;
use super::rows::{line, list, number, read_all};
use crate::failure::{Failure, FailureKind};

/// A ticket can change between the two questions of the self-test; three times in a row it does not.
const TIME_ZONE_ATTEMPTS: usize = 3;
/// The first version whose transactions can be searched by a query.
const MAJOR_VERSION_MIN: u32 = 5;

impl RequestTracker {
    pub(super) async fn check_all(&self) -> Result<String, Failure> {
        let version = self.api.version().await?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < MAJOR_VERSION_MIN) {
            return Err(Failure::new(FailureKind::Refused, "Request Tracker is older than version 5"));
        }
        let mut remarks = Vec::new();
        let mut fields = Vec::new();
        for (position, name) in self.config.queues.iter().enumerate() {
            let queue = self.visible_queue(name).await?;
            if position == 0 && !has_link(&queue, "create") {
                remarks.push(format!("our user may not open tickets in {name}"));
            }
            fields.push(queue);
        }
        if let Some(name) = &self.config.problem_queue {
            fields.push(self.visible_queue(name).await?);
        }
        remarks.extend(self.unknown_fields(&fields));
        let newest = match self.test_time_zone().await? {
            Some(ticket) => {
                if !self.may_comment(ticket).await? {
                    remarks.push(format!("our user may not comment on ticket {ticket}"));
                }
                format!("the newest ticket is {ticket}")
            }
            None => "there is no ticket yet, so the time zone could not be tested".to_owned(),
        };
        let mut answer = format!("Request Tracker {version}, {} queues; {newest}", fields.len());
        for remark in remarks {
            answer.push_str("; note: ");
            answer.push_str(&remark);
        }
        Ok(answer)
    }

    async fn visible_queue(&self, name: &str) -> Result<Value, Failure> {
        self.api.queue(name).await?.ok_or_else(|| {
            Failure::new(
                FailureKind::NotFound,
                format!("queue {name} is not there, or our user has no right SeeQueue on it"),
            )
        })
    }

    /// Configured fields that no queue has. They may be fields of users, which cannot be listed without more rights.
    fn unknown_fields(&self, queues: &[Value]) -> Vec<String> {
        let known: Vec<String> = queues
            .iter()
            .flat_map(|queue| list(queue, "TicketCustomFields"))
            .filter_map(|field| line(field, "name"))
            .collect();
        let config = &self.config;
        [
            ("handle_field", &config.handle_field),
            ("customer_number_field", &config.customer_number_field),
            ("product_field", &config.product_field),
            ("workaround_field", &config.workaround_field),
            ("tag_field", &config.tag_field),
        ]
        .into_iter()
        .filter_map(|(key, name)| name.as_ref().map(|name| (key, name)))
        .filter(|(_, name)| !known.contains(name))
        .map(|(key, name)| {
            format!("{key} {name} is no field of tickets in these queues that our user may see")
        })
        .collect()
    }

    async fn may_comment(&self, ticket: u64) -> Result<bool, Failure> {
        Ok(self.api.ticket(ticket).await?.is_some_and(|record| has_link(&record.value, "comment")))
    }

    /// Asks for the newest ticket by the time it shows. Where the server reads our dates in another time zone than UTC it
    /// does not find it, and would hide changes from us for hours. The ticket that proved it; `None` without any ticket.
    pub(super) async fn test_time_zone(&self) -> Result<Option<u64>, Failure> {
        for _ in 0..TIME_ZONE_ATTEMPTS {
            let Some((id, updated)) = self.newest_change().await? else { return Ok(None) };
            let next_second = updated + jiff::SignedDuration::from_secs(1);
            let query = format!(
                "id = {id} AND LastUpdated >= {} AND LastUpdated < {}",
                moment(updated),
                moment(next_second)
            );
            if !self.search_tickets(&query, "id", &[]).await?.items.is_empty() {
                return Ok(Some(id));
            }
        }
        Err(time_zone_failure())
    }

    async fn newest_change(&self) -> Result<Option<(u64, jiff::Timestamp)>, Failure> {
        let search = Search {
            query: "id > 0",
            fields: "LastUpdated",
            subfields: &[],
            order: &["LastUpdated"],
            descending: true,
            rows_max: 1,
        };
        let found = self.api.tickets(&search).await?;
        let read = |value: &Value| {
            let updated = value["LastUpdated"].as_str().and_then(|at| at.parse().ok());
            number(value, "id").zip(updated).ok_or_else(String::new)
        };
        Ok(read_all(&found.items, read, &mut Vec::new()).into_iter().next())
    }
}

fn has_link(value: &Value, reference: &str) -> bool {
    list(value, "_hyperlinks").iter().any(|link| line(link, "ref").as_deref() == Some(reference))
}
