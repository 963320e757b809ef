//! `GEHOORD_SECTION__KEY=value`: single options from the environment, laid over the file.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Variables that begin like overrides and are something else.
const OTHERS: [&str; 6] = ["CONFIG", "DATA", "BROKEN", "LOG", "PORT", "SERVICE_HOST"];
/// Beginnings of such variables: of the tests, and those that a container engine sets when a service is called gehoord.
const OTHERS_BEGIN: [&str; 4] = ["TEST_", "PEERS_", "PORT_", "SERVICE_PORT"];

/// What was laid over the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The variable behind each path, for messages.
    pub variables: BTreeMap<String, String>,
    /// Variables that could not be laid over it.
    pub errors: Vec<String>,
}

/// Lays the overrides of an environment over a table.
pub fn apply(table: &mut Table, environment: impl Iterator<Item = (String, String)>) -> Overrides {
    let mut overrides = Overrides::default();
    for (variable, text) in environment {
        let Some(name) = variable.strip_prefix("GEHOORD_") else { continue };
        if OTHERS.contains(&name) || OTHERS_BEGIN.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let steps: Vec<String> = name.split("__").map(str::to_lowercase).collect();
        let path = steps.join(".");
        if set_at(table, &steps, value_of(text)) {
            overrides.variables.insert(path, variable);
        } else {
            overrides.errors.push(format!(
                "{path}: cannot be set by the variable {variable}, because it lies in a list or inside a value; write \
                 it in the file, or give its secret as {{ env = \"NAME\" }}"
            ));
        }
    }
    overrides
}

/// Numbers, booleans, lists, `{ … }` and quoted text as TOML writes them; everything else is text.
fn value_of(text: String) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| {
        // A line break in the text could have added keys of its own.
        if table.len() == 1 { table.remove("value") } else { None }
    });
    match parsed {
        // A date, or a word such as `inf`, is meant as text.
        Some(Value::Datetime(_)) | None => Value::String(text),
        Some(Value::Float(number)) if !number.is_finite() => Value::String(text),
        Some(value) => value,
    }
}

fn set_at(table: &mut Table, steps: &[String], value: Value) -> bool {
    match steps {
        [] => false,
        [last] => {
            table.insert(last.clone(), value);
            true
        }
        [first, rest @ ..] => {
            match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
                Value::Table(inner) => set_at(inner, rest, value),
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_over(file: &str, environment: &[(&str, &str)]) -> (Table, Overrides) {
        let mut table: Table = toml::from_str(file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let overrides = apply(&mut table, environment);
        (table, overrides)
    }

    #[test]
    fn overrides_reach_into_sections() {
        let (table, overrides) = laid_over(
            "[database]\nurl = 'a'",
            &[
                ("GEHOORD_DATABASE__URL", "b"),
                ("GEHOORD_MODE", "act"),
                ("GEHOORD_TEST_X", "no"),
                ("PATH", "no"),
            ],
        );
        assert_eq!(table["database"]["url"].as_str(), Some("b"));
        assert_eq!(table["mode"].as_str(), Some("act"));
        assert_eq!(table.len(), 2);
        assert_eq!(overrides.variables["database.url"], "GEHOORD_DATABASE__URL");
    }

    #[test]
    fn values_keep_their_kind() {
        for (text, value) in [
            ("7", Value::Integer(7)),
            ("0.25", Value::Float(0.25)),
            ("true", Value::Boolean(true)),
            ("\"7\"", Value::String("7".into())),
            ("[\"a\"]", Value::Array(vec![Value::String("a".into())])),
            ("2026-01-01", Value::String("2026-01-01".into())),
            ("nan", Value::String("nan".into())),
            ("1\nx = 2", Value::String("1\nx = 2".into())),
            ("127.0.0.1:80", Value::String("127.0.0.1:80".into())),
        ] {
            assert_eq!(value_of(text.to_owned()), value);
        }
    }

    #[test]
    fn a_list_cannot_be_reached_and_that_is_said() {
        let (_, overrides) = laid_over("[[source]]\nname = 'a'", &[("GEHOORD_SOURCE__NAME", "b")]);
        assert!(overrides.errors[0].contains("GEHOORD_SOURCE__NAME"), "{overrides:?}");
    }

    #[test]
    fn what_a_container_engine_sets_for_a_service_of_our_name_is_no_override() {
        let names = [
            "GEHOORD_SERVICE_HOST",
            "GEHOORD_SERVICE_PORT_HTTP",
            "GEHOORD_PORT",
            "GEHOORD_PORT_8470_TCP_ADDR",
        ];
        let (table, overrides) = laid_over("", &names.map(|name| (name, "10.0.0.1")));
        assert_eq!((table.len(), overrides), (0, Overrides::default()));
    }
}
