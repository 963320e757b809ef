//! The training data: written, not stamped.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use gehoord::learn::corpus::{Corpus, Tongue, Voice};

/// Of all sequences of four words, so many of a hundred occur once only.
const DISTINCT_PERCENT_MIN: usize = 90;
/// Of all texts, so many of a thousand share most of their word sequences with another one.
const NEAR_DUPLICATES_PERMILLE_MAX: usize = 10;

fn corpus() -> Corpus {
    Corpus::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("training")).expect("it follows its format")
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn fours(text: &str) -> Vec<Vec<String>> {
    words(text).windows(4).map(<[String]>::to_vec).collect()
}

fn texts(corpus: &Corpus) -> Vec<&str> {
    let wordings =
        corpus.groups.iter().flat_map(|group| &group.wordings).map(|wording| wording.text.as_str());
    let mentions = corpus.mentions.iter().map(|mention| mention.text.as_str());
    wordings.chain(mentions).chain(corpus.pairs.iter().map(|pair| pair.0.as_str())).collect()
}

#[test]
fn sequences_of_words_hardly_ever_come_back() {
    let corpus = corpus();
    let (mut all, mut distinct) = (0, HashSet::new());
    for four in texts(&corpus).into_iter().flat_map(fours) {
        all += 1;
        distinct.insert(four);
    }
    let percent = distinct.len() * 100 / all;
    assert!(percent >= DISTINCT_PERCENT_MIN, "{percent} % of {all} are distinct");
}

#[test]
fn hardly_any_text_is_nearly_another_one() {
    let corpus = corpus();
    let mut first_in: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut near = Vec::new();
    let texts = texts(&corpus);
    for (number, text) in texts.iter().enumerate() {
        let fours: HashSet<Vec<String>> = fours(text).into_iter().collect();
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for earlier in fours.iter().filter_map(|four| first_in.get(four)) {
            *shared.entry(*earlier).or_default() += 1;
        }
        if shared.values().any(|count| count * 2 > fours.len()) {
            near.push(*text);
        }
        for four in fours {
            first_in.entry(four).or_insert(number);
        }
    }
    let permille = near.len() * 1000 / texts.len();
    assert!(permille <= NEAR_DUPLICATES_PERMILLE_MAX, "{} of {}: {near:#?}", near.len(), texts.len());
}

#[test]
fn every_group_has_six_wordings_all_voices_and_both_languages() {
    for group in corpus().groups {
        let has = |voice: Voice, tongue: Tongue, least: usize| {
            let of = |wording: &&gehoord::learn::corpus::Wording| {
                (wording.voice, wording.tongue) == (voice, tongue)
            };
            assert!(
                group.wordings.iter().filter(of).count() >= least,
                "{}: {voice:?} {tongue:?}",
                group.english_title
            );
        };
        assert!(group.wordings.len() >= 6, "{}", group.english_title);
        for tongue in [Tongue::Dutch, Tongue::English] {
            has(Voice::Agent, tongue, 1);
            has(Voice::Post, tongue, 2);
        }
        assert!(
            group.wordings.iter().any(|wording| wording.voice == Voice::Letter),
            "{}",
            group.english_title
        );
    }
}

#[test]
fn near_misses_stand_beside_each_other() {
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for group in corpus().groups {
        *sizes.entry(group.family).or_default() += 1;
    }
    let lonely: Vec<_> = sizes.iter().filter(|(_, size)| **size < 3).collect();
    assert!(lonely.is_empty(), "{lonely:?}");
}

#[test]
fn mentions_are_balanced() {
    let mentions = corpus().mentions;
    let share = |test: &dyn Fn(&gehoord::learn::corpus::Labelled) -> bool| {
        mentions.iter().filter(|mention| test(mention)).count() * 100 / mentions.len()
    };
    let complaints = share(&|mention| mention.class == "complaint");
    assert!((40..=60).contains(&complaints), "{complaints} % are complaints");
    for class in ["question", "praise", "other"] {
        let percent = share(&|mention| mention.class == class);
        assert!((10..=30).contains(&percent), "{percent} % are {class}");
    }
    let dutch = share(&|mention| mention.tongue == Tongue::Dutch);
    assert!((45..=55).contains(&dutch), "{dutch} % are Dutch");
    let not_about_us = share(&|mention| !mention.about_us);
    assert!(not_about_us >= 5, "{not_about_us} % are about nobody's service");
    let short = share(&|mention| words(&mention.text).len() <= 6);
    let long = share(&|mention| words(&mention.text).len() >= 40);
    assert!(short >= 3 && long >= 1, "{short} % are short, {long} % long");
}
