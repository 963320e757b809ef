//! One line of a recording.

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny};
use serde_json::value::RawValue;

use crate::mention::Mention;
use crate::source::Item;
use crate::source::json::{self, Id};

/// The longest line that is understood, in bytes.
pub const BYTES_MAX: usize = json::ITEM_BYTES_MAX;

/// What a line says.
#[derive(Debug, Default)]
pub struct Line {
    /// When it was recorded.
    pub at: Option<Timestamp>,
    /// What was recorded; nothing on an empty line.
    pub item: Option<Item>,
}

/// Reads a line. One that cannot be understood holds a broken item.
pub fn parse(bytes: &[u8]) -> Line {
    if bytes.len() > BYTES_MAX {
        let item = Some(Item::broken(bytes, format!("larger than {BYTES_MAX} bytes")));
        return Line { at: None, item };
    }
    let text = text_of(bytes);
    if text.is_empty() {
        return Line::default();
    }
    let Ok(raw) = RawValue::from_string(text) else {
        return Line { at: None, item: Some(Item::broken(bytes, "not one JSON value")) };
    };
    let mut at = None;
    let items = json::items(vec![raw], |entry: Entry| {
        at = entry.at;
        match entry.what {
            What::Mention(mention) => json::checked_mention(*mention),
            What::Removed(id) if id.0.is_empty() => Err("an empty id".into()),
            What::Removed(id) => Ok(Some(Item::Removed(id.0))),
        }
    });
    Line { at, item: items.into_iter().next() }
}

/// Whether a line holds one whole JSON value, and so is not the beginning of a longer one.
pub fn is_json(bytes: &[u8]) -> bool {
    bytes.len() <= BYTES_MAX && RawValue::from_string(text_of(bytes)).is_ok()
}

/// The line as text, without the byte order mark that some editors put in front of a file.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_start_matches('\u{FEFF}').trim().to_owned()
}

struct Entry {
    at: Option<Timestamp>,
    what: What,
}

enum What {
    Mention(Box<Mention>),
    Removed(Id),
}

/// The form of an entry is seen by its keys, so that an error names what is wrong within that form.
impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry, D::Error> {
        #[derive(serde::Deserialize)]
        struct Keys {
            mention: Option<IgnoredAny>,
            removed: Option<IgnoredAny>,
        }
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Timed {
            at: Option<String>,
            mention: Box<Mention>,
        }
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Removal {
            at: Option<String>,
            removed: Id,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let keys: Keys = read(raw)?;
        let (at, what) = if keys.mention.is_some() {
            let timed: Timed = read(raw)?;
            (timed.at, What::Mention(timed.mention))
        } else if keys.removed.is_some() {
            let removal: Removal = read(raw)?;
            (removal.at, What::Removed(removal.removed))
        } else {
            (None, What::Mention(read(raw)?))
        };
        let moment =
            at.as_deref().map(|at| json::moment(at).ok_or_else(|| D::Error::custom("at is no time")));
        Ok(Entry { at: moment.transpose()?, what })
    }
}

fn read<'a, T: Deserialize<'a>, E: serde::de::Error>(raw: &'a RawValue) -> Result<T, E> {
    serde_json::from_str(raw.get()).map_err(E::custom)
}
