//! Tests of the crate from outside: recorded replies of real servers, scripted servers, request bodies.
#![allow(clippy::unwrap_used)]

mod asking;
mod bfcl;
mod capabilities;
mod captures;
mod cooldown;
mod dialects;
mod embeddings;
mod encode;
mod fixture;
mod knowledge;
mod ladder;
mod listing;
mod mishaps;
mod oracle;
mod places;
mod prefix;
mod probe;
mod queue;
mod rotation;
mod signing;
mod tokens;
mod tools_in_words;
mod waiting;
mod walk;
