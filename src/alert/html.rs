//! An alert as one HTML page for a mail: readable on a phone, in the dark, and without loading anything.
//!
//! The template engine escapes every value for its place. Nothing remote is named in it, and every text from outside
//! stands in an element of its own that isolates its reading direction.

use askama::Template;

use super::content::{Alert, Part, SectionName, Span};
use crate::decide::Verdict;

#[derive(Template)]
#[template(path = "alert.html", config = "src/alert/templates/askama.toml")]
struct Page<'a> {
    alert: &'a Alert,
    language: &'static str,
    verdict_class: &'static str,
    verdict_style: &'static str,
    /// Where the first link leads: the page of the case, within a thumb's reach.
    case_url: Option<&'a str>,
}

/// The alert as a page.
pub fn render(alert: &Alert) -> String {
    let (verdict_class, verdict_style) = match alert.verdict {
        Verdict::Known => ("known", "background:#fbe9e4;color:#4d1608;"),
        Verdict::Perhaps => ("perhaps", "background:#fdf3d3;color:#453400;"),
        Verdict::New | Verdict::Unread | Verdict::None => ("unknown", "background:#eef0f3;color:#1d2026;"),
    };
    let links = alert.sections.iter().find(|section| section.name == SectionName::Links);
    let case_url = links.iter().flat_map(|section| &section.parts).find_map(|part| match part {
        Part::Link(_, url) => Some(url.as_str()),
        _ => None,
    });
    let language = if alert.dutch { "nl" } else { "en" };
    let page = Page { alert, language, verdict_class, verdict_style, case_url };
    page.render().expect("writing to memory cannot fail")
}
