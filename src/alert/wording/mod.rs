//! The words of an alert, as a colleague would say them, in Dutch and English. Pure.
//!
//! Order is meaning here: the customer's own words come first and whole, then who and where, then what we know. Start
//! with [`alert`]; `verdict` answers "is it known?", `help` says what to do with the answer, `subject` is the one line
//! before it is opened, `notice` speaks about ourselves, `names` holds what staff call our closed lists, `time` says moments
//! in local time.

mod help;
mod names;
mod notice;
mod subject;
mod time;
mod verdict;

pub use notice::notice;

use super::Letter;
use super::content::{Alert, Part, Phrase, Section, SectionName, followable};
use crate::dossier::{AnswerFacts, Dossier};
use crate::exposure::grouped;
use crate::matching::{Band, Question};
use crate::mention::Rating;
use crate::register::{StoredProblem, StoredTicket};
use crate::text;

/// Characters of the post that is replied to; it is context, the whole of it is behind the link.
const PARENT_CHARACTERS_MAX: usize = 600;

/// Everything the receiver of a letter is told.
pub fn alert(letter: &Letter) -> Alert {
    let writer = Writer { letter, dossier: letter.dossier, dutch: letter.language.is_dutch() };
    let sections = SectionName::ALL
        .into_iter()
        .filter_map(|name| {
            let (heading, parts) = writer.section(name);
            (!parts.is_empty()).then(|| Section { name, heading: heading.to_owned(), parts })
        })
        .collect();
    Alert {
        subject: subject::subject(&writer),
        dutch: writer.dutch,
        verdict: letter.dossier.verdict,
        sections,
    }
}

struct Writer<'a> {
    letter: &'a Letter<'a>,
    dossier: &'a Dossier,
    dutch: bool,
}

impl Writer<'_> {
    fn section(&self, name: SectionName) -> (&'static str, Vec<Part>) {
        match name {
            SectionName::Words => (self.say("In eigen woorden", "In their own words"), self.words()),
            SectionName::Parent => (self.say("Een antwoord op", "In reply to"), self.parent()),
            SectionName::Who => (self.say("Wie en waar", "Who and where"), self.who()),
            SectionName::Verdict => (self.say("Is het bekend?", "Is it known?"), self.verdict()),
            SectionName::Answers => (self.say("Drie vragen", "Three questions"), self.answers()),
            SectionName::Others => (self.say("De anderen", "The others"), self.others()),
            SectionName::Reach => (self.say("Bereik", "Reach"), self.reach()),
            SectionName::Promises => (self.say("Wat we beloofden", "What we promised"), self.promises()),
            SectionName::Act => (self.say("Wie kan het oplossen", "Who can solve it"), self.act()),
            SectionName::What => (self.say("Wat is het", "What it is"), self.what()),
            SectionName::Care => (self.say("Let op", "Take care"), self.care()),
            SectionName::Links => (self.say("Openen", "Open"), self.links()),
            SectionName::Foot => (self.say("Stand", "As of"), self.foot()),
        }
    }

    fn say<T>(&self, dutch: T, english: T) -> T {
        if self.dutch { dutch } else { english }
    }

    /// The person and the words stay out: a link-only receiver, or words that are gone at their source.
    fn without_person(&self) -> bool {
        self.letter.link_only || self.dossier.mention.removed_at.is_some()
    }

    fn words(&self) -> Vec<Part> {
        let mention = &self.dossier.mention.mention;
        if let Some(removed_at) = self.dossier.mention.removed_at {
            let at = time::moment(removed_at, self.dutch);
            return vec![Part::Strong(Phrase::from(match self.dutch {
                true => format!(
                    "Dit bericht is bij de bron verwijderd ({at}). Daarom laten we de woorden ook hier weg."
                ),
                false => {
                    format!("This post was removed at its source ({at}). So its words are left out here too.")
                }
            }))];
        }
        if self.letter.link_only {
            return vec![Part::Line(
                self.say(
                    "De woorden van de klant staan op de pagina van de zaak, en alleen daar.",
                    "The customer's words are on the page of the case, and only there.",
                )
                .into(),
            )];
        }
        // Cleaned apart: together they may be longer than what is kept of one text.
        let title = mention.title.as_deref().filter(|title| !mention.text.starts_with(*title));
        let words: Vec<String> = title
            .into_iter()
            .chain([mention.text.as_str()])
            .map(|words| text::clean(words).text)
            .filter(|words| !words.trim().is_empty())
            .collect();
        if !words.is_empty() {
            return vec![Part::Words(words.join("\n"))];
        }
        vec![Part::Line(match mention.rating {
            Some(rating) => {
                Phrase::from(self.say("Geen tekst, alleen een beoordeling: ", "No text, only a rating: "))
                    .ours(self.rating(rating))
                    .ours(".")
            }
            None => self.say("Er staat geen tekst bij.", "There is no text.").into(),
        })]
    }

    fn parent(&self) -> Vec<Part> {
        let Some(parent) = self.dossier.parent.as_ref().filter(|_| !self.without_person()) else {
            return Vec::new();
        };
        if parent.removed_at.is_some() {
            return vec![Part::Line(
                self.say("Een bericht dat inmiddels verwijderd is.", "A post that was removed since.").into(),
            )];
        }
        let whole = text::clean(&parent.mention.whole_text()).text;
        let mut parts = Vec::new();
        if !whole.trim().is_empty() {
            parts.push(Part::Quote(text::excerpt(&whole, PARENT_CHARACTERS_MAX)));
        }
        let at = time::moment(parent.said_at(), self.dutch);
        let who = match parent.own_voice {
            true => self.say("van onszelf", "by ourselves").into(),
            false => Phrase::from(self.say("van ", "by ")).then(self.author(parent)),
        };
        parts.push(Part::Line(who.ours(format!(", {at}"))));
        parts
    }

    fn who(&self) -> Vec<Part> {
        let stored = &self.dossier.mention;
        let mention = &stored.mention;
        let mut first = Phrase::from(names::mention_kind(mention.kind, self.dutch));
        if !self.without_person() {
            first = first.ours(self.say(" van ", " by ")).then(self.author(stored));
        }
        first = first.ours(self.say(" op ", " on ")).theirs(&stored.source);
        let mut parts =
            vec![Part::Line(first), Part::Line(time::moment(stored.said_at(), self.dutch).into())];
        if let Some(rating) = mention.rating {
            parts.push(Part::Line(
                Phrase::from(self.say("Beoordeling: ", "Rating: ")).ours(self.rating(rating)),
            ));
        }
        parts.push(Part::Line(self.audience().into()));
        if let Some(customer) = self.customer().filter(|_| !self.without_person()) {
            parts.push(customer);
        }
        // The address of a post mostly holds its author's name.
        if let Some(url) = mention.url.as_deref().and_then(followable).filter(|_| !self.without_person()) {
            parts.push(Part::Link(self.say("Het bericht zelf", "The post itself").into(), url));
        }
        parts
    }

    fn author(&self, stored: &crate::mention::StoredMention) -> Phrase {
        let author = &stored.mention.author;
        match (author.display_name.as_deref(), author.handle.as_deref()) {
            (Some(name), Some(handle)) => Phrase::new().theirs(name).ours(" (@").theirs(handle).ours(")"),
            (Some(name), None) => Phrase::new().theirs(name),
            (None, Some(handle)) => Phrase::from("@").theirs(handle),
            (None, None) => self.say("iemand zonder naam", "somebody without a name").into(),
        }
    }

    fn audience(&self) -> String {
        let engagement = &self.dossier.mention.mention.engagement;
        let mut parts = vec![match self.dossier.exposure.audience {
            Some(0) => self.say("Geen volgers", "No followers").to_owned(),
            Some(1) => self.say("1 volger", "1 follower").to_owned(),
            Some(n) => format!("{} {}", grouped(n, self.dutch), self.say("volgers", "followers")),
            None => self.say("Aantal volgers onbekend", "Number of followers unknown").to_owned(),
        }];
        let mut count = |n: u64, dutch: &str, english: &str| {
            if n > 0 {
                parts.push(format!("{} {}", grouped(n, self.dutch), self.say(dutch, english)));
            }
        };
        count(engagement.shares, "keer gedeeld", "shares");
        count(engagement.likes, "keer leuk gevonden", "likes");
        count(engagement.replies, "reacties", "replies");
        parts.join(" · ")
    }

    /// Who it is in our own register, as far as the answers name somebody.
    fn customer(&self) -> Option<Part> {
        let facts = [Question::SameCase, Question::SameCustomer]
            .into_iter()
            .filter_map(|question| self.dossier.answer(question))
            .filter(|facts| facts.answer.band != Band::New && facts.contact.is_some())
            .max_by_key(|facts| facts.answer.band)?;
        let contact = &facts.contact.as_ref()?.contact;
        let mut phrase = Phrase::new().theirs(&contact.name);
        if let Some(number) = &contact.customer_number {
            phrase = phrase.ours(self.say(" (klantnummer ", " (customer number ")).theirs(number).ours(")");
        }
        let label = match facts.answer.band {
            Band::Known => self.say("In ons register", "In our register"),
            _ => self.say("Misschien in ons register", "Perhaps in our register"),
        };
        Some(Part::Pair(label.to_owned(), phrase))
    }

    fn care(&self) -> Vec<Part> {
        let stored = &self.dossier.mention;
        let mut parts: Vec<Part> = stored
            .mention
            .flags
            .iter()
            .map(|flag| Part::Line(names::flag(*flag, self.dutch).into()))
            .collect();
        if stored.mention.has_media {
            parts.push(Part::Line(
                self.say(
                    "Er zit een foto of video bij. Die hebben wij niet bekeken.",
                    "There is an image or video with it. We did not look at that.",
                )
                .into(),
            ));
        }
        if stored.revision > 1 {
            parts.push(Part::Line(Phrase::from(match self.dutch {
                true => format!("Het bericht is aangepast: dit is versie {}.", stored.revision),
                false => format!("The post was edited: this is version {}.", stored.revision),
            })));
        }
        parts
    }

    fn links(&self) -> Vec<Part> {
        let dossier = self.dossier;
        let page = self.letter.page_url.trim_end_matches('/');
        let mut links: Vec<(Phrase, Option<String>)> = Vec::new();
        match &dossier.case {
            Some(case) => links.push((
                format!("{} {}", self.say("Zaak", "Case"), case.number).into(),
                followable(&format!("{page}/cases/{}", case.number)),
            )),
            None => links.push((self.say("De pagina", "The page").into(), followable(page))),
        }
        if let Some(ticket) = &dossier.ticket {
            let url = ticket.ticket.url.as_deref();
            links.push((Phrase::from("Ticket ").theirs(&ticket.ticket.number), url.and_then(followable)));
        }
        if let Some(problem) = &dossier.problem {
            let url = problem.problem.url.as_deref();
            let label = Phrase::from(self.say("Probleem ", "Problem ")).theirs(&problem.problem.number);
            links.push((label, url.and_then(followable)));
        }
        links.into_iter().filter_map(|(label, url)| Some(Part::Link(label, url?))).collect()
    }

    fn foot(&self) -> Vec<Part> {
        let register = match self.register_as_of() {
            Some(as_of) => {
                let at = time::moment(as_of, self.dutch);
                match self.dutch {
                    true => format!("Het register is gelezen tot {at}."),
                    false => format!("The register was read up to {at}."),
                }
            }
            None => self.register_missing().to_owned(),
        };
        let key = Phrase::from(self.say("Kenmerk van dit bericht: ", "Reference of this message: "));
        vec![Part::Small(register.into()), Part::Small(key.theirs(self.letter.key))]
    }

    /// `number, status` of a ticket, with its subject where words may be shown.
    fn ticket(&self, stored: &StoredTicket) -> Phrase {
        let ticket = &stored.ticket;
        let mut phrase = Phrase::from("ticket ").theirs(&ticket.number);
        if !self.letter.link_only && !ticket.subject.trim().is_empty() {
            phrase = phrase.ours(" “").theirs(&ticket.subject).ours("”");
        }
        phrase.ours(format!(" ({})", names::ticket_status(ticket.status, self.dutch)))
    }

    fn problem(&self, stored: &StoredProblem) -> Phrase {
        let problem = &stored.problem;
        let mut phrase = Phrase::from(self.say("probleem ", "problem ")).theirs(&problem.number);
        if !problem.title.trim().is_empty() {
            phrase = phrase.ours(" “").theirs(&problem.title).ours("”");
        }
        phrase.ours(format!(" ({})", names::problem_status(problem.status, self.dutch)))
    }

    /// What an answer names: the ticket, or the problem where that was the question.
    fn subject_of(&self, facts: &AnswerFacts) -> Option<Phrase> {
        let ticket = facts.ticket.as_ref().map(|ticket| self.ticket(ticket));
        let problem = facts.problem.as_ref().map(|problem| self.problem(problem));
        match facts.answer.question {
            Question::SameProblem => problem.or(ticket),
            Question::SameCase | Question::SameCustomer => ticket.or(problem),
        }
    }

    fn days(&self, days: i64) -> String {
        match (days, self.dutch) {
            (1, true) => "1 dag".to_owned(),
            (1, false) => "1 day".to_owned(),
            (_, true) => format!("{} dagen", grouped(days.max(0) as u64, true)),
            (_, false) => format!("{} days", grouped(days.max(0) as u64, false)),
        }
    }

    /// "sinds 42 dagen", "sinds vandaag".
    fn known_since(&self, days: i64) -> String {
        match (days, self.dutch) {
            (i64::MIN..=0, true) => "sinds vandaag".to_owned(),
            (i64::MIN..=0, false) => "since today".to_owned(),
            (_, true) => format!("sinds {}", self.days(days)),
            (_, false) => format!("for {}", self.days(days)),
        }
    }

    fn rating(&self, rating: Rating) -> String {
        let number = |value: f64| {
            let text = format!("{}", (value * 10.0).round() / 10.0);
            if self.dutch { text.replace('.', ",") } else { text }
        };
        format!("{} {} {}", number(rating.value), self.say("van", "of"), number(rating.best))
    }
}
