//! Secrets: kept out of what models, people and logs are shown.
//!
//! [`Secrets`] knows the owner's own by value and finds them anywhere, also encoded. [`Masks`] knows what secrets of others
//! look like, for logs and summaries, where a mistake costs nothing.

mod known;
mod masks;

pub use known::{SHORTEST, Secrets, in_config, is_secret_name};
pub use masks::Masks;
