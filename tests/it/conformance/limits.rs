//! Sizes, times and broken transfers: what is too much is cut, what is incomplete is no page.

use std::time::Duration;

use futures_util::future::join_all;
use gehoord::failure::FailureKind;
use gehoord::source::client::Request;

use super::kinds::{KINDS, Kind, RSS};
use super::server::{Answer, Server, Step, bomb, chunk, gzip};
use super::{Rig, ask, built, client, nothing_wrong};
use crate::support::sqlite;

const MIB: u64 = 1024 * 1024;

async fn serving(kind: Kind, answer: Answer) -> Server {
    Server::start(move |request| if kind.is_list(request) { answer.clone() } else { kind.aside(request) })
        .await
}

fn oversize() -> Vec<(&'static str, Answer)> {
    let mib = vec![b'x'; MIB as usize];
    let with_length = Answer::new(200).header("Content-Length", (100 * MIB).to_string());
    vec![
        ("100 MB with a length", with_length.steps(vec![Step::Repeat(mib.clone(), 100 * MIB)])),
        ("100 MB without a length", Answer::new(200).steps(vec![Step::Repeat(mib.clone(), 100 * MIB)])),
        (
            "chunks without end",
            Answer::new(200)
                .header("Transfer-Encoding", "chunked")
                .steps(vec![Step::Repeat(chunk(&mib), 100 * MIB)]),
        ),
        (
            "small chunks without end",
            Answer::new(200)
                .header("Transfer-Encoding", "chunked")
                .steps(vec![Step::Repeat(chunk(&[b'['; 100]).repeat(10_000), 100 * MIB)]),
        ),
    ]
}

#[tokio::test]
async fn f43_a_body_without_measure_is_cut() {
    let mut complaints = Vec::new();
    for (what, answer) in oversize() {
        for kind in KINDS {
            let server = serving(kind, answer.clone()).await;
            let failure = ask(&built(&(kind.config)(&server.url))).await.unwrap_err();
            // What the system's buffers take is not what we take.
            if failure.kind != FailureKind::TooLarge || server.bytes_sent() > 90 * MIB {
                complaints.push(format!("{}: {what}: {failure}; {} sent", kind.name, server.bytes_sent()));
            }
        }
    }
    nothing_wrong(complaints);
}

#[tokio::test]
async fn f44_compressed_bodies_are_unfolded_within_limits_and_only_as_asked() {
    let page = RSS.page_of(1..=3);
    let small_bomb = bomb(64);
    let cases = [
        ("gzip", gzip(page.as_bytes()), None),
        ("x-gzip", gzip(page.as_bytes()), None),
        ("gzip", small_bomb.clone(), Some(FailureKind::TooLarge)),
        ("gzip", gzip(&small_bomb), Some(FailureKind::Malformed)),
        ("gzip, gzip", gzip(&gzip(page.as_bytes())), Some(FailureKind::Malformed)),
        ("gzip", gzip(&gzip(page.as_bytes())), Some(FailureKind::Malformed)),
        ("gzip", gzip(page.as_bytes())[..60].to_vec(), Some(FailureKind::Malformed)),
        ("gzip", page.as_bytes().to_vec(), Some(FailureKind::Malformed)),
        ("gzip", Vec::new(), Some(FailureKind::Malformed)),
        ("br", page.as_bytes().to_vec(), Some(FailureKind::Malformed)),
        ("zstd", page.as_bytes().to_vec(), Some(FailureKind::Malformed)),
        ("deflate", page.as_bytes().to_vec(), Some(FailureKind::Malformed)),
        ("identity, gzip", gzip(page.as_bytes()), Some(FailureKind::Malformed)),
    ];
    let mut complaints = Vec::new();
    for kind in KINDS {
        for (encoding, body, wanted) in &cases {
            // The page is another kind's; what counts is how the body is unfolded.
            let body = if wanted.is_none() { gzip(kind.page_of(1..=3).as_bytes()) } else { body.clone() };
            let answer = Answer::new(200).header("Content-Encoding", *encoding).body(body);
            let server = serving(kind, answer).await;
            let outcome = ask(&built(&(kind.config)(&server.url))).await;
            if outcome.as_ref().err().map(|failure| failure.kind) != *wanted {
                complaints.push(format!("{} {encoding}: {outcome:?}", kind.name));
            }
        }
    }
    nothing_wrong(complaints);
}

/// Transfers that break off, or say one thing and do another.
fn broken_transfers(page: &str) -> Vec<(&'static str, Answer)> {
    let half = page.as_bytes()[..page.len() / 2].to_vec();
    let length = |bytes: usize| Answer::new(200).header("Content-Length", bytes.to_string());
    let chunked = || Answer::new(200).header("Transfer-Encoding", "chunked");
    let zipped = gzip(page.as_bytes());
    vec![
        ("closed before an answer", Answer::raw(vec![])),
        ("reset before an answer", Answer::raw(vec![Step::Reset])),
        ("noise instead of an answer", Answer::raw(vec![Step::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())])),
        ("reset in the middle", length(page.len()).steps(vec![Step::Bytes(half.clone()), Step::Reset])),
        ("shorter than its length", length(page.len()).steps(vec![Step::Bytes(half.clone())])),
        ("longer than its length", length(page.len() / 2).steps(vec![Step::Bytes(page.as_bytes().to_vec())])),
        ("chunks without an end", chunked().steps(vec![Step::Bytes(chunk(&half))])),
        ("a chunk that is no chunk", chunked().steps(vec![Step::Bytes(b"zz\r\n[]\r\n0\r\n\r\n".to_vec())])),
        (
            "gzip without its end",
            Answer::new(200).header("Content-Encoding", "gzip").body(zipped[..zipped.len() - 9].to_vec()),
        ),
        ("a negative length", Answer::new(200).header("Content-Length", "-1").steps(vec![Step::Bytes(half)])),
    ]
}

#[tokio::test]
async fn f31_an_incomplete_answer_is_no_page_and_moves_no_cursor() {
    let mut complaints = Vec::new();
    for kind in KINDS {
        let good = Answer::json(kind.page_of(1..=3));
        let server = serving(kind, good).await;
        let rig = Rig::new(sqlite().await, vec![("bron".into(), (kind.config)(&server.url))]).await;
        rig.poll("bron").await.unwrap();
        for (what, answer) in broken_transfers(&kind.page_of(1..=6)) {
            server
                .set(move |request| if kind.is_list(request) { answer.clone() } else { kind.aside(request) });
            let before = rig.state("bron").await;
            let position = rig.position("bron").await;
            let stored = rig.poll("bron").await.unwrap();
            let after = rig.state("bron").await;
            if stored.new + stored.edited + stored.quarantined > 0
                || after.failures != before.failures + 1
                || rig.position("bron").await != position
            {
                complaints.push(format!("{}: {what}: {stored:?}, {:?}", kind.name, after.failure_message));
            }
        }
        let all = Answer::json(kind.page_of(1..=6));
        server.set(move |request| if kind.is_list(request) { all.clone() } else { kind.aside(request) });
        for _ in 0..2 {
            rig.poll("bron").await.unwrap();
        }
        let rows = rig.rows("SELECT external_id FROM mention").await;
        if rows.len() != 6 {
            complaints.push(format!("{}: {} of 6 in the end", kind.name, rows.len()));
        }
    }
    nothing_wrong(complaints);
}

/// A feed whose end is cut off without anybody noticing, because the length fits: what is there may be taken, but the next
/// poll must not be told "unchanged".
#[tokio::test]
async fn f31_half_a_feed_does_not_become_the_state_we_compare_with() {
    let entry = |n: u64| format!("<item><guid>urn:x:{n}</guid><title>Klacht {n}</title></item>");
    let entries: String = (1..=6).map(entry).collect();
    let whole = format!("<rss version='2.0'><channel><title>t</title>{entries}</channel></rss>");
    let half = whole[..whole.find("urn:x:4").unwrap()].to_owned();
    let answer = move |body: String| {
        move |request: &super::server::Recorded| match request.header("if-none-match") {
            Some("\"1\"") => Answer::new(304).header("ETag", "\"1\""),
            _ => Answer::new(200).header("ETag", "\"1\"").body(body.clone()),
        }
    };
    let server = Server::start(answer(half)).await;
    let rig = Rig::new(sqlite().await, vec![("bron".into(), (RSS.config)(&server.url))]).await;
    rig.poll("bron").await.unwrap();
    server.set(answer(whole));
    rig.poll("bron").await.unwrap();
    assert_eq!(rig.rows("SELECT external_id FROM mention").await.len(), 6);
}

#[tokio::test]
async fn f30_silence_has_a_deadline_in_every_kind() {
    let page = vec![b'['; 10];
    let headers = Answer::new(200).header("Content-Length", "1000");
    let silences = [
        ("after accepting", Answer::raw(vec![Step::Stall]), 14..=17),
        ("in the status line", Answer::raw(vec![Step::Bytes(b"HTTP/1.1 20".to_vec()), Step::Stall]), 14..=17),
        ("after the headers", headers.clone().steps(vec![Step::Stall]), 9..=12),
        ("in the body", headers.steps(vec![Step::Bytes(page), Step::Stall]), 9..=12),
    ];
    let cases = KINDS.iter().flat_map(|kind| silences.iter().map(move |silence| (*kind, silence.clone())));
    let outcomes = join_all(cases.map(|(kind, (what, answer, seconds))| async move {
        let server = serving(kind, answer).await;
        let source = built(&(kind.config)(&server.url));
        let began = tokio::time::Instant::now();
        let outcome = ask(&source).await;
        let took = began.elapsed().as_secs();
        let is_right = seconds.contains(&took)
            && outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::TimedOut);
        (!is_right).then(|| format!("{}: silence {what}: {took} s, {outcome:?}", kind.name))
    }))
    .await;
    nothing_wrong(outcomes.into_iter().flatten().collect());
}

/// Bytes that trickle keep no connection for ever: slow is fine, and the whole has an end.
#[tokio::test]
async fn f30_a_slow_but_living_answer_is_waited_for() {
    let page = RSS.page_of(1..=3).into_bytes();
    let steps = page
        .chunks(page.len() / 5 + 1)
        .flat_map(|part| [Step::Bytes(chunk(part)), Step::Pause(Duration::from_millis(300))]);
    let steps: Vec<Step> = steps.chain([Step::Bytes(chunk(b""))]).collect();
    let server = serving(RSS, Answer::new(200).header("Transfer-Encoding", "chunked").steps(steps)).await;
    let page = ask(&built(&(RSS.config)(&server.url))).await.unwrap();
    assert_eq!(page.items.len(), 3);
}

const CHILD: &str = "GEHOORD_TEST_MEMORY_CHILD";

/// Reads every oversize body and every bomb in a process of its own, so that nobody else's memory is counted.
#[tokio::test]
async fn f44_bombs_and_floods_cost_little_memory() {
    if std::env::var_os(CHILD).is_some() {
        return memory_child().await;
    }
    let program = std::env::current_exe().unwrap();
    let name = "conformance::limits::f44_bombs_and_floods_cost_little_memory";
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(program).args(["--exact", name, "--nocapture"]).env(CHILD, "1").output()
    })
    .await
    .unwrap()
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("grew by"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn memory_child() {
    let bombs = [bomb(200), gzip(&bomb(200))];
    let answers = oversize().into_iter().map(|(_, answer)| answer);
    let bombs = bombs.map(|body| Answer::new(200).header("Content-Encoding", "gzip").body(body));
    let answers: Vec<Answer> = answers.chain(bombs).collect();
    let small = Server::start(|_| Answer::json("[]")).await;
    let ask = async |server: &Server| client().send(Request::get(server.url.parse().unwrap())).await;
    ask(&small).await.unwrap();
    let before = peak_kib();
    for answer in answers {
        let server = Server::start(move |_| answer.clone()).await;
        let outcome = ask(&server).await;
        assert!(outcome.is_err() || outcome.is_ok_and(|response| response.body.len() < 32 * MIB as usize));
    }
    let grew_kib = peak_kib() - before;
    println!("grew by {grew_kib} KiB");
    assert!(grew_kib < 64 * 1024, "the peak grew by {grew_kib} KiB");
}

/// The highest resident size of this process so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
