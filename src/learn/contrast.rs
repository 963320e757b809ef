//! Trains the built-in encoder: wordings of one problem are drawn together, near misses and others are pushed apart.
//!
//! The measure is InfoNCE (van den Oord and others, 2018, "Representation Learning with Contrastive Predictive Coding"), both
//! ways: of all texts of a batch, a wording must resemble another wording of its own problem most. Whole families stand in
//! one batch, so that the near misses are among what it must be told from. Sentence pairs and the vocabulary are learned in
//! the same way. Rows are moved by Adagrad (Duchi and others, 2011), which suits features that are rarely met.

use std::collections::HashMap;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

use super::corpus::{Corpus, Group};
use super::teacher::Teacher;
use crate::encoder::features::{self, Feature};
use crate::encoder::{Row, Table};
use crate::words::{compatible, each_word, folded};

/// How training goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Coordinates of a vector.
    pub dimensions: usize,
    /// Batches that are learned from.
    pub steps: usize,
    /// How far a row moves at first; it falls to nothing with the steps.
    pub rate: f32,
    /// The share of features of a text that is left out each time, so that no single word decides.
    pub dropped: f64,
    /// Families in a batch.
    pub families: usize,
    /// Pairs in a batch.
    pub pairs: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { dimensions: 192, steps: 400, rate: 0.05, dropped: 0.6, families: 48, pairs: 256, seed: 1 }
    }
}

/// Likenesses are divided by this before they are compared: the smaller, the more the nearest rivals count.
const TEMPERATURE: f32 = 0.07;
/// The same for pairs, which have no near misses.
const PAIR_TEMPERATURE: f32 = 0.05;
/// How long the vector of a word is that the teacher knows, beside one of chance.
const TAUGHT_LENGTH: f32 = 2.5;
/// Texts shorter than this lose no features.
const DROP_MIN: usize = 5;
/// Keeps Adagrad from dividing by nothing.
const TINY: f32 = 1e-10;

/// Trains an encoder on groups and pairs. `progress` is told the number of each step that is done.
pub fn train(
    groups: &[&Group],
    corpus: &Corpus,
    teacher: &Teacher,
    plan: &Plan,
    version: &str,
    mut progress: impl FnMut(usize),
) -> Table {
    let pairs = pairs(groups, corpus);
    let mut trainer = Trainer::new(groups, &pairs, corpus, teacher, plan);
    let families = families(groups, &mut trainer);
    let pairs: Vec<[Bag; 2]> =
        pairs.iter().map(|(one, other)| [trainer.bag(one), trainer.bag(other)]).collect();
    let mut rng = SmallRng::seed_from_u64(plan.seed);
    for step in 0..plan.steps {
        let rate = plan.rate * (1.0 - step as f32 / plan.steps as f32);
        let chosen: Vec<[&Bag; 2]> = families
            .choose_multiple(&mut rng, plan.families)
            .collect::<Vec<_>>()
            .into_iter()
            .flatten()
            .map(|texts| two_of(texts, &mut rng))
            .collect();
        trainer.learn(&chosen, TEMPERATURE, plan.dropped, &mut rng);
        let chosen: Vec<[&Bag; 2]> =
            pairs.choose_multiple(&mut rng, plan.pairs).map(|[one, other]| [one, other]).collect();
        trainer.learn(&chosen, PAIR_TEMPERATURE, plan.dropped, &mut rng);
        trainer.move_rows(rate);
        progress(step + 1);
    }
    trainer.table(version)
}

fn pairs(groups: &[&Group], corpus: &Corpus) -> Vec<(String, String)> {
    let titles = groups.iter().map(|group| (group.dutch_title.clone(), group.english_title.clone()));
    let entries = corpus.vocabulary.iter().map(|entry| (entry.dutch.join(" "), entry.english.clone()));
    titles.chain(entries).chain(corpus.pairs.iter().cloned()).collect()
}

/// The texts of each group, by family.
fn families(groups: &[&Group], trainer: &mut Trainer) -> Vec<Vec<Vec<Bag>>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut families: Vec<Vec<Vec<Bag>>> = Vec::new();
    for group in groups {
        let place = *places.entry(&group.family).or_insert_with(|| {
            families.push(Vec::new());
            families.len() - 1
        });
        families[place].push(texts(group).map(|text| trainer.bag(text)).collect());
    }
    families
}

/// Everything that is said of a problem.
fn texts(group: &Group) -> impl Iterator<Item = &str> {
    let titles = [group.dutch_title.as_str(), group.english_title.as_str()];
    group.wordings.iter().map(|wording| wording.text.as_str()).chain(titles)
}

fn two_of<'a>(texts: &'a [Bag], rng: &mut SmallRng) -> [&'a Bag; 2] {
    let mut two: Vec<&Bag> = texts.choose_multiple(rng, 2).collect();
    two.shuffle(rng);
    [two[0], two[two.len() - 1]]
}

/// The rows of a text.
type Bag = Vec<u32>;

struct Trainer {
    dimensions: usize,
    places: HashMap<Feature, u32>,
    /// How much a feature counts: its factor times its rarity.
    weights: Vec<f32>,
    rows: Vec<f32>,
    /// Squares of everything a coordinate was ever moved by.
    moved: Vec<f32>,
    gradient: Vec<f32>,
    touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl Trainer {
    fn new(
        groups: &[&Group],
        pairs: &[(String, String)],
        corpus: &Corpus,
        teacher: &Teacher,
        plan: &Plan,
    ) -> Trainer {
        let mut counts: HashMap<Feature, u32> = HashMap::new();
        let mut order: Vec<Feature> = Vec::new();
        let mut texts_count = 0;
        let taught = taught(corpus, teacher);
        let in_groups = groups.iter().flat_map(|group| texts(group));
        let in_pairs = pairs.iter().flat_map(|(one, other)| [one.as_str(), other.as_str()]);
        for text in in_groups.chain(in_pairs).chain(taught.iter().map(|(word, _)| word.as_str())) {
            texts_count += 1;
            for feature in features::of_text(text) {
                *counts.entry(feature).or_insert_with(|| {
                    order.push(feature);
                    0
                }) += 1;
            }
        }
        let dimensions = plan.dimensions;
        let mut rng = SmallRng::seed_from_u64(plan.seed ^ 0x0000_5EED_0F7A_B1E5);
        let places: HashMap<Feature, u32> = order.iter().copied().zip(0..).collect();
        let weights = order
            .iter()
            .map(|feature| feature.factor() * (1.0 + texts_count as f32 / counts[feature] as f32).ln())
            .collect();
        // The sum of a uniform dozen is as good as normal here, and needs no crate.
        let normal = |rng: &mut SmallRng| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let length = (dimensions as f32).sqrt();
        let mut rows: Vec<f32> = (0..order.len() * dimensions).map(|_| normal(&mut rng) / length).collect();
        for (word, direction) in taught {
            let Some(place) = places.get(&Feature::of_word(&word)) else { continue };
            let row = &mut rows[*place as usize * dimensions..][..dimensions];
            for (value, taught) in row.iter_mut().zip(direction) {
                *value = taught * TAUGHT_LENGTH;
            }
        }
        Trainer {
            dimensions,
            places,
            weights,
            moved: vec![0.0; rows.len()],
            gradient: vec![0.0; rows.len()],
            rows,
            touched: Vec::new(),
            is_touched: vec![false; order.len()],
        }
    }

    fn bag(&self, text: &str) -> Bag {
        features::of_text(text).iter().filter_map(|feature| self.places.get(feature).copied()).collect()
    }

    /// Adds to the gradient what a batch of pairs teaches.
    fn learn(&mut self, batch: &[[&Bag; 2]], temperature: f32, dropped: f64, rng: &mut SmallRng) {
        if batch.len() < 2 {
            return;
        }
        let mut side = |which: usize| -> Vec<Bag> {
            batch.iter().map(|pair| thinned(pair[which], dropped, rng)).collect()
        };
        let (ones, others) = (side(0), side(1));
        let (one_units, one_lengths) = self.units(&ones);
        let (other_units, other_lengths) = self.units(&others);
        let size = batch.len();
        let dimensions = self.dimensions;
        let mut likeness = vec![0.0f32; size * size];
        for (row, one) in likeness.chunks_mut(size).zip(one_units.chunks(dimensions)) {
            for (value, other) in row.iter_mut().zip(other_units.chunks(dimensions)) {
                *value = dot(one, other) / temperature;
            }
        }
        let pull = pull(&likeness, size);
        let mut one_pull = vec![0.0f32; size * dimensions];
        let mut other_pull = vec![0.0f32; size * dimensions];
        for one in 0..size {
            for other in 0..size {
                let force = pull[one * size + other] / temperature;
                add(
                    &mut one_pull[one * dimensions..][..dimensions],
                    force,
                    &other_units[other * dimensions..][..dimensions],
                );
                add(
                    &mut other_pull[other * dimensions..][..dimensions],
                    force,
                    &one_units[one * dimensions..][..dimensions],
                );
            }
        }
        self.pass_back(&ones, &one_units, &one_lengths, &one_pull);
        self.pass_back(&others, &other_units, &other_lengths, &other_pull);
    }

    /// The directions of texts, and how long their sums were.
    fn units(&self, bags: &[Bag]) -> (Vec<f32>, Vec<f32>) {
        let dimensions = self.dimensions;
        let mut units = vec![0.0f32; bags.len() * dimensions];
        let mut lengths = Vec::with_capacity(bags.len());
        for (unit, bag) in units.chunks_mut(dimensions).zip(bags) {
            for place in bag {
                let row = &self.rows[*place as usize * dimensions..][..dimensions];
                add(unit, self.weights[*place as usize], row);
            }
            let length = dot(unit, unit).sqrt().max(1e-6);
            unit.iter_mut().for_each(|value| *value /= length);
            lengths.push(length);
        }
        (units, lengths)
    }

    /// From forces on directions to forces on rows.
    fn pass_back(&mut self, bags: &[Bag], units: &[f32], lengths: &[f32], pulls: &[f32]) {
        let dimensions = self.dimensions;
        let mut on_sum = vec![0.0f32; dimensions];
        for (number, bag) in bags.iter().enumerate() {
            let unit = &units[number * dimensions..][..dimensions];
            let pull = &pulls[number * dimensions..][..dimensions];
            let along = dot(unit, pull);
            for ((on_sum, pull), unit) in on_sum.iter_mut().zip(pull).zip(unit) {
                *on_sum = (pull - along * unit) / lengths[number];
            }
            for place in bag {
                let place = *place as usize;
                if !self.is_touched[place] {
                    self.is_touched[place] = true;
                    self.touched.push(place as u32);
                }
                add(&mut self.gradient[place * dimensions..][..dimensions], self.weights[place], &on_sum);
            }
        }
    }

    fn move_rows(&mut self, rate: f32) {
        let dimensions = self.dimensions;
        for place in self.touched.drain(..) {
            let place = place as usize;
            self.is_touched[place] = false;
            let span = place * dimensions..(place + 1) * dimensions;
            let values = self.rows[span.clone()].iter_mut();
            let parts = self.gradient[span.clone()].iter_mut().zip(&mut self.moved[span]);
            for (value, (gradient, moved)) in values.zip(parts) {
                *moved += *gradient * *gradient;
                *value -= rate * *gradient / (moved.sqrt() + TINY);
                *gradient = 0.0;
            }
        }
    }

    fn table(&self, version: &str) -> Table {
        let mut places: Vec<(Feature, u32)> = self.places.iter().map(|(key, place)| (*key, *place)).collect();
        places.sort_unstable();
        let rows = places.into_iter().map(|(feature, place)| {
            let place = place as usize;
            let values = &self.rows[place * self.dimensions..][..self.dimensions];
            let weight = self.weights[place];
            let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs())).max(1e-9);
            let values = values.iter().map(|value| (value / largest * 127.0).round() as i8).collect();
            (feature, Row { scale: weight * largest / 127.0, values })
        });
        Table::new(version, self.dimensions, rows)
    }
}

/// Words that the teacher knows, each with its direction. Of a Dutch word that has several meanings it is the mean, and a
/// word that both languages have keeps the Dutch one.
fn taught(corpus: &Corpus, teacher: &Teacher) -> Vec<(String, Vec<f32>)> {
    let mut sums: HashMap<String, Vec<f32>> = HashMap::new();
    for entry in &corpus.vocabulary {
        let Some(meaning) = teacher.of(&entry.english) else { continue };
        for word in entry.dutch.iter().flat_map(|words| words_of(words)) {
            let sum = sums.entry(word).or_insert_with(|| vec![0.0; teacher.dimensions]);
            add(sum, 1.0, &meaning);
        }
    }
    let mut taught: Vec<(String, Vec<f32>)> = sums
        .into_iter()
        .map(|(word, mut sum)| {
            let length = dot(&sum, &sum).sqrt().max(1e-6);
            sum.iter_mut().for_each(|value| *value /= length);
            (word, sum)
        })
        .collect();
    taught.sort_by(|a, b| a.0.cmp(&b.0));
    let dutch: std::collections::HashSet<String> = taught.iter().map(|(word, _)| word.clone()).collect();
    for text in teacher.texts() {
        let words = words_of(text);
        if let ([word], Some(direction)) = (&words[..], teacher.of(text))
            && !dutch.contains(word)
        {
            taught.push((word.clone(), direction));
        }
    }
    taught
}

fn words_of(text: &str) -> Vec<String> {
    let text = compatible(text);
    let mut words = Vec::new();
    each_word(&text, |place| {
        words.push(folded(&text[place]));
        true
    });
    words
}

fn thinned(bag: &Bag, dropped: f64, rng: &mut SmallRng) -> Bag {
    if bag.len() < DROP_MIN {
        return bag.clone();
    }
    bag.iter().copied().filter(|_| !rng.random_bool(dropped)).collect()
}

/// How strongly each likeness is to fall: the gradient of the loss, both ways.
fn pull(likeness: &[f32], size: usize) -> Vec<f32> {
    let mut pull = vec![0.0f32; size * size];
    for one in 0..size {
        share(
            |other| likeness[one * size + other],
            size,
            |other, share| {
                pull[one * size + other] += (share - f32::from(one == other)) / size as f32;
            },
        );
        share(
            |other| likeness[other * size + one],
            size,
            |other, share| {
                pull[other * size + one] += (share - f32::from(one == other)) / size as f32;
            },
        );
    }
    pull
}

/// Softmax.
fn share(value: impl Fn(usize) -> f32, size: usize, mut take: impl FnMut(usize, f32)) {
    let largest = (0..size).map(&value).fold(f32::MIN, f32::max);
    let powers: Vec<f32> = (0..size).map(|place| (value(place) - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    for (place, power) in powers.iter().enumerate() {
        take(place, power / sum);
    }
}

fn add(to: &mut [f32], times: f32, values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += times * value;
    }
}

/// Eight sums side by side, which the compiler turns into vector instructions, always in the same order.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let (one_lanes, one_rest) = one.as_chunks::<8>();
    let (other_lanes, other_rest) = other.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in one_lanes.iter().zip(other_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + one_rest.iter().zip(other_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::corpus::{Tongue, Voice, Wording};

    fn group(family: &str, texts: &[&str]) -> Group {
        let wordings = texts
            .iter()
            .map(|text| Wording { voice: Voice::Post, tongue: Tongue::English, text: (*text).to_owned() })
            .collect();
        Group {
            sector: "telecom".into(),
            family: family.into(),
            dutch_title: texts[0].into(),
            english_title: texts[1].into(),
            wordings,
        }
    }

    fn groups() -> Vec<Group> {
        vec![
            group("tv", &["beeld zwart", "picture gone", "scherm donker", "screen dark"]),
            group("tv", &["geluid weg", "sound gone", "stil toestel", "mute telly"]),
            group("bill", &["factuur dubbel", "billed twice", "twee keer afgeschreven", "paid double"]),
            group("post", &["pakket kwijt", "parcel lost", "doos verdwenen", "box vanished"]),
        ]
    }

    fn plan() -> Plan {
        Plan { dimensions: 32, steps: 120, dropped: 0.2, ..Plan::default() }
    }

    fn trained() -> Table {
        let groups = groups();
        let chosen: Vec<&Group> = groups.iter().collect();
        train(&chosen, &Corpus::default(), &Teacher::default(), &plan(), "test", |_| {})
    }

    #[test]
    fn wordings_of_one_problem_come_near_each_other_and_near_misses_do_not() {
        let table = trained();
        let like = |one: &str, other: &str| table.encode(one).likeness(&table.encode(other));
        assert!(like("beeld zwart", "screen dark") > 0.5, "{}", like("beeld zwart", "screen dark"));
        assert!(like("beeld zwart", "screen dark") > like("beeld zwart", "mute telly") + 0.3);
        assert!(like("pakket kwijt", "box vanished") > like("pakket kwijt", "paid double") + 0.3);
    }

    #[test]
    fn training_twice_gives_the_same_bytes() {
        let bytes = |table: Table| {
            let mut writer = crate::models::artefact::Writer::default();
            table.write(&mut writer);
            writer.finish()
        };
        assert_eq!(bytes(trained()), bytes(trained()));
    }

    #[test]
    fn both_languages_begin_where_the_vocabulary_says() {
        let entry = |dutch: &str, english: &str| super::super::corpus::Entry {
            dutch: vec![dutch.to_owned()],
            english: english.to_owned(),
        };
        let corpus =
            Corpus { vocabulary: vec![entry("hond", "dog"), entry("auto", "car")], ..Corpus::default() };
        let axis = |place: usize| (0..32).map(|n| if n == place { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
        let teacher = Teacher::new("axes", 32, [("dog".to_owned(), axis(0)), ("car".to_owned(), axis(1))]);
        let groups = groups();
        let chosen: Vec<&Group> = groups.iter().collect();
        let plan = Plan { steps: 0, ..plan() };
        let table = train(&chosen, &corpus, &teacher, &plan, "test", |_| {});
        let like = |one: &str, other: &str| table.encode(one).likeness(&table.encode(other));
        assert!(
            like("hond", "dog") > like("hond", "car") + 0.3,
            "{} {}",
            like("hond", "dog"),
            like("hond", "car")
        );
    }
}
