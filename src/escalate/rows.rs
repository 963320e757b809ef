//! What rows with named columns, from a file or a query, mean in the register. Pure.
//!
//! A row that cannot be understood is refused with the name of the column, never with what stands in it.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::columns::{Row, Table, plain};
use super::moments::Moments;
use crate::mention::hex;
use crate::register::{
    Answer, Contact, Priority, Problem, ProblemStatus, RegisterPage, Ticket, TicketStatus,
};

const TICKET_WORDS: &[(TicketStatus, &[&str])] = &[
    (
        TicketStatus::Open,
        &[
            "open",
            "new",
            "nieuw",
            "inbehandeling",
            "inprogress",
            "lopend",
            "toegewezen",
            "heropend",
            "reopened",
        ],
    ),
    (
        TicketStatus::Pending,
        &[
            "pending",
            "hold",
            "onhold",
            "wacht",
            "wachtend",
            "wachtopklant",
            "inafwachting",
            "waiting",
            "inwacht",
        ],
    ),
    (TicketStatus::Solved, &["solved", "resolved", "opgelost", "afgehandeld", "gereed", "done"]),
    (TicketStatus::Closed, &["closed", "gesloten", "afgesloten", "geannuleerd", "cancelled", "canceled"]),
];
const PROBLEM_WORDS: &[(ProblemStatus, &[&str])] = &[
    (
        ProblemStatus::Open,
        &["open", "new", "nieuw", "inonderzoek", "investigating", "lopend", "inbehandeling"],
    ),
    (
        ProblemStatus::Explained,
        &[
            "explained",
            "uitgelegd",
            "verklaard",
            "workaround",
            "knownerror",
            "bekendefout",
            "pending",
            "hold",
        ],
    ),
    (ProblemStatus::Fixed, &["fixed", "solved", "resolved", "opgelost", "hersteld", "verholpen"]),
    (ProblemStatus::Closed, &["closed", "gesloten", "afgesloten"]),
];
const PRIORITY_WORDS: &[(Priority, &[&str])] = &[
    (Priority::Low, &["low", "laag", "p4", "4"]),
    (Priority::Normal, &["normal", "normaal", "medium", "gemiddeld", "p3", "3"]),
    (Priority::High, &["high", "hoog", "p2", "2"]),
    (Priority::Urgent, &["urgent", "spoed", "critical", "kritiek", "zeerhoog", "p1", "1"]),
];
const AGENT_WORDS: &[&str] =
    &["agent", "medewerker", "staff", "employee", "support", "webcare", "klantenservice", "1", "true", "t"];
const CUSTOMER_WORDS: &[&str] = &["customer", "klant", "enduser", "requester", "melder", "0", "false", "f"];
const YES_WORDS: &[&str] =
    &["1", "true", "t", "yes", "y", "ja", "j", "waar", "x", "public", "publiek", "openbaar", "extern"];

/// Words for statuses in the operator's own data, beside those we know.
#[derive(Clone, Debug)]
pub(super) struct Words {
    ticket: HashMap<String, TicketStatus>,
    problem: HashMap<String, ProblemStatus>,
}

impl Words {
    /// The words we know and the operator's own, which map a word to one of our names.
    ///
    /// # Errors
    /// Lists every own word that maps to a name we do not know, as "key: what is wrong".
    pub(super) fn new(
        own_ticket: &BTreeMap<String, String>,
        own_problem: &BTreeMap<String, String>,
    ) -> Result<Words, Vec<String>> {
        let (mut ticket, mut problem) = (known(TICKET_WORDS), known(PROBLEM_WORDS));
        let mut errors = Vec::new();
        for (word, name) in own_ticket {
            match TicketStatus::from_name(name) {
                Some(status) => drop(ticket.insert(plain(word), status)),
                None => {
                    errors.push(format!("ticket_statuses.{word}: must be open, pending, solved or closed"))
                }
            }
        }
        for (word, name) in own_problem {
            match ProblemStatus::from_name(name) {
                Some(status) => drop(problem.insert(plain(word), status)),
                None => {
                    errors.push(format!("problem_statuses.{word}: must be open, explained, fixed or closed"))
                }
            }
        }
        if errors.is_empty() { Ok(Words { ticket, problem }) } else { Err(errors) }
    }
}

fn known<T: Copy>(words: &[(T, &[&str])]) -> HashMap<String, T> {
    words
        .iter()
        .flat_map(|(meaning, words)| words.iter().map(|word| ((*word).to_owned(), *meaning)))
        .collect()
}

/// Reads one row of `table` into `page`.
///
/// # Errors
/// Why the row cannot be understood, without its content.
pub(super) fn add(
    table: Table,
    row: Row<'_>,
    moments: &Moments,
    words: &Words,
    page: &mut RegisterPage,
) -> Result<(), String> {
    match table {
        Table::Contacts => page.contacts.push(contact(row, moments)?),
        Table::Problems => page.problems.push(problem(row, moments, words)?),
        Table::Tickets if row.text("deleted").is_some_and(|word| is_one_of(word, YES_WORDS)) => {
            page.deleted_tickets.push(ticket_id(row)?);
        }
        Table::Tickets => page.tickets.push(ticket(row, moments, words)?),
        Table::Answers => page.answers.push(answer(row, moments)?),
    }
    Ok(())
}

/// The id of a ticket's row.
///
/// # Errors
/// When it has none.
pub(super) fn ticket_id(row: Row<'_>) -> Result<String, String> {
    row.first(&["id", "number"]).map(str::to_owned).ok_or_else(|| "the id is empty".to_owned())
}

fn contact(row: Row<'_>, moments: &Moments) -> Result<Contact, String> {
    let parts: Vec<&str> =
        ["first_name", "infix", "last_name"].iter().filter_map(|field| row.text(field)).collect();
    let id = row.first(&["id", "customer_number"]).ok_or("the id is empty")?;
    Ok(Contact {
        external_id: id.to_owned(),
        name: row.owned("name").unwrap_or_else(|| parts.join(" ")),
        email: row.owned("email"),
        phone: row.owned("phone"),
        customer_number: row.owned("customer_number"),
        city: row.owned("city"),
        handles: row
            .text("handles")
            .unwrap_or_default()
            .split([' ', ',', ';', '|', '\n', '\t'])
            .filter(|handle| handle.contains(':'))
            .map(str::to_owned)
            .collect(),
        customer_since: moment(row, "customer_since", moments)?,
    })
}

fn problem(row: Row<'_>, moments: &Moments, words: &Words) -> Result<Problem, String> {
    let id = row.first(&["id", "number"]).ok_or("the id is empty")?;
    let status = match row.text("status") {
        Some(word) => *words
            .problem
            .get(&plain(word))
            .ok_or("the word in column status is unknown; add it to problem_statuses")?,
        None => ProblemStatus::Open,
    };
    let fixed_at = moment(row, "fixed_at", moments)?;
    let updated_at = moment(row, "updated_at", moments)?;
    Ok(Problem {
        external_id: id.to_owned(),
        number: row.first(&["number", "id"]).unwrap_or(id).to_owned(),
        url: row.owned("url"),
        title: row.text("title").unwrap_or_default().to_owned(),
        description: row.text("description").unwrap_or_default().to_owned(),
        status,
        workaround: row.owned("workaround"),
        owner: row.owned("owner"),
        owner_email: row.owned("owner_email"),
        opened_at: moment(row, "opened_at", moments)?
            .or(updated_at)
            .or(fixed_at)
            .ok_or("column opened_at holds no date")?,
        fixed_at: if status.is_thought_fixed() { fixed_at.or(updated_at) } else { None },
    })
}

fn ticket(row: Row<'_>, moments: &Moments, words: &Words) -> Result<Ticket, String> {
    let id = ticket_id(row)?;
    let created = moment(row, "created_at", moments)?;
    let updated = moment(row, "updated_at", moments)?;
    let solved = moment(row, "solved_at", moments)?;
    let created_at =
        created.or(updated).or(solved).ok_or("neither created_at nor updated_at holds a date")?;
    let updated_at = updated.or(solved).unwrap_or(created_at);
    let status = match row.text("status") {
        Some(word) => *words
            .ticket
            .get(&plain(word))
            .ok_or("the word in column status is unknown; add it to ticket_statuses")?,
        None if solved.is_some() => TicketStatus::Solved,
        None => TicketStatus::Open,
    };
    Ok(Ticket {
        number: row.first(&["number", "id"]).unwrap_or(&id).to_owned(),
        url: row.owned("url"),
        subject: row.text("subject").unwrap_or_default().to_owned(),
        body: row.text("body").unwrap_or_default().to_owned(),
        status,
        // How urgent somebody once thought it was is no reason to lose a ticket over.
        priority: row.text("priority").and_then(priority).unwrap_or(Priority::Normal),
        contact: row.owned("contact"),
        problem: row.owned("problem"),
        product: row.owned("product"),
        created_at,
        updated_at,
        solved_at: if status.is_unresolved() { None } else { solved.or(Some(updated_at)) },
        external_id: id,
    })
}

fn answer(row: Row<'_>, moments: &Moments) -> Result<Answer, String> {
    let ticket = row.text("ticket").ok_or("column ticket is empty")?;
    let at = moment(row, "at", moments)?.ok_or("column at is empty")?;
    let body = row.text("body").unwrap_or_default();
    let by_agent = match row.text("author") {
        None => true,
        Some(word) if is_one_of(word, AGENT_WORDS) => true,
        Some(word) if is_one_of(word, CUSTOMER_WORDS) => false,
        Some(_) => return Err("column author says neither agent nor customer".to_owned()),
    };
    let id = row.owned("id").unwrap_or_else(|| {
        let mut digest = Sha256::new();
        for part in [ticket, &at.as_millisecond().to_string(), body] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        hex(&digest.finalize()[..12])
    });
    Ok(Answer {
        external_id: id,
        ticket: ticket.to_owned(),
        by_agent,
        // Without word to the contrary nobody outside has seen it.
        public: row.text("public").is_some_and(|word| is_one_of(word, YES_WORDS)),
        body: body.to_owned(),
        at,
    })
}

fn moment(row: Row<'_>, field: &str, moments: &Moments) -> Result<Option<Timestamp>, String> {
    match row.text(field) {
        None => Ok(None),
        Some(text) => {
            moments.read(text).map(Some).ok_or_else(|| format!("column {field} holds no date that is known"))
        }
    }
}

fn priority(word: &str) -> Option<Priority> {
    let word = plain(word);
    PRIORITY_WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(priority, _)| *priority)
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.contains(&plain(word).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::columns::Columns;

    fn headers(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    fn read(table: Table, names: &str, cells: &[&str]) -> Result<RegisterPage, String> {
        let columns = Columns::find(table, &headers(names), &BTreeMap::new())?;
        let cells: Vec<Option<String>> = cells.iter().map(|cell| Some((*cell).to_owned())).collect();
        let words = Words::new(&BTreeMap::new(), &BTreeMap::new()).unwrap();
        let moments = Moments::new("Europe/Amsterdam", None).unwrap();
        let mut page = RegisterPage::default();
        add(table, Row::new(&columns, &cells), &moments, &words, &mut page)?;
        Ok(page)
    }

    #[test]
    fn dutch_headers_in_any_spelling_are_recognised() {
        let page = read(
            Table::Tickets,
            "Ticket-nummer,Onderwerp,Omschrijving,Status,Prioriteit,Klantnummer,Aangemaakt op",
            &["0042", "Storing", "Al weken", "In behandeling", "Hoog", "00123", "01-02-2026 09:30"],
        )
        .unwrap();
        let ticket = &page.tickets[0];
        assert_eq!((ticket.external_id.as_str(), ticket.contact.as_deref()), ("0042", Some("00123")));
        assert_eq!((ticket.status, ticket.priority), (TicketStatus::Open, Priority::High));
        assert_eq!(ticket.created_at.to_string(), "2026-02-01T08:30:00Z");
    }

    #[test]
    fn a_contact_without_an_id_is_known_by_its_customer_number() {
        let page = read(
            Table::Contacts,
            "Klantnummer,Voornaam,Tussenvoegsel,Achternaam,E-mail,Accounts",
            &["007", "Anna", "van der", "Meer", "a@example.nl", "x:annam, mastodon:anna@sociaal.example"],
        )
        .unwrap();
        let contact = &page.contacts[0];
        assert_eq!(contact.external_id, "007");
        assert_eq!(contact.name, "Anna van der Meer");
        assert_eq!(contact.handles, ["x:annam", "mastodon:anna@sociaal.example"]);
    }

    #[test]
    fn missing_columns_are_named_and_reasons_hold_no_content() {
        let error = read(Table::Tickets, "id,kleur", &["1", "rood"]).unwrap_err();
        assert!(error.contains("subject or body") && error.contains("created_at"), "{error}");
        for (names, cells) in [
            ("id,subject,created_at,status", ["1", "x", "2026-01-01", "Piet Puk"]),
            ("id,subject,created_at,status", ["1", "x", "Piet Puk", "open"]),
            ("id,subject,created_at,status", ["", "Piet Puk", "2026-01-01", "open"]),
        ] {
            let error = read(Table::Tickets, names, &cells).unwrap_err();
            assert!(!error.contains("Piet"), "{error}");
        }
    }

    #[test]
    fn an_answer_without_an_id_keeps_the_one_it_is_given() {
        let read = || {
            read(
                Table::Answers,
                "ticket,author,public,at,body",
                &["42", "medewerker", "ja", "2026-01-01", "Opgelost."],
            )
        };
        let (one, two) = (read().unwrap(), read().unwrap());
        assert_eq!(one.answers, two.answers);
        assert!(one.answers[0].by_agent && one.answers[0].public);
    }

    #[test]
    fn a_deleted_row_is_a_deleted_ticket() {
        let page = read(Table::Tickets, "id,subject,created_at,verwijderd", &["9", "x", "", "ja"]).unwrap();
        assert_eq!(page.deleted_tickets, ["9"]);
    }
}
