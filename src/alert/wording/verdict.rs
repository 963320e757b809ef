//! "Is it known?", with since when, on what evidence, and who else has it.

use jiff::Timestamp;

use super::{Writer, names, time};
use crate::alert::content::{Part, Phrase, joined};
use crate::clock::whole_days_between;
use crate::decide::{AlertKind, Verdict};
use crate::dossier::AnswerFacts;
use crate::exposure::grouped;
use crate::matching::{Argument, Band, Question, Tier, percent};
use crate::register::external_id;

/// The most reasons, shared words or counter-reasons that are shown of one answer.
const EVIDENCE_MAX: usize = 6;

impl Writer<'_> {
    pub(super) fn verdict(&self) -> Vec<Part> {
        let dossier = self.dossier;
        let mut parts = vec![Part::Strong(self.verdict_line())];
        if let Some(why) = self.why_told() {
            parts.push(Part::Line(why.into()));
        }
        if let Some(days) = dossier.recurrence_days {
            parts.push(Part::Strong(self.recurrence(days)));
        }
        if self.went_public_late() {
            let ticket = dossier.ticket.as_ref().map(|ticket| ticket.ticket.created_at);
            let days = ticket.map_or(0, |opened| whole_days_between(opened, dossier.mention.said_at()));
            parts.push(Part::Line(Phrase::from(match self.dutch {
                true => format!(
                    "De klant ging hiermee naar buiten {} nadat het ticket werd geopend.",
                    self.days(days)
                ),
                false => format!(
                    "The customer went public with it {} after the ticket was opened.",
                    self.days(days)
                ),
            })));
        }
        if self.problem_is_known() {
            parts.push(Part::Strong(
                self.say(
                    "Bekend – geen bewijs vragen. Het probleem staat vast; de klant hoeft het niet nog eens aan te tonen.",
                    "Known – do not ask for proof. The problem is established; the customer need not show it again.",
                )
                .into(),
            ));
        }
        parts
    }

    fn verdict_line(&self) -> Phrase {
        let dossier = self.dossier;
        let named: Vec<Phrase> = [
            dossier.ticket.as_ref().map(|ticket| self.ticket(ticket)),
            dossier.problem.as_ref().map(|problem| self.problem(problem)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let named =
            if named.is_empty() { Phrase::new() } else { Phrase::from(": ").then(joined(named, ", ")) }
                .ours(".");
        match dossier.verdict {
            Verdict::Known => match dossier.known_since_days {
                Some(days) => {
                    Phrase::from(format!("{} {}", self.say("Bekend", "Known"), self.known_since(days)))
                        .then(named)
                }
                None => Phrase::from(self.say("Bekend", "Known")).then(named),
            },
            Verdict::Perhaps => {
                Phrase::from(self.say("Misschien bekend", "Perhaps known")).then(named).ours(self.say(
                    " Wil jij even kijken of dat klopt?",
                    " Would you have a look whether that is right?",
                ))
            }
            Verdict::New => match self.register_as_of() {
                Some(as_of) => {
                    let as_of = time::since(as_of, dossier.now, self.dutch);
                    Phrase::from(match self.dutch {
                        true => format!("Niet bekend in het register (stand van {as_of})."),
                        false => format!("Not known in the register (as of {as_of})."),
                    })
                }
                None => self
                    .say(
                        "Niet bekend; er is geen register waarin we konden kijken.",
                        "Not known; there is no register to look in.",
                    )
                    .into(),
            },
            Verdict::Unread => self
                .say(
                    "Het register is nog niet helemaal gelezen, dus of dit bekend is weten we nog niet.",
                    "The register has not been read completely yet, so we do not know whether this is known.",
                )
                .into(),
            Verdict::None => self
                .say(
                    "Dat is hier de vraag niet: niemand wacht op een oplossing.",
                    "That is not the question here: nobody is waiting for a solution.",
                )
                .into(),
        }
    }

    /// What is new about it, for somebody who was told before.
    fn why_told(&self) -> Option<&'static str> {
        match self.letter.kind {
            AlertKind::Complaint | AlertKind::Recurrence => None,
            AlertKind::Worse => {
                Some(self.say("Deze zaak is dringender geworden.", "This case has become more urgent."))
            }
            AlertKind::More => Some(self.say(
                "Dezelfde klant laat opnieuw van zich horen; de zaak loopt nog.",
                "The same customer speaks up again; the case is still open.",
            )),
            AlertKind::NotUnderstood => Some(self.say(
                "We begrijpen deze tekst niet, en veel mensen lezen hem. Wil jij kijken?",
                "We do not understand this text, and many people read it. Would you have a look?",
            )),
            AlertKind::KnownAfterAll => Some(self.say(
                "Eerder zeiden we dat dit niet bekend was. Het register weet inmiddels meer.",
                "Earlier we said that this was not known. The register knows more by now.",
            )),
        }
    }

    fn recurrence(&self, days: i64) -> Phrase {
        let fixed_at = self.dossier.problem.as_ref().and_then(|problem| problem.problem.fixed_at);
        let held = match self.dutch {
            true => format!("Het is terug: de oplossing hield {}", self.days(days)),
            false => format!("It is back: the fix held {}", self.days(days)),
        };
        let since = fixed_at.map(|at| match self.dutch {
            true => format!(" (opgelost gemeld op {})", time::day(at, true)),
            false => format!(" (reported fixed on {})", time::day(at, false)),
        });
        Phrase::from(format!("{held}{}.", since.unwrap_or_default()))
    }

    /// The customer's own ticket was open for at least a day before the customer spoke out, as far as we know for sure.
    pub(super) fn went_public_late(&self) -> bool {
        self.own_ticket_days(Band::Known).is_some_and(|days| days >= 1)
    }

    /// Days from the customer's own unresolved ticket to what was said, when an answer of at least this band names one.
    pub(super) fn own_ticket_days(&self, at_least: Band) -> Option<i64> {
        let dossier = self.dossier;
        let ticket = dossier.ticket.as_ref().filter(|ticket| ticket.ticket.status.is_unresolved())?;
        [Question::SameCase, Question::SameCustomer]
            .into_iter()
            .filter_map(|question| dossier.answer(question))
            .any(|facts| facts.answer.band >= at_least)
            .then(|| whole_days_between(ticket.ticket.created_at, dossier.mention.said_at()))
    }

    /// We know the problem well enough not to make the customer prove it.
    fn problem_is_known(&self) -> bool {
        let answered =
            self.dossier.answer(Question::SameProblem).is_some_and(|facts| facts.answer.band == Band::Known);
        self.dossier.problem.is_some() && (answered || self.dossier.verdict == Verdict::Known)
    }

    /// The moment up to which the register was read when this was decided.
    pub(super) fn register_as_of(&self) -> Option<Timestamp> {
        let decided_at = self.dossier.decided_at.unwrap_or(self.dossier.now);
        decided_at.checked_sub(self.dossier.register_age?).ok()
    }

    pub(super) fn register_missing(&self) -> &'static str {
        match self.dossier.verdict {
            Verdict::New => self.say("Er is geen register aangesloten.", "No register is connected."),
            Verdict::Known | Verdict::Perhaps | Verdict::Unread | Verdict::None => self.say(
                "Het register is nog niet helemaal gelezen.",
                "The register has not been read completely yet.",
            ),
        }
    }

    pub(super) fn answers(&self) -> Vec<Part> {
        [Question::SameCase, Question::SameCustomer, Question::SameProblem]
            .into_iter()
            .filter_map(|question| self.dossier.answer(question))
            .flat_map(|facts| self.answer(facts))
            .collect()
    }

    fn answer(&self, facts: &AnswerFacts) -> Vec<Part> {
        let answer = &facts.answer;
        let mut value = Phrase::from(match (answer.band, answer.tier) {
            (Band::Known, _) => self.say("Ja", "Yes"),
            (Band::Perhaps, _) => self.say("Misschien", "Perhaps"),
            (Band::New, Tier::None) => self.say("Niets gevonden", "Nothing found"),
            (Band::New, _) => self.say("Nee, voor zover we zien", "No, as far as we can see"),
        });
        if answer.tier != Tier::None {
            let chance = percent(answer.probability);
            value = value.ours(match (answer.band, self.dutch) {
                (Band::New, true) => format!(" (de kans dat het wel zo is: {chance})"),
                (Band::New, false) => format!(" (the chance that it is: {chance})"),
                (Band::Perhaps | Band::Known, true) => format!(" ({chance} zeker)"),
                (Band::Perhaps | Band::Known, false) => format!(" ({chance} certain)"),
            });
            value = match (answer.band, self.subject_of(facts)) {
                (_, None) => value,
                (Band::New, Some(named)) => {
                    value.ours(self.say("; het dichtst in de buurt: ", "; the closest is ")).then(named)
                }
                (Band::Perhaps | Band::Known, Some(named)) => value.ours(": ").then(named),
            };
        }
        let label = names::question(answer.question, self.dutch).to_owned();
        let mut parts = vec![Part::Pair(label, value.ours("."))];
        parts.extend(self.evidence(facts).into_iter().map(Part::Small));
        parts
    }

    /// Why an answer is what it is. What matching wrote may quote the customer, so a link-only letter leaves it out.
    fn evidence(&self, facts: &AnswerFacts) -> Vec<Phrase> {
        let (answer, evidence) = (&facts.answer, &facts.answer.evidence);
        let language = self.letter.language;
        let theirs = |list: &[Argument]| -> Vec<Phrase> {
            let pieces = list.iter().take(EVIDENCE_MAX).map(|piece| piece.in_words(language));
            pieces.map(|piece| Phrase::new().theirs(&piece)).collect()
        };
        let (mut pro, mut lines) = (Vec::new(), Vec::new());
        if self.without_person() || evidence.reasons.is_empty() {
            pro.extend(names::tier(answer.tier, self.dutch).map(Phrase::from));
        }
        if !self.without_person() {
            pro.extend(theirs(&evidence.reasons));
            if !evidence.shared.is_empty() {
                let words = evidence.shared.iter().take(EVIDENCE_MAX);
                let shared = joined(words.map(|word| Phrase::new().theirs(word)), ", ");
                pro.push(
                    Phrase::from(self.say("zeldzame woorden in allebei: ", "rare words in both: "))
                        .then(shared),
                );
            }
        }
        if !pro.is_empty() {
            lines.push(Phrase::from(self.say("Waarom: ", "Why: ")).then(joined(pro, "; ")));
        }
        if !self.without_person() && !evidence.against.is_empty() {
            let against = joined(theirs(&evidence.against), "; ");
            lines.push(Phrase::from(self.say("Ertegen: ", "Against: ")).then(against));
        }
        if let Some((id, probability)) = &evidence.runner_up {
            let next = Phrase::from(self.say("Op één na best: ", "Next best: ")).theirs(external_id(id));
            lines.push(next.ours(format!(" ({})", percent(*probability))));
        }
        lines
    }

    pub(super) fn others(&self) -> Vec<Part> {
        let dossier = self.dossier;
        let mut parts = Vec::new();
        let silent = grouped(dossier.others_silent.max(0) as u64, self.dutch);
        match dossier.others_silent {
            1.. => parts.push(Part::Strong(Phrase::from(match (dossier.others_silent, self.dutch) {
                (1, true) => "1 andere klant heeft een open ticket over hetzelfde probleem en zei niets openbaar.".to_owned(),
                (1, false) => "1 other customer has an open ticket about the same problem and said nothing in public.".to_owned(),
                (_, true) => format!("{silent} andere klanten hebben een open ticket over hetzelfde probleem en zeiden niets openbaar."),
                (_, false) => {
                    format!("{silent} other customers have an open ticket about the same problem and said nothing in public.")
                }
            }))),
            _ if dossier.problem.is_some() => parts.push(Part::Line(
                self.say(
                    "We kennen geen andere klanten met een open ticket hierover.",
                    "We know of no other customers with an open ticket about it.",
                )
                .into(),
            )),
            _ => {}
        }
        let public = grouped(dossier.others_public.max(0) as u64, self.dutch);
        match (dossier.others_public, self.dutch) {
            (i64::MIN..=0, _) => {}
            (1, true) => parts.push(Part::Line("Eén ander klaagde er ook openbaar over.".into())),
            (1, false) => parts.push(Part::Line("One other complained about it in public too.".into())),
            (_, true) => {
                parts.push(Part::Line(Phrase::from(format!(
                    "{public} anderen klaagden er ook openbaar over."
                ))));
            }
            (_, false) => {
                parts.push(Part::Line(Phrase::from(format!(
                    "{public} others complained about it in public too."
                ))));
            }
        }
        parts
    }
}
