//! The command as a person runs it: a real process, a home directory of its own, a scripted model server.
#![allow(clippy::unwrap_used)]

mod add;
mod agent;
mod chat;
mod config;
mod cooldown;
mod doctor;
#[cfg(feature = "engine")]
mod engine;
mod fixtures;
mod guard;
mod memory;
mod models;
mod probe;
mod prompt;
mod pull;
mod seeds;
mod services;
mod setup;
mod terminal;
