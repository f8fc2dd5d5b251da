//! The dialects of model servers. A dialect does no I/O: [`encode`] turns a request into bytes, a [`Decoder`] is fed
//! bytes and gives events. Tolerant in what it reads, minimal in what it sends.

mod anthropic;
mod assembler;
mod completions;
mod google;
mod ndjson;
mod ollama;
mod openai;
mod plain_text;
mod responses;
mod sse;
mod tags;
mod text_calls;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::backend::Reply;
use crate::event::Event;
use crate::failure::{Failure, FailureClass, Verdict, classify};
use crate::model::{Api, Model};
use crate::repair::{wire_form, without_dropped};
use crate::request::{Request, ThinkingLevel, ToolChoice};

pub use plain_text::{TextDecoder, bare_call_opening, call_openings, fenced_call_opening};

pub(crate) use completions::constraint_field;

use assembler::Assembler;
use ndjson::LineParser;
use sse::{Ending, SseParser};

/// The body of the HTTP request that asks `model` to answer `request`, always as a stream.
///
/// # Panics
/// Never for a model spoken to over HTTP; the engine has no dialect and gets an empty body.
pub fn encode(model: &Model, request: &Request) -> Vec<u8> {
    let asked = request;
    let request = &*wire_form(model, asked);
    let body = match model.api {
        Api::OpenAiCompletions => {
            let body = completions::Body::new(model, request).constrained(model, asked);
            return written(model, &body);
        }
        Api::OpenAiResponses => responses::encode(model, request),
        Api::AnthropicMessages => anthropic::encode(model, request),
        Api::GoogleGenerativeAi => google::encode(model, request),
        Api::Ollama => ollama::encode(model, request),
        Api::Engine => return Vec::new(),
    };
    written(model, &body)
}

/// A body as bytes, without the fields that the server refuses. Values with string keys always serialise.
fn written(model: &Model, body: &impl Serialize) -> Vec<u8> {
    if model.repairs.dropped.is_empty() {
        return serde_json::to_vec(body).unwrap_or_default();
    }
    let mut body = serde_json::to_value(body).unwrap_or_default();
    without_dropped(&model.repairs, &mut body);
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Reads the frames of one dialect into an [`Assembler`].
trait Wire: Send {
    /// One frame of the stream: `data` is the JSON text of an event or a line.
    fn frame(&mut self, data: &str, out: &mut Assembler);

    /// A whole JSON document: what some servers send even when a stream was asked for.
    fn document(&mut self, body: &str, out: &mut Assembler);
}

/// Decodes one reply: fed bytes in any cut, it gives events, and at the end the whole reply or the failure.
pub struct Decoder<'a> {
    wire: Box<dyn Wire>,
    framing: Framing,
    assembler: Assembler<'a>,
    model: &'a Model,
}

enum Framing {
    /// Nothing but white space so far.
    Unknown,
    /// Server-sent events.
    Events(SseParser),
    /// One JSON object a line.
    Lines(LineParser),
    /// One JSON document (or a page that is none), read when it is whole.
    Document(Vec<u8>),
}

impl<'a> Decoder<'a> {
    /// A decoder for the reply to `request`. `salt` makes the ids unique that are given to tool calls where the server
    /// gives none; the time in milliseconds serves.
    pub fn new(model: &'a Model, request: &'a Request, salt: u64) -> Self {
        let wire: Box<dyn Wire> = match model.api {
            Api::OpenAiResponses => Box::<responses::ResponsesWire>::default(),
            Api::AnthropicMessages => Box::<anthropic::AnthropicWire>::default(),
            Api::GoogleGenerativeAi => Box::<google::GoogleWire>::default(),
            Api::Ollama => Box::new(ollama::OllamaWire::new(model, request)),
            Api::OpenAiCompletions | Api::Engine => Box::<completions::CompletionsWire>::default(),
        };
        // Gemini says when its limit cut the reply, and that counts the thinking too. In the Messages dialect the limit that
        // goes out is raised by the thinking budget.
        let other = match model.api {
            Api::GoogleGenerativeAi => true,
            Api::AnthropicMessages => request.thinking != ThinkingLevel::Off,
            _ => false,
        };
        let limit = request.max_tokens.filter(|_| !other);
        let tools = request.tools.as_slice();
        let assembler = match request.tool_choice {
            // A call that must not be is one all the same where it would else be shown as text.
            _ if model.repairs.tools_as_text => {
                Assembler::prescribing(limit, salt, Cow::Borrowed(tools))
            }
            ToolChoice::None => Assembler::new(limit, salt, Cow::Borrowed(&[])),
            _ => Assembler::new(limit, salt, Cow::Borrowed(tools)),
        };
        Self {
            wire,
            framing: Framing::Unknown,
            assembler,
            model,
        }
    }

    /// Takes the next bytes of the body and gives what they say.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        if let Framing::Unknown = self.framing {
            let Some(first) = bytes.iter().find(|b| !b.is_ascii_whitespace()) else {
                return Vec::new();
            };
            // No SSE line starts so: field names and comments do not.
            self.framing = match first {
                b'{' if self.model.api == Api::Ollama => Framing::Lines(LineParser::default()),
                b'{' | b'[' | b'<' => Framing::Document(Vec::new()),
                _ => Framing::Events(SseParser::default()),
            };
        }
        match &mut self.framing {
            Framing::Unknown => {}
            Framing::Document(body) => body.extend_from_slice(bytes),
            Framing::Lines(parser) => {
                let (wire, assembler) = (&mut self.wire, &mut self.assembler);
                parser.feed(bytes, |line| {
                    if !assembler.failed() {
                        wire.frame(line, assembler);
                    }
                });
            }
            Framing::Events(parser) => {
                let (wire, assembler) = (&mut self.wire, &mut self.assembler);
                parser.feed(bytes, |data| {
                    if data == "[DONE]" {
                        assembler.ended();
                    } else if !assembler.failed() {
                        wire.frame(data, assembler);
                    }
                });
            }
        }
        self.assembler.take_events()
    }

    /// Whether the reply is complete or has failed: nothing that follows can change it.
    pub fn is_over(&self) -> bool {
        self.assembler.failed() || self.assembler.has_ended()
    }

    /// Ends the reply. Events that only the end makes certain (a last piece of text held back) go to `events`.
    ///
    /// # Errors
    /// An error in the stream, an end that was not announced, or a reply with nothing for the person.
    pub fn finish(mut self, events: &mut Vec<Event>) -> Result<Reply, Failure> {
        let ending = match std::mem::replace(&mut self.framing, Framing::Unknown) {
            Framing::Unknown => Ending::Silent,
            Framing::Events(parser) => parser.ending(),
            Framing::Lines(parser) => parser.finish(|line| {
                if !self.assembler.failed() {
                    self.wire.frame(line, &mut self.assembler);
                }
            }),
            Framing::Document(body) => match str::from_utf8(&body) {
                Ok(text) if serde_json::from_str::<&RawValue>(text.trim()).is_ok() => {
                    self.wire.document(text.trim(), &mut self.assembler);
                    Ending::Read
                }
                _ => {
                    let text = String::from_utf8_lossy(&body);
                    let class = match text.trim_start().as_bytes().first() {
                        Some(b'<') => FailureClass::BadReply,
                        _ => FailureClass::StreamCut,
                    };
                    return Err(Failure::new(class, self.model, ""));
                }
            },
        };
        let outcome = self.assembler.finish(self.model, ending);
        events.extend(outcome.events);
        outcome.result
    }
}

/// The class of an error frame inside a reply whose HTTP status was good.
fn frame_error(data: &str) -> Verdict {
    classify(200, None, data)
}

/// Whether a frame that is none of the dialect's own is an error in some envelope.
fn is_error(data: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(data)
        .is_ok_and(|value| crate::failure::is_error(&value))
}

/// The text of a JSON string; an object or array as its JSON text; nothing for null. Borrowed where nothing in it is
/// escaped.
fn lenient_text(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = raw?.get();
    match json.as_bytes().first() {
        Some(b'"') => match json
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
            _ => serde_json::from_str(json).ok().map(Cow::Owned),
        },
        Some(b'n') | None => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// A count that may be missing, null, or written as a float.
fn count(value: Option<&serde_json::Value>) -> u64 {
    match value {
        // Counts are far below 2^53.
        Some(v) => v
            .as_u64()
            .or_else(|| v.as_f64().filter(|f| *f >= 0.0).map(|f| f as u64))
            .unwrap_or(0),
        None => 0,
    }
}
