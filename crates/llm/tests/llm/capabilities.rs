//! Servers of any ability: a turn with tools ends in a right answer without any setting.

use std::sync::Arc;

use moltbot_llm::{
    Api, Backends, Catalog, Content, Credentials, Event, Knowledge, Ladder, Message, Model,
    Provenance, Records, Request, ShortMemory, ToolResultMessage, ToolSpec, over_http,
};
use moltbot_testkit::block_on;
use moltbot_testkit::capable::{
    Capabilities, CapableServer, Kind, Reason, Tools, WITHOUT_TOOLS, capabilities,
    capabilities_with_obstacles, sentence_with,
};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::{Value, json};

use crate::fixture::{config, provider};

/// As many rounds as a turn with a call for each of two cities can take.
const ROUNDS: usize = 4;

/// Tools with schemas as programs generate them: each has something that some server refuses.
fn tools() -> Vec<ToolSpec> {
    let spec = |name: &str, parameters: Value| ToolSpec {
        name: name.to_owned(),
        description: "A tool.".to_owned(),
        parameters,
    };
    vec![
        spec(
            "get_weather",
            json!({
                "type": "object",
                "$defs": {"city": {"type": "string", "pattern": "[A-Z][a-z]+", "maxLength": 5000}},
                "properties": {"city": {"$ref": "#/$defs/city"}},
                "required": ["city"],
            }),
        ),
        spec("now", json!({})),
        spec(
            "note",
            json!({
                "type": "object",
                "anyOf": [
                    {"properties": {"text": {"type": "string"}}, "required": ["text"]},
                    {"properties": {"file": {"type": "string"}}, "required": ["file"]},
                ],
                "propertyNames": {"pattern": "^[a-z]+$"},
            }),
        ),
    ]
}

/// What came of a turn.
#[derive(Debug)]
struct Turn {
    answer: Result<String, String>,
    /// What the person was told beside the answer.
    notices: Vec<String>,
    /// How many tools were called.
    calls: usize,
}

/// Asks, runs the tools that are called, and asks again with their results, as an agent does.
async fn turn(ladder: &Ladder, conversation: &mut Vec<Message>) -> Turn {
    conversation.push(Message::user("What is the weather in Rome and Tokyo?", 1));
    let (mut notices, mut calls) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let request = Request {
            system: "You are brief.".to_owned(),
            messages: conversation.clone(),
            tools: tools(),
            ..Request::default()
        };
        let mut note = |event| {
            if let Event::Notice(text) = event {
                notices.push(text);
            }
        };
        let answer = match ladder.run(&request, &mut note).await {
            Ok(answer) => answer.reply.message,
            Err(error) => {
                return Turn {
                    answer: Err(error.to_string()),
                    notices,
                    calls,
                };
            }
        };
        conversation.push(Message::Assistant(answer.clone()));
        let called: Vec<_> = answer.tool_calls().cloned().collect();
        if called.is_empty() {
            return Turn {
                answer: Ok(answer.text()),
                notices,
                calls,
            };
        }
        calls += called.len();
        for call in called {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            let city = arguments["city"].as_str().unwrap_or("nowhere");
            conversation.push(Message::ToolResult(ToolResultMessage {
                content: vec![Content::text(
                    format!("{city}: 21 degrees"),
                    Provenance::Owner,
                )],
                tool_call_id: call.id,
                tool_name: call.name,
                is_error: false,
                timestamp: 2,
            }));
        }
    }
    Turn {
        answer: Err("the tools were called for ever".to_owned()),
        notices,
        calls,
    }
}

fn model(server: &CapableServer, can: &Capabilities, api: Api) -> Model {
    let mut entry = provider(&server.base_url(), api, json!({}), json!({}));
    entry["models"][0]["id"] = can.model.clone().into();
    let config = config(json!({"models": {"providers": {"box": entry}}}));
    let name = format!("box/{}", can.model);
    Catalog::new(&config, &[]).resolve(&name).unwrap()
}

/// A process that asks this model and keeps what it learns in `records`.
///
/// With `asks` it asks the server what it is, as every process does beside tests; otherwise nothing is known beforehand.
fn process(model: &Model, records: &Arc<ShortMemory>, asks: bool) -> Ladder {
    let records: Arc<dyn Records> = Arc::clone(records) as _;
    let credentials = Arc::new(Credentials::default());
    let mut knowledge = Knowledge::new(records);
    if asks {
        let patience = std::time::Duration::from_secs(60);
        knowledge = knowledge.asking(Arc::clone(&credentials)).waiting(patience);
    }
    let knowledge = Arc::new(knowledge);
    let http = over_http(credentials, Arc::clone(&knowledge));
    Ladder::new(Backends::new(http, None, knowledge), vec![model.clone()])
}

/// Takes two turns with a server, the second in a new process, and holds them against what the server can do.
async fn two_turns(
    can: Capabilities,
    api: Api,
    repairs: usize,
    asks: bool,
) -> Result<(), TestCaseError> {
    let server = CapableServer::start(can.clone()).await;
    let model = model(&server, &can, api);
    let records = Arc::new(ShortMemory::default());
    let mut conversation = Vec::new();
    let first = turn(&process(&model, &records, asks), &mut conversation).await;
    // Looking for what a server is, paths are asked for that it does not have.
    let refused = || {
        let mut refusals = server.refusals();
        refusals.retain(|refusal| !asks || refusal.reason != Reason::Path);
        refusals
    };
    let refusals = refused();
    prop_assert!(refusals.len() <= repairs, "{refusals:#?}\n{first:#?}");
    check(&can, &first, asks)?;

    // What was learned holds for the next turn, and for the next process.
    let second = turn(&process(&model, &records, asks), &mut conversation).await;
    let again = &refused()[refusals.len()..];
    prop_assert!(again.is_empty(), "refused again: {again:#?}");
    check(&can, &second, asks)
}

fn check(can: &Capabilities, turn: &Turn, asks: bool) -> Result<(), TestCaseError> {
    // A server that would lose them in silence may say so when it is asked, and they go in words.
    let calls = match can.tools {
        Tools::Native | Tools::Text(_) | Tools::Refused => true,
        Tools::Dropped => asks && turn.calls > 0,
    };
    let right = match calls {
        true => sentence_with(&["Rome: 21 degrees", "Tokyo: 21 degrees"]),
        false => WITHOUT_TOOLS.to_owned(),
    };
    prop_assert_eq!(turn.answer.as_ref(), Ok(&right), "{:?}", turn);
    prop_assert_eq!(turn.calls, if calls { 2 } else { 0 });
    let told = turn.notices.iter().any(|notice| notice.contains("tools"));
    prop_assert!(!told, "{:?}", turn.notices);
    Ok(())
}

/// A dialect that the server speaks.
fn spoken(can: &Capabilities, choice: usize) -> Api {
    let apis: Vec<Api> = [
        (can.dialects.completions, Api::OpenAiCompletions),
        (can.dialects.responses, Api::OpenAiResponses),
        (can.dialects.messages, Api::AnthropicMessages),
    ]
    .into_iter()
    .filter_map(|(speaks, api)| speaks.then_some(api))
    .collect();
    apis[choice % apis.len()]
}

fn runs(cases: u32) -> TestRunner {
    TestRunner::new(Runs {
        cases,
        failure_persistence: None,
        ..Runs::default()
    })
}

#[test]
fn any_server_answers_within_two_repairs_and_the_second_turn_needs_none() {
    any_server(250, false);
}

#[test]
fn so_does_any_server_that_was_asked_what_it_is() {
    any_server(250, true);
}

fn any_server(cases: u32, asks: bool) {
    runs(cases)
        .run(&(capabilities(), any::<usize>()), |(can, choice)| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let api = spoken(&can, choice);
            runtime.unwrap().block_on(two_turns(can, api, 2, asks))
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn another_dialect_is_found_where_the_configured_one_is_not_spoken() {
    let wrong = [Api::OpenAiResponses, Api::AnthropicMessages];
    let choice = prop::sample::select(wrong.to_vec());
    runs(60)
        .run(
            &(capabilities_with_obstacles(0..=1), choice),
            |(can, api)| {
                let mut can = can;
                can.dialects.completions = true;
                can.dialects.responses &= api != Api::OpenAiResponses;
                can.dialects.messages &= api != Api::AnthropicMessages;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.unwrap().block_on(two_turns(can, api, 2, false))
            },
        )
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_server_that_takes_everything_is_asked_in_the_plain_form() {
    let can = Capabilities::of(Kind::LlamaCpp);
    let server = block_on(CapableServer::start(can.clone()));
    let model = model(&server, &can, Api::OpenAiCompletions);
    let records = Arc::new(ShortMemory::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let turn = runtime.block_on(turn(&process(&model, &records, false), &mut Vec::new()));
    assert!(turn.answer.is_ok(), "{turn:?}");
    assert!(server.refusals().is_empty());
    assert_eq!(block_on(records.load("repairs")), []);
    let body = server.server().requests()[0].json();
    assert_eq!(
        body["tools"][0]["function"]["parameters"],
        tools()[0].parameters
    );
}
