//! An alert as Slack blocks. Words of others stand in `plain_text`, where nothing is markup; our own lines stand in
//! `mrkdwn` with `&`, `<` and `>` escaped and nothing linked by itself.

use serde_json::{Value, json};

use crate::alert::content::{Alert, Part, Section};

/// Slack takes 50 blocks in a message.
const BLOCKS_MAX: usize = 45;
/// Slack takes 3,000 characters in the text of a section.
const SECTION_CHARACTERS_MAX: usize = 2_900;
/// Beyond about 13,000 characters in all blocks Slack refuses a message, although no limit is documented there.
const MESSAGE_CHARACTERS_MAX: usize = 11_000;
/// Slack takes 150 characters in a header.
const HEADER_CHARACTERS_MAX: usize = 150;

/// The messages of an alert: mostly one, more when the words are long.
pub fn messages(alert: &Alert) -> Vec<Value> {
    let header: String = alert.subject.chars().take(HEADER_CHARACTERS_MAX).collect();
    let mut packed: Vec<Vec<Value>> = vec![vec![json!({
        "type": "header", "text": { "type": "plain_text", "text": header, "emoji": false }
    })]];
    let mut characters = header.len();
    for (block, length) in alert.sections.iter().flat_map(blocks) {
        let open = packed.last_mut().expect("there is always one");
        if open.len() < BLOCKS_MAX && characters + length <= MESSAGE_CHARACTERS_MAX {
            open.push(block);
            characters += length;
        } else {
            packed.push(vec![block]);
            characters = length;
        }
    }
    let count = packed.len();
    packed
        .into_iter()
        .enumerate()
        .map(|(place, blocks)| {
            let part = if count > 1 { format!(" ({}/{count})", place + 1) } else { String::new() };
            json!({
                // Shown in notifications, and where blocks are not.
                "text": format!("{}{part}", escaped(&alert.subject)),
                "blocks": blocks,
                "unfurl_links": false,
                "unfurl_media": false,
            })
        })
        .collect()
}

/// The blocks of a section, each with its length in characters.
fn blocks(section: &Section) -> Vec<(Value, usize)> {
    let mut blocks = Vec::new();
    let mut lines = format!("*{}*", escaped(&section.heading));
    for part in &section.parts {
        let line = match part {
            Part::Words(words) | Part::Quote(words) => {
                blocks.extend(sections("mrkdwn", &std::mem::take(&mut lines)));
                blocks.extend(sections("plain_text", words));
                continue;
            }
            Part::Strong(phrase) => format!("*{}*", escaped(&phrase.text()).replace('*', "∗")),
            Part::Line(phrase) => escaped(&phrase.text()),
            Part::Small(phrase) => format!("      {}", escaped(&phrase.text())),
            Part::Pair(label, phrase) => {
                format!("{}{} {}", escaped(label), Part::after_label(label), escaped(&phrase.text()))
            }
            Part::Link(label, url) => {
                format!("<{}|{}>", escaped(url).replace('|', "%7C"), escaped(&label.text()).replace('|', "¦"))
            }
        };
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&line);
    }
    blocks.extend(sections("mrkdwn", &lines));
    blocks
}

/// A text in as many section blocks as it needs, cut between lines or words where that is possible.
fn sections(kind: &str, text: &str) -> Vec<(Value, usize)> {
    pieces(text, SECTION_CHARACTERS_MAX)
        .into_iter()
        .filter(|piece| !piece.trim().is_empty())
        .map(|piece| {
            let text = match kind {
                "plain_text" => json!({ "type": kind, "text": piece, "emoji": false }),
                _ => json!({ "type": kind, "text": piece, "verbatim": true }),
            };
            // Escaping by the service would lengthen a text, so the longer of the two counts.
            (json!({ "type": "section", "text": text }), escaped(piece).chars().count())
        })
        .collect()
}

/// Cuts a text into pieces that, escaped, have at most `characters_max` characters. Nothing is lost: the pieces together are the text.
pub(super) fn pieces(text: &str, characters_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = piece_end(rest, characters_max);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn piece_end(text: &str, characters_max: usize) -> usize {
    let mut length = 0;
    let mut good = None;
    for (at, character) in text.char_indices() {
        length += match character {
            '&' => 5,
            '<' | '>' => 4,
            _ => 1,
        };
        if length > characters_max {
            // The first character alone always fits, so a piece is never empty.
            return good.unwrap_or(at).max(character_after(text, 0));
        }
        if character.is_whitespace() {
            good = Some(at + character.len_utf8());
        }
    }
    text.len()
}

fn character_after(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(at, |character| at + character.len_utf8())
}

/// Slack's three control characters, made harmless.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
