//! Numbers for people, shared by the command line, the page and the periodic mail.
//!
//! First report: what is known but not resolved. It needs the register alone, no source.

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::whole_days_between;
use crate::store::Store;

/// The known-but-unresolved ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnownButUnresolved {
    /// When it was made.
    pub at: Timestamp,
    /// Age of the register in minutes; `None` when it was never read completely.
    pub register_age_minutes: Option<i64>,
    /// Customers with an unresolved ticket, each counted once per line.
    pub customers: i64,
    /// Of these, who said nothing in public.
    pub silent: i64,
    /// One line per problem, and one for tickets without a problem.
    pub lines: Vec<Line>,
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Problem number; `None` for tickets without a problem.
    pub problem: Option<String>,
    /// One line.
    pub title: Option<String>,
    /// open, explained, fixed, closed.
    pub status: Option<String>,
    /// Who can act.
    pub owner: Option<String>,
    /// Unresolved tickets.
    pub tickets: i64,
    /// Customers harmed.
    pub customers: i64,
    /// Of these, who spoke out in public.
    pub public: i64,
    /// Of these, who said nothing in public.
    pub silent: i64,
    /// Age in days of the oldest unresolved ticket.
    pub known_since_days: Option<i64>,
    /// Days since anything changed on one of the tickets.
    pub untouched_days: Option<i64>,
}

/// Makes the ledger.
///
/// # Errors
/// When the store fails.
pub async fn known_but_unresolved(store: &Store) -> anyhow::Result<KnownButUnresolved> {
    let at = store.now().await?;
    let oldest = store.register_states().await?.iter().map(|state| state.last_complete_at).min().flatten();
    let lines: Vec<Line> = store
        .ledger()
        .await?
        .into_iter()
        .map(|line| {
            let named = |text: String| Some(text).filter(|text| !text.is_empty());
            Line {
                problem: line.problem_id.as_ref().map(|_| line.number.clone()),
                title: named(line.title),
                status: named(line.status),
                owner: line.owner,
                tickets: line.tickets,
                customers: line.customers,
                public: line.public,
                silent: line.customers - line.public,
                known_since_days: line.oldest_at.map(|oldest| whole_days_between(oldest, at)),
                untouched_days: line.touched_at.map(|touched| whole_days_between(touched, at)),
            }
        })
        .collect();
    Ok(KnownButUnresolved {
        at,
        register_age_minutes: oldest.map(|oldest| (at.as_second() - oldest.as_second()).max(0) / 60),
        customers: lines.iter().map(|line| line.customers).sum(),
        silent: lines.iter().map(|line| line.silent).sum(),
        lines,
    })
}
