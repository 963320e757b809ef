//! Judges clustering: texts with the story that each belongs to, in the order of the file.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::Measures;
use super::measures::percent;
use super::tables::Row;
use crate::emerging::clusters::Clusters;

/// Puts every text into a cluster, in one pass, and compares the clusters with the stories.
pub fn shipped(rows: &[Row]) -> Measures {
    let mut clusters = Clusters::new(SignedDuration::from_hours(24 * 365));
    let found: Vec<u64> =
        rows.iter().map(|row| clusters.add(&row.text, Timestamp::UNIX_EPOCH).cluster).collect();
    let truth: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    let table = Contingency::of(&truth, &found);
    let mut measures = Measures::default();
    measures.set("nmi", percent(table.normalised_mutual_information()));
    measures.set("ari", percent(table.adjusted_rand_index()));
    measures.set("clusters", table.columns.len() as f64);
    measures.set("stories", table.rows.len() as f64);
    measures
}

/// How often each story and each cluster meet.
struct Contingency {
    cells: Vec<f64>,
    rows: Vec<f64>,
    columns: Vec<f64>,
    all: f64,
}

impl Contingency {
    fn of(truth: &[&str], found: &[u64]) -> Contingency {
        let mut cells: HashMap<(&str, u64), f64> = HashMap::new();
        let mut rows: HashMap<&str, f64> = HashMap::new();
        let mut columns: HashMap<u64, f64> = HashMap::new();
        for (truth, found) in truth.iter().zip(found) {
            *cells.entry((truth, *found)).or_default() += 1.0;
            *rows.entry(truth).or_default() += 1.0;
            *columns.entry(*found).or_default() += 1.0;
        }
        // Sorted, so that sums of the same numbers are the same on every run.
        let sorted = |values: Vec<f64>| {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            values
        };
        Contingency {
            cells: sorted(cells.into_values().collect()),
            rows: sorted(rows.into_values().collect()),
            columns: sorted(columns.into_values().collect()),
            all: truth.len() as f64,
        }
    }

    fn entropy(&self, counts: &[f64]) -> f64 {
        counts.iter().map(|count| -(count / self.all) * (count / self.all).ln()).sum()
    }

    /// Mutual information over the mean of both entropies (the V-measure), 0 to 1.
    fn normalised_mutual_information(&self) -> f64 {
        let (rows, columns) = (self.entropy(&self.rows), self.entropy(&self.columns));
        if rows + columns == 0.0 {
            return 1.0;
        }
        2.0 * (rows + columns - self.entropy(&self.cells)) / (rows + columns)
    }

    /// Pairs that are together in both, beyond chance (Hubert and Arabie 1985); 1 for the same, about 0 for chance.
    fn adjusted_rand_index(&self) -> f64 {
        let pairs = |counts: &[f64]| counts.iter().map(|count| count * (count - 1.0) / 2.0).sum::<f64>();
        let (cells, rows, columns) = (pairs(&self.cells), pairs(&self.rows), pairs(&self.columns));
        let by_chance = rows * columns / pairs(&[self.all]).max(1.0);
        let most = (rows + columns) / 2.0;
        if most == by_chance { 1.0 } else { (cells - by_chance) / (most - by_chance) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_those_of_the_books() {
        let same = Contingency::of(&["a", "a", "b", "b"], &[1, 1, 2, 2]);
        assert!((same.normalised_mutual_information() - 1.0).abs() < 1e-9);
        assert!((same.adjusted_rand_index() - 1.0).abs() < 1e-9);
        let crossed = Contingency::of(&["a", "a", "b", "b"], &[1, 2, 1, 2]);
        assert!(crossed.normalised_mutual_information().abs() < 1e-9);
        assert!((crossed.adjusted_rand_index() + 0.5).abs() < 1e-9);
        let one = Contingency::of(&["a", "a", "b", "c"], &[1, 1, 2, 2]);
        assert!((one.normalised_mutual_information() - 0.8).abs() < 0.01);
        assert!((one.adjusted_rand_index() - 0.571).abs() < 0.001);
    }
}
