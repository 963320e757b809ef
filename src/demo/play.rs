//! Plays the story: six weeks as history, then the last two days as they happen.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::fake_zendesk::FakeZendesk;
use super::mailbox::Mailbox;
use super::story::{self, Post};
use super::world::World;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::dossier;
use crate::lifecycle::Tasks;
use crate::source::client::Client;
use crate::store::Store;

/// What was said longer ago than this is history when the demo starts: it comes with the first poll.
const HISTORY_DAYS: f64 = 2.0;
/// Posts that are published between two rounds when the story is played at once.
const POSTS_PER_ROUND: usize = 8;
/// Pause between two posts when people watch.
const PUBLISH_EVERY: Duration = Duration::from_millis(700);
/// Requests per second between the demo and its own servers.
const RATE: NonZeroU32 = NonZeroU32::new(500).expect("not zero");
/// All alerts of the story fit in this.
const ALERTS_MAX: i64 = 10_000;

/// A demo that is ready to be played.
#[derive(Debug)]
pub struct Demo {
    /// The daemon.
    pub app: App,
    /// The mails it sent.
    pub mailbox: Mailbox,
    /// The ticket system.
    pub desk: FakeZendesk,
    world: World,
    live: Vec<Post>,
}

impl Demo {
    /// Starts the story's servers on loopback, and builds a daemon in front of them with its state in `folder`.
    ///
    /// # Errors
    /// When no port is free or the store cannot be opened.
    pub async fn prepare(folder: &Path, listen: &str, tasks: &Tasks) -> anyhow::Result<Demo> {
        let now = Clock::System.now();
        let (world, mailbox) = (World::default(), Mailbox::default());
        let desk = FakeZendesk::new(story::register(now)?);
        let mut live = Vec::new();
        for post in story::posts()? {
            if post.days_ago >= HISTORY_DAYS {
                let at = said_at(&post, now);
                world.publish(post, at);
            } else {
                live.push(post);
            }
        }
        let web = serve_http(tasks, "demo web", world.router()).await?;
        let tickets = serve_http(tasks, "demo tickets", desk.router()).await?;
        let mail = serve_mail(tasks, mailbox.clone()).await?;
        let text = config_text(folder, listen, web, tickets, mail);
        let mut config = Config::parse(&text, std::iter::empty())?;
        // The account of the ticket system, as the fake one knows it.
        if let Some(crate::escalate::CrmConfig::Zendesk(settings)) =
            config.crms.first_mut().map(|crm| &mut crm.kind)
        {
            *settings = FakeZendesk::config(&format!("http://{tickets}"));
        }
        let store = Store::open(&config.database.url, Clock::System).await?;
        let app = App::with_parts(config, store, Client::with_rate(RATE)?).await?;
        Ok(Demo { app, mailbox, desk, world, live })
    }

    /// Plays the story to its end, without waiting for anybody.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn play_at_once(&self, progress: impl Fn(usize, usize)) -> anyhow::Result<()> {
        self.app.step_until_idle().await?;
        let mut told = 0;
        for posts in self.live.chunks(POSTS_PER_ROUND) {
            let now = self.app.store.now().await?;
            for post in posts {
                self.world.publish(post.clone(), said_at(post, now));
            }
            for source in self.app.poller.names() {
                self.app.store.make_source_due(&source).await?;
            }
            self.app.step_until_idle().await?;
            told += posts.len();
            progress(told, self.live.len());
        }
        Ok(())
    }

    /// Publishes the last two days post by post, for people who watch. The daemon runs meanwhile.
    pub async fn publish_slowly(self) -> anyhow::Result<()> {
        for post in self.live {
            let at = said_at(&post, Clock::System.now());
            self.world.publish(post, at);
            tokio::time::sleep(PUBLISH_EVERY).await;
        }
        std::future::pending().await
    }

    /// What happened, for a script.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn outcome(&self) -> anyhow::Result<Value> {
        let store = &self.app.store;
        let totals = store.totals().await?;
        let mut alerts = Vec::new();
        for alert in store.alerts(ALERTS_MAX).await? {
            let Some(dossier) = dossier::gather(store, &alert.mention_id).await? else { continue };
            let mention = &dossier.mention.mention;
            alerts.push(json!({
                "receiver": alert.receiver,
                "kind": alert.kind,
                "urgency": alert.urgency,
                "severity": dossier.assessment.severity,
                "case": dossier.case.as_ref().map(|case| case.number),
                "source": dossier.mention.source,
                "author": mention.author.handle,
                "verbatim": mention.whole_text(),
                "language": dossier.assessment.language,
                "audience": dossier.exposure.audience,
                "verdict": dossier.verdict,
                "known_since_days": dossier.known_since_days,
                "ticket": dossier.ticket.as_ref().map(|ticket| &ticket.ticket.number),
                "problem": dossier.problem.as_ref().map(|problem| &problem.problem.number),
                "problem_title": dossier.problem.as_ref().map(|problem| &problem.problem.title),
                "others_silent": dossier.others_silent,
                "recurrence_days": dossier.recurrence_days,
                "promised": dossier.promises.iter().map(|promise| &promise.quote).collect::<Vec<_>>(),
                "exposure": dossier.exposure.expected,
                "exposure_arithmetic": dossier.exposure.arithmetic(mention.language_hint.as_deref() != Some("en")),
                "delivery": alert.delivery,
            }));
        }
        let effects = store.effect_lines(ALERTS_MAX).await?;
        let crm = |step: &str| {
            let marker = format!("\"step\":\"{step}\"");
            effects
                .iter()
                .filter(|effect| effect.state == "delivered" && effect.intent.contains(&marker))
                .count()
        };
        Ok(json!({
            "mentions": {
                "stored": totals.mentions,
                "assessed": totals.decided,
                "waiting": totals.waiting,
                "parked": totals.parked,
                "quarantined": totals.quarantined,
                "by_class": store.assessed_by_class().await?,
            },
            "cases": totals.open_cases,
            "alerts": alerts,
            "mails": self.mailbox.mails().len(),
            "tickets": {
                "in_register": totals.tickets,
                "unresolved": totals.unresolved_tickets,
                "raised": crm("escalate"),
                "problems_noted": crm("note_problem"),
                "opened": crm("open_ticket"),
                "mails_to_customers": self.desk.mails().len(),
            },
        }))
    }
}

fn said_at(post: &Post, now: Timestamp) -> Timestamp {
    now - SignedDuration::from_secs_f64((post.days_ago * 86_400.0).max(1.0))
}

async fn serve_http(tasks: &Tasks, name: &'static str, router: axum::Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    let address = listener.local_addr()?;
    let stop = tasks.stop().clone();
    tasks.spawn(name, async move {
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
        Ok(())
    });
    Ok(address)
}

async fn serve_mail(tasks: &Tasks, mailbox: Mailbox) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    let address = listener.local_addr()?;
    let stop = tasks.stop().clone();
    tasks.spawn("demo mail", async move {
        tokio::select! {
            () = mailbox.serve(listener) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    });
    Ok(address)
}

/// The demo's configuration: a file like any operator's, with the addresses of the story's servers filled in.
fn config_text(
    folder: &Path,
    listen: &str,
    web: SocketAddr,
    tickets: SocketAddr,
    mail: SocketAddr,
) -> String {
    include_str!("../../demo/demo.toml")
        .replace("DATABASE", &folder.join("demo.db").display().to_string())
        .replace("LISTEN", listen)
        .replace("TICKETS", &format!("http://{tickets}"))
        .replace("WEB", &format!("http://{web}"))
        .replace("MAIL_PORT", &mail.port().to_string())
}
