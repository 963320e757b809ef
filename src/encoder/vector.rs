//! A text as a direction in space.

/// A direction, in whole numbers of one byte. Its length means nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    values: Box<[i8]>,
    /// One over the length of `values`; 0 for a text that says nothing.
    inverse_length: f32,
}

impl Vector {
    /// The direction of `values`, rounded to bytes: the mean error of a likeness is below 0.005.
    pub fn of(values: &[f32]) -> Vector {
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = if largest.is_finite() && largest > 0.0 { 127.0 / largest } else { 0.0 };
        Vector::of_bytes(values.iter().map(|value| (value * scale).round() as i8).collect())
    }

    /// A direction that was rounded before.
    pub fn of_bytes(values: Box<[i8]>) -> Vector {
        let squares: i32 = values.iter().map(|value| i32::from(*value).pow(2)).sum();
        let inverse_length = if squares == 0 { 0.0 } else { 1.0 / (squares as f32).sqrt() };
        Vector { values, inverse_length }
    }

    /// Its coordinates.
    pub fn bytes(&self) -> &[i8] {
        &self.values
    }

    /// One over its length; 0 for a text that says nothing.
    pub fn inverse_length(&self) -> f32 {
        self.inverse_length
    }

    /// It says nothing: nothing of its text is known to the encoder.
    pub fn is_empty(&self) -> bool {
        self.inverse_length == 0.0
    }

    /// The cosine of the angle with another, −1 to 1; 0 when either says nothing or they come from different encoders.
    pub fn likeness(&self, other: &Vector) -> f32 {
        if self.values.len() != other.values.len() {
            return 0.0;
        }
        product(&self.values, &other.values) as f32 * self.inverse_length * other.inverse_length
    }
}

/// The sum of the products of coordinates. Written so that the compiler makes vector instructions of it.
pub fn product(one: &[i8], other: &[i8]) -> i32 {
    const LANES: usize = 32;
    let (one_lanes, one_rest) = one.as_chunks::<LANES>();
    let (other_lanes, other_rest) = other.as_chunks::<LANES>();
    let mut sum = 0i32;
    for (a, b) in one_lanes.iter().zip(other_lanes) {
        let mut lane = 0i32;
        for (a, b) in a.iter().zip(b) {
            lane += i32::from(i16::from(*a) * i16::from(*b));
        }
        sum += lane;
    }
    sum + one_rest.iter().zip(other_rest).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_that_says_nothing_is_like_nothing() {
        let nothing = Vector::of(&[0.0; 8]);
        assert!(nothing.is_empty());
        assert_eq!(nothing.likeness(&nothing), 0.0);
        assert!(Vector::of(&[f32::NAN, 1.0]).likeness(&Vector::of(&[1.0, 1.0])).is_finite());
        assert_eq!(Vector::of(&[1.0; 8]).likeness(&Vector::of(&[1.0; 9])), 0.0);
    }

    proptest! {
        #[test]
        fn a_likeness_is_the_cosine(one in prop::collection::vec(-1.0f32..1.0, 100), other in prop::collection::vec(-1.0f32..1.0, 100)) {
            let exact = {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                dot(&one, &other) / (dot(&one, &one) * dot(&other, &other)).sqrt().max(1e-9)
            };
            let likeness = Vector::of(&one).likeness(&Vector::of(&other));
            prop_assert!((likeness - exact).abs() < 0.02, "{likeness} {exact}");
        }
    }
}
