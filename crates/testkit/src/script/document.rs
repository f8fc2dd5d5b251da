//! A script as a document: what its text says, before it is made into rules.

use std::fmt;

use serde_json::Value;

use crate::answer::{Block, Dialect, Finish, Usage};

/// Everything a text says, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Document {
    pub(super) rules: Vec<Rule>,
}

/// One rule: which requests it takes and what it answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rule {
    /// Where it begins, from 1. No part of what it says.
    pub(super) line: Line,
    /// `None` for every method.
    pub(super) method: Option<String>,
    /// What the path begins with.
    pub(super) path: String,
    pub(super) times: Option<usize>,
    pub(super) nth: Option<usize>,
    pub(super) conditions: Vec<Condition>,
    pub(super) key: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) edits: Vec<Edit>,
}

/// The number of a line. Two documents that say the same on other lines are equal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line(pub(super) usize);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What the request's body must fulfil at a JSON pointer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) pointer: String,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Exists,
    Absent,
    Equals(Value),
    Contains(Value),
}

impl Condition {
    /// Whether a body fulfils it.
    pub(super) fn holds(&self, body: &Value) -> bool {
        let found = body.pointer(&self.pointer);
        match (&self.test, found) {
            (Test::Exists, found) => found.is_some(),
            (Test::Absent, found) => found.is_none(),
            (Test::Equals(value), found) => found == Some(value),
            (Test::Contains(Value::String(part)), Some(Value::String(text))) => {
                text.contains(part.as_str())
            }
            (Test::Contains(value), Some(Value::Array(items))) => items.contains(value),
            (Test::Contains(Value::String(key)), Some(Value::Object(fields))) => {
                fields.contains_key(key)
            }
            (Test::Contains(_), _) => false,
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Body {
    #[default]
    Nothing,
    Json(Value),
    Text(String),
    Models(Vec<String>),
    Stream(Vec<Item>),
    Answer(AnswerText),
    /// The path of a recorded reply, as written.
    Fixture(String),
}

impl Body {
    /// The word that begins it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Json(_) => "json",
            Self::Text(_) => "body",
            Self::Models(_) => "models",
            Self::Stream(_) => "stream",
            Self::Answer(_) => "answer",
            Self::Fixture(_) => "fixture",
        }
    }
}

/// A piece of an event stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Data(String),
    Event { name: String, data: String },
    Comment(String),
    Bytes(String),
    Timing(Timing),
}

/// A model's answer, to be put in a dialect's form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct AnswerText {
    /// `None` for the dialect of the request's path.
    pub(super) dialect: Option<Dialect>,
    pub(super) parts: Vec<Block>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) finish: Option<Finish>,
    pub(super) usage: UsageText,
    pub(super) reasoning_field: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum UsageText {
    #[default]
    Counted,
    Absent,
    Given(Usage),
}

/// What happens at a place of a reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Timing {
    Pause(String),
    Release(String),
    Cut,
    Reset,
    Hang,
}

/// A change of the whole reply; they are made in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    Before(Timing),
    AfterFrames(usize, Timing),
    AfterBytes(usize, Timing),
    AtEnd(Timing),
    Drip(usize),
    UntilClose,
    Chunked,
    Length(usize),
}

/// The names of the reasons to stop.
pub(super) const FINISHES: [(&str, Finish); 4] = [
    ("stop", Finish::Stop),
    ("length", Finish::Length),
    ("tool-calls", Finish::ToolCalls),
    ("content-filter", Finish::ContentFilter),
];

/// The names of the dialects.
pub(super) const DIALECTS: [(&str, Dialect); 5] = [
    ("chat", Dialect::OpenAiChat),
    ("responses", Dialect::OpenAiResponses),
    ("messages", Dialect::AnthropicMessages),
    ("google", Dialect::GoogleGenerate),
    ("ollama", Dialect::OllamaChat),
];

/// The names that reasoning has in a chat completion.
pub(super) const REASONING_FIELDS: [&str; 2] = ["reasoning_content", "reasoning"];

fn named<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    let found = names.iter().find(|(_, known)| *known == value);
    found.map_or("", |(name, _)| name)
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| rule.fmt(f))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method.as_deref().unwrap_or("any"))?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        match self.times {
            Some(1) => f.write_str(" once")?,
            Some(times) => write!(f, " times {times}")?,
            None => {}
        }
        if let Some(nth) = self.nth {
            write!(f, " nth {nth}")?;
        }
        f.write_str("\n")?;
        for condition in &self.conditions {
            write!(f, "  when {} ", condition.pointer)?;
            match &condition.test {
                Test::Exists => f.write_str("exists\n"),
                Test::Absent => f.write_str("absent\n"),
                Test::Equals(value) => writeln!(f, "= {value}"),
                Test::Contains(value) => writeln!(f, "contains {value}"),
            }?;
        }
        if let Some(key) = &self.key {
            writeln!(f, "  key {key}")?;
        }
        if let Some(status) = self.status {
            writeln!(f, "  status {status}")?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "  header {name}: {value}")?;
        }
        self.body.fmt(f)?;
        self.edits.iter().try_for_each(|edit| edit.fmt(f))
    }
}

/// A text as a JSON string, which says every character on one line.
fn quoted(text: &str) -> Value {
    text.into()
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Json(value) => writeln!(f, "  json {value}"),
            Self::Text(text) => writeln!(f, "  body {}", quoted(text)),
            Self::Models(ids) => writeln!(f, "  models {}", ids.join(" ")),
            Self::Fixture(path) => writeln!(f, "  fixture {path}"),
            Self::Answer(answer) => answer.fmt(f),
            Self::Stream(items) => {
                f.write_str("  stream\n")?;
                items.iter().try_for_each(|item| match item {
                    Item::Data(data) => writeln!(f, "  data {data}"),
                    Item::Event { name, data } => writeln!(f, "  event {name} {data}"),
                    Item::Comment(text) => writeln!(f, "  comment {text}"),
                    Item::Bytes(text) => writeln!(f, "  bytes {}", quoted(text)),
                    Item::Timing(timing) => writeln!(f, "  {timing}"),
                })
            }
        }
    }
}

impl fmt::Display for AnswerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("  answer")?;
        if let Some(dialect) = self.dialect {
            write!(f, " {}", named(&DIALECTS, dialect))?;
        }
        f.write_str("\n")?;
        for part in &self.parts {
            match part {
                Block::Text(text) => writeln!(f, "    text {}", quoted(text)),
                Block::Thinking(text) => writeln!(f, "    thinking {}", quoted(text)),
                Block::ToolCall {
                    id,
                    name,
                    arguments,
                } => {
                    let id = if id.is_empty() { "-" } else { id };
                    writeln!(f, "    call {id} {name} {arguments}")
                }
            }?;
        }
        for (word, value) in [("id", &self.id), ("model", &self.model)] {
            if let Some(value) = value {
                writeln!(f, "    {word} {value}")?;
            }
        }
        if let Some(finish) = self.finish {
            writeln!(f, "    finish {}", named(&FINISHES, finish))?;
        }
        match self.usage {
            UsageText::Counted => {}
            UsageText::Absent => f.write_str("    no-usage\n")?,
            UsageText::Given(usage) => writeln!(
                f,
                "    usage input={} cached={} output={} reasoning={}",
                usage.input_tokens,
                usage.cached_tokens,
                usage.output_tokens,
                usage.reasoning_tokens
            )?,
        }
        match self.reasoning_field {
            Some(field) => writeln!(f, "    reasoning-field {field}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(gate) => write!(f, "pause {gate}"),
            Self::Release(gate) => write!(f, "release {gate}"),
            Self::Cut => f.write_str("cut"),
            Self::Reset => f.write_str("reset"),
            Self::Hang => f.write_str("hang"),
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(timing) => writeln!(f, "  before {timing}"),
            Self::AfterFrames(count, timing) => writeln!(f, "  after {count} frames {timing}"),
            Self::AfterBytes(count, timing) => writeln!(f, "  after {count} bytes {timing}"),
            Self::AtEnd(timing) => writeln!(f, "  {timing}"),
            Self::Drip(size) => writeln!(f, "  drip {size}"),
            Self::UntilClose => f.write_str("  until-close\n"),
            Self::Chunked => f.write_str("  chunked\n"),
            Self::Length(length) => writeln!(f, "  length {length}"),
        }
    }
}
