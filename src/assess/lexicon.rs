//! Word lists of one language: what they hold, and finding them in a text in one pass.
//!
//! The lists are data in `config/lexicon/`, embedded at build time, so that support staff can review them; `README.md`
//! there explains how a phrase is written. Every phrase goes through the same [`Reading`] as the texts do.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::reading::{Reading, TokenKind};
use super::{Class, Severity};

/// Words that may stand in a gap (`..`) of a phrase.
const GAP_WORDS_MAX: usize = 5;
/// How far before a cue a negation still turns it.
const NEGATION_WORDS_BEFORE: usize = 4;
/// How far behind a cue a negation still turns it: Dutch says "blij ben ik niet".
const NEGATION_WORDS_AFTER: usize = 3;
/// More finds of one sort say nothing new about a text.
const FINDS_MAX: usize = 4_000;

/// The list that says "me too"; what that means depends on what it answers.
const AGREEMENT: &str = "same here";

static COMMON: &str = include_str!("../../config/lexicon/common.toml");
static DUTCH_LISTS: &str = include_str!("../../config/lexicon/nl.toml");
static ENGLISH_LISTS: &str = include_str!("../../config/lexicon/en.toml");

static DUTCH: LazyLock<Lexicon> = LazyLock::new(|| shipped("nl", DUTCH_LISTS));
static ENGLISH: LazyLock<Lexicon> = LazyLock::new(|| shipped("en", ENGLISH_LISTS));

/// The word lists of a language that is judged, `None` for any other.
pub(super) fn of_language(code: &str) -> Option<&'static Lexicon> {
    match code {
        "nl" => Some(&DUTCH),
        "en" => Some(&ENGLISH),
        _ => None,
    }
}

/// The languages that are judged.
pub(super) fn all() -> [&'static Lexicon; 2] {
    [&DUTCH, &ENGLISH]
}

/// One list: phrases that speak for the same thing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// What the list is about, in words for the evidence.
    pub name: String,
    /// The class it speaks for.
    pub class: Option<Class>,
    /// How strongly.
    #[serde(default)]
    pub weight: f64,
    /// How often it can count in one text.
    #[serde(default = "once")]
    pub most: usize,
    /// What it means behind a negation; without it a negation changes nothing.
    pub negated: Option<Negated>,
    /// The severity it shows.
    pub severity: Option<Severity>,
    /// How strongly it shows that nobody's own words are meant: advertising, fraud. Below zero: that it is not.
    #[serde(default)]
    pub spam: f64,
    /// The phrases.
    pub phrases: Vec<String>,
    /// Phrases that take a find away where they overlap it: figures of speech.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Belongs to no language.
    #[serde(skip)]
    pub common: bool,
}

impl Group {
    /// Agrees with what somebody else said: "same here".
    pub fn is_agreement(&self) -> bool {
        self.name == AGREEMENT
    }
}

/// What a list means behind a negation.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Negated {
    /// The class it then speaks for.
    pub class: Class,
    /// How strongly.
    pub weight: f64,
}

/// A list that was found in a text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Index of the list, for counting.
    pub group: usize,
    /// First and last token.
    pub tokens: (usize, usize),
    /// A negation stands by.
    pub negated: bool,
    /// A "but" follows in the same sentence.
    pub before_contrast: bool,
}

/// Prepared word lists of one language.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub language: &'static str,
    pub groups: Vec<Group>,
    automaton: AhoCorasick,
    parts: Vec<Part>,
    gaps: usize,
}

/// What a find of the automaton is part of.
#[derive(Clone, Copy, Debug)]
enum Part {
    Whole { group: usize },
    First { gap: usize },
    Second { group: usize, gap: usize },
    Unless { group: usize },
    Negator,
    Contrast,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default)]
    negators: Vec<String>,
    #[serde(default)]
    contrasts: Vec<String>,
    cues: Vec<Group>,
}

impl Lexicon {
    /// Prepares the lists of a language together with those that belong to none.
    fn new(language: &'static str, lists: &str, common: &str) -> Result<Lexicon, String> {
        let own: Lists = toml::from_str(lists).map_err(|e| format!("lexicon {language}: {e}"))?;
        let common: Lists = toml::from_str(common).map_err(|e| format!("lexicon common: {e}"))?;
        let mut builder = Builder::default();
        own.negators.iter().for_each(|word| builder.phrase(word, Part::Negator));
        own.contrasts.iter().for_each(|word| builder.phrase(word, Part::Contrast));
        let of_none = common.cues.into_iter().map(|group| Group { common: true, ..group });
        let groups: Vec<Group> = own.cues.into_iter().chain(of_none).collect();
        for (index, group) in groups.iter().enumerate() {
            group.phrases.iter().for_each(|phrase| builder.cue(phrase, index));
            group.unless.iter().for_each(|phrase| builder.phrase(phrase, Part::Unless { group: index }));
        }
        let automaton =
            AhoCorasick::new(&builder.patterns).map_err(|e| format!("lexicon {language}: {e}"))?;
        Ok(Lexicon { language, groups, automaton, parts: builder.parts, gaps: builder.gaps })
    }

    /// Finds every list in a text, in the order of the text.
    pub fn find(&self, reading: &Reading) -> Vec<Found> {
        let marks = self.marks(reading);
        let mut kept: Vec<Found> = Vec::new();
        let mut last_of_group = vec![usize::MAX; self.groups.len()];
        for &(group, tokens) in &marks.cues {
            if marks.is_excepted(group, tokens) {
                continue;
            }
            let before = last_of_group[group];
            if let Some(found) = kept.get_mut(before).filter(|found| overlaps(found.tokens, tokens)) {
                found.tokens = (found.tokens.0.min(tokens.0), found.tokens.1.max(tokens.1));
                continue;
            }
            last_of_group[group] = kept.len();
            let negated = marks.is_negated(reading, tokens);
            let before_contrast = marks.stands_before_contrast(reading, tokens.1);
            kept.push(Found { group, tokens, negated, before_contrast });
        }
        kept
    }

    /// How many of the finds belong to this language rather than to all.
    pub fn count_own(&self, found: &[Found]) -> usize {
        found.iter().filter(|found| !self.groups[found.group].common).count()
    }

    fn marks(&self, reading: &Reading) -> Marks {
        let mut marks = Marks::default();
        let mut first_halves: Vec<Option<(usize, usize)>> = vec![None; self.gaps];
        if reading.tokens.is_empty() {
            return marks;
        }
        for hit in self.automaton.find_overlapping_iter(&reading.line) {
            let tokens = (reading.token_at(hit.start() + 1), reading.token_at(hit.end().saturating_sub(2)));
            if marks.cues.len() > FINDS_MAX || marks.unless.len() > FINDS_MAX {
                break;
            }
            match self.parts[hit.pattern().as_usize()] {
                Part::Whole { group } => marks.cues.push((group, tokens)),
                Part::First { gap } => first_halves[gap] = Some(tokens),
                Part::Second { group, gap } => {
                    if let Some(first) = first_halves[gap].filter(|first| fits_gap(reading, *first, tokens)) {
                        marks.cues.push((group, (first.0, tokens.1)));
                    }
                }
                Part::Unless { group } => marks.unless.push((group, tokens)),
                Part::Negator => marks.negators.push(tokens.1),
                Part::Contrast => marks.contrasts.push(tokens.0),
            }
        }
        marks
    }
}

/// Everything the automaton said about a text, each sort in the order in which it ends.
#[derive(Default)]
struct Marks {
    cues: Vec<(usize, (usize, usize))>,
    unless: Vec<(usize, (usize, usize))>,
    negators: Vec<usize>,
    contrasts: Vec<usize>,
}

impl Marks {
    /// An exception of the same list overlaps. Exceptions are short, so the next few are all that can.
    fn is_excepted(&self, group: usize, cue: (usize, usize)) -> bool {
        let first = self.unless.partition_point(|(_, range)| range.1 < cue.0);
        self.unless[first..].iter().take(16).any(|(g, range)| *g == group && overlaps(*range, cue))
    }

    fn is_negated(&self, reading: &Reading, cue: (usize, usize)) -> bool {
        let first = self.negators.partition_point(|at| at + NEGATION_WORDS_BEFORE < cue.0);
        let near = self.negators[first..].iter().take_while(|at| **at <= cue.1 + NEGATION_WORDS_AFTER);
        near.copied().any(|at| negates(reading, at, cue))
    }

    fn stands_before_contrast(&self, reading: &Reading, token: usize) -> bool {
        let next = self.contrasts.partition_point(|at| *at <= token);
        let sentence = |at: usize| reading.tokens[at].sentence;
        self.contrasts.get(next).is_some_and(|at| sentence(*at) <= sentence(token) + 1)
    }
}

/// Collects patterns for the automaton.
#[derive(Default)]
struct Builder {
    patterns: Vec<String>,
    parts: Vec<Part>,
    gaps: usize,
}

impl Builder {
    fn cue(&mut self, phrase: &str, group: usize) {
        match phrase.split_once(" .. ") {
            None => self.phrase(phrase, Part::Whole { group }),
            Some((first, second)) => {
                let gap = self.gaps;
                self.gaps += 1;
                self.phrase(first, Part::First { gap });
                self.phrase(second, Part::Second { group, gap });
            }
        }
    }

    fn phrase(&mut self, phrase: &str, part: Part) {
        self.patterns.push(pattern(phrase));
        self.parts.push(part);
    }
}

/// A phrase as the automaton looks for it: between spaces, except where a `*` leaves an end open.
pub(super) fn pattern(phrase: &str) -> String {
    let bare = phrase.trim();
    let line = Reading::of(bare.trim_matches('*')).line;
    let start = usize::from(bare.starts_with('*'));
    let end = line.len() - usize::from(bare.ends_with('*') && line.len() > 1);
    line.get(start..end).unwrap_or("").to_owned()
}

fn shipped(language: &'static str, lists: &str) -> Lexicon {
    Lexicon::new(language, lists, COMMON).expect("a test reads the shipped word lists")
}

fn once() -> usize {
    1
}

fn overlaps(a: (usize, usize), b: (usize, usize)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

fn fits_gap(reading: &Reading, first: (usize, usize), second: (usize, usize)) -> bool {
    second.0 > first.1
        && second.0 - first.1 - 1 <= GAP_WORDS_MAX
        && reading.tokens[first.1].sentence == reading.tokens[second.0].sentence
}

/// A negation works within its clause, and not from inside a hashtag.
fn negates(reading: &Reading, negator: usize, cue: (usize, usize)) -> bool {
    let clause = |token: usize| reading.tokens[token].clause;
    reading.tokens[negator].kind == TokenKind::Word
        && ((negator < cue.0 && clause(negator) == clause(cue.0))
            || (negator > cue.1 && clause(negator) == clause(cue.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lexicon: &Lexicon, text: &str) -> Vec<String> {
        let reading = Reading::of(text);
        let shown = |f: &Found| {
            format!("{}{}", lexicon.groups[f.group].name, if f.negated { " negated" } else { "" })
        };
        lexicon.find(&reading).iter().map(shown).collect()
    }

    fn small() -> Lexicon {
        let lists = r#"
            negators = ["niet", "geen"]
            contrasts = ["maar"]
            [[cues]]
            name = "wait"
            phrases = ["al 3 weken", "wacht*"]
            [[cues]]
            name = "broken"
            phrases = ["werkt .. niet"]
            [[cues]]
            name = "fire"
            phrases = ["brand", "*brand"]
            unless = ["in de brand helpen"]
        "#;
        Lexicon::new("nl", lists, "cues = []").unwrap()
    }

    #[test]
    fn phrases_gaps_wildcards_and_exceptions_are_found() {
        let lexicon = small();
        for (text, expected) in [
            ("Ik zit al vijf weken", vec!["wait"]),
            ("wachtend op", vec!["wait"]),
            ("het wachthuisje, verwacht", vec!["wait"]),
            ("de app werkt sinds gisteren weer niet", vec!["broken"]),
            ("het werkt. Ik niet", vec![]),
            ("werkt a b c d e f niet", vec![]),
            ("er is keukenbrand", vec!["fire"]),
            ("iemand in de brand helpen", vec![]),
            ("geen brand", vec!["fire negated"]),
            ("brandnetel", vec![]),
        ] {
            assert_eq!(names(&lexicon, text), expected, "{text}");
        }
    }

    #[test]
    fn the_shipped_lists_can_be_read_and_no_phrase_is_empty() {
        for lexicon in all() {
            assert!(lexicon.groups.len() > 10, "{}", lexicon.language);
            for group in &lexicon.groups {
                assert!(!group.phrases.is_empty(), "{}", group.name);
                assert!(group.class.is_some() || group.severity.is_some() || group.spam != 0.0);
                for phrase in group.phrases.iter().chain(&group.unless).flat_map(|p| p.split(" .. ")) {
                    assert!(pattern(phrase).trim().len() > 1 || !phrase.is_ascii(), "{phrase:?}");
                }
            }
        }
    }
}
