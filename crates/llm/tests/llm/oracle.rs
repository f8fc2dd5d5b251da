//! A naive reading of recorded replies, by generic JSON alone: what they say, put together in the plainest way.

use moltbot_llm::{StopReason, Usage};
use moltbot_testkit::capture::Capture;
use serde_json::Value;

/// What a recorded reply says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) usage: Usage,
    /// The server's word for why it ended; `None` while no frame has said that it did.
    pub(crate) finish: Option<String>,
}

/// A call of a tool.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    /// What the stream calls it.
    key: String,
}

impl Said {
    /// Whether there is nothing for the person.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.calls.is_empty()
    }

    /// Why it stopped, in our words. A server that calls an answer complete though it has as many tokens as were
    /// allowed was cut by that limit.
    pub(crate) fn stop_reason(&self, max_tokens: Option<u64>) -> StopReason {
        let is_full = max_tokens.is_some_and(|max| self.usage.output >= max);
        match self.finish.as_deref().unwrap() {
            "length" | "max_tokens" | "incomplete" => StopReason::Length,
            "tool_calls" | "tool_use" => StopReason::ToolUse,
            _ if is_full => StopReason::Length,
            _ if !self.calls.is_empty() => StopReason::ToolUse,
            _ => StopReason::Stop,
        }
    }

    fn call(&mut self, key: &str) -> &mut Call {
        let known = self.calls.iter().position(|call| call.key == key);
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call {
                key: key.to_owned(),
                ..Call::default()
            });
            self.calls.len() - 1
        });
        &mut self.calls[at]
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The JSON of each whole `data:` line.
fn frames(body: &str) -> Vec<Value> {
    let whole = &body[..body.rfind('\n').map_or(0, |end| end + 1)];
    whole
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// What the first bytes of a reply say. Bytes that end inside a character are read up to it.
pub(crate) fn read(capture: &Capture, body: &[u8]) -> Said {
    let endpoint = endpoint(capture);
    let body = match std::str::from_utf8(body) {
        Ok(body) => body,
        Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).unwrap(),
    };
    let mut said = Said::default();
    if capture.is_event_stream() {
        for frame in frames(body) {
            match endpoint {
                "responses" => responses_frame(&frame, &mut said),
                "messages" => messages_frame(&frame, &mut said),
                _ => chat(&frame, "delta", &mut said),
            }
        }
    } else if let Ok(document) = serde_json::from_str::<Value>(body) {
        match endpoint {
            "responses" => response(&document, &mut said),
            "messages" => panic!("no recorded reply of this endpoint is whole"),
            _ => chat(&document, "message", &mut said),
        }
    }
    said
}

/// The word behind the server's name: `chat`, `responses`, `messages`, `err`, `models`, …
pub(crate) fn endpoint(capture: &Capture) -> &str {
    case(capture).split('_').next().unwrap()
}

/// Everything behind the server's name.
pub(crate) fn case(capture: &Capture) -> &str {
    capture.name.split_once('_').unwrap().1
}

fn chat(frame: &Value, place: &str, said: &mut Said) {
    let choice = &frame["choices"][0];
    let delta = &choice[place];
    said.text.push_str(text(&delta["content"]));
    said.thinking.push_str(text(&delta["reasoning_content"]));
    for (position, entry) in list(&delta["tool_calls"]).iter().enumerate() {
        let index = entry["index"].as_u64().unwrap_or(position as u64);
        let call = said.call(&index.to_string());
        call.id.push_str(text(&entry["id"]));
        call.name.push_str(text(&entry["function"]["name"]));
        call.arguments
            .push_str(text(&entry["function"]["arguments"]));
    }
    if let Some(reason) = choice["finish_reason"].as_str() {
        said.finish.get_or_insert(reason.to_owned());
    }
    let (usage, timings) = (&frame["usage"], &frame["timings"]);
    if usage.is_object() {
        let cached = number(&usage["prompt_tokens_details"]["cached_tokens"]);
        said.usage = Usage {
            input: number(&usage["prompt_tokens"]) - cached,
            output: number(&usage["completion_tokens"]),
            cache_read: cached,
            cache_write: 0,
        };
    } else if timings.is_object() {
        said.usage = Usage {
            input: number(&timings["prompt_n"]),
            output: number(&timings["predicted_n"]),
            cache_read: number(&timings["cache_n"]),
            cache_write: 0,
        };
    }
}

fn responses_frame(frame: &Value, said: &mut Said) {
    let item = &frame["item"];
    match text(&frame["type"]) {
        "response.output_text.delta" => said.text.push_str(text(&frame["delta"])),
        "response.reasoning_text.delta" => said.thinking.push_str(text(&frame["delta"])),
        "response.output_item.added" if item["type"] == "function_call" => {
            let call = said.call(text(&item["id"]));
            call.id = text(&item["call_id"]).to_owned();
            call.name = text(&item["name"]).to_owned();
        }
        "response.function_call_arguments.delta" => {
            let call = said.call(text(&frame["item_id"]));
            call.arguments.push_str(text(&frame["delta"]));
        }
        "response.completed" | "response.incomplete" => {
            let mut last = Said::default();
            response(&frame["response"], &mut last);
            said.usage = last.usage;
            said.finish = last.finish;
        }
        _ => {}
    }
}

fn response(object: &Value, said: &mut Said) {
    for item in list(&object["output"]) {
        match text(&item["type"]) {
            "message" => {
                for part in list(&item["content"]) {
                    said.text.push_str(text(&part["text"]));
                }
            }
            "reasoning" => {
                for part in list(&item["content"]) {
                    said.thinking.push_str(text(&part["text"]));
                }
            }
            "function_call" => {
                let call = said.call(text(&item["id"]));
                call.id = text(&item["call_id"]).to_owned();
                call.name = text(&item["name"]).to_owned();
                call.arguments = text(&item["arguments"]).to_owned();
            }
            _ => {}
        }
    }
    let usage = &object["usage"];
    let cached = number(&usage["input_tokens_details"]["cached_tokens"]);
    said.usage = Usage {
        input: number(&usage["input_tokens"]) - cached,
        output: number(&usage["output_tokens"]),
        cache_read: cached,
        cache_write: 0,
    };
    said.finish = object["status"].as_str().map(str::to_owned);
}

fn messages_frame(frame: &Value, said: &mut Said) {
    let (block, delta) = (&frame["content_block"], &frame["delta"]);
    let key = || frame["index"].to_string();
    if block["type"] == "tool_use" {
        let call = said.call(&key());
        call.id = text(&block["id"]).to_owned();
        call.name = text(&block["name"]).to_owned();
    }
    if let Some(json) = delta["partial_json"].as_str() {
        said.call(&key()).arguments.push_str(json);
    }
    said.text.push_str(text(&delta["text"]));
    said.thinking.push_str(text(&delta["thinking"]));
    if let Some(reason) = delta["stop_reason"].as_str() {
        said.finish = Some(reason.to_owned());
    }
    for usage in [&frame["message"]["usage"], &frame["usage"]] {
        let take = |name: &str, count: &mut u64| {
            if let Some(value) = usage[name].as_u64() {
                *count = value;
            }
        };
        take("input_tokens", &mut said.usage.input);
        take("output_tokens", &mut said.usage.output);
        take("cache_read_input_tokens", &mut said.usage.cache_read);
        take("cache_creation_input_tokens", &mut said.usage.cache_write);
    }
}
