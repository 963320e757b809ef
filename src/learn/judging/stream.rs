//! Judges the telling of new problems: a table `t_seconds⇥text⇥event` of posts in the order of time, most of no event.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};

use super::Measures;
use crate::emerging::clusters::Clusters;
use crate::emerging::rising::{Bounds, Watch};

/// For how long a cluster waits for its next text.
const OVER_AFTER: SignedDuration = SignedDuration::from_hours(24);

struct Post {
    seconds: f64,
    text: String,
    event: Option<String>,
}

/// Plays a stream and judges what is told: events found, false alerts a day, posts and minutes of an event until it is told
/// (medians), and alerts about an event that was told before.
///
/// # Errors
/// A line without a time or a text.
pub fn shipped(file: &Path) -> anyhow::Result<Measures> {
    let posts = read(file)?;
    let mut clusters = Clusters::new(OVER_AFTER);
    let mut watch = Watch::new(Bounds::default());
    let mut first: HashMap<&str, f64> = HashMap::new();
    let mut so_far: HashMap<&str, usize> = HashMap::new();
    let (mut found, mut falses, mut doubles) = (HashSet::new(), 0usize, 0usize);
    let (mut posts_until, mut minutes_until) = (Vec::new(), Vec::new());
    for (place, post) in posts.iter().enumerate() {
        if let Some(event) = post.event.as_deref() {
            first.entry(event).or_insert(post.seconds);
            *so_far.entry(event).or_default() += 1;
        }
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(post.seconds);
        let placed = clusters.add(&post.text, at);
        let Some(rising) = watch.note(&placed, &place.to_string(), at, &clusters) else { continue };
        // An alert is about an event when more than half of its posts are.
        let mut events: HashMap<&str, usize> = HashMap::new();
        for key in &rising.texts {
            let number: usize = key.parse().expect("keys are places");
            if let Some(event) = posts[number].event.as_deref() {
                *events.entry(event).or_default() += 1;
            }
        }
        match events.into_iter().find(|(_, count)| count * 2 > rising.texts.len()) {
            None => falses += 1,
            Some((event, _)) if !found.insert(event) => doubles += 1,
            Some((event, _)) => {
                posts_until.push(so_far[event] as f64);
                minutes_until.push(((post.seconds - first[event]) / 60.0).round());
            }
        }
    }
    let days = match (posts.first(), posts.last()) {
        (Some(first), Some(last)) => ((last.seconds - first.seconds) / 86_400.0).max(1e-9),
        _ => bail!("{}: there is no post", file.display()),
    };
    let mut measures = Measures::default();
    measures.set("events", first.len() as f64);
    measures.set("found", found.len() as f64);
    measures.set("false_per_day", (falses as f64 / days * 100.0).round() / 100.0);
    measures.set("posts_until_alert", median(posts_until));
    measures.set("minutes_until_alert", median(minutes_until));
    measures.set("duplicates", doubles as f64);
    Ok(measures)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn read(file: &Path) -> anyhow::Result<Vec<Post>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    let mut posts = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut columns = line.split('\t');
        let (Some(seconds), Some(text)) = (columns.next(), columns.next()) else {
            bail!("{}:{number}: a time and a text are needed, with a tab between them", file.display());
        };
        if number == 1 && seconds == "t_seconds" {
            continue;
        }
        let seconds: f64 = seconds
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite() && seconds.abs() < 1e10)
            .with_context(|| format!("{}:{number}: {seconds:?} is no time in seconds", file.display()))?;
        let event = columns.next().map(str::trim).filter(|event| !event.is_empty()).map(str::to_owned);
        posts.push(Post { seconds, text: text.to_owned(), event });
    }
    Ok(posts)
}
