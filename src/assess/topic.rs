//! What a text is about, by the words of a taxonomy. Below the evidence floor it is about nothing we know, and that is
//! a legal answer.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::lexicon::pattern;
use super::reading::Reading;

/// A single word is a hint only: two points are needed.
const FLOOR: u32 = 2;
/// A phrase of two words or more proves more than one word.
const PHRASE_POINTS: u32 = 2;
/// Words of a topic that count at most.
const CUES_MAX: usize = 64;

static SHIPPED: LazyLock<Topics> = LazyLock::new(|| {
    Topics::new(include_str!("../../config/topics.toml")).expect("a test reads the shipped taxonomy")
});

/// A topic of the taxonomy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    id: String,
    /// Names for people; required, so that no topic lacks one.
    nl: String,
    en: String,
    root: Root,
    cues_nl: Vec<String>,
    cues_en: Vec<String>,
}

/// What a topic hangs under.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
enum Root {
    People,
    Processes,
    Technology,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taxonomy {
    topic: Vec<Topic>,
}

/// A prepared taxonomy.
#[derive(Debug)]
pub(super) struct Topics {
    topics: Vec<Topic>,
    automaton: AhoCorasick,
    /// Topic, points, and language of each pattern.
    cues: Vec<(usize, u32, &'static str)>,
}

impl Root {
    fn name(&self, language: &str) -> &'static str {
        match (self, language) {
            (Root::People, "nl") => "Mensen",
            (Root::People, _) => "People",
            (Root::Processes, "nl") => "Processen",
            (Root::Processes, _) => "Processes",
            (Root::Technology, "nl") => "Techniek",
            (Root::Technology, _) => "Technology",
        }
    }
}

/// What people call a topic, Dutch or else English, with what it hangs under: "Processes: Refund". `None` for an id that
/// the taxonomy does not have, or no longer has.
pub fn topic_name(id: &str, language: &str) -> Option<String> {
    let topic = SHIPPED.topics.iter().find(|topic| topic.id == id)?;
    let name = if language == "nl" { &topic.nl } else { &topic.en };
    Some(format!("{}: {name}", topic.root.name(language)))
}

/// The taxonomy that ships.
pub(super) fn shipped() -> &'static Topics {
    &SHIPPED
}

impl Topics {
    fn new(taxonomy: &str) -> Result<Topics, String> {
        let taxonomy: Taxonomy = toml::from_str(taxonomy).map_err(|error| format!("topics: {error}"))?;
        let mut patterns = Vec::new();
        let mut cues = Vec::new();
        for (index, topic) in taxonomy.topic.iter().enumerate() {
            for (language, words) in [("nl", &topic.cues_nl), ("en", &topic.cues_en)] {
                for word in words {
                    let points = if word.trim().contains(' ') { PHRASE_POINTS } else { 1 };
                    patterns.push(pattern(word));
                    cues.push((index, points, language));
                }
            }
        }
        let automaton = AhoCorasick::new(&patterns).map_err(|error| format!("topics: {error}"))?;
        Ok(Topics { topics: taxonomy.topic, automaton, cues })
    }

    /// The topic with the most evidence and the words that show it; `None` below the floor or when two topics tie.
    pub fn find(&self, reading: &Reading, language: &str) -> Option<(&str, Vec<String>)> {
        let mut points = vec![0_u32; self.topics.len()];
        let mut seen: Vec<(usize, usize)> = Vec::new();
        for found in self.automaton.find_overlapping_iter(&reading.line) {
            let cue = found.pattern().as_usize();
            let (topic, worth, of_language) = self.cues[cue];
            let place = reading.token_at(found.start() + 1);
            let again = seen
                .iter()
                .any(|(before, at)| *before == cue || (*at == place && self.cues[*before].0 == topic));
            if of_language != language || again || seen.len() >= CUES_MAX {
                continue;
            }
            seen.push((cue, place));
            points[topic] += worth;
        }
        let (best, most) = points.iter().enumerate().max_by_key(|(_, points)| **points)?;
        let tied = points.iter().filter(|points| *points == most).count() > 1;
        if *most < FLOOR || tied {
            return None;
        }
        let words = seen.iter().filter(|(cue, _)| self.cues[*cue].0 == best);
        let words = words.take(3).map(|(_, place)| reading.words(*place, *place).to_owned());
        Some((self.topics[best].id.as_str(), words.collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn topic(language: &str, text: &str) -> Option<String> {
        shipped().find(&Reading::of(text), language).map(|(id, _)| id.to_owned())
    }

    #[test]
    fn the_taxonomy_has_three_roots_and_unique_topics() {
        let topics = &shipped().topics;
        let ids: HashSet<&str> = topics.iter().map(|topic| topic.id.as_str()).collect();
        let roots: HashSet<&Root> = topics.iter().map(|topic| &topic.root).collect();
        assert_eq!((ids.len(), roots.len()), (topics.len(), 3));
        assert!((25..=40).contains(&topics.len()), "{}", topics.len());
        for topic in topics {
            assert_ne!(topic_name(&topic.id, "nl"), topic_name(&topic.id, "en"), "{}", topic.id);
            assert!(topic.cues_nl.len() >= 4 && topic.cues_en.len() >= 4, "{}", topic.id);
        }
    }

    #[test]
    fn topics_are_found_by_their_words() {
        for (language, text, id) in [
            ("nl", "Monteur niet gekomen, hele dag thuis gezeten", "engineer-no-show"),
            ("nl", "Zes keer gebeld, nooit teruggebeld", "no-call-back"),
            ("nl", "Ik snap een regel op mijn factuur niet", "bill-unclear"),
            ("nl", "Na de verhuizing geen internet op het nieuwe adres", "moving"),
            ("en", "The courier says the parcel was delivered, never received it", "parcel"),
            ("en", "45 minutes on hold, the hold music never ends", "phone-queue"),
            ("en", "The app keeps asking me to log in", "login"),
        ] {
            assert_eq!(topic(language, text).as_deref(), Some(id), "{text}");
        }
    }

    #[test]
    fn a_topic_that_is_gone_has_no_name() {
        assert_eq!(topic_name("moving", "en").as_deref(), Some("Processes: Moving the connection"));
        assert_eq!(topic_name("no-such-topic", "nl"), None);
    }

    #[test]
    fn too_little_evidence_is_no_topic() {
        for text in ["Slecht!", "monteur", "Vandaag regent het", ""] {
            assert_eq!(topic("nl", text), None, "{text}");
        }
    }
}
