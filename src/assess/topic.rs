//! What a text is about, by the words of a taxonomy. Below the evidence floor it is about nothing we know, and that is
//! a legal answer.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::lexicon::pattern;
use super::reading::Reading;
use crate::config::Language;

/// A single word is a hint only: two points are needed.
const FLOOR: u32 = 2;
/// A phrase of two words or more proves more than one word.
const PHRASE_POINTS: u32 = 2;
/// Words of a topic that count at most.
const CUES_MAX: usize = 64;

static SHIPPED: LazyLock<Arc<Topics>> = LazyLock::new(|| {
    Arc::new(
        Topics::read(include_str!("../../config/topics.toml")).expect("a test reads the shipped taxonomy"),
    )
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
pub struct Topics {
    topics: Vec<Topic>,
    automaton: AhoCorasick,
    /// Topic, points, and language of each pattern.
    cues: Vec<(usize, u32, &'static str)>,
}

impl Root {
    fn name(&self, language: Language) -> &'static str {
        match (self, language) {
            (Root::People, Language::Dutch) => "Mensen",
            (Root::People, Language::English) => "People",
            (Root::Processes, Language::Dutch) => "Processen",
            (Root::Processes, Language::English) => "Processes",
            (Root::Technology, Language::Dutch) => "Techniek",
            (Root::Technology, Language::English) => "Technology",
        }
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topics({})", self.topics.len())
    }
}

impl Topics {
    /// The taxonomy that ships, in `config/topics.toml`.
    pub fn shipped() -> Arc<Topics> {
        SHIPPED.clone()
    }

    /// Prepares a taxonomy in the form of `config/topics.toml`.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    pub fn read(taxonomy: &str) -> Result<Topics, String> {
        let taxonomy: Taxonomy = toml::from_str(taxonomy).map_err(|error| misfit(taxonomy, &error))?;
        check(&taxonomy.topic)?;
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
        let automaton = AhoCorasick::new(&patterns)
            .map_err(|_| "the words together are more than can be searched for; remove some".to_owned())?;
        Ok(Topics { topics: taxonomy.topic, automaton, cues })
    }

    /// What people call a topic, with what it hangs under: "Processes: Refund". `None` for an id that the taxonomy does
    /// not have, or no longer has.
    pub fn name(&self, id: &str, language: Language) -> Option<String> {
        let topic = self.topics.iter().find(|topic| topic.id == id)?;
        let name = if language.is_dutch() { &topic.nl } else { &topic.en };
        Some(format!("{}: {name}", topic.root.name(language)))
    }

    /// The topic with the most evidence and the words that show it; `None` below the floor or when two topics tie.
    pub(super) fn find(&self, reading: &Reading, language: &str) -> Option<(&str, Vec<String>)> {
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

/// Where a taxonomy cannot be read.
fn misfit(taxonomy: &str, error: &toml::de::Error) -> String {
    let before = error.span().map_or("", |span| taxonomy.get(..span.start).unwrap_or_default());
    format!(
        "line {}: {}; compare it with config/topics.toml",
        before.matches('\n').count() + 1,
        error.message()
    )
}

/// What can be read and is wrong all the same.
fn check(topics: &[Topic]) -> Result<(), String> {
    let mut ids = HashSet::new();
    for (place, topic) in topics.iter().enumerate() {
        let at = format!("topic[{place}]");
        if topic.id.trim().is_empty() {
            return Err(format!("{at}.id: is empty; give it one, such as \"refund\""));
        }
        if !ids.insert(topic.id.as_str()) {
            return Err(format!("{at}.id: two topics are called {:?}; change one of them", topic.id));
        }
        for (key, name) in [("nl", &topic.nl), ("en", &topic.en)] {
            if name.trim().is_empty() {
                return Err(format!("{at}.{key}: is empty; write what people call it"));
            }
        }
        for (key, cues) in [("cues_nl", &topic.cues_nl), ("cues_en", &topic.cues_en)] {
            if cues.iter().any(|cue| !cue.chars().any(char::is_alphanumeric)) {
                return Err(format!("{at}.{key}: one has no letter or digit; write a word or remove it"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(language: &str, text: &str) -> Option<String> {
        Topics::shipped().find(&Reading::of(text), language).map(|(id, _)| id.to_owned())
    }

    #[test]
    fn the_taxonomy_has_three_roots_and_unique_topics() {
        let shipped = Topics::shipped();
        let topics = &shipped.topics;
        let ids: HashSet<&str> = topics.iter().map(|topic| topic.id.as_str()).collect();
        let roots: HashSet<&Root> = topics.iter().map(|topic| &topic.root).collect();
        assert_eq!((ids.len(), roots.len()), (topics.len(), 3));
        assert!((25..=40).contains(&topics.len()), "{}", topics.len());
        for topic in topics {
            let name = |language| shipped.name(&topic.id, language);
            assert_ne!(name(Language::Dutch), name(Language::English), "{}", topic.id);
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
        let name = |id| Topics::shipped().name(id, Language::English);
        assert_eq!(name("moving").as_deref(), Some("Processes: Moving the connection"));
        assert_eq!(name("no-such-topic"), None);
    }

    #[test]
    fn a_taxonomy_of_ones_own_is_read_or_refused_with_its_place() {
        let topic = "[[topic]]\nid = \"lift\"\nroot = \"technology\"\nnl = \"Lift\"\nen = \"Lift\"\ncues_nl = [\"lift*\", \"liftstoring\"]\ncues_en = []\n";
        let topics = Topics::read(topic).unwrap();
        let found = topics.find(&Reading::of("De lift heeft weer een liftstoring"), "nl");
        assert_eq!(found.map(|(id, _)| id), Some("lift"));
        for (text, place) in [
            (format!("{topic}{topic}"), "topic[1].id: two topics are called \"lift\""),
            (topic.replace("nl = \"Lift\"", "nl = \" \""), "topic[0].nl: is empty"),
            (topic.replace("lift*", "*"), "topic[0].cues_nl: one has no letter or digit"),
            (topic.replace("root = \"technology\"", "root = \"magic\""), "line 3: unknown variant"),
            ("[[topic]]\nid = ".to_owned(), "line 2: "),
        ] {
            let error = Topics::read(&text).unwrap_err();
            assert!(error.starts_with(place), "{error}");
        }
    }

    #[test]
    fn too_little_evidence_is_no_topic() {
        for text in ["Slecht!", "monteur", "Vandaag regent het", ""] {
            assert_eq!(topic("nl", text), None, "{text}");
        }
    }
}
