//! Ids are made here and nowhere else: UUIDv7 as text, so that both engines store them alike.
//!
//! Nothing may be *ordered* by an id. They start with a time only to keep B-trees compact.

use jiff::Timestamp;
use rand::RngCore;

/// A new id for a row that is written at `now`.
pub fn new_id(now: Timestamp) -> String {
    let mut random = [0u8; 10];
    process_rng().fill_bytes(&mut random);
    let millis = now.as_millisecond().max(0) as u64;
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// A random token of 128 bits in hex: fencing tokens and instance names.
pub fn new_token() -> String {
    let mut random = [0u8; 16];
    process_rng().fill_bytes(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The random generator of this process, for ids and for jitter.
pub fn process_rng() -> impl RngCore {
    #[expect(
        clippy::disallowed_methods,
        reason = "ids and jitter need real randomness; everything else takes an rng"
    )]
    rand::rng()
}
