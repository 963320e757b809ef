//! An alert as plain text: what a mail shows where HTML is off, and what is read aloud.

use std::fmt::Write;

use super::content::{Alert, Part, Section, SectionName};

/// The alert as text with `\n` line ends. The customer's words and quotes stand behind `> `, line by line, so that
/// nothing in them can pass for a line of ours.
pub fn render(alert: &Alert) -> String {
    let mut text = String::new();
    for section in &alert.sections {
        if !text.is_empty() {
            text.push('\n');
        }
        if section.name == SectionName::Foot {
            text.push_str("--\n");
        } else {
            text.push_str(&section.heading.to_uppercase());
            text.push('\n');
        }
        text.push_str(&lines(section));
    }
    text
}

/// The parts of a section as lines.
pub fn lines(section: &Section) -> String {
    let mut text = String::new();
    for part in &section.parts {
        // Writing to a String cannot fail.
        let _ = match part {
            Part::Words(words) | Part::Quote(words) => {
                words.split('\n').try_for_each(|line| writeln!(text, "{}", format!("> {line}").trim_end()))
            }
            Part::Strong(phrase) | Part::Line(phrase) => writeln!(text, "{}", phrase.text()),
            Part::Small(phrase) => writeln!(text, "  {}", phrase.text()),
            Part::Pair(label, phrase) => {
                writeln!(text, "{label}{} {}", Part::after_label(label), phrase.text())
            }
            Part::Link(label, url) => writeln!(text, "{}: {url}", label.text()),
        };
    }
    text
}
