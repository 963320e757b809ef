//! What an answer that is no page means: by status, and by a body that only looks like one.

use std::time::Duration;

use gehoord::failure::{Disposition, FailureKind};

use super::kinds::{BLUESKY, KINDS, Kind, TRUSTPILOT};
use super::server::{Answer, Recorded, Server};
use super::{Logs, Rig, ask, built_with, client, nothing_wrong};
use crate::support::sqlite;

/// A server of one kind that answers its lists with `answer`, and everything else well.
async fn serving(kind: Kind, answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |request| if kind.is_list(request) { answer(request) } else { kind.aside(request) })
        .await
}

fn expected(status: u16) -> (FailureKind, Disposition) {
    match status {
        400 => (FailureKind::Refused, Disposition::GiveUp),
        401..=403 => (FailureKind::BadCredentials, Disposition::Suspend),
        404 | 451 => (FailureKind::NotFound, Disposition::GiveUp),
        410 => (FailureKind::Gone, Disposition::GiveUp),
        429 => (FailureKind::RateLimited, Disposition::Retry),
        _ => (FailureKind::Unavailable, Disposition::Retry),
    }
}

#[tokio::test]
async fn f33_every_status_has_one_meaning_in_every_kind() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        for status in [400, 401, 402, 403, 404, 408, 410, 429, 451, 500, 502, 503, 504] {
            let server = serving(kind, move |_| Answer::new(status)).await;
            let outcome = ask(&built_with(&(kind.config)(&server.url), &client())).await;
            let (wanted, disposition) = expected(status);
            match outcome {
                Err(failure) => {
                    if failure.kind != wanted || failure.kind.disposition() != disposition {
                        complaints.push(format!("{} {status}: {failure:?}", kind.name));
                    }
                    if !failure.message.contains(&status.to_string()) {
                        complaints
                            .push(format!("{} {status}: the message does not say it: {failure}", kind.name));
                    }
                }
                // One query that is not taken must not silence the others, so it is a hole rather than a failure.
                Ok(page) if kind.name == BLUESKY.name && status == 400 => {
                    assert!(page.missed.is_some() && page.items.is_empty());
                }
                Ok(page) => complaints.push(format!("{} {status}: taken for a page: {page:?}", kind.name)),
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f32_a_waiting_hint_is_honoured_up_to_a_day_and_nonsense_is_the_default() {
    let day = Duration::from_secs(86_400);
    let hints = [
        ("1", Duration::from_secs(1)..=Duration::from_secs(1)),
        ("86400", day..=day),
        ("31536000", day..=day),
        ("18446744073709551615", day..=day),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Duration::ZERO..=Duration::ZERO),
        ("Tue, 31 Dec 2199 23:59:59 GMT", day..=day),
        ("-5", Duration::from_secs(60)..=Duration::from_secs(60)),
        ("1e3", Duration::from_secs(60)..=Duration::from_secs(60)),
        ("bientôt", Duration::from_secs(60)..=Duration::from_secs(60)),
        ("", Duration::from_secs(60)..=Duration::from_secs(60)),
    ];
    let mut complaints = Vec::new();
    for kind in KINDS {
        for (hint, wanted) in hints.clone() {
            let server = serving(kind, move |_| Answer::new(429).header("Retry-After", hint)).await;
            let source = built_with(&(kind.config)(&server.url), &client());
            let failure = ask(&source).await.unwrap_err();
            if !failure.retry_after.is_some_and(|wait| wanted.contains(&wait)) {
                complaints.push(format!("{} {hint:?}: {:?}", kind.name, failure.retry_after));
            }
            let asked = server.take_requests().len();
            if !wanted.start().is_zero() {
                let again = ask(&source).await.unwrap_err();
                if again.kind != FailureKind::RateLimited || !server.take_requests().is_empty() {
                    complaints
                        .push(format!("{}: asked again although told to wait ({asked} before)", kind.name));
                }
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f32_a_hint_moves_the_next_poll_and_absurd_ones_do_not_break_the_plan() {
    for (status, hint, at_least) in
        [(429, "7200", 7200), (503, "7200", 7200), (503, "18446744073709551615", 86_400), (429, "1", 60)]
    {
        let kind = TRUSTPILOT;
        let server = serving(kind, move |_| Answer::new(status).header("Retry-After", hint)).await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
        let state = rig.state("bron").await;
        let wait = state.next_at.as_second() - rig.test.clock.now().as_second();
        assert!((at_least..=86_400).contains(&wait), "{status} {hint}: {wait} s");
    }
}

/// Answers that carry no page although nothing refuses.
fn non_pages() -> Vec<(&'static str, Answer)> {
    let login =
        "<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Wachtwoord</form></body></html>";
    vec![
        ("204", Answer::new(204)),
        ("200 without a body", Answer::new(200)),
        ("200 with blanks", Answer::new(200).body("\r\n \n")),
        ("a login page", Answer::new(200).header("Content-Type", "text/html").body(login)),
        ("a captcha that calls itself JSON", Answer::json(login)),
        ("304 without validators", Answer::new(304)),
        ("null", Answer::json("null")),
        ("an error under 200", Answer::json(r#"{"error":"invalid_token","message":"x"}"#)),
        ("a list of errors under 200", Answer::json(r#"{"errors":[{"code":32,"message":"x"}]}"#)),
        ("another object", Answer::json(r#"{"status":"maintenance"}"#)),
    ]
}

#[tokio::test]
async fn f34_an_answer_without_a_page_is_never_taken_for_no_news() {
    let mut cases = Vec::new();
    for kind in KINDS {
        for (at, (what, answer)) in non_pages().into_iter().enumerate() {
            let server = Server::start(move |request| kind.answer(request, 1..=3)).await;
            cases.push((format!("{}-{at}", kind.name), kind, what, answer, server));
        }
    }
    let sources = cases.iter().map(|(name, kind, _, _, server)| (name.clone(), (kind.config)(&server.url)));
    let rig = Rig::new(sqlite().await, sources.collect()).await;
    let mut complaints = Vec::new();
    for (name, kind, what, answer, server) in cases {
        for _ in 0..2 {
            rig.poll(&name).await.unwrap();
        }
        let before = rig.state(&name).await;
        assert_eq!((before.failures, rig.gaps(&name).await.len()), (0, 0), "{name}");
        server.set(move |request| match kind.is_list(request) {
            true => answer.clone(),
            false => kind.aside(request),
        });
        for _ in 0..3 {
            rig.poll(&name).await.unwrap();
        }
        let state = rig.state(&name).await;
        if state.failures == 0 && rig.gaps(&name).await.is_empty() {
            complaints.push(format!("{name}: {what}: nobody notices"));
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f33_a_source_that_needs_a_person_alarms_once_and_is_probed_slowly() {
    let mut cases = Vec::new();
    for kind in KINDS {
        for status in [401, 402, 403, 404, 410, 451, 500] {
            let server = Server::start(move |request| kind.answer(request, 1..=3)).await;
            cases.push((format!("{}-{status}", kind.name), kind, status, server));
        }
    }
    let sources = cases.iter().map(|(name, kind, _, server)| (name.clone(), (kind.config)(&server.url)));
    let rig = Rig::new(sqlite().await, sources.collect()).await;
    let mut complaints = Vec::new();
    for (name, kind, status, server) in cases {
        rig.poll(&name).await.unwrap();
        let position = rig.position(&name).await;
        server.set(move |request| match kind.is_list(request) {
            true => Answer::new(status),
            false => kind.aside(request),
        });
        let logs = Logs::capture(tracing::Level::INFO);
        for _ in 0..5 {
            rig.poll(&name).await.unwrap();
        }
        let alarms = logs.alarms();
        if alarms.len() != 1 {
            complaints.push(format!("{name}: {} alarms: {alarms:#?}", alarms.len()));
        }
        let state = rig.state(&name).await;
        let wait = state.next_at.as_second() - rig.test.clock.now().as_second();
        if expected(status).1 != Disposition::Retry && (!state.suspended || wait < 800) {
            complaints.push(format!("{name}: not probed slowly, again in {wait} s"));
        }
        if rig.position(&name).await != position {
            complaints.push(format!("{name}: the cursor moved"));
        }
    }
    nothing_wrong(complaints);
}

/// Sources that are several: one of them is refused, the others are heard, and there is one alarm.
#[tokio::test]
async fn f33_one_bad_part_of_a_source_alarms_once_and_the_others_are_heard() {
    use gehoord::config::secret::Secret;
    use gehoord::source::{self, SourceConfig};
    let mut complaints = Vec::new();
    for kind in KINDS
        .into_iter()
        .filter(|kind| ["rss", "bluesky", "trustpilot", "kiyoh", "app_store"].contains(&kind.name))
    {
        let server = Server::start(move |request| {
            match request.target.contains("kapot") || request.target.contains("/de/") {
                true if kind.name == "kiyoh" => Answer::new(403),
                true if kind.name == "bluesky" => Answer::new(400),
                true => Answer::new(404),
                false => kind.answer(request, 1..=3),
            }
        })
        .await;
        let config = match (kind.config)(&server.url) {
            SourceConfig::Rss(mut config) => {
                config.urls.insert(0, format!("{}/kapot", server.url));
                SourceConfig::Rss(config)
            }
            SourceConfig::Bluesky(mut config) => {
                config.search.insert(0, "kapot".into());
                SourceConfig::Bluesky(config)
            }
            SourceConfig::Trustpilot(mut config) => {
                config.business_units.insert(0, "kapot".into());
                SourceConfig::Trustpilot(config)
            }
            SourceConfig::Kiyoh(mut config) => {
                config
                    .locations
                    .insert(0, source::kiyoh::Location { id: "kapot".into(), token: Secret::new("x") });
                SourceConfig::Kiyoh(config)
            }
            SourceConfig::AppStore(mut config) => {
                config.countries.insert(0, "de".into());
                SourceConfig::AppStore(config)
            }
            other => other,
        };
        let rig = Rig::new(sqlite().await, vec![("bron".into(), config)]).await;
        let logs = Logs::capture(tracing::Level::INFO);
        let mut new = 0;
        for _ in 0..5 {
            new += rig.poll("bron").await.unwrap().new;
        }
        if new != 3 {
            complaints.push(format!("{}: {new} of 3 stored", kind.name));
        }
        let (alarms, gaps) = (logs.alarms(), rig.gaps("bron").await);
        if alarms.len() > 1 || gaps.len() > 1 {
            complaints.push(format!("{}: {} gaps, alarms: {alarms:#?}", kind.name, gaps.len()));
        }
    }
    nothing_wrong(complaints);
}
