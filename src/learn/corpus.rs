//! The training data, as it stands in `training/`. Its README says what each file means.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// Who speaks in a wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Voice {
    /// An employee, in a ticket.
    Agent,
    /// A customer, in a letter or mail.
    Letter,
    /// A customer, in public.
    Post,
}

/// The languages that we write in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tongue {
    /// Dutch and Flemish.
    Dutch,
    /// English of all sorts.
    English,
}

/// One way to say what a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// Who speaks.
    pub voice: Voice,
    /// In what language.
    pub tongue: Tongue,
    /// The words.
    pub text: String,
}

/// Wordings of one and the same problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the company sells.
    pub sector: String,
    /// Groups of one family (sector and name) are near misses of each other.
    pub family: String,
    /// What a problem record would be called in Dutch.
    pub dutch_title: String,
    /// The same in English.
    pub english_title: String,
    /// The wordings.
    pub wordings: Vec<Wording>,
}

/// A labelled mention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// complaint, question, praise or other.
    pub class: String,
    /// low, normal, high or critical; `-` for what is no complaint.
    pub severity: String,
    /// Topic of the taxonomy, `none`, or `-` for what is no complaint.
    pub topic: String,
    /// It is about a company's service.
    pub about_us: bool,
    /// Its language.
    pub tongue: Tongue,
    /// The words.
    pub text: String,
}

/// Words and what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Dutch words that mean the same, inflections among them.
    pub dutch: Vec<String>,
    /// What they mean in English.
    pub english: String,
}

/// Everything that is learned from.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// `groups/*.txt`
    pub groups: Vec<Group>,
    /// `mentions/*.tsv`
    pub mentions: Vec<Labelled>,
    /// `pairs/*.tsv`: Dutch sentences and the same in English.
    pub pairs: Vec<(String, String)>,
    /// `vocabulary/*.txt`
    pub vocabulary: Vec<Entry>,
}

impl Corpus {
    /// Reads a folder such as `training/`. A part that is not there is empty.
    ///
    /// # Errors
    /// A line that does not follow the format, with its file and number.
    pub fn read(folder: &Path) -> anyhow::Result<Corpus> {
        let mut corpus = Corpus::default();
        for file in files(&folder.join("groups"), "txt")? {
            read_groups(&file, &mut corpus.groups)?;
        }
        for file in files(&folder.join("mentions"), "tsv")? {
            each_line(&file, |line| {
                corpus.mentions.push(labelled(line)?);
                Ok(())
            })?;
        }
        for file in files(&folder.join("pairs"), "tsv")? {
            each_line(&file, |line| {
                let (dutch, english) =
                    line.split_once('\t').context("a tab must stand between the languages")?;
                corpus.pairs.push((dutch.trim().to_owned(), english.trim().to_owned()));
                Ok(())
            })?;
        }
        for file in files(&folder.join("vocabulary"), "txt")? {
            each_line(&file, |line| {
                let (dutch, english) =
                    line.split_once(" = ").context("\" = \" must stand between the languages")?;
                let dutch = dutch.split_whitespace().map(str::to_owned).collect();
                corpus.vocabulary.push(Entry { dutch, english: english.trim().to_owned() });
                Ok(())
            })?;
        }
        ensure!(!corpus.groups.is_empty(), "{}: there are no groups to learn from", folder.display());
        Ok(corpus)
    }
}

fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    Ok(files)
}

fn each_line(file: &Path, mut take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    for (number, line) in (1..).zip(text.lines()) {
        if !line.trim().is_empty() {
            take(line).with_context(|| format!("{}:{number}", file.display()))?;
        }
    }
    Ok(())
}

fn read_groups(file: &Path, groups: &mut Vec<Group>) -> anyhow::Result<()> {
    let mut family: Option<(String, String)> = None;
    let first = groups.len();
    each_line(file, |line| {
        let two = |rest: &str| -> anyhow::Result<(String, String)> {
            let (one, other) = rest.split_once('|').context("a | must stand between the two parts")?;
            Ok((one.trim().to_owned(), other.trim().to_owned()))
        };
        if let Some(rest) = line.strip_prefix("# ") {
            family = Some(two(rest)?);
        } else if let Some(rest) = line.strip_prefix("= ") {
            let (sector, name) = family.clone().context("a problem stands before the first family")?;
            let (dutch_title, english_title) = two(rest)?;
            groups.push(Group {
                family: format!("{sector}/{name}"),
                sector,
                dutch_title,
                english_title,
                wordings: Vec::new(),
            });
        } else {
            ensure!(groups.len() > first, "a wording stands before the first problem");
            let group = groups.last_mut().context("a wording stands before the first problem")?;
            group.wordings.push(wording(line)?);
        }
        Ok(())
    })
}

fn wording(line: &str) -> anyhow::Result<Wording> {
    let (kind, text) = line.split_once(char::is_whitespace).context("a wording needs a kind and a text")?;
    let (voice, tongue) = match kind {
        "an" => (Voice::Agent, Tongue::Dutch),
        "ae" => (Voice::Agent, Tongue::English),
        "ln" => (Voice::Letter, Tongue::Dutch),
        "le" => (Voice::Letter, Tongue::English),
        "pn" => (Voice::Post, Tongue::Dutch),
        "pe" => (Voice::Post, Tongue::English),
        _ => bail!("{kind:?} is no kind of wording; an, ae, ln, le, pn and pe are"),
    };
    Ok(Wording { voice, tongue, text: text.trim().to_owned() })
}

fn labelled(line: &str) -> anyhow::Result<Labelled> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [class, severity, topic, about, tongue, text] = columns[..] else {
        bail!("{} columns; class, severity, topic, about, language and text are needed", columns.len());
    };
    ensure!(["complaint", "question", "praise", "other"].contains(&class), "{class:?} is no class");
    let severities: &[&str] =
        if class == "complaint" { &["low", "normal", "high", "critical"] } else { &["-"] };
    ensure!(severities.contains(&severity), "{severity:?} is no severity of a {class}");
    let about_us = match about {
        "us" => true,
        "not" => false,
        _ => bail!("{about:?}: it is about \"us\" or \"not\""),
    };
    let tongue = match tongue {
        "nl" => Tongue::Dutch,
        "en" => Tongue::English,
        _ => bail!("{tongue:?} is no language of ours; nl and en are"),
    };
    Ok(Labelled {
        class: class.to_owned(),
        severity: severity.to_owned(),
        topic: topic.to_owned(),
        about_us,
        tongue,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> anyhow::Result<Corpus> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Corpus::read(folder.path())
    }

    const GROUP: &str = "# telecom | tv\n= Geen beeld | No picture\nan  Klt zonder beeld\npe  Dark again.\n";

    #[test]
    fn a_group_keeps_its_family_and_its_voices() {
        let corpus = read(&[
            ("groups/a.txt", GROUP),
            ("mentions/a.tsv", "praise\t-\t-\tus\tnl\ttop!\n"),
            ("pairs/a.tsv", "Nee.\tNo.\n"),
            ("vocabulary/a.txt", "storing storingen = outage\n"),
        ])
        .unwrap();
        let group = &corpus.groups[0];
        assert_eq!((group.family.as_str(), group.english_title.as_str()), ("telecom/tv", "No picture"));
        assert_eq!(group.wordings[1].tongue, Tongue::English);
        assert_eq!(corpus.mentions[0].class, "praise");
        assert_eq!(corpus.vocabulary[0].dutch, ["storing", "storingen"]);
        assert_eq!(corpus.pairs[0].1, "No.");
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        for (name, content, said) in [
            ("groups/b.txt", "= te vroeg | too early\n", "b.txt:1"),
            ("groups/b.txt", "# telecom | tv\nxx  wie?\n", "b.txt:2"),
            ("mentions/b.tsv", "\npraise\tlow\t-\tus\tnl\ttop!\n", "b.tsv:2"),
            ("pairs/b.tsv", "Nee. No.\n", "b.tsv:1"),
        ] {
            let error = format!("{:#}", read(&[("groups/a.txt", GROUP), (name, content)]).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
        assert!(read(&[]).is_err());
    }
}
