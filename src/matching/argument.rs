//! What speaks for or against an answer: coded, so that everybody reads it in a language of their own. Pure.

use serde::{Deserialize, Serialize};

use crate::config::Language;
use crate::recognise::Likeness;

/// One argument. Stored as JSON such as `{"argument": "resembling", "texts": 3}`; a row of an earlier version holds an
/// English sentence instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "argument", rename_all = "snake_case")]
pub enum Argument {
    /// It belongs to a conversation about this ticket.
    Conversation,
    /// It names a number of this ticket.
    Number,
    /// The ticket is the author's own.
    OwnTicket,
    /// The ticket is of whom the author probably is.
    ProbablyOwnTicket,
    /// This is the oldest of the customer's other open tickets.
    OtherOpenTickets {
        /// How many there are.
        tickets: usize,
    },
    /// Who the author is taken for.
    Author {
        /// Why.
        likeness: Likeness,
    },
    /// The ticket of the case is linked to this problem.
    LinkedProblem,
    /// Tickets of other customers of this problem resemble the post too.
    OthersResembleToo,
    /// Tickets and texts of this problem resemble the post.
    Resembling {
        /// How many.
        texts: usize,
    },
    /// Words stand in both.
    SharedWords {
        /// How many.
        words: usize,
        /// How many of them are rare.
        rare: usize,
    },
    /// Against: the ticket is somebody else's.
    OfAnotherCustomer,
    /// Against: the numbers belong to more than one ticket.
    SeveralTickets {
        /// How many.
        tickets: usize,
    },
    /// Against: the ticket was solved.
    Solved,
    /// Against: everything of the problem was solved more than two years ago.
    LongSolved,
    /// Against: hardly any words stand in both.
    FewShared {
        /// How many.
        words: usize,
    },
    /// Against: words of the post that do not stand there.
    Missing {
        /// The customer's own.
        words: Vec<String>,
    },
    /// A sentence of an earlier version, in English.
    #[serde(untagged)]
    Sentence(String),
}

impl Argument {
    /// The argument as a colleague would say it.
    pub fn in_words(&self, language: Language) -> String {
        let said = |dutch: &str, english: &str| if language.is_dutch() { dutch } else { english }.to_owned();
        let of = |number: usize, dutch: [&str; 2], english: [&str; 2]| {
            let forms = if language.is_dutch() { dutch } else { english };
            format!("{number} {}", if number == 1 { forms[0] } else { forms[1] })
        };
        match self {
            Argument::Conversation => said(
                "het hoort bij een gesprek over dit ticket",
                "it belongs to a conversation about this ticket",
            ),
            Argument::Number => said(
                "het bericht noemt een nummer dat bij dit ticket hoort",
                "the post names a number that belongs to this ticket",
            ),
            Argument::OwnTicket => said("het is een ticket van de schrijver zelf", "the author's own ticket"),
            Argument::ProbablyOwnTicket => said(
                "het is een ticket van wie de schrijver waarschijnlijk is",
                "a ticket of whom the author probably is",
            ),
            Argument::OtherOpenTickets { tickets: 1 } => {
                said("de klant heeft nog dit ene open ticket", "the customer has this one other open ticket")
            }
            Argument::OtherOpenTickets { tickets } if language.is_dutch() => {
                format!("de klant heeft nog {tickets} andere open tickets; dit is het oudste")
            }
            Argument::OtherOpenTickets { tickets } => {
                format!("the customer has {tickets} other open tickets; this is the oldest")
            }
            Argument::Author { likeness } => likeness.in_words(language),
            Argument::LinkedProblem => said(
                "het ticket van de zaak hangt aan dit probleem",
                "the ticket of the case is linked to this problem",
            ),
            Argument::OthersResembleToo => said(
                "tickets van andere klanten met dit probleem lijken er ook op",
                "tickets of other customers of this problem resemble the post too",
            ),
            Argument::Resembling { texts } => of(
                *texts,
                [
                    "ticket of tekst van dit probleem lijkt erop",
                    "tickets en teksten van dit probleem lijken erop",
                ],
                ["of its tickets and texts resembles the post", "of its tickets and texts resemble the post"],
            ),
            Argument::SharedWords { words, rare } if language.is_dutch() => {
                format!(
                    "{}, waarvan {rare} zeldzaam",
                    of(*words, ["woord gedeeld", "woorden gedeeld"], ["", ""])
                )
            }
            Argument::SharedWords { words, rare } => {
                format!(
                    "{}, {rare} of them rare",
                    of(*words, ["", ""], ["word is shared", "words are shared"])
                )
            }
            Argument::OfAnotherCustomer => said(
                "het ticket is van een andere klant dan de schrijver",
                "the ticket belongs to another customer than the author",
            ),
            Argument::SeveralTickets { tickets } if language.is_dutch() => {
                format!("de nummers in het bericht horen bij {tickets} tickets")
            }
            Argument::SeveralTickets { tickets } => {
                format!("the numbers in the post belong to {tickets} tickets")
            }
            Argument::Solved => said("het ticket was opgelost", "the ticket was solved"),
            Argument::LongSolved => said(
                "alles daarvan is meer dan twee jaar geleden opgelost",
                "everything of it was solved more than two years ago",
            ),
            Argument::FewShared { words: 0 } => said("geen woord gedeeld", "no word is shared"),
            Argument::FewShared { words } => format!(
                "{} {}",
                said("maar", "only"),
                of(*words, ["woord gedeeld", "woorden gedeeld"], ["word is shared", "words are shared"])
            ),
            Argument::Missing { words } => {
                format!("{}: {}", said("komt daar niet voor", "not in it"), words.join(", "))
            }
            Argument::Sentence(sentence) => sentence.clone(),
        }
    }
}

impl From<&str> for Argument {
    /// A sentence as it stands.
    fn from(sentence: &str) -> Argument {
        Argument::Sentence(sentence.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Evidence;

    #[test]
    fn every_argument_has_words_in_both_languages_and_survives_the_store() {
        for argument in [
            Argument::Conversation,
            Argument::Number,
            Argument::OwnTicket,
            Argument::ProbablyOwnTicket,
            Argument::OtherOpenTickets { tickets: 1 },
            Argument::OtherOpenTickets { tickets: 3 },
            Argument::Author { likeness: Likeness::Contested { key: crate::register::KeyKind::Phone } },
            Argument::LinkedProblem,
            Argument::OthersResembleToo,
            Argument::Resembling { texts: 1 },
            Argument::Resembling { texts: 4 },
            Argument::SharedWords { words: 10, rare: 5 },
            Argument::OfAnotherCustomer,
            Argument::SeveralTickets { tickets: 2 },
            Argument::Solved,
            Argument::LongSolved,
            Argument::FewShared { words: 0 },
            Argument::FewShared { words: 2 },
            Argument::Missing { words: vec!["piano".into()] },
        ] {
            let (dutch, english) = (argument.in_words(Language::Dutch), argument.in_words(Language::English));
            assert!(dutch.len() > 9 && english.len() > 9 && dutch != english, "{argument:?}");
            let stored = serde_json::to_string(&argument).unwrap();
            assert_eq!(serde_json::from_str::<Argument>(&stored).unwrap(), argument, "{stored}");
        }
    }

    #[test]
    fn words_agree_with_their_number() {
        for (argument, dutch, english) in [
            (
                Argument::SharedWords { words: 1, rare: 0 },
                "1 woord gedeeld, waarvan 0 zeldzaam",
                "1 word is shared, 0 of them rare",
            ),
            (Argument::FewShared { words: 2 }, "maar 2 woorden gedeeld", "only 2 words are shared"),
            (
                Argument::Resembling { texts: 1 },
                "1 ticket of tekst van dit probleem lijkt erop",
                "1 of its tickets and texts resembles the post",
            ),
            (
                Argument::Missing { words: vec!["leert".into(), "kennen".into()] },
                "komt daar niet voor: leert, kennen",
                "not in it: leert, kennen",
            ),
        ] {
            assert_eq!(argument.in_words(Language::Dutch), dutch);
            assert_eq!(argument.in_words(Language::English), english);
        }
    }

    #[test]
    fn evidence_of_an_earlier_version_can_still_be_read() {
        let old = r#"{"shared":["kast"],"reasons":["the ticket was solved"],"against":[],"runner_up":null}"#;
        let evidence: Evidence = serde_json::from_str(old).unwrap();
        assert_eq!(evidence.reasons, [Argument::from("the ticket was solved")]);
    }
}
