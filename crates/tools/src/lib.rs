//! What an agent can do: each tool a module, with the names and parameters that prompts and policies know.
//!
//! A tool says what a call would do ([`moltbot_agent::Plan`]) before it is decided on, does it, and says where what it
//! read comes from ([`moltbot_llm::Provenance`]).

pub mod documents;
mod exec;
mod files;
mod image;
pub mod mcp;
pub mod memory;
mod message;
mod picture;
mod sessions;
pub mod web;

pub use exec::{CommandRules, ExecSettings, ExecTool, ProcessTable, ProcessTool};
pub use files::{ApplyPatch, Edit, Folders, Read, Write, keeps_marks, tools as file_tools};
pub use image::ImageTool;
pub use message::MessageTool;
pub use sessions::{
    AgentsList, SessionAccess, SessionStatus, SessionsHistory, SessionsList, SessionsSend,
    SessionsSpawn,
};
