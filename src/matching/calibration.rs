//! From resemblance to a probability, and from a probability to what may be done with it.
//!
//! For other people's problems the probability is learned (`fusion`). For a person's own ticket the weights are set by hand,
//! here; [`super::VERSION`] rises whenever one changes. Weights rank well everywhere; a *threshold* does not travel from one
//! company to the next (a shipped one gave 0 to 13 % false matches where 5 % was meant). So text alone never acts before an
//! installation has learned its own: see [`TEXT_BAND_MAX`].

use super::index::Overlap;
use super::{Band, Tier};
use crate::assess::Class;

/// From this probability on we act.
pub const KNOWN_MIN: f64 = 0.8;
/// From this probability on we ask.
pub const PERHAPS_MIN: f64 = 0.35;
/// The most that resemblance of text alone may mean, until the installation has learned its thresholds.
pub const TEXT_BAND_MAX: Band = Band::Perhaps;
/// How sure an exact identifier makes us; numbers are mistyped now and then.
pub const BY_REFERENCE: f64 = 0.99;
/// How sure a thread makes us.
pub const BY_THREAD: f64 = 0.97;
/// How sure an identifier makes us that stands in the post of a certain other customer.
pub const BY_REFERENCE_OF_ANOTHER: f64 = 0.6;

/// What a probability is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// The candidate's score, 0 to 1.
    pub score: f64,
    /// How far the runner-up is behind, as a share of the score, 0 to 1.
    pub gap: f64,
    /// What the resemblance rests on.
    pub overlap: Overlap,
    /// What the post is.
    pub class: Class,
}

/// How much each feature counts, in logits.
struct Weights {
    bias: f64,
    score: f64,
    gap: f64,
    text_share: f64,
    shared_word: f64,
    rare_word: f64,
    question: f64,
    no_complaint: f64,
}

/// The person's own ticket: one of few, and people complain about what they have complained about.
const OF_THEIR_OWN: Weights = Weights {
    bias: -0.8,
    score: 7.0,
    gap: 0.4,
    text_share: 2.0,
    shared_word: 0.2,
    rare_word: 0.1,
    question: -0.8,
    no_complaint: -2.0,
};

/// Beyond this many shared words one more proves little.
const WORDS_THAT_COUNT: f64 = 5.0;

/// What becomes of a probability when the text is no complaint: praise in the words of a complaint is about it less often.
pub fn of_class(class: Class) -> f64 {
    match class {
        Class::Complaint | Class::Unknown => 1.0,
        Class::Question => 0.85,
        Class::Praise | Class::Other => 0.4,
    }
}

/// How likely it is that a person's post is about their own ticket. `rival` is how much better, 0 to 1, the text fits the
/// problem of somebody else.
pub fn of_their_own(features: &Features, rival: f64) -> f64 {
    const RIVAL: f64 = -4.0;
    logistic(OF_THEIR_OWN.logit(features) + RIVAL * rival.max(0.0))
}

/// What may be done with a probability of a tier.
pub fn band(tier: Tier, probability: f64) -> Band {
    let band = if probability >= KNOWN_MIN {
        Band::Known
    } else if probability >= PERHAPS_MIN {
        Band::Perhaps
    } else {
        Band::New
    };
    match tier {
        Tier::Text => band.min(TEXT_BAND_MAX),
        Tier::Reference | Tier::Thread | Tier::Customer => band,
        Tier::None => Band::New,
    }
}

impl Weights {
    fn logit(&self, features: &Features) -> f64 {
        let overlap = &features.overlap;
        let shared = overlap.exact as f64 + overlap.partly as f64 / 2.0;
        let class = match features.class {
            Class::Complaint | Class::Unknown => 0.0,
            Class::Question => self.question,
            Class::Praise | Class::Other => self.no_complaint,
        };
        self.bias
            + self.score * features.score
            + self.gap * features.gap
            + self.text_share * overlap.text_share
            + self.shared_word * shared.min(WORDS_THAT_COUNT)
            + self.rare_word * (overlap.rare as f64).min(WORDS_THAT_COUNT)
            + class
    }
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(score: f64, exact: usize) -> Features {
        let overlap = Overlap { exact, partly: 0, rare: 1, text_share: exact as f64 / 10.0 };
        Features { score, gap: 0.5, overlap, class: Class::Complaint }
    }

    #[test]
    fn more_resemblance_is_never_less_likely() {
        let steps: Vec<f64> = (0..10).map(|n| of_their_own(&features(n as f64 / 10.0, n), 0.0)).collect();
        assert!(steps.is_sorted() && steps[0] < 0.6 && steps[9] > 0.9, "{steps:?}");
    }

    #[test]
    fn praise_that_uses_the_words_of_a_complaint_is_less_likely_to_be_one() {
        assert!(of_class(Class::Praise) < of_class(Class::Question));
        assert!(of_class(Class::Question) < of_class(Class::Complaint));
    }

    #[test]
    fn a_better_rival_speaks_against_the_own_ticket() {
        let own = features(0.2, 2);
        assert!(of_their_own(&own, 0.4) < of_their_own(&own, 0.0));
        assert_eq!(of_their_own(&own, -1.0), of_their_own(&own, 0.0));
    }

    #[test]
    fn text_alone_never_acts_and_certainty_does() {
        for (tier, probability, expected) in [
            (Tier::Text, 0.999, Band::Perhaps),
            (Tier::Text, 0.2, Band::New),
            (Tier::Customer, 0.9, Band::Known),
            (Tier::Reference, BY_REFERENCE, Band::Known),
            (Tier::Reference, BY_REFERENCE_OF_ANOTHER, Band::Perhaps),
            (Tier::None, 1.0, Band::New),
        ] {
            assert_eq!(band(tier, probability), expected, "{tier:?} {probability}");
        }
    }
}
