//! What of a text its vector is made of. Pure.

use crate::words::{compatible, each_word, folded, hashed, mixed};

/// Numbers that pieces of words are spread over. Twice as many did not rank better; half as many ranked worse.
pub const PIECES: u32 = 32_768;
/// The shortest and the longest piece of a word, in letters; its two ends count as letters.
const PIECE_LETTERS: std::ops::RangeInclusive<usize> = 3..=5;
/// The most words of one text that are looked at: what a text is about stands in its first pages.
const WORDS_MAX: usize = 600;

/// Something that a text has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// A word, by its stable number ([`hashed`]).
    Word(u64),
    /// A piece of a word, by its number below [`PIECES`]. Pieces let compounds, inflections and typing errors meet.
    Piece(u32),
}

impl Feature {
    /// The feature of a word, as [`folded`] writes it.
    pub fn of_word(word: &str) -> Feature {
        Feature::Word(hashed(word))
    }

    /// How much it counts beside a feature of another sort and the same rarity. Words carry meaning; pieces carry likeness.
    pub fn factor(self) -> f32 {
        match self {
            Feature::Word(_) => 1.0,
            Feature::Piece(_) => 0.35,
        }
    }
}

/// The features of a text, each once, in ascending order.
pub fn of_text(text: &str) -> Vec<Feature> {
    let text = compatible(text);
    let mut features = Vec::new();
    let mut words = 0;
    each_word(&text, |place| {
        let word = folded(&text[place]);
        if !word.is_empty() {
            features.push(Feature::of_word(&word));
            push_pieces(&word, &mut features);
            words += 1;
        }
        words < WORDS_MAX
    });
    features.sort_unstable();
    features.dedup();
    features
}

fn push_pieces(word: &str, features: &mut Vec<Feature>) {
    let letters: Vec<u64> = std::iter::once(' ')
        .chain(word.chars())
        .chain(std::iter::once(' '))
        .map(|letter| u64::from(u32::from(letter)))
        .collect();
    for length in PIECE_LETTERS {
        for piece in letters.windows(length) {
            let hash = piece.iter().fold(length as u64, |hash, letter| mixed(hash ^ letter));
            features.push(Feature::Piece((hash % u64::from(PIECES)) as u32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_diacritics_and_order_do_not_count_and_nothing_counts_twice() {
        assert_eq!(of_text("Één STORING storing"), of_text("storing een"));
        assert_eq!(of_text("  😀 ... "), []);
    }

    #[test]
    fn compounds_share_pieces_but_no_words() {
        let (one, other) = (of_text("factuurregel"), of_text("factuur"));
        let shared: Vec<_> = one.iter().filter(|feature| other.contains(feature)).collect();
        assert!(shared.len() >= 10, "{shared:?}");
        assert!(shared.iter().all(|feature| matches!(feature, Feature::Piece(_))));
    }

    /// Models are stored by these numbers. When this fails, every model must be trained anew.
    #[test]
    fn numbers_of_features_are_the_same_for_ever() {
        assert_eq!(of_text("tv")[0], Feature::Word(hashed("tv")));
        assert_eq!(hashed("tv"), 0x872873d0d301115d);
        assert_eq!(
            of_text("tv")[1..],
            [Feature::Piece(3_381), Feature::Piece(13_866), Feature::Piece(17_183)]
        );
    }
}
