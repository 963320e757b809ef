//! Learns an installation's own labels from examples: which heading, or complaint or not. Linear machines over words, pairs
//! and pieces of words, and the vector of the meaning.

use super::classifying;
use super::linear::{Features, Linear};
use crate::assess::classifier::{self, BUCKETS, RULES};
use crate::models::Models;

/// How long the vector of a text's meaning is beside its words and pieces, which have length one each. On the public sets
/// longer ones helped where examples were few and English, and took elsewhere.
const MEANING: f32 = 1.0;
/// Where hints stand among the features: behind the coordinates of any encoder.
const HINTS: u32 = BUCKETS as u32 + (1 << 16);

/// What was learned from examples.
#[derive(Debug)]
pub struct Labels {
    rarity: Vec<f32>,
    linear: Linear,
}

impl Labels {
    /// Learns from texts with their labels (`0..count`) and what is known of each beforehand, a few numbers around 1.
    pub fn fit<'a>(
        examples: impl Iterator<Item = (&'a str, Vec<f32>, usize)> + Clone,
        count: usize,
        models: &Models,
    ) -> Labels {
        let rarity = classifying::rarity(examples.clone().map(|(text, _, _)| text));
        let features: Vec<(Features, usize)> =
            examples.map(|(text, hints, label)| (features(text, &hints, &rarity, models), label)).collect();
        Labels { linear: Linear::fit(&features, count), rarity }
    }

    /// How much speaks for each label; above 0 more speaks for it than against it.
    pub fn scores(&self, text: &str, hints: &[f32], models: &Models) -> Vec<f32> {
        self.linear.scores(&features(text, hints, &self.rarity, models))
    }
}

fn features(text: &str, hints: &[f32], rarity: &[f32], models: &Models) -> Features {
    let mut features = classifier::features(text, [0.0; RULES], |bucket| rarity[bucket as usize]).sparse;
    let meaning = models.encoder.encode(text);
    let scale = meaning.inverse_length() * MEANING;
    let coordinates = meaning.bytes().iter().map(|byte| f32::from(*byte) * scale);
    features.extend((BUCKETS as u32..).zip(coordinates));
    features.extend((HINTS..).zip(hints.iter().copied()));
    features
}
