//! Tools that come from servers, over the Model Context Protocol: programs of this machine, or addresses.
//!
//! ```text
//! McpServers ──▶ what each server lists (kept in the store) ──▶ names, simplified schemas ──▶ Tool
//!                                                                                              │ call
//!                         program or address ◀── connection, opened by the first call ◀────────┘
//! ```
//!
//! What a server lists is kept with a fingerprint of its configuration, so that a conversation starts without starting
//! a server; one that was never seen is asked once. Whatever a server says (names, descriptions, results) is text from
//! outside, and none of it decides what its calls may do: the owner's configuration does.

mod arguments;
mod child;
mod connection;
mod error;
mod listing;
mod names;
mod output;
mod schema;
mod server;
mod servers;
mod settings;
mod tool;

pub use error::McpError;
pub use servers::{McpServers, McpTools, ServerReport, ServerStanding};
