//! Mail over SMTP. Composed once as the exact bytes of the message, delivered as those bytes.
//!
//! `message` composes, `smtp` holds the conversation with the server and says what its answers mean. A sender that
//! nobody can answer is refused: people must be able to reply to an alert.

mod message;
mod reply;
mod smtp;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters, TlsParametersBuilder};
use serde::Deserialize;

use super::notice::NoticeLetter;
use super::{Channel, Letter};
use crate::config::secret::Secret;
use crate::failure::{Failure, FailureKind};
use message::Envelope;
use smtp::Smtp;

/// What an address is called that throws answers away, without the signs between its words.
const UNANSWERED: [&str; 8] = [
    "noreply",
    "donotreply",
    "dontreply",
    "noresponse",
    "nietbeantwoorden",
    "nietreageren",
    "geenantwoord",
    "geenreply",
];
/// The most recipients of one receiver.
const RECIPIENTS_MAX: usize = 100;

/// Settings of the `email` channel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The mail server.
    pub host: String,
    /// Its port; left out, the usual one of `security`: 587, 465 or 25.
    pub port: Option<u16>,
    /// How the conversation is protected.
    pub security: Security,
    /// The login; left out, none.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Who writes: an address, or `Name <address>`.
    pub from: String,
    /// Who is told, all in one message. Somebody whose mailbox is often full gets a receiver of their own.
    pub to: Vec<String>,
    /// Where answers go; `from` when left out.
    pub reply_to: Option<String>,
    /// A certificate authority of the company's own (PEM), trusted instead of those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// What we call ourselves to the server; the machine's name when left out.
    pub helo_name: Option<String>,
    /// How long one step of the conversation may take.
    pub timeout_secs: u64,
}

/// How the conversation with the server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Begins in the clear and turns to TLS before anything is said; without TLS nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None. Only to this machine itself.
    None,
}

impl Security {
    fn usual_port(self) -> u16 {
        match self {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::None => 25,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host: String::new(),
            port: None,
            security: Security::Starttls,
            user: None,
            password: None,
            from: String::new(),
            to: Vec::new(),
            reply_to: None,
            ca_file: None,
            helo_name: None,
            timeout_secs: 30,
        }
    }
}

impl Config {
    /// What is wrong with it, each as "key: what; what to do".
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.host.trim().is_empty() {
            errors.push("host: is empty; write the name of your mail server".to_owned());
        }
        if self.security == Security::None && !is_loopback(&self.host) {
            errors.push(
                "security: \"none\" would send customers' words and the password in the clear; use \"starttls\" or \
                 \"tls\", or a mail server on 127.0.0.1"
                    .to_owned(),
            );
        }
        match (&self.user, &self.password) {
            (Some(_), None) => {
                errors.push("password: is missing; write it, or leave out user as well".to_owned())
            }
            (None, Some(_)) => {
                errors.push("user: is missing; write it, or leave out password as well".to_owned())
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        errors.extend(sender_error("from", &self.from));
        errors.extend(self.reply_to.as_deref().and_then(|address| sender_error("reply_to", address)));
        if self.to.is_empty() {
            errors.push("to: is empty; write at least one address".to_owned());
        }
        if self.to.len() > RECIPIENTS_MAX {
            errors.push(format!("to: has more than {RECIPIENTS_MAX} addresses; use a mailing list"));
        }
        for (place, address) in self.to.iter().enumerate() {
            if mailbox(address).is_none() {
                errors.push(format!("to[{place}]: is no mail address; write it like desk@example.nl"));
            }
        }
        if self.helo_name.as_deref().is_some_and(|name| !is_host_name(name)) {
            errors.push("helo_name: is no host name; write letters, digits, dots and dashes only".to_owned());
        }
        if !(1..=120).contains(&self.timeout_secs) {
            errors.push("timeout_secs: must lie between 1 and 120; 30 is usual".to_owned());
        }
        errors
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(self.security.usual_port())
    }

    fn tls(&self) -> anyhow::Result<Option<TlsParameters>> {
        if self.security == Security::None {
            return Ok(None);
        }
        let mut tls = TlsParametersBuilder::new(self.host.clone());
        if let Some(path) = &self.ca_file {
            let pem =
                std::fs::read(path).with_context(|| format!("ca_file {} cannot be read", path.display()))?;
            let authority = Certificate::from_pem(&pem)
                .with_context(|| format!("ca_file {} holds no certificate in PEM", path.display()))?;
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
        }
        Ok(Some(tls.build_rustls().context("the TLS settings cannot work on this machine")?))
    }
}

/// The `email` channel.
#[derive(Debug)]
pub struct Email {
    addresses: Addresses,
    smtp: Smtp,
}

/// Who writes to whom, parsed.
#[derive(Clone, Debug)]
struct Addresses {
    from: Mailbox,
    reply_to: Mailbox,
    to: Vec<Mailbox>,
}

/// Builds the channel.
///
/// # Errors
/// When an address is none, or the company's certificate authority cannot be read.
pub fn build(config: Config) -> anyhow::Result<Email> {
    crate::install_tls();
    let parsed = |address: &str| mailbox(address).context("an address in the settings is no mail address");
    let from = parsed(&config.from)?;
    let addresses = Addresses {
        reply_to: config.reply_to.as_deref().map(parsed).transpose()?.unwrap_or_else(|| from.clone()),
        to: config.to.iter().map(|address| parsed(address)).collect::<anyhow::Result<_>>()?,
        from,
    };
    let tls = config.tls()?;
    let timeout = Duration::from_secs(config.timeout_secs);
    Ok(Email { addresses, smtp: Smtp::new(config, tls, timeout) })
}

impl Channel for Email {
    fn compose(&self, letter: &Letter) -> String {
        let envelope = message::compose(&self.addresses, letter);
        serde_json::to_string(&envelope).expect("our own types are always JSON")
    }

    fn compose_notice(&self, letter: &NoticeLetter) -> String {
        let envelope = message::compose_notice(&self.addresses, letter);
        serde_json::to_string(&envelope).expect("our own types are always JSON")
    }

    async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        let envelope: Envelope = serde_json::from_str(composed)
            .map_err(|_| Failure::new(FailureKind::Internal, "a frozen mail is not readable"))?;
        self.smtp.deliver(&envelope, key).await
    }

    async fn check(&self) -> Result<String, Failure> {
        self.smtp.check().await
    }
}

/// An address, with or without a name, that every mail server understands: ASCII, no control characters.
fn mailbox(written: &str) -> Option<Mailbox> {
    if written.chars().any(char::is_control) {
        return None;
    }
    written.trim().parse().ok().filter(|mailbox: &Mailbox| AsRef::<str>::as_ref(&mailbox.email).is_ascii())
}

fn sender_error(key: &str, written: &str) -> Option<String> {
    let Some(mailbox) = mailbox(written) else {
        return Some(format!("{key}: is no mail address; write it like webcare@example.nl"));
    };
    let squeezed: String =
        AsRef::<str>::as_ref(&mailbox.email).chars().filter(char::is_ascii_alphabetic).collect();
    let squeezed = squeezed.to_ascii_lowercase();
    UNANSWERED.iter().any(|name| squeezed.contains(name)).then(|| {
        format!("{key}: is an address that nobody reads; write one that people can answer to, for instance the desk's")
    })
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
}
