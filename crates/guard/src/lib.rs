//! Who may do what.

pub mod access;
pub mod commands;
pub mod sandbox;
pub mod secrets;
