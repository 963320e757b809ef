//! gehoord recognises public complaints that the company already knows, and tells the people who can solve them.
//!
//! ```text
//! source → mention → assess → recognise → match → decide → escalate / alert → follow-up → report
//! ```
//!
//! The modules below stand in the order of that line. Start with [`pipeline`], which holds it as one function;
//! `docs/ARCHITECTURE.md` is the map.

pub mod clock;
pub mod failure;
pub mod broken;
pub mod ids;
pub mod retry;
pub mod text;
pub mod words;
pub mod html;
pub mod config;

pub mod pipeline;
pub mod source;
pub mod mention;
pub mod assess;
pub mod recognise;
pub mod models;
pub mod encoder;
pub mod matching;
pub mod emerging;
pub mod exposure;
pub mod decide;
pub mod register;
pub mod promises;
pub mod dossier;
pub mod escalate;
pub mod alert;
pub mod outbox;
pub mod follow_up;
pub mod watch;
pub mod report;
pub mod web;

pub mod store;
pub mod telemetry;
pub mod lifecycle;
pub mod app;
pub mod cli;

pub mod learn;

pub mod demo;

/// Chooses the TLS provider of this process. Safe to call more than once.
pub fn install_tls() {
    // The second call finds one installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
