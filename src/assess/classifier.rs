//! What kind of text it is, as learned from labelled mentions: one model for Dutch and English. Pure.
//!
//! A multinomial logistic regression over words, pairs of words and pieces of words (each kind of length one), beside the
//! scores that the rules of `complaint` give. `gehoord train` makes it; see `learn::classifying`.

use crate::models::artefact::{Reader, Writer};
use crate::words::{compatible, folded, hashed};

/// Numbers that features are spread over.
pub const BUCKETS: usize = 1 << 18;
/// What the rules say, one score for each class of theirs.
pub const RULES: usize = 4;
/// Kinds of text, in the order of the weights.
pub const KINDS: [&str; 5] = ["complaint", "question", "praise", "other", "not about us"];
/// Letters of the pieces of words.
const PIECE_LETTERS: std::ops::RangeInclusive<usize> = 2..=5;
/// The most words of one text that are read.
const WORDS_MAX: usize = 600;

/// The features of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Buckets with their values, each once, in ascending order.
    pub sparse: Vec<(u32, f32)>,
    /// What the rules say.
    pub rules: [f32; RULES],
    /// The words behind the buckets of single words, for explaining.
    words: Vec<(u32, String)>,
}

/// The trained model.
#[derive(Clone, PartialEq)]
pub struct Classifier {
    /// What made it.
    pub version: String,
    /// How rare each bucket is; common ones count less.
    pub rarity: Vec<f32>,
    /// For each kind: what it weighs without any feature.
    pub bias: [f32; KINDS.len()],
    /// For each kind: weights of the rules' scores.
    pub rules: [[f32; RULES]; KINDS.len()],
    /// For each kind: what one step of a weight means, and the weights of all buckets in these steps.
    pub weights: Vec<(f32, Vec<i8>)>,
}

/// What a text is, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// A probability for each of [`KINDS`].
    pub probabilities: [f64; KINDS.len()],
    logits: [f64; KINDS.len()],
}

impl Kinds {
    /// How much speaks for each kind, before probabilities are made of it.
    pub fn logits(&self) -> &[f64; KINDS.len()] {
        &self.logits
    }
}

impl Classifier {
    /// The features of a text. `rules` are the scores of complaint, question, praise and other.
    pub fn features(&self, text: &str, rules: [f64; RULES]) -> Features {
        features(text, rules, |bucket| self.rarity[bucket as usize])
    }

    /// What a text is.
    pub fn judge(&self, features: &Features) -> Kinds {
        let mut logits = [0.0f64; KINDS.len()];
        for (kind, logit) in logits.iter_mut().enumerate() {
            let (step, weights) = &self.weights[kind];
            let sparse: f32 = features
                .sparse
                .iter()
                .map(|(bucket, value)| value * f32::from(weights[*bucket as usize]))
                .sum();
            let rules: f32 = self.rules[kind].iter().zip(&features.rules).map(|(a, b)| a * b).sum();
            *logit = f64::from(self.bias[kind] + sparse * step + rules);
        }
        Kinds { probabilities: softmax(&logits), logits }
    }

    /// The words of the text that speak most for a kind, the strongest first, at most `most`.
    pub fn reasons(&self, features: &Features, kind: usize, most: usize) -> Vec<String> {
        let weight = |bucket: u32, kind: usize| {
            let (step, weights) = &self.weights[kind];
            step * f32::from(weights[bucket as usize])
        };
        let value = |bucket: u32| {
            let place = features.sparse.binary_search_by_key(&bucket, |one| one.0);
            place.map_or(0.0, |place| features.sparse[place].1)
        };
        let mut words: Vec<(f32, &str)> = features
            .words
            .iter()
            .map(|(bucket, word)| {
                let others = (0..KINDS.len()).map(|other| weight(*bucket, other)).sum::<f32>();
                let own = weight(*bucket, kind) - others / KINDS.len() as f32;
                (own * value(*bucket), word.as_str())
            })
            .filter(|(strength, _)| *strength > 0.05)
            .collect();
        words.sort_by(|a, b| b.0.total_cmp(&a.0));
        words.into_iter().take(most).map(|(_, word)| word.to_owned()).collect()
    }

    /// Writes it as an artefact.
    pub fn write(&self, to: &mut Writer) {
        to.text(&self.version);
        for kind in 0..KINDS.len() {
            to.real(self.bias[kind]);
            self.rules[kind].iter().for_each(|weight| to.real(*weight));
            to.real(self.weights[kind].0);
            to.bytes(&self.weights[kind].1);
        }
        // A rarity is a logarithm between 1 and 12: a byte is enough.
        let rarity: Vec<i8> =
            self.rarity.iter().map(|rarity| (rarity * RARITY_STEPS).round() as i8).collect();
        to.bytes(&rarity);
    }

    /// Reads an artefact.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn read(from: &mut Reader) -> anyhow::Result<Classifier> {
        let version = from.text()?;
        let mut bias = [0.0; KINDS.len()];
        let mut rules = [[0.0; RULES]; KINDS.len()];
        let mut weights = Vec::new();
        for kind in 0..KINDS.len() {
            bias[kind] = from.real()?;
            for weight in &mut rules[kind] {
                *weight = from.real()?;
            }
            weights.push((from.real()?, from.bytes(BUCKETS)?.into_vec()));
        }
        let rarity = from.bytes(BUCKETS)?.iter().map(|byte| f32::from(*byte) / RARITY_STEPS).collect();
        Ok(Classifier { version, rarity, bias, rules, weights })
    }
}

/// Steps of a rarity that is kept.
pub const RARITY_STEPS: f32 = 10.0;

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Probabilities of logits.
pub fn softmax<const N: usize>(logits: &[f64; N]) -> [f64; N] {
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let powers = logits.map(|logit| (logit - largest).exp());
    let sum: f64 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// The features of a text, with the rarity of each bucket.
pub fn features(text: &str, rules: [f64; RULES], rarity: impl Fn(u32) -> f32) -> Features {
    let tokens = tokens(text);
    let mut words = Vec::new();
    let mut whole = Vec::new();
    let mut pieces = Vec::new();
    let mut before = "^";
    for token in tokens.iter().map(String::as_str).chain(["$"]) {
        if token != "$" {
            let bucket = bucket(&format!("w{token}"));
            whole.push(bucket);
            if token.chars().all(char::is_alphabetic) {
                words.push((bucket, token.to_owned()));
            }
            push_pieces(token, &mut pieces);
        }
        whole.push(bucket(&format!("p{before} {token}")));
        before = token;
    }
    let mut sparse = of_length_one(whole, &rarity);
    sparse.extend(of_length_one(pieces, &rarity));
    sparse.sort_unstable_by_key(|one| one.0);
    sparse.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    Features { sparse, rules: rules.map(|score| (score / 3.0) as f32), words }
}

/// Words, signs and pictures. Numbers, accounts and links stand for all of their kind.
fn tokens(text: &str) -> Vec<String> {
    let text = compatible(text);
    let mut tokens: Vec<String> = Vec::new();
    for chunk in text.split_whitespace() {
        if chunk.contains("://") {
            tokens.push("<link>".to_owned());
            continue;
        }
        if chunk.starts_with('@') && chunk.len() > 1 {
            tokens.push("<account>".to_owned());
            continue;
        }
        let mut rest = chunk;
        while let Some(first) = rest.chars().next() {
            let is_word = first.is_alphanumeric();
            let end =
                rest.find(|letter: char| {
                    if is_word { !letter.is_alphanumeric() && letter != '\'' } else { letter != first }
                })
                .unwrap_or(rest.len());
            let (token, after) = rest.split_at(end);
            rest = after;
            tokens.push(match () {
                () if first.is_ascii_digit() => "#".to_owned(),
                () if is_word => folded(token),
                // "!!!!!" is louder than "!", but not twice as loud as "!!".
                () => token.chars().take(2).collect(),
            });
        }
        if tokens.len() >= WORDS_MAX {
            break;
        }
    }
    tokens
}

fn push_pieces(word: &str, pieces: &mut Vec<u32>) {
    let letters: Vec<char> = std::iter::once(' ').chain(word.chars()).chain(std::iter::once(' ')).collect();
    let mut piece = String::new();
    for length in PIECE_LETTERS {
        for window in letters.windows(length) {
            piece.clear();
            piece.push('c');
            piece.extend(window);
            pieces.push(bucket(&piece));
        }
    }
}

/// Each bucket once, with one plus the logarithm of how often it stands there, times its rarity; all together of length
/// one.
fn of_length_one(mut buckets: Vec<u32>, rarity: impl Fn(u32) -> f32) -> Vec<(u32, f32)> {
    buckets.sort_unstable();
    let mut values: Vec<(u32, f32)> = buckets
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], (1.0 + (same.len() as f32).ln()) * rarity(same[0])))
        .collect();
    let length = values.iter().map(|one| one.1 * one.1).sum::<f32>().sqrt().max(1e-6);
    values.iter_mut().for_each(|one| one.1 /= length);
    values
}

fn bucket(feature: &str) -> u32 {
    (hashed(feature) % BUCKETS as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_accounts_and_links_stand_for_all_of_their_kind() {
        let tokens = tokens("@Veldnet al 3 weken!!! zie https://a.example/b 😡😡😡 d'r");
        assert_eq!(tokens, ["<account>", "al", "#", "weken", "!!", "zie", "<link>", "😡😡", "d'r"]);
    }

    #[test]
    fn both_blocks_have_length_one() {
        let features = features("weer geen beeld", [3.0, 0.0, 0.0, 0.0], |_| 1.0);
        let squares: f32 = features.sparse.iter().map(|one| one.1 * one.1).sum();
        assert!((squares - 2.0).abs() < 0.1, "{squares}");
        assert_eq!(features.rules[0], 1.0);
        assert!(features.sparse.is_sorted_by_key(|one| one.0));
        assert_eq!(super::features("", [0.0; 4], |_| 1.0).sparse.len(), 1);
    }
}
