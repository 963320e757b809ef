//! What a decision says of itself: coded, so that everybody reads it in a language of their own. Pure.

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::assess::Class;
use crate::config::Language;
use crate::exposure::grouped;
use crate::matching::{Band, Question, Tier, percent};

/// One reason of a decision. Stored as JSON such as `{"reason": "rule_tells", "rule": "all"}`; a row of an earlier version
/// holds an English sentence instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// We said it ourselves.
    OwnVoice,
    /// Its source removed it.
    Removed,
    /// It names none of our brands.
    NotAboutUs,
    /// It is older than our listening.
    FirstPoll,
    /// Whatever it is, a person looks.
    Critical,
    /// In no known language, and many hear it.
    HeardByMany,
    /// It is something else.
    NoComplaint {
        /// What it is.
        class: Class,
    },
    /// One of the three questions was not answered with no.
    Answer {
        /// Which.
        question: Question,
        /// The answer.
        band: Band,
        /// What it rests on.
        tier: Tier,
        /// How likely it is, 0 to 1.
        probability: f64,
    },
    /// Nothing can be called new on a register that was never read completely.
    RegisterUnread,
    /// No CRM is configured.
    NoRegister,
    /// New, as far as the register goes.
    NotInRegister {
        /// Age of the register.
        minutes_ago: u64,
    },
    /// It says nothing about whether the fix holds.
    SaidBeforeFix,
    /// A fix did not hold.
    Recurrence {
        /// How long it held.
        days: i64,
    },
    /// The urgency became high.
    Raised {
        /// Why.
        because: Raised,
    },
    /// It belongs to a case that is open.
    OpenCase,
    /// An edit that makes nothing worse.
    HarmlessEdit,
    /// A rule tells somebody now.
    RuleTells {
        /// Its name.
        rule: String,
    },
    /// A rule tells somebody when the maximum wait ends.
    RuleHolds {
        /// Its name.
        rule: String,
    },
    /// No rule wants it, so everybody is told when the maximum wait ends.
    NoRuleFits,
    /// The customer's own ticket is noted and raised.
    TicketRaised,
    /// The customer's own ticket can only be read by us.
    TicketByHand {
        /// Configured name of its register.
        register: String,
    },
    /// The problem is noted and counted.
    ProblemNoted,
    /// The problem can only be read by us.
    ProblemByHand {
        /// Configured name of its register.
        register: String,
    },
    /// A ticket is opened.
    TicketOpened {
        /// Configured name of the CRM that gets it.
        register: String,
    },
    /// A ticket was wanted, and there is no CRM to open it in.
    NowhereToOpen,
    /// A ticket was wanted, and the register is too old to say that there is none.
    RegisterStale,
    /// Judged again on a register that had changed.
    KnownAfterAll {
        /// What it is now.
        verdict: Verdict,
    },
    /// A sentence of an earlier version, in English.
    #[serde(untagged)]
    Sentence(String),
}

/// Why the urgency became high.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Raised {
    /// Many hear it.
    Reach {
        /// So many people.
        expected: u64,
    },
    /// It came back after a fix.
    FixDidNotHold,
    /// The ticket had been open for long.
    AgedTicket {
        /// So long.
        days: i64,
    },
}

impl Reason {
    /// The reason as a colleague would say it.
    pub fn in_words(&self, language: Language) -> String {
        if language.is_dutch() { self.in_dutch() } else { self.in_english() }
    }

    fn in_dutch(&self) -> String {
        match self {
            Reason::OwnVoice => "dit zeiden we zelf: bewaard, nooit een klacht".to_owned(),
            Reason::Removed => "bij de bron verwijderd".to_owned(),
            Reason::NotAboutUs => "gaat niet over ons".to_owned(),
            Reason::FirstPoll => {
                "stond er al toen we deze bron voor het eerst lazen: wel beoordeeld, niemand ingelicht".to_owned()
            }
            Reason::Critical => "kritiek: er moet nu iemand naar kijken, wat het ook is".to_owned(),
            Reason::HeardByMany => "niet begrepen, maar veel mensen horen het: er moet iemand naar kijken".to_owned(),
            Reason::NoComplaint { class } => match class {
                Class::Complaint => "een klacht".to_owned(),
                Class::Question => "geen klacht maar een vraag".to_owned(),
                Class::Praise => "geen klacht maar een compliment".to_owned(),
                Class::Other => "geen klacht maar iets anders".to_owned(),
                Class::Unknown => "niet begrepen, en er zijn niet veel mensen die het horen".to_owned(),
            },
            Reason::Answer { question, band, tier, probability } => {
                let asked = match question {
                    Question::SameCase => "zelfde zaak",
                    Question::SameCustomer => "zelfde klant, andere zaak",
                    Question::SameProblem => "zelfde probleem bij anderen",
                };
                let answered = match band {
                    Band::Known => "ja",
                    Band::Perhaps => "misschien",
                    Band::New => "nee",
                };
                let rests_on = match tier {
                    Tier::Reference => "door een nummer in de tekst",
                    Tier::Thread => "door het gesprek waar het bij hoort",
                    Tier::Customer => "door de tickets van deze klant",
                    Tier::Text => "doordat de teksten op elkaar lijken",
                    Tier::None => "niets gevonden",
                };
                format!("{asked}: {answered}, {rests_on} (kans {})", percent(*probability))
            }
            Reason::RegisterUnread => {
                "het register is nog nooit helemaal gelezen, dus we kunnen niets nieuw noemen".to_owned()
            }
            Reason::NoRegister => "er is geen register ingesteld".to_owned(),
            Reason::NotInRegister { minutes_ago: 0 } => "niet bekend in het register, net gelezen".to_owned(),
            Reason::NotInRegister { minutes_ago: 1 } => {
                "niet bekend in het register van 1 minuut geleden".to_owned()
            }
            Reason::NotInRegister { minutes_ago } => {
                format!("niet bekend in het register van {minutes_ago} minuten geleden")
            }
            Reason::SaidBeforeFix => "gezegd voordat het probleem was opgelost, dus het kwam niet terug".to_owned(),
            Reason::Recurrence { days } => {
                format!("het kwam terug: de oplossing hield {} stand", counted(*days, "dag", "dagen"))
            }
            Reason::Raised { because } => format!(
                "urgentie verhoogd naar hoog: {}",
                match because {
                    Raised::Reach { expected } =>
                        format!("naar verwachting horen {} mensen het", grouped(*expected, true)),
                    Raised::FixDidNotHold => "een oplossing hield geen stand".to_owned(),
                    Raised::AgedTicket { days } =>
                        format!("het ticket was al {} open toen de klant het openbaar maakte", counted(*days, "dag", "dagen")),
                }
            ),
            Reason::OpenCase => "hoort bij een open zaak van dezelfde schrijver of uit hetzelfde gesprek".to_owned(),
            Reason::HarmlessEdit => "een aanpassing die niets erger maakt: niemand krijgt opnieuw bericht".to_owned(),
            Reason::RuleTells { rule } => format!("regel “{rule}”: nu inlichten"),
            Reason::RuleHolds { rule } => format!("regel “{rule}”: inlichten als de maximale wachttijd om is"),
            Reason::NoRuleFits => {
                "geen enkele regel past: iedereen uit de regels krijgt bericht als de maximale wachttijd om is".to_owned()
            }
            Reason::TicketRaised => "het eigen ticket van de klant krijgt een notitie en meer prioriteit".to_owned(),
            Reason::TicketByHand { register } => format!(
                "het ticket staat in “{register}”, dat we alleen kunnen lezen: iemand moet het daar zelf bijwerken"
            ),
            Reason::ProblemNoted => "het probleem krijgt een notitie en deze klant telt mee".to_owned(),
            Reason::ProblemByHand { register } => format!(
                "het probleem staat in “{register}”, dat we alleen kunnen lezen: iemand moet het daar zelf bijwerken"
            ),
            Reason::TicketOpened { register } => {
                format!("er is nog geen ticket over: we openen er een in “{register}”")
            }
            Reason::NowhereToOpen => {
                "er is nog geen ticket over, en geen ticketsysteem waarin we er een mogen openen: iemand moet dat zelf doen"
                    .to_owned()
            }
            Reason::RegisterStale => "het register is verouderd: daarop openen we geen ticket".to_owned(),
            Reason::KnownAfterAll { verdict } => format!(
                "het register veranderde, en nu is dit {}",
                match verdict {
                    Verdict::Known => "bekend",
                    Verdict::Perhaps => "misschien bekend",
                    Verdict::New => "nieuw",
                    Verdict::Unread => "nog niet te zeggen",
                    Verdict::None => "geen klacht van ons",
                }
            ),
            Reason::Sentence(sentence) => sentence.clone(),
        }
    }

    fn in_english(&self) -> String {
        match self {
            Reason::OwnVoice => "our own voice: kept, never a complaint".to_owned(),
            Reason::Removed => "removed at the source".to_owned(),
            Reason::NotAboutUs => "not about us".to_owned(),
            Reason::FirstPoll => "came with the first poll of its source: assessed, not alerted".to_owned(),
            Reason::Critical => "critical: a person looks now, whatever it is".to_owned(),
            Reason::HeardByMany => "not understood, but heard by many: a person looks".to_owned(),
            Reason::NoComplaint { class } => match class {
                Class::Complaint => "a complaint".to_owned(),
                Class::Question => "no complaint but a question".to_owned(),
                Class::Praise => "no complaint but praise".to_owned(),
                Class::Other => "no complaint but something else".to_owned(),
                Class::Unknown => "not understood, and not heard by many".to_owned(),
            },
            Reason::Answer { question, band, tier, probability } => {
                let asked = match question {
                    Question::SameCase => "same case",
                    Question::SameCustomer => "same customer, other case",
                    Question::SameProblem => "same problem of others",
                };
                let answered = match band {
                    Band::Known => "yes",
                    Band::Perhaps => "perhaps",
                    Band::New => "no",
                };
                let rests_on = match tier {
                    Tier::Reference => "by a number in the text",
                    Tier::Thread => "by the conversation it belongs to",
                    Tier::Customer => "by this customer's tickets",
                    Tier::Text => "because the texts resemble each other",
                    Tier::None => "nothing found",
                };
                format!("{asked}: {answered}, {rests_on} (probability {})", percent(*probability))
            }
            Reason::RegisterUnread => {
                "the register was never read completely, so nothing can be called new".to_owned()
            }
            Reason::NoRegister => "no register is configured".to_owned(),
            Reason::NotInRegister { minutes_ago: 0 } => "not known in the register, just read".to_owned(),
            Reason::NotInRegister { minutes_ago } => {
                format!("not known in the register as of {} ago", counted(*minutes_ago as i64, "minute", "minutes"))
            }
            Reason::SaidBeforeFix => "said before the problem was fixed: no recurrence".to_owned(),
            Reason::Recurrence { days } => format!("recurrence: the fix held {}", counted(*days, "day", "days")),
            Reason::Raised { because } => format!(
                "urgency raised to high: {}",
                match because {
                    Raised::Reach { expected } =>
                        format!("{} people are expected to hear it", grouped(*expected, false)),
                    Raised::FixDidNotHold => "a fix did not hold".to_owned(),
                    Raised::AgedTicket { days } =>
                        format!("went public {} after the ticket was opened", counted(*days, "day", "days")),
                }
            ),
            Reason::OpenCase => "belongs to an open case of the same author or thread".to_owned(),
            Reason::HarmlessEdit => "an edit that makes nothing worse: nobody is told again".to_owned(),
            Reason::RuleTells { rule } => format!("rule “{rule}”: told now"),
            Reason::RuleHolds { rule } => format!("rule “{rule}”: told when the maximum wait ends"),
            Reason::NoRuleFits => {
                "no rule fits: everybody whom a rule names is told when the maximum wait ends".to_owned()
            }
            Reason::TicketRaised => "the customer's own ticket is noted and raised".to_owned(),
            Reason::TicketByHand { register } => {
                format!("the ticket is in “{register}”, which we can only read: a person must update it there")
            }
            Reason::ProblemNoted => "the problem is noted and counted".to_owned(),
            Reason::ProblemByHand { register } => {
                format!("the problem is in “{register}”, which we can only read: a person must update it there")
            }
            Reason::TicketOpened { register } => {
                format!("no ticket knows it: one is opened in “{register}”")
            }
            Reason::NowhereToOpen => {
                "no ticket knows it, and there is no ticket system that we may open one in: a person must do it".to_owned()
            }
            Reason::RegisterStale => "the register is stale: no ticket is opened on it".to_owned(),
            Reason::KnownAfterAll { verdict } => format!(
                "the register changed, and now it is {}",
                match verdict {
                    Verdict::Known => "known",
                    Verdict::Perhaps => "perhaps known",
                    Verdict::New => "new",
                    Verdict::Unread => "still undecided",
                    Verdict::None => "no complaint of ours",
                }
            ),
            Reason::Sentence(sentence) => sentence.clone(),
        }
    }
}

impl From<&str> for Reason {
    /// A sentence as it stands.
    fn from(sentence: &str) -> Reason {
        Reason::Sentence(sentence.to_owned())
    }
}

fn counted(number: i64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each; what is added to the enum belongs here too.
    fn all() -> Vec<Reason> {
        let name = || "desk".to_owned();
        let mut all = vec![
            Reason::OwnVoice,
            Reason::Removed,
            Reason::NotAboutUs,
            Reason::FirstPoll,
            Reason::Critical,
            Reason::HeardByMany,
            Reason::RegisterUnread,
            Reason::NoRegister,
            Reason::NotInRegister { minutes_ago: 3 },
            Reason::SaidBeforeFix,
            Reason::Recurrence { days: 1 },
            Reason::Raised { because: Raised::Reach { expected: 12_007 } },
            Reason::Raised { because: Raised::FixDidNotHold },
            Reason::Raised { because: Raised::AgedTicket { days: 42 } },
            Reason::OpenCase,
            Reason::HarmlessEdit,
            Reason::RuleTells { rule: name() },
            Reason::RuleHolds { rule: name() },
            Reason::NoRuleFits,
            Reason::TicketRaised,
            Reason::TicketByHand { register: name() },
            Reason::ProblemNoted,
            Reason::ProblemByHand { register: name() },
            Reason::TicketOpened { register: name() },
            Reason::NowhereToOpen,
            Reason::RegisterStale,
        ];
        all.extend(Class::ALL.map(|class| Reason::NoComplaint { class }));
        for question in [Question::SameCase, Question::SameCustomer, Question::SameProblem] {
            for (band, tier) in
                [(Band::Known, Tier::Reference), (Band::Perhaps, Tier::Text), (Band::New, Tier::None)]
            {
                all.push(Reason::Answer { question, band, tier, probability: 0.97 });
            }
        }
        for verdict in [Verdict::Known, Verdict::Perhaps, Verdict::New, Verdict::Unread, Verdict::None] {
            all.push(Reason::KnownAfterAll { verdict });
        }
        all
    }

    #[test]
    fn every_reason_has_words_in_both_languages_and_survives_the_store() {
        for reason in all() {
            let (dutch, english) = (reason.in_words(Language::Dutch), reason.in_words(Language::English));
            assert!(dutch.len() > 9 && english.len() > 9 && dutch != english, "{reason:?}");
            let stored = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<Reason>(&stored).unwrap(), reason, "{stored}");
        }
    }

    #[test]
    fn what_is_stored_can_be_read_by_a_person_and_what_was_stored_before_still_can() {
        let stored = serde_json::to_string(&Reason::RuleTells { rule: "all".into() }).unwrap();
        assert_eq!(stored, r#"{"reason":"rule_tells","rule":"all"}"#);
        let old: Vec<Reason> =
            serde_json::from_str(r#"["rule \"all\": told now", {"reason":"own_voice"}]"#).unwrap();
        assert_eq!(old, [Reason::from("rule \"all\": told now"), Reason::OwnVoice]);
        assert_eq!(old[0].in_words(Language::Dutch), "rule \"all\": told now");
    }

    #[test]
    fn numbers_are_counted_as_people_count() {
        for (reason, dutch, english) in [
            (Reason::Recurrence { days: 1 }, "hield 1 dag stand", "held 1 day"),
            (Reason::Recurrence { days: 9 }, "hield 9 dagen stand", "held 9 days"),
            (Reason::NotInRegister { minutes_ago: 1 }, "1 minuut geleden", "1 minute ago"),
            (
                Reason::Raised { because: Raised::Reach { expected: 12_007 } },
                "12.007 mensen",
                "12,007 people",
            ),
        ] {
            assert!(reason.in_words(Language::Dutch).contains(dutch), "{reason:?}");
            assert!(reason.in_words(Language::English).contains(english), "{reason:?}");
        }
    }
}
