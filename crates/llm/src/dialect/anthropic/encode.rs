//! A request as a Messages body.

use serde_json::{Map, Value, json};

use crate::message::{AssistantMessage, AssistantPart, Content, Message};
use crate::model::{Api, Model};
use crate::request::{Request, ThinkingLevel, ToolChoice};

/// The whole body, with cache marks on the system prompt, the last tool and the last user block: tools and system are
/// read from the cache by every later turn, the history by the next one.
pub(crate) fn encode(model: &Model, request: &Request) -> Value {
    let mark = cache_mark(model);
    let plain = model.repairs.plain_content;
    let budget = thinking_budget(model, request);
    let mut body = Map::new();
    body.insert("model".into(), json!(model.reference.model));
    let asked = request.max_tokens.unwrap_or(model.max_tokens);
    let (max_tokens, budget) = fit_budget(asked, budget, model.max_tokens);
    body.insert("max_tokens".into(), max_tokens.into());
    body.insert("stream".into(), true.into());
    if !request.tools.is_empty() {
        let last = request.tools.len() - 1;
        let tools: Vec<Value> = request
            .tools
            .iter()
            .enumerate()
            .map(|(index, tool)| {
                let mut entry = json!({
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.parameters,
                });
                if index == last && !plain {
                    entry["cache_control"] = mark.clone();
                }
                entry
            })
            .collect();
        body.insert("tools".into(), tools.into());
        let choice = match &request.tool_choice {
            ToolChoice::Auto => None,
            ToolChoice::Required => Some(json!({"type": "any"})),
            ToolChoice::None => Some(json!({"type": "none"})),
            ToolChoice::Named(name) => Some(json!({"type": "tool", "name": name})),
        };
        if let Some(choice) = choice {
            body.insert("tool_choice".into(), choice);
        }
    }
    if !request.system.is_empty() {
        let system = match plain {
            true => json!(request.system),
            false => json!([{"type": "text", "text": request.system, "cache_control": mark}]),
        };
        body.insert("system".into(), system);
    }
    body.insert("messages".into(), messages(model, request, &mark).into());
    match budget {
        Some(budget) => {
            body.insert(
                "thinking".into(),
                json!({"type": "enabled", "budget_tokens": budget}),
            );
        }
        // The API takes no temperature together with thinking.
        None => {
            if let Some(temperature) = request.temperature {
                body.insert("temperature".into(), temperature.into());
            }
        }
    }
    body.into()
}

fn cache_mark(model: &Model) -> Value {
    match model.cache_ttl.as_deref() {
        Some("1h") => json!({"type": "ephemeral", "ttl": "1h"}),
        _ => json!({"type": "ephemeral"}),
    }
}

fn thinking_budget(model: &Model, request: &Request) -> Option<u64> {
    if !model.reasoning || forces_a_tool(request) || resumes_without_thinking(model, request) {
        return None;
    }
    match request.thinking {
        ThinkingLevel::Off => None,
        ThinkingLevel::Minimal => Some(1024),
        ThinkingLevel::Low => Some(2048),
        ThinkingLevel::Medium => Some(8192),
        ThinkingLevel::High | ThinkingLevel::Xhigh => Some(16384),
    }
}

/// The API takes no thinking together with a forced tool.
fn forces_a_tool(request: &Request) -> bool {
    !request.tools.is_empty()
        && matches!(
            request.tool_choice,
            ToolChoice::Required | ToolChoice::Named(_)
        )
}

/// Whether a turn goes on after tool calls that were made without thinking of this model's own (by another model, say).
/// With thinking on, the API refuses such a history.
fn resumes_without_thinking(model: &Model, request: &Request) -> bool {
    let last = request
        .messages
        .iter()
        .rev()
        .find_map(|message| match message {
            Message::Assistant(assistant) => Some(assistant),
            _ => None,
        });
    last.is_some_and(|last| {
        let blocks = assistant_blocks(model, last);
        let begins_with_thinking = blocks.first().is_some_and(|block| {
            block["type"] == "thinking" || block["type"] == "redacted_thinking"
        });
        last.tool_calls().next().is_some() && !begins_with_thinking
    })
}

/// The output limit covers the thinking too: it is raised by the budget as far as the model allows, and the budget gives
/// way where that leaves no room. The API refuses budgets under 1,024 tokens.
fn fit_budget(asked: u64, budget: Option<u64>, model_max: u64) -> (u64, Option<u64>) {
    let Some(budget) = budget else {
        return (asked, None);
    };
    let max_tokens = (asked + budget).min(model_max.max(asked));
    let budget = if max_tokens > budget {
        budget
    } else {
        max_tokens.saturating_sub(1024)
    };
    (max_tokens, Some(budget).filter(|b| *b >= 1024))
}

/// Roles alternate, so neighbours of one role are joined; tool results are user content.
fn messages(model: &Model, request: &Request, mark: &Value) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut push = |role: &'static str, blocks: Vec<Value>| {
        if blocks.is_empty() {
            return;
        }
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    };
    for message in &request.messages {
        match message {
            Message::User(user) => push("user", user.content.iter().filter_map(block).collect()),
            Message::Assistant(assistant) => push("assistant", assistant_blocks(model, assistant)),
            Message::ToolResult(result) => {
                let content: Vec<Value> = result.content.iter().filter_map(block).collect();
                let mut entry = json!({
                    "type": "tool_result",
                    "tool_use_id": result.tool_call_id,
                    "content": content,
                });
                if result.is_error {
                    entry["is_error"] = true.into();
                }
                push("user", vec![entry]);
            }
        }
    }
    if !model.repairs.plain_content
        && let Some((_, blocks)) = turns.iter_mut().rev().find(|(role, _)| *role == "user")
        && let Some(last) = blocks.last_mut()
    {
        last["cache_control"] = mark.clone();
    }
    turns
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect()
}

/// Blank text blocks are refused by the API and carry nothing.
fn block(part: &Content) -> Option<Value> {
    match part {
        Content::Text { text, .. } if text.trim().is_empty() => None,
        Content::Text { text, .. } => Some(json!({"type": "text", "text": text})),
        Content::Image(image) => Some(json!({"type": "image", "source": {
            "type": "base64",
            "media_type": image.mime_type,
            "data": image.data,
        }})),
    }
}

fn assistant_blocks(model: &Model, assistant: &AssistantMessage) -> Vec<Value> {
    let own = assistant.api == Api::AnthropicMessages.as_str()
        && assistant.provider == model.reference.provider
        && assistant.model == model.reference.model;
    let mut blocks = Vec::new();
    for part in &assistant.content {
        match part {
            AssistantPart::Text { text } if text.trim().is_empty() => {}
            AssistantPart::Text { text } => blocks.push(json!({"type": "text", "text": text})),
            AssistantPart::Thinking(thinking) => {
                // Only the model that signed a block accepts it back.
                if let (true, Some(signature)) = (own, &thinking.signature) {
                    blocks.push(if thinking.thinking.is_empty() {
                        json!({"type": "redacted_thinking", "data": signature})
                    } else {
                        json!({"type": "thinking", "thinking": thinking.thinking, "signature": signature})
                    });
                }
            }
            AssistantPart::ToolCall(call) => {
                let input: Value = serde_json::from_str(&call.arguments)
                    .ok()
                    .filter(Value::is_object)
                    .unwrap_or_else(|| json!({}));
                blocks.push(json!({
                    "type": "tool_use", "id": call.id, "name": call.name, "input": input,
                }));
            }
        }
    }
    blocks
}
