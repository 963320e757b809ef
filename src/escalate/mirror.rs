//! Our copy of the register: synced from the CRMs into the store, and from the store into the matching index.
//!
//! The index is a cache. Each replica builds it from the store at start and keeps it fresh by `changed_seq`, so nothing
//! is lost with it, and a ticket that another replica synced is matched here a moment later.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::Timestamp;

use super::AnyCrm;
use crate::decide::RegisterHealth;
use crate::failure::{Disposition, Failure};
use crate::ids::process_rng;
use crate::matching::Index;
use crate::register::StoredProblem;
use crate::retry;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Tickets that are read from the store at once while the index is built.
const INDEX_PAGE: i64 = 5_000;
/// Pages that are read from one CRM before others get their turn.
const PAGES_PER_TURN: usize = 50;
/// How long the right to sync one register holds without a page being stored.
const LEASE: Duration = Duration::from_secs(120);
/// How often a register is probed while a person must act.
const SUSPENDED_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// The mirror of all registers.
#[derive(Debug)]
pub struct Mirror {
    crms: BTreeMap<String, (Arc<AnyCrm>, Duration)>,
    index: RwLock<Index>,
    problems: RwLock<HashMap<String, StoredProblem>>,
    metrics: Arc<Metrics>,
}

impl Mirror {
    /// A mirror of these CRMs, each with the pause between two reads.
    pub fn new(crms: BTreeMap<String, (Arc<AnyCrm>, Duration)>, metrics: Arc<Metrics>) -> Mirror {
        Mirror { crms, index: RwLock::default(), problems: RwLock::default(), metrics }
    }

    /// The matching index as it is now.
    pub fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("no writer panics")
    }

    /// A problem by row id, as of the last refresh.
    pub fn problem(&self, id: &str) -> Option<StoredProblem> {
        self.problems.read().expect("no writer panics").get(id).cloned()
    }

    /// How far the register can be believed: as far as its oldest part.
    pub async fn health(&self, store: &Store, now: Timestamp) -> anyhow::Result<RegisterHealth> {
        let states = store.register_states().await?;
        let mut oldest: Option<Timestamp> = None;
        for state in &states {
            let Some(at) = state.last_complete_at else { return Ok(RegisterHealth::NeverRead) };
            oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
        Ok(match oldest {
            None => RegisterHealth::NoRegister,
            Some(at) => RegisterHealth::Read(Duration::from_millis(
                (now.as_millisecond() - at.as_millisecond()).max(0) as u64,
            )),
        })
    }

    /// Brings the index up to what the store holds. Returns how many rows were applied.
    pub async fn refresh_index(&self, store: &Store) -> anyhow::Result<usize> {
        let upto = store.register_seq().await?;
        let mut from = self.index().seq();
        if from >= upto {
            return Ok(0);
        }
        let mut applied = 0;
        let problems = store.problems_changed_after(from).await?;
        applied += problems.len();
        for problem in problems {
            self.index.write().expect("no reader panics").apply_problem(&problem);
            self.problems.write().expect("no reader panics").insert(problem.id.clone(), problem);
        }
        loop {
            let tickets = store.tickets_changed_after(from, INDEX_PAGE).await?;
            let Some(last) = tickets.last() else { break };
            from = last.changed_seq;
            applied += tickets.len();
            let mut index = self.index.write().expect("no reader panics");
            for ticket in &tickets {
                index.apply_ticket(ticket);
            }
        }
        self.index.write().expect("no reader panics").set_seq(upto.max(from));
        self.metrics.indexed(self.index().len());
        Ok(applied)
    }

    /// The names of all CRMs.
    pub fn names(&self) -> Vec<String> {
        self.crms.keys().cloned().collect()
    }

    /// Reads every CRM that is due, one after the other. Returns how many rows changed.
    pub async fn sync_due(&self, store: &Store) -> anyhow::Result<usize> {
        let mut changed = 0;
        for name in self.crms.keys() {
            changed += self.sync_if_due(store, name).await?;
        }
        Ok(changed)
    }

    /// Reads one CRM if it is due. Returns how many rows changed.
    pub async fn sync_if_due(&self, store: &Store, register: &str) -> anyhow::Result<usize> {
        let state = store.register_states().await?.into_iter().find(|state| state.register == register);
        let (Some((crm, interval)), Some(state)) = (self.crms.get(register), state) else { return Ok(0) };
        if state.next_at > store.now().await? {
            return Ok(0);
        }
        self.sync(store, register, crm, *interval).await
    }

    async fn sync(
        &self,
        store: &Store,
        register: &str,
        crm: &AnyCrm,
        interval: Duration,
    ) -> anyhow::Result<usize> {
        let Some(lease) = store.take_lease(&format!("register:{register}"), LEASE).await? else {
            return Ok(0);
        };
        let mut changed = 0;
        for _ in 0..PAGES_PER_TURN {
            let Some(state) =
                store.register_states().await?.into_iter().find(|state| state.register == register)
            else {
                break;
            };
            let now = store.now().await?;
            match crm.read(&state.cursor, now).await {
                Ok(page) => {
                    let page = page.cleaned();
                    for rejected in &page.rejected {
                        tracing::warn!(
                            register.name = register,
                            "A row of {register} was left out: {rejected}"
                        );
                    }
                    let next_at = if page.complete { now + interval } else { now };
                    let mut tx = store.begin().await?;
                    changed += store.save_register_page(&mut tx, register, &page, next_at).await?;
                    tx.commit().await?;
                    if page.complete || !store.renew_lease(&lease, LEASE).await? {
                        break;
                    }
                }
                Err(failure) => {
                    self.note_failure(store, register, state.failures, interval, &failure, now).await?;
                    break;
                }
            }
        }
        store.release_lease(&lease).await?;
        Ok(changed)
    }

    async fn note_failure(
        &self,
        store: &Store,
        register: &str,
        failures: i64,
        interval: Duration,
        failure: &Failure,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let suspended = failure.kind.disposition() != Disposition::Retry;
        let planned =
            retry::poll_wait(interval, failures as u32 + 1, failure.retry_after, &mut process_rng());
        let wait = if suspended { planned.max(SUSPENDED_INTERVAL) } else { planned };
        store.note_register_failure(register, failure, now + wait, suspended).await?;
        self.metrics.register_failed(failure.kind);
        // One alarm when it begins, not one for every poll.
        if failures == 0 {
            tracing::error!(
                register.name = register,
                failure.kind = failure.kind.name(),
                "Register {register} cannot be read: {failure}"
            );
        }
        Ok(())
    }

    /// Names and connectors, for `doctor`.
    pub fn crms(&self) -> impl Iterator<Item = (&String, &Arc<AnyCrm>)> {
        self.crms.iter().map(|(name, (crm, _))| (name, crm))
    }
}
