//! The body that each dialect sends, to the field.

use moltbot_llm::{
    Api, AssistantMessage, AssistantPart, Content, Image, Message, Model, Request, StopReason,
    Thinking, ThinkingLevel, ToolCall, ToolChoice, ToolResultMessage, ToolSpec, Usage, UserMessage,
    encode,
};
use serde_json::{Value, json};

use crate::fixture::{hi, model, model_with};

const CHAT: Api = Api::OpenAiCompletions;
const RESPONSES: Api = Api::OpenAiResponses;
const MESSAGES: Api = Api::AnthropicMessages;

fn body(model: &Model, request: &Request) -> Value {
    serde_json::from_slice(&encode(model, request)).unwrap()
}

fn body_of(api: Api, request: &Request) -> Value {
    body(&model(api), request)
}

fn image() -> Content {
    Content::Image(Image {
        data: "aW1hZ2U=".to_owned(),
        mime_type: "image/png".to_owned(),
    })
}

fn user(content: Vec<Content>) -> Message {
    Message::User(UserMessage {
        content,
        timestamp: 0,
    })
}

fn assistant(api: Api, content: Vec<AssistantPart>) -> Message {
    Message::Assistant(AssistantMessage {
        content,
        api: api.as_str().to_owned(),
        provider: "box".to_owned(),
        model: "m".to_owned(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 0,
    })
}

fn text(text: &str) -> AssistantPart {
    AssistantPart::Text {
        text: text.to_owned(),
    }
}

fn thinking(thinking: &str, signature: Option<&str>) -> AssistantPart {
    AssistantPart::Thinking(Thinking {
        thinking: thinking.to_owned(),
        signature: signature.map(str::to_owned),
    })
}

fn call(id: &str, arguments: &str) -> AssistantPart {
    AssistantPart::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn result(id: &str, content: Vec<Content>, is_error: bool) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id.to_owned(),
        tool_name: "get_weather".to_owned(),
        content,
        is_error,
        timestamp: 0,
    })
}

fn with(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::default()
    }
}

fn tool() -> ToolSpec {
    ToolSpec {
        name: "get_weather".to_owned(),
        description: "The weather.".to_owned(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    }
}

fn ephemeral() -> Value {
    json!({"type": "ephemeral"})
}

#[test]
fn a_greeting_sends_nothing_optional() {
    assert_eq!(
        body_of(CHAT, &hi()),
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
    assert_eq!(
        body_of(RESPONSES, &hi()),
        json!({
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            "stream": true,
        })
    );
    assert_eq!(
        body_of(MESSAGES, &hi()),
        json!({
            "model": "m",
            "max_tokens": 8192,
            "stream": true,
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "hi", "cache_control": ephemeral()}]}],
        })
    );
}

#[test]
fn the_system_prompt_comes_first() {
    let request = Request {
        system: "Be kind.".to_owned(),
        ..hi()
    };
    let system = json!({"role": "system", "content": "Be kind."});
    assert_eq!(body_of(CHAT, &request)["messages"][0], system);
    assert_eq!(body_of(RESPONSES, &request)["input"][0], system);
    assert_eq!(
        body_of(MESSAGES, &request)["system"],
        json!([{"type": "text", "text": "Be kind.", "cache_control": ephemeral()}])
    );
}

#[test]
fn only_reasoning_models_of_openai_are_told_as_developer_unless_the_owner_says_so() {
    let request = Request {
        system: "Be kind.".to_owned(),
        ..hi()
    };
    let openai = "https://api.openai.com/v1";
    for (base, reasoning, compat, role) in [
        (openai, true, json!({}), "developer"),
        (openai, false, json!({}), "system"),
        (
            openai,
            true,
            json!({"supportsDeveloperRole": false}),
            "system",
        ),
        ("http://box:1/v1", true, json!({}), "system"),
        (
            "http://box:1/v1",
            true,
            json!({"supportsDeveloperRole": true}),
            "developer",
        ),
    ] {
        let fields = json!({"reasoning": reasoning, "compat": compat});
        let chat = body(&model_with(base, CHAT, fields.clone()), &request);
        assert_eq!(chat["messages"][0]["role"], role, "{base} {fields}");
        let responses = body(&model_with(base, RESPONSES, fields.clone()), &request);
        assert_eq!(responses["input"][0]["role"], role, "{base} {fields}");
    }
}

#[test]
fn pictures_go_where_they_were_put() {
    let request = with(vec![user(vec![Content::text("What is this?"), image()])]);
    let url = "data:image/png;base64,aW1hZ2U=";
    assert_eq!(
        body_of(CHAT, &request)["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]}])
    );
    assert_eq!(
        body_of(RESPONSES, &request)["input"],
        json!([{"role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "detail": "auto", "image_url": url},
        ]}])
    );
    assert_eq!(
        body_of(MESSAGES, &request)["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "cache_control": ephemeral(),
             "source": {"type": "base64", "media_type": "image/png", "data": "aW1hZ2U="}},
        ]}])
    );
}

#[test]
fn text_in_parts_is_one_string_for_servers_that_take_no_other() {
    let request = with(vec![user(vec![
        Content::text("One."),
        Content::text("Two."),
    ])]);
    let messages = &body_of(CHAT, &request)["messages"];
    assert_eq!(
        *messages,
        json!([{"role": "user", "content": "One.\nTwo."}])
    );
}

#[test]
fn tools_are_offered_in_the_order_given() {
    let second = ToolSpec {
        name: "a_second".to_owned(),
        ..tool()
    };
    let request = Request {
        tools: vec![tool(), second],
        ..hi()
    };
    let parameters = tool().parameters;
    let function =
        |name: &str| json!({"name": name, "description": "The weather.", "parameters": parameters});
    let chat = body_of(CHAT, &request);
    assert_eq!(
        chat["tools"],
        json!([
            {"type": "function", "function": function("get_weather")},
            {"type": "function", "function": function("a_second")},
        ])
    );
    assert_eq!(chat.get("tool_choice"), None);
    let flat = |name: &str| {
        json!({"type": "function", "name": name, "description": "The weather.",
            "parameters": parameters, "strict": false})
    };
    let responses = body_of(RESPONSES, &request);
    assert_eq!(
        responses["tools"],
        json!([flat("get_weather"), flat("a_second")])
    );
    let messages = body_of(MESSAGES, &request);
    assert_eq!(
        messages["tools"],
        json!([
            {"name": "get_weather", "description": "The weather.", "input_schema": parameters},
            {"name": "a_second", "description": "The weather.", "input_schema": parameters,
             "cache_control": ephemeral()},
        ])
    );
}

#[test]
fn each_choice_of_tools_has_its_form() {
    let named = ToolChoice::Named("get_weather".to_owned());
    for (choice, chat, responses, messages) in [
        (ToolChoice::Auto, Value::Null, Value::Null, Value::Null),
        (
            ToolChoice::Required,
            json!("required"),
            json!("required"),
            json!({"type": "any"}),
        ),
        (
            ToolChoice::None,
            json!("none"),
            json!("none"),
            json!({"type": "none"}),
        ),
        (
            named,
            json!({"type": "function", "function": {"name": "get_weather"}}),
            json!({"type": "function", "name": "get_weather"}),
            json!({"type": "tool", "name": "get_weather"}),
        ),
    ] {
        let mut request = Request {
            tools: vec![tool()],
            tool_choice: choice,
            ..hi()
        };
        assert_eq!(body_of(CHAT, &request)["tool_choice"], chat);
        assert_eq!(body_of(RESPONSES, &request)["tool_choice"], responses);
        assert_eq!(body_of(MESSAGES, &request)["tool_choice"], messages);
        // Servers refuse a choice where there is nothing to choose.
        request.tools.clear();
        for api in [CHAT, RESPONSES, MESSAGES] {
            assert_eq!(body_of(api, &request).get("tool_choice"), None);
        }
    }
}

/// A call and its result, as stored after a turn in this dialect.
fn turn(api: Api, signature: &str) -> Request {
    with(vec![
        Message::user("Weather in Paris?", 0),
        assistant(
            api,
            vec![
                thinking("Let me look.", Some(signature)),
                text("One moment."),
                call("call_1", "{\"city\": \"Paris\"}"),
            ],
        ),
        result("call_1", vec![Content::text("22 degrees"), image()], false),
    ])
}

#[test]
fn a_call_and_its_result_in_chat_completions() {
    assert_eq!(
        body_of(CHAT, &turn(CHAT, "sig"))["messages"],
        json!([
            {"role": "user", "content": "Weather in Paris?"},
            {"role": "assistant", "content": "One moment.", "tool_calls": [
                {"id": "call_1", "type": "function", "function":
                    {"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "22 degrees"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1hZ2U="}}]},
        ])
    );
    let silent = with(vec![
        assistant(CHAT, vec![call("a", "{}")]),
        result("a", vec![image()], false),
        assistant(CHAT, vec![thinking("Hm.", None)]),
    ]);
    let messages = &body_of(CHAT, &silent)["messages"];
    assert_eq!(messages[0]["content"], Value::Null);
    assert_eq!(messages[1]["content"], "(see the attached image)");
    assert_eq!(messages.as_array().unwrap().len(), 3, "{messages}");
}

#[test]
fn a_call_and_its_result_in_responses() {
    let sealed =
        json!({"type": "reasoning", "id": "rs1", "encrypted_content": "c2VhbGVk", "summary": []});
    let request = turn(RESPONSES, &sealed.to_string());
    let rest = json!([
        {"type": "message", "role": "assistant", "status": "completed", "id": "msg_1_1",
         "content": [{"type": "output_text", "text": "One moment.", "annotations": []}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather",
         "arguments": "{\"city\": \"Paris\"}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "22 degrees"},
        {"role": "user", "content": [{"type": "input_image", "detail": "auto",
            "image_url": "data:image/png;base64,aW1hZ2U="}]},
    ]);
    let input = body_of(RESPONSES, &request)["input"].clone();
    let items = input.as_array().unwrap();
    assert_eq!(items[1], sealed);
    assert_eq!(items[2..], rest.as_array().unwrap()[..]);

    // Another model cannot open what this one sealed.
    let mut foreign = model(RESPONSES);
    foreign.reference.model = "other".to_owned();
    let input = body(&foreign, &request)["input"].clone();
    assert_eq!(input.as_array().unwrap()[1..], rest.as_array().unwrap()[..]);
    // A sealed item with nothing behind it would be refused.
    let alone = with(vec![assistant(
        RESPONSES,
        vec![thinking("Hm.", Some(&sealed.to_string()))],
    )]);
    assert_eq!(body_of(RESPONSES, &alone)["input"], json!([]));
}

#[test]
fn a_call_and_its_result_in_messages() {
    let request = turn(MESSAGES, "c2ln");
    let messages = |first: Value| {
        let mut content = vec![
            json!({"type": "text", "text": "One moment."}),
            json!({"type": "tool_use", "id": "call_1", "name": "get_weather",
                "input": {"city": "Paris"}}),
        ];
        if !first.is_null() {
            content.insert(0, first);
        }
        json!([
            {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1",
                "cache_control": ephemeral(), "content": [
                    {"type": "text", "text": "22 degrees"},
                    {"type": "image", "source":
                        {"type": "base64", "media_type": "image/png", "data": "aW1hZ2U="}}]}]},
        ])
    };
    let own = json!({"type": "thinking", "thinking": "Let me look.", "signature": "c2ln"});
    assert_eq!(body_of(MESSAGES, &request)["messages"], messages(own));
    let mut foreign = model(MESSAGES);
    foreign.reference.model = "other".to_owned();
    assert_eq!(body(&foreign, &request)["messages"], messages(Value::Null));
}

#[test]
fn messages_joins_neighbours_of_one_role_and_drops_blank_text() {
    let request = with(vec![
        Message::user("One.", 0),
        Message::user(" ", 0),
        Message::user("Two.", 0),
        assistant(MESSAGES, vec![text("\n")]),
        assistant(
            MESSAGES,
            vec![
                thinking("", Some("c2VhbGVk")),
                call("a", "no json"),
                call("b", "[1]"),
            ],
        ),
        result("a", vec![Content::text("failed")], true),
        result("b", vec![], false),
    ]);
    assert_eq!(
        body_of(MESSAGES, &request)["messages"],
        json!([
            {"role": "user", "content": [
                {"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
            {"role": "assistant", "content": [
                {"type": "redacted_thinking", "data": "c2VhbGVk"},
                {"type": "tool_use", "id": "a", "name": "get_weather", "input": {}},
                {"type": "tool_use", "id": "b", "name": "get_weather", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "is_error": true,
                 "content": [{"type": "text", "text": "failed"}]},
                {"type": "tool_result", "tool_use_id": "b", "content": [],
                 "cache_control": ephemeral()}]},
        ])
    );
}

const LEVELS: [ThinkingLevel; 6] = [
    ThinkingLevel::Off,
    ThinkingLevel::Minimal,
    ThinkingLevel::Low,
    ThinkingLevel::Medium,
    ThinkingLevel::High,
    ThinkingLevel::Xhigh,
];

#[test]
fn thinking_levels_are_efforts() {
    let efforts = |api: Api, base: &str, fields: Value| -> Vec<Value> {
        let model = model_with(base, api, fields);
        LEVELS
            .iter()
            .map(|level| {
                let body = body(
                    &model,
                    &Request {
                        thinking: *level,
                        ..hi()
                    },
                );
                match api {
                    Api::OpenAiCompletions => body["reasoning_effort"].clone(),
                    _ => body["reasoning"]["effort"].clone(),
                }
            })
            .collect()
    };
    let reasoning = json!({"reasoning": true});
    let local = json!([null, "minimal", "low", "medium", "high", "high"]);
    let openai = json!([null, "minimal", "low", "medium", "high", "xhigh"]);
    let base = "http://box:1/v1";
    assert_eq!(Value::from(efforts(CHAT, base, reasoning.clone())), local);
    assert_eq!(
        Value::from(efforts(RESPONSES, base, reasoning.clone())),
        local
    );
    assert_eq!(
        Value::from(efforts(RESPONSES, "https://api.openai.com", reasoning)),
        openai
    );
    for fields in [
        json!({}),
        json!({"reasoning": true, "compat": {"supportsReasoningEffort": false}}),
    ] {
        for api in [CHAT, RESPONSES] {
            let none = efforts(api, base, fields.clone());
            assert!(none.iter().all(Value::is_null), "{none:?}");
        }
    }
}

#[test]
fn only_openai_is_asked_for_sealed_reasoning() {
    let request = Request {
        thinking: ThinkingLevel::Low,
        ..hi()
    };
    let reasoning = json!({"reasoning": true});
    let openai = model_with("https://api.openai.com/v1", RESPONSES, reasoning.clone());
    let openai = body(&openai, &request);
    assert_eq!(openai["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(openai["store"], false);
    assert_eq!(
        openai["reasoning"],
        json!({"effort": "low", "summary": "auto"})
    );
    let local = body(
        &model_with("http://box:1/v1", RESPONSES, reasoning),
        &request,
    );
    assert_eq!(local.get("include"), None);
    assert_eq!(local.get("store"), None);
}

/// The output limit and the thinking budget for these limits of request and model.
fn budget(level: ThinkingLevel, asked: u64, model_max: u64) -> (Value, Value) {
    let fields = json!({"reasoning": true, "maxTokens": model_max});
    let model = model_with("http://box:1", MESSAGES, fields);
    let request = Request {
        thinking: level,
        max_tokens: Some(asked),
        temperature: Some(0.5),
        ..hi()
    };
    let body = body(&model, &request);
    let has_thinking = body.get("thinking").is_some();
    assert_ne!(has_thinking, body.get("temperature").is_some(), "{body}");
    (
        body["max_tokens"].clone(),
        body["thinking"]["budget_tokens"].clone(),
    )
}

#[test]
fn thinking_levels_are_budgets_beside_the_answer() {
    let none = Value::Null;
    for (level, tokens) in LEVELS.into_iter().zip([
        none.clone(),
        json!(1024),
        json!(2048),
        json!(8192),
        json!(16384),
        json!(16384),
    ]) {
        let expected = json!(4000 + tokens.as_u64().unwrap_or(0));
        assert_eq!(budget(level, 4000, 64_000), (expected, tokens));
    }
    // Little room: the budget gives way, and below the API's minimum there is none.
    assert_eq!(
        budget(ThinkingLevel::High, 4000, 8192),
        (json!(8192), json!(7168))
    );
    assert_eq!(budget(ThinkingLevel::High, 1000, 2000), (json!(2000), none));
}

fn thinks(request: Request) -> bool {
    let fields = json!({"reasoning": true, "maxTokens": 64_000});
    let model = model_with("http://box:1", MESSAGES, fields);
    let request = Request {
        thinking: ThinkingLevel::Low,
        ..request
    };
    body(&model, &request).get("thinking").is_some()
}

#[test]
fn no_thinking_where_the_messages_api_refuses_it() {
    assert!(thinks(hi()));
    for (choice, expected) in [
        (ToolChoice::Auto, true),
        (ToolChoice::None, true),
        (ToolChoice::Required, false),
        (ToolChoice::Named("get_weather".to_owned()), false),
    ] {
        let request = Request {
            tools: vec![tool()],
            tool_choice: choice.clone(),
            ..hi()
        };
        assert_eq!(thinks(request), expected, "{choice:?}");
    }
    // A turn that another model began goes on without; a turn of its own goes on with.
    assert!(thinks(turn(MESSAGES, "c2ln")));
    assert!(!thinks(turn(CHAT, "c2ln")));
    let mut queued = turn(CHAT, "c2ln");
    queued.messages.push(Message::user("And Rome?", 0));
    assert!(!thinks(queued));
    let mut over = turn(CHAT, "c2ln");
    over.messages
        .push(assistant(CHAT, vec![text("22 degrees.")]));
    over.messages.push(Message::user("And Rome?", 0));
    assert!(thinks(over));
}

#[test]
fn the_output_limit_has_the_name_that_the_server_takes() {
    let request = Request {
        max_tokens: Some(99),
        temperature: Some(0.25),
        ..hi()
    };
    let named = |base: &str, compat: Value| {
        let body = body(&model_with(base, CHAT, json!({"compat": compat})), &request);
        assert_eq!(body["temperature"], 0.25);
        let fields = ["max_tokens", "max_completion_tokens"];
        let sent: Vec<&str> = fields
            .into_iter()
            .filter(|name| body.get(name).is_some())
            .collect();
        assert_eq!(sent.len(), 1, "{body}");
        assert_eq!(body[sent[0]], 99);
        sent[0]
    };
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let openai = "https://api.openai.com/v1";
    assert_eq!(named("http://box:1", json!({})), old);
    assert_eq!(named(openai, json!({})), new);
    assert_eq!(named("http://box:1", json!({"maxTokensField": new})), new);
    assert_eq!(named(openai, json!({"maxTokensField": old})), old);
    let responses = body_of(RESPONSES, &request);
    assert_eq!(responses["max_output_tokens"], 99);
    assert_eq!(responses["temperature"], 0.25);
    assert_eq!(body_of(MESSAGES, &request)["max_tokens"], 99);
}

#[test]
fn store_is_sent_only_where_it_is_known() {
    for api in [CHAT, RESPONSES] {
        let store = |base: &str, compat: Value| {
            let model = model_with(base, api, json!({"compat": compat}));
            body(&model, &hi())["store"].clone()
        };
        let openai = "https://api.openai.com/v1";
        assert_eq!(store("http://box:1", json!({})), Value::Null);
        assert_eq!(store("http://box:1", json!({"supportsStore": true})), false);
        assert_eq!(store(openai, json!({})), false);
        assert_eq!(store(openai, json!({"supportsStore": false})), Value::Null);
    }
}

#[test]
fn the_cache_is_kept_as_long_as_the_owner_says() {
    let mut model = model(MESSAGES);
    model.cache_ttl = Some("1h".to_owned());
    let mark = &body(&model, &hi())["messages"][0]["content"][0]["cache_control"];
    assert_eq!(*mark, json!({"type": "ephemeral", "ttl": "1h"}));
}
