//! Tests of the crate from outside: recorded replies of real servers, scripted servers, request bodies.
#![allow(clippy::unwrap_used)]

mod captures;
mod dialects;
mod encode;
mod fixture;
mod ladder;
mod listing;
mod oracle;
mod places;
mod prefix;
mod probe;
mod signing;
mod tokens;
mod waiting;
