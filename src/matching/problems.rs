//! From documents that resemble a text to problems that it may be about.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::fusion::{self, CandidateFeatures, Fusion, NoneFeatures};
use super::index::Hit;
use super::search::{NEAR_MIN, Query};

/// Documents that are fetched from the index for one text.
const HITS_MAX: usize = 100;
/// Documents of one candidate that are looked at.
const DOCUMENTS_MAX: usize = 4;
/// The most that freshness adds, in logits; old age takes nothing away by this.
const FRESHNESS: f64 = 0.3;
/// After so many days freshness is halved.
const FRESHNESS_HALVES_DAYS: f64 = 60.0;
/// What solved more than two years ago counts this much less, in logits: it needs more evidence.
const LONG_SOLVED: f64 = -1.5;
/// See [`LONG_SOLVED`].
const LONG_SOLVED_DAYS: i64 = 730;

/// A problem, or an unlinked ticket, that a text may be about.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Row id of the problem; `None` for an unlinked ticket.
    pub problem_id: Option<String>,
    /// Row id of the ticket that resembles most; `None` when only the problem's own text does.
    pub ticket_id: Option<String>,
    /// How likely it is what the text is about, 0 to 1.
    pub probability: f64,
    /// How many of its documents resemble the text (at most four are looked at).
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

/// What a text may be about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likely {
    /// Problems and unlinked tickets, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// How likely it is none of them, 0 to 1: nothing that is known.
    pub unknown: f64,
}

/// Problems and unlinked tickets that a text may be about. Documents for which `is_own` holds are not other people's and
/// are left out; so is what does not reach the evidence floor.
pub fn likely(query: &Query, fusion: &Fusion, now: Timestamp, is_own: impl Fn(&Hit) -> bool) -> Likely {
    let found = found(query, is_own);
    let features: Vec<(CandidateFeatures, f32)> =
        found.iter().map(|hits| (fusion::of_candidate(hits, query), prior(hits, now))).collect();
    let chances = fusion.chances(&features, &fusion::of_text(query));
    let mut candidates: Vec<Candidate> = found
        .into_iter()
        .zip(chances.candidates)
        .map(|(hits, probability)| candidate(&hits, probability, now))
        .collect();
    candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.id().cmp(b.id())));
    Likely { candidates, unknown: chances.none }
}

/// What a text could be about, for learning.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// Row id of the problem, or of the ticket where there is no problem.
    pub id: String,
    /// Row id of the ticket that resembles most; empty when only the problem's own text does.
    pub ticket_id: String,
    /// What it shows.
    pub features: CandidateFeatures,
}

/// What a text could be about and what each shows, for learning; and the features of the text.
pub fn alternatives(query: &Query) -> (Vec<Alternative>, NoneFeatures) {
    let found = found(query, |_| false);
    let candidates = found
        .iter()
        .map(|hits| Alternative {
            id: hits[0].problem_id.as_ref().or(hits[0].ticket_id.as_ref()).cloned().unwrap_or_default(),
            ticket_id: hits.iter().find_map(|hit| hit.ticket_id.clone()).unwrap_or_default(),
            features: fusion::of_candidate(hits, query),
        })
        .collect();
    (candidates, fusion::of_text(query))
}

/// The documents of each candidate, the one whose words resemble most first.
fn found(query: &Query, is_own: impl Fn(&Hit) -> bool) -> Vec<Vec<Hit>> {
    let words = query.words().count();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut found: Vec<Vec<Hit>> = Vec::new();
    for hit in query.best(HITS_MAX) {
        if has_evidence(&hit, words) && !is_own(&hit) {
            let id = hit.problem_id.as_ref().or(hit.ticket_id.as_ref()).cloned().unwrap_or_default();
            let place = *places.entry(id).or_insert_with(|| {
                found.push(Vec::new());
                found.len() - 1
            });
            if found[place].len() < DOCUMENTS_MAX {
                found[place].push(hit);
            }
        }
    }
    found
}

/// The evidence floor: one rare word, two ordinary ones, or a near meaning. A text of one word ("storing") is never
/// evidence.
pub fn has_evidence(hit: &Hit, text_words: usize) -> bool {
    let shares = hit.overlap.rare >= 1 || hit.overlap.exact + hit.overlap.partly >= 2;
    text_words >= 2 && (shares || hit.closeness >= f64::from(NEAR_MIN))
}

fn candidate(hits: &[Hit], probability: f64, now: Timestamp) -> Candidate {
    let best = hits[0].clone();
    Candidate {
        problem_id: best.problem_id.clone(),
        ticket_id: hits.iter().find_map(|hit| hit.ticket_id.clone()),
        probability,
        documents: hits.len(),
        long_solved: is_long_solved(hits, now),
        best,
    }
}

/// What training cannot know, because it has no dates: set by hand, in logits.
fn prior(hits: &[Hit], now: Timestamp) -> f32 {
    let old = if is_long_solved(hits, now) { LONG_SOLVED } else { 0.0 };
    (FRESHNESS * freshness(hits, now) + old) as f32
}

fn is_long_solved(hits: &[Hit], now: Timestamp) -> bool {
    hits.iter().all(|hit| !hit.unresolved && is_long_ago(hit.solved_at, now))
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
        let query = index.query(text, &["Veldnet"]);
        likely(&query, index.fusion(), now(), |hit| hit.contact_id.as_deref() == Some("crm:C-me")).candidates
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
        assert!(candidates[0].probability > candidates[1].probability);
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
            likely_to("kastje bevriest, hond blaft, melk zuur, alles tegelijk", vec![stored])[0].probability
        };
        let base = || ticket("1", "kastje bevriest", "avond");
        let (fresh, old, ancient) =
            (score(base().opened(1.0)), score(base().opened(300.0)), score(base().opened(3_000.0)));
        assert!(fresh > old && old >= ancient && fresh < old * 1.06, "{fresh} {old} {ancient}");
        assert!(score(base().solved(300.0)) > 0.9 * old);
        assert!(score(base().solved(800.0)) < 0.8 * ancient);
    }
}
