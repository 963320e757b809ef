//! The command line: one subcommand, one function. Data goes to standard output, talk to standard error.
//!
//! - `serve`: run, health, migrate, bench. `inspect`: check, doctor, sources, report. `look_up`: match, explain, who.
//! - `feed`: import, replay. `release`: release. `rule`: rule. `show`: demo. `learn`: train, eval.

mod bench;
mod feed;
mod inspect;
mod learn;
mod look_up;
mod release;
mod rule;
mod serve;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigErrors};
use crate::telemetry::{self, LogFormat};

/// Everything went well.
const OK: u8 = 0;
/// Something failed; the message says what.
const FAILED: u8 = 1;
/// The configuration is wrong.
const BAD_CONFIG: u8 = 3;
/// What was asked for is not there.
const NOT_FOUND: u8 = 4;
/// The daemon, or something it needs, is not well.
const UNHEALTHY: u8 = 5;

/// Hears what customers say in public, recognises what the company already knows, and tells the people who can solve it.
#[derive(Debug, Parser)]
#[command(
    name = "gehoord",
    version,
    after_help = "Exit codes: 0 well; 1 failed; 2 wrong usage; 3 wrong configuration; 4 not found; 5 not healthy.\n\n\
                  First steps:\n  gehoord demo      see it work on a bundled story, without any configuration\n  \
                  gehoord check     after copying config/example.toml to gehoord.toml: is it right?\n  \
                  gehoord doctor    can we reach and log in to everything?\n  \
                  gehoord run       run it; with mode = \"observe\" nothing is sent until you say \"act\""
)]
pub struct Arguments {
    /// The configuration file. demo and bench need none.
    #[arg(long, global = true, env = "GEHOORD_CONFIG", default_value = "gehoord.toml", value_name = "FILE")]
    config: PathBuf,
    /// How log lines look; they go to standard error. GEHOORD_LOG chooses levels, such as info,gehoord=debug.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until SIGTERM or ctrl-c.
    ///
    /// It listens, judges and, with mode = "act", tells people and raises tickets. With mode = "observe", the default, all of
    /// that is written down and nothing leaves. A second signal ends it at once, which loses nothing.
    Run(RunArguments),
    /// Play a bundled story through the real pipeline and show the page. Needs no configuration.
    ///
    /// An invented provider, its tickets and six weeks of posts about it; feeds, ticket system and mail server are played on
    /// this machine only. Nothing stays behind.
    Demo(DemoArguments),
    /// Read the configuration and report everything that is wrong with it, without touching the network.
    ///
    /// Exit code 0 when it is right, 3 when it is not.
    Check,
    /// Try the database and every source, CRM and receiver: can we log in, is the address right? Tells nobody anything.
    ///
    /// Exit code 0 when all of them work, 5 when one does not.
    Doctor(Json),
    /// Ask the running daemon whether it is well; for container health checks.
    ///
    /// Exit code 0 when it is, 5 when it is not or does not answer.
    Health,
    /// Show the sources: last heard, next poll, trouble and what to do, gaps in listening.
    Sources(SourcesArguments),
    /// Put a folder of CSV files (contacts, tickets, answers, problems) into the register, once.
    ///
    /// For files that are exported again and again, configure a [[crm]] of kind "csv" instead.
    Import(ImportArguments),
    /// Judge recorded mentions from a file against the register, without telling anybody.
    ///
    /// They are kept in the database like others, as source "replay", and can be looked at with `gehoord explain`.
    Replay(ReplayArguments),
    /// Show what a text would be matched with, and why. Keeps nothing.
    Match(MatchArguments),
    /// Show what became of a mention: what it was taken for, who was told and why, or why nobody was.
    ///
    /// What it prints on standard output quotes the customer's words and may name persons: keep it as you keep those.
    /// Standard error, where logs go, holds none of it. Exit code 4 when there is no such mention.
    Explain(ExplainArguments),
    /// Try again what waits for a person: a parked mention, or an effect that was given up.
    ///
    /// Mend the cause first: a note in the CRM or a message to a receiver gets one more attempt. Exit code 4 when nothing of
    /// that name waits.
    Release(ReleaseArguments),
    /// Say whether an answer was right, so that gehoord can learn from it: confirm, reject, instead, new.
    ///
    /// What you say is kept with what was shown, and changes nothing else by itself. Exit code 4 when there is no such mention.
    Rule(rule::RuleArguments),
    /// Look a person up in the register by a full, partial or abbreviated name.
    Who(WhoArguments),
    /// Show what is known but not resolved: age, customers harmed, silent others. Needs a CRM, but no source.
    Report(Json),
    /// Measure this machine: mentions per second, the delay from a post to a mail, the cost of bad
    /// neighbours. On a database of its own.
    Bench(bench::BenchArguments),
    /// Make the models that ship with gehoord, from the training data. For developers; takes some minutes.
    ///
    /// The same data gives the same models. They are built into the program, so build it again afterwards.
    Train(learn::TrainArguments),
    /// Judge the models on labelled data: how often are they right?
    ///
    /// The folder is laid out as docs/EVALUATION.md says. Prints one line for each set and way of judging, in percent.
    Eval(learn::EvalArguments),
    /// Bring the database up to this version. `run` does it by itself.
    Migrate,
}

#[derive(Clone, Copy, Debug, Args)]
struct Json {
    /// Print JSON for a script.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Do all the work that is due, then stop. For a first look, and for a cron job.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Port of the page on 127.0.0.1.
    #[arg(long, default_value_t = 8470)]
    port: u16,
    /// Play the story to its end and stop, instead of keeping the page open.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct SourcesArguments {
    /// Poll this source as soon as possible, for instance after its credentials were renewed.
    #[arg(long, value_name = "NAME")]
    poll_now: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// The folder with contacts.csv, tickets.csv, answers.csv and problems.csv; any of them may be missing.
    folder: PathBuf,
    /// Name of the register to put them in.
    #[arg(long, default_value = "import", value_name = "NAME")]
    register: String,
}

#[derive(Debug, Args)]
struct ReplayArguments {
    /// The recording: on each line a mention as JSON, or {"at": "TIME", "mention": {…}}.
    file: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct MatchArguments {
    /// What somebody said, in quotes.
    text: String,
    /// The name that its author shows.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// The mention: our id, the source's id, or its link.
    mention: String,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false)]
struct ReleaseArguments {
    /// The mention (our id, the source's id, or its link) or the id of the effect.
    what: Option<String>,
    /// Everything that waits for a person.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct WhoArguments {
    /// The name, such as "Youp van 't H." or "J. de Vries".
    name: String,
    #[command(flatten)]
    json: Json,
}

/// Runs a command to its end.
pub fn run(arguments: Arguments) -> ExitCode {
    let default_level = match arguments.command {
        Command::Run(_) => "info",
        _ => "warn",
    };
    telemetry::init_logs(arguments.log_format, default_level);
    crate::install_tls();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gehoord: the runtime does not start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("gehoord: {error:#}");
            let wrong_config = error.downcast_ref::<ConfigErrors>().is_some();
            ExitCode::from(if wrong_config { BAD_CONFIG } else { FAILED })
        }
    }
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<u8> {
    let config = || -> anyhow::Result<Config> { Ok(Config::load(&arguments.config)?) };
    match arguments.command {
        Command::Run(run) => serve::run(config()?, run.once).await,
        Command::Demo(demo) => show::demo(demo.port, demo.once, demo.json.json).await,
        Command::Check => inspect::check(&arguments.config, config()?),
        Command::Doctor(json) => inspect::doctor(config()?, json.json).await,
        Command::Health => serve::health(config()?).await,
        Command::Sources(sources) => {
            inspect::sources(config()?, sources.poll_now.as_deref(), sources.json.json).await
        }
        Command::Import(import) => feed::import(config()?, &import.folder, &import.register).await,
        Command::Replay(replay) => feed::replay(config()?, &replay.file, replay.json.json).await,
        Command::Match(text) => {
            look_up::match_text(config()?, &text.text, text.author.as_deref(), text.json.json).await
        }
        Command::Explain(explain) => look_up::explain(config()?, &explain.mention, explain.json.json).await,
        Command::Release(release) => release::release(config()?, release.what.as_deref()).await,
        Command::Rule(arguments) => rule::run(config()?, arguments).await,
        Command::Who(who) => look_up::who(config()?, &who.name, who.json.json).await,
        Command::Report(json) => inspect::report(config()?, json.json).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Train(arguments) => learn::train(&arguments),
        Command::Eval(arguments) => learn::eval(&arguments),
        Command::Migrate => serve::migrate(config()?).await,
    }
}

/// Prints a value for a script.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Text from outside as a terminal may show it: no control characters that could move the cursor or change colours.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '\u{FFFD}' }).collect()
}
