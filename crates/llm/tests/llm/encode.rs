//! The body that each dialect sends, to the field.

mod google;
mod ollama;
mod options;

use moltbot_llm::{
    Api, AssistantMessage, AssistantPart, Content, Image, Message, Model, Provenance, Request,
    StopReason, Thinking, ToolCall, ToolChoice, ToolResultMessage, ToolSpec, Usage, UserMessage,
    encode,
};
use serde_json::{Value, json};

use crate::fixture::{hi, model};

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
        from: Provenance::Owner,
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
fn pictures_go_where_they_were_put() {
    let request = with(vec![user(vec![
        Content::text("What is this?", Provenance::Owner),
        image(),
    ])]);
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
        Content::text("One.", Provenance::Owner),
        Content::text("Two.", Provenance::Owner),
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
        result(
            "call_1",
            vec![Content::text("22 degrees", Provenance::Owner), image()],
            false,
        ),
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
fn a_call_cut_in_its_arguments_goes_back_with_none() {
    let cut = [
        "{\"city\": \"Par",
        "",
        "no json",
        "[1]",
        "{\"city\": \"Paris\"} {}",
    ];
    for arguments in cut {
        let request = with(vec![assistant(CHAT, vec![call("a", arguments)])]);
        let body = body_of(CHAT, &request);
        let sent = &body["messages"][0]["tool_calls"][0]["function"]["arguments"];
        assert_eq!(sent, "{}", "{arguments}");
        let body = body_of(RESPONSES, &request);
        assert_eq!(body["input"][0]["arguments"], "{}", "{arguments}");
    }
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
        result("a", vec![Content::text("failed", Provenance::Owner)], true),
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
