//! What was sent once is sent the same way ever after: a longer conversation begins with the shorter one.

use moltbot_llm::{
    Api, AssistantMessage, AssistantPart, Content, Image, Message, Provenance, Request, StopReason,
    Thinking, ToolCall, ToolResultMessage, ToolSpec, Usage, UserMessage, encode,
};
use moltbot_testkit::{Part, google_generate, ollama_chat};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{decode, model};

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
            4 => "[ -~é\n]{0,20}".prop_map(|text| Content::text(text, Provenance::Owner)),
            1 => Just(Content::Image(Image {
                data: "aW1hZ2U=".to_owned(),
                mime_type: "image/png".to_owned(),
    from: Provenance::Owner,
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
        Just("google-generative-ai"),
        Just("ollama"),
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

const APIS: [Api; 5] = [
    Api::OpenAiCompletions,
    Api::OpenAiResponses,
    Api::AnthropicMessages,
    Api::GoogleGenerativeAi,
    Api::Ollama,
];

/// What is sent for these messages, as one flat list. In the Messages dialect neighbours of one role are joined and the
/// newest user block carries the cache mark, so there it is the list of blocks with their role, marks removed; Google's
/// joins neighbours too.
fn sent(api: Api, messages: &[Message]) -> Vec<Value> {
    let request = Request {
        system: "Be kind.".to_owned(),
        messages: messages.to_vec(),
        ..Request::default()
    };
    let body: Value = serde_json::from_slice(&encode(&model(api), &request)).unwrap();
    let field = match api {
        Api::OpenAiResponses => "input",
        Api::GoogleGenerativeAi => "contents",
        _ => "messages",
    };
    let entries = body[field].as_array().unwrap().clone();
    let inside = match api {
        Api::AnthropicMessages => "content",
        Api::GoogleGenerativeAi => "parts",
        _ => return entries,
    };
    let mut blocks = Vec::new();
    for entry in entries {
        for block in entry[inside].as_array().unwrap() {
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
        for api in APIS {
            let (short, long) = (sent(api, before), sent(api, &messages));
            prop_assert!(long.starts_with(&short), "{api}: {short:?} does not begin {long:?}");
        }
    }

    #[test]
    fn the_same_request_is_the_same_bytes(messages in prop::collection::vec(message(), 0..5)) {
        let request = Request { messages, ..Request::default() };
        for api in APIS {
            let copy = serde_json::to_vec(&request.messages).unwrap();
            let copy = Request { messages: serde_json::from_slice(&copy).unwrap(), ..Request::default() };
            prop_assert_eq!(encode(&model(api), &request), encode(&model(api), &copy), "{}", api);
        }
    }
}

/// Three turns, in the second of which the model calls two tools at once and then one: what is sent each time.
fn three_turns(api: Api, answer: impl Fn(&[Part<'_>]) -> String) -> Vec<Vec<Value>> {
    let mut model = model(api);
    model.reference.model = "gemini-3-pro-preview".to_owned();
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: "A tool.".to_owned(),
        parameters: json!({"type": "object"}),
    };
    let mut request = Request {
        system: "Be kind.".to_owned(),
        tools: vec![tool("look"), tool("listen")],
        ..Request::default()
    };
    let call = |id, name| Part::ToolCall {
        id,
        name,
        arguments: r#"{"at":"Paris"}"#,
    };
    let thought = Part::Thinking("Let me see.");
    let replies: [(Option<&str>, Vec<Part<'_>>); 5] = [
        (Some("Hello."), vec![Part::Text("Hello. What now?")]),
        (
            Some("Look and listen."),
            vec![thought, call("a", "look"), call("b", "listen")],
        ),
        (None, vec![Part::Text("Once more."), call("", "look")]),
        (None, vec![Part::Text("There it is.")]),
        (Some("Thanks."), vec![thought, Part::Text("Gladly.")]),
    ];
    let mut sent = Vec::new();
    for (question, parts) in &replies {
        if let Some(question) = question {
            request.messages.push(Message::user(*question, 0));
        }
        let body: Value = serde_json::from_slice(&encode(&model, &request)).unwrap();
        let list = ["contents", "messages"]
            .iter()
            .find_map(|field| body[*field].as_array());
        sent.push(list.unwrap().clone());
        let outcome = decode(&model, &request, [answer(parts).as_bytes()]);
        // As the transcript keeps it.
        let stored = serde_json::to_string(&outcome.reply().message).unwrap();
        let message: AssistantMessage = serde_json::from_str(&stored).unwrap();
        let results: Vec<Message> = message
            .tool_calls()
            .map(|call| {
                Message::ToolResult(ToolResultMessage {
                    tool_call_id: call.id.clone(),
                    tool_name: call.name.clone(),
                    content: vec![Content::text("22 degrees", Provenance::Owner)],
                    is_error: false,
                    timestamp: 0,
                })
            })
            .collect();
        request.messages.push(Message::Assistant(message));
        request.messages.extend(results);
    }
    sent
}

#[test]
fn each_request_of_three_turns_with_tools_begins_the_next() {
    let google = |parts: &[Part<'_>]| google_generate(parts).frames().concat();
    let ollama = |parts: &[Part<'_>]| ollama_chat(parts).frames().concat();
    let both = [
        three_turns(Api::GoogleGenerativeAi, google),
        three_turns(Api::Ollama, ollama),
    ];
    for requests in &both {
        for pair in requests.windows(2) {
            assert!(pair[1].starts_with(&pair[0]), "{pair:#?}");
            assert!(pair[1].len() > pair[0].len());
        }
    }
    // The seal of each step went back on its first call.
    let last = both[0].last().unwrap();
    let seals: Vec<Value> = last
        .iter()
        .flat_map(|content| content["parts"].as_array().unwrap())
        .filter(|part| part.get("functionCall").is_some())
        .map(|part| part["thoughtSignature"].clone())
        .collect();
    assert_eq!(
        seals,
        [json!("c2NyaXB0ZWQ="), Value::Null, json!("c2NyaXB0ZWQ=")]
    );
}
