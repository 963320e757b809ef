//! bench: figures of this machine, on databases and servers of their own.

mod neighbours;

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{OK, print_json};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::mailbox::Mailbox;
use crate::demo::story::{self, Post, PostAuthor};
use crate::demo::world::World;
use crate::lifecycle::Tasks;
use crate::register::{Contact, Priority, RegisterPage, Ticket, TicketStatus};
use crate::source::client::Client;
use crate::store::Store;

/// No limit that would be felt: the peers are our own.
const RATE: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");
/// Tickets that are stored in one transaction.
const TICKETS_PER_PAGE: usize = 5_000;
/// Polls in a row that may bring nothing.
const EMPTY_POLLS_MAX: usize = 5;
/// How long the last mails may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Mentions per second: fetch, store, assess, recognise, match, decide, owe.
    Pipeline {
        /// Tickets in the register.
        #[arg(long, default_value_t = 10_000)]
        tickets: usize,
        /// Mentions that are fetched.
        #[arg(long, default_value_t = 4_000)]
        mentions: usize,
        /// An empty database to use instead of a temporary SQLite file, such as postgres://USER:PASSWORD@HOST/NAME.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Print JSON for a script.
        #[arg(long)]
        json: bool,
    },
    /// Seconds from a post appearing at its source until the mail server has the alert.
    Delay {
        /// Posts that appear, twenty a second.
        #[arg(long, default_value_t = 1_000)]
        mentions: usize,
        /// Seconds between two polls.
        #[arg(long, default_value_t = 1)]
        interval_secs: u64,
        /// Print JSON for a script.
        #[arg(long)]
        json: bool,
    },
    /// How late good sources are polled and mails arrive, alone and beside neighbours that are down, silent, slow, huge or
    /// failing.
    Neighbours {
        /// How long each of the two is measured.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Print JSON for a script.
        #[arg(long)]
        json: bool,
    },
}

/// Measures.
pub async fn run(arguments: BenchArguments) -> anyhow::Result<u8> {
    match arguments.what {
        What::Pipeline { tickets, mentions, database, json } => {
            pipeline(tickets, mentions, database, json).await
        }
        What::Delay { mentions, interval_secs, json } => delay(mentions, interval_secs, json).await,
        What::Neighbours { seconds, json } => neighbours::run(seconds, json).await,
    }
}

async fn pipeline(
    tickets: usize,
    mentions: usize,
    database: Option<String>,
    as_json: bool,
) -> anyhow::Result<u8> {
    let bench = Bench::start(database, 1, None).await?;
    let app = &bench.app;
    let started = Instant::now();
    fill_register(&app.store, tickets).await?;
    let stored_secs = started.elapsed().as_secs_f64();
    let started = Instant::now();
    app.mirror.refresh_index(&app.store).await?;
    let index_secs = started.elapsed().as_secs_f64();
    // The first poll is history; what is measured comes after it.
    bench.world.publish(post(0), Clock::System.now());
    app.step_until_idle().await?;
    for n in 1..=mentions {
        bench.world.publish(post(n), Clock::System.now());
    }
    let started = Instant::now();
    let (mut fetched, mut empty_polls) = (0, 0);
    while fetched < mentions {
        app.store.make_source_due("bench").await?;
        let stored = app.poller.poll_if_due("bench").await?.context("the source is due")?;
        // A pass may end with a poll that brings nothing; several of them mean that the source has no more.
        empty_polls = if stored.new == 0 { empty_polls + 1 } else { 0 };
        ensure!(empty_polls < EMPTY_POLLS_MAX, "the source stopped after {fetched} of {mentions} mentions");
        fetched += stored.new;
    }
    let fetch_secs = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let decided = app.pipeline.process_all().await?;
    let decide_secs = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut sent_off = 0;
    loop {
        match app.outbox.dispatch().await? {
            0 => break,
            batch => sent_off += batch,
        }
    }
    let owe_secs = started.elapsed().as_secs_f64();
    let total = fetch_secs + decide_secs + owe_secs;
    let per_second = |secs: f64| (mentions as f64 / secs).round();
    let figures = json!({
        "engine": format!("{:?}", app.store.db.engine).to_lowercase(),
        "tickets": tickets,
        "mentions": mentions,
        "decided": decided,
        "alerts": sent_off,
        "register_rows_per_second": (tickets as f64 / stored_secs).round(),
        "index_build_secs": index_secs,
        "fetch_and_store_per_second": per_second(fetch_secs),
        "assess_match_decide_per_second": per_second(decide_secs),
        "dispatch_per_second": per_second(owe_secs),
        "mentions_per_second": per_second(total),
    });
    if as_json {
        print_json(&figures)?;
    } else {
        for (name, value) in figures.as_object().into_iter().flatten() {
            println!("{name:32} {value}");
        }
    }
    bench.tasks.stop().cancel();
    Ok(OK)
}

async fn delay(mentions: usize, interval_secs: u64, as_json: bool) -> anyhow::Result<u8> {
    let mailbox = Mailbox::default();
    let bench = Bench::start(None, interval_secs, Some(mailbox.clone())).await?;
    bench.world.publish(post(0), Clock::System.now());
    bench.app.step_until_idle().await?;
    bench.app.run(&bench.tasks);
    let mut appeared = Vec::with_capacity(mentions);
    for n in 1..=mentions {
        // All of them complaints, so that each owes a mail.
        let text =
            format!("Wat een waardeloze service van Veldnet, al drie weken geen internet! #veldnet #{n}");
        bench.world.publish(Post { text, ..post(n) }, Clock::System.now());
        appeared.push(Instant::now());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let deadline = Instant::now() + PATIENCE;
    while mailbox.mails().len() < mentions && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut delays = Vec::with_capacity(mentions);
    for mail in mailbox.mails() {
        let key = mail.header("X-Gehoord-Key").context("a mail of ours carries its key")?;
        let alert = bench.app.store.alert(&key).await?.context("a mail belongs to an alert")?;
        let mention =
            bench.app.store.mention(&alert.mention_id).await?.context("an alert belongs to a mention")?;
        let number: usize = mention
            .mention
            .text
            .rsplit('#')
            .next()
            .and_then(|tail| tail.trim().parse().ok())
            .context("a number")?;
        delays.push((mail.arrived - appeared[number - 1]).as_secs_f64());
    }
    ensure!(delays.len() == mentions, "{} of {mentions} mails arrived", delays.len());
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| share_of(&delays, share);
    let figures = json!({ "mentions": mentions, "interval_secs": interval_secs, "median_secs": at(0.5), "p99_secs": at(0.99), "max_secs": at(1.0) });
    if as_json {
        print_json(&figures)?;
    } else {
        println!(
            "{mentions} posts, polled every {interval_secs} s: median {:.2} s, p99 {:.2} s, max {:.2} s",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    bench.tasks.stop().cancel();
    Ok(OK)
}

/// The value below which that share of the sorted values lies; not a number when there are none.
fn share_of(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).ceil() as usize).copied().unwrap_or(f64::NAN)
}

/// A daemon with servers of its own around it.
struct Bench {
    app: App,
    world: World,
    tasks: Tasks,
    _folder: Option<super::show::DemoFolder>,
}

impl Bench {
    async fn start(
        database: Option<String>,
        interval_secs: u64,
        mailbox: Option<Mailbox>,
    ) -> anyhow::Result<Bench> {
        let tasks = Tasks::new();
        let world = World::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (router, stop) = (world.router(), tasks.stop().clone());
        tasks.spawn("bench web", async move {
            Ok(axum::serve(listener, router)
                .with_graceful_shutdown(async move { stop.cancelled().await })
                .await?)
        });
        let receiver = match mailbox {
            None => "kind = \"log\"".to_owned(),
            Some(mailbox) => {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let port = listener.local_addr()?.port();
                let stop = tasks.stop().clone();
                tasks.spawn("bench mail", async move {
                    tokio::select! {
                        () = mailbox.serve(listener) => {}
                        () = stop.cancelled() => {}
                    }
                    Ok(())
                });
                format!(
                    "kind = \"email\"\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
                     from = \"gehoord@voorbeeld.example\"\nto = [\"desk@voorbeeld.example\"]\nreply_to = \"desk@voorbeeld.example\""
                )
            }
        };
        let folder = super::show::demo_folder()?;
        let url = database.unwrap_or_else(|| format!("sqlite://{}/bench.db", folder.path.display()));
        let text = format!(
            "mode = \"act\"\n[database]\nurl = \"{url}\"\n[[brand]]\nname = \"Veldnet\"\nterms = [\"veldnet\"]\n\
             [[source]]\nname = \"bench\"\nkind = \"mastodon\"\nbase_url = \"http://{address}\"\ntags = [\"veldnet\"]\n\
             interval_secs = {interval_secs}\nlawful_basis = \"measurement\"\npurpose = \"measurement\"\n\
             [[receiver]]\nname = \"desk\"\nmay_resolve = true\n{receiver}\n[[rule]]\nname = \"all\"\nnotify = [\"desk\"]\n"
        );
        let config = Config::parse(&text, std::iter::empty())?;
        let store = Store::open(&url, Clock::System).await?;
        ensure!(
            store.totals().await?.mentions == 0,
            "the database is not empty; a bench must not measure in somebody's data"
        );
        let app = App::with_parts(config, store, Client::with_rate(RATE)?).await?;
        Ok(Bench { app, world, tasks, _folder: Some(folder) })
    }
}

/// A complaint in the words of the story, each from somebody else, with its number at the end.
fn post(n: usize) -> Post {
    const WORDS: [&str; 8] = [
        "Al drie weken wacht ik op mijn aansluiting na de verhuizing, niemand belt terug",
        "weer geen beeld vanavond, box blijft hangen, dit is toch niet normaal",
        "what is this strange line on my invoice again, nobody can explain it",
        "internet valt elk uur weg, monteur kwam niet opdagen",
        "the engineer did not show up for the second time, I took a day off",
        "mobiel internet traag, in het centrum kan ik niets openen",
        "app logt mij steeds uit, wachtwoord klopt gewoon",
        "pakketje met de box is kwijt en iedereen wijst naar elkaar",
    ];
    Post {
        id: format!("bench-{n}"),
        feed: "mastodon".to_owned(),
        author: PostAuthor {
            handle: format!("@klant{n}@sociaal.example"),
            name: format!("Klant {n}"),
            followers: Some((n % 500) as u64),
        },
        days_ago: 0.0,
        lang: Some(if WORDS[n % WORDS.len()].contains("the ") { "en" } else { "nl" }.to_owned()),
        text: format!("@veldnet {} #veldnet #{n}", WORDS[n % WORDS.len()]),
        title: None,
        rating: None,
        reply_to: None,
    }
}

/// Tickets that recombine the story's, so that their words have a natural distribution.
async fn fill_register(store: &Store, tickets: usize) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let data = story::register(now)?;
    let sentences: Vec<&str> = data
        .tickets
        .iter()
        .flat_map(|ticket| ticket.body.split_inclusive(['.', '!', '?']))
        .map(str::trim)
        .filter(|s| s.len() > 20)
        .collect();
    store.ensure_registers(&["bench".to_owned()]).await?;
    let numbers: Vec<usize> = (0..tickets).collect();
    for chunk in numbers.chunks(TICKETS_PER_PAGE) {
        let mut page = RegisterPage { complete: true, ..RegisterPage::default() };
        for &n in chunk {
            page.contacts.push(Contact {
                external_id: format!("C{n}"),
                name: format!(
                    "{} {}",
                    ["Anna", "Bart", "Carla", "Daan", "Esra"][n % 5],
                    data.contacts[n % data.contacts.len()].name
                ),
                email: Some(format!("klant{n}@voorbeeld.example")),
                ..Contact::default()
            });
            page.tickets.push(Ticket {
                external_id: n.to_string(),
                number: format!("B{n}"),
                url: None,
                subject: sentences[n * 7 % sentences.len()].chars().take(60).collect(),
                body: format!(
                    "{} {} kenmerk VN{:06}",
                    sentences[n * 13 % sentences.len()],
                    sentences[n * 31 % sentences.len()],
                    n * 17
                ),
                status: TicketStatus::Open,
                priority: Priority::Normal,
                contact: Some(format!("C{n}")),
                problem: None,
                product: None,
                created_at: now,
                updated_at: now,
                solved_at: None,
            });
        }
        let mut tx = store.begin().await?;
        store.save_register_page(&mut tx, "bench", &page, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
