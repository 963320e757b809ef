//! The built-in encoder: a vector for every known word and piece of a word; a text is their sum.

use std::collections::HashMap;

use super::Vector;
use super::features::{self, Feature, PIECES};
use crate::models::artefact::{Reader, Writer};

/// The vector of a feature, as trained: times its rarity, in bytes with one scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What one step of a byte means.
    pub scale: f32,
    /// The coordinates in these steps.
    pub values: Box<[i8]>,
}

/// A trained table of vectors. It is a model: see `learn` for how it comes about.
#[derive(Clone)]
pub struct Table {
    version: String,
    dimensions: usize,
    words: HashMap<u64, u32>,
    /// Place of each piece's row, or none where training never met it.
    pieces: Vec<Option<u32>>,
    scales: Vec<f32>,
    values: Vec<i8>,
}

impl Table {
    /// A table of these rows.
    ///
    /// # Panics
    /// When a row has another number of coordinates than `dimensions`.
    pub fn new(version: &str, dimensions: usize, rows: impl IntoIterator<Item = (Feature, Row)>) -> Table {
        let mut table = Table {
            version: version.to_owned(),
            dimensions,
            words: HashMap::new(),
            pieces: vec![None; PIECES as usize],
            scales: Vec::new(),
            values: Vec::new(),
        };
        for (feature, row) in rows {
            assert_eq!(row.values.len(), dimensions, "a row with other dimensions");
            let number = u32::try_from(table.scales.len()).expect("fewer than 2^32 rows fit into memory");
            match feature {
                Feature::Word(key) => {
                    table.words.insert(key, number);
                }
                Feature::Piece(piece) => table.pieces[piece as usize] = Some(number),
            }
            table.scales.push(row.scale);
            table.values.extend_from_slice(&row.values);
        }
        table
    }

    /// What made the vectors; two vectors may be compared when their versions agree.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Coordinates of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many words and pieces have a vector.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// It knows nothing at all.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The vector of a text.
    pub fn encode(&self, text: &str) -> Vector {
        let mut sum = vec![0.0f32; self.dimensions];
        for feature in features::of_text(text) {
            let Some(row) = self.row(feature) else { continue };
            let scale = self.scales[row];
            let values = &self.values[row * self.dimensions..][..self.dimensions];
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += scale * f32::from(*value);
            }
        }
        Vector::of(&sum)
    }

    /// Does it know this word as a whole?
    pub fn knows(&self, word: &str) -> bool {
        self.row(Feature::of_word(word)).is_some()
    }

    fn row(&self, feature: Feature) -> Option<usize> {
        let row = match feature {
            Feature::Word(key) => self.words.get(&key).copied(),
            Feature::Piece(piece) => self.pieces[piece as usize],
        };
        row.map(|row| row as usize)
    }

    /// Writes it as an artefact.
    pub fn write(&self, to: &mut Writer) {
        to.text(&self.version);
        to.number(self.dimensions as u64);
        let mut words: Vec<(u64, u32)> = self.words.iter().map(|(key, row)| (*key, *row)).collect();
        words.sort_unstable();
        to.number(words.len() as u64);
        for (key, row) in words {
            to.number(key);
            self.write_row(row, to);
        }
        let pieces: Vec<(u32, u32)> =
            (0..).zip(&self.pieces).filter_map(|(piece, row)| row.map(|row| (piece, row))).collect();
        to.number(pieces.len() as u64);
        for (piece, row) in pieces {
            to.number(u64::from(piece));
            self.write_row(row, to);
        }
    }

    fn write_row(&self, row: u32, to: &mut Writer) {
        to.real(self.scales[row as usize]);
        to.bytes(&self.values[row as usize * self.dimensions..][..self.dimensions]);
    }

    /// Reads an artefact.
    ///
    /// # Errors
    /// When it is cut short or holds what it cannot hold.
    pub fn read(from: &mut Reader) -> anyhow::Result<Table> {
        let version = from.text()?;
        let dimensions = from.count(4_096)?;
        let mut rows = Vec::new();
        for _ in 0..from.count(10_000_000)? {
            let feature = Feature::Word(from.number()?);
            rows.push((feature, Row { scale: from.real()?, values: from.bytes(dimensions)? }));
        }
        for _ in 0..from.count(PIECES as usize)? {
            let piece = from.number()?;
            anyhow::ensure!(piece < u64::from(PIECES), "piece {piece} of a word is beyond {PIECES}");
            let row = Row { scale: from.real()?, values: from.bytes(dimensions)? };
            rows.push((Feature::Piece(piece as u32), row));
        }
        Ok(Table::new(&version, dimensions, rows))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("version", &self.version).field("rows", &self.len()).finish()
    }
}
