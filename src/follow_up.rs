//! What looks different now: mentions that were *perhaps* known or *new* are matched again when the register changes.
//!
//! A ticket often arrives minutes after the post about it. The answer is then appended, not overwritten, and those who
//! were told "not known" are told that it is known after all.

use std::sync::Arc;
use std::time::Duration;

use crate::escalate::mirror::Mirror;
use crate::pipeline::Pipeline;
use crate::store::Store;

/// Mentions older than this are not matched again.
const REMATCH_WITHIN: Duration = Duration::from_secs(3 * 86_400);
/// Mentions that are matched again in one transaction.
const REMATCH_MAX: i64 = 100;

/// Finds what looks different now.
#[derive(Debug)]
pub struct FollowUp {
    store: Store,
    mirror: Arc<Mirror>,
    pipeline: Arc<Pipeline>,
}

impl FollowUp {
    /// A follow-up over a store, with the flow to judge again.
    pub fn new(store: Store, mirror: Arc<Mirror>, pipeline: Arc<Pipeline>) -> FollowUp {
        FollowUp { store, mirror, pipeline }
    }

    /// Matches again what the register changed under. Returns how many became better known.
    pub async fn rematch(&self) -> anyhow::Result<usize> {
        let seq = self.mirror.index().seq();
        let mut better = 0;
        loop {
            let since = self.store.now().await? - REMATCH_WITHIN;
            let stale = self.store.mentions_to_rematch(seq, since, REMATCH_MAX).await?;
            if stale.is_empty() {
                return Ok(better);
            }
            better += self.pipeline.judge_again(&stale, seq).await?;
        }
    }
}
