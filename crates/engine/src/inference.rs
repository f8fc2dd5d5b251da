//! llama.cpp: a loaded model, a session that keeps what it has read between turns, and vectors of texts.

mod constraint;
mod embedding;
mod model;
mod sampling;
mod session;
mod utf8;

pub use constraint::{Constraint, GrammarError};
pub use embedding::{EmbedError, EmbeddingModel, EmbeddingSession};
pub use model::{LoadError, LoadedModel};
pub use session::{GenerateError, Generated, Progress, Session};
