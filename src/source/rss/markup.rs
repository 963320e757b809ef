//! Makes the markup of a feed fit for the parser: one pass over the text, without recursion.
//!
//! The parser loses a whole feed to one bare `&`, to one unknown version, to one foreign default namespace. So before it
//! sees the text, this pass
//!
//! - drops comments, processing instructions and the document type, and with it every entity definition;
//! - escapes what cannot be markup (a bare `&`, a bare `<`) and replaces references to impossible characters;
//! - gives the root element a version and namespaces that the parser knows;
//! - refuses nesting deeper than any feed, and documents that are no feed at all;
//! - notes where every entry begins and ends, so that a broken one can be told from its page-mates.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::failure::Failure;

/// Deeper than any feed, inline XHTML included.
const DEPTH_MAX: usize = 256;
/// The most entries whose place is remembered.
const ENTRIES_MAX: usize = super::super::json::ITEMS_MAX;
/// The longest entity reference that is taken for one.
const REFERENCE_BYTES_MAX: usize = 32;
/// Stands for `@` in the names of authors until they were parsed, see [`Markup`].
pub const AT_SIGN: char = '\u{E000}';
/// Vocabularies that hold nothing for us and in which one odd value makes the parser refuse, or panic over, the feed.
const UNREAD_NAMESPACES: [&str; 3] = [
    "http://search.yahoo.com/mrss/",
    "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "https://podcastindex.org/namespace/1.0",
];

/// A feed's markup, ready to be parsed.
///
/// In elements that name a person `@` is replaced by [`AT_SIGN`]: the parser takes addresses out of such names with byte
/// arithmetic that panics beside a multi-byte character.
#[derive(Debug, Default)]
pub struct Markup {
    /// The whole document.
    pub text: String,
    /// Where the entries stand in it.
    pub entries: Vec<Range<usize>>,
    /// The tags that are open where the first entry begins, as written.
    pub shell: Vec<String>,
    /// Hours of the day (UTC) in which the publisher does not want to be asked.
    pub skip_hours: Vec<u8>,
    /// The root element was closed: nothing was cut off.
    pub is_whole: bool,
    /// There are more entries than those whose place is remembered.
    pub has_more_entries: bool,
}

impl Markup {
    /// Prepares a document.
    ///
    /// # Errors
    /// `Malformed` for anything but a feed: a web page, other XML, nesting without end.
    pub fn prepare(document: &str) -> Result<Markup, Failure> {
        let mut pass = Pass { out: Markup::default(), open: Vec::new(), entry: None };
        pass.out.text.reserve(document.len() + 256);
        let mut rest = document;
        while let Some(at) = rest.find('<') {
            pass.text(&rest[..at]);
            rest = pass.markup(&rest[at..])?;
            if pass.has_begun() && pass.open.is_empty() {
                // Whatever a web server appended behind the feed is not part of it.
                pass.out.is_whole = true;
                return Ok(pass.out);
            }
        }
        pass.text(rest);
        match pass.has_begun() {
            true => Ok(pass.out),
            false => Err(Failure::malformed("the answer is no feed, and no markup at all")),
        }
    }

    /// One entry as a document of its own.
    pub fn alone(&self, entry: &Range<usize>) -> String {
        /// A larger head (channel title, author, language) is not repeated for every entry.
        const HEAD_BYTES_MAX: usize = 16 * 1024;
        let first = self.entries.first().map_or(0, |first| first.start);
        let mut document = match first <= HEAD_BYTES_MAX {
            true => self.text[..first].to_owned(),
            false => self.shell.concat(),
        };
        document.push_str(&self.text[entry.clone()]);
        for tag in self.shell.iter().rev() {
            document.push_str(&format!("</{}>", qualified_name(&tag[1..])));
        }
        document
    }
}

/// The pass: what is written so far, and which elements are open.
struct Pass<'a> {
    out: Markup,
    open: Vec<&'a str>,
    /// Where the entry that is open begins, and how many elements were open around it.
    entry: Option<(usize, usize)>,
}

impl<'a> Pass<'a> {
    /// The root element was seen.
    fn has_begun(&self) -> bool {
        !self.out.text.is_empty()
    }

    /// Handles what starts with `<`; returns what follows it.
    fn markup(&mut self, rest: &'a str) -> Result<&'a str, Failure> {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return Ok(after(comment, "-->"));
        }
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            let length = section.find("]]>").unwrap_or(section.len());
            self.characters(&section[..length]);
            return Ok(section.get(length + 3..).unwrap_or(""));
        }
        if rest.starts_with("<?") {
            return Ok(after(rest, "?>"));
        }
        if rest.starts_with("<!") {
            return Ok(after_declaration(rest));
        }
        let is_tag = rest[1..].starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '_' | ':'));
        let Some(end) = tag_end(rest).filter(|_| is_tag) else {
            if self.has_begun() {
                self.out.text.push_str("&lt;");
            }
            return Ok(&rest[1..]);
        };
        match rest.strip_prefix("</") {
            Some(name) => self.end_tag(&rest[..end], qualified_name(name)),
            None => self.start_tag(&rest[..end], qualified_name(&rest[1..]))?,
        }
        Ok(&rest[end..])
    }

    fn start_tag(&mut self, tag: &'a str, name: &'a str) -> Result<(), Failure> {
        let written = match self.has_begun() {
            true => with_sound_references(tag, false),
            false => root_tag(tag, name)?,
        };
        let is_empty = tag.ends_with("/>");
        let is_entry = matches!(local(name), "item" | "entry") && matches!(self.open.len(), 1 | 2);
        if is_entry && !is_empty && self.entry.is_none() {
            self.entry = Some((self.out.text.len(), self.open.len()));
            if self.out.shell.is_empty() {
                self.out.shell = self.open_tags();
            }
        }
        self.out.text.push_str(&written);
        if is_empty {
            return Ok(());
        }
        self.open.push(name);
        if self.open.len() > DEPTH_MAX {
            return Err(Failure::malformed(format!("the feed nests deeper than {DEPTH_MAX} elements")));
        }
        Ok(())
    }

    /// Closes the innermost element of that name and whatever was left open in it.
    fn end_tag(&mut self, tag: &str, name: &str) {
        if !self.has_begun() {
            return;
        }
        self.out.text.push_str(tag);
        let Some(at) = self.open.iter().rposition(|open| *open == name) else { return };
        self.open.truncate(at);
        if let Some((start, _)) = self.entry.filter(|(_, around)| at <= *around) {
            match self.out.entries.len() < ENTRIES_MAX {
                true => self.out.entries.push(start..self.out.text.len()),
                false => self.out.has_more_entries = true,
            }
            self.entry = None;
        }
    }

    /// The open elements as start tags; of the root the one that was written, namespaces included.
    fn open_tags(&self) -> Vec<String> {
        let root = self.out.text[..tag_end(&self.out.text).unwrap_or(0)].to_owned();
        std::iter::once(root).chain(self.open.iter().skip(1).map(|name| format!("<{name}>"))).collect()
    }

    fn text(&mut self, text: &str) {
        if !self.has_begun() {
            return;
        }
        if let [.., parent, "hour"] = self.open[..]
            && parent == "skipHours"
            && let Ok(hour) = text.trim().parse::<u8>()
            && hour <= 24
        {
            self.out.skip_hours.push(hour % 24);
        }
        let sound = with_sound_references(text, self.names_a_person());
        self.out.text.push_str(&sound);
    }

    /// The inside of a CDATA section.
    fn characters(&mut self, characters: &str) {
        if !self.has_begun() {
            return;
        }
        self.out.text.push_str("<![CDATA[");
        match self.names_a_person() {
            true => self.out.text.extend(characters.chars().map(masked)),
            false => self.out.text.push_str(characters),
        }
        self.out.text.push_str("]]>");
    }

    fn names_a_person(&self) -> bool {
        let innermost = self.open.last().map(|name| local(name));
        matches!(innermost, Some("author" | "creator" | "managingEditor" | "webMaster"))
    }
}

fn masked(character: char) -> char {
    if character == '@' { AT_SIGN } else { character }
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What follows a document type: its internal subset may hold `>` in brackets and quotes.
fn after_declaration(text: &str) -> &str {
    let (mut quote, mut brackets) = (None, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'[') => brackets += 1,
            (None, b']') => brackets = brackets.saturating_sub(1),
            (None, b'>') if brackets == 0 => return &text[at + 1..],
            (None, _) => {}
        }
    }
    ""
}

/// The length of a tag, its `>` included; a `>` in quotes does not end it.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            (None, b'<') if at > 0 => return None,
            (None, _) => {}
        }
    }
    None
}

fn qualified_name(tag: &str) -> &str {
    let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len());
    &tag[..end]
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Text with every `&` either part of a sound reference or escaped. `mask` hides at signs.
fn with_sound_references(text: &str, mask: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let plain = |out: &mut String, text: &str| match mask {
        true => out.extend(text.chars().map(masked)),
        false => out.push_str(text),
    };
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain(&mut out, &rest[..at]);
        rest = &rest[at..];
        let name =
            rest.bytes().take(REFERENCE_BYTES_MAX).position(|byte| byte == b';').map(|end| &rest[1..end]);
        match name.and_then(|name| reference(name, mask)) {
            Some(sound) => {
                out.push_str(&sound);
                rest = after(rest, ";");
            }
            None => {
                out.push_str("&amp;");
                rest = &rest[1..];
            }
        }
    }
    plain(&mut out, rest);
    out
}

/// What to write for the reference `&name;`, or `None` when it is none.
fn reference(name: &str, mask: bool) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return is_name.then(|| format!("&{name};"));
    };
    let hexadecimal = number.strip_prefix(['x', 'X']);
    let digits = hexadecimal.unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, if hexadecimal.is_some() { 16 } else { 10 }).ok();
    match value.and_then(char::from_u32).filter(|character| *character != '\0') {
        Some('@') if mask => Some(AT_SIGN.to_string()),
        Some(character) => Some(format!("&#{};", u32::from(character))),
        None => Some('\u{FFFD}'.to_string()),
    }
}

/// The root element as the parser wants it.
fn root_tag(tag: &str, name: &str) -> Result<String, Failure> {
    static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"#).expect("the pattern is sound")
    });
    let kind = local(name);
    if !matches!(kind, "rss" | "RDF" | "feed" | "entry") {
        return Err(Failure::malformed(match kind.to_ascii_lowercase().as_str() {
            "html" | "head" | "body" | "script" | "div" | "meta" => {
                "the feed has become a web page (a login, a captcha, a consent form?)"
            }
            _ => "the answer is XML, but no feed",
        }));
    }
    let mut root = format!("<{name}");
    for attribute in ATTRIBUTE.captures_iter(&tag[1 + name.len()..]) {
        let (key, value) = (&attribute[1], attribute.get(2).or(attribute.get(3)).map_or("", |v| v.as_str()));
        let is_unread = UNREAD_NAMESPACES.contains(&value.trim());
        match key {
            // A default namespace the parser does not know hides every element; without one it assumes the right one.
            "xmlns" => {}
            "version" if kind == "rss" => {}
            // The parser gives up on an address it cannot read, and is told the feed's own anyway.
            "xml:base" if url::Url::parse(value).is_err() => {}
            _ if is_unread => root.push_str(&format!(" {key}=\"urn:unread\"")),
            _ => root.push_str(&format!(
                " {key}=\"{}\"",
                with_sound_references(value, false).replace('"', "&quot;")
            )),
        }
    }
    if kind == "rss" {
        // All of RSS 0.91 to 2.0 is read alike, whatever number the publisher wrote.
        root.push_str(" version=\"2.0\"");
    }
    root.push_str(if tag.ends_with("/>") { "/>" } else { ">" });
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prepared(document: &str) -> String {
        Markup::prepare(document).unwrap().text
    }

    #[test]
    fn what_cannot_be_markup_is_escaped() {
        for (raw, sound) in [
            ("AT&T &amp; KPN &eacute;", "AT&amp;T &amp; KPN &eacute;"),
            ("a & b; 3 < 5", "a &amp; b; 3 &lt; 5"),
            ("&#0;&#xD800;&#99999999;&#xe9;", "\u{FFFD}\u{FFFD}\u{FFFD}&#233;"),
            ("<a href='?a=1&b=2'>x</a>", "<a href='?a=1&amp;b=2'>x</a>"),
            ("<!-- <b> --><?php echo ?>x", "x"),
            ("<![CDATA[a & <b>]]>", "<![CDATA[a & <b>]]>"),
        ] {
            assert_eq!(prepared(&format!("<feed>{raw}</feed>")), format!("<feed>{sound}</feed>"));
        }
    }

    #[test]
    fn the_document_type_and_its_entities_are_gone() {
        let bomb =
            "<!DOCTYPE lolz [<!ENTITY a \"ha]>\"><!ENTITY b SYSTEM 'file:///etc/passwd'>]><feed>&b;</feed>";
        assert_eq!(prepared(bomb), "<feed>&b;</feed>");
    }

    #[test]
    fn the_root_gets_a_version_and_namespaces_that_are_read() {
        for (root, written) in [
            ("<rss version='0.94' xmlns=\"http://backend.userland.com/rss2\">", "<rss version=\"2.0\">"),
            ("<rss>", "<rss version=\"2.0\">"),
            (
                "<rdf:RDF xmlns='http://my.netscape.com/rdf/simple/0.9/' xmlns:rdf='urn:r'>",
                "<rdf:RDF xmlns:rdf=\"urn:r\">",
            ),
            (
                "<rss xmlns:media='http://search.yahoo.com/mrss/' xml:base='::'>",
                "<rss xmlns:media=\"urn:unread\" version=\"2.0\">",
            ),
        ] {
            assert_eq!(prepared(root), written);
        }
    }

    #[test]
    fn a_web_page_is_no_feed() {
        for page in [
            "<!DOCTYPE html><html><body>Log in</body></html>",
            "<HTML>",
            "<div>",
            "<opml/>",
            " ",
            "<",
            "</rss>",
        ] {
            assert!(Markup::prepare(page).is_err(), "{page}");
        }
    }

    #[test]
    fn noise_around_the_feed_is_not_the_feed() {
        assert_eq!(
            prepared("Notice: x & y\n<?xml version='1.0'?>\n<feed>a</feed><script>b</script>"),
            "<feed>a</feed>"
        );
    }

    #[test]
    fn nesting_is_refused_before_anybody_recurses() {
        let deep = format!("<rss>{}", "<b>".repeat(200_000));
        assert!(Markup::prepare(&deep).unwrap_err().message.contains("nests deeper"));
    }

    #[test]
    fn entries_are_found_even_when_one_is_broken() {
        let feed = "<rss><channel><title>t</title><item><title>1<b></title></item><item/><item a='>'>2</item></channel></rss>";
        let markup = Markup::prepare(feed).unwrap();
        let entries: Vec<&str> = markup.entries.iter().map(|at| &markup.text[at.clone()]).collect();
        assert_eq!(entries, ["<item><title>1<b></title></item>", "<item a='>'>2</item>"]);
        assert_eq!(
            markup.alone(&markup.entries[1]),
            "<rss version=\"2.0\"><channel><title>t</title><item a='>'>2</item></channel></rss>"
        );
    }

    #[test]
    fn at_signs_in_names_are_hidden_however_they_are_written() {
        let text =
            prepared("<rss><item><author>a@b.nl（x） &#64;&#x40;<![CDATA[c@d]]></author>e@f</item></rss>");
        assert_eq!(text.matches('@').count(), 1, "{text}");
        assert_eq!(text.matches(AT_SIGN).count(), 4, "{text}");
    }

    #[test]
    fn hours_to_skip_are_heard() {
        let feed =
            "<rss><channel><skipHours><hour>1</hour><hour> 24 </hour><hour>99</hour></skipHours></channel>";
        assert_eq!(Markup::prepare(feed).unwrap().skip_hours, [1, 0]);
    }

    proptest! {
        #[test]
        fn preparing_never_panics(document in "(<rss>|<item>|</item>|<b|/>|[<>&;#x'\"é\\[\\]!-]|CDATA|<!--|&#6|<\\?){0,60}") {
            if let Ok(markup) = Markup::prepare(&document) {
                for entry in &markup.entries {
                    markup.alone(entry);
                }
            }
        }
    }
}
