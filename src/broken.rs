//! Deliberate defects, so that the tests can prove that they would notice them.
//!
//! Compiled in only with the feature `deliberately-broken`; then `GEHOORD_BROKEN=NAME` switches one defect on. A test
//! that stays green with its defect switched on proves nothing (docs/TESTING.md). In a normal build [`is`] is `false` at
//! compile time.

/// Every defect there is.
pub const DEFECTS: [&str; 8] =
    ["ack-first", "cursor-tx", "outbox-tx", "fence", "order", "dedup-key", "silent", "no-boundary"];

/// Whether the defect `name` is switched on.
#[inline]
pub fn is(name: &str) -> bool {
    cfg!(feature = "deliberately-broken")
        && std::env::var("GEHOORD_BROKEN").is_ok_and(|chosen| chosen == name)
}

/// Panics on a text that holds `gifpil-STEP`, in builds with defects only: so that a test can plant a mention that a pure
/// step cannot survive. The panic quotes the text, as slicing a string does.
#[inline]
pub fn swallow(step: &str, text: &str) {
    assert!(
        !(cfg!(feature = "deliberately-broken") && text.contains(&format!("gifpil-{step}"))),
        "cannot swallow {text}"
    );
}
