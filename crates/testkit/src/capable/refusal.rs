//! Refusals in the words of real servers. The bodies are those that the servers were
//! recorded or reported to send, with the request's own figures in them.

mod access;
mod fields;
mod length;
mod messages;
mod tools;

use serde_json::json;

use super::ask::Ask;
use super::capabilities::{Capabilities, Kind};
use crate::answer::Dialect;
use crate::reply::{Reply, error};

pub(super) use tools::SchemaProblem;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The path or method is unknown.
    Path,
    /// The key is missing or wrong.
    Key,
    /// The model is still loading.
    Loading,
    /// The server is busy, as [`Capabilities::busy`] has it.
    Busy,
    /// Every slot is taken.
    Full,
    /// The body is not in the dialect's form.
    Malformed,
    /// There is no such model.
    Model,
    /// These fields are not taken.
    Fields(Vec<String>),
    /// Tools are not taken.
    Tools,
    /// A tool's schema is not taken.
    Schema,
    /// Content must be a string.
    Content,
    /// Images are not taken.
    Image,
    /// The role `developer` is unknown.
    DeveloperRole,
    /// There is no system role, or the system message is not at the start.
    System,
    /// User and assistant do not take turns.
    Alternation,
    /// There is no user message.
    NoUser,
    /// The id of a call is not nine letters and digits.
    ToolId,
    /// A call has no result, or a result no call.
    Pairing,
    /// More output is asked for than there can be.
    Output,
    /// The prompt is longer than the context.
    Context,
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The HTTP status: 200 where the refusal came in a stream, or from a server that
    /// answers so.
    pub status: u16,
    /// The body as sent.
    pub body: String,
    /// Seconds of `Retry-After`.
    pub(super) retry_after: Option<u64>,
    /// Whether the body is an event of a stream.
    pub(super) in_stream: bool,
}

impl Refusal {
    fn new(reason: Reason, status: u16, body: impl ToString) -> Self {
        Self {
            reason,
            status,
            body: body.to_string(),
            retry_after: None,
            in_stream: false,
        }
    }

    /// What is sent.
    pub(super) fn reply(&self) -> Reply {
        let reply = match self.in_stream {
            true => Reply::frames([self.body.as_str()]),
            false => error(self.status, &self.body),
        };
        match self.retry_after {
            Some(seconds) => reply.header("Retry-After", &seconds.to_string()),
            None => reply,
        }
    }
}

/// What an error says beside its text. The default is a plain bad request.
#[derive(Clone, Copy)]
struct Words<'a> {
    status: u16,
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

const BAD: Words<'static> = Words {
    status: 400,
    kind: "invalid_request_error",
    param: None,
    code: None,
};

/// Refusals in the manner of one server and dialect.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) can: &'a Capabilities,
    pub(super) dialect: Dialect,
}

/// llama.cpp's words around what a template complains of.
fn jinja(complaint: &str) -> String {
    format!(
        "\n------------\nWhile executing CallExpression at line 4: Jinja Exception: {complaint}"
    )
}

impl Manner<'_> {
    fn kind(&self) -> Kind {
        self.can.kind
    }

    /// Whether the words are Anthropic's own.
    fn is_anthropic(&self) -> bool {
        self.kind() == Kind::Generic && self.dialect == Dialect::AnthropicMessages
    }

    /// An error in the server's envelope.
    fn say(&self, reason: Reason, words: Words<'_>, message: &str) -> Refusal {
        let Words {
            status,
            kind,
            param,
            code,
        } = words;
        let body = match self.kind() {
            _ if self.is_anthropic() => json!({
                "type": "error",
                "error": {"type": kind, "message": message},
                "request_id": "req_1",
            }),
            Kind::LlamaCpp => json!({"error": {"code": status, "message": message, "type": kind}}),
            Kind::Vllm => json!({"error": {
                "message": message, "type": python_class(status), "param": param, "code": status,
            }}),
            Kind::Sglang => json!({
                "object": "error", "message": message, "type": python_class(status),
                "param": param, "code": status,
            }),
            Kind::LiteLlm => {
                let class = match (&reason, status) {
                    (Reason::Context, _) => "ContextWindowExceededError: litellm.BadRequestError",
                    (_, 401) => "AuthenticationError",
                    (_, 404) => "NotFoundError",
                    (_, 429) => "RateLimitError",
                    (_, 503) => "ServiceUnavailableError",
                    (_, 500..) => "InternalServerError",
                    _ => "BadRequestError",
                };
                let message = format!(
                    "litellm.{class}: OpenAIException - {message}\nReceived Model Group={}\nAvailable Model Group Fallbacks=None",
                    self.can.model
                );
                json!({"error": {
                    "message": message, "type": null, "param": null, "code": status.to_string(),
                }})
            }
            Kind::Ollama => json!({"error": {
                "message": message, "type": "api_error", "param": null, "code": null,
            }}),
            Kind::LmStudio | Kind::Generic => json!({"error": {
                "message": message, "type": kind, "param": param, "code": code,
            }}),
        };
        Refusal::new(reason, status, body)
    }

    /// What a chat template complains of: llama.cpp fails inside, the others refuse.
    fn template(&self, reason: Reason, complaint: &str) -> Refusal {
        if self.kind() == Kind::LlamaCpp {
            let words = Words {
                status: 500,
                kind: "server_error",
                ..BAD
            };
            return self.say(reason, words, &jinja(complaint));
        }
        self.say(reason, BAD, complaint)
    }
}

/// The class that Python servers name.
fn python_class(status: u16) -> &'static str {
    match status {
        401 => "AuthenticationError",
        404 => "NotFoundError",
        429 => "RateLimitError",
        500.. => "InternalServerError",
        _ => "BadRequestError",
    }
}

/// How a refusal is worded for a request.
pub(super) fn manner<'a>(can: &'a Capabilities, ask: &Ask) -> Manner<'a> {
    Manner {
        can,
        dialect: ask.dialect,
    }
}
