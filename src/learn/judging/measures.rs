//! The measures that models are judged by, in percent where they are shares. Pure.

/// The chance that what is true scores higher than what is not (area under the ROC curve), 0 to 1; a half for no skill.
pub fn auroc(scored: &[(f64, bool)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut place) = (0.0, 0);
    while place < sorted.len() {
        let ties = sorted[place..].iter().take_while(|item| item.0 == sorted[place].0).count();
        let rank = place as f64 + (ties as f64 + 1.0) / 2.0;
        rank_sum += rank * sorted[place..place + ties].iter().filter(|item| item.1).count() as f64;
        place += ties;
    }
    let trues = sorted.iter().filter(|item| item.1).count() as f64;
    let falses = sorted.len() as f64 - trues;
    if trues == 0.0 || falses == 0.0 {
        return f64::NAN;
    }
    (rank_sum - trues * (trues + 1.0) / 2.0) / (trues * falses)
}

/// The score that the share `nominal` of `scores` lies above.
pub fn threshold(scores: &[f64], nominal: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let place = (sorted.len() as f64 * nominal).round() as usize;
    match sorted.get(place) {
        Some(score) => *score,
        None => f64::NEG_INFINITY,
    }
}

/// The mean F1 of the classes, 0 to 1 (macro-F1). Classes are those that stand in either list.
pub fn macro_f1<T: PartialEq + Ord + Clone>(truth: &[T], guessed: &[T]) -> f64 {
    let mut classes: Vec<T> = truth.iter().chain(guessed).cloned().collect();
    classes.sort();
    classes.dedup();
    let f1 = |class: &T| {
        let count = |test: &dyn Fn(&T, &T) -> bool| {
            truth.iter().zip(guessed).filter(|(truth, guess)| test(truth, guess)).count() as f64
        };
        let hit = count(&|truth, guess| truth == class && guess == class);
        let wrong = count(&|truth, guess| (truth == class) != (guess == class));
        if hit == 0.0 { 0.0 } else { 2.0 * hit / (2.0 * hit + wrong) }
    };
    classes.iter().map(f1).sum::<f64>() / classes.len().max(1) as f64
}

/// The share that is right, 0 to 1.
pub fn accuracy<T: PartialEq>(truth: &[T], guessed: &[T]) -> f64 {
    let right = truth.iter().zip(guessed).filter(|(truth, guess)| truth == guess).count();
    right as f64 / truth.len().max(1) as f64
}

/// In percent, with one digit.
pub fn percent(share: f64) -> f64 {
    (share * 1_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_in_the_right_order_and_ties_by_half() {
        assert_eq!(auroc(&[(0.1, false), (0.2, true)]), 1.0);
        assert_eq!(auroc(&[(0.1, true), (0.2, false)]), 0.0);
        assert_eq!(auroc(&[(0.1, true), (0.1, false)]), 0.5);
        assert_eq!(auroc(&[(0.1, false), (0.2, true), (0.3, false), (0.4, true)]), 0.75);
        assert!(auroc(&[(0.1, true)]).is_nan());
    }

    #[test]
    fn a_threshold_lets_the_nominal_share_through() {
        let scores: Vec<f64> = (0..100).map(f64::from).collect();
        let above = |nominal: f64| {
            let threshold = threshold(&scores, nominal);
            scores.iter().filter(|score| **score > threshold).count()
        };
        assert_eq!((above(0.01), above(0.05), above(0.2), above(0.0)), (1, 5, 20, 0));
    }

    #[test]
    fn f1_is_the_mean_of_the_classes() {
        let truth = ["a", "a", "b", "b"];
        assert_eq!(macro_f1(&truth, &truth), 1.0);
        assert!((macro_f1(&truth, &["a", "a", "a", "a"]) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(accuracy(&truth, &["a", "b", "b", "b"]), 0.75);
    }
}
