//! The tools, with real files, processes and servers.

#![allow(clippy::unwrap_used, missing_docs)]

mod advisories;
mod call;
#[cfg(target_os = "linux")]
mod container;
mod documents;
#[cfg(target_os = "linux")]
mod elevated;
#[cfg(unix)]
mod exec;
#[cfg(unix)]
mod extract;
mod files;
mod hidden_corpus;
mod image;
#[cfg(unix)]
mod mcp;
#[cfg(unix)]
mod mcp_server;
mod memory;
mod message;
#[cfg(unix)]
mod processes;
#[cfg(target_os = "linux")]
mod sandbox;
mod sessions;
mod ssrf_corpus;
mod subagents;
mod web_fetch;
mod web_search;
