//! Replies of every dialect, cut wherever a network may cut them.

use moltbot_llm::{Api, FailureClass, Model, Request, ToolSpec};
use moltbot_testkit::{
    Part, anthropic_messages, google_generate, ollama_chat, openai_chat, openai_responses,
};
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{Outcome, decode, hi, model};

/// Every dialect with the stream of one answer that holds everything.
fn streams() -> Vec<(Model, String)> {
    let call = |id, name| Part::ToolCall {
        id,
        name,
        arguments: r#"{"city":"Köln"}"#,
    };
    let parts = [
        Part::Thinking("Naïve?"),
        Part::Text("Grüße 👋."),
        call("call_1", "get_weather"),
        call("call_2", "get_time"),
    ];
    [
        (Api::OpenAiCompletions, openai_chat(&parts)),
        (Api::OpenAiResponses, openai_responses(&parts)),
        (Api::AnthropicMessages, anthropic_messages(&parts)),
        (Api::GoogleGenerativeAi, google_generate(&parts)),
        (Api::Ollama, ollama_chat(&parts)),
    ]
    .into_iter()
    .map(|(api, answer)| (model(api), answer.model("m").frames().concat()))
    .collect()
}

fn offering() -> Request {
    let tools = ["get_weather", "get_time"].map(|name| ToolSpec {
        name: name.to_owned(),
        description: "A tool.".to_owned(),
        parameters: json!({"type": "object"}),
    });
    Request {
        tools: tools.into(),
        ..hi()
    }
}

fn whole(model: &Model, body: &str) -> Outcome {
    let outcome = decode(model, &offering(), [body.as_bytes()]);
    let reply = outcome.reply();
    assert_eq!(reply.message.text(), "Grüße 👋.");
    assert_eq!(reply.message.tool_calls().count(), 2);
    outcome
}

#[test]
fn a_stream_cut_at_any_byte_is_whole_or_a_failure() {
    let request = offering();
    for (model, body) in streams() {
        // Seven times as long as the others for the same answer; a short recorded one is cut elsewhere.
        if model.api == Api::OpenAiResponses {
            continue;
        }
        let whole = whole(&model, &body);
        for end in 0..body.len() {
            let part = &body.as_bytes()[..end];
            match decode(&model, &request, [part]).result {
                Ok(reply) => assert_eq!(
                    reply.message.content,
                    whole.reply().message.content,
                    "{} up to byte {end}",
                    model.api
                ),
                Err(failure) => {
                    let class = failure.class;
                    assert_eq!(
                        class,
                        FailureClass::StreamCut,
                        "{} up to byte {end}",
                        model.api
                    );
                }
            }
        }
    }
}

#[test]
fn a_stream_in_single_bytes_is_the_same_in_the_same_events() {
    for (model, body) in streams() {
        let bytes = decode(&model, &offering(), body.as_bytes().chunks(1));
        assert_eq!(bytes, whole(&model, &body), "{}", model.api);
    }
}

proptest! {
    #[test]
    fn a_stream_in_any_pieces_is_the_same_in_the_same_events(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for (model, body) in streams() {
            let bytes = body.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut from = 0;
            let mut pieces = Vec::new();
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(decode(&model, &offering(), pieces), whole(&model, &body), "{}", model.api);
        }
    }

    #[test]
    fn any_object_is_a_reply_or_a_failure(
        text in "[ -~é\n]{0,30}",
        odd in prop_oneof![
            Just(json!(null)), Just(json!(1)), Just(json!("x")), Just(json!([])), Just(json!({})),
            Just(json!([{"parts": 1}])), Just(json!({"parts": [null]})),
        ],
        fields in prop::collection::vec(prop::sample::select(vec![
            "candidates", "promptFeedback", "usageMetadata", "modelVersion", "error", "message", "done",
            "done_reason", "prompt_eval_count", "eval_count", "model",
        ]), 0..4),
    ) {
        let mut google = json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]});
        let mut ollama = json!({"message": {"content": text}, "done": true});
        for field in fields {
            google[field] = odd.clone();
            ollama[field] = odd.clone();
        }
        for (api, object) in [(Api::GoogleGenerativeAi, google), (Api::Ollama, ollama)] {
            for body in [format!("data: {object}\n\n"), object.to_string(), format!("{object}\n")] {
                // Either way; what it must not do is panic.
                let _ = decode(&model(api), &hi(), [body.as_bytes()]).result;
            }
        }
    }
}
