//! Downloading a file, from where an earlier download stopped.

use std::fs;
use std::io;

use reqwest::Response;
use url::Url;

use super::checksum::Digest;
use super::disk::{Disk, SPARE, check_room, is_full};
use super::hub::{Answer, Content, Hub, Resume};
use super::installed::{ModelFiles, write_json};
use super::part::{Part, PartState, PartWriter};
use super::pull::{PullPhase, Teller};
use super::pull_error::PullError;

/// How often a download is taken up again after a cut, each time having brought something.
const MAX_CONNECTIONS: usize = 100;

/// A file to download.
pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub,
    pub(super) url: Url,
    /// Its name for people.
    pub(super) source_name: &'a str,
    /// Its checksum, where it is known beforehand.
    pub(super) pinned: Option<&'a str>,
    pub(super) files: &'a ModelFiles,
    pub(super) disk: &'a dyn Disk,
}

/// How reading a body ended.
enum End {
    /// In good order.
    Done,
    /// By a broken connection, or because the file cannot be written.
    Cut,
}

impl Download<'_> {
    /// Downloads what is missing of the part and checks the whole.
    pub(super) async fn run(&self, part: Part, tell: &mut Teller<'_>) -> Result<Part, PullError> {
        let result = self.complete(part, tell).await;
        let is_useless = match &result {
            Ok(_) => false,
            Err(PullError::Checksum { .. } | PullError::Length { .. }) => true,
            Err(PullError::NotGguf { .. }) => true,
            Err(_) => fs::metadata(self.files.part()).is_ok_and(|it| it.len() == 0),
        };
        if is_useless {
            discard(self.files);
        }
        result
    }

    async fn complete(&self, part: Part, tell: &mut Teller<'_>) -> Result<Part, PullError> {
        let (mut part, mut state) = self.take_up(part, tell).await?;
        let mut furthest = part.len();
        for _ in 0..MAX_CONNECTIONS {
            let before = part.len();
            let resume = state.as_ref().filter(|_| before > 0).map(|state| Resume {
                offset: before,
                etag: state.etag.as_deref(),
            });
            tell.tell(PullPhase::Connecting, before, None);
            let answer = self.hub.get(&self.url, resume, self.source_name).await?;
            self.check_promise(&answer)?;

            let is_same = state
                .as_ref()
                .is_some_and(|state| is_same_file(state, &answer));
            let continues = match answer.content {
                Content::Rest => is_same,
                // Asked for more than there is: either all is here, or it was another file.
                Content::NothingLeft if is_same && answer.size == Some(before) => {
                    return self.check(part, answer.sha256.as_deref(), tell);
                }
                Content::NothingLeft | Content::OtherRange | Content::Whole => false,
            };
            if !continues && before > 0 {
                part.restart().map_err(|error| self.file_error(error))?;
            }
            if !continues && answer.content != Content::Whole {
                // Without a part nothing is asked for but the whole.
                if before == 0 {
                    return Err(self.nonsense());
                }
                state = None;
                continue;
            }

            let size = answer.size;
            let missing = size.unwrap_or(0).saturating_sub(part.len());
            check_room(self.disk.free(&self.files.dir), missing, &self.files.dir)?;
            let now = PartState {
                url: self.url.to_string(),
                etag: answer.etag,
                sha256: answer.sha256,
                size,
            };
            write_json(&self.files.part_state(), &now)
                .map_err(|error| self.write_error(error, size))?;

            let end;
            (part, end) = self.receive(part, answer.response, size, tell).await?;
            let is_whole = match size {
                Some(size) if part.len() > size => {
                    return Err(PullError::Length {
                        source_name: self.source_name.to_owned(),
                        expected: size,
                        actual: part.len(),
                    });
                }
                Some(size) => part.len() == size,
                None => matches!(end, End::Done),
            };
            if is_whole {
                return self.check(part, now.sha256.as_deref(), tell);
            }
            if part.len() <= furthest || !self.can_resume(&now) {
                return Err(self.interrupted(&part, size));
            }
            furthest = part.len();
            state = Some(now);
        }
        let size = state.and_then(|it| it.size);
        Err(self.interrupted(&part, size))
    }

    /// The part as an earlier pull left it, or an empty one when it is of no use.
    async fn take_up(
        &self,
        part: Part,
        tell: &mut Teller<'_>,
    ) -> Result<(Part, Option<PartState>), PullError> {
        let state = PartState::read(&self.files.part_state())
            .filter(|state| self.is_mine(state) && self.can_resume(state));
        let part = match &state {
            Some(state) => {
                let size = state.size;
                part.read_back(&mut |passed| tell.tell(PullPhase::Checking, passed, size))
                    .await
            }
            None => {
                let mut part = part;
                part.restart().map(|()| part)
            }
        };
        Ok((part.map_err(|error| self.file_error(error))?, state))
    }

    fn is_mine(&self, state: &PartState) -> bool {
        let is_same_content = self.pinned.is_some() && state.sha256.as_deref() == self.pinned;
        state.url == self.url.as_str() || is_same_content
    }

    /// Whether joining two downloads would be noticed if they were of two files: by the
    /// server's mark beforehand, or by the checksum afterwards.
    fn can_resume(&self, state: &PartState) -> bool {
        self.pinned.is_some() || state.sha256.is_some() || state.etag.is_some()
    }

    /// Refuses a file that the hub itself says is another one, before it is downloaded.
    fn check_promise(&self, answer: &Answer) -> Result<(), PullError> {
        match (self.pinned, &answer.sha256) {
            (Some(expected), Some(offered)) if expected != offered => Err(PullError::Replaced {
                source_name: self.source_name.to_owned(),
                expected: expected.to_owned(),
                offered: offered.clone(),
            }),
            _ => Ok(()),
        }
    }

    async fn receive(
        &self,
        part: Part,
        mut response: Response,
        size: Option<u64>,
        tell: &mut Teller<'_>,
    ) -> Result<(Part, End), PullError> {
        let mut received = part.len();
        let writer = PartWriter::start(part);
        tell.tell(PullPhase::Downloading, received, size);
        let end = loop {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    received += piece.len() as u64;
                    if !writer.push(piece).await {
                        break End::Cut;
                    }
                    tell.tell(PullPhase::Downloading, received, size);
                    // A server that sends too much need not be heard to the end.
                    if size.is_some_and(|size| received > size) {
                        break End::Done;
                    }
                }
                Ok(None) => break End::Done,
                Err(error) => {
                    tracing::debug!(%error, received, "the download was cut");
                    break End::Cut;
                }
            }
        };
        let part = writer
            .finish()
            .await
            .map_err(|error| self.write_error(error, size))?;
        Ok((part, end))
    }

    fn check(
        &self,
        part: Part,
        announced: Option<&str>,
        tell: &mut Teller<'_>,
    ) -> Result<Part, PullError> {
        let digest = part.digest();
        tell.tell(PullPhase::Verifying, digest.len(), Some(digest.len()));
        check_digest(digest, self.pinned.or(announced), self.source_name)?;
        Ok(part)
    }

    fn write_error(&self, error: io::Error, size: Option<u64>) -> PullError {
        let received = fs::metadata(self.files.part()).map_or(0, |it| it.len());
        if is_full(&error) {
            return PullError::DiskFull {
                dir: self.files.dir.clone(),
                received,
                missing: size.map(|size| size.saturating_sub(received) + SPARE),
            };
        }
        self.file_error(error)
    }

    fn file_error(&self, source: io::Error) -> PullError {
        PullError::File {
            action: "write",
            path: self.files.part(),
            source,
        }
    }

    fn interrupted(&self, part: &Part, total: Option<u64>) -> PullError {
        PullError::Interrupted {
            source_name: self.source_name.to_owned(),
            received: part.len(),
            total,
        }
    }

    fn nonsense(&self) -> PullError {
        PullError::BadAnswer {
            host: self.url.host_str().unwrap_or("the hub").to_owned(),
            answer: "with a part of the file though the whole was asked for".to_owned(),
            source_name: self.source_name.to_owned(),
        }
    }
}

/// Whether an answer is about the file that the part is of, as far as can be told. The
/// checksum at the end tells the rest.
fn is_same_file(state: &PartState, answer: &Answer) -> bool {
    if let (Some(before), Some(now)) = (&state.sha256, &answer.sha256) {
        return before == now;
    }
    match (&state.etag, &answer.etag) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    }
}

/// Checks that these are the bytes that were promised, and a model.
pub(super) fn check_digest(
    digest: &Digest,
    expected: Option<&str>,
    source_name: &str,
) -> Result<(), PullError> {
    if let Some(expected) = expected {
        let actual = digest.sha256();
        if actual != expected {
            return Err(PullError::Checksum {
                source_name: source_name.to_owned(),
                expected: expected.to_owned(),
                actual,
            });
        }
    }
    if digest.is_gguf() {
        Ok(())
    } else {
        Err(PullError::NotGguf {
            source_name: source_name.to_owned(),
        })
    }
}

/// Deletes what has arrived. A part that cannot be deleted does no harm: the next pull empties
/// it, for its state is gone or does not fit.
pub(super) fn discard(files: &ModelFiles) {
    for path in [files.part_state(), files.part()] {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %path.display(), %error, "cannot delete");
        }
    }
}
