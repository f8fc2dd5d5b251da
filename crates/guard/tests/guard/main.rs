//! The guard with the machine's own parts: its shell, its kernel.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(unix)]
mod shell;
