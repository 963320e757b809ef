//! Learns to tell classes apart from labelled examples: linear support vector machines, one for each class against the rest,
//! by dual coordinate descent (Hsieh et al., ICML 2008: squared hinge loss). The same examples give the same weights.

use std::collections::HashMap;

/// Features of an example: numbers with their values, each once.
pub type Features = Vec<(u32, f32)>;

/// How much an error costs, beside large weights. From 0.3 to 3 it made no difference above one point.
const COST: f32 = 1.0;
const ROUNDS_MAX: usize = 60;
/// The steps of a round are so small on average that it has come to rest.
const AT_REST: f32 = 0.001;

/// One weight for each feature and class.
#[derive(Clone, Debug)]
pub struct Linear {
    /// Where the weights of a feature stand; features that no example had say nothing.
    places: HashMap<u32, usize>,
    classes: usize,
    /// For each feature, and last for the constant, a weight of each class.
    weights: Vec<f32>,
}

impl Linear {
    /// Learns from examples with their classes, `0..classes`.
    pub fn fit(examples: &[(Features, usize)], classes: usize) -> Linear {
        let mut places = HashMap::new();
        let compact: Vec<Vec<(usize, f32)>> = examples
            .iter()
            .map(|(features, _)| {
                let place = |number: u32, places: &mut HashMap<u32, usize>| {
                    let next = places.len();
                    *places.entry(number).or_insert(next)
                };
                features.iter().map(|(number, value)| (place(*number, &mut places), *value)).collect()
            })
            .collect();
        let constant = places.len();
        let compact: Vec<Vec<(usize, f32)>> =
            compact.into_iter().map(|features| [features, vec![(constant, 1.0)]].concat()).collect();
        let mut weights = vec![0.0; (constant + 1) * classes];
        for class in 0..classes {
            let signs: Vec<f32> =
                examples.iter().map(|(_, of)| if *of == class { 1.0 } else { -1.0 }).collect();
            for (place, weight) in of_class(&compact, &signs, constant + 1).into_iter().enumerate() {
                weights[place * classes + class] = weight;
            }
        }
        Linear { places, classes, weights }
    }

    /// How much speaks for each class; above 0 more speaks for it than against it.
    pub fn scores(&self, features: &Features) -> Vec<f32> {
        let row = |place: usize| &self.weights[place * self.classes..][..self.classes];
        let mut scores = row(self.places.len()).to_vec();
        for (number, value) in features {
            let Some(place) = self.places.get(number) else { continue };
            scores.iter_mut().zip(row(*place)).for_each(|(score, weight)| *score += value * weight);
        }
        scores
    }

    /// The class that most speaks for.
    pub fn best(&self, features: &Features) -> usize {
        let scores = self.scores(features);
        (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0)
    }
}

fn of_class(examples: &[Vec<(usize, f32)>], signs: &[f32], width: usize) -> Vec<f32> {
    let mut weights = vec![0.0f32; width];
    let mut multipliers = vec![0.0f32; examples.len()];
    let softness = 1.0 / (2.0 * COST);
    let lengths: Vec<f32> = examples
        .iter()
        .map(|features| features.iter().map(|(_, value)| value * value).sum::<f32>() + softness)
        .collect();
    // An order without a pattern, the same on every run: steps of a prime that does not divide their number.
    let step = [7_919, 7_907].into_iter().find(|prime| !examples.len().is_multiple_of(*prime)).unwrap_or(1);
    for round in 0..ROUNDS_MAX {
        let mut moved = 0.0;
        for turn in 0..examples.len() {
            let example = (turn * step + round) % examples.len();
            let features = &examples[example];
            let score: f32 = features.iter().map(|(place, value)| weights[*place] * value).sum();
            let old = multipliers[example];
            let slope = signs[example] * score - 1.0 + softness * old;
            let new = (old - slope / lengths[example]).max(0.0);
            if new != old {
                let change = (new - old) * signs[example];
                features.iter().for_each(|(place, value)| weights[*place] += change * value);
                multipliers[example] = new;
                moved += (new - old).abs();
            }
        }
        if moved / (examples.len().max(1) as f32) < AT_REST {
            break;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_apart_by_what_they_have() {
        let example = |number: u32, class: usize| (vec![(number, 1.0), (9, 0.5)], class);
        let examples: Vec<(Features, usize)> =
            (0..30).map(|turn| example(turn % 3 + 100, (turn % 3) as usize)).collect();
        let learned = Linear::fit(&examples, 3);
        for class in 0..3usize {
            let features = vec![(class as u32 + 100, 1.0)];
            assert_eq!(learned.best(&features), class);
            let scores = learned.scores(&features);
            assert!(
                scores[class] > 0.3 && scores.iter().filter(|score| **score > 0.0).count() == 1,
                "{scores:?}"
            );
        }
        assert_eq!(learned.scores(&vec![(77, 1.0)]), learned.scores(&vec![]));
    }

    #[test]
    fn nothing_to_learn_from_says_nothing() {
        assert_eq!(Linear::fit(&[], 2).scores(&vec![(1, 1.0)]), [0.0, 0.0]);
        assert_eq!(Linear::fit(&[], 0).best(&vec![]), 0);
    }
}
