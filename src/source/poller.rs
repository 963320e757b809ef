//! Decides when a source is asked, and stores each page and its cursor together.
//!
//! One source is polled by whoever holds its lease. A page is one transaction: mentions, revisions, removals, quarantine
//! and the new cursor. A source that fails is asked again later and later; one that needs a person is only probed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit, Zoned, tz::TimeZone};

use super::webhook::Webhook;
use super::{AnySource, Item, Page};
use crate::config::SourceCommon;
use crate::failure::{Disposition, Failure, FailureKind};
use crate::ids::process_rng;
use crate::mention::{Mention, opaque_id};
use crate::retry;
use crate::store::Store;
use crate::store::listening::{CursorMove, Lease, SourceState};
use crate::store::mentions::{IncomingPage, Stored};
use crate::telemetry::Metrics;

/// Pages that one source gets before it waits for its next turn.
pub const PAGES_PER_POLL: usize = 50;
/// How long the right to poll one source holds without a page being stored.
const LEASE: Duration = Duration::from_secs(90);
/// How often a source is probed while a person must act.
const SUSPENDED_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// A source that fails for this many intervals leaves a listening gap.
const GAP_AFTER_INTERVALS: u32 = 3;

/// Polls the configured sources.
#[derive(Debug)]
pub struct Poller {
    store: Store,
    sources: BTreeMap<String, (SourceCommon, AnySource)>,
    metrics: Arc<Metrics>,
}

impl Poller {
    /// A poller of these sources.
    pub fn new(
        store: Store,
        sources: BTreeMap<String, (SourceCommon, AnySource)>,
        metrics: Arc<Metrics>,
    ) -> Poller {
        Poller { store, sources, metrics }
    }

    /// The names of all sources.
    pub fn names(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }

    /// The source of this name when it is one that is pushed to, with its common settings.
    pub fn webhook(&self, name: &str) -> Option<(&SourceCommon, &Webhook)> {
        match self.sources.get(name)? {
            (common, AnySource::Webhook(webhook)) => Some((common, webhook)),
            _ => None,
        }
    }

    /// Polls one source if it is due and nobody else does. Returns what was stored; `None` when it was not due.
    pub async fn poll_if_due(&self, name: &str) -> anyhow::Result<Option<Stored>> {
        let (Some((common, source)), Some(state)) =
            (self.sources.get(name), self.store.source_state(name).await?)
        else {
            return Ok(None);
        };
        if state.next_at > self.store.now().await? {
            return Ok(None);
        }
        let Some(lease) = self.store.take_lease(&format!("source:{name}"), LEASE).await? else {
            return Ok(None);
        };
        let polled = self.poll(common, source, &lease).await;
        self.store.release_lease(&lease).await?;
        polled.map(Some)
    }

    /// When a source is due next.
    pub async fn next_due(&self, name: &str) -> anyhow::Result<Option<Timestamp>> {
        Ok(self.store.source_state(name).await?.map(|state| state.next_at))
    }

    async fn poll(&self, common: &SourceCommon, source: &AnySource, lease: &Lease) -> anyhow::Result<Stored> {
        let mut sum = Stored::default();
        for page_number in 1..=PAGES_PER_POLL {
            // Read anew for every page: the epoch in it is what the next page's move is compared with.
            let Some(state) = self.store.source_state(&common.name).await? else { break };
            let now = self.store.now().await?;
            let fetched = match self.spend_call(common, now).await? {
                Ok(()) => source.fetch(&state.cursor, now).await,
                Err(failure) => Err(failure),
            };
            let page = match fetched {
                Ok(page) => page,
                Err(failure) => {
                    self.note_failure(common, &state, &failure, now).await?;
                    break;
                }
            };
            let last_turn = page_number == PAGES_PER_POLL;
            let more = page.more;
            let Some(stored) = self.store_page(common, &state, lease, page, last_turn, now).await? else {
                break;
            };
            sum.add(&stored);
            if !more || !self.store.renew_lease(lease, LEASE).await? {
                break;
            }
        }
        Ok(sum)
    }

    /// One transaction: what was on the page, and the cursor behind it. `None`: somebody else moved on; nothing is stored.
    async fn store_page(
        &self,
        common: &SourceCommon,
        state: &SourceState,
        lease: &Lease,
        page: Page,
        last_turn: bool,
        now: Timestamp,
    ) -> anyhow::Result<Option<Stored>> {
        let interval = Duration::from_secs(common.interval_secs);
        let wait = if page.more && last_turn {
            Duration::ZERO
        } else {
            interval.max(page.wait.unwrap_or_default().min(retry::HINT_MAX))
        };
        let to = CursorMove {
            cursor: page.cursor.clone(),
            next_at: if page.more && !last_turn { now } else { now + wait },
            items: page.items.len(),
            unchanged: page.unchanged,
            caught_up: !page.more,
        };
        let missed = page.missed.clone();
        let incoming = incoming(page, common, !state.backfilled, now);
        if crate::broken::is("cursor-tx") {
            // The defect: the cursor moves in a transaction of its own, before what it passed is stored.
            let mut tx = self.store.begin().await?;
            self.store.move_cursor(&mut tx, lease, state, &to).await?;
            tx.commit().await?;
        }
        let mut tx = self.store.begin().await?;
        let stored = self.store.save_page(&mut tx, &common.name, &incoming).await?;
        if !crate::broken::is("cursor-tx") && !self.store.move_cursor(&mut tx, lease, state, &to).await? {
            tracing::warn!(source.name = %common.name, "Somebody else polled {} meanwhile; this page is dropped", common.name);
            return Ok(None);
        }
        self.store.close_gap(&mut tx, &common.name, now).await?;
        tx.commit().await?;
        if let Some(reason) = missed {
            let from = state.last_success_at.unwrap_or(now);
            // One alarm when the trouble begins, not one for every poll that meets it again.
            let slack = interval.saturating_mul(GAP_AFTER_INTERVALS);
            if self.store.note_missed(&common.name, from, now, slack, &reason).await? {
                tracing::warn!(source.name = %common.name, "Source {} may have shown items that were never seen: {reason}", common.name);
            }
        }
        self.metrics.stored(&stored);
        if stored.new + stored.edited + stored.quarantined + stored.removed > 0 {
            tracing::info!(source.name = %common.name, "Polled {}: {} new, {} edited, {} quarantined, {} removed",
                common.name, stored.new, stored.edited, stored.quarantined, stored.removed);
        }
        Ok(Some(stored))
    }

    async fn note_failure(
        &self,
        common: &SourceCommon,
        state: &SourceState,
        failure: &Failure,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let interval = Duration::from_secs(common.interval_secs);
        let suspended = failure.kind.disposition() != Disposition::Retry;
        let planned =
            retry::poll_wait(interval, state.failures as u32 + 1, failure.retry_after, &mut process_rng());
        let wait = if suspended { planned.max(SUSPENDED_INTERVAL) } else { planned };
        self.store.note_poll_failure(&common.name, failure, now + wait, suspended).await?;
        self.metrics.poll_failed(failure.kind);
        // One alarm when the trouble begins, not one for every poll.
        if state.failures == 0 {
            let name = &common.name;
            match suspended {
                true => {
                    tracing::error!(source.name = %name, failure.kind = failure.kind.name(), "Source {name} needs a person: {failure}")
                }
                false => {
                    tracing::warn!(source.name = %name, failure.kind = failure.kind.name(), "Source {name} is not heard: {failure}")
                }
            }
        }
        if let Some(last) = state.last_success_at
            && now > last + interval.saturating_mul(GAP_AFTER_INTERVALS)
        {
            self.store.open_gap(&common.name, last, failure.kind.name()).await?;
        }
        Ok(())
    }

    /// Counts a call against the source's daily and yearly allowance, which outlive a restart.
    async fn spend_call(&self, common: &SourceCommon, now: Timestamp) -> anyhow::Result<Result<(), Failure>> {
        let today = Zoned::new(now, TimeZone::UTC);
        let windows = [
            (
                "day",
                common.calls_per_day,
                today.start_of_day().ok(),
                today.tomorrow().and_then(|t| t.start_of_day()).ok(),
            ),
            (
                "year",
                common.calls_per_year,
                today.first_of_year().and_then(|t| t.start_of_day()).ok(),
                today.last_of_year().and_then(|t| t.tomorrow()).and_then(|t| t.start_of_day()).ok(),
            ),
        ];
        for (period, allowed, start, end) in windows {
            let (Some(allowed), Some(start), Some(end)) = (allowed, start, end) else { continue };
            let name = format!("source:{}:{period}", common.name);
            if !self.store.spend_quota(&name, start.timestamp(), 1, allowed).await? {
                let wait = now
                    .until((Unit::Second, end.timestamp()))
                    .map(|span| span.get_seconds().max(1) as u64)
                    .unwrap_or(3600);
                let message = format!("the allowance of {allowed} calls per {period} is used");
                return Ok(Err(
                    Failure::new(FailureKind::QuotaSpent, message).after(Some(Duration::from_secs(wait)))
                ));
            }
        }
        Ok(Ok(()))
    }

    /// Asks every source whether we can log in: name and answer.
    pub async fn check_sources(&self) -> Vec<(String, Result<String, Failure>)> {
        let mut answers = Vec::new();
        for (name, (_, source)) in &self.sources {
            answers.push((name.clone(), source.check().await));
        }
        answers
    }
}

/// A fetched page as the store takes it: cleaned, with our own voice marked.
pub fn incoming(page: Page, common: &SourceCommon, backfill: bool, now: Timestamp) -> IncomingPage {
    let mut incoming = IncomingPage { backfill, ..IncomingPage::default() };
    for item in page.items {
        match item {
            Item::Mention(mention) => {
                let mention = mention.cleaned(now);
                if mention.external_id.is_empty() {
                    let raw = serde_json::to_vec(&mention).expect("our own types are always JSON");
                    incoming.quarantined.push((raw, "an item without an id".to_owned()));
                } else {
                    let own = is_own(&mention, common);
                    incoming.mentions.push((mention, own));
                }
            }
            // As it is stored: a removal must find what it is about.
            Item::Removed(external_id) => incoming.removed.push(opaque_id(&external_id)),
            Item::Broken { raw, reason } => incoming.quarantined.push((raw, reason)),
        }
    }
    incoming
}

fn is_own(mention: &Mention, common: &SourceCommon) -> bool {
    let author = &mention.author;
    common.own_accounts.iter().any(|own| {
        let own = own.trim_start_matches('@');
        own == author.external_id
            || author.handle.as_deref().is_some_and(|handle| handle.eq_ignore_ascii_case(own))
    })
}
