//! Texts as vectors, so that different wordings of one problem lie near each other, in Dutch and English alike.
//!
//! - [`features`] says what of a text is looked at: its words, and the pieces of its words.
//! - [`Table`] is the built-in encoder: a vector for each of these, added up. It is trained by `learn`, it needs no network
//!   and no transformer, and encodes tens of thousands of texts a second.
//! - [`Vector`] is what comes out.

pub mod features;
mod table;
mod vector;

pub use table::{Row, Table};
pub use vector::{Vector, product};
