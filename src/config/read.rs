//! Reading TOML section by section, collecting every error instead of stopping at the first.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::explain::{did_you_mean, one_of, plain, shortened};
use super::overrides::Overrides;

/// Keys that are wrong in one section before we stop looking for more.
const ERRORS_PER_SECTION_MAX: usize = 50;

/// Takes sections out of a configuration; what is left at the end is unknown.
#[derive(Debug)]
pub struct Reader {
    table: Table,
    known: Vec<String>,
    /// Keys that were taken out of a section before the rest of it is read, by the section's path.
    taken: BTreeMap<String, Vec<String>>,
    overrides: Overrides,
    errors: Vec<String>,
}

/// What a `[[section]]` is called in messages: by its name, or else by its place.
pub fn label(section: &str, place: usize, name: &str) -> String {
    if name.is_empty() { format!("{section}[{place}]") } else { format!("{section} {:?}", shortened(name)) }
}

impl Reader {
    /// Starts on a whole configuration, with what the environment laid over it.
    pub fn new(table: Table, overrides: Overrides) -> Reader {
        let errors = overrides.errors.clone();
        Reader { table, known: Vec::new(), taken: BTreeMap::new(), overrides, errors }
    }

    /// A single value at the top.
    pub fn value<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        self.known.push(key.to_owned());
        match self.table.remove(key) {
            Some(value) => self.read(key, value).unwrap_or_default(),
            None => T::default(),
        }
    }

    /// A `[section]`; left out, it has its defaults.
    pub fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        if matches!(self.table.get(key), Some(Value::Array(_))) {
            self.table.remove(key);
            self.report(key, &format!("there is one only; write it as [{key}], with one bracket"));
        }
        self.value(key)
    }

    /// All `[[key]]` sections of one type.
    pub fn list<T: DeserializeOwned>(&mut self, key: &str) -> Vec<T> {
        self.tables(key)
            .into_iter()
            .filter_map(|(path, table)| self.read(&path, Value::Table(table)))
            .collect()
    }

    /// All `[[key]]` sections as tables, each with its path.
    pub fn tables(&mut self, key: &str) -> Vec<(String, Table)> {
        self.known.push(key.to_owned());
        match self.table.remove(key) {
            None => Vec::new(),
            Some(Value::Array(entries)) => {
                let mut tables = Vec::new();
                for (place, entry) in entries.into_iter().enumerate() {
                    match entry {
                        Value::Table(table) => {
                            let name = table.get("name").and_then(Value::as_str).unwrap_or("");
                            tables.push((label(key, place, name), table));
                        }
                        _ => {
                            self.report(&label(key, place, ""), &format!("write it as a section: [[{key}]]"))
                        }
                    }
                }
                tables
            }
            Some(_) => {
                self.report(key, &format!("there can be several; write it as [[{key}]], with two brackets"));
                Vec::new()
            }
        }
    }

    /// Takes the keys `names` out of a section and reads them as one struct.
    pub fn take_keys<T: DeserializeOwned + Default>(
        &mut self,
        path: &str,
        table: &mut Table,
        names: &[&str],
    ) -> T {
        let common: Table =
            names.iter().filter_map(|name| Some((name.to_string(), table.remove(*name)?))).collect();
        self.taken.entry(path.to_owned()).or_default().extend(names.iter().map(|name| name.to_string()));
        self.read(path, Value::Table(common)).unwrap_or_default()
    }

    /// Takes the `kind` out of a section.
    pub fn take_kind(&mut self, path: &str, table: &mut Table, kinds: &[&str]) -> Option<String> {
        self.taken.entry(path.to_owned()).or_default().push("kind".to_owned());
        let problem = match table.remove("kind") {
            Some(Value::String(kind)) if kinds.contains(&kind.as_str()) => return Some(kind),
            Some(Value::String(kind)) => {
                format!("{:?} is no kind{}", shortened(&kind), one_of(&kind, kinds))
            }
            Some(_) => format!("is no text{}", one_of("", kinds)),
            None => format!("is missing; say what it is{}", one_of("", kinds)),
        };
        self.report(&format!("{path}.kind"), &problem);
        None
    }

    /// Reads a value as `T`. A key that is wrong is reported, dropped, and the rest is tried again, so that all wrong
    /// keys of a section are found at once.
    pub fn read<T: DeserializeOwned>(&mut self, path: &str, mut value: Value) -> Option<T> {
        let mut dropped: Vec<String> = Vec::new();
        for _ in 0..ERRORS_PER_SECTION_MAX {
            let error = match serde_path_to_error::deserialize(value.clone()) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let message = error.inner().to_string();
            let inner = place_of(&error.path().to_string(), &message);
            // What is missing now because it was wrong and dropped was told already.
            let is_consequence = missing_key(&message).is_some_and(|key| {
                let key = if inner.is_empty() { key.to_owned() } else { format!("{inner}.{key}") };
                let is_list = |earlier: &String| earlier.starts_with(&format!("{inner}["));
                dropped.contains(&key) || (!inner.is_empty() && dropped.iter().any(is_list))
            });
            if !is_consequence {
                self.report_misfit(path, &inner, &message);
            }
            if !remove_at(&mut value, &inner) {
                return None;
            }
            // In a list the next entry takes the place of one that was dropped, with errors of its own.
            dropped.retain(|earlier| !earlier.starts_with(&inner));
            dropped.push(inner);
        }
        None
    }

    fn report_misfit(&mut self, path: &str, inner: &str, message: &str) {
        let at = if inner.is_empty() { path.to_owned() } else { format!("{path}.{inner}") };
        // Keys that every section of the sort has are no part of what serde read here.
        let is_top = !inner.contains(['.', '[']);
        let beside = self.taken.get(path).filter(|_| is_top).cloned().unwrap_or_default();
        let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
        let mut text = plain(message, &beside);
        if message.starts_with("unknown field `mode`") {
            text.push_str("; mode itself belongs at the top of the file, before the first section");
        }
        self.report(&at, &text);
    }

    /// Notes an error, with the variable that caused it, where it was one.
    pub(super) fn report(&mut self, path: &str, message: &str) {
        let behind = match self.overrides.variables.get(path) {
            Some(variable) => format!(" (set by the environment variable {variable})"),
            None => String::new(),
        };
        self.errors.push(format!("{path}: {message}{behind}"));
    }

    /// All errors; what was never taken out is an unknown section.
    pub fn finish(mut self) -> Vec<String> {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let unknown: Vec<(String, String)> = self
            .table
            .keys()
            .map(|key| {
                let guess = did_you_mean(key, &known);
                (key.clone(), format!("unknown section or key{guess}; known are {}", known.join(", ")))
            })
            .collect();
        for (key, message) in unknown {
            let inner = self.overrides.variables.keys().find(|path| path.starts_with(&format!("{key}.")));
            let path = inner.cloned().unwrap_or_else(|| shortened(&key));
            self.report(&path, &message);
        }
        self.errors
    }
}

/// Where a misfit is: what the parser says, led on to the key that its message names where it stops short, as it does in
/// maps and in values that have a `kind`.
fn place_of(path: &str, message: &str) -> String {
    let name = || message.split('`').nth(1).unwrap_or("?");
    let path = if path == "." { "" } else { path };
    let last = path.rsplit('.').next().unwrap_or(path);
    if last == "?" {
        return format!("{}{}", path.strip_suffix('?').unwrap_or(path), name());
    }
    if message.starts_with("unknown field ") && last != name() {
        let dot = if path.is_empty() { "" } else { "." };
        return format!("{path}{dot}{}", name());
    }
    path.to_owned()
}

/// The key that a parser's message says is missing.
fn missing_key(message: &str) -> Option<&str> {
    message.trim().strip_prefix("missing field `")?.split('`').next()
}

/// Removes what stands at a path such as `a.b[2].c`. False when there is nothing to remove.
fn remove_at(value: &mut Value, path: &str) -> bool {
    let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
    let Some((last, before)) = steps.split_last() else { return false };
    let mut place = value;
    for step in before {
        let next = match place {
            Value::Table(table) => table.get_mut(*step),
            Value::Array(entries) => step.parse::<usize>().ok().and_then(|at| entries.get_mut(at)),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return false,
        }
    }
    match place {
        Value::Table(table) => table.remove(*last).is_some(),
        Value::Array(entries) => match last.parse::<usize>() {
            Ok(at) if at < entries.len() => {
                entries.remove(at);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Section {
        number: u32,
        inner: Inner,
        pairs: Vec<Pair>,
        how: How,
        words: BTreeMap<Word, String>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
    enum How {
        #[default]
        Never,
        Often {
            #[serde(default)]
            #[expect(dead_code, reason = "only what stands beside it matters here")]
            times: u32,
        },
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Yes,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        flag: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[expect(dead_code, reason = "only its absence matters here")]
        left: u32,
    }

    fn errors(text: &str) -> Vec<String> {
        let mut reader = Reader::new(toml::from_str(text).unwrap(), Overrides::default());
        let _: Section = reader.section("s");
        reader.finish()
    }

    #[test]
    fn every_wrong_key_is_found_at_once_with_its_path() {
        let errors = errors("[s]\nnumber = 'x'\nnmber = 1\ninner = { flag = 3, flog = true }\n[other]\n");
        for path in ["s.number:", "s.nmber:", "s.inner.flag:", "s.inner.flog:", "other:"] {
            assert!(errors.iter().any(|error| error.starts_with(path)), "{path} in {errors:#?}");
        }
    }

    #[test]
    fn wrong_keys_in_tagged_values_and_maps_have_their_whole_path() {
        let errors = errors(
            "[s]\nhow = { kind = 'often', tims = 3, times = 2 }\nwords = { yess = 'a', yes = 'b', no = 'c' }",
        );
        let paths: Vec<&str> = errors.iter().filter_map(|error| error.split(": ").next()).collect();
        assert_eq!(paths, ["s.how.tims", "s.words.no", "s.words.yess"], "{errors:#?}");
        assert!(errors[2].contains("did you mean \"yes\"?"), "{errors:#?}");
    }

    #[test]
    fn a_key_that_is_wrong_is_not_also_called_missing() {
        let errors = errors("[s]\npairs = [{ left = 'x' }, {}]");
        assert_eq!(errors.len(), 2, "{errors:#?}");
        assert!(errors[0].starts_with("s.pairs[0].left:"), "{errors:#?}");
        assert!(errors[1].contains("left is missing"), "{errors:#?}");
    }

    #[test]
    fn a_wrong_value_from_the_environment_names_its_variable() {
        let mut table: Table = toml::from_str("").unwrap();
        let environment = [("GEHOORD_S__NUMBER", "x"), ("GEHOORD_NOTHING__KEY", "1")];
        let overrides = super::super::overrides::apply(
            &mut table,
            environment.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())),
        );
        let mut reader = Reader::new(table, overrides);
        let _: Section = reader.section("s");
        let errors = reader.finish();
        assert!(errors[0].contains("GEHOORD_S__NUMBER"), "{errors:#?}");
        assert!(errors[1].contains("GEHOORD_NOTHING__KEY"), "{errors:#?}");
    }
}
