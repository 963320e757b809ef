//! Judges whether texts are put under the right heading: tables of texts with one of several labels, from which the headings
//! are learned.

use super::Measures;
use super::measures::{accuracy, macro_f1, percent};
use super::tables::Row;
use crate::learn::labels::Labels;
use crate::models::Models;

/// Parts of cross-validation.
const FOLDS: usize = 5;

/// After learning from the labels of `taught`.
pub fn adapted(taught: &[Row], judged: &[Row], models: &Models) -> Measures {
    let guessed = learn_and_guess(taught, judged, models);
    measures(judged.iter().map(|row| row.label.clone()).collect(), guessed)
}

/// Each fifth is judged by what the others teach.
pub fn cross_validated(rows: &[Row], models: &Models) -> Measures {
    let (mut truth, mut guessed) = (Vec::new(), Vec::new());
    for fold in 0..FOLDS {
        let part = |inside: bool| -> Vec<Row> {
            let chosen = rows.iter().enumerate().filter(|(place, _)| (place % FOLDS == fold) == inside);
            chosen.map(|(_, row)| row.clone()).collect()
        };
        let judged = part(true);
        guessed.extend(learn_and_guess(&part(false), &judged, models));
        truth.extend(judged.into_iter().map(|row| row.label));
    }
    measures(truth, guessed)
}

fn learn_and_guess(taught: &[Row], judged: &[Row], models: &Models) -> Vec<String> {
    let mut labels: Vec<&str> = taught.iter().map(|row| row.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let label = |row: &Row| labels.partition_point(|label| *label < row.label.as_str());
    let examples = taught.iter().map(|row| (row.text.as_str(), Vec::new(), label(row)));
    let learned = Labels::fit(examples, labels.len(), models);
    let best = |row: &Row| {
        let scores = learned.scores(&row.text, &[], models);
        (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
    };
    judged.iter().map(|row| best(row).map_or_else(String::new, |best| labels[best].to_owned())).collect()
}

fn measures(truth: Vec<String>, guessed: Vec<String>) -> Measures {
    let mut measures = Measures::default();
    measures.set("accuracy", percent(accuracy(&truth, &guessed)));
    measures.set("macro_f1", percent(macro_f1(&truth, &guessed)));
    measures
}
