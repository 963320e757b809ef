//! Files that training makes: bytes in a fixed order (little-endian), with a checksum, so that a damaged one is refused.

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

/// What every artefact starts with: the sort of file and the version of its layout.
const MAGIC: &[u8; 8] = b"gehoord1";
const CHECKSUM_BYTES: usize = 32;

/// Writes an artefact.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Default for Writer {
    fn default() -> Writer {
        Writer(MAGIC.to_vec())
    }
}

impl Writer {
    /// A whole number.
    pub fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// A real number.
    pub fn real(&mut self, number: f32) {
        self.0.extend(number.to_le_bytes());
    }

    /// A text with its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    /// Bytes without their number, which the reader must know.
    pub fn bytes(&mut self, bytes: &[i8]) {
        self.0.extend(bytes.iter().map(|byte| byte.cast_unsigned()));
    }

    /// Everything that was written, and its checksum.
    pub fn finish(mut self) -> Vec<u8> {
        let checksum = Sha256::digest(&self.0);
        self.0.extend(checksum);
        self.0
    }
}

/// Reads an artefact.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the checksum first.
    ///
    /// # Errors
    /// When it is no artefact of ours, or a damaged one.
    pub fn new(bytes: &'a [u8]) -> anyhow::Result<Reader<'a>> {
        let body_len = bytes.len().checked_sub(CHECKSUM_BYTES).context("it is too short to be a model")?;
        let (body, checksum) = bytes.split_at(body_len);
        let inside = body.strip_prefix(MAGIC).context("it is no model of this version of gehoord")?;
        ensure!(Sha256::digest(body).as_slice() == checksum, "it is damaged: its checksum does not fit");
        Ok(Reader(inside))
    }

    /// A whole number.
    ///
    /// # Errors
    /// When nothing is left; so do the others.
    pub fn number(&mut self) -> anyhow::Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into()?))
    }

    /// A whole number that counts things, of which there cannot be more than `most`.
    pub fn count(&mut self, most: usize) -> anyhow::Result<usize> {
        let count = usize::try_from(self.number()?)?;
        ensure!(count <= most, "it says that it holds {count} of something, and {most} is the most");
        Ok(count)
    }

    /// A real number.
    pub fn real(&mut self) -> anyhow::Result<f32> {
        Ok(f32::from_le_bytes(self.take(4)?.try_into()?))
    }

    /// A text.
    pub fn text(&mut self) -> anyhow::Result<String> {
        let length = self.count(self.0.len())?;
        Ok(std::str::from_utf8(self.take(length)?)?.to_owned())
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> anyhow::Result<Box<[i8]>> {
        Ok(self.take(count)?.iter().map(|byte| byte.cast_signed()).collect())
    }

    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_damaged_is_refused() {
        let mut writer = Writer::default();
        writer.text("één");
        writer.number(7);
        writer.real(0.5);
        writer.bytes(&[-1, 2]);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes).unwrap();
        assert_eq!((reader.text().unwrap().as_str(), reader.number().unwrap()), ("één", 7));
        assert_eq!((reader.real().unwrap(), &*reader.bytes(2).unwrap()), (0.5, &[-1, 2][..]));
        assert!(reader.number().is_err());
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(Reader::new(&damaged).is_err(), "byte {place}");
        }
        assert!(Reader::new(&bytes[..10]).is_err());
    }
}
