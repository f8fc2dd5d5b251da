//! `openai-responses`: `POST {base}/responses`, which keeps reasoning apart from the answer by itself.

mod decode;
mod encode;

pub(super) use decode::ResponsesWire;
pub(super) use encode::encode;
