//! The folder of an agent: what it is told about itself and its owner, in files that both can edit.

mod files;
mod templates;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

pub(crate) use files::{Room, Standing, WorkspaceFile, file_length, read_files, standing_of};
use templates::{BOOTSTRAP, TEMPLATES};

use crate::sandbox::NotSandboxed;

/// A workspace that cannot be used.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// The folder cannot be made.
    #[error(
        "The workspace folder {} cannot be created ({source}); make it yourself, or name another in agents.defaults.workspace.",
        path.display()
    )]
    NotCreated {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something else is in its place.
    #[error(
        "The workspace {} is not a folder; move it away, or name another folder in agents.defaults.workspace.",
        .0.display()
    )]
    NotAFolder(PathBuf),
    /// The folder of the conversation's sandbox cannot be made.
    #[error(transparent)]
    Sandbox(#[from] NotSandboxed),
}

/// Makes the folder where it does not exist, and with `with_files` the files that it begins with. What exists is never
/// written over. A folder with none of the files yet is a new one: it gets the first-day note, and a git repository if
/// there is git and the folder is not in a repository already.
///
/// # Errors
/// There is no such folder and it cannot be made. Files that cannot be made are only logged: the talk goes on without.
pub(crate) fn prepare(dir: &Path, with_files: bool) -> Result<(), WorkspaceError> {
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => return Err(WorkspaceError::NotAFolder(dir.to_owned())),
        Ok(_) => {}
        Err(_) => fs::create_dir_all(dir).map_err(|source| WorkspaceError::NotCreated {
            path: dir.to_owned(),
            source,
        })?,
    }
    if !with_files {
        return Ok(());
    }
    // A link that leads nowhere is the owner's too.
    let is_there = |name: &str| fs::symlink_metadata(dir.join(name)).is_ok();
    let is_new = !TEMPLATES.iter().any(|(name, _)| is_there(name));
    let first_day = is_new.then_some(&BOOTSTRAP);
    for (name, text) in TEMPLATES.iter().chain(first_day) {
        if let Err(error) = create(&dir.join(name), text) {
            tracing::warn!(file = %dir.join(name).display(), %error, "a workspace file cannot be created");
        }
    }
    if is_new && !is_in_repository(dir) {
        git_init(dir);
    }
    Ok(())
}

/// Copies the notes of one folder into another, those that are not there. For a folder that is an agent's only in part:
/// notes that cannot be copied are only logged.
pub(crate) fn copy_notes(from: &Path, into: &Path) {
    for (name, _) in TEMPLATES.iter().chain(&[BOOTSTRAP]) {
        if fs::symlink_metadata(into.join(name)).is_ok() {
            continue;
        }
        let copied =
            fs::read_to_string(from.join(name)).and_then(|text| create(&into.join(name), &text));
        match copied {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %into.join(name).display(), %error, "a note cannot be copied into the sandbox");
            }
            _ => {}
        }
    }
}

/// Writes a file, unless there is one.
fn create(path: &Path, text: &str) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_in_repository(dir: &Path) -> bool {
    dir.ancestors().any(|folder| folder.join(".git").exists())
}

/// A repository keeps what the agent changes. Without git there is none.
fn git_init(dir: &Path) {
    let status = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tracing::debug!(?status, "git init");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".git")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_workspace_has_its_files_and_the_first_day_note() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        prepare(&dir, true).unwrap();
        assert_eq!(
            names(&dir),
            [
                "AGENTS.md",
                "BOOTSTRAP.md",
                "HEARTBEAT.md",
                "IDENTITY.md",
                "SOUL.md",
                "TOOLS.md",
                "USER.md"
            ]
        );
        // The ritual is over, and another file was thrown away.
        fs::remove_file(dir.join("BOOTSTRAP.md")).unwrap();
        fs::remove_file(dir.join("USER.md")).unwrap();
        fs::write(dir.join("SOUL.md"), "mine").unwrap();
        prepare(&dir, true).unwrap();
        assert!(!dir.join("BOOTSTRAP.md").exists());
        assert!(dir.join("USER.md").exists());
        assert_eq!(fs::read_to_string(dir.join("SOUL.md")).unwrap(), "mine");
    }

    #[test]
    fn nothing_but_the_folder_is_made_where_the_owner_wants_no_files() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("w");
        prepare(&dir, false).unwrap();
        assert_eq!(names(&dir), Vec::<String>::new());
        assert!(!dir.join(".git").exists());
    }

    #[test]
    fn a_workspace_in_a_repository_gets_no_repository_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".git")).unwrap();
        let dir = home.path().join("w");
        prepare(&dir, true).unwrap();
        assert!(dir.join("AGENTS.md").exists());
        assert!(!dir.join(".git").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_not_written_through() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("elsewhere");
        std::os::unix::fs::symlink(&target, home.path().join("SOUL.md")).unwrap();
        prepare(home.path(), true).unwrap();
        assert!(!target.exists());
        assert!(!home.path().join("BOOTSTRAP.md").exists(), "it is not new");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_one_sentence() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let inside = prepare(&file.join("w"), true).unwrap_err().to_string();
        assert!(inside.starts_with("The workspace folder "), "{inside}");
        assert!(inside.contains("agents.defaults.workspace"), "{inside}");
        let itself = prepare(&file, true).unwrap_err().to_string();
        assert!(itself.contains("is not a folder"), "{itself}");
    }
}
