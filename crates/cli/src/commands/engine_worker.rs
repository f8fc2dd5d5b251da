//! `moltbot engine-worker`: the process in which the engine runs.

use std::io::BufReader;

/// Serves the engine's protocol on standard input and output until the input ends.
pub(crate) fn run() {
    moltbot_engine::worker::run(BufReader::new(std::io::stdin()), std::io::stdout());
}
