//! The words that decided what a post is, in the reader's language. Pure.

use super::Assessment;
use crate::config::Language;

/// What judging says in words of its own, and the same in Dutch.
const OURS: [(&str, &str); 12] = [
    ("on our own page", "het staat op onze eigen pagina"),
    ("an account with our name", "een account met onze naam"),
    ("replies to a post about us", "een antwoord op een bericht over ons"),
    ("question mark", "een vraagteken"),
    ("ends with a question", "het eindigt met een vraag"),
    ("exclamation marks", "uitroeptekens"),
    ("raised voice", "hoofdletters of uitgerekte woorden"),
    ("a story without a kind word", "een verhaal zonder vriendelijk woord"),
    ("replies to a complaint", "een antwoord op een klacht"),
    ("agrees with a complaint", "valt een klacht bij"),
    ("advertising or fraud", "reclame of oplichting"),
    ("not understood", "niet begrepen"),
];

impl Assessment {
    /// What decided, the strongest first. The customer's words stand in Dutch without the English name of the list that
    /// they are on.
    pub fn deciding(&self, language: Language) -> Vec<String> {
        if !language.is_dutch() {
            return self.evidence.clone();
        }
        let mut words: Vec<String> = Vec::new();
        for piece in &self.evidence {
            let said = piece.split_once(": ").map_or(piece.as_str(), |(_, said)| said);
            let said = match OURS.iter().find(|(english, _)| *english == said) {
                Some((_, dutch)) => (*dutch).to_owned(),
                None => said.replace(" of 5 stars", " van 5 sterren").replace(", beside ", ", naast "),
            };
            if !words.contains(&said) {
                words.push(said);
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::{Class, Severity};

    #[test]
    fn what_decided_is_told_in_dutch() {
        let evidence =
            ["about us: #veldnet", "again: al drie keer", "still not, again: al drie keer", "raised voice"];
        let assessment = Assessment {
            relevant: true,
            brand: None,
            language: None,
            class: Class::Complaint,
            probability: 0.9,
            severity: Severity::Normal,
            topic: None,
            references: Vec::new(),
            evidence: evidence.map(String::from).into(),
        };
        assert_eq!(
            assessment.deciding(Language::Dutch),
            ["#veldnet", "al drie keer", "hoofdletters of uitgerekte woorden"]
        );
        assert_eq!(assessment.deciding(Language::English), assessment.evidence);
    }

    /// The sentences are written elsewhere. When one is reworded there, this notices.
    #[test]
    fn every_sentence_is_still_one_that_is_written() {
        let written = [include_str!("mod.rs"), include_str!("complaint.rs")].concat();
        for (english, _) in OURS {
            assert!(written.contains(english), "{english}");
        }
    }
}
