//! One entry of a feed, whatever its format, and the mention it becomes.

use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};
use url::Url;

use crate::html;
use crate::mention::{Author, Flag, Mention, MentionKind, hex};
use crate::text;

/// What a feed says about all its entries, and what we know about the feed.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Where the feed was read: relative links are relative to it.
    pub base: &'a Url,
    /// The host of the configured address. It stays when the feed moves, so identities are made with it.
    pub host: &'a str,
    /// Dates after this moment are not believed.
    pub now: Timestamp,
    /// The feed's title.
    pub feed_title: Option<String>,
    /// The feed's author.
    pub feed_author: Option<String>,
    /// The feed's language.
    pub feed_language: Option<String>,
}

/// The words of an entry in the notation the feed used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// Markup.
    Html(String),
    /// Words as they are.
    Plain(String),
}

/// One entry, as the feed wrote it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Atom id, RSS guid or JSON Feed id.
    pub id: Option<String>,
    /// Where it can be read, perhaps relative.
    pub link: Option<String>,
    /// The headline.
    pub title: Option<Words>,
    /// Candidates for the text, the best first.
    pub texts: Vec<Words>,
    /// The author's name.
    pub author: Option<String>,
    /// The entry's own language.
    pub language: Option<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// An image, sound or film is attached.
    pub has_media: bool,
}

impl Words {
    fn is_blank(&self) -> bool {
        let (Words::Html(words) | Words::Plain(words)) = self;
        words.trim().is_empty()
    }

    fn shows_media(&self) -> bool {
        matches!(self, Words::Html(html) if html.contains("<img") || html.contains("<video"))
    }

    fn into_text(self) -> (String, bool) {
        match self {
            Words::Html(markup) => html::to_text(markup.trim()),
            Words::Plain(words) => (words.trim().to_owned(), false),
        }
    }
}

impl Entry {
    /// The entry as a mention.
    ///
    /// # Errors
    /// A reason, when there is neither an id nor anything to read or open.
    pub fn into_mention(self, context: &Context<'_>) -> Result<Mention, String> {
        let written = [self.link.as_deref(), self.id.as_deref()];
        let link = written.into_iter().flatten().find_map(|link| openable(link, context.base));
        let title = self.title.map(|title| text::clean_name(&title.into_text().0)).filter(|t| !t.is_empty());
        let has_media = self.has_media || self.texts.iter().any(Words::shows_media);
        let mut truncated = false;
        let mut words = String::new();
        for candidate in self.texts.into_iter().filter(|words| !words.is_blank()) {
            (words, truncated) = candidate.into_text();
            if !words.is_empty() {
                break;
            }
        }
        let external_id = match (self.id.as_deref().map(str::trim).filter(|id| !id.is_empty()), &link) {
            (Some(id), _) => scoped(id, context.host),
            (None, Some(link)) => link.clone(),
            (None, None) if title.is_none() && words.is_empty() => {
                return Err("an entry without anything in it".into());
            }
            (None, None) => made_up_id(context.host, title.as_deref(), self.published, &words),
        };
        let author = author(self.author, context, &external_id);
        let mut mention = Mention::new(external_id, author, words);
        mention.kind = MentionKind::Article;
        mention.url = link;
        mention.title = title;
        mention.language_hint = self.language.or_else(|| context.feed_language.clone());
        mention.published_at = self.published.or(self.updated).filter(|at| is_past(*at, context.now));
        mention.edited_at = self.updated.filter(|at| {
            is_past(*at, context.now) && self.published.is_some_and(|published| *at > published)
        });
        mention.has_media = has_media;
        if truncated {
            mention.flags.push(Flag::Truncated);
        }
        Ok(mention)
    }
}

/// The author's name, else the feed's author, else nobody: a nameless entry is its own author, or every article of a feed
/// would count as one person's and join that person's open case.
fn author(name: Option<String>, context: &Context<'_>, entry: &str) -> Author {
    let named = |name: &String| !name.trim().is_empty();
    match name.filter(named).or_else(|| context.feed_author.clone().filter(named)) {
        Some(name) => {
            let name = text::clean_name(&name);
            Author { external_id: name.clone(), display_name: Some(name), ..Author::default() }
        }
        None => Author {
            external_id: format!("entry:{entry}"),
            display_name: context.feed_title.clone().filter(named),
            ..Author::default()
        },
    }
}

/// An id that is an address or a URN is the same everywhere; any other (`4711`) only means something in its own feed.
fn scoped(id: &str, host: &str) -> String {
    match Url::parse(id) {
        Ok(_) => id.to_owned(),
        Err(_) => format!("{host}:{id}"),
    }
}

fn made_up_id(host: &str, title: Option<&str>, published: Option<Timestamp>, words: &str) -> String {
    let mut hash = Sha256::new();
    // The words change with an edit, so they only count where there is no title.
    let name = title.unwrap_or(words);
    let date = published.map(|at| at.as_second().to_string()).unwrap_or_default();
    for part in [host, name, &date] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("{host}:sha256:{}", hex(&hash.finalize()[..16]))
}

fn openable(link: &str, base: &Url) -> Option<String> {
    let link = link.trim();
    let is_relative_name = Url::parse(link).is_err() && !link.contains(['/', '.', '?', '#']);
    let url = base.join(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (!link.is_empty() && !is_relative_name).then(|| url.into())
}

/// A clock may be a quarter of an hour off; a date further ahead says nothing about when something was said.
fn is_past(at: Timestamp, now: Timestamp) -> bool {
    now.checked_add(15.minutes()).is_ok_and(|latest| at <= latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mention(entry: Entry) -> Mention {
        let base = Url::parse("https://nieuws.example/rss/feed.xml").unwrap();
        let context = Context {
            base: &base,
            host: "nieuws.example",
            now: "2026-11-20T10:00:00Z".parse().unwrap(),
            feed_title: Some("Streeknieuws".into()),
            feed_author: None,
            feed_language: Some("nl-NL".into()),
        };
        entry.into_mention(&context).unwrap()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn identity_is_id_then_link_then_title_and_date() {
        let title = Some(Words::Plain("Storing".into()));
        for (id, link, expected) in [
            (some("tag:a,2026:1"), some("/a"), "tag:a,2026:1"),
            (some("4711"), some("/a"), "nieuws.example:4711"),
            (some(" "), some("/a"), "https://nieuws.example/a"),
            (None, some("../b?c"), "https://nieuws.example/b?c"),
        ] {
            let entry = Entry { id, link, title: title.clone(), ..Entry::default() };
            assert_eq!(mention(entry).external_id, expected);
        }
        let made_up = |text: &str, at: Option<&str>| {
            let published = at.map(|at| at.parse().unwrap());
            let texts = vec![Words::Plain(text.into())];
            mention(Entry { title: title.clone(), texts, published, ..Entry::default() }).external_id
        };
        assert_eq!(made_up("a", None), made_up("b", None));
        assert_ne!(made_up("a", None), made_up("a", Some("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn an_entry_with_nothing_in_it_is_refused_and_with_anything_is_not() {
        let base = Url::parse("https://nieuws.example/").unwrap();
        let context = Context {
            base: &base,
            host: "nieuws.example",
            now: Timestamp::UNIX_EPOCH,
            feed_title: None,
            feed_author: None,
            feed_language: None,
        };
        assert!(Entry::default().into_mention(&context).is_err());
        let text_only = Entry { texts: vec![Words::Plain("x".into())], ..Entry::default() };
        assert!(text_only.into_mention(&context).is_ok());
    }

    #[test]
    fn only_addresses_that_open_become_links() {
        for (link, url) in [
            (some("javascript:alert(1)"), None),
            (some("//ander.example/x"), some("https://ander.example/x")),
            (some(" https://nieuws.example/x \n"), some("https://nieuws.example/x")),
        ] {
            assert_eq!(mention(Entry { id: some("1"), link, ..Entry::default() }).url, url);
        }
        assert_eq!(
            mention(Entry { id: some("https://a.example/1"), ..Entry::default() }).url.as_deref(),
            Some("https://a.example/1")
        );
        assert_eq!(
            mention(Entry { id: some("4711"), title: Some(Words::Plain("x".into())), ..Entry::default() })
                .url,
            None
        );
    }

    #[test]
    fn a_future_date_is_no_date_and_the_first_text_with_words_counts() {
        let entry = Entry {
            id: some("1"),
            published: Some("2031-01-01T00:00:00Z".parse().unwrap()),
            texts: vec![Words::Html("<img src='x'>".into()), Words::Html("<p>Weer mis".into())],
            ..Entry::default()
        };
        let mention = mention(entry);
        assert_eq!(
            (mention.published_at, mention.text.as_str(), mention.has_media),
            (None, "Weer mis", true)
        );
        assert!(mention.author.external_id.starts_with("entry:"), "{}", mention.author.external_id);
        assert_eq!(mention.author.display_name.as_deref(), Some("Streeknieuws"));
    }
}
