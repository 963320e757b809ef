//! Decides when a source is asked, and stores each page and its cursor together.
//!
//! One source is polled by whoever holds its lease. A page is one transaction: mentions, revisions, removals, quarantine
//! and the new cursor. A source that fails is asked again later and later; one that needs a person is only probed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit, Zoned, tz::TimeZone};

use super::silence::Hearing;
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
/// The reason of the gap that a silent source leaves.
const EMPTY_ANSWERS: &str = "empty_answers";

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
        let mut pass = Pass::default();
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
            pass.answers |= source.can_fall_silent() && !page.unchanged;
            pass.items += page.items.len();
            pass.ends = !more || last_turn;
            let stored = match self.store_page(common, &state, lease, page, pass, now).await {
                Ok(Some(stored)) => stored,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(source.name = %common.name, "What {} said could not be stored: {error:#}", common.name);
                    let failure = Failure::new(FailureKind::NotStored, "an answer could not be stored");
                    self.note_failure(common, &state, &failure, now).await?;
                    break;
                }
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
        pass: Pass,
        now: Timestamp,
    ) -> anyhow::Result<Option<Stored>> {
        let interval = Duration::from_secs(common.interval_secs);
        let wait = if page.more && pass.ends {
            Duration::ZERO
        } else {
            interval.max(page.wait.unwrap_or_default().min(retry::HINT_MAX))
        };
        let to = CursorMove {
            cursor: page.cursor.clone(),
            next_at: if pass.ends { now + wait } else { now },
            items: page.items.len(),
            hearing: if pass.ends && pass.answers {
                state.hearing.after(pass.items, state.last_item_at, now)
            } else {
                state.hearing
            },
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
        if to.hearing.silent_since.is_none() {
            self.store.close_gap(&mut tx, &common.name, now).await?;
        }
        tx.commit().await?;
        self.note_silence(common, state, &to.hearing).await?;
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

    /// A source that falls silent is not heard, although it answers: a gap from its last item on, and one alarm.
    async fn note_silence(
        &self,
        common: &SourceCommon,
        state: &SourceState,
        hearing: &Hearing,
    ) -> anyhow::Result<()> {
        let name = &common.name;
        match (state.hearing.silent_since, hearing.silent_since) {
            (None, Some(since)) => {
                tracing::error!(source.name = %name, "Source {name} has answered with empty lists since {since}, far longer than is usual for it; \
                    check that its search terms and account still exist");
                self.store.open_gap(name, since, EMPTY_ANSWERS).await?;
            }
            (Some(_), None) => tracing::info!(source.name = %name, "Source {name} brings items again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        Ok(())
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
        let in_a_row = state.failures as u32 + 1;
        let planned = if failure.kind == FailureKind::NotStored {
            retry::not_stored_wait(interval, in_a_row, &mut process_rng())
        } else {
            retry::poll_wait(interval, in_a_row, failure.retry_after, &mut process_rng())
        };
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

/// What the pages of one poll have brought so far.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    /// Items on its pages.
    items: usize,
    /// One of them was an answer that tells whether there is news, which "nothing changed" is not.
    answers: bool,
    /// The present page is its last.
    ends: bool,
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
