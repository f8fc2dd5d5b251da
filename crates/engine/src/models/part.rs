//! The part of a model that has arrived.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::checksum::{Digest, read_through};
use super::disk::{Disk, PartFile};

/// How many pieces may wait for the disk.
const QUEUE: usize = 16;

/// What a part belongs to; kept beside it so that a later pull knows whether it can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartState {
    /// Where it was asked for.
    pub(super) url: String,
    /// The server's mark of this version of the file.
    pub(super) etag: Option<String>,
    /// The checksum the hub announced, in lower-case hex.
    pub(super) sha256: Option<String>,
    /// The length of the whole file, in bytes.
    pub(super) size: Option<u64>,
}

impl PartState {
    /// The state left by an earlier pull.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// The part file, open for more, with the checksum of what it holds.
pub(super) struct Part {
    file: Box<dyn PartFile>,
    digest: Digest,
}

impl Part {
    /// Opens the part, making an empty one if need be. `None` when another process has it.
    /// What the file holds is not known before [`Part::read_back`] or [`Part::restart`].
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Option<Self>> {
        let file = disk.open(path)?;
        Ok(file.lock().then(|| Self {
            file,
            digest: Digest::default(),
        }))
    }

    /// Reads what the file holds; the next bytes go behind it.
    pub(super) async fn read_back(
        mut self,
        passed: &mut (dyn FnMut(u64) + Send),
    ) -> io::Result<Self> {
        self.file.rewind()?;
        let (file, digest) = read_through(self.file, passed).await?;
        Ok(Self { file, digest })
    }

    /// Empties the file.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.digest = Digest::default();
        self.file.empty()
    }

    /// What has arrived.
    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How much has arrived, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.digest.len()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(())
    }
}

/// Writes and hashes what arrives on a blocking thread, so that the network need not wait for
/// the disk.
pub(super) struct PartWriter {
    pieces: mpsc::Sender<Bytes>,
    task: JoinHandle<io::Result<Part>>,
}

impl PartWriter {
    /// Begins to write behind what the part holds.
    pub(super) fn start(mut part: Part) -> Self {
        let (pieces, mut arriving) = mpsc::channel::<Bytes>(QUEUE);
        let task = tokio::task::spawn_blocking(move || {
            while let Some(piece) = arriving.blocking_recv() {
                part.append(&piece)?;
            }
            part.file.sync()?;
            Ok(part)
        });
        Self { pieces, task }
    }

    /// Hands a piece over. `false` when writing has failed; [`PartWriter::finish`] says why.
    pub(super) async fn push(&self, piece: Bytes) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Waits until all pieces are on the disk.
    pub(super) async fn finish(self) -> io::Result<Part> {
        drop(self.pieces);
        self.task.await.map_err(io::Error::other)?
    }
}
