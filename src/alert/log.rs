//! The channel that writes what it would have sent, one JSON line per alert, to a file or nowhere.
//!
//! For a first look, and for tests: a line holds ids and figures, and the words only when a file was named for them.

use std::path::PathBuf;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::notice::NoticeLetter;
use super::{Channel, Letter, wording};
use crate::failure::{Failure, FailureKind};

/// Settings of the `log` channel.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file to append to; left out, alerts are only counted in the log.
    pub path: Option<PathBuf>,
}

impl Config {
    /// Nothing can be wrong with it before it is tried.
    pub fn validate(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The `log` channel.
#[derive(Debug)]
pub struct Log {
    config: Config,
}

/// Builds the channel.
pub fn build(config: Config) -> Log {
    Log { config }
}

impl Channel for Log {
    fn compose(&self, letter: &Letter) -> String {
        let dossier = letter.dossier;
        let shy = letter.link_only || dossier.mention.removed_at.is_some();
        let line = serde_json::json!({
            "key": letter.key,
            "kind": letter.kind,
            "urgency": dossier.urgency,
            "case": dossier.case.as_ref().map(|case| case.number),
            "mention": dossier.mention.mention.external_id,
            "verbatim": (!shy).then(|| dossier.mention.mention.whole_text()),
            "page": dossier.case.as_ref().map(|case| format!("{}/cases/{}", letter.page_url, case.number)),
            "audience": dossier.exposure.audience,
            "known_since_days": dossier.known_since_days,
            "ticket": dossier.ticket.as_ref().map(|ticket| ticket.ticket.number.clone()),
            "problem": dossier.problem.as_ref().map(|problem| problem.problem.number.clone()),
            "others_silent": dossier.others_silent,
            "exposure_arithmetic": dossier.exposure.arithmetic(letter.language.is_dutch()),
        });
        line.to_string()
    }

    fn compose_notice(&self, letter: &NoticeLetter) -> String {
        let subject = wording::notice(letter).subject;
        serde_json::json!({ "key": letter.key, "notice": letter.notice, "subject": subject }).to_string()
    }

    async fn deliver(&self, composed: &str, key: &str) -> Result<String, Failure> {
        let Some(path) = &self.config.path else {
            tracing::info!(alert.key = key, "Alert {key} would have been sent");
            return Ok("logged".to_owned());
        };
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Unavailable, format!("cannot append to {}: {error}", path.display()))
        };
        let mut file =
            tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.map_err(failed)?;
        // One write per line: lines of several processes do not mix.
        file.write_all(format!("{composed}\n").as_bytes()).await.map_err(failed)?;
        file.flush().await.map_err(failed)?;
        Ok("appended".to_owned())
    }

    async fn check(&self) -> Result<String, Failure> {
        Ok(match &self.config.path {
            Some(path) => format!("appends to {}", path.display()),
            None => "writes to the log".to_owned(),
        })
    }
}
