//! Any text as what a model wrote to a request with tools, in any cut: no panic, only offered calls with arguments that
//! fit (but for harmony's calls, which are the model's native form and go up as they are), what was shown and not taken back is the answer, and the cut changes nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use moltbot_llm::{
    AssistantPart, Catalog, Event, Model, Reply, StopReason, TextDecoder, ToolSpec, Usage,
};
use serde_json::{Map, Value, json};

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let config = json!({"models": {"providers": {"box": {
        "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-completions", "models": []}}}});
    let config = serde_json::from_value(config).expect("a valid configuration");
    Catalog::new(&config, &[])
        .resolve("box/m")
        .expect("a configured model")
});

static TOOLS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    let search = json!({
        "type": "object",
        "properties": {
            "q": {"type": "string"},
            "n": {"type": "integer"},
            "deep": {"type": "boolean"},
            "near": {"type": "array", "items": {"type": "number"}},
            "with": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["q"],
        "additionalProperties": false,
    });
    [("search", search), ("ping", json!({"type": "object"}))]
        .into_iter()
        .map(|(name, parameters)| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters,
        })
        .collect()
});

fn decode<'a>(pieces: impl Iterator<Item = &'a str>) -> (Option<Reply>, String) {
    let mut decoder = TextDecoder::with_tools(&MODEL, 0, &TOOLS);
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(decoder.feed(piece));
    }
    let reply = decoder
        .finish(StopReason::Stop, Usage::default(), &mut events)
        .ok();
    let mut shown = String::new();
    for event in events {
        match event {
            Event::Text(piece) => shown.push_str(&piece),
            Event::TextWasThinking => shown.clear(),
            _ => {}
        }
    }
    (reply, shown)
}

fn check_calls(reply: &Reply) {
    for part in &reply.message.content {
        let AssistantPart::ToolCall(call) = part else {
            continue;
        };
        assert!(TOOLS.iter().any(|tool| tool.name == call.name), "{call:?}");
        let arguments: Map<String, Value> =
            serde_json::from_str(&call.arguments).expect("arguments are an object");
        if call.name == "search" {
            assert!(arguments.get("q").is_some_and(Value::is_string), "{call:?}");
            assert!(
                arguments.get("n").is_none_or(|n| n.as_f64().is_some()),
                "{call:?}"
            );
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[size], text)) = data.split_first_chunk() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let (whole, shown) = decode(std::iter::once(&*text));
    if let Some(reply) = &whole {
        if !text.contains("<|message|>") {
            check_calls(reply);
        }
        assert_eq!(shown, reply.message.text());
    }
    let size = usize::from(size % 16).max(1);
    let ends = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| at % size == 0);
    let starts: Vec<usize> = ends.chain([text.len()]).collect();
    let pieces = starts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
    assert_eq!(decode(pieces), (whole, shown));
});
