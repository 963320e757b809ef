//! What can be wrong across sections, or in values that only look right.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use toml::{Table, Value};
use url::Url;

use super::explain::did_you_mean;
use super::read::label;
use super::{Config, Language};
use crate::assess::Assessor;
use crate::decide::OpenTickets;

/// Names that the file gives, also those of sections that could not be read: whoever refers to one made no mistake.
#[derive(Debug, Default)]
pub(super) struct Declared {
    sources: Vec<String>,
    brands: Vec<String>,
    crms: Vec<String>,
    receivers: Vec<String>,
    rules: usize,
}

impl Declared {
    pub(super) fn in_table(table: &Table) -> Declared {
        let entries =
            |section: &str| table.get(section).and_then(Value::as_array).cloned().unwrap_or_default();
        let names = |section: &str| -> Vec<String> {
            entries(section)
                .iter()
                .map(|entry| entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
                .collect()
        };
        Declared {
            sources: names("source"),
            brands: names("brand"),
            crms: names("crm"),
            receivers: names("receiver"),
            rules: entries("rule").len(),
        }
    }
}

/// Everything that is wrong and was not `told` already. An error at or above a place that could not be read is its
/// consequence, and left out.
pub(super) fn check(config: &Config, declared: &Declared, told: &[String]) -> Vec<String> {
    let mut errors = Vec::new();
    check_database(config, &mut errors);
    check_web(config, &mut errors);
    check_policy(config, &mut errors);
    check_new_tickets(config, declared, &mut errors);
    check_names(config, &mut errors);
    check_brands(config, declared, &mut errors);
    check_sources(config, declared, &mut errors);
    check_parts(config, &mut errors);
    check_rules(config, declared, &mut errors);
    // Without settings of the operator's there is nothing to go wrong, and making an assessor takes a while.
    if !(config.brands.is_empty() && config.references.is_empty())
        && let Err(bad) = Assessor::new(config.assess_settings())
    {
        errors.extend(bad.into_iter().map(|error| match error.split_once(": error: ") {
            Some((at, why)) => format!("{at}: is no regular expression ({why}); correct it"),
            None => error,
        }));
    }
    errors.retain(|error| !told.iter().any(|earlier| is_at_or_below(path_of(earlier), path_of(error))));
    errors
}

fn path_of(error: &str) -> &str {
    error.split(": ").next().unwrap_or(error)
}

fn is_at_or_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn check_database(config: &Config, errors: &mut Vec<String>) {
    if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| config.database.url.starts_with(scheme)) {
        errors.push(
            "database.url: is no address of a database; write sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"
                .to_owned(),
        );
    }
}

fn check_web(config: &Config, errors: &mut Vec<String>) {
    match config.web.listen.parse::<SocketAddr>() {
        Ok(address) if !address.ip().is_loopback() && config.web.token.is_none() => errors.push(
            "web.listen: listening beyond this machine needs web.token, or everybody on the network reads your cases"
                .to_owned(),
        ),
        Ok(_) => {}
        Err(_) => errors.push(
            "web.listen: is no address with a port; write numbers, such as \"127.0.0.1:8470\"".to_owned(),
        ),
    }
    if let Some(url) = &config.web.public_url
        && !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        errors.push(
            "web.public_url: is no web address; write it whole, such as \"https://gehoord.example\""
                .to_owned(),
        );
    }
}

fn check_policy(config: &Config, errors: &mut Vec<String>) {
    let policy = &config.policy;
    if !(0.0..=1.0).contains(&policy.exposure.seen_share) {
        errors.push("policy.exposure.seen_share: is a share; write a number from 0 to 1".to_owned());
    }
    for (key, days) in [("aged_ticket_days", policy.aged_ticket_days), ("case_days", policy.case_days)] {
        if days < 0 {
            errors.push(format!("policy.{key}: days are counted from 0; write 0 or more"));
        }
    }
}

/// Where tickets are opened is the operator's choice, never the first by name.
fn check_new_tickets(config: &Config, declared: &Declared, errors: &mut Vec<String>) {
    let policy = &config.policy;
    let writable: Vec<&str> = policy.writable_crms.iter().map(String::as_str).collect();
    let at = "policy.open_tickets_in";
    if let Some(name) = &policy.open_tickets_in {
        check_named(at, "crm", name, &declared.crms, errors);
        if config.crms.iter().any(|crm| crm.name == *name && !crm.kind.is_writable()) {
            errors.push(format!("{at}: {name:?} can only be read; name one that can be written to"));
        }
        return;
    }
    // One that could not be read may well be the one that tickets go to.
    if policy.open_tickets == OpenTickets::Never || config.crms.len() < declared.crms.len() {
        return;
    }
    match writable[..] {
        [_] => {}
        [] => errors.push(
            "policy.open_tickets: there is no [[crm]] that a ticket can be opened in; add one, or write \"never\""
                .to_owned(),
        ),
        _ => errors.push(format!(
            "{at}: tickets could be opened in {}; say in which",
            writable.join(", ")
        )),
    }
}

fn check_names(config: &Config, errors: &mut Vec<String>) {
    let sections: [(&str, Vec<&str>); 3] = [
        ("source", config.sources.iter().map(|source| source.common.name.as_str()).collect()),
        ("crm", config.crms.iter().map(|crm| crm.name.as_str()).collect()),
        ("receiver", config.receivers.iter().map(|receiver| receiver.name.as_str()).collect()),
    ];
    for (section, names) in sections {
        let mut seen = BTreeSet::new();
        for (place, name) in names.iter().enumerate() {
            let at = label(section, place, name);
            let fit =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !fit {
                errors.push(format!("{at}.name: give it a name of letters, digits, - _ or ."));
            } else if !seen.insert(name) {
                errors.push(format!("{at}.name: two have this name; change one of them"));
            }
        }
    }
}

fn check_brands(config: &Config, declared: &Declared, errors: &mut Vec<String>) {
    for (place, brand) in config.brands.iter().enumerate() {
        let at = label("brand", place, &brand.name);
        if brand.name.trim().is_empty() {
            errors.push(format!("{at}.name: is empty; write the brand as it should stand in alerts"));
        }
        if brand.terms.is_empty() && brand.ambiguous.is_empty() {
            errors.push(format!(
                "{at}.terms: is empty, so nothing could be about it; write how people call it"
            ));
        }
    }
    if !config.sources.is_empty() && declared.brands.is_empty() {
        errors
            .push("brand: name at least one [[brand]], or nothing that is said can be about you".to_owned());
    }
}

fn check_sources(config: &Config, declared: &Declared, errors: &mut Vec<String>) {
    for (place, source) in config.sources.iter().enumerate() {
        let at = label("source", place, &source.common.name);
        errors.extend(source.kind.validate().into_iter().map(|error| format!("{at}.{error}")));
        if source.common.lawful_basis.trim().is_empty() {
            errors.push(format!(
                "{at}.lawful_basis: say why you may read this, such as \"legitimate interest\""
            ));
        }
        if source.common.purpose.trim().is_empty() {
            errors.push(format!("{at}.purpose: say what you read it for, such as \"answering customers\""));
        }
        if source.common.retention_days == 0 {
            errors.push(format!("{at}.retention_days: is 0; write at least one day"));
        }
        if source.common.interval_secs == 0 {
            errors.push(format!("{at}.interval_secs: is 0; write at least one second"));
        }
        let allowances = [
            ("calls_per_day", source.common.calls_per_day),
            ("calls_per_year", source.common.calls_per_year),
        ];
        for (key, _) in allowances.into_iter().filter(|(_, calls)| calls.is_some_and(|calls| calls < 1)) {
            errors.push(format!("{at}.{key}: allows no call; write 1 or more, or leave it out for no limit"));
        }
        if let Some(brand) = &source.common.brand {
            check_named(&format!("{at}.brand"), "brand", brand, &declared.brands, errors);
        }
    }
}

/// What the settings of CRMs and receivers say of themselves.
fn check_parts(config: &Config, errors: &mut Vec<String>) {
    for (place, crm) in config.crms.iter().enumerate() {
        let at = label("crm", place, &crm.name);
        errors.extend(crm.kind.validate().into_iter().map(|error| format!("{at}.{error}")));
        if crm.interval_secs == 0 {
            errors.push(format!("{at}.interval_secs: is 0; write at least one second"));
        }
    }
    for (place, receiver) in config.receivers.iter().enumerate() {
        let at = label("receiver", place, &receiver.name);
        errors.extend(receiver.validate().into_iter().map(|error| format!("{at}.{error}")));
    }
}

fn check_rules(config: &Config, declared: &Declared, errors: &mut Vec<String>) {
    // One that could not be read may well be able to solve something.
    let cannot_resolve = |name: &String| {
        config.receivers.iter().any(|receiver| receiver.name == *name && !receiver.may_resolve)
    };
    for (place, rule) in config.policy.rules.iter().enumerate() {
        let at = label("rule", place, &rule.name);
        let notify = format!("{at}.notify");
        if rule.notify.is_empty() {
            errors.push(format!("{notify}: it tells nobody; name at least one receiver"));
        }
        for receiver in &rule.notify {
            check_named(&notify, "receiver", receiver, &declared.receivers, errors);
        }
        if !rule.notify.is_empty() && rule.notify.iter().all(cannot_resolve) {
            errors.push(format!(
                "{notify}: it ends at people who cannot solve anything; name a receiver with may_resolve = true"
            ));
        }
        for source in &rule.sources {
            check_named(&format!("{at}.sources"), "source", source, &declared.sources, errors);
        }
        for brand in &rule.brands {
            check_named(&format!("{at}.brands"), "brand", brand, &declared.brands, errors);
        }
        let is_unknown = |topic: &&String| config.topics.name(topic, Language::English).is_none();
        for topic in rule.topics.iter().filter(is_unknown) {
            errors.push(format!(
                "{at}.topics: there is no topic {topic:?}; their ids stand in config/topics.toml, or in your own file"
            ));
        }
    }
    if !config.sources.is_empty() && declared.rules == 0 {
        errors
            .push("rule: there is no [[rule]], so nobody would ever be told; add one with notify".to_owned());
    }
}

fn check_named(at: &str, section: &str, name: &str, declared: &[String], errors: &mut Vec<String>) {
    if !declared.iter().any(|known| known == name) {
        let known: Vec<&str> = declared.iter().map(String::as_str).collect();
        errors.push(format!(
            "{at}: there is no [[{section}]] with the name {name:?}{}",
            did_you_mean(name, &known)
        ));
    }
}
