//! A request for an answer in any dialect, brought into one form.

use serde_json::{Map, Value};

use crate::answer::Dialect;

/// What is asked of the model.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) dialect: Dialect,
    pub(super) body: Map<String, Value>,
    pub(super) turns: Vec<Turn>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    /// The most output tokens, and the field that says so.
    pub(super) limit: Option<(&'static str, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// A message, or a part of one that counts for itself.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) role: Role,
    pub(super) text: String,
    /// The ids of the calls that an assistant made.
    pub(super) calls: Vec<String>,
    /// The id of the call that a result answers.
    pub(super) answers: Option<String>,
    /// Where the content is no string in a chat completion: the number of the message.
    pub(super) parts_at: Option<usize>,
    pub(super) has_image: bool,
}

impl Turn {
    fn new(role: Role) -> Self {
        Self {
            role,
            text: String::new(),
            calls: Vec::new(),
            answers: None,
            parts_at: None,
            has_image: false,
        }
    }
}

/// An offered tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) parameters: Value,
    pub(super) has_strict: bool,
}

/// What the request says about calling.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Free,
    Forbidden,
    Named(String),
}

/// A request that is not in its dialect's form.
#[derive(Debug)]
pub(super) struct Malformed {
    /// The field that is wrong.
    pub(super) field: &'static str,
    /// What is wrong with it.
    pub(super) reason: String,
}

fn malformed(field: &'static str, reason: impl Into<String>) -> Malformed {
    Malformed {
        field,
        reason: reason.into(),
    }
}

impl Ask {
    /// Reads a request's body.
    pub(super) fn read(dialect: Dialect, body: &[u8]) -> Result<Self, Malformed> {
        let body = match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => body,
            Ok(_) => return Err(malformed("body", "is no object")),
            Err(error) => return Err(malformed("body", error.to_string())),
        };
        let turns = match dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
                chat_turns(&body)?
            }
            Dialect::OpenAiResponses => response_turns(&body)?,
            Dialect::AnthropicMessages => message_turns(&body)?,
        };
        let limits: &[&'static str] = match dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
                &["max_completion_tokens", "max_tokens"]
            }
            Dialect::OpenAiResponses => &["max_output_tokens"],
            Dialect::AnthropicMessages => &["max_tokens"],
        };
        let limit = limits
            .iter()
            .find_map(|name| Some((*name, body.get(*name)?.as_u64()?)));
        if dialect == Dialect::AnthropicMessages && limit.is_none() {
            return Err(malformed("max_tokens", "Field required"));
        }
        Ok(Self {
            dialect,
            turns,
            tools: tools(dialect, &body)?,
            choice: choice(&body),
            limit,
            body,
        })
    }

    /// Whether the answer is to be streamed.
    pub(super) fn streams(&self) -> bool {
        self.body.get("stream") == Some(&Value::Bool(true))
    }

    /// The model asked for.
    pub(super) fn model(&self) -> &str {
        self.body
            .get("model")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The tokens of the prompt: see [`tokens`].
    pub(super) fn prompt_tokens(&self) -> u64 {
        let parts = ["messages", "input", "system", "instructions", "tools"];
        let length: usize = parts
            .iter()
            .filter_map(|name| self.body.get(*name))
            .map(|value| value.to_string().len())
            .sum();
        (length as u64).div_ceil(4)
    }

    /// The turns behind the last message of a user.
    pub(super) fn since_user(&self) -> &[Turn] {
        let last = self.turns.iter().rposition(|turn| turn.role == Role::User);
        &self.turns[last.map_or(0, |at| at + 1)..]
    }

    /// The text of the last message of a user.
    pub(super) fn asked(&self) -> &str {
        let mut turns = self.turns.iter().rev();
        let last = turns.find(|turn| turn.role == Role::User);
        last.map_or("", |turn| turn.text.as_str())
    }
}

/// The tokens of a text: one for every four bytes begun.
pub(super) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

fn array<'a>(body: &'a Map<String, Value>, name: &'static str) -> Result<&'a [Value], Malformed> {
    let value = body.get(name).and_then(Value::as_array);
    Ok(value.ok_or_else(|| malformed(name, "Input should be a valid list"))?)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Adds a content, a string or an array of parts, to a turn.
fn add_content(content: &Value, turn: &mut Turn) {
    match content {
        Value::String(text) => turn.text.push_str(text),
        Value::Array(parts) => {
            for part in parts {
                match part["type"].as_str() {
                    Some("image_url" | "input_image" | "image") => turn.has_image = true,
                    _ => turn.text.push_str(text_of(&part["text"])),
                }
            }
        }
        _ => {}
    }
}

fn role(name: &Value, field: &'static str) -> Result<Role, Malformed> {
    match name.as_str() {
        Some("system") => Ok(Role::System),
        Some("developer") => Ok(Role::Developer),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("tool") => Ok(Role::Tool),
        _ => Err(malformed(field, format!("the role {name} is unknown"))),
    }
}

fn chat_turns(body: &Map<String, Value>) -> Result<Vec<Turn>, Malformed> {
    let messages = array(body, "messages")?.iter().enumerate();
    let turns = messages.map(|(number, message)| {
        let mut turn = Turn::new(role(&message["role"], "messages")?);
        add_content(&message["content"], &mut turn);
        if message["content"].is_array() {
            turn.parts_at = Some(number);
        }
        if let Some(calls) = message["tool_calls"].as_array() {
            for call in calls {
                if !call["function"]["arguments"].is_string() {
                    return Err(malformed(
                        "messages",
                        "arguments of a call must be a string",
                    ));
                }
                turn.calls.push(text_of(&call["id"]).to_owned());
            }
        }
        if turn.role == Role::Tool {
            turn.answers = Some(text_of(&message["tool_call_id"]).to_owned());
        }
        Ok(turn)
    });
    turns.collect()
}

fn response_turns(body: &Map<String, Value>) -> Result<Vec<Turn>, Malformed> {
    let mut turns: Vec<Turn> = Vec::new();
    if let Some(instructions) = body.get("instructions").and_then(Value::as_str) {
        let mut turn = Turn::new(Role::System);
        turn.text = instructions.to_owned();
        turns.push(turn);
    }
    if let Some(text) = body.get("input").and_then(Value::as_str) {
        let mut turn = Turn::new(Role::User);
        turn.text = text.to_owned();
        turns.push(turn);
        return Ok(turns);
    }
    for item in array(body, "input")? {
        match item["type"].as_str() {
            None | Some("message") => {
                let mut turn = Turn::new(role(&item["role"], "input")?);
                add_content(&item["content"], &mut turn);
                turns.push(turn);
            }
            Some("function_call") => {
                let id = text_of(&item["call_id"]).to_owned();
                match turns.last_mut().filter(|turn| turn.role == Role::Assistant) {
                    Some(turn) => turn.calls.push(id),
                    None => {
                        let mut turn = Turn::new(Role::Assistant);
                        turn.calls.push(id);
                        turns.push(turn);
                    }
                }
            }
            Some("function_call_output") => {
                let mut turn = Turn::new(Role::Tool);
                add_content(&item["output"], &mut turn);
                turn.answers = Some(text_of(&item["call_id"]).to_owned());
                turns.push(turn);
            }
            Some("reasoning") => {}
            Some(other) => return Err(malformed("input", format!("the item {other} is unknown"))),
        }
    }
    Ok(turns)
}

fn message_turns(body: &Map<String, Value>) -> Result<Vec<Turn>, Malformed> {
    let mut turns = Vec::new();
    if let Some(system) = body.get("system") {
        let mut turn = Turn::new(Role::System);
        add_content(system, &mut turn);
        turns.push(turn);
    }
    for message in array(body, "messages")? {
        let role = role(&message["role"], "messages")?;
        if !matches!(role, Role::User | Role::Assistant) {
            let reason = format!("Unexpected role {}", message["role"]);
            return Err(malformed("messages", reason));
        }
        let mut turn = Turn::new(role);
        let Value::Array(blocks) = &message["content"] else {
            add_content(&message["content"], &mut turn);
            turns.push(turn);
            continue;
        };
        let mut has_content = false;
        for block in blocks {
            match block["type"].as_str() {
                Some("tool_use") => turn.calls.push(text_of(&block["id"]).to_owned()),
                Some("tool_result") => {
                    let mut result = Turn::new(Role::Tool);
                    add_content(&block["content"], &mut result);
                    result.answers = Some(text_of(&block["tool_use_id"]).to_owned());
                    turns.push(result);
                    continue;
                }
                Some("text" | "image" | "thinking" | "redacted_thinking") => {
                    add_content(&Value::Array(vec![block.clone()]), &mut turn);
                }
                _ => return Err(malformed("messages", "a block of an unknown type")),
            }
            has_content = true;
        }
        if has_content {
            turns.push(turn);
        }
    }
    Ok(turns)
}

fn tools(dialect: Dialect, body: &Map<String, Value>) -> Result<Vec<Tool>, Malformed> {
    if body.get("tools").is_none_or(Value::is_null) {
        return Ok(Vec::new());
    }
    let tools = array(body, "tools")?.iter().map(|entry| {
        let (inner, schema) = match dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
                (&entry["function"], "parameters")
            }
            Dialect::OpenAiResponses => (entry, "parameters"),
            Dialect::AnthropicMessages => (entry, "input_schema"),
        };
        let name = inner["name"].as_str();
        Ok(Tool {
            name: name
                .ok_or_else(|| malformed("tools", "a tool without a name"))?
                .to_owned(),
            parameters: inner[schema].clone(),
            has_strict: inner.get("strict").is_some(),
        })
    });
    tools.collect()
}

fn choice(body: &Map<String, Value>) -> Choice {
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let name = [&choice["function"]["name"], &choice["name"]]
        .into_iter()
        .find_map(Value::as_str);
    match (choice.as_str().or(choice["type"].as_str()), name) {
        (Some("none"), _) => Choice::Forbidden,
        (_, Some(name)) => Choice::Named(name.to_owned()),
        _ => Choice::Free,
    }
}
