//! `google-generative-ai`: `POST {base}/models/{model}:streamGenerateContent`, the Gemini API.

mod decode;
mod encode;

pub(super) use decode::GoogleWire;
pub(super) use encode::encode;
