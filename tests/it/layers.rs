//! Dependencies point one way: pure steps never reach for the clock's owner, the store, the network or a channel; SQL
//! lives in `store/` only.

use std::path::{Path, PathBuf};

/// Modules that must stay pure.
const PURE: [&str; 17] = [
    "assess",
    "recognise",
    "matching",
    "decide",
    "exposure",
    "register",
    "mention",
    "promises",
    "text",
    "words",
    "encoder",
    "html",
    "retry",
    "failure",
    "alert/wording",
    "alert/notice",
    "source/silence",
];
/// What a pure module must not name.
const IMPURE: [&str; 10] = [
    "crate::store",
    "crate::source::client",
    "crate::app",
    "crate::web",
    "crate::outbox",
    "sqlx::",
    "tokio::",
    "reqwest::",
    "Timestamp::now",
    "std::fs",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// A file's code without its tests and comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source file");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn all() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .map(|path| (path.strip_prefix(&root).expect("below src").display().to_string(), path))
        .collect()
}

#[test]
fn pure_modules_name_nothing_impure() {
    let mut found = Vec::new();
    for (name, path) in all() {
        let is_test = name.contains("tests") || name.ends_with("fixtures.rs") || name.ends_with("story.rs");
        let is_pure =
            PURE.iter().any(|pure| name == format!("{pure}.rs") || name.starts_with(&format!("{pure}/")));
        if is_pure && !is_test {
            let code = code(&path);
            found.extend(
                IMPURE
                    .iter()
                    .filter(|impure| code.contains(**impure))
                    .map(|impure| format!("{name} names {impure}")),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn sql_stands_in_the_store_only() {
    let outside: Vec<String> = all()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("store/") && !name.starts_with("escalate/sql"))
        .filter(|(_, path)| code(path).contains("sqlx::"))
        .map(|(name, _)| name)
        .collect();
    assert!(outside.is_empty(), "only store/ and the SQL register may name the driver: {outside:?}");
}
