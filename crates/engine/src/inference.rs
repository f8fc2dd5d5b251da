//! llama.cpp: a loaded model, and a session that keeps what it has read between turns.

mod model;
mod sampling;
mod session;
mod utf8;

pub use model::{LoadError, LoadedModel};
pub use session::{GenerateError, Generated, Progress, Session};
