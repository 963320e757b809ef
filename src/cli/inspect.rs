//! check, doctor, sources, report.

use std::path::Path;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::json;

use super::{NOT_FOUND, OK, UNHEALTHY, print_json, shown};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::decide::Mode;
use crate::report;
use crate::store::Store;
use crate::watch::Findings;

/// Gaps that are shown below the sources.
const GAPS_SHOWN: i64 = 20;

/// Says that the configuration is right; what is wrong was said when it was loaded.
pub fn check(path: &Path, config: Config) -> anyhow::Result<u8> {
    println!(
        "{} is right: {} sources, {} CRMs, {} receivers, {} rules, mode {}",
        path.display(),
        config.sources.len(),
        config.crms.len(),
        config.receivers.len(),
        config.policy.rules.len(),
        config.mode.name()
    );
    if config.mode == Mode::Observe {
        println!("it observes: nothing is sent and no CRM is touched until you write mode = \"act\"");
    }
    if config.sources.is_empty() {
        println!(
            "without sources it reads the register only; `gehoord report` shows what is known but not resolved"
        );
    }
    Ok(OK)
}

/// Asks everything outside whether it works.
pub async fn doctor(config: Config, as_json: bool) -> anyhow::Result<u8> {
    let app = App::build(config, Clock::System).await?;
    let mut findings = vec![(
        "database".to_owned(),
        app.store
            .check_writable()
            .await
            .map(|()| "answers and takes writes".to_owned())
            .map_err(|e| format!("{e:#}")),
    )];
    for (name, answer) in app.poller.check_sources().await {
        findings.push((format!("source {name}"), answer.map_err(|failure| failure.to_string())));
    }
    for (name, crm) in app.mirror.crms() {
        findings.push((format!("crm {name}"), crm.check().await.map_err(|failure| failure.to_string())));
    }
    for (name, answer) in app.outbox.check_channels().await {
        findings.push((format!("receiver {name}"), answer.map_err(|failure| failure.to_string())));
    }
    let waiting = Findings::look(&app.store, &app.poller.names()).await?;
    findings.extend(waiting.lines().into_iter().map(|(what, line)| (what, Err(line))));
    let well = findings.iter().all(|(_, answer)| answer.is_ok());
    if as_json {
        let list: Vec<_> = findings
            .iter()
            .map(|(what, answer)| json!({ "what": what, "well": answer.is_ok(), "answer": answer.as_ref().unwrap_or_else(|e| e) }))
            .collect();
        print_json(&json!({ "well": well, "findings": list }))?;
    } else {
        for (what, answer) in &findings {
            match answer {
                Ok(line) => println!("well     {what}: {}", shown(line)),
                Err(line) => println!("NOT WELL {what}: {}", shown(line)),
            }
        }
    }
    Ok(if well { OK } else { UNHEALTHY })
}

/// Shows the sources, or makes one due.
pub async fn sources(config: Config, poll_now: Option<&str>, as_json: bool) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    if let Some(name) = poll_now {
        if store.make_source_due(name).await? {
            println!("{name} is polled as soon as possible");
            return Ok(OK);
        }
        let known: Vec<&str> = config.sources.iter().map(|source| source.common.name.as_str()).collect();
        eprintln!("gehoord: there is no source {name:?}; configured are: {}", known.join(", "));
        return Ok(NOT_FOUND);
    }
    let names: Vec<String> = config.sources.iter().map(|source| source.common.name.clone()).collect();
    store.ensure_sources(&names).await?;
    let states = store.source_states().await?;
    let gaps = store.gaps(GAPS_SHOWN).await?;
    if as_json {
        let list: Vec<_> = states
            .iter()
            .map(|state| {
                json!({ "source": state.source, "last_success_at": state.last_success_at, "last_item_at": state.last_item_at,
                    "next_at": state.next_at, "failures": state.failures, "failing_since": state.failing_since,
                    "failure_kind": state.failure_kind, "failure_message": state.failure_message, "suspended": state.suspended,
                    "empty_polls": state.hearing.empty_polls, "silent_since": state.hearing.silent_since })
            })
            .collect();
        let gaps: Vec<_> = gaps
            .iter()
            .map(|gap| json!({ "source": gap.source, "from": gap.from, "to": gap.to, "reason": gap.reason }))
            .collect();
        print_json(&json!({ "sources": list, "gaps": gaps }))?;
        return Ok(OK);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "source",
        "last heard",
        "next poll",
        "state",
    ]);
    for state in &states {
        let trouble = match (&state.failing_since, &state.failure_message) {
            (Some(since), Some(message)) => format!("not heard since {since}: {message}"),
            _ => match state.hearing.silent_since {
                Some(since) => format!("empty lists only since {since}, far longer than usual"),
                None => "heard".to_owned(),
            },
        };
        let last = state.last_success_at.map_or("never".to_owned(), |at| at.to_string());
        table.add_row([state.source.clone(), last, state.next_at.to_string(), trouble]);
    }
    println!("{table}");
    for gap in gaps {
        let to = gap.to.map_or("now".to_owned(), |to| to.to_string());
        println!("gap: {} from {} to {to}: {}", gap.source, gap.from, gap.reason);
    }
    Ok(OK)
}

/// What is known but not resolved.
pub async fn report(config: Config, as_json: bool) -> anyhow::Result<u8> {
    let app = App::build(config, Clock::System).await?;
    // In CRM-only mode the report reads the register itself; a running daemon has done so already.
    if app.store.register_states().await?.iter().all(|state| state.last_complete_at.is_none()) {
        eprintln!("reading the register for the first time …");
        while app.mirror.sync_due(&app.store).await? > 0 {}
    }
    let report = report::known_but_unresolved(&app.store).await?;
    if as_json {
        print_json(&report)?;
        return Ok(OK);
    }
    println!("Known but not resolved: {} customers, {} of them silent", report.customers, report.silent);
    match report.register_age_minutes {
        Some(minutes) => println!("as of {minutes} minutes ago"),
        None => println!("the register was never read completely, so this may be a part"),
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "problem",
        "title",
        "status",
        "owner",
        "known since",
        "tickets",
        "customers",
        "silent",
        "untouched",
    ]);
    for line in &report.lines {
        let days = |days: Option<i64>| days.map_or(String::new(), |days| format!("{days} days"));
        let text = |text: &Option<String>| shown(text.as_deref().unwrap_or(""));
        let number = |n: i64| Cell::new(n).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(line.problem.as_deref().unwrap_or("none")),
            Cell::new(line.title.as_deref().map_or("tickets without a problem".to_owned(), shown)),
            Cell::new(text(&line.status)),
            Cell::new(text(&line.owner)),
            Cell::new(days(line.known_since_days)).set_alignment(CellAlignment::Right),
            number(line.tickets),
            number(line.customers),
            number(line.silent),
            Cell::new(days(line.untouched_days)).set_alignment(CellAlignment::Right),
        ]);
    }
    println!("{table}");
    Ok(OK)
}
