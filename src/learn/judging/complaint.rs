//! Judges whether complaints are told from other texts: tables with the labels 1 (complaint) and 0.

use super::Measures;
use super::measures::{auroc, macro_f1, percent};
use super::tables::Row;
use crate::assess::{self, classifier};
use crate::learn::classifying::{self, Example};
use crate::models::Models;

/// Parts of cross-validation.
const FOLDS: usize = 5;
/// Places of a complaint and of anything else among the kinds.
const COMPLAINT: usize = 0;
const OTHER: usize = 3;

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

/// What the models that ship say is one of the things that are learned from.
fn learn_and_score(taught: &[Row], judged: &[Row], models: &Models) -> Vec<(f64, bool)> {
    let rarity = classifying::rarity(taught.iter().map(|row| row.text.as_str()));
    let features = |row: &Row| {
        let [complaint, _, praise, _] = assess::rule_scores(&row.text).unwrap_or_default();
        let shipped = assess::complaint_probability(&row.text, &models.classifier).unwrap_or(0.5);
        let logit = (shipped.clamp(0.01, 0.99) / (1.0 - shipped.clamp(0.01, 0.99))).ln();
        let hints = [logit, complaint, praise, 0.0];
        classifier::features(&row.text, hints, |bucket| rarity[bucket as usize])
    };
    let examples: Vec<Example> = taught
        .iter()
        .map(|row| Example {
            features: features(row),
            kind: if is_complaint(row) { COMPLAINT } else { OTHER },
        })
        .collect();
    let learned = classifying::fit(&examples, rarity.clone(), "adapted");
    judged
        .iter()
        .map(|row| (learned.judge(&features(row)).probabilities[COMPLAINT], is_complaint(row)))
        .collect()
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
