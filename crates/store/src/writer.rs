//! The one thread that owns the file, and the queue to it.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::StoreError;
use crate::database::Database;
use crate::error::Failure;

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// The queue to the thread. Jobs are done in the order they were sent. Dropping it waits until all
/// of them are done and the file is closed.
///
/// Each job commits on its own: within a turn every step waits for the one before, so there would
/// hardly ever be two commits to join.
#[derive(Debug)]
pub(crate) struct Writer {
    // Both are there until the drop.
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    /// Hands the file to a thread of its own.
    pub(crate) fn start(database: Database) -> Result<Self, StoreError> {
        let path = database.path().to_owned();
        let (queue, jobs) = mpsc::channel::<Job>();
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                let mut database = database;
                for job in jobs {
                    job(&mut database);
                }
            })
            .map_err(|source| StoreError::Prepare {
                path: path.clone(),
                source,
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            path,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Queues a job without waiting for it.
    pub(crate) fn send(
        &self,
        job: impl FnOnce(&mut Database) + Send + 'static,
    ) -> Result<(), StoreError> {
        let sent = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.send(Box::new(job)).is_ok());
        if sent { Ok(()) } else { Err(self.stopped()) }
    }

    /// Queues a job and waits for its result. Once queued the job is done, even if the caller stops
    /// waiting.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(move |database| {
            let result = job(database).map_err(|failure| failure.at(database.path()));
            // Nobody waits any more: nothing to tell.
            let _ = reply.send(result);
        })?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> StoreError {
        StoreError::Stopped {
            path: self.path.clone(),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        // Blocks for as long as the queued commits take; without it a process could end before its
        // last words are written. Jobs hold no handle, so this never runs on the thread itself.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
