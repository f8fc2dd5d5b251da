//! The commands, one module each.

mod agent;
pub(crate) mod approvals;
pub(crate) mod completions;
mod config;
mod doctor;
pub(crate) mod document_worker;
#[cfg(feature = "engine")]
pub(crate) mod engine_worker;
mod guard;
mod mcp;
mod memory;
mod models;
mod pairing;
mod prompt;
mod sandbox;
pub(crate) mod sandboxed;
mod secrets;
mod security;
mod service_keeper;

pub(crate) use agent::footnotes;

use crate::args::{Command, Globals};
use crate::chat;
use crate::exit::Exit;

/// Runs a command.
pub(crate) async fn run(globals: &Globals, command: Command) -> Result<(), Exit> {
    match command {
        Command::Chat(args) => chat::run(globals, args).await,
        Command::Agent(args) => agent::run(globals, args).await,
        Command::Models(args) => models::run(globals, args).await,
        Command::Prompt { command } => prompt::run(globals, command).await,
        Command::Guard { command } => guard::run(globals, command).await,
        Command::Approvals { command } => approvals::run(globals, command).await,
        Command::Sandbox { command } => sandbox::run(globals, command).await,
        Command::Memory { command } => memory::run(globals, command).await,
        Command::Pairing { command } => pairing::run(globals, command),
        Command::Secrets { command } => secrets::run(globals, command).await,
        Command::Security { command } => security::run(globals, command),
        Command::Mcp { command } => mcp::run(globals, command).await,
        Command::Config { command } => config::run(globals, command),
        Command::Doctor(args) => doctor::run(globals, args).await,
        Command::Completions { shell } => completions::run(shell),
        // What to keep comes on standard input: it may hold secrets.
        Command::ServiceKeeper { provider: _ } => {
            service_keeper::run().await;
            Ok(())
        }
        Command::DocumentWorker => {
            document_worker::run();
            Ok(())
        }
        Command::Sandboxed { plan, program } => Err(sandboxed::run(&plan, &program)),
        Command::SandboxTrial { plan, outside } => sandboxed::trial(&plan, &outside),
        #[cfg(feature = "engine")]
        Command::EngineWorker => {
            engine_worker::run();
            Ok(())
        }
    }
}
