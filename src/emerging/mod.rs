//! What nobody knows yet: complaints that match nothing and resemble each other are one problem that is only beginning.
//! Pure.
//!
//! - [`clusters`] puts each text, as it comes in, with those that it resembles, or by itself.
//! - [`rising`] tells when a cluster has more than its usual share, once for each event.

pub mod clusters;
pub mod rising;
