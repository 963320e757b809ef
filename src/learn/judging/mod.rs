//! `gehoord eval`: how good the models are, on folders of labelled data.
//!
//! A folder holds a folder for each task, and in it sets by name. *Shipped* judges the models as they are; *adapted* lets
//! them learn first what an installation would learn from its staff, from a set of the same name.

mod assignment;
mod clustering;
mod complaint;
mod crosslingual;
mod identity;
mod matching;
pub mod measures;
mod stream;
mod tables;

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
pub const TASKS: [&str; 7] =
    ["complaint", "matching", "identity", "crosslingual", "assignment", "clustering", "stream"];

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
        let folder = wanted.test.join(task);
        let train = wanted.train.map(|train| train.join(task));
        let mut keep = |name: String, judged: Vec<Judged>| {
            report.entry(task.to_owned()).or_default().insert(name, judged);
        };
        match task {
            "matching" => {
                for (name, path) in folders(&folder)? {
                    progress(task, &name);
                    let judged =
                        judge_matching(&path, train.as_ref().map(|train| train.join(&name)), wanted)?;
                    keep(name, judged);
                }
            }
            "identity" => {
                for (name, path) in folders(&folder)? {
                    progress(task, &name);
                    let measures = identity::Set::read(&path)?.shipped();
                    keep(name, vec![Judged { protocol: Protocol::Shipped, measures }]);
                }
            }
            "crosslingual" => {
                for (name, parts) in tables::sets(&folder)? {
                    progress(task, &name);
                    let Some(part) = tables::judged_part(&parts) else { continue };
                    let measures = crosslingual::shipped(&parts[part], &wanted.models.encoder)?;
                    keep(name, vec![Judged { protocol: Protocol::Shipped, measures }]);
                }
            }
            "clustering" => {
                for (name, parts) in tables::sets(&folder)? {
                    progress(task, &name);
                    let Some(part) = tables::judged_part(&parts) else { continue };
                    let measures = clustering::shipped(&tables::read(&parts[part])?);
                    keep(name, vec![Judged { protocol: Protocol::Shipped, measures }]);
                }
            }
            "stream" => {
                for (name, path) in tables::streams(&folder)? {
                    progress(task, &name);
                    let measures = stream::shipped(&path)?;
                    keep(name, vec![Judged { protocol: Protocol::Shipped, measures }]);
                }
            }
            _ => {
                let taught = train.as_deref().map(tables::sets).transpose()?.unwrap_or_default();
                for (name, parts) in tables::sets(&folder)? {
                    progress(task, &name);
                    let judged = judge_labels(task, &parts, taught.get(&name), wanted)?;
                    if !judged.is_empty() {
                        keep(name, judged);
                    }
                }
            }
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

type Parts = BTreeMap<&'static str, PathBuf>;

/// Tables of texts with labels: complaint or not, or one of several headings, which must be learned first.
fn judge_labels(
    task: &str,
    parts: &Parts,
    taught: Option<&Parts>,
    wanted: &Wanted,
) -> anyhow::Result<Vec<Judged>> {
    let Some(part) = tables::judged_part(parts) else { return Ok(Vec::new()) };
    let rows = tables::read(&parts[part])?;
    let is_complaint = task == "complaint";
    let mut judged = Vec::new();
    if is_complaint && wanted.protocol != Some(Protocol::Adapted) {
        judged.push(Judged {
            protocol: Protocol::Shipped,
            measures: complaint::shipped(&rows, &wanted.models),
        });
    }
    if let Some(taught) = taught
        && wanted.protocol != Some(Protocol::Shipped)
    {
        let mut lessons = Vec::new();
        for path in taught.values().filter(|path| **path != parts[part]) {
            lessons.extend(tables::read(path)?);
        }
        let measures = match (is_complaint, lessons.is_empty()) {
            (true, true) => complaint::cross_validated(&rows, &wanted.models),
            (true, false) => complaint::adapted(&lessons, &rows, &wanted.models),
            (false, true) => assignment::cross_validated(&rows, &wanted.models),
            (false, false) => assignment::adapted(&lessons, &rows, &wanted.models),
        };
        judged.push(Judged { protocol: Protocol::Adapted, measures });
    }
    Ok(judged)
}

/// Folders of a task that hold a set, by name.
fn folders(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
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

/// One value a line.
fn lines<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("{}:{number}", file.display()))
        })
        .collect()
}
