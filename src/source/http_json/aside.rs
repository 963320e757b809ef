//! Work that may take for ever, beside the runtime: one thread per source at most, and a deadline for the one who waits.
//!
//! A filter cannot be interrupted. So it runs on a thread of its own rather than on the runtime's, whose shutdown would
//! wait for it; and while one is still running, the source starts no second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::failure::{Failure, FailureKind};

/// The library recurses over nested values; the usual two mebibytes are too near.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A place for one piece of work at a time.
pub(super) struct Aside {
    busy: Arc<AtomicBool>,
    patience: Duration,
}

/// Frees the place when the thread ends, however it ends.
struct Place(Arc<AtomicBool>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Aside {
    /// A free place, whose work may take `patience`.
    pub fn new(patience: Duration) -> Aside {
        Aside { busy: Arc::default(), patience }
    }

    /// Does the work and waits for it.
    ///
    /// # Errors
    /// `TimedOut` when it takes too long, or earlier work still does; `Internal` when it panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        if self.busy.swap(true, Ordering::Acquire) {
            let message =
                "the filters of this source are still busy with an earlier answer; make them simpler";
            return Err(Failure::new(FailureKind::TimedOut, message));
        }
        let place = Place(self.busy.clone());
        let (done, waiting) = tokio::sync::oneshot::channel();
        let thread =
            std::thread::Builder::new().name("filters".into()).stack_size(STACK_BYTES).spawn(move || {
                let outcome = work();
                drop(place);
                // Nobody may be waiting any more.
                let _ = done.send(outcome);
            });
        thread
            .map_err(|_| Failure::new(FailureKind::Internal, "no thread can be started for the filters"))?;
        match tokio::time::timeout(self.patience, waiting).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(Failure::new(FailureKind::Internal, "the filters of this source crashed")),
            Err(_) => Err(Failure::new(
                FailureKind::TimedOut,
                format!(
                    "the filters of this source took longer than {} s; make them simpler",
                    self.patience.as_secs()
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn endless_work_is_left_and_not_started_twice() {
        let aside = Aside::new(Duration::from_millis(50));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let failure = aside.run(move || stopped.recv()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TimedOut);
        assert!(aside.run(|| 1).await.unwrap_err().message.contains("earlier"));
        drop(stop);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if let Ok(outcome) = aside.run(|| 2).await {
                assert_eq!(outcome, 2);
                return;
            }
        }
        panic!("the place is free again once the work has ended");
    }

    #[tokio::test]
    async fn a_crash_is_a_failure_and_frees_the_place() {
        let aside = Aside::new(Duration::from_secs(5));
        let crash = || -> u8 { std::panic::resume_unwind(Box::new("quietly")) };
        assert_eq!(aside.run(crash).await.unwrap_err().kind, FailureKind::Internal);
        assert_eq!(aside.run(|| 3).await, Ok(3));
    }
}
