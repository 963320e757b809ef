//! What a mention is: about us or not, complaint or not, how bad, in what language, and why we think so. Pure.
//!
//! Start with [`Assessor::assess`]. Relevance comes first: a bare keyword or a homonym is not enough. Unknown stays
//! unknown: a text in no known language gets no verdict. The words that decided are kept as evidence.
//!
//! - `reading` turns a text into words once (`words` knows how one word is folded); everything below looks at that.
//! - `relevance`, `language`, `complaint`, `severity`, `references` and `topic` each answer one question; [`classifier`] is
//!   what was learned for `complaint`.
//! - `lexicon` finds the word lists of `config/lexicon/`, which are data.

pub mod classifier;
mod complaint;
mod deciding;
mod language;
mod lexicon;
mod reading;
mod references;
mod relevance;
mod severity;
mod topic;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::mention::Mention;
use crate::models::{self, Models};
use classifier::{Classifier, RULES};
use complaint::{Circumstances, Verdict};
use language::Spoken;
use lexicon::{Found, Lexicon};
use reading::Reading;
use references::References;
use relevance::{About, Relevance};

pub use topic::Topics;

/// The most reasons that are kept.
const EVIDENCE_MAX: usize = 12;
/// The longest reason that is kept, in characters.
const REASON_CHARACTERS_MAX: usize = 80;

/// Rises whenever rules or word lists change, so that stored verdicts say what made them.
pub const VERSION: &str = "learned-1";

/// What we made of one revision of a mention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// It is about one of our brands.
    pub relevant: bool,
    /// Which brand.
    pub brand: Option<String>,
    /// Two-letter language, `None` for unknown.
    pub language: Option<String>,
    /// What it is.
    pub class: Class,
    /// How sure we are of the class, 0 to 1.
    pub probability: f64,
    /// How bad it is for the customer.
    pub severity: Severity,
    /// Topic of the taxonomy; `None`: not classified, which is a legal, counted answer.
    pub topic: Option<String>,
    /// Exact identifiers in the text.
    pub references: Vec<Reference>,
    /// The words and facts that decided, for a person to read.
    pub evidence: Vec<String>,
}

/// What a mention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Something went wrong for somebody.
    Complaint,
    /// Somebody wants to know something.
    Question,
    /// Somebody is pleased.
    Praise,
    /// About us, but none of these.
    Other,
    /// Not understood, for instance because of its language.
    Unknown,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 5] =
        [Class::Complaint, Class::Question, Class::Praise, Class::Other, Class::Unknown];

    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Class::Complaint => "complaint",
            Class::Question => "question",
            Class::Praise => "praise",
            Class::Other => "other",
            Class::Unknown => "unknown",
        }
    }

    /// The class a stored name stands for.
    pub fn from_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// How bad it is, or how soon somebody must look: severities and urgencies share this scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An irritation.
    Low,
    /// Something does not work as agreed.
    #[default]
    Normal,
    /// Money, long waiting, or repeated failure.
    High,
    /// Safety, a legal or press threat, self-harm, an emergency number that does not work.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Normal, Severity::High, Severity::Critical];

    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Normal => "normal",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity a stored name stands for.
    pub fn from_name(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// An exact identifier in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// What sort of number it is.
    pub kind: ReferenceKind,
    /// The identifier as the register writes it.
    pub value: String,
}

/// Sorts of identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// A ticket number.
    Ticket,
    /// An order number.
    Order,
    /// A parcel number.
    Parcel,
    /// A customer number.
    Customer,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

/// A brand that is listened for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// Its name, as it stands in alerts.
    pub name: String,
    /// Words and names that mean the brand, matched on word boundaries without regard to case.
    pub terms: Vec<String>,
    /// Terms that also mean other things: they count only beside one of `context`.
    #[serde(default)]
    pub ambiguous: Vec<String>,
    /// Words that show that an ambiguous term means the brand.
    #[serde(default)]
    pub context: Vec<String>,
    /// Words that show that it is about something else: homonyms, competitors. They outweigh a name alone, not a post
    /// that addresses our account.
    #[serde(default)]
    pub not: Vec<String>,
    /// Product names. Like ambiguous terms they count only beside one of `context`, or beside a term.
    #[serde(default)]
    pub products: Vec<String>,
}

/// A format of numbers to look for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceFormat {
    /// What sort of number it is.
    pub kind: ReferenceKind,
    /// A regular expression; its first group, or else the whole, is the identifier. Linear time, size-limited.
    pub pattern: String,
}

/// What the assessor is made from.
#[derive(Clone, Debug)]
pub struct AssessSettings {
    /// Brands that are listened for.
    pub brands: Vec<Brand>,
    /// Formats of numbers; a kind that is not among them keeps the format that ships.
    pub references: Vec<ReferenceFormat>,
    /// What complaints are about.
    pub topics: Arc<Topics>,
}

/// Judges mentions. Built once from the settings; immutable.
#[derive(Debug)]
pub struct Assessor {
    relevance: Relevance,
    references: References,
    topics: Arc<Topics>,
    models: Arc<Models>,
}

impl Assessor {
    /// Prepares the word lists.
    ///
    /// # Errors
    /// One message for each pattern that does not compile, with its place in the settings.
    pub fn new(settings: AssessSettings) -> Result<Assessor, Vec<String>> {
        let relevance = Relevance::new(&settings.brands);
        let references = References::new(&settings.references);
        match (relevance, references) {
            (Ok(relevance), Ok(references)) => {
                Ok(Assessor { relevance, references, topics: settings.topics, models: models::shipped() })
            }
            (relevance, references) => {
                Err(relevance.err().into_iter().chain(references.err().into_iter().flatten()).collect())
            }
        }
    }

    /// Judges one mention. `parent` is what it replies to, judged with it; `directed` says that the mention is on a page
    /// or account of our own (a review of us, a message to us), where a brand need not be named.
    pub fn assess(&self, mention: &Mention, parent: Option<&Mention>, directed: Option<&str>) -> Assessment {
        let above = parent.map(|parent| self.judge(parent, None, None).0);
        let (mut assessment, topic_reason) = self.judge(mention, above.as_ref(), directed);
        assessment.evidence.extend(topic_reason);
        assessment.evidence = shortened(assessment.evidence);
        assessment
    }

    /// The assessment, and the reason for its topic, which comes last.
    fn judge(
        &self,
        mention: &Mention,
        above: Option<&Assessment>,
        directed: Option<&str>,
    ) -> (Assessment, Option<String>) {
        let text = mention.whole_text();
        let reading = Reading::of(&text);
        let about = self.about(mention, &reading, above, directed);
        let heard = Heard::of(&reading, &text, mention.language_hint.as_deref());
        let known = Circumstances {
            rating: mention.rating,
            parent_complains: above.is_some_and(|above| above.class == Class::Complaint),
            about_us: about.is_some(),
        };
        let verdict = heard.verdict(&text, &reading, known, &self.models.classifier);
        let (severity, mut reasons) = heard.severity(&reading, &verdict);
        let about = about.filter(|_| !verdict.spam);
        let topic = heard.lexicon.and_then(|lexicon| self.topics.find(&reading, lexicon.language));
        let topic = topic.filter(|_| !verdict.spam);
        reasons.extend(about.iter().map(|about| about.evidence.clone()));
        reasons.extend(verdict.evidence);
        let assessment = Assessment {
            relevant: about.is_some(),
            brand: about.map(|about| about.brand),
            language: heard.language,
            class: verdict.class,
            probability: verdict.probability,
            severity,
            topic: topic.as_ref().map(|(id, _)| (*id).to_owned()),
            references: self.references.find(&text, mention.reference.as_deref()),
            evidence: reasons,
        };
        (assessment, topic.map(|(id, words)| format!("topic {id}: {}", words.join(", "))))
    }

    /// The brand it is about: named in the text, ours by its place, said by our own account, or by the conversation.
    fn about(
        &self,
        mention: &Mention,
        reading: &Reading,
        above: Option<&Assessment>,
        directed: Option<&str>,
    ) -> Option<About> {
        let said =
            |brand: &str, evidence: &str| About { brand: brand.to_owned(), evidence: evidence.to_owned() };
        if let Some(brand) = directed {
            return Some(said(brand, "about us: on our own page"));
        }
        let by_account = || {
            let handle = mention.author.handle.as_deref()?;
            self.relevance.of_account(handle).map(|brand| said(brand, "about us: an account with our name"))
        };
        let by_thread = || {
            let brand = above.filter(|above| above.relevant)?.brand.as_deref()?;
            Some(said(brand, "about us: replies to a post about us"))
        };
        self.relevance.about(reading).or_else(by_account).or_else(by_thread)
    }
}

/// What the rules say of a text about us, whatever it is about: the scores of complaint, question, praise and other. For
/// learning. `None` when it is in no language that we judge.
pub fn rule_scores(text: &str) -> Option<[f64; RULES]> {
    let reading = Reading::of(text);
    let heard = Heard::of(&reading, text, None);
    let known = Circumstances { about_us: true, ..Circumstances::default() };
    heard.lexicon.map(|lexicon| complaint::rule_scores(&reading, lexicon, &heard.found, known))
}

/// How likely a text about us is a complaint by its words alone, 0 to 1; `None` when it is in no language that we judge.
pub fn complaint_probability(text: &str, classifier: &Classifier) -> Option<f64> {
    let rules = rule_scores(text)?;
    Some(classifier.judge(&classifier.features(text, rules)).probabilities[0])
}

/// A text with its language and what the word lists found in it.
struct Heard {
    language: Option<String>,
    /// The word lists that judge it; none for a language that we do not judge.
    lexicon: Option<&'static Lexicon>,
    found: Vec<Found>,
    /// Where the language is not known, both lists are read for what cannot wait.
    unsure: Vec<(&'static Lexicon, Vec<Found>)>,
}

impl Heard {
    fn of(reading: &Reading, text: &str, hint: Option<&str>) -> Heard {
        let spoken = language::spoken(reading, text, hint);
        if let Spoken::In(code) = &spoken {
            let lexicon = lexicon::of_language(code);
            let found = lexicon.map(|lexicon| lexicon.find(reading)).unwrap_or_default();
            return Heard { language: Some(code.clone()), lexicon, found, unsure: Vec::new() };
        }
        let mut unsure: Vec<_> =
            lexicon::all().into_iter().map(|lexicon| (lexicon, lexicon.find(reading))).collect();
        if spoken == Spoken::TooShort {
            let own = |list: &(&Lexicon, Vec<Found>)| list.0.count_own(&list.1);
            unsure.sort_by_key(|list| std::cmp::Reverse(own(list)));
            if own(&unsure[0]) > own(&unsure[1]) {
                let (lexicon, found) = unsure.swap_remove(0);
                let language = Some(lexicon.language.to_owned());
                return Heard { language, lexicon: Some(lexicon), found, unsure: Vec::new() };
            }
        }
        Heard { language: None, lexicon: None, found: Vec::new(), unsure }
    }

    fn verdict(
        &self,
        text: &str,
        reading: &Reading,
        known: Circumstances,
        classifier: &Classifier,
    ) -> Verdict {
        let by_stars = || complaint::judge_stars(known.rating, reading.tokens.is_empty());
        match self.lexicon {
            Some(lexicon) if !reading.tokens.is_empty() => {
                complaint::judge(text, reading, lexicon, &self.found, known, classifier)
            }
            _ => by_stars().unwrap_or(Verdict {
                class: Class::Unknown,
                probability: 0.0,
                spam: false,
                evidence: vec!["not understood".to_owned()],
            }),
        }
    }

    fn severity(&self, reading: &Reading, verdict: &Verdict) -> (Severity, Vec<String>) {
        if verdict.spam {
            return (Severity::Low, Vec::new());
        }
        let mut lists: Vec<(&Lexicon, &[Found])> = Vec::new();
        lists.extend(self.lexicon.map(|lexicon| (lexicon, self.found.as_slice())));
        lists.extend(self.unsure.iter().map(|(lexicon, found)| (*lexicon, found.as_slice())));
        severity::judge(reading, verdict.class, &lists)
    }
}

fn shortened(evidence: Vec<String>) -> Vec<String> {
    let mut short: Vec<String> = Vec::new();
    for reason in evidence {
        let reason = crate::text::excerpt(&reason, REASON_CHARACTERS_MAX);
        if short.len() < EVIDENCE_MAX && !short.contains(&reason) {
            short.push(reason);
        }
    }
    short
}

#[cfg(test)]
mod tests;
