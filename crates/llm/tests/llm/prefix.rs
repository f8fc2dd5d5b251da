//! What was sent once is sent the same way ever after: a longer conversation begins with the shorter one.

use moltbot_llm::{
    Api, AssistantMessage, AssistantPart, Content, Image, Message, Request, StopReason, Thinking,
    ToolCall, ToolResultMessage, Usage, UserMessage, encode,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixture::model;

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => "[ -~é\n]{0,20}".prop_map(Content::text),
        1 => Just(Content::Image(Image {
            data: "aW1hZ2U=".to_owned(),
            mime_type: "image/png".to_owned(),
        })),
    ]
}

fn contents() -> impl Strategy<Value = Vec<Content>> {
    prop::collection::vec(content(), 0..4)
}

fn part() -> impl Strategy<Value = AssistantPart> {
    let signature = prop_oneof![
        Just("c2ln".to_owned()),
        Just(r#"{"type":"reasoning","id":"rs1","encrypted_content":"c2Vh"}"#.to_owned()),
    ];
    let arguments = prop_oneof![
        Just("{}".to_owned()),
        Just(r#"{"city": "Paris"}"#.to_owned()),
        "[ -~]{0,12}",
    ];
    prop_oneof![
        "[ -~é\n]{0,20}".prop_map(|text| AssistantPart::Text { text }),
        ("[a-z ]{0,12}", prop::option::of(signature)).prop_map(|(thinking, signature)| {
            AssistantPart::Thinking(Thinking {
                thinking,
                signature,
            })
        }),
        ("[a-z0-9]{1,9}", "[a-z_]{1,9}", arguments).prop_map(|(id, name, arguments)| {
            AssistantPart::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
        }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let apis = prop_oneof![
        Just("openai-completions"),
        Just("openai-responses"),
        Just("anthropic-messages"),
    ];
    let assistant = (
        prop::collection::vec(part(), 0..5),
        apis,
        prop_oneof![Just("m"), Just("other")],
    )
        .prop_map(|(content, api, model)| {
            Message::Assistant(AssistantMessage {
                content,
                api: api.to_owned(),
                provider: "box".to_owned(),
                model: model.to_owned(),
                usage: Usage::default(),
                stop_reason: StopReason::Stop,
                error_message: None,
                timestamp: 0,
            })
        });
    prop_oneof![
        contents().prop_map(|content| Message::User(UserMessage {
            content,
            timestamp: 0
        })),
        assistant,
        ("[a-z0-9]{1,9}", contents(), any::<bool>()).prop_map(|(id, content, is_error)| {
            Message::ToolResult(ToolResultMessage {
                tool_call_id: id,
                tool_name: "f".to_owned(),
                content,
                is_error,
                timestamp: 0,
            })
        }),
    ]
}

/// What is sent for these messages, as one flat list. In the Messages dialect neighbours of one role are joined and the
/// newest user block carries the cache mark, so there it is the list of blocks with their role, marks removed.
fn sent(api: Api, messages: &[Message]) -> Vec<Value> {
    let request = Request {
        system: "Be kind.".to_owned(),
        messages: messages.to_vec(),
        ..Request::default()
    };
    let body: Value = serde_json::from_slice(&encode(&model(api), &request)).unwrap();
    let field = match api {
        Api::OpenAiResponses => "input",
        _ => "messages",
    };
    let entries = body[field].as_array().unwrap().clone();
    if api != Api::AnthropicMessages {
        return entries;
    }
    let mut blocks = Vec::new();
    for entry in entries {
        for block in entry["content"].as_array().unwrap() {
            let mut block = block.clone();
            block.as_object_mut().unwrap().remove("cache_control");
            block["role"] = entry["role"].clone();
            blocks.push(block);
        }
    }
    blocks
}

proptest! {
    #[test]
    fn a_conversation_only_grows_at_its_end(
        messages in prop::collection::vec(message(), 1..9),
        first in any::<prop::sample::Index>(),
    ) {
        let (before, _) = messages.split_at(first.index(messages.len()));
        for api in [Api::OpenAiCompletions, Api::OpenAiResponses, Api::AnthropicMessages] {
            let (short, long) = (sent(api, before), sent(api, &messages));
            prop_assert!(long.starts_with(&short), "{api}: {short:?} does not begin {long:?}");
        }
    }

    #[test]
    fn the_same_request_is_the_same_bytes(messages in prop::collection::vec(message(), 0..5)) {
        let request = Request { messages, ..Request::default() };
        for api in [Api::OpenAiCompletions, Api::OpenAiResponses, Api::AnthropicMessages] {
            let copy = serde_json::to_vec(&request.messages).unwrap();
            let copy = Request { messages: serde_json::from_slice(&copy).unwrap(), ..Request::default() };
            prop_assert_eq!(encode(&model(api), &request), encode(&model(api), &copy), "{}", api);
        }
    }
}
