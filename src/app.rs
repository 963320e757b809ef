//! The composition root: a configuration in, a running daemon out. Knows every module.
//!
//! [`App::step`] does one round of all the work there is, for tests and for `run --once`; [`App::run`] does the same in
//! tasks of their own, so that a slow neighbour delays nobody.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::alert::AnyChannel;
use crate::assess::Assessor;
use crate::clock::Clock;
use crate::config::Config;
use crate::escalate::AnyCrm;
use crate::escalate::mirror::Mirror;
use crate::escalate::notes::Letterhead;
use crate::follow_up::FollowUp;
use crate::lifecycle::Tasks;
use crate::outbox::Outbox;
use crate::pipeline::Pipeline;
use crate::source::AnySource;
use crate::source::client::Client;
use crate::source::poller::Poller;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::watch::Watch;

/// The longest any loop sleeps, so that work of other replicas and of commands is seen.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// How often the index takes in what the store holds: a changed ticket is matched within a second.
const INDEX_EVERY: Duration = Duration::from_millis(500);
/// How often the follow-up looks for what has gone quiet.
const FOLLOW_UP_EVERY: Duration = Duration::from_secs(15);
/// How often people are told about our own trouble.
const WATCH_EVERY: Duration = Duration::from_secs(5);
/// Pause after an error of our own store, so that a broken database is not hammered.
const TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// A daemon, ready to work.
#[derive(Clone, Debug)]
pub struct App {
    /// What it was made from.
    pub config: Arc<Config>,
    /// Its state.
    pub store: Store,
    /// Its HTTP client.
    pub client: Client,
    /// Its sources.
    pub poller: Arc<Poller>,
    /// Its copy of the register.
    pub mirror: Arc<Mirror>,
    /// The flow.
    pub pipeline: Arc<Pipeline>,
    /// What it owes.
    pub outbox: Arc<Outbox>,
    /// What has gone quiet, or looks different now.
    pub follow_up: Arc<FollowUp>,
    /// Its own trouble.
    pub watch: Arc<Watch>,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    wake: Arc<Wake>,
}

/// Tells the next task of the flow that there is something to do, so that a mention does not wait for a timer.
#[derive(Debug, Default)]
struct Wake {
    pipeline: Notify,
    outbox: Notify,
    delivery: Notify,
}

/// What one round of work did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Items stored, quarantined or removed.
    pub items: usize,
    /// Register rows that changed.
    pub register_rows: usize,
    /// Mentions decided.
    pub decided: usize,
    /// Alerts turned into effects, and effects tried.
    pub effects: usize,
}

impl Round {
    /// There was nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Round::default()
    }
}

impl App {
    /// Builds everything and opens the store.
    ///
    /// # Errors
    /// When the database cannot be opened, or a part cannot work on this machine.
    pub async fn build(config: Config, clock: Clock) -> anyhow::Result<App> {
        let store = Store::open(&config.database.url, clock).await?;
        App::with_parts(config, store, Client::new().context("building the HTTP client")?).await
    }

    /// Builds everything on a store that is open and a client of the caller's making.
    ///
    /// # Errors
    /// When a part cannot work on this machine.
    pub async fn with_parts(config: Config, store: Store, client: Client) -> anyhow::Result<App> {
        let metrics = Arc::new(Metrics::new());
        let mut sources = BTreeMap::new();
        let mut commons = HashMap::new();
        for entry in &config.sources {
            let mut common = entry.common.clone();
            common.own_accounts.extend(entry.kind.own_accounts());
            common.network.get_or_insert_with(|| entry.kind.kind().to_owned());
            commons.insert(common.name.clone(), common.clone());
            sources.insert(common.name.clone(), (common, AnySource::build(&entry.kind, &client)?));
        }
        let crms: BTreeMap<String, (Arc<AnyCrm>, Duration)> = config
            .crms
            .iter()
            .map(|crm| {
                let built = Arc::new(AnyCrm::build(&crm.kind, &client));
                (crm.name.clone(), (built, Duration::from_secs(crm.interval_secs)))
            })
            .collect();
        let mut receivers = BTreeMap::new();
        for receiver in &config.receivers {
            let channel = AnyChannel::build(&receiver.channel, &client, store.clock())
                .with_context(|| format!("building receiver {:?}", receiver.name))?;
            receivers.insert(receiver.name.clone(), (receiver.clone(), channel));
        }
        let assessor =
            Assessor::new(config.assess_settings()).map_err(|errors| anyhow::anyhow!(errors.join("; ")))?;
        store.ensure_sources(&sources.keys().cloned().collect::<Vec<_>>()).await?;
        store.ensure_registers(&crms.keys().cloned().collect::<Vec<_>>()).await?;
        let writers = crms.iter().map(|(name, (crm, _))| (name.clone(), crm.clone())).collect();
        let mirror = Arc::new(Mirror::new(crms, metrics.clone()));
        let pipeline = Arc::new(Pipeline::new(
            store.clone(),
            assessor,
            config.policy.clone(),
            config.mode,
            commons,
            mirror.clone(),
            metrics.clone(),
        ));
        let outbox = Arc::new(Outbox::new(
            store.clone(),
            receivers,
            writers,
            Letterhead {
                page_url: config.web.base_url(),
                tag: config.policy.tag.clone(),
                topics: config.topics.clone(),
                language: config.web.language,
            },
            metrics.clone(),
        ));
        let watch = Arc::new(Watch::new(
            store.clone(),
            &config.receivers,
            sources.keys().cloned().collect(),
            config.mode,
            metrics.clone(),
        ));
        let follow_up = Arc::new(FollowUp::new(store.clone(), mirror.clone(), pipeline.clone()));
        Ok(App {
            poller: Arc::new(Poller::new(store.clone(), sources, metrics.clone())),
            config: Arc::new(config),
            store,
            client,
            mirror,
            pipeline,
            outbox,
            follow_up,
            watch,
            metrics,
            wake: Arc::default(),
        })
    }

    /// One round of all the work that is due, in the order of the flow.
    pub async fn step(&self) -> anyhow::Result<Round> {
        let mut round = Round { register_rows: self.mirror.sync_due(&self.store).await?, ..Round::default() };
        self.mirror.refresh_index(&self.store).await?;
        for name in self.poller.names() {
            if let Some(stored) = self.poller.poll_if_due(&name).await? {
                round.items += stored.new + stored.edited + stored.quarantined + stored.removed;
            }
        }
        round.decided = self.pipeline.process_all().await?;
        round.decided += self.follow_up.rematch().await?;
        round.effects = self.watch.announce().await?;
        round.effects += self.outbox.dispatch().await? + self.outbox.deliver_due(None).await?;
        Ok(round)
    }

    /// Rounds until nothing is due any more.
    pub async fn step_until_idle(&self) -> anyhow::Result<Round> {
        let mut sum = Round::default();
        loop {
            let round = self.step().await?;
            if round.is_idle() {
                return Ok(sum);
            }
            sum.items += round.items;
            sum.register_rows += round.register_rows;
            sum.decided += round.decided;
            sum.effects += round.effects;
        }
    }

    /// Starts a task for every source, for the register, the pipeline, the outbox, the follow-up and the watch.
    pub fn run(&self, tasks: &Tasks) {
        for name in self.poller.names() {
            self.repeat(tasks, "poller", move |app| {
                let name = name.clone();
                async move { app.poll_one(&name).await }
            });
        }
        for name in self.mirror.names() {
            self.repeat(tasks, "register", move |app| {
                let name = name.clone();
                async move {
                    app.mirror.sync_if_due(&app.store, &name).await?;
                    Ok(Pause::For(IDLE_MAX))
                }
            });
        }
        self.repeat(tasks, "index", |app| async move {
            app.mirror.refresh_index(&app.store).await?;
            Ok(Pause::For(INDEX_EVERY))
        });
        self.repeat(tasks, "pipeline", |app| async move { app.process_once().await });
        self.repeat(tasks, "dispatch", |app| async move { app.dispatch_once().await });
        for target in self.outbox.targets() {
            self.repeat(tasks, "outbox", move |app| {
                let target = target.clone();
                async move { app.deliver_once(&target).await }
            });
        }
        self.repeat(tasks, "follow-up", |app| async move { app.follow_up_once().await });
        self.repeat(tasks, "watch", |app| async move {
            if app.watch.announce().await? > 0 {
                app.wake.delivery.notify_waiters();
            }
            Ok(Pause::For(WATCH_EVERY))
        });
    }

    /// Repeats `work` until the wish to stop. An error is written down and followed by a pause: it is the store's, and
    /// every loop would have it.
    fn repeat<W, F>(&self, tasks: &Tasks, name: &'static str, work: W)
    where
        W: Fn(App) -> F + Send + 'static,
        F: Future<Output = anyhow::Result<Pause>> + Send,
    {
        let (app, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn(name, async move {
            while !stop.is_cancelled() {
                let pause = match work(app.clone()).await {
                    Ok(Pause::None) => continue,
                    Ok(Pause::For(pause)) => pause,
                    Err(error) => {
                        tracing::error!(
                            task.name = name,
                            "A round of {name} failed and is tried again: {error:#}"
                        );
                        TROUBLE_PAUSE
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(())
        });
    }

    async fn follow_up_once(&self) -> anyhow::Result<Pause> {
        self.client.forget_idle();
        if self.follow_up.rematch().await? > 0 {
            self.wake.outbox.notify_one();
        }
        Ok(Pause::For(FOLLOW_UP_EVERY))
    }

    async fn poll_one(&self, name: &str) -> anyhow::Result<Pause> {
        if let Some(stored) = self.poller.poll_if_due(name).await?
            && stored.new + stored.edited > 0
        {
            self.wake.pipeline.notify_one();
        }
        let due = self.poller.next_due(name).await?;
        Ok(Pause::For(self.until_due(due).await?))
    }

    async fn process_once(&self) -> anyhow::Result<Pause> {
        let decided = self.pipeline.process().await?;
        if decided > 0 {
            self.wake.outbox.notify_one();
            return Ok(Pause::None);
        }
        let _ = tokio::time::timeout(IDLE_MAX, self.wake.pipeline.notified()).await;
        Ok(Pause::None)
    }

    async fn dispatch_once(&self) -> anyhow::Result<Pause> {
        if self.outbox.dispatch().await? + self.outbox.deliver_to_the_gone().await? > 0 {
            self.wake.delivery.notify_waiters();
            return Ok(Pause::None);
        }
        let _ = tokio::time::timeout(IDLE_MAX, self.wake.outbox.notified()).await;
        Ok(Pause::None)
    }

    async fn deliver_once(&self, target: &str) -> anyhow::Result<Pause> {
        // Registered before looking, so that a wake-up in between is not missed.
        let woken = self.wake.delivery.notified();
        if self.outbox.deliver_due(Some(target)).await? == 0 {
            let _ = tokio::time::timeout(IDLE_MAX, woken).await;
        }
        Ok(Pause::None)
    }

    /// How long until `due`, at most [`IDLE_MAX`].
    async fn until_due(&self, due: Option<Timestamp>) -> anyhow::Result<Duration> {
        let now = self.store.now().await?;
        let wait = due.map_or(IDLE_MAX, |due| {
            Duration::from_millis((due.as_millisecond() - now.as_millisecond()).max(10) as u64)
        });
        Ok(wait.min(IDLE_MAX))
    }
}

/// How long a loop rests.
enum Pause {
    None,
    For(Duration),
}
