use std::io::Write;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::super::trial::{damaged, ids, mentions};
use super::*;
use crate::source::Item;

const RECORDING: &str = include_str!("../../../tests/fixtures/replay/recording.jsonl");

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn recording(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn source(file: &NamedTempFile, speed: Speed) -> Replay {
    build(Config { path: file.path().to_owned(), speed })
}

fn line(number: usize) -> String {
    format!("{{\"external_id\":\"{number}\",\"author\":{{\"external_id\":\"a\"}},\"text\":\"t\"}}\n")
}

/// Fetches until there is no more, and returns the number of fetches with all items.
async fn all(source: &Replay, cursor: &mut String) -> (usize, Vec<Item>) {
    let mut items = Vec::new();
    for fetches in 1..1000 {
        let page = source.fetch(cursor, now()).await.unwrap();
        items.extend(page.items);
        *cursor = page.cursor;
        if !page.more {
            return (fetches, items);
        }
    }
    panic!("a recording ends");
}

#[tokio::test]
async fn every_form_of_a_line_is_read_and_a_broken_one_costs_itself_only() {
    let file = recording(RECORDING);
    let (_, items) = all(&source(&file, Speed::AtOnce), &mut String::new()).await;
    assert_eq!(ids(&items), ["r-1", "r-2", "r-3"]);
    assert!(mentions(&items)[2].text.contains('\u{FFFD}'));
    assert!(matches!(&items[3], Item::Broken { reason, .. } if reason.contains("text")));
    assert!(matches!(&items[4], Item::Broken { .. }));
    assert!(matches!(&items[5], Item::Removed(id) if id == "r-1"));
    assert_eq!(items.len(), 6);
}

#[tokio::test]
async fn two_hundred_lines_are_read_at_a_time_and_none_twice() {
    let file = recording(&(0..450).map(line).collect::<String>());
    let mut cursor = String::new();
    let (fetches, items) = all(&source(&file, Speed::AtOnce), &mut cursor).await;
    assert_eq!((fetches, items.len()), (3, 450));
    assert!(all(&source(&file, Speed::AtOnce), &mut cursor).await.1.is_empty());
}

#[tokio::test]
async fn a_file_that_grew_is_read_on() {
    let mut file = recording(&(0..300).map(line).collect::<String>());
    let mut cursor = String::new();
    all(&source(&file, Speed::AtOnce), &mut cursor).await;
    file.write_all((300..305).map(line).collect::<String>().as_bytes()).unwrap();
    let (_, items) = all(&source(&file, Speed::AtOnce), &mut cursor).await;
    assert_eq!(ids(&items), ["300", "301", "302", "303", "304"]);
}

#[tokio::test]
async fn a_file_that_was_cut_or_replaced_starts_anew() {
    let long: String = (0..300).map(line).collect();
    let file = recording(&long);
    let mut cursor = String::new();
    all(&source(&file, Speed::AtOnce), &mut cursor).await;
    let other_beginning = long.replacen("\"0\"", "\"x\"", 1);
    let other_end = long.replace("\"299\"", "\"xxx\"");
    for (text, count) in [(line(0), 1), (String::new(), 0), (other_beginning, 300), (other_end, 300)] {
        std::fs::write(file.path(), &text).unwrap();
        let (_, items) = all(&source(&file, Speed::AtOnce), &mut cursor.clone()).await;
        assert_eq!(items.len(), count);
    }
    for cursor in
        ["x", "{\"offset\":-1}", "{\"offset\":18446744073709551615,\"fingerprint\":\"\"}", "{\"offset\":5}"]
    {
        std::fs::write(file.path(), line(0)).unwrap();
        assert_eq!(all(&source(&file, Speed::AtOnce), &mut cursor.to_owned()).await.1.len(), 1, "{cursor}");
    }
}

#[tokio::test]
async fn as_recorded_keeps_the_pauses() {
    let file = recording(RECORDING);
    let source = source(&file, Speed::AsRecorded);
    let first = source.fetch("", now()).await.unwrap();
    assert_eq!(ids(&first.items), ["r-1", "r-2"], "a line without a time follows the one before");
    assert_eq!((first.wait, first.more), (Some(Duration::from_secs(30)), false));
    let early = source.fetch(&first.cursor, later(29)).await.unwrap();
    assert_eq!((early.items.len(), early.wait), (0, Some(Duration::from_secs(1))));
    let due = source.fetch(&early.cursor, later(30)).await.unwrap();
    assert_eq!(ids(&due.items), ["r-3"]);
    let last = source.fetch(&due.cursor, later(300)).await.unwrap();
    assert!(matches!(last.items.last(), Some(Item::Removed(_))));
    assert_eq!((last.wait, last.more), (None, false));
}

#[tokio::test]
async fn a_half_written_last_line_waits_for_its_end_unless_the_file_is_complete() {
    let whole = line(1);
    let (half, rest) = whole.split_at(20);
    let mut file = recording(half);
    let live = source(&file, Speed::AsRecorded);
    let page = live.fetch("", now()).await.unwrap();
    assert!(page.items.is_empty() && !page.more);
    let complete = source(&file, Speed::AtOnce).fetch("", now()).await.unwrap();
    assert!(matches!(complete.items.as_slice(), [Item::Broken { .. }]));
    file.write_all(rest.trim_end().as_bytes()).unwrap();
    let page = live.fetch(&page.cursor, now()).await.unwrap();
    assert_eq!(ids(&page.items), ["1"], "a whole last line needs no line end");
}

#[tokio::test]
async fn a_gigantic_line_is_passed_over() {
    let mut text = line(1);
    text.push_str(&"x".repeat(3 * line::BYTES_MAX));
    text.push('\n');
    text.push_str(&line(2));
    let (_, items) = all(&source(&recording(&text), Speed::AtOnce), &mut String::new()).await;
    assert_eq!(ids(&items), ["1", "2"]);
    assert!(matches!(&items[1], Item::Broken { raw, .. } if raw.len() <= line::BYTES_MAX));
}

#[tokio::test]
async fn editors_marks_and_windows_line_ends_do_no_harm() {
    let text = format!("\u{FEFF}{}\r\n\r\n{}", line(1).trim_end(), line(2).trim_end());
    let (_, items) = all(&source(&recording(&text), Speed::AtOnce), &mut String::new()).await;
    assert_eq!(ids(&items), ["1", "2"]);
}

#[tokio::test]
async fn a_missing_file_and_a_folder_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none.jsonl"), folder.path().to_owned()] {
        let source = build(Config { path, speed: Speed::AtOnce });
        assert_eq!(source.fetch("", now()).await.unwrap_err().kind, FailureKind::NotFound);
        assert_eq!(source.check().await.unwrap_err().kind, FailureKind::NotFound);
    }
    assert!(source(&recording("x"), Speed::AtOnce).check().await.unwrap().contains("1 bytes"));
}

#[test]
fn settings_are_read_and_checked() {
    let config: Config = toml::from_str("path = 'opname.jsonl'\nspeed = 'as-recorded'").unwrap();
    assert_eq!((config.speed, config.validate().len()), (Speed::AsRecorded, 0));
    assert!(Config::default().validate()[0].starts_with("path:"));
    assert!(toml::from_str::<Config>("speed = 'fast'").is_err());
}

#[test]
fn a_damaged_line_is_a_mention_or_broken_and_never_nothing() {
    let first = RECORDING.lines().next().unwrap();
    let copies = damaged(first, "");
    assert!(copies.len() > 50);
    for (what, copy) in copies {
        let line = line::parse(copy.as_bytes());
        assert!(matches!(line.item, Some(Item::Mention(_) | Item::Broken { .. })), "{what}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_us_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = line::parse(&bytes);
        let _ = line::is_json(&bytes);
    }
}
