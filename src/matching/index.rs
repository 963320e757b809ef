//! Finds the tickets and problems that resemble a text, over the whole register, in memory.
//!
//! A cache: each replica builds it from the mirror and keeps it fresh by `changed_seq`. Nothing is lost with it. Texts are
//! not kept, only their terms. What is in it stands in `documents`, what is asked of it in `search`.

use std::sync::Arc;

use jiff::Timestamp;

use super::documents::{Document, Documents};
use super::fusion::Fusion;
use super::search::{Query, ScratchPool};
use super::terms::Reader;
use super::tongue::Tongue;
use crate::encoder::Vector;
use crate::models::{self, Models};
use crate::register::{StoredProblem, StoredTicket};

/// The matching index.
#[derive(Clone)]
pub struct Index {
    seq: i64,
    models: Arc<Models>,
    pub(super) reader: Arc<Reader>,
    pub(super) documents: Documents,
    pub(super) scratch: ScratchPool,
}

/// A ticket or problem that resembles a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Ticket row id; `None` when the problem's own description was hit.
    pub ticket_id: Option<String>,
    /// Problem row id, where there is one.
    pub problem_id: Option<String>,
    /// Contact row id of the ticket.
    pub contact_id: Option<String>,
    /// Length-normalised on both sides, 0 to 1.
    pub score: f64,
    /// Words both sides share, as the searched text writes them, the rarest first.
    pub shared: Vec<String>,
    /// Still unresolved.
    pub unresolved: bool,
    /// When the ticket or problem was opened.
    pub created_at: Timestamp,
    /// When it was solved, where it was.
    pub solved_at: Option<Timestamp>,
    /// What the resemblance rests on.
    pub overlap: Overlap,
    /// How near the meanings are, −1 to 1, as the encoder sees them.
    pub closeness: f64,
    /// Text and document are in different languages.
    pub translated: bool,
}

/// What a resemblance rests on, in words that have a meaning of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Words of the text that the document has too.
    pub exact: usize,
    /// Words of the text of which the document has most letters: a compound, an inflection, a typing error.
    pub partly: usize,
    /// Words among `exact` that few problems and tickets have.
    pub rare: usize,
    /// How much of the weight of the text's words is shared, 0 to 1.
    pub text_share: f64,
}

impl Default for Index {
    /// With the models that ship.
    fn default() -> Index {
        Index::new(models::shipped())
    }
}

impl Index {
    /// An empty index that makes vectors of texts, and chances of what it finds, by these models.
    pub fn new(models: Arc<Models>) -> Index {
        Index {
            seq: 0,
            models,
            reader: Arc::default(),
            documents: Documents::default(),
            scratch: ScratchPool::default(),
        }
    }

    /// The register change number up to which everything is in the index.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Notes that everything up to `seq` was applied.
    pub fn set_seq(&mut self, seq: i64) {
        self.seq = seq;
    }

    /// How many documents are in it.
    pub fn len(&self) -> usize {
        self.documents.live_len()
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds or replaces a ticket; a deleted one is taken out.
    pub fn apply_ticket(&mut self, ticket: &StoredTicket) {
        self.documents.take_out_ticket(&ticket.id);
        if ticket.deleted {
            return;
        }
        let fields = &ticket.ticket;
        let document = Document {
            ticket: Some(Arc::from(ticket.id.as_str())),
            problem: fields.problem.as_deref().map(|id| self.documents.problem(id)),
            contact: fields.contact.as_deref().map(|id| self.documents.contact(id)),
            unresolved: fields.status.is_unresolved(),
            created_at: fields.created_at,
            solved_at: fields.solved_at,
            tongue: Tongue::of(&fields.body),
        };
        self.put_in(document, &fields.subject, &fields.body);
    }

    /// Adds or replaces a problem's own text; a deleted one is taken out. Its tickets stay linked to it.
    pub fn apply_problem(&mut self, problem: &StoredProblem) {
        self.documents.take_out_text_of(&problem.id);
        if problem.deleted {
            return;
        }
        let fields = &problem.problem;
        let document = Document {
            ticket: None,
            problem: Some(self.documents.problem(&problem.id)),
            contact: None,
            unresolved: !fields.status.is_thought_fixed(),
            created_at: fields.opened_at,
            solved_at: fields.fixed_at,
            tongue: Tongue::of(&fields.title),
        };
        let body = format!("{}\n{}", fields.description, fields.workaround.as_deref().unwrap_or(""));
        self.put_in(document, &fields.title, &body);
    }

    fn put_in(&mut self, document: Document, title: &str, body: &str) {
        let vector = self.encode(&format!("{title}\n{body}"));
        self.documents.put_in(document, self.reader.read(title, body, &[]).keys(), &vector);
    }

    /// How what is found is weighed.
    pub fn fusion(&self) -> &Fusion {
        &self.models.fusion
    }

    /// The vector of a text.
    pub(super) fn encode(&self, text: &str) -> Vector {
        self.models.encoder.encode(text)
    }

    /// The `limit` documents that resemble `text` most, the best first; of one problem its own text and the best two
    /// tickets, because more say nothing new.
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        self.query(text, &[]).best(limit)
    }

    /// Prepares a text for comparing. The words of `ignored`, such as the brand's name, do not count.
    pub fn query(&self, text: &str, ignored: &[&str]) -> Query<'_> {
        Query::new(self, text, ignored)
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("seq", &self.seq).field("documents", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::fixtures::*;
    use super::*;

    fn ids(hits: &[Hit]) -> Vec<&str> {
        hits.iter().map(|hit| hit.ticket_id.as_deref().or(hit.problem_id.as_deref()).unwrap()).collect()
    }

    #[test]
    fn an_index_can_be_asked_from_many_threads() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&Index::default());
    }

    #[test]
    fn a_post_finds_the_ticket_in_other_words_of_the_same_family() {
        let index = index_of(
            &[
                ticket(
                    "1",
                    "Factuurregel onduidelijk",
                    "Waarvoor staat die verrekening op mijn maandfactuur?",
                ),
                ticket("2", "Monteur niet geweest", "Hele dag gewacht op de monteur."),
                ticket("3", "App blijft hangen", "Inloggen lukt niet."),
                ticket("4", "Moved house", "The connection was never transferred."),
            ],
            &[],
        );
        for (text, expected) in [
            ("wat is toch die verekening op de factuur", "crm:1"),
            ("alweer geen monteurs gezien, dagen gewacht", "crm:2"),
            ("still waiting: connections are not transferred when moving", "crm:4"),
        ] {
            let hits = index.search(text, 5);
            assert_eq!(ids(&hits)[0], expected, "{text}: {hits:?}");
        }
    }

    #[test]
    fn the_words_shown_are_those_of_the_post_and_the_rarest_first() {
        let mut tickets = vec![ticket("1", "Straalverbinding", "internet via de straalverbinding valt weg")];
        tickets.extend((2..20).map(|n| ticket(&n.to_string(), "internet", "internet doet het niet")));
        let hits = index_of(&tickets, &[]).search("mijn Internet: de STRAALVERBINDINGEN zijn op", 3);
        assert_eq!(hits[0].shared, ["STRAALVERBINDINGEN", "Internet"]);
        assert_eq!((hits[0].overlap.exact, hits[0].overlap.rare), (2, 1));
    }

    #[test]
    fn a_ticket_of_five_thousand_words_is_not_the_answer_to_everything() {
        let common =
            ["monteur", "factuur", "internet", "verhuizing", "kastje", "afspraak", "storing", "telefoon"];
        let history: Vec<String> = (0..5_000)
            .map(|n| if n % 9 == 0 { common[n / 9 % 8].into() } else { format!("woord{n}") })
            .collect();
        let mut tickets = vec![ticket("long", "Historie", &history.join(" "))];
        for (n, word) in common.iter().enumerate() {
            tickets.push(ticket(&n.to_string(), &format!("{word} doet het niet"), "graag hulp"));
        }
        let index = index_of(&tickets, &[]);
        for word in common {
            let hits = index.search(&format!("al weken gedoe met mijn {word}, graag hulp"), 5);
            assert_ne!(ids(&hits)[0], "crm:long", "{word}");
        }
    }

    #[test]
    fn a_thousand_tickets_of_one_problem_leave_room_for_another() {
        let mut tickets: Vec<_> = (0..1_000)
            .map(|n| {
                ticket(&n.to_string(), "Verrekening", "eenmalige verrekening op de factuur").linked_to("P-1")
            })
            .collect();
        tickets.push(
            ticket("x", "Papieren factuur", "twee keer kosten voor de papieren factuur").linked_to("P-2"),
        );
        let index = index_of(&tickets, &[problem("P-1", "Verrekening", "regel op de factuur onduidelijk")]);
        let hits = index.search("twee keer kosten voor papier op de factuur", 60);
        assert_eq!(ids(&hits)[0], "crm:x");
        assert!(hits.len() <= 4, "of one problem two tickets and its own text: {}", hits.len());
        let hits = index.search("wat is die eenmalige verrekening", 60);
        assert_eq!(hits[0].problem_id.as_deref(), Some("crm:P-1"));
        assert!(hits[0].overlap.rare == 2, "its words are as rare as the problem: {:?}", hits[0]);
    }

    #[test]
    fn the_brand_is_no_evidence() {
        let index = index_of(&[ticket("1", "Veldnet glas traag", "Veldnet Veldnet")], &[]);
        let hits = index.query("Veldnet is ook een net over aardbeien", &["Veldnet"]).best(5);
        assert!(hits.iter().all(|hit| hit.shared.is_empty()), "{hits:?}");
    }

    #[test]
    fn changed_and_deleted_documents_are_found_as_they_are_now() {
        let mut index = index_of(
            &[ticket("1", "monteur", "monteur kwam niet").linked_to("P-1")],
            &[problem("P-1", "planning", "afspraken raken zoek")],
        );
        index.apply_ticket(&ticket("1", "factuur", "rekening klopt niet"));
        assert_eq!(index.len(), 2);
        assert!(index.search("monteur", 5).is_empty());
        assert_eq!(index.search("rekening", 5)[0].problem_id, None);
        let gone = |stored: StoredTicket| StoredTicket { deleted: true, ..stored };
        index.apply_ticket(&gone(ticket("1", "", "")));
        index.apply_ticket(&gone(ticket("never", "", "")));
        index.apply_problem(&StoredProblem { deleted: true, ..problem("P-1", "", "") });
        assert!(index.is_empty() && index.search("rekening afspraken", 5).is_empty());
        index.set_seq(7);
        assert_eq!(index.seq(), 7);
    }

    #[test]
    fn comparing_with_one_ticket_scores_as_the_index_does() {
        let stored =
            ticket("1", "Kastje bevriest", "Elke avond staat het beeld stil").of("C-1").linked_to("P-1");
        let index = index_of(&[stored.clone(), ticket("2", "Factuur", "klopt niet")], &[]);
        let query = index.query("het kastje bevriest iedere avond", &[]);
        assert_eq!(query.compare(&stored), query.best(1)[0]);
    }

    const VOCABULARY: [&str; 10] = [
        "monteur",
        "factuur",
        "facturen",
        "internet",
        "avond",
        "12,75",
        "de",
        "kastje",
        "Zutphen",
        "verhuizing",
    ];

    #[derive(Clone, Debug)]
    enum Change {
        Ticket { id: usize, words: Vec<usize>, problem: Option<usize>, deleted: bool },
        Problem { id: usize, words: Vec<usize>, deleted: bool },
    }

    fn text(words: &[usize]) -> String {
        words.iter().map(|word| VOCABULARY[*word]).collect::<Vec<_>>().join(" ")
    }

    fn change() -> impl Strategy<Value = Change> {
        let words = || proptest::collection::vec(0..VOCABULARY.len(), 0..6);
        prop_oneof![
            8 => (0..9usize, words(), proptest::option::of(0..3usize), proptest::bool::weighted(0.2))
                .prop_map(|(id, words, problem, deleted)| Change::Ticket { id, words, problem, deleted }),
            1 => (0..3usize, words(), any::<bool>())
                .prop_map(|(id, words, deleted)| Change::Problem { id, words, deleted }),
        ]
    }

    fn apply(index: &mut Index, change: &Change) {
        match change {
            Change::Ticket { id, words, problem, deleted } => {
                let mut stored = ticket(&id.to_string(), "", &text(words));
                stored.ticket.problem = problem.map(|problem| format!("crm:P-{problem}"));
                stored.deleted = *deleted;
                index.apply_ticket(&stored);
            }
            Change::Problem { id, words, deleted } => {
                let stored = problem(&format!("P-{id}"), &text(words), "");
                index.apply_problem(&StoredProblem { deleted: *deleted, ..stored });
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn an_index_that_was_changed_often_answers_as_one_built_afresh(
            changes in proptest::collection::vec(change(), 0..250),
            asked in proptest::collection::vec(0..VOCABULARY.len(), 1..5),
        ) {
            let mut changed = Index::default();
            let mut last = BTreeMap::new();
            for change in &changes {
                apply(&mut changed, change);
                let key = match change {
                    Change::Ticket { id, .. } => ("ticket", *id),
                    Change::Problem { id, .. } => ("problem", *id),
                };
                last.insert(key, change);
            }
            let mut fresh = Index::default();
            last.values().rev().for_each(|change| apply(&mut fresh, change));
            prop_assert_eq!(changed.len(), fresh.len());
            prop_assert_eq!(changed.search(&text(&asked), 20), fresh.search(&text(&asked), 20));
        }

        #[test]
        fn any_text_can_be_put_in_and_asked(
            texts in proptest::collection::vec("(\\PC|[#@.,0-9a-z\u{0}\u{301}\u{200B} \n]){0,60}", 1..6),
        ) {
            let mut index = Index::default();
            for (number, text) in texts.iter().enumerate() {
                index.apply_ticket(&ticket(&number.to_string(), text, text));
            }
            for text in &texts {
                for hit in index.search(text, 10) {
                    prop_assert!((0.0..=1.0).contains(&hit.score));
                }
            }
        }
    }
}
