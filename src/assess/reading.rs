//! A text as the rules read it: folded words between single spaces, so that a phrase is found on word boundaries by
//! looking for `" phrase "`. Numbers become `#`, so that "al 3 weken" in a word list means any number of weeks.

use super::words::{
    camel_pieces, emoticon, fold_word, is_mark, is_picture, link_length, mail_host, number_slot, run,
    without_hidden, without_stretching, word_length,
};

/// A text, read once and asked often.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Words as written, folded: `" bij veldnet al 3 weken . "`.
    pub plain: String,
    /// The same with numbers as `#` and ordinals as `#th`: `" bij veldnet al # weken . "`.
    pub line: String,
    /// Where each word of both lines starts.
    pub tokens: Vec<Token>,
    /// Hashtags, folded, in one piece and without `#`.
    pub tags: Vec<String>,
    /// Accounts that are addressed: folded, up to the second `@`.
    pub handles: Vec<String>,
    /// Host names of links and mail addresses, in lower case.
    pub hosts: Vec<String>,
    /// Letters in words.
    pub letters: usize,
    /// Words of four letters or more in capitals.
    pub shouted_words: usize,
    /// Words with a letter stretched: "zooooo".
    pub stretched_words: usize,
    /// The longest run of exclamation marks.
    pub exclamations: usize,
    /// Question marks, a run counting once.
    pub questions: usize,
}

/// A word, sign or mark on the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Byte in [`Reading::line`].
    pub line: usize,
    /// Byte in [`Reading::plain`].
    pub plain: usize,
    /// What it is.
    pub kind: TokenKind,
    /// Number of the sentence it stands in.
    pub sentence: u32,
    /// Number of the clause it stands in: commas count too.
    pub clause: u32,
    /// Written with a capital.
    pub capital: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A word or number.
    Word,
    /// A word out of a hashtag.
    Tag,
    /// An account, shown as `@`.
    Handle,
    /// A link or mail address, shown as `<link>`.
    Link,
    /// An emoji or currency sign.
    Symbol,
    /// The end of a sentence.
    Stop,
}

impl Reading {
    /// Reads a text. Linear in its length.
    pub fn of(text: &str) -> Reading {
        let mut reader = Reader::default();
        reader.reading.line.push(' ');
        reader.reading.plain.push(' ');
        let visible = without_hidden(text);
        let mut rest: &str = &visible;
        while let Some(character) = rest.chars().next() {
            let used = reader.step(rest, character);
            rest = &rest[used..];
        }
        reader.reading
    }

    /// The token that covers a byte of [`Reading::line`].
    pub fn token_at(&self, line_byte: usize) -> usize {
        self.tokens.partition_point(|token| token.line <= line_byte).saturating_sub(1)
    }

    /// The token that covers a byte of [`Reading::plain`].
    pub fn token_at_plain(&self, plain_byte: usize) -> usize {
        self.tokens.partition_point(|token| token.plain <= plain_byte).saturating_sub(1)
    }

    /// The folded words from one token to another, both included.
    pub fn words(&self, first: usize, last: usize) -> &str {
        let Some(start) = self.tokens.get(first).map(|token| token.plain) else { return "" };
        let end = self.tokens.get(last + 1).map_or(self.plain.len(), |token| token.plain);
        self.plain.get(start..end.max(start)).unwrap_or("").trim()
    }
}

/// Builds a [`Reading`], token by token.
#[derive(Default)]
struct Reader {
    reading: Reading,
    sentence: u32,
    clause: u32,
}

impl Reader {
    /// Reads one token and answers how many bytes it took; at least one character.
    fn step(&mut self, rest: &str, character: char) -> usize {
        let after = &rest[character.len_utf8()..];
        if character.is_whitespace() {
            if character == '\n' {
                self.stop(".");
            }
            return character.len_utf8();
        }
        if let Some(length) = link_length(rest) {
            self.link(&rest[..length]);
            return length;
        }
        match character {
            '#' if after.starts_with(char::is_alphanumeric) => {
                let length = run(after, |c| c.is_alphanumeric() || c == '_' || is_mark(c));
                self.tag(&after[..length]);
                1 + length
            }
            '@' if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let length = run(after, |c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@'));
                let handle = after[..length].trim_end_matches(['.', '-', '@']);
                self.handle(handle);
                1 + handle.len()
            }
            _ if character.is_alphanumeric() => {
                let length = word_length(rest);
                if let Some(host) = mail_host(&rest[length..]) {
                    self.link(host);
                    return length + 1 + host.len();
                }
                self.word(&rest[..length], TokenKind::Word);
                length
            }
            _ => self.sign(rest, character),
        }
    }

    fn sign(&mut self, rest: &str, character: char) -> usize {
        if let Some((face, length)) = emoticon(rest) {
            self.push(face, face, TokenKind::Symbol, false);
            return length;
        }
        let length = run(rest, |c| c == character);
        match character {
            '!' => {
                self.reading.exclamations = self.reading.exclamations.max(length);
                self.stop("!");
            }
            '?' => {
                self.reading.questions += 1;
                self.stop("?");
            }
            '.' | '…' | ':' | ';' => self.stop("."),
            ',' | '(' | ')' | '–' | '—' => self.clause += 1,
            '€' | '$' | '£' => {
                self.push_character(character);
            }
            _ if is_picture(character) => {
                self.push_character(character);
            }
            _ => {}
        }
        length
    }

    fn push_character(&mut self, character: char) {
        let mut buffer = [0; 4];
        let sign = character.encode_utf8(&mut buffer);
        self.push(sign, sign, TokenKind::Symbol, false);
    }

    fn stop(&mut self, mark: &str) {
        self.sentence += 1;
        self.clause += 1;
        if self.reading.tokens.last().is_some_and(|last| last.kind != TokenKind::Stop) {
            self.push(mark, mark, TokenKind::Stop, false);
        }
    }

    fn link(&mut self, link: &str) {
        let bare = link.split_once("://").map_or(link, |(_, bare)| bare);
        let host = bare.split(['/', '?', ':', '#']).next().unwrap_or("");
        self.reading.hosts.push(host.chars().take(253).collect::<String>().to_lowercase());
        self.push("<link>", "<link>", TokenKind::Link, false);
    }

    fn handle(&mut self, handle: &str) {
        let local = handle.split('@').next().unwrap_or("");
        self.reading.handles.push(fold_word(local).into_owned());
        self.push("@", "@", TokenKind::Handle, false);
    }

    fn tag(&mut self, tag: &str) {
        self.reading.tags.push(fold_word(tag).into_owned());
        for piece in tag.split('_').flat_map(camel_pieces) {
            self.word(piece, TokenKind::Tag);
        }
    }

    fn word(&mut self, raw: &str, kind: TokenKind) {
        let capital = raw.chars().next().is_some_and(char::is_uppercase);
        if kind == TokenKind::Word {
            let letters = raw.chars().filter(|c| c.is_alphabetic()).count();
            self.reading.letters += letters;
            let shouted = letters >= 4 && !raw.chars().any(char::is_lowercase);
            self.reading.shouted_words += usize::from(shouted);
        }
        let folded = fold_word(raw);
        let (calm, stretched) = without_stretching(folded.trim());
        if calm.is_empty() {
            return;
        }
        self.reading.stretched_words += usize::from(stretched);
        let slot = number_slot(&calm).unwrap_or(&calm);
        self.push(&calm, slot, kind, capital);
    }

    fn push(&mut self, plain: &str, line: &str, kind: TokenKind, capital: bool) {
        let reading = &mut self.reading;
        let (sentence, clause) = (self.sentence, self.clause);
        let repeats = reading
            .tokens
            .last()
            .is_some_and(|last| reading.line[last.line..].trim_end() == line && matches!(line, "#" | "@"));
        if kind == TokenKind::Symbol
            && reading.tokens.last().is_some_and(|last| reading.line[last.line..].trim_end() == line)
        {
            return;
        }
        let line_start = match (repeats, reading.tokens.last()) {
            (true, Some(last)) => last.line,
            _ => reading.line.len(),
        };
        reading.tokens.push(Token {
            line: line_start,
            plain: reading.plain.len(),
            kind,
            sentence,
            clause,
            capital,
        });
        reading.plain.push_str(plain);
        reading.plain.push(' ');
        if !repeats {
            reading.line.push_str(line);
            reading.line.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_becomes_words_between_single_spaces() {
        for (text, line) in [
            ("Al 3 weken géén internet!!", " al # weken geen internet ! "),
            ("de derde keer, 3e keer, 5th time", " de #th keer #th keer #th time "),
            ("zevenentwintig dagen, twenty-six days", " # dagen # days "),
            ("It's down, don't ask", " it down dont ask "),
            ("kreeg 112 niet", " kreeg 112 niet "),
            ("om 17.00 uur € 2,50", " om # uur € # "),
            ("#VeldnetStoring @veldnet@sociaal.example hoi", " veldnet storing @ hoi "),
            ("mail a@b.example of https://x.example/pad?q=1", " mail <link> of <link> "),
            ("ge\u{200b}en ver\u{2060}binding", " geen verbinding "),
            ("😡😡\u{fe0f} zooooo :-(", " 😡 zoo ☹ "),
            ("", " "),
        ] {
            assert_eq!(Reading::of(text).line, line, "{text}");
        }
    }

    #[test]
    fn case_is_folded_wherever_unicode_hides_it() {
        for (text, plain) in
            [("İSTANBUL", " istanbul "), ("\u{212A}PN", " kpn "), ("GROẞE Straße", " große straße ")]
        {
            assert_eq!(Reading::of(text).plain, plain, "{text}");
        }
    }

    #[test]
    fn hashtags_and_handles_are_kept_whole_as_well() {
        let reading = Reading::of("#TVStoring bij @Veldnet_NL@sociaal.example");
        assert_eq!(reading.tags, ["tvstoring"]);
        assert_eq!(reading.handles, ["veldnetnl"]);
        assert_eq!(reading.plain, " tv storing bij @ ");
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_every_token_can_be_shown(text in "\\PC{0,80}|[#@:.'a-cA-C0-9 \n\u{301}\u{fdfa}😡-]{0,80}") {
            let reading = Reading::of(&text);
            for index in 0..reading.tokens.len() {
                prop_assert!(!reading.words(index, index).is_empty());
            }
        }
    }
}
