//! What a page of ticket rows means: bodies, answers, customers with their handles, and links to problems.
//!
//! All of it is asked for the whole page at once, so a page costs about six requests whatever it holds.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::RequestTracker;
use super::api::{Listing, ROWS_MAX, Search, any_of, quoted};
use super::rows::{
    Content, ENTRY_FIELDS, ENTRY_SUBFIELDS, Entry, Row, TICKET_FIELDS, TICKET_SUBFIELDS, linked, number,
    read_all,
};
use crate::failure::{Failure, FailureKind};
use crate::register::{Answer, Contact, RegisterPage};
use crate::text;

/// Pages of one search that are read for one page of tickets. 10,000 entries for 50 tickets are no conversation.
const PAGES_MAX: usize = 100;
/// Texts that are asked for at once.
const CONTENTS_AT_ONCE: usize = 50;
/// Bytes of text that are kept of one page of tickets.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

impl RequestTracker {
    /// Everything the register wants to know about the tickets in `rows`.
    pub(super) async fn describe(&self, rows: Vec<Row>) -> Result<RegisterPage, Failure> {
        let mut page = RegisterPage::default();
        if rows.is_empty() {
            return Ok(page);
        }
        let is_problem = |row: &Row| Some(&row.queue) == self.config.problem_queue.as_ref();
        let (problems, tickets): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_problem);
        let history = self.history(&tickets, &problems, &mut page.rejected).await?;
        let ids: Vec<u64> = history.iter().map(|entry| entry.id).collect();
        let words = self.words(&ids, &mut page.rejected).await?;
        let links = self.problem_links(&tickets).await?;
        page.contacts = self.contacts(&tickets).await?;
        let body = |row: &Row| {
            let creation = history.iter().find(|entry| entry.ticket == row.id && entry.kind == "Create");
            creation.and_then(|entry| words.get(&entry.id)).cloned().unwrap_or_default()
        };
        for row in &problems {
            page.problems.push(row.problem(&self.config, self.display_url(row.id), body(row)));
        }
        for row in &tickets {
            let problem = links.get(&row.id).copied();
            page.tickets.push(row.ticket(&self.config, self.display_url(row.id), body(row), problem));
            let said = history.iter().filter(|entry| entry.ticket == row.id);
            page.answers.extend(said.filter_map(|entry| answer(row, entry, words.get(&entry.id)?)));
        }
        Ok(page)
    }

    /// What was said on the tickets, and how the problems were described: their notes are ours, and can be thousands.
    async fn history(
        &self,
        tickets: &[Row],
        problems: &[Row],
        rejected: &mut Vec<String>,
    ) -> Result<Vec<Entry>, Failure> {
        let ids = |rows: &[Row]| any_of("ObjectId", rows.iter().map(|row| row.id.to_string()));
        let query = format!(
            "ObjectType = 'RT::Ticket' AND (({} AND (Type = 'Create' OR Type = 'Correspond' OR Type = 'Comment')) \
             OR ({} AND Type = 'Create'))",
            ids(tickets),
            ids(problems)
        );
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..PAGES_MAX {
            let last = entries.iter().map(|entry| entry.id).max().unwrap_or(0);
            let found = self.entries(&format!("{query} AND id > {last}"), false).await?;
            let read = read_all(&found.items, Entry::read, rejected);
            let is_last = found.items.len() < ROWS_MAX || read.is_empty();
            entries.extend(read);
            if is_last {
                return Ok(entries);
            }
        }
        rejected.push(format!("the histories of {} tickets are longer than we read", tickets.len()));
        Ok(entries)
    }

    /// Searches history entries by number.
    pub(super) async fn entries(&self, query: &str, newest_first: bool) -> Result<Listing, Failure> {
        self.api
            .transactions(&Search {
                query,
                fields: ENTRY_FIELDS,
                subfields: &ENTRY_SUBFIELDS,
                order: &["id"],
                descending: newest_first,
                rows_max: ROWS_MAX,
            })
            .await
    }

    /// The words of history entries, by entry. Entries whose words exceed our limits have none, and a reason.
    pub(super) async fn words(
        &self,
        entries: &[u64],
        rejected: &mut Vec<String>,
    ) -> Result<HashMap<u64, String>, Failure> {
        let mut contents: Vec<Content> = Vec::new();
        let mut bytes = 0;
        let mut waiting: Vec<&[u64]> = entries.chunks(CONTENTS_AT_ONCE).rev().collect();
        while let Some(some) = waiting.pop() {
            if bytes > CONTENT_BYTES_MAX {
                rejected.push(format!("texts from history entry {} on are more than we keep", some[0]));
                break;
            }
            match self.contents_of(some, rejected).await {
                Ok(read) => {
                    bytes += read.iter().map(|content| content.text.len()).sum::<usize>();
                    contents.extend(read);
                }
                Err(failure) if failure.kind == FailureKind::TooLarge && some.len() > 1 => {
                    let (first, second) = some.split_at(some.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(failure) if failure.kind == FailureKind::TooLarge => {
                    rejected.push(format!("the text of history entry {} is too large", some[0]));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(readable(contents))
    }

    async fn contents_of(
        &self,
        entries: &[u64],
        rejected: &mut Vec<String>,
    ) -> Result<Vec<Content>, Failure> {
        let mut contents: Vec<Content> = Vec::new();
        for _ in 0..PAGES_MAX {
            let last = contents.iter().map(|content| content.id).max().unwrap_or(0);
            let found = self.api.contents(entries, last).await?;
            let read = read_all(&found.items, Content::read, rejected);
            let is_last = found.items.len() < ROWS_MAX || read.is_empty();
            contents.extend(read);
            if is_last {
                break;
            }
        }
        Ok(contents)
    }

    /// The problem that each ticket is linked to. A link to a ticket outside the problem queue is no link to a problem.
    async fn problem_links(&self, tickets: &[Row]) -> Result<HashMap<u64, u64>, Failure> {
        if self.config.problem_queue.is_none() || tickets.is_empty() {
            return Ok(HashMap::new());
        }
        let query = any_of("id", tickets.iter().map(|row| row.id.to_string()));
        let found = self.search_tickets(&query, "_hyperlinks", &[]).await?;
        let reference = self.config.problem_link.reference();
        let read = |value: &serde_json::Value| {
            number(value, "id").map(|id| (id, linked(value, reference))).ok_or_else(String::new)
        };
        let links: Vec<(u64, Vec<u64>)> = read_all(&found.items, read, &mut Vec::new());
        let targets: Vec<u64> = links.iter().flat_map(|(_, targets)| targets).copied().collect();
        let problems = self.problems_among(&targets).await?;
        Ok(links
            .into_iter()
            .filter_map(|(id, targets)| {
                Some((id, targets.into_iter().find(|target| problems.contains(target))?))
            })
            .collect())
    }

    /// Those of `tickets` that stand in the problem queue.
    pub(super) async fn problems_among(&self, tickets: &[u64]) -> Result<HashSet<u64>, Failure> {
        let mut problems = HashSet::new();
        let Some(queue) = &self.config.problem_queue else { return Ok(problems) };
        let mut tickets = tickets.to_vec();
        tickets.sort_unstable();
        tickets.dedup();
        for chunk in tickets.chunks(ROWS_MAX) {
            let ids = any_of("id", chunk.iter().map(u64::to_string));
            let found =
                self.search_tickets(&format!("{ids} AND Queue = {}", quoted(queue)), "id", &[]).await?;
            let read = |value: &serde_json::Value| number(value, "id").ok_or_else(String::new);
            problems.extend(read_all(&found.items, read, &mut Vec::new()));
        }
        Ok(problems)
    }

    /// The customers of the tickets. What one ticket of a customer says about handle and number counts for all of them, so
    /// their other tickets are asked too: else a ticket without the field would undo one with it.
    async fn contacts(&self, tickets: &[Row]) -> Result<Vec<Contact>, Failure> {
        let mut found: BTreeMap<String, Contact> = BTreeMap::new();
        for person in tickets.iter().flat_map(|row| &row.requestors) {
            found.entry(person.id.clone()).or_insert_with(|| person.contact(None, Vec::new()));
        }
        let mut rows: Vec<Row> = tickets.to_vec();
        rows.extend(self.other_tickets_with_fields(&found).await?);
        for row in &rows {
            let Some(contact) = row.requestors.first().and_then(|person| found.get_mut(&person.id)) else {
                continue;
            };
            contact.handles.extend(row.handles(&self.config));
            contact.customer_number =
                contact.customer_number.take().or_else(|| row.customer_number(&self.config));
        }
        let mut contacts: Vec<Contact> = found.into_values().collect();
        for contact in &mut contacts {
            contact.handles.sort_unstable();
            contact.handles.dedup();
        }
        Ok(contacts)
    }

    async fn other_tickets_with_fields(
        &self,
        contacts: &BTreeMap<String, Contact>,
    ) -> Result<Vec<Row>, Failure> {
        let names = [&self.config.handle_field, &self.config.customer_number_field];
        let has_value: Vec<String> =
            names.into_iter().flatten().map(|name| format!("CF.{{{name}}} IS NOT NULL")).collect();
        let ids: Vec<String> = contacts.keys().filter(|id| id.parse::<u64>().is_ok()).cloned().collect();
        if has_value.is_empty() || ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = format!("{} AND ({})", any_of("Requestor.id", ids), has_value.join(" OR "));
        let mut rows: Vec<Row> = Vec::new();
        // Newest first, so that of a customer with very many tickets the newest handles are known.
        for _ in 0..PAGES_MAX / 10 {
            let before = rows.iter().map(|row| row.id).min().map(|id| format!(" AND id < {id}"));
            let query = format!("{query}{}", before.unwrap_or_default());
            let found = self.search_tickets(&query, TICKET_FIELDS, &TICKET_SUBFIELDS).await?;
            let read = read_all(&found.items, Row::read, &mut Vec::new());
            let is_last = found.items.len() < ROWS_MAX || read.is_empty();
            rows.extend(read);
            if is_last {
                break;
            }
        }
        Ok(rows)
    }

    /// Searches tickets, the newest first.
    pub(super) async fn search_tickets(
        &self,
        query: &str,
        fields: &str,
        subfields: &[(&str, &str)],
    ) -> Result<Listing, Failure> {
        self.api
            .tickets(&Search {
                query,
                fields,
                subfields,
                order: &["id"],
                descending: true,
                rows_max: ROWS_MAX,
            })
            .await
    }
}

/// One text per entry: the first plain one, else the first HTML one as a reader sees it.
pub(super) fn readable(mut contents: Vec<Content>) -> HashMap<u64, String> {
    contents.sort_by_key(|content| (content.is_html, content.id));
    let mut words = HashMap::new();
    for content in contents {
        words.entry(content.entry).or_insert_with(|| {
            let plain = if content.is_html { text::from_html(&content.text) } else { content.text };
            plain.trim().to_owned()
        });
    }
    words
}

/// An entry as an answer. Our own notes are none: they would show customers' problems as being worked on.
pub(super) fn answer(row: &Row, entry: &Entry, body: &str) -> Option<Answer> {
    let public = entry.kind == "Correspond";
    if entry.kind == "Create" || body.is_empty() || (!public && is_our_note(body)) {
        return None;
    }
    let from_outside = row.requestors.iter().map(|person| &person.id).chain(&row.copied);
    Some(Answer {
        external_id: entry.id.to_string(),
        ticket: row.id.to_string(),
        by_agent: !from_outside.into_iter().any(|id| *id == entry.creator),
        public,
        body: body.to_owned(),
        at: entry.at,
    })
}

fn is_our_note(body: &str) -> bool {
    body.lines().any(|line| line.trim().starts_with("[gehoord:") && line.trim().ends_with(']'))
}
