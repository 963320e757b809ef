//! What to do with the answer: how many hear it, what we promised, who can act, how urgent it is and why.

use super::{Writer, names, time};
use crate::alert::content::{Part, Phrase, joined};
use crate::assess::Class;
use crate::decide::Reason;
use crate::exposure::grouped;
use crate::matching::{Band, percent};
use crate::text;

/// The most promises that are quoted, the newest first.
const PROMISES_MAX: usize = 10;
/// The most characters of one quoted promise.
const PROMISE_CHARACTERS_MAX: usize = 400;
/// The most characters of a workaround.
const WORKAROUND_CHARACTERS_MAX: usize = 600;
/// So many listeners are worth naming as a reason.
const MANY: u64 = 1_000;
/// The most pieces of evidence for what it is.
const EVIDENCE_MAX: usize = 8;

impl Writer<'_> {
    pub(super) fn reach(&self) -> Vec<Part> {
        let exposure = &self.dossier.exposure;
        let expected = grouped(exposure.expected, self.dutch);
        let at_least = match exposure.audience {
            Some(_) => self.say("Naar verwachting horen", "Expected to hear it:"),
            None => self.say("Naar verwachting horen ten minste", "Expected to hear it: at least"),
        };
        let first = match self.dutch {
            true => format!("{at_least} {expected} mensen dit."),
            false => format!("{at_least} {expected} people."),
        };
        vec![Part::Line(first.into()), Part::Small(exposure.arithmetic(self.dutch).into())]
    }

    pub(super) fn promises(&self) -> Vec<Part> {
        let promises = &self.dossier.promises;
        let mut parts = Vec::new();
        for promise in promises.iter().take(PROMISES_MAX) {
            let at = time::moment(promise.at, self.dutch);
            if self.without_person() {
                // A promise may greet the customer by name.
                parts.push(Part::Line(Phrase::from(match self.dutch {
                    true => format!("Een toezegging op {at}."),
                    false => format!("A promise on {at}."),
                })));
                continue;
            }
            parts.push(Part::Quote(text::excerpt(&text::clean(&promise.quote).text, PROMISE_CHARACTERS_MAX)));
            parts.push(Part::Small(at.into()));
        }
        let left_out = promises.len().saturating_sub(PROMISES_MAX);
        if left_out > 0 {
            parts.push(Part::Small(Phrase::from(match self.dutch {
                true => format!("En nog {left_out} eerder; die staan in het ticket."),
                false => format!("And {left_out} before that; they are in the ticket."),
            })));
        }
        parts
    }

    pub(super) fn act(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = self.by_hand().into_iter().map(Part::Strong).collect();
        let Some(problem) = self.dossier.problem.as_ref().map(|stored| &stored.problem) else {
            return parts;
        };
        let owner = match (&problem.owner, &problem.owner_email) {
            (Some(owner), Some(email)) => Some(Phrase::new().theirs(owner).ours(", ").theirs(email)),
            (Some(one), None) | (None, Some(one)) => Some(Phrase::new().theirs(one)),
            (None, None) => None,
        };
        parts.push(match owner {
            Some(owner) => {
                let label = self.say("Eigenaar van het probleem", "Owner of the problem").to_owned();
                Part::Pair(label, owner)
            }
            None => Part::Line(
                Phrase::from(self.say("Probleem ", "Problem "))
                    .theirs(&problem.number)
                    .ours(self.say(" heeft nog geen eigenaar.", " has no owner yet.")),
            ),
        });
        if let Some(workaround) = &problem.workaround {
            parts.push(Part::Line(
                self.say("Wat de klant intussen kan doen:", "What the customer can do meanwhile:").into(),
            ));
            parts.push(Part::Quote(text::excerpt(&text::clean(workaround).text, WORKAROUND_CHARACTERS_MAX)));
        }
        parts
    }

    /// What only a person can do, because we can only read the register that it must be done in.
    fn by_hand(&self) -> Vec<Phrase> {
        // A mention that was judged again has the reasons of both times.
        let mut reasons: Vec<&Reason> = Vec::new();
        for reason in &self.dossier.reasons {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let lines = reasons.into_iter().filter_map(|reason| match reason {
            Reason::TicketByHand { register } => Some(
                Phrase::from(self.say("Het ticket staat in ", "The ticket is in "))
                    .theirs(register)
                    .ours(self.say(
                        ". Dat kunnen we alleen lezen: noteer zelf bij het ticket dat de klant openbaar klaagt.",
                        ". We can only read that: note on the ticket yourself that the customer complains in public.",
                    )),
            ),
            Reason::ProblemByHand { register } => Some(
                Phrase::from(self.say("Het probleem staat in ", "The problem is in "))
                    .theirs(register)
                    .ours(self.say(
                        ". Dat kunnen we alleen lezen: noteer zelf bij het probleem dat er een klant bij komt.",
                        ". We can only read that: note on the problem yourself that one more customer has it.",
                    )),
            ),
            Reason::NowhereToOpen => Some(Phrase::from(self.say(
                "Er is nog geen ticket over, en geen ticketsysteem waarin we er een mogen openen: doe dat zelf.",
                "No ticket knows it, and there is no ticket system that we may open one in: please do that yourself.",
            ))),
            _ => None,
        });
        lines.collect()
    }

    pub(super) fn what(&self) -> Vec<Part> {
        let assessment = &self.dossier.assessment;
        let mut kind = Phrase::from(names::class(assessment.class, self.dutch));
        if assessment.class != Class::Unknown {
            let certain = self.say("zeker", "certain");
            kind = kind.ours(format!(" ({} {certain})", percent(assessment.probability)));
        }
        if let Some(brand) = &assessment.brand {
            kind = kind.ours(self.say(" over ", " about ")).theirs(brand);
        }
        let topic = match &assessment.topic {
            Some(topic) => {
                let name = self.letter.topics.name(topic, self.letter.language);
                Phrase::new().theirs(&name.unwrap_or_else(|| topic.clone()))
            }
            None => self.say("niet ingedeeld", "not classified").into(),
        };
        let pair = |dutch: &str, english: &str, value: Phrase| {
            Part::Pair(self.say(dutch, english).to_owned(), value)
        };
        let mut parts = vec![
            pair("Soort", "Kind", kind),
            pair("Onderwerp", "Topic", topic),
            pair("Ernst", "Severity", names::severity(assessment.severity, self.dutch).into()),
            pair("Urgentie", "Urgency", self.urgency()),
        ];
        if let Some(language) = &assessment.language {
            let name = names::language(language, self.dutch).unwrap_or(language);
            parts.push(pair("Taal", "Language", Phrase::new().theirs(name)));
        }
        let evidence = assessment.deciding(self.letter.language);
        if !self.without_person() && !evidence.is_empty() {
            let evidence = evidence.iter().take(EVIDENCE_MAX).map(|piece| Phrase::new().theirs(piece));
            let because = Phrase::from(self.say("Dat zien we aan: ", "We see that from: "));
            parts.push(Part::Small(because.then(joined(evidence, "; "))));
        }
        parts
    }

    /// How urgent, and what raised it above the severity of the words themselves.
    fn urgency(&self) -> Phrase {
        let dossier = self.dossier;
        let level = names::severity(dossier.urgency, self.dutch);
        if dossier.urgency <= dossier.assessment.severity {
            return level.into();
        }
        let mut because = Vec::new();
        if dossier.recurrence_days.is_some() {
            because.push(self.say("een oplossing hield geen stand", "a fix did not hold").to_owned());
        }
        if let Some(days) = self.own_ticket_days(Band::Perhaps).filter(|days| *days >= 1) {
            let days = self.days(days);
            because.push(match self.dutch {
                true => format!("het ticket lag er al {days}"),
                false => format!("the ticket had been there for {days}"),
            });
        }
        if dossier.exposure.expected >= MANY {
            let expected = grouped(dossier.exposure.expected, self.dutch);
            because.push(match self.dutch {
                true => format!("{expected} mensen horen dit"),
                false => format!("{expected} people hear it"),
            });
        }
        if because.is_empty() {
            return level.into();
        }
        Phrase::from(match self.dutch {
            true => format!("{level}, want {}", because.join(" en ")),
            false => format!("{level}, because {}", because.join(" and ")),
        })
    }
}
