//! The one integration binary.

mod config;
mod kill_sweep;
mod request_tracker;
mod store;
mod support;
