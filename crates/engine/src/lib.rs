//! A model inside this machine's own process: weights, chat template, prefix reuse, models on disk.
//!
//! The weights live in a child process of the same binary, so that a crash inside native code or a model too large for
//! the memory cannot take the gateway down, and so that stopping is certain:
//!
//! ```text
//! EngineBackend ──JSON lines──▶ worker ──▶ ChatTemplate ──▶ Session ──▶ llama.cpp
//!   (gateway)   ◀─────────────  (child)                 (prefix kept between turns)
//! ```
//!
//! Vectors for searching are made by a process of their own ([`EngineEmbedder`]), which ends when it is not asked for a
//! while: a model for them is small, quickly loaded, and seldom needed.
//!
//! Everything that needs llama.cpp is behind the cargo feature `llama`; reading model files, chat templates and
//! [`models`] are always there.

pub mod gguf;
pub mod models;
pub mod protocol;
pub mod template;

#[cfg(feature = "llama")]
mod backend;
#[cfg(feature = "llama")]
mod embedder;
#[cfg(feature = "llama")]
pub mod inference;
#[cfg(feature = "llama")]
pub mod worker;

#[cfg(feature = "llama")]
pub use backend::{DEFAULT_CONTEXT_LIMIT, EngineBackend, EngineOptions};
#[cfg(feature = "llama")]
pub use embedder::EngineEmbedder;
