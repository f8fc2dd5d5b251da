//! The Responses API, with the events of OpenAI's reference and the fields that vLLM
//! fills in.

use serde_json::{Value, json};

use super::{Answer, Block, CREATED, Finish, argument_pieces, typed_frame, words};

pub(super) fn frames(answer: &Answer) -> Vec<String> {
    let mut events = Events::default();
    for event in ["response.created", "response.in_progress"] {
        let response = response(answer, "in_progress", json!([]), Value::Null);
        events.push(event, json!({"response": response}));
    }
    for (index, block) in answer.blocks.iter().enumerate() {
        events.output_item(answer, index, block);
    }
    let status = status(answer);
    let event = format!("response.{status}");
    events.push(&event, json!({"response": body(answer)}));
    events.frames
}

pub(super) fn body(answer: &Answer) -> Value {
    let items: Vec<Value> = answer
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| finished_item(answer, index, block))
        .collect();
    response(answer, status(answer), items.into(), usage(answer))
}

/// The events so far; each gets the next sequence number.
#[derive(Default)]
struct Events {
    frames: Vec<String>,
}

impl Events {
    fn push(&mut self, event: &str, mut data: Value) {
        data["sequence_number"] = self.frames.len().into();
        data["type"] = event.into();
        self.frames.push(typed_frame(&data));
    }

    /// All events of one item of the output.
    fn output_item(&mut self, answer: &Answer, index: usize, block: &Block) {
        let id = item_id(answer, index, block);
        let added = match block {
            Block::Text(_) => message(&id, json!([]), "in_progress"),
            Block::Thinking(_) => reasoning(&id, json!([]), "in_progress"),
            Block::ToolCall { id: call, name, .. } => {
                function_call(&id, call, name, "", "in_progress")
            }
        };
        self.push(
            "response.output_item.added",
            json!({"item": added, "output_index": index}),
        );
        match block {
            Block::Text(text) => self.content_part(index, &id, "output_text", text, output_text),
            Block::Thinking(text) => {
                self.content_part(index, &id, "reasoning_text", text, reasoning_text);
            }
            Block::ToolCall {
                name, arguments, ..
            } => {
                for piece in argument_pieces(arguments) {
                    self.push(
                        "response.function_call_arguments.delta",
                        json!({"delta": piece, "item_id": id, "output_index": index}),
                    );
                }
                self.push(
                    "response.function_call_arguments.done",
                    json!({"arguments": arguments, "item_id": id, "name": name, "output_index": index}),
                );
            }
        }
        self.push(
            "response.output_item.done",
            json!({"item": finished_item(answer, index, block), "output_index": index}),
        );
    }

    /// The events of the one content part of a message or a reasoning item. `kind` is the
    /// part's type and the middle of its events' names; `part` makes the part of a text.
    fn content_part(
        &mut self,
        index: usize,
        id: &str,
        kind: &str,
        text: &str,
        part: fn(&str) -> Value,
    ) {
        let place = || json!({"content_index": 0, "item_id": id, "output_index": index});
        let with = |field: &str, value: Value| {
            let mut data = place();
            data[field] = value;
            data
        };
        self.push("response.content_part.added", with("part", part("")));
        for word in words(text) {
            let mut data = with("delta", word.into());
            if kind == "output_text" {
                data["logprobs"] = json!([]);
            }
            self.push(&format!("response.{kind}.delta"), data);
        }
        let mut done = with("text", text.into());
        if kind == "output_text" {
            done["logprobs"] = json!([]);
        }
        self.push(&format!("response.{kind}.done"), done);
        self.push("response.content_part.done", with("part", part(text)));
    }
}

fn item_id(answer: &Answer, index: usize, block: &Block) -> String {
    let prefix = match block {
        Block::Text(_) => "msg",
        Block::Thinking(_) => "rs",
        Block::ToolCall { .. } => "fc",
    };
    let name = answer.id.strip_prefix("resp_").unwrap_or(&answer.id);
    format!("{prefix}_{name}_{index}")
}

/// An item at its end. The last one of an answer that was cut short is incomplete.
fn finished_item(answer: &Answer, index: usize, block: &Block) -> Value {
    let is_last = index + 1 == answer.blocks.len();
    let status = if is_last { status(answer) } else { "completed" };
    let id = item_id(answer, index, block);
    match block {
        Block::Text(text) => message(&id, json!([output_text(text)]), status),
        Block::Thinking(text) => reasoning(&id, json!([reasoning_text(text)]), status),
        Block::ToolCall {
            id: call,
            name,
            arguments,
        } => function_call(&id, call, name, arguments, status),
    }
}

fn message(id: &str, content: Value, status: &str) -> Value {
    json!({
        "id": id,
        "content": content,
        "role": "assistant",
        "status": status,
        "type": "message",
    })
}

fn reasoning(id: &str, content: Value, status: &str) -> Value {
    json!({
        "id": id,
        "summary": [],
        "type": "reasoning",
        "content": content,
        "encrypted_content": null,
        "status": status,
    })
}

fn function_call(id: &str, call: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({
        "arguments": arguments,
        "call_id": call,
        "name": name,
        "type": "function_call",
        "id": id,
        "status": status,
    })
}

fn output_text(text: &str) -> Value {
    json!({"annotations": [], "text": text, "type": "output_text", "logprobs": []})
}

fn reasoning_text(text: &str) -> Value {
    json!({"text": text, "type": "reasoning_text"})
}

fn status(answer: &Answer) -> &'static str {
    match answer.finish_reason() {
        Finish::Stop | Finish::ToolCalls => "completed",
        Finish::Length | Finish::ContentFilter => "incomplete",
    }
}

fn response(answer: &Answer, status: &str, output: Value, usage: Value) -> Value {
    let incomplete = match (status, answer.finish_reason()) {
        ("incomplete", Finish::Length) => json!({"reason": "max_output_tokens"}),
        ("incomplete", Finish::ContentFilter) => json!({"reason": "content_filter"}),
        _ => Value::Null,
    };
    json!({
        "id": answer.id,
        "created_at": CREATED,
        "incomplete_details": incomplete,
        "instructions": null,
        "metadata": null,
        "model": answer.model_name(),
        "object": "response",
        "output": output,
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "background": false,
        "max_output_tokens": null,
        "previous_response_id": null,
        "reasoning": null,
        "service_tier": "auto",
        "status": status,
        "text": null,
        "truncation": "disabled",
        "usage": usage,
        "user": null,
    })
}

fn usage(answer: &Answer) -> Value {
    let usage = answer.usage_or_zero();
    json!({
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    })
}
