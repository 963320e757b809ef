//! `gehoord demo`: the bundled story, played through the real pipeline over real HTTP and SMTP on loopback.
//!
//! - `story` is the data: an invented provider, its register, and what people say about it.
//! - `world` is the public web of the story, `fake_zendesk` its ticket system, `mailbox` its mail server.
//! - `play` starts all of them with a daemon in front, and says what happened.
//!
//! The tests talk to the same servers.

pub mod fake_zendesk;
pub mod mailbox;
pub mod play;
pub mod story;
pub mod world;
