//! What people read, in both languages and in every channel.

use std::collections::BTreeMap;

use super::content::{Alert, Part, SectionName};
use super::notice::{Notice, NoticeLetter};
use super::samples::{self, KEY, PAGE, letter};
use super::{AnyChannel, ChannelConfig, Letter, html, plain, read_receivers, wording};
use crate::clock::Clock;
use crate::config::Language;
use crate::config::read::Reader;
use crate::decide::{AlertKind, Reason, Verdict};
use crate::dossier::Dossier;
use crate::source::client::Client;

const LANGUAGES: [(Language, &str); 2] = [(Language::Dutch, "nl"), (Language::English, "en")];

fn golden(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/fixtures/alert");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(check);
}

fn kind_of(name: &str) -> AlertKind {
    if name == "recurrence" { AlertKind::Recurrence } else { AlertKind::Complaint }
}

#[test]
fn the_plain_text_in_both_languages_is_what_we_agreed_on() {
    for (name, dossier) in samples::all() {
        for (language, short) in LANGUAGES {
            let alert = wording::alert(&letter(&dossier, kind_of(name), language));
            let text = format!("{}\n\n{}", alert.subject, plain::render(&alert));
            golden(|| insta::assert_snapshot!(format!("{name}.{short}.txt"), text));
        }
    }
}

#[test]
fn the_html_is_what_we_agreed_on() {
    for (name, dossier) in samples::all() {
        let alert = wording::alert(&letter(&dossier, kind_of(name), Language::Dutch));
        golden(|| insta::assert_snapshot!(format!("{name}.nl.html"), html::render(&alert)));
    }
}

#[test]
fn the_customers_words_come_first_and_whole() {
    let mut dossier = samples::celebrity();
    dossier.mention.mention.text = "woord & <wóórd>\n".repeat(3_000).trim_end().to_owned();
    let alert = wording::alert(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    assert_eq!(alert.sections[0].name, SectionName::Words);
    assert_eq!(alert.sections[0].parts, [Part::Words(dossier.mention.mention.text.clone())]);
    assert_eq!(plain::render(&alert).matches("> woord & <wóórd>").count(), 3_000);
    assert_eq!(html::render(&alert).matches("wóórd&#62;").count(), 3_000);
    for config in [
        "kind = 'slack'",
        "kind = 'slack'\nformat = 'mattermost'",
        "kind = 'webhook'\nsecret = 'whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0'",
    ] {
        let composed = channel(config).compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
        assert_eq!(composed.matches("wóórd").count(), 3_000, "{config}");
    }
}

#[test]
fn every_section_is_in_every_channel() {
    let dossier = samples::celebrity();
    for (language, _) in LANGUAGES {
        let letter = letter(&dossier, AlertKind::Complaint, language);
        let alert = wording::alert(&letter);
        let names: Vec<SectionName> = alert.sections.iter().map(|section| section.name).collect();
        assert_eq!(names, SectionName::ALL, "the sample fills every section, in their order");
        let renderings = BTreeMap::from([
            ("plain", plain::render(&alert)),
            ("html", html::render(&alert)),
            ("slack", chat_text(&channel("kind = 'slack'").compose(&letter))),
            ("mattermost", chat_text(&channel("kind = 'slack'\nformat = 'mattermost'").compose(&letter))),
            (
                "webhook",
                chat_text(
                    &channel("kind = 'webhook'\nsecret = 'whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0'")
                        .compose(&letter),
                ),
            ),
        ]);
        for (channel, rendering) in renderings {
            let rendering = letters_of(&rendering);
            for section in &alert.sections {
                for part in &section.parts {
                    let said = match part {
                        Part::Words(words) | Part::Quote(words) => words.lines().next().unwrap().to_owned(),
                        Part::Strong(phrase)
                        | Part::Line(phrase)
                        | Part::Small(phrase)
                        | Part::Pair(_, phrase) => phrase.text(),
                        Part::Link(_, url) => url.clone(),
                    };
                    assert!(
                        rendering.contains(&letters_of(&said)),
                        "{:?} says {said:?} in {channel}",
                        section.name
                    );
                }
            }
        }
    }
}

#[test]
fn a_link_only_receiver_gets_no_words_and_no_name() {
    let dossier = samples::celebrity();
    let secret = ["Terlinden", "terlinden", "ladder", "glasvezel", "maandag voor", "Goedemorgen", "K-20031"];
    for (language, _) in LANGUAGES {
        let letter = Letter { link_only: true, ..letter(&dossier, AlertKind::Complaint, language) };
        for (channel, rendering) in everywhere(&letter) {
            for word in secret {
                // The title of the problem is staff's own.
                let rendering = rendering.replace("Glasvezel aangesloten, geen signaal in de kast", "");
                assert!(!rendering.contains(word), "{word} in {channel}: {rendering}");
            }
            assert!(rendering.contains(&format!("{PAGE}/cases/12")), "{channel} links to the case");
        }
    }
}

#[test]
fn a_post_that_was_removed_is_said_to_be_removed_and_shown_no_more() {
    let mut dossier = samples::celebrity();
    dossier.mention.removed_at = Some(samples::at("2026-11-24T10:20:00Z"));
    for (channel, rendering) in everywhere(&letter(&dossier, AlertKind::Complaint, Language::Dutch)) {
        assert!(!rendering.contains("ladder") && !rendering.contains("Bram"), "{channel}");
    }
    let alert = wording::alert(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
    assert!(plain::render(&alert).starts_with(
        "IN EIGEN WOORDEN\nDit bericht is bij de bron verwijderd (dinsdag 24 november 2026, 11:20)."
    ));
}

#[test]
fn subjects_say_what_it_is_before_it_is_opened() {
    let celebrity = samples::celebrity();
    let subject = |kind, language| wording::alert(&letter(&celebrity, kind, language)).subject;
    for (kind, dutch, english) in [
        (
            AlertKind::Complaint,
            "[gehoord 12] Bekend sinds 42 dagen · 40.000 volgers · ticket 18312",
            "[gehoord 12] Known for 42 days · 40,000 followers · ticket 18312",
        ),
        (
            AlertKind::Worse,
            "[gehoord 12] Erger geworden · Bekend sinds 42 dagen · 40.000 volgers · ticket 18312",
            "[gehoord 12] Got worse · Known for 42 days · 40,000 followers · ticket 18312",
        ),
        (
            AlertKind::More,
            "[gehoord 12] Opnieuw · Bekend sinds 42 dagen · 40.000 volgers · ticket 18312",
            "[gehoord 12] Again · Known for 42 days · 40,000 followers · ticket 18312",
        ),
        (
            AlertKind::NotUnderstood,
            "[gehoord 12] Niet begrepen · Bekend sinds 42 dagen · 40.000 volgers · ticket 18312",
            "[gehoord 12] Not understood · Known for 42 days · 40,000 followers · ticket 18312",
        ),
        (
            AlertKind::KnownAfterAll,
            "[gehoord 12] Toch bekend, sinds 42 dagen · 40.000 volgers · ticket 18312",
            "[gehoord 12] Known after all, for 42 days · 40,000 followers · ticket 18312",
        ),
    ] {
        assert_eq!(subject(kind, Language::Dutch), dutch);
        assert_eq!(subject(kind, Language::English), english);
    }
    let back = samples::recurrence();
    let back = wording::alert(&letter(&back, AlertKind::Recurrence, Language::Dutch));
    assert_eq!(
        back.subject,
        "[gehoord 14] Terug: de oplossing hield 9 dagen · Misschien bekend · probleem P-77"
    );
}

#[test]
fn a_subject_is_one_short_line_whatever_the_register_holds() {
    let dossier = samples::hostile();
    for (language, _) in LANGUAGES {
        let subject = wording::alert(&letter(&dossier, AlertKind::Worse, language)).subject;
        assert!(subject.chars().count() <= 150 && !subject.chars().any(char::is_control), "{subject:?}");
    }
}

#[test]
fn the_verdict_is_said_in_words_for_every_verdict() {
    for (verdict, age, words) in [
        (Verdict::Known, Some(720), "Bekend."),
        (Verdict::Perhaps, Some(720), "Misschien bekend. Wil jij even kijken of dat klopt?"),
        (Verdict::New, Some(720), "Niet bekend in het register (stand van 11:02)."),
        (
            Verdict::New,
            Some(90_000),
            "Niet bekend in het register (stand van maandag 23 november 2026, 10:14).",
        ),
        (Verdict::New, None, "Niet bekend; er is geen register waarin we konden kijken."),
        (
            Verdict::Unread,
            None,
            "Het register is nog niet helemaal gelezen, dus of dit bekend is weten we nog niet.",
        ),
        (Verdict::None, Some(720), "Dat is hier de vraag niet: niemand wacht op een oplossing."),
    ] {
        let mut dossier = samples::newcomer();
        dossier.verdict = verdict;
        dossier.register_age = age.map(std::time::Duration::from_secs);
        let alert = wording::alert(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
        let section = alert.sections.iter().find(|section| section.name == SectionName::Verdict).unwrap();
        let Part::Strong(phrase) = &section.parts[0] else { panic!("the verdict is not to be missed") };
        assert_eq!(phrase.text(), words);
    }
}

#[test]
fn html_of_a_hostile_post_holds_only_our_own_tags_and_links() {
    let dossier = samples::hostile();
    let page = html::render(&wording::alert(&letter(&dossier, AlertKind::Complaint, Language::Dutch)));
    let tags = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "p",
        "h2",
        "blockquote",
        "bdi",
        "span",
        "a",
        "br",
    ];
    for piece in page.split('<').skip(1) {
        let name =
            piece.trim_start_matches(['/', '!']).split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        assert!(tags.contains(&name) || piece.starts_with("!doctype"), "<{piece}");
        assert!(!piece.split('>').next().unwrap().contains(" on"), "an event handler in <{piece}");
    }
    for link in page.split("href=\"").skip(1) {
        assert!(link.starts_with(PAGE), "{link}");
    }
    assert!(!include_str!("templates/alert.html").contains("safe"), "nothing is shown unescaped");
    for remote in ["src=", "url(", "@import", "<link", "background=\""] {
        assert!(!page.contains(remote) || remote == "src=" && page.contains("&#60;img src=x"), "{remote}");
    }
}

#[test]
fn what_only_a_person_can_do_is_said_once_in_every_channel() {
    let by_hand = Reason::TicketByHand { register: "archief".into() };
    let dossier = Dossier { reasons: vec![by_hand; 2], problem: None, ..samples::celebrity() };
    for (language, words) in [
        (Language::Dutch, "Dat kunnen we alleen lezen: noteer zelf bij het ticket"),
        (Language::English, "We can only read that: note on the ticket yourself"),
    ] {
        let letter = letter(&dossier, AlertKind::Complaint, language);
        assert_eq!(plain::render(&wording::alert(&letter)).matches(words).count(), 1);
        // A line of the log names the case only.
        for (channel, text) in everywhere(&letter).into_iter().filter(|(channel, _)| *channel != "log") {
            assert!(text.contains(words) && text.contains("archief"), "{channel}: {text}");
        }
    }
}

#[test]
fn all_kinds_of_channels_are_read_and_checked() {
    let table = toml::from_str(
        "[[receiver]]\nname = 'a'\nkind = 'email'\nhost = 'mail.veldnet.example'\nfrom = 'Gehoord <gehoord@veldnet.example>'\n\
         to = ['desk@veldnet.example']\nuser = 'u'\npassword = 'p'\n\
         [[receiver]]\nname = 'b'\nkind = 'webhook'\nurl = 'https://hooks.veldnet.example/x'\n\
         secret = 'whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0'\n\
         [[receiver]]\nname = 'c'\nkind = 'slack'\nurl = 'https://hooks.chat.example/services/T/B/x'\n\
         [[receiver]]\nname = 'd'\nkind = 'log'\n",
    )
    .unwrap();
    let mut reader = Reader::new(table, Default::default());
    let receivers = read_receivers(&mut reader);
    assert_eq!(reader.finish(), Vec::<String>::new());
    assert_eq!(receivers.len(), 4);
    let client = Client::new().unwrap();
    for receiver in receivers {
        assert_eq!(receiver.validate(), Vec::<String>::new(), "{}", receiver.name);
        AnyChannel::build(&receiver.channel, &client, &Clock::System).unwrap();
    }
}

#[test]
fn addresses_that_would_show_words_to_others_are_refused() {
    for (url, complaint) in [
        ("http://hooks.veldnet.example/x", "in the clear"),
        ("https://user:pw@hooks.veldnet.example/x", "user name"),
        ("hooks.veldnet.example", "no address"),
    ] {
        let errors = super::validate_url("url", url);
        assert!(
            errors.len() == 1 && errors[0].starts_with("url: ") && errors[0].contains(complaint),
            "{errors:?}"
        );
    }
    for url in
        ["https://hooks.veldnet.example/x", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/"]
    {
        assert_eq!(super::validate_url("url", url), Vec::<String>::new());
    }
}

/// Writes what a person would get, so that a person can look at it: `GEHOORD_TEST_SAMPLES=DIR cargo test samples_to_look_at`.
#[test]
fn samples_to_look_at() {
    let Ok(folder) = std::env::var("GEHOORD_TEST_SAMPLES") else { return };
    for (name, dossier) in samples::all() {
        for (language, short) in LANGUAGES {
            let alert: Alert = wording::alert(&letter(&dossier, kind_of(name), language));
            std::fs::write(format!("{folder}/{name}.{short}.html"), html::render(&alert)).unwrap();
            std::fs::write(format!("{folder}/{name}.{short}.txt"), plain::render(&alert)).unwrap();
        }
    }
}

/// Every rendering of a letter as text.
fn everywhere(letter: &Letter) -> BTreeMap<&'static str, String> {
    let alert = wording::alert(letter);
    BTreeMap::from([
        ("subject and plain", format!("{}\n{}", alert.subject, plain::render(&alert))),
        ("html", html::render(&alert)),
        ("slack", channel("kind = 'slack'").compose(letter)),
        (
            "mattermost",
            channel("kind = 'slack'\nformat = 'mattermost'").compose(letter).replace(['\\', '\u{200B}'], ""),
        ),
        (
            "webhook",
            channel("kind = 'webhook'\nsecret = 'whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0'")
                .compose(letter),
        ),
        ("log", channel("kind = 'log'").compose(letter)),
    ])
}

fn channel(settings: &str) -> AnyChannel {
    let clock = Clock::test(samples::at("2026-11-24T10:15:00Z"));
    AnyChannel::build(&config(settings), &Client::new().unwrap(), &clock).unwrap()
}

fn config(settings: &str) -> ChannelConfig {
    let has_url = !settings.contains("'log'") && !settings.contains("'email'");
    let url = if has_url { "url = 'https://hooks.example/x'\n" } else { "" };
    let table = toml::from_str(&format!("[[receiver]]\nname = 'x'\n{url}{settings}")).unwrap();
    let mut reader = Reader::new(table, Default::default());
    let config: ChannelConfig = read_receivers(&mut reader).remove(0).channel;
    assert_eq!(reader.finish(), Vec::<String>::new());
    config
}

/// All strings of a JSON document.
fn chat_text(json: &str) -> String {
    fn strings(value: &serde_json::Value, text: &mut String) {
        match value {
            serde_json::Value::String(string) => {
                text.push_str(string);
                text.push('\n');
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| strings(value, text)),
            serde_json::Value::Object(map) => map.values().for_each(|value| strings(value, text)),
            _ => {}
        }
    }
    let mut text = String::new();
    strings(&serde_json::from_str(json).unwrap(), &mut text);
    text
}

/// The letters and digits only: renderings differ in quotes, escapes and tags, not in what they say.
fn letters_of(text: &str) -> String {
    let text = text.replace("<bdi>", "").replace("</bdi>", "");
    let text = text
        .replace("&#38;", "")
        .replace("&amp;", "")
        .replace("&#60;", "")
        .replace("&#62;", "")
        .replace("&#34;", "")
        .replace("&#39;", "");
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[test]
fn the_key_is_in_every_alert() {
    let dossier = samples::newcomer();
    for (channel, rendering) in everywhere(&letter(&dossier, AlertKind::Complaint, Language::English)) {
        assert!(rendering.contains(KEY), "{channel}");
    }
}

#[test]
fn a_notice_says_what_is_the_matter_and_where_to_look_in_every_channel() {
    let given_up = |target: &str, count| Notice::GivenUp { target: target.to_owned(), count };
    let silent = Notice::Silent { source: "forum".to_owned(), since: samples::at("2026-11-22T09:00:00Z") };
    for (notice, language, subject, link) in [
        (given_up("crm:desk", 3), Language::Dutch, "3 opdrachten voor het CRM desk opgegeven", "/outbox"),
        (given_up("crm:", 1), Language::Dutch, "1 opdracht voor het CRM opgegeven", "/outbox"),
        (given_up("channel:ploeg", 1), Language::English, "1 message to ploeg given up", "/outbox"),
        (given_up("channel:ploeg", 1200), Language::Dutch, "1.200 berichten aan ploeg opgegeven", "/outbox"),
        (silent.clone(), Language::Dutch, "Bron forum geeft alleen nog lege lijsten", "/sources"),
        (silent, Language::English, "Source forum answers with empty lists only", "/sources"),
    ] {
        let now = samples::at("2026-11-24T10:15:00Z");
        let letter = NoticeLetter { key: KEY, notice: &notice, language, page_url: PAGE, now };
        assert_eq!(wording::notice(&letter).subject, format!("[gehoord] {subject}"));
        let email = "kind = 'email'\nhost = 'localhost'\nsecurity = 'none'\nfrom = 'desk@voorbeeld.example'\nto = ['ploeg@voorbeeld.example']";
        for settings in [
            email,
            "kind = 'slack'",
            "kind = 'slack'\nformat = 'mattermost'",
            "kind = 'webhook'\nsecret = 'whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0'",
        ] {
            let composed = chat_text(&channel(settings).compose_notice(&letter)).replace("=\r\n", "");
            for said in [subject, &format!("{PAGE}{link}")] {
                let said = letters_of(said);
                assert!(letters_of(&composed).contains(&said), "{said} in {settings}: {composed}");
            }
        }
        let line = channel("kind = 'log'").compose_notice(&letter);
        assert!(line.contains(subject) && line.contains(KEY), "{line}");
    }
}

#[test]
fn channels_that_fail_together_have_the_same_peer() {
    let peer = |settings: &str| config(settings).peer();
    let email = |host: &str, port: &str| {
        peer(&format!("kind = 'email'\nhost = '{host}'\n{port}\nfrom = 'a@b.example'\nto = ['c@b.example']"))
    };
    assert_eq!(email("mail.example", ""), email("mail.example", "port = 587"));
    assert_ne!(email("mail.example", ""), email("other.example", ""));
    let slack = peer("kind = 'slack'");
    assert!(slack.as_ref().is_some_and(|peer| !peer.contains("/x")), "the token is no part of it: {slack:?}");
    assert_ne!(peer("kind = 'log'\npath = 'a'"), peer("kind = 'log'\npath = 'b'"));
    assert_eq!(peer("kind = 'log'"), None, "nobody reads that");
}
