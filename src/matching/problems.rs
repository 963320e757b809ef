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
    candidates.iter_mut().for_each(|candidate| candidate.score = candidate.score.min(1.0));
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
        score,
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::register::StoredTicket;

    /// Enough other tickets for words to be common or rare.
    fn register(extra: Vec<StoredTicket>) -> super::super::Index {
        let filler = (0..40).map(|n| {
            let body =
                ["storing in de wijk", "internet traag", "factuur klopt niet", "monteur komt niet"][n % 4];
            ticket(&format!("f{n}"), body, &format!("klant belt over zaak{n}"))
        });
        index_of(&filler.chain(extra).collect::<Vec<_>>(), &[])
    }

    fn likely_to(text: &str, extra: Vec<StoredTicket>) -> Vec<Candidate> {
        let index = register(extra);
        likely(&index.query(text, &["Veldnet"]), now(), |hit| hit.contact_id.as_deref() == Some("crm:C-me"))
    }

    #[test]
    fn a_bare_keyword_matches_nothing() {
        for text in
            ["storing", "Veldnet storing!!!", "storing storing #storing", "internet", "het is weer zo", ""]
        {
            assert_eq!(likely_to(text, vec![]), [], "{text}");
        }
        assert!(!likely_to("weer storing in mijn wijk", vec![]).is_empty());
        let rare = ticket("1", "Straalverbinding weg", "graag herstellen");
        assert_eq!(likely_to("straalverbinding", vec![rare.clone()]), []);
        assert_eq!(likely_to("geen straalverbinding, wat een bende", vec![rare])[0].id(), "crm:1");
    }

    #[test]
    fn tickets_of_one_problem_strengthen_each_other() {
        let one = vec![
            ticket("1", "kastje bevriest", "elke avond").linked_to("P-1"),
            ticket("2", "kastje hapert", "elke avond om acht uur").linked_to("P-1"),
            ticket("3", "kastje bevriest", "elke avond"),
        ];
        let candidates = likely_to("mijn kastje hapert elke avond", one);
        assert_eq!((candidates[0].id(), candidates[0].documents), ("crm:P-1", 2));
        assert_eq!(candidates[0].ticket_id.as_deref(), Some("crm:2"));
        assert!(candidates[0].score > candidates[1].score);
    }

    #[test]
    fn the_persons_own_tickets_are_not_other_peoples() {
        let own = ticket("1", "kastje bevriest", "elke avond").of("C-me");
        let others = ticket("2", "kastje bevriest", "soms").of("C-you");
        let candidates = likely_to("kastje bevriest elke avond", vec![own, others]);
        assert_eq!(candidates.iter().map(Candidate::id).collect::<Vec<_>>(), ["crm:2"]);
    }

    #[test]
    fn fresh_is_a_bonus_solved_still_matches_and_long_solved_needs_more() {
        let score = |stored: StoredTicket| {
            likely_to("kastje bevriest, hond blaft, melk zuur, alles tegelijk", vec![stored])[0].score
        };
        let base = || ticket("1", "kastje bevriest", "avond");
        let (fresh, old, ancient) =
            (score(base().opened(1.0)), score(base().opened(300.0)), score(base().opened(3_000.0)));
        assert!(fresh > old && old >= ancient && fresh < old * 1.06, "{fresh} {old} {ancient}");
        assert!(score(base().solved(300.0)) > 0.9 * old);
        assert!(score(base().solved(800.0)) < 0.8 * ancient);
    }
}
