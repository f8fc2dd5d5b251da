//! `openai-completions`: `POST {base}/chat/completions`, spoken by nearly every model server.

mod decode;
mod encode;

pub(super) use decode::CompletionsWire;
pub(super) use encode::Body;
