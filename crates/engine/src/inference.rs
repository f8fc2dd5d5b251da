//! llama.cpp: a loaded model, and a session that keeps what it has read between turns.

mod constraint;
mod model;
mod sampling;
mod session;
mod utf8;

pub use constraint::{Constraint, GrammarError};
pub use model::{LoadError, LoadedModel};
pub use session::{GenerateError, Generated, Progress, Session};
