//! What to do with the answer: how many hear it, what we promised, who can act, how urgent it is and why.

use super::verdict::percent;
use super::{Writer, names, time};
use crate::alert::content::{Part, Phrase, joined};
use crate::assess::Class;
use crate::exposure::grouped;
use crate::text;

/// The most promises that are quoted, the newest first.
const PROMISES_MAX: usize = 10;
/// The most characters of one quoted promise.
const PROMISE_CHARACTERS_MAX: usize = 400;
/// The most characters of a workaround.
const WORKAROUND_CHARACTERS_MAX: usize = 600;
/// So many listeners are worth naming as a reason, even beside a stronger one.
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
        let Some(problem) = self.dossier.problem.as_ref().map(|stored| &stored.problem) else {
            return Vec::new();
        };
        let mut parts = Vec::new();
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
            Some(topic) => Phrase::new().theirs(topic),
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
            parts.push(pair("Taal", "Language", Phrase::new().theirs(language)));
        }
        if !self.without_person() && !assessment.evidence.is_empty() {
            let evidence =
                assessment.evidence.iter().take(EVIDENCE_MAX).map(|piece| Phrase::new().theirs(piece));
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
        if self.went_public_late() {
            because.push(
                self.say(
                    "het eigen ticket van de klant lag er al",
                    "the customer's own ticket was there already",
                )
                .to_owned(),
            );
        }
        // Exposure raises urgency too; where nothing else did, it was that.
        if because.is_empty() || dossier.exposure.expected >= MANY {
            let expected = grouped(dossier.exposure.expected, self.dutch);
            because.push(match self.dutch {
                true => format!("{expected} mensen horen dit"),
                false => format!("{expected} people hear it"),
            });
        }
        Phrase::from(match self.dutch {
            true => format!("{level}, want {}", because.join(" en ")),
            false => format!("{level}, because {}", because.join(" and ")),
        })
    }
}
