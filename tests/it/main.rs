//! The one integration binary.

mod request_tracker;
mod store;
mod support;
