//! `gehoord eval`: how good the models are, on folders of labelled data.
//!
//! A folder holds a folder for each task, and in it sets by name. *Shipped* judges the models as they are; *adapted* lets
//! them learn first what an installation would learn from its staff, from a set of the same name.

mod matching;
pub mod measures;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::models::Models;

/// Figures by name, in percent where they are shares.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Measures(pub BTreeMap<String, f64>);

impl Measures {
    fn set(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.0.insert(name.to_owned(), value);
        }
    }
}

/// How models are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// As they are.
    Shipped,
    /// After learning from labels of the same name.
    Adapted,
}

/// The figures of one set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// How it was judged.
    pub protocol: Protocol,
    /// The figures.
    pub measures: Measures,
}

/// By task, by set.
pub type Report = BTreeMap<String, BTreeMap<String, Vec<Judged>>>;

/// The tasks, which are also the names of their folders.
pub const TASKS: [&str; 1] = ["matching"];

/// What is to be judged.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The folder that is judged on.
    pub test: &'a Path,
    /// The folder that is learned from.
    pub train: Option<&'a Path>,
    /// Only this task.
    pub task: Option<&'a str>,
    /// Only this protocol.
    pub protocol: Option<Protocol>,
    /// What is judged.
    pub models: Arc<Models>,
}

/// Judges. `progress` is told which set is next.
///
/// # Errors
/// A folder without any task, or data that cannot be read.
pub fn judge(wanted: &Wanted, mut progress: impl FnMut(&str, &str)) -> anyhow::Result<Report> {
    let mut report = Report::new();
    for task in TASKS.into_iter().filter(|task| wanted.task.is_none_or(|wanted| wanted == *task)) {
        for (name, path) in sets(&wanted.test.join(task))? {
            progress(task, &name);
            let train = wanted.train.map(|train| train.join(task));
            let judged = match task {
                "matching" => judge_matching(&path, train.map(|train| train.join(&name)), wanted)?,
                _ => continue,
            };
            report.entry(task.to_owned()).or_default().insert(name, judged);
        }
    }
    ensure!(
        !report.is_empty(),
        "{}: there is nothing to judge; tasks are {}",
        wanted.test.display(),
        TASKS.join(", ")
    );
    Ok(report)
}

fn judge_matching(path: &Path, train: Option<PathBuf>, wanted: &Wanted) -> anyhow::Result<Vec<Judged>> {
    let set = matching::Set::read(path, &wanted.models)?;
    let train = train.filter(|train| train.is_dir());
    let mut judged = Vec::new();
    if wanted.protocol != Some(Protocol::Adapted) {
        judged.push(Judged { protocol: Protocol::Shipped, measures: set.shipped() });
    }
    if let Some(train) = train
        && wanted.protocol != Some(Protocol::Shipped)
    {
        let is_same = train.canonicalize()? == path.canonicalize()?;
        let measures = if is_same {
            set.cross_validated()
        } else {
            set.adapted(&matching::Set::read(&train, &wanted.models)?)
        };
        judged.push(Judged { protocol: Protocol::Adapted, measures });
    }
    Ok(judged)
}

/// Folders of a task that hold a set, by name.
fn sets(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut sets = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir()
            && let Some(name) = path.file_name()
        {
            sets.push((name.to_string_lossy().into_owned(), path));
        }
    }
    sets.sort();
    Ok(sets)
}
