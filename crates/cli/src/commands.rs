//! The commands, one module each.

mod agent;
pub(crate) mod completions;
mod config;
mod doctor;
#[cfg(feature = "engine")]
pub(crate) mod engine_worker;
mod guard;
mod memory;
mod models;
mod prompt;
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
        Command::Memory { command } => memory::run(globals, command).await,
        Command::Config { command } => config::run(globals, command),
        Command::Doctor(args) => doctor::run(globals, args).await,
        Command::Completions { shell } => completions::run(shell),
        // What to keep comes on standard input: it may hold secrets.
        Command::ServiceKeeper { provider: _ } => {
            service_keeper::run().await;
            Ok(())
        }
        #[cfg(feature = "engine")]
        Command::EngineWorker => {
            engine_worker::run();
            Ok(())
        }
    }
}
