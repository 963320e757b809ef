//! What was judged: assessments, who it is, the three answers, decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::super::{Store, Tx, get, get_flag, get_json, get_name, get_time, json};
use super::{Basis, Judged};
use crate::assess::{Assessment, Class, Severity};
use crate::decide::{Reason, Verdict};
use crate::exposure::Exposure;
use crate::ids;
use crate::matching::{self, Band, Evidence, MatchAnswer, Question, Tier};
use crate::mention::StoredMention;

/// A decision as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDecision {
    /// Its id.
    pub id: String,
    /// Which revision it is about.
    pub revision: i64,
    /// The case.
    pub case_id: Option<String>,
    /// Whether it left the house.
    pub mode: String,
    /// Is it known?
    pub verdict: Verdict,
    /// How soon somebody must look.
    pub urgency: Severity,
    /// How many people hear it.
    pub exposure: Exposure,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Age of the register it was made on.
    pub register_age: Option<Duration>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    pub(super) async fn insert_assessments(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<()> {
        tx.insert(
            "assessment (mention_id, revision, version, relevant, brand, language, class, probability, \
                 severity, topic, \"references\", evidence, at)",
            "ON CONFLICT (mention_id, revision) DO NOTHING",
            batch,
            |query, Judged { mention, assessment, .. }| {
                query
                    .bind(mention.id.clone())
                    .bind(mention.revision)
                    .bind(crate::assess::VERSION)
                    .bind(assessment.relevant as i64)
                    .bind(assessment.brand.clone())
                    .bind(assessment.language.clone())
                    .bind(assessment.class.name())
                    .bind(assessment.probability)
                    .bind(assessment.severity.name())
                    .bind(assessment.topic.clone())
                    .bind(json(&assessment.references))
                    .bind(json(&assessment.evidence))
                    .bind(basis.now.as_millisecond())
            },
        )
        .await?;
        Ok(())
    }

    /// Links authors to the persons that were recognised; a link that stands already is left alone.
    pub(super) async fn insert_person_links(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<()> {
        for judged in batch {
            let Some(person) = judged.recognition.person.as_ref().filter(|_| judged.assessment.relevant)
            else {
                continue;
            };
            sqlx::query(
                "INSERT INTO person_link (id, author_id, contact_id, certainty, provenance, evidence, created_at) \
                 SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM person_link \
                 WHERE author_id = $2 AND contact_id = $3 AND certainty = $4)",
            )
            .bind(ids::new_id(basis.now))
            .bind(&judged.mention.author_id)
            .bind(&person.contact_id)
            .bind(person.certainty.name())
            .bind(person.provenance.name())
            .bind(json(&person.evidence))
            .bind(basis.now.as_millisecond())
            .execute(&mut *tx.tx)
            .await?;
        }
        Ok(())
    }

    /// The three answers of everything that needs one: what is not about us was never asked.
    pub(super) async fn insert_answers(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<()> {
        let answers: Vec<(&StoredMention, &MatchAnswer)> = batch
            .iter()
            .filter(|judged| judged.decision.verdict != Verdict::None)
            .flat_map(|judged| judged.answers.all().map(|answer| (&judged.mention, answer)))
            .collect();
        tx.insert(
            "match_answer (id, mention_id, revision, question, ticket_id, problem_id, contact_id, tier, \
                 score, probability, band, evidence, version, register_seq, at)",
            "",
            &answers,
            |query, (mention, answer)| {
                query
                    .bind(ids::new_id(basis.now))
                    .bind(mention.id.clone())
                    .bind(mention.revision)
                    .bind(answer.question.name())
                    .bind(answer.ticket_id.clone())
                    .bind(answer.problem_id.clone())
                    .bind(answer.contact_id.clone())
                    .bind(answer.tier.name())
                    .bind(answer.score)
                    .bind(answer.probability)
                    .bind(answer.band.name())
                    .bind(json(&answer.evidence))
                    .bind(matching::VERSION)
                    .bind(basis.register_seq)
                    .bind(basis.now.as_millisecond())
            },
        )
        .await?;
        Ok(())
    }

    /// Returns the decision ids, in the order of the batch.
    pub(super) async fn insert_decisions(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<Vec<String>> {
        let new_ids: Vec<String> = batch.iter().map(|_| ids::new_id(basis.now)).collect();
        let numbered: Vec<(&&Judged, &String)> = batch.iter().zip(&new_ids).collect();
        tx.insert(
            "decision (id, mention_id, revision, case_id, mode, verdict, urgency, exposure, reasons, \
                 register_age_millis, matched_seq, at)",
            "",
            &numbered,
            |query, (judged, id)| {
                query
                    .bind(id.to_string())
                    .bind(judged.mention.id.clone())
                    .bind(judged.mention.revision)
                    .bind(judged.case_id.clone())
                    .bind(basis.mode.name())
                    .bind(judged.decision.verdict.name())
                    .bind(judged.decision.urgency.name())
                    .bind(json(&judged.decision.exposure))
                    .bind(json(&judged.decision.reasons))
                    .bind(basis.register_age.map(|age| age.as_millis() as i64))
                    .bind(basis.register_seq)
                    .bind(basis.now.as_millisecond())
            },
        )
        .await?;
        Ok(new_ids)
    }

    /// What we made of one revision.
    pub async fn assessment(&self, mention_id: &str, revision: i64) -> anyhow::Result<Option<Assessment>> {
        let row = sqlx::query("SELECT * FROM assessment WHERE mention_id = $1 AND revision = $2")
            .bind(mention_id)
            .bind(revision)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(assessment).transpose()
    }

    /// The answers to the three questions about one revision, the latest of each.
    pub async fn match_answers(&self, mention_id: &str, revision: i64) -> anyhow::Result<Vec<MatchAnswer>> {
        let rows = sqlx::query(
            "SELECT * FROM match_answer WHERE mention_id = $1 AND revision = $2 ORDER BY at, register_seq",
        )
        .bind(mention_id)
        .bind(revision)
        .fetch_all(self.db.read())
        .await?;
        let mut latest: BTreeMap<&'static str, MatchAnswer> = BTreeMap::new();
        for row in &rows {
            let answer = match_answer(row)?;
            latest.insert(answer.question.name(), answer);
        }
        Ok(latest.into_values().collect())
    }

    /// All decisions about one mention, oldest first.
    pub async fn decisions(&self, mention_id: &str) -> anyhow::Result<Vec<StoredDecision>> {
        let rows = sqlx::query("SELECT * FROM decision WHERE mention_id = $1 ORDER BY revision")
            .bind(mention_id)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(stored_decision).collect()
    }
}

fn assessment(row: &AnyRow) -> anyhow::Result<Assessment> {
    Ok(Assessment {
        relevant: get_flag(row, "relevant")?,
        brand: get(row, "brand")?,
        language: get(row, "language")?,
        class: get_name(row, "class", Class::from_name)?,
        probability: get(row, "probability")?,
        severity: get_name(row, "severity", Severity::from_name)?,
        topic: get(row, "topic")?,
        references: get_json(row, "references")?,
        evidence: get_json(row, "evidence")?,
    })
}

fn match_answer(row: &AnyRow) -> anyhow::Result<MatchAnswer> {
    Ok(MatchAnswer {
        question: get_name(row, "question", Question::from_name)?,
        ticket_id: get(row, "ticket_id")?,
        problem_id: get(row, "problem_id")?,
        contact_id: get(row, "contact_id")?,
        tier: get_name(row, "tier", Tier::from_name)?,
        score: get(row, "score")?,
        probability: get(row, "probability")?,
        band: get_name(row, "band", Band::from_name)?,
        evidence: get_json::<Evidence>(row, "evidence")?,
    })
}

fn stored_decision(row: &AnyRow) -> anyhow::Result<StoredDecision> {
    Ok(StoredDecision {
        id: get(row, "id")?,
        revision: get(row, "revision")?,
        case_id: get(row, "case_id")?,
        mode: get(row, "mode")?,
        verdict: get_name(row, "verdict", Verdict::from_name)?,
        urgency: get_name(row, "urgency", Severity::from_name)?,
        exposure: get_json(row, "exposure")?,
        reasons: get_json(row, "reasons")?,
        register_age: get::<Option<i64>, _>(row, "register_age_millis")?
            .map(|millis| Duration::from_millis(millis.max(0) as u64)),
        at: get_time(row, "at").context("a decision has a time")?,
    })
}
