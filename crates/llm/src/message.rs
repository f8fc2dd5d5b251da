//! The message vocabulary: what a conversation consists of, independent of any server's wire format.
//!
//! Parts are typed, never strings with markup: [`Thinking`] is a type of its own, so nothing that delivers text can
//! leak it by accident. The JSON form is the one in which transcripts are stored.

use serde::{Deserialize, Serialize};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "camelCase")]
pub enum Message {
    /// From the person, or from the program on the person's behalf.
    User(UserMessage),
    /// From the model.
    Assistant(AssistantMessage),
    /// The outcome of a tool call that the model asked for.
    ToolResult(ToolResultMessage),
}

impl Message {
    /// A message of the owner's, of one text part.
    pub fn user(text: impl Into<String>, timestamp: i64) -> Self {
        Self::User(UserMessage {
            content: vec![Content::text(text, Provenance::Owner)],
            timestamp,
        })
    }

    /// When it was said or complete, milliseconds since the Unix epoch.
    pub fn timestamp(&self) -> i64 {
        match self {
            Self::User(user) => user.timestamp,
            Self::Assistant(assistant) => assistant.timestamp,
            Self::ToolResult(result) => result.timestamp,
        }
    }
}

/// What a person (or the program for them) says to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserMessage {
    /// Text and images, in the order given.
    pub content: Vec<Content>,
    /// When it was said, milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// A part that can stand in user messages and tool results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Content {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Where it comes from.
        #[serde(default)]
        from: Provenance,
    },
    /// A picture.
    Image(Image),
}

/// Where a part of a conversation comes from: what decides how far it is trusted. Never sent to a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// The owner said it. Also what transcripts mean that were written before sources were noted.
    #[default]
    Owner,
    /// Another person said it whom the owner has let in.
    Paired,
    /// Somebody said it whom nobody knows: a stranger in a group.
    Stranger,
    /// This program wrote it: a time stamp, a note about a stopped turn.
    Program,
    /// It was read from the owner's own files, or is what a command printed that the owner allowed.
    OwnFiles,
    /// It comes from outside: the web, mail, a downloaded file, an MCP server.
    Outside,
    /// Another agent wrote it.
    Agent,
    /// One value that the program checked: a number, a date, yes or no, or one of the choices that were given. Whoever
    /// wrote what it was taken from had no other choice than among these.
    Value,
}

impl Content {
    /// A text part.
    pub fn text(text: impl Into<String>, from: Provenance) -> Self {
        Self::Text {
            text: text.into(),
            from,
        }
    }

    /// Where it comes from.
    pub fn from(&self) -> Provenance {
        match self {
            Self::Text { from, .. } => *from,
            Self::Image(image) => image.from,
        }
    }

    /// The text, where it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::Image(_) => None,
        }
    }

    /// What stands for a picture before a model that is blind.
    pub(crate) fn unseen_image() -> Self {
        Self::text("(an image that this model cannot see)", Provenance::Program)
    }
}

/// A picture, held as the base64 text in which every dialect sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The file's bytes in standard base64.
    pub data: String,
    /// Its media type, such as `image/png`.
    pub mime_type: String,
    /// Where it comes from.
    #[serde(default)]
    pub from: Provenance,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantMessage {
    /// Thinking, text and tool calls, in the order in which they came.
    pub content: Vec<AssistantPart>,
    /// The dialect it was received in, as [`crate::Api`] writes it; opaque parts are only replayed to the same one.
    pub api: String,
    /// The provider's id in the catalog.
    pub provider: String,
    /// The model's id at that provider.
    pub model: String,
    /// Tokens used, as the server reported them; zeros where it reported none.
    #[serde(default)]
    pub usage: Usage,
    /// Why the model stopped.
    pub stop_reason: StopReason,
    /// The sentence for the person when [`StopReason::Error`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// When it was complete, milliseconds since the Unix epoch.
    pub timestamp: i64,
}

impl AssistantMessage {
    /// The visible text alone, parts joined as they came: never thinking, never tool calls.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.content {
            if let AssistantPart::Text { text: t } = part {
                text.push_str(t);
            }
        }
        text
    }

    /// The thinking alone, blocks separated by a blank line; empty when there was none.
    pub fn thinking(&self) -> String {
        let blocks: Vec<&str> = self
            .content
            .iter()
            .filter_map(|part| match part {
                AssistantPart::Thinking(t) if !t.thinking.is_empty() => Some(t.thinking.as_str()),
                _ => None,
            })
            .collect();
        blocks.join("\n\n")
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.content.iter().filter_map(|part| match part {
            AssistantPart::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

/// A part of a model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AssistantPart {
    /// Text for the person.
    Text {
        /// The text.
        text: String,
    },
    /// The model's reasoning, shown only on request.
    Thinking(Thinking),
    /// A tool the model wants called.
    ToolCall(ToolCall),
}

/// Reasoning, kept apart from the answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thinking {
    /// The readable reasoning; empty where the server only sends it sealed.
    pub thinking: String,
    /// What the server needs back to accept this block in history: Anthropic's signature (or the data of a redacted
    /// block), the encrypted reasoning item of the Responses API, or Gemini's thought signature. Gemini signs calls and
    /// texts too: a block without words holds the signature of the call right behind it, or else of an empty text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A request by the model to run a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Pairs the call with its result. Unique within the message.
    pub id: String,
    /// The tool's name as offered.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, not yet checked. Kept to the byte, because replaying exactly
    /// what was generated is what lets a server reuse its prompt cache.
    pub arguments: String,
}

/// What came of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResultMessage {
    /// The [`ToolCall::id`] it answers.
    pub tool_call_id: String,
    /// The tool's name.
    pub tool_name: String,
    /// The result for the model.
    pub content: Vec<Content>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// When it ended, milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// It was done.
    Stop,
    /// The output limit was reached.
    Length,
    /// It waits for tool results.
    ToolUse,
    /// The turn failed; `error_message` says how.
    Error,
    /// The person stopped it.
    Aborted,
}

/// Tokens of one reply. The whole prompt is `input + cache_read + cache_write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Prompt tokens the server read anew.
    pub input: u64,
    /// Tokens generated, thinking included.
    pub output: u64,
    /// Prompt tokens the server took from its cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Prompt tokens the server wrote to its cache (Anthropic bills these apart).
    #[serde(default)]
    pub cache_write: u64,
}

impl Usage {
    /// All tokens of the prompt.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }

    /// Prompt and output together.
    pub fn total(&self) -> u64 {
        self.prompt() + self.output
    }

    /// Whether the server reported anything.
    pub fn is_known(&self) -> bool {
        self.total() > 0
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}
