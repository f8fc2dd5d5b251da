//! What the guard decides.

#![allow(clippy::unwrap_used)]

mod agentdojo;
mod evidence;
mod rules;
mod worst_case;
