//! `moltbot completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::Exit;

/// Prints the completion script for a shell.
pub(crate) fn run(shell: Shell) -> Result<(), Exit> {
    clap_complete::generate(
        shell,
        &mut Args::command(),
        "moltbot",
        &mut std::io::stdout(),
    );
    Ok(())
}
