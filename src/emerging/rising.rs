//! When a cluster is news: more texts in a few hours than it usually has, told once for each event.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::clusters::{ClusterId, Clusters, Placed};

/// How many texts in how short a time are news.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least number of texts …
    pub least: usize,
    /// … within this time.
    pub within: SignedDuration,
    /// How many times its usual number in that time comes on top.
    pub times_usual: f64,
    /// A cluster whose cosine with one that was told lately is above this is the same event.
    pub same_event: f32,
    /// For how long an event that was told stays the same one.
    pub quiet: SignedDuration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            least: 6,
            within: SignedDuration::from_hours(6),
            times_usual: 4.0,
            same_event: 0.15,
            quiet: SignedDuration::from_hours(36),
        }
    }
}

/// A cluster that is news.
#[derive(Clone, Debug, PartialEq)]
pub struct Rising {
    /// Which.
    pub cluster: ClusterId,
    /// Its texts within the time of the bounds, by the keys that they were noted with, the oldest first.
    pub texts: Vec<String>,
    /// How many it usually has in that time.
    pub usual: f64,
}

#[derive(Default)]
struct Noted {
    /// The texts within the time of the bounds.
    recent: VecDeque<(Timestamp, String)>,
    /// How many were there before these.
    earlier: usize,
}

/// A cluster that was news.
struct Past {
    at: Timestamp,
    cluster: ClusterId,
    was_told: bool,
}

/// Follows how clusters grow.
pub struct Watch {
    bounds: Bounds,
    noted: HashMap<ClusterId, Noted>,
    past: Vec<Past>,
    began: Option<Timestamp>,
}

impl Watch {
    /// Nothing noted yet.
    pub fn new(bounds: Bounds) -> Watch {
        Watch { bounds, noted: HashMap::new(), past: Vec::new(), began: None }
    }

    /// Notes a text that was put into a cluster; `key` names the text. Tells when its cluster is news for the first time.
    pub fn note(&mut self, placed: &Placed, key: &str, at: Timestamp, clusters: &Clusters) -> Option<Rising> {
        let began = *self.began.get_or_insert(at);
        let Bounds { least, within, times_usual, same_event, quiet } = self.bounds;
        let noted = self.noted.entry(placed.cluster).or_default();
        noted.recent.push_back((at, key.to_owned()));
        while noted.recent.front().is_some_and(|(then, _)| at.duration_since(*then) >= within) {
            noted.recent.pop_front();
            noted.earlier += 1;
        }
        let before = (at.duration_since(began) - within).as_secs_f64() / within.as_secs_f64();
        let usual = noted.earlier as f64 / before.max(1.0);
        if (noted.recent.len() as f64) < least as f64 + times_usual * usual {
            return None;
        }
        let texts: Vec<String> = noted.recent.iter().map(|(_, key)| key.clone()).collect();
        self.past.retain(|past| at.duration_since(past.at) < quiet);
        if self.past.iter().any(|past| past.cluster == placed.cluster) {
            return None;
        }
        // What was held back as the same event holds nothing back itself: likeness is not passed on.
        let is_told = self
            .past
            .iter()
            .any(|past| past.was_told && clusters.likeness(past.cluster, placed.cluster) > same_event);
        self.past.push(Past { at, cluster: placed.cluster, was_told: !is_told });
        (!is_told).then_some(Rising { cluster: placed.cluster, texts, usual })
    }

    /// Forgets clusters that take no more texts.
    pub fn forget(&mut self, is_over: impl Fn(ClusterId) -> bool) {
        self.noted.retain(|cluster, _| !is_over(*cluster));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn told(texts: &[(&str, i64)]) -> Vec<Rising> {
        let mut clusters = Clusters::new(SignedDuration::from_hours(24));
        let mut watch = Watch::new(Bounds::default());
        texts
            .iter()
            .filter_map(|(text, minute)| {
                let placed = clusters.add(text, at(*minute));
                watch.note(&placed, &minute.to_string(), at(*minute), &clusters)
            })
            .collect()
    }

    #[test]
    fn six_of_a_kind_within_six_hours_are_told_once() {
        let texts: Vec<(&str, i64)> =
            (0..20).map(|turn| ("wasmachine lekt na de beurt", turn * 10)).collect();
        let told = told(&texts);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].texts, ["0", "10", "20", "30", "40", "50"]);
    }

    #[test]
    fn six_of_a_kind_in_a_day_are_not() {
        let texts: Vec<(&str, i64)> =
            (0..6).map(|turn| ("wasmachine lekt na de beurt", turn * 240)).collect();
        assert!(told(&texts).is_empty());
    }

    #[test]
    fn what_is_always_there_is_told_only_when_it_is_much_more() {
        // Four an hour apart for days are its usual …
        let usual = (0..200).map(|turn| ("lang in de wacht bij de klantenservice", 600 + turn * 90));
        let mut texts: Vec<(&str, i64)> = usual.collect();
        assert!(told(&texts).is_empty());
        // … and thirty in an hour are not.
        texts.extend((0..30).map(|turn| ("lang in de wacht bij de klantenservice", 18_700 + turn * 2)));
        assert_eq!(told(&texts).len(), 1);
    }

    #[test]
    fn an_event_that_comes_back_after_days_is_told_again() {
        let burst = |from: i64| (0..8).map(move |turn| ("kermis zonder stroom in het dorp", from + turn));
        let texts: Vec<(&str, i64)> = burst(0).chain(burst(60 * 24 * 4)).collect();
        assert_eq!(told(&texts).len(), 2);
    }
}
