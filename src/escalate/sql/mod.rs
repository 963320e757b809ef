//! A register that stands in tables of SQLite or PostgreSQL, read through the operator's own queries.
//!
//! ```sql
//! SELECT id, subject, body, status, customer_id AS contact, created AS created_at,
//!        COALESCE(modified, created) AS updated_at
//! FROM ticket
//! WHERE COALESCE(modified, created) > :since
//!    OR (COALESCE(modified, created) = :since AND CAST(id AS TEXT) > :after_id)
//! ORDER BY COALESCE(modified, created), CAST(id AS TEXT)
//! LIMIT :limit
//! ```
//!
//! A query with `:since` brings what changed since the last pass, less an overlap: a transaction commits after the moment
//! it writes down. Such a query must return `updated_at` (COALESCE it: in many schemas it is empty until the first change)
//! and be in its order. Without `:since` everything is read each time. Rows that vanish are not noticed; a true `deleted`
//! column says that a ticket is gone.

mod database;
mod query;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::database::{Answer, Database};
use self::query::{Parameter, Query, Values};
use super::columns::{Columns, Row, Table};
use super::moments::Moments;
use super::rows::{self, Words};
use super::{Crm, CrmAction, CrmReceipt};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use crate::register::RegisterPage;

/// Reasons of one page that are told one by one.
const REASONS_MAX: usize = 100;

/// Settings of a register in a database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the database: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`. A role that may only read is best.
    pub url: Option<Secret>,
    /// The queries.
    pub queries: Queries,
    /// Rows of one page: what `:limit` stands for.
    pub page_rows: u32,
    /// How far each pass reaches back before the last change it saw, in seconds: at least the longest transaction.
    pub overlap_secs: u32,
    /// How long a query may take, in seconds.
    pub statement_timeout_secs: u32,
    /// Time zone of moments that are stored without one.
    pub time_zone: String,
    /// How dates are written when it is not one of the usual ways, as in `strptime`.
    pub date_format: Option<String>,
    /// The data's own words for a ticket's status, each with `open`, `pending`, `solved` or `closed`.
    pub ticket_statuses: BTreeMap<String, String>,
    /// The data's own words for a problem's status, each with `open`, `explained`, `fixed` or `closed`.
    pub problem_statuses: BTreeMap<String, String>,
}

/// One SELECT for each table of the register; columns are recognised by name, so `AS` is the mapping.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queries {
    /// Customers.
    pub contacts: Option<String>,
    /// Problems.
    pub problems: Option<String>,
    /// Tickets.
    pub tickets: Option<String>,
    /// What was said on tickets.
    pub answers: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            url: None,
            queries: Queries::default(),
            page_rows: 500,
            overlap_secs: 300,
            statement_timeout_secs: 30,
            time_zone: "UTC".to_owned(),
            date_format: None,
            ticket_statuses: BTreeMap::new(),
            problem_statuses: BTreeMap::new(),
        }
    }
}

impl Queries {
    fn of(&self, table: Table) -> Option<&str> {
        match table {
            Table::Contacts => self.contacts.as_deref(),
            Table::Problems => self.problems.as_deref(),
            Table::Tickets => self.tickets.as_deref(),
            Table::Answers => self.answers.as_deref(),
        }
    }
}

impl Config {
    /// Every mistake in the settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let schemes = ["sqlite:", "postgres:", "postgresql:"];
        match &self.url {
            None => errors.push("url: is missing; give sqlite://PATH or postgres://…".to_owned()),
            Some(url) if !schemes.iter().any(|scheme| url.expose().starts_with(scheme)) => {
                errors.push("url: must start with sqlite:// or postgres://".to_owned());
            }
            Some(_) => {}
        }
        if self.queries.tickets.is_none() && self.queries.problems.is_none() {
            errors.push("queries: neither tickets nor problems are asked for; give at least one".to_owned());
        }
        for table in Table::ALL {
            let parsed = self.queries.of(table).map(Query::parse);
            errors.extend(parsed.and_then(Result::err).map(|why| format!("queries.{}: {why}", table.name())));
        }
        for (key, value) in
            [("page_rows", self.page_rows), ("statement_timeout_secs", self.statement_timeout_secs)]
        {
            if !(1..=100_000).contains(&value) {
                errors.push(format!("{key}: must be between 1 and 100000"));
            }
        }
        errors.extend(Moments::new(&self.time_zone, self.date_format.as_deref()).err());
        errors.extend(Words::new(&self.ticket_statuses, &self.problem_statuses).err().into_iter().flatten());
        errors
    }
}

/// A register in a database.
#[derive(Clone, Debug)]
pub struct Sql {
    config: Config,
    database: Arc<OnceLock<Database>>,
}

/// Makes the connector of a validated configuration. The first question opens the database.
pub fn build(config: Config) -> Sql {
    Sql { config, database: Arc::default() }
}

/// Where reading stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// Which table comes next, as its place in [`Table::ALL`].
    table: usize,
    /// Behind which row, in a pass under way.
    place: Option<Place>,
    /// The latest change seen in this pass.
    latest: Option<Timestamp>,
    /// The latest change seen in earlier passes, for each table.
    marks: BTreeMap<String, Timestamp>,
}

/// Behind a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    /// Its `updated_at` as the database wrote it, so that it compares equal.
    since: String,
    /// The same as a moment, in milliseconds since 1970.
    since_millis: i64,
    id: String,
}

impl Crm for Sql {
    async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        let mut cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let mut page = RegisterPage::default();
        let asked = Table::ALL
            .iter()
            .enumerate()
            .skip(cursor.table)
            .find_map(|(at, table)| self.config.queries.of(*table).map(|query| (at, *table, query)));
        if let Some((at, table, query)) = asked {
            cursor.table = at;
            self.read_table(table, query, &mut cursor, now, &mut page).await?;
        } else {
            cursor.table = Table::ALL.len();
        }
        let is_last =
            Table::ALL.iter().skip(cursor.table).all(|table| self.config.queries.of(*table).is_none());
        if is_last {
            cursor.table = 0;
            page.complete = true;
        }
        page.cursor = serde_json::to_string(&cursor).expect("our own types are always JSON");
        Ok(page)
    }

    async fn write(&self, _: &CrmAction, _: &str, _: bool) -> Result<CrmReceipt, Failure> {
        Err(Failure::new(
            FailureKind::Refused,
            "an SQL register is read-only; alert a person instead, or configure the CRM that the tables belong to",
        ))
    }

    async fn check(&self) -> Result<String, Failure> {
        let mut works = Vec::new();
        for table in Table::ALL {
            let Some(text) = self.config.queries.of(table) else { continue };
            let query = Query::parse(text).map_err(|why| self.unvalidated(&why))?;
            let moments = self.moments()?;
            let values = Values {
                since: moments.sql(Timestamp::UNIX_EPOCH),
                since_millis: 0,
                after_id: String::new(),
                limit: 1,
            };
            let answer = self.ask(table, query.with(&values)).await?;
            if !answer.rows.is_empty() {
                columns(table, &answer)?;
            }
            works.push(table.name());
        }
        Ok(format!("the database answers the queries for {}", works.join(", ")))
    }
}

impl Sql {
    async fn read_table(
        &self,
        table: Table,
        text: &str,
        cursor: &mut Cursor,
        now: Timestamp,
        page: &mut RegisterPage,
    ) -> Result<(), Failure> {
        let query = Query::parse(text).map_err(|why| self.unvalidated(&why))?;
        let moments = self.moments()?;
        let values = self.values(table, cursor, &moments);
        let answer = self.ask(table, query.with(&values)).await?;
        let is_full = query.uses(Parameter::Limit) && answer.rows.len() >= values.limit;
        let mut last = None;
        if !answer.rows.is_empty() {
            let columns = columns(table, &answer)?;
            self.add_rows(table, &columns, &answer, &moments, page)?;
            last = self.follow(table, &query, &columns, &answer, &moments, cursor)?;
        }
        if is_full && (query.is_incremental() || query.uses(Parameter::AfterId)) {
            if last.is_none() || last == cursor.place {
                let name = table.name();
                let message = format!(
                    "the {name} query does not get past {} rows of one moment; compare with :after_id too, and raise page_rows",
                    values.limit
                );
                return Err(Failure::new(FailureKind::Refused, message));
            }
            cursor.place = last;
            return Ok(());
        }
        let earlier = cursor.marks.get(table.name()).copied();
        // A row from the future must not hide what changes until then.
        if let Some(mark) = cursor.latest.map(|latest| latest.min(now)).max(earlier) {
            cursor.marks.insert(table.name().to_owned(), mark);
        }
        cursor.place = None;
        cursor.latest = None;
        cursor.table += 1;
        Ok(())
    }

    /// Where this page begins: behind the last row of the pass, else where the last pass ended less the overlap.
    fn values(&self, table: Table, cursor: &Cursor, moments: &Moments) -> Values {
        let limit = self.config.page_rows as usize;
        if let Some(place) = &cursor.place {
            let Place { since, since_millis, id } = place.clone();
            return Values { since, since_millis, after_id: id, limit };
        }
        let mut since = Timestamp::UNIX_EPOCH;
        if let Some(mark) = cursor.marks.get(table.name()) {
            let mut overlap = i64::from(self.config.overlap_secs);
            if moments.comes_twice(*mark) {
                overlap += 3600;
            }
            since = mark.checked_sub(SignedDuration::from_secs(overlap)).unwrap_or(since).max(since);
        }
        Values {
            since: moments.sql(since),
            since_millis: since.as_millisecond(),
            after_id: String::new(),
            limit,
        }
    }

    fn add_rows(
        &self,
        table: Table,
        columns: &Columns,
        answer: &Answer,
        moments: &Moments,
        page: &mut RegisterPage,
    ) -> Result<(), Failure> {
        let words = Words::new(&self.config.ticket_statuses, &self.config.problem_statuses)
            .map_err(|errors| self.unvalidated(&errors.join("; ")))?;
        let mut untold = 0;
        for (at, cells) in answer.rows.iter().enumerate() {
            let added = match cells {
                Ok(cells) => rows::add(table, Row::new(columns, cells), moments, &words, page),
                Err(reason) => Err(reason.clone()),
            };
            match added {
                Ok(()) => {}
                Err(reason) if page.rejected.len() < REASONS_MAX => {
                    page.rejected.push(format!("{} row {} of a page: {reason}", table.name(), at + 1));
                }
                Err(_) => untold += 1,
            }
        }
        if untold > 0 {
            page.rejected.push(format!("{}: {untold} more rows that cannot be understood", table.name()));
        }
        Ok(())
    }

    /// Notes the latest change on a page, and returns the place behind its last row that has one.
    fn follow(
        &self,
        table: Table,
        query: &Query,
        columns: &Columns,
        answer: &Answer,
        moments: &Moments,
        cursor: &mut Cursor,
    ) -> Result<Option<Place>, Failure> {
        let mut last = None;
        for cells in answer.rows.iter().flatten() {
            let row = Row::new(columns, cells);
            let id = row.first(&["id", "number", "customer_number"]).unwrap_or_default().to_owned();
            let changed =
                row.text("updated_at").and_then(|text| Some((text.to_owned(), moments.read(text)?)));
            match changed {
                Some((since, moment)) => {
                    cursor.latest = cursor.latest.max(Some(moment));
                    last = Some(Place { since, since_millis: moment.as_millisecond(), id });
                }
                None if query.is_incremental() => {}
                None => last = Some(Place { since: String::new(), since_millis: 0, id }),
            }
        }
        if query.is_incremental() && last.is_none() {
            let name = table.name();
            return Err(Failure::new(
                FailureKind::Refused,
                format!(
                    "the {name} query uses :since, so it must return updated_at, never empty; COALESCE it"
                ),
            ));
        }
        Ok(last)
    }

    async fn ask(&self, table: Table, query: String) -> Result<Answer, Failure> {
        let database = match self.database.get() {
            Some(database) => database,
            None => {
                let url = self.config.url.as_ref().map_or("", Secret::expose);
                let opened = Database::open(url)?;
                self.database.get_or_init(|| opened)
            }
        };
        let timeout = Duration::from_secs(u64::from(self.config.statement_timeout_secs));
        database.ask(table.name(), query, &self.config.time_zone, timeout).await
    }

    fn moments(&self) -> Result<Moments, Failure> {
        Moments::new(&self.config.time_zone, self.config.date_format.as_deref())
            .map_err(|why| self.unvalidated(&why))
    }

    fn unvalidated(&self, why: &str) -> Failure {
        Failure::new(
            FailureKind::Internal,
            format!("the settings of the SQL register were never validated: {why}"),
        )
    }
}

fn columns(table: Table, answer: &Answer) -> Result<Columns, Failure> {
    Columns::find(table, &answer.columns, &BTreeMap::new()).map_err(|why| {
        let name = table.name();
        Failure::new(FailureKind::Refused, format!("the {name} query: {why}; name its columns with AS"))
    })
}
