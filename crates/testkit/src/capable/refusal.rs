//! Refusals in the words of real servers. The bodies are those that the servers were
//! recorded or reported to send, with the request's own figures in them.

use serde_json::{Value, json};

use super::ask::{Ask, Malformed};
use super::capabilities::{Capabilities, FieldWording, Kind, Overflow, UnknownPath};
use crate::answer::Dialect;
use crate::reply::{Reply, error};

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

    pub(super) fn path(&self, method: &str, path: &str) -> Refusal {
        let unexpected =
            json!({"error": format!("Unexpected endpoint or method. ({method} {path})")});
        match (self.can.unknown_path, self.kind()) {
            (UnknownPath::OkWithError, _) | (UnknownPath::OfKind, Kind::LmStudio) => {
                Refusal::new(Reason::Path, 200, unexpected)
            }
            (UnknownPath::MethodNotAllowed, _) => {
                Refusal::new(Reason::Path, 405, json!({"detail": "Method Not Allowed"}))
            }
            (_, Kind::LlamaCpp) => {
                let words = Words {
                    status: 404,
                    kind: "not_found_error",
                    ..BAD
                };
                self.say(Reason::Path, words, "File Not Found")
            }
            (_, Kind::Ollama | Kind::LmStudio) => {
                Refusal::new(Reason::Path, 404, "404 page not found")
            }
            (_, Kind::Generic) => {
                let message = format!("Invalid URL ({method} {path})");
                let words = Words { status: 404, ..BAD };
                self.say(Reason::Path, words, &message)
            }
            _ => Refusal::new(Reason::Path, 404, json!({"detail": "Not Found"})),
        }
    }

    pub(super) fn key(&self) -> Refusal {
        if self.is_anthropic() {
            let words = Words {
                status: 401,
                kind: "authentication_error",
                ..BAD
            };
            return self.say(Reason::Key, words, "invalid x-api-key");
        }
        let words = Words {
            status: 401,
            code: Some("invalid_api_key"),
            ..BAD
        };
        let message = "Incorrect API key provided: sk-x. You can find your API key at https://platform.openai.com/account/api-keys.";
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    kind: "authentication_error",
                    ..words
                };
                self.say(Reason::Key, words, "Invalid API Key")
            }
            _ => self.say(Reason::Key, words, message),
        }
    }

    pub(super) fn loading(&self) -> Refusal {
        let words = Words {
            status: 503,
            kind: "unavailable_error",
            ..BAD
        };
        self.say(Reason::Loading, words, "Loading model")
    }

    pub(super) fn busy(&self, reason: Reason, status: u16) -> Refusal {
        match status {
            429 => {
                let words = Words {
                    status,
                    kind: if self.is_anthropic() {
                        "rate_limit_error"
                    } else {
                        "requests"
                    },
                    code: Some("rate_limit_exceeded"),
                    ..BAD
                };
                let message =
                    "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1.";
                self.say(reason, words, message)
            }
            _ if self.kind() == Kind::Ollama => {
                let message = "server busy, please try again.  maximum pending requests exceeded";
                Refusal::new(reason, status, json!({"error": message}))
            }
            _ => {
                let words = Words {
                    status,
                    kind: if self.is_anthropic() {
                        "overloaded_error"
                    } else {
                        "server_error"
                    },
                    ..BAD
                };
                self.say(reason, words, "Overloaded")
            }
        }
    }

    pub(super) fn malformed(&self, wrong: &Malformed) -> Refusal {
        let Malformed { field, reason } = wrong;
        let message = match self.kind() {
            Kind::LlamaCpp if *field == "messages" => {
                "Expected 'messages' to be an array".to_owned()
            }
            Kind::Vllm => {
                format!("1 validation error:\n  {{'loc': 'body.{field}', 'msg': '{reason}'}}")
            }
            _ => format!("{field}: {reason}"),
        };
        self.say(Reason::Malformed, BAD, &message)
    }

    pub(super) fn model(&self, asked: &str) -> Refusal {
        let missing = Words {
            status: 404,
            param: Some("model"),
            ..BAD
        };
        match self.kind() {
            _ if self.is_anthropic() => {
                let words = Words {
                    kind: "not_found_error",
                    ..missing
                };
                self.say(Reason::Model, words, &format!("model: {asked}"))
            }
            Kind::LiteLlm => {
                let message = format!(
                    "/chat/completions: Invalid model name passed in model={asked}. Call `/v1/models` to view available models for your key."
                );
                let body = json!({"error": {
                    "message": message, "type": "invalid_request_error", "param": null, "code": "400",
                }});
                Refusal::new(Reason::Model, 400, body)
            }
            Kind::Ollama => self.say(
                Reason::Model,
                missing,
                &format!("model '{asked}' not found"),
            ),
            Kind::Generic => {
                let words = Words {
                    param: None,
                    code: Some("model_not_found"),
                    ..missing
                };
                let message =
                    format!("The model `{asked}` does not exist or you do not have access to it.");
                self.say(Reason::Model, words, &message)
            }
            _ => self.say(
                Reason::Model,
                missing,
                &format!("The model `{asked}` does not exist."),
            ),
        }
    }

    /// `places` are the paths of the refused fields inside the body.
    pub(super) fn fields(&self, places: &[Vec<Value>]) -> Refusal {
        let name = |place: &Vec<Value>| {
            let last = place.last().and_then(Value::as_str);
            last.unwrap_or_default().to_owned()
        };
        let first = places.first().map(name).unwrap_or_default();
        let report: Vec<Value> = places
            .iter()
            .map(|place| {
                let mut loc = vec![Value::from("body")];
                loc.extend(place.iter().cloned());
                json!({
                    "type": "extra_forbidden", "loc": loc,
                    "msg": "Extra inputs are not permitted", "input": "x",
                })
            })
            .collect();
        let reason = Reason::Fields(places.iter().map(name).collect());
        match self.can.field_wording {
            FieldWording::Pydantic => Refusal::new(
                reason,
                422,
                json!({
                    "object": "error", "message": {"detail": report},
                    "type": "invalid_request_error", "param": null, "code": null,
                }),
            ),
            FieldWording::FastApi => Refusal::new(reason, 422, json!({"detail": report})),
            FieldWording::OpenAi => {
                let hint = match first.as_str() {
                    "max_tokens" => " Use 'max_completion_tokens' instead.",
                    _ => "",
                };
                let message = format!(
                    "Unsupported parameter: '{first}' is not supported with this model.{hint}"
                );
                let words = Words {
                    param: Some(&first),
                    code: Some("unsupported_parameter"),
                    ..BAD
                };
                self.say(Reason::Fields(vec![first.clone()]), words, &message)
            }
            FieldWording::Unrecognized => {
                let message = format!("Unrecognized request argument supplied: {first}");
                self.say(Reason::Fields(vec![first]), BAD, &message)
            }
        }
    }

    pub(super) fn tools(&self) -> Refusal {
        let model = &self.can.model;
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    status: 500,
                    kind: "server_error",
                    ..BAD
                };
                self.say(Reason::Tools, words, "tools param requires --jinja flag")
            }
            Kind::Vllm => {
                let message = "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set";
                self.say(Reason::Tools, BAD, message)
            }
            Kind::Generic if !self.is_anthropic() => {
                let message = "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing";
                let body = json!({"error": {"message": message, "code": 404}});
                Refusal::new(Reason::Tools, 404, body)
            }
            _ => {
                let message = format!("registry.ollama.ai/library/{model} does not support tools");
                self.say(Reason::Tools, BAD, &message)
            }
        }
    }

    pub(super) fn schema(&self, number: usize, tool: &str, problem: SchemaProblem) -> Refusal {
        let say = |words, message: &str| self.say(Reason::Schema, words, message);
        let conversion = |what: &str| format!("JSON schema conversion failed:\n{what}");
        match (self.kind(), problem) {
            (Kind::LmStudio, SchemaProblem::Empty) => {
                let param = format!("tools.{number}");
                let words = Words {
                    param: Some(&param),
                    code: Some("custom"),
                    ..BAD
                };
                say(words, "Invalid input")
            }
            (Kind::LlamaCpp | Kind::LmStudio | Kind::Ollama, problem) => {
                let message = match problem {
                    SchemaProblem::Pattern => {
                        conversion("Pattern must start with '^' and end with '$'")
                    }
                    SchemaProblem::Ref => conversion("Error resolving ref: the schema has none"),
                    SchemaProblem::MaxLength | SchemaProblem::Empty => {
                        "Failed to initialize samplers: failed to parse grammar".to_owned()
                    }
                    SchemaProblem::RootAnyOf | SchemaProblem::PropertyNames => format!(
                        "Unable to generate parser for this template. Automatic parser generation failed: {}",
                        conversion("Unrecognized schema")
                    ),
                };
                say(BAD, &message)
            }
            (Kind::Vllm | Kind::Sglang | Kind::LiteLlm, _) => say(
                BAD,
                "The provided JSON schema contains features not supported by xgrammar.",
            ),
            (Kind::Generic, _) => {
                let param = format!("tools[{number}].function.parameters");
                let words = Words {
                    param: Some(&param),
                    code: Some("invalid_function_parameters"),
                    ..BAD
                };
                let message = format!(
                    "Invalid schema for function '{tool}': In context=(), '{}' is not permitted.",
                    problem.keyword()
                );
                say(words, &message)
            }
        }
    }

    pub(super) fn content(&self, message: usize) -> Refusal {
        let message = format!("messages[{message}].content must be a string or null");
        self.say(Reason::Content, BAD, &message)
    }

    pub(super) fn image(&self) -> Refusal {
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    status: 500,
                    kind: "server_error",
                    ..BAD
                };
                let message = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj";
                self.say(Reason::Image, words, message)
            }
            Kind::Vllm | Kind::Sglang => {
                let message = "At most 0 image(s) may be provided in one prompt.";
                self.say(Reason::Image, BAD, message)
            }
            _ => {
                let message =
                    "Invalid content type. image_url is only supported by certain models.";
                self.say(Reason::Image, BAD, message)
            }
        }
    }

    pub(super) fn developer_role(&self, message: usize) -> Refusal {
        match self.kind() {
            Kind::LlamaCpp | Kind::Vllm => {
                self.template(Reason::DeveloperRole, "Unexpected message role.")
            }
            _ => {
                let message = format!(
                    "Failed to deserialize the JSON body into the target type: messages[{message}].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 60"
                );
                self.say(Reason::DeveloperRole, BAD, &message)
            }
        }
    }

    pub(super) fn no_system_role(&self) -> Refusal {
        self.template(Reason::System, "System role not supported")
    }

    pub(super) fn system_not_first(&self) -> Refusal {
        self.template(Reason::System, "System message must be at the beginning.")
    }

    pub(super) fn alternation(&self) -> Refusal {
        let complaint = match self.kind() {
            Kind::Vllm | Kind::Sglang => {
                "Conversation roles must alternate user/assistant/user/assistant/..."
            }
            _ => {
                "After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results."
            }
        };
        self.template(Reason::Alternation, complaint)
    }

    pub(super) fn no_user(&self) -> Refusal {
        self.template(Reason::NoUser, "No user query found in messages.")
    }

    pub(super) fn tool_id(&self, id: &str) -> Refusal {
        if self.kind() == Kind::Generic {
            let message =
                format!("Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.");
            let body = json!({
                "object": "error", "message": message, "type": "invalid_function_call",
                "param": null, "code": "3280", "raw_status_code": 400,
            });
            return Refusal::new(Reason::ToolId, 400, body);
        }
        let complaint = "Tool call IDs should be alphanumeric strings with length 9!";
        self.template(Reason::ToolId, complaint)
    }

    pub(super) fn lone_result(&self, id: &str) -> Refusal {
        let message = match self.dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
                "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                    .to_owned()
            }
            Dialect::OpenAiResponses => {
                format!("No tool call found for function call output with call_id {id}.")
            }
            Dialect::AnthropicMessages => format!(
                "messages: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ),
        };
        self.say(Reason::Pairing, BAD, &message)
    }

    pub(super) fn lone_call(&self, id: &str) -> Refusal {
        let message = match self.dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {id}"
            ),
            Dialect::OpenAiResponses => {
                format!("No tool output found for function call {id}.")
            }
            Dialect::AnthropicMessages => format!(
                "messages: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            ),
        };
        self.say(Reason::Pairing, BAD, &message)
    }

    /// `field` asked for `asked` tokens behind `prompt`, and there can be `limit`.
    pub(super) fn output(&self, field: &str, asked: u64, prompt: u64, limit: u64) -> Refusal {
        let context = prompt + limit;
        let message = match self.kind() {
            Kind::Vllm => format!(
                "'max_tokens' or 'max_completion_tokens' is too large: {asked}. This model's maximum context length is {context} tokens and your request has {prompt} input tokens ({asked} > {context} - {prompt})."
            ),
            Kind::Sglang => format!(
                "Requested token count exceeds the model's maximum context length of {context} tokens. You requested a total of {} tokens: {prompt} tokens from the input messages and {asked} tokens for the completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit.",
                prompt + asked
            ),
            _ if self.is_anthropic() => format!(
                "max_tokens: {asked} > {limit}, which is the maximum allowed number of output tokens for {}",
                self.can.model
            ),
            _ => format!(
                "{field} is too large: {asked}. This model supports at most {limit} completion tokens, whereas you provided {asked}."
            ),
        };
        let words = Words {
            param: Some(field),
            code: Some("invalid_value"),
            ..BAD
        };
        self.say(Reason::Output, words, &message)
    }

    pub(super) fn context(&self, prompt: u64, context: u64) -> Refusal {
        if self.can.overflow == Overflow::InStream {
            let message = "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input.";
            let body = json!({"error": {"message": message}, "message": message});
            return Refusal {
                in_stream: true,
                ..Refusal::new(
                    Reason::Context,
                    200,
                    format!("event: error\ndata: {body}\n\n"),
                )
            };
        }
        let say = |words, message: &str| self.say(Reason::Context, words, message);
        let new = |body| Refusal::new(Reason::Context, 400, body);
        match self.kind() {
            Kind::LlamaCpp => {
                let message = format!(
                    "request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it"
                );
                new(json!({"error": {
                    "code": 400, "message": message, "type": "exceed_context_size_error",
                    "n_prompt_tokens": prompt, "n_ctx": context,
                }}))
            }
            Kind::Vllm => {
                let message = format!(
                    "This model's maximum context length is {context} tokens. However, your prompt contains at least {prompt} input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value={prompt})"
                );
                let words = Words {
                    param: Some("input_tokens"),
                    ..BAD
                };
                say(words, &message)
            }
            Kind::Sglang => say(
                BAD,
                &format!(
                    "The input ({prompt} tokens) is longer than the model's context length ({context} tokens)."
                ),
            ),
            Kind::LmStudio => new(json!({"error": format!(
                "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: {prompt}>= n_ctx: {context}). Try to load the model with a larger context length, or provide a shorter input."
            )})),
            Kind::Ollama => new(json!({
                "StatusCode": 400, "Status": "400 Bad Request",
                "error": format!(
                    "prompt too long; exceeded max context length by {} tokens",
                    prompt - context
                ),
            })),
            Kind::Generic if self.is_anthropic() => say(
                BAD,
                &format!("prompt is too long: {prompt} tokens > {context} maximum"),
            ),
            Kind::Generic if self.dialect == Dialect::OpenAiResponses => say(
                Words {
                    param: Some("input"),
                    code: Some("context_length_exceeded"),
                    ..BAD
                },
                "Your input exceeds the context window of this model. Please adjust your input and try again.",
            ),
            Kind::Generic | Kind::LiteLlm => say(
                Words {
                    param: Some("messages"),
                    code: Some("context_length_exceeded"),
                    ..BAD
                },
                &format!(
                    "This model's maximum context length is {context} tokens. However, your messages resulted in {prompt} tokens. Please reduce the length of the messages."
                ),
            ),
        }
    }
}

/// What a schema holds that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SchemaProblem {
    Pattern,
    Ref,
    RootAnyOf,
    Empty,
    PropertyNames,
    MaxLength,
}

impl SchemaProblem {
    fn keyword(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Ref => "$ref",
            Self::RootAnyOf => "anyOf",
            Self::Empty => "type",
            Self::PropertyNames => "propertyNames",
            Self::MaxLength => "maxLength",
        }
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
