//! Starting, stopping, and the tasks in between.
//!
//! The first signal stops claiming at once and lets what is under way finish or hand back, within [`GRACE`]. The second
//! exits now, which is safe because nothing that matters lives in memory.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an orderly stop may take. Give the container's orchestrator five seconds more.
pub const GRACE: Duration = Duration::from_secs(25);

/// The tasks of the process, and the wish to stop.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Tasks {
        Tasks::default()
    }

    /// Runs a task that shutdown waits for. A task that ends before it was asked to, also by a panic, takes the process
    /// down with it: half a daemon is worse than a restart.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = self.stop.clone();
        let ending = stop.clone().drop_guard();
        let supervised = self.tracker.track_future(async move {
            let _ending = ending;
            match task.await {
                Ok(()) if stop.is_cancelled() => {}
                Ok(()) => tracing::error!(task.name = name, "Task {name} ended although nobody asked it to"),
                Err(error) => tracing::error!(task.name = name, "Task {name} failed: {error:#}"),
            }
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that spawns, so that shutdown waits"
        )]
        tokio::spawn(supervised);
    }

    /// The wish to stop, for tasks to watch.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits for a signal or a failed task, then for the tasks to end. True when all of them ended in time.
    pub async fn run_until_stopped(&self) -> bool {
        tokio::select! {
            () = signal() => tracing::info!("Stopping: no new work is taken, what is under way is finished"),
            () = self.stop.cancelled() => {}
        }
        self.stop.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => true,
            () = tokio::time::sleep(GRACE) => false,
            () = signal() => false,
        }
    }
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signal handlers the process ends the hard way, which is safe.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_ends_the_process_instead_of_half_of_it() {
        let tasks = Tasks::new();
        tasks.spawn("poller", async { panic!("on purpose") });
        let stopped = tokio::time::timeout(Duration::from_secs(5), tasks.stop().cancelled()).await;
        assert!(stopped.is_ok(), "the others are told to stop");
    }
}
