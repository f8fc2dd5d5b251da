//! What the owner asked for: schema, load, validate, edit.

mod nearest;
pub mod schema;

pub use nearest::nearest;
