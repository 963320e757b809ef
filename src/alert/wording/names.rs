//! What staff call our closed lists: classes, severities, statuses, tiers, kinds. In Dutch and English.

use crate::assess::{Class, Severity};
use crate::matching::{Question, Tier};
use crate::mention::{Flag, MentionKind};
use crate::register::{ProblemStatus, TicketStatus};

pub fn class(class: Class, dutch: bool) -> &'static str {
    match (class, dutch) {
        (Class::Complaint, true) => "klacht",
        (Class::Complaint, false) => "complaint",
        (Class::Question, true) => "vraag",
        (Class::Question, false) => "question",
        (Class::Praise, true) => "compliment",
        (Class::Praise, false) => "praise",
        (Class::Other, true) => "iets anders",
        (Class::Other, false) => "something else",
        (Class::Unknown, true) => "niet begrepen",
        (Class::Unknown, false) => "not understood",
    }
}

pub fn severity(severity: Severity, dutch: bool) -> &'static str {
    match (severity, dutch) {
        (Severity::Low, true) => "laag",
        (Severity::Low, false) => "low",
        (Severity::Normal, true) => "normaal",
        (Severity::Normal, false) => "normal",
        (Severity::High, true) => "hoog",
        (Severity::High, false) => "high",
        (Severity::Critical, true) => "kritiek",
        (Severity::Critical, false) => "critical",
    }
}

pub fn ticket_status(status: TicketStatus, dutch: bool) -> &'static str {
    match (status, dutch) {
        (TicketStatus::Open, _) => "open",
        (TicketStatus::Pending, true) => "in de wacht",
        (TicketStatus::Pending, false) => "pending",
        (TicketStatus::Solved, true) => "opgelost",
        (TicketStatus::Solved, false) => "solved",
        (TicketStatus::Closed, true) => "gesloten",
        (TicketStatus::Closed, false) => "closed",
    }
}

pub fn problem_status(status: ProblemStatus, dutch: bool) -> &'static str {
    match (status, dutch) {
        (ProblemStatus::Open, _) => "open",
        (ProblemStatus::Explained, true) => "open, er is een omweg",
        (ProblemStatus::Explained, false) => "open, with a workaround",
        (ProblemStatus::Fixed, true) => "als opgelost gemeld",
        (ProblemStatus::Fixed, false) => "reported fixed",
        (ProblemStatus::Closed, true) => "gesloten",
        (ProblemStatus::Closed, false) => "closed",
    }
}

pub fn mention_kind(kind: MentionKind, dutch: bool) -> &'static str {
    match (kind, dutch) {
        (MentionKind::Post, true) => "Bericht",
        (MentionKind::Post, false) => "Post",
        (MentionKind::Review, true) => "Recensie",
        (MentionKind::Review, false) => "Review",
        (MentionKind::Article, true) => "Artikel",
        (MentionKind::Article, false) => "Article",
        (MentionKind::Message, true) => "Bericht aan ons",
        (MentionKind::Message, false) => "Message to us",
    }
}

pub fn question(question: Question, dutch: bool) -> &'static str {
    match (question, dutch) {
        (Question::SameCase, true) => "Zelfde zaak?",
        (Question::SameCase, false) => "Same case?",
        (Question::SameCustomer, true) => "Zelfde klant, andere zaak?",
        (Question::SameCustomer, false) => "Same customer, other case?",
        (Question::SameProblem, true) => "Zelfde probleem bij anderen?",
        (Question::SameProblem, false) => "Same problem of others?",
    }
}

/// What an answer rests on, as a reason.
pub fn tier(tier: Tier, dutch: bool) -> Option<&'static str> {
    Some(match (tier, dutch) {
        (Tier::Reference, true) => "er staat een nummer in de tekst",
        (Tier::Reference, false) => "there is a number in the text",
        (Tier::Thread, true) => "het hoort bij een gesprek dat we kennen",
        (Tier::Thread, false) => "it belongs to a conversation we know",
        (Tier::Customer, true) => "het gaat over een ticket van de klant zelf",
        (Tier::Customer, false) => "it is about a ticket of the customer's own",
        (Tier::Text, true) => "de teksten lijken op elkaar",
        (Tier::Text, false) => "the texts resemble each other",
        (Tier::None, _) => return None,
    })
}

/// What a reader should know about a flagged text.
pub fn flag(flag: Flag, dutch: bool) -> &'static str {
    match (flag, dutch) {
        (Flag::Lossy, true) => {
            "In de tekst stonden tekens die niemand kan lezen; die zijn vervangen of weggelaten."
        }
        (Flag::Lossy, false) => {
            "The text held characters that nobody can read; they were replaced or left out."
        }
        (Flag::Truncated, true) => {
            "De tekst is langer dan we bewaren: het eind ontbreekt. Het hele bericht staat bij de bron."
        }
        (Flag::Truncated, false) => {
            "The text is longer than we keep: its end is missing. The whole post is at its source."
        }
        (Flag::BadTime, true) => "De bron gaf geen bruikbare tijd; hier staat wanneer wij het zagen.",
        (Flag::BadTime, false) => "The source gave no usable time; this is when we saw it.",
        (Flag::IdReuse, true) => "Hetzelfde bericht kwam terug met een andere afzender.",
        (Flag::IdReuse, false) => "The same post came back with another author.",
        (Flag::Deceptive, true) => {
            "Er zitten onzichtbare tekens in, of tekens die de leesrichting omdraaien. Lees goed wat er staat."
        }
        (Flag::Deceptive, false) => {
            "It holds invisible characters, or some that turn the reading direction. Read carefully what it says."
        }
        (Flag::Drifted, true) => "De bron leverde dit anders aan dan we gewend zijn; er kan iets ontbreken.",
        (Flag::Drifted, false) => {
            "The source delivered this in another form than we are used to; something may be missing."
        }
    }
}
