//! Sources and registers: are we hearing and reading, and where were the holes?

use askama::Template;
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Frame, Section};
use crate::clock::at_millis;
use crate::config::SourceEntry;
use crate::store::Store;
use crate::store::listening::{ListeningGap, SourceState};
use crate::store::register::RegisterState;
use crate::web::Visit;
use crate::web::dress::{self, Trouble};
use crate::web::words::Words;

/// Days that the timeline shows.
const DAYS: i64 = 7;
/// Width of the timeline, in its own units.
const WIDTH: i64 = 700;
/// Gaps that are listed.
const GAPS_MAX: i64 = 200;

/// Shows all sources and registers.
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let app = &visit.site.app;
    let now = visit.w.now;
    let since = at_millis(now.as_millisecond() - DAYS * 86_400_000);
    let gaps = app.store.gaps_since(since, GAPS_MAX).await?;
    let mut sources = Vec::new();
    for state in app.store.source_states().await? {
        let entry = app.config.sources.iter().find(|entry| entry.common.name == state.source);
        let timeline = Timeline::of(&state, &gaps, since, now);
        let allowances = match entry {
            Some(entry) => allowances(&app.store, entry, now).await?,
            None => Vec::new(),
        };
        sources.push(SourceRow { state, entry, timeline, allowances });
    }
    // A source that was taken out of the configuration is no longer listened to, and stands last.
    sources.sort_by_key(|source| (source.entry.is_none(), source.state.failures == 0));
    dress::html(&SourcesPage {
        frame: Frame::new(&visit, Section::Sources),
        w: &visit.w,
        registers: app.store.register_states().await?,
        sources,
        gaps,
    })
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    sources: Vec<SourceRow<'a>>,
    registers: Vec<RegisterState>,
    gaps: Vec<ListeningGap>,
}

/// A source with what the page says about it.
struct SourceRow<'a> {
    state: SourceState,
    entry: Option<&'a SourceEntry>,
    timeline: Timeline,
    allowances: Vec<Allowance>,
}

impl SourceRow<'_> {
    /// The class of its badge: ok, trouble, act, idle.
    fn mark(&self) -> &'static str {
        match (self.entry.is_some(), self.state.suspended, self.state.failures, self.state.last_success_at) {
            (false, ..) => "idle",
            (_, true, ..) => "act",
            (_, _, 1.., _) => "trouble",
            _ if self.state.hearing.silent_since.is_some() => "trouble",
            (_, _, _, None) => "idle",
            _ => "ok",
        }
    }

    fn words(&self, w: &Words) -> &'static str {
        match self.mark() {
            "act" => w.t("wacht op een mens", "waits for a person"),
            "trouble" if self.state.failures == 0 => {
                w.t("zwijgt ongewoon lang", "is silent for unusually long")
            }
            "trouble" => w.t("wordt niet gehoord", "is not heard"),
            "ok" => w.t("wordt gehoord", "is heard"),
            _ if self.entry.is_none() => {
                w.t("staat niet meer in de configuratie", "no longer in the configuration")
            }
            _ => w.t("nog niet bevraagd", "not asked yet"),
        }
    }
}

/// How much of an allowance is used.
struct Allowance {
    per_year: bool,
    used: i64,
    allowed: i64,
}

/// The periods are those the poller counts in: days and calendar years in UTC.
async fn allowances(store: &Store, entry: &SourceEntry, now: Timestamp) -> anyhow::Result<Vec<Allowance>> {
    let today = Zoned::new(now, TimeZone::UTC);
    let windows = [
        ("day", entry.common.calls_per_day, today.start_of_day()),
        ("year", entry.common.calls_per_year, today.first_of_year().and_then(|first| first.start_of_day())),
    ];
    let mut allowances = Vec::new();
    for (period, allowed, start) in windows {
        let (Some(allowed), Ok(start)) = (allowed, start) else { continue };
        let name = format!("source:{}:{period}", entry.common.name);
        let used = store.quota_used(&name, start.timestamp()).await?;
        allowances.push(Allowance { per_year: period == "year", used, allowed });
    }
    Ok(allowances)
}

/// The last days of a source as pieces of a line.
struct Timeline {
    /// Pieces in which it was not heard: where each begins, and its width.
    silent: Vec<(i64, i64)>,
    /// Width of the part before it was first heard, of which nothing is known.
    unknown: i64,
    /// Seconds in which it was not heard.
    silent_secs: i64,
}

impl Timeline {
    fn of(state: &SourceState, gaps: &[ListeningGap], since: Timestamp, now: Timestamp) -> Timeline {
        let place = |at: Timestamp| {
            let (start, end) = (since.as_millisecond(), now.as_millisecond());
            let within = at.as_millisecond().clamp(start, end) - start;
            within * WIDTH / (end - start).max(1)
        };
        let mut silent = Vec::new();
        let mut silent_secs = 0;
        for gap in gaps.iter().filter(|gap| gap.source == state.source) {
            let (from, to) = (place(gap.from), place(gap.to.unwrap_or(now)));
            // A short gap is still a gap: it gets a width that can be seen.
            silent.push((from.min(WIDTH - 2), (to - from).max(2)));
            silent_secs += gap.to.unwrap_or(now).as_second() - gap.from.max(since).as_second();
        }
        let unknown = state.first_success_at.map_or(WIDTH, place);
        Timeline { silent, unknown, silent_secs: silent_secs.max(0) }
    }

    /// Where each day begins.
    fn ticks(&self) -> impl Iterator<Item = i64> {
        (1..DAYS).map(|day| day * WIDTH / DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::silence::Hearing;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state(first_success_at: Option<Timestamp>) -> SourceState {
        SourceState {
            source: "forum".into(),
            cursor: String::new(),
            epoch: 1,
            next_at: at("2026-11-20T10:00:00Z"),
            backfilled: true,
            first_success_at,
            last_success_at: first_success_at,
            last_item_at: None,
            failures: 0,
            failing_since: None,
            failure_kind: None,
            failure_message: None,
            suspended: false,
            hearing: Hearing::default(),
        }
    }

    fn gap(source: &str, from: &str, to: Option<&str>) -> ListeningGap {
        ListeningGap { source: source.into(), from: at(from), to: to.map(at), reason: "unavailable".into() }
    }

    #[test]
    fn gaps_lie_where_they_happened_and_stay_within_the_line() {
        let (since, now) = (at("2026-11-13T10:00:00Z"), at("2026-11-20T10:00:00Z"));
        let gaps = [
            gap("forum", "2026-11-14T10:00:00Z", Some("2026-11-15T10:00:00Z")),
            gap("forum", "2026-11-01T10:00:00Z", Some("2026-11-14T10:00:00Z")),
            gap("forum", "2026-11-20T09:59:00Z", None),
            gap("another", "2026-11-16T10:00:00Z", None),
        ];
        let timeline = Timeline::of(&state(Some(at("2026-10-01T10:00:00Z"))), &gaps, since, now);
        assert_eq!(timeline.silent, [(100, 100), (0, 100), (698, 2)]);
        assert_eq!(timeline.silent_secs, 2 * 86_400 + 60);
        assert_eq!(timeline.unknown, 0);
        assert_eq!(Timeline::of(&state(Some(at("2026-11-16T22:00:00Z"))), &[], since, now).unknown, 350);
        assert_eq!(Timeline::of(&state(None), &[], since, now).unknown, WIDTH);
    }
}
