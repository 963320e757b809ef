//! kill -9 at every write of the way from a post to an alert, and nothing is lost, doubled or orphaned.
//!
//! Method: the real program runs under `strace`, which kills it at the N-th call of one system call; then it runs again
//! without injection until nothing is due. The servers around it keep the ledger. N grows until the program ends by
//! itself. The same sweep must notice every deliberately broken build (feature `deliberately-broken`), or it proves
//! nothing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::get;
use gehoord::clock::Clock;
use gehoord::demo::fake_zendesk::{Data, FakeZendesk};
use gehoord::demo::mailbox::Mailbox;
use gehoord::register::Ticket;
use serde_json::json;
use tempfile::TempDir;

use crate::register;
use crate::support::{beside, number, serve};

const POSTS: usize = 12;
/// A little more than the interval of the source.
const SOURCE_IS_DUE: Duration = Duration::from_millis(1100);
/// The first run's source is surely due again after this, also on a busy machine.
const TEMPLATE_SETTLES: Duration = Duration::from_secs(3);
/// Kills that run at the same time; most of their time they wait.
const AT_ONCE: usize = 8;
/// Calls at which the program is killed, and at how many of their occurrences at the most: the sweep is thinned so that
/// it stays within minutes.
const CALLS: [(&str, usize); 5] =
    [("fsync", 80), ("writev", 30), ("sendto", 75), ("recvfrom", 32), ("pwrite64", 40)];
/// How often the search for one deliberate defect goes through every kill point: which write is the N-th differs from run
/// to run, and the window of a defect may be one write wide.
const ROUNDS_PER_DEFECT: usize = 3;

/// The servers around one run.
struct World {
    posts: std::net::SocketAddr,
    tickets: std::net::SocketAddr,
    mail: std::net::SocketAddr,
    desk: FakeZendesk,
    mailbox: Mailbox,
    served: Arc<AtomicUsize>,
}

impl World {
    /// `live` says whether the posts are public yet, beside the one that is history.
    async fn start(live: bool) -> World {
        let served = Arc::new(AtomicUsize::new(0));
        let counter = served.clone();
        let router = axum::Router::new().route(
            "/posts.json",
            get(move || async move {
                counter.fetch_add(1, Ordering::SeqCst);
                axum::Json(posts(live))
            }),
        );
        let desk = FakeZendesk::new(desk());
        let mailbox = Mailbox::default();
        let (posts, tickets) = (serve(router).await, serve(desk.router()).await);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mail = listener.local_addr().unwrap();
        let receiver = mailbox.clone();
        beside(async move { receiver.serve(listener).await });
        World { posts, tickets, mail, desk, mailbox, served }
    }
}

/// Newest first. Every third post names a ticket; all of them are complaints.
fn posts(live: bool) -> serde_json::Value {
    let now = Clock::System.now();
    let newest = if live { POSTS } else { 0 };
    let posts: Vec<_> = (0..=newest)
        .rev()
        .map(|n| {
            let about = if n % 3 == 1 { format!("ticket {}", 18_000 + n) } else { "mijn aansluiting".to_owned() };
            json!({
                "id": format!("p{n}"),
                "by": format!("klant{n}"),
                "text": format!("Wat een waardeloze service van Veldnet, {about} werkt nog steeds niet! #veldnet"),
                "at": now.as_second() - 3600 + n as i64,
            })
        })
        .collect();
    json!({ "posts": posts })
}

fn desk() -> Data {
    let at = "2026-10-01T10:00:00Z".parse().unwrap();
    let ticket = |n: usize| Ticket {
        contact: Some(format!("C-{n}")),
        problem: Some("P-77".into()),
        ..register::ticket(&(18_000 + n).to_string(), at)
    };
    Data {
        contacts: (0..=POSTS).map(|n| register::contact(&format!("C-{n}"), &format!("Klant {n}"))).collect(),
        tickets: (0..=POSTS).map(ticket).collect(),
        answers: Vec::new(),
        problems: vec![register::problem("P-77", at)],
    }
}

fn config(folder: &Path, world: &World) -> String {
    format!(
        r#"
mode = "act"
[database]
url = "sqlite://{folder}/gehoord.db"
[[brand]]
name = "Veldnet"
terms = ["veldnet"]
[[source]]
name = "feed"
kind = "http_json"
url = "http://{posts}/posts.json"
items = ".posts"
interval_secs = 1
lawful_basis = "legitimate interest"
purpose = "a test"
[source.map]
id = ".id"
text = ".text"
author_handle = ".by"
published_at = ".at"
[[crm]]
name = "desk"
kind = "zendesk"
url = "http://{tickets}"
email = "{email}"
api_token = "{token}"
interval_secs = 3600
[[receiver]]
name = "mail"
kind = "email"
may_resolve = true
host = "127.0.0.1"
port = {mail_port}
security = "none"
from = "gehoord@voorbeeld.example"
to = ["desk@voorbeeld.example"]
reply_to = "desk@voorbeeld.example"
[[receiver]]
name = "file"
kind = "log"
path = "{folder}/alerts.jsonl"
[[rule]]
name = "all"
notify = ["mail", "file"]
"#,
        folder = folder.display(),
        posts = world.posts,
        tickets = world.tickets,
        email = FakeZendesk::config("http://x").email,
        token = FakeZendesk::config("http://x").api_token.expect("the fake has one").expose(),
        mail_port = world.mail.port(),
    )
}

/// One run of the program; killed at the N-th `call` when one is named. True when it ended by itself.
fn run(folder: &Path, kill: Option<(&str, usize)>, defect: Option<&str>) -> bool {
    let program = env!("CARGO_BIN_EXE_gehoord");
    let mut command = match kill {
        None => Command::new(program),
        Some((call, n)) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            strace.args(["-e", &format!("inject={call}:signal=SIGKILL:when={n}"), program]);
            strace
        }
    };
    command.arg("--config").arg(folder.join("gehoord.toml")).args(["run", "--once"]);
    // One worker: strace counts calls per thread, and the order of writes is then the program's own.
    command.env("TOKIO_WORKER_THREADS", "1").env("GEHOORD_LOG", "error");
    match defect {
        Some(defect) => command.env("GEHOORD_BROKEN", defect),
        None => command.env_remove("GEHOORD_BROKEN"),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the program starts").success()
}

/// What was wrong after a kill and a recovery.
#[derive(Clone, Debug, Default, PartialEq)]
struct Damage {
    lost: i64,
    doubled: i64,
    orphaned: i64,
    notes: Vec<String>,
}

impl Damage {
    fn is_none(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.orphaned == 0
    }

    fn add(&mut self, other: Damage) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.orphaned += other.orphaned;
        self.notes.extend(other.notes);
    }
}

/// Starts from a folder whose history was read, kills, recovers, and judges by what the servers saw.
async fn kill_and_recover(template: &Path, call: &str, n: usize, defect: Option<&str>) -> (bool, Damage) {
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(template).unwrap().flatten() {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let world = World::start(true).await;
    std::fs::write(folder.path().join("gehoord.toml"), config(folder.path(), &world)).unwrap();
    let path = folder.path().to_owned();
    let (call, defect) = (call.to_owned(), defect.map(str::to_owned));
    let ended = tokio::task::spawn_blocking(move || {
        let ended = run(&path, Some((&call, n)), defect.as_deref());
        // Recovery is the normal way to work, once the source is due again.
        std::thread::sleep(SOURCE_IS_DUE);
        assert!(run(&path, None, defect.as_deref()), "the program recovers by itself");
        ended
    })
    .await
    .unwrap();
    (ended, judge(folder.path(), &world).await)
}

async fn judge(folder: &Path, world: &World) -> Damage {
    let url = format!("sqlite://{}/gehoord.db", folder.display());
    let mut damage = Damage::default();
    let wanted = POSTS as i64;
    let stored = number(&url, "SELECT COUNT(*) FROM mention WHERE external_id <> 'p0'").await;
    damage.lost += wanted - stored;
    let undecided = number(&url, "SELECT COUNT(*) FROM mention WHERE waiting = 1").await;
    let without_alert = number(
        &url,
        "SELECT COUNT(*) FROM decision d WHERE d.case_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.decision_id = d.id)",
    )
    .await;
    let unsent = number(&url, "SELECT COUNT(*) FROM alert WHERE state = 'owed'").await;
    let open = number(&url, "SELECT COUNT(*) FROM effect WHERE state <> 'delivered'").await;
    damage.orphaned += undecided + without_alert + unsent + open;
    // Mails: each alert arrived; a copy more than that only after an unknown outcome, and with the same Message-ID.
    let unknown = number(&url, "SELECT COUNT(*) FROM attempt WHERE outcome IN ('unknown', 'fenced')").await;
    let alerts = number(&url, "SELECT COUNT(*) FROM effect WHERE target = 'channel:mail'").await;
    let ids: Vec<String> =
        world.mailbox.mails().iter().filter_map(|mail| mail.header("Message-ID")).collect();
    let distinct = ids.iter().collect::<std::collections::BTreeSet<_>>().len() as i64;
    damage.lost += (alerts - distinct).max(0) + (wanted - alerts).max(0);
    let lines = std::fs::read_to_string(folder.join("alerts.jsonl")).unwrap_or_default();
    let keys: Vec<&str> =
        lines.lines().filter_map(|line| line.split("\"key\":\"").nth(1)?.split('"').next()).collect();
    let distinct_lines = keys.iter().collect::<std::collections::BTreeSet<_>>().len() as i64;
    damage.lost += (wanted - distinct_lines).max(0);
    let copies = ids.len() as i64 - distinct + keys.len() as i64 - distinct_lines;
    damage.doubled += (copies - unknown).max(0);
    // The ticket system: one note under each marker, always.
    for ticket in world.desk.tickets() {
        let comments = world.desk.comments(ticket.id);
        let markers: Vec<String> = comments
            .iter()
            .filter_map(|comment| Some(comment.body.split("[gehoord:").nth(1)?.split(']').next()?.to_owned()))
            .collect();
        let distinct = markers.iter().collect::<std::collections::BTreeSet<_>>().len();
        damage.doubled += (markers.len() - distinct) as i64;
    }
    let notes = number(&url, "SELECT COUNT(*) FROM effect WHERE target = 'crm:desk'").await;
    let written: usize = world
        .desk
        .tickets()
        .iter()
        .map(|ticket| {
            world.desk.comments(ticket.id).iter().filter(|comment| comment.body.contains("[gehoord:")).count()
        })
        .sum();
    damage.lost += (notes - written as i64).max(0);
    if number(&url, "SELECT COUNT(*) FROM effect WHERE target = 'crm:desk'").await == 0 {
        damage.notes.push("no post was recognised as known, so the CRM path was not swept".into());
    }
    if !damage.is_none() {
        damage.notes.push(format!(
            "stored {stored}, undecided {undecided}, without alert {without_alert}, unsent {unsent}, open {open}, alerts {alerts}, \
             mails {}/{distinct}, lines {}/{distinct_lines}, unknown {unknown}, polls {}",
            ids.len(),
            keys.len(),
            world.served.load(Ordering::SeqCst)
        ));
    }
    damage
}

/// A folder in which the history was read and the register synced.
async fn template() -> TempDir {
    let folder = TempDir::new().unwrap();
    let world = World::start(false).await;
    std::fs::write(folder.path().join("gehoord.toml"), config(folder.path(), &world)).unwrap();
    let path = folder.path().to_owned();
    tokio::task::spawn_blocking(move || assert!(run(&path, None, None), "the first run is well"))
        .await
        .unwrap();
    tokio::time::sleep(TEMPLATE_SETTLES).await;
    folder
}

/// How often the program makes `call` in the thread that makes it most, when nobody kills it.
async fn occurrences(template: &Path, call: &str) -> usize {
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(template).unwrap().flatten() {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let world = World::start(true).await;
    std::fs::write(folder.path().join("gehoord.toml"), config(folder.path(), &world)).unwrap();
    let (path, call) = (folder.path().to_owned(), call.to_owned());
    tokio::task::spawn_blocking(move || {
        let trace = path.join("trace");
        let status = Command::new("strace")
            .args(["-ff", "-qq", "-o"])
            .arg(&trace)
            .args(["-e", &format!("trace={call}"), env!("CARGO_BIN_EXE_gehoord"), "--config"])
            .arg(path.join("gehoord.toml"))
            .args(["run", "--once"])
            .env("TOKIO_WORKER_THREADS", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace is installed by scripts/peers");
        assert!(status.success());
        let of_thread = |path: &Path| {
            std::fs::read_to_string(path).unwrap_or_default().matches(&format!("{call}(")).count()
        };
        std::fs::read_dir(&path)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("trace."))
            .map(|entry| of_thread(&entry.path()))
            .max()
            .unwrap_or(0)
    })
    .await
    .unwrap()
}

pub fn strace_is_missing() -> bool {
    let missing = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err();
    assert!(
        !(missing && std::env::var_os("GEHOORD_TEST_REQUIRE").is_some()),
        "strace is missing; scripts/peers installs it"
    );
    if missing {
        eprintln!("SKIPPED: strace is not installed; scripts/test installs what this test needs");
    }
    missing
}

/// Kills at evenly spread occurrences of a call. Returns the number of kills and the damage.
async fn sweep(template: &Path, call: &'static str, points_max: usize) -> (usize, Damage) {
    let all = occurrences(template, call).await;
    let stride = all.div_ceil(points_max).max(1);
    let points: Vec<usize> = (1..=all).step_by(stride).collect();
    println!("{call}: {all} occurrences, {} points", points.len());
    let (mut kills, mut damage) = (0, Damage::default());
    for together in points.chunks(AT_ONCE) {
        let (killed, one) = kill_at(template, call, together, None).await;
        kills += killed;
        damage.add(one);
    }
    (kills, damage)
}

/// Kills at every occurrence of a call, the odd ones first, until the defect shows. Returns as [`sweep`] does.
async fn search(template: &Path, call: &'static str, defect: &'static str) -> (usize, Damage) {
    let all = occurrences(template, call).await;
    let round: Vec<usize> = (1..=all).step_by(2).chain((2..=all).step_by(2)).collect();
    let mut kills = 0;
    for together in round.repeat(ROUNDS_PER_DEFECT).chunks(AT_ONCE) {
        let (killed, damage) = kill_at(template, call, together, Some(defect)).await;
        kills += killed;
        if !damage.is_none() {
            return (kills, damage);
        }
    }
    (kills, Damage::default())
}

/// One kill at each of these occurrences, all at the same time.
async fn kill_at(
    template: &Path,
    call: &'static str,
    occurrences: &[usize],
    defect: Option<&'static str>,
) -> (usize, Damage) {
    let runs = occurrences.iter().map(|&n| kill_and_recover(template, call, n, defect));
    let (mut kills, mut damage) = (0, Damage::default());
    for (ended, one) in futures_util::future::join_all(runs).await {
        kills += usize::from(!ended);
        damage.add(one);
    }
    (kills, damage)
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_f2_f3_a_kill_at_any_write_loses_doubles_and_orphans_nothing() {
    if strace_is_missing() {
        return;
    }
    let template = template().await;
    let (mut kills, mut damage) = (0, Damage::default());
    for (call, points_max) in CALLS {
        let (killed, one) = sweep(template.path(), call, points_max).await;
        println!(
            "killed at {killed} occurrences of {call}: lost {}, doubled {}, orphaned {}",
            one.lost, one.doubled, one.orphaned
        );
        kills += killed;
        damage.add(one);
    }
    println!("{kills} kills: lost {}, doubled {}, orphaned {}", damage.lost, damage.doubled, damage.orphaned);
    assert!(damage.is_none() && damage.notes.is_empty(), "{damage:#?}");
    assert!(kills >= 200, "only {kills} kill points");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_notices_every_deliberately_broken_build() {
    if strace_is_missing() {
        return;
    }
    if !cfg!(feature = "deliberately-broken") {
        assert!(
            std::env::var_os("GEHOORD_TEST_REQUIRE").is_none(),
            "run the tests with --features deliberately-broken"
        );
        eprintln!("SKIPPED: needs --features deliberately-broken, which scripts/test sets");
        return;
    }
    let template = template().await;
    for (defect, call) in
        [("cursor-tx", "fsync"), ("ack-first", "sendto"), ("outbox-tx", "fsync"), ("dedup-key", "sendto")]
    {
        let (kills, damage) = search(template.path(), call, defect).await;
        println!(
            "defect {defect}: {kills} kills, lost {}, doubled {}, orphaned {}",
            damage.lost, damage.doubled, damage.orphaned
        );
        assert!(!damage.is_none(), "the defect {defect} went unnoticed in {kills} kills");
    }
}
