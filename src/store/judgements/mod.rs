//! What we made of mentions, with everything it owes, in one transaction: decisions and intents stand or fall together.
//!
//! - here: the batch, and what is written of it. `verdicts` writes and reads what was judged: assessments, persons, answers,
//!   decisions.
//! - `cases` opens and raises the cases that mentions belong to.
//! - `owed` writes alerts and CRM effects, and hands alerts over to the outbox.
//! - `again` writes what judging again brought, when the register has changed.

mod again;
mod cases;
mod owed;
mod verdicts;

use std::time::Duration;

use jiff::Timestamp;

use super::db::{ROWS_MAX, ours, rows};
use super::{Store, Tx, get};
use crate::assess::Assessment;
use crate::decide::{CaseStep, Decision, Mode};
use crate::matching::Answers;
use crate::mention::StoredMention;
use crate::recognise::Recognition;

pub use cases::OpenCases;
pub use owed::OwedAlert;
pub use verdicts::StoredDecision;

/// One mention with everything the pure steps made of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What was said.
    pub mention: StoredMention,
    /// What it is.
    pub assessment: Assessment,
    /// Who said it.
    pub recognition: Recognition,
    /// Whether it is known.
    pub answers: Answers,
    /// What is to be done.
    pub decision: Decision,
    /// The id of the case it opens or belongs to.
    pub case_id: Option<String>,
}

/// What a batch of decisions was made on.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    /// Whether decisions leave the house.
    pub mode: Mode,
    /// Register change number of the index.
    pub register_seq: i64,
    /// Age of the register; `None` before the first complete pass or without one.
    pub register_age: Option<Duration>,
    /// When it was decided.
    pub now: Timestamp,
}

/// A judgement that was written, with the id of its decision.
#[derive(Clone, Debug)]
pub struct Decided<'a> {
    /// What was judged.
    pub judged: &'a Judged,
    /// The id of the decision.
    pub decision_id: String,
}

/// What was written of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Decisions; fewer than asked for when somebody else was first or a mention was edited meanwhile.
    pub decisions: usize,
    /// Cases opened.
    pub cases: usize,
    /// Alerts owed.
    pub alerts: usize,
    /// CRM effects owed.
    pub crm: usize,
}

impl Store {
    /// Writes a batch of judgements and takes their mentions out of the work list. Returns what was written; mentions
    /// that were decided or edited meanwhile are left out. What the decisions owe is written by [`Store::owe`], in the
    /// same transaction.
    pub async fn save_judged<'a>(
        &self,
        tx: &mut Tx,
        batch: &'a [Judged],
        basis: &Basis,
    ) -> anyhow::Result<Vec<Decided<'a>>> {
        let ours = self.mark_decided(tx, batch).await?;
        let batch: Vec<&Judged> = batch.iter().filter(|judged| ours.contains(&judged.mention.id)).collect();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.insert_assessments(tx, &batch, basis).await?;
        self.insert_person_links(tx, &batch, basis).await?;
        self.insert_answers(tx, &batch, basis).await?;
        let decisions = self.insert_decisions(tx, &batch, basis).await?;
        self.save_cases(tx, &batch, basis).await?;
        Ok(batch
            .into_iter()
            .zip(decisions)
            .map(|(judged, decision_id)| Decided { judged, decision_id })
            .collect())
    }

    /// Owes what decisions decided: alerts to receivers, and effects in the CRM.
    pub async fn owe(&self, tx: &mut Tx, decided: &[Decided<'_>], basis: &Basis) -> anyhow::Result<Written> {
        let batch: Vec<&Judged> = decided.iter().map(|one| one.judged).collect();
        let decisions: Vec<String> = decided.iter().map(|one| one.decision_id.clone()).collect();
        let cases = batch.iter().filter(|judged| judged.decision.case == CaseStep::Open).count();
        let alerts = self.insert_alerts(tx, &batch, &decisions, basis).await?;
        let crm = self.insert_crm_effects(tx, &batch, &decisions, basis).await?;
        Ok(Written { decisions: batch.len(), cases, alerts, crm })
    }

    /// Takes the mentions out of the work list, those whose revision is still the one that was judged.
    async fn mark_decided(&self, tx: &mut Tx, batch: &[Judged]) -> anyhow::Result<Vec<String>> {
        let mut decided = Vec::with_capacity(batch.len());
        for chunk in batch.chunks(ROWS_MAX) {
            let sql = format!(
                "UPDATE mention SET decided = revision, waiting = 0 WHERE waiting = 1 AND (id, revision) IN (VALUES {}) RETURNING id",
                rows(tx.engine, chunk.len(), 2)
            );
            let mut query = sqlx::query(ours(sql));
            for judged in chunk {
                query = query.bind(judged.mention.id.clone()).bind(judged.mention.revision);
            }
            for row in query.fetch_all(&mut *tx.tx).await? {
                decided.push(get(&row, "id")?);
            }
        }
        Ok(decided)
    }
}
