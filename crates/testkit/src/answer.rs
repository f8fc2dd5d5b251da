//! A model's answer in the wire form of each dialect.

mod anthropic_messages;
mod google_generate;
mod ollama_chat;
mod openai_chat;
mod openai_responses;

use serde_json::Value;

use crate::reply::Reply;
use crate::request::Recorded;

/// When every answer says it was made, in Unix seconds: fixed, so that the same answer has
/// the same bytes.
const CREATED: u64 = 1_700_000_000;

/// How many characters of a tool call's arguments go into one frame.
const ARGUMENT_PIECE: usize = 8;

/// A part of an answer, in the order the model makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text for the person.
    Text(&'a str),
    /// The model's reasoning.
    Thinking(&'a str),
    /// A call of a tool.
    ToolCall {
        /// The call's id, which its result refers to.
        id: &'a str,
        /// The tool's name.
        name: &'a str,
        /// The arguments as JSON text. It is not checked: models send broken JSON too.
        arguments: &'a str,
    },
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It had said everything.
    Stop,
    /// It reached the limit of tokens.
    Length,
    /// It waits for the result of tool calls.
    ToolCalls,
    /// A filter stopped it.
    ContentFilter,
}

/// Token figures of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the whole prompt, those from the cache included.
    pub input_tokens: u64,
    /// Tokens of the prompt that came from the cache.
    pub cached_tokens: u64,
    /// Tokens that were made, reasoning included.
    pub output_tokens: u64,
    /// Tokens of the reasoning.
    pub reasoning_tokens: u64,
}

/// The form of an answer. [`CapableServer`](crate::capable::CapableServer) speaks the first three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAiChat,
    OpenAiResponses,
    AnthropicMessages,
    GoogleGenerate,
    OllamaChat,
}

impl Dialect {
    /// The dialect that is spoken at a path; chat completions where no other is.
    pub(crate) fn of_path(path: &str) -> Self {
        if path.contains(":generateContent") || path.contains(":streamGenerateContent") {
            return Self::GoogleGenerate;
        }
        if path.trim_end_matches('/').ends_with("/api/chat") {
            return Self::OllamaChat;
        }
        match path.trim_end_matches('/').rsplit('/').next() {
            Some("responses") => Self::OpenAiResponses,
            Some("messages") => Self::AnthropicMessages,
            _ => Self::OpenAiChat,
        }
    }
}

/// A [`Part`] that owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Text(String),
    Thinking(String),
    ToolCall {
        id: String,
        name: String,
        arguments: String,
    },
}

impl From<&Part<'_>> for Block {
    fn from(part: &Part<'_>) -> Self {
        match *part {
            Part::Text(text) => Self::Text(text.to_owned()),
            Part::Thinking(text) => Self::Thinking(text.to_owned()),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => Self::ToolCall {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            },
        }
    }
}

/// An answer in one dialect. As a script's responder it is streamed or sent whole as the
/// request's `stream` asks; [`Answer::stream`] and [`Answer::whole`] choose by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    dialect: Dialect,
    blocks: Vec<Block>,
    id: String,
    model: Option<String>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    reasoning_field: &'static str,
}

/// An answer of `POST /v1/chat/completions` as llama.cpp's server sends it.
#[must_use]
pub fn openai_chat(parts: &[Part<'_>]) -> Answer {
    Answer::new(Dialect::OpenAiChat, parts)
}

/// An answer of `POST /v1/responses` as OpenAI and vLLM send it. Reasoning goes out as
/// `reasoning_text`, the form of models with open weights.
#[must_use]
pub fn openai_responses(parts: &[Part<'_>]) -> Answer {
    Answer::new(Dialect::OpenAiResponses, parts)
}

/// An answer of `POST /v1/messages` as Anthropic sends it.
#[must_use]
pub fn anthropic_messages(parts: &[Part<'_>]) -> Answer {
    Answer::new(Dialect::AnthropicMessages, parts)
}

/// An answer of `POST /v1beta/models/{model}:streamGenerateContent?alt=sse` as Gemini sends it.
/// Calls carry ids, as those of its third generation do.
#[must_use]
pub fn google_generate(parts: &[Part<'_>]) -> Answer {
    Answer::new(Dialect::GoogleGenerate, parts)
}

/// An answer of `POST /api/chat` as Ollama sends it. It has no id of its own.
#[must_use]
pub fn ollama_chat(parts: &[Part<'_>]) -> Answer {
    Answer::new(Dialect::OllamaChat, parts)
}

impl Answer {
    fn new(dialect: Dialect, parts: &[Part<'_>]) -> Self {
        Self::of_blocks(dialect, parts.iter().map(Block::from).collect())
    }

    /// An answer made of these parts, in their order.
    pub(crate) fn of_blocks(dialect: Dialect, blocks: Vec<Block>) -> Self {
        let id = match dialect {
            Dialect::OpenAiChat => "chatcmpl-scripted",
            Dialect::OpenAiResponses => "resp_scripted",
            Dialect::AnthropicMessages => "msg_scripted",
            Dialect::GoogleGenerate => "scripted",
            Dialect::OllamaChat => "",
        };
        let mut answer = Self {
            dialect,
            blocks,
            id: id.to_owned(),
            model: None,
            usage: None,
            finish: None,
            reasoning_field: "reasoning_content",
        };
        answer.usage = Some(answer.counted_usage());
        answer
    }

    /// Sets the id of the answer.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = id.to_owned();
        self
    }

    /// Sets the model's name. Otherwise it is the one that the request names.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// Sets the token figures. Otherwise each word is a token and the prompt has 12.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Leaves the token figures out of a chat completion. The other dialects have no form
    /// without them and send zeros.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// Sets why the model stopped. Otherwise it is [`Finish::ToolCalls`] when there are
    /// any, else [`Finish::Stop`].
    #[must_use]
    pub fn finish(mut self, finish: Finish) -> Self {
        self.finish = Some(finish);
        self
    }

    /// Names the field of reasoning in a chat completion: `reasoning_content` (llama.cpp,
    /// which is the default) or `reasoning` (newer vLLM, OpenRouter).
    #[must_use]
    pub fn reasoning_field(mut self, name: &'static str) -> Self {
        self.reasoning_field = name;
        self
    }

    /// The event-stream frames, each with its empty line; in Ollama's dialect its lines.
    #[must_use]
    pub fn frames(&self) -> Vec<String> {
        match self.dialect {
            Dialect::OpenAiChat => openai_chat::frames(self),
            Dialect::OpenAiResponses => openai_responses::frames(self),
            Dialect::AnthropicMessages => anthropic_messages::frames(self),
            Dialect::GoogleGenerate => google_generate::frames(self),
            Dialect::OllamaChat => ollama_chat::frames(self),
        }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Value {
        match self.dialect {
            Dialect::OpenAiChat => openai_chat::body(self),
            Dialect::OpenAiResponses => openai_responses::body(self),
            Dialect::AnthropicMessages => anthropic_messages::body(self),
            Dialect::GoogleGenerate => google_generate::body(self),
            Dialect::OllamaChat => ollama_chat::body(self),
        }
    }

    /// The answer streamed, each frame a chunk.
    #[must_use]
    pub fn stream(&self) -> Reply {
        let reply = Reply::frames(self.frames());
        match self.dialect {
            Dialect::OllamaChat => reply.header("content-type", "application/x-ndjson"),
            _ => reply,
        }
    }

    /// The answer as one body.
    #[must_use]
    pub fn whole(&self) -> Reply {
        Reply::json(200, &self.body())
    }

    /// The answer as this request asks for it: `stream`, `model` and, in a streamed chat
    /// completion, `stream_options.include_usage` are honoured. Ollama streams unless told not
    /// to; of Gemini's, the path says both.
    #[must_use]
    pub fn reply_to(&self, request: &Recorded) -> Reply {
        let asked = request.try_json().unwrap_or_default();
        let mut answer = self.clone();
        if answer.model.is_none() {
            answer.model = asked["model"].as_str().map(str::to_owned);
        }
        let streams = match answer.dialect {
            Dialect::OllamaChat => asked["stream"] != false,
            Dialect::GoogleGenerate => {
                let (model, method) = google_generate::target(&request.path);
                answer.model.get_or_insert(model.to_owned());
                method == "streamGenerateContent"
            }
            _ => asked["stream"] == true,
        };
        if !streams {
            return answer.whole();
        }
        let wants_usage = asked["stream_options"]["include_usage"] == true;
        if answer.dialect == Dialect::OpenAiChat && !wants_usage {
            answer = answer.without_usage();
        }
        answer.stream()
    }

    fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or("scripted-model")
    }

    fn has_tool_calls(&self) -> bool {
        let is_call = |block: &Block| matches!(block, Block::ToolCall { .. });
        self.blocks.iter().any(is_call)
    }

    fn finish_reason(&self) -> Finish {
        self.finish.unwrap_or(if self.has_tool_calls() {
            Finish::ToolCalls
        } else {
            Finish::Stop
        })
    }

    /// The token figures, zeros where they are left out.
    fn usage_or_zero(&self) -> Usage {
        self.usage.unwrap_or(Usage {
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
            reasoning_tokens: 0,
        })
    }

    pub(crate) fn counted_usage(&self) -> Usage {
        let mut usage = Usage {
            input_tokens: 12,
            cached_tokens: 0,
            output_tokens: 0,
            reasoning_tokens: 0,
        };
        for block in &self.blocks {
            let pieces = match block {
                Block::Text(text) => words(text).len(),
                Block::Thinking(text) => {
                    usage.reasoning_tokens += words(text).len() as u64;
                    words(text).len()
                }
                Block::ToolCall { arguments, .. } => argument_pieces(arguments).len(),
            };
            usage.output_tokens += pieces as u64;
        }
        usage
    }
}

/// A frame with data only.
fn data_frame(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A frame named by the `type` of its data.
fn typed_frame(data: &Value) -> String {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

/// Text cut before each run of white space, as models make it: `["Hello", " there."]`.
/// Joined the pieces are the text.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() && in_word {
            words.push(&text[start..at]);
            start = at;
        }
        in_word = !character.is_whitespace();
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// The arguments of a tool call in pieces. Joined they are the arguments.
pub(crate) fn argument_pieces(arguments: &str) -> Vec<String> {
    let characters: Vec<char> = arguments.chars().collect();
    characters
        .chunks(ARGUMENT_PIECE)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_join_to_the_text(text in any::<String>()) {
            prop_assert_eq!(words(&text).concat(), text.as_str());
            prop_assert_eq!(argument_pieces(&text).concat(), text);
        }
    }

    #[test]
    fn white_space_leads_its_word() {
        assert_eq!(words("Hello! How\n are"), ["Hello!", " How", "\n are"]);
        assert_eq!(words(" a "), [" a", " "]);
        assert!(words("").is_empty());
    }
}
