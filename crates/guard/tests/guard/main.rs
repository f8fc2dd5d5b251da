//! What the guard decides, and what it rests on: the machine's own shell and kernel.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[cfg(unix)]
mod advisories;
mod agentdojo;
mod attacks;
mod evidence;
#[cfg(unix)]
mod exec_corpus;
mod rules;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(unix)]
mod shell;
mod worst_case;
