//! Reading TOML section by section, collecting every error instead of stopping at the first.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Keys that are wrong in one section before we stop looking for more.
const ERRORS_PER_SECTION_MAX: usize = 50;
/// Variables that start like overrides but are something else.
const NOT_OVERRIDES: [&str; 5] =
    ["GEHOORD_CONFIG", "GEHOORD_DATA", "GEHOORD_BROKEN", "GEHOORD_LOG", "GEHOORD_PEERS_DIR"];

/// Takes sections out of a configuration; what is left at the end is unknown.
#[derive(Debug)]
pub struct Reader {
    table: Table,
    known: Vec<String>,
    errors: Vec<String>,
}

impl Reader {
    /// Starts on a whole configuration.
    pub fn new(table: Table) -> Reader {
        Reader { table, known: Vec::new(), errors: Vec::new() }
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
                        Value::Table(table) => tables.push((format!("{key}[{place}]"), table)),
                        _ => self.errors.push(format!("{key}[{place}]: write it as a [[{key}]] section")),
                    }
                }
                tables
            }
            Some(_) => {
                self.errors.push(format!("{key}: write it as [[{key}]], with two brackets"));
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
        self.read(path, Value::Table(common)).unwrap_or_default()
    }

    /// Takes the `kind` out of a section.
    pub fn take_kind(&mut self, path: &str, table: &mut Table, kinds: &[&str]) -> Option<String> {
        match table.remove("kind") {
            Some(Value::String(kind)) if kinds.contains(&kind.as_str()) => Some(kind),
            Some(other) => {
                self.errors.push(format!("{path}.kind: {other} is no kind; one of {}", kinds.join(", ")));
                None
            }
            None => {
                self.errors.push(format!("{path}.kind: say what it is; one of {}", kinds.join(", ")));
                None
            }
        }
    }

    /// Reads a value as `T`. A key that is wrong is reported, dropped, and the rest is tried again, so that all wrong
    /// keys of a section are found at once.
    pub fn read<T: DeserializeOwned>(&mut self, path: &str, mut value: Value) -> Option<T> {
        for _ in 0..ERRORS_PER_SECTION_MAX {
            let error = match serde_path_to_error::deserialize(value.clone()) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let inner = error.path().to_string();
            let at = if inner == "." { path.to_owned() } else { format!("{path}.{inner}") };
            let message = error.inner().to_string();
            let message = message.trim().lines().next().unwrap_or("does not fit").to_owned();
            self.errors.push(format!("{at}: {message}"));
            if !remove_at(&mut value, &inner) {
                return None;
            }
        }
        None
    }

    /// All errors; what was never taken out is an unknown section.
    pub fn finish(self) -> Vec<String> {
        let mut errors = self.errors;
        for key in self.table.keys() {
            errors.push(format!("{key}: unknown section or key; known are {}", self.known.join(", ")));
        }
        errors
    }
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

/// Lays `GEHOORD_SECTION__KEY=value` over the file: numbers and booleans as such, everything else as text.
pub fn apply_overrides(table: &mut Table, environment: impl Iterator<Item = (String, String)>) {
    for (name, value) in environment {
        let Some(path) = name.strip_prefix("GEHOORD_") else { continue };
        if NOT_OVERRIDES.contains(&name.as_str()) || path.starts_with("TEST_") {
            continue;
        }
        let value = match (value.parse::<i64>(), value.parse::<bool>()) {
            (Ok(number), _) => Value::Integer(number),
            (_, Ok(flag)) => Value::Boolean(flag),
            _ => Value::String(value),
        };
        let steps: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        set_at(table, &steps, value);
    }
}

fn set_at(table: &mut Table, steps: &[String], value: Value) {
    match steps {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            if let Value::Table(inner) =
                table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()))
            {
                set_at(inner, rest, value);
            }
        }
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
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        flag: bool,
    }

    #[test]
    fn every_wrong_key_is_found_at_once_with_its_path() {
        let table =
            toml::from_str("[s]\nnumber = 'x'\nnmber = 1\ninner = { flag = 3, flog = true }\n[other]\n")
                .unwrap();
        let mut reader = Reader::new(table);
        let _: Section = reader.section("s");
        let errors = reader.finish();
        for path in ["s.number:", "s.nmber:", "s.inner.flag:", "s.inner.flog:", "other:"] {
            assert!(errors.iter().any(|error| error.starts_with(path)), "{path} in {errors:#?}");
        }
    }

    #[test]
    fn overrides_reach_into_sections() {
        let mut table: Table = toml::from_str("[database]\nurl = 'a'").unwrap();
        let environment = [
            ("GEHOORD_DATABASE__URL", "b"),
            ("GEHOORD_MODE", "act"),
            ("GEHOORD_TEST_X", "no"),
            ("PATH", "no"),
        ];
        apply_overrides(&mut table, environment.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(table["database"]["url"].as_str(), Some("b"));
        assert_eq!(table["mode"].as_str(), Some("act"));
        assert_eq!(table.len(), 2);
    }
}
