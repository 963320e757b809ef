//! What we made of mentions, with everything it owes, in one transaction: decisions and intents stand or fall together.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::db::{list, ours, rows};
use super::mentions::{SELECT_MENTION, stored_mention};
use super::outbox::NewEffect;
use super::{Store, Tx, get, get_json, get_name, get_time, get_time_maybe, json};
use crate::assess::{Assessment, Class, Severity};
use crate::decide::{AlertKind, CaseStep, CrmStep, Decision, Mode, OpenCase, Verdict};
use crate::exposure::Exposure;
use crate::ids;
use crate::matching::{self, Answers, Band, Evidence, MatchAnswer, Question, Tier};
use crate::mention::StoredMention;
use crate::recognise::Recognition;

const CHUNK: usize = 200;

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
    pub reasons: Vec<String>,
    /// Age of the register it was made on.
    pub register_age: Option<Duration>,
    /// When.
    pub at: Timestamp,
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
        for chunk in batch.chunks(CHUNK) {
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

    async fn insert_assessments(&self, tx: &mut Tx, batch: &[&Judged], basis: &Basis) -> anyhow::Result<()> {
        for chunk in batch.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO assessment (mention_id, revision, version, relevant, brand, language, class, probability, \
                 severity, topic, \"references\", evidence, at) VALUES {} ON CONFLICT (mention_id, revision) DO NOTHING",
                rows(tx.engine, chunk.len(), 13)
            );
            let mut query = sqlx::query(ours(sql));
            for Judged { mention, assessment, .. } in chunk {
                query = query
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
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(())
    }

    /// Links authors to the persons that were recognised; a link that stands already is left alone.
    async fn insert_person_links(&self, tx: &mut Tx, batch: &[&Judged], basis: &Basis) -> anyhow::Result<()> {
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
            .bind(&person.evidence)
            .bind(basis.now.as_millisecond())
            .execute(&mut *tx.tx)
            .await?;
        }
        Ok(())
    }

    /// The three answers of everything that needs one: what is not about us was never asked.
    async fn insert_answers(&self, tx: &mut Tx, batch: &[&Judged], basis: &Basis) -> anyhow::Result<()> {
        let answers: Vec<(&StoredMention, &MatchAnswer)> = batch
            .iter()
            .filter(|judged| judged.decision.verdict != Verdict::None)
            .flat_map(|judged| judged.answers.all().map(|answer| (&judged.mention, answer)))
            .collect();
        for chunk in answers.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO match_answer (id, mention_id, revision, question, ticket_id, problem_id, contact_id, tier, \
                 score, probability, band, evidence, version, register_seq, at) VALUES {}",
                rows(tx.engine, chunk.len(), 15)
            );
            let mut query = sqlx::query(ours(sql));
            for (mention, answer) in chunk {
                query = query
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
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(())
    }

    /// Returns the decision ids, in the order of the batch.
    async fn insert_decisions(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<Vec<String>> {
        let new_ids: Vec<String> = batch.iter().map(|_| ids::new_id(basis.now)).collect();
        let numbered: Vec<(&&Judged, &String)> = batch.iter().zip(&new_ids).collect();
        for chunk in numbered.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO decision (id, mention_id, revision, case_id, mode, verdict, urgency, exposure, reasons, \
                 register_age_millis, matched_seq, at) VALUES {}",
                rows(tx.engine, chunk.len(), 12)
            );
            let mut query = sqlx::query(ours(sql));
            for (judged, id) in chunk {
                query = query
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
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(new_ids)
    }

    async fn save_cases(&self, tx: &mut Tx, batch: &[&Judged], basis: &Basis) -> anyhow::Result<usize> {
        let opening: Vec<(&str, &&Judged)> = batch
            .iter()
            .filter(|judged| judged.decision.case == CaseStep::Open)
            .filter_map(|judged| Some((judged.case_id.as_deref()?, judged)))
            .collect();
        self.open_cases(tx, &opening, basis).await?;
        for judged in batch.iter().filter(|judged| matches!(judged.decision.case, CaseStep::Attach(_))) {
            self.raise_case(tx, judged).await?;
        }
        let members: Vec<(&str, &str)> = batch
            .iter()
            .filter_map(|judged| Some((judged.case_id.as_deref()?, judged.mention.id.as_str())))
            .collect();
        for chunk in members.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO case_mention (case_id, mention_id, added_at) VALUES {} ON CONFLICT (case_id, mention_id) DO NOTHING",
                rows(tx.engine, chunk.len(), 3)
            );
            let mut query = sqlx::query(ours(sql));
            for (case_id, mention_id) in chunk {
                query = query
                    .bind(case_id.to_string())
                    .bind(mention_id.to_string())
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(opening.len())
    }

    async fn open_cases(
        &self,
        tx: &mut Tx,
        opening: &[(&str, &&Judged)],
        basis: &Basis,
    ) -> anyhow::Result<()> {
        if opening.is_empty() {
            return Ok(());
        }
        let row = sqlx::query("UPDATE counter SET value = value + $1 WHERE name = 'case' RETURNING value")
            .bind(opening.len() as i64)
            .fetch_one(&mut *tx.tx)
            .await?;
        let mut number = get::<i64, _>(&row, "value")? - opening.len() as i64;
        for chunk in opening.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO complaint_case (id, number, author_id, contact_id, ticket_id, problem_id, topic, severity, \
                 urgency, status, opened_at) VALUES {}",
                rows(tx.engine, chunk.len(), 11)
            );
            let mut query = sqlx::query(ours(sql));
            for (case_id, judged) in chunk {
                number += 1;
                let answers = &judged.answers;
                query = query
                    .bind(case_id.to_string())
                    .bind(number)
                    .bind(judged.mention.author_id.clone())
                    .bind(judged.recognition.person.as_ref().map(|person| person.contact_id.clone()))
                    .bind(
                        answers
                            .same_case
                            .ticket_id
                            .clone()
                            .or_else(|| answers.same_customer.ticket_id.clone()),
                    )
                    .bind(answers.same_problem.problem_id.clone())
                    .bind(judged.assessment.topic.clone())
                    .bind(judged.assessment.severity.name())
                    .bind(judged.decision.urgency.name())
                    .bind("open")
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(())
    }

    /// An open case takes the higher urgency, and what it did not know yet.
    async fn raise_case(&self, tx: &mut Tx, judged: &Judged) -> anyhow::Result<()> {
        let Some(case_id) = &judged.case_id else { return Ok(()) };
        let row = sqlx::query("SELECT urgency FROM complaint_case WHERE id = $1")
            .bind(case_id)
            .fetch_one(&mut *tx.tx)
            .await?;
        let urgency = get_name(&row, "urgency", Severity::from_name)?.max(judged.decision.urgency);
        let answers = &judged.answers;
        sqlx::query(
            "UPDATE complaint_case SET urgency = $1, ticket_id = COALESCE(ticket_id, $2), \
             problem_id = COALESCE(problem_id, $3), contact_id = COALESCE(contact_id, $4) WHERE id = $5",
        )
        .bind(urgency.name())
        .bind(answers.same_case.ticket_id.clone().or_else(|| answers.same_customer.ticket_id.clone()))
        .bind(answers.same_problem.problem_id.clone())
        .bind(judged.recognition.person.as_ref().map(|person| person.contact_id.clone()))
        .bind(case_id)
        .execute(&mut *tx.tx)
        .await?;
        Ok(())
    }

    async fn insert_alerts(
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
        for chunk in owed.chunks(CHUNK) {
            let sql = format!(
                "INSERT INTO alert (id, key, decision_id, case_id, mention_id, receiver, kind, urgency, state, due_at, \
                 created_at) VALUES {} ON CONFLICT (key) DO NOTHING",
                rows(tx.engine, chunk.len(), 11)
            );
            let mut query = sqlx::query(ours(sql));
            for (judged, decision_id, case_id, told) in chunk {
                let mention = &judged.mention;
                query = query
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
                    .bind(basis.now.as_millisecond());
            }
            query.execute(&mut *tx.tx).await?;
        }
        Ok(owed.len())
    }

    async fn insert_crm_effects(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        decisions: &[String],
        basis: &Basis,
    ) -> anyhow::Result<usize> {
        let mut effects = Vec::new();
        for (judged, decision_id) in batch.iter().zip(decisions) {
            for step in &judged.decision.crm {
                let Some(register) = register_of(step) else { continue };
                effects.push(NewEffect {
                    key: format!("{}-{}", purpose(step), judged.mention.id),
                    target: format!("crm:{register}"),
                    thread: thread_of(step, &judged.mention.id),
                    lane: lane(judged.decision.urgency),
                    intent: super::outbox::Intent::Crm {
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
            let (mut verdict, mut reasons): (_, Vec<String>) = (before, get_json(&row, "reasons")?);
            if judged.decision.verdict.is_better_than(before) {
                verdict = judged.decision.verdict;
                reasons.push(format!("the register changed, and now it is {}", verdict.name()));
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

    /// The open case of each of these mentions' threads or authors, by mention id.
    pub async fn open_cases_for(
        &self,
        mentions: &[StoredMention],
        parents: &HashMap<(String, String), StoredMention>,
    ) -> anyhow::Result<OpenCases> {
        let mut cases = OpenCases::default();
        let authors: Vec<String> = mentions.iter().map(|m| m.author_id.clone()).collect();
        let mut by_mention: Vec<String> =
            mentions.iter().filter(|m| m.decided > 0).map(|m| m.id.clone()).collect();
        by_mention.extend(parents.values().map(|parent| parent.id.clone()));
        for (column, values) in [("c.author_id", &authors), ("cm.mention_id", &by_mention)] {
            for chunk in values.chunks(CHUNK) {
                let sql = format!(
                    "SELECT c.id, c.urgency, c.ticket_id, c.opened_at, c.author_id, cm.mention_id FROM complaint_case c \
                     JOIN case_mention cm ON cm.case_id = c.id AND cm.ended_at IS NULL \
                     WHERE c.status = 'open' AND {column} IN ({}) ORDER BY c.opened_at",
                    list(self.db.engine, chunk.len())
                );
                let mut query = sqlx::query(ours(sql));
                for value in chunk {
                    query = query.bind(value.clone());
                }
                for row in query.fetch_all(self.db.read()).await? {
                    cases.insert(
                        get(&row, "author_id")?,
                        get(&row, "mention_id")?,
                        OpenCase {
                            id: get(&row, "id")?,
                            urgency: get_name(&row, "urgency", Severity::from_name)?,
                            ticket_id: get(&row, "ticket_id")?,
                            opened_at: get_time(&row, "opened_at")?,
                            holds_mention: false,
                        },
                    );
                }
            }
        }
        Ok(cases)
    }

    /// The tickets (row ids) that we opened for these mentions, by mention id.
    pub async fn opened_for(&self, mention_ids: &[&str]) -> anyhow::Result<HashMap<String, String>> {
        let mut opened = HashMap::new();
        for chunk in mention_ids.chunks(CHUNK) {
            let sql = format!(
                "SELECT opened_for, id FROM ticket WHERE opened_for IN ({})",
                list(self.db.engine, chunk.len())
            );
            let mut query = sqlx::query(ours(sql));
            for mention_id in chunk {
                query = query.bind(mention_id.to_string());
            }
            for row in query.fetch_all(self.db.read()).await? {
                opened.insert(get(&row, "opened_for")?, get(&row, "id")?);
            }
        }
        Ok(opened)
    }

    /// A ticket that we opened is what its case is about from now on.
    pub async fn note_opened_ticket(&self, case_id: &str, ticket_id: &str) -> anyhow::Result<()> {
        sqlx::query("UPDATE complaint_case SET ticket_id = $1 WHERE id = $2 AND ticket_id IS NULL")
            .bind(ticket_id)
            .bind(case_id)
            .execute(self.db.write())
            .await?;
        Ok(())
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
                    intent: super::outbox::Intent::Alert { alert_id: alert.id.clone() },
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

/// Open cases by the ways a mention can belong to one.
#[derive(Clone, Debug, Default)]
pub struct OpenCases {
    by_author: HashMap<String, OpenCase>,
    by_mention: HashMap<String, OpenCase>,
}

impl OpenCases {
    /// Adds a case; the latest of an author wins.
    pub fn insert(&mut self, author_id: String, mention_id: String, case: OpenCase) {
        self.by_mention.insert(mention_id, case.clone());
        self.by_author.insert(author_id, case);
    }

    /// The tickets these cases are about (row ids).
    pub fn ticket_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .by_author
            .values()
            .chain(self.by_mention.values())
            .filter_map(|case| case.ticket_id.clone())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The case a mention belongs to: its own, its parent's, or its author's.
    pub fn of(&self, mention: &StoredMention, parent: Option<&StoredMention>) -> Option<OpenCase> {
        if let Some(case) = self.by_mention.get(&mention.id) {
            return Some(OpenCase { holds_mention: true, ..case.clone() });
        }
        // A reply of a stranger in somebody's thread is that stranger's own complaint.
        let of_parent = parent
            .filter(|parent| parent.author_id == mention.author_id || parent.own_voice)
            .and_then(|parent| self.by_mention.get(&parent.id));
        of_parent.or_else(|| self.by_author.get(&mention.author_id)).cloned()
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

/// The register that a step is for. A new ticket goes where the customer is, or else to the first register ("").
fn register_of(step: &CrmStep) -> Option<String> {
    let prefix = |row_id: &str| row_id.split_once(':').map(|(register, _)| register.to_owned());
    match step {
        CrmStep::Escalate { ticket_id, .. } => prefix(ticket_id),
        CrmStep::NoteProblem { problem_id } => prefix(problem_id),
        CrmStep::OpenTicket { contact_id, .. } => {
            contact_id.as_deref().map_or_else(|| Some(String::new()), prefix)
        }
    }
}

fn assessment(row: &AnyRow) -> anyhow::Result<Assessment> {
    Ok(Assessment {
        relevant: super::get_flag(row, "relevant")?,
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
