//! The ticket ids of the last whole snapshot, small enough to live in a cursor.
//!
//! Only with them can a row that is gone be named. Numbers are kept as the steps between them, the rest as sorted text;
//! both are compressed: 100,000 consecutive ids take a few kilobytes, 100,000 random ones of nine digits about 300.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// The most bytes of packed ids; more would make the cursor a burden.
pub(super) const PACKED_BYTES_MAX: usize = 768 * 1024;
const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Packs ids; `None` when they take more than [`PACKED_BYTES_MAX`].
pub(super) fn pack(ids: &BTreeSet<String>) -> Option<String> {
    let mut numbers: Vec<u64> = ids.iter().filter_map(|id| number(id)).collect();
    numbers.sort_unstable();
    let mut text = String::new();
    let mut last = 0;
    for number in numbers {
        text.push_str(&format!("{}\n", number - last));
        last = number;
    }
    text.push('\n');
    for id in ids.iter().filter(|id| number(id).is_none()) {
        text.push_str(&id.replace('\n', " "));
        text.push('\n');
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).ok()?;
    let packed = STANDARD.encode(encoder.finish().ok()?);
    (packed.len() <= PACKED_BYTES_MAX).then_some(packed)
}

/// Unpacks what [`pack`] packed; anything else is no ids.
pub(super) fn unpack(packed: &str) -> BTreeSet<String> {
    let bytes = STANDARD.decode(packed).unwrap_or_default();
    let mut text = String::new();
    if DeflateDecoder::new(bytes.as_slice()).take(UNPACKED_BYTES_MAX).read_to_string(&mut text).is_err() {
        return BTreeSet::new();
    }
    let (numbers, texts) = match text.strip_prefix('\n') {
        Some(texts) => ("", texts),
        None => text.split_once("\n\n").unwrap_or((text.trim_end(), "")),
    };
    let mut last = 0_u64;
    let numbers = numbers.lines().filter_map(|step| {
        last = last.checked_add(step.parse().ok()?)?;
        Some(last.to_string())
    });
    numbers.chain(texts.lines().map(str::to_owned)).collect()
}

/// A number that is written in the one way numbers are: no sign, no leading zero.
fn number(id: &str) -> Option<u64> {
    id.parse().ok().filter(|number: &u64| number.to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_thousand_ids_stay_far_below_a_megabyte() {
        let consecutive: BTreeSet<String> = (1_000_000..1_100_000).map(|n: u32| n.to_string()).collect();
        let scattered: BTreeSet<String> = (0..100_000_u64)
            .map(|n| (n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) >> 34).to_string())
            .collect();
        let prefixed: BTreeSet<String> = (0..100_000).map(|n| format!("INC{:07}", n * 3)).collect();
        for (ids, bytes_max) in [(consecutive, 10_000), (scattered, 500_000), (prefixed, 500_000)] {
            let packed = pack(&ids).unwrap();
            assert!(packed.len() < bytes_max, "{}", packed.len());
            assert_eq!(unpack(&packed), ids);
        }
    }

    #[test]
    fn more_than_fits_is_said() {
        let random: BTreeSet<String> = (0..100_000_u32)
            .map(|n| crate::mention::hex(&<sha2::Sha256 as sha2::Digest>::digest(n.to_le_bytes())))
            .collect();
        assert_eq!(pack(&random), None);
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(ids in proptest::collection::btree_set("[0-9]{1,21}|[A-Za-z0-9 é-]{1,12}", 0..30)) {
            prop_assert_eq!(unpack(&pack(&ids).unwrap()), ids);
        }

        #[test]
        fn nonsense_is_no_ids(text in "\\PC{0,60}") {
            let _ = unpack(&text);
        }
    }
}
