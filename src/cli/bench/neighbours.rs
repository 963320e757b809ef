//! What bad neighbours cost the others (promise P7): how late are the polls of good sources, and the mails of a good
//! receiver, alone and beside sources, a ticket system and a receiver that are down, silent, slow, huge or failing?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{RATE, share_of};
use crate::app::App;
use crate::cli::{OK, print_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::mailbox::Mailbox;
use crate::lifecycle::Tasks;
use crate::source::client::Client;
use crate::store::Store;

/// Good sources, each polled every second.
const GOOD_SOURCES: usize = 8;
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two posts on the first of them.
const POST_EVERY: Duration = Duration::from_millis(250);
/// What is not measured, because everything starts.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the last mails may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// New items on each page of the huge source, and bytes of each: a page is a little under the limit of 8 MiB.
const HUGE_ITEMS: usize = 900;
const HUGE_ITEM_BYTES: usize = 8_000;

/// Measures for `seconds` alone, and as long beside bad neighbours.
pub async fn run(seconds: u64, as_json: bool) -> anyhow::Result<u8> {
    let alone = measure(seconds, false).await?;
    let beside = measure(seconds, true).await?;
    if as_json {
        print_json(&json!({ "seconds": seconds, "alone": alone, "beside_bad_neighbours": beside }))?;
        return Ok(OK);
    }
    for (what, figures) in [("alone", alone), ("beside bad neighbours", beside)] {
        let of = |name: &str| {
            let figure = |share: &str| figures[name][share].as_f64().unwrap_or(f64::NAN);
            format!(
                "median {:.2} s, p99 {:.2} s, max {:.2} s",
                figure("median"),
                figure("p99"),
                figure("max")
            )
        };
        println!("{what}: {} polls late by {}", figures["polls"], of("poll_lateness_secs"));
        println!("{what}: {} mails after {}", figures["mails"], of("mail_delay_secs"));
    }
    Ok(OK)
}

/// What the good server has seen and says.
#[derive(Clone, Debug, Default)]
struct Good {
    asked: Arc<Mutex<BTreeMap<usize, Vec<Instant>>>>,
    posts: Arc<Mutex<Vec<Value>>>,
}

async fn measure(seconds: u64, beside: bool) -> anyhow::Result<Value> {
    let tasks = Tasks::new();
    let (good, mailbox) = (Good::default(), Mailbox::default());
    let folder = crate::cli::show::demo_folder()?;
    let url = format!("sqlite://{}/bench.db", folder.path.display());
    let text = configuration(&tasks, &good, &mailbox, &url, beside).await?;
    let config = Config::parse(&text, std::iter::empty())?;
    let store = Store::open(&url, Clock::System).await?;
    let app = App::with_parts(config, store, Client::with_rate(RATE)?).await?;
    app.run(&tasks);
    tokio::time::sleep(WARM_UP).await;
    let from = Instant::now();
    let mut appeared = Vec::new();
    while from.elapsed() < Duration::from_secs(seconds) {
        let text =
            format!("Wat een waardeloze service van Veldnet, al weken geen internet! #{}", appeared.len());
        good.posts.lock().expect("nobody panics").push(post(&format!("p{}", appeared.len()), &text));
        appeared.push(Instant::now());
        tokio::time::sleep(POST_EVERY).await;
    }
    let until = Instant::now();
    let deadline = until + PATIENCE;
    while mailbox.mails().len() < appeared.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let late = lateness(&good, from, until);
    let delays = delays(&app, &mailbox, &appeared).await?;
    tasks.stop().cancel();
    ensure!(!late.is_empty(), "nothing was polled");
    Ok(json!({
        "polls": late.len(),
        "poll_lateness_secs": shares(late),
        "posts": appeared.len(),
        "mails": delays.len(),
        "mail_delay_secs": shares(delays),
    }))
}

/// How much longer than the interval each good source waited, from one question to the next. What was due and never came
/// counts with the time until the end.
fn lateness(good: &Good, from: Instant, until: Instant) -> Vec<f64> {
    let asked = good.asked.lock().expect("nobody panics");
    let mut late = Vec::new();
    for times in asked.values() {
        let within: Vec<Instant> = times.iter().copied().filter(|at| (from..until).contains(at)).collect();
        let ends = within.iter().skip(1).copied().chain([until]);
        late.extend(
            within.iter().zip(ends).map(|(one, next)| (next - *one).saturating_sub(INTERVAL).as_secs_f64()),
        );
    }
    late
}

async fn delays(app: &App, mailbox: &Mailbox, appeared: &[Instant]) -> anyhow::Result<Vec<f64>> {
    let mut delays = Vec::new();
    for mail in mailbox.mails() {
        let key = mail.header("X-Gehoord-Key").context("a mail of ours carries its key")?;
        // A notice about the neighbours is no alert.
        let Some(alert) = app.store.alert(&key).await? else { continue };
        let mention = app.store.mention(&alert.mention_id).await?.context("an alert belongs to a mention")?;
        let number =
            mention.mention.text.rsplit('#').next().and_then(|tail| tail.trim().parse::<usize>().ok());
        if let Some(at) = number.and_then(|number| appeared.get(number)) {
            delays.push((mail.arrived - *at).as_secs_f64());
        }
    }
    Ok(delays)
}

fn shares(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    json!({ "median": share_of(&values, 0.5), "p99": share_of(&values, 0.99), "max": share_of(&values, 1.0) })
}

async fn configuration(
    tasks: &Tasks,
    good: &Good,
    mailbox: &Mailbox,
    database: &str,
    beside: bool,
) -> anyhow::Result<String> {
    let web = serve(tasks, "good", Router::new().route("/{source}", get(good_page)).with_state(good.clone()))
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mail = listener.local_addr()?.port();
    let (mailbox, stop) = (mailbox.clone(), tasks.stop().clone());
    tasks.spawn("mail", async move {
        tokio::select! {
            () = mailbox.serve(listener) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    });
    let mut text = format!(
        "mode = \"act\"\n[database]\nurl = \"{database}\"\n[[brand]]\nname = \"Veldnet\"\nterms = [\"veldnet\"]\n\
         [[receiver]]\nname = \"desk\"\nmay_resolve = true\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {mail}\n\
         security = \"none\"\nfrom = \"gehoord@voorbeeld.example\"\nto = [\"desk@voorbeeld.example\"]\n"
    );
    for n in 0..GOOD_SOURCES {
        text += &source(&format!("good{n}"), &format!("http://{web}/{n}"));
    }
    let mut notified = "\"desk\"".to_owned();
    if beside {
        let silent = accept(tasks, "silent", Answer::Nothing).await?;
        let slow = accept(tasks, "slow", Answer::AByteASecond).await?;
        let huge = serve(tasks, "huge", Router::new().route("/", get(huge_page))).await?;
        let failing =
            serve(tasks, "failing", Router::new().route("/", get(async || StatusCode::BAD_GATEWAY))).await?;
        // A port that nobody listens on any more.
        let down = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
        for (name, address) in
            [("silent", &silent), ("slow", &slow), ("huge", &huge), ("failing", &failing), ("down", &down)]
        {
            text += &source(name, &format!("http://{address}/"));
        }
        text += &format!(
            "[[receiver]]\nname = \"silent\"\nmay_resolve = true\nkind = \"slack\"\nurl = \"http://{silent}/\"\n\
             [[crm]]\nname = \"slow\"\nkind = \"zendesk\"\nurl = \"http://{slow}\"\nemail = \"x@voorbeeld.example\"\n\
             api_token = \"x\"\ninterval_secs = 60\n"
        );
        notified += ", \"silent\"";
    }
    Ok(text + &format!("[[rule]]\nname = \"all\"\nnotify = [{notified}]\n"))
}

fn source(name: &str, url: &str) -> String {
    format!(
        "[[source]]\nname = \"{name}\"\nkind = \"http_json\"\nurl = \"{url}\"\nitems = \".posts\"\n\
         interval_secs = {}\nlawful_basis = \"measurement\"\npurpose = \"measurement\"\n[source.map]\n\
         id = \".id\"\ntext = \".text\"\nauthor_handle = \".id\"\npublished_at = \".at\"\n",
        INTERVAL.as_secs()
    )
}

fn post(id: &str, text: &str) -> Value {
    json!({ "id": id, "text": text, "at": Clock::System.now().to_string() })
}

async fn serve(tasks: &Tasks, name: &'static str, router: Router) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let stop = tasks.stop().clone();
    tasks.spawn(name, async move {
        tokio::select! {
            served = axum::serve(listener, router) => Ok(served?),
            () = stop.cancelled() => Ok(()),
        }
    });
    Ok(address)
}

/// The newest posts, newest first, on the first good source; the others are quiet.
async fn good_page(State(good): State<Good>, Path(source): Path<usize>) -> Json<Value> {
    good.asked.lock().expect("nobody panics").entry(source).or_default().push(Instant::now());
    let posts = good.posts.lock().expect("nobody panics");
    let newest: Vec<&Value> = posts.iter().rev().take(if source == 0 { 100 } else { 0 }).collect();
    Json(json!({ "posts": newest }))
}

/// As much as a page may be, all of it new.
async fn huge_page() -> Json<Value> {
    let words = "Veldnet ".repeat(HUGE_ITEM_BYTES / 8);
    let posts: Vec<Value> = (0..HUGE_ITEMS).map(|_| post(&crate::ids::new_token(), &words)).collect();
    Json(json!({ "posts": posts }))
}

/// How a bad server treats whoever connects.
#[derive(Clone, Copy)]
enum Answer {
    Nothing,
    AByteASecond,
}

/// Accepts every connection and keeps it.
async fn accept(tasks: &Tasks, name: &'static str, answer: Answer) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let (spawner, stop) = (tasks.clone(), tasks.stop().clone());
    tasks.spawn(name, async move {
        loop {
            let connection = tokio::select! {
                accepted = listener.accept() => accepted?.0,
                () = stop.cancelled() => return Ok(()),
            };
            let stop = stop.clone();
            spawner.spawn(name, async move {
                tokio::select! {
                    // Whoever hangs up ends only this connection; the task must stay, or the bench would stop.
                    _ = treat(connection, answer) => stop.cancelled().await,
                    () = stop.cancelled() => {}
                }
                Ok(())
            });
        }
    });
    Ok(address)
}

async fn treat(mut connection: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut asked = [0; 4096];
    // Until the other side hangs up.
    while connection.read(&mut asked).await? > 0 {
        if let Answer::AByteASecond = answer {
            let head =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
            connection.write_all(head).await?;
            loop {
                connection.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    Ok(())
}
