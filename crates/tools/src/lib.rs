//! What an agent can do: each tool a module, with the names and parameters that prompts and policies know.
//!
//! A tool says what a call would do ([`moltbot_agent::Plan`]) before it is decided on, does it, and says where what it
//! read comes from ([`moltbot_llm::Provenance`]).

mod exec;
mod files;
pub mod memory;
mod sessions;
pub mod web;

pub use exec::{ExecSettings, ExecTool, ProcessTable, ProcessTool};
pub use files::{ApplyPatch, Edit, Folders, Read, Write, tools as file_tools};
pub use sessions::{
    AgentsList, SessionAccess, SessionsHistory, SessionsList, SessionsSend, SessionsSpawn,
};
