//! `moltbot engine-worker`: the process in which the engine runs.

use crate::exit::Exit;

/// Serves the engine's protocol on standard input and output until the input ends.
pub(crate) fn run() -> Result<(), Exit> {
    moltbot_engine::worker::run(std::io::stdin().lock(), std::io::stdout())
        .map_err(|error| Exit::failed(error.to_string()))
}
