//! The thread that writes reports, so that computing never waits for whoever reads them.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};

use super::cancellation::Cancellation;
use crate::protocol::FromWorker;

/// Where reports are handed in.
#[derive(Debug, Clone)]
pub(super) struct Reports(Sender<FromWorker>);

impl Reports {
    /// Hands a report in. Where nobody reads any more it is dropped; [`write`] has stopped everything then.
    pub(super) fn send(&self, report: FromWorker) {
        let _ = self.0.send(report);
    }
}

pub(super) fn channel() -> (Reports, Receiver<FromWorker>) {
    let (sender, receiver) = mpsc::channel();
    (Reports(sender), receiver)
}

/// Writes every report as one line until the last sender is gone or the output fails.
pub(super) fn write(
    reports: &Receiver<FromWorker>,
    mut output: impl Write,
    cancellation: &Cancellation,
) {
    for report in reports {
        if write_line(&report, &mut output).is_err() {
            cancellation.close();
            return;
        }
    }
}

fn write_line(report: &FromWorker, output: &mut impl Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
