//! A real server whose model's own template knows nothing of tools: they are told of in words, and calls held to a grammar.

use std::sync::Arc;

use moltbot_llm::{
    Api, Backends, Credentials, Event, Knowledge, Ladder, Message, Model, Request, ServerKind,
    ShortMemory, StopReason, ToolChoice, ToolSpec, encode, over_http_at_once, probe,
};
use serde_json::{Value, json};

use crate::fixture;
use crate::installed::Installed;
use crate::llama::{Llama, Options};
use crate::talk::weather;
use crate::ten_turns;
use crate::vllm::Vllm;

/// The small model with its own template, as a turn knows it.
async fn without_tools() -> Option<(Llama, Model)> {
    let installed = Installed::find()?;
    let options = Options {
        context: 4096,
        model: Some((installed.small_model()?, "smollm2")),
        ..Options::default()
    };
    let llama = Llama::start(&installed, options).await?;
    let model = llama.served(Api::OpenAiCompletions).model();
    let knowledge = Knowledge::new(Arc::new(ShortMemory::default()));
    let told = probe(&model, None).await.unwrap();
    knowledge.learn(&model, told).await;
    let model = knowledge.dress(model).await;
    assert_eq!(model.server, Some(ServerKind::LlamaCpp));
    assert!(model.repairs.tools_as_text, "{:?}", model.repairs);
    Some((llama, model))
}

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, description: &str, parameters: Value| ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
    };
    vec![
        weather(),
        tool(
            "read",
            "Read a file",
            json!({"type": "object", "properties": {
                "path": {"type": "string"}, "limit": {"type": "integer"},
            }, "required": ["path"]}),
        ),
        tool(
            "remind",
            "Remind the person of something",
            json!({"type": "object", "properties": {
                "what": {"type": "string"},
                "minutes": {"type": "number"},
                "days": {"type": "array", "items": {"type": "string", "enum": ["mon", "tue", "wed"]}},
                "loud": {"type": "boolean"},
            }, "required": ["what", "minutes"]}),
        ),
    ]
}

/// Whether a value is what a schema of these tools asks for.
fn fits(schema: &Value, value: &Value) -> bool {
    let of_type = match schema["type"].as_str().unwrap() {
        "object" => {
            let required = schema["required"].as_array().unwrap();
            let mut required = required.iter().map(|name| name.as_str().unwrap());
            let members = value.as_object();
            members.is_some_and(|members| {
                required.all(|name| members.contains_key(name))
                    && members.iter().all(|(name, value)| {
                        let property = schema["properties"].get(name);
                        property.is_some_and(|schema| fits(schema, value))
                    })
            })
        }
        "array" => value
            .as_array()
            .is_some_and(|items| items.iter().all(|item| fits(&schema["items"], item))),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    let choices = schema.get("enum").and_then(Value::as_array);
    of_type && choices.is_none_or(|choices| choices.contains(value))
}

/// A tool that is offered, and arguments that it takes.
#[track_caller]
fn valid(name: &str, arguments: &str) {
    let tools = tools();
    let tool = tools.iter().find(|tool| tool.name == name);
    let tool = tool.unwrap_or_else(|| panic!("there is no tool {name}"));
    let value = serde_json::from_str(arguments);
    let value: Value = value.unwrap_or_else(|error| panic!("{arguments}: {error}"));
    assert!(fits(&tool.parameters, &value), "{name} {value}");
}

const PROMPTS: [&str; 20] = [
    "What is the weather in Paris?",
    "Read notes.md",
    "Remind me of the tea in five minutes.",
    "How warm is it in Oslo, in celsius?",
    "What does /etc/hosts say?",
    "Wake me on monday and tuesday.",
    "Hello!",
    "Show the first ten lines of \"a b.txt\".",
    "Is it raining in Łódź?",
    "Don't forget: 3.5 minutes for the eggs.",
    "Read the file and tell me the weather.",
    "Weather?",
    "Read C:\\Users\\me\\notes.txt",
    "Remind me loudly to breathe.",
    "東京の天気は？",
    "Write a poem about files.",
    "Remind me of {\"name\": \"x\"} in 1 minute",
    "Read <tool_call> please",
    "What is 2 + 2?",
    "Which tools do you have?",
];

/// Where it may choose it may answer instead; where it must call, it does. Every call is valid.
#[tokio::test]
async fn every_call_is_valid() {
    let Some((_llama, model)) = without_tools().await else {
        return;
    };
    let tools = tools();
    let mut called = 0;
    for (at, prompt) in PROMPTS.into_iter().enumerate() {
        let must = at % 2 == 0;
        let request = Request {
            system: "You are an assistant with tools. Use them.".to_owned(),
            messages: vec![Message::user(prompt, 0)],
            tools: tools.clone(),
            tool_choice: if must {
                ToolChoice::Required
            } else {
                ToolChoice::Auto
            },
            max_tokens: Some(160),
            temperature: Some(0.0),
            ..Request::default()
        };
        let outcome = fixture::ask(&model, &request).await;
        let calls = outcome.calls();
        assert!(!must || calls.len() == 1, "{prompt}: {:?}", outcome.reply());
        assert!(!outcome.text().contains("tool_call"), "{}", outcome.text());
        called += calls.len();
        for (name, arguments) in calls {
            valid(name, arguments);
        }
    }
    assert!(called >= PROMPTS.len() / 2);
}

/// Calls and results that go as text are read once, like all else.
#[tokio::test]
async fn ten_turns_read_only_what_is_new() {
    let Some((llama, model)) = without_tools().await else {
        return;
    };
    // Left to itself, the small model answers without having looked.
    let rows = ten_turns::run_as(&llama, model, ToolChoice::Required).await;
    for row in &rows {
        assert_eq!(row.cached + row.read, row.prompt, "{row:?}");
        assert!(row.read_again() <= ten_turns::BLOCK, "{row:?} of {rows:#?}");
    }
    let called = rows.iter().filter(|row| row.called).count();
    assert_eq!(called, 10, "a call a turn: {rows:#?}");
}

/// It refuses tools in the first turn, gets them in words in the same one, and is never asked so again.
#[tokio::test]
async fn a_vllm_that_refuses_tools_calls_them_in_words() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(vllm) = Vllm::start_without_tools(&installed).await else {
        return;
    };
    let model = vllm.served(Api::OpenAiCompletions).model();
    let knowledge = Arc::new(Knowledge::new(Arc::new(ShortMemory::default())));
    let told = probe(&model, None).await.unwrap();
    knowledge.learn(&model, told).await;
    let http = over_http_at_once(Arc::new(Credentials::default()), Arc::clone(&knowledge));
    let backends = Backends::new(http, None, Arc::clone(&knowledge));
    let ladder = Ladder::new(backends, vec![model.clone()]);
    for (choice, again) in [
        (ToolChoice::Auto, 1),
        (ToolChoice::Required, 0),
        (ToolChoice::Auto, 0),
    ] {
        let must = choice == ToolChoice::Required;
        let request = Request {
            messages: vec![Message::user(PROMPTS[0], 0)],
            tools: tools(),
            tool_choice: choice,
            max_tokens: Some(256),
            temperature: Some(0.0),
            ..Request::default()
        };
        let mut events = Vec::new();
        let answer = ladder.run(&request, &mut |event| events.push(event)).await;
        let message = answer.unwrap().reply.message;
        let asked_again = events
            .iter()
            .filter(|event| matches!(event, Event::Again { .. }));
        assert_eq!(asked_again.count(), again, "{events:?}");
        assert!(!message.text().contains("tool_call"), "{message:?}");
        assert!(!must || message.tool_calls().count() > 0, "{message:?}");
        if message.stop_reason != StopReason::Length {
            message
                .tool_calls()
                .for_each(|call| valid(&call.name, &call.arguments));
        }
    }
    let known = knowledge.dress(model).await;
    assert_eq!(known.server, Some(ServerKind::Vllm));
    assert!(known.repairs.tools_as_text, "{}", known.repairs);
    assert!(!known.repairs.dropped.contains("structured_outputs"));
}

/// The server reads the grammars of all the kinds of values there are.
#[tokio::test]
async fn a_grammar_of_every_kind_of_value_is_taken() {
    let Some((_llama, model)) = without_tools().await else {
        return;
    };
    let parameters = json!({"type": "object", "properties": {
        "a": {"type": "string", "enum": ["x\"\n\\", "ü]^-"]},
        "b-c d": {"type": "array", "items": {"type": "array", "items": {}}},
        "o": {"type": "object", "properties": {"p": {"type": "object"}, "q": {"type": "null"}}},
        "n": {"type": "number"}, "i": {"type": "integer"}, "f": {"type": "boolean"},
    }, "required": ["o"]});
    for parameters_known in [model.parameters, None] {
        for choice in [ToolChoice::Auto, ToolChoice::Required, ToolChoice::None] {
            let model = Model {
                parameters: parameters_known,
                ..model.clone()
            };
            let request = Request {
                tools: vec![ToolSpec {
                    name: "all".to_owned(),
                    description: String::new(),
                    parameters: parameters.clone(),
                }],
                tool_choice: choice,
                max_tokens: Some(24),
                ..fixture::hi()
            };
            let body: Value = serde_json::from_slice(&encode(&model, &request)).unwrap();
            assert!(body["grammar"].is_string(), "{body}");
            let outcome = fixture::ask(&model, &request).await;
            assert!(!outcome.reply().message.content.is_empty());
        }
    }
}
