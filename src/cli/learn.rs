//! train: makes the models that ship. eval: judges them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{OK, print_json};
use crate::learn::corpus::Corpus;
use crate::learn::judging::{self, Protocol, Report, TASKS, Wanted};
use crate::learn::teacher::Teacher;
use crate::learn::training;
use crate::models::{self, Models};

/// What to train on.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// The folder with the training data.
    #[arg(long, default_value = "training", value_name = "FOLDER")]
    from: PathBuf,
    /// The folder that the models are written to.
    #[arg(long, default_value = "models", value_name = "FOLDER")]
    to: PathBuf,
    /// Make nothing, but print how good models are on parts of the training data that they have not seen.
    #[arg(long)]
    measure: bool,
    /// Print JSON for a script.
    #[arg(long)]
    json: bool,
}

/// Trains all models.
pub fn train(arguments: &TrainArguments) -> anyhow::Result<u8> {
    if arguments.measure {
        return measure(arguments);
    }
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}")?);
    let made = training::train(&arguments.from, &arguments.to, |what, done, all| {
        bar.set_message(what.to_owned());
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if arguments.json {
        print_json(&made)?;
        return Ok(OK);
    }
    println!("Models of version {} are in {}:", made.version, arguments.to.display());
    for (file, bytes) in &made.files {
        println!("  {file}  {:.1} MB", *bytes as f64 / 1e6);
    }
    println!("Build gehoord again to use them.");
    Ok(OK)
}

fn measure(arguments: &TrainArguments) -> anyhow::Result<u8> {
    let corpus = Corpus::read(&arguments.from)?;
    for (tongue, macro_f1, auc) in training::measure_classifier(&corpus) {
        println!("complaint {tongue:?}: macro-F1 {:.1}, AUC {:.1}", macro_f1 * 100.0, auc * 100.0);
    }
    let teacher = Teacher::read(&arguments.from.join("teacher/words.bin"))?;
    let bar = ProgressBar::new(training::FOLDS as u64);
    let recognised = training::measure_matching(&corpus, &teacher, |fold| bar.set_position(fold as u64));
    bar.finish_and_clear();
    for (pair, (posts, first)) in &recognised.first {
        println!(
            "matching {pair}: right problem first for {:.1} % of {posts}",
            *first as f64 * 100.0 / *posts as f64
        );
    }
    println!("matching: known at all, AUROC {:.1}", recognised.known_at_all * 100.0);
    Ok(OK)
}

/// What to judge, and on what.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// The folder with labelled data: a folder for each task, with its sets.
    test_dir: PathBuf,
    /// A folder of the same layout to learn from first, set by set. The same folder: by cross-validation.
    #[arg(long, value_name = "FOLDER")]
    train: Option<PathBuf>,
    /// Judge the models of this folder instead of those that are built in.
    #[arg(long, value_name = "FOLDER")]
    models: Option<PathBuf>,
    /// Only this task.
    #[arg(long, value_parser = TASKS)]
    task: Option<String>,
    /// Only this way of judging; without it, both.
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    /// Print JSON for a script.
    #[arg(long)]
    json: bool,
}

/// Judges the models.
pub fn eval(arguments: &EvalArguments) -> anyhow::Result<u8> {
    let bar = ProgressBar::new_spinner();
    let wanted = Wanted {
        test: &arguments.test_dir,
        train: arguments.train.as_deref(),
        task: arguments.task.as_deref(),
        protocol: arguments.protocol,
        models: match &arguments.models {
            Some(folder) => Arc::new(Models::of_folder(folder)?),
            None => models::shipped(),
        },
    };
    let report = judging::judge(&wanted, |task, set| bar.set_message(format!("{task}/{set}")))?;
    bar.finish_and_clear();
    if arguments.json {
        print_json(&report)?
    } else {
        print_report(&report)
    }
    Ok(OK)
}

fn print_report(report: &Report) {
    for (task, sets) in report {
        println!("{task}");
        for (set, judged) in sets {
            for one in judged {
                let protocol = if one.protocol == Protocol::Shipped { "shipped" } else { "adapted" };
                let figures: Vec<String> =
                    one.measures.0.iter().map(|(name, value)| format!("{name} {value}")).collect();
                println!("  {set:24} {protocol}  {}", figures.join("  "));
            }
        }
    }
}
