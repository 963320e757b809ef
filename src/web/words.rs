//! The words of the page, in Dutch and in English: side by side, so that a missing translation does not compile.
//!
//! Fixed sentences stand in the templates, as `w.t("Nederlands", "English")`. Here are the words for our closed sets, for
//! moments, ages and numbers, and the one way in which words of others are shown.

use std::borrow::Cow;

use askama::Template;
use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::assess::{Assessment, Class, Severity};
use crate::config::Language;
use crate::decide::{AlertKind, Reason, Verdict};
use crate::exposure::grouped;
use crate::failure::FailureKind;
use crate::matching::{Argument, Band, Question, Tier};
use crate::mention::Flag;
use crate::recognise::Likeness;
use crate::register::{Priority, ProblemStatus, TicketStatus};
use crate::text;

/// The words for one reader at one moment.
#[derive(Clone, Debug)]
pub struct Words {
    /// The reader's language.
    pub language: Language,
    /// The moment that ages are counted to.
    pub now: Timestamp,
    /// The zone that clocks are shown in.
    pub zone: TimeZone,
}

/// Words that somebody else wrote: isolated, so that they cannot turn the page around, and flagged when they hide
/// something.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<bdi>{{ text }}</bdi>{% if hides %} <span class="flag">{{ warning }}</span>{% endif %}"#
)]
pub struct Said<'a> {
    text: Cow<'a, str>,
    hides: bool,
    warning: &'static str,
}

/// A moment, readable for people and for machines.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ machine }}" title="{{ machine }}">{{ shown }}</time>"#
)]
pub struct Moment {
    machine: String,
    shown: String,
}

// Both are rendered by the template engine, which has escaped what is in them.
impl HtmlSafe for Said<'_> {}
impl HtmlSafe for Moment {}

const MONTHS: [(&str, &str); 12] = [
    ("jan", "Jan"),
    ("feb", "Feb"),
    ("mrt", "Mar"),
    ("apr", "Apr"),
    ("mei", "May"),
    ("jun", "Jun"),
    ("jul", "Jul"),
    ("aug", "Aug"),
    ("sep", "Sep"),
    ("okt", "Oct"),
    ("nov", "Nov"),
    ("dec", "Dec"),
];

impl Words {
    /// One of two translations.
    pub fn t(&self, dutch: &'static str, english: &'static str) -> &'static str {
        if self.language.is_dutch() { dutch } else { english }
    }

    /// The language as a code, for `lang`.
    pub fn code(&self) -> &'static str {
        self.t("nl", "en")
    }

    /// Words that somebody else wrote.
    pub fn said<'a>(&self, text: &'a str) -> Said<'a> {
        self.isolated(Cow::Borrowed(text))
    }

    /// Our words, in which others' may be quoted.
    fn quoting(&self, text: String) -> Said<'static> {
        self.isolated(Cow::Owned(text))
    }

    fn isolated<'a>(&self, text: Cow<'a, str>) -> Said<'a> {
        Said {
            hides: text::has_deceptive_characters(&text),
            text,
            warning: self
                .t("⚠ bevat onzichtbare of omkerende tekens", "⚠ holds invisible or reversing characters"),
        }
    }

    /// Why it was decided like this.
    pub fn reason(&self, reason: &Reason) -> Said<'static> {
        self.quoting(reason.in_words(self.language))
    }

    /// What speaks for or against an answer.
    pub fn argument(&self, argument: &Argument) -> Said<'static> {
        self.quoting(argument.in_words(self.language))
    }

    /// Why an author is taken for a customer.
    pub fn likeness(&self, likeness: &Likeness) -> Said<'static> {
        self.quoting(likeness.in_words(self.language))
    }

    /// What decided what a post is.
    pub fn deciding(&self, assessment: &Assessment) -> Vec<String> {
        assessment.deciding(self.language)
    }

    /// A number with its thousands grouped.
    pub fn number(&self, number: &i64) -> String {
        let sign = if *number < 0 { "-" } else { "" };
        format!("{sign}{}", grouped(number.unsigned_abs(), self.language.is_dutch()))
    }

    /// "1 dag", "42 dagen".
    pub fn days(&self, days: &i64) -> String {
        self.count(*days, ("dag", "dagen"), ("day", "days"))
    }

    /// "1 volger", "40.000 followers".
    pub fn followers(&self, followers: &i64) -> String {
        self.count(*followers, ("volger", "volgers"), ("follower", "followers"))
    }

    /// "1 klant", "17 customers".
    pub fn customers(&self, customers: &i64) -> String {
        self.count(*customers, ("klant", "klanten"), ("customer", "customers"))
    }

    fn count(
        &self,
        number: i64,
        dutch: (&'static str, &'static str),
        english: (&'static str, &'static str),
    ) -> String {
        let (one, many) = if self.language.is_dutch() { dutch } else { english };
        format!("{} {}", self.number(&number), if number == 1 { one } else { many })
    }

    /// How long ago, or how long until: "3 uur geleden", "in 5 min".
    pub fn ago(&self, at: &Timestamp) -> String {
        let seconds = self.now.as_second().saturating_sub(at.as_second());
        if seconds.abs() < 60 {
            return self.t("zojuist", "just now").to_owned();
        }
        let span = self.span(&seconds);
        match (seconds > 0, self.language.is_dutch()) {
            (true, true) => format!("{span} geleden"),
            (true, false) => format!("{span} ago"),
            (false, true) => format!("over {span}"),
            (false, false) => format!("in {span}"),
        }
    }

    /// A length of time, of which only the size matters: "3 uur", "42 dagen".
    pub fn span(&self, seconds: &i64) -> String {
        let seconds = seconds.saturating_abs();
        match seconds {
            ..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..172_800 => self.count(seconds / 3600, ("uur", "uur"), ("hour", "hours")),
            _ => self.days(&(seconds / 86_400)),
        }
    }

    /// A moment on the clock of the page: "20 nov 11:02", with the year when it is another one.
    pub fn when(&self, at: &Timestamp) -> Moment {
        let (local, today) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()));
        let month = self.month(local.month());
        let year = if local.year() == today.year() { String::new() } else { format!(" {}", local.year()) };
        let shown = format!("{} {month}{year} {:02}:{:02}", local.day(), local.hour(), local.minute());
        Moment { machine: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), shown }
    }

    /// A day on the calendar of the page: "14 mrt 2009".
    pub fn date(&self, at: &Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        format!("{} {} {}", local.day(), self.month(local.month()), local.year())
    }

    fn month(&self, month: i8) -> &'static str {
        let (dutch, english) = MONTHS[(month.clamp(1, 12) - 1) as usize];
        self.t(dutch, english)
    }

    /// A probability in words with its number.
    pub fn probability(&self, probability: &f64) -> String {
        let probability = if probability.is_finite() { probability.clamp(0.0, 1.0) } else { 0.0 };
        let words = match probability {
            p if p >= 0.95 => self.t("vrijwel zeker", "almost certain"),
            p if p >= 0.8 => self.t("zeer waarschijnlijk", "very likely"),
            p if p >= 0.6 => self.t("waarschijnlijk", "likely"),
            p if p >= 0.35 => self.t("mogelijk", "possible"),
            p if p >= 0.1 => self.t("onwaarschijnlijk", "unlikely"),
            _ => self.t("zeer onwaarschijnlijk", "very unlikely"),
        };
        format!("{words} ({}%)", (probability * 100.0).round())
    }

    /// A score on a scale of five.
    pub fn stars(&self, stars: &f64) -> String {
        let shown = format!("{stars:.1}");
        let shown = shown.strip_suffix(".0").unwrap_or(&shown);
        let shown = if self.language.is_dutch() { shown.replace('.', ",") } else { shown.to_owned() };
        format!("{shown} {}", self.t("van 5 sterren", "of 5 stars"))
    }

    /// How soon somebody must look.
    pub fn urgency(&self, urgency: &Severity) -> &'static str {
        match urgency {
            Severity::Low => self.t("laag", "low"),
            Severity::Normal => self.t("normaal", "normal"),
            Severity::High => self.t("hoog", "high"),
            Severity::Critical => self.t("kritiek", "critical"),
        }
    }

    /// Is it known?
    pub fn verdict(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Known => self.t("bekend", "known"),
            Verdict::Perhaps => self.t("misschien bekend", "perhaps known"),
            Verdict::New => self.t("nieuw", "new"),
            Verdict::Unread => self.t("register nog niet gelezen", "register not read yet"),
            Verdict::None => self.t("geen klacht van ons", "no complaint of ours"),
        }
    }

    /// One of the three questions.
    pub fn question(&self, question: &Question) -> &'static str {
        match question {
            Question::SameCase => self
                .t("Is dit de zaak van een ticket dat wij hebben?", "Is this the case of a ticket we have?"),
            Question::SameCustomer => self.t(
                "Is dit een klant met nog een open ticket?",
                "Is this a customer with another open ticket?",
            ),
            Question::SameProblem => {
                self.t("Hebben andere klanten dit probleem?", "Do other customers have this problem?")
            }
        }
    }

    /// The answer to a question.
    pub fn band(&self, band: &Band) -> &'static str {
        match band {
            Band::Known => self.t("ja", "yes"),
            Band::Perhaps => self.t("misschien", "perhaps"),
            Band::New => self.t("nee, voor zover te zien", "no, as far as we can see"),
        }
    }

    /// What an answer rests on.
    pub fn tier(&self, tier: &Tier) -> &'static str {
        match tier {
            Tier::Reference => self.t("een nummer in de tekst", "a number in the text"),
            Tier::Thread => self.t("hetzelfde gesprek", "the same conversation"),
            Tier::Customer => self.t("de tickets van deze klant", "this customer's tickets"),
            Tier::Text => self.t("gelijkenis van de tekst", "resemblance of the text"),
            Tier::None => self.t("niets gevonden", "nothing found"),
        }
    }

    /// What a mention is.
    pub fn class(&self, class: &Class) -> &'static str {
        match class {
            Class::Complaint => self.t("klacht", "complaint"),
            Class::Question => self.t("vraag", "question"),
            Class::Praise => self.t("compliment", "praise"),
            Class::Other => self.t("anders", "other"),
            Class::Unknown => self.t("niet begrepen", "not understood"),
        }
    }

    /// Something a reader should know about a text.
    pub fn flag(&self, flag: &Flag) -> &'static str {
        match flag {
            Flag::Lossy => self.t("er zijn tekens vervangen", "characters were replaced"),
            Flag::Truncated => self.t("het einde is afgekapt", "the end was cut off"),
            Flag::BadTime => self.t("de bron gaf geen bruikbare tijd", "the source gave no usable time"),
            Flag::IdReuse => self.t("zelfde nummer, andere auteur", "same id, another author"),
            Flag::Deceptive => {
                self.t("bevat onzichtbare of omkerende tekens", "holds invisible or reversing characters")
            }
            Flag::Drifted => {
                self.t("de bron leverde een andere vorm dan afgesproken", "the source broke its own format")
            }
        }
    }

    /// Where a ticket stands.
    pub fn ticket_status(&self, status: &TicketStatus) -> &'static str {
        match status {
            TicketStatus::Open => self.t("open", "open"),
            TicketStatus::Pending => self.t("wacht", "pending"),
            TicketStatus::Solved => self.t("opgelost", "solved"),
            TicketStatus::Closed => self.t("gesloten", "closed"),
        }
    }

    /// How urgent the CRM thinks a ticket is.
    pub fn priority(&self, priority: &Priority) -> &'static str {
        match priority {
            Priority::Low => self.t("laag", "low"),
            Priority::Normal => self.t("normaal", "normal"),
            Priority::High => self.t("hoog", "high"),
            Priority::Urgent => self.t("dringend", "urgent"),
        }
    }

    /// Where a problem stands.
    pub fn problem_status(&self, status: &ProblemStatus) -> &'static str {
        match status {
            ProblemStatus::Open => self.t("open", "open"),
            ProblemStatus::Explained => self.t("uitgelegd, niet verholpen", "explained, not fixed"),
            ProblemStatus::Fixed => self.t("verholpen", "fixed"),
            ProblemStatus::Closed => self.t("gesloten", "closed"),
        }
    }

    /// Why somebody is told.
    pub fn alert_kind(&self, kind: &AlertKind) -> &'static str {
        match kind {
            AlertKind::Complaint => self.t("klacht", "complaint"),
            AlertKind::Recurrence => self.t("terug van weggeweest", "came back after a fix"),
            AlertKind::Worse => self.t("dringender geworden", "became more urgent"),
            AlertKind::More => self.t("klaagt opnieuw", "complains again"),
            AlertKind::NotUnderstood => self.t("niet begrepen", "not understood"),
            AlertKind::KnownAfterAll => self.t("toch bekend", "known after all"),
        }
    }

    /// A stored name of one of our states, in words; a name that has none is shown as it is.
    pub fn state<'a>(&self, name: &'a str) -> &'a str {
        STATES
            .iter()
            .find(|(known, _, _)| *known == name)
            .map_or(name, |(_, dutch, english)| self.t(dutch, english))
    }

    /// What an operator can do about a kind of failure.
    pub fn advice(&self, kind: &FailureKind) -> &'static str {
        if !self.language.is_dutch() {
            return kind.advice();
        }
        match kind {
            FailureKind::Unreachable => "controleer het adres, de naamserver en de weg over het netwerk",
            FailureKind::TimedOut => {
                "de andere kant is traag of zwijgt; het wordt vanzelf opnieuw geprobeerd"
            }
            FailureKind::TlsRefused => {
                "controleer het certificaat van de andere kant; een eigen CA hoort in de vertrouwde lijst van het systeem"
            }
            FailureKind::RateLimited => "we vragen te vaak; verhoog interval_secs als dit blijft",
            FailureKind::Unavailable => {
                "de andere kant heeft zelf een storing; het wordt vanzelf opnieuw geprobeerd"
            }
            FailureKind::BadCredentials => "vernieuw de inloggegevens in de configuratie en start opnieuw",
            FailureKind::NotFound => "controleer adres, account of nummer in de configuratie",
            FailureKind::Gone => "het is voorgoed verwijderd; haal het uit de configuratie",
            FailureKind::Refused => "de andere kant weigert dit; zie het antwoord bij de pogingen",
            FailureKind::Malformed => {
                "het antwoord was niet zoals afgesproken; zit er een inlogpagina of proxy tussen?"
            }
            FailureKind::TooLarge => "het antwoord was te groot en is afgekapt; vraag om kleinere pagina's",
            FailureKind::Blocked => "naar dit adres mag inhoud ons niet brengen",
            FailureKind::QuotaSpent => "ons eigen tegoed voor deze periode is op; het begint vanzelf weer",
            FailureKind::UnknownOutcome => {
                "misschien is het al aangekomen; dat wordt nagekeken voor een nieuwe poging"
            }
            FailureKind::NotStored => {
                "kijk naar onze eigen database en de schijf waarop die staat; in het logboek staat wat ze zei. Het wordt vanzelf opnieuw geprobeerd"
            }
            FailureKind::Internal => "dit is een fout van gehoord; meld hem met de regel uit het logboek",
        }
    }

    /// The same for a stored name.
    pub fn advice_by_name(&self, name: &str) -> &'static str {
        FailureKind::from_name(name).map_or("", |kind| self.advice(&kind))
    }
}

/// Stored names of states with their words.
const STATES: &[(&str, &str, &str)] = &[
    ("open", "open", "open"),
    ("resolved", "opgelost", "resolved"),
    ("forwarded", "doorverwezen", "forwarded"),
    ("declined", "afgewezen", "declined"),
    ("explained", "uitgelegd, niet verholpen", "explained, not fixed"),
    ("fixed", "verholpen", "fixed"),
    ("closed", "gesloten", "closed"),
    ("ready", "staat klaar", "ready"),
    ("started", "onderweg", "under way"),
    ("delivered", "bezorgd", "delivered"),
    ("dead", "opgegeven", "given up"),
    ("superseded", "achterhaald", "superseded"),
    ("cancelled", "ingetrokken", "cancelled"),
    ("observed", "alleen opgeschreven", "written down only"),
    ("failed", "mislukt", "failed"),
    ("unknown", "afloop onbekend", "outcome unknown"),
    ("fenced", "te laat, geweigerd", "too late, refused"),
    ("owed", "wordt verstuurd", "will be sent"),
    ("sent_off", "verstuurd", "sent off"),
    ("reference", "een nummer in de tekst", "a number in the text"),
    ("handle", "een account dat de klant opgaf", "an account the customer gave us"),
    ("email", "een e-mailadres", "an e-mail address"),
    ("phone", "een telefoonnummer", "a phone number"),
    ("name", "de naam", "the name"),
    ("staff", "een collega", "a colleague"),
    ("certain", "zeker", "certain"),
    ("probable", "waarschijnlijk", "probable"),
    ("unreachable", "onbereikbaar", "unreachable"),
    ("timed_out", "geen antwoord", "no answer"),
    ("tls_refused", "certificaat geweigerd", "certificate refused"),
    ("rate_limited", "te vaak gevraagd", "asked too often"),
    ("unavailable", "storing aan de andere kant", "trouble at the other side"),
    ("bad_credentials", "inloggen geweigerd", "login refused"),
    ("not_found", "niet gevonden", "not found"),
    ("gone", "verwijderd", "removed"),
    ("refused", "geweigerd", "refused"),
    ("malformed", "onleesbaar antwoord", "unreadable answer"),
    ("too_large", "te groot antwoord", "answer too large"),
    ("blocked", "adres niet toegestaan", "address not allowed"),
    ("quota_spent", "eigen tegoed op", "own allowance used up"),
    ("unknown_outcome", "afloop onbekend", "outcome unknown"),
    ("not_stored", "niet op te slaan", "could not be stored"),
    ("empty_answers", "geeft alleen nog lege lijsten", "answers with empty lists only"),
    ("internal", "eigen fout", "a defect of ours"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(language: Language) -> Words {
        Words { language, now: "2026-11-20T10:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    #[test]
    fn ages_are_told_in_the_readers_language() {
        for (at, dutch, english) in [
            ("2026-11-20T09:59:30Z", "zojuist", "just now"),
            ("2026-11-20T09:58:00Z", "2 min geleden", "2 min ago"),
            ("2026-11-20T09:00:00Z", "1 uur geleden", "1 hour ago"),
            ("2026-11-18T22:00:00Z", "36 uur geleden", "36 hours ago"),
            ("2026-10-09T09:00:00Z", "42 dagen geleden", "42 days ago"),
            ("2026-11-20T10:05:00Z", "over 5 min", "in 5 min"),
        ] {
            let at = at.parse().unwrap();
            assert_eq!(words(Language::Dutch).ago(&at), dutch);
            assert_eq!(words(Language::English).ago(&at), english);
        }
    }

    #[test]
    fn moments_are_readable_for_people_and_machines() {
        let shown = words(Language::Dutch).when(&"2025-03-02T08:05:09Z".parse().unwrap()).to_string();
        assert_eq!(
            shown,
            r#"<time datetime="2025-03-02T08:05:09Z" title="2025-03-02T08:05:09Z">2 mrt 2025 08:05</time>"#
        );
        for absurd in [Timestamp::MIN, Timestamp::MAX] {
            assert!(words(Language::English).when(&absurd).to_string().contains("<time"));
            assert!(!words(Language::English).ago(&absurd).is_empty());
        }
    }

    #[test]
    fn words_of_others_are_isolated_escaped_and_flagged() {
        let words = words(Language::Dutch);
        assert_eq!(words.said("<b>").to_string(), "<bdi>&#60;b&#62;</bdi>");
        let reversed = words.said("gratis \u{202E}exe.pdf").to_string();
        assert!(reversed.starts_with("<bdi>gratis \u{202E}exe.pdf</bdi>"), "{reversed}");
        assert!(reversed.contains("omkerende tekens"));
    }

    #[test]
    fn every_kind_of_failure_has_advice_in_both_languages() {
        for kind in FailureKind::ALL {
            assert!(!words(Language::Dutch).advice(&kind).is_empty());
            assert_ne!(words(Language::Dutch).advice(&kind), words(Language::English).advice(&kind));
            assert_ne!(words(Language::Dutch).state(kind.name()), kind.name());
        }
    }

    #[test]
    fn probabilities_have_words_and_numbers() {
        assert_eq!(words(Language::Dutch).probability(&0.97), "vrijwel zeker (97%)");
        for nothing in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(words(Language::English).probability(&nothing), "very unlikely (0%)");
        }
    }
}
