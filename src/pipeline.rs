//! THE FLOW. Read this first.
//!
//! ```text
//! source → mention → assess → recognise → match → decide → escalate / alert → follow-up → report
//! ```
//!
//! `source/poller.rs` puts mentions into the store. [`Pipeline::process`] takes the waiting ones and carries them through
//! the pure steps: it *gathers* what they need (store and index), *judges* (no clock, no store, no network), and *writes*
//! the judgements with all they owe in one transaction. No transaction is open while it computes. `outbox.rs` delivers.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::assess::{Assessment, Assessor, ReferenceKind};
use crate::config::SourceCommon;
use crate::decide::{CaseStep, Mode, OpenCase, Policy, RegisterHealth, Situation, decide};
use crate::escalate::mirror::Mirror;
use crate::ids;
use crate::matching::{self, Band, Facts, Index};
use crate::mention::StoredMention;
use crate::recognise::{self, Recognition};
use crate::register::{ContactKey, StoredContact, StoredTicket};
use crate::store::Store;
use crate::store::judgements::{Basis, Judged, OpenCases, Written};
use crate::store::mentions::TROUBLE_MAX;
use crate::telemetry::Metrics;

/// Mentions that are decided in one transaction. One by one costs twenty times as much (docs/adr/0005).
pub const BATCH: i64 = 100;

/// Carries mentions from the store through the pure steps back into the store.
#[derive(Debug)]
pub struct Pipeline {
    store: Store,
    assessor: Assessor,
    policy: Policy,
    mode: Mode,
    sources: HashMap<String, SourceCommon>,
    mirror: Arc<Mirror>,
    metrics: Arc<Metrics>,
}

/// What the pure steps made of a batch.
struct Batch {
    judged: Vec<Judged>,
    /// Ids of the mentions that a pure step panicked on.
    poisonous: Vec<String>,
    register_seq: i64,
    register: RegisterHealth,
}

/// A mention after the first pure step.
struct Assessed<'a> {
    mention: &'a StoredMention,
    assessment: Assessment,
    /// It is about us and not by us, so it matters who speaks.
    asks: bool,
    /// What the register is asked by.
    keys: Vec<ContactKey>,
}

/// Everything the pure steps need to know about a batch, read beforehand.
#[derive(Debug, Default)]
struct Gathered {
    parents: HashMap<(String, String), StoredMention>,
    contacts: HashMap<ContactKey, Vec<StoredContact>>,
    by_number: HashMap<String, Vec<StoredTicket>>,
    by_contact: HashMap<String, Vec<StoredTicket>>,
    cases: OpenCases,
    case_tickets: HashMap<String, StoredTicket>,
    opened: HashMap<String, String>,
}

impl Pipeline {
    /// A pipeline over a store and the mirror of the register.
    pub fn new(
        store: Store,
        assessor: Assessor,
        policy: Policy,
        mode: Mode,
        sources: HashMap<String, SourceCommon>,
        mirror: Arc<Mirror>,
        metrics: Arc<Metrics>,
    ) -> Pipeline {
        Pipeline { store, assessor, policy, mode, sources, mirror, metrics }
    }

    /// Processes one batch of waiting mentions. Returns how many were decided; 0 when nothing waits.
    pub async fn process(&self) -> anyhow::Result<usize> {
        let mentions = self.store.waiting_mentions(BATCH).await?;
        if mentions.is_empty() {
            return Ok(0);
        }
        self.process_halving(mentions).await
    }

    /// Batches until nothing waits.
    pub async fn process_all(&self) -> anyhow::Result<usize> {
        let mut decided = 0;
        loop {
            match self.process().await? {
                0 => return Ok(decided),
                batch => decided += batch,
            }
        }
    }

    /// Judges mentions again that were decided before, because the register changed. Returns how many became better known.
    pub async fn judge_again(&self, mentions: &[StoredMention], seq: i64) -> anyhow::Result<usize> {
        let now = self.store.now().await?;
        let batch = self.judge_batch(mentions, now).await?;
        let basis = Basis { mode: self.mode, register_seq: seq, register_age: age_of(batch.register), now };
        let mut tx = self.store.begin().await?;
        let better = self.store.save_rematched(&mut tx, &batch.judged, &basis).await?;
        tx.commit().await?;
        for id in &batch.poisonous {
            self.metrics.troubled();
            tracing::error!(mention.id = %id, "Mention {id} could not be matched again; what was decided about it stands");
            self.store.leave_unmatched(id, seq).await?;
        }
        Ok(better)
    }

    /// A batch that cannot be written is halved until the mention that fails stands alone; that one is counted, and parked
    /// in the end. When nothing at all can be written, it is the store that fails and not the mentions.
    async fn process_halving(&self, mentions: Vec<StoredMention>) -> anyhow::Result<usize> {
        let several = mentions.len() > 1;
        let mut todo = vec![mentions];
        let (mut decided, mut store_works, mut failed) = (0, false, Vec::new());
        while let Some(mut batch) = todo.pop() {
            match self.process_batch(&batch).await {
                Ok(written) => {
                    store_works = true;
                    decided += written.decisions;
                }
                Err(error) if batch.len() == 1 => failed.push((batch.remove(0).id, error)),
                Err(_) => {
                    let second = batch.split_off(batch.len() / 2);
                    todo.extend([second, batch]);
                }
            }
        }
        if !store_works && (several || self.store.check_writable().await.is_err()) {
            return failed.pop().map_or(Ok(decided), |(_, error)| Err(error));
        }
        for (id, error) in failed {
            self.note_trouble(&id, &format!("{error:#}")).await?;
        }
        Ok(decided)
    }

    /// Counts a failure on one mention; the last one parks it for a person.
    async fn note_trouble(&self, id: &str, what: &str) -> anyhow::Result<()> {
        self.metrics.troubled();
        let times = self.store.note_trouble(id).await?;
        if times < TROUBLE_MAX {
            tracing::warn!(mention.id = %id, "Mention {id} could not be processed ({times} of {TROUBLE_MAX} times) and is tried again: {what}");
        } else {
            tracing::error!(mention.id = %id, "Mention {id} could not be processed and is parked; `gehoord release {id}` tries it again: {what}");
        }
        Ok(())
    }

    /// The flow of one batch: assess, gather, recognise, match, decide, write.
    async fn process_batch(&self, mentions: &[StoredMention]) -> anyhow::Result<Written> {
        let now = self.store.now().await?;
        let batch = self.judge_batch(mentions, now).await?;
        let (mode, register_age) = (self.mode, age_of(batch.register));
        let basis = Basis { mode, register_seq: batch.register_seq, register_age, now };
        let mut tx = self.store.begin().await?;
        let decided = self.store.save_judged(&mut tx, &batch.judged, &basis).await?;
        if crate::broken::is("outbox-tx") {
            // The defect: what is owed is written in a transaction of its own, after the decision.
            tx.commit().await?;
            tx = self.store.begin().await?;
        }
        let written = self.store.owe(&mut tx, &decided, &basis).await?;
        tx.commit().await?;
        self.metrics.decided(&batch.judged, &written);
        for one in &batch.judged {
            self.metrics.decision_delay(
                (now.as_millisecond() - one.mention.seen_at.as_millisecond()).max(0) as f64 / 1000.0,
            );
        }
        for id in &batch.poisonous {
            self.note_trouble(id, "judging it panicked").await?;
        }
        Ok(written)
    }

    /// Assess, gather, then the pure middle for each mention.
    async fn judge_batch(&self, mentions: &[StoredMention], now: Timestamp) -> anyhow::Result<Batch> {
        let parents = self.store.parents(mentions).await?;
        let mut poisonous = Vec::new();
        let assessed: Vec<Assessed> = mentions
            .iter()
            .filter_map(|mention| bounded(mention, &mut poisonous, || self.assess(mention, &parents)))
            .collect();
        let register = self.mirror.health(&self.store, now).await?;
        let mut gathered = self.gather(&assessed, parents).await?;
        let index = self.mirror.index();
        let mut judged = Vec::with_capacity(assessed.len());
        for Assessed { mention, assessment, .. } in assessed {
            let one = bounded(mention, &mut poisonous, || {
                self.judge(mention, assessment, &gathered, &index, register, now)
            });
            if let Some(one) = one {
                gathered.note_case(&one, now);
                judged.push(one);
            }
        }
        Ok(Batch { judged, poisonous, register_seq: index.seq(), register })
    }

    /// The first pure step, and the keys by which the register is asked who is speaking: none when nobody needs to know.
    fn assess<'a>(
        &self,
        mention: &'a StoredMention,
        parents: &HashMap<(String, String), StoredMention>,
    ) -> Assessed<'a> {
        crate::broken::swallow("assess", &mention.mention.text);
        let directed = self.sources.get(&mention.source).and_then(|source| source.brand.as_deref());
        let parent = parent_of(mention, parents).map(|parent| &parent.mention);
        let assessment = self.assessor.assess(&mention.mention, parent, directed);
        let asks = assessment.relevant && !mention.own_voice;
        let keys = if asks {
            recognise::keys_of_mention(&mention.mention, self.network(&mention.source), &assessment)
        } else {
            Vec::new()
        };
        Assessed { mention, assessment, asks, keys }
    }

    /// The pure middle: nothing in here reads a clock, a store or a network.
    fn judge(
        &self,
        mention: &StoredMention,
        assessment: Assessment,
        gathered: &Gathered,
        index: &Index,
        register: RegisterHealth,
        now: Timestamp,
    ) -> Judged {
        crate::broken::swallow("judge", &mention.mention.text);
        let recognition = self.recognise(mention, &assessment, gathered);
        let open_case = gathered.cases.of(mention, parent_of(mention, &gathered.parents));
        let by_reference = gathered.tickets_named_in(&assessment);
        let opened_for_it = gathered.opened.get(&mention.id).map(String::as_str);
        let mut own_tickets = gathered.tickets_of(&recognition);
        own_tickets.retain(|ticket| Some(ticket.id.as_str()) != opened_for_it);
        let by_thread = open_case
            .as_ref()
            .and_then(|case| gathered.case_tickets.get(case.ticket_id.as_deref()?))
            .filter(|ticket| Some(ticket.id.as_str()) != opened_for_it);
        let answers = matching::answer(
            &Facts {
                mention: &mention.mention,
                assessment: &assessment,
                recognition: &recognition,
                by_reference: &by_reference,
                by_thread,
                own_tickets: &own_tickets,
                opened_for_it,
                now,
            },
            index,
        );
        let ticket = [&answers.same_case, &answers.same_customer]
            .into_iter()
            .filter(|answer| answer.band != Band::New)
            .find_map(|answer| answer.ticket_id.as_deref())
            .and_then(|id| {
                own_tickets.iter().chain(&by_reference).chain(by_thread).find(|ticket| ticket.id == id)
            });
        let problem_id =
            answers.same_problem.problem_id.as_deref().filter(|_| answers.same_problem.band != Band::New);
        let problem = problem_id.and_then(|id| self.mirror.problem(id));
        let decision = decide(
            &Situation {
                mention,
                assessment: &assessment,
                answers: &answers,
                ticket,
                problem: problem.as_ref(),
                open_case: open_case.as_ref(),
                register,
                now,
            },
            &self.policy,
        );
        let case_id = match &decision.case {
            CaseStep::Nothing => None,
            CaseStep::Open => Some(ids::new_id(now)),
            CaseStep::Attach(id) => Some(id.clone()),
        };
        Judged { mention: mention.clone(), assessment, recognition, answers, decision, case_id }
    }

    fn recognise(
        &self,
        mention: &StoredMention,
        assessment: &Assessment,
        gathered: &Gathered,
    ) -> Recognition {
        if !assessment.relevant || mention.own_voice {
            return Recognition::default();
        }
        let network = self.network(&mention.source);
        let candidates: Vec<(ContactKey, StoredContact)> =
            recognise::keys_of_mention(&mention.mention, network, assessment)
                .into_iter()
                .filter_map(|key| Some((key.clone(), gathered.contacts.get(&key)?)))
                .flat_map(|(key, contacts)| {
                    contacts.iter().map(move |contact| (key.clone(), contact.clone()))
                })
                .collect();
        recognise::recognise(&mention.mention, network, assessment, &candidates)
    }

    fn network<'a>(&'a self, source: &'a str) -> &'a str {
        self.sources.get(source).and_then(|common| common.network.as_deref()).unwrap_or(source)
    }

    /// Reads what the pure steps will ask for, in a few queries for the whole batch.
    async fn gather(
        &self,
        assessed: &[Assessed<'_>],
        parents: HashMap<(String, String), StoredMention>,
    ) -> anyhow::Result<Gathered> {
        let asking: Vec<&Assessed> = assessed.iter().filter(|one| one.asks).collect();
        let mentions: Vec<StoredMention> = asking.iter().map(|one| one.mention.clone()).collect();
        let mut keys: Vec<ContactKey> = asking.iter().flat_map(|one| one.keys.iter().cloned()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut gathered = Gathered {
            cases: self.store.open_cases_for(&mentions, &parents).await?,
            parents,
            ..Gathered::default()
        };
        let mut contact_ids = Vec::new();
        for (key, contact) in self.store.contacts_by_keys(&keys).await? {
            contact_ids.push(contact.id.clone());
            gathered.contacts.entry(key).or_default().push(contact);
        }
        contact_ids.sort_unstable();
        contact_ids.dedup();
        for ticket in self.store.tickets_of_contacts(&contact_ids).await? {
            gathered
                .by_contact
                .entry(ticket.ticket.contact.clone().unwrap_or_default())
                .or_default()
                .push(ticket);
        }
        let mut numbers: Vec<String> = asking
            .iter()
            .flat_map(|one| &one.assessment.references)
            .filter(|reference| reference.kind == ReferenceKind::Ticket)
            .map(|reference| reference.value.clone())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for ticket in self.store.tickets_by_number(&numbers).await? {
            gathered.by_number.entry(ticket.ticket.number.clone()).or_default().push(ticket);
        }
        let judged_before: Vec<&str> = mentions
            .iter()
            .filter(|mention| mention.decided > 0)
            .map(|mention| mention.id.as_str())
            .collect();
        gathered.opened = self.store.opened_for(&judged_before).await?;
        let case_tickets = gathered.cases.ticket_ids();
        for ticket in self.store.tickets(&case_tickets).await? {
            gathered.case_tickets.insert(ticket.id.clone(), ticket);
        }
        Ok(gathered)
    }
}

impl Gathered {
    fn tickets_named_in(&self, assessment: &Assessment) -> Vec<StoredTicket> {
        assessment
            .references
            .iter()
            .filter(|reference| reference.kind == ReferenceKind::Ticket)
            .filter_map(|reference| self.by_number.get(&reference.value))
            .flatten()
            .cloned()
            .collect()
    }

    fn tickets_of(&self, recognition: &Recognition) -> Vec<StoredTicket> {
        recognition
            .person
            .as_ref()
            .and_then(|person| self.by_contact.get(&person.contact_id))
            .cloned()
            .unwrap_or_default()
    }

    /// Two complaints of one author in one batch are one case: the second must see what the first opened.
    fn note_case(&mut self, judged: &Judged, now: Timestamp) {
        let (CaseStep::Open, Some(id)) = (&judged.decision.case, &judged.case_id) else { return };
        let answers = &judged.answers;
        self.cases.insert(
            judged.mention.author_id.clone(),
            judged.mention.id.clone(),
            OpenCase {
                id: id.clone(),
                urgency: judged.decision.urgency,
                ticket_id: answers
                    .same_case
                    .ticket_id
                    .clone()
                    .or_else(|| answers.same_customer.ticket_id.clone()),
                opened_at: now,
                holds_mention: false,
            },
        );
    }
}

/// The boundary around the pure steps of one mention: a panic in them is a defect of ours that only these words wake, and
/// must not take other mentions along. Whoever panicked is noted by id; the panic itself is logged by the hook that
/// `telemetry` sets.
fn bounded<T>(mention: &StoredMention, poisonous: &mut Vec<String>, step: impl FnOnce() -> T) -> Option<T> {
    if crate::broken::is("no-boundary") {
        return Some(step());
    }
    // What a step borrows it only reads; the caches of the index survive a panic of their user.
    let survived = catch_unwind(AssertUnwindSafe(step)).ok();
    if survived.is_none() {
        poisonous.push(mention.id.clone());
    }
    survived
}

fn parent_of<'a>(
    mention: &StoredMention,
    parents: &'a HashMap<(String, String), StoredMention>,
) -> Option<&'a StoredMention> {
    let reply_to = mention.mention.reply_to.as_ref()?;
    parents.get(&(mention.source.clone(), reply_to.clone()))
}

fn age_of(register: RegisterHealth) -> Option<Duration> {
    match register {
        RegisterHealth::Read(age) => Some(age),
        RegisterHealth::NeverRead | RegisterHealth::NoRegister => None,
    }
}
