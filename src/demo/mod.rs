//! What `gehoord demo` and the tests talk to instead of the outside world.

pub mod fake_zendesk;
