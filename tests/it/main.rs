//! The one integration binary.

mod request_tracker;
