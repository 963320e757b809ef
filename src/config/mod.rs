//! Configuration: one TOML file, `GEHOORD_…` overrides, secrets in files.
//!
//! Everything that is wrong is reported at once, each with its path and what to do. Sections are structs next to the code
//! they configure; this file reads them. `check` looks at what concerns more than one of them, `read` collects errors,
//! `explain` puts them into words, `overrides` lays the environment over the file.

mod check;
mod explain;
mod overrides;
pub mod read;
pub mod secret;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::alert::{self, ReceiverConfig};
use crate::assess::{AssessSettings, Brand, ReferenceFormat, Topics};
use crate::decide::{Mode, Policy, Rule};
use crate::escalate::{self, CrmConfig};
use crate::source::{self, SourceConfig};
use check::Declared;
use read::Reader;
use secret::Secret;

/// Everything an operator can choose.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether decisions leave the house.
    pub mode: Mode,
    /// Where the state lives.
    pub database: Database,
    /// The page, health and metrics.
    pub web: Web,
    /// What the organisation wants.
    pub policy: Policy,
    /// What complaints are about.
    pub topics: Arc<Topics>,
    /// Brands that are listened for.
    pub brands: Vec<Brand>,
    /// Formats of numbers to look for.
    pub references: Vec<ReferenceFormat>,
    /// Where mentions come from.
    pub sources: Vec<SourceEntry>,
    /// Where the register is read and raised.
    pub crms: Vec<CrmEntry>,
    /// Who can be told.
    pub receivers: Vec<ReceiverConfig>,
}

/// Where the state lives.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://FILE` for one process, `postgres://USER:PASSWORD@HOST/NAME` for several replicas.
    pub url: String,
}

impl Database {
    /// The SQLite file, when it is one.
    pub fn sqlite_file(&self) -> Option<std::path::PathBuf> {
        let path = self.url.strip_prefix("sqlite://").or_else(|| self.url.strip_prefix("sqlite:"))?;
        Some(path.split('?').next().unwrap_or(path).into())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password, so only the engine is shown.
        f.debug_tuple("Database").field(&self.url.split(':').next().unwrap_or_default()).finish()
    }
}

impl Default for Database {
    fn default() -> Self {
        Database { url: "sqlite://gehoord.db".to_owned() }
    }
}

/// The page, health and metrics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Address and port to listen on. Anything but loopback needs a token.
    pub listen: String,
    /// The token that opens the page from elsewhere.
    pub token: Option<Secret>,
    /// The address under which people reach the page; links in alerts start with it.
    pub public_url: Option<String>,
    /// The language of the page: nl or en.
    pub language: Language,
}

impl Default for Web {
    fn default() -> Self {
        Web { listen: "127.0.0.1:8470".to_owned(), token: None, public_url: None, language: Language::Dutch }
    }
}

impl Web {
    /// The start of links to the page.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}

/// A language that pages and alerts speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// Dutch.
    #[default]
    #[serde(rename = "nl")]
    Dutch,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// It is Dutch.
    pub fn is_dutch(self) -> bool {
        self == Language::Dutch
    }
}

/// A source with what all sources have in common.
#[derive(Clone, Debug)]
pub struct SourceEntry {
    /// Its settings that every kind has.
    pub common: SourceCommon,
    /// Its settings of its kind.
    pub kind: SourceConfig,
}

/// Settings that every source has, whatever its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceCommon {
    /// Its name: in the database, in logs, on the page.
    pub name: String,
    /// Seconds between two polls.
    pub interval_secs: u64,
    /// The brand that everything here is about, for review pages and accounts of our own.
    pub brand: Option<String>,
    /// What the register calls this network in handles; the kind's name when left out.
    pub network: Option<String>,
    /// Handles and author ids of our own accounts: their words are own voice.
    pub own_accounts: Vec<String>,
    /// Why we may read this (GDPR article 6), such as "legitimate interest".
    pub lawful_basis: String,
    /// What we read it for, in a sentence.
    pub purpose: String,
    /// Days after which a mention without a case is removed.
    pub retention_days: u32,
    /// Calls allowed per day; none by default.
    pub calls_per_day: Option<i64>,
    /// Calls allowed per calendar year; none by default.
    pub calls_per_year: Option<i64>,
}

impl Default for SourceCommon {
    fn default() -> Self {
        SourceCommon {
            name: String::new(),
            interval_secs: 60,
            brand: None,
            network: None,
            own_accounts: Vec::new(),
            lawful_basis: String::new(),
            purpose: String::new(),
            retention_days: 180,
            calls_per_day: None,
            calls_per_year: None,
        }
    }
}

/// The names of [`SourceCommon`]'s keys, which are taken out of a `[[source]]` before its kind reads the rest.
const SOURCE_COMMON_KEYS: [&str; 10] = [
    "name",
    "interval_secs",
    "brand",
    "network",
    "own_accounts",
    "lawful_basis",
    "purpose",
    "retention_days",
    "calls_per_day",
    "calls_per_year",
];

/// A CRM with what all CRMs have in common.
#[derive(Clone, Debug)]
pub struct CrmEntry {
    /// Its name: the register's name in the database.
    pub name: String,
    /// Seconds between two reads once everything was read.
    pub interval_secs: u64,
    /// Its settings of its kind.
    pub kind: CrmConfig,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CrmCommon {
    name: String,
    interval_secs: u64,
}

impl Default for CrmCommon {
    fn default() -> Self {
        CrmCommon { name: String::new(), interval_secs: 60 }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the configuration has {} error{}:",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        for error in &self.0 {
            writeln!(f, "  - {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads and checks a file, with overrides from the environment.
    ///
    /// # Errors
    /// All of them at once.
    pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigErrors(vec![format!(
                "{}: cannot be read ({error}); copy config/example.toml there, or name another file with --config",
                path.display()
            )])
        })?;
        Config::parse(&text, std::env::vars())
    }

    /// Reads and checks TOML text, with overrides such as `GEHOORD_DATABASE__URL`.
    ///
    /// # Errors
    /// All of them at once.
    pub fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigErrors> {
        let mut table: Table =
            toml::from_str(text).map_err(|error| ConfigErrors(vec![not_toml(text, &error)]))?;
        let overrides = overrides::apply(&mut table, environment);
        let declared = Declared::in_table(&table);
        let mut reader = Reader::new(table, overrides);
        let config = Config::from_reader(&mut reader);
        let mut errors = reader.finish();
        errors.extend(check::check(&config, &declared, &errors));
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
    }

    fn from_reader(reader: &mut Reader) -> Config {
        let mut config = Config {
            mode: reader.value("mode"),
            database: reader.section("database"),
            web: reader.section("web"),
            policy: reader.section("policy"),
            topics: read_topics(reader),
            brands: reader.list("brand"),
            references: reader.list("reference"),
            sources: read_sources(reader),
            crms: read_crms(reader),
            receivers: alert::read_receivers(reader),
        };
        config.policy.rules = reader.list::<Rule>("rule");
        let writable = config.crms.iter().filter(|crm| crm.kind.is_writable());
        config.policy.writable_crms = writable.map(|crm| crm.name.clone()).collect();
        config
    }

    /// What the assessor is made from.
    pub fn assess_settings(&self) -> AssessSettings {
        AssessSettings {
            brands: self.brands.clone(),
            references: self.references.clone(),
            topics: self.topics.clone(),
        }
    }
}

/// Where a text stops being TOML. The parser's own message shows the line, in which a secret may stand.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().map_or(String::new(), |span| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        format!("line {}: ", before.iter().filter(|byte| **byte == b'\n').count() + 1)
    });
    format!(
        "{place}this is not TOML: {}; compare it with config/example.toml",
        error.message().replace('\n', ", ")
    )
}

/// The taxonomy of the operator's own, or else the one that ships.
fn read_topics(reader: &mut Reader) -> Arc<Topics> {
    let Some(path) = reader.value::<Option<PathBuf>>("topics") else { return Topics::shipped() };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("{} cannot be read ({error}); copy config/topics.toml there", path.display())
    });
    match text.and_then(|text| Topics::read(&text).map_err(|error| format!("{}: {error}", path.display()))) {
        Ok(topics) => Arc::new(topics),
        Err(error) => {
            reader.report("topics", &error);
            Topics::shipped()
        }
    }
}

fn read_sources(reader: &mut Reader) -> Vec<SourceEntry> {
    reader
        .tables("source")
        .into_iter()
        .filter_map(|(path, mut table)| {
            let common: SourceCommon = reader.take_keys(&path, &mut table, &SOURCE_COMMON_KEYS);
            let kind = reader.take_kind(&path, &mut table, source::KINDS)?;
            Some(SourceEntry { common, kind: SourceConfig::read(&kind, reader, &path, table)? })
        })
        .collect()
}

fn read_crms(reader: &mut Reader) -> Vec<CrmEntry> {
    reader
        .tables("crm")
        .into_iter()
        .filter_map(|(path, mut table)| {
            let common: CrmCommon = reader.take_keys(&path, &mut table, &["name", "interval_secs"]);
            let kind = reader.take_kind(&path, &mut table, escalate::KINDS)?;
            let kind = CrmConfig::read(&kind, reader, &path, table)?;
            Some(CrmEntry { name: common.name, interval_secs: common.interval_secs, kind })
        })
        .collect()
}
