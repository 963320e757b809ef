//! The tables of a register, and where our fields stand in the rows of a file or a query. Pure.
//!
//! Column names are recognised in English and in the Dutch of common exports; how a word is written (case, accents,
//! spaces, hyphens) makes no difference.

use std::collections::{BTreeMap, HashMap};

use crate::text;

/// The four tables of a register, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Contacts,
    Problems,
    Tickets,
    Answers,
}

type Names = &'static [(&'static str, &'static [&'static str])];

const CONTACT_NAMES: Names = &[
    ("id", &["contactid", "klantid", "persoonid", "relatieid"]),
    ("name", &["naam", "volledigenaam", "klantnaam", "contactnaam", "fullname"]),
    ("first_name", &["voornaam"]),
    ("infix", &["tussenvoegsel", "tussenvoegsels"]),
    ("last_name", &["achternaam", "surname"]),
    ("email", &["mail", "mailadres", "emailadres", "emailaddress"]),
    ("phone", &["telefoon", "telefoonnummer", "tel", "mobiel", "phonenumber", "mobile"]),
    ("customer_number", &["klantnummer", "klantnr", "relatienummer", "debiteurnummer", "customerno"]),
    ("city", &["plaats", "woonplaats", "stad", "town"]),
    ("handles", &["accounts", "socialmedia", "socials"]),
    ("customer_since", &["klantsinds", "klantvanaf", "since"]),
    ("updated_at", UPDATED_NAMES),
];
const PROBLEM_NAMES: Names = &[
    ("id", &["problemid", "probleemid", "probleem", "problem"]),
    ("number", &["nummer", "problemnumber", "probleemnummer"]),
    ("url", &["link"]),
    ("title", &["titel", "onderwerp", "subject", "summary"]),
    ("description", &["omschrijving", "beschrijving", "toelichting"]),
    ("status", &["stand", "state"]),
    ("workaround", &["tijdelijkeoplossing", "omweg"]),
    ("owner", &["eigenaar", "behandelaar", "afdeling", "verantwoordelijke"]),
    ("owner_email", &["eigenaaremail", "emaileigenaar", "eigenaarmail"]),
    ("opened_at", &["aangemaakt", "aangemaaktop", "geopend", "created", "createdat", "datum"]),
    ("fixed_at", &["opgelostop", "hersteld", "herstelddatum", "fixed"]),
    ("updated_at", UPDATED_NAMES),
];
const TICKET_NAMES: Names = &[
    ("id", &["ticketid", "ticket", "meldingid", "melding", "zaakid", "caseid"]),
    ("number", &["nummer", "ticketnummer", "meldingnummer", "meldingsnummer", "zaaknummer", "ticketnumber"]),
    ("url", &["link"]),
    ("subject", &["onderwerp", "titel", "title", "summary"]),
    ("body", &["omschrijving", "beschrijving", "description", "vraag", "tekst", "toelichting"]),
    ("status", &["stand", "state"]),
    ("priority", &["prioriteit", "prio", "urgentie"]),
    (
        "contact",
        &[
            "contactid",
            "klant",
            "klantid",
            "klantnummer",
            "klantnr",
            "customer",
            "customerid",
            "customernumber",
        ],
    ),
    ("problem", &["probleem", "probleemid", "problemid", "probleemnummer"]),
    ("product", &["dienst", "categorie", "category", "queue"]),
    (
        "created_at",
        &["aangemaakt", "aangemaaktop", "geopend", "ingediend", "created", "datum", "aanmaakdatum"],
    ),
    ("updated_at", UPDATED_NAMES),
    (
        "solved_at",
        &["opgelost", "opgelostop", "afgehandeldop", "gesloten", "geslotenop", "resolved", "closedat"],
    ),
    ("deleted", &["verwijderd"]),
];
const ANSWER_NAMES: Names = &[
    ("id", &["answerid", "antwoordid", "reactieid", "commentid"]),
    ("ticket", &["ticketid", "ticketnummer", "melding", "meldingid", "zaaknummer"]),
    ("author", &["auteur", "door", "afzender", "from"]),
    ("public", &["openbaar", "publiek", "zichtbaar", "extern"]),
    ("body", &["tekst", "bericht", "antwoord", "reactie", "omschrijving", "text", "message"]),
    ("at", &["datum", "tijd", "tijdstip", "op", "aangemaakt", "created", "createdat", "date"]),
    ("updated_at", UPDATED_NAMES),
];
const UPDATED_NAMES: &[&str] =
    &["gewijzigd", "gewijzigdop", "bijgewerkt", "laatstgewijzigd", "updated", "modified", "lastmodified"];

impl Table {
    pub(super) const ALL: [Table; 4] = [Table::Contacts, Table::Problems, Table::Tickets, Table::Answers];

    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Contacts => "contacts",
            Table::Problems => "problems",
            Table::Tickets => "tickets",
            Table::Answers => "answers",
        }
    }

    fn names(self) -> Names {
        match self {
            Table::Contacts => CONTACT_NAMES,
            Table::Problems => PROBLEM_NAMES,
            Table::Tickets => TICKET_NAMES,
            Table::Answers => ANSWER_NAMES,
        }
    }

    /// Groups of columns of which one must be there.
    fn needed(self) -> &'static [&'static [&'static str]] {
        match self {
            Table::Contacts => &[&["id", "customer_number"], &["name", "last_name", "email", "phone"]],
            Table::Problems => &[&["id", "number"], &["title"]],
            Table::Tickets => &[&["id", "number"], &["subject", "body"], &["created_at", "updated_at"]],
            Table::Answers => &[&["ticket"], &["body"], &["at"]],
        }
    }

    /// Whether `field` is a column we know in this table.
    pub(super) fn knows(self, field: &str) -> bool {
        self.names().iter().any(|(name, _)| *name == field)
    }
}

/// Where each of our fields stands in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Columns(HashMap<&'static str, usize>);

impl Columns {
    /// Finds our fields among the names of columns. `own` names columns by hand and wins.
    ///
    /// # Errors
    /// Names the fields that have no column and are needed.
    pub(super) fn find(
        table: Table,
        headers: &[String],
        own: &BTreeMap<String, String>,
    ) -> Result<Columns, String> {
        let folded: Vec<String> = headers.iter().map(|header| plain(header)).collect();
        let mut columns = HashMap::new();
        for (field, synonyms) in table.names() {
            let by_hand = own.get(*field).map(|name| plain(name));
            let wanted: Vec<String> = match by_hand {
                Some(name) => vec![name],
                None => {
                    std::iter::once(plain(field)).chain(synonyms.iter().map(|s| (*s).to_owned())).collect()
                }
            };
            if let Some(at) = wanted.iter().find_map(|name| folded.iter().position(|header| header == name)) {
                columns.insert(*field, at);
            }
        }
        let missing: Vec<String> = table
            .needed()
            .iter()
            .filter(|group| !group.iter().any(|field| columns.contains_key(field)))
            .map(|group| group.join(" or "))
            .collect();
        if missing.is_empty() {
            Ok(Columns(columns))
        } else {
            Err(format!("no column is recognised as {}", missing.join(", nor as ")))
        }
    }
}

/// A row: its cells, and where our fields stand in it.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    columns: &'a Columns,
    cells: &'a [Option<String>],
}

impl<'a> Row<'a> {
    pub(super) fn new(columns: &'a Columns, cells: &'a [Option<String>]) -> Row<'a> {
        Row { columns, cells }
    }

    /// A field's text without white space around it; empty and `NULL` are nothing.
    pub(super) fn text(&self, field: &str) -> Option<&'a str> {
        let cell = self.cells.get(*self.columns.0.get(field)?)?.as_deref()?.trim();
        (!cell.is_empty() && cell != "NULL" && cell != "\\N").then_some(cell)
    }

    /// The first of several fields that holds something.
    pub(super) fn first(&self, fields: &[&str]) -> Option<&'a str> {
        fields.iter().find_map(|field| self.text(field))
    }

    /// The same as a text of its own.
    pub(super) fn owned(&self, field: &str) -> Option<String> {
        self.text(field).map(str::to_owned)
    }
}

/// A word as it is compared: folded, letters and digits only.
pub(super) fn plain(word: &str) -> String {
    text::fold(word).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_can_be_named_by_hand() {
        let headers = ["id", "omschrijving", "vrije tekst", "created_at"].map(str::to_owned);
        let own = BTreeMap::from([("body".to_owned(), "Vrije tekst".to_owned())]);
        let columns = Columns::find(Table::Tickets, &headers, &own).unwrap();
        let cells = ["1", "not this", "this", "2026-01-01"].map(|cell| Some(cell.to_owned()));
        assert_eq!(Row::new(&columns, &cells).text("body"), Some("this"));
    }
}
