//! The program that makes containers: Docker, or Podman, which takes the same command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use super::ContainerError;
use crate::shell::Programs;

/// Which program the owner wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// `docker`, and `podman` where there is none.
    DockerElsePodman,
    /// `podman`.
    Podman,
}

/// Variables that the program needs to find its settings, its service and its own programs.
const VARIABLES: [&str; 7] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
];
/// The same by their beginning.
const VARIABLE_BEGINNINGS: [&str; 4] = ["DOCKER_", "CONTAINER", "PODMAN_", "XDG_"];

/// What the programs said of themselves, so that each is asked once.
static VERSIONS: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// Docker or Podman, as it was found.
#[derive(Debug, Clone)]
pub struct Engine {
    program: PathBuf,
    variables: BTreeMap<String, String>,
    version: String,
}

impl Engine {
    /// Finds the program in `PATH` of these variables, and asks it once for its version. Its service is not spoken with.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn find(
        choice: EngineChoice,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, ContainerError> {
        let (names, wanted): (&[&str], _) = match choice {
            EngineChoice::DockerElsePodman => (&["docker", "podman"], "docker or podman"),
            EngineChoice::Podman => (&["podman"], "podman"),
        };
        let path = variables.get("PATH").map_or("", String::as_str);
        let programs = Programs::new(path, "/");
        let program = names.iter().find_map(|name| programs.find(name));
        let program = program.ok_or(ContainerError::NoEngine { wanted })?.found;
        Self::at(program, variables)
    }

    /// The program of this file.
    ///
    /// # Errors
    /// It does not start.
    pub fn at(
        program: PathBuf,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, ContainerError> {
        let is_its = |name: &str| {
            VARIABLES.contains(&name)
                || VARIABLE_BEGINNINGS
                    .iter()
                    .any(|beginning| name.starts_with(beginning))
        };
        let variables = variables.iter().filter(|(name, _)| is_its(name));
        let mut engine = Self {
            program,
            variables: variables
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            version: String::new(),
        };
        // Only whole entries are added under the lock.
        let known = VERSIONS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&engine.program)
            .cloned();
        engine.version = match known {
            Some(version) => version,
            None => {
                let version = engine.ask("its version", &["--version"])?;
                VERSIONS
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(engine.program.clone(), version.clone());
                version
            }
        };
        Ok(engine)
    }

    /// The program's file.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What it says of itself, as in "podman version 4.3.1".
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The variables that it is started with.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Whether it is Podman, also where it is called `docker`.
    pub fn is_podman(&self) -> bool {
        self.version.to_ascii_lowercase().contains("podman")
    }

    /// A call of it: nothing to read, and its own variables alone.
    pub(super) fn command(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// What a call of it came to.
    pub(super) fn output(
        &self,
        arguments: &[impl AsRef<std::ffi::OsStr>],
    ) -> Result<Output, ContainerError> {
        self.command(arguments)
            .output()
            .map_err(|source| ContainerError::Start {
                program: self.program.clone(),
                source,
            })
    }

    /// What it prints at a call that must succeed.
    pub(super) fn ask(
        &self,
        step: &'static str,
        arguments: &[impl AsRef<std::ffi::OsStr>],
    ) -> Result<String, ContainerError> {
        let output = self.output(arguments)?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(ContainerError::Refused {
                program: self.program.clone(),
                step,
                reason: last_lines(&output),
            }),
        }
    }
}

/// The end of what a program complains of, in one line.
pub(super) fn last_lines(output: &Output) -> String {
    const LINES: usize = 3;
    let text = match output.stderr.is_empty() {
        true => String::from_utf8_lossy(&output.stdout),
        false => String::from_utf8_lossy(&output.stderr),
    };
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match &lines[lines.len().saturating_sub(LINES)..] {
        [] => format!("it ended with {}", output.status),
        last => last.join("; ").trim_end_matches('.').to_owned(),
    }
}
