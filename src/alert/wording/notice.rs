//! The words of a notice about ourselves: what is the matter, what to do, where to look.

use super::time;
use crate::alert::content::{Alert, Part, Phrase, Section, SectionName, followable};
use crate::alert::notice::{Notice, NoticeLetter};
use crate::decide::Verdict;
use crate::exposure::grouped;

/// Everything the receiver of a notice is told.
pub fn notice(letter: &NoticeLetter) -> Alert {
    let writer = Writer { letter, dutch: letter.language.is_dutch() };
    let sections = [
        (SectionName::What, writer.say("Wat er aan de hand is", "What is the matter"), writer.what()),
        (SectionName::Act, writer.say("Wat u kunt doen", "What you can do"), writer.act()),
        (SectionName::Links, writer.say("Openen", "Open"), writer.links()),
        (SectionName::Foot, writer.say("Stand", "As of"), writer.foot()),
    ];
    Alert {
        subject: format!("[gehoord] {}", writer.subject()),
        dutch: writer.dutch,
        verdict: Verdict::None,
        sections: sections
            .into_iter()
            .filter(|(_, _, parts)| !parts.is_empty())
            .map(|(name, heading, parts)| Section { name, heading: heading.to_owned(), parts })
            .collect(),
    }
}

struct Writer<'a> {
    letter: &'a NoticeLetter<'a>,
    dutch: bool,
}

impl Writer<'_> {
    fn say<T>(&self, dutch: T, english: T) -> T {
        if self.dutch { dutch } else { english }
    }

    fn subject(&self) -> String {
        match self.letter.notice {
            Notice::GivenUp { target, count } => {
                format!("{} {}", self.given_up(target, *count), self.say("opgegeven", "given up"))
            }
            Notice::Silent { source, .. } => match self.dutch {
                true => format!("Bron {source} geeft alleen nog lege lijsten"),
                false => format!("Source {source} answers with empty lists only"),
            },
        }
    }

    /// "3 berichten aan webcare", "1 opdracht voor het CRM desk".
    fn given_up(&self, target: &str, count: usize) -> String {
        let number = grouped(count as u64, self.dutch);
        let words = match (target.split_once(':'), count) {
            (Some(("channel", name)), 1) => {
                self.say(format!("bericht aan {name}"), format!("message to {name}"))
            }
            (Some(("channel", name)), _) => {
                self.say(format!("berichten aan {name}"), format!("messages to {name}"))
            }
            // A ticket of nobody we know is for the first CRM, which its target does not name.
            (Some((_, "")), 1) => self.say("opdracht voor het CRM".to_owned(), "task for the CRM".to_owned()),
            (Some((_, "")), _) => {
                self.say("opdrachten voor het CRM".to_owned(), "tasks for the CRM".to_owned())
            }
            (Some((_, name)), 1) => {
                self.say(format!("opdracht voor het CRM {name}"), format!("task for the CRM {name}"))
            }
            (Some((_, name)), _) => {
                self.say(format!("opdrachten voor het CRM {name}"), format!("tasks for the CRM {name}"))
            }
            (None, _) => self.say(format!("opdrachten voor {target}"), format!("tasks for {target}")),
        };
        format!("{number} {words}")
    }

    fn what(&self) -> Vec<Part> {
        let line = match self.letter.notice {
            Notice::GivenUp { target, count } => {
                let what = self.given_up(target, *count);
                match (self.dutch, *count == 1) {
                    (true, true) => format!(
                        "Het lukte niet: {what} is opgegeven en wordt niet vanzelf opnieuw geprobeerd."
                    ),
                    (true, false) => format!(
                        "Het lukte niet: {what} zijn opgegeven en worden niet vanzelf opnieuw geprobeerd."
                    ),
                    (false, true) => {
                        format!("It did not work: {what} was given up and is not tried again by itself.")
                    }
                    (false, false) => format!(
                        "It did not work: {what} were given up and are not tried again by themselves."
                    ),
                }
            }
            Notice::Silent { source, since } => {
                let at = time::moment(*since, self.dutch);
                match self.dutch {
                    true => format!(
                        "Bron {source} antwoordt wel, maar sinds {at} staat er niets nieuws in. Dat is veel langer dan gewoon is voor deze bron."
                    ),
                    false => format!(
                        "Source {source} does answer, but has brought nothing since {at}. That is far longer than is usual for this source."
                    ),
                }
            }
        };
        vec![Part::Strong(line.into())]
    }

    fn act(&self) -> Vec<Part> {
        let line = match self.letter.notice {
            Notice::GivenUp { .. } => self.say(
                "Kijk bij Uitgaand wat het antwoord was, los dat op en probeer het opnieuw met gehoord release. Doe tot die tijd met de hand wat niet gelukt is.",
                "See in the outbox what the answer was, mend that, and try again with gehoord release. Until then, do by hand what failed.",
            ),
            Notice::Silent { .. } => self.say(
                "Kijk of de zoekterm of het account nog bestaat, en of de bron zelf nog iets laat zien. Tot die tijd horen we hier waarschijnlijk niets.",
                "Check that the search term or account still exists, and that the source itself still shows something. Until then we probably hear nothing there.",
            ),
        };
        vec![Part::Line(line.into())]
    }

    fn links(&self) -> Vec<Part> {
        let (label, path) = match self.letter.notice {
            Notice::GivenUp { .. } => (self.say("Uitgaand", "Outbox"), "outbox"),
            Notice::Silent { .. } => (self.say("Bronnen", "Sources"), "sources"),
        };
        let url = format!("{}/{path}", self.letter.page_url.trim_end_matches('/'));
        followable(&url).map(|url| Part::Link(label.into(), url)).into_iter().collect()
    }

    fn foot(&self) -> Vec<Part> {
        let key = Phrase::from(self.say("Kenmerk van dit bericht: ", "Reference of this message: "));
        vec![Part::Small(key.theirs(self.letter.key))]
    }
}
