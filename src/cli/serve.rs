//! run, health, migrate.

use std::fs::File;

use anyhow::Context;
use tokio::net::TcpListener;

use super::{FAILED, OK, UNHEALTHY};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::decide::Mode;
use crate::lifecycle::Tasks;
use crate::source::client::{Client, Request};
use crate::store::Store;

/// Runs the daemon until it is told to stop, or with `once` until nothing is due.
pub async fn run(config: Config, once: bool) -> anyhow::Result<u8> {
    let listen = config.web.listen.clone();
    let mode = config.mode;
    let app = App::build(config, Clock::System).await?;
    let tasks = Tasks::new();
    let _lock = be_the_only_runner(&app).await?;
    let indexed = app.mirror.refresh_index(&app.store).await?;
    tracing::info!("Matching index built: {indexed} rows");
    if mode == Mode::Observe {
        tracing::info!(
            "Observing: everything is decided and can be read, nothing is sent; mode = \"act\" changes that"
        );
    }
    if once {
        let round = app.step_until_idle().await?;
        println!(
            "{} items, {} register rows, {} decisions, {} effects",
            round.items, round.register_rows, round.decided, round.effects
        );
        return Ok(OK);
    }
    let listener = TcpListener::bind(&listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; is it running already?"))?;
    tracing::info!("The page is on http://{}", listener.local_addr()?);
    let (web_app, stop) = (app.clone(), tasks.stop().clone());
    tasks.spawn("web", async move { crate::web::serve(listener, web_app, stop).await });
    app.run(&tasks);
    let orderly = tasks.run_until_stopped().await;
    app.store.db.close().await;
    Ok(if orderly { OK } else { FAILED })
}

/// SQLite is for one process: a second one is refused, by a lock that the system takes back when a process dies.
/// PostgreSQL replicas share the work by leases.
async fn be_the_only_runner(app: &App) -> anyhow::Result<Option<File>> {
    let Some(database) = app.config.database.sqlite_file() else { return Ok(None) };
    let path = database.with_extension("runner");
    let lock = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    if lock.try_lock().is_err() {
        anyhow::bail!("another gehoord runs on {}; use PostgreSQL for several", database.display());
    }
    app.store.end_leases_of_the_dead().await?;
    Ok(Some(lock))
}

/// Asks the running daemon whether it is well.
pub async fn health(config: Config) -> anyhow::Result<u8> {
    let address = config.web.listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
    let url = format!("http://{address}/readyz").parse().context("web.listen is no address")?;
    match Client::new()?.send(Request::get(url)).await {
        Ok(answer) => {
            println!("ready");
            // Only whoever may see the page is told the details.
            let details: serde_json::Value = serde_json::from_str(&answer.text()).unwrap_or_default();
            for line in details["details"]["waits_for_a_person"].as_array().into_iter().flatten() {
                println!("{}", super::shown(line.as_str().unwrap_or_default()));
            }
            Ok(OK)
        }
        Err(failure) => {
            eprintln!("gehoord: not ready: {failure}");
            Ok(UNHEALTHY)
        }
    }
}

/// Brings the database up to this version.
pub async fn migrate(config: Config) -> anyhow::Result<u8> {
    Store::open(&config.database.url, Clock::System).await?;
    println!("the database is up to date");
    Ok(OK)
}
