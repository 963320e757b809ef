//! rule: what a colleague says about an answer is kept, to learn from.

use clap::{Args, Subcommand};

use super::{FAILED, NOT_FOUND, OK, print_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::matching::ruling::{Known, Said};
use crate::matching::{MatchAnswer, Question};
use crate::store::Store;

/// Who is written down when nobody is named.
const ACTOR: &str = "command line";
/// Rulings that are listed at most.
const LISTED_MAX: i64 = 10_000;

/// What to say, and about what.
#[derive(Debug, Args)]
pub struct RuleArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// It is what was proposed.
    Confirm(About),
    /// It is not what was proposed. Say `instead` or `new` if you know more.
    Reject(About),
    /// It is another ticket or problem.
    Instead {
        #[command(flatten)]
        about: About,
        /// The ticket or problem: its number, or REGISTER:ID.
        known: String,
    },
    /// It is nothing that is known: a new problem.
    New(About),
    /// Show what was said, the newest first.
    List {
        /// Print JSON for a script.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct About {
    /// The mention: our id, the source's id, or its link.
    mention: String,
    /// Who says so.
    #[arg(long, default_value = ACTOR, value_name = "NAME")]
    by: String,
}

/// Keeps what was said.
pub async fn run(config: Config, arguments: RuleArguments) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    match arguments.what {
        What::Confirm(about) => say(&store, &about, Said::Confirm, None).await,
        What::Reject(about) => say(&store, &about, Said::Reject, None).await,
        What::Instead { about, known } => say(&store, &about, Said::Instead, Some(&known)).await,
        What::New(about) => say(&store, &about, Said::NewProblem, None).await,
        What::List { json } => list(&store, json).await,
    }
}

async fn say(store: &Store, about: &About, said: Said, instead: Option<&str>) -> anyhow::Result<u8> {
    let Some(mention) = store.find_mention(&about.mention).await? else {
        eprintln!("gehoord: there is no mention {:?}", about.mention);
        return Ok(NOT_FOUND);
    };
    let shown = store.match_answers(&mention.id, mention.revision).await?;
    let known = match (said, instead) {
        (Said::Confirm, _) => {
            let proposed = proposed(&shown);
            if proposed.is_nothing() {
                eprintln!("gehoord: nothing was proposed for it; say `instead` and what it is, or `new`");
                return Ok(FAILED);
            }
            proposed
        }
        (_, Some(name)) => match &store.known_as(name).await?[..] {
            [] => {
                eprintln!("gehoord: no ticket or problem is called {name:?}");
                return Ok(NOT_FOUND);
            }
            [one] => one.clone(),
            several => {
                let ids: Vec<&str> = several
                    .iter()
                    .filter_map(|known| known.ticket_id.as_deref().or(known.problem_id.as_deref()))
                    .collect();
                eprintln!(
                    "gehoord: {name:?} is the name of several: {}; give the one you mean",
                    ids.join(", ")
                );
                return Ok(FAILED);
            }
        },
        _ => Known::default(),
    };
    store.rule(&mention.id, mention.revision, said, &known, &shown, &about.by).await?;
    println!("{}: {}", mention.id, said.name());
    Ok(OK)
}

/// What was proposed: the case before the problem.
fn proposed(shown: &[MatchAnswer]) -> Known {
    let of = |question: Question| shown.iter().find(|answer| answer.question == question);
    let known = |answer: &MatchAnswer| Known {
        ticket_id: answer.ticket_id.clone(),
        problem_id: answer.problem_id.clone(),
    };
    [Question::SameCase, Question::SameProblem]
        .into_iter()
        .filter_map(of)
        .map(known)
        .find(|known| !known.is_nothing())
        .unwrap_or_default()
}

async fn list(store: &Store, json: bool) -> anyhow::Result<u8> {
    let rulings = store.rulings(LISTED_MAX).await?;
    if json {
        print_json(&rulings)?;
        return Ok(OK);
    }
    for ruling in rulings {
        let known = ruling.known.problem_id.or(ruling.known.ticket_id).unwrap_or_default();
        println!(
            "{}  {}  {:11}  {known}  {}",
            ruling.at,
            ruling.mention_id,
            ruling.said.name(),
            ruling.actor
        );
    }
    Ok(OK)
}
