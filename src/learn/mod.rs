//! How the models that ship come about: from `training/` to `models/`, by `gehoord train`.
//!
//! - [`corpus`] reads what we wrote down about how people say things.
//! - [`teacher`] is what a larger model knows about English words; [`contrast`] makes an encoder of both.
//! - [`registers`] makes registers of wordings, [`fusing`] learns from them how likely a candidate is.
//! - [`classifying`] makes the classifier of labelled mentions.
//! - [`judging`] says how good they are.
//!
//! Everything here runs on a developer's machine, or when an installation learns from its staff; a mention meets none of it.

pub mod classifying;
pub mod contrast;
pub mod corpus;
pub mod fusing;
pub mod judging;
pub mod labels;
pub mod linear;
pub mod registers;
pub mod teacher;
pub mod training;
