//! The tools, with real files, processes and servers.

#![allow(clippy::unwrap_used, missing_docs)]

mod call;
mod memory;
