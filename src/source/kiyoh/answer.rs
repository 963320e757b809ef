//! What Kiyoh answers: reviews with their questions, removals, and refusals.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::{Failure, FailureKind};
use crate::mention::{Author, Flag, Mention, MentionKind, Rating};
use crate::source::Item;
use crate::source::client::Response;
use crate::source::json::{self, Id};

/// The best score on the sites' scale.
const BEST: f64 = 10.0;
/// The longest code of a refusal that is shown to the operator.
const CODE_BYTES_MAX: usize = 60;

/// One page of reviews.
#[derive(Debug, Default)]
pub struct Reviews {
    /// The reviews in the service's order, and behind them the company's answers.
    pub items: Vec<Item>,
    /// The id of each review and when it last changed.
    pub(super) updated: Vec<(String, Timestamp)>,
    /// How many reviews the page held, broken ones included.
    pub(super) count: usize,
}

impl Reviews {
    /// The items without those reviews, and the answers to them, that are remembered with the same time of change.
    pub(super) fn without(&self, remembered: &[(String, Timestamp)]) -> Vec<Item> {
        let known: Vec<&str> =
            self.updated.iter().filter(|pair| remembered.contains(pair)).map(|(id, _)| id.as_str()).collect();
        let is_fresh = |item: &&Item| match item {
            Item::Mention(mention) => {
                let review = mention.reply_to.as_ref().unwrap_or(&mention.external_id);
                !known.contains(&review.as_str())
            }
            Item::Removed(_) | Item::Broken { .. } => true,
        };
        self.items.iter().filter(is_fresh).cloned().collect()
    }
}

/// Reads one page of reviews of the location `location`.
///
/// # Errors
/// `Malformed` when it is no such page.
pub fn parse(body: &str, location: &str) -> Result<Reviews, Failure> {
    let answer: Answer = json::envelope(body)?;
    if answer.reviews.is_none() && answer.location_id.is_none() && answer.location_name.is_none() {
        return Err(Failure::malformed("the answer is JSON, but no page of a location's reviews"));
    }
    let raw = answer.reviews.unwrap_or_default();
    let count = raw.len();
    json::not_too_many(count)?;
    let name = answer.location_name.and_then(|name| name.as_str().map(str::to_owned));
    let (mut updated, mut replies) = (Vec::new(), Vec::new());
    let mut items = json::items(raw, |review: Review| {
        if review.review_id.0.is_empty() {
            return Err("a review without an id".into());
        }
        if let Some(at) = review.updated_since.as_deref().and_then(json::moment) {
            updated.push((review.review_id.0.clone(), at));
        }
        replies.extend(review.reply(location, name.as_deref()));
        json::mention(review.mention())
    });
    items.extend(replies.into_iter().map(|reply| Item::Mention(Box::new(reply))));
    Ok(Reviews { items, updated, count })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    location_id: Option<Value>,
    location_name: Option<Value>,
    reviews: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    review_id: Id,
    review_author: Option<String>,
    /// A number or a number as text.
    rating: Option<Id>,
    review_comments: Option<Value>,
    date_since: Option<String>,
    updated_since: Option<String>,
    review_language: Option<String>,
    reference_code: Option<Id>,
    /// The questions, read one by one so that an odd one does not cost the review.
    review_content: Option<Value>,
}

/// A question of the review form and what was answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    #[serde(default)]
    question_group: String,
    question_type: Option<String>,
    question_translation: Option<String>,
    /// What was answered, whatever its type.
    rating: Value,
    #[serde(default)]
    order: Value,
}

impl Review {
    fn mention(self) -> Mention {
        let id = self.review_id.0;
        let author = Author {
            // The sites have no accounts, and two people of one first name must not become one.
            external_id: format!("review:{id}"),
            handle: None,
            display_name: self.review_author,
            audience: None,
        };
        let (asked, drifted_list) = match self.review_content {
            Some(Value::Array(asked)) => (asked, false),
            None => (Vec::new(), false),
            Some(_) => (Vec::new(), true),
        };
        let asked_count = asked.len();
        let answered: Vec<Question> =
            asked.into_iter().filter_map(|question| serde_json::from_value(question).ok()).collect();
        let drifted = drifted_list || answered.len() < asked_count;
        let overall =
            answered.iter().find(|question| question.question_group == "DEFAULT_OVERALL").map(Question::text);
        let (title, text) = words(answered);
        let mut mention = Mention::new(&id, author, text);
        mention.kind = MentionKind::Review;
        mention.title = title;
        mention.language_hint = self.review_language;
        mention.published_at = self.date_since.as_deref().and_then(json::moment);
        mention.edited_at = self
            .updated_since
            .as_deref()
            .and_then(json::moment)
            .filter(|at| Some(*at) != mention.published_at);
        mention.rating = self.rating.map(|rating| rating.0).and_then(score).or(overall.and_then(score));
        mention.reference = self.reference_code.map(|code| code.0);
        if drifted {
            mention.flags.push(Flag::Drifted);
        }
        mention
    }

    /// The company's answer as a mention of its own. The site tells no time of it; it is the last change by habit.
    fn reply(&self, location: &str, name: Option<&str>) -> Option<Mention> {
        let text = self.review_comments.as_ref()?.as_str().filter(|text| !text.trim().is_empty())?;
        let author = Author {
            external_id: location.to_owned(),
            handle: None,
            display_name: name.map(str::to_owned),
            audience: None,
        };
        let mut mention = Mention::new(format!("reply:{}", self.review_id.0), author, text);
        mention.reply_to = Some(self.review_id.0.clone());
        mention.published_at = self.updated_since.as_deref().and_then(json::moment);
        Some(mention)
    }
}

impl Question {
    fn text(&self) -> String {
        match &self.rating {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        }
    }

    /// Whether words were asked for: by the declared type, else by what stands there.
    fn is_textual(&self) -> bool {
        match self.question_type.as_deref() {
            Some("TEXT") => true,
            Some("INT" | "BOOLEAN") => false,
            _ => {
                let text = self.text();
                self.rating.is_string() && text.parse::<f64>().is_err() && text.parse::<bool>().is_err()
            }
        }
    }
}

/// Title and text of a review: the line, the opinion, and behind it what the company asked besides.
fn words(mut answered: Vec<Question>) -> (Option<String>, String) {
    answered.sort_by_key(|question| question.order.as_i64().unwrap_or(i64::MAX));
    let (mut title, mut text) = (None, Vec::new());
    let mut others = Vec::new();
    for question in answered.into_iter().filter(Question::is_textual) {
        let words = question.text();
        if words.is_empty() {
            continue;
        }
        match (question.question_group.as_str(), question.question_translation) {
            ("DEFAULT_ONELINER", _) if title.is_none() => title = Some(words),
            ("DEFAULT_OPINION", _) => text.push(words),
            (_, Some(asked)) if !asked.trim().is_empty() => others.push(format!("{}: {words}", asked.trim())),
            (_, _) => others.push(words),
        }
    }
    text.extend(others);
    (title, text.join("\n"))
}

fn score(text: String) -> Option<Rating> {
    // The scale begins at 1; nothing given is written as 0.
    text.trim().parse().ok().filter(|points| *points >= 1.0).and_then(|points| Rating::new(points, BEST))
}

/// What was removed.
#[derive(Debug, Default)]
pub struct Removals {
    /// Each removed review, and the answer it may have had.
    pub items: Vec<Item>,
    /// When the last of them was removed.
    pub newest: Option<Timestamp>,
}

/// Reads the list of removals: a list, or an object that holds one as `reviews`.
///
/// # Errors
/// `Malformed` when it is neither.
pub fn parse_removals(body: &str) -> Result<Removals, Failure> {
    #[derive(Deserialize)]
    struct Wrapped {
        reviews: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Removal {
        review_id: Id,
        updated_since: Option<String>,
    }
    let body = body.trim();
    let raw: Vec<Box<RawValue>> = match body.bytes().next() {
        // Nothing to tell may be told with an empty body.
        None => Vec::new(),
        Some(b'{') => json::envelope::<Wrapped>(body)?.reviews,
        Some(_) => json::envelope(body)?,
    };
    let (mut newest, mut replies) = (None, Vec::new());
    // However many there are, none is left out: a removal is small, and the body has its limit.
    let mut items = json::items(raw, |removal: Removal| {
        let id = removal.review_id.0;
        if id.is_empty() {
            return Err("a removal without an id".into());
        }
        newest = newest.max(removal.updated_since.as_deref().and_then(json::moment));
        replies.push(Item::Removed(format!("reply:{id}")));
        Ok(Some(Item::Removed(id)))
    });
    items.extend(replies);
    Ok(Removals { items, newest })
}

/// The failure that an answer tells of, by the code in its body rather than by its status, which is coarse: a wrong token
/// comes as HTTP 400 and may even come as 200.
pub fn refusal(body: &str, response: &Response) -> Option<Failure> {
    let told: Option<Refusal> = serde_json::from_str(body).ok();
    let told = told.filter(|told| response.status >= 400 || told.error_code.is_some());
    let by_status = (response.status >= 400).then(|| response.status_failure());
    let Some(told) = told else { return by_status };
    let code = told.inner_code().or(told.error_code).unwrap_or_default();
    let kind = kind_of_code(&code).unwrap_or_else(|| {
        match (&by_status, told.http_code.and_then(|code| code.as_u64())) {
            (Some(failure), _) => failure.kind,
            (None, Some(status @ 400..=599)) => FailureKind::of_http_status(status as u16),
            (None, _) => FailureKind::Malformed,
        }
    });
    let origin = response.url.origin().ascii_serialization();
    let message = format!("{origin} answered HTTP {} with {}", response.status, presentable(&code));
    Some(Failure::new(kind, message).after(by_status.and_then(|failure| failure.retry_after)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    http_code: Option<Value>,
    error_code: Option<String>,
    detailed_error: Option<Value>,
}

impl Refusal {
    /// The code of the first detail; details come as a list, or as one object.
    fn inner_code(&self) -> Option<String> {
        let details = self.detailed_error.as_ref()?;
        let first = details.as_array().map_or(Some(details), |list| list.first())?;
        Some(first.get("errorCode")?.as_str()?.to_owned())
    }
}

fn kind_of_code(code: &str) -> Option<FailureKind> {
    let code = code.to_ascii_uppercase();
    let holds = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if holds(&["HASH", "TOKEN", "UNAUTHORIZED", "FORBIDDEN", "ACCESS_DENIED", "PERMISSION"]) {
        Some(FailureKind::BadCredentials)
    } else if holds(&["NOT_FOUND", "UNKNOWN_LOCATION", "INVALID_LOCATION"]) {
        Some(FailureKind::NotFound)
    } else if holds(&["TOO_MANY", "RATE_LIMIT"]) {
        Some(FailureKind::RateLimited)
    } else if holds(&["INTERNAL", "UNAVAILABLE", "TIMEOUT"]) {
        Some(FailureKind::Unavailable)
    } else if holds(&["INVALID", "MISSING", "VALIDATION", "BAD_REQUEST"]) {
        Some(FailureKind::Refused)
    } else {
        None
    }
}

/// A code as it may stand in a message: nothing but what codes are made of.
fn presentable(code: &str) -> &str {
    let is_code = !code.is_empty()
        && code.len() <= CODE_BYTES_MAX
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_code { code } else { "an unknown code" }
}
