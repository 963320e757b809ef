//! From documents that resemble a text to problems that it may be about.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::index::Hit;
use super::search::Query;

/// Documents that are fetched from the index for one text.
const HITS_MAX: usize = 60;
/// What the second best and the third document of a problem add to the best one's score.
const NEXT_BEST: [f64; 2] = [0.4, 0.2];
/// What it adds that the words themselves, not only their pieces, are shared.
const TEXT_SHARE: f64 = 0.15;
/// The most that freshness adds, as a share of the score; old age takes nothing away by this.
const FRESHNESS: f64 = 0.05;
/// After so many days freshness is halved.
const FRESHNESS_HALVES_DAYS: f64 = 60.0;
/// What solved more than two years ago counts this much less: it needs more evidence.
const LONG_SOLVED: f64 = 0.7;
/// See [`LONG_SOLVED`].
const LONG_SOLVED_DAYS: i64 = 730;

/// A problem, or an unlinked ticket, that a text may be about.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Row id of the problem; `None` for an unlinked ticket.
    pub problem_id: Option<String>,
    /// Row id of the ticket that resembles most; `None` when only the problem's own text does.
    pub ticket_id: Option<String>,
    /// Score of the whole, 0 to 1.
    pub score: f64,
    /// How many of its documents resemble the text (at most three are looked at).
    pub documents: usize,
    /// Everything of it was solved more than two years ago.
    pub long_solved: bool,
    /// The document that resembles most.
    pub best: Hit,
}

impl Candidate {
    /// The row id of the problem, or of the ticket where there is no problem.
    pub fn id(&self) -> &str {
        self.problem_id.as_deref().or(self.ticket_id.as_deref()).unwrap_or("")
    }
}

/// Problems and unlinked tickets that a text may be about, the best first. Documents for which `is_own` holds are not
/// other people's and are left out; so is what does not reach the evidence floor.
pub fn likely(query: &Query, now: Timestamp, is_own: impl Fn(&Hit) -> bool) -> Vec<Candidate> {
    let words = query.words().count();
    let mut groups: HashMap<String, Vec<Hit>> = HashMap::new();
    for hit in query.best(HITS_MAX) {
        if has_evidence(&hit, words) && !is_own(&hit) {
            let id = hit.problem_id.as_ref().or(hit.ticket_id.as_ref()).cloned().unwrap_or_default();
            groups.entry(id).or_default().push(hit);
        }
    }
    let mut candidates: Vec<Candidate> =
        groups.into_values().filter_map(|hits| candidate(hits, now)).collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id().cmp(b.id())));
    candidates
}

/// The evidence floor: one rare word, or two ordinary ones. A text of one word ("storing") is never evidence.
pub fn has_evidence(hit: &Hit, text_words: usize) -> bool {
    text_words >= 2 && (hit.overlap.rare >= 1 || hit.overlap.exact + hit.overlap.partly >= 2)
}

fn candidate(hits: Vec<Hit>, now: Timestamp) -> Option<Candidate> {
    let best = hits.first()?.clone();
    let next: f64 = hits[1..].iter().zip(NEXT_BEST).map(|(hit, weight)| weight * hit.score).sum();
    let long_solved = hits.iter().all(|hit| !hit.unresolved && is_long_ago(hit.solved_at, now));
    let mut score = best.score + next + TEXT_SHARE * best.overlap.text_share;
    score *= 1.0 + FRESHNESS * freshness(&hits, now);
    if long_solved {
        score *= LONG_SOLVED;
    }
    Some(Candidate {
        problem_id: best.problem_id.clone(),
        ticket_id: hits.iter().find_map(|hit| hit.ticket_id.clone()),
        score: score.min(1.0),
        documents: hits.len(),
        long_solved,
        best,
    })
}

fn is_long_ago(solved_at: Option<Timestamp>, now: Timestamp) -> bool {
    solved_at.is_some_and(|at| now.duration_since(at) > SignedDuration::from_hours(24 * LONG_SOLVED_DAYS))
}

/// One for what was opened now, halved every [`FRESHNESS_HALVES_DAYS`].
fn freshness(hits: &[Hit], now: Timestamp) -> f64 {
    let newest = hits.iter().map(|hit| hit.created_at).max().unwrap_or(now);
    let days = now.duration_since(newest).as_secs_f64().max(0.0) / 86_400.0;
    (-days / FRESHNESS_HALVES_DAYS).exp2()
}
