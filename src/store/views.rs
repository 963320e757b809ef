//! Reading for people: cases, dossiers, ledgers, the outbox. Nothing here writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::db::{list, ours};
use super::mentions::{SELECT_MENTION, stored_mention};
use super::{Store, get, get_name, get_time, get_time_maybe};
use crate::assess::Severity;
use crate::decide::{AlertKind, Verdict};
use crate::dossier::CaseFacts;
use crate::mention::StoredMention;
use crate::recognise::Likeness;

/// Who has the same problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harmed {
    /// Customers with an unresolved ticket who did not speak out in public.
    pub silent: i64,
    /// Other open or ended cases about it.
    pub public: i64,
    /// When the oldest unresolved ticket was opened.
    pub oldest_unresolved_at: Option<Timestamp>,
}

/// One line of the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseLine {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// How soon somebody must look.
    pub urgency: Severity,
    /// open, resolved, forwarded, declined.
    pub status: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The newest mention of it.
    pub mention_id: String,
    /// Its source.
    pub source: String,
    /// The author's name or handle.
    pub author: Option<String>,
    /// Followers.
    pub audience: Option<i64>,
    /// The author's words.
    pub text: String,
    /// Is it known?
    pub verdict: String,
    /// Ticket number.
    pub ticket_number: Option<String>,
    /// When that ticket was opened.
    pub ticket_created_at: Option<Timestamp>,
    /// Problem number.
    pub problem_number: Option<String>,
    /// Problem title.
    pub problem_title: Option<String>,
    /// When the ticket, or the oldest one with the same problem, was opened; `None` when none is unresolved.
    pub known_since: Option<Timestamp>,
}

/// Which cases the inbox shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxFilter {
    /// Of this urgency only.
    pub urgency: Option<Severity>,
    /// With this verdict only.
    pub verdict: Option<Verdict>,
    /// Ended ones too.
    pub ended_too: bool,
}

/// A link between an author and a contact, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonLine {
    /// Row id of the contact.
    pub contact_id: String,
    /// certain, probable.
    pub certainty: String,
    /// What it rests on: reference, handle, email, phone, name, staff.
    pub provenance: String,
    /// Why.
    pub evidence: Likeness,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One try at an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptLine {
    /// The effect.
    pub effect_id: String,
    /// Which try, from 1.
    pub number: i64,
    /// started, delivered, failed, unknown, fenced.
    pub outcome: String,
    /// The peer's words.
    pub answer: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

/// One line of the known-but-unresolved ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerLine {
    /// Problem row id; `None` for the line of tickets without a problem.
    pub problem_id: Option<String>,
    /// What people call it.
    pub number: String,
    /// One line.
    pub title: String,
    /// open, explained, fixed, closed.
    pub status: String,
    /// Who can act.
    pub owner: Option<String>,
    /// Unresolved tickets.
    pub tickets: i64,
    /// Customers with one.
    pub customers: i64,
    /// Of these, who spoke out in public.
    pub public: i64,
    /// When the oldest unresolved ticket was opened.
    pub oldest_at: Option<Timestamp>,
    /// When anything was last changed on one of the tickets.
    pub touched_at: Option<Timestamp>,
}

/// One line of the outbox page.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectLine {
    /// Its id.
    pub id: String,
    /// `channel:RECEIVER` or `crm:REGISTER`.
    pub target: String,
    /// ready, started, delivered, dead, superseded, cancelled, observed.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was owed.
    pub created_at: Timestamp,
    /// Due time or end of the lease.
    pub next_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The peer's yes.
    pub receipt: Option<String>,
    /// What kind of trouble.
    pub failure_kind: Option<String>,
    /// What to do about it.
    pub failure_message: Option<String>,
    /// JSON of what it does.
    pub intent: String,
    /// Decision or alert it comes from.
    pub cause: String,
}

/// An alert with its delivery, for `explain` and the case page.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertLine {
    /// Its id.
    pub id: String,
    /// Who is told.
    pub receiver: String,
    /// Why.
    pub kind: AlertKind,
    /// How urgent.
    pub urgency: Severity,
    /// owed, sent_off, observed, cancelled.
    pub state: String,
    /// When it is told at the latest.
    pub due_at: Timestamp,
    /// State of the delivery, once there is one.
    pub delivery: Option<String>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// The case it is about.
    pub case_id: String,
    /// The mention that caused it.
    pub mention_id: String,
}

/// Totals that must balance, for the page, the report and the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Mentions stored.
    pub mentions: i64,
    /// Mentions with a decision for their current revision.
    pub decided: i64,
    /// Mentions waiting for one.
    pub waiting: i64,
    /// Mentions parked for a person because the pipeline failed on them.
    pub parked: i64,
    /// Items in quarantine.
    pub quarantined: i64,
    /// Cases that are open.
    pub open_cases: i64,
    /// Tickets in the mirror.
    pub tickets: i64,
    /// Unresolved ones among them.
    pub unresolved_tickets: i64,
}

impl Store {
    /// Facts of one case.
    pub async fn case_facts(&self, case_id: &str) -> anyhow::Result<Option<CaseFacts>> {
        let row = sqlx::query("SELECT id, number, status, opened_at FROM complaint_case WHERE id = $1")
            .bind(case_id)
            .fetch_optional(self.db.read())
            .await?;
        row.map(|row| {
            Ok(CaseFacts {
                id: get(&row, "id")?,
                number: get(&row, "number")?,
                status: get(&row, "status")?,
                opened_at: get_time(&row, "opened_at")?,
            })
        })
        .transpose()
    }

    /// The id of the case that people call `number`.
    pub async fn case_by_number(&self, number: i64) -> anyhow::Result<Option<String>> {
        let row = sqlx::query("SELECT id FROM complaint_case WHERE number = $1")
            .bind(number)
            .fetch_optional(self.db.read())
            .await?;
        row.map(|row| get(&row, "id")).transpose()
    }

    /// The mentions of a case, oldest first.
    pub async fn mentions_of_case(&self, case_id: &str) -> anyhow::Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT mention_id FROM case_mention WHERE case_id = $1 AND ended_at IS NULL ORDER BY added_at",
        )
        .bind(case_id)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(|row| get(row, "mention_id")).collect()
    }

    /// Who else has the problem: silent customers, public cases, and since when. `contact` and `case` are left out.
    pub async fn harmed_by(
        &self,
        problem_id: &str,
        contact: Option<&str>,
        case: Option<&str>,
    ) -> anyhow::Result<Harmed> {
        let silent = sqlx::query(
            "SELECT COUNT(DISTINCT contact_id) AS n, MIN(created_at) AS oldest FROM ticket \
             WHERE problem_id = $1 AND deleted = 0 AND status IN ('open', 'pending')",
        )
        .bind(problem_id)
        .fetch_one(self.db.read())
        .await?;
        let speaking = sqlx::query(
            "SELECT COUNT(DISTINCT t.contact_id) AS n FROM ticket t WHERE t.problem_id = $1 AND t.deleted = 0 \
             AND t.status IN ('open', 'pending') AND (t.contact_id = $2 OR EXISTS (SELECT 1 FROM complaint_case c \
             WHERE c.contact_id = t.contact_id AND c.problem_id = $1))",
        )
        .bind(problem_id)
        .bind(contact.unwrap_or(""))
        .fetch_one(self.db.read())
        .await?;
        let public =
            sqlx::query("SELECT COUNT(*) AS n FROM complaint_case WHERE problem_id = $1 AND id <> $2")
                .bind(problem_id)
                .bind(case.unwrap_or(""))
                .fetch_one(self.db.read())
                .await?;
        Ok(Harmed {
            silent: get::<i64, _>(&silent, "n")? - get::<i64, _>(&speaking, "n")?,
            public: get(&public, "n")?,
            oldest_unresolved_at: get_time_maybe(&silent, "oldest")?,
        })
    }

    /// Open cases, the most urgent and newest first.
    pub async fn inbox(&self, limit: i64) -> anyhow::Result<Vec<CaseLine>> {
        let rows = sqlx::query(ours(format!(
            "{CASE_LINE} WHERE c.status = 'open' ORDER BY CASE c.urgency WHEN 'critical' THEN 0 WHEN 'high' THEN 1 \
             WHEN 'normal' THEN 2 ELSE 3 END, c.opened_at DESC LIMIT $1"
        )))
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(case_line).collect()
    }

    /// Cases that fit, the most urgent and newest first, after the first `skipped`.
    pub async fn inbox_page(
        &self,
        filter: &InboxFilter,
        limit: i64,
        skipped: i64,
    ) -> anyhow::Result<Vec<CaseLine>> {
        let rows = sqlx::query(ours(format!(
            "{CASE_LINE} WHERE (c.status = 'open' OR $1 = 1) AND ($2 = '' OR c.urgency = $2) AND ($3 = '' OR d.verdict = $3) \
             ORDER BY CASE WHEN c.status = 'open' THEN 0 ELSE 1 END, CASE c.urgency WHEN 'critical' THEN 0 WHEN 'high' THEN 1 \
             WHEN 'normal' THEN 2 ELSE 3 END, c.opened_at DESC, c.number DESC LIMIT $4 OFFSET $5"
        )))
        .bind(i64::from(filter.ended_too))
        .bind(filter.urgency.map_or("", Severity::name))
        .bind(filter.verdict.map_or("", Verdict::name))
        .bind(limit)
        .bind(skipped)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(case_line).collect()
    }

    /// How many open cases have each verdict, by the verdict on their newest mention.
    pub async fn open_cases_by_verdict(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let rows = sqlx::query(ours(format!(
            "SELECT x.verdict, COUNT(*) AS n FROM ({CASE_LINE} WHERE c.status = 'open') x \
             WHERE x.verdict IS NOT NULL GROUP BY x.verdict"
        )))
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(|row| Ok((get(row, "verdict")?, get(row, "n")?))).collect()
    }

    /// The newest mentions of a case, whole, the newest first.
    pub async fn newest_mentions_of_case(
        &self,
        case_id: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<StoredMention>> {
        let rows = sqlx::query(ours(format!(
            "{SELECT_MENTION} JOIN case_mention cm ON cm.mention_id = m.id AND cm.ended_at IS NULL \
             WHERE cm.case_id = $1 ORDER BY cm.added_at DESC, COALESCE(m.published_at, m.seen_at) DESC LIMIT $2"
        )))
        .bind(case_id)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(stored_mention).collect()
    }

    /// Known but unresolved: every problem with unresolved tickets, then the tickets without a problem as one line.
    pub async fn ledger(&self) -> anyhow::Result<Vec<LedgerLine>> {
        let rows = sqlx::query(
            "SELECT p.id AS problem_id, p.number, p.title, p.status, p.owner, p.opened_at, COUNT(t.id) AS tickets, \
             COUNT(DISTINCT t.contact_id) AS customers, MIN(t.created_at) AS oldest, MAX(t.updated_at) AS touched, \
             COUNT(DISTINCT CASE WHEN c.id IS NOT NULL THEN t.contact_id END) AS public \
             FROM problem p LEFT JOIN ticket t ON t.problem_id = p.id AND t.deleted = 0 AND t.status IN ('open', 'pending') \
             LEFT JOIN complaint_case c ON c.contact_id = t.contact_id AND c.problem_id = p.id \
             WHERE p.deleted = 0 GROUP BY p.id, p.number, p.title, p.status, p.owner, p.opened_at \
             HAVING COUNT(t.id) > 0 OR p.status IN ('open', 'explained') ORDER BY COUNT(DISTINCT t.contact_id) DESC, p.opened_at",
        )
        .fetch_all(self.db.read())
        .await?;
        let mut ledger = rows
            .iter()
            .map(|row| {
                Ok(LedgerLine {
                    problem_id: get(row, "problem_id")?,
                    number: get(row, "number")?,
                    title: get(row, "title")?,
                    status: get(row, "status")?,
                    owner: get(row, "owner")?,
                    tickets: get(row, "tickets")?,
                    customers: get(row, "customers")?,
                    public: get(row, "public")?,
                    oldest_at: get_time_maybe(row, "oldest")?.or(get_time_maybe(row, "opened_at")?),
                    touched_at: get_time_maybe(row, "touched")?,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        ledger.extend(self.unlinked_line().await?);
        Ok(ledger)
    }

    async fn unlinked_line(&self) -> anyhow::Result<Option<LedgerLine>> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS tickets, COUNT(DISTINCT t.contact_id) AS customers, MIN(t.created_at) AS oldest, \
             MAX(t.updated_at) AS touched, COUNT(DISTINCT CASE WHEN c.id IS NOT NULL THEN t.contact_id END) AS public \
             FROM ticket t LEFT JOIN complaint_case c ON c.contact_id = t.contact_id AND c.ticket_id = t.id \
             WHERE t.problem_id IS NULL AND t.deleted = 0 AND t.status IN ('open', 'pending')",
        )
        .fetch_one(self.db.read())
        .await?;
        let tickets: i64 = get(&row, "tickets")?;
        if tickets == 0 {
            return Ok(None);
        }
        Ok(Some(LedgerLine {
            problem_id: None,
            number: String::new(),
            title: String::new(),
            status: String::new(),
            owner: None,
            tickets,
            customers: get(&row, "customers")?,
            public: get(&row, "public")?,
            oldest_at: get_time_maybe(&row, "oldest")?,
            touched_at: get_time_maybe(&row, "touched")?,
        }))
    }

    /// Effects for the outbox page: those in trouble first, then open ones, then the newest.
    pub async fn effect_lines(&self, limit: i64) -> anyhow::Result<Vec<EffectLine>> {
        let rows = sqlx::query(
            "SELECT * FROM effect ORDER BY CASE state WHEN 'dead' THEN 0 WHEN 'started' THEN 1 WHEN 'ready' THEN 1 ELSE 2 END, \
             created_at DESC LIMIT $1",
        )
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(effect_line).collect()
    }

    /// Everything that is or was owed because of one mention.
    pub async fn deliveries_of_mention(&self, mention_id: &str) -> anyhow::Result<Vec<EffectLine>> {
        let rows = sqlx::query(
            "SELECT * FROM effect WHERE cause IN (SELECT id FROM alert WHERE mention_id = $1) \
             OR cause IN (SELECT id FROM decision WHERE mention_id = $1) ORDER BY created_at",
        )
        .bind(mention_id)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(effect_line).collect()
    }

    /// Everything that is or was owed because of one case.
    pub async fn deliveries_of_case(&self, case_id: &str) -> anyhow::Result<Vec<EffectLine>> {
        let rows = sqlx::query(
            "SELECT * FROM effect WHERE cause IN (SELECT id FROM alert WHERE case_id = $1) \
             OR cause IN (SELECT id FROM decision WHERE case_id = $1) ORDER BY created_at",
        )
        .bind(case_id)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(effect_line).collect()
    }

    /// The alerts of one case, oldest first.
    pub async fn alerts_of_case(&self, case_id: &str) -> anyhow::Result<Vec<AlertLine>> {
        let rows = sqlx::query(ours(format!("{ALERT_LINE} WHERE a.case_id = $1 ORDER BY a.created_at")))
            .bind(case_id)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(alert_line).collect()
    }

    /// The alerts of one mention, oldest first.
    pub async fn alerts_of_mention(&self, mention_id: &str) -> anyhow::Result<Vec<AlertLine>> {
        let rows = sqlx::query(ours(format!("{ALERT_LINE} WHERE a.mention_id = $1 ORDER BY a.created_at")))
            .bind(mention_id)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(alert_line).collect()
    }

    /// One alert.
    pub async fn alert(&self, id: &str) -> anyhow::Result<Option<AlertLine>> {
        let row = sqlx::query(ours(format!("{ALERT_LINE} WHERE a.id = $1")))
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(alert_line).transpose()
    }

    /// All alerts, the newest first.
    pub async fn alerts(&self, limit: i64) -> anyhow::Result<Vec<AlertLine>> {
        let rows = sqlx::query(ours(format!("{ALERT_LINE} ORDER BY a.created_at DESC LIMIT $1")))
            .bind(limit)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(alert_line).collect()
    }

    /// Attempts at one effect, oldest first: number, outcome, the peer's words, when.
    pub async fn attempts(
        &self,
        effect_id: &str,
    ) -> anyhow::Result<Vec<(i64, String, Option<String>, Timestamp)>> {
        let rows = sqlx::query(
            "SELECT number, outcome, answer, started_at FROM attempt WHERE effect_id = $1 ORDER BY number",
        )
        .bind(effect_id)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    get(row, "number")?,
                    get(row, "outcome")?,
                    get(row, "answer")?,
                    get_time(row, "started_at")?,
                ))
            })
            .collect()
    }

    /// The latest attempts at these effects, each effect's oldest first, at most `limit` in all.
    pub async fn attempts_of(&self, effect_ids: &[String], limit: i64) -> anyhow::Result<Vec<AttemptLine>> {
        if effect_ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT effect_id, number, outcome, answer, started_at FROM attempt WHERE effect_id IN ({}) \
             ORDER BY started_at DESC, number DESC LIMIT {limit}",
            list(self.db.engine, effect_ids.len())
        );
        let mut query = sqlx::query(ours(sql));
        for id in effect_ids {
            query = query.bind(id.clone());
        }
        let rows = query.fetch_all(self.db.read()).await?;
        rows.iter()
            .rev()
            .map(|row| {
                Ok(AttemptLine {
                    effect_id: get(row, "effect_id")?,
                    number: get(row, "number")?,
                    outcome: get(row, "outcome")?,
                    answer: get(row, "answer")?,
                    started_at: get_time(row, "started_at")?,
                })
            })
            .collect()
    }

    /// Whom an author was linked to, those links that stand, the newest first.
    pub async fn persons_of_author(&self, author_id: &str, limit: i64) -> anyhow::Result<Vec<PersonLine>> {
        let rows = sqlx::query(
            "SELECT contact_id, certainty, provenance, evidence, created_at FROM person_link \
             WHERE author_id = $1 AND ended_at IS NULL ORDER BY created_at DESC LIMIT $2",
        )
        .bind(author_id)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(PersonLine {
                    contact_id: get(row, "contact_id")?,
                    certainty: get(row, "certainty")?,
                    provenance: get(row, "provenance")?,
                    evidence: Likeness::from_stored(&get::<String, _>(row, "evidence")?),
                    created_at: get_time(row, "created_at")?,
                })
            })
            .collect()
    }

    /// When the mention that waits longest for its decision was stored. Parked ones do not count.
    pub async fn oldest_waiting(&self) -> anyhow::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(seen_at) AS at FROM mention WHERE waiting = 1 AND trouble < 3")
            .fetch_one(self.db.read())
            .await?;
        get_time_maybe(&row, "at")
    }

    /// How many current revisions are of each class.
    pub async fn assessed_by_class(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let rows = sqlx::query(
            "SELECT a.class, COUNT(*) AS n FROM assessment a JOIN mention m ON m.id = a.mention_id AND m.decided = a.revision \
             WHERE a.relevant = 1 GROUP BY a.class",
        )
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(|row| Ok((get(row, "class")?, get(row, "n")?))).collect()
    }

    /// Totals that must balance.
    pub async fn totals(&self) -> anyhow::Result<Totals> {
        let count = async |sql: &'static str| -> anyhow::Result<i64> {
            let row = sqlx::query(sql).fetch_one(self.db.read()).await?;
            get(&row, "n")
        };
        Ok(Totals {
            mentions: count("SELECT COUNT(*) AS n FROM mention").await?,
            decided: count("SELECT COUNT(*) AS n FROM mention WHERE waiting = 0 AND decided > 0").await?,
            waiting: count("SELECT COUNT(*) AS n FROM mention WHERE waiting = 1 AND trouble < 3").await?,
            parked: count("SELECT COUNT(*) AS n FROM mention WHERE waiting = 1 AND trouble >= 3").await?,
            quarantined: count("SELECT COUNT(*) AS n FROM quarantine").await?,
            open_cases: count("SELECT COUNT(*) AS n FROM complaint_case WHERE status = 'open'").await?,
            tickets: count("SELECT COUNT(*) AS n FROM ticket WHERE deleted = 0").await?,
            unresolved_tickets: count(
                "SELECT COUNT(*) AS n FROM ticket WHERE deleted = 0 AND status IN ('open', 'pending')",
            )
            .await?,
        })
    }
}

const CASE_LINE: &str = "SELECT c.id, c.number, c.urgency, c.status, c.opened_at, m.id AS mention_id, m.source, \
     COALESCE(a.display_name, a.handle) AS author, a.audience, r.text, d.verdict, t.number AS ticket_number, \
     t.created_at AS ticket_created_at, p.number AS problem_number, p.title AS problem_title, \
     CASE WHEN t.status IN ('open', 'pending') THEN t.created_at ELSE (SELECT MIN(o.created_at) FROM ticket o \
     WHERE o.problem_id = c.problem_id AND o.deleted = 0 AND o.status IN ('open', 'pending')) END AS known_since \
     FROM complaint_case c JOIN case_mention cm ON cm.case_id = c.id AND cm.mention_id = \
     (SELECT x.mention_id FROM case_mention x WHERE x.case_id = c.id AND x.ended_at IS NULL \
     ORDER BY x.added_at DESC, x.mention_id DESC LIMIT 1) \
     JOIN mention m ON m.id = cm.mention_id JOIN mention_revision r ON r.mention_id = m.id AND r.revision = m.revision \
     JOIN author a ON a.id = m.author_id LEFT JOIN decision d ON d.mention_id = m.id AND d.revision = m.decided \
     LEFT JOIN ticket t ON t.id = c.ticket_id LEFT JOIN problem p ON p.id = c.problem_id";

const ALERT_LINE: &str = "SELECT a.id, a.receiver, a.kind, a.urgency, a.state, a.due_at, a.case_id, a.mention_id, \
     e.state AS delivery, CASE WHEN e.state = 'delivered' THEN e.finished_at END AS delivered_at FROM alert a \
     LEFT JOIN effect e ON e.cause = a.id";

fn case_line(row: &AnyRow) -> anyhow::Result<CaseLine> {
    Ok(CaseLine {
        id: get(row, "id")?,
        number: get(row, "number")?,
        urgency: get_name(row, "urgency", Severity::from_name)?,
        status: get(row, "status")?,
        opened_at: get_time(row, "opened_at")?,
        mention_id: get(row, "mention_id")?,
        source: get(row, "source")?,
        author: get(row, "author")?,
        audience: get(row, "audience")?,
        text: get(row, "text")?,
        verdict: get::<Option<String>, _>(row, "verdict")?.unwrap_or_default(),
        ticket_number: get(row, "ticket_number")?,
        ticket_created_at: get_time_maybe(row, "ticket_created_at")?,
        problem_number: get(row, "problem_number")?,
        problem_title: get(row, "problem_title")?,
        known_since: get_time_maybe(row, "known_since")?,
    })
}

fn alert_line(row: &AnyRow) -> anyhow::Result<AlertLine> {
    Ok(AlertLine {
        id: get(row, "id")?,
        receiver: get(row, "receiver")?,
        kind: get_name(row, "kind", AlertKind::from_name)?,
        urgency: get_name(row, "urgency", Severity::from_name)?,
        state: get(row, "state")?,
        due_at: get_time(row, "due_at")?,
        delivery: get(row, "delivery")?,
        delivered_at: get_time_maybe(row, "delivered_at")?,
        case_id: get(row, "case_id")?,
        mention_id: get(row, "mention_id")?,
    })
}

fn effect_line(row: &AnyRow) -> anyhow::Result<EffectLine> {
    Ok(EffectLine {
        id: get(row, "id")?,
        target: get(row, "target")?,
        state: get(row, "state")?,
        attempts: get(row, "attempts")?,
        created_at: get_time(row, "created_at")?,
        next_at: get_time(row, "next_at")?,
        finished_at: get_time_maybe(row, "finished_at")?,
        receipt: get(row, "receipt")?,
        failure_kind: get(row, "failure_kind")?,
        failure_message: get(row, "failure_message")?,
        intent: get(row, "intent")?,
        cause: get(row, "cause")?,
    })
}
