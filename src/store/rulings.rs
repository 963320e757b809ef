//! What colleagues said about our answers.

use sqlx::any::AnyRow;

use super::{Store, get, get_json, get_name, get_time};
use crate::ids;
use crate::matching::ruling::{Known, Said};
use crate::matching::{self, MatchAnswer};
use jiff::Timestamp;

/// A ruling that was given.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Ruling {
    /// The mention.
    pub mention_id: String,
    /// The revision that was looked at.
    pub revision: i64,
    /// What was said.
    pub said: Said,
    /// What it is about according to them; nothing when it is nothing known, or was not said.
    pub known: Known,
    /// The answers as they were shown.
    pub shown: Vec<MatchAnswer>,
    /// The model version that made these.
    pub version: String,
    /// Who said it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Keeps what somebody said about the answers for a revision, with the answers as they were shown.
    pub async fn rule(
        &self,
        mention_id: &str,
        revision: i64,
        said: Said,
        known: &Known,
        shown: &[MatchAnswer],
        actor: &str,
    ) -> anyhow::Result<()> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        // Two in one millisecond still come one after the other.
        let row = sqlx::query("SELECT COALESCE(MAX(at), 0) AS at FROM ruling WHERE mention_id = $1")
            .bind(mention_id)
            .fetch_one(&mut *tx.tx)
            .await?;
        let at = now.as_millisecond().max(get::<i64, _>(&row, "at")? + 1);
        sqlx::query(
            "INSERT INTO ruling (id, mention_id, revision, said, ticket_id, problem_id, shown, version, actor, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(ids::new_id(now))
        .bind(mention_id)
        .bind(revision)
        .bind(said.name())
        .bind(known.ticket_id.clone())
        .bind(known.problem_id.clone())
        .bind(serde_json::to_string(shown)?)
        .bind(matching::VERSION)
        .bind(actor)
        .bind(at)
        .execute(&mut *tx.tx)
        .await?;
        self.audit(&mut tx, actor, "ruling", &format!("mention {mention_id}"), said.name()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The latest ruling about each mention, the newest first.
    pub async fn rulings(&self, limit: i64) -> anyhow::Result<Vec<Ruling>> {
        let rows = sqlx::query(
            "SELECT * FROM ruling WHERE NOT EXISTS (SELECT 1 FROM ruling AS later \
             WHERE later.mention_id = ruling.mention_id AND later.at > ruling.at) ORDER BY at DESC, id DESC LIMIT $1",
        )
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(ruling).collect()
    }

    /// A ticket or problem by its row id or by what people call it; several when the name is not unique.
    pub async fn known_as(&self, name: &str) -> anyhow::Result<Vec<Known>> {
        let rows = sqlx::query(
            "SELECT id AS ticket_id, problem_id FROM ticket WHERE (id = $1 OR number = $1) AND deleted = 0 \
             UNION ALL SELECT NULL AS ticket_id, id AS problem_id FROM problem \
             WHERE (id = $1 OR number = $1) AND deleted = 0",
        )
        .bind(name)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| Ok(Known { ticket_id: get(row, "ticket_id")?, problem_id: get(row, "problem_id")? }))
            .collect()
    }
}

fn ruling(row: &AnyRow) -> anyhow::Result<Ruling> {
    Ok(Ruling {
        mention_id: get(row, "mention_id")?,
        revision: get(row, "revision")?,
        said: get_name(row, "said", Said::from_name)?,
        known: Known { ticket_id: get(row, "ticket_id")?, problem_id: get(row, "problem_id")? },
        shown: get_json(row, "shown")?,
        version: get(row, "version")?,
        actor: get(row, "actor")?,
        at: get_time(row, "at")?,
    })
}
