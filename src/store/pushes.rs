//! Which requests to a webhook were stored already: a sender that hears no answer sends again.

use std::time::Duration;

use jiff::Timestamp;

use super::{Store, Tx};

/// How long the id of a request is remembered. Its signature is only good for five minutes.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Remembers a request to a webhook, in the transaction that stores what it brought. False: it was stored before.
    pub async fn remember_push(
        &self,
        tx: &mut Tx,
        source: &str,
        id: &str,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        sqlx::query("DELETE FROM webhook_seen WHERE seen_at < $1")
            .bind((now - REMEMBERED).as_millisecond())
            .execute(&mut *tx.tx)
            .await?;
        let remembered = sqlx::query(
            "INSERT INTO webhook_seen (source, id, seen_at) VALUES ($1, $2, $3) ON CONFLICT (source, id) DO NOTHING",
        )
        .bind(source)
        .bind(id)
        .bind(now.as_millisecond())
        .execute(&mut *tx.tx)
        .await?
        .rows_affected();
        Ok(remembered == 1)
    }

    /// Writes down that a source brought something by itself, in the transaction that stores it.
    pub async fn note_push(&self, tx: &mut Tx, source: &str, now: Timestamp) -> anyhow::Result<()> {
        sqlx::query(
            "UPDATE source_state SET first_success_at = COALESCE(first_success_at, $1), last_success_at = $1, \
             last_item_at = $1, empty_polls = 0 WHERE source = $2",
        )
        .bind(now.as_millisecond())
        .bind(source)
        .execute(&mut *tx.tx)
        .await?;
        Ok(())
    }
}
