//! Bodies while they arrive: bounded on the wire, bounded unfolded, and never silent for long.

use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header;

use super::transport_failure;
use crate::failure::{Failure, FailureKind};

/// Bytes on the wire that are read of one answer.
pub const WIRE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes after decompression that are kept of one answer.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Beyond the first mebibyte an answer may not unfold to more than this many times its size on the wire.
const UNFOLD_RATIO_MAX: usize = 100;
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a body to its end, within all bounds.
///
/// # Errors
/// What is too large, too slow, broken, or encoded in a way that was not asked for.
pub(super) async fn read_body(answer: reqwest::Response, origin: &str) -> Result<Vec<u8>, Failure> {
    let too_large = |what: &str| Failure::new(FailureKind::TooLarge, format!("{origin} sent {what}"));
    let declared = answer.content_length().unwrap_or(0);
    if declared > WIRE_BYTES_MAX as u64 {
        return Err(too_large("more than 8 MiB"));
    }
    let encoding = answer.headers().get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut unfolding = Unfolding::for_encoding(encoding.unwrap_or("identity"), origin)?;
    let mut wire_bytes = 0;
    let mut chunks = answer.bytes_stream();
    loop {
        let chunk = tokio::time::timeout(SILENCE_TIMEOUT, chunks.next()).await.map_err(|_| {
            Failure::new(FailureKind::TimedOut, format!("{origin} fell silent in the middle of its answer"))
        })?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| transport_failure(origin, &error))?;
        wire_bytes += chunk.len();
        if wire_bytes > WIRE_BYTES_MAX {
            return Err(too_large("more than 8 MiB"));
        }
        unfolding.push(&chunk, wire_bytes).map_err(|error| match error {
            UnfoldError::TooLarge => too_large("a body that unfolds beyond its limit"),
            UnfoldError::Broken => Failure::malformed(format!("{origin} sent a broken gzip body")),
        })?;
    }
    unfolding.finish().map_err(|_| Failure::malformed(format!("{origin} sent a gzip body without its end")))
}

/// A body while it arrives. Decompression is ours, so that a bomb is cut while it unfolds instead of afterwards.
enum Unfolding {
    Plain(Vec<u8>),
    Gzip(Box<flate2::write::GzDecoder<Capped>>),
}

enum UnfoldError {
    TooLarge,
    Broken,
}

impl Unfolding {
    fn for_encoding(encoding: &str, origin: &str) -> Result<Unfolding, Failure> {
        match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Unfolding::Plain(Vec::new())),
            "gzip" | "x-gzip" => {
                Ok(Unfolding::Gzip(Box::new(flate2::write::GzDecoder::new(Capped::default()))))
            }
            _ => Err(Failure::malformed(format!("{origin} used a content encoding that was not asked for"))),
        }
    }

    fn push(&mut self, chunk: &[u8], wire_bytes: usize) -> Result<(), UnfoldError> {
        match self {
            Unfolding::Plain(body) => {
                body.extend_from_slice(chunk);
                Ok(())
            }
            Unfolding::Gzip(decoder) => {
                decoder.get_mut().bytes_max =
                    BODY_BYTES_MAX.min((wire_bytes * UNFOLD_RATIO_MAX).max(1024 * 1024));
                let written = decoder.write_all(chunk);
                match written {
                    Ok(()) => Ok(()),
                    Err(_) if decoder.get_ref().overflowed => Err(UnfoldError::TooLarge),
                    Err(_) => Err(UnfoldError::Broken),
                }
            }
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Unfolding::Plain(body) => Ok(body),
            Unfolding::Gzip(decoder) => Ok(decoder.finish()?.body),
        }
    }
}

#[derive(Default)]
struct Capped {
    body: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.body.len() + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return Err(std::io::Error::other("too large"));
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
