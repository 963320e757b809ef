//! Where an answer may lead us: nowhere that only content knows and that is not public.

use gehoord::failure::{Disposition, FailureKind};

use super::kinds::{APP_STORE, KINDS, RSS};
use super::server::{Answer, Server};
use super::{ask, built, nothing_wrong};

/// Places to which content must never lead us. `PORT` is that of the trap.
fn traps(port: u16) -> Vec<String> {
    [
        "http://127.0.0.1:PORT/x",
        "http://localhost:PORT/x",
        "http://localhost./x",
        "http://[::1]:PORT/x",
        "http://0.0.0.0:PORT/x",
        "http://2130706433:PORT/x",
        "http://0x7f.1:PORT/x",
        "http://0177.0.0.1:PORT/x",
        "http://127.1:PORT/x",
        "http://[::ffff:127.0.0.1]:PORT/x",
        "//localhost:PORT/x",
        "http://user:pw@localhost:PORT/x",
        "http://localhost/x",
        "http://127.0.0.1/x",
        "https://localhost/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254:80/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://10.0.0.1/x",
        "http://192.168.1.1/x",
        "http://100.64.0.1/x",
        "https://127.0.0.1:PORT/x",
        "ftp://localhost:PORT/x",
        "file:///etc/passwd",
        "gopher://localhost:PORT/x",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
        "http://",
        "http://:80/",
        "\\\\localhost\\x",
        "http://localhost%00.example/x",
    ]
    .map(|target| target.replace("PORT", &port.to_string()))
    .to_vec()
}

#[tokio::test]
async fn f39_redirects_lead_to_no_place_that_is_not_public() {
    let trap = Server::start(|_| Answer::json("{}")).await;
    // Where this machine lets us, also on the port that content may name.
    let usual_port = Server::start_at("127.0.0.1:80", |_| Answer::json("{}")).await;
    if usual_port.is_err() {
        eprintln!(
            "SKIPPED: port 80 cannot be opened here, so the address check is tried on other ports only"
        );
    }
    let mut complaints = Vec::new();
    for kind in KINDS {
        for target in traps(trap.port) {
            // Where nothing is followed at all, one status tells.
            let follows = [RSS.name, APP_STORE.name].contains(&kind.name);
            for status in if follows { &[301, 303, 308][..] } else { &[302][..] }.iter().copied() {
                let location = target.clone();
                let server = Server::start(move |request| match kind.is_list(request) {
                    true => Answer::new(status).header("Location", location.clone()),
                    false => kind.aside(request),
                })
                .await;
                let outcome = ask(&built(&(kind.config)(&server.url))).await;
                let is_refused = outcome.as_ref().is_err_and(|failure| {
                    matches!(
                        failure.kind,
                        FailureKind::Blocked | FailureKind::Unreachable | FailureKind::NotFound
                    )
                });
                if !is_refused {
                    complaints.push(format!("{} {status} {target}: {outcome:?}", kind.name));
                }
            }
        }
    }
    assert_eq!(trap.connections(), 0, "the trap was reached");
    assert_eq!(usual_port.map_or(0, |trap| trap.connections()), 0, "port 80 was reached");
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f39_a_chain_of_redirects_is_cut_and_a_short_one_is_followed() {
    for kind in [RSS, APP_STORE] {
        for (hops, is_followed) in [(1, true), (3, true), (4, false), (30, false)] {
            let server = Server::start(move |request| {
                let hop: u32 = request.query("hop").and_then(|hop| hop.parse().ok()).unwrap_or(0);
                match hop < hops {
                    true => Answer::new(302).header("Location", format!("/elders?hop={}", hop + 1)),
                    false => Answer::json(kind.page_of(1..=3)),
                }
            })
            .await;
            let outcome = ask(&built(&(kind.config)(&server.url))).await;
            assert_eq!(outcome.is_ok(), is_followed, "{} {hops}: {outcome:?}", kind.name);
            assert!(server.take_requests().len() <= 4, "{} {hops}", kind.name);
        }
    }
}

/// Interfaces with a login have no reason to redirect; a token that follows one may end with a stranger.
#[tokio::test]
async fn f39_an_interface_with_a_login_is_not_followed_anywhere() {
    for kind in KINDS.into_iter().filter(|kind| ![RSS.name, APP_STORE.name].contains(&kind.name)) {
        let server = Server::start(move |request| match kind.is_list(request) {
            true if !request.target.contains("elders") => Answer::new(302).header("Location", "/elders"),
            true => Answer::json(kind.page_of(1..=3)),
            false => kind.aside(request),
        })
        .await;
        let failure = ask(&built(&(kind.config)(&server.url))).await.unwrap_err();
        assert_eq!(failure.kind.disposition(), Disposition::Suspend, "{}: {failure}", kind.name);
        assert!(
            server.take_requests().iter().all(|request| !request.target.contains("elders")),
            "{}",
            kind.name
        );
    }
}

/// A redirect that never ends in a page is no page, and one without a place is none either.
#[tokio::test]
async fn f39_redirects_to_nowhere_are_failures() {
    for location in [None, Some(""), Some("/feed"), Some("\u{1}"), Some("?"), Some("#x")] {
        let server = Server::start(move |_| match location {
            None => Answer::new(301),
            Some(location) => Answer::new(301).header("Location", location),
        })
        .await;
        assert!(ask(&built(&(RSS.config)(&server.url))).await.is_err(), "{location:?}");
        assert!(server.take_requests().len() <= 4);
    }
}
