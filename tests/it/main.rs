//! The one integration binary.

mod cli;
mod config;
mod conformance;
mod controls;
mod disk_full;
mod faults;
mod flow;
mod kill_sweep;
mod layers;
mod pages;
mod register;
mod request_tracker;
mod scenario;
mod store;
mod support;
mod training_data;
mod trouble;
