//! Trains the fusion: which weights make the right candidate, or *none of them*, the likeliest?

use super::registers::Simulated;
use crate::matching::fusion::{CANDIDATE_FEATURES, CandidateFeatures, Fusion, NONE_FEATURES, NoneFeatures};
use crate::matching::problems;

/// A post with what it could be about, and which it is.
#[derive(Clone, Debug)]
pub struct Example {
    /// What each candidate shows.
    pub candidates: Vec<CandidateFeatures>,
    /// What the text shows.
    pub none: NoneFeatures,
    /// The place of the right candidate; `None`: nothing is known of it.
    pub right: Option<usize>,
    /// How much it counts.
    pub weight: f64,
}

/// How far weights may go from where they start, beside how well they fit: the cost of a squared unit.
const PRIOR: f64 = 0.002;
const ROUNDS: usize = 600;
const RATE: f64 = 0.05;

/// The examples of a register. A post whose problem is not among the candidates teaches nothing about weights.
pub fn examples(simulated: &Simulated) -> Vec<Example> {
    let mut examples = Vec::new();
    for asked in &simulated.asked {
        let query = simulated.index.query(&asked.text, &[]);
        let (candidates, none) = problems::alternatives(&query);
        let right = asked.answer.as_ref().map(|answer| candidates.iter().position(|one| one.id == *answer));
        let right = match right {
            Some(None) => continue,
            Some(place) => place,
            None => None,
        };
        let candidates = candidates.into_iter().map(|one| one.features).collect();
        examples.push(Example { candidates, none, right, weight: 1.0 });
    }
    examples
}

/// Fits weights to examples, beginning with those of `start`, from which they go only as far as the examples show a reason.
/// Adam (Kingma and Ba, 2015) on the whole at once: there are few weights.
pub fn fit(examples: &[Example], start: &Fusion, version: &str) -> Fusion {
    let mut weights: Vec<f64> =
        start.candidate.iter().chain(&start.none).map(|weight| f64::from(*weight)).collect();
    let origin = weights.clone();
    let (mut first, mut second) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
    let total: f64 = examples.iter().map(|example| example.weight).sum::<f64>().max(1.0);
    for round in 1..=ROUNDS {
        let mut gradient = gradient(examples, &weights);
        for place in 0..weights.len() {
            gradient[place] = gradient[place] / total
                + PRIOR * (weights[place] - origin[place]) * (1000.0 / total).max(1.0);
            first[place] = 0.9 * first[place] + 0.1 * gradient[place];
            second[place] = 0.99 * second[place] + 0.01 * gradient[place].powi(2);
            let fair = |value: f64, decay: f64| value / (1.0 - decay.powi(round as i32));
            let rate = RATE * (1.0 - round as f64 / (ROUNDS + 1) as f64);
            weights[place] -= rate * fair(first[place], 0.9) / (fair(second[place], 0.99).sqrt() + 1e-8);
        }
    }
    let mut fusion = Fusion { version: version.to_owned(), ..start.clone() };
    for (to, weight) in fusion.candidate.iter_mut().chain(&mut fusion.none).zip(weights) {
        *to = weight as f32;
    }
    fusion
}

fn gradient(examples: &[Example], weights: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; weights.len()];
    let (candidate, none) = weights.split_at(CANDIDATE_FEATURES);
    debug_assert_eq!(none.len(), NONE_FEATURES);
    let logit = |weights: &[f64], features: &[f32]| -> f64 {
        weights.iter().zip(features).map(|(weight, feature)| weight * f64::from(*feature)).sum()
    };
    for example in examples {
        let none_logit = logit(none, &example.none);
        let logits: Vec<f64> = example.candidates.iter().map(|features| logit(candidate, features)).collect();
        let largest = logits.iter().copied().fold(none_logit, f64::max);
        let sum =
            logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>() + (none_logit - largest).exp();
        let mut pass = |from: usize, features: &[f32], chance: f64, is_right: bool| {
            let force = example.weight * (chance - f64::from(u8::from(is_right)));
            for (to, feature) in gradient[from..].iter_mut().zip(features) {
                *to += force * f64::from(*feature);
            }
        };
        for (place, (features, logit)) in example.candidates.iter().zip(&logits).enumerate() {
            pass(0, features, (logit - largest).exp() / sum, example.right == Some(place));
        }
        pass(CANDIDATE_FEATURES, &example.none, (none_logit - largest).exp() / sum, example.right.is_none());
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(scores: &[f32], right: Option<usize>) -> Example {
        let candidates = scores
            .iter()
            .map(|score| {
                let mut features = CandidateFeatures::default();
                features[0] = *score;
                features
            })
            .collect();
        Example { candidates, none: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], right, weight: 1.0 }
    }

    fn untrained() -> Fusion {
        Fusion { version: String::new(), candidate: Default::default(), none: Default::default() }
    }

    #[test]
    fn weights_learn_what_makes_a_candidate_right_and_when_none_is() {
        let examples: Vec<Example> = (0..500)
            .flat_map(|_| {
                [example(&[0.9, 0.2], Some(0)), example(&[0.1, 0.8], Some(1)), example(&[0.2, 0.1], None)]
            })
            .collect();
        let fusion = fit(&examples, &untrained(), "test");
        let chances = |scores: &[f32]| {
            let example = example(scores, None);
            let candidates: Vec<_> = example.candidates.into_iter().map(|features| (features, 0.0)).collect();
            fusion.chances(&candidates, &example.none)
        };
        assert!(chances(&[0.1, 0.9]).candidates[1] > 0.8, "{:?}", chances(&[0.1, 0.9]));
        assert!(chances(&[0.1, 0.2]).none > 0.7, "{:?}", chances(&[0.1, 0.2]));
    }

    #[test]
    fn few_examples_move_weights_little() {
        let few = fit(&[example(&[0.9, 0.2], Some(1))], &untrained(), "test");
        let many: Vec<Example> = (0..2_000).map(|_| example(&[0.9, 0.2], Some(1))).collect();
        let many = fit(&many, &untrained(), "test");
        assert!(few.candidate[0] < 0.0 && many.candidate[0] < few.candidate[0] * 1.5);
    }
}
