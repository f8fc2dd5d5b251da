//! What a model server can do and what it refuses, as plain data.

use std::collections::BTreeSet;

/// What a [`CapableServer`](super::CapableServer) can do. The default takes everything, in
/// the manner of a generic OpenAI-style server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The program that is imitated: its lists, properties, paths and error envelopes.
    pub kind: Kind,
    /// The id of the one model it has.
    pub model: String,
    /// The dialects it speaks.
    pub dialects: Dialects,
    /// What it says at a path that it does not know.
    pub unknown_path: UnknownPath,
    /// The key without which it answers 401.
    pub api_key: Option<String>,
    /// What becomes of offered tools.
    pub tools: Tools,
    /// Whether the model calls several tools in one answer. Otherwise one after the other.
    pub parallel_calls: bool,
    /// Which JSON schemas of tools are refused.
    pub schemas: Schemas,
    /// Fields of the request that are refused, by name: top-level ones, `strict` of a tool,
    /// and any other of [`FIELDS`]. The Messages API takes its `max_tokens` in any case.
    pub refused_fields: BTreeSet<String>,
    /// How a refused field is told.
    pub field_wording: FieldWording,
    /// Whether a chat message's content may be an array of parts, not only a string.
    pub content_parts: bool,
    /// Whether images are taken.
    pub images: bool,
    /// Whether the role `developer` is known.
    pub developer_role: bool,
    /// Where a system message may stand.
    pub system: SystemRule,
    /// Whether the template wants user and assistant in turns (calls and their results left
    /// aside).
    pub strict_alternation: bool,
    /// Whether the template wants a user message.
    pub needs_user_message: bool,
    /// Whether ids of tool calls must be nine letters and digits, as Mistral's template has
    /// it.
    pub short_tool_ids: bool,
    /// The most output tokens that may be asked for.
    pub max_output: Option<u64>,
    /// How many tokens are made when the request names no limit (SGLang: 128). A longer
    /// answer is cut.
    pub default_output: Option<u64>,
    /// The context in tokens, prompt and output together.
    pub context: Option<u64>,
    /// What happens to a prompt that is longer.
    pub overflow: Overflow,
    /// Whether streamed chat completions tell the tokens used.
    pub usage: UsageReport,
    /// Whether and where the model's reasoning is sent.
    pub reasoning: Reasoning,
    /// Deviations of the stream.
    pub oddities: Oddities,
    /// How many requests for an answer are refused first, since the model is loading.
    pub loading: usize,
    /// How many requests for an answer are refused first, since the server is busy.
    pub busy: Busy,
    /// How many requests are answered at the same time, and what becomes of more.
    pub slots: Option<Slots>,
    /// A gate that every answer waits at, behind its head and before its first word: see
    /// [`ScriptedServer::release`](crate::ScriptedServer::release).
    pub gate: Option<String>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            kind: Kind::Generic,
            model: "capable-model".to_owned(),
            dialects: Dialects::default(),
            unknown_path: UnknownPath::OfKind,
            api_key: None,
            tools: Tools::Native,
            parallel_calls: true,
            schemas: Schemas::default(),
            refused_fields: BTreeSet::new(),
            field_wording: FieldWording::Pydantic,
            content_parts: true,
            images: true,
            developer_role: true,
            system: SystemRule::Anywhere,
            strict_alternation: false,
            needs_user_message: false,
            short_tool_ids: false,
            max_output: None,
            default_output: None,
            context: None,
            overflow: Overflow::Refused,
            usage: UsageReport::WhenAsked,
            reasoning: Reasoning::None,
            oddities: Oddities::default(),
            loading: 0,
            busy: Busy::default(),
            slots: None,
            gate: None,
        }
    }
}

impl Capabilities {
    /// A server of this kind that takes everything.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// The same, with these fields of the request refused.
    #[must_use]
    pub fn refusing<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        let fields = fields.into_iter().map(str::to_owned);
        self.refused_fields.extend(fields);
        self
    }

    /// Whether a client that does everything right gets its tool called in the end.
    #[must_use]
    pub fn calls_tools(&self) -> bool {
        matches!(self.tools, Tools::Native | Tools::Text(_))
    }
}

/// A model server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// llama.cpp's server.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// LM Studio.
    LmStudio,
    /// Ollama, by its OpenAI-style paths.
    Ollama,
    /// SGLang.
    Sglang,
    /// The LiteLLM proxy.
    LiteLlm,
    /// None of these: OpenAI's and Anthropic's own forms.
    Generic,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::LlamaCpp,
        Self::Vllm,
        Self::LmStudio,
        Self::Ollama,
        Self::Sglang,
        Self::LiteLlm,
        Self::Generic,
    ];
}

/// The dialects that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialects {
    /// `POST /v1/chat/completions`.
    pub completions: bool,
    /// `POST /v1/responses`.
    pub responses: bool,
    /// `POST /v1/messages`.
    pub messages: bool,
}

impl Default for Dialects {
    fn default() -> Self {
        Self {
            completions: true,
            responses: true,
            messages: true,
        }
    }
}

/// What is answered at a path that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPath {
    /// What this kind of server says: LM Studio 200 with an error, all others 404.
    OfKind,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 200 with an error in the body.
    OkWithError,
}

/// What becomes of tools that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    /// The model calls them, in the dialect's own form.
    Native,
    /// A request with tools is refused.
    Refused,
    /// They are silently left out: the model never learns of them.
    Dropped,
    /// The model calls them, but the server leaves the call in the text.
    Text(Family),
}

/// How a family of models writes a call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `<tool_call>{"name", "arguments"}</tool_call>` (Hermes, Qwen 2.5).
    Hermes,
    /// `<tool_call><function=NAME><parameter=KEY>…` (Qwen3-Coder).
    QwenCoder,
    /// `[TOOL_CALLS][{…}]`.
    Mistral,
    /// `[TOOL_CALLS]NAME[ARGS]{…}`.
    MistralArgs,
    /// `<|python_tag|>{"name", "parameters"}`.
    Llama,
    /// `{"name", "parameters"}` and nothing else.
    LlamaBare,
    /// `[f(a=1), g(b="x")]`.
    Pythonic,
    /// `<｜tool▁calls▁begin｜>…`.
    DeepSeek,
    /// `<tool_call>NAME<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>`.
    Glm,
    /// `<|tool_calls_section_begin|>…` (Kimi K2).
    Kimi,
    /// `<minimax:tool_call><invoke name="NAME">…` (MiniMax M2).
    MiniMax,
    /// `<|channel|>commentary to=NAME <|constrain|>json<|message|>{…}<|call|>` (gpt-oss).
    Harmony,
    /// `[NAME]{…}[END_TOOL_REQUEST]` (LM Studio).
    Bracketed,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 13] = [
        Self::Hermes,
        Self::QwenCoder,
        Self::Mistral,
        Self::MistralArgs,
        Self::Llama,
        Self::LlamaBare,
        Self::Pythonic,
        Self::DeepSeek,
        Self::Glm,
        Self::Kimi,
        Self::MiniMax,
        Self::Harmony,
        Self::Bracketed,
    ];
}

/// What a tool's schema may not hold. Refused are those that are `true`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schemas {
    /// A `pattern` that is not anchored by `^` and `$`.
    pub refuses_open_patterns: bool,
    /// A `$ref`.
    pub refuses_refs: bool,
    /// `anyOf` (or `oneOf`) at the root.
    pub refuses_root_any_of: bool,
    /// Parameters that are `{}`.
    pub refuses_empty: bool,
    /// `propertyNames`.
    pub refuses_property_names: bool,
    /// A `maxLength` of this many characters or more (llama.cpp: 2000).
    pub refuses_max_length_from: Option<u64>,
}

/// The fields of requests that servers are known to refuse.
pub const FIELDS: [&str; 16] = [
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "tool_choice",
    "parallel_tool_calls",
    "temperature",
    "reasoning_effort",
    "reasoning",
    "store",
    "strict",
    "return_progress",
    "cache_prompt",
    "id_slot",
    "session_id",
    "user",
    "prompt_cache_key",
];

/// How a refused field is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldWording {
    /// 422, a report of every refused field in Mistral's envelope.
    Pydantic,
    /// 422, a report of every refused field as FastAPI sends it.
    FastApi,
    /// 400 `unsupported_parameter`, which names the first refused field.
    OpenAi,
    /// 400 `Unrecognized request argument supplied`, which names the first refused field.
    Unrecognized,
}

/// Where a system message may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemRule {
    /// Anywhere.
    Anywhere,
    /// Only one, and only at the start.
    AtStart,
    /// Nowhere: the template has no such role (Gemma).
    Refused,
}

/// What happens to a prompt that is longer than the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is refused.
    Refused,
    /// The refusal comes inside an event stream of status 200 (LM Studio).
    InStream,
    /// Its beginning is dropped in silence (Ollama): the figures of usage stay below the
    /// context.
    Silent,
}

/// Whether a streamed chat completion tells the tokens used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageReport {
    /// When `stream_options.include_usage` asks for it.
    WhenAsked,
    /// In any case.
    Always,
    /// Never.
    Never,
}

/// Whether and where the model's reasoning is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    /// It does not reason.
    None,
    /// In a field of its own: `reasoning_content` of a chat completion, a reasoning item, a
    /// thinking block.
    Field,
    /// As [`Reasoning::Field`], but called `reasoning` in a chat completion.
    ShortField,
    /// In both fields of a chat completion, the same text.
    BothFields,
    /// In the text, between `<think>` and `</think>`.
    Tags,
    /// In the text, with `</think>` behind it and no tag before.
    ClosingTag,
}

/// Deviations of the stream that real servers have. Each is left out by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Comment lines between the frames.
    pub comments: bool,
    /// Lines end by `\r\n`.
    pub carriage_returns: bool,
    /// The first frame is larger than 1 MB.
    pub huge_frame: bool,
    /// At most this many bytes in one piece, wherever that cuts.
    pub drip: Option<usize>,
    /// One JSON document, though a stream was asked for.
    pub whole_document: bool,
    /// The chat completion's last frame with a choice also holds the usage; no other does.
    pub usage_in_last_choice: bool,
    /// `finish_reason` is sent twice.
    pub finish_twice: bool,
    /// `[DONE]` is missing.
    pub no_done: bool,
    /// `finish_reason` is `stop` (`end_turn`) though there are calls.
    pub stop_with_calls: bool,
    /// Frames of text carry `tool_calls: []`.
    pub empty_tool_calls: bool,
    /// Ids of calls are `""` (not in the Messages API).
    pub empty_ids: bool,
    /// Later pieces of a call carry an empty name.
    pub later_names_empty: bool,
    /// Each call comes in one piece.
    pub whole_arguments: bool,
    /// Each call comes in one piece, and all have the index 0 (Ollama).
    pub index_zero: bool,
    /// Responses API: arguments come only in `function_call_arguments.done`.
    pub arguments_at_done: bool,
    /// Responses API: the finished item of a call has the arguments `{}`.
    pub empty_item_at_done: bool,
    /// Responses API: the items of the final object have other ids.
    pub other_final_ids: bool,
    /// Responses API: LM Studio's order, in which every item is opened first and the
    /// arguments of the calls come last, without deltas.
    pub lm_studio_order: bool,
}

/// How many requests are refused first because the server is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// How many.
    pub requests: usize,
    /// 429 or 503.
    pub status: u16,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Default for Busy {
    fn default() -> Self {
        Self {
            requests: 0,
            status: 503,
            retry_after: None,
        }
    }
}

/// How many requests are answered at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// How many; at least 1.
    pub count: usize,
    /// Whether more are refused (503) instead of waiting.
    pub refuses_more: bool,
}
