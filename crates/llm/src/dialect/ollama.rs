//! `ollama`: `POST {root}/api/chat`, Ollama's own API, which unlike its imitation of OpenAI's takes a context window.

mod decode;
mod encode;
mod window;

pub(super) use decode::OllamaWire;
pub(super) use encode::encode;
