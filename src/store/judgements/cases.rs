//! Cases: what several mentions of one author or thread have in common, and how urgent they are together.

use std::collections::HashMap;

use super::super::db::{ROWS_MAX, list, ours};
use super::super::{Store, Tx, get, get_name, get_time};
use super::{Basis, Judged};
use crate::assess::Severity;
use crate::decide::{CaseStep, OpenCase};
use crate::mention::StoredMention;

impl Store {
    pub(super) async fn save_cases(
        &self,
        tx: &mut Tx,
        batch: &[&Judged],
        basis: &Basis,
    ) -> anyhow::Result<usize> {
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
        tx.insert(
            "case_mention (case_id, mention_id, added_at)",
            "ON CONFLICT (case_id, mention_id) DO NOTHING",
            &members,
            |query, (case_id, mention_id)| {
                query.bind(case_id.to_string()).bind(mention_id.to_string()).bind(basis.now.as_millisecond())
            },
        )
        .await?;
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
        let first = get::<i64, _>(&row, "value")? - opening.len() as i64 + 1;
        let numbered: Vec<_> = (first..).zip(opening).collect();
        tx.insert(
            "complaint_case (id, number, author_id, contact_id, ticket_id, problem_id, topic, severity, \
                 urgency, status, opened_at)",
            "",
            &numbered,
            |query, (number, (case_id, judged))| {
                let answers = &judged.answers;
                query
                    .bind(case_id.to_string())
                    .bind(*number)
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
                    .bind(basis.now.as_millisecond())
            },
        )
        .await?;
        Ok(())
    }

    /// An open case takes the higher urgency, and what it did not know yet.
    pub(super) async fn raise_case(&self, tx: &mut Tx, judged: &Judged) -> anyhow::Result<()> {
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
            for chunk in values.chunks(ROWS_MAX) {
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
        for chunk in mention_ids.chunks(ROWS_MAX) {
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
