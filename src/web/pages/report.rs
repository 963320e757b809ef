//! The report: what is known and not resolved. It needs the register alone, no source.

use askama::Template;
use axum::response::Response;

use super::{Frame, Section};
use crate::report::{self, KnownButUnresolved, Line};
use crate::web::Visit;
use crate::web::dress::{self, Trouble};
use crate::web::words::Words;

/// Shows the ledger.
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let report = report::known_but_unresolved(&visit.site.app.store).await?;
    let most = report.lines.iter().map(|line| line.customers).max().unwrap_or(0).max(1);
    dress::html(&ReportPage {
        frame: Frame::new(&visit, Section::Report),
        w: &visit.w,
        register_age: report.register_age_minutes.map(|minutes| visit.w.span(&minutes.saturating_mul(60))),
        bars: report.lines.iter().map(|line| Bar::of(line, most)).collect(),
        report: &report,
    })
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    frame: Frame<'a>,
    w: &'a Words,
    report: &'a KnownButUnresolved,
    register_age: Option<String>,
    bars: Vec<Bar<'a>>,
}

/// A line with its bar, in hundredths of the longest one.
struct Bar<'a> {
    line: &'a Line,
    silent: i64,
    public: i64,
}

impl Bar<'_> {
    fn of(line: &Line, most: i64) -> Bar<'_> {
        // Whoever is harmed is seen, however many there are elsewhere.
        let part = |count: i64| (count.max(0) * 100 / most).clamp(i64::from(count > 0), 100);
        Bar { line, silent: part(line.silent), public: part(line.public) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_hundredths_of_the_longest() {
        let line = |customers, public| Line {
            problem: None,
            title: None,
            status: None,
            owner: None,
            tickets: customers,
            customers,
            public,
            silent: customers - public,
            known_since_days: None,
            untouched_days: None,
        };
        for (customers, public, silent_part, public_part) in
            [(50, 0, 25, 0), (200, 50, 75, 25), (0, 0, 0, 0), (1, 0, 1, 0)]
        {
            let line = line(customers, public);
            let bar = Bar::of(&line, 200);
            assert_eq!((bar.silent, bar.public), (silent_part, public_part));
        }
    }
}
