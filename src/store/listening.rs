//! What polling needs to remember: leases, cursors, quotas, gaps. A source and a register are polled alike.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, Tx, get, get_flag, get_time, get_time_maybe, millis};
use crate::failure::Failure;
use crate::ids;
use crate::source::silence::Hearing;

/// A right that one replica holds for a while. Writes made under it name its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is about, such as `source:NAME`.
    pub name: String,
    /// The fencing token.
    pub token: String,
}

/// Where a source stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceState {
    /// Configured name.
    pub source: String,
    /// The connector's own position; empty before the first poll.
    pub cursor: String,
    /// Rises with every move of the cursor.
    pub epoch: i64,
    /// When it is due.
    pub next_at: Timestamp,
    /// The first complete poll is behind us.
    pub backfilled: bool,
    /// First complete answer; before it nothing was heard.
    pub first_success_at: Option<Timestamp>,
    /// Last complete answer.
    pub last_success_at: Option<Timestamp>,
    /// Last time it brought anything.
    pub last_item_at: Option<Timestamp>,
    /// Failed polls in a row.
    pub failures: i64,
    /// Start of the present trouble.
    pub failing_since: Option<Timestamp>,
    /// What kind of trouble.
    pub failure_kind: Option<String>,
    /// What to do about it.
    pub failure_message: Option<String>,
    /// Only probed slowly, because a person must act.
    pub suspended: bool,
    /// What its answers brought, and whether it has fallen silent.
    pub hearing: Hearing,
}

/// A time in which a source was not heard.
#[derive(Clone, Debug, PartialEq)]
pub struct ListeningGap {
    /// Configured name.
    pub source: String,
    /// Last moment that is surely covered.
    pub from: Timestamp,
    /// First moment covered again; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Takes the lease `name` for `span` when nobody holds it. `None`: somebody else does.
    pub async fn take_lease(&self, name: &str, span: Duration) -> anyhow::Result<Option<Lease>> {
        let now = self.now().await?.as_millisecond();
        let token = ids::new_token();
        let taken = sqlx::query(
            "INSERT INTO lease (name, token, until_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET token = excluded.token, until_at = excluded.until_at \
             WHERE lease.until_at <= $4",
        )
        .bind(name)
        .bind(&token)
        .bind(now + span.as_millis() as i64)
        .bind(now)
        .execute(self.db.write())
        .await?
        .rows_affected();
        Ok((taken == 1).then(|| Lease { name: name.to_owned(), token }))
    }

    /// Keeps a lease for another `span`. False: it was lost, and the holder must stop writing.
    pub async fn renew_lease(&self, lease: &Lease, span: Duration) -> anyhow::Result<bool> {
        let now = self.now().await?.as_millisecond();
        let renewed = sqlx::query("UPDATE lease SET until_at = $1 WHERE name = $2 AND token = $3")
            .bind(now + span.as_millis() as i64)
            .bind(&lease.name)
            .bind(&lease.token)
            .execute(self.db.write())
            .await?
            .rows_affected();
        Ok(renewed == 1)
    }

    /// Gives a lease back early, so that the next poll need not wait for it to run out.
    pub async fn release_lease(&self, lease: &Lease) -> anyhow::Result<()> {
        sqlx::query("UPDATE lease SET until_at = 0 WHERE name = $1 AND token = $2")
            .bind(&lease.name)
            .bind(&lease.token)
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Ends everything that an earlier process on this file held. Only for the one process that owns an SQLite file: what
    /// stands there as held is then held by nobody alive.
    pub async fn end_leases_of_the_dead(&self) -> anyhow::Result<()> {
        let now = self.clock().now().as_millisecond();
        sqlx::query("UPDATE lease SET until_at = 0").execute(self.db.write()).await?;
        sqlx::query("UPDATE effect SET next_at = $1 WHERE state = 'started' AND next_at > $1")
            .bind(now)
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Makes sure that every configured source has a row; a new one is due at once.
    pub async fn ensure_sources(&self, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            sqlx::query(
                "INSERT INTO source_state (source, cursor, epoch, next_at, backfilled, failures, suspended, empty_polls) \
                 VALUES ($1, '', 0, 0, 0, 0, 0, 0) ON CONFLICT (source) DO NOTHING",
            )
            .bind(name)
            .execute(self.db.write())
            .await?;
        }
        Ok(())
    }

    /// Where one source stands.
    pub async fn source_state(&self, source: &str) -> anyhow::Result<Option<SourceState>> {
        let row = sqlx::query("SELECT * FROM source_state WHERE source = $1")
            .bind(source)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(source_state).transpose()
    }

    /// Where all sources stand, by name.
    pub async fn source_states(&self) -> anyhow::Result<Vec<SourceState>> {
        let rows =
            sqlx::query("SELECT * FROM source_state ORDER BY source").fetch_all(self.db.read()).await?;
        rows.iter().map(source_state).collect()
    }

    /// Makes a source due now, for instance after its credentials were renewed.
    pub async fn make_source_due(&self, source: &str) -> anyhow::Result<bool> {
        let changed = sqlx::query("UPDATE source_state SET next_at = 0, suspended = 0 WHERE source = $1")
            .bind(source)
            .execute(self.db.write())
            .await?
            .rows_affected();
        Ok(changed == 1)
    }

    /// Moves the cursor, if nobody else moved it meanwhile and the lease still holds. False: roll back.
    pub async fn move_cursor(
        &self,
        tx: &mut Tx,
        lease: &Lease,
        seen: &SourceState,
        to: &CursorMove,
    ) -> anyhow::Result<bool> {
        let now = self.clock().now().as_millisecond();
        let moved = sqlx::query(
            "UPDATE source_state SET cursor = $1, epoch = epoch + 1, next_at = $2, last_success_at = $3, \
             first_success_at = COALESCE(first_success_at, $3), \
             last_item_at = CASE WHEN $4 > 0 THEN $3 ELSE last_item_at END, \
             heard_polls = $5, empty_polls = $6, usual_empty_polls = $7, silent_since = $8, \
             backfilled = CASE WHEN $9 = 1 THEN 1 ELSE backfilled END, \
             failures = 0, failing_since = NULL, failure_kind = NULL, failure_message = NULL, suspended = 0 \
             WHERE source = $10 AND epoch = $11 \
             AND EXISTS (SELECT 1 FROM lease WHERE name = $12 AND token = $13)",
        )
        .bind(&to.cursor)
        .bind(to.next_at.as_millisecond())
        .bind(now)
        .bind(to.items as i64)
        .bind(to.hearing.heard_polls)
        .bind(to.hearing.empty_polls)
        .bind(to.hearing.usual_empty_polls)
        .bind(millis(to.hearing.silent_since))
        .bind(to.caught_up as i64)
        .bind(&seen.source)
        .bind(seen.epoch)
        .bind(&lease.name)
        .bind(&lease.token)
        .execute(&mut *tx.tx)
        .await?
        .rows_affected();
        Ok(moved == 1)
    }

    /// Writes down that a poll failed: what, since when, when to try again.
    pub async fn note_poll_failure(
        &self,
        source: &str,
        failure: &Failure,
        next_at: Timestamp,
        suspended: bool,
    ) -> anyhow::Result<()> {
        let now = self.clock().now().as_millisecond();
        sqlx::query(
            "UPDATE source_state SET failures = failures + 1, failing_since = COALESCE(failing_since, $1), \
             failure_kind = $2, failure_message = $3, next_at = $4, suspended = $5 WHERE source = $6",
        )
        .bind(now)
        .bind(failure.kind.name())
        .bind(&failure.message)
        .bind(next_at.as_millisecond())
        .bind(suspended as i64)
        .bind(source)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Opens a gap, unless one is open for this source.
    pub async fn open_gap(&self, source: &str, from: Timestamp, reason: &str) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO listening_gap (id, source, from_at, to_at, reason) SELECT $1, $2, $3, NULL, $4 \
             WHERE NOT EXISTS (SELECT 1 FROM listening_gap WHERE source = $2 AND to_at IS NULL)",
        )
        .bind(ids::new_id(self.clock().now()))
        .bind(source)
        .bind(from.as_millisecond())
        .bind(reason)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Writes down that items may have slipped away between two moments. A gap that ended at most `slack` before, for the
    /// same reason, grows instead of getting a neighbour. True when the gap is a new one.
    pub async fn note_missed(
        &self,
        source: &str,
        from: Timestamp,
        to: Timestamp,
        slack: Duration,
        reason: &str,
    ) -> anyhow::Result<bool> {
        let grown = sqlx::query(
            "UPDATE listening_gap SET to_at = $1 WHERE source = $2 AND reason = $3 AND to_at >= $4",
        )
        .bind(to.as_millisecond())
        .bind(source)
        .bind(reason)
        .bind(from.as_millisecond().saturating_sub(slack.as_millis() as i64))
        .execute(self.db.write())
        .await?
        .rows_affected();
        if grown > 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO listening_gap (id, source, from_at, to_at, reason) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(ids::new_id(self.clock().now()))
        .bind(source)
        .bind(from.as_millisecond())
        .bind(to.as_millisecond())
        .bind(reason)
        .execute(self.db.write())
        .await?;
        Ok(true)
    }

    /// Closes the open gap of a source, in the transaction that proves it is heard again.
    pub async fn close_gap(&self, tx: &mut Tx, source: &str, to: Timestamp) -> anyhow::Result<()> {
        sqlx::query("UPDATE listening_gap SET to_at = $1 WHERE source = $2 AND to_at IS NULL")
            .bind(to.as_millisecond())
            .bind(source)
            .execute(&mut *tx.tx)
            .await?;
        Ok(())
    }

    /// The newest gaps, open ones first.
    pub async fn gaps(&self, limit: i64) -> anyhow::Result<Vec<ListeningGap>> {
        let rows = sqlx::query(
            "SELECT source, from_at, to_at, reason FROM listening_gap \
             ORDER BY CASE WHEN to_at IS NULL THEN 0 ELSE 1 END, from_at DESC LIMIT $1",
        )
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(listening_gap).collect()
    }

    /// The gaps that lasted beyond `since`, the newest first.
    pub async fn gaps_since(&self, since: Timestamp, limit: i64) -> anyhow::Result<Vec<ListeningGap>> {
        let rows = sqlx::query(
            "SELECT source, from_at, to_at, reason FROM listening_gap WHERE to_at IS NULL OR to_at >= $1 \
             ORDER BY from_at DESC LIMIT $2",
        )
        .bind(since.as_millisecond())
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(listening_gap).collect()
    }

    /// Counts `calls` against an allowance of `allowed` in the period that began at `window_start`.
    /// False: the allowance is spent and nothing was counted.
    pub async fn spend_quota(
        &self,
        name: &str,
        window_start: Timestamp,
        calls: i64,
        allowed: i64,
    ) -> anyhow::Result<bool> {
        let spent = sqlx::query(
            "INSERT INTO quota_use (name, window_start, used) SELECT $1, $2, $3 WHERE $3 <= $4 \
             ON CONFLICT (name, window_start) DO UPDATE SET used = quota_use.used + $3 WHERE quota_use.used + $3 <= $4",
        )
        .bind(name)
        .bind(window_start.as_millisecond())
        .bind(calls)
        .bind(allowed)
        .execute(self.db.write())
        .await?
        .rows_affected();
        Ok(spent == 1)
    }

    /// How much of an allowance is used.
    pub async fn quota_used(&self, name: &str, window_start: Timestamp) -> anyhow::Result<i64> {
        let row = sqlx::query("SELECT used FROM quota_use WHERE name = $1 AND window_start = $2")
            .bind(name)
            .bind(window_start.as_millisecond())
            .fetch_optional(self.db.read())
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }
}

/// What a good answer changes about a source.
#[derive(Clone, Debug)]
pub struct CursorMove {
    /// The new position.
    pub cursor: String,
    /// When to poll again.
    pub next_at: Timestamp,
    /// How many items the answer carried.
    pub items: usize,
    /// What its answers brought, this one included.
    pub hearing: Hearing,
    /// Nothing more waits at this moment.
    pub caught_up: bool,
}

fn listening_gap(row: &sqlx::any::AnyRow) -> anyhow::Result<ListeningGap> {
    Ok(ListeningGap {
        source: get(row, "source")?,
        from: get_time(row, "from_at")?,
        to: get_time_maybe(row, "to_at")?,
        reason: get(row, "reason")?,
    })
}

fn source_state(row: &sqlx::any::AnyRow) -> anyhow::Result<SourceState> {
    Ok(SourceState {
        source: get(row, "source")?,
        cursor: get(row, "cursor")?,
        epoch: get(row, "epoch")?,
        next_at: get_time(row, "next_at")?,
        backfilled: get_flag(row, "backfilled")?,
        first_success_at: get_time_maybe(row, "first_success_at")?,
        last_success_at: get_time_maybe(row, "last_success_at")?,
        last_item_at: get_time_maybe(row, "last_item_at")?,
        failures: get(row, "failures")?,
        failing_since: get_time_maybe(row, "failing_since")?,
        failure_kind: get(row, "failure_kind")?,
        failure_message: get(row, "failure_message")?,
        suspended: get_flag(row, "suspended")?,
        hearing: Hearing {
            heard_polls: get(row, "heard_polls")?,
            empty_polls: get(row, "empty_polls")?,
            usual_empty_polls: get(row, "usual_empty_polls")?,
            silent_since: get_time_maybe(row, "silent_since")?,
        },
    })
}
