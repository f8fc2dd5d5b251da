//! Streams that deviate as real servers' streams do.

use serde_json::{Value, json};

use super::capabilities::Oddities;
use crate::answer::Dialect;

/// How many bytes the filler of a huge frame has.
const HUGE: usize = 1_200_000;

/// A frame taken apart.
struct Frame {
    event: Option<String>,
    data: Data,
}

enum Data {
    Json(Value),
    /// `[DONE]`.
    Text(String),
}

impl Frame {
    fn read(text: &str) -> Self {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let data = field("data: ").unwrap_or_default();
        Self {
            event: field("event: ").map(str::to_owned),
            data: match serde_json::from_str(data) {
                Ok(json) => Data::Json(json),
                Err(_) => Data::Text(data.to_owned()),
            },
        }
    }

    fn json(&self) -> &Value {
        match &self.data {
            Data::Json(json) => json,
            Data::Text(_) => &Value::Null,
        }
    }

    fn json_mut(&mut self) -> Option<&mut Value> {
        match &mut self.data {
            Data::Json(json) => Some(json),
            Data::Text(_) => None,
        }
    }

    fn kind(&self) -> &str {
        self.json()["type"].as_str().unwrap_or_default()
    }

    /// The pieces of calls in a chat completion's frame.
    fn calls_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.json_mut()
            .and_then(|json| json.pointer_mut("/choices/0/delta/tool_calls"))
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
    }

    fn write(&self) -> String {
        let event = match &self.event {
            Some(name) => format!("event: {name}\n"),
            None => String::new(),
        };
        match &self.data {
            Data::Json(json) => format!("{event}data: {json}\n\n"),
            Data::Text(text) => format!("{event}data: {text}\n\n"),
        }
    }
}

/// The frames of an answer with these deviations.
pub(super) fn deviate(
    dialect: Dialect,
    frames: &[String],
    odd: &Oddities,
    both: bool,
) -> Vec<String> {
    let mut frames: Vec<Frame> = frames.iter().map(|frame| Frame::read(frame)).collect();
    match dialect {
        Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
            chat(&mut frames, odd, both)
        }
        Dialect::OpenAiResponses => responses(&mut frames, odd),
        Dialect::AnthropicMessages => messages(&mut frames, odd),
    }
    if odd.huge_frame
        && let Some(first) = frames.first_mut().and_then(Frame::json_mut)
    {
        first["padding"] = "x".repeat(HUGE).into();
    }
    let mut written = Vec::new();
    for frame in &frames {
        if odd.comments {
            written.push(": PROCESSING\n\n".to_owned());
        }
        written.push(frame.write());
    }
    if odd.carriage_returns {
        for frame in &mut written {
            *frame = frame.replace('\n', "\r\n");
        }
    }
    written
}

fn chat(frames: &mut Vec<Frame>, odd: &Oddities, both: bool) {
    if odd.whole_arguments || odd.index_zero {
        join_arguments(frames);
    }
    for frame in frames.iter_mut() {
        for call in frame.calls_mut() {
            let is_later = call.get("id").is_none();
            if is_later && odd.later_names_empty {
                call["function"]["name"] = "".into();
            }
            if !is_later && odd.empty_ids {
                call["id"] = "".into();
            }
            if odd.index_zero {
                call["index"] = 0.into();
            }
        }
        let Some(choice) = frame
            .json_mut()
            .and_then(|json| json.pointer_mut("/choices/0"))
        else {
            continue;
        };
        if both && let Some(text) = choice["delta"].get("reasoning_content").cloned() {
            choice["delta"]["reasoning"] = text;
        }
        if odd.empty_tool_calls && choice["delta"].get("content").is_some() {
            choice["delta"]["tool_calls"] = json!([]);
        }
        if odd.stop_with_calls && choice["finish_reason"] == "tool_calls" {
            choice["finish_reason"] = "stop".into();
        }
    }
    let is_usage = |frame: &Frame| frame.json()["usage"].is_object();
    let finish = frames
        .iter()
        .position(|frame| frame.json()["choices"][0]["finish_reason"].is_string());
    let Some(finish) = finish else { return };
    if odd.usage_in_last_choice
        && let Some(at) = frames.iter().position(is_usage)
    {
        let usage = frames[at].json()["usage"].clone();
        if let Some(json) = frames[finish].json_mut() {
            json["usage"] = usage;
        }
        frames.remove(at);
    }
    if odd.finish_twice {
        let again = Frame::read(&frames[finish].write());
        frames.insert(finish + 1, again);
    }
    if odd.no_done {
        frames.retain(|frame| matches!(frame.data, Data::Json(_)));
    }
}

/// Puts all pieces of a call into the frame that begins it.
fn join_arguments(frames: &mut Vec<Frame>) {
    let mut joined: Vec<Frame> = Vec::new();
    for mut frame in std::mem::take(frames) {
        let piece = frame.calls_mut().next().map(|call| {
            let arguments = call["function"]["arguments"].as_str();
            (
                call.get("id").is_some(),
                arguments.unwrap_or_default().to_owned(),
            )
        });
        let begun = joined.last_mut().and_then(|frame| frame.calls_mut().next());
        match (piece, begun) {
            (Some((false, piece)), Some(call)) => {
                let arguments = &mut call["function"]["arguments"];
                *arguments = format!("{}{piece}", arguments.as_str().unwrap_or_default()).into();
            }
            _ => joined.push(frame),
        }
    }
    *frames = joined;
}

fn responses(frames: &mut Vec<Frame>, odd: &Oddities) {
    const DELTA: &str = "response.function_call_arguments.delta";
    const DONE: &str = "response.function_call_arguments.done";
    if odd.arguments_at_done || odd.lm_studio_order {
        frames.retain(|frame| frame.kind() != DELTA);
    } else if odd.whole_arguments {
        let mut joined = Vec::new();
        for frame in std::mem::take(frames) {
            if frame.kind() == DONE {
                let mut delta = frame.json().clone();
                delta["type"] = DELTA.into();
                delta["delta"] = delta["arguments"].take();
                joined.push(Frame {
                    event: Some(DELTA.to_owned()),
                    data: Data::Json(delta),
                });
            }
            if frame.kind() != DELTA {
                joined.push(frame);
            }
        }
        *frames = joined;
    }
    for frame in frames.iter_mut() {
        let kind = frame.kind().to_owned();
        let Some(json) = frame.json_mut() else {
            continue;
        };
        if odd.empty_ids && json["item"]["type"] == "function_call" {
            json["item"]["call_id"] = "".into();
        }
        if odd.empty_item_at_done
            && kind == "response.output_item.done"
            && json["item"]["type"] == "function_call"
        {
            json["item"]["arguments"] = "{}".into();
        }
        let items = json.pointer_mut("/response/output");
        for item in items.and_then(Value::as_array_mut).into_iter().flatten() {
            if odd.other_final_ids {
                item["id"] = format!("{}_final", item["id"].as_str().unwrap_or_default()).into();
            }
            if odd.empty_ids && item["type"] == "function_call" {
                item["call_id"] = "".into();
            }
        }
    }
    if odd.lm_studio_order {
        frames.sort_by_key(|frame| match frame.kind() {
            "response.created" => 0,
            "response.in_progress" => 1,
            "response.output_item.added" => 2,
            "response.output_item.done" => 4,
            DONE => 5,
            "response.completed" | "response.incomplete" | "response.failed" => 6,
            _ => 3,
        });
    }
    for (number, frame) in frames.iter_mut().enumerate() {
        if let Some(json) = frame.json_mut() {
            json["sequence_number"] = number.into();
        }
    }
}

fn messages(frames: &mut Vec<Frame>, odd: &Oddities) {
    for frame in frames.iter_mut() {
        if let Some(json) = frame.json_mut()
            && odd.stop_with_calls
            && json["delta"]["stop_reason"] == "tool_use"
        {
            json["delta"]["stop_reason"] = "end_turn".into();
        }
    }
    if odd.whole_arguments {
        let mut joined: Vec<Frame> = Vec::new();
        for frame in std::mem::take(frames) {
            let piece = frame.json()["delta"]["partial_json"].as_str();
            let before = joined.last_mut().and_then(Frame::json_mut);
            match (piece, before) {
                (Some(piece), Some(before)) if before["delta"]["partial_json"].is_string() => {
                    let known = before["delta"]["partial_json"].as_str().unwrap_or_default();
                    before["delta"]["partial_json"] = format!("{known}{piece}").into();
                }
                _ => joined.push(frame),
            }
        }
        *frames = joined;
    }
}
