//! Evidence in the reader's language. Judging writes its reasons in English, for logs and for machines; staff read them
//! here. A sentence that is not known here is shown as it stands: better foreign than missing.

use regex::Regex;
use std::sync::LazyLock;

/// What matching says, and the same in Dutch.
const SENTENCES: [(&str, &str); 11] = [
    ("it belongs to a conversation about this ticket", "het hoort bij een gesprek over dit ticket"),
    (
        "the post names a number that belongs to this ticket",
        "het bericht noemt een nummer dat bij dit ticket hoort",
    ),
    (
        "the ticket belongs to another customer than the author",
        "het ticket is van een andere klant dan de schrijver",
    ),
    ("the author's own ticket", "het is een ticket van de schrijver zelf"),
    ("a ticket of whom the author probably is", "het is een ticket van wie de schrijver waarschijnlijk is"),
    ("the ticket was solved", "het ticket was opgelost"),
    ("the ticket of the case is linked to this problem", "het ticket van de zaak hangt aan dit probleem"),
    (
        "tickets of other customers of this problem resemble the post too",
        "tickets van andere klanten met dit probleem lijken er ook op",
    ),
    (
        "everything of it was solved more than two years ago",
        "alles daarvan is meer dan twee jaar geleden opgelost",
    ),
    ("no other customer fits", "geen andere klant past"),
    ("other evidence points to somebody else", "iets anders wijst op iemand anders"),
];

/// Sentences with numbers or words in them.
const SHAPES: [(&str, &str); 6] = [
    (r"^(\d+) words are shared, (\d+) of them rare$", "$1 woorden gedeeld, waarvan $2 zeldzaam"),
    (r"^only (\d+) words are shared$", "maar $1 woorden gedeeld"),
    (r"^not in it: (.*)$", "komt daar niet voor: $1"),
    (
        r"^(\d+) of its tickets and texts resemble the post$",
        "$1 tickets en teksten van dit probleem lijken erop",
    ),
    (r"^the numbers in the post belong to (\d+) tickets$", "de nummers in het bericht horen bij $1 tickets"),
    (
        r"^the customer has (\d+) other open tickets; this is the oldest$",
        "de klant heeft $1 andere open tickets; dit is het oudste",
    ),
];

static KNOWN_SHAPES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    SHAPES
        .into_iter()
        .map(|(shape, dutch)| (Regex::new(shape).expect("our own patterns compile"), dutch))
        .collect()
});

/// A reason of matching in the reader's language.
pub fn reason(written: &str, dutch: bool) -> String {
    if !dutch {
        return written.to_owned();
    }
    if let Some((_, translated)) = SENTENCES.iter().find(|(english, _)| *english == written) {
        return (*translated).to_owned();
    }
    let shape = KNOWN_SHAPES.iter().find(|(shape, _)| shape.is_match(written));
    shape.map_or_else(|| written.to_owned(), |(shape, dutch)| shape.replace(written, *dutch).into_owned())
}

/// The words that decided what a post is. They are the customer's, so in Dutch they stand without the English name of
/// the list that they are on; what names no words is left out there.
pub fn deciding(written: &[String], dutch: bool) -> Vec<String> {
    if !dutch {
        return written.to_vec();
    }
    let mut words: Vec<String> = Vec::new();
    for piece in written {
        let Some((_, said)) = piece.split_once(": ") else { continue };
        if !words.iter().any(|word| word == said) {
            words.push(said.to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matching_says_is_said_in_dutch() {
        for (written, dutch) in [
            ("the ticket was solved", "het ticket was opgelost"),
            ("10 words are shared, 5 of them rare", "10 woorden gedeeld, waarvan 5 zeldzaam"),
            ("not in it: leert, $1, kennen", "komt daar niet voor: leert, $1, kennen"),
            ("something new", "something new"),
        ] {
            assert_eq!(reason(written, true), dutch);
            assert_eq!(reason(written, false), written);
        }
    }

    /// The sentences are written elsewhere. When one is reworded there, this notices.
    #[test]
    fn every_sentence_is_still_one_that_is_written() {
        let written =
            [include_str!("../../matching/questions.rs"), include_str!("../../recognise/exact.rs")].concat();
        for (english, _) in SENTENCES {
            assert!(written.contains(english), "{english}");
        }
        for (shape, _) in SHAPES {
            let longest =
                shape.split(|c: char| !c.is_ascii_alphabetic() && c != ' ').max_by_key(|words| words.len());
            assert!(written.contains(longest.unwrap().trim()), "{shape}");
        }
    }

    #[test]
    fn the_words_that_decided_stand_alone_in_dutch() {
        let evidence =
            ["about us: #veldnet", "again: al drie keer", "still not, again: al drie keer", "no kind word"]
                .map(String::from);
        assert_eq!(deciding(&evidence, true), ["#veldnet", "al drie keer"]);
        assert_eq!(deciding(&evidence, false), evidence);
    }
}
