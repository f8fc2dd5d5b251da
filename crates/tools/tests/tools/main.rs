//! The tools, with real files, processes and servers.

#![allow(clippy::unwrap_used, missing_docs)]

mod call;
#[cfg(unix)]
mod exec;
mod files;
mod memory;
#[cfg(unix)]
mod processes;
mod sessions;
mod subagents;
mod web_fetch;
mod web_search;
