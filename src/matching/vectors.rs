//! The vectors of all documents, side by side, and which of them are nearest to one.

use crate::encoder::{Vector, product};

/// Documents that are looked at to see how near vectors of this register usually are to a text.
const SAMPLE: usize = 2_048;

/// Vectors by document number. All have the same number of coordinates.
#[derive(Clone, Default)]
pub(super) struct Vectors {
    dimensions: usize,
    bytes: Vec<i8>,
    /// One over the length of each; 0 for what is dead or says nothing.
    inverse_lengths: Vec<f32>,
}

/// How near documents usually are to a text: a likeness says something only beside that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    /// The mean likeness.
    pub(super) mean: f32,
    /// How far likenesses usually are from it.
    pub(super) deviation: f32,
}

impl Vectors {
    /// Adds the vector of the next document.
    ///
    /// # Panics
    /// When it has another number of coordinates than the others.
    pub(super) fn push(&mut self, vector: &Vector) {
        if self.inverse_lengths.is_empty() {
            self.dimensions = vector.bytes().len();
        }
        assert_eq!(self.dimensions, vector.bytes().len(), "vectors of one encoder");
        self.bytes.extend_from_slice(vector.bytes());
        self.inverse_lengths.push(vector.inverse_length());
    }

    /// A dead document is near to nothing.
    pub(super) fn forget(&mut self, number: u32) {
        self.inverse_lengths[number as usize] = 0.0;
    }

    /// The vector of a document.
    pub(super) fn get(&self, number: u32) -> Vector {
        Vector::of_bytes(self.row(number as usize).into())
    }

    /// The cosine of a document with a text, −1 to 1.
    pub(super) fn likeness(&self, number: u32, text: &Vector) -> f32 {
        let row = self.row(number as usize);
        if row.len() != text.bytes().len() {
            return 0.0;
        }
        product(row, text.bytes()) as f32 * text.inverse_length() * self.inverse_lengths[number as usize]
    }

    /// The documents that are nearest to a text, in no order, each with its likeness; exactly the `count` nearest of those
    /// whose likeness is more than `floor`.
    pub(super) fn nearest(&self, text: &Vector, floor: f32, count: usize) -> Vec<(f32, u32)> {
        if text.is_empty() || self.dimensions != text.bytes().len() {
            return Vec::new();
        }
        let mut near: Vec<(f32, u32)> = Vec::with_capacity(count * 2);
        let mut floor = floor;
        for (number, row) in (0..).zip(self.bytes.chunks_exact(self.dimensions)) {
            let likeness = product(row, text.bytes()) as f32
                * text.inverse_length()
                * self.inverse_lengths[number as usize];
            if likeness > floor {
                near.push((likeness, number));
                if near.len() == count * 2 {
                    near.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0));
                    near.truncate(count);
                    floor = near.iter().map(|near| near.0).fold(f32::MAX, f32::min);
                }
            }
        }
        if near.len() > count {
            near.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0));
            near.truncate(count);
        }
        near
    }

    /// How near documents usually are to a text, by a sample of them.
    pub(super) fn usual(&self, text: &Vector) -> Usual {
        let count = self.inverse_lengths.len();
        let step = count.div_ceil(SAMPLE).max(1);
        let (mut sum, mut squares, mut seen) = (0.0f64, 0.0f64, 0.0f64);
        for number in (0..count).step_by(step).filter(|number| self.inverse_lengths[*number] > 0.0) {
            let likeness = f64::from(self.likeness(number as u32, text));
            sum += likeness;
            squares += likeness * likeness;
            seen += 1.0;
        }
        if seen < 2.0 {
            return Usual { mean: 0.0, deviation: 1.0 };
        }
        let mean = sum / seen;
        let deviation = (squares / seen - mean * mean).max(1e-4).sqrt();
        Usual { mean: mean as f32, deviation: deviation as f32 }
    }

    fn row(&self, number: usize) -> &[i8] {
        &self.bytes[number * self.dimensions..][..self.dimensions]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Vectors {
        let mut vectors = Vectors::default();
        for degrees in 0..90u8 {
            let angle = f32::from(degrees).to_radians();
            vectors.push(&Vector::of(&[angle.cos(), angle.sin()]));
        }
        vectors
    }

    fn numbers(near: Vec<(f32, u32)>) -> Vec<u32> {
        let mut numbers: Vec<u32> = near.into_iter().map(|near| near.1).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn the_nearest_are_found_and_the_dead_are_not() {
        let mut vectors = vectors();
        let east = Vector::of(&[1.0, 0.0]);
        assert_eq!(numbers(vectors.nearest(&east, 0.0, 3)), [0, 1, 2]);
        vectors.forget(1);
        assert_eq!(numbers(vectors.nearest(&east, 0.0, 3)), [0, 2, 3]);
        assert_eq!(vectors.nearest(&Vector::of(&[0.0, 0.0]), 0.0, 3), []);
        assert_eq!(Vectors::default().nearest(&east, 0.0, 3), []);
        assert_eq!(numbers(vectors.nearest(&east, 0.9999, 9)), [0]);
    }

    #[test]
    fn what_is_usual_is_the_mean_of_all() {
        let usual = vectors().usual(&Vector::of(&[1.0, 0.0]));
        assert!((usual.mean - 0.64).abs() < 0.02 && (usual.deviation - 0.31).abs() < 0.02, "{usual:?}");
        let nothing = Vectors::default().usual(&Vector::of(&[1.0, 0.0]));
        assert_eq!(nothing, Usual { mean: 0.0, deviation: 1.0 });
    }
}
