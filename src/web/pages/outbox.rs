//! The outbox: what is owed, what was delivered, and what waits for a person, with every attempt.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;

use super::{Frame, Section, name_of_row};
use crate::decide::CrmStep;
use crate::store::outbox::Intent;
use crate::store::views::{AttemptLine, EffectLine};
use crate::web::Visit;
use crate::web::dress::{self, Trouble};
use crate::web::words::Words;

/// Effects on the page.
const EFFECTS_MAX: i64 = 200;
/// Attempts on the page.
const ATTEMPTS_MAX: i64 = 1_000;
/// States in the order in which they matter.
const STATES: [&str; 7] = ["dead", "started", "ready", "observed", "delivered", "superseded", "cancelled"];

/// Shows the outbox.
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let store = &visit.site.app.store;
    let effects = store.effect_lines(EFFECTS_MAX).await?;
    let ids: Vec<String> = effects.iter().map(|effect| effect.id.clone()).collect();
    let attempts = store.attempts_of(&ids, ATTEMPTS_MAX).await?;
    dress::html(&OutboxPage {
        frame: Frame::new(&visit, Section::Outbox),
        w: &visit.w,
        counts: store.effect_counts().await?,
        oldest: store.oldest_open_effect().await?.map(|at| visit.w.ago(&at)),
        rows: effects.iter().map(|effect| EffectRow::of(effect, &attempts)).collect(),
    })
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    counts: BTreeMap<String, i64>,
    oldest: Option<String>,
    rows: Vec<EffectRow<'a>>,
}

impl OutboxPage<'_> {
    /// States with how many effects stand in them; those without are left out, except those in trouble.
    fn states(&self) -> Vec<(&'static str, i64)> {
        STATES
            .into_iter()
            .map(|state| (state, self.counts.get(state).copied().unwrap_or(0)))
            .filter(|(state, count)| *count > 0 || *state == "dead")
            .collect()
    }
}

/// One effect with its attempts.
pub(super) struct EffectRow<'a> {
    pub e: &'a EffectLine,
    pub intent: Option<Intent>,
    pub attempts: Vec<&'a AttemptLine>,
}

impl<'a> EffectRow<'a> {
    pub(super) fn of(effect: &'a EffectLine, attempts: &'a [AttemptLine]) -> EffectRow<'a> {
        EffectRow {
            intent: serde_json::from_str(&effect.intent).ok(),
            attempts: attempts.iter().filter(|attempt| attempt.effect_id == effect.id).collect(),
            e: effect,
        }
    }

    /// What it does, in words.
    pub(super) fn purpose(&self, w: &Words) -> String {
        let named = |dutch, english, row: &str| format!("{} {}", w.t(dutch, english), name_of_row(row));
        match &self.intent {
            Some(Intent::Alert { .. }) => w.t("bericht sturen", "send a message").to_owned(),
            Some(Intent::Notice { .. }) => {
                w.t("melden dat hier iets misgaat", "tell of trouble of our own").to_owned()
            }
            Some(Intent::Crm { step, .. }) => match step {
                CrmStep::Escalate { ticket_id, .. } => named("ticket verhogen:", "raise ticket", ticket_id),
                CrmStep::NoteProblem { problem_id } => {
                    named("notitie bij probleem", "note on problem", problem_id)
                }
                CrmStep::OpenTicket { .. } => w.t("ticket openen", "open a ticket").to_owned(),
            },
            None => w.t("onbekende opdracht", "unknown task").to_owned(),
        }
    }

    /// The page about what caused it.
    pub(super) fn about(&self) -> Option<String> {
        match &self.intent {
            Some(Intent::Crm { mention_id, .. }) => Some(format!("/mentions/{mention_id}")),
            Some(Intent::Alert { alert_id }) => Some(format!("/alerts/{alert_id}")),
            Some(Intent::Notice { .. }) | None => None,
        }
    }

    /// There is more to tell than that it was delivered at once.
    pub(super) fn has_story(&self) -> bool {
        self.attempts.len() > 1 || (self.e.state != "delivered" && !self.attempts.is_empty())
    }

    /// Whom it goes to, without the prefix.
    pub(super) fn to(&self) -> &str {
        self.e.target.split_once(':').map_or(self.e.target.as_str(), |(_, name)| name)
    }

    /// It goes to a register, not to a receiver.
    pub(super) fn is_for_register(&self) -> bool {
        self.e.target.starts_with("crm:")
    }
}
