//! What judging again brought: a mention that was new may be known after all, once the register has changed.

use jiff::Timestamp;

use super::super::db::ours;
use super::super::mentions::{SELECT_MENTION, stored_mention};
use super::super::{Store, Tx, get, get_json, get_name, json};
use super::{Basis, Judged};
use crate::decide::{AlertKind, Mode, Reason, Verdict};
use crate::ids;
use crate::mention::StoredMention;

impl Store {
    /// Recent mentions whose complaint is not surely known, last matched before register change number `seq`.
    pub async fn mentions_to_rematch(
        &self,
        seq: i64,
        since: Timestamp,
        limit: i64,
    ) -> anyhow::Result<Vec<StoredMention>> {
        let rows = sqlx::query(ours(format!(
            "{SELECT_MENTION} JOIN decision d ON d.mention_id = m.id AND d.revision = m.decided \
             WHERE d.verdict IN ('perhaps', 'new', 'unread') AND d.at >= $1 AND d.matched_seq < $2 AND m.waiting = 0 \
             ORDER BY d.at LIMIT $3"
        )))
        .bind(since.as_millisecond())
        .bind(seq)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(stored_mention).collect()
    }

    /// Writes what matching again brought: a better verdict with new answers and what it owes, or just that it was tried.
    /// Returns how many became better known.
    pub async fn save_rematched(
        &self,
        tx: &mut Tx,
        batch: &[Judged],
        basis: &Basis,
    ) -> anyhow::Result<usize> {
        let mut better = Vec::new();
        let mut decisions = Vec::new();
        for judged in batch {
            let row = sqlx::query(
                "SELECT id, verdict, reasons FROM decision WHERE mention_id = $1 AND revision = $2",
            )
            .bind(&judged.mention.id)
            .bind(judged.mention.revision)
            .fetch_optional(&mut *tx.tx)
            .await?;
            let Some(row) = row else { continue };
            let id: String = get(&row, "id")?;
            let before = get_name(&row, "verdict", Verdict::from_name)?;
            let (mut verdict, mut reasons): (_, Vec<Reason>) = (before, get_json(&row, "reasons")?);
            if judged.decision.verdict.is_better_than(before) {
                verdict = judged.decision.verdict;
                reasons.push(Reason::KnownAfterAll { verdict });
                reasons.extend(judged.decision.reasons.iter().cloned());
                if verdict != Verdict::New {
                    better.push(judged);
                    decisions.push(id.clone());
                }
            }
            sqlx::query("UPDATE decision SET matched_seq = $1, verdict = $2, reasons = $3 WHERE id = $4")
                .bind(basis.register_seq)
                .bind(verdict.name())
                .bind(json(&reasons))
                .bind(&id)
                .execute(&mut *tx.tx)
                .await?;
        }
        self.insert_person_links(tx, &better, basis).await?;
        self.insert_answers(tx, &better, basis).await?;
        for (judged, decision_id) in better.iter().zip(&decisions) {
            self.raise_case(tx, judged).await?;
            self.tell_known_after_all(tx, judged, decision_id, basis).await?;
        }
        self.insert_crm_effects(tx, &better, &decisions, basis).await?;
        Ok(better.len())
    }

    /// Leaves the decision about a mention as it is, although it could not be matched again, so that the follow-up goes on
    /// to the others.
    pub async fn leave_unmatched(&self, mention_id: &str, seq: i64) -> anyhow::Result<()> {
        sqlx::query(
            "UPDATE decision SET matched_seq = $1 WHERE mention_id = $2 \
             AND revision = (SELECT decided FROM mention WHERE id = $2)",
        )
        .bind(seq)
        .bind(mention_id)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Those who were told about a mention are told that it is known after all.
    async fn tell_known_after_all(
        &self,
        tx: &mut Tx,
        judged: &Judged,
        decision_id: &str,
        basis: &Basis,
    ) -> anyhow::Result<()> {
        let told = sqlx::query(
            "SELECT DISTINCT receiver, case_id, state FROM alert WHERE mention_id = $1 AND state <> 'owed'",
        )
        .bind(&judged.mention.id)
        .fetch_all(&mut *tx.tx)
        .await?;
        for row in &told {
            let receiver: String = get(row, "receiver")?;
            let kind = AlertKind::KnownAfterAll.name();
            sqlx::query(
                "INSERT INTO alert (id, key, decision_id, case_id, mention_id, receiver, kind, urgency, state, due_at, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (key) DO NOTHING",
            )
            .bind(ids::new_id(basis.now))
            .bind(format!("{}:{}:{kind}-{}:{receiver}", judged.mention.id, judged.mention.revision, judged.decision.verdict.name()))
            .bind(decision_id)
            .bind(get::<String, _>(row, "case_id")?)
            .bind(&judged.mention.id)
            .bind(&receiver)
            .bind(kind)
            .bind(judged.decision.urgency.name())
            .bind(if basis.mode == Mode::Act { "owed" } else { "observed" })
            .bind(basis.now.as_millisecond())
            .execute(&mut *tx.tx)
            .await?;
        }
        Ok(())
    }
}
