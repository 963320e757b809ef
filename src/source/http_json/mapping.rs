//! From an answer to mentions, through the filters of the configuration. Pure, and possibly slow: see `aside`.

use std::collections::BTreeMap;

use jaq_json::{Val, read::parse_single};
use jiff::Timestamp;
use serde::Deserialize;

use super::filters::{Filter, Misfit};
use super::harmless::harmless;
use crate::failure::{Failure, FailureKind};
use crate::mention::{Flag, Mention, MentionKind, Rating};
use crate::source::json::{ITEMS_MAX, moment};
use crate::source::{Item, walk::Listed};
use crate::text::from_html;

/// What a filter can fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The source's own id: text or a number, of which every digit is kept. Required.
    Id,
    /// The words. One of text, title and rating is required.
    Text,
    /// A title, taken as plain text.
    Title,
    /// Where a person can read it.
    Url,
    /// The id of the author; without it the handle or the name stands in.
    AuthorId,
    /// The name the author shows.
    AuthorName,
    /// The name to write to.
    AuthorHandle,
    /// How many people follow the author.
    Audience,
    /// When it was said: ISO 8601 (UTC without an offset), or seconds, milliseconds or microseconds since 1970.
    PublishedAt,
    /// When it was last changed.
    EditedAt,
    /// Stars or points.
    Rating,
    /// The best of that scale; 5 without it.
    RatingBest,
    /// The id of what it answers.
    ReplyTo,
    /// An exact identifier the source attaches, such as an order number.
    Reference,
    /// The language, as a two-letter code.
    Language,
    /// Whether there are pictures or films.
    HasMedia,
    /// Likes.
    Likes,
    /// Shares.
    Shares,
    /// Replies.
    Replies,
    /// Whether it is gone: anything but false and null.
    Removed,
}

/// What the order of the list is told by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// The time it was said.
    #[default]
    PublishedAt,
    /// The time it was last changed, or said.
    EditedAt,
    /// The id, a whole number that rises.
    Id,
}

/// Every filter of one source, compiled.
pub(super) struct Mapping {
    pub items: Filter,
    pub next: Option<Filter>,
    pub fields: BTreeMap<Field, Filter>,
    pub kind: MentionKind,
    pub html: bool,
    pub rank: Rank,
}

/// One item of an answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub item: Item,
    /// Its place in the list; `None` for what was not understood.
    pub listed: Option<Listed>,
}

/// What an answer holds.
#[derive(Debug)]
pub(super) struct Answer {
    pub entries: Vec<Entry>,
    /// What the paging filter gave.
    pub next: Option<String>,
}

/// A value that can stand in a field.
enum Scalar {
    Nothing,
    Flag(bool),
    Number(String),
    Text(String),
    Other,
}

impl Mapping {
    /// Reads an answer: split into items first, each of which is then mapped by itself.
    ///
    /// # Errors
    /// `Malformed` when it is not JSON or the items are not there; `TooLarge` for more items than are read of one answer.
    pub fn read(&self, body: &str, now: Timestamp) -> Result<Answer, Failure> {
        let body = harmless(body)?;
        let value = parse_single(body.as_bytes())
            .map_err(|_| Failure::malformed("the answer is not the JSON that was asked for"))?;
        let next = match &self.next {
            Some(filter) => match filter.first(value.clone()).map(|value| scalar(value.as_ref())) {
                Ok(Scalar::Text(text) | Scalar::Number(text)) if !text.is_empty() => Some(text),
                Ok(_) => None,
                Err(Misfit) => return Err(Failure::malformed("the paging filter does not fit the answer")),
            },
            None => None,
        };
        let Ok(Some(Val::Arr(items))) = self.items.first(value) else {
            return Err(Failure::malformed("`items` finds no list in the answer"));
        };
        if items.len() > ITEMS_MAX {
            let message = format!("the answer holds more than {ITEMS_MAX} items; ask for smaller pages");
            return Err(Failure::new(FailureKind::TooLarge, message));
        }
        let entries = items.iter().map(|item| self.entry(item, now)).collect();
        Ok(Answer { entries, next })
    }

    fn entry(&self, item: &Val, now: Timestamp) -> Entry {
        match self.mention(item) {
            Ok((mention, removed)) => {
                let rank = self.rank_of(&mention, now);
                let version = if removed { "removed".to_owned() } else { mention.content_hash() };
                let listed = Some(Listed { rank, key: format!("{} {version}", mention.external_id) });
                let item = if removed {
                    Item::Removed(mention.external_id)
                } else {
                    Item::Mention(Box::new(mention))
                };
                Entry { item, listed }
            }
            Err(reason) => Entry { item: Item::broken(item.to_string().as_bytes(), reason), listed: None },
        }
    }

    /// The mention of an item, and whether it is gone.
    fn mention(&self, item: &Val) -> Result<(Mention, bool), String> {
        let mut fields = Fields { mapping: self, item, drifted: false };
        let id = fields.text(Field::Id)?.filter(|id| !id.is_empty()).ok_or("map.id: finds no id")?;
        let removed = match fields.scalar(Field::Removed)? {
            Scalar::Nothing | Scalar::Flag(false) => false,
            Scalar::Flag(true) | Scalar::Number(_) | Scalar::Text(_) | Scalar::Other => true,
        };
        let mut mention = Mention::new(id, Default::default(), "");
        mention.kind = self.kind;
        mention.published_at = fields.time(Field::PublishedAt)?;
        mention.edited_at = fields.time(Field::EditedAt)?;
        if removed {
            // Of what is gone, nothing else has to be there.
            return Ok((mention, true));
        }
        mention.title = fields.text(Field::Title)?;
        mention.rating = fields.rating()?;
        let text = fields.text(Field::Text)?;
        if text.is_none() && mention.title.is_none() && mention.rating.is_none() {
            return Err("map.text: finds no text, and there is no title or rating either".to_owned());
        }
        let text = text.unwrap_or_default();
        mention.text = if self.html { from_html(&text) } else { text };
        mention.url = fields.optional(Field::Url)?;
        mention.author.handle = fields.optional(Field::AuthorHandle)?;
        mention.author.display_name = fields.optional(Field::AuthorName)?;
        mention.author.audience = fields.count(Field::Audience)?;
        mention.author.external_id = fields
            .optional(Field::AuthorId)?
            .or_else(|| mention.author.handle.clone())
            .or_else(|| mention.author.display_name.clone())
            // Nameless people must not become one person.
            .unwrap_or_else(|| format!("item:{}", mention.external_id));
        mention.reply_to = fields.optional(Field::ReplyTo)?;
        mention.reference = fields.optional(Field::Reference)?;
        mention.language_hint = fields.optional(Field::Language)?;
        mention.has_media = matches!(fields.scalar(Field::HasMedia)?, Scalar::Flag(true));
        mention.engagement.likes = fields.count(Field::Likes)?.unwrap_or(0);
        mention.engagement.shares = fields.count(Field::Shares)?.unwrap_or(0);
        mention.engagement.replies = fields.count(Field::Replies)?.unwrap_or(0);
        if fields.drifted {
            mention.flags.push(Flag::Drifted);
        }
        Ok((mention, false))
    }

    fn rank_of(&self, mention: &Mention, now: Timestamp) -> Option<i128> {
        // A time in the future would lift the watermark over what is still to come.
        let millis = |at: Timestamp| i128::from(at.min(now).as_millisecond());
        match self.rank {
            Rank::PublishedAt => mention.published_at.map(millis),
            Rank::EditedAt => mention.edited_at.or(mention.published_at).map(millis),
            Rank::Id => mention.external_id.parse().ok(),
        }
    }
}

/// The fields of one item.
struct Fields<'a> {
    mapping: &'a Mapping,
    item: &'a Val,
    /// Something that was mapped had a shape that does not fit.
    drifted: bool,
}

impl Fields<'_> {
    fn scalar(&self, field: Field) -> Result<Scalar, String> {
        let Some(filter) = self.mapping.fields.get(&field) else { return Ok(Scalar::Nothing) };
        let value = filter.first(self.item.clone());
        let value = value.map_err(|Misfit| format!("map.{}: does not fit this item", name(field)))?;
        Ok(scalar(value.as_ref()))
    }

    /// Text, or a number as text.
    fn text(&mut self, field: Field) -> Result<Option<String>, String> {
        match self.scalar(field)? {
            Scalar::Nothing => Ok(None),
            Scalar::Text(text) | Scalar::Number(text) => Ok(Some(text)),
            Scalar::Flag(_) | Scalar::Other => {
                Err(format!("map.{}: gives neither text nor a number", name(field)))
            }
        }
    }

    /// Text that is not worth losing a statement over.
    fn optional(&mut self, field: Field) -> Result<Option<String>, String> {
        match self.scalar(field)? {
            Scalar::Text(text) | Scalar::Number(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Scalar::Nothing => Ok(None),
            Scalar::Flag(_) | Scalar::Other => Ok(self.drift()),
        }
    }

    fn number(&mut self, field: Field) -> Result<Option<f64>, String> {
        match self.scalar(field)? {
            Scalar::Text(text) | Scalar::Number(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => Ok(self.drift()),
            },
            Scalar::Nothing => Ok(None),
            Scalar::Flag(_) | Scalar::Other => Ok(self.drift()),
        }
    }

    fn count(&mut self, field: Field) -> Result<Option<u64>, String> {
        Ok(self.number(field)?.filter(|number| (0.0..1e15).contains(number)).map(|number| number as u64))
    }

    fn rating(&mut self) -> Result<Option<Rating>, String> {
        let best = self.number(Field::RatingBest)?.unwrap_or(5.0);
        Ok(match self.number(Field::Rating)? {
            Some(value) => Rating::new(value, best).or_else(|| self.drift()),
            None => None,
        })
    }

    fn time(&mut self, field: Field) -> Result<Option<Timestamp>, String> {
        Ok(match self.scalar(field)? {
            Scalar::Text(text) | Scalar::Number(text) => time(&text).or_else(|| self.drift()),
            Scalar::Nothing => None,
            Scalar::Flag(_) | Scalar::Other => self.drift(),
        })
    }

    fn drift<T>(&mut self) -> Option<T> {
        self.drifted = true;
        None
    }
}

/// A moment in any of the forms APIs use: ISO 8601, or a number since 1970 whose size tells its unit.
fn time(text: &str) -> Option<Timestamp> {
    let Ok(number) = text.trim().parse::<f64>() else { return moment(text) };
    let millis = match number.abs() {
        seconds if seconds < 1e11 => number * 1e3,
        millis if millis < 1e14 => number,
        micros if micros < 1e17 => number / 1e3,
        _ => return None,
    };
    Timestamp::from_millisecond(millis as i64).ok()
}

fn scalar(value: Option<&Val>) -> Scalar {
    match value {
        None | Some(Val::Null) => Scalar::Nothing,
        Some(Val::Bool(flag)) => Scalar::Flag(*flag),
        Some(Val::Num(number)) => Scalar::Number(number.to_string()),
        Some(Val::TStr(bytes) | Val::BStr(bytes)) => {
            Scalar::Text(String::from_utf8_lossy(bytes).into_owned())
        }
        Some(Val::Arr(_) | Val::Obj(_)) => Scalar::Other,
    }
}

/// The key of a field in the configuration.
pub(super) fn name(field: Field) -> &'static str {
    match field {
        Field::Id => "id",
        Field::Text => "text",
        Field::Title => "title",
        Field::Url => "url",
        Field::AuthorId => "author_id",
        Field::AuthorName => "author_name",
        Field::AuthorHandle => "author_handle",
        Field::Audience => "audience",
        Field::PublishedAt => "published_at",
        Field::EditedAt => "edited_at",
        Field::Rating => "rating",
        Field::RatingBest => "rating_best",
        Field::ReplyTo => "reply_to",
        Field::Reference => "reference",
        Field::Language => "language",
        Field::HasMedia => "has_media",
        Field::Likes => "likes",
        Field::Shares => "shares",
        Field::Replies => "replies",
        Field::Removed => "removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mapping(fields: &[(Field, &str)]) -> Mapping {
        Mapping {
            items: Filter::compile(".posts").unwrap(),
            next: Some(Filter::compile(".next?").unwrap()),
            fields: fields.iter().map(|(field, code)| (*field, Filter::compile(code).unwrap())).collect(),
            kind: MentionKind::Post,
            html: true,
            rank: Rank::PublishedAt,
        }
    }

    fn usual() -> &'static Mapping {
        static USUAL: std::sync::OnceLock<Mapping> = std::sync::OnceLock::new();
        USUAL.get_or_init(|| {
            mapping(&[
                (Field::Id, ".id"),
                (Field::Text, ".text"),
                (Field::AuthorName, ".by.name"),
                (Field::PublishedAt, ".at"),
                (Field::Rating, ".stars"),
                (Field::RatingBest, "10"),
                (Field::Removed, ".deleted_at"),
                (Field::Audience, ".followers"),
                (Field::Url, ".url"),
            ])
        })
    }

    fn now() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    fn read(body: &str) -> Vec<Item> {
        usual().read(body, now()).unwrap().entries.into_iter().map(|entry| entry.item).collect()
    }

    fn first(body: &str) -> Mention {
        match read(body).remove(0) {
            Item::Mention(mention) => *mention,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ids_beyond_the_reach_of_floats_keep_every_digit() {
        for id in ["9007199254740993", "18446744073709551617", "123456789012345678901234567890", "1.50"] {
            assert_eq!(first(&format!(r#"{{"posts":[{{"id":{id},"text":"x"}}]}}"#)).external_id, id);
        }
    }

    #[test]
    fn an_item_that_does_not_fit_costs_itself_only() {
        let items = read(
            r#"{"posts":[{"id":1,"text":"goed"},{"id":2,"text":{"nl":"x"}},{"text":"geen id"},7,
                {"id":3,"text":"ook","by":"Jan Jansen"},{"id":4,"text":"ook goed"}]}"#,
        );
        let kept = items.iter().filter(|item| matches!(item, Item::Mention(_))).count();
        assert_eq!((items.len(), kept), (6, 2));
        for item in &items {
            if let Item::Broken { reason, raw } = item {
                assert!(reason.starts_with("map.") && !reason.contains("Jansen"), "{reason}");
                assert!(!raw.is_empty());
            }
        }
    }

    #[test]
    fn odd_extras_are_dropped_and_flagged() {
        let mention = first(
            r#"{"posts":[{"id":1,"text":"x","stars":"veel","followers":[],"url":{},"at":"gisteren"}]}"#,
        );
        assert_eq!((mention.rating, mention.author.audience, mention.url), (None, None, None));
        assert_eq!((mention.published_at, mention.flags), (None, vec![Flag::Drifted]));
    }

    #[test]
    fn times_are_read_in_every_form() {
        for at in [
            "\"2026-11-20T09:00:00Z\"",
            "\"2026-11-20T10:00:00+01:00\"",
            "\"2026-11-20T09:00:00\"",
            "1795165200",
            "1795165200000",
            "1795165200000000",
            "\"1795165200\"",
        ] {
            let mention = first(&format!(r#"{{"posts":[{{"id":1,"text":"x","at":{at}}}]}}"#));
            assert_eq!(mention.published_at, Some("2026-11-20T09:00:00Z".parse().unwrap()), "{at}");
        }
    }

    #[test]
    fn a_time_in_the_future_does_not_lift_the_watermark() {
        let answer = usual().read(r#"{"posts":[{"id":1,"text":"x","at":"2031-01-01"}]}"#, now()).unwrap();
        let rank = answer.entries[0].listed.as_ref().unwrap().rank;
        assert_eq!(rank, Some(i128::from(now().as_millisecond())));
    }

    #[test]
    fn html_becomes_text_and_a_removal_a_removal() {
        let items = read(
            r#"{"posts":[{"id":1,"text":"<p>Geen &amp; niets</p>"},{"id":2,"deleted_at":"2026-01-01"}]}"#,
        );
        let Item::Mention(mention) = &items[0] else { panic!("{items:?}") };
        assert_eq!(mention.text, "Geen & niets");
        assert!(matches!(&items[1], Item::Removed(id) if id == "2"));
    }

    #[test]
    fn stars_alone_are_a_statement_and_nothing_at_all_is_not() {
        assert_eq!(first(r#"{"posts":[{"id":1,"stars":4}]}"#).rating, Rating::new(4.0, 10.0));
        assert!(matches!(&read(r#"{"posts":[{"id":1}]}"#)[0], Item::Broken { .. }));
    }

    #[test]
    fn a_lone_surrogate_or_an_endless_number_costs_no_page() {
        let long = "9".repeat(5_000_000);
        let items = read(&format!(
            r#"{{"posts":[{{"id":1,"text":"a\ud800b"}},{{"id":{long},"text":"x"}},{{"id":3,"text":"c [{{ \" {long}"}}]}}"#
        ));
        let Item::Mention(mention) = &items[0] else { panic!("{:?}", items[0]) };
        assert_eq!(mention.text, "a\u{FFFD}b");
        assert!(matches!(items[1], Item::Broken { .. }) && matches!(items[2], Item::Mention(_)));
    }

    #[test]
    fn what_is_nested_beyond_reason_costs_no_other_item() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let items = read(&format!(
            r#"{{"posts":[{{"id":1,"text":"a","extra":{deep}}},{{"id":2,"text":{deep}}},{deep},{{"id":4,"text":"d"}}]}}"#
        ));
        let is_read = |item: &Item| matches!(item, Item::Mention(_));
        assert_eq!(items.iter().map(is_read).collect::<Vec<_>>(), [true, false, false, true], "{items:?}");
    }

    #[test]
    fn what_is_not_the_promised_list_is_said() {
        let many = format!("{{\"posts\":[{}1]}}", "1,".repeat(ITEMS_MAX));
        for (body, kind) in [
            ("<html>log in</html>", FailureKind::Malformed),
            ("", FailureKind::Malformed),
            ("{\"posts\":{}}", FailureKind::Malformed),
            ("{\"error\":\"x\"}", FailureKind::Malformed),
            ("[]", FailureKind::Malformed),
            ("NaN", FailureKind::Malformed),
            (&many, FailureKind::TooLarge),
        ] {
            assert_eq!(usual().read(body, now()).unwrap_err().kind, kind, "{}", &body[..body.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(body in "\\PC{0,40}|[\\[\\]{}\",:0-9a-z\\\\.e+-]{0,60}") {
            let _ = usual().read(&body, now());
            let _ = usual().read(&format!("{{\"posts\":[{{\"id\":1,\"text\":{body}}}]}}"), now());
        }

        #[test]
        fn any_json_value_in_any_field_is_survived(
            field in "id|text|at|stars|followers|url|deleted_at|by",
            value in "null|true|-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,5})?(e[0-9]{1,3})?|\"[a-z0-9]{0,9}\"|\\[\\]|\\{\"name\":\\[1\\]\\}",
        ) {
            let mut item = serde_json::Map::new();
            item.insert("id".into(), "1".into());
            item.insert("text".into(), "x".into());
            item.remove(&field);
            let rest = serde_json::to_string(&item).unwrap();
            let comma = if item.is_empty() { "" } else { "," };
            let body = format!("{{\"posts\":[{{\"{field}\":{value}{comma}{},{{\"id\":2,\"text\":\"y\"}}]}}", &rest[1..]);
            let items = read(&body);
            prop_assert!(matches!(&items[1], Item::Mention(mention) if mention.external_id == "2"));
        }
    }
}
