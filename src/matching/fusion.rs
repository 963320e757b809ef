//! Puts together what words, pieces of words and meanings say: how likely is each candidate, and how likely none of them?
//!
//! One choice among alternatives (McFadden, 1974, "Conditional logit analysis"): every candidate has a logit, *none of them*
//! has one too, and the probabilities of all sum to one. So a rival that is nearly as good lowers the best one's probability
//! by itself, and "is it known at all?" is one minus the probability of *none*. Pure.

use super::index::Hit;
use super::search::Query;
use crate::models::artefact::{Reader, Writer};

/// What is looked at in a candidate.
pub const CANDIDATE_FEATURES: usize = 18;
/// What is looked at in the text itself, for *none of them*.
pub const NONE_FEATURES: usize = 6;

/// What a candidate shows.
pub type CandidateFeatures = [f32; CANDIDATE_FEATURES];
/// What the text shows.
pub type NoneFeatures = [f32; NONE_FEATURES];

/// Beyond this many shared words one more proves little.
const WORDS_THAT_COUNT: f32 = 5.0;

/// The trained weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fusion {
    /// What made them.
    pub version: String,
    /// Logit of each candidate feature.
    pub candidate: CandidateFeatures,
    /// Logit of each feature of the text, for *none of them*.
    pub none: NoneFeatures,
}

/// How likely each candidate is, in their order, and none of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chances {
    /// Of each candidate.
    pub candidates: Vec<f64>,
    /// Of none of them.
    pub none: f64,
}

impl Fusion {
    /// The chances of candidates. `priors` are logits that are added to each, for what training cannot know, such as age.
    pub fn chances(&self, candidates: &[(CandidateFeatures, f32)], none: &NoneFeatures) -> Chances {
        let none_logit = product(&self.none, none);
        let logits: Vec<f64> = candidates
            .iter()
            .map(|(features, prior)| product(&self.candidate, features) + f64::from(*prior))
            .collect();
        let largest = logits.iter().copied().fold(none_logit, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let none_power = (none_logit - largest).exp();
        let sum = powers.iter().sum::<f64>() + none_power;
        Chances { candidates: powers.iter().map(|power| power / sum).collect(), none: none_power / sum }
    }

    /// Writes it as an artefact.
    pub fn write(&self, to: &mut Writer) {
        to.text(&self.version);
        for weights in [&self.candidate[..], &self.none[..]] {
            to.number(weights.len() as u64);
            weights.iter().for_each(|weight| to.real(*weight));
        }
    }

    /// Reads an artefact.
    ///
    /// # Errors
    /// When it is cut short, or has other features.
    pub fn read(from: &mut Reader) -> anyhow::Result<Fusion> {
        let version = from.text()?;
        let mut fusion = Fusion { version, candidate: Default::default(), none: Default::default() };
        for weights in [&mut fusion.candidate[..], &mut fusion.none[..]] {
            let count = from.number()?;
            anyhow::ensure!(
                count == weights.len() as u64,
                "it has {count} weights where {} are needed",
                weights.len()
            );
            for weight in weights {
                *weight = from.real()?;
            }
        }
        Ok(fusion)
    }
}

fn product(weights: &[f32], features: &[f32]) -> f64 {
    weights.iter().zip(features).map(|(weight, feature)| f64::from(weight * feature)).sum()
}

/// What a candidate shows: its documents as they were measured, the one whose words resemble most first.
pub(super) fn of_candidate(hits: &[Hit], query: &Query) -> CandidateFeatures {
    let best = &hits[0].overlap;
    let lexical: f32 = hits[0].score as f32;
    let next: f32 = hits[1..].iter().map(|hit| hit.score as f32).fold(0.0, f32::max);
    let mut near: Vec<&Hit> = hits.iter().collect();
    near.sort_by(|a, b| b.closeness.total_cmp(&a.closeness));
    let close = near[0].closeness as f32;
    let next_close = near.get(1).map_or(close * 0.8, |hit| hit.closeness as f32);
    let usual = query.usual();
    let outstanding = (close - usual.mean) / usual.deviation;
    let translated = f32::from(near[0].translated);
    let words = (query.words().count() as f32).max(1.0);
    let few = |count: usize| (count as f32).min(WORDS_THAT_COUNT) / WORDS_THAT_COUNT;
    [
        lexical,
        next,
        best.text_share as f32,
        few(best.exact),
        few(best.partly),
        few(best.rare),
        close,
        next_close,
        outstanding / 5.0,
        translated,
        translated * close,
        translated * outstanding / 5.0,
        translated * lexical,
        (hits.len() as f32).ln(),
        lexical * close,
        close / words.sqrt(),
        lexical.sqrt(),
        lexical / words.sqrt(),
    ]
}

/// What the text shows.
pub(super) fn of_text(query: &Query) -> NoneFeatures {
    let usual = query.usual();
    let words = (query.words().count() as f32).max(1.0);
    [
        1.0,
        words.ln(),
        usual.mean,
        usual.deviation,
        (query.groups() as f32 + 1.0).ln(),
        f32::from(query.words().next().is_none()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fusion() -> Fusion {
        let mut fusion =
            Fusion { version: "test".into(), candidate: Default::default(), none: Default::default() };
        fusion.candidate[0] = 10.0;
        fusion.none[0] = 3.0;
        fusion
    }

    fn with(score: f32) -> (CandidateFeatures, f32) {
        let mut features = CandidateFeatures::default();
        features[0] = score;
        (features, 0.0)
    }

    #[test]
    fn chances_sum_to_one_and_a_rival_takes_from_the_best() {
        let none = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let alone = fusion().chances(&[with(0.8)], &none);
        let rivalled = fusion().chances(&[with(0.8), with(0.78)], &none);
        for chances in [&alone, &rivalled, &fusion().chances(&[], &none)] {
            let sum = chances.candidates.iter().sum::<f64>() + chances.none;
            assert!((sum - 1.0).abs() < 1e-9, "{chances:?}");
        }
        assert!(alone.candidates[0] > 0.98 && rivalled.candidates[0] < 0.6, "{alone:?} {rivalled:?}");
        assert!(rivalled.none < alone.none, "that it is known at all is surer");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        fusion().write(&mut writer);
        let bytes = writer.finish();
        assert_eq!(Fusion::read(&mut Reader::new(&bytes).unwrap()).unwrap(), fusion());
    }
}
