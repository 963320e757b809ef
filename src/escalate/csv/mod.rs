//! A register that is exported to files: a folder with `contacts.csv`, `tickets.csv`, `answers.csv`, `problems.csv`.
//!
//! Every file is a whole snapshot; one that did not change (by checksum) costs nothing. A file may be replaced at any
//! moment, also while it is being read or written, so:
//!
//! - A file whose last line is unfinished is not taken until its bytes stayed the same for `settle_secs`.
//! - A file that was cut between two rows looks whole. Its rows are right, so they are taken; but tickets that are missing
//!   from it count as deleted only when its bytes stayed the same for `settle_secs`.
//!
//! To name a deleted ticket, the ids of the last whole snapshot are kept in the cursor (`known`). What does not fit there,
//! more than about 50,000 random UUIDs, is said among the rejected rows, and deletions then go unnoticed.

mod known;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::snapshot::{Place, Snapshot};
use super::columns::{Columns, Row, Table};
use super::moments::Moments;
use super::rows::{self, Words};
use super::{Crm, CrmAction, CrmReceipt};
use crate::failure::{Failure, FailureKind};
use crate::register::RegisterPage;

/// Rows of one page.
const ROWS_PER_READ: usize = 5000;
/// Reasons of one page that are told one by one.
const REASONS_MAX: usize = 100;

/// Settings of a register in files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder that the files stand in.
    pub folder: PathBuf,
    /// File with customers. Not named: `contacts.csv`, where there is one.
    pub contacts: Option<PathBuf>,
    /// File with problems. Not named: `problems.csv`, where there is one.
    pub problems: Option<PathBuf>,
    /// File with tickets. Not named: `tickets.csv`, where there is one.
    pub tickets: Option<PathBuf>,
    /// File with what was said on tickets. Not named: `answers.csv`, where there is one.
    pub answers: Option<PathBuf>,
    /// What stands between two cells. Without it: whichever of `;` `,` tab and `|` the header has most of.
    pub separator: Option<char>,
    /// Names of columns that are not recognised by themselves: for each file, our name for a field and the header it has.
    pub columns: Names,
    /// The data's own words for a ticket's status, each with `open`, `pending`, `solved` or `closed`.
    pub ticket_statuses: BTreeMap<String, String>,
    /// The data's own words for a problem's status, each with `open`, `explained`, `fixed` or `closed`.
    pub problem_statuses: BTreeMap<String, String>,
    /// Time zone of dates that state none.
    pub time_zone: String,
    /// How dates are written when it is not one of the usual ways, as in `strptime`: `%m/%d/%Y`.
    pub date_format: Option<String>,
    /// How long a doubtful file must stay the same before it is believed, in seconds.
    pub settle_secs: u32,
}

/// For each file, our names for fields and the headers they have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// In the file with customers.
    pub contacts: BTreeMap<String, String>,
    /// In the file with problems.
    pub problems: BTreeMap<String, String>,
    /// In the file with tickets.
    pub tickets: BTreeMap<String, String>,
    /// In the file with answers.
    pub answers: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            folder: PathBuf::new(),
            contacts: None,
            problems: None,
            tickets: None,
            answers: None,
            separator: None,
            columns: Names::default(),
            ticket_statuses: BTreeMap::new(),
            problem_statuses: BTreeMap::new(),
            time_zone: "Europe/Amsterdam".to_owned(),
            date_format: None,
            settle_secs: 60,
        }
    }
}

impl Names {
    fn of(&self, table: Table) -> &BTreeMap<String, String> {
        match table {
            Table::Contacts => &self.contacts,
            Table::Problems => &self.problems,
            Table::Tickets => &self.tickets,
            Table::Answers => &self.answers,
        }
    }
}

impl Config {
    /// Every mistake in the settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.folder.as_os_str().is_empty() {
            errors.push("folder: is missing; name the folder that the files stand in".to_owned());
        }
        if self.separator.is_some_and(|separator| !separator.is_ascii() || separator == '"') {
            errors.push("separator: must be one plain character such as ; or ,".to_owned());
        }
        errors.extend(Moments::new(&self.time_zone, self.date_format.as_deref()).err());
        errors.extend(Words::new(&self.ticket_statuses, &self.problem_statuses).err().into_iter().flatten());
        for table in Table::ALL {
            for field in self.columns.of(table).keys().filter(|field| !table.knows(field)) {
                errors.push(format!(
                    "columns.{}.{field}: is not a field of ours; see the example",
                    table.name()
                ));
            }
        }
        errors
    }

    fn path(&self, table: Table) -> (PathBuf, Named) {
        let own = match table {
            Table::Contacts => &self.contacts,
            Table::Problems => &self.problems,
            Table::Tickets => &self.tickets,
            Table::Answers => &self.answers,
        };
        match own {
            Some(path) => (self.folder.join(path), Named::ByOperator),
            None => (self.folder.join(format!("{}.csv", table.name())), Named::ByDefault),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Named {
    ByOperator,
    ByDefault,
}

/// A register in files.
#[derive(Clone, Debug)]
pub struct Csv {
    config: Config,
}

/// Makes the connector of a validated configuration.
pub fn build(config: Config) -> Csv {
    Csv { config }
}

/// Where reading stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    files: BTreeMap<String, FileState>,
    /// Ids of the tickets in the last whole snapshot, packed.
    known: String,
    /// Since when ticket ids are missing from a snapshot that was taken, in milliseconds since 1970.
    missing_since: Option<i64>,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct FileState {
    /// Checksum of the snapshot that was read to its end.
    taken: Option<String>,
    /// The snapshot that is being read, and how far.
    reading: Option<(String, Place)>,
    /// A snapshot that looks unfinished, and since when, in milliseconds since 1970.
    doubtful: Option<(String, i64)>,
}

impl Crm for Csv {
    async fn read(&self, cursor: &str, now: Timestamp) -> Result<RegisterPage, Failure> {
        let cursor: Cursor = serde_json::from_str(cursor).unwrap_or_default();
        let csv = self.clone();
        let page = tokio::task::spawn_blocking(move || csv.next_page(cursor, now)).await;
        page.unwrap_or_else(|_| Err(Failure::new(FailureKind::Internal, "reading the files broke off")))
    }

    async fn write(&self, _: &CrmAction, _: &str, _: bool) -> Result<CrmReceipt, Failure> {
        Err(Failure::new(
            FailureKind::Refused,
            "a CSV register is read-only; alert a person instead, or configure the CRM the files come from",
        ))
    }

    async fn check(&self) -> Result<String, Failure> {
        let csv = self.clone();
        let answer = tokio::task::spawn_blocking(move || csv.describe()).await;
        answer.unwrap_or_else(|_| Err(Failure::new(FailureKind::Internal, "reading the files broke off")))
    }
}

impl Csv {
    /// Reads on in the first file that has something new; complete when none has.
    fn next_page(&self, mut cursor: Cursor, now: Timestamp) -> Result<RegisterPage, Failure> {
        let mut page = RegisterPage { complete: true, ..RegisterPage::default() };
        for table in Table::ALL {
            let mut state = cursor.files.remove(table.name()).unwrap_or_default();
            if let Some(snapshot) = self.load(table, &state)? {
                let is_news = self.step(table, &snapshot, &mut state, &mut cursor, now, &mut page)?;
                page.complete = !is_news;
            }
            cursor.files.insert(table.name().to_owned(), state);
            if !page.complete {
                break;
            }
        }
        page.cursor = serde_json::to_string(&cursor).expect("our own types are always JSON");
        Ok(page)
    }

    fn load(&self, table: Table, state: &FileState) -> Result<Option<Snapshot>, Failure> {
        let (path, named) = self.config.path(table);
        let snapshot = snapshot::load(&path, table, self.config.separator)?;
        // A file that was there a moment ago is probably being replaced; that is no reason to forget everything.
        let is_expected = named == Named::ByOperator || state.taken.is_some() || state.reading.is_some();
        if snapshot.is_none() && is_expected {
            let name = table.name();
            let message =
                format!("the file with {name} is not there; check folder and {name} in the settings");
            return Err(Failure::new(FailureKind::Unavailable, message));
        }
        Ok(snapshot)
    }

    /// Reads on in one file. Says whether it had anything new.
    fn step(
        &self,
        table: Table,
        snapshot: &Snapshot,
        state: &mut FileState,
        cursor: &mut Cursor,
        now: Timestamp,
        page: &mut RegisterPage,
    ) -> Result<bool, Failure> {
        if state.taken.as_ref() == Some(&snapshot.checksum) {
            if table == Table::Tickets {
                self.settle_deletions(snapshot, cursor, now, page)?;
            }
            return Ok(false);
        }
        let place = match &state.reading {
            Some((checksum, place)) if *checksum == snapshot.checksum => *place,
            _ => match self.believe(table, snapshot, state, now)? {
                Believed::Yes => Place::default(),
                Believed::NotYet => return Ok(true),
            },
        };
        let columns = self.columns(table, snapshot)?;
        let (lines, next) = snapshot.rows(place, ROWS_PER_READ);
        self.add_rows(table, &columns, lines, page)?;
        match next {
            Some(place) => state.reading = Some((snapshot.checksum.clone(), place)),
            None => {
                *state = FileState { taken: Some(snapshot.checksum.clone()), ..FileState::default() };
                if table == Table::Tickets {
                    self.remember(snapshot, &columns, cursor, now, page);
                }
            }
        }
        Ok(true)
    }

    /// Whether a new snapshot may be read: it looks whole, or it has not changed for long enough.
    fn believe(
        &self,
        table: Table,
        snapshot: &Snapshot,
        state: &mut FileState,
        now: Timestamp,
    ) -> Result<Believed, Failure> {
        if snapshot.looks_whole() {
            return Ok(Believed::Yes);
        }
        match &state.doubtful {
            Some((checksum, since)) if *checksum == snapshot.checksum => {
                match self.still_to_wait(*since, now) {
                    None => Ok(Believed::Yes),
                    Some(wait) => {
                        let message = format!(
                            "the file with {} looks unfinished; it is read when it stays so",
                            table.name()
                        );
                        Err(Failure::new(FailureKind::Unavailable, message).after(Some(wait)))
                    }
                }
            }
            _ => {
                state.doubtful = Some((snapshot.checksum.clone(), now.as_millisecond()));
                Ok(Believed::NotYet)
            }
        }
    }

    fn still_to_wait(&self, since_millis: i64, now: Timestamp) -> Option<Duration> {
        let settle = i64::from(self.config.settle_secs) * 1000;
        let left = since_millis.saturating_add(settle).saturating_sub(now.as_millisecond());
        (left > 0).then(|| Duration::from_millis(left.min(settle) as u64))
    }

    fn columns(&self, table: Table, snapshot: &Snapshot) -> Result<Columns, Failure> {
        Columns::find(table, &snapshot.header(), self.config.columns.of(table)).map_err(|why| {
            let name = table.name();
            Failure::malformed(format!("the file with {name}: {why}; name the columns under columns.{name}"))
        })
    }

    fn add_rows(
        &self,
        table: Table,
        columns: &Columns,
        lines: Vec<snapshot::Line>,
        page: &mut RegisterPage,
    ) -> Result<(), Failure> {
        let invalid =
            |_| Failure::new(FailureKind::Internal, "the settings of the files were never validated");
        let moments = Moments::new(&self.config.time_zone, self.config.date_format.as_deref())
            .map_err(|_| invalid(()))?;
        let words = Words::new(&self.config.ticket_statuses, &self.config.problem_statuses)
            .map_err(|_| invalid(()))?;
        let mut untold = 0;
        for (line, cells) in lines {
            let added =
                cells.and_then(|cells| rows::add(table, Row::new(columns, &cells), &moments, &words, page));
            match added {
                Ok(()) => {}
                Err(reason) if page.rejected.len() < REASONS_MAX => {
                    page.rejected.push(format!("{} line {line}: {reason}", table.name()));
                }
                Err(_) => untold += 1,
            }
        }
        if untold > 0 {
            page.rejected.push(format!("{}: {untold} more rows that cannot be understood", table.name()));
        }
        Ok(())
    }

    /// After a whole snapshot of tickets: which are new, and whether some are missing.
    fn remember(
        &self,
        snapshot: &Snapshot,
        columns: &Columns,
        cursor: &mut Cursor,
        now: Timestamp,
        page: &mut RegisterPage,
    ) {
        let (present, is_sure) = ids(snapshot, columns);
        let mut known = known::unpack(&cursor.known);
        let is_missing = known.iter().any(|id| !present.contains(id));
        cursor.missing_since = (is_missing && is_sure).then_some(now.as_millisecond());
        known.extend(present);
        cursor.known = known::pack(&known).unwrap_or_else(|| {
            page.rejected.push(format!(
                "tickets: {} ids are more than can be remembered; deleted rows go unnoticed",
                known.len()
            ));
            String::new()
        });
    }

    /// Tickets that are missing from a snapshot that stayed the same for long enough are gone.
    fn settle_deletions(
        &self,
        snapshot: &Snapshot,
        cursor: &mut Cursor,
        now: Timestamp,
        page: &mut RegisterPage,
    ) -> Result<(), Failure> {
        let Some(since) = cursor.missing_since else { return Ok(()) };
        if self.still_to_wait(since, now).is_some() {
            return Ok(());
        }
        let (present, _) = ids(snapshot, &self.columns(Table::Tickets, snapshot)?);
        let known = known::unpack(&cursor.known);
        page.deleted_tickets.extend(known.difference(&present).cloned());
        cursor.known = known::pack(&present).unwrap_or_default();
        cursor.missing_since = None;
        Ok(())
    }

    fn describe(&self) -> Result<String, Failure> {
        let mut found = Vec::new();
        for table in Table::ALL {
            if let Some(snapshot) = self.load(table, &FileState::default())? {
                self.columns(table, &snapshot)?;
                let rows = snapshot.rows(Place::default(), usize::MAX).0.len();
                found.push(format!("{rows} {}", table.name()));
            }
        }
        if found.is_empty() {
            let message = "none of the files is there; check folder in the settings";
            return Err(Failure::new(FailureKind::NotFound, message));
        }
        Ok(format!("files with {}", found.join(", ")))
    }
}

enum Believed {
    Yes,
    NotYet,
}

/// The ids of all tickets in a snapshot, those of rows included that cannot be understood: such a ticket is not gone. Also
/// whether these are all: a row of the wrong length may hide any id.
fn ids(snapshot: &Snapshot, columns: &Columns) -> (BTreeSet<String>, bool) {
    let (lines, _) = snapshot.rows(Place::default(), usize::MAX);
    let is_sure = lines.iter().all(|(_, cells)| cells.is_ok());
    let ids = lines
        .into_iter()
        .filter_map(|(_, cells)| rows::ticket_id(Row::new(columns, &cells.ok()?)).ok())
        .collect();
    (ids, is_sure)
}
