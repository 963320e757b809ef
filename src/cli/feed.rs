//! import, replay: putting things in by hand.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{OK, print_json};
use crate::assess::Assessor;
use crate::clock::Clock;
use crate::config::{Config, SourceCommon};
use crate::decide::Mode;
use crate::escalate::mirror::Mirror;
use crate::escalate::{AnyCrm, CrmConfig, csv};
use crate::pipeline::Pipeline;
use crate::source::replay::{self, Speed};
use crate::source::{Source, poller};
use crate::store::Store;
use crate::store::mentions::Stored;
use crate::telemetry::Metrics;

/// The source that replayed mentions are kept under.
const REPLAY_SOURCE: &str = "replay";

/// Puts a folder of CSV files into the register.
pub async fn import(config: Config, folder: &Path, register: &str) -> anyhow::Result<u8> {
    if !folder.is_dir() {
        bail!(
            "{} is no folder; give the one that holds contacts.csv, tickets.csv, answers.csv, problems.csv",
            folder.display()
        );
    }
    if config.crms.iter().any(|crm| crm.name == register) {
        bail!(
            "{register:?} is a configured CRM; choose another name with --register, so that its sync does not undo the import"
        );
    }
    let store = Store::open(&config.database.url, Clock::System).await?;
    store.ensure_registers(&[register.to_owned()]).await?;
    let settings = csv::Config { folder: folder.to_owned(), settle_secs: 0, ..csv::Config::default() };
    let errors = settings.validate();
    if !errors.is_empty() {
        bail!("{}", errors.join("; "));
    }
    let files = AnyCrm::build(&CrmConfig::Csv(settings), &crate::source::client::Client::new()?);
    let bar = spinner("rows");
    let (mut changed, mut rejected) = (0, 0);
    let mut cursor = String::new();
    loop {
        let now = store.now().await?;
        let page = files.read(&cursor, now).await.map_err(|failure| anyhow::anyhow!("{failure}"))?.cleaned();
        for row in &page.rejected {
            eprintln!("left out: {row}");
        }
        rejected += page.rejected.len();
        let mut tx = store.begin().await?;
        changed += store.save_register_page(&mut tx, register, &page, now).await?;
        tx.commit().await?;
        bar.set_position(changed as u64);
        if page.complete || page.cursor == cursor {
            break;
        }
        cursor = page.cursor;
    }
    bar.finish_and_clear();
    println!("{changed} rows were new or changed in register {register:?}, {rejected} were left out");
    Ok(OK)
}

/// Judges recorded mentions without telling anybody.
pub async fn replay(config: Config, file: &Path, as_json: bool) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    let settings = replay::Config { path: file.to_owned(), speed: Speed::AtOnce };
    let errors = settings.validate();
    if !errors.is_empty() {
        bail!("{}", errors.join("; "));
    }
    let recording = replay::build(settings);
    let common = SourceCommon { name: REPLAY_SOURCE.to_owned(), ..SourceCommon::default() };
    let bar = spinner("mentions");
    let mut sum = Stored::default();
    let mut cursor = String::new();
    loop {
        let now = store.now().await?;
        let page = recording.fetch(&cursor, now).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let (next, more) = (page.cursor.clone(), page.more);
        let mut tx = store.begin().await?;
        sum.add(
            &store.save_page(&mut tx, REPLAY_SOURCE, &poller::incoming(page, &common, false, now)).await?,
        );
        tx.commit().await?;
        bar.set_position((sum.new + sum.edited + sum.repeated) as u64);
        if !more || next == cursor {
            break;
        }
        cursor = next;
    }
    bar.finish_and_clear();
    let metrics = Arc::new(Metrics::new());
    let mirror = Arc::new(Mirror::new(Default::default(), metrics.clone()));
    mirror.refresh_index(&store).await?;
    let assessor =
        Assessor::new(config.assess_settings()).map_err(|errors| anyhow::anyhow!(errors.join("; ")))?;
    let sources = [(REPLAY_SOURCE.to_owned(), common)].into();
    let pipeline =
        Pipeline::new(store.clone(), assessor, config.policy, Mode::Observe, sources, mirror, metrics);
    let decided = pipeline.process_all().await.context("judging the recording")?;
    let classes = store.assessed_by_class().await?;
    if as_json {
        print_json(
            &json!({ "new": sum.new, "edited": sum.edited, "repeated": sum.repeated, "quarantined": sum.quarantined,
            "removed": sum.removed, "decided": decided, "by_class": classes }),
        )?;
    } else {
        println!(
            "{} new, {} edited, {} known already, {} quarantined; {decided} decided, nobody was told",
            sum.new, sum.edited, sum.repeated, sum.quarantined
        );
        println!("`gehoord explain ID` says what was made of one of them; the page shows their cases");
    }
    Ok(OK)
}

fn spinner(what: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {pos} {msg} ({per_sec})").expect("the template is ours");
    ProgressBar::new_spinner().with_style(style).with_message(what)
}
