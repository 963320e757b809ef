//! Helpers for the tests of connectors: a small server that plays the provider, and damaged copies of a fixture.

use axum::Router;
use serde_json::{Value, json};

use super::Item;
use crate::mention::Mention;

/// Serves `router` on a free port of this machine until the test's runtime ends. Returns its base address.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// Every copy of `page` in which one value at or below `pointer` is missing, null, or of another type.
pub fn damaged(page: &str, pointer: &str) -> Vec<(String, String)> {
    let whole: Value = serde_json::from_str(page).unwrap();
    let mut paths = Vec::new();
    collect_paths(whole.pointer(pointer).expect("the fixture has that item"), pointer, &mut paths);
    let mut copies = Vec::new();
    for path in paths {
        for wrong in [Value::Null, json!(true), json!(-7.5), json!("\u{0}x"), json!([[]]), json!({"x": {}})] {
            let mut copy = whole.clone();
            *copy.pointer_mut(&path).unwrap() = wrong.clone();
            copies.push((format!("{path} = {wrong}"), copy.to_string()));
        }
        let mut copy = whole.clone();
        if let Some((parent, key)) = path.rsplit_once('/')
            && let Some(Value::Object(fields)) = copy.pointer_mut(parent)
        {
            fields.remove(&unescaped(key));
            copies.push((format!("{path} is missing"), copy.to_string()));
        }
    }
    copies
}

fn collect_paths(value: &Value, at: &str, paths: &mut Vec<String>) {
    paths.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect_paths(field, &format!("{at}/{key}"), paths);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_paths(item, &format!("{at}/{index}"), paths);
            }
        }
        _ => {}
    }
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// The mentions among `items`.
pub fn mentions(items: &[Item]) -> Vec<&Mention> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Mention(mention) => Some(&**mention),
            Item::Removed(_) | Item::Broken { .. } => None,
        })
        .collect()
}

/// The external ids of the mentions among `items`.
pub fn ids(items: &[Item]) -> Vec<&str> {
    mentions(items).into_iter().map(|mention| mention.external_id.as_str()).collect()
}
