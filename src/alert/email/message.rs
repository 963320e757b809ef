//! The message: plain text and HTML of one alert, as pure ASCII with CRLF line ends.
//!
//! Nothing in it depends on the moment or on chance: the same letter gives the same bytes. No word from outside stands in
//! an address or a name. The builder panics on some input that we never give it; should it ever, the receiver gets the
//! bare link instead of nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Message, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Addresses;
use crate::alert::content::{Alert, Part, Section, SectionName};
use crate::alert::notice::NoticeLetter;
use crate::alert::{Letter, html, plain, wording};

/// Everything that a delivery needs, as it is frozen in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The message of RFC 5322. Empty when it could not be composed.
    pub message: String,
}

/// Composes the message of a letter.
pub fn compose(addresses: &Addresses, letter: &Letter) -> Envelope {
    compose_by(addresses, letter, [wording::alert, bare])
}

/// Composes the message of a notice about ourselves.
pub fn compose_notice(addresses: &Addresses, letter: &NoticeLetter) -> Envelope {
    let head = Head { key: letter.key, thread: None, date: letter.now };
    envelope(addresses, guarded(|| message(addresses, &head, &wording::notice(letter))))
}

/// Composes with the first of these wordings that works.
fn compose_by(addresses: &Addresses, letter: &Letter, wordings: [fn(&Letter) -> Alert; 2]) -> Envelope {
    let dossier = letter.dossier;
    let case = dossier.case.as_ref().map_or(dossier.mention.id.as_str(), |case| case.id.as_str());
    let head = Head { key: letter.key, thread: Some(case), date: dossier.now };
    let message =
        wordings.into_iter().find_map(|wording| guarded(|| message(addresses, &head, &wording(letter))));
    envelope(addresses, message)
}

fn guarded(building: impl FnOnce() -> Option<String>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(building)).ok().flatten()
}

fn envelope(addresses: &Addresses, message: Option<String>) -> Envelope {
    let address = |mailbox: &lettre::message::Mailbox| mailbox.email.to_string();
    Envelope {
        from: address(&addresses.from),
        to: addresses.to.iter().map(address).collect(),
        message: message.unwrap_or_default(),
    }
}

/// What stands in the header beside addresses and subject.
struct Head<'a> {
    key: &'a str,
    /// What it is a message of, so that a mail program keeps them together.
    thread: Option<&'a str>,
    date: Timestamp,
}

fn message(addresses: &Addresses, head: &Head, alert: &Alert) -> Option<String> {
    let domain = addresses.from.email.domain();
    let id = token(head.key);
    let raw =
        |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
    let mut builder = Message::builder()
        .from(addresses.from.clone())
        .reply_to(addresses.reply_to.clone())
        .subject(alert.subject.clone())
        .date(head.date.into())
        .message_id(Some(format!("<{id}@{domain}>")));
    if let Some(thread) = head.thread {
        // The first mail of a case refers to a message that never was: mail programs thread by it all the same.
        let thread = format!("<case-{}@{domain}>", token(thread));
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    builder = builder
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(raw("X-Gehoord-Key", id.clone()));
    for recipient in &addresses.to {
        builder = builder.to(recipient.clone());
    }
    let parts = MultiPart::alternative()
        // Quoted-printable never holds "=_", so no body can end its part.
        .boundary(format!("=_gehoord_{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, plain::render(alert))?)
        .singlepart(part(ContentType::TEXT_HTML, html::render(alert))?);
    let bytes = builder.multipart(parts).ok()?.formatted();
    String::from_utf8(bytes).ok().filter(|message| is_sendable(message))
}

fn part(content_type: ContentType, text: String) -> Option<SinglePart> {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).ok()?;
    Some(SinglePart::builder().header(content_type).body(body))
}

/// Pure ASCII, every line end CRLF, no NUL: what may go over the wire as it is.
pub fn is_sendable(message: &str) -> bool {
    let bytes = message.as_bytes();
    let line_ends = bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
    !bytes.is_empty()
        && bytes.is_ascii()
        && !bytes.contains(&0)
        && line_ends == 2 * message.matches("\r\n").count()
}

/// An id as the left side of a message id. Ours are plain already; what is not is made so, and stays as distinct.
fn token(id: &str) -> String {
    let plain: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
        .take(40)
        .collect();
    if plain == id && !id.is_empty() {
        return plain;
    }
    let hash = Sha256::digest(id.as_bytes());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{plain}-{hash}")
}

/// Subject and link, without a word from outside: for a letter that could not be composed whole.
fn bare(letter: &Letter) -> Alert {
    let whole = wording::alert(&Letter { link_only: true, ..letter.clone() });
    let number = letter.dossier.case.as_ref().map_or(0, |case| case.number);
    let url = format!("{}/cases/{number}", letter.page_url.trim_end_matches('/'));
    let label = if whole.dutch { "Zaak" } else { "Case" };
    Alert {
        subject: format!("[gehoord {number}]"),
        sections: vec![Section {
            name: SectionName::Links,
            heading: "gehoord".to_owned(),
            parts: vec![Part::Link(label.into(), url)],
        }],
        ..whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;
    use crate::config::Language;
    use crate::decide::AlertKind;

    fn addresses() -> Addresses {
        let mailbox: lettre::message::Mailbox = "desk@veldnet.example".parse().unwrap();
        Addresses { from: mailbox.clone(), reply_to: mailbox.clone(), to: vec![mailbox] }
    }

    #[test]
    fn a_letter_that_cannot_be_worded_still_arrives_as_a_link() {
        let dossier = samples::hostile();
        let letter = samples::letter(&dossier, AlertKind::Complaint, Language::Dutch);
        let envelope = compose_by(&addresses(), &letter, [|_| panic!("on purpose"), bare]);
        assert!(envelope.message.contains("Subject: [gehoord 66]\r\n"));
        assert!(envelope.message.contains("Zaak: https://gehoord.veldnet.example/cases/66\r\n"));
        assert!(!envelope.message.contains("evil"));
        let nothing = compose_by(&addresses(), &letter, [|_| panic!("on purpose"), |_| panic!("on purpose")]);
        assert_eq!(nothing.message, "");
    }

    #[test]
    fn ids_are_plain_and_stay_distinct() {
        assert_eq!(token(samples::KEY), samples::KEY);
        let odd = ["a b", "a\tb", "a-b", "", &"x".repeat(41), &"x".repeat(42), "é<>@"].map(token);
        for (place, one) in odd.iter().enumerate() {
            assert!(
                one.len() <= 57 && one.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
                "{one}"
            );
            assert!(odd[place + 1..].iter().all(|other| other != one), "{one}");
        }
    }
}
