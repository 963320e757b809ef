//! Configuration: one TOML file. `secret` keeps what must never be printed.

pub mod secret;
