//! Our own trouble: what is wrong with us that only a person can end, and telling people over a path that works.
//!
//! What was given up on one channel or CRM is told to the receivers of another channel, in groups, so that a CRM that
//! refuses a thousand notes is one message and not a thousand. A source that fell silent is told once. Where no other
//! channel is there to tell it, the log, the metrics, the page and `gehoord doctor` say so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::alert::ReceiverConfig;
use crate::alert::notice::Notice;
use crate::decide::Mode;
use crate::store::Store;
use crate::store::outbox::{Intent, NewEffect};
use crate::telemetry::Metrics;

/// Deaths on one target within this time are told in one notice.
const GIVEN_UP_EVERY: Duration = Duration::from_secs(15 * 60);
/// The lane of a notice: after what is critical, before the rest.
const LANE: i64 = 1;

/// Tells people about our own trouble.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    receivers: Vec<Reachable>,
    sources: Vec<String>,
    mode: Mode,
    metrics: Arc<Metrics>,
}

/// A receiver that somebody reads.
#[derive(Clone, Debug)]
struct Reachable {
    name: String,
    /// What its channel goes through: those with the same peer fail together.
    peer: String,
    may_resolve: bool,
}

impl Watch {
    /// A watch over the configured sources, which tells the configured receivers.
    pub fn new(
        store: Store,
        receivers: &[ReceiverConfig],
        sources: Vec<String>,
        mode: Mode,
        metrics: Arc<Metrics>,
    ) -> Watch {
        let receivers = receivers
            .iter()
            .filter_map(|receiver| {
                Some(Reachable {
                    name: receiver.name.clone(),
                    peer: receiver.channel.peer()?,
                    may_resolve: receiver.may_resolve,
                })
            })
            .collect();
        Watch { store, receivers, sources, mode, metrics }
    }

    /// Owes notices about what nobody was told of yet. Returns how many troubles it dealt with.
    pub async fn announce(&self) -> anyhow::Result<usize> {
        let now = self.store.now().await?;
        Ok(self.announce_given_up(now).await? + self.announce_silent(now).await?)
    }

    async fn announce_given_up(&self, now: Timestamp) -> anyhow::Result<usize> {
        let mut announced = 0;
        for target in self.store.unannounced_targets().await? {
            let cause = format!("given-up:{target}");
            let last = self.store.last_owed_for(&cause).await?;
            if last.is_some_and(|last| now < last + GIVEN_UP_EVERY) {
                continue;
            }
            let told = self.those_beside(&target);
            let count = self
                .store
                .announce_dead(&target, now, |count, effect_id| {
                    let notice = Notice::GivenUp { target: target.clone(), count };
                    // An effect that a person tried again may die again.
                    let occasion = format!("{effect_id}-{}", now.as_millisecond());
                    self.notices(&told, &notice, &cause, &occasion, now)
                })
                .await?;
            if told.is_empty() && count > 0 {
                self.metrics.unannounced(count);
                tracing::error!(effect.target = %target, "{count} effects to {target} were given up, and no other channel is configured \
                    to say so; see the outbox page, and configure a second [[receiver]] of another kind");
            }
            announced += count;
        }
        Ok(announced)
    }

    async fn announce_silent(&self, now: Timestamp) -> anyhow::Result<usize> {
        let mut announced = 0;
        for (source, since) in silent(&self.store, &self.sources).await? {
            let cause = format!("silent:{source}:{}", since.as_millisecond());
            if self.store.last_owed_for(&cause).await?.is_none() {
                let notice = Notice::Silent { source, since };
                let told = self.those_who_can_act(&self.receivers);
                let effects = self.notices(&told, &notice, &cause, &cause, now);
                announced += self.store.owe_effects(&effects, now).await?;
            }
        }
        Ok(announced)
    }

    /// The receivers that are reached over another channel than `target`.
    fn those_beside(&self, target: &str) -> Vec<Reachable> {
        let failed = target
            .strip_prefix("channel:")
            .and_then(|name| self.receivers.iter().find(|receiver| receiver.name == name))
            .map(|receiver| receiver.peer.as_str());
        let others: Vec<Reachable> =
            self.receivers.iter().filter(|receiver| failed != Some(&receiver.peer)).cloned().collect();
        self.those_who_can_act(&others)
    }

    /// Those who may resolve complaints, or everybody where there are none.
    fn those_who_can_act(&self, receivers: &[Reachable]) -> Vec<Reachable> {
        let able: Vec<Reachable> =
            receivers.iter().filter(|receiver| receiver.may_resolve).cloned().collect();
        if able.is_empty() { receivers.to_vec() } else { able }
    }

    fn notices(
        &self,
        receivers: &[Reachable],
        notice: &Notice,
        cause: &str,
        occasion: &str,
        now: Timestamp,
    ) -> Vec<NewEffect> {
        receivers
            .iter()
            .map(|receiver| NewEffect {
                key: format!("notice-{occasion}-{}", receiver.name),
                target: format!("channel:{}", receiver.name),
                thread: format!("{}|{cause}", receiver.name),
                lane: LANE,
                intent: Intent::Notice { notice: notice.clone() },
                cause: cause.to_owned(),
                due_at: now,
                observed: self.mode == Mode::Observe,
            })
            .collect()
    }
}

/// Configured sources that fell silent, each with its last item.
async fn silent(store: &Store, sources: &[String]) -> anyhow::Result<Vec<(String, Timestamp)>> {
    let states = store.source_states().await?;
    let silent = states.into_iter().filter(|state| sources.contains(&state.source));
    Ok(silent.filter_map(|state| Some((state.source, state.hearing.silent_since?))).collect())
}

/// What waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Mentions that the pipeline failed on too often.
    pub parked: i64,
    /// Effects that were given up.
    pub given_up: i64,
    /// Sources that fell silent, each with its last item.
    pub silent: Vec<(String, Timestamp)>,
}

impl Findings {
    /// Looks, for the configured sources.
    pub async fn look(store: &Store, sources: &[String]) -> anyhow::Result<Findings> {
        Ok(Findings {
            parked: store.totals().await?.parked,
            given_up: store.effect_counts().await?.get("dead").copied().unwrap_or(0),
            silent: silent(store, sources).await?,
        })
    }

    /// One line each: what it is about, and what is the matter.
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        if self.parked > 0 {
            let line = format!(
                "{} parked, because processing them failed; see the log, then `gehoord release`",
                self.parked
            );
            lines.push(("mentions".to_owned(), line));
        }
        if self.given_up > 0 {
            let line = format!("{} given up; see the outbox page, then `gehoord release`", self.given_up);
            lines.push(("effects".to_owned(), line));
        }
        for (source, since) in &self.silent {
            let line = format!(
                "answers with empty lists only since {since}; check that its search terms and account still exist"
            );
            lines.push((format!("source {source}"), line));
        }
        lines
    }
}
