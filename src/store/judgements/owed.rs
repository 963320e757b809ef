//! What decisions owe: alerts to receivers, and effects in the CRM.

use jiff::Timestamp;

use super::super::outbox::{Intent, NewEffect};
use super::super::{Store, Tx, get, get_name, get_time_maybe};
use super::{Basis, Judged};
use crate::assess::Severity;
use crate::decide::{AlertKind, CrmStep, Mode};
use crate::ids;
use crate::register::register_of;

/// An alert that is owed to a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedAlert {
    /// Its id.
    pub id: String,
    /// The case.
    pub case_id: String,
    /// The mention that caused it.
    pub mention_id: String,
    /// Configured name of the receiver.
    pub receiver: String,
    /// Why.
    pub kind: AlertKind,
    /// How urgent.
    pub urgency: Severity,
}

impl Store {
    pub(super) async fn insert_alerts(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        decisions: &[String],
        basis: &Basis,
    ) -> anyhow::Result<usize> {
        let state = match basis.mode {
            Mode::Act => "owed",
            Mode::Observe => "observed",
        };
        let owed: Vec<_> = batch
            .iter()
            .zip(decisions)
            .filter_map(|(judged, decision_id)| Some((judged, decision_id, judged.case_id.as_deref()?)))
            .flat_map(|(judged, decision_id, case_id)| {
                judged.decision.alerts.iter().map(move |told| (judged, decision_id, case_id, told))
            })
            .collect();
        tx.insert(
            "alert (id, key, decision_id, case_id, mention_id, receiver, kind, urgency, state, due_at, \
                 created_at)",
            "ON CONFLICT (key) DO NOTHING",
            &owed,
            |query, (judged, decision_id, case_id, told)| {
                let mention = &judged.mention;
                query
                    .bind(ids::new_id(basis.now))
                    .bind(format!(
                        "{}:{}:{}:{}",
                        mention.id,
                        mention.revision,
                        told.kind.name(),
                        told.receiver
                    ))
                    .bind(decision_id.to_string())
                    .bind(case_id.to_string())
                    .bind(mention.id.clone())
                    .bind(told.receiver.clone())
                    .bind(told.kind.name())
                    .bind(judged.decision.urgency.name())
                    .bind(state)
                    .bind(told.due_at.as_millisecond())
                    .bind(basis.now.as_millisecond())
            },
        )
        .await?;
        Ok(owed.len())
    }

    pub(super) async fn insert_crm_effects(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        decisions: &[String],
        basis: &Basis,
    ) -> anyhow::Result<usize> {
        let mut effects = Vec::new();
        for (judged, decision_id) in batch.iter().zip(decisions) {
            for step in &judged.decision.crm {
                effects.push(NewEffect {
                    key: format!("{}-{}", purpose(step), judged.mention.id),
                    target: format!("crm:{}", crm_of(step)),
                    thread: thread_of(step, &judged.mention.id),
                    lane: lane(judged.decision.urgency),
                    intent: Intent::Crm {
                        step: step.clone(),
                        mention_id: judged.mention.id.clone(),
                        case_id: judged.case_id.clone(),
                        decision_id: decision_id.clone(),
                    },
                    cause: decision_id.clone(),
                    due_at: basis.now,
                    observed: basis.mode == Mode::Observe,
                });
            }
        }
        self.insert_effects(tx, &effects, basis.now).await
    }

    /// Alerts that are due, the most urgent first.
    pub async fn owed_alerts(&self, now: Timestamp, limit: i64) -> anyhow::Result<Vec<OwedAlert>> {
        let rows = sqlx::query(
            "SELECT id, case_id, mention_id, receiver, kind, urgency FROM alert WHERE state = 'owed' AND due_at <= $1 \
             ORDER BY due_at LIMIT $2",
        )
        .bind(now.as_millisecond())
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OwedAlert {
                    id: get(row, "id")?,
                    case_id: get(row, "case_id")?,
                    mention_id: get(row, "mention_id")?,
                    receiver: get(row, "receiver")?,
                    kind: get_name(row, "kind", AlertKind::from_name)?,
                    urgency: get_name(row, "urgency", Severity::from_name)?,
                })
            })
            .collect()
    }

    /// When the next alert that is not due yet will be.
    pub async fn next_alert_due(&self) -> anyhow::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(due_at) AS due_at FROM alert WHERE state = 'owed'")
            .fetch_one(self.db.read())
            .await?;
        get_time_maybe(&row, "due_at")
    }

    /// Turns owed alerts into deliveries, in one transaction. Alerts that somebody else took are left out.
    pub async fn send_off(&self, alerts: &[OwedAlert], now: Timestamp) -> anyhow::Result<usize> {
        let mut tx = self.begin().await?;
        let mut effects = Vec::new();
        for alert in alerts {
            let taken = sqlx::query("UPDATE alert SET state = 'sent_off' WHERE id = $1 AND state = 'owed'")
                .bind(&alert.id)
                .execute(&mut *tx.tx)
                .await?
                .rows_affected();
            if taken == 1 {
                effects.push(NewEffect {
                    key: alert.id.clone(),
                    target: format!("channel:{}", alert.receiver),
                    thread: format!("{}|{}", alert.receiver, alert.case_id),
                    lane: lane(alert.urgency),
                    intent: Intent::Alert { alert_id: alert.id.clone() },
                    cause: alert.id.clone(),
                    due_at: now,
                    observed: false,
                });
            }
        }
        let written = self.insert_effects(&mut tx, &effects, now).await?;
        tx.commit().await?;
        Ok(written)
    }
}

/// The lane of an urgency: lower is served first.
fn lane(urgency: Severity) -> i64 {
    match urgency {
        Severity::Critical => 0,
        Severity::High => 1,
        Severity::Normal => 2,
        Severity::Low => 3,
    }
}

fn purpose(step: &CrmStep) -> &'static str {
    match step {
        CrmStep::Escalate { .. } => "raise",
        CrmStep::NoteProblem { .. } => "problem",
        CrmStep::OpenTicket { .. } => "open",
    }
}

/// Writes to one record keep their order.
fn thread_of(step: &CrmStep, mention_id: &str) -> String {
    match step {
        CrmStep::Escalate { ticket_id, .. } => format!("ticket|{ticket_id}"),
        CrmStep::NoteProblem { problem_id } => format!("problem|{problem_id}"),
        CrmStep::OpenTicket { .. } => format!("open|{mention_id}"),
    }
}

/// The CRM that a step is done in.
fn crm_of(step: &CrmStep) -> &str {
    match step {
        CrmStep::Escalate { ticket_id, .. } => register_of(ticket_id),
        CrmStep::NoteProblem { problem_id } => register_of(problem_id),
        CrmStep::OpenTicket { register, .. } => register,
    }
}
