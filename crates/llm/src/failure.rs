//! How a request can fail, as a type: the class, what the server said, and the sentence for the person.

mod classify;
mod envelope;
mod figures;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::model::{Api, Model};
use crate::reference::ModelRef;
use crate::tokens::CountSource;

pub(crate) use classify::{Verdict, classify};

/// Whether a JSON value is an error in any server's envelope.
pub(crate) fn is_error(value: &serde_json::Value) -> bool {
    envelope::error_in(value).is_some()
}

/// What the error in a body says, in whichever envelope.
pub(crate) fn error_message(value: &serde_json::Value) -> Option<String> {
    let error = envelope::error_in(value)?;
    (!error.message.is_empty()).then_some(error.message)
}

/// What kind of failure it is. The class alone decides what happens next ([`FailureClass::next_step`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// No connection: refused, unknown host, TLS trouble.
    Unreachable,
    /// A time limit passed.
    Timeout,
    /// The server refused the credential, or there is none.
    Auth,
    /// The account has no credit or quota left.
    Billing,
    /// Too many requests or tokens for now.
    RateLimit,
    /// The server has no capacity right now.
    Overloaded,
    /// The server failed inside.
    ServerError,
    /// The server is still loading the model.
    ModelLoading,
    /// The server does not have the model, or cannot load it.
    ModelUnavailable,
    /// The URL leads to a server, but not to this API.
    WrongEndpoint,
    /// The stream ended before its end was announced.
    StreamCut,
    /// The reply was complete and held nothing for the person.
    EmptyReply,
    /// The model reasoned and ended without an answer.
    ReasoningOnly,
    /// The output limit was reached before the answer began.
    OutputExhausted,
    /// The server could not read what its own model produced.
    BadModelOutput,
    /// The reply was not in the dialect's form.
    BadReply,
    /// The prompt does not fit the context window.
    ContextOverflow,
    /// The prompt fits, the output asked for does not.
    OutputBudget,
    /// The model or server takes no tools.
    ToolsUnsupported,
    /// The model or server sees no images.
    ImagesUnsupported,
    /// The server's grammar builder refuses a tool's schema.
    SchemaUnsupported,
    /// The model's chat template refuses the order or kind of messages.
    TemplateRejected,
    /// The server refuses a field of the request.
    ParamRejected,
    /// The server refuses something in the conversation's history.
    HistoryRejected,
    /// The request is wrong in another way; sending it elsewhere would not help.
    BadRequest,
}

/// What the ladder does after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Try the next model.
    NextRung,
    /// Shorten the conversation and try again.
    Compact,
    /// Tell the person; another model would refuse the same request.
    Tell,
}

impl FailureClass {
    /// What to do about it.
    pub fn next_step(self) -> NextStep {
        match self {
            // What one server refuses, another often takes.
            Self::Unreachable
            | Self::Timeout
            | Self::Auth
            | Self::Billing
            | Self::RateLimit
            | Self::Overloaded
            | Self::ServerError
            | Self::ModelLoading
            | Self::ModelUnavailable
            | Self::WrongEndpoint
            | Self::StreamCut
            | Self::EmptyReply
            | Self::ReasoningOnly
            | Self::OutputExhausted
            | Self::BadModelOutput
            | Self::BadReply
            | Self::OutputBudget
            | Self::ToolsUnsupported
            | Self::ImagesUnsupported
            | Self::SchemaUnsupported
            | Self::TemplateRejected
            | Self::ParamRejected
            | Self::HistoryRejected => NextStep::NextRung,
            Self::ContextOverflow => NextStep::Compact,
            Self::BadRequest => NextStep::Tell,
        }
    }

    /// The stable name, as in logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::ModelLoading => "model_loading",
            Self::ModelUnavailable => "model_unavailable",
            Self::WrongEndpoint => "wrong_endpoint",
            Self::StreamCut => "stream_cut",
            Self::EmptyReply => "empty_reply",
            Self::ReasoningOnly => "reasoning_only",
            Self::OutputExhausted => "output_exhausted",
            Self::BadModelOutput => "bad_model_output",
            Self::BadReply => "bad_reply",
            Self::ContextOverflow => "context_overflow",
            Self::OutputBudget => "output_budget",
            Self::ToolsUnsupported => "tools_unsupported",
            Self::ImagesUnsupported => "images_unsupported",
            Self::SchemaUnsupported => "schema_unsupported",
            Self::TemplateRejected => "template_rejected",
            Self::ParamRejected => "param_rejected",
            Self::HistoryRejected => "history_rejected",
            Self::BadRequest => "bad_request",
        }
    }
}

/// Token counts that a server named in its refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenFigures {
    /// Tokens of the prompt.
    pub prompt: Option<u64>,
    /// The server's limit.
    pub limit: Option<u64>,
    /// Who counted the prompt's here, where it was not even sent; `None` where the server refused it.
    pub counted: Option<CountSource>,
}

/// A failed request. Its `Display` is the sentence for the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The kind.
    pub class: FailureClass,
    /// The model that was asked.
    pub model: ModelRef,
    /// Where it was asked: the base URL, or empty for the engine.
    pub server: String,
    /// The HTTP status, when a reply came.
    pub status: Option<u16>,
    /// What the server (or the operating system) said, shortened; empty when it said nothing.
    pub detail: String,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Token counts from its text.
    pub tokens: TokenFigures,
    /// The request fields it refuses, where it names any.
    pub params: Vec<String>,
    /// Whether visible text had already been handed out: a later answer replaces it and must not be joined to it.
    pub after_text: bool,
    /// How long the request took, where that was measured; else zero.
    pub took: Duration,
    /// Whether it is the credential that was refused: that is remembered against it, not against the server.
    pub of_credential: bool,
    /// Nothing was asked: this is what happened before, and this much longer it is left alone. Zero while another
    /// request tries whether it works again.
    pub cooling: Option<Duration>,
}

/// The server's words are cut here, in characters: enough to recognise the cause, short enough for a chat.
const DETAIL_LIMIT: usize = 300;

impl Failure {
    /// A failure of this class with the words of whoever noticed it.
    pub fn new(class: FailureClass, model: &Model, detail: impl Into<String>) -> Self {
        Self {
            class,
            model: model.reference.clone(),
            server: match model.api {
                Api::Engine => String::new(),
                _ => Endpoint::shown(&model.base_url),
            },
            status: None,
            detail: shorten(&detail.into()),
            retry_after: None,
            tokens: TokenFigures::default(),
            params: Vec::new(),
            after_text: false,
            took: Duration::ZERO,
            of_credential: false,
            cooling: None,
        }
    }

    /// A model of the engine, in a build without it.
    pub(crate) fn no_engine(model: &Model) -> Self {
        Self::new(
            FailureClass::ModelUnavailable,
            model,
            "this build of moltbot has no engine; build it with the feature `engine`",
        )
    }

    /// A failure read from a server's refusal.
    pub(crate) fn from_verdict(model: &Model, status: Option<u16>, verdict: Verdict) -> Self {
        Self {
            status,
            retry_after: verdict.retry_after,
            tokens: verdict.tokens,
            params: verdict.params,
            ..Self::new(verdict.class, model, verdict.message)
        }
    }

    /// The sentence about a request that was not made.
    fn write_cooling(&self, f: &mut fmt::Formatter<'_>, left: Duration) -> fmt::Result {
        let (place, class, model) = (self.place(), self.class.as_str(), &self.model);
        match left.is_zero() {
            true => write!(
                f,
                "{place} was left alone: another request tries it again just now"
            )?,
            false => write!(
                f,
                "{place} is cooling down for another {}; moltbot models cooldown reset {model} ends that",
                in_words(left)
            )?,
        }
        match self.detail.as_str() {
            "" => write!(f, " (it failed: {class})."),
            detail => write!(f, " (it failed: {class}: {detail})."),
        }
    }

    /// Name and address of the server, for a sentence.
    fn place(&self) -> String {
        if self.server.is_empty() {
            self.model.to_string()
        } else {
            format!("{} at {}", self.model.provider, self.server)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, model, provider) = (self.place(), &self.model.model, &self.model.provider);
        if let Some(left) = self.cooling {
            return self.write_cooling(f, left);
        }
        match self.class {
            FailureClass::Unreachable => write!(
                f,
                "{place} cannot be reached; start the server or correct models.providers.{provider}.baseUrl"
            )?,
            FailureClass::Timeout => write!(
                f,
                "{place} did not answer in time; check that the model is loaded, or raise models.providers.{provider}.timeoutSeconds"
            )?,
            FailureClass::Auth => write!(
                f,
                "{place} wants a valid API key; set it in models.providers.{provider}.apiKey or the provider's environment variable"
            )?,
            FailureClass::Billing => write!(
                f,
                "the account at {place} has no credit left; top it up or use another model"
            )?,
            FailureClass::RateLimit => {
                write!(f, "{place} is limiting requests")?;
                match self.retry_after {
                    Some(wait) => write!(f, "; try again in {} s", wait.as_secs().max(1))?,
                    None => f.write_str("; try again in a moment")?,
                }
            }
            FailureClass::Overloaded => write!(
                f,
                "{place} has no capacity right now; try again in a moment"
            )?,
            FailureClass::ServerError => {
                write!(f, "{place} failed while answering; its own log says why")?
            }
            FailureClass::ModelLoading => write!(
                f,
                "{place} is still loading {model}; try again when it is loaded"
            )?,
            FailureClass::ModelUnavailable if self.server.is_empty() => {
                return write!(f, "{model} is not available: {}", self.detail);
            }
            FailureClass::ModelUnavailable => write!(
                f,
                "{place} does not have {model} ready; load it there, or pick one it lists (moltbot models list --provider {provider})"
            )?,
            FailureClass::WrongEndpoint => write!(
                f,
                "{place} has no such API path; check models.providers.{provider}.baseUrl (it usually ends in /v1) and .api"
            )?,
            FailureClass::StreamCut => write!(
                f,
                "{place} broke off in the middle of its answer; ask again"
            )?,
            FailureClass::EmptyReply => {
                write!(f, "{model} ({provider}) ended without an answer; ask again")?
            }
            FailureClass::ReasoningOnly => write!(
                f,
                "{model} ({provider}) reasoned and ended without an answer; ask again, or lower the thinking level with /think"
            )?,
            FailureClass::OutputExhausted => write!(
                f,
                "{model} ({provider}) reached its output limit before the answer began; raise maxTokens of that model, lower the thinking level or shorten the conversation"
            )?,
            FailureClass::BadModelOutput => write!(
                f,
                "{place} could not read what {model} produced; ask again or use another model"
            )?,
            FailureClass::BadReply => write!(
                f,
                "{place} answered in a form that is not its API's; check models.providers.{provider}.api and .baseUrl"
            )?,
            FailureClass::ContextOverflow => {
                write!(f, "the conversation is too long for {model} ({provider})")?;
                if let (Some(prompt), Some(limit)) = (self.tokens.prompt, self.tokens.limit) {
                    let about = match self.tokens.counted {
                        Some(CountSource::Estimate) => "about ",
                        _ => "",
                    };
                    write!(f, ": {about}{prompt} tokens, and it takes {limit}")?;
                }
                f.write_str("; start a new session with /new, or ")?;
                return f.write_str(match self.tokens.counted {
                    _ if self.server.is_empty() => "raise agents.defaults.contextTokens",
                    None => "load the model with a larger context",
                    // It was held against what is set here.
                    Some(_) => "load the model with a larger context and raise its contextWindow",
                });
            }
            FailureClass::OutputBudget => write!(
                f,
                "the answer asked of {model} ({provider}) is longer than its context allows; lower maxTokens of that model"
            )?,
            FailureClass::ToolsUnsupported => write!(
                f,
                "{model} ({provider}) takes no tools; use a model or server setting that does"
            )?,
            FailureClass::ImagesUnsupported => write!(
                f,
                "{model} ({provider}) sees no images; use a model that does, and load it with what it sees with (llama.cpp: --mmproj)"
            )?,
            FailureClass::SchemaUnsupported => {
                write!(f, "{place} refuses the form of a tool's parameters")?
            }
            FailureClass::TemplateRejected => write!(
                f,
                "the chat template of {model} ({provider}) refuses this conversation; start a new session with /new"
            )?,
            FailureClass::ParamRejected if self.params.is_empty() => {
                write!(f, "{place} refuses a field of the request")?
            }
            FailureClass::ParamRejected => {
                let params = self.params.join(", ");
                write!(f, "{place} refuses the request field {params}")?
            }
            FailureClass::HistoryRejected => write!(
                f,
                "{place} refuses this conversation's history; start a new session with /new"
            )?,
            FailureClass::BadRequest => write!(f, "{place} refused the request")?,
        }
        if self.detail.is_empty() {
            f.write_str(".")
        } else {
            write!(f, " ({}).", self.detail)
        }
    }
}

impl std::error::Error for Failure {}

/// A length of time as people say it, rounded up: `40 s`, `4 min`, `5 h`.
pub fn in_words(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=5400 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

/// One line of at most [`DETAIL_LIMIT`] characters.
fn shorten(text: &str) -> String {
    let mut line = String::new();
    // A server's words must not steer the terminal that shows them.
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > DETAIL_LIMIT {
        line = line.chars().take(DETAIL_LIMIT - 1).collect();
        line.push('…');
    }
    line.trim_end_matches('.').to_owned()
}
