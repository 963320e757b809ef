//! P12: a full disk. Nothing is lost, it is said, and the daemon goes on by itself when there is room again.
//!
//! Method: the real daemon runs; `strace` attaches to it and answers every write to its database with "no space left", and
//! detaches again. The servers around it keep the ledger.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::get;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::kill_sweep::strace_is_missing;
use crate::support::{beside, number};

/// How long the daemon may take to notice; a good answer about the database holds for five seconds.
const NOTICES_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to recover, by promise.
const RECOVERS_WITHIN: Duration = Duration::from_secs(60);

/// A child that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status and body of one of the daemon's own pages.
async fn ask(port: u16, path: &str) -> (u16, String) {
    let client = client();
    let url = format!("http://127.0.0.1:{port}{path}").parse().expect("an address");
    match client.send(gehoord::source::client::Request::get(url).accepting_all()).await {
        Ok(answer) => (answer.status, answer.text()),
        Err(failure) => (0, failure.to_string()),
    }
}

fn client() -> gehoord::source::client::Client {
    gehoord::source::client::Client::with_rate(std::num::NonZeroU32::new(1_000).expect("not zero"))
        .expect("a client")
}

/// Asks until the answer fits.
async fn until(port: u16, path: &str, within: Duration, fits: impl Fn(u16, &str) -> bool) -> (u16, String) {
    let deadline = Instant::now() + within;
    loop {
        let (status, text) = ask(port, path).await;
        if fits(status, &text) || Instant::now() > deadline {
            return (status, text);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_full_disk_is_told_and_loses_nothing_and_ends_by_itself() {
    if strace_is_missing() {
        return;
    }
    let posts: Arc<Mutex<Vec<Value>>> = Arc::default();
    let served = posts.clone();
    let router = axum::Router::new().route(
        "/posts.json",
        get(move || async move { axum::Json(json!({ "posts": *served.lock().expect("nobody panics") })) }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let feed = listener.local_addr().unwrap();
    beside(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    std::fs::write(
        folder.path().join("gehoord.toml"),
        format!(
            r#"
mode = "act"
[database]
url = "sqlite://{path}/gehoord.db"
[web]
listen = "127.0.0.1:0"
[[brand]]
name = "Veldnet"
terms = ["veldnet"]
[[source]]
name = "feed"
kind = "http_json"
url = "http://{feed}/posts.json"
items = ".posts"
interval_secs = 1
lawful_basis = "legitimate interest"
purpose = "a test"
[source.map]
id = ".id"
text = ".text"
author_handle = ".id"
published_at = ".at"
[[receiver]]
name = "file"
kind = "log"
path = "{path}/alerts.jsonl"
may_resolve = true
[[rule]]
name = "all"
notify = ["file"]
"#
        ),
    )
    .unwrap();
    let mut daemon = Ended(
        Command::new(env!("CARGO_BIN_EXE_gehoord"))
            .arg("--config")
            .arg(folder.path().join("gehoord.toml"))
            .args(["--log-format", "json", "run"])
            .env("GEHOORD_LOG", "info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts"),
    );
    let mut log = BufReader::new(daemon.0.stderr.take().expect("its log")).lines();
    let port = log
        .by_ref()
        .find_map(|line| line.ok()?.split("http://127.0.0.1:").nth(1)?.split('"').next()?.parse().ok())
        .expect("it says where its page is");
    // Its log is read to the end, so that it never waits for us.
    std::thread::spawn(move || log.for_each(drop));
    assert_eq!(until(port, "/readyz", NOTICES_WITHIN, |status, _| status == 200).await.0, 200);
    let url = format!("sqlite://{path}/gehoord.db");
    while number(&url, "SELECT COUNT(*) FROM source_state WHERE backfilled = 1").await == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let mut full = Command::new("strace");
    full.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,write,ftruncate,fallocate"]);
    full.args(["-e", "inject=pwrite64,write,ftruncate,fallocate:error=ENOSPC"]);
    for file in ["gehoord.db", "gehoord.db-wal", "gehoord.db-shm"] {
        full.arg("-P").arg(folder.path().join(file));
    }
    full.args(["-p", &daemon.0.id().to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut full = Ended(full.stderr(Stdio::null()).spawn().expect("strace is installed by scripts/peers"));
    let (status, text) = until(port, "/readyz", NOTICES_WITHIN, |status, _| status == 503).await;
    assert!(status == 503 && text.contains("takes no writes"), "{status} {text}");
    assert_eq!(ask(port, "/livez").await.0, 200, "a restart does not make room");
    let text = "Wat een waardeloze service van Veldnet, al drie weken geen internet!";
    posts
        .lock()
        .unwrap()
        .push(json!({ "id": "1", "text": text, "at": gehoord::clock::Clock::System.now().to_string() }));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(number(&url, "SELECT COUNT(*) FROM mention").await, 0, "nothing can be stored");
    assert!(daemon.0.try_wait().expect("a child").is_none(), "it lives");

    // Room again: strace goes, and the system calls are what they were.
    full.0.kill().expect("strace runs");
    full.0.wait().expect("it ends");
    let (status, text) = until(port, "/readyz", RECOVERS_WITHIN, |status, _| status == 200).await;
    assert_eq!(status, 200, "{text}");
    let alerts = folder.path().join("alerts.jsonl");
    let deadline = Instant::now() + RECOVERS_WITHIN;
    let told = || std::fs::read_to_string(&alerts).unwrap_or_default().lines().count();
    while told() == 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(told(), 1, "the complaint is told within a minute");
    assert_eq!(number(&url, "SELECT COUNT(*) FROM mention").await, 1, "and stored once");
    assert_eq!(
        number(&url, "SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'").await,
        0
    );
}
