//! Complaint, question, praise or none of these: cues of the word lists, stars and manner, weighed together.
//!
//! Each class gets a sum of weights; a logistic function over the sums makes the probability. All weights are data.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Class;
use super::classifier::{Classifier, RULES};
use super::lexicon::{Found, Group, Lexicon};
use super::reading::{Reading, TokenKind};
use crate::mention::Rating;

/// A text counts as advertising or fraud from here.
const SPAM_SCORE: f64 = 2.0;
/// Words that are shown of what was learned.
const LEARNED_WORDS_MAX: usize = 4;
/// Where learned words stand among the reasons: after the strong cues of the lists, before the weak.
const LEARNED_REASON: f64 = 1.0;
/// A story is at least this many sentences.
const STORY_SENTENCES: u32 = 3;
/// A story is at least this many words.
const STORY_WORDS: usize = 25;

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    toml::from_str(include_str!("../../config/lexicon/weights.toml"))
        .expect("a test reads the shipped weights")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    start: Scores,
    stars: Stars,
    manner: Manner,
    thread: Thread,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stars {
    bad: f64,
    middling: f64,
    good: f64,
    best: f64,
    silent: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manner {
    question_mark: f64,
    asks_at_the_end: f64,
    exclamations: f64,
    shouting: f64,
    telling: f64,
    before_but: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thread {
    parent_complains: f64,
    agrees: f64,
}

/// A weight for each class that can be claimed.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scores {
    complaint: f64,
    question: f64,
    praise: f64,
    other: f64,
}

/// What a text was found to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub class: Class,
    /// How sure we are, 0 to 1.
    pub probability: f64,
    /// Advertising or fraud.
    pub spam: bool,
    /// What decided, the strongest first.
    pub evidence: Vec<String>,
}

/// What is known beside the words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circumstances {
    pub rating: Option<Rating>,
    /// The post it replies to is a complaint.
    pub parent_complains: bool,
    /// It is about one of our brands: a story without a kind word is then rather a complaint.
    pub about_us: bool,
}

/// Judges a text in a language that we have word lists for: by rules, and by what was learned with the rules' scores before
/// its eyes. Stars and the thread are added to that, because what was learned from has neither.
pub(super) fn judge(
    text: &str,
    reading: &Reading,
    lexicon: &Lexicon,
    found: &[Found],
    known: Circumstances,
    classifier: &Classifier,
) -> Verdict {
    let mut sum = by_rules(reading, lexicon, found, known);
    let spam = spam_score(lexicon, found) >= SPAM_SCORE;
    // Who asks whether a message is real quotes it: its words are not their own, and the rules know that.
    if !quotes(lexicon, found) {
        sum.learn(text, classifier);
    }
    sum.add_stars(known.rating, reading.letters == 0);
    sum.add_thread(lexicon, found, known);
    let (class, probability) = sum.decide();
    if spam && class != Class::Other {
        let evidence = vec!["advertising or fraud".to_owned()];
        return Verdict { class: Class::Other, probability: probability.max(0.6), spam, evidence };
    }
    Verdict { class, probability, spam, evidence: sum.evidence_for(class) }
}

/// Judges what needs no words: stars. `None` where they say nothing by themselves.
pub(super) fn judge_stars(rating: Option<Rating>, silent: bool) -> Option<Verdict> {
    let stars = rating?.as_stars();
    if stars > 2.0 && !silent {
        return None;
    }
    let mut sum = Sum { scores: WEIGHTS.start, reasons: Vec::new() };
    sum.add_stars(rating, silent);
    let (class, probability) = sum.decide();
    Some(Verdict { class, probability, spam: false, evidence: sum.evidence_for(class) })
}

/// What the rules say of a text: the scores of complaint, question, praise and other.
pub(super) fn rule_scores(
    reading: &Reading,
    lexicon: &Lexicon,
    found: &[Found],
    known: Circumstances,
) -> [f64; RULES] {
    by_rules(reading, lexicon, found, known).scores.all()
}

fn by_rules(reading: &Reading, lexicon: &Lexicon, found: &[Found], known: Circumstances) -> Sum {
    let mut sum = Sum { scores: WEIGHTS.start, reasons: Vec::new() };
    sum.add_cues(reading, lexicon, found);
    sum.add_manner(reading, known);
    sum
}

impl Scores {
    fn all(&self) -> [f64; RULES] {
        [self.complaint, self.question, self.praise, self.other]
    }
}

struct Sum {
    scores: Scores,
    reasons: Vec<(Class, f64, String)>,
}

impl Sum {
    fn add(&mut self, class: Class, weight: f64, reason: impl FnOnce() -> String) {
        match class {
            Class::Complaint => self.scores.complaint += weight,
            Class::Question => self.scores.question += weight,
            Class::Praise => self.scores.praise += weight,
            Class::Other => self.scores.other += weight,
            Class::Unknown => return,
        }
        if weight > 0.0 {
            self.reasons.push((class, weight, reason()));
        }
    }

    /// Takes what was learned in place of the rules' scores, which it has weighed.
    fn learn(&mut self, text: &str, classifier: &Classifier) {
        let features = classifier.features(text, self.scores.all());
        let kinds = classifier.judge(&features);
        let [complaint, question, praise, other, not_about_us] = *kinds.logits();
        // Two kinds are one class: their chances are added.
        let other = other.max(not_about_us) + (-(other - not_about_us).abs()).exp().ln_1p();
        self.scores = Scores { complaint, question, praise, other };
        for (kind, class) in [Class::Complaint, Class::Question, Class::Praise].into_iter().enumerate() {
            let words = classifier.reasons(&features, kind, LEARNED_WORDS_MAX);
            if !words.is_empty() {
                self.reasons.push((class, LEARNED_REASON, format!("words: {}", words.join(", "))));
            }
        }
    }

    fn add_cues(&mut self, reading: &Reading, lexicon: &Lexicon, found: &[Found]) {
        let mut times = vec![0_usize; lexicon.groups.len()];
        let quotes = quotes(lexicon, found);
        for cue in found {
            let group = &lexicon.groups[cue.group];
            if quotes && group.spam > 0.0 {
                continue;
            }
            let Some((class, weight)) = meaning(group, cue.negated) else { continue };
            times[cue.group] += 1;
            if times[cue.group] > group.most || weight == 0.0 {
                continue;
            }
            let repeated = if times[cue.group] > 1 { 0.5 } else { 1.0 };
            let softened =
                if cue.before_contrast && class == Class::Praise { WEIGHTS.manner.before_but } else { 1.0 };
            let not = if cue.negated && group.negated.is_some() { "not " } else { "" };
            self.add(class, weight * repeated * softened, || {
                format!("{}: {not}{}", group.name, reading.words(cue.tokens.0, cue.tokens.1))
            });
        }
    }

    fn add_manner(&mut self, reading: &Reading, known: Circumstances) {
        let manner = &WEIGHTS.manner;
        if reading.questions > 0 {
            self.add(Class::Question, manner.question_mark, || "question mark".to_owned());
            let last_stop = reading.tokens.iter().rposition(|token| token.kind == TokenKind::Stop);
            if last_stop.is_some_and(|at| reading.words(at, at) == "?") {
                self.add(Class::Question, manner.asks_at_the_end, || "ends with a question".to_owned());
            }
        }
        let stronger =
            if self.scores.praise > self.scores.complaint { Class::Praise } else { Class::Complaint };
        if reading.exclamations >= 2 {
            self.add(stronger, manner.exclamations, || "exclamation marks".to_owned());
        }
        if reading.shouted_words > 1 || reading.stretched_words > 0 {
            self.add(stronger, manner.shouting, || "raised voice".to_owned());
        }
        let sentences = reading.tokens.last().map_or(0, |token| token.sentence);
        let is_story = sentences >= STORY_SENTENCES || reading.tokens.len() >= STORY_WORDS;
        if known.about_us && is_story && self.scores.praise <= WEIGHTS.start.praise {
            self.add(Class::Complaint, manner.telling, || "a story without a kind word".to_owned());
        }
    }

    fn add_stars(&mut self, rating: Option<Rating>, silent: bool) {
        let Some(stars) = rating.map(Rating::as_stars) else { return };
        let weights = &WEIGHTS.stars;
        let (class, weight) = match stars {
            _ if stars <= 2.0 => (Class::Complaint, weights.bad),
            _ if stars < 3.5 => (Class::Other, weights.middling),
            _ if stars < 4.5 => (Class::Praise, weights.good),
            _ => (Class::Praise, weights.best),
        };
        let weight = if silent { weight + weights.silent } else { weight };
        self.add(class, weight, || format!("{} of 5 stars", (stars * 10.0).round() / 10.0));
    }

    fn add_thread(&mut self, lexicon: &Lexicon, found: &[Found], known: Circumstances) {
        if !known.parent_complains {
            return;
        }
        self.add(Class::Complaint, WEIGHTS.thread.parent_complains, || "replies to a complaint".to_owned());
        let agrees = |cue: &&Found| lexicon.groups[cue.group].is_agreement();
        if found.iter().find(agrees).is_some() {
            self.add(Class::Complaint, WEIGHTS.thread.agrees, || "agrees with a complaint".to_owned());
        }
    }

    /// The likeliest class and its probability among the four.
    fn decide(&self) -> (Class, f64) {
        let scores = [
            (Class::Complaint, self.scores.complaint),
            (Class::Question, self.scores.question),
            (Class::Praise, self.scores.praise),
            (Class::Other, self.scores.other),
        ];
        let best = scores.iter().fold(scores[3], |best, next| if next.1 > best.1 { *next } else { best });
        let total: f64 = scores.iter().map(|(_, score)| (score - best.1).exp()).sum();
        (best.0, 1.0 / total)
    }

    fn evidence_for(mut self, class: Class) -> Vec<String> {
        self.reasons.sort_by(|a, b| (b.0 == class).cmp(&(a.0 == class)).then(b.1.total_cmp(&a.1)));
        let mut evidence: Vec<String> = Vec::new();
        for (_, _, reason) in self.reasons {
            if !evidence.contains(&reason) {
                evidence.push(reason);
            }
        }
        evidence
    }
}

fn meaning(group: &Group, negated: bool) -> Option<(Class, f64)> {
    match group.negated.filter(|_| negated) {
        Some(other) => Some((other.class, other.weight)),
        None => group.class.map(|class| (class, group.weight)),
    }
}

/// Somebody asks whether a message that they got is real: what it says is a quotation, and no advertising of theirs.
fn quotes(lexicon: &Lexicon, found: &[Found]) -> bool {
    found.iter().any(|cue| lexicon.groups[cue.group].spam < 0.0)
}

fn spam_score(lexicon: &Lexicon, found: &[Found]) -> f64 {
    found.iter().map(|cue| lexicon.groups[cue.group].spam).sum()
}

#[cfg(test)]
mod tests {
    use super::super::lexicon;
    use super::*;

    fn judged(language: &str, text: &str, known: Circumstances) -> Verdict {
        let lexicon = lexicon::of_language(language).unwrap();
        let reading = Reading::of(text);
        let models = crate::models::shipped();
        judge(text, &reading, lexicon, &lexicon.find(&reading), known, &models.classifier)
    }

    fn class(language: &str, text: &str) -> Class {
        judged(language, text, Circumstances::default()).class
    }

    #[test]
    fn dutch_cues_decide() {
        for (text, expected) in [
            ("Al drie weken zonder internet, niemand belt terug", Class::Complaint),
            ("Lekker dan, weer een storing 🙄", Class::Complaint),
            ("Bedankt hoor, de app werkt nog steeds niet", Class::Complaint),
            ("Ik ben niet blij met jullie klantenservice", Class::Complaint),
            ("Vriendelijk geholpen aan de telefoon, dank je wel!", Class::Praise),
            ("Hier geen klachten, werkt als een zonnetje", Class::Praise),
            ("Hoe kan ik mijn wachtwoord wijzigen?", Class::Question),
            ("Weet iemand of de winkel op zondag open is?", Class::Question),
            ("Vacature: monteur, standplaats Zwolle", Class::Other),
            ("Vanavond een rondje gelopen langs het kantoor", Class::Other),
        ] {
            assert_eq!(class("nl", text), expected, "{text}");
        }
    }

    #[test]
    fn english_cues_decide() {
        for (text, expected) in [
            ("Third time this month the engineer never showed up", Class::Complaint),
            ("Thanks for nothing. Still no internet.", Class::Complaint),
            ("Your support is not helpful at all", Class::Complaint),
            ("Your support was great, thanks so much!", Class::Praise),
            ("No complaints here, it just works", Class::Praise),
            ("Can I use my own router?", Class::Question),
            ("Walked past the office this morning", Class::Other),
        ] {
            assert_eq!(class("en", text), expected, "{text}");
        }
    }

    #[test]
    fn stars_speak_without_words() {
        for (stars, expected) in [
            (1.0, Class::Complaint),
            (2.0, Class::Complaint),
            (3.0, Class::Other),
            (4.0, Class::Praise),
            (5.0, Class::Praise),
        ] {
            let verdict = judge_stars(Rating::new(stars, 5.0), true).unwrap();
            assert_eq!(verdict.class, expected, "{stars}");
            assert!(verdict.probability > 0.5, "{stars}: {}", verdict.probability);
        }
        assert_eq!(judge_stars(Rating::new(5.0, 5.0), false), None);
        assert_eq!(judge_stars(Rating::new(4.0, 10.0), false).unwrap().class, Class::Complaint);
    }

    #[test]
    fn same_here_under_a_complaint_is_a_complaint() {
        let under = Circumstances { parent_complains: true, about_us: true, rating: None };
        assert_eq!(judged("en", "Same here in Zwolle", under).class, Class::Complaint);
        assert_eq!(class("en", "Same here in Zwolle"), Class::Other);
    }

    #[test]
    fn advertising_is_never_a_complaint_and_asking_about_it_is_not_advertising() {
        let spam = judged(
            "nl",
            "Klik nu voor een gratis telefoon, win een reis! Nooit meer slecht internet",
            Circumstances::default(),
        );
        assert!(spam.spam && spam.class == Class::Other);
        let asks = judged(
            "nl",
            "Kreeg een sms: 'probleem met uw betaling, log in via deze link'. Is dit echt van jullie?",
            Circumstances::default(),
        );
        assert!(!asks.spam && asks.class == Class::Question, "{asks:?}");
    }
}
