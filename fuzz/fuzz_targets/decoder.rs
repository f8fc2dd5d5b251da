//! Any bytes as the reply of a server, in each dialect and in any cut: no panic, and the cut changes nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use moltbot_llm::{Catalog, Decoder, Model, Reply, Request, ToolSpec};
use serde_json::json;

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let apis = [
        "openai-completions",
        "openai-responses",
        "anthropic-messages",
        "google-generative-ai",
        "ollama",
    ];
    apis.iter()
        .map(|api| {
            let config = json!({"models": {"providers": {"box": {
                "baseUrl": "http://127.0.0.1:1/v1", "api": api, "models": []}}}});
            let config = serde_json::from_value(config).expect("a valid configuration");
            Catalog::new(&config, &[])
                .resolve("box/m")
                .expect("a configured model")
        })
        .collect()
});

static REQUEST: LazyLock<Request> = LazyLock::new(|| Request {
    tools: vec![ToolSpec {
        name: "search".to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}),
    }],
    ..Request::default()
});

fn decode(model: &Model, body: &[u8], chunk: usize) -> Option<Reply> {
    let mut decoder = Decoder::new(model, &REQUEST, 0);
    for piece in body.chunks(chunk) {
        decoder.feed(piece);
    }
    decoder.finish(&mut Vec::new()).ok()
}

fuzz_target!(|data: &[u8]| {
    let Some((&[dialect, chunk], body)) = data.split_first_chunk() else {
        return;
    };
    let model = &MODELS[usize::from(dialect) % MODELS.len()];
    let whole = decode(model, body, usize::MAX);
    let cut = decode(model, body, usize::from(chunk).max(1));
    assert_eq!(whole, cut);
});
