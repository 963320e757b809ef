//! Tables of labelled texts: `name.train.tsv`, `name.dev.tsv` and `name.test.tsv`, with a header and the columns text,
//! label, lang, source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The words.
    pub text: String,
    /// What it is.
    pub label: String,
}

/// The parts of a set, in the order in which they are trusted for judging.
const PARTS: [&str; 3] = ["test", "dev", "train"];

/// The sets of a folder by name, each with its parts.
///
/// # Errors
/// A folder that cannot be read.
pub fn sets(folder: &Path) -> anyhow::Result<BTreeMap<String, BTreeMap<&'static str, PathBuf>>> {
    let mut sets: BTreeMap<String, BTreeMap<&'static str, PathBuf>> = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(sets);
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for part in PARTS {
            if let Some(set) = name.strip_suffix(&format!(".{part}.tsv")) {
                sets.entry(set.to_owned()).or_default().insert(part, path.clone());
            }
        }
    }
    Ok(sets)
}

/// What a set is judged on: its test part, or else dev, or else train.
pub fn judged_part(parts: &BTreeMap<&'static str, PathBuf>) -> Option<&'static str> {
    PARTS.into_iter().find(|part| parts.contains_key(part))
}

/// The streams of a folder by name: every table there.
///
/// # Errors
/// A folder that cannot be read.
pub fn streams(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut streams = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(streams);
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tsv")
            && let Some(name) = path.file_stem()
        {
            streams.insert(name.to_string_lossy().into_owned(), path.clone());
        }
    }
    Ok(streams)
}

/// Reads a table.
///
/// # Errors
/// A line with too few columns, with its number.
pub fn read(file: &Path) -> anyhow::Result<Vec<Row>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut columns = line.split('\t');
        let (Some(text), Some(label)) = (columns.next(), columns.next()) else {
            bail!("{}:{number}: a text and a label are needed, with a tab between them", file.display());
        };
        if number > 1 || label != "label" {
            rows.push(Row { text: text.to_owned(), label: label.to_owned() });
        }
    }
    Ok(rows)
}
