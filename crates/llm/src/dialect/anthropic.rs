//! `anthropic-messages`: `POST {base}/v1/messages`, spoken by Anthropic and by servers that imitate it.

mod decode;
mod encode;

pub(super) use decode::AnthropicWire;
pub(super) use encode::encode;
