//! The `moltbot` command: it wires the crates together and talks with the person at the terminal.

mod app;
mod args;
mod chat;
mod commands;
mod embedder;
mod exit;
mod interrupt;
mod logging;
mod output;
mod toolbox;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors; a wrong call is, with the code that scripts expect.
            let failed = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(u8::from(failed));
        }
    };
    output::choose_colour(args.globals.no_color);
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

fn run(args: Args) -> Result<(), Exit> {
    match args.command {
        // The engine's own process: no config, no runtime, nothing on standard output but its protocol.
        #[cfg(feature = "engine")]
        Command::EngineWorker => {
            commands::engine_worker::run();
            Ok(())
        }
        // What it reads may be made to break it: nothing of this program's is open in it.
        Command::DocumentWorker => {
            commands::document_worker::run();
            Ok(())
        }
        // They give up what they may do, thread by thread: nothing of this program's runs beside them.
        Command::Sandboxed { plan, program } => Err(commands::sandboxed::run(&plan, &program)),
        Command::SandboxTrial { plan, outside } => commands::sandboxed::trial(&plan, &outside),
        Command::Completions { shell } => commands::completions::run(shell),
        command => {
            // One thread does all the waiting there is; blocking work gets threads of its own.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| {
                    Exit::failed(format!("The runtime cannot be started: {error}."))
                })?;
            let result = runtime.block_on(async {
                tokio::select! {
                    result = commands::run(&args.globals, command) => result,
                    order = interrupt::overdue() => Err(Exit::silent(order.exit_code())),
                }
            });
            // A thread may still wait for a line of input; nobody waits for it.
            runtime.shutdown_background();
            match interrupt::order() {
                // Whatever else failed, failed for that.
                Some(order) => result.map_err(|exit| exit.with_code(order.exit_code())),
                None => result,
            }
        }
    }
}
