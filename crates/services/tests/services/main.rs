//! Services with real processes: keepers, servers that do what a test tells them, and programs that use them.
#![allow(clippy::unwrap_used)]

mod backend;
mod failing;
mod memory;
mod recipes;
mod recovery;
mod sharing;
mod stage;
mod stopping;
