//! The usual customer, ticket and problem; tests say what is different in theirs.

use gehoord::register::{Contact, Priority, Problem, ProblemStatus, Ticket, TicketStatus};
use jiff::Timestamp;

pub fn contact(id: &str, name: &str) -> Contact {
    Contact { external_id: id.into(), name: name.into(), ..Contact::default() }
}

/// An open ticket of nobody, about no problem.
pub fn ticket(id: &str, at: Timestamp) -> Ticket {
    Ticket {
        external_id: id.into(),
        number: id.into(),
        url: None,
        subject: "Geen verbinding".into(),
        body: "Klant meldt geen verbinding na verhuizing".into(),
        status: TicketStatus::Open,
        priority: Priority::Normal,
        contact: None,
        problem: None,
        product: None,
        created_at: at,
        updated_at: at,
        solved_at: None,
    }
}

/// An open problem with an owner.
pub fn problem(id: &str, at: Timestamp) -> Problem {
    Problem {
        external_id: id.into(),
        number: id.into(),
        url: None,
        title: "Verhuizing mislukt".into(),
        description: "De aansluiting wordt niet overgezet".into(),
        status: ProblemStatus::Open,
        workaround: None,
        owner: Some("Operatie".into()),
        owner_email: Some("operatie@voorbeeld.example".into()),
        opened_at: at,
        fixed_at: None,
    }
}
