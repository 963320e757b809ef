//! Messages within the services' limits, inert, and answers that are believed only when they say ok.

use serde_json::{Value, json};

use super::{Config, Format, Slack, blocks, build, understood};
use crate::alert::peer::Peer;
use crate::alert::samples::{self, KEY, letter};
use crate::alert::{Channel, Letter};
use crate::config::Language;
use crate::config::secret::Secret;
use crate::decide::AlertKind;
use crate::dossier::Dossier;
use crate::failure::FailureKind;
use crate::source::client::Client;

fn channel(url: &str, format: Format) -> Slack {
    let config = Config { url: Secret::new(url), format };
    assert_eq!(config.validate(), Vec::<String>::new());
    build(config, Client::new().unwrap())
}

fn messages(dossier: &Dossier, format: Format) -> Vec<Value> {
    let letter = letter(dossier, AlertKind::Complaint, Language::Dutch);
    let composed: Value =
        serde_json::from_str(&channel("https://hooks.chat.example/x", format).compose(&letter)).unwrap();
    composed["messages"].as_array().unwrap().clone()
}

fn long() -> Dossier {
    let mut dossier = samples::hostile();
    dossier.mention.mention.title = None;
    dossier.mention.mention.text =
        format!("{}\n{}", "Wéér <niet> & nooit. ".repeat(1_500), "é".repeat(15_000));
    dossier
}

#[test]
fn messages_keep_within_the_limits_of_slack() {
    for dossier in
        [samples::celebrity(), samples::newcomer(), samples::recurrence(), samples::hostile(), long()]
    {
        for message in messages(&dossier, Format::Slack) {
            let blocks = message["blocks"].as_array().unwrap();
            assert!((1..=50).contains(&blocks.len()));
            let mut whole = 0;
            for block in blocks {
                let text = block["text"]["text"].as_str().unwrap();
                let limit = if block["type"] == "header" { 150 } else { 3_000 };
                let length =
                    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").chars().count();
                let length = if block["text"]["type"] == "mrkdwn" { text.chars().count() } else { length };
                assert!((1..=limit).contains(&length), "{length}");
                whole += length;
            }
            assert!(whole <= 12_000, "{whole}");
        }
    }
    assert_eq!(messages(&samples::celebrity(), Format::Slack).len(), 1);
}

#[test]
fn long_words_are_split_and_stay_whole() {
    let dossier = long();
    let sent = messages(&dossier, Format::Slack);
    assert!(sent.len() > 3);
    let plain: String = sent
        .iter()
        .flat_map(|message| message["blocks"].as_array().unwrap())
        .filter(|block| block["type"] == "section" && block["text"]["type"] == "plain_text")
        .map(|block| block["text"]["text"].as_str().unwrap())
        .collect();
    assert!(plain.starts_with(&dossier.mention.mention.text));

    let sent = messages(&dossier, Format::Mattermost);
    let lengths: Vec<usize> =
        sent.iter().map(|message| message["text"].as_str().unwrap().chars().count()).collect();
    assert!(lengths.iter().all(|length| *length <= 16_383), "{lengths:?}");
    let text: String = sent.iter().map(|message| message["text"].as_str().unwrap()).collect();
    let bare = |text: &str| text.replace("> ", "").replace(['\\', '\u{200B}', '\n', '>', ' '], "");
    assert!(bare(&text).contains(&bare(&dossier.mention.mention.text)));
}

#[test]
fn pieces_together_are_the_text() {
    for text in ["", "a", "aa bb cc", "ééééé", "<<<<<", "&\n&\n&", "a\u{301}\u{301}b"] {
        for characters_max in [1, 3, 5, 100] {
            assert_eq!(blocks::pieces(text, characters_max).concat(), text);
        }
    }
    assert_eq!(blocks::pieces("aa bb cc", 6), ["aa bb ", "cc"]);
}

#[test]
fn nothing_a_stranger_writes_takes_effect_in_slack() {
    for message in messages(&samples::hostile(), Format::Slack) {
        for block in message["blocks"].as_array().unwrap() {
            if block["text"]["type"] == "plain_text" {
                continue;
            }
            assert_eq!(block["text"]["verbatim"], true);
            let text = block["text"]["text"].as_str().unwrap();
            for piece in text.split('<').skip(1) {
                assert!(
                    piece.starts_with("https://gehoord.veldnet.example/cases/"),
                    "only our own link: <{piece}"
                );
            }
        }
        assert!(!message["text"].as_str().unwrap().contains(['<', '>']));
        assert_eq!((&message["unfurl_links"], &message["unfurl_media"]), (&json!(false), &json!(false)));
    }
}

#[test]
fn nothing_a_stranger_writes_takes_effect_in_mattermost() {
    for message in messages(&samples::hostile(), Format::Mattermost) {
        let text = message["text"].as_str().unwrap();
        for effect in ["<!channel>", "<@U123>", "<http", "@channel", "@all", "@eve"] {
            assert!(!text.contains(effect), "{effect}");
        }
        let signs: Vec<char> = text.chars().collect();
        let bare = |sign: char| signs.windows(2).filter(|pair| pair[1] == sign && pair[0] != '\\').count();
        assert_eq!((bare('`'), bare('~'), bare('|')), (0, 0, 0));
    }
}

#[tokio::test]
async fn ok_is_a_yes_and_everything_else_is_not() {
    for (status, body, kind) in [
        (200, "ok", None),
        (200, " OK\n", None),
        (200, "{\"ok\":true}", None),
        (200, "{\"ok\":false,\"error\":\"channel_not_found\"}", Some(FailureKind::Refused)),
        (200, "{\"ok\":false,\"error\":\"invalid_auth\"}", Some(FailureKind::BadCredentials)),
        (200, "{\"ok\":false,\"error\":\"ratelimited\"}", Some(FailureKind::RateLimited)),
        (200, "{\"ok\":false}", Some(FailureKind::Refused)),
        (200, "<html>please log in</html>", Some(FailureKind::Malformed)),
        (200, "", Some(FailureKind::Malformed)),
        (400, "invalid_payload", Some(FailureKind::Refused)),
        (403, "action_prohibited", Some(FailureKind::BadCredentials)),
        (404, "no_service", Some(FailureKind::NotFound)),
        (429, "", Some(FailureKind::RateLimited)),
        (500, "", Some(FailureKind::Unavailable)),
    ] {
        let (peer, url) = Peer::serve(&[(status, body)]).await;
        let dossier = samples::newcomer();
        let slack = channel(&url, Format::Slack);
        let composed = slack.compose(&letter(&dossier, AlertKind::Complaint, Language::Dutch));
        let result = slack.deliver(&composed, KEY).await;
        assert_eq!(result.as_ref().err().map(|failure| failure.kind), kind, "{status} {body:?}: {result:?}");
        if let Err(failure) = result {
            assert!(!failure.message.contains("/hook"), "the address is the secret: {failure}");
        }
        assert_eq!(peer.received().len(), 1);
    }
}

#[test]
fn an_error_word_of_the_service_is_quoted_without_surprises() {
    let failure = understood(200, "{\"ok\":false,\"error\":\"<b>\\u001b[31m Jan\"}").unwrap_err();
    assert_eq!(failure.message, "the chat service answered HTTP 200 with the error \"b31mJan\"");
}

#[tokio::test]
async fn a_retry_goes_on_where_the_last_attempt_ended() {
    let dossier = long();
    let count = messages(&dossier, Format::Slack).len();
    let (peer, url) = Peer::serve(&[(200, "ok"), (200, "ok"), (500, ""), (200, "ok")]).await;
    let slack = channel(&url, Format::Slack);
    let letter: Letter = letter(&dossier, AlertKind::Complaint, Language::Dutch);
    let composed = slack.compose(&letter);
    assert_eq!(slack.deliver(&composed, KEY).await.unwrap_err().kind, FailureKind::Unavailable);
    assert_eq!(slack.deliver(&composed, KEY).await.unwrap(), format!("ok, in {count} message(s)"));
    let mut bodies: Vec<Vec<u8>> = peer.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), count + 1, "only the message that failed was sent twice");
    assert_eq!(bodies[2], bodies[3]);
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), count);
}

#[tokio::test]
async fn a_check_posts_no_text() {
    let (peer, url) = Peer::serve(&[(400, "no_text"), (404, "no_service")]).await;
    let slack = channel(&url, Format::Slack);
    assert_eq!(slack.check().await.unwrap(), "the webhook is there and takes messages");
    assert_eq!(slack.check().await.unwrap_err().kind, FailureKind::NotFound);
    assert!(peer.received().iter().all(|request| request.body == b"{}"));
}
