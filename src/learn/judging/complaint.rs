//! Judges whether complaints are told from other texts: tables with the labels 1 (complaint) and 0.

use super::Measures;
use super::measures::{auroc, macro_f1, percent};
use super::tables::Row;
use crate::assess;
use crate::learn::labels::Labels;
use crate::models::Models;

/// Parts of cross-validation.
const FOLDS: usize = 5;

/// With the models as they are.
pub fn shipped(rows: &[Row], models: &Models) -> Measures {
    let scored: Vec<(f64, bool)> = rows
        .iter()
        .map(|row| {
            // A text in no language that we judge gets no verdict, so it is not called a complaint.
            let probability = assess::complaint_probability(&row.text, &models.classifier).unwrap_or(0.0);
            (probability, is_complaint(row))
        })
        .collect();
    measures(&scored)
}

/// After learning from the labels of `taught`.
pub fn adapted(taught: &[Row], judged: &[Row], models: &Models) -> Measures {
    measures(&learn_and_score(taught, judged, models))
}

/// Each fifth is judged by what the others teach.
pub fn cross_validated(rows: &[Row], models: &Models) -> Measures {
    let mut scored = Vec::new();
    for fold in 0..FOLDS {
        let part = |inside: bool| -> Vec<Row> {
            let chosen = rows.iter().enumerate().filter(|(place, _)| (place % FOLDS == fold) == inside);
            chosen.map(|(_, row)| row.clone()).collect()
        };
        scored.extend(learn_and_score(&part(false), &part(true), models));
    }
    measures(&scored)
}

/// Learns labels, and from what each part of them says of the rest where to cut; then judges. A score of a half is the cut.
fn learn_and_score(taught: &[Row], judged: &[Row], models: &Models) -> Vec<(f64, bool)> {
    let mut unseen = Vec::new();
    for fold in 0..FOLDS {
        let part = |inside: bool| -> Vec<&Row> {
            let chosen = taught.iter().enumerate().filter(|(place, _)| (place % FOLDS == fold) == inside);
            chosen.map(|(_, row)| row).collect()
        };
        let judged = part(true);
        let scores = Complaints::learned(&part(false), models).scores(&judged, models);
        unseen.extend(scores.into_iter().zip(judged.iter().map(|row| is_complaint(row))));
    }
    let cut = best_cut(&unseen);
    let judged: Vec<&Row> = judged.iter().collect();
    let scores = Complaints::learned(&taught.iter().collect::<Vec<_>>(), models).scores(&judged, models);
    let chances = scores.into_iter().map(|score| 1.0 / (1.0 + (cut - score).exp()));
    chances.zip(judged.iter().map(|row| is_complaint(row))).collect()
}

/// What labels of an installation teach about complaints. What the models that ship say is one of the things that are
/// learned from.
struct Complaints(Labels);

impl Complaints {
    fn learned(taught: &[&Row], models: &Models) -> Complaints {
        let examples = taught
            .iter()
            .map(|row| (row.text.as_str(), Self::hints(row, models), usize::from(is_complaint(row))));
        Complaints(Labels::fit(examples, 2, models))
    }

    fn scores(&self, judged: &[&Row], models: &Models) -> Vec<f64> {
        let score = |row: &&Row| {
            let scores = self.0.scores(&row.text, &Self::hints(row, models), models);
            f64::from(scores[1] - scores[0])
        };
        judged.iter().map(score).collect()
    }

    fn hints(row: &Row, models: &Models) -> Vec<f32> {
        let [complaint, question, praise, _] = assess::rule_scores(&row.text).unwrap_or_default();
        let shipped = assess::complaint_probability(&row.text, &models.classifier).unwrap_or(0.5);
        let logit = (shipped.clamp(0.01, 0.99) / (1.0 - shipped.clamp(0.01, 0.99))).ln();
        [logit, complaint, question, praise].map(|hint| (hint / 3.0) as f32).to_vec()
    }
}

/// The cut through these scores that gives the best macro-F1: the middle of the best tenth, since the very best one is chance.
fn best_cut(scored: &[(f64, bool)]) -> f64 {
    let truth: Vec<bool> = scored.iter().map(|one| one.1).collect();
    let mut cuts: Vec<(f64, f64)> = (-30..=30)
        .map(|step| {
            let cut = f64::from(step) / 20.0;
            let guessed: Vec<bool> = scored.iter().map(|one| one.0 > cut).collect();
            (macro_f1(&truth, &guessed), cut)
        })
        .collect();
    cuts.sort_by(|a, b| b.0.total_cmp(&a.0));
    cuts.truncate(6);
    cuts.iter().map(|one| one.1).sum::<f64>() / cuts.len() as f64
}

fn is_complaint(row: &Row) -> bool {
    row.label == "1"
}

fn measures(scored: &[(f64, bool)]) -> Measures {
    let truth: Vec<bool> = scored.iter().map(|one| one.1).collect();
    let guessed: Vec<bool> = scored.iter().map(|one| one.0 > 0.5).collect();
    let mut measures = Measures::default();
    measures.set("macro_f1", percent(macro_f1(&truth, &guessed)));
    measures.set("auc", percent(auroc(scored)));
    let count = |test: &dyn Fn(bool, bool) -> bool| {
        truth.iter().zip(&guessed).filter(|(truth, guess)| test(**truth, **guess)).count() as f64
    };
    let hits = count(&|truth, guess| truth && guess);
    measures.set("precision", percent(hits / count(&|_, guess| guess)));
    measures.set("recall", percent(hits / count(&|truth, _| truth)));
    measures
}
