//! Logs and metrics. Names of metrics come from one place, labels from closed enums, and every series exists at zero.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::assess::Class;
use crate::failure::FailureKind;
use crate::store::judgements::{Judged, Written};
use crate::store::mentions::Stored;
use crate::store::views::Totals;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabel {
    kind: FailureName,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FailureName(FailureKind);

impl EncodeLabelValue for FailureName {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        self.0.name().encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: ClassName,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClassName(Class);

impl EncodeLabelValue for ClassName {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        self.0.name().encode(encoder)
    }
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    stored: Counter,
    repeated: Counter,
    quarantined: Counter,
    removed: Counter,
    decided: Family<ClassLabel, Counter>,
    alerts: Counter,
    delivered: Counter,
    died: Counter,
    poll_failures: Family<FailureLabel, Counter>,
    register_failures: Family<FailureLabel, Counter>,
    delivery_failures: Family<FailureLabel, Counter>,
    decision_delay: Histogram,
    troubled: Counter,
    unannounced: Counter,
    tickets_indexed: Gauge,
    waiting: Gauge<i64, AtomicI64>,
    parked: Gauge<i64, AtomicI64>,
    open_cases: Gauge<i64, AtomicI64>,
    effects_open: Gauge<i64, AtomicI64>,
    effects_dead: Gauge<i64, AtomicI64>,
    oldest_effect_age: Gauge<f64, AtomicU64>,
    register_age: Gauge<f64, AtomicU64>,
    sources_failing: Gauge<i64, AtomicI64>,
    sources_silent: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// All series, at zero.
    pub fn new() -> Metrics {
        let metrics = Metrics {
            registry: Mutex::new(Registry::with_prefix("gehoord")),
            stored: Counter::default(),
            repeated: Counter::default(),
            quarantined: Counter::default(),
            removed: Counter::default(),
            decided: Family::default(),
            alerts: Counter::default(),
            delivered: Counter::default(),
            died: Counter::default(),
            poll_failures: Family::default(),
            register_failures: Family::default(),
            delivery_failures: Family::default(),
            decision_delay: Histogram::new([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]),
            troubled: Counter::default(),
            unannounced: Counter::default(),
            tickets_indexed: Gauge::default(),
            waiting: Gauge::default(),
            parked: Gauge::default(),
            open_cases: Gauge::default(),
            effects_open: Gauge::default(),
            effects_dead: Gauge::default(),
            oldest_effect_age: Gauge::default(),
            register_age: Gauge::default(),
            sources_failing: Gauge::default(),
            sources_silent: Gauge::default(),
        };
        metrics.register();
        for kind in FailureKind::ALL {
            for family in [&metrics.poll_failures, &metrics.register_failures, &metrics.delivery_failures] {
                drop(family.get_or_create(&FailureLabel { kind: FailureName(kind) }));
            }
        }
        for class in Class::ALL {
            drop(metrics.decided.get_or_create(&ClassLabel { class: ClassName(class) }));
        }
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().expect("nobody panics while registering");
        registry.register("mentions_stored", "New mentions and revisions stored", self.stored.clone());
        registry.register("mentions_repeated", "Mentions that were known already", self.repeated.clone());
        registry.register(
            "items_quarantined",
            "Items that could not be understood",
            self.quarantined.clone(),
        );
        registry.register(
            "mentions_removed",
            "Mentions removed because their source did",
            self.removed.clone(),
        );
        registry.register("mentions_decided", "Decisions, by class", self.decided.clone());
        registry.register("alerts_owed", "Alerts owed to receivers", self.alerts.clone());
        registry.register("effects_delivered", "Effects delivered", self.delivered.clone());
        registry.register("effects_died", "Effects given up", self.died.clone());
        registry.register("poll_failures", "Failed polls, by kind", self.poll_failures.clone());
        registry.register(
            "register_failures",
            "Failed register reads, by kind",
            self.register_failures.clone(),
        );
        registry.register("delivery_failures", "Failed deliveries, by kind", self.delivery_failures.clone());
        registry.register(
            "decision_delay_seconds",
            "From storing a mention to its decision",
            self.decision_delay.clone(),
        );
        registry.register(
            "mentions_troubled",
            "Times that judging a mention or writing its judgement failed",
            self.troubled.clone(),
        );
        registry.register(
            "index_documents",
            "Tickets and problems in the matching index",
            self.tickets_indexed.clone(),
        );
        registry.register("mentions_waiting", "Mentions without a decision", self.waiting.clone());
        registry.register("mentions_parked", "Mentions parked for a person", self.parked.clone());
        registry.register("cases_open", "Open cases", self.open_cases.clone());
        registry.register("effects_open", "Effects that are owed", self.effects_open.clone());
        registry.register("effects_dead", "Effects that wait for a person", self.effects_dead.clone());
        registry.register(
            "oldest_effect_age_seconds",
            "Age of the oldest effect that is owed",
            self.oldest_effect_age.clone(),
        );
        registry.register(
            "register_age_seconds",
            "Age of the register; -1 before the first complete read",
            self.register_age.clone(),
        );
        registry.register("sources_failing", "Sources that cannot be heard", self.sources_failing.clone());
        registry.register(
            "sources_silent",
            "Sources that answer with empty lists for far longer than usual",
            self.sources_silent.clone(),
        );
        registry.register(
            "effects_unannounced",
            "Effects given up that no other channel could tell people of",
            self.unannounced.clone(),
        );
    }

    /// A page was stored.
    pub fn stored(&self, stored: &Stored) {
        self.stored.inc_by((stored.new + stored.edited) as u64);
        self.repeated.inc_by(stored.repeated as u64);
        self.quarantined.inc_by(stored.quarantined as u64);
        self.removed.inc_by(stored.removed as u64);
    }

    /// A batch was decided.
    pub fn decided(&self, judged: &[Judged], written: &Written) {
        for one in judged {
            self.decided.get_or_create(&ClassLabel { class: ClassName(one.assessment.class) }).inc();
        }
        self.alerts.inc_by(written.alerts as u64);
    }

    /// A mention waited this long for its decision.
    pub fn decision_delay(&self, seconds: f64) {
        self.decision_delay.observe(seconds);
    }

    /// Judging a mention, or writing its judgement, failed.
    pub fn troubled(&self) {
        self.troubled.inc();
    }

    /// An effect was delivered.
    pub fn delivered(&self) {
        self.delivered.inc();
    }

    /// An effect was given up.
    pub fn died(&self) {
        self.died.inc();
    }

    /// This many effects were given up and no other channel was there to say so.
    pub fn unannounced(&self, effects: usize) {
        self.unannounced.inc_by(effects as u64);
    }

    /// A poll failed.
    pub fn poll_failed(&self, kind: FailureKind) {
        self.poll_failures.get_or_create(&FailureLabel { kind: FailureName(kind) }).inc();
    }

    /// A register could not be read.
    pub fn register_failed(&self, kind: FailureKind) {
        self.register_failures.get_or_create(&FailureLabel { kind: FailureName(kind) }).inc();
    }

    /// A delivery failed.
    pub fn delivery_failed(&self, kind: FailureKind) {
        self.delivery_failures.get_or_create(&FailureLabel { kind: FailureName(kind) }).inc();
    }

    /// The index has this many documents.
    pub fn indexed(&self, documents: usize) {
        self.tickets_indexed.set(documents as i64);
    }

    /// Figures that are read from the store when somebody asks.
    pub fn set_levels(
        &self,
        totals: &Totals,
        effects: &BTreeMap<String, i64>,
        oldest_effect_secs: f64,
        register_age_secs: Option<f64>,
        sources_failing: usize,
        sources_silent: usize,
    ) {
        let of = |state: &str| effects.get(state).copied().unwrap_or(0);
        self.waiting.set(totals.waiting);
        self.parked.set(totals.parked);
        self.open_cases.set(totals.open_cases);
        self.effects_open.set(of("ready") + of("started"));
        self.effects_dead.set(of("dead"));
        self.oldest_effect_age.set(oldest_effect_secs);
        self.register_age.set(register_age_secs.unwrap_or(-1.0));
        self.sources_failing.set(sources_failing as i64);
        self.sources_silent.set(sources_silent as i64);
    }

    /// All series in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().expect("nobody panics while registering");
        encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Sends log lines to standard error. `GEHOORD_LOG` chooses levels, such as `info,gehoord=debug`.
pub fn init_logs(format: LogFormat, default_level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("GEHOORD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default_level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // Whoever reads the log may go away; that must not take the daemon along.
        .log_internal_errors(false);
    // A second call, as in tests, keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or_else(String::new, |place| format!("{}:{}", place.file(), place.line()));
        // A message that was put together may quote what somebody said; one that stands in the code cannot.
        let said = panic
            .payload()
            .downcast_ref::<&'static str>()
            .copied()
            .unwrap_or("its message may quote a text and is left out");
        tracing::error!(panic.place = %place, "A defect of gehoord: panic at {place}: {said}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_at_zero() {
        let text = Metrics::new().render();
        for series in [
            "gehoord_mentions_stored_total 0",
            "gehoord_poll_failures_total{kind=\"rate_limited\"} 0",
            "gehoord_effects_dead 0",
        ] {
            assert!(text.contains(series), "{series} in\n{text}");
        }
    }
}
