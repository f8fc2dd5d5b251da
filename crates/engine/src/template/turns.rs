//! The messages of a conversation in the shape that chat templates read: role, content, tool calls.

use moltbot_llm::{AssistantMessage, CallForm, Content, Message, ToolSpec, tool_response};
use serde_json::{Value, json};

use super::{Conversation, TemplateAbilities};

/// Marks where a spelled-out control token is cut. A noncharacter, so no text has it; where one does, it is dropped.
pub(super) const CUT: char = '\u{fdd0}';

/// `text` with every control token in it cut after its first character, so that no message can close its own turn.
pub fn literal(text: &str, control: &[String]) -> String {
    let mut text = if text.contains(CUT) {
        text.replace(CUT, "")
    } else {
        text.to_owned()
    };
    // A vocabulary has hundreds of control tokens, nearly all with the same beginning, and most texts have none of it.
    let mut beginning: Option<(&str, bool)> = None;
    for token in control {
        let mut borders = token.char_indices().map(|(at, _)| at).skip(1);
        let Some(second) = borders.next() else {
            continue;
        };
        let head = &token[..borders.next().unwrap_or(token.len())];
        let present = match beginning {
            Some((same, present)) if same == head => present,
            _ => text.contains(head),
        };
        beginning = Some((head, present));
        if present && text.contains(token.as_str()) {
            let (first, rest) = token.split_at(second);
            text = text.replace(token.as_str(), &format!("{first}{CUT}{rest}"));
        }
    }
    text
}

/// The tools in the form of the OpenAI API, which is what templates expect.
pub(super) fn tools(tools: &[ToolSpec], control: &[String]) -> Vec<Value> {
    tools
        .iter()
        .map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name,
                "description": literal(&tool.description, control),
                "parameters": literal_json(&tool.parameters, control),
            }})
        })
        .collect()
}

/// A value with every control token in its texts cut.
fn literal_json(value: &Value, control: &[String]) -> Value {
    let text = value.to_string();
    let cut = literal(&text, control);
    if cut == text {
        return value.clone();
    }
    // A cut within a text leaves it a text.
    serde_json::from_str(&cut).unwrap_or_default()
}

/// The messages, in the form that a template of these abilities takes.
pub(super) fn turns(
    conversation: &Conversation,
    abilities: TemplateAbilities,
    form: CallForm,
    control: &[String],
) -> Vec<Value> {
    let mut turns: Vec<Value> = Vec::new();
    for message in &conversation.messages {
        match message {
            Message::User(user) => {
                turns.push(turn("user", &literal(&text_of(&user.content), control)));
            }
            Message::Assistant(answer) => turns.push(assistant(answer, abilities, form, control)),
            Message::ToolResult(result) => {
                let text = text_of(&result.content);
                turns.push(if abilities.tool_calls {
                    json!({
                        "role": "tool",
                        "name": result.tool_name,
                        "tool_call_id": result.tool_call_id,
                        "content": literal(&text, control),
                    })
                } else {
                    let told = tool_response(&text, result.is_error);
                    turn("user", &literal(&told, control))
                });
            }
        }
    }
    if !abilities.any_order {
        alternate(&mut turns);
    }
    let mut system = conversation.system.clone();
    if !abilities.tools && !conversation.tools.is_empty() {
        if !system.is_empty() {
            system.push_str("\n\n");
        }
        system.push_str(&form.introduction(&conversation.tools));
    }
    let system = literal(&system, control);
    if !system.is_empty() {
        if abilities.system {
            turns.insert(0, turn("system", &system));
        } else {
            fold_into_first_user(&mut turns, &system);
        }
    }
    turns
}

fn turn(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

fn assistant(
    answer: &AssistantMessage,
    abilities: TemplateAbilities,
    form: CallForm,
    control: &[String],
) -> Value {
    let mut text = answer.text();
    if !abilities.tool_calls {
        if answer.tool_calls().next().is_some() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&form.write(answer.tool_calls()));
        }
        return turn("assistant", &literal(&text, control));
    }
    let calls: Vec<Value> = answer
        .tool_calls()
        .map(|call| {
            // Templates write the arguments as JSON themselves, so they want the value, not its text.
            let arguments = serde_json::from_str(&literal(&call.arguments, control))
                .unwrap_or_else(|_| Value::String(literal(&call.arguments, control)));
            json!({"id": call.id, "type": "function", "function": {
                "name": call.name,
                "arguments": arguments,
            }})
        })
        .collect();
    let mut turn = turn("assistant", &literal(&text, control));
    if !calls.is_empty() {
        turn["tool_calls"] = Value::Array(calls);
    }
    turn
}

fn text_of(content: &[Content]) -> String {
    let parts: Vec<&str> = content
        .iter()
        .map(|part| match part {
            Content::Text { text, .. } => text.as_str(),
            Content::Image(_) => "[an image, which this model cannot see]",
        })
        .collect();
    parts.join("\n")
}

/// Joins neighbours of the same role and lets the user begin. Tool calls and results keep their own order.
fn alternate(turns: &mut Vec<Value>) {
    let mut joined: Vec<Value> = Vec::with_capacity(turns.len());
    for turn in turns.drain(..) {
        let plain = |turn: &Value| turn["role"] != "tool" && turn.get("tool_calls").is_none();
        match joined.last_mut() {
            Some(last) if last["role"] == turn["role"] && plain(last) && plain(&turn) => {
                let text = format!(
                    "{}\n\n{}",
                    last["content"].as_str().unwrap_or_default(),
                    turn["content"].as_str().unwrap_or_default()
                );
                last["content"] = Value::String(text);
            }
            _ => joined.push(turn),
        }
    }
    if joined.first().is_none_or(|first| first["role"] != "user") {
        joined.insert(0, turn("user", "(The conversation goes on.)"));
    }
    *turns = joined;
}

fn fold_into_first_user(turns: &mut Vec<Value>, system: &str) {
    match turns.iter_mut().find(|turn| turn["role"] == "user") {
        Some(first) => {
            let text = format!(
                "{system}\n\n{}",
                first["content"].as_str().unwrap_or_default()
            );
            first["content"] = Value::String(text);
        }
        None => turns.insert(0, turn("user", system)),
    }
}
