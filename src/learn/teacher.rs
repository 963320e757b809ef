//! What a larger model knows about English words, as vectors. It is used while training only.
//!
//! A Dutch word gets the vector of what our vocabulary says that it means, so both languages begin in one space.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;

use crate::models::artefact::{Reader, Writer};

/// Vectors of English words and of the meanings in our vocabulary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Teacher {
    /// The model they come from.
    pub name: String,
    /// Coordinates of a vector.
    pub dimensions: usize,
    vectors: HashMap<String, Box<[i8]>>,
}

impl Teacher {
    /// Vectors of a model; each is rounded to bytes.
    pub fn new(
        name: &str,
        dimensions: usize,
        vectors: impl IntoIterator<Item = (String, Vec<f32>)>,
    ) -> Teacher {
        let vectors = vectors
            .into_iter()
            .map(|(text, values)| (text, crate::encoder::Vector::of(&values).bytes().into()))
            .collect();
        Teacher { name: name.to_owned(), dimensions, vectors }
    }

    /// The direction of a word or meaning, of length one.
    pub fn of(&self, text: &str) -> Option<Vec<f32>> {
        let bytes = self.vectors.get(text)?;
        let length = bytes.iter().map(|byte| f32::from(*byte).powi(2)).sum::<f32>().sqrt();
        (length > 0.0).then(|| bytes.iter().map(|byte| f32::from(*byte) / length).collect())
    }

    /// Every text that it knows, in alphabetical order.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<&str> = self.vectors.keys().map(String::as_str).collect();
        texts.sort_unstable();
        texts
    }

    /// Reads the file that [`Teacher::write`] made.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn read(file: &Path) -> anyhow::Result<Teacher> {
        let bytes = std::fs::read(file).with_context(|| format!("{}", file.display()))?;
        let mut from = Reader::new(&bytes).with_context(|| format!("{}", file.display()))?;
        let name = from.text()?;
        let dimensions = from.count(4_096)?;
        let mut vectors = HashMap::new();
        for _ in 0..from.count(10_000_000)? {
            vectors.insert(from.text()?, from.bytes(dimensions)?);
        }
        Ok(Teacher { name, dimensions, vectors })
    }

    /// The file's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.text(&self.name);
        to.number(self.dimensions as u64);
        to.number(self.vectors.len() as u64);
        for text in self.texts() {
            to.text(text);
            to.bytes(&self.vectors[text]);
        }
        to.finish()
    }
}
