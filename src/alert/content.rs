//! An alert as sections of lines, before it is plain text, HTML or chat blocks: what every channel shows, in one shape.
//!
//! A text from outside is kept apart from our own words ([`Span::Theirs`]), because each rendering must isolate it in
//! its own way. Everything in here is safe to show: it was cleaned on the way in.

use crate::decide::Verdict;
use crate::text;

/// Everything one person is told at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// One line of at most [`SUBJECT_CHARACTERS_MAX`] characters without a word from outside our systems.
    pub subject: String,
    /// The words are Dutch; otherwise English.
    pub dutch: bool,
    /// Is it known? Decides the colour where there is one.
    pub verdict: Verdict,
    /// In the order in which they are read.
    pub sections: Vec<Section>,
}

/// The longest subject, in characters.
pub const SUBJECT_CHARACTERS_MAX: usize = 150;
/// The longest text from outside within a sentence, in characters as a reader counts them.
pub const INLINE_CHARACTERS_MAX: usize = 160;

/// Lines that belong together under a heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Which section.
    pub name: SectionName,
    /// Its heading in the reader's language.
    pub heading: String,
    /// What it says.
    pub parts: Vec<Part>,
}

/// The sections, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionName {
    /// The customer's own words, whole.
    Words,
    /// What the words answer.
    Parent,
    /// Who said it, where and when.
    Who,
    /// Is it known, and since when?
    Verdict,
    /// The three questions, each with certainty and evidence.
    Answers,
    /// Who else has it.
    Others,
    /// How many people hear it, with the arithmetic.
    Reach,
    /// What we promised.
    Promises,
    /// Who can act, and what helps meanwhile.
    Act,
    /// What it is, and why it is urgent.
    What,
    /// What the reader should know about the text.
    Care,
    /// Where to go on.
    Links,
    /// How fresh the register was, and what to quote in a question about this alert.
    Foot,
}

impl SectionName {
    /// Every section.
    pub const ALL: [SectionName; 13] = [
        SectionName::Words,
        SectionName::Parent,
        SectionName::Who,
        SectionName::Verdict,
        SectionName::Answers,
        SectionName::Others,
        SectionName::Reach,
        SectionName::Promises,
        SectionName::Act,
        SectionName::What,
        SectionName::Care,
        SectionName::Links,
        SectionName::Foot,
    ];

    /// The stable name in what machines read.
    pub fn name(self) -> &'static str {
        match self {
            SectionName::Words => "words",
            SectionName::Parent => "parent",
            SectionName::Who => "who",
            SectionName::Verdict => "verdict",
            SectionName::Answers => "answers",
            SectionName::Others => "others",
            SectionName::Reach => "reach",
            SectionName::Promises => "promises",
            SectionName::Act => "act",
            SectionName::What => "what",
            SectionName::Care => "care",
            SectionName::Links => "links",
            SectionName::Foot => "foot",
        }
    }
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The customer's own words; never cut.
    Words(String),
    /// A sentence that must not be missed.
    Strong(Phrase),
    /// A sentence.
    Line(Phrase),
    /// A sentence that explains the one before it.
    Small(Phrase),
    /// A label with its value.
    Pair(String, Phrase),
    /// Somebody's words that are not the complaint itself; may be cut.
    Quote(String),
    /// A link to follow, with what it leads to.
    Link(Phrase, String),
}

impl Part {
    /// What stands between a label and its value.
    pub fn after_label(label: &str) -> &'static str {
        if label.ends_with('?') { "" } else { ":" }
    }
}

/// A sentence of our words and of others'.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phrase(Vec<Span>);

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// Our own words.
    Ours(String),
    /// From outside: shown isolated, never as markup.
    Theirs(String),
}

impl Phrase {
    /// An empty sentence.
    pub fn new() -> Phrase {
        Phrase::default()
    }

    /// Goes on with our own words.
    pub fn ours(mut self, words: impl Into<String>) -> Phrase {
        self.0.push(Span::Ours(words.into()));
        self
    }

    /// Goes on with a text from outside, put on one line and cut at [`INLINE_CHARACTERS_MAX`]. Characters that hide or
    /// turn the reading direction are taken out, so that a name cannot rearrange the sentence around it.
    pub fn theirs(mut self, raw: &str) -> Phrase {
        let line = text::clean_name(&without_deception(raw));
        self.0.push(Span::Theirs(text::excerpt(&line, INLINE_CHARACTERS_MAX)));
        self
    }

    /// Goes on with another sentence.
    pub fn then(mut self, other: Phrase) -> Phrase {
        self.0.extend(other.0);
        self
    }

    /// Its pieces.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Its words without the difference between ours and theirs.
    pub fn text(&self) -> String {
        self.0
            .iter()
            .map(|span| match span {
                Span::Ours(words) | Span::Theirs(words) => words.as_str(),
            })
            .collect()
    }
}

impl From<String> for Phrase {
    fn from(words: String) -> Phrase {
        Phrase::new().ours(words)
    }
}

impl From<&str> for Phrase {
    fn from(words: &str) -> Phrase {
        Phrase::new().ours(words)
    }
}

/// Phrases in a row with `between` them.
pub fn joined(phrases: impl IntoIterator<Item = Phrase>, between: &str) -> Phrase {
    let mut whole = Phrase::new();
    for (place, phrase) in phrases.into_iter().enumerate() {
        if place > 0 {
            whole = whole.ours(between);
        }
        whole = whole.then(phrase);
    }
    whole
}

fn without_deception(raw: &str) -> String {
    raw.chars()
        .filter(|character| !text::has_deceptive_characters(character.encode_utf8(&mut [0; 4])))
        .collect()
}

/// A link as it may be shown and followed: `http` or `https`, without a user in it, its host in ASCII, so that a host
/// that only looks like another is seen for what it is.
pub fn followable(raw: &str) -> Option<String> {
    let url = url::Url::parse(raw).ok()?;
    let fits =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    fits.then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_rearrange_the_sentence_around_it() {
        let phrase = Phrase::from("van ").theirs("Eve\u{202E}\u{2067}\r\nBcc: x\u{2028}y\0").ours(".");
        assert_eq!(phrase.text(), "van Eve Bcc: x y\u{FFFD}.");
    }

    #[test]
    fn only_plain_web_links_are_followed_and_look_alikes_show_themselves() {
        assert_eq!(
            followable("https://veldnеt.example/x").as_deref(),
            Some("https://xn--veldnt-7of.example/x")
        );
        for refused in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https://veldnet.example@evil.example/",
            "ftp://x",
            "x",
        ] {
            assert_eq!(followable(refused), None, "{refused}");
        }
    }
}
