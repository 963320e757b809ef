//! The outbox: effects are handed out by lease, in order per thread, and finished under a fencing token.
//!
//! One column `next_at` is both due time and end of the lease. Its predicate stands in the sub-select *and* in the outer
//! `WHERE`: without the second, two PostgreSQL workers would claim the same rows (docs/adr/0004).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::db::ours;
use super::{Store, Tx, get, get_json, get_time, json};
use crate::alert::notice::Notice;
use crate::decide::CrmStep;
use crate::failure::Failure;
use crate::ids;

/// What an effect is to do. Ids only: the words are written when it is delivered, and frozen then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Intent {
    /// Deliver an alert to its receiver.
    Alert {
        /// The alert.
        alert_id: String,
    },
    /// Tell the receiver of the target about trouble of our own.
    Notice {
        /// What.
        notice: Notice,
    },
    /// Do something in a CRM.
    Crm {
        /// What.
        step: CrmStep,
        /// The mention it is about.
        mention_id: String,
        /// The case.
        case_id: Option<String>,
        /// The decision.
        decision_id: String,
    },
}

/// An effect to be owed.
#[derive(Clone, Debug)]
pub struct NewEffect {
    /// Cause and purpose; owed once.
    pub key: String,
    /// `channel:RECEIVER` or `crm:REGISTER`.
    pub target: String,
    /// Order is kept within it.
    pub thread: String,
    /// 0 critical … 3 low.
    pub lane: i64,
    /// What to do.
    pub intent: Intent,
    /// Decision or alert it comes from.
    pub cause: String,
    /// Not before.
    pub due_at: Timestamp,
    /// Written down only, because the daemon observes.
    pub observed: bool,
}

/// An effect that a worker has claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedEffect {
    /// Its id.
    pub id: String,
    /// Cause and purpose; the peer can recognise a repeat by it.
    pub key: String,
    /// `channel:RECEIVER` or `crm:REGISTER`.
    pub target: String,
    /// What to do.
    pub intent: Intent,
    /// The bytes, when an earlier attempt fixed them.
    pub frozen: Option<String>,
    /// The fencing token.
    pub token: String,
    /// Which attempt this is, from 1.
    pub attempt: i64,
    /// An earlier attempt may have reached the peer.
    pub again: bool,
    /// When it was owed.
    pub created_at: Timestamp,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The peer's final yes, with its words.
    Delivered(String),
    /// Failed; tried again at that time.
    Retry(Failure, Timestamp),
    /// Failed for good: parked where a person sees it.
    Dead(Failure),
}

impl Store {
    /// Owes effects. One that is owed already is left alone.
    pub async fn insert_effects(
        &self,
        tx: &mut Tx,
        effects: &[NewEffect],
        now: Timestamp,
    ) -> anyhow::Result<usize> {
        // Counter rows are taken in sorted order: two decisions that touch the same threads cannot deadlock.
        let mut in_order: Vec<&NewEffect> = effects.iter().collect();
        in_order.sort_by(|a, b| a.thread.cmp(&b.thread));
        let mut written = 0;
        for effect in in_order {
            let place = self.next_in_thread(tx, &effect.thread).await?;
            written += sqlx::query(
                "INSERT INTO effect (id, key, target, thread, thread_seq, lane, intent, state, open, next_at, attempts, \
                 created_at, cause, announced) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13) \
                 ON CONFLICT (key) DO NOTHING",
            )
            .bind(ids::new_id(now))
            .bind(&effect.key)
            .bind(&effect.target)
            .bind(&effect.thread)
            .bind(place)
            .bind(effect.lane)
            .bind(json(&effect.intent))
            .bind(if effect.observed { "observed" } else { "ready" })
            .bind(!effect.observed as i64)
            .bind(effect.due_at.as_millisecond())
            .bind(now.as_millisecond())
            .bind(&effect.cause)
            // A notice that dies is no reason for another one: it stands on the page, in the metrics and in the log.
            .bind(matches!(effect.intent, Intent::Notice { .. }) as i64)
            .execute(&mut *tx.tx)
            .await?
            .rows_affected() as usize;
        }
        Ok(written)
    }

    async fn next_in_thread(&self, tx: &mut Tx, thread: &str) -> anyhow::Result<i64> {
        let row = sqlx::query(
            "INSERT INTO thread_counter (thread, value) VALUES ($1, 1) \
             ON CONFLICT (thread) DO UPDATE SET value = thread_counter.value + 1 RETURNING value",
        )
        .bind(thread)
        .fetch_one(&mut *tx.tx)
        .await?;
        get(&row, "value")
    }

    /// Claims up to `limit` due effects of one target for `lease` (`None`: of any target), each the head of its thread, and
    /// notes that an attempt started.
    /// Whatever was started before and never ended is an unknown outcome from here on.
    pub async fn claim_due(
        &self,
        lease: Duration,
        limit: i64,
        target: Option<&str>,
    ) -> anyhow::Result<Vec<ClaimedEffect>> {
        let now = self.now().await?;
        let token = ids::new_token();
        let mut tx = self.begin().await?;
        let rows = sqlx::query(ours(claim_sql()))
            .bind(&token)
            .bind(now.as_millisecond() + lease.as_millis() as i64)
            .bind(now.as_millisecond())
            .bind(limit)
            .bind(target.unwrap_or(""))
            .fetch_all(&mut *tx.tx)
            .await?;
        let mut claimed =
            rows.iter().map(|row| claimed_effect(row, &token)).collect::<anyhow::Result<Vec<_>>>()?;
        for effect in &mut claimed {
            sqlx::query(
                "UPDATE attempt SET outcome = 'unknown', ended_at = $1 WHERE effect_id = $2 AND outcome = 'started'",
            )
            .bind(now.as_millisecond())
            .bind(&effect.id)
            .execute(&mut *tx.tx)
            .await?;
            // Also after a failure that was answered: of an action in several steps, the first may have been done.
            effect.again = effect.attempt > 1;
            sqlx::query("INSERT INTO attempt (effect_id, number, token, started_at, outcome) VALUES ($1, $2, $3, $4, 'started')")
                .bind(&effect.id)
                .bind(effect.attempt)
                .bind(&token)
                .bind(now.as_millisecond())
                .execute(&mut *tx.tx)
                .await?;
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Keeps a claim for another `lease`. False: it was lost, and the sender must stop.
    pub async fn renew_claim(&self, effect: &ClaimedEffect, lease: Duration) -> anyhow::Result<bool> {
        let now = self.now().await?;
        let renewed = sqlx::query(
            "UPDATE effect SET next_at = $1 WHERE id = $2 AND lease_token = $3 AND state = 'started'",
        )
        .bind(now.as_millisecond() + lease.as_millis() as i64)
        .bind(&effect.id)
        .bind(&effect.token)
        .execute(self.db.write())
        .await?
        .rows_affected();
        Ok(renewed == 1)
    }

    /// Fixes the bytes of an effect, so that every copy of it is the same. False: the claim was lost.
    pub async fn freeze(&self, effect: &ClaimedEffect, bytes: &str) -> anyhow::Result<bool> {
        let frozen = sqlx::query(
            "UPDATE effect SET frozen = $1 WHERE id = $2 AND lease_token = $3 AND state = 'started'",
        )
        .bind(bytes)
        .bind(&effect.id)
        .bind(&effect.token)
        .execute(self.db.write())
        .await?
        .rows_affected();
        Ok(frozen == 1)
    }

    /// Finishes an attempt with its outcome, in one transaction with its log row. False: the claim was lost meanwhile;
    /// nothing is changed but that the late answer is written down.
    pub async fn finish(&self, effect: &ClaimedEffect, outcome: &Outcome) -> anyhow::Result<bool> {
        let now = self.clock().now();
        let mut tx = self.begin().await?;
        let (state, open, next_at, receipt, failure, name) = match outcome {
            Outcome::Delivered(receipt) => {
                ("delivered", 0_i64, now, Some(receipt.as_str()), None, "delivered")
            }
            Outcome::Retry(failure, at) => {
                let unknown = failure.kind == crate::failure::FailureKind::UnknownOutcome;
                ("ready", 1, *at, None, Some(failure), if unknown { "unknown" } else { "failed" })
            }
            Outcome::Dead(failure) => ("dead", 0, now, None, Some(failure), "failed"),
        };
        let fenced =
            if crate::broken::is("fence") { "$8 = $8" } else { "lease_token = $8 AND state = 'started'" };
        let finished = sqlx::query(ours(format!(
            "UPDATE effect SET state = $1, open = $2, next_at = $3, receipt = $4, failure_kind = $5, failure_message = $6, \
             finished_at = CASE WHEN $2 = 0 THEN $9 ELSE NULL END, lease_token = NULL \
             WHERE id = $7 AND {fenced}"
        )))
        .bind(state)
        .bind(open)
        .bind(next_at.as_millisecond())
        .bind(receipt)
        .bind(failure.map(|failure| failure.kind.name()))
        .bind(failure.map(|failure| failure.message.as_str()))
        .bind(&effect.id)
        .bind(&effect.token)
        .bind(now.as_millisecond())
        .execute(&mut *tx.tx)
        .await?
        .rows_affected()
            == 1;
        let answer = receipt.map(str::to_owned).or_else(|| failure.map(|failure| failure.message.clone()));
        sqlx::query("UPDATE attempt SET outcome = $1, ended_at = $2, answer = $3 WHERE effect_id = $4 AND number = $5 AND token = $6")
            .bind(if finished { name } else { "fenced" })
            .bind(now.as_millisecond())
            .bind(answer)
            .bind(&effect.id)
            .bind(effect.attempt)
            .bind(&effect.token)
            .execute(&mut *tx.tx)
            .await?;
        if !finished {
            let detail = format!("a late answer ({name}) of attempt {} was refused", effect.attempt);
            self.audit(&mut tx, "gehoord", "fenced", &format!("effect {}", effect.id), &detail).await?;
        }
        tx.commit().await?;
        Ok(finished)
    }

    /// Gives a claim back untouched, because we are stopping. The attempt did not happen.
    pub async fn release_claim(&self, effect: &ClaimedEffect) -> anyhow::Result<()> {
        let mut tx = self.begin().await?;
        let released = sqlx::query(
            "UPDATE effect SET state = 'ready', next_at = $1, lease_token = NULL, attempts = attempts - 1 \
             WHERE id = $2 AND lease_token = $3 AND state = 'started'",
        )
        .bind(self.clock().now().as_millisecond())
        .bind(&effect.id)
        .bind(&effect.token)
        .execute(&mut *tx.tx)
        .await?
        .rows_affected();
        if released == 1 {
            sqlx::query("DELETE FROM attempt WHERE effect_id = $1 AND number = $2 AND outcome = 'started'")
                .bind(&effect.id)
                .bind(effect.attempt)
                .execute(&mut *tx.tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Puts all waiting effects of a target off until `at`, because the whole target is out of order.
    pub async fn pause_target(&self, target: &str, at: Timestamp) -> anyhow::Result<u64> {
        let paused = sqlx::query(
            "UPDATE effect SET next_at = $1 WHERE target = $2 AND state = 'ready' AND next_at < $1",
        )
        .bind(at.as_millisecond())
        .bind(target)
        .execute(self.db.write())
        .await?
        .rows_affected();
        Ok(paused)
    }

    /// Puts a parked effect back in the queue for one more attempt, because a person said so.
    pub async fn retry_effect(&self, id: &str, actor: &str) -> anyhow::Result<bool> {
        let mut tx = self.begin().await?;
        let revived = sqlx::query(
            "UPDATE effect SET state = 'ready', open = 1, next_at = $1, failure_kind = NULL, \
             failure_message = NULL, finished_at = NULL, announced = 0 WHERE id = $2 AND state = 'dead'",
        )
        .bind(self.clock().now().as_millisecond())
        .bind(id)
        .execute(&mut *tx.tx)
        .await?
        .rows_affected()
            == 1;
        if revived {
            self.audit(&mut tx, actor, "retry", &format!("effect {id}"), "put back in the queue").await?;
        }
        tx.commit().await?;
        Ok(revived)
    }

    /// Targets with effects that died and that nobody was told about yet.
    pub async fn unannounced_targets(&self) -> anyhow::Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT DISTINCT target FROM effect WHERE state = 'dead' AND announced = 0 ORDER BY target",
        )
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(|row| get(row, "target")).collect()
    }

    /// Takes the effects of a target that died and were not announced, and owes in the same transaction what `notices` makes
    /// of their number and of the id of one of them. Returns the number; 0 when there were none.
    pub async fn announce_dead(
        &self,
        target: &str,
        now: Timestamp,
        notices: impl FnOnce(usize, &str) -> Vec<NewEffect>,
    ) -> anyhow::Result<usize> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE effect SET announced = 1 WHERE target = $1 AND state = 'dead' AND announced = 0 RETURNING id",
        )
        .bind(target)
        .fetch_all(&mut *tx.tx)
        .await?;
        let ids = rows.iter().map(|row| get(row, "id")).collect::<anyhow::Result<Vec<String>>>()?;
        let Some(first) = ids.iter().min() else { return Ok(0) };
        self.insert_effects(&mut tx, &notices(ids.len(), first), now).await?;
        tx.commit().await?;
        Ok(ids.len())
    }

    /// Owes effects in a transaction of their own.
    pub async fn owe_effects(&self, effects: &[NewEffect], now: Timestamp) -> anyhow::Result<usize> {
        let mut tx = self.begin().await?;
        let written = self.insert_effects(&mut tx, effects, now).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// When something was last owed because of `cause`.
    pub async fn last_owed_for(&self, cause: &str) -> anyhow::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MAX(created_at) AS at FROM effect WHERE cause = $1")
            .bind(cause)
            .fetch_one(self.db.read())
            .await?;
        super::get_time_maybe(&row, "at")
    }

    /// Every target that something is owed to.
    pub async fn open_targets(&self) -> anyhow::Result<Vec<String>> {
        let rows = sqlx::query("SELECT DISTINCT target FROM effect WHERE open = 1")
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(|row| get(row, "target")).collect()
    }

    /// How many effects stand in each state.
    pub async fn effect_counts(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM effect GROUP BY state")
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(|row| Ok((get(row, "state")?, get(row, "n")?))).collect()
    }

    /// When the oldest open effect was owed.
    pub async fn oldest_open_effect(&self) -> anyhow::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(created_at) AS at FROM effect WHERE open = 1")
            .fetch_one(self.db.read())
            .await?;
        super::get_time_maybe(&row, "at")
    }

    /// When the next effect is due.
    pub async fn next_effect_due(&self) -> anyhow::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(next_at) AS at FROM effect WHERE open = 1")
            .fetch_one(self.db.read())
            .await?;
        super::get_time_maybe(&row, "at")
    }
}

/// Claims due heads of threads. A deliberately broken build orders by the time of writing instead of by thread.
fn claim_sql() -> String {
    let head_only = if crate::broken::is("order") {
        ""
    } else {
        "AND NOT EXISTS (SELECT 1 FROM effect p WHERE p.thread = e.thread AND p.thread_seq < e.thread_seq AND p.open = 1)"
    };
    format!(
        "UPDATE effect SET state = 'started', lease_token = $1, next_at = $2, attempts = attempts + 1 WHERE id IN \
         (SELECT e.id FROM effect e WHERE e.open = 1 AND e.next_at <= $3 AND ($5 = '' OR e.target = $5) {head_only} ORDER BY e.lane, e.next_at LIMIT $4) \
         AND open = 1 AND next_at <= $3 RETURNING id, key, target, intent, frozen, attempts, created_at"
    )
}

fn claimed_effect(row: &AnyRow, token: &str) -> anyhow::Result<ClaimedEffect> {
    Ok(ClaimedEffect {
        id: get(row, "id")?,
        key: get(row, "key")?,
        target: get(row, "target")?,
        intent: get_json(row, "intent")?,
        frozen: get(row, "frozen")?,
        token: token.to_owned(),
        attempt: get(row, "attempts")?,
        again: false,
        created_at: get_time(row, "created_at")?,
    })
}
