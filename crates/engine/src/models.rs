//! The model files on this machine: which are here, which are worth having, and fetching them.
//!
//! A model is one GGUF file, `<folder>/<id>.gguf`. A small record `<id>.json` beside it says
//! where it came from. [`pull`] fetches a model and picks up an interrupted download where it
//! stopped; [`recommend`] picks one for the memory this machine has.

mod checksum;
mod curated;
mod disk;
mod hub;
mod installed;
mod memory;
mod package;
mod part;
mod pull;
mod pull_error;
mod recommend;
mod size;
mod transfer;
mod wanted;

pub use curated::{CURATED, CuratedModel, PLANNED_CONTEXT, Source, curated};
pub use disk::free_space;
pub use installed::{InstalledModel, ModelsError, find, installed};
pub use memory::MachineMemory;
pub use pull::{DEFAULT_HUB, PullOptions, PullPhase, PullProgress, pull};
pub use pull_error::PullError;
pub use recommend::{Recommendation, recommend};
