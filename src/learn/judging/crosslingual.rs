//! Judges whether a sentence finds its translation among all of the file: tables without a header, `sentence⇥English`.

use std::path::Path;

use anyhow::Context;

use super::Measures;
use super::measures::percent;
use crate::encoder::{Table, Vector};

/// How often the nearest is the right one, both ways.
///
/// # Errors
/// A line without a tab.
pub fn shipped(file: &Path, encoder: &Table) -> anyhow::Result<Measures> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    let mut sides: [Vec<Vector>; 2] = Default::default();
    for (number, line) in (1..).zip(text.lines()) {
        let (one, other) =
            line.split_once('\t').with_context(|| format!("{}:{number}: no tab", file.display()))?;
        sides[0].push(encoder.encode(one));
        sides[1].push(encoder.encode(other));
    }
    let found = |from: &[Vector], to: &[Vector]| {
        let right = from
            .iter()
            .enumerate()
            .filter(|(place, one)| {
                let own = one.likeness(&to[*place]);
                to.iter().enumerate().all(|(other, rival)| other == *place || one.likeness(rival) < own)
            })
            .count();
        percent(right as f64 / from.len().max(1) as f64)
    };
    let mut measures = Measures::default();
    measures.set("acc_at_1", found(&sides[0], &sides[1]));
    measures.set("acc_at_1_from_english", found(&sides[1], &sides[0]));
    Ok(measures)
}
