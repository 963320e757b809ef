//! demo.

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::net::TcpListener;

use super::{FAILED, OK, print_json};
use crate::demo::play::Demo;
use crate::lifecycle::Tasks;

/// Plays the bundled story; keeps the page open unless `once`.
pub async fn demo(port: u16, once: bool, as_json: bool) -> anyhow::Result<u8> {
    let folder = demo_folder()?;
    let tasks = Tasks::new();
    let listen = format!("127.0.0.1:{port}");
    if once {
        let demo = Demo::prepare(&folder.path, &listen, &tasks).await?;
        let bar = ProgressBar::new(1).with_message("posts");
        demo.play_at_once(|told, all| {
            bar.set_length(all as u64);
            bar.set_position(told as u64);
        })
        .await?;
        bar.finish_and_clear();
        let outcome = demo.outcome().await?;
        if as_json {
            print_json(&outcome)?;
        } else {
            print_summary(&outcome);
        }
        tasks.stop().cancel();
        return Ok(OK);
    }
    let listener = TcpListener::bind(&listen)
        .await
        .with_context(|| format!("port {port} is taken; choose another with --port"))?;
    let demo = Demo::prepare(&folder.path, &listen, &tasks).await?;
    let (app, mailbox, stop) = (demo.app.clone(), demo.mailbox.clone(), tasks.stop().clone());
    tasks.spawn("web", async move { crate::web::serve_demo(listener, app, mailbox, stop).await });
    eprintln!(
        "The page is on http://{listen} (mails: http://{listen}/mailbox). Ctrl-c ends the demo; nothing stays behind."
    );
    demo.app.run(&tasks);
    let stop = tasks.stop().clone();
    tasks.spawn("story", async move {
        tokio::select! {
            told = demo.publish_slowly() => told,
            () = stop.cancelled() => Ok(()),
        }
    });
    Ok(if tasks.run_until_stopped().await { OK } else { FAILED })
}

fn print_summary(outcome: &serde_json::Value) {
    println!(
        "{} mentions stored, {} assessed",
        outcome["mentions"]["stored"], outcome["mentions"]["assessed"]
    );
    println!("{} open cases, {} mails", outcome["cases"], outcome["mails"]);
    for alert in outcome["alerts"].as_array().into_iter().flatten() {
        let words = alert["verbatim"].as_str().unwrap_or("").replace('\n', " ");
        println!(
            "- {} | audience {} | known since {} days | ticket {} | {} silent others",
            super::shown(&crate::text::excerpt(&words, 60)),
            alert["audience"],
            alert["known_since_days"],
            alert["ticket"],
            alert["others_silent"]
        );
    }
}

/// A folder that goes when the demo or bench ends.
pub(super) struct DemoFolder {
    pub(super) path: std::path::PathBuf,
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

pub(super) fn demo_folder() -> anyhow::Result<DemoFolder> {
    let base = std::env::var_os("GEHOORD_DATA").map_or_else(std::env::temp_dir, Into::into);
    let path = base.join(format!("gehoord-{}", crate::ids::new_token()));
    std::fs::create_dir_all(&path)
        .with_context(|| format!("{} cannot be made; set GEHOORD_DATA", path.display()))?;
    Ok(DemoFolder { path })
}
