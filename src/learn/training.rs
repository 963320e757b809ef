//! `gehoord train`: from the training data to the models, in one go.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::artefact::Writer;
use super::contrast::{self, Plan};
use super::corpus::{Corpus, Group};
use super::fusing::{self, Example};
use super::registers;
use super::teacher::Teacher;
use crate::matching::Index;
use crate::matching::fusion::Fusion;
use crate::models::Models;
use crate::words::hashed;

/// Parts that the families are cut into.
pub const FOLDS: usize = 4;
/// Problems of the registers that fusion is trained on.
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
    Ok(Made { version, files })
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
        let (held_out, seen) = split(corpus, fold);
        let table = contrast::train(&seen, corpus, teacher, plan, "fold", |step| progress(fold, step));
        let models = Arc::new(Models { encoder: Arc::new(table), fusion: Fusion::default() });
        for (place, problems_max) in REGISTER_SIZES.into_iter().enumerate() {
            let seed = (fold * REGISTER_SIZES.len() + place) as u64;
            let simulated = registers::simulate(
                &held_out,
                &corpus.mentions,
                Index::new(models.clone()),
                problems_max,
                seed,
            );
            examples.extend(fusing::examples(&simulated));
        }
    }
    examples
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
