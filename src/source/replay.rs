//! Recorded mentions from a file: for `gehoord replay`, for the demo, and as the double of a source in tests.
//!
//! Each line is JSON: a mention, `{"at": time, "mention": {…}}`, or `{"at": time, "removed": "id"}`. The cursor is where
//! we are in the file and a fingerprint of what came before, so that a longer file is read on and another file anew.

mod line;
#[cfg(test)]
mod tests;

use std::io::SeekFrom;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};

use super::{Page, Source};
use crate::failure::{Failure, FailureKind};
use crate::mention::hex;

/// Lines that one fetch reads.
const LINES_MAX: usize = 200;
/// Bytes after which a fetch reads no further line.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes at the beginning, and before the position, that tell one file from another.
const FINGERPRINT_BYTES: u64 = 4096;

/// What to replay.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file with one JSON object on each line.
    pub path: PathBuf,
    /// How fast.
    pub speed: Speed,
}

/// How fast a recording is replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speed {
    /// Without waiting. The file is taken to be complete.
    #[default]
    AtOnce,
    /// With the pauses between the times `at` of the lines. A last line without line end is left until it is whole.
    AsRecorded,
}

impl Config {
    /// Every error in these settings, as "key: what is wrong; what to do".
    pub fn validate(&self) -> Vec<String> {
        if self.path.as_os_str().is_empty() {
            return vec!["path: is missing; name a file with one JSON object on each line".into()];
        }
        Vec::new()
    }
}

/// A recording as a source.
#[derive(Debug)]
pub struct Replay {
    config: Config,
}

/// The source that `config` describes.
pub fn build(config: Config) -> Replay {
    Replay { config }
}

impl Source for Replay {
    async fn fetch(&self, cursor: &str, now: Timestamp) -> Result<Page, Failure> {
        let mut position: Position = serde_json::from_str(cursor).unwrap_or_default();
        let mut file = self.open().await?;
        if !self.told(position.fits(&mut file).await)? {
            position = Position::default();
        }
        self.told(file.seek(SeekFrom::Start(position.offset)).await)?;
        let mut reader = BufReader::new(&mut file);
        let mut page = Page { more: true, ..Page::default() };
        let began_at = position.offset;
        for _ in 0..LINES_MAX {
            let next = self.told(RawLine::read(&mut reader).await)?;
            let Some(raw) = next.filter(|raw| raw.is_ended || self.is_last_line_whole(raw)) else {
                page.more = false;
                break;
            };
            let line = line::parse(&raw.bytes);
            page.wait = self.wait(line.at, &mut position, now);
            if page.wait.is_some() {
                page.more = false;
                break;
            }
            page.items.extend(line.item);
            position.offset += raw.bytes_total;
            if position.offset - began_at >= BYTES_MAX {
                break;
            }
        }
        position.fingerprint = self.told(fingerprint(&mut file, position.offset).await)?;
        page.cursor = serde_json::to_string(&position).expect("a cursor is plain data");
        Ok(page)
    }

    async fn check(&self) -> Result<String, Failure> {
        let file = self.open().await?;
        let bytes = self.told(file.metadata().await)?.len();
        Ok(format!("{} can be read and holds {bytes} bytes", self.config.path.display()))
    }
}

impl Replay {
    async fn open(&self) -> Result<File, Failure> {
        let about = self.told(tokio::fs::metadata(&self.config.path).await)?;
        if !about.is_file() {
            // Opening a pipe would wait for a writer.
            let path = self.config.path.display();
            return Err(Failure::new(FailureKind::NotFound, format!("the recording {path} is not a file")));
        }
        self.told(File::open(&self.config.path).await)
    }

    /// An outcome of the file system in our vocabulary.
    fn told<T>(&self, outcome: std::io::Result<T>) -> Result<T, Failure> {
        outcome.map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => FailureKind::NotFound,
                _ => FailureKind::Unavailable,
            };
            let path = self.config.path.display();
            Failure::new(kind, format!("the recording {path} cannot be read: {}", error.kind()))
        })
    }

    /// Whether a last line without line end is taken: somebody may be writing it, unless the file is complete.
    fn is_last_line_whole(&self, raw: &RawLine) -> bool {
        self.config.speed == Speed::AtOnce || line::is_json(&raw.bytes)
    }

    /// How long a line that was recorded at `at` still has to wait. The first such line starts the clock.
    fn wait(&self, at: Option<Timestamp>, position: &mut Position, now: Timestamp) -> Option<Duration> {
        if self.config.speed == Speed::AtOnce {
            return None;
        }
        let at = at?.as_millisecond();
        let clock = position.clock.get_or_insert(Started { now: now.as_millisecond(), at });
        let due = clock.now.saturating_add(at.saturating_sub(clock.at));
        let wait = due.saturating_sub(now.as_millisecond());
        u64::try_from(wait).ok().filter(|wait| *wait > 0).map(Duration::from_millis)
    }
}

/// The cursor.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    /// Bytes that were read.
    offset: u64,
    /// Of these bytes.
    fingerprint: String,
    /// How the recording's time lies to ours.
    clock: Option<Started>,
}

/// One moment in our time and in the recording's, in milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
struct Started {
    now: i64,
    at: i64,
}

impl Position {
    /// Whether this is a place in `file`, rather than in one that was there before.
    async fn fits(&self, file: &mut File) -> std::io::Result<bool> {
        if file.metadata().await?.len() < self.offset {
            return Ok(false);
        }
        Ok(self.offset == 0 || fingerprint(file, self.offset).await? == self.fingerprint)
    }
}

/// What tells the first `offset` bytes of a file from others: a hash of their beginning and of their end.
async fn fingerprint(file: &mut File, offset: u64) -> std::io::Result<String> {
    let length = offset.min(FINGERPRINT_BYTES);
    let mut hash = Sha256::new();
    for start in [0, offset - length] {
        file.seek(SeekFrom::Start(start)).await?;
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).await?;
        hash.update(&bytes);
    }
    Ok(hex(&hash.finalize()[..16]))
}

/// A line as it stands in the file.
#[derive(Default)]
struct RawLine {
    /// Without line end; of a line that is too long, one byte more than may be.
    bytes: Vec<u8>,
    /// How far the next line is.
    bytes_total: u64,
    /// A line end was there.
    is_ended: bool,
}

impl RawLine {
    /// Reads the next line, if there is one. However long it is, no more than the limit is held.
    async fn read(reader: &mut BufReader<&mut File>) -> std::io::Result<Option<RawLine>> {
        let mut line = RawLine::default();
        while !line.is_ended {
            let chunk = reader.fill_buf().await?;
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let words = &chunk[..end.unwrap_or(chunk.len())];
            let room = (line::BYTES_MAX + 1).saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(&words[..words.len().min(room)]);
            let used = words.len() + usize::from(end.is_some());
            line.bytes_total += used as u64;
            line.is_ended = end.is_some();
            reader.consume(used);
        }
        Ok((line.bytes_total > 0).then_some(line))
    }
}
