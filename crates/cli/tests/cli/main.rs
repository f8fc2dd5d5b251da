//! The command as a person runs it: a real process, a home directory of its own, a scripted model server.
#![allow(clippy::unwrap_used)]

mod add;
mod agent;
mod approvals;
mod chat;
mod config;
mod cooldown;
mod doctor;
#[cfg(target_os = "linux")]
mod elevated;
#[cfg(unix)]
mod ending;
#[cfg(feature = "engine")]
mod engine;
#[cfg(unix)]
mod escapes;
#[cfg(unix)]
mod examples;
mod fixtures;
mod guard;
#[cfg(unix)]
mod keyring;
#[cfg(unix)]
mod mcp;
mod media;
mod memory;
mod models;
mod pairing;
mod probe;
mod prompt;
mod pull;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(unix)]
mod secret_references;
mod secrets;
#[cfg(unix)]
mod security;
mod seeds;
mod services;
mod setup;
mod subagents;
mod terminal;
