//! The mails of the demo, as a person would read them: headers, and the plain part of the body.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Visit;
use super::dress::{self, Trouble};
use super::pages::{Frame, Section};
use super::words::Words;
use crate::demo::mailbox::Mail;

/// Mails on the page.
const MAILS_MAX: usize = 200;

/// Lists the mails, the newest first.
pub(super) async fn list(visit: Visit) -> Result<Response, Trouble> {
    let mails = visit.site.mailbox.as_ref().map(|mailbox| mailbox.mails()).unwrap_or_default();
    let total = mails.len();
    let newest = mails.iter().enumerate().rev().take(MAILS_MAX);
    dress::html(&MailboxPage {
        frame: Frame::new(&visit, Section::Mailbox),
        w: &visit.w,
        total: total as i64,
        mails: newest.map(|(place, mail)| Shown::of(place + 1, mail)).collect(),
    })
}

/// Shows one mail.
pub(super) async fn show(visit: Visit, Path(number): Path<String>) -> Result<Response, Trouble> {
    let mails = visit.site.mailbox.as_ref().map(|mailbox| mailbox.mails()).unwrap_or_default();
    let number: Option<usize> = number.parse().ok().filter(|number| *number > 0);
    let Some((number, mail)) = number.and_then(|number| Some((number, mails.get(number - 1)?))) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    dress::html(&MailPage {
        frame: Frame::new(&visit, Section::Mailbox),
        w: &visit.w,
        mail: Shown::of(number, mail),
        body: plain_body(&mail.message),
    })
}

#[derive(Template)]
#[template(path = "mailbox.html")]
struct MailboxPage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    total: i64,
    mails: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    mail: Shown,
    body: String,
}

/// A mail's headers, decoded.
struct Shown {
    number: usize,
    to: String,
    from: String,
    subject: String,
}

impl Shown {
    fn of(number: usize, mail: &Mail) -> Shown {
        let header = |name: &str| decoded_words(&mail.header(name).unwrap_or_default());
        Shown { number, to: mail.to.join(", "), from: header("From"), subject: header("Subject") }
    }
}

/// The first plain part of a message, decoded; the raw text when there is none.
fn plain_body(message: &str) -> String {
    let mut rest = message;
    // Parts of parts carry their headers like the message itself, so the first plain one is found by its header.
    loop {
        let Some((head, body)) = rest.split_once("\r\n\r\n") else { return message.to_owned() };
        let headers = head.to_ascii_lowercase();
        let is_multipart = headers.contains("content-type: multipart/");
        if !is_multipart && !headers.contains("content-type: text/html") {
            let part = body.split("\r\n--").next().unwrap_or(body);
            return decoded_body(&headers, part);
        }
        // A boundary stands at the very start, or on a line of its own.
        let after = body.strip_prefix("--").or_else(|| body.split_once("\r\n--").map(|(_, after)| after));
        rest = match after {
            Some(after) => after,
            None => return message.to_owned(),
        };
    }
}

fn decoded_body(headers: &str, body: &str) -> String {
    let bytes = if headers.contains("content-transfer-encoding: base64") {
        let joined: String = body.split_whitespace().collect();
        STANDARD.decode(joined).unwrap_or_else(|_| body.as_bytes().to_vec())
    } else if headers.contains("content-transfer-encoding: quoted-printable") {
        unquoted(body.replace("=\r\n", "").as_bytes(), false)
    } else {
        body.as_bytes().to_vec()
    };
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

/// Bytes behind `=C3`; in headers a `_` is a space (RFC 2047).
fn unquoted(text: &[u8], in_header: bool) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = Vec::with_capacity(text.len());
    let mut place = 0;
    while place < text.len() {
        let hex = match &text[place..] {
            [b'=', high, low, ..] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match (hex, text[place]) {
            (Some((high, low)), _) => {
                bytes.push(high * 16 + low);
                place += 2;
            }
            (None, b'_') if in_header => bytes.push(b' '),
            (None, other) => bytes.push(other),
        }
        place += 1;
    }
    bytes
}

/// A header with its encoded words (`=?utf-8?b?…?=`) decoded. Other character sets are left as they are.
fn decoded_words(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let Some((decoded, after)) = encoded_word(word) else { break };
        // Space between two encoded words belongs to the encoding.
        if !(after_word && before.trim().is_empty()) {
            text.push_str(before);
        }
        text.push_str(&decoded);
        rest = after;
        after_word = true;
    }
    text + rest
}

fn encoded_word(word: &str) -> Option<(String, &str)> {
    let mut fields = word.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let (content, after) = rest.split_once("?=")?;
    let bytes = match (charset.eq_ignore_ascii_case("utf-8"), encoding) {
        (true, "b" | "B") => STANDARD.decode(content).ok()?,
        (true, "q" | "Q") => unquoted(content.as_bytes(), true),
        _ => return None,
    };
    Some((String::from_utf8_lossy(&bytes).into_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_plain_part_is_found_and_decoded() {
        let mail = "Subject: x\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                    al drie dagen g=C3=A9=C3=A9n inter=\r\nnet\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--b--\r\n";
        assert_eq!(plain_body(mail), "al drie dagen géén internet");
        assert_eq!(plain_body("Subject: x\r\n\r\nkort\r\n"), "kort\n");
        let encoded = "Content-Transfer-Encoding: base64\r\n\r\nZ2VlbiBi\r\nZXJlaWs=\r\n";
        assert_eq!(plain_body(encoded), "geen bereik");
    }

    #[test]
    fn encoded_words_of_a_header_are_readable() {
        for (header, readable) in [
            ("=?utf-8?b?a2xhY2h0?= van vandaag", "klacht van vandaag"),
            ("=?utf-8?Q?g=C3=A9=C3=A9n_?= =?utf-8?Q?internet?=", "géén internet"),
            ("gewoon", "gewoon"),
            ("=?latin1?q?x?= y", "=?latin1?q?x?= y"),
        ] {
            assert_eq!(decoded_words(header), readable);
        }
    }

    proptest! {
        #[test]
        fn no_mail_makes_it_fail(message in "[=?_\\-a-fA-F0-9 :;\r\n/]{0,80}|\\PC{0,80}") {
            let _ = (plain_body(&message), decoded_words(&message));
        }
    }
}
