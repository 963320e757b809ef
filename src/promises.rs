//! Finds sentences in which staff promised a customer something. Pure. First version: it quotes, it does not compute
//! deadlines; the promise ledger builds on it.

use crate::register::Answer;
use crate::text::fold;

/// Words that announce that we will do something, folded.
const ANNOUNCES: [&str; 19] = [
    "we bellen",
    "wij bellen",
    "bellen u",
    "bel u terug",
    "bellen je",
    "nemen contact",
    "neemt contact",
    "ontvangt u",
    "komt terug",
    "laten u weten",
    "laat u weten",
    "laten we weten",
    "horen van ons",
    "we will",
    "we'll",
    "i will",
    "i'll",
    "you will receive",
    "you will hear",
];

/// Words that give it a term, folded.
const TERMS: [&str; 26] = [
    "binnen ",
    "vandaag",
    "morgen",
    "maandag",
    "dinsdag",
    "woensdag",
    "donderdag",
    "vrijdag",
    "zaterdag",
    "zondag",
    "voor het weekend",
    "deze week",
    "volgende week",
    "within ",
    "today",
    "tomorrow",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "this week",
    "next week",
    "by the end of",
];

/// A promise as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The sentence.
    pub quote: String,
    /// When it was made.
    pub at: jiff::Timestamp,
}

/// The promises in what staff answered, the newest first.
pub fn find(answers: &[Answer]) -> Vec<Promise> {
    let mut promises: Vec<Promise> = answers
        .iter()
        .filter(|answer| answer.by_agent)
        .flat_map(|answer| {
            sentences(&answer.body)
                .filter(|sentence| is_promise(sentence))
                .map(|sentence| Promise { quote: sentence.to_owned(), at: answer.at })
        })
        .collect();
    promises.sort_by_key(|promise| std::cmp::Reverse(promise.at));
    promises
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '\n']).map(str::trim).filter(|sentence| !sentence.is_empty())
}

fn is_promise(sentence: &str) -> bool {
    let folded = fold(sentence);
    // A question or a condition commits to nothing.
    let commits = !folded.ends_with('?') && !folded.starts_with("als ") && !folded.starts_with("if ");
    commits
        && ANNOUNCES.iter().any(|cue| folded.contains(cue))
        && TERMS.iter().any(|cue| folded.contains(cue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(by_agent: bool, body: &str) -> Answer {
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        Answer { external_id: "1".into(), ticket: "1".into(), by_agent, public: true, body: body.into(), at }
    }

    #[test]
    fn promises_of_staff_are_quoted_and_nothing_else() {
        let found = find(&[
            answer(true, "Vervelend om te horen. We bellen u maandag terug. Groet, Sanne"),
            answer(true, "Als u vandaag belt, bellen wij u terug. Kunnen we u morgen bellen?"),
            answer(false, "Jullie zouden binnen 2 dagen bellen, I will call today"),
            answer(true, "We will let you know within 48 hours."),
        ]);
        let quotes: Vec<&str> = found.iter().map(|promise| promise.quote.as_str()).collect();
        assert_eq!(quotes, ["We bellen u maandag terug.", "We will let you know within 48 hours."]);
    }
}
