//! `read`, `write`, `edit` and `apply_patch`: the owner's files.
//!
//! Where a path really leads is found out in one place ([`places`]), before a call is decided on and again when it is
//! done; the two must be the same. What is done then is done to that very place ([`disk`]): every folder on the way is
//! opened without following links, so nothing that is swapped in between leads elsewhere.

mod apply_patch;
mod closest;
mod disk;
mod edit;
pub(crate) mod images;
mod named;
pub(crate) mod origin;
mod place;
mod places;
mod read;
mod refusal;
mod similar;
mod text;
mod write;

use std::sync::Arc;

use moltbot_agent::{Plan, Tool, ToolError, ToolOutput};
use thiserror::Error;

use crate::documents::DocumentReader;

pub use apply_patch::ApplyPatch;
pub use edit::Edit;
pub use origin::keeps_marks;
pub use places::Folders;
pub use read::Read;
pub use write::Write;

pub(crate) use named::NamedFile;
pub(crate) use refusal::Refusal;

/// All file tools, over the same folders. Documents are read by `documents`.
pub fn tools(folders: Folders, documents: DocumentReader) -> Vec<Arc<dyn Tool>> {
    let folders = Arc::new(folders);
    vec![
        Arc::new(Read::new(Arc::clone(&folders), documents)),
        Arc::new(Write::new(Arc::clone(&folders))),
        Arc::new(Edit::new(Arc::clone(&folders))),
        Arc::new(ApplyPatch::new(folders)),
    ]
}

/// The largest file that is edited, bytes. Larger ones are data, not text that a model changes.
const EDIT_LIMIT: u64 = 10 * 1024 * 1024;

/// What would be done is not what was decided on.
#[derive(Debug, Error)]
#[error(
    "What this call would touch changed while it was being decided on (it is now: {0}), so nothing was done. \
     Look at the place again before another try."
)]
pub(crate) struct NotDecided(String);

/// Whether a plan, made anew when the call is done, is the one that was decided on.
pub(crate) fn still_decided(plan: &Plan, decided: Option<&Plan>) -> Result<(), NotDecided> {
    match decided == Some(plan) {
        true => Ok(()),
        false => Err(NotDecided(plan.detail.clone())),
    }
}

/// Does work on disk without holding up others.
async fn on_disk(
    work: impl FnOnce() -> Result<ToolOutput, Refusal> + Send + 'static,
) -> Result<ToolOutput, ToolError> {
    let outcome = off_thread(work).await?;
    Ok(outcome.unwrap_or_else(ToolOutput::from))
}

/// Does work that waits for a disk, or takes long, without holding up others.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ToolError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        ToolError::failed("The tool broke off; what it was to do may be done in part.")
    })
}
