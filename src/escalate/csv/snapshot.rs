//! One file: its bytes as text, and its rows. Pure, except for [`load`].

use std::io::Cursor;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::escalate::columns::Table;
use crate::failure::{Failure, FailureKind};
use crate::mention::hex;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Separators that are tried, the likeliest first.
const SEPARATORS: [char; 4] = [';', ',', '\t', '|'];

/// A file as it was at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// A short hash of the bytes.
    pub checksum: String,
    /// The text without byte order mark and without Excel's `sep=` line.
    text: String,
    /// Lines that were cut off before `text`.
    lines_before: u64,
    separator: u8,
}

/// Where in a snapshot reading goes on: behind a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Place {
    byte: u64,
    line_ends: u64,
}

/// A row with the line it begins on; `Err` when it does not fit the header.
pub(super) type Line = (u64, Result<Vec<Option<String>>, String>);

/// Reads a file whole. `None` when there is none.
///
/// # Errors
/// When it cannot be read, is too large, or changed while it was read.
pub(super) fn load(path: &Path, table: Table, separator: Option<char>) -> Result<Option<Snapshot>, Failure> {
    let name = table.name();
    let unreadable = |error: &std::io::Error| {
        let why = error.kind();
        Failure::new(FailureKind::Unavailable, format!("the file with {name} cannot be read ({why})"))
    };
    let before = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    if before.len() > FILE_BYTES_MAX {
        let message = format!("the file with {name} is larger than {} MiB", FILE_BYTES_MAX / 1024 / 1024);
        return Err(Failure::new(FailureKind::TooLarge, message));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let after = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    let is_same = after.len() == before.len()
        && bytes.len() as u64 == after.len()
        && after.modified().ok() == before.modified().ok();
    if !is_same {
        let message = format!("the file with {name} changed while it was read");
        return Err(Failure::new(FailureKind::Unavailable, message));
    }
    Ok(Some(Snapshot::new(&bytes, separator)))
}

impl Snapshot {
    /// A snapshot of these bytes. Without a separator it is guessed from the header.
    pub(super) fn new(bytes: &[u8], separator: Option<char>) -> Snapshot {
        let mut text = decode(bytes);
        let mut lines_before = 0;
        let mut separator = separator;
        let first_line = text.lines().next().unwrap_or_default();
        if let Some(said) = first_line.strip_prefix("sep=").and_then(|rest| rest.chars().next()) {
            separator = separator.or(Some(said));
            lines_before = 1;
            let end = text.find('\n').map_or(text.len(), |at| at + 1);
            text.drain(..end);
        }
        let separator = separator.unwrap_or_else(|| guess_separator(&text));
        Snapshot {
            checksum: hex(&Sha256::digest(bytes)[..16]),
            text,
            lines_before,
            separator: u8::try_from(separator).unwrap_or(b','),
        }
    }

    /// Whether the file looks whole: the last line has its end, every quote its partner, and the last row as many cells
    /// as the header. A file cut between two rows looks whole too; see the module above for what that may cost.
    pub(super) fn looks_whole(&self) -> bool {
        let ends_well = self.text.ends_with(['\n', '\r']);
        let quotes = self.text.bytes().filter(|byte| *byte == b'"').count();
        if !ends_well || quotes % 2 != 0 {
            return false;
        }
        let mut reader = self.reader();
        let mut record = ::csv::ByteRecord::new();
        let mut cells = Vec::new();
        while let Ok(true) = reader.read_byte_record(&mut record) {
            cells.truncate(1);
            cells.push(record.len());
        }
        cells.first().is_some_and(|header| cells.last() == Some(header))
    }

    /// The names of the columns; empty when there is no header.
    pub(super) fn header(&self) -> Vec<String> {
        let mut record = ::csv::StringRecord::new();
        match self.reader().read_record(&mut record) {
            Ok(true) => record.iter().map(|name| name.trim().to_owned()).collect(),
            _ => Vec::new(),
        }
    }

    /// Up to `rows_max` rows behind `place`, and the place behind them; no place when that was the end.
    pub(super) fn rows(&self, place: Place, rows_max: usize) -> (Vec<Line>, Option<Place>) {
        let columns = self.header().len();
        let mut reader = self.reader();
        let mut record = ::csv::StringRecord::new();
        let mut start = ::csv::Position::new();
        start.set_byte(place.byte);
        let is_ready = match place.byte {
            0 => reader.read_record(&mut record).unwrap_or(false),
            _ => reader.seek(start).is_ok(),
        };
        let (mut counted, mut line_ends) = (place.byte as usize, place.line_ends);
        let mut rows = Vec::new();
        while is_ready && rows.len() < rows_max {
            // The text is valid UTF-8 and lives in memory, so reading it cannot fail.
            if !reader.read_record(&mut record).unwrap_or(false) {
                return (rows, None);
            }
            let begin = self.begin_of_row(record.position().map_or(0, ::csv::Position::byte) as usize);
            line_ends += self.line_ends(counted, begin);
            counted = begin;
            if !record.iter().all(str::is_empty) {
                rows.push((self.lines_before + line_ends + 1, cells(&record, columns)));
            }
        }
        let end = reader.position().byte() as usize;
        line_ends += self.line_ends(counted, end);
        (rows, is_ready.then_some(Place { byte: end as u64, line_ends }))
    }

    /// Where the row really begins that the reader finds from here: behind the line ends it passes over.
    fn begin_of_row(&self, from: usize) -> usize {
        let passed = self.text.as_bytes().iter().skip(from).take_while(|byte| matches!(byte, b'\r' | b'\n'));
        from + passed.count()
    }

    /// How many lines end between two bytes: at `\n`, or at `\r` alone.
    fn line_ends(&self, from: usize, to: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let ends = (from..to.min(bytes.len())).filter(|at| match bytes[*at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        ends.count() as u64
    }

    fn reader(&self) -> ::csv::Reader<Cursor<&[u8]>> {
        ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .from_reader(Cursor::new(self.text.as_bytes()))
    }
}

fn cells(record: &::csv::StringRecord, columns: usize) -> Result<Vec<Option<String>>, String> {
    if record.len() != columns {
        return Err(format!("has {} cells where the header has {columns}", record.len()));
    }
    Ok(record.iter().map(|cell| Some(cell.to_owned())).collect())
}

/// Bytes as text: what a byte order mark says, else UTF-8 where it is that, else Windows-1252.
fn decode(bytes: &[u8]) -> String {
    let encoding = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::WINDOWS_1252,
    };
    encoding.decode_with_bom_removal(bytes).0.into_owned()
}

/// The separator that stands most often in the header, outside quotes.
fn guess_separator(text: &str) -> char {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for character in text.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            '\n' | '\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                if let Some(at) = SEPARATORS.iter().position(|separator| *separator == character) {
                    counts[at] += 1;
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let at = counts.iter().position(|count| *count == most && most > 0);
    at.map_or(',', |at| SEPARATORS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> Vec<Line> {
        Snapshot::new(text, None).rows(Place::default(), usize::MAX).0
    }

    #[test]
    fn encodings_and_separators_are_recognised() {
        for bytes in [
            "id;naam\n1;José\n".as_bytes().to_vec(),
            b"\xEF\xBB\xBFid,naam\n1,Jos\xC3\xA9\n".to_vec(),
            b"id\tnaam\r\n1\tJos\xE9\r\n".to_vec(),
            b"sep=|\r\nid|naam\r\n1|Jos\xE9\r\n".to_vec(),
        ] {
            let snapshot = Snapshot::new(&bytes, None);
            assert_eq!(snapshot.header(), ["id", "naam"]);
            let (rows, _) = snapshot.rows(Place::default(), 10);
            assert_eq!(rows[0].1, Ok(vec![Some("1".to_owned()), Some("José".to_owned())]));
        }
    }

    #[test]
    fn line_numbers_count_quoted_line_breaks() {
        let rows = all(b"id;tekst\n1;\"twee\nregels; \"\"echt\"\"\"\n2;x;y\n\n3;z\n");
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6]);
        assert_eq!(rows[0].1.as_ref().unwrap()[1].as_deref(), Some("twee\nregels; \"echt\""));
        assert_eq!(rows[1].1, Err("has 3 cells where the header has 2".to_owned()));
    }

    #[test]
    fn half_a_file_does_not_look_whole() {
        let whole = "id;tekst\n1;een\n2;\"twee\nregels\"\n";
        assert!(Snapshot::new(whole.as_bytes(), None).looks_whole());
        for cut in 0..whole.len() {
            let looks_whole = Snapshot::new(&whole.as_bytes()[..cut], None).looks_whole();
            // Cut behind a whole row it looks whole: no one can tell.
            assert_eq!(looks_whole, ["id;tekst\n".len(), "id;tekst\n1;een\n".len()].contains(&cut), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn reading_in_pieces_is_reading_at_once(text in "id;t\n([a-z0-9;\"\n]{0,8}\n){0,12}", step in 1_usize..4) {
            let snapshot = Snapshot::new(text.as_bytes(), Some(';'));
            let (expected, _) = snapshot.rows(Place::default(), usize::MAX);
            let (mut rows, mut place) = (Vec::new(), Some(Place::default()));
            while let Some(at) = place {
                let (more, next) = snapshot.rows(at, step);
                rows.extend(more);
                place = next;
            }
            prop_assert_eq!(rows, expected);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let snapshot = Snapshot::new(&bytes, None);
            let _ = (snapshot.looks_whole(), snapshot.rows(Place::default(), 100));
        }
    }
}
