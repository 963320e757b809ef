//! HTML from outside as the words a reader sees, in one pass.
//!
//! Posts and feeds need paragraphs and line breaks, not layout. A renderer gives layout at a price that a hostile page sets:
//! measured with the library behind [`crate::text::from_html`], 10,000 nested `div` took seconds and 50,000 cells of one
//! table row became 500 MB of padding. This pass is linear in time and its text is never longer than the markup.

use encoding_rs::WINDOWS_1252;

/// The most bytes of one piece of HTML that are read.
pub const HTML_BYTES_MAX: usize = 256 * 1024;
/// The longest entity reference.
const REFERENCE_BYTES_MAX: usize = 10;
/// The names of U+00A0 to U+00FF, in order.
const LATIN_1_NAMES: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
    sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
    AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash \
    Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml \
    igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn \
    yuml";
/// Other names that texts use.
const OTHER_NAMES: [(&str, char); 19] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("euro", '€'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("bull", '•'),
    ("trade", '™'),
    ("OElig", 'Œ'),
    ("oelig", 'œ'),
];

/// The words of a piece of HTML, and whether its end was cut off.
pub fn to_text(html: &str) -> (String, bool) {
    let cut = &html[..html.floor_char_boundary(HTML_BYTES_MAX)];
    let mut words = Words { out: String::with_capacity(cut.len()), ..Words::default() };
    let mut rest = cut;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'<' | b'&')) {
        words.text(&rest[..at]);
        rest = if rest.as_bytes()[at] == b'<' {
            words.markup(&rest[at..])
        } else {
            words.reference(&rest[at..])
        };
    }
    words.text(rest);
    (words.out, cut.len() < html.len())
}

/// What was written, and what goes before the next word.
#[derive(Default)]
struct Words {
    out: String,
    newlines: usize,
    space: bool,
}

impl Words {
    /// Words as they are; runs of white space become one space.
    fn text(&mut self, text: &str) {
        for (at, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            self.space |= at > 0;
            if !word.is_empty() {
                self.begin_word();
                self.out.push_str(word);
            }
        }
    }

    fn character(&mut self, character: char) {
        // A space that must not break a line is still a space to whoever compares words.
        if character == '\u{A0}' || character.is_ascii_whitespace() {
            self.space = true;
        } else {
            self.begin_word();
            self.out.push(character);
        }
    }

    fn begin_word(&mut self) {
        if self.out.is_empty() {
        } else if self.newlines > 0 {
            self.out.push_str(&"\n\n"[..self.newlines.min(2)]);
        } else if self.space {
            self.out.push(' ');
        }
        (self.newlines, self.space) = (0, false);
    }

    /// Handles what starts with `<`; returns what follows it. A tag that never ends swallows the rest, as in a browser.
    fn markup<'a>(&mut self, rest: &'a str) -> &'a str {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return after(comment, "-->");
        }
        match rest.as_bytes().get(1) {
            Some(b'!' | b'?') => after(rest, ">"),
            Some(b'/' | b'a'..=b'z' | b'A'..=b'Z') => {
                let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
                let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
                let name = name[..length].to_ascii_lowercase();
                self.separate(&name);
                let inside = after_tag(rest);
                match matches!(name.as_str(), "script" | "style") && !rest.starts_with("</") {
                    true => after_element(inside, &name),
                    false => inside,
                }
            }
            _ => {
                self.character('<');
                &rest[1..]
            }
        }
    }

    /// What an element puts between the words before and after its tag.
    fn separate(&mut self, name: &str) {
        match name {
            "br" => self.newlines += 1,
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "table" | "hr" => {
                self.newlines = 2
            }
            "address" | "article" | "aside" | "dd" | "details" | "div" | "dl" | "dt" | "figcaption"
            | "figure" | "footer" | "form" | "header" | "li" | "main" | "nav" | "ol" | "option"
            | "section" | "summary" | "tr" | "ul" => {
                self.newlines = self.newlines.max(1);
            }
            "td" | "th" | "img" => self.space = true,
            _ => {}
        }
    }

    /// Handles what starts with `&`; returns what follows it.
    fn reference<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = rest.bytes().take(REFERENCE_BYTES_MAX).position(|byte| byte == b';');
        match end.and_then(|end| Some((named(&rest[1..end])?, end))) {
            Some((character, end)) => {
                self.character(character);
                &rest[end + 1..]
            }
            None => {
                self.character('&');
                &rest[1..]
            }
        }
    }
}

/// The character a reference stands for: by number, where 128 to 159 mean Windows-1252 as in a browser, or by name.
fn named(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let value = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return match u8::try_from(value) {
            Ok(byte @ 128..=159) => WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next(),
            _ => Some(
                char::from_u32(value)
                    .filter(|character| *character != '\0')
                    .unwrap_or(char::REPLACEMENT_CHARACTER),
            ),
        };
    }
    let other = OTHER_NAMES.iter().find(|(known, _)| *known == name).map(|(_, character)| *character);
    let latin_1 = || (0xA0..=0xFF).zip(LATIN_1_NAMES.split(' ')).find(|(_, known)| *known == name);
    other.or_else(|| latin_1().map(|(byte, _)| char::from(byte)))
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What follows a tag; a `>` in quotes does not end it.
fn after_tag(text: &str) -> &str {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return &text[at + 1..],
            (None, _) => {}
        }
    }
    ""
}

/// What follows the end of an element that holds no words.
fn after_element<'a>(text: &'a str, name: &str) -> &'a str {
    let is_end =
        |at: &usize| text.get(at + 2..at + 2 + name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name));
    let end = text.match_indices("</").map(|(at, _)| at).find(is_end);
    end.map_or("", |at| after_tag(&text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(html: &str) -> String {
        to_text(html).0
    }

    #[test]
    fn html_becomes_the_words_a_reader_sees() {
        for (html, expected) in [
            (
                "<p>Weer &amp; wéér storing<br>bij <a href=\"http://x\">@veldnet</a></p>",
                "Weer & wéér storing\nbij @veldnet",
            ),
            ("<p>een</p>\n<p>twee<br/><br><br>drie</p>", "een\n\ntwee\n\ndrie"),
            ("zonder  markup,\n wel spaties ", "zonder markup, wel spaties"),
            ("<ul><li>punt<li>komma</ul>na", "punt\nkomma\nna"),
            ("<table><tr><td>a<td>b<tr><th>c</table>", "a b\nc"),
            ("<a title='5 > 3'>x</a><b>y</b>", "xy"),
            ("3 < 5 & 5 > 3 &onbekend; &amp", "3 < 5 & 5 > 3 &onbekend; &amp"),
            ("caf&eacute;&nbsp;&#8217;s &#146; &#x1F600; &#0; &euro;5", "café ’s ’ 😀 \u{FFFD} €5"),
            ("a<script>if (1 < 2) '</p>'</SCRIPT>b<style>p{}</style>c<!-- d --><!doctype x>e", "abce"),
            ("a<b", "a"),
            ("<p> </p><img alt='x'>", ""),
        ] {
            assert_eq!(words(html), expected, "{html}");
        }
    }

    #[test]
    fn all_latin_letters_have_their_names() {
        assert_eq!(LATIN_1_NAMES.split(' ').count(), 96);
        assert_eq!(words("&iexcl;&Agrave;&szlig;&yuml;&ETH;"), "¡ÀßÿÐ");
    }

    #[test]
    fn hostile_markup_costs_neither_time_nor_memory() {
        for piece in
            ["<div>", "<td>x", "<table><tr><td>", "<b", "<b c='", "&", "&#", "<script>", "</", "<!--", "<br>"]
        {
            let html = piece.repeat(HTML_BYTES_MAX + 1);
            let (words, truncated) = to_text(&html);
            assert!(truncated && words.len() <= HTML_BYTES_MAX, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn text_is_never_longer_than_its_markup(html in "(<p>|<br>|</|<script|<!--|-->|&[a-z#0-9]{1,5};?|[<>&;é '\"x\n]){0,40}") {
            prop_assert!(words(&html).len() <= html.len() + 2);
        }
    }
}
