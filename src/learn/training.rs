//! `gehoord train`: from the training data to the models, in one go.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::classifying;
use super::contrast::{self, Plan};
use super::corpus::{Corpus, Group, Labelled, Tongue};
use super::fusing::{self, Example};
use super::judging::measures;
use super::registers::{self, Simulated};
use super::teacher::Teacher;
use crate::assess;
use crate::assess::classifier::Classifier;
use crate::matching::Index;
use crate::matching::fusion::Fusion;
use crate::matching::problems;
use crate::models::artefact::Writer;
use crate::models::{self, Models};
use crate::words::hashed;

/// Parts that the families are cut into.
pub const FOLDS: usize = 4;
/// Problems of the registers that fusion is trained on.
/// Mentions that an author wrote in one go, about: they resemble each other, so they are kept together.
const SHEET: usize = 150;
const REGISTER_SIZES: [usize; 5] = [20, 45, 45, 90, 250];

/// What training made.
#[derive(Debug, serde::Serialize)]
pub struct Made {
    /// The version of the models: the start of the checksum of everything that they were made from.
    pub version: String,
    /// Files and their sizes in bytes.
    pub files: Vec<(String, usize)>,
}

/// Trains all models on the folder `from` and writes them into the folder `to`. `progress` is told what is being done, how
/// many of how many steps.
///
/// # Errors
/// When the data does not follow its format, or the models cannot be written.
pub fn train(from: &Path, to: &Path, mut progress: impl FnMut(&str, usize, usize)) -> anyhow::Result<Made> {
    let corpus = Corpus::read(from)?;
    let teacher = Teacher::read(&from.join("teacher/words.bin"))?;
    let plan = Plan { dimensions: teacher.dimensions, ..Plan::default() };
    let version = version(&corpus, &teacher, &plan);
    std::fs::create_dir_all(to).with_context(|| format!("{}", to.display()))?;
    let groups: Vec<&Group> = corpus.groups.iter().collect();
    let table = contrast::train(&groups, &corpus, &teacher, &plan, &version, |step| {
        progress("encoder", step, plan.steps);
    });
    let mut writer = Writer::default();
    table.write(&mut writer);
    let mut files = vec![write(to, "encoder.bin", &writer.finish())?];
    let examples = examples(&corpus, &teacher, &plan, |fold, step| {
        progress("fusion", fold * plan.steps + step, FOLDS * plan.steps);
    });
    let fusion = fusing::fit(&examples, &Fusion::default(), &version);
    let mut writer = Writer::default();
    fusion.write(&mut writer);
    files.push(write(to, "fusion.bin", &writer.finish())?);
    progress("classifier", 0, 1);
    let mut writer = Writer::default();
    classifier(&corpus.mentions, &version).write(&mut writer);
    files.push(write(to, "classifier.bin", &writer.finish())?);
    Ok(Made { version, files })
}

/// A classifier of these mentions.
pub fn classifier(mentions: &[Labelled], version: &str) -> Classifier {
    let rarity = classifying::rarity(mentions.iter().map(|mention| mention.text.as_str()));
    let examples: Vec<classifying::Example> = mentions
        .iter()
        .map(|mention| {
            let rules = assess::rule_scores(&mention.text).unwrap_or_default();
            let features =
                assess::classifier::features(&mention.text, rules, |bucket| rarity[bucket as usize]);
            classifying::Example { features, kind: classifying::kind_of(mention) }
        })
        .collect();
    classifying::fit(&examples, rarity, version)
}

/// Posts with what they could be about, from registers of families that the encoder has not seen: in a company it will not
/// have seen its problems either.
pub fn examples(
    corpus: &Corpus,
    teacher: &Teacher,
    plan: &Plan,
    mut progress: impl FnMut(usize, usize),
) -> Vec<Example> {
    let mut examples = Vec::new();
    for fold in 0..FOLDS {
        let registers = registers_of(corpus, teacher, plan, fold, |step| progress(fold, step));
        examples.extend(registers.iter().flat_map(fusing::examples));
    }
    examples
}

/// Registers of the families of one fold, under an encoder that was trained on the others.
fn registers_of(
    corpus: &Corpus,
    teacher: &Teacher,
    plan: &Plan,
    fold: usize,
    progress: impl FnMut(usize),
) -> Vec<Simulated> {
    let (held_out, seen) = split(corpus, fold);
    let table = contrast::train(&seen, corpus, teacher, plan, "fold", progress);
    let models = Arc::new(Models { encoder: Arc::new(table), ..(*models::shipped()).clone() });
    let simulate = |(place, problems_max)| {
        let seed = (fold * REGISTER_SIZES.len() + place) as u64;
        registers::simulate(&held_out, &corpus.mentions, Index::new(models.clone()), problems_max, seed)
    };
    REGISTER_SIZES.into_iter().enumerate().map(simulate).collect()
}

/// How well problems that were never seen are recognised in registers of our own.
#[derive(Clone, Debug, Default)]
pub struct Recognised {
    /// By the languages of post and tickets, such as "Dutch on English": how many posts, and of how many the right problem
    /// came first.
    pub first: BTreeMap<String, (usize, usize)>,
    /// "Is it known at all?", as the area under the ROC curve, 0 to 1.
    pub known_at_all: f64,
}

/// Judges each fold of the families by an encoder and a fusion that learned from the others.
pub fn measure_matching(corpus: &Corpus, teacher: &Teacher, mut progress: impl FnMut(usize)) -> Recognised {
    let plan = Plan { dimensions: teacher.dimensions, ..Plan::default() };
    let folds: Vec<Vec<Simulated>> = (0..FOLDS)
        .map(|fold| {
            progress(fold);
            registers_of(corpus, teacher, &plan, fold, |_| {})
        })
        .collect();
    let examples: Vec<Vec<Example>> =
        folds.iter().map(|registers| registers.iter().flat_map(fusing::examples).collect()).collect();
    let mut recognised = Recognised::default();
    let mut known: Vec<(f64, bool)> = Vec::new();
    for (fold, registers) in folds.iter().enumerate() {
        let others = examples.iter().enumerate().filter(|(other, _)| *other != fold);
        let lessons: Vec<Example> = others.flat_map(|(_, examples)| examples.clone()).collect();
        let fusion = fusing::fit(&lessons, &Fusion::default(), "fold");
        for register in registers {
            for asked in &register.asked {
                let query = register.index.query(&asked.text, &[]);
                let likely = problems::likely(&query, &fusion, Timestamp::UNIX_EPOCH, |_| false);
                known.push((1.0 - likely.unknown, asked.answer.is_some()));
                if let (Some(answer), [tongue]) = (&asked.answer, &asked.ticket_tongues[..]) {
                    let is_first = likely.candidates.first().is_some_and(|best| best.id() == answer);
                    let pair = format!("{:?} on {tongue:?}", asked.tongue);
                    let counts = recognised.first.entry(pair).or_default();
                    counts.0 += 1;
                    counts.1 += usize::from(is_first);
                }
            }
        }
    }
    recognised.known_at_all = measures::auroc(&known);
    recognised
}

/// How well complaints are told from other mentions of our own, in each language: macro-F1 and AUC, each sheet of mentions
/// being judged by what the other sheets teach.
pub fn measure_classifier(corpus: &Corpus) -> Vec<(Tongue, f64, f64)> {
    let mut scored: Vec<(Tongue, f64, bool)> = Vec::new();
    for fold in 0..FOLDS {
        let part = |inside: bool| -> Vec<Labelled> {
            let sheets = corpus.mentions.iter().enumerate();
            let chosen = sheets.filter(|(place, _)| (place / SHEET % FOLDS == fold) == inside);
            chosen.map(|(_, mention)| mention.clone()).collect()
        };
        let classifier = classifier(&part(false), "fold");
        scored.extend(part(true).iter().map(|mention| {
            let probability = assess::complaint_probability(&mention.text, &classifier).unwrap_or(0.0);
            (mention.tongue, probability, mention.class == "complaint")
        }));
    }
    [Tongue::Dutch, Tongue::English]
        .into_iter()
        .map(|tongue| {
            let of: Vec<(f64, bool)> =
                scored.iter().filter(|one| one.0 == tongue).map(|one| (one.1, one.2)).collect();
            let truth: Vec<bool> = of.iter().map(|one| one.1).collect();
            let guessed: Vec<bool> = of.iter().map(|one| one.0 > 0.5).collect();
            (tongue, measures::macro_f1(&truth, &guessed), measures::auroc(&of))
        })
        .collect()
}

/// The groups of one fold and all others; families stay together.
pub fn split(corpus: &Corpus, fold: usize) -> (Vec<&Group>, Vec<&Group>) {
    corpus.groups.iter().partition(|group| hashed(&group.family) % FOLDS as u64 == fold as u64)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<(String, usize)> {
    let file = folder.join(name);
    std::fs::write(&file, bytes).with_context(|| format!("{}", file.display()))?;
    Ok((name.to_owned(), bytes.len()))
}

/// The start of the checksum of everything that a model is made from.
fn version(corpus: &Corpus, teacher: &Teacher, plan: &Plan) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{corpus:?}{plan:?}{}", teacher.name));
    digest.update(teacher.write());
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
