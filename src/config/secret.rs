//! A secret in the configuration: written out, in a file, or in an environment variable. Never printed.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// The most bytes of a secret file that are read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A secret value. `Debug` and `Display` show that it is there, not what it is.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret from a value that is at hand, for tests and for the demo.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(SecretString::from(value.into()))
    }

    /// The value itself. Use it where it leaves for its peer, and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.expose() == other.expose()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, deny_unknown_fields)]
        enum Written {
            Out(String),
            File { file: PathBuf },
            Variable { env: String },
        }
        let written = Written::deserialize(deserializer).map_err(|_| {
            serde::de::Error::custom("a secret is \"text\", { file = \"path\" } or { env = \"NAME\" }")
        })?;
        let (value, origin) = match written {
            Written::Out(value) => (value, "the secret".to_owned()),
            Written::File { file } => (
                in_file(&file).map_err(serde::de::Error::custom)?,
                format!("the secret file {}", file.display()),
            ),
            Written::Variable { env } => {
                let value = std::env::var(&env).map_err(|_| {
                    serde::de::Error::custom(format!(
                        "the environment variable {env} is not set; set it, or write {{ file = \"path\" }}"
                    ))
                })?;
                (value, format!("the environment variable {env}"))
            }
        };
        let value = value.trim();
        if value.is_empty() {
            return Err(serde::de::Error::custom(format!("{origin} is empty; put the secret in")));
        }
        Ok(Secret::new(value))
    }
}

fn in_file(path: &Path) -> Result<String, String> {
    let mut value = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut value));
    match read {
        Ok(_) => Ok(value),
        Err(error) => Err(format!(
            "the secret file {} cannot be read ({error}); check the path and who may read it",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        token: Secret,
    }

    #[test]
    fn a_secret_is_never_printed() {
        let holder: Holder = toml::from_str("token = 'geheim'").unwrap();
        assert_eq!(holder.token.expose(), "geheim");
        assert!(!format!("{holder:?}").contains("geheim"));
    }

    #[test]
    fn a_missing_file_or_variable_is_named() {
        for (text, names) in [
            ("token = { file = '/nowhere/x' }", "/nowhere/x"),
            ("token = { env = 'NOT_SET_X' }", "NOT_SET_X"),
            ("token = ''", "empty"),
        ] {
            let error = toml::from_str::<Holder>(text).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }
}
