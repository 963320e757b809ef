//! What was handed over lately, so that an unchanged item is not returned at every poll.
//!
//! Returning an item twice is harmless, so short hashes and a bound are enough: what is forgotten is returned again.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::Item;
use crate::mention::{Mention, hex};

/// The most items that are remembered.
pub const SEEN_MAX: usize = 200;
/// Digits of one remembered item: 16 for its id, 8 for its content.
const RECORD_DIGITS: usize = 24;

/// Ids and contents as hashes, the latest first. One string of digits in a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Vec<(u64, u32)>);

impl Seen {
    /// True when this item was handed over before. Its content may have changed since.
    pub fn knows(&self, external_id: &str) -> bool {
        let id = id_hash(external_id);
        self.0.iter().any(|(known, _)| *known == id)
    }

    /// True before anything was remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers an id without a content, so that whatever content it turns out to have counts as new.
    pub fn note_id(&mut self, external_id: &str) {
        if !self.knows(external_id) {
            self.0.insert(0, (id_hash(external_id), 0));
            self.0.truncate(SEEN_MAX);
        }
    }

    /// What of a page is new or changed, in its order; the page is remembered. A broken item is put aside once.
    ///
    /// What stands first on the page is remembered longest, because sources list the newest first.
    pub fn news(&mut self, mut items: Vec<Item>) -> Vec<Item> {
        let is_known_and_broken: Vec<bool> = items
            .iter()
            .map(|item| match item {
                Item::Broken { .. } => self.knows(&identity(item)),
                Item::Mention(_) | Item::Removed(_) => false,
            })
            .collect();
        let mut is_new = self.note_page(items.iter().filter_map(mention)).into_iter();
        for item in items.iter().filter(|item| matches!(item, Item::Broken { .. })) {
            self.note_id(&identity(item));
        }
        let mut is_known_and_broken = is_known_and_broken.into_iter();
        items.retain(|item| {
            let is_put_aside = is_known_and_broken.next().unwrap_or(false);
            let is_new = mention(item).is_none() || is_new.next().unwrap_or(true);
            is_new && !is_put_aside
        });
        items
    }

    /// Remembers the mentions of a page and says which are new or changed.
    fn note_page<'a>(&mut self, mentions: impl Iterator<Item = &'a Mention>) -> Vec<bool> {
        let known: HashMap<u64, u32> = self.0.iter().copied().collect();
        let page: Vec<(u64, u32)> =
            mentions.map(|mention| (id_hash(&mention.external_id), content_hash(mention))).collect();
        let news = page.iter().map(|(id, content)| known.get(id) != Some(content)).collect();
        let mut kept = HashSet::with_capacity(page.len());
        let mut all = Vec::with_capacity(SEEN_MAX);
        for record in page.into_iter().chain(self.0.drain(..)) {
            if all.len() < SEEN_MAX && kept.insert(record.0) {
                all.push(record);
            }
        }
        self.0 = all;
        news
    }
}

/// The mention in an item, if it is one.
pub fn mention(item: &Item) -> Option<&Mention> {
    match item {
        Item::Mention(mention) => Some(mention),
        Item::Removed(_) | Item::Broken { .. } => None,
    }
}

/// What an item is remembered by: its id, or of a broken one its bytes.
pub fn identity(item: &Item) -> String {
    match item {
        Item::Mention(mention) => mention.external_id.clone(),
        Item::Removed(external_id) => external_id.clone(),
        Item::Broken { raw, .. } => format!("broken:{}", hex(&Sha256::digest(raw)[..16])),
    }
}

fn id_hash(external_id: &str) -> u64 {
    let hash = Sha256::digest(external_id.as_bytes());
    u64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has more than eight bytes"))
}

/// What a reader would see changed. The edit time is left out: some feeds move it without changing a word.
fn content_hash(mention: &Mention) -> u32 {
    let hash = Mention { edited_at: None, ..mention.clone() }.content_hash();
    u32::from_str_radix(&hash[..8], 16).expect("a content hash is hexadecimal")
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|(id, content)| format!("{id:016x}{content:08x}")).collect();
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seen, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let record = |at: usize| {
            let record = digits.get(at..at + RECORD_DIGITS)?;
            let (id, content) = record.split_at(16);
            Some((u64::from_str_radix(id, 16).ok()?, u32::from_str_radix(content, 16).ok()?))
        };
        Ok(Seen((0..digits.len()).step_by(RECORD_DIGITS).map_while(record).take(SEEN_MAX).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mention::Author;

    fn mention_of(id: usize, text: &str) -> Mention {
        Mention::new(id.to_string(), Author::default(), text)
    }

    #[test]
    fn only_new_and_changed_mentions_are_news() {
        let mut seen = Seen::default();
        let first = [mention_of(1, "storing"), mention_of(2, "factuur")];
        assert_eq!(seen.note_page(first.iter()), [true, true]);
        let second =
            [mention_of(3, "bezorging"), mention_of(1, "storing"), mention_of(2, "factuur klopt niet")];
        assert_eq!(seen.note_page(second.iter()), [true, false, true]);
    }

    #[test]
    fn a_broken_item_is_put_aside_once() {
        let page = || vec![Item::broken(b"{x", "no JSON"), Item::Mention(Box::new(mention_of(1, "a")))];
        let mut seen = Seen::default();
        assert_eq!(seen.news(page()).len(), 2);
        assert_eq!(seen.news(page()).len(), 0);
    }

    #[test]
    fn memory_is_bounded_and_survives_a_cursor() {
        let mut seen = Seen::default();
        let many: Vec<Mention> = (0..500).map(|id| mention_of(id, "x")).collect();
        seen.note_page(many.iter());
        let text = serde_json::to_string(&seen).unwrap();
        assert!(text.len() <= SEEN_MAX * RECORD_DIGITS + 2);
        let again: Seen = serde_json::from_str(&text).unwrap();
        assert_eq!(again, seen);
        assert!(again.knows("0") && !again.knows("499"));
    }

    #[test]
    fn a_spoilt_memory_is_a_shorter_one() {
        for text in ["\"zz\"", "\"0123\"", "\"ééééééééééééé\"", "\"00000000000000010000000200\""]
        {
            let seen: Seen = serde_json::from_str(text).unwrap();
            assert!(seen.0.len() <= 1, "{text}");
        }
    }

    #[test]
    fn an_id_without_content_is_known_and_still_news() {
        let mut seen = Seen::default();
        seen.note_id("7");
        assert!(seen.knows("7"));
        assert_eq!(seen.note_page([mention_of(7, "terug")].iter()), [true]);
    }
}
