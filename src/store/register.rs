//! The mirror of the CRM: contacts, tickets with their answers, problems, and where each register stands.
//!
//! Every write first takes the next number of the counter row 'register', which stays locked until commit, and stamps
//! it as `changed_seq`. So a reader that has applied number N has seen everything up to N: a sequence would let a slow
//! transaction slip in behind (docs/adr/0003).

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;

use super::db::{ROWS_MAX, insertion, list, ours};
use super::{Store, Tx, get, get_flag, get_json, get_name, get_time, get_time_maybe, json, millis};
use crate::escalate;
use crate::failure::Failure;
use crate::mention::hex;
use crate::recognise;
use crate::register::{
    Answer, Contact, ContactKey, Priority, Problem, ProblemStatus, RegisterPage, StoredContact,
    StoredProblem, StoredTicket, Ticket, TicketStatus, row_id,
};

/// Where a register stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterState {
    /// Configured name.
    pub register: String,
    /// The connector's own position; empty before the first sync.
    pub cursor: String,
    /// Last good answer.
    pub last_success_at: Option<Timestamp>,
    /// End of the last complete pass; `None` before the first.
    pub last_complete_at: Option<Timestamp>,
    /// When it is due.
    pub next_at: Timestamp,
    /// Failed syncs in a row.
    pub failures: i64,
    /// Start of the present trouble.
    pub failing_since: Option<Timestamp>,
    /// What kind of trouble.
    pub failure_kind: Option<String>,
    /// What to do about it.
    pub failure_message: Option<String>,
    /// Only probed slowly, because a person must act.
    pub suspended: bool,
}

impl Store {
    /// Makes sure that every configured register has a row; a new one is due at once.
    pub async fn ensure_registers(&self, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            sqlx::query(
                "INSERT INTO register_state (register, cursor, next_at, failures, suspended) VALUES ($1, '', 0, 0, 0) \
                 ON CONFLICT (register) DO NOTHING",
            )
            .bind(name)
            .execute(self.db.write())
            .await?;
        }
        Ok(())
    }

    /// Where all registers stand, by name.
    pub async fn register_states(&self) -> anyhow::Result<Vec<RegisterState>> {
        let rows =
            sqlx::query("SELECT * FROM register_state ORDER BY register").fetch_all(self.db.read()).await?;
        rows.iter().map(register_state).collect()
    }

    /// The register change number up to which everything is visible.
    pub async fn register_seq(&self) -> anyhow::Result<i64> {
        let row = sqlx::query("SELECT value FROM counter WHERE name = 'register'")
            .fetch_one(self.db.read())
            .await?;
        get(&row, "value")
    }

    /// Stores one page of a register with its new cursor, and returns how many rows really changed.
    pub async fn save_register_page(
        &self,
        tx: &mut Tx,
        register: &str,
        page: &RegisterPage,
        next_at: Timestamp,
    ) -> anyhow::Result<usize> {
        let row = sqlx::query("UPDATE counter SET value = value + 1 WHERE name = 'register' RETURNING value")
            .fetch_one(&mut *tx.tx)
            .await?;
        let seq: i64 = get(&row, "value")?;
        let changed = self.save_contacts(tx, register, &page.contacts, seq).await?
            + self.save_problems(tx, register, &page.problems, seq).await?
            + self.save_tickets(tx, register, &page.tickets, seq).await?
            + self.save_answers(tx, register, &page.answers, seq).await?
            + self.delete_tickets(tx, register, &page.deleted_tickets, seq).await?;
        if changed == 0 {
            // The row is still locked by us: the number goes back, so that nobody is made to look for changes.
            sqlx::query("UPDATE counter SET value = value - 1 WHERE name = 'register'")
                .execute(&mut *tx.tx)
                .await?;
        }
        let now = self.clock().now().as_millisecond();
        sqlx::query(
            "UPDATE register_state SET cursor = $1, last_success_at = $2, \
             last_complete_at = CASE WHEN $3 = 1 THEN $2 ELSE last_complete_at END, next_at = $4, failures = 0, \
             failing_since = NULL, failure_kind = NULL, failure_message = NULL, suspended = 0 WHERE register = $5",
        )
        .bind(&page.cursor)
        .bind(now)
        .bind(page.complete as i64)
        .bind(next_at.as_millisecond())
        .bind(register)
        .execute(&mut *tx.tx)
        .await?;
        Ok(changed)
    }

    /// Writes down that a sync failed.
    pub async fn note_register_failure(
        &self,
        register: &str,
        failure: &Failure,
        next_at: Timestamp,
        suspended: bool,
    ) -> anyhow::Result<()> {
        sqlx::query(
            "UPDATE register_state SET failures = failures + 1, failing_since = COALESCE(failing_since, $1), \
             failure_kind = $2, failure_message = $3, next_at = $4, suspended = $5 WHERE register = $6",
        )
        .bind(self.clock().now().as_millisecond())
        .bind(failure.kind.name())
        .bind(&failure.message)
        .bind(next_at.as_millisecond())
        .bind(suspended as i64)
        .bind(register)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    async fn save_contacts(
        &self,
        tx: &mut Tx,
        register: &str,
        contacts: &[Contact],
        seq: i64,
    ) -> anyhow::Result<usize> {
        let latest: HashMap<&str, &Contact> = contacts.iter().map(|c| (c.external_id.as_str(), c)).collect();
        let mut latest: Vec<&Contact> = latest.into_values().collect();
        latest.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        let mut changed = 0;
        for chunk in latest.chunks(ROWS_MAX) {
            let query = insertion(
                tx.engine,
                "contact (id, register, external_id, name, email, phone, customer_number, city, handles, \
                 customer_since, content_hash, changed_seq, deleted)",
                "ON CONFLICT (id) DO UPDATE SET \
                 name = excluded.name, email = excluded.email, phone = excluded.phone, \
                 customer_number = excluded.customer_number, city = excluded.city, handles = excluded.handles, \
                 customer_since = excluded.customer_since, content_hash = excluded.content_hash, \
                 changed_seq = excluded.changed_seq, deleted = excluded.deleted \
                 WHERE contact.content_hash <> excluded.content_hash RETURNING external_id",
                chunk,
                |query, contact| {
                    query
                        .bind(row_id(register, &contact.external_id))
                        .bind(register.to_owned())
                        .bind(contact.external_id.clone())
                        .bind(contact.name.clone())
                        .bind(contact.email.clone())
                        .bind(contact.phone.clone())
                        .bind(contact.customer_number.clone())
                        .bind(contact.city.clone())
                        .bind(json(&contact.handles))
                        .bind(millis(contact.customer_since))
                        .bind(hash_of(contact))
                        .bind(seq)
                        .bind(0_i64)
                },
            );
            let written: Vec<String> = query
                .fetch_all(&mut *tx.tx)
                .await?
                .iter()
                .map(|row| get(row, "external_id"))
                .collect::<anyhow::Result<_>>()?;
            changed += written.len();
            let written: Vec<&Contact> =
                chunk.iter().copied().filter(|contact| written.contains(&contact.external_id)).collect();
            self.save_contact_keys(tx, register, &written).await?;
        }
        Ok(changed)
    }

    async fn save_contact_keys(
        &self,
        tx: &mut Tx,
        register: &str,
        contacts: &[&Contact],
    ) -> anyhow::Result<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let sql =
            format!("DELETE FROM contact_key WHERE contact_id IN ({})", list(tx.engine, contacts.len()));
        let mut query = sqlx::query(ours(sql));
        for contact in contacts {
            query = query.bind(row_id(register, &contact.external_id));
        }
        query.execute(&mut *tx.tx).await?;
        let keys: Vec<(String, ContactKey)> = contacts
            .iter()
            .flat_map(|contact| {
                let id = row_id(register, &contact.external_id);
                recognise::keys_of_contact(contact).into_iter().map(move |key| (id.clone(), key))
            })
            .collect();
        tx.insert(
            "contact_key (contact_id, kind, value)",
            "ON CONFLICT DO NOTHING",
            &keys,
            |query, (contact_id, key)| {
                query.bind(contact_id.clone()).bind(key.kind.name()).bind(key.value.clone())
            },
        )
        .await?;
        Ok(())
    }

    async fn save_tickets(
        &self,
        tx: &mut Tx,
        register: &str,
        tickets: &[Ticket],
        seq: i64,
    ) -> anyhow::Result<usize> {
        let latest: HashMap<&str, &Ticket> = tickets.iter().map(|t| (t.external_id.as_str(), t)).collect();
        let mut latest: Vec<&Ticket> = latest.into_values().collect();
        latest.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        let written = tx.insert(
            "ticket (id, register, external_id, number, url, subject, body, status, priority, contact_id, problem_id, \
             product, created_at, updated_at, solved_at, opened_for, content_hash, changed_seq, deleted)",
            "ON CONFLICT (id) DO UPDATE SET number = excluded.number, url = excluded.url, subject = excluded.subject, \
             body = excluded.body, status = excluded.status, priority = excluded.priority, \
             contact_id = excluded.contact_id, problem_id = excluded.problem_id, product = excluded.product, \
             created_at = excluded.created_at, updated_at = excluded.updated_at, solved_at = excluded.solved_at, \
             opened_for = excluded.opened_for, content_hash = excluded.content_hash, \
             changed_seq = excluded.changed_seq, deleted = excluded.deleted \
             WHERE ticket.content_hash <> excluded.content_hash OR ticket.deleted = 1",
            &latest, |query, ticket| {
                query
                    .bind(row_id(register, &ticket.external_id))
                    .bind(register.to_owned())
                    .bind(ticket.external_id.clone())
                    .bind(ticket.number.clone())
                    .bind(ticket.url.clone())
                    .bind(ticket.subject.clone())
                    .bind(ticket.body.clone())
                    .bind(ticket.status.name())
                    .bind(ticket.priority.name())
                    .bind(ticket.contact.as_deref().map(|id| row_id(register, id)))
                    .bind(ticket.problem.as_deref().map(|id| row_id(register, id)))
                    .bind(ticket.product.clone())
                    .bind(ticket.created_at.as_millisecond())
                    .bind(ticket.updated_at.as_millisecond())
                    .bind(millis(ticket.solved_at))
                    .bind(escalate::opened_for(&ticket.body).map(str::to_owned))
                    .bind(hash_of(ticket))
                    .bind(seq)
                    .bind(0_i64)
            }).await?;
        Ok(written as usize)
    }

    async fn save_answers(
        &self,
        tx: &mut Tx,
        register: &str,
        answers: &[Answer],
        seq: i64,
    ) -> anyhow::Result<usize> {
        let latest: HashMap<&str, &Answer> = answers.iter().map(|a| (a.external_id.as_str(), a)).collect();
        let latest: Vec<&Answer> = latest.into_values().collect();
        let changed = tx
            .insert(
                "ticket_answer (id, ticket_id, by_agent, public, body, at, changed_seq)",
                "ON CONFLICT (id) DO UPDATE SET body = excluded.body, public = excluded.public, \
                 changed_seq = excluded.changed_seq WHERE ticket_answer.body <> excluded.body",
                &latest,
                |query, answer| {
                    query
                        .bind(row_id(register, &answer.external_id))
                        .bind(row_id(register, &answer.ticket))
                        .bind(answer.by_agent as i64)
                        .bind(answer.public as i64)
                        .bind(answer.body.clone())
                        .bind(answer.at.as_millisecond())
                        .bind(seq)
                },
            )
            .await? as usize;
        Ok(changed)
    }

    async fn save_problems(
        &self,
        tx: &mut Tx,
        register: &str,
        problems: &[Problem],
        seq: i64,
    ) -> anyhow::Result<usize> {
        let mut changed = 0;
        for problem in problems {
            changed += sqlx::query(
                "INSERT INTO problem (id, register, external_id, number, url, title, description, status, workaround, \
                 owner, owner_email, opened_at, fixed_at, content_hash, changed_seq, deleted) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0) \
                 ON CONFLICT (id) DO UPDATE SET number = excluded.number, url = excluded.url, title = excluded.title, \
                 description = excluded.description, status = excluded.status, workaround = excluded.workaround, \
                 owner = excluded.owner, owner_email = excluded.owner_email, opened_at = excluded.opened_at, \
                 fixed_at = excluded.fixed_at, content_hash = excluded.content_hash, changed_seq = excluded.changed_seq, \
                 deleted = 0 WHERE problem.content_hash <> excluded.content_hash OR problem.deleted = 1",
            )
            .bind(row_id(register, &problem.external_id))
            .bind(register)
            .bind(&problem.external_id)
            .bind(&problem.number)
            .bind(&problem.url)
            .bind(&problem.title)
            .bind(&problem.description)
            .bind(problem.status.name())
            .bind(&problem.workaround)
            .bind(&problem.owner)
            .bind(&problem.owner_email)
            .bind(problem.opened_at.as_millisecond())
            .bind(millis(problem.fixed_at))
            .bind(hash_of(problem))
            .bind(seq)
            .execute(&mut *tx.tx)
            .await?
            .rows_affected() as usize;
        }
        Ok(changed)
    }

    async fn delete_tickets(
        &self,
        tx: &mut Tx,
        register: &str,
        ids: &[String],
        seq: i64,
    ) -> anyhow::Result<usize> {
        let mut changed = 0;
        for external_id in ids {
            changed +=
                sqlx::query("UPDATE ticket SET deleted = 1, changed_seq = $1 WHERE id = $2 AND deleted = 0")
                    .bind(seq)
                    .bind(row_id(register, external_id))
                    .execute(&mut *tx.tx)
                    .await?
                    .rows_affected() as usize;
        }
        Ok(changed)
    }

    /// Tickets changed after number `seq`, in that order, deleted ones included. All rows of the last number are whole.
    pub async fn tickets_changed_after(&self, seq: i64, limit: i64) -> anyhow::Result<Vec<StoredTicket>> {
        let rows = sqlx::query(ours(format!(
            "{SELECT_TICKET} WHERE changed_seq > $1 AND changed_seq <= COALESCE((SELECT MAX(changed_seq) FROM \
             (SELECT changed_seq FROM ticket WHERE changed_seq > $1 ORDER BY changed_seq LIMIT $2) AS page), 0) \
             ORDER BY changed_seq"
        )))
        .bind(seq)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(stored_ticket).collect()
    }

    /// Problems changed after number `seq`.
    pub async fn problems_changed_after(&self, seq: i64) -> anyhow::Result<Vec<StoredProblem>> {
        let rows = sqlx::query(ours(format!("{SELECT_PROBLEM} WHERE changed_seq > $1 ORDER BY changed_seq")))
            .bind(seq)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(stored_problem).collect()
    }

    /// One ticket by row id.
    pub async fn ticket(&self, id: &str) -> anyhow::Result<Option<StoredTicket>> {
        Ok(self.tickets(&[id.to_owned()]).await?.pop())
    }

    /// Tickets by row id, deleted ones left out.
    pub async fn tickets(&self, ids: &[String]) -> anyhow::Result<Vec<StoredTicket>> {
        self.tickets_where("id", ids).await
    }

    /// Tickets by what people call them.
    pub async fn tickets_by_number(&self, numbers: &[String]) -> anyhow::Result<Vec<StoredTicket>> {
        self.tickets_where("number", numbers).await
    }

    /// All tickets of these contacts (row ids).
    pub async fn tickets_of_contacts(&self, contact_ids: &[String]) -> anyhow::Result<Vec<StoredTicket>> {
        self.tickets_where("contact_id", contact_ids).await
    }

    async fn tickets_where(
        &self,
        column: &'static str,
        values: &[String],
    ) -> anyhow::Result<Vec<StoredTicket>> {
        let mut tickets = Vec::new();
        for chunk in values.chunks(ROWS_MAX) {
            let sql = format!(
                "{SELECT_TICKET} WHERE {column} IN ({}) AND deleted = 0",
                list(self.db.engine, chunk.len())
            );
            let mut query = sqlx::query(ours(sql));
            for value in chunk {
                query = query.bind(value.clone());
            }
            for row in query.fetch_all(self.db.read()).await? {
                tickets.push(stored_ticket(&row)?);
            }
        }
        Ok(tickets)
    }

    /// One problem by row id.
    pub async fn problem(&self, id: &str) -> anyhow::Result<Option<StoredProblem>> {
        let row = sqlx::query(ours(format!("{SELECT_PROBLEM} WHERE id = $1 AND deleted = 0")))
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(stored_problem).transpose()
    }

    /// What was said on a ticket, oldest first.
    pub async fn answers(&self, ticket_id: &str) -> anyhow::Result<Vec<Answer>> {
        let rows = sqlx::query("SELECT * FROM ticket_answer WHERE ticket_id = $1 ORDER BY at")
            .bind(ticket_id)
            .fetch_all(self.db.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Answer {
                    external_id: get(row, "id")?,
                    ticket: get(row, "ticket_id")?,
                    by_agent: get_flag(row, "by_agent")?,
                    public: get_flag(row, "public")?,
                    body: get(row, "body")?,
                    at: get_time(row, "at")?,
                })
            })
            .collect()
    }

    /// One contact by row id.
    pub async fn contact(&self, id: &str) -> anyhow::Result<Option<StoredContact>> {
        let row = sqlx::query("SELECT * FROM contact WHERE id = $1 AND deleted = 0")
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        row.as_ref().map(stored_contact).transpose()
    }

    /// Contacts that carry any of these keys, each with the keys it matched on.
    pub async fn contacts_by_keys(
        &self,
        keys: &[ContactKey],
    ) -> anyhow::Result<Vec<(ContactKey, StoredContact)>> {
        let mut found = Vec::new();
        for chunk in keys.chunks(ROWS_MAX) {
            let sql = format!(
                "SELECT c.*, k.kind AS key_kind, k.value AS key_value FROM contact_key k JOIN contact c ON c.id = k.contact_id \
                 WHERE k.value IN ({}) AND c.deleted = 0",
                list(self.db.engine, chunk.len())
            );
            let mut query = sqlx::query(ours(sql));
            for key in chunk {
                query = query.bind(key.value.clone());
            }
            for row in query.fetch_all(self.db.read()).await? {
                let (kind, value): (String, String) = (get(&row, "key_kind")?, get(&row, "key_value")?);
                if let Some(key) = chunk.iter().find(|key| key.kind.name() == kind && key.value == value) {
                    found.push((key.clone(), stored_contact(&row)?));
                }
            }
        }
        Ok(found)
    }
}

const SELECT_TICKET: &str = "SELECT id, register, external_id, number, url, subject, body, status, priority, contact_id, \
     problem_id, product, created_at, updated_at, solved_at, changed_seq, deleted FROM ticket";
const SELECT_PROBLEM: &str = "SELECT id, register, external_id, number, url, title, description, status, workaround, owner, \
     owner_email, opened_at, fixed_at, changed_seq, deleted FROM problem";

/// A short hash of what the CRM says, so that an unchanged row is not written again.
fn hash_of<T: serde::Serialize>(value: &T) -> String {
    hex(&Sha256::digest(json(value).as_bytes())[..16])
}

fn stored_ticket(row: &AnyRow) -> anyhow::Result<StoredTicket> {
    Ok(StoredTicket {
        id: get(row, "id")?,
        register: get(row, "register")?,
        changed_seq: get(row, "changed_seq")?,
        deleted: get_flag(row, "deleted")?,
        ticket: Ticket {
            external_id: get(row, "external_id")?,
            number: get(row, "number")?,
            url: get(row, "url")?,
            subject: get(row, "subject")?,
            body: get(row, "body")?,
            status: get_name(row, "status", TicketStatus::from_name)?,
            priority: get_name(row, "priority", Priority::from_name)?,
            contact: get(row, "contact_id")?,
            problem: get(row, "problem_id")?,
            product: get(row, "product")?,
            created_at: get_time(row, "created_at")?,
            updated_at: get_time(row, "updated_at")?,
            solved_at: get_time_maybe(row, "solved_at")?,
        },
    })
}

fn stored_problem(row: &AnyRow) -> anyhow::Result<StoredProblem> {
    Ok(StoredProblem {
        id: get(row, "id")?,
        register: get(row, "register")?,
        changed_seq: get(row, "changed_seq")?,
        deleted: get_flag(row, "deleted")?,
        problem: Problem {
            external_id: get(row, "external_id")?,
            number: get(row, "number")?,
            url: get(row, "url")?,
            title: get(row, "title")?,
            description: get(row, "description")?,
            status: get_name(row, "status", ProblemStatus::from_name)?,
            workaround: get(row, "workaround")?,
            owner: get(row, "owner")?,
            owner_email: get(row, "owner_email")?,
            opened_at: get_time(row, "opened_at")?,
            fixed_at: get_time_maybe(row, "fixed_at")?,
        },
    })
}

fn stored_contact(row: &AnyRow) -> anyhow::Result<StoredContact> {
    Ok(StoredContact {
        id: get(row, "id")?,
        contact: Contact {
            external_id: get(row, "external_id")?,
            name: get(row, "name")?,
            email: get(row, "email")?,
            phone: get(row, "phone")?,
            customer_number: get(row, "customer_number")?,
            city: get(row, "city")?,
            handles: get_json(row, "handles")?,
            customer_since: get_time_maybe(row, "customer_since")?,
        },
    })
}

fn register_state(row: &AnyRow) -> anyhow::Result<RegisterState> {
    Ok(RegisterState {
        register: get(row, "register")?,
        cursor: get(row, "cursor")?,
        last_success_at: get_time_maybe(row, "last_success_at")?,
        last_complete_at: get_time_maybe(row, "last_complete_at")?,
        next_at: get_time(row, "next_at")?,
        failures: get(row, "failures")?,
        failing_since: get_time_maybe(row, "failing_since")?,
        failure_kind: get(row, "failure_kind")?,
        failure_message: get(row, "failure_message")?,
        suspended: get_flag(row, "suspended")?,
    })
}
