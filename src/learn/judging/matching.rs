//! Judges matching: a folder with `corpus.jsonl` (tickets) and `queries.jsonl` (posts and the tickets they are about).

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::Measures;
use super::lines;
use super::measures::{auroc, percent, threshold};
use crate::learn::fusing::{self, Example};
use crate::learn::registers::stored_ticket;
use crate::matching::Index;
use crate::matching::fusion::Fusion;
use crate::matching::problems::{self, Likely};
use crate::models::Models;
use crate::register::row_id;
use crate::words::hashed;

/// The false-match rates that thresholds are set for.
const NOMINAL: [(f64, &str); 3] = [(0.01, "1pct"), (0.05, "5pct"), (0.20, "20pct")];
/// Parts of cross-validation.
const FOLDS: u64 = 5;

/// A line of `corpus.jsonl`.
#[derive(Debug, Deserialize)]
pub struct CorpusTicket {
    id: String,
    text: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    problem: Option<String>,
    #[serde(default)]
    lang: String,
}

/// A line of `queries.jsonl`.
#[derive(Debug, Deserialize)]
pub struct Post {
    text: String,
    #[serde(default)]
    relevant: Vec<String>,
    #[serde(default)]
    problem: Option<String>,
    #[serde(default)]
    lang: String,
}

/// A folder of the task.
#[derive(Debug)]
pub struct Set {
    index: Index,
    ticket_languages: HashMap<String, String>,
    posts: Vec<Post>,
}

/// What was found for a post.
struct Answer {
    post: usize,
    /// Row ids of tickets, the likeliest candidate first.
    ranked: Vec<String>,
    /// How likely it is known at all.
    known: f64,
    /// How likely the best candidate is.
    best: f64,
}

impl Set {
    /// Reads a folder.
    ///
    /// # Errors
    /// A line that is no ticket or post.
    pub fn read(folder: &Path, models: &Arc<Models>) -> anyhow::Result<Set> {
        let tickets: Vec<CorpusTicket> = lines(&folder.join("corpus.jsonl"))?;
        let posts = lines(&folder.join("queries.jsonl"))?;
        let mut index = Index::new(models.clone());
        let mut ticket_languages = HashMap::new();
        for ticket in &tickets {
            let title = ticket.title.as_deref().unwrap_or("");
            let body = ticket.text.strip_prefix(title).unwrap_or(&ticket.text);
            let problem = ticket.problem.as_ref().map(|problem| row_id("crm", &format!("problem {problem}")));
            index.apply_ticket(&stored_ticket(&ticket.id, title, body, problem.as_deref().unwrap_or("")));
            ticket_languages.insert(row_id("crm", &ticket.id), ticket.lang.clone());
        }
        Ok(Set { index, ticket_languages, posts })
    }

    /// With the models as they are.
    pub fn shipped(&self) -> Measures {
        let fusion = self.index.fusion();
        let answers: Vec<Answer> = (0..self.posts.len()).map(|post| self.ask(post, fusion)).collect();
        self.measures(&answers, None)
    }

    /// With weights and thresholds that were learned from the posts of another set, as from the decisions of staff.
    pub fn adapted(&self, from: &Set) -> Measures {
        let everything: Vec<usize> = (0..from.posts.len()).collect();
        let fusion = from.learned(&everything);
        let scores: Vec<f64> = everything
            .iter()
            .filter(|post| from.posts[**post].relevant.is_empty())
            .map(|post| from.ask(*post, &fusion).best)
            .collect();
        let answers: Vec<Answer> = (0..self.posts.len()).map(|post| self.ask(post, &fusion)).collect();
        self.measures(&answers, Some(&scores))
    }

    /// With weights and thresholds of the rest of the same set: each fifth of the problems is judged by what the others
    /// teach.
    pub fn cross_validated(&self) -> Measures {
        let fold_of = |post: usize| {
            let post = &self.posts[post];
            hashed(post.problem.as_deref().unwrap_or(&post.text)) % FOLDS
        };
        let mut answers = Vec::new();
        let mut scores = Vec::new();
        for fold in 0..FOLDS {
            let (judged, taught): (Vec<usize>, Vec<usize>) =
                (0..self.posts.len()).partition(|post| fold_of(*post) == fold);
            let fusion = self.learned(&taught);
            scores.extend(
                taught
                    .iter()
                    .filter(|post| self.posts[**post].relevant.is_empty())
                    .map(|post| self.ask(*post, &fusion).best),
            );
            answers.extend(judged.into_iter().map(|post| self.ask(post, &fusion)));
        }
        self.measures(&answers, Some(&scores))
    }

    fn ask(&self, post: usize, fusion: &Fusion) -> Answer {
        let query = self.index.query(&self.posts[post].text, &[]);
        let Likely { candidates, unknown } =
            problems::likely(&query, fusion, Timestamp::UNIX_EPOCH, |_| false);
        Answer {
            post,
            known: 1.0 - unknown,
            best: candidates.first().map_or(0.0, |best| best.probability),
            ranked: candidates.into_iter().filter_map(|candidate| candidate.ticket_id).collect(),
        }
    }

    /// What staff's links of these posts teach, beginning with what ships.
    fn learned(&self, posts: &[usize]) -> Fusion {
        let mut examples = Vec::new();
        for post in posts {
            let query = self.index.query(&self.posts[*post].text, &[]);
            let (candidates, none) = problems::alternatives(&query);
            let relevant: HashSet<String> = self.relevant(*post);
            let right = candidates.iter().position(|candidate| relevant.contains(&candidate.ticket_id));
            if right.is_none() && !relevant.is_empty() {
                continue;
            }
            let candidates = candidates.into_iter().map(|candidate| candidate.features).collect();
            examples.push(Example { candidates, none, right, weight: 1.0 });
        }
        fusing::fit(&examples, self.index.fusion(), "adapted")
    }

    fn relevant(&self, post: usize) -> HashSet<String> {
        self.posts[post].relevant.iter().map(|id| row_id("crm", id)).collect()
    }

    fn measures(&self, answers: &[Answer], no_match_scores: Option<&[f64]>) -> Measures {
        let mut measures = Measures::default();
        let mut ranks: Vec<(String, Option<usize>)> = Vec::new();
        for answer in answers.iter().filter(|answer| !self.posts[answer.post].relevant.is_empty()) {
            let relevant = self.relevant(answer.post);
            let rank = answer.ranked.iter().position(|id| relevant.contains(id));
            let of =
                relevant.iter().find_map(|id| self.ticket_languages.get(id)).cloned().unwrap_or_default();
            ranks.push((format!("{}_{of}", self.posts[answer.post].lang), rank));
        }
        let share = |test: &dyn Fn(usize) -> f64, of: Option<&str>| {
            let chosen: Vec<&(String, Option<usize>)> =
                ranks.iter().filter(|(pair, _)| of.is_none_or(|of| pair == of)).collect();
            let sum: f64 = chosen.iter().map(|(_, rank)| rank.map_or(0.0, test)).sum();
            percent(sum / chosen.len().max(1) as f64)
        };
        let first = |rank: usize| f64::from(u8::from(rank == 0));
        measures.set("r_at_1", share(&first, None));
        measures.set("r_at_5", share(&|rank| f64::from(u8::from(rank < 5)), None));
        measures.set("mrr", share(&|rank| 1.0 / (rank + 1) as f64, None));
        let mut pairs: Vec<&String> = ranks.iter().map(|(pair, _)| pair).collect();
        pairs.sort();
        pairs.dedup();
        if pairs.len() > 1 {
            for pair in pairs {
                measures.set(&format!("r_at_1_{pair}"), share(&first, Some(pair)));
            }
        }
        let known: Vec<(f64, bool)> = answers
            .iter()
            .map(|answer| (answer.known, !self.posts[answer.post].relevant.is_empty()))
            .collect();
        measures.set("auroc", percent(auroc(&known)));
        self.at_thresholds(answers, no_match_scores, &mut measures);
        measures
    }

    /// Links that are made at a threshold. Without labels it is what the probability itself promises.
    fn at_thresholds(&self, answers: &[Answer], no_match_scores: Option<&[f64]>, measures: &mut Measures) {
        for (nominal, name) in NOMINAL {
            let threshold = match no_match_scores {
                Some(scores) => threshold(scores, nominal),
                None => 1.0 - nominal.mul_add(2.0, 0.2),
            };
            let (mut linked, mut right, mut matchable, mut unmatched, mut false_matches) = (0, 0, 0, 0, 0);
            for answer in answers {
                let relevant = self.relevant(answer.post);
                let links = answer.best > threshold;
                let hits = links && answer.ranked.first().is_some_and(|id| relevant.contains(id));
                linked += usize::from(links);
                right += usize::from(hits);
                matchable += usize::from(!relevant.is_empty());
                unmatched += usize::from(relevant.is_empty());
                false_matches += usize::from(links && relevant.is_empty());
            }
            let share = |part: usize, whole: usize| percent(part as f64 / whole.max(1) as f64);
            measures.set(&format!("recall_at_{name}"), share(right, matchable));
            measures.set(&format!("precision_at_{name}"), share(right, linked));
            measures.set(&format!("fmr_at_{name}"), share(false_matches, unmatched));
        }
    }
}
