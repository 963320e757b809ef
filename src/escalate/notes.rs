//! The words we leave in a CRM: a link, a short quote, the exposure, and what makes it urgent. Plain text, pure.

use std::sync::Arc;

use super::CrmAction;
use crate::assess::Topics;
use crate::clock::whole_days_between;
use crate::config::Language;
use crate::decide::CrmStep;
use crate::dossier::Dossier;
use crate::register::external_id;
use crate::text::excerpt;

/// Characters of the customer's words that a CRM gets; the rest is behind the link.
const QUOTE_CHARACTERS_MAX: usize = 280;

/// What every alert and every note is written with.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// The start of links to the page.
    pub page_url: String,
    /// The tag that CRM tickets get.
    pub tag: String,
    /// What topics are called.
    pub topics: Arc<Topics>,
    /// The language of notes; alerts have that of their receiver.
    pub language: Language,
}

/// The action that carries out a step, with its words.
pub fn action(step: &CrmStep, dossier: &Dossier, letterhead: &Letterhead) -> CrmAction {
    let words = Words { dutch: letterhead.language.is_dutch(), dossier, letterhead };
    match step {
        CrmStep::Escalate { ticket_id, raise_to, problem_id } => CrmAction::Escalate {
            ticket: external_id(ticket_id).to_owned(),
            note: words.of_own_ticket(),
            raise_to: Some(*raise_to),
            problem: problem_id.as_deref().map(|id| external_id(id).to_owned()),
            tag: letterhead.tag.clone(),
        },
        CrmStep::NoteProblem { problem_id } => {
            CrmAction::NoteProblem { problem: external_id(problem_id).to_owned(), note: words.of_problem() }
        }
        CrmStep::OpenTicket { contact_id, priority, .. } => CrmAction::OpenTicket {
            subject: words.subject(),
            body: words.of_new_ticket(),
            contact: contact_id.as_deref().map(|id| external_id(id).to_owned()),
            problem: None,
            priority: *priority,
            tag: letterhead.tag.clone(),
        },
    }
}

struct Words<'a> {
    dutch: bool,
    dossier: &'a Dossier,
    letterhead: &'a Letterhead,
}

impl Words<'_> {
    fn say(&self, dutch: &str, english: &str) -> String {
        if self.dutch { dutch } else { english }.to_owned()
    }

    fn of_own_ticket(&self) -> String {
        let mut lines = vec![self.say(
            "Deze klant klaagt nu ook openbaar over dit ticket.",
            "This customer now also complains in public about this ticket.",
        )];
        if let Some(ticket) = &self.dossier.ticket {
            let days = whole_days_between(ticket.ticket.created_at, self.dossier.mention.said_at());
            lines.push(match self.dutch {
                true => format!("Openbaar geworden {days} dagen nadat het ticket werd geopend."),
                false => format!("Went public {days} days after the ticket was opened."),
            });
        }
        lines.extend(self.statement());
        lines.join("\n")
    }

    fn of_problem(&self) -> String {
        let mut lines = vec![self.say(
            "Nog een klant klaagt openbaar over dit probleem.",
            "One more customer complains in public about this problem.",
        )];
        if let Some(days) = self.dossier.recurrence_days {
            lines.push(match self.dutch {
                true => format!("De oplossing hield {days} dagen stand."),
                false => format!("The fix held for {days} days."),
            });
        }
        lines.push(match self.dutch {
            true => format!(
                "Andere klanten met een open ticket die niets openbaar zeiden: {}.",
                self.dossier.others_silent
            ),
            false => format!(
                "Other customers with an open ticket who said nothing in public: {}.",
                self.dossier.others_silent
            ),
        });
        lines.extend(self.statement());
        lines.join("\n")
    }

    fn of_new_ticket(&self) -> String {
        let mut lines = vec![self.say(
            "Openbare klacht waarvan geen ticket bekend is.",
            "A public complaint that no ticket knows.",
        )];
        lines.extend(self.statement());
        lines.join("\n")
    }

    fn subject(&self) -> String {
        let id = self.dossier.assessment.topic.as_deref();
        let topic = id.and_then(|id| self.letterhead.topics.name(id, self.letterhead.language));
        match (self.dutch, topic.as_deref().or(id).unwrap_or("")) {
            (true, "") => format!("Openbare klacht op {}", self.dossier.mention.source),
            (false, "") => format!("Public complaint on {}", self.dossier.mention.source),
            (true, topic) => format!("Openbare klacht op {}: {topic}", self.dossier.mention.source),
            (false, topic) => format!("Public complaint on {}: {topic}", self.dossier.mention.source),
        }
    }

    /// Quote, link, exposure and case: what every note ends with.
    fn statement(&self) -> Vec<String> {
        let mention = &self.dossier.mention.mention;
        let mut lines = Vec::new();
        if self.dossier.mention.removed_at.is_some() {
            lines.push(
                self.say("De tekst is door de bron verwijderd.", "The text was removed at its source."),
            );
        } else {
            let quote = excerpt(&mention.whole_text().replace('\n', " "), QUOTE_CHARACTERS_MAX);
            lines.push(format!("“{}”", without_macros(&quote)));
        }
        if let Some(url) = &mention.url {
            lines.push(format!("Link: {url}"));
        }
        let reach = self.dossier.exposure.arithmetic(self.dutch);
        lines.push(format!("{}: {reach}", self.say("Bereik", "Reach")));
        if let Some(case) = &self.dossier.case {
            lines
                .push(format!("gehoord {}: {}/cases/{}", case.number, self.letterhead.page_url, case.number));
        }
        lines
    }
}

/// The same text without sequences that ticket systems would fill in or run.
fn without_macros(text: &str) -> String {
    text.replace("{{", "{ {").replace("${", "$ {").replace("{%", "{ %").replace("<%", "< %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_of_ticket_systems_are_inert() {
        assert_eq!(
            without_macros("{{ticket.requester}} ${x} {% if %}"),
            "{ {ticket.requester}} $ {x} { % if %}"
        );
    }
}
