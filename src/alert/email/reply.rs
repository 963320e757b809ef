//! What a mail server's answer, or its silence, means. Pure.

use std::error::Error as _;

use lettre::transport::smtp::Error;

use crate::failure::{Failure, FailureKind};

/// A step of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Greeting and EHLO.
    Hello,
    /// Connecting with TLS, or turning to it.
    Tls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before anything of the message was sent.
    Data,
    /// The message itself, up to the final answer.
    Words,
}

impl Step {
    /// The step in a message for the operator.
    pub fn name(self) -> &'static str {
        match self {
            Step::Hello => "the greeting",
            Step::Tls => "the change to TLS",
            Step::Login => "the login",
            Step::Sender => "our sender address",
            Step::Recipient => "a recipient",
            Step::Data => "the start of the message",
            Step::Words => "the end of the message",
        }
    }
}

/// The failure that an error at a step is. `server` names the peer.
pub fn failure(step: Step, error: &Error, server: &str) -> Failure {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        let message = format!("{server} refused {}: {}", step.name(), quoted(code, &words));
        return Failure::new(kind_of_code(step, code), message);
    }
    let (kind, what) = kind_of_break(step, error);
    Failure::new(kind, format!("{server} {what} at {}", step.name()))
}

/// RFC 5321 §4.2.1: 4yz is for now, 5yz for good. What is refused for good before there was a mail is no mail's fault.
fn kind_of_code(step: Step, code: u16) -> FailureKind {
    match (step, code) {
        (_, 400..=499) => FailureKind::Unavailable,
        (_, 530 | 534 | 535 | 538) | (Step::Login, 500..) => FailureKind::BadCredentials,
        // A sender that the server does not allow us is a setting, and would refuse every other mail too.
        (Step::Sender, 500..) => FailureKind::BadCredentials,
        (Step::Tls, 500..) => FailureKind::TlsRefused,
        (Step::Hello, 500..) => FailureKind::Unavailable,
        (Step::Recipient | Step::Data | Step::Words, 500..) => FailureKind::Refused,
        (_, 0..=399) => FailureKind::Malformed,
    }
}

fn kind_of_break(step: Step, error: &Error) -> (FailureKind, &'static str) {
    if step == Step::Words {
        return (FailureKind::UnknownOutcome, "fell silent");
    }
    if step == Step::Login && error.is_client() {
        return (FailureKind::BadCredentials, "offers no login that we know");
    }
    let broken =
        std::iter::successors(error.source(), |cause: &&(dyn std::error::Error + 'static)| (*cause).source())
            .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    match broken.map(std::io::Error::kind) {
        // This is how the TLS library reports a certificate or a protocol that it does not accept.
        Some(std::io::ErrorKind::InvalidData) if step == Step::Tls => {
            (FailureKind::TlsRefused, "has a certificate or a protocol that is not trusted")
        }
        Some(std::io::ErrorKind::TimedOut) => (FailureKind::TimedOut, "did not answer in time"),
        Some(_) => (FailureKind::Unreachable, "cannot be reached or closed the connection"),
        None if error.is_tls() => (FailureKind::TlsRefused, "cannot be spoken to by TLS"),
        None if error.is_response() => {
            (FailureKind::Unreachable, "closed the connection or does not speak SMTP")
        }
        None => (FailureKind::Unreachable, "cannot be reached"),
    }
}

/// Code and enhanced code (RFC 3463), with what the latter stands for. The server's own words stay out: they like to
/// repeat the address, and a failure message names nobody.
fn quoted(code: u16, words: &str) -> String {
    let enhanced = words.split([' ', '\n']).next().filter(|word| is_enhanced(word));
    match enhanced {
        None => code.to_string(),
        Some(enhanced) => match meaning(enhanced) {
            Some(meaning) => format!("{code} {enhanced} ({meaning})"),
            None => format!("{code} {enhanced}"),
        },
    }
}

fn is_enhanced(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| (1..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit()))
}

fn meaning(enhanced: &str) -> Option<&'static str> {
    let (_, detail) = enhanced.split_once('.')?;
    Some(match detail {
        "1.0" | "1.1" | "1.6" => "there is no such mailbox",
        "1.2" => "there is no such domain",
        "1.3" => "the address is malformed",
        "1.8" | "7.60" => "the sender address is not allowed to us",
        "2.1" => "the mailbox is closed",
        "2.2" => "the mailbox is full",
        "2.3" | "3.4" => "the message is too long",
        "3.2" | "4.5" => "the server is busy",
        "7.0" | "7.1" => "it is not allowed to us",
        "7.8" => "the login is wrong",
        "7.57" => "a login is required",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Disposition;

    #[test]
    fn the_step_decides_what_a_code_means() {
        for (step, code, disposition) in [
            (Step::Recipient, 421, Disposition::Retry),
            (Step::Recipient, 450, Disposition::Retry),
            (Step::Recipient, 451, Disposition::Retry),
            (Step::Words, 452, Disposition::Retry),
            (Step::Recipient, 550, Disposition::GiveUp),
            (Step::Recipient, 552, Disposition::GiveUp),
            (Step::Words, 554, Disposition::GiveUp),
            (Step::Recipient, 530, Disposition::Suspend),
            (Step::Login, 535, Disposition::Suspend),
            (Step::Login, 454, Disposition::Retry),
            (Step::Sender, 550, Disposition::Suspend),
            (Step::Hello, 554, Disposition::Retry),
            (Step::Tls, 502, Disposition::Suspend),
        ] {
            assert_eq!(kind_of_code(step, code).disposition(), disposition, "{step:?} {code}");
        }
    }

    #[test]
    fn a_failure_names_the_codes_and_nobody() {
        for (words, said) in [
            ("5.1.1 <jan.jansen@veldnet.example>: mailbox of jansen", "550 5.1.1 (there is no such mailbox)"),
            ("5.9.9 whatever", "550 5.9.9"),
            ("jansen is unknown here", "550"),
            ("5.1111.1 jansen", "550"),
            ("", "550"),
        ] {
            assert_eq!(quoted(550, words), said);
        }
    }
}
