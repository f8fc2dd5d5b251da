//! Whole texts of results that are shown in part, on disk.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::reduction::Reduction;
use super::trial::KeptText;

/// Writes the texts of these reductions. One that cannot be written is named no longer.
pub(super) async fn keep(texts: &[KeptText], reductions: &mut [Reduction]) {
    for reduction in reductions {
        let text = texts
            .iter()
            .find(|text| reduction.path.as_ref() == Some(&text.path));
        let Some(text) = text.cloned() else { continue };
        let path = text.path.clone();
        let written =
            tokio::task::spawn_blocking(move || write(Path::new(&text.path), &text.text)).await;
        let outcome = written.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        if let Err(error) = outcome {
            tracing::warn!(path, %error, "the whole text of a tool result could not be kept");
            reduction.without_file();
        }
    }
}

/// Readable by the owner alone: results hold whatever tools have read.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
