//! release: what waits for a person is tried again, because a person says so.

use super::{NOT_FOUND, OK};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Store;

/// Who is written down as the one who did it.
const ACTOR: &str = "command line";
/// Mentions and effects that are released at once.
const RELEASED_MAX: i64 = 10_000;

/// Releases one thing, or everything that waits (`None`).
pub async fn release(config: Config, what: Option<&str>) -> anyhow::Result<u8> {
    let store = Store::open(&config.database.url, Clock::System).await?;
    let Some(what) = what else { return release_all(&store).await };
    let mention = store.find_mention(what).await?;
    if let Some(mention) = &mention
        && store.release_mention(&mention.id, ACTOR).await?
    {
        println!("mention {} is processed again", mention.id);
        return Ok(OK);
    }
    if store.retry_effect(what, ACTOR).await? {
        println!("effect {what} is tried again");
        return Ok(OK);
    }
    match mention {
        Some(mention) => {
            eprintln!("gehoord: mention {} is not parked; see `gehoord explain {what}`", mention.id)
        }
        None => eprintln!("gehoord: no parked mention and no effect that was given up is called {what:?}"),
    }
    Ok(NOT_FOUND)
}

async fn release_all(store: &Store) -> anyhow::Result<u8> {
    let (mut mentions, mut effects) = (0, 0);
    for parked in store.parked_mentions(RELEASED_MAX).await? {
        mentions += usize::from(store.release_mention(&parked.id, ACTOR).await?);
    }
    for line in store.effect_lines(RELEASED_MAX).await?.iter().filter(|line| line.state == "dead") {
        effects += usize::from(store.retry_effect(&line.id, ACTOR).await?);
    }
    println!("{mentions} mentions are processed again, {effects} effects are tried again");
    Ok(if mentions + effects == 0 { NOT_FOUND } else { OK })
}
