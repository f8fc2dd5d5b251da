//! A sandbox of another kind: a container, which Docker or Podman makes and keeps.
//!
//! Conversations that share a folder share a container. It runs nothing by itself; commands are started in it one by one
//! ([`Container::command`]) and ended in it ([`Signals`]): ending the engine's program on this side ends nothing inside.
//! Where no container can be had, that is an error, and nothing is run in its place.

mod engine;
mod found;
mod inside;
mod life;
mod plan;
mod records;
mod trial;

use std::path::PathBuf;

use thiserror::Error;

pub use engine::{Engine, EngineChoice};
pub use inside::{Inside, Signals};
pub use life::{Container, Readiness};
pub use plan::{ContainerPlan, Mount};
pub use records::{Record, Records};

/// Why there is no container; a command is not run then. Each text goes on after "and", without a full stop.
#[derive(Debug, Error)]
pub enum ContainerError {
    /// No program that makes containers.
    #[error("there is no {wanted} in PATH to make it with; install one")]
    NoEngine {
        /// Which were looked for.
        wanted: &'static str,
    },
    /// It cannot be started.
    #[error("{} cannot be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It said no.
    #[error("{} failed at {step}: {reason}", program.display())]
    Refused {
        /// The program.
        program: PathBuf,
        /// What was asked of it.
        step: &'static str,
        /// What it says.
        reason: String,
    },
    /// The image is not on this machine. None is fetched unasked.
    #[error(
        "there is no image {image} on this machine; build it or run `{} pull {image}`, or name another in sandbox.docker.image",
        program.display()
    )]
    NoImage {
        /// The image.
        image: String,
        /// The program.
        program: PathBuf,
    },
    /// Somebody else made a container of this name.
    #[error(
        "there is a container {name} that this installation did not make; remove it (`{} rm -f {name}`) or set sandbox.docker.containerPrefix",
        program.display()
    )]
    Foreign {
        /// Its name.
        name: String,
        /// The program.
        program: PathBuf,
    },
    /// A path that cannot be written as a mount.
    #[error(
        "{} cannot be mounted: a comma or a quotation mark in a path has another meaning there; choose another folder",
        path.display()
    )]
    Unmountable {
        /// The path.
        path: PathBuf,
    },
    /// The owner's `setupCommand` failed.
    #[error("sandbox.docker.setupCommand failed in the new container: {reason}")]
    Setup {
        /// The end of what it printed.
        reason: String,
    },
    /// What is remembered of containers cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Record {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
