//! `openai-completions`: `POST {base}/chat/completions`, spoken by nearly every model server.

mod constraint;
mod decode;
mod encode;

pub(crate) use constraint::field as constraint_field;
pub(super) use decode::CompletionsWire;
pub(super) use encode::Body;
