//! The one integration binary.

mod conformance;
mod kill_sweep;
mod request_tracker;
mod store;
mod support;
