//! The outbox: effects that are owed are claimed by lease, delivered, and finished under a fencing token.
//!
//! Walk: `dispatch` turns due alerts into effects; `deliver_due` claims effects, each delivery runs under a lease that is
//! renewed while it lasts, and ends in one of three outcomes. What was started and never ended is an *unknown outcome*:
//! the next attempt says so to the peer's connector, which looks before it repeats. There is no other exit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::alert::notice::{Notice, NoticeLetter};
use crate::alert::{AnyChannel, Letter, ReceiverConfig};
use crate::config::Language;
use crate::decide::CrmStep;
use crate::dossier;
use crate::escalate::notes::{self, Letterhead};
use crate::escalate::{AnyCrm, CrmAction};
use crate::failure::{Disposition, Failure, FailureKind};
use crate::ids::process_rng;
use crate::register::row_id;
use crate::retry;
use crate::store::Store;
use crate::store::outbox::{ClaimedEffect, Intent, Outcome};
use crate::telemetry::Metrics;

/// How long a claim holds without being renewed.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a claim is renewed while its delivery lasts.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// A delivery that lasts longer is cut; its outcome is then unknown.
const DELIVERY_MAX: Duration = Duration::from_secs(180);
/// Deliveries that run at the same time.
const CLAIM_MAX: i64 = 16;
/// Alerts that are sent off in one transaction.
const DISPATCH_MAX: i64 = 100;
/// How long a target rests after bad credentials before it is probed again.
const SUSPENSION: Duration = Duration::from_secs(15 * 60);

/// Delivers what is owed.
#[derive(Debug)]
pub struct Outbox {
    store: Store,
    receivers: BTreeMap<String, (ReceiverConfig, AnyChannel)>,
    crms: BTreeMap<String, Arc<AnyCrm>>,
    letterhead: Letterhead,
    metrics: Arc<Metrics>,
}

impl Outbox {
    /// An outbox that reaches these receivers and CRMs.
    pub fn new(
        store: Store,
        receivers: BTreeMap<String, (ReceiverConfig, AnyChannel)>,
        crms: BTreeMap<String, Arc<AnyCrm>>,
        letterhead: Letterhead,
        metrics: Arc<Metrics>,
    ) -> Outbox {
        Outbox { store, receivers, crms, letterhead, metrics }
    }

    /// Turns alerts that are due into effects. Returns how many.
    pub async fn dispatch(&self) -> anyhow::Result<usize> {
        let now = self.store.now().await?;
        let due = self.store.owed_alerts(now, DISPATCH_MAX).await?;
        if due.is_empty() { Ok(0) } else { self.store.send_off(&due, now).await }
    }

    /// The targets that are configured: each has a delivery loop of its own, so that a slow one delays no other.
    pub fn targets(&self) -> Vec<String> {
        let channels = self.receivers.keys().map(|name| format!("channel:{name}"));
        let crms = self.crms.keys().map(|name| format!("crm:{name}"));
        channels.chain(crms).collect()
    }

    /// Delivers what is owed to targets that are no longer configured, which parks it where a person sees it.
    pub async fn deliver_to_the_gone(&self) -> anyhow::Result<usize> {
        let configured = self.targets();
        let mut tried = 0;
        for target in self.store.open_targets().await?.iter().filter(|target| !configured.contains(target)) {
            tried += self.deliver_due(Some(target)).await?;
        }
        Ok(tried)
    }

    /// Claims effects of one target (`None`: of any) that are due and delivers them. Returns how many were tried.
    pub async fn deliver_due(&self, target: Option<&str>) -> anyhow::Result<usize> {
        let claimed = self.store.claim_due(LEASE, CLAIM_MAX, target).await?;
        let tried = claimed.len();
        let mut deliveries = FuturesUnordered::new();
        for effect in &claimed {
            deliveries.push(self.deliver(effect));
        }
        while let Some(finished) = deliveries.next().await {
            finished?;
        }
        Ok(tried)
    }

    async fn deliver(&self, effect: &ClaimedEffect) -> anyhow::Result<()> {
        if crate::broken::is("ack-first") {
            self.store.finish(effect, &Outcome::Delivered("before it was sent".into())).await?;
        }
        let result = match self.composed(effect).await? {
            Composed::Ready(composed) => self.deliver_under_lease(effect, &composed).await,
            Composed::Impossible(failure) => Err(failure),
            Composed::ClaimLost => return Ok(()),
        };
        let outcome = self.outcome(effect, result).await?;
        let finished = self.store.finish(effect, &outcome).await?;
        self.report(effect, &outcome, finished);
        Ok(())
    }

    /// The bytes of an effect: those of an earlier attempt, or composed now and frozen before anything is sent.
    async fn composed(&self, effect: &ClaimedEffect) -> anyhow::Result<Composed> {
        if let Some(frozen) = &effect.frozen {
            return Ok(Composed::Ready(frozen.clone()));
        }
        let composed = match &effect.intent {
            Intent::Alert { alert_id } => self.compose_alert(effect, alert_id).await?,
            Intent::Notice { notice } => self.compose_notice(effect, notice),
            Intent::Crm { step, mention_id, .. } => match dossier::gather(&self.store, mention_id).await? {
                Some(dossier) => Ok(serde_json::to_string(&notes::action(step, &dossier, &self.letterhead))?),
                None => Err(gone("the mention")),
            },
        };
        match composed {
            Ok(composed) if self.store.freeze(effect, &composed).await? => Ok(Composed::Ready(composed)),
            Ok(_) => Ok(Composed::ClaimLost),
            Err(failure) => Ok(Composed::Impossible(failure)),
        }
    }

    async fn compose_alert(
        &self,
        effect: &ClaimedEffect,
        alert_id: &str,
    ) -> anyhow::Result<Result<String, Failure>> {
        let Some(alert) = self.store.alert(alert_id).await? else { return Ok(Err(gone("the alert"))) };
        let Some(dossier) = dossier::gather(&self.store, &alert.mention_id).await? else {
            return Ok(Err(gone("the mention")));
        };
        let Some((receiver, channel)) = self.receivers.get(&alert.receiver) else {
            return Ok(Err(no_longer_configured("receiver", &alert.receiver)));
        };
        let letter = Letter {
            key: &effect.key,
            kind: alert.kind,
            dossier: &dossier,
            language: receiver.language,
            link_only: receiver.link_only,
            page_url: &self.letterhead.page_url,
            topics: &self.letterhead.topics,
        };
        Ok(Ok(channel.compose(&letter)))
    }

    fn compose_notice(&self, effect: &ClaimedEffect, notice: &Notice) -> Result<String, Failure> {
        let name = effect.target.strip_prefix("channel:").unwrap_or(&effect.target);
        let (receiver, channel) =
            self.receivers.get(name).ok_or_else(|| no_longer_configured("receiver", name))?;
        Ok(channel.compose_notice(&NoticeLetter {
            key: &effect.key,
            notice,
            language: receiver.language,
            page_url: &self.letterhead.page_url,
            now: self.store.clock().now(),
        }))
    }

    /// Delivers while the claim is renewed. A claim that is lost, or a delivery that lasts too long, cuts its own
    /// connection; what the peer made of it is then unknown.
    async fn deliver_under_lease(&self, effect: &ClaimedEffect, composed: &str) -> Result<String, Failure> {
        let sending = self.send(effect, composed);
        tokio::pin!(sending);
        let deadline = tokio::time::sleep(DELIVERY_MAX);
        tokio::pin!(deadline);
        let mut renewal = tokio::time::interval_at(tokio::time::Instant::now() + RENEW_EVERY, RENEW_EVERY);
        loop {
            tokio::select! {
                result = &mut sending => return result,
                () = &mut deadline => return Err(unknown("the delivery lasted too long and was cut")),
                _ = renewal.tick() => match self.store.renew_claim(effect, LEASE).await {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return Err(unknown("the claim could not be renewed, so the delivery was cut")),
                },
            }
        }
    }

    async fn send(&self, effect: &ClaimedEffect, composed: &str) -> Result<String, Failure> {
        match effect.target.split_once(':') {
            Some(("channel", name)) => match self.receivers.get(name) {
                Some((_, channel)) => channel.deliver(composed, &effect.key).await,
                None => Err(no_longer_configured("receiver", name)),
            },
            Some(("crm", name)) => {
                let crm = self.crms.get(name).ok_or_else(|| no_longer_configured("crm", name))?;
                let action: CrmAction = serde_json::from_str(composed).map_err(|_| {
                    Failure::new(FailureKind::Internal, "a frozen CRM action is not readable")
                })?;
                let again = effect.again && !crate::broken::is("dedup-key");
                let receipt = crm.write(&action, &effect.key, again).await?;
                self.note_opened(effect, name, &receipt.record).await?;
                Ok(if receipt.found { format!("{} (was there)", receipt.record) } else { receipt.record })
            }
            _ => Err(Failure::new(FailureKind::Internal, "an effect has an unknown target")),
        }
    }

    /// A ticket that we opened becomes the ticket of its case before the effect counts as delivered.
    async fn note_opened(&self, effect: &ClaimedEffect, crm: &str, record: &str) -> Result<(), Failure> {
        if let Intent::Crm { step: CrmStep::OpenTicket { .. }, case_id: Some(case_id), .. } = &effect.intent {
            let noted = self.store.note_opened_ticket(case_id, &row_id(crm, record)).await;
            noted.map_err(|_| {
                Failure::new(FailureKind::UnknownOutcome, "the opened ticket could not be written down")
            })?;
        }
        Ok(())
    }

    async fn outcome(
        &self,
        effect: &ClaimedEffect,
        result: Result<String, Failure>,
    ) -> anyhow::Result<Outcome> {
        let failure = match result {
            Ok(receipt) => return Ok(Outcome::Delivered(receipt)),
            Err(_) if crate::broken::is("silent") => return Ok(Outcome::Delivered("not really".into())),
            Err(failure) => failure,
        };
        let now = self.store.now().await?;
        Ok(match failure.kind.disposition() {
            Disposition::GiveUp => Outcome::Dead(failure),
            Disposition::Suspend => {
                // Not this item's fault: the whole target rests, and no attempt is burnt on the others.
                let again_at = now + SUSPENSION;
                self.store.pause_target(&effect.target, again_at).await?;
                Outcome::Retry(failure, again_at)
            }
            Disposition::Retry => {
                match retry::delivery_wait(
                    effect.attempt.max(1) as u32,
                    failure.retry_after,
                    &mut process_rng(),
                ) {
                    Some(wait) => Outcome::Retry(failure, now + wait),
                    None => Outcome::Dead(failure),
                }
            }
        })
    }

    fn report(&self, effect: &ClaimedEffect, outcome: &Outcome, finished: bool) {
        if !finished {
            tracing::warn!(effect.id = %effect.id, "Effect {} was finished by somebody else; the late answer was refused", effect.id);
            return;
        }
        match outcome {
            Outcome::Delivered(_) => {
                self.metrics.delivered();
                tracing::info!(effect.id = %effect.id, effect.target = %effect.target, "Delivered effect {} to {}", effect.id, effect.target);
            }
            Outcome::Retry(failure, at) => {
                self.metrics.delivery_failed(failure.kind);
                tracing::warn!(effect.id = %effect.id, effect.target = %effect.target, failure.kind = failure.kind.name(),
                    "Effect {} to {} failed and is tried again at {at}: {failure}", effect.id, effect.target);
            }
            Outcome::Dead(failure) => {
                self.metrics.delivery_failed(failure.kind);
                self.metrics.died();
                tracing::error!(effect.id = %effect.id, effect.target = %effect.target, failure.kind = failure.kind.name(),
                    "Effect {} to {} is given up and waits for a person on the outbox page: {failure}", effect.id, effect.target);
            }
        }
    }

    /// Asks every channel whether it works: name and answer.
    pub async fn check_channels(&self) -> Vec<(String, Result<String, Failure>)> {
        let mut answers = Vec::new();
        for (name, (_, channel)) in &self.receivers {
            answers.push((name.clone(), channel.check().await));
        }
        answers
    }

    /// The language of a receiver.
    pub fn language_of(&self, receiver: &str) -> Option<Language> {
        self.receivers.get(receiver).map(|(config, _)| config.language)
    }
}

enum Composed {
    Ready(String),
    Impossible(Failure),
    ClaimLost,
}

fn gone(what: &str) -> Failure {
    Failure::new(FailureKind::Gone, format!("{what} this effect is about no longer exists"))
}

fn unknown(what: &str) -> Failure {
    Failure::new(FailureKind::UnknownOutcome, what)
}

fn no_longer_configured(what: &str, name: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no {what} {name:?} in the configuration any more"))
}
