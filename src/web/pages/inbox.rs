//! The inbox: open cases, the most urgent first, under what is wrong with us at the moment.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;

use super::{Frame, Section, link};
use crate::assess::Severity;
use crate::clock::whole_days_between;
use crate::decide::{Mode, RegisterHealth, Verdict};
use crate::store::listening::SourceState;
use crate::store::mentions::ParkedMention;
use crate::store::views::{CaseLine, InboxFilter, Totals};
use crate::text::excerpt;
use crate::web::dress::{self, Trouble};
use crate::web::words::Words;
use crate::web::{Site, Visit};

/// Cases on a page, unless its address asks for another number.
const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 200;
/// Parked mentions that are named.
const PARKED_MAX: i64 = 5;
/// Characters of a complaint that the inbox shows.
const EXCERPT: usize = 320;

/// Shows the inbox.
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let wanted = Wanted::of(&visit);
    let store = &visit.site.app.store;
    // One more than is shown tells whether there is a next page.
    let mut cases = store.inbox_page(&wanted.filter, wanted.limit + 1, wanted.skipped).await?;
    let has_next = cases.len() as i64 > wanted.limit;
    cases.truncate(wanted.limit as usize);
    let page = Inbox {
        w: &visit.w,
        frame: Frame::new(&visit, Section::Inbox),
        totals: store.totals().await?,
        by_verdict: store.open_cases_by_verdict().await?,
        condition: condition(&visit.site, &visit.w).await?,
        lines: cases.iter().map(|case| InboxLine::of(case, &visit.w)).collect(),
        urgencies: choices(
            &visit,
            "urgency",
            Severity::ALL.iter().rev().map(|urgency| {
                (urgency.name(), visit.w.urgency(urgency), wanted.filter.urgency == Some(*urgency))
            }),
        ),
        verdicts: choices(
            &visit,
            "verdict",
            VERDICTS.iter().map(|verdict| {
                (verdict.name(), visit.w.verdict(verdict), wanted.filter.verdict == Some(*verdict))
            }),
        ),
        ended_too: wanted.filter.ended_too,
        is_filtered: wanted.filter != InboxFilter::default(),
        other_ended: link(
            &visit,
            &[("ended", if wanted.filter.ended_too { "" } else { "too" }), ("skip", "")],
        ),
        next: has_next.then(|| link(&visit, &[("skip", &(wanted.skipped + wanted.limit).to_string())])),
        previous: (wanted.skipped > 0).then(|| {
            let skipped = (wanted.skipped - wanted.limit).max(0);
            link(&visit, &[("skip", if skipped == 0 { String::new() } else { skipped.to_string() }.as_str())])
        }),
    };
    dress::html(&page)
}

/// Verdicts that a person looks for.
const VERDICTS: [Verdict; 3] = [Verdict::Known, Verdict::Perhaps, Verdict::New];

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    totals: Totals,
    by_verdict: BTreeMap<String, i64>,
    condition: Condition,
    lines: Vec<InboxLine<'a>>,
    urgencies: Vec<Choice>,
    verdicts: Vec<Choice>,
    ended_too: bool,
    is_filtered: bool,
    other_ended: String,
    next: Option<String>,
    previous: Option<String>,
}

impl Inbox<'_> {
    fn with_verdict(&self, verdict: &str) -> String {
        self.w.number(self.by_verdict.get(verdict).unwrap_or(&0))
    }
}

/// What the address asks for.
struct Wanted {
    filter: InboxFilter,
    limit: i64,
    skipped: i64,
}

impl Wanted {
    fn of(visit: &Visit) -> Wanted {
        let number = |key: &str| visit.wanted(key).and_then(|value| value.parse::<i64>().ok());
        Wanted {
            filter: InboxFilter {
                urgency: visit.wanted("urgency").as_deref().and_then(Severity::from_name),
                verdict: visit.wanted("verdict").as_deref().and_then(Verdict::from_name),
                ended_too: visit.wanted("ended").as_deref() == Some("too"),
            },
            limit: number("limit").unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
            skipped: number("skip").unwrap_or(0).clamp(0, 1_000_000),
        }
    }
}

/// One value of a filter, as a link that sets or clears it.
struct Choice {
    words: &'static str,
    href: String,
    chosen: bool,
}

fn choices(
    visit: &Visit,
    key: &str,
    values: impl Iterator<Item = (&'static str, &'static str, bool)>,
) -> Vec<Choice> {
    values
        .map(|(name, words, chosen)| Choice {
            words,
            href: link(visit, &[(key, if chosen { "" } else { name }), ("skip", "")]),
            chosen,
        })
        .collect()
}

/// One case of the inbox.
struct InboxLine<'a> {
    case: &'a CaseLine,
    words: String,
    verdict: Option<Verdict>,
    verdict_words: &'static str,
    /// For how many days it has been known.
    known_days: Option<i64>,
}

impl InboxLine<'_> {
    fn of<'a>(case: &'a CaseLine, w: &Words) -> InboxLine<'a> {
        let verdict = Verdict::from_name(&case.verdict);
        let mut line = InboxLine {
            words: excerpt(&on_one_line(&case.text), EXCERPT),
            verdict_words: verdict
                .as_ref()
                .map_or(w.t("nog niet beoordeeld", "not judged yet"), |verdict| w.verdict(verdict)),
            verdict,
            known_days: None,
            case,
        };
        if line.names_register() {
            line.known_days = case.known_since.map(|since| whole_days_between(since, w.now));
        }
        line
    }

    /// A new complaint names no ticket, even when the nearest one is known.
    fn names_register(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Known | Verdict::Perhaps))
    }

    fn verdict_name(&self) -> &'static str {
        self.verdict.map_or("unread", Verdict::name)
    }
}

/// A text without its line breaks, as far as an excerpt can need it.
fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace().take(EXCERPT + 1) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// How we are ourselves, for the banners on top.
struct Condition {
    observing: bool,
    register: RegisterCondition,
    failing_sources: Vec<String>,
    silent_sources: Vec<String>,
    dead_effects: i64,
    /// The oldest of the mentions that are parked.
    parked: Vec<ParkedMention>,
}

enum RegisterCondition {
    None,
    NeverRead,
    Fresh(String),
    Stale(String),
}

async fn condition(site: &Site, w: &Words) -> anyhow::Result<Condition> {
    let store = &site.app.store;
    let stale_secs = site.app.config.policy.register_stale_minutes.saturating_mul(60);
    let register = match site.app.mirror.health(store, w.now).await? {
        RegisterHealth::NoRegister => RegisterCondition::None,
        RegisterHealth::NeverRead => RegisterCondition::NeverRead,
        RegisterHealth::Read(age) => {
            let words = w.span(&i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
            if age.as_secs() > stale_secs {
                RegisterCondition::Stale(words)
            } else {
                RegisterCondition::Fresh(words)
            }
        }
    };
    let configured = site.app.poller.names();
    let states = store.source_states().await?;
    let names = |fits: fn(&SourceState) -> bool| {
        let fitting = states.iter().filter(|state| configured.contains(&state.source) && fits(state));
        fitting.map(|state| state.source.clone()).collect()
    };
    Ok(Condition {
        observing: site.app.config.mode == Mode::Observe,
        register,
        failing_sources: names(|state| state.failures > 0),
        silent_sources: names(|state| state.failures == 0 && state.hearing.silent_since.is_some()),
        dead_effects: store.effect_counts().await?.get("dead").copied().unwrap_or(0),
        parked: store.parked_mentions(PARKED_MAX).await?,
    })
}
