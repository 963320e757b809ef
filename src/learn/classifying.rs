//! Trains the classifier of `assess`: what kind of text is it?

use crate::assess::classifier::{BUCKETS, Classifier, Features, KINDS, RARITY_STEPS, RULES, features};

use super::corpus::Labelled;

/// How strongly weights are held down, as a share of one example: a larger one forgets rare words.
const HELD: f32 = 0.2;
const ROUNDS: usize = 250;
const RATE: f32 = 0.1;
/// What a rule's score weighs for its own class at first …
const RULES_START: f32 = 3.0;
/// … and how strongly it is held there: our mentions are harder than most, with few words that the rules know, so rules are
/// worth more elsewhere than they are here.
const RULES_HELD: f32 = 200.0;

/// An example for training.
#[derive(Clone, Debug)]
pub struct Example {
    /// What the text shows.
    pub features: Features,
    /// Its kind, a place in [`KINDS`].
    pub kind: usize,
}

/// The kind that a labelled mention is an example of.
pub fn kind_of(mention: &Labelled) -> usize {
    let name = if mention.about_us { mention.class.as_str() } else { "not about us" };
    KINDS.iter().position(|kind| *kind == name).unwrap_or(3)
}

/// How rare each bucket is in these texts: one plus the logarithm of how few hold it.
pub fn rarity<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<f32> {
    let mut holders = vec![0u32; BUCKETS];
    let mut count = 0u32;
    for text in texts {
        count += 1;
        for (bucket, _) in features(text, [0.0; RULES], |_| 1.0).sparse {
            holders[bucket as usize] += 1;
        }
    }
    holders
        .into_iter()
        .map(|holders| {
            let rarity = 1.0 + ((1.0 + count as f32) / (1.0 + holders as f32)).ln();
            (rarity * RARITY_STEPS).round() / RARITY_STEPS
        })
        .collect()
}

/// Fits a classifier. Adam on the whole at once, which gives the same on every run.
pub fn fit(examples: &[Example], rarity: Vec<f32>, version: &str) -> Classifier {
    const ALL: usize = KINDS.len();
    let width = BUCKETS + RULES + 1;
    let mut weights = vec![0.0f32; width * ALL];
    for kind in 0..ALL {
        weights[(BUCKETS + kind.min(RULES - 1)) * ALL + kind] = RULES_START;
    }
    let origin = weights.clone();
    let (mut first, mut second) = (vec![0.0f32; weights.len()], vec![0.0f32; weights.len()]);
    let count = examples.len().max(1) as f32;
    for round in 1..=ROUNDS {
        let mut gradient = vec![0.0f32; weights.len()];
        for example in examples {
            let parts = || {
                let sparse = example.features.sparse.iter().map(|(bucket, value)| (*bucket as usize, *value));
                let rules =
                    example.features.rules.iter().enumerate().map(|(place, value)| (BUCKETS + place, *value));
                sparse.chain(rules).chain([(BUCKETS + RULES, 1.0)])
            };
            let mut logits = [0.0f32; ALL];
            for (place, value) in parts() {
                for (kind, logit) in logits.iter_mut().enumerate() {
                    *logit += value * weights[place * ALL + kind];
                }
            }
            let largest = logits.iter().copied().fold(f32::MIN, f32::max);
            let powers = logits.map(|logit| (logit - largest).exp());
            let sum: f32 = powers.iter().sum();
            for (place, value) in parts() {
                for kind in 0..ALL {
                    let wrong = powers[kind] / sum - f32::from(u8::from(kind == example.kind));
                    gradient[place * ALL + kind] += value * wrong;
                }
            }
        }
        let rate = RATE * (1.0 - round as f32 / (ROUNDS + 1) as f32);
        for place in 0..weights.len() {
            let held = match place / ALL {
                bucket if bucket < BUCKETS => HELD,
                // Nor is it learned how common complaints are: among what people post they are rarer than here.
                _ => RULES_HELD,
            };
            let slope = (gradient[place] + held * (weights[place] - origin[place])) / count;
            if slope == 0.0 && first[place] == 0.0 {
                continue;
            }
            first[place] = 0.9 * first[place] + 0.1 * slope;
            second[place] = 0.999 * second[place] + 0.001 * slope * slope;
            let fair = |value: f32, decay: f32| value / (1.0 - decay.powi(round as i32));
            weights[place] -= rate * fair(first[place], 0.9) / (fair(second[place], 0.999).sqrt() + 1e-9);
        }
    }
    rounded(&weights, rarity, version)
}

fn rounded(weights: &[f32], rarity: Vec<f32>, version: &str) -> Classifier {
    const ALL: usize = KINDS.len();
    let of = |place: usize, kind: usize| weights[place * ALL + kind];
    let mut classifier = Classifier {
        version: version.to_owned(),
        rarity,
        bias: [0.0; ALL],
        rules: [[0.0; RULES]; ALL],
        weights: Vec::new(),
    };
    for kind in 0..ALL {
        classifier.bias[kind] = of(BUCKETS + RULES, kind);
        for rule in 0..RULES {
            classifier.rules[kind][rule] = of(BUCKETS + rule, kind);
        }
        let largest = (0..BUCKETS).map(|place| of(place, kind).abs()).fold(1e-6, f32::max);
        let step = largest / 127.0;
        let bytes = (0..BUCKETS).map(|place| (of(place, kind) / step).round() as i8).collect();
        classifier.weights.push((step, bytes));
    }
    classifier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::artefact::{Reader, Writer};

    static TRAINED: std::sync::LazyLock<Classifier> = std::sync::LazyLock::new(trained);

    fn trained() -> Classifier {
        let texts = [
            ("weer geen beeld vanavond", 0),
            ("still no picture tonight", 0),
            ("hoe laat gaat de winkel open", 1),
            ("when does the shop open", 1),
            ("top geholpen, dank", 2),
            ("great help, cheers", 2),
        ];
        let rarity = rarity(texts.iter().map(|one| one.0));
        let examples: Vec<Example> = texts
            .iter()
            .map(|(text, kind)| Example {
                features: features(text, [0.0; RULES], |bucket| rarity[bucket as usize]),
                kind: *kind,
            })
            .collect();
        fit(&examples, rarity, "test")
    }

    #[test]
    fn what_was_learned_is_told_with_its_reasons() {
        let classifier = &*TRAINED;
        let features = classifier.features("geen beeld", [0.0; RULES]);
        let kinds = classifier.judge(&features);
        let rivals = kinds.probabilities[1..].iter().copied().fold(0.0, f64::max);
        assert!(kinds.probabilities[0] > rivals * 2.0, "{kinds:?}");
        assert!((kinds.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let mut reasons = classifier.reasons(&features, 0, 5);
        reasons.sort();
        assert_eq!(reasons, ["beeld", "geen"]);
    }

    #[test]
    fn what_is_written_is_read() {
        let classifier = &*TRAINED;
        let mut writer = Writer::default();
        classifier.write(&mut writer);
        let bytes = writer.finish();
        assert_eq!(Classifier::read(&mut Reader::new(&bytes).unwrap()).unwrap(), *classifier);
    }
}
