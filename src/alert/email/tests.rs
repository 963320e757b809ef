//! Mail against a real server where there is one, and against one of ours that misbehaves on purpose.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::message::{Envelope, is_sendable};
use super::{Config, Email, Security, build};
use crate::alert::samples::{self, KEY, letter};
use crate::alert::{Channel, Letter};
use crate::config::Language;
use crate::config::secret::Secret;
use crate::decide::AlertKind;
use crate::dossier::Dossier;
use crate::failure::{Disposition, FailureKind};

const HEADERS: [&str; 12] = [
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Gehoord-Key",
    "To",
    "MIME-Version",
    "Content-Type",
];

fn config() -> Config {
    Config {
        host: "mail.veldnet.example".into(),
        from: "Gehoord <gehoord@veldnet.example>".into(),
        to: vec!["webcare@veldnet.example".into(), "Nachtdienst <nacht@veldnet.example>".into()],
        reply_to: Some("webcare@veldnet.example".into()),
        ..Config::default()
    }
}

fn envelope(channel: &Email, letter: &Letter) -> Envelope {
    serde_json::from_str(&channel.compose(letter)).unwrap()
}

fn composed(dossier: &Dossier) -> Envelope {
    envelope(&build(config()).unwrap(), &letter(dossier, AlertKind::Complaint, Language::Dutch))
}

/// Names and unfolded values of the headers, and the body.
fn parsed(message: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = message.split_once("\r\n\r\n").expect("a head and a body");
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = head.split("\r\n").map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is a header"));
        (name.to_owned(), value.to_owned())
    });
    (headers.collect(), body.to_owned())
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    &headers.iter().find(|(other, _)| other == name).unwrap().1
}

fn from_quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_message_is_what_we_agreed_on() {
    let envelope = composed(&samples::celebrity());
    let (headers, body) = parsed(&envelope.message);
    assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), HEADERS);
    assert_eq!(value(&headers, "From"), "Gehoord <gehoord@veldnet.example>");
    assert_eq!(value(&headers, "Reply-To"), "webcare@veldnet.example");
    assert_eq!(value(&headers, "To"), "webcare@veldnet.example, Nachtdienst <nacht@veldnet.example>");
    assert_eq!(value(&headers, "Date"), "Tue, 24 Nov 2026 10:14:31 +0000");
    assert_eq!(value(&headers, "Message-ID"), format!("<{KEY}@veldnet.example>"));
    let thread = "<case-0193a5f2-0000-7000-8000-000000000012@veldnet.example>";
    assert_eq!((value(&headers, "In-Reply-To"), value(&headers, "References")), (thread, thread));
    assert_eq!(value(&headers, "Auto-Submitted"), "auto-generated");
    assert_eq!(value(&headers, "X-Gehoord-Key"), KEY);
    assert!(value(&headers, "Content-Type").starts_with("multipart/alternative;"));
    assert_eq!(envelope.from, "gehoord@veldnet.example");
    assert_eq!(envelope.to, ["webcare@veldnet.example", "nacht@veldnet.example"]);
    let parts: Vec<&str> = body.split(&format!("--=_gehoord_{KEY}")).collect();
    assert_eq!(parts.len(), 4, "a preamble, two parts and the end");
    assert!(parts[1].contains("Content-Type: text/plain; charset=utf-8") && parts[3] == "--\r\n");
    let plain = from_quoted_printable(parts[1].split_once("\r\n\r\n").unwrap().1);
    assert!(plain.contains("> Mijn huis staat er sinds 1931. Jullie kabel sinds vorig jaar.\r\n"));
    assert!(plain.contains("40.000 volgers × 30% die het ziet"));
    assert!(from_quoted_printable(parts[2].split_once("\r\n\r\n").unwrap().1).contains("<!doctype html>"));
}

#[test]
fn the_same_letter_gives_the_same_bytes() {
    let dossier = samples::hostile();
    assert_eq!(composed(&dossier), composed(&dossier));
}

#[test]
fn mails_of_one_case_share_a_thread_and_none_shares_an_id() {
    let dossier = samples::celebrity();
    let channel = build(config()).unwrap();
    let first = letter(&dossier, AlertKind::Complaint, Language::Dutch);
    let second = Letter { key: "0193a5f2-7c1e-7d10-8a2b-ffffffffffff", ..first.clone() };
    let [first, second] = [first, second].map(|letter| parsed(&envelope(&channel, &letter).message).0);
    assert_eq!(value(&first, "References"), value(&second, "References"));
    assert_ne!(value(&first, "Message-ID"), value(&second, "Message-ID"));
}

#[test]
fn hostile_fields_change_no_header() {
    let envelope = composed(&samples::hostile());
    let (headers, _) = parsed(&envelope.message);
    assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), HEADERS);
    assert_eq!(value(&headers, "To"), "webcare@veldnet.example, Nachtdienst <nacht@veldnet.example>");
    assert!(is_sendable(&envelope.message));
    assert!(!envelope.message.contains("\r\n.\r\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stands_in_a_post_the_mail_stays_a_mail(text in "(\\PC|[\\x00-\\x20\u{301}\u{2028}\u{202E}.=<>&@]){0,80}") {
        let mut dossier = samples::celebrity();
        dossier.mention.mention.text = text.clone();
        dossier.mention.mention.title = Some(text.clone());
        dossier.mention.mention.author.display_name = Some(text.clone());
        dossier.mention.mention.author.handle = Some(text.clone());
        dossier.mention.source = text.clone();
        dossier.case.as_mut().unwrap().id = text.clone();
        dossier.ticket.as_mut().unwrap().ticket.number = text;
        let envelope = composed(&dossier);
        prop_assert!(is_sendable(&envelope.message));
        let (headers, body) = parsed(&envelope.message);
        prop_assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), HEADERS);
        prop_assert_eq!(body.matches("--=_gehoord_").count(), 3);
        prop_assert!(envelope.message.split("\r\n").all(|line| line.len() <= 998));
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_to_do() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 14] = [
        ("host: ", |config| config.host = " ".into()),
        ("security: ", |config| config.security = Security::None),
        ("password: ", |config| config.user = Some("u".into())),
        ("user: ", |config| config.password = Some(Secret::new("p"))),
        ("from: ", |config| config.from = "nobody".into()),
        ("from: ", |config| config.from = "No-Reply@veldnet.example".into()),
        ("from: ", |config| config.from = "Webcare <webcare.do_not_reply@veldnet.example>".into()),
        ("from: ", |config| config.from = "x@niet-beantwoorden.veldnet.example".into()),
        ("from: ", |config| config.from = "Eve\r\nBcc: all <eve@veldnet.example>".into()),
        ("reply_to: ", |config| config.reply_to = Some("noreply@veldnet.example".into())),
        ("to: ", |config| config.to.clear()),
        ("to[1]: ", |config| config.to[1] = "nacht at veldnet".into()),
        ("helo_name: ", |config| config.helo_name = Some("a\r\nb".into())),
        ("timeout_secs: ", |config| config.timeout_secs = 0),
    ];
    for (start, change) in cases {
        let mut config = config();
        change(&mut config);
        let errors = config.validate();
        assert!(
            errors.len() == 1 && errors[0].starts_with(start) && errors[0].contains([';', ',']),
            "{start}: {errors:?}"
        );
    }
    assert_eq!(config().validate(), Vec::<String>::new());
    for host in ["127.0.0.1", "localhost", "::1", "[::1]"] {
        assert_eq!(
            Config { host: host.into(), security: Security::None, ..config() }.validate(),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_missing_or_empty_authority_is_named() {
    let error = build(Config { ca_file: Some("/nowhere/ca.pem".into()), ..config() }).unwrap_err();
    assert!(format!("{error:#}").contains("/nowhere/ca.pem"));
}

#[test]
fn settings_and_channel_show_no_password() {
    let config = Config { user: Some("u".into()), password: Some(Secret::new("geheim-woord")), ..config() };
    assert!(!format!("{config:?}").contains("geheim-woord"));
    assert!(!format!("{:?}", build(config).unwrap()).contains("geheim-woord"));
}

/// A server that answers each command by its first word, and keeps every byte it was sent.
struct Misbehaving {
    listener: TcpListener,
    /// First word and answer; `""` closes the connection, `"…"` says nothing for ever.
    answers: Vec<(&'static str, &'static str)>,
}

impl Misbehaving {
    async fn new(answers: &[(&'static str, &'static str)]) -> Misbehaving {
        Misbehaving { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), answers: answers.to_vec() }
    }

    fn channel(&self) -> Email {
        build(Config {
            host: "127.0.0.1".into(),
            port: Some(self.listener.local_addr().unwrap().port()),
            security: Security::None,
            helo_name: Some("gehoord.test".into()),
            timeout_secs: 1,
            ..config()
        })
        .unwrap()
    }

    fn answer(&self, line: &str) -> &'static str {
        let word = line.split([' ', '\r']).next().unwrap_or_default();
        match self.answers.iter().find(|(command, _)| *command == word) {
            Some((_, answer)) => answer,
            None => match word {
                "EHLO" => "250-mail.test\r\n250 8BITMIME",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 2.0.0 ok",
            },
        }
    }

    /// Serves `connections` connections one after the other and returns all bytes that came in.
    async fn serve(&self, connections: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..connections {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            if !say(&mut stream, self.answer("GREETING")).await {
                continue;
            }
            let (mut pending, mut in_message) = (Vec::new(), false);
            loop {
                let mut chunk = [0; 4096];
                let Ok(count @ 1..) = stream.read(&mut chunk).await else { break };
                all.extend_from_slice(&chunk[..count]);
                pending.extend_from_slice(&chunk[..count]);
                let mark: &[u8] = if in_message { b"\r\n.\r\n" } else { b"\r\n" };
                let Some(end) = pending.windows(mark.len()).position(|window| window == mark) else {
                    continue;
                };
                let line = String::from_utf8_lossy(&pending[..end]).into_owned();
                pending.drain(..end + mark.len());
                let answer = if in_message { self.answer("MESSAGE") } else { self.answer(&line) };
                in_message = answer.starts_with("354");
                if !say(&mut stream, answer).await {
                    break;
                }
            }
        }
        all
    }
}

async fn say(stream: &mut tokio::net::TcpStream, answer: &str) -> bool {
    match answer {
        "" => false,
        "…" => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            false
        }
        answer => stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_ok(),
    }
}

#[tokio::test]
async fn the_end_of_a_conversation_decides_what_is_known() {
    let dossier = samples::newcomer();
    let letter = letter(&dossier, AlertKind::Complaint, Language::Dutch);
    for (answers, kind) in [
        (&[("GREETING", "")][..], FailureKind::Unreachable),
        (&[("GREETING", "421 4.3.2 closing")], FailureKind::Unavailable),
        (&[("GREETING", "HTTP/1.1 400 Bad Request")], FailureKind::Unreachable),
        (&[("EHLO", "")], FailureKind::Unreachable),
        (&[("MAIL", "")], FailureKind::Unreachable),
        (&[("MAIL", "…")], FailureKind::TimedOut),
        (&[("MAIL", "550 5.7.60 not your address")], FailureKind::BadCredentials),
        (&[("RCPT", "450 4.2.0 greylisted")], FailureKind::Unavailable),
        (&[("RCPT", "550 5.1.1 unknown")], FailureKind::Refused),
        (&[("DATA", "421 4.3.2 closing")], FailureKind::Unavailable),
        (&[("DATA", "")], FailureKind::Unreachable),
        (&[("MESSAGE", "")], FailureKind::UnknownOutcome),
        (&[("MESSAGE", "…")], FailureKind::UnknownOutcome),
        (&[("MESSAGE", "nonsense")], FailureKind::UnknownOutcome),
        (&[("MESSAGE", "452 4.3.1 no space")], FailureKind::Unavailable),
        (&[("MESSAGE", "554 5.7.1 spam")], FailureKind::Refused),
    ] {
        let server = Misbehaving::new(answers).await;
        let channel = server.channel();
        let composed = channel.compose(&letter);
        let deliver = async {
            let result = channel.deliver(&composed, KEY).await;
            drop(channel);
            result
        };
        let (result, _) = tokio::join!(deliver, server.serve(1));
        let failure = result.unwrap_err();
        assert_eq!(failure.kind, kind, "{answers:?}: {failure}");
        for word in ["veldnet.example", "Okafor", "invoice", "greylisted", "unknown\""] {
            assert!(!failure.message.contains(word), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let server = Misbehaving::new(&[]).await;
    let channel = server.channel();
    drop(server);
    let dossier = samples::newcomer();
    let composed = channel.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    assert_eq!(channel.deliver(&composed, KEY).await.unwrap_err().kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn a_post_that_looks_like_smtp_stays_one_message_without_a_bare_line_feed() {
    let dossier = samples::hostile();
    let server = Misbehaving::new(&[]).await;
    let channel = server.channel();
    let composed = channel.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    let deliver = async {
        let receipt = channel.deliver(&composed, KEY).await;
        drop(channel);
        receipt
    };
    let (receipt, bytes) = tokio::join!(deliver, server.serve(1));
    assert_eq!(receipt.unwrap(), "250 2.0.0 ok");
    let bare = bytes.iter().enumerate().filter(|(at, byte)| {
        (**byte == b'\n' && (*at == 0 || bytes[at - 1] != b'\r'))
            || (**byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
    });
    assert_eq!(bare.count(), 0);
    assert!(bytes.is_ascii());
    let text = String::from_utf8(bytes).unwrap();
    let lines = |fits: fn(&str) -> bool| text.split("\r\n").filter(|line| fits(line)).count();
    assert_eq!(lines(|line| line.starts_with("MAIL FROM:")), 1);
    assert_eq!(lines(|line| line.starts_with("RCPT TO:")), 2);
    assert_eq!(lines(|line| line == "DATA"), 1);
    assert_eq!(text.matches("\r\n.\r\n").count(), 1);
    assert!(text.contains("\r\n> MAIL FROM:<x@evil.example>\r\n"), "the words themselves arrive");
}

#[tokio::test]
async fn a_connection_is_used_again_and_a_dead_one_is_replaced() {
    let dossier = samples::newcomer();
    let server = Misbehaving::new(&[]).await;
    let channel = server.channel();
    let composed = channel.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    let deliver = async {
        for key in ["a", "b", "c"] {
            channel.deliver(&composed, key).await.unwrap();
        }
        drop(channel);
    };
    let ((), bytes) = tokio::join!(deliver, server.serve(1));
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!((text.matches("EHLO").count(), text.matches("MAIL FROM").count()), (1, 3));

    let server = Misbehaving::new(&[("NOOP", "")]).await;
    let channel = server.channel();
    let deliver = async {
        for key in ["a", "b"] {
            channel.deliver(&composed, key).await.unwrap();
        }
        drop(channel);
    };
    let ((), bytes) = tokio::join!(deliver, server.serve(2));
    assert_eq!(String::from_utf8(bytes).unwrap().matches("EHLO").count(), 2);
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let server = Misbehaving::new(&[]).await;
    let port = server.listener.local_addr().unwrap().port();
    let channel = build(Config {
        host: "127.0.0.1".into(),
        port: Some(port),
        user: Some("u".into()),
        password: Some(Secret::new("geheim-woord")),
        timeout_secs: 1,
        ..config()
    })
    .unwrap();
    let dossier = samples::newcomer();
    let composed = channel.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    let (result, bytes) = tokio::join!(channel.deliver(&composed, KEY), server.serve(1));
    assert_eq!(result.unwrap_err().kind, FailureKind::TlsRefused);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("EHLO") && !text.contains("MAIL") && !text.contains("AUTH"), "{text}");
}

#[tokio::test]
async fn bytes_that_are_no_mail_are_not_sent() {
    let channel = build(config()).unwrap();
    for message in ["", "Subject: é\r\n\r\n", "a\nb", "a\rb", "a\0b"] {
        let envelope =
            Envelope { from: "a@b.example".into(), to: vec!["c@d.example".into()], message: message.into() };
        let failure = channel.deliver(&serde_json::to_string(&envelope).unwrap(), KEY).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Internal, "{message:?}");
    }
    assert_eq!(channel.deliver("no json", KEY).await.unwrap_err().kind, FailureKind::Internal);
}

/// The real server that `scripts/peers` starts, or a loud `None`. Where `GEHOORD_TEST_REQUIRE=1` stands, a missing server
/// is a failed test.
struct Exim {
    smtp: String,
    smtps: String,
    authority: PathBuf,
    mail: PathBuf,
}

fn exim() -> Option<Exim> {
    let read = |name: &str| std::env::var(name).ok();
    let found = (|| {
        Some(Exim {
            smtp: read("GEHOORD_TEST_SMTP")?,
            smtps: read("GEHOORD_TEST_SMTPS")?,
            authority: read("GEHOORD_TEST_SMTP_CA")?.into(),
            mail: read("GEHOORD_TEST_MAILDIR")?.into(),
        })
    })();
    if found.is_none() {
        assert_ne!(
            read("GEHOORD_TEST_REQUIRE").as_deref(),
            Some("1"),
            "GEHOORD_TEST_SMTP and its relatives must be set"
        );
        eprintln!("SKIPPED: no mail server; start one with scripts/peers");
    }
    found
}

impl Exim {
    fn config(&self, to: &[&str]) -> Config {
        let (host, port) = self.smtp.rsplit_once(':').unwrap();
        Config {
            host: host.into(),
            port: Some(port.parse().unwrap()),
            from: "Gehoord <gehoord@webcare.test>".into(),
            to: to.iter().map(|name| format!("{name}@webcare.test")).collect(),
            reply_to: None,
            ca_file: Some(self.authority.clone()),
            helo_name: Some("gehoord.webcare.test".into()),
            timeout_secs: 10,
            ..Config::default()
        }
    }

    /// The mails of a mailbox, after waiting until there are `count`.
    async fn mails(&self, mailbox: &str, count: usize) -> Vec<String> {
        let folder = self.mail.join(mailbox).join("new");
        let mut mails = Vec::new();
        for _ in 0..100 {
            let files = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
            mails = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
            if mails.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        mails
    }
}

fn mailbox(name: &str) -> String {
    format!("{name}-{}", &crate::ids::new_token()[..12])
}

async fn send(config: Config, dossier: &Dossier) -> Result<String, crate::failure::Failure> {
    let channel = build(config).unwrap();
    let composed = channel.compose(&letter(dossier, AlertKind::Complaint, Language::Dutch));
    channel.deliver(&composed, KEY).await
}

#[tokio::test]
async fn a_real_server_delivers_every_sample_with_the_same_headers() {
    let Some(exim) = exim() else { return };
    for (name, dossier) in samples::all() {
        let mailbox = mailbox(name);
        let receipt = send(exim.config(&[&mailbox]), &dossier).await.unwrap();
        assert!(receipt.starts_with("250 "), "{receipt}");
        let mails = exim.mails(&mailbox, 1).await;
        assert_eq!(mails.len(), 1, "{name}");
        let (headers, body) = parsed(&mails[0].replace('\n', "\r\n"));
        let ours: Vec<&str> =
            headers.iter().map(|(name, _)| name.as_str()).filter(|name| HEADERS.contains(name)).collect();
        assert_eq!(ours, HEADERS, "{name}");
        let added: Vec<&str> = headers
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !HEADERS.contains(name))
            .map(|name| if name.eq_ignore_ascii_case("received") { "Received" } else { name })
            .collect();
        assert_eq!(added, ["Return-path", "Envelope-to", "Delivery-date", "Received"], "{name}");
        assert_eq!(value(&headers, "To"), format!("{mailbox}@webcare.test"));
        assert_eq!(value(&headers, "Message-ID"), format!("<{KEY}@webcare.test>"));
        assert_eq!(body.matches("--=_gehoord_").count(), 3);
    }
}

#[tokio::test]
async fn a_real_server_that_says_no_is_understood() {
    let Some(exim) = exim() else { return };
    let dossier = samples::newcomer();
    for (to, kind, disposition) in [
        ("busy", FailureKind::Unavailable, Disposition::Retry),
        ("unknown", FailureKind::Refused, Disposition::GiveUp),
        ("full", FailureKind::Refused, Disposition::GiveUp),
        ("private", FailureKind::BadCredentials, Disposition::Suspend),
    ] {
        let failure = send(exim.config(&[to]), &dossier).await.unwrap_err();
        assert_eq!((failure.kind, failure.kind.disposition()), (kind, disposition), "{failure}");
        assert!(!failure.message.contains("webcare.test"), "{failure}");
    }
    let login = |password: &str| Config {
        user: Some("gehoord".into()),
        password: Some(Secret::new(password)),
        ..exim.config(&["private"])
    };
    let failure = send(login("mis"), &dossier).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadCredentials, "{failure}");
    assert!(send(login("geheim"), &dossier).await.is_ok());
}

#[tokio::test]
async fn a_real_certificate_is_checked() {
    let Some(exim) = exim() else { return };
    let dossier = samples::newcomer();
    let mailbox = mailbox("tls");
    let (_, port) = exim.smtps.rsplit_once(':').unwrap();
    let starttls = exim.config(&[&mailbox]);
    let tls = Config { security: Security::Tls, port: Some(port.parse().unwrap()), ..starttls.clone() };
    for config in [starttls, tls] {
        let stranger = Config { ca_file: None, ..config.clone() };
        let failure = send(stranger, &dossier).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TlsRefused, "{failure}");
        send(config.clone(), &dossier).await.unwrap();
        let answer = build(config).unwrap().check().await.unwrap();
        assert_eq!(answer, "webcare.test answers, encrypted, without a login");
    }
    assert_eq!(exim.mails(&mailbox, 2).await.len(), 2);
}

#[tokio::test]
async fn one_refused_recipient_keeps_nobody_else_from_being_told() {
    let Some(exim) = exim() else { return };
    let dossier = samples::newcomer();
    let mailbox = mailbox("desk");
    let receipt = send(exim.config(&[&mailbox, "unknown"]), &dossier).await.unwrap();
    assert!(receipt.contains("1 recipient(s) not told") && receipt.contains("550"), "{receipt}");
    assert_eq!(exim.mails(&mailbox, 1).await.len(), 1);
}

#[tokio::test]
async fn a_busy_recipient_is_tried_again_and_the_others_get_no_second_copy() {
    let Some(exim) = exim() else { return };
    let dossier = samples::newcomer();
    let mailbox = mailbox("desk");
    let channel = build(exim.config(&[&mailbox, "busy"])).unwrap();
    let composed = channel.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    for _ in 0..3 {
        let failure = channel.deliver(&composed, KEY).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(exim.mails(&mailbox, 1).await.len(), 1);
}
