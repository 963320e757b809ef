//! An alert as Mattermost's Markdown. Every character that means something there is escaped in words from outside, and
//! an `@` is separated from what follows, so that nobody is called by a post.

use serde_json::{Value, json};

use super::blocks::pieces;
use crate::alert::content::{Alert, Part, Phrase, Section, Span};

/// Mattermost takes 16,383 characters in a post; escaping may double a text.
const MESSAGE_CHARACTERS_MAX: usize = 14_000;
/// Pieces of words, before they are escaped.
const PIECE_CHARACTERS_MAX: usize = 4_000;
/// Invisible; keeps two characters from being read as one sign.
const APART: char = '\u{200B}';

/// The messages of an alert: mostly one, more when the words are long.
pub fn messages(alert: &Alert) -> Vec<Value> {
    let mut texts = vec![format!("#### {}\n", escaped(&alert.subject))];
    for paragraph in alert.sections.iter().flat_map(paragraphs) {
        let open = texts.last_mut().expect("there is always one");
        if open.chars().count() + paragraph.chars().count() <= MESSAGE_CHARACTERS_MAX {
            open.push_str(&paragraph);
        } else {
            texts.push(paragraph);
        }
    }
    texts.into_iter().map(|text| json!({ "text": text })).collect()
}

/// A section in pieces that may stand in different messages.
fn paragraphs(section: &Section) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let mut lines = format!("\n**{}**\n", escaped(&section.heading));
    for part in &section.parts {
        match part {
            Part::Words(words) | Part::Quote(words) => {
                lines.push('\n');
                paragraphs.push(std::mem::take(&mut lines));
                paragraphs.extend(pieces(words, PIECE_CHARACTERS_MAX).into_iter().map(quoted));
                lines.push('\n');
            }
            Part::Strong(phrase) => lines.push_str(&format!("**{}**\n", inline(phrase))),
            Part::Line(phrase) => lines.push_str(&format!("{}\n", inline(phrase))),
            Part::Small(phrase) => lines.push_str(&format!("_{}_\n", inline(phrase))),
            Part::Pair(label, phrase) => lines.push_str(&format!(
                "{}{} {}\n",
                escaped(label),
                Part::after_label(label),
                inline(phrase)
            )),
            Part::Link(label, url) => {
                let url = url.replace('(', "%28").replace(')', "%29");
                lines.push_str(&format!("[{}]({url})\n", inline(label)));
            }
        }
    }
    paragraphs.push(lines);
    paragraphs
}

fn quoted(piece: &str) -> String {
    let lines = piece.trim_end_matches('\n').split('\n');
    lines.map(|line| format!("> {}\n", escaped(line))).collect()
}

fn inline(phrase: &Phrase) -> String {
    phrase
        .spans()
        .iter()
        .map(|span| match span {
            Span::Ours(words) | Span::Theirs(words) => escaped(words),
        })
        .collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '@' => out.extend(['@', APART]),
            // `<!channel>` and `<url|label>` are read as Slack's, whatever stands around them.
            '<' => out.extend(['\\', '<', APART]),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '|'
            | '~' | '>' => {
                out.extend(['\\', character]);
            }
            _ => out.push(character),
        }
    }
    out
}
