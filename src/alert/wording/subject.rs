//! The subject: what an alert says before it is opened. No word from outside our own systems.

use super::Writer;
use crate::alert::content::SUBJECT_CHARACTERS_MAX;
use crate::assess::Severity;
use crate::decide::{AlertKind, Verdict};
use crate::exposure::grouped;
use crate::text;

/// The longest ticket or problem number in a subject, in characters.
const NUMBER_CHARACTERS_MAX: usize = 24;
/// The longest name of a source in a subject, in characters.
const SOURCE_CHARACTERS_MAX: usize = 40;

/// For example "[gehoord 12] Bekend sinds 42 dagen · 40.000 volgers · ticket 18312".
pub fn subject(writer: &Writer) -> String {
    let dossier = writer.dossier;
    let mark = match &dossier.case {
        Some(case) => format!("[gehoord {}]", case.number),
        None => "[gehoord]".to_owned(),
    };
    let mut parts = Vec::new();
    if dossier.urgency == Severity::Critical {
        parts.push(writer.say("SPOED", "URGENT").to_owned());
    }
    parts.extend(lead(writer));
    if writer.letter.kind != AlertKind::KnownAfterAll || dossier.verdict != Verdict::Known {
        parts.extend(verdict(writer));
    }
    if let Some(audience) = dossier.exposure.audience.filter(|audience| *audience > 0) {
        let followers = writer.say("volgers", "followers");
        parts.push(format!("{} {followers}", grouped(audience, writer.dutch)));
    }
    parts.push(place(writer));
    short(&format!("{mark} {}", parts.join(" · ")))
}

/// Why somebody is told, unless it is simply a complaint.
fn lead(writer: &Writer) -> Option<String> {
    let dossier = writer.dossier;
    Some(match writer.letter.kind {
        AlertKind::Complaint => return None,
        AlertKind::Recurrence => match dossier.recurrence_days {
            Some(days) if writer.dutch => format!("Terug: de oplossing hield {}", writer.days(days)),
            Some(days) => format!("Back: the fix held {}", writer.days(days)),
            None => writer.say("Terug na een oplossing", "Back after a fix").to_owned(),
        },
        AlertKind::Worse => writer.say("Erger geworden", "Got worse").to_owned(),
        AlertKind::More => writer.say("Opnieuw", "Again").to_owned(),
        AlertKind::NotUnderstood => writer.say("Niet begrepen", "Not understood").to_owned(),
        AlertKind::KnownAfterAll => match (dossier.verdict, dossier.known_since_days) {
            (Verdict::Known, Some(days)) if writer.dutch => {
                format!("Toch bekend, {}", writer.known_since(days))
            }
            (Verdict::Known, Some(days)) => format!("Known after all, {}", writer.known_since(days)),
            _ => writer.say("Toch bekend", "Known after all").to_owned(),
        },
    })
}

fn verdict(writer: &Writer) -> Option<String> {
    let dossier = writer.dossier;
    Some(match dossier.verdict {
        Verdict::Known => match dossier.known_since_days {
            Some(days) if writer.dutch => format!("Bekend {}", writer.known_since(days)),
            Some(days) => format!("Known {}", writer.known_since(days)),
            None => writer.say("Bekend", "Known").to_owned(),
        },
        Verdict::Perhaps => writer.say("Misschien bekend", "Perhaps known").to_owned(),
        Verdict::New => writer.say("Niet bekend", "Not known").to_owned(),
        Verdict::Unread => writer.say("Register nog niet gelezen", "Register not read yet").to_owned(),
        Verdict::None => return None,
    })
}

/// The number people will look for; else the source. A number that is a text in disguise is none.
fn place(writer: &Writer) -> String {
    let dossier = writer.dossier;
    let ticket = dossier.ticket.as_ref().and_then(|ticket| number(&ticket.ticket.number));
    let problem = dossier.problem.as_ref().and_then(|problem| number(&problem.problem.number));
    match (ticket, problem) {
        (Some(ticket), _) => format!("ticket {ticket}"),
        (None, Some(problem)) => format!("{} {problem}", writer.say("probleem", "problem")),
        (None, None) => {
            let source = text::excerpt(&text::clean_name(&dossier.mention.source), SOURCE_CHARACTERS_MAX);
            format!("{} {source}", writer.say("op", "on"))
        }
    }
}

fn number(raw: &str) -> Option<&str> {
    let plain = raw.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '#'));
    (plain && !raw.is_empty() && raw.len() <= NUMBER_CHARACTERS_MAX).then_some(raw)
}

/// One line without control characters, cut at [`SUBJECT_CHARACTERS_MAX`].
fn short(subject: &str) -> String {
    let line = text::clean_name(subject);
    if line.chars().count() <= SUBJECT_CHARACTERS_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(SUBJECT_CHARACTERS_MAX - 1).collect();
    cut.push('…');
    cut
}
