//! The register: what the company itself has written down about contacts, tickets and problems.
//!
//! CRM connectors (`escalate/`) return these shapes; `store/register.rs` keeps the mirror of them; matching reads the
//! mirror. Ids in here are the CRM's own; in the store they are prefixed with the register's name (see [`row_id`]).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text;

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The CRM's id.
    pub external_id: String,
    /// The full name as written in the CRM.
    pub name: String,
    /// Main e-mail address.
    pub email: Option<String>,
    /// Main phone number as written.
    pub phone: Option<String>,
    /// The number the customer knows.
    pub customer_number: Option<String>,
    /// Place of residence.
    pub city: Option<String>,
    /// `network:handle` pairs that the customer gave us.
    pub handles: Vec<String>,
    /// Customer since.
    pub customer_since: Option<Timestamp>,
}

/// A ticket (an incident).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The CRM's id.
    pub external_id: String,
    /// What people call it; mostly the id.
    pub number: String,
    /// Where staff can open it.
    pub url: Option<String>,
    /// One line.
    pub subject: String,
    /// The first description.
    pub body: String,
    /// Where it stands.
    pub status: TicketStatus,
    /// How urgent the CRM thinks it is.
    pub priority: Priority,
    /// The CRM's id of the customer.
    pub contact: Option<String>,
    /// The CRM's id of the problem it is linked to.
    pub problem: Option<String>,
    /// Product or queue.
    pub product: Option<String>,
    /// Opened.
    pub created_at: Timestamp,
    /// Last change of any kind.
    pub updated_at: Timestamp,
    /// Solved or closed.
    pub solved_at: Option<Timestamp>,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// Somebody should be working on it.
    Open,
    /// Waits for somebody, mostly the customer.
    Pending,
    /// Thought to be done; may still be reopened.
    Solved,
    /// Done for good.
    Closed,
}

impl TicketStatus {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            TicketStatus::Open => "open",
            TicketStatus::Pending => "pending",
            TicketStatus::Solved => "solved",
            TicketStatus::Closed => "closed",
        }
    }

    /// The status a stored or configured name stands for.
    pub fn from_name(name: &str) -> Option<TicketStatus> {
        [TicketStatus::Open, TicketStatus::Pending, TicketStatus::Solved, TicketStatus::Closed]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// The customer is still waiting.
    pub fn is_unresolved(self) -> bool {
        matches!(self, TicketStatus::Open | TicketStatus::Pending)
    }
}

/// How urgent a CRM thinks a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When there is time.
    Low,
    /// The usual.
    Normal,
    /// Before the usual.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }

    /// The priority a stored or configured name stands for.
    pub fn from_name(name: &str) -> Option<Priority> {
        [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent]
            .into_iter()
            .find(|priority| priority.name() == name)
    }
}

/// Something said on a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The CRM's id of the answer.
    pub external_id: String,
    /// The CRM's id of the ticket.
    pub ticket: String,
    /// Staff said it; otherwise the customer did.
    pub by_agent: bool,
    /// The customer can read it.
    pub public: bool,
    /// The words.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// A problem: the cause behind tickets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The CRM's id.
    pub external_id: String,
    /// What people call it.
    pub number: String,
    /// Where staff can open it.
    pub url: Option<String>,
    /// One line.
    pub title: String,
    /// What is known about the cause.
    pub description: String,
    /// Where it stands.
    pub status: ProblemStatus,
    /// What customers can do meanwhile.
    pub workaround: Option<String>,
    /// Who can act.
    pub owner: Option<String>,
    /// How to reach them.
    pub owner_email: Option<String>,
    /// Recorded.
    pub opened_at: Timestamp,
    /// Thought to be fixed.
    pub fixed_at: Option<Timestamp>,
}

/// Where a problem stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemStatus {
    /// The cause is there and nobody has a way around it.
    Open,
    /// A workaround is published; the cause is still there.
    Explained,
    /// Thought to be fixed. A new complaint is a recurrence.
    Fixed,
    /// Filed away.
    Closed,
}

impl ProblemStatus {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            ProblemStatus::Open => "open",
            ProblemStatus::Explained => "explained",
            ProblemStatus::Fixed => "fixed",
            ProblemStatus::Closed => "closed",
        }
    }

    /// The status a stored or configured name stands for.
    pub fn from_name(name: &str) -> Option<ProblemStatus> {
        [ProblemStatus::Open, ProblemStatus::Explained, ProblemStatus::Fixed, ProblemStatus::Closed]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// A complaint about it now means that the fix did not hold.
    pub fn is_thought_fixed(self) -> bool {
        matches!(self, ProblemStatus::Fixed | ProblemStatus::Closed)
    }
}

/// What one call to a CRM brought.
#[derive(Clone, Debug, Default)]
pub struct RegisterPage {
    /// New or changed customers.
    pub contacts: Vec<Contact>,
    /// New or changed tickets.
    pub tickets: Vec<Ticket>,
    /// New answers.
    pub answers: Vec<Answer>,
    /// New or changed problems.
    pub problems: Vec<Problem>,
    /// Ids of tickets that no longer exist.
    pub deleted_tickets: Vec<String>,
    /// Where to go on next time.
    pub cursor: String,
    /// There is nothing more at this moment: a pass is complete.
    pub complete: bool,
    /// Rows that could not be understood, with the reason; no content.
    pub rejected: Vec<String>,
}

/// A contact of the mirror.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredContact {
    /// `REGISTER:EXTERNAL_ID`.
    pub id: String,
    /// What the CRM says.
    pub contact: Contact,
}

/// A ticket of the mirror. Contact and problem are row ids here.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTicket {
    /// `REGISTER:EXTERNAL_ID`.
    pub id: String,
    /// Configured name of the register.
    pub register: String,
    /// What the CRM says; `contact` and `problem` are row ids.
    pub ticket: Ticket,
    /// Register change number of the row.
    pub changed_seq: i64,
    /// No longer exists in the CRM.
    pub deleted: bool,
}

/// A problem of the mirror.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredProblem {
    /// `REGISTER:EXTERNAL_ID`.
    pub id: String,
    /// Configured name of the register.
    pub register: String,
    /// What the CRM says.
    pub problem: Problem,
    /// Register change number of the row.
    pub changed_seq: i64,
    /// No longer exists in the CRM.
    pub deleted: bool,
}

impl RegisterPage {
    /// The same page with every text made harmless: a CRM holds whatever customers pasted into it.
    pub fn cleaned(mut self) -> RegisterPage {
        let line = |value: &mut String| *value = text::clean_name(value);
        let body = |value: &mut String| *value = text::clean(value).text;
        let maybe = |value: &mut Option<String>| {
            *value = value.take().map(|v| text::clean_name(&v)).filter(|v| !v.is_empty());
        };
        for contact in &mut self.contacts {
            line(&mut contact.external_id);
            line(&mut contact.name);
            [&mut contact.email, &mut contact.phone, &mut contact.customer_number, &mut contact.city]
                .into_iter()
                .for_each(maybe);
            contact.handles.iter_mut().for_each(line);
        }
        for ticket in &mut self.tickets {
            [&mut ticket.external_id, &mut ticket.number, &mut ticket.subject].into_iter().for_each(line);
            body(&mut ticket.body);
            [&mut ticket.contact, &mut ticket.problem, &mut ticket.product, &mut ticket.url]
                .into_iter()
                .for_each(maybe);
        }
        for answer in &mut self.answers {
            [&mut answer.external_id, &mut answer.ticket].into_iter().for_each(line);
            body(&mut answer.body);
        }
        for problem in &mut self.problems {
            [&mut problem.external_id, &mut problem.number, &mut problem.title].into_iter().for_each(line);
            body(&mut problem.description);
            problem.workaround =
                problem.workaround.take().map(|v| text::clean(&v).text).filter(|v| !v.is_empty());
            [&mut problem.owner, &mut problem.owner_email, &mut problem.url].into_iter().for_each(maybe);
        }
        self
    }
}

/// The id of a row in our mirror.
pub fn row_id(register: &str, external_id: &str) -> String {
    format!("{register}:{external_id}")
}

/// The name of the register that a row of our mirror came from.
pub fn register_of(row_id: &str) -> &str {
    row_id.split_once(':').map_or(row_id, |(register, _)| register)
}

/// The CRM's own id in a row id of our mirror.
pub fn external_id(row_id: &str) -> &str {
    row_id.split_once(':').map_or(row_id, |(_, external)| external)
}

/// A way to find a contact: what sort of key, and its folded value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContactKey {
    /// Sort of key.
    pub kind: KeyKind,
    /// Folded value; equal values mean the same.
    pub value: String,
}

/// Sorts of keys, the certain ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Customer number.
    Number,
    /// `network:handle` that the customer gave us.
    Handle,
    /// E-mail address.
    Email,
    /// Phone number in digits.
    Phone,
    /// Blocking key of a name.
    Name,
}

impl KeyKind {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::Number => "number",
            KeyKind::Handle => "handle",
            KeyKind::Email => "email",
            KeyKind::Phone => "phone",
            KeyKind::Name => "name",
        }
    }
}

impl ContactKey {
    /// A customer number: letters and digits only.
    pub fn number(raw: &str) -> Option<ContactKey> {
        let value: String = text::fold(raw).chars().filter(|c| c.is_alphanumeric()).collect();
        (value.len() >= 4).then_some(ContactKey { kind: KeyKind::Number, value })
    }

    /// A handle on a network, without `@` and with the case folded.
    pub fn handle(network: &str, handle: &str) -> Option<ContactKey> {
        let handle = handle.trim().trim_start_matches('@').to_lowercase();
        (!handle.is_empty()).then(|| ContactKey {
            kind: KeyKind::Handle,
            value: format!("{}:{handle}", network.to_lowercase()),
        })
    }

    /// An e-mail address with the case folded.
    pub fn email(raw: &str) -> Option<ContactKey> {
        let value = raw.trim().to_lowercase();
        let (local, domain) = value.split_once('@')?;
        (!local.is_empty() && domain.contains('.')).then_some(ContactKey { kind: KeyKind::Email, value })
    }

    /// A phone number as its last nine digits, so that `+31 6 …`, `0031 6…` and `06-…` are one.
    pub fn phone(raw: &str) -> Option<ContactKey> {
        let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
        (9..=15)
            .contains(&digits.len())
            .then(|| ContactKey { kind: KeyKind::Phone, value: digits[digits.len() - 9..].to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_phone_number_meet() {
        let keys: Vec<_> = ["06-12345678", "+31 6 1234 5678", "0031612345678"].map(ContactKey::phone).into();
        assert!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]));
        assert_eq!(ContactKey::phone("112"), None);
    }

    #[test]
    fn handles_fold_case_and_at_sign() {
        assert_eq!(
            ContactKey::handle("Mastodon", "@Joost@Sociaal.example"),
            ContactKey::handle("mastodon", "joost@sociaal.example")
        );
    }
}
