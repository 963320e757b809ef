//! A mention: one public statement by one author, as it left a source. The only shape that leaves `source/`.
//!
//! Connectors fill a [`Mention`] through its builder-like fields and call [`Mention::cleaned`] last; from there on every
//! text in it is safe to store and to show. A mention is immutable: an edit is a new revision with another hash.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::text;

/// The longest link that is kept; longer ones are dropped, because no person would open them.
const URL_BYTES_MAX: usize = 2048;
/// The longest native id that is kept as it is; a longer one is replaced by its hash, which is as unique.
const EXTERNAL_ID_BYTES_MAX: usize = 512;

/// One public statement, normalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mention {
    /// The source's own id: opaque text, never a number, never case-folded.
    pub external_id: String,
    /// What sort of statement it is.
    #[serde(default)]
    pub kind: MentionKind,
    /// Where a person can read it. Only `http` and `https` survive cleaning.
    #[serde(default)]
    pub url: Option<String>,
    /// Who said it.
    pub author: Author,
    /// The title of a review, topic or article.
    #[serde(default)]
    pub title: Option<String>,
    /// The words themselves, whole. Empty for a review that is stars only.
    pub text: String,
    /// The language the platform claims, as a two-letter code.
    #[serde(default)]
    pub language_hint: Option<String>,
    /// When the source says it was said. Data, never control: it may be missing, wrong or in the future.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
    /// When the source says it was last changed.
    #[serde(default)]
    pub edited_at: Option<Timestamp>,
    /// A review's score.
    #[serde(default)]
    pub rating: Option<Rating>,
    /// Likes, shares and replies, as far as the source tells.
    #[serde(default)]
    pub engagement: Engagement,
    /// The external id of what this answers, in the same source.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// An exact identifier that the source itself attaches, such as the order number of an invited review.
    #[serde(default)]
    pub reference: Option<String>,
    /// The post carries an image or video, which we do not look at.
    #[serde(default)]
    pub has_media: bool,
    /// What had to be done to the text, or is odd about it.
    #[serde(default)]
    pub flags: Vec<Flag>,
}

/// What sort of statement a mention is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MentionKind {
    /// A post on a network or forum.
    #[default]
    Post,
    /// A review with or without stars.
    Review,
    /// A news item, column or blog article.
    Article,
    /// A message that was sent to us, for instance through a webhook.
    Message,
}

impl MentionKind {
    /// The stable name in the database.
    pub fn name(self) -> &'static str {
        match self {
            MentionKind::Post => "post",
            MentionKind::Review => "review",
            MentionKind::Article => "article",
            MentionKind::Message => "message",
        }
    }

    /// The kind a stored name stands for.
    pub fn from_name(name: &str) -> Option<MentionKind> {
        [MentionKind::Post, MentionKind::Review, MentionKind::Article, MentionKind::Message]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// An account on a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The source's own id of the account; where it has none, the handle or name.
    pub external_id: String,
    /// The name to write to, without leading `@`.
    #[serde(default)]
    pub handle: Option<String>,
    /// The name the author shows. Untrusted: anybody may call themselves anything.
    #[serde(default)]
    pub display_name: Option<String>,
    /// How many people follow: `None` where unknown, 0 only where known to be none.
    #[serde(default)]
    pub audience: Option<u64>,
}

/// A score and the scale it is on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Stars or points given.
    pub value: f64,
    /// The best score on that scale.
    pub best: f64,
}

impl Rating {
    /// A rating, or `None` when the numbers make no sense together.
    pub fn new(value: f64, best: f64) -> Option<Rating> {
        (value.is_finite() && best.is_finite() && best > 0.0 && (0.0..=best).contains(&value))
            .then_some(Rating { value, best })
    }

    /// The score on a scale of five stars.
    pub fn as_stars(self) -> f64 {
        self.value * 5.0 / self.best
    }
}

/// How often others reacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// Likes and favourites.
    #[serde(default)]
    pub likes: u64,
    /// Reposts, boosts and quotes.
    #[serde(default)]
    pub shares: u64,
    /// Replies.
    #[serde(default)]
    pub replies: u64,
}

/// Something a reader of the mention should know about its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Characters were replaced or removed.
    Lossy,
    /// The end was cut off at the size limit.
    Truncated,
    /// The source's time was missing or absurd; the time we saw it is used.
    BadTime,
    /// The same id came back with another author.
    IdReuse,
    /// Direction-changing or invisible characters.
    Deceptive,
    /// The source's item was changed in a way that does not fit its contract.
    Drifted,
}

impl Mention {
    /// An otherwise empty mention; connectors fill in what their source tells.
    pub fn new(external_id: impl Into<String>, author: Author, text: impl Into<String>) -> Mention {
        Mention {
            external_id: external_id.into(),
            kind: MentionKind::Post,
            url: None,
            author,
            title: None,
            text: text.into(),
            language_hint: None,
            published_at: None,
            edited_at: None,
            rating: None,
            engagement: Engagement::default(),
            reply_to: None,
            reference: None,
            has_media: false,
            flags: Vec::new(),
        }
    }

    /// The same mention with every text made harmless and every absurd value flagged. `seen_at` judges the time.
    pub fn cleaned(mut self, seen_at: Timestamp) -> Mention {
        let body = text::clean(&self.text);
        self.flag_if(body.lossy, Flag::Lossy);
        self.flag_if(body.truncated, Flag::Truncated);
        self.text = body.text;
        self.title = self.title.map(|title| text::clean_name(&title)).filter(|title| !title.is_empty());
        let deceptive = text::has_deceptive_characters(&self.text)
            || self.author.display_name.as_deref().is_some_and(text::has_deceptive_characters);
        self.flag_if(deceptive, Flag::Deceptive);
        self.external_id = opaque_id(&self.external_id);
        self.reply_to = self.reply_to.map(|id| opaque_id(&id)).filter(|id| !id.is_empty());
        self.reference =
            self.reference.map(|value| text::clean_name(&value)).filter(|value| !value.is_empty());
        self.author = self.author.cleaned();
        self.url = self.url.map(|url| url.trim().to_owned()).filter(|url| is_openable(url));
        self.language_hint = self.language_hint.as_deref().and_then(two_letters);
        let believable = self.published_at.is_some_and(|at| is_believable(at, seen_at));
        self.flag_if(!believable, Flag::BadTime);
        self.published_at = self.published_at.filter(|_| believable);
        self.edited_at = self.edited_at.filter(|at| is_believable(*at, seen_at));
        self
    }

    /// A hash of everything an edit can change. The source's own edit time counts, so that an edit back is seen too.
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        let rating =
            self.rating.map(|rating| format!("{}/{}", rating.value, rating.best)).unwrap_or_default();
        let edited = self.edited_at.map(|at| at.as_millisecond().to_string()).unwrap_or_default();
        for part in
            [self.title.as_deref().unwrap_or(""), &self.text, &rating, &edited, &self.author.external_id]
        {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize()[..16])
    }

    /// Title and text as one piece, for reading and for matching.
    pub fn whole_text(&self) -> String {
        match &self.title {
            Some(title) if !self.text.starts_with(title.as_str()) => format!("{title}\n{}", self.text),
            _ => self.text.clone(),
        }
    }

    fn flag_if(&mut self, holds: bool, flag: Flag) {
        if holds && !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }
}

impl Author {
    fn cleaned(self) -> Author {
        let name = |value: Option<String>| value.map(|v| text::clean_name(&v)).filter(|v| !v.is_empty());
        Author {
            external_id: opaque_id(&self.external_id),
            handle: name(self.handle).map(|handle| handle.trim_start_matches('@').to_owned()),
            display_name: name(self.display_name),
            audience: self.audience,
        }
    }
}

/// A mention as it stands in the store, at its current revision.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMention {
    /// Our id.
    pub id: String,
    /// Configured name of the source.
    pub source: String,
    /// Current revision, from 1.
    pub revision: i64,
    /// Last revision that was decided on; 0 for none.
    pub decided: i64,
    /// Came with a first poll: assessed, never alerted.
    pub backfill: bool,
    /// One of our own accounts said it.
    pub own_voice: bool,
    /// When we stored the current revision.
    pub seen_at: Timestamp,
    /// Removed at the source; its words are gone.
    pub removed_at: Option<Timestamp>,
    /// Our id of the author.
    pub author_id: String,
    /// What was said.
    pub mention: Mention,
}

impl StoredMention {
    /// When it was said, as far as can be believed; else when we saw it.
    pub fn said_at(&self) -> Timestamp {
        self.mention.published_at.unwrap_or(self.seen_at)
    }
}

/// Bytes as lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id as opaque text that both engines store: control characters and excessive length are replaced by a hash.
pub(crate) fn opaque_id(raw: &str) -> String {
    if raw.len() <= EXTERNAL_ID_BYTES_MAX && !raw.chars().any(char::is_control) {
        return raw.to_owned();
    }
    format!("sha256:{}", hex(&Sha256::digest(raw.as_bytes())))
}

fn is_openable(url: &str) -> bool {
    // The parser passes over control characters and blanks; a database may not, and a person cannot copy them.
    url.len() <= URL_BYTES_MAX
        && !url.chars().any(|character| character.is_control() || character.is_whitespace())
        && url::Url::parse(url).is_ok_and(|parsed| {
            matches!(parsed.scheme(), "http" | "https")
                && parsed.host().is_some()
                && parsed.username().is_empty()
        })
}

fn two_letters(language: &str) -> Option<String> {
    let code: String = language.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
    (code.len() == 2).then(|| code.to_ascii_lowercase())
}

/// Nothing on the networks we read is older than 1990, and nothing was said more than a day after we saw it.
fn is_believable(at: Timestamp, seen_at: Timestamp) -> bool {
    const YEAR_1990_MILLIS: i64 = 631_152_000_000;
    at.as_millisecond() > YEAR_1990_MILLIS && at.as_millisecond() < seen_at.as_millisecond() + 86_400_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    fn mention(text: &str) -> Mention {
        Mention::new("1", Author { external_id: "a".into(), ..Author::default() }, text)
    }

    #[test]
    fn ids_are_opaque_and_stay_distinct() {
        let ids = ["0", "-1", "00123", "123", "9007199254740993", "a/b\"c", "A", "a"];
        let cleaned: Vec<String> = ids.iter().map(|id| opaque_id(id)).collect();
        assert_eq!(cleaned, ids);
        assert_ne!(opaque_id("a\nb"), opaque_id("a\rb"));
        assert!(opaque_id(&"x".repeat(10_000)).len() < 100);
    }

    #[test]
    fn absurd_times_are_flagged_and_dropped() {
        for absurd in ["0000-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "2026-11-22T00:00:00Z"] {
            let mut m = mention("x");
            m.published_at = Some(absurd.parse().unwrap());
            let cleaned = m.cleaned(now());
            assert_eq!(cleaned.published_at, None, "{absurd}");
            assert!(cleaned.flags.contains(&Flag::BadTime));
        }
    }

    #[test]
    fn only_links_a_person_can_open_survive() {
        for (url, kept) in [
            ("https://sociaal.example/@a/1", true),
            ("javascript:alert(1)", false),
            ("https://user:pw@evil.example/", false),
            ("file:///etc/passwd", false),
            ("not a url", false),
            ("https://sociaal.example/\0", false),
            ("https://sociaal.example/a\nb", false),
        ] {
            let mut m = mention("x");
            m.url = Some(url.into());
            assert_eq!(m.cleaned(now()).url.is_some(), kept, "{url}");
        }
    }

    #[test]
    fn an_edit_changes_the_hash_and_reactions_do_not() {
        let original = mention("storing");
        let mut liked = original.clone();
        liked.engagement.likes = 9;
        assert_eq!(original.content_hash(), liked.content_hash());
        assert_ne!(original.content_hash(), mention("storing!").content_hash());
    }
}
