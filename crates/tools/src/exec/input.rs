//! Typing into a command.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

/// How long a command may take to read what is typed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way into a command that reads. A thread writes, because a command may never read.
pub(super) struct Input {
    queue: mpsc::Sender<Piece>,
}

struct Piece {
    bytes: Vec<u8>,
    written: oneshot::Sender<io::Result<()>>,
}

/// Why something could not be typed.
#[derive(Debug, Error)]
pub(super) enum InputError {
    /// It does not read.
    #[error(
        "it has not read its input for {} seconds; what was written waits for it",
        PATIENCE.as_secs()
    )]
    NotRead,
    /// It has closed its input.
    #[error("it takes no more input")]
    Closed,
    /// The system refuses.
    #[error("{0}")]
    Io(io::Error),
}

impl Input {
    /// The way into this stream, which is closed when the input is dropped and everything typed was written.
    pub(super) fn new(mut stream: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, pieces) = mpsc::channel::<Piece>();
        std::thread::Builder::new()
            .name("command input".to_owned())
            .spawn(move || {
                for piece in pieces {
                    let outcome = stream.write_all(&piece.bytes).and_then(|()| stream.flush());
                    // Whoever typed may have stopped waiting.
                    let _ = piece.written.send(outcome);
                }
            })?;
        Ok(Self { queue })
    }

    /// Puts bytes in the queue; the answer says when they were written.
    pub(super) fn send(&self, bytes: Vec<u8>) -> Sent {
        let (written, outcome) = oneshot::channel();
        // A thread that is gone drops the piece, which is noticed when it is waited for.
        let _ = self.queue.send(Piece { bytes, written });
        Sent { outcome }
    }
}

/// Bytes on their way.
pub(super) struct Sent {
    outcome: oneshot::Receiver<io::Result<()>>,
}

impl Sent {
    /// Waits until they were written.
    pub(super) async fn written(self) -> Result<(), InputError> {
        match tokio::time::timeout(PATIENCE, self.outcome).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(InputError::Closed)
            }
            Ok(Ok(Err(error))) => Err(InputError::Io(error)),
            Ok(Err(_)) => Err(InputError::Closed),
            Err(_) => Err(InputError::NotRead),
        }
    }
}
