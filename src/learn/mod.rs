//! How the models that ship come about: from `training/` to `models/`, by `gehoord train`.
//!
//! - [`corpus`] reads what we wrote down about how people say things.
//! - [`teacher`] is what a larger model knows about English words; [`contrast`] makes an encoder of both.
//! - [`registers`] makes registers of wordings, [`fusing`] learns from them how likely a candidate is.
//! - [`judging`] says how good they are.
//! - [`artefact`] is the form in which models are kept.

pub mod artefact;
pub mod contrast;
pub mod corpus;
pub mod fusing;
pub mod judging;
pub mod registers;
pub mod teacher;
pub mod training;
