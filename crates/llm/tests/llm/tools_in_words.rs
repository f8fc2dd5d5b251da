//! A model whose server takes no tools: they are told of in words, called in text, and held to a grammar where one is
//! taken.

use std::sync::Arc;

use moltbot_llm::{
    Answer, Api, AssistantMessage, AssistantPart, Backends, Content, Credentials, Event, Knowledge,
    Ladder, Message, Model, Provenance, Records, Request, ServerKind, ShortMemory, StopReason,
    ToolCall, ToolChoice, ToolResultMessage, ToolSpec, Usage, encode, over_http_at_once,
};
use moltbot_testkit::{Part, Script, ScriptedServer, When, error, openai_chat};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{self, Outcome, data, decode, hi, model_at, model_with};

const CHAT: &str = "/v1/chat/completions";

const OLLAMA: &str = r#"{"error":{"message":"registry.ollama.ai/library/gemma3:4b does not support tools","type":"api_error","param":null,"code":null}}"#;
const VLLM: &str = r#"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}"#;

const CALL: &str =
    "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";

fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: "get_weather".to_owned(),
        description: "The weather.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        }),
    }]
}

fn offering() -> Request {
    Request {
        system: "Be brief.".to_owned(),
        tools: tools(),
        ..hi()
    }
}

fn in_words(api: Api) -> Model {
    let fields = json!({"compat": {"supportsTools": false}});
    let model = model_with("http://127.0.0.1:9", api, fields);
    assert!(model.repairs.tools_as_text);
    model
}

fn body(model: &Model, request: &Request) -> Value {
    serde_json::from_slice(&encode(model, request)).unwrap()
}

/// Asks as a turn does, with what other turns left in `records`.
async fn turn(records: &Arc<ShortMemory>, model: &Model) -> (Answer, Vec<Event>) {
    let knowledge = Arc::new(Knowledge::new(Arc::clone(records) as Arc<dyn Records>));
    let http = over_http_at_once(Arc::new(Credentials::default()), Arc::clone(&knowledge));
    let ladder = Ladder::new(Backends::new(http, None, knowledge), vec![model.clone()]);
    let mut events = Vec::new();
    let answer = ladder
        .run(&offering(), &mut |event| events.push(event))
        .await;
    (answer.unwrap(), events)
}

#[tokio::test]
async fn refused_tools_are_told_of_in_words_in_the_same_turn_and_ever_after() {
    for refusal in [OLLAMA, VLLM] {
        let server = ScriptedServer::start(
            Script::new()
                .on(
                    When::post(CHAT).body(|body| body.get("tools").is_some()),
                    error(400, refusal),
                )
                .on(
                    When::post(CHAT),
                    openai_chat(&[Part::Text("Let me look.\n"), Part::Text(CALL)]),
                ),
        )
        .await;
        let records = Arc::new(ShortMemory::default());
        let model = model_at(&server.base_url(), Api::OpenAiCompletions);
        for posts in [2, 3] {
            let (answer, events) = turn(&records, &model).await;
            assert_eq!(answer.failed, []);
            let message = answer.reply.message;
            assert_eq!(message.text().trim(), "Let me look.");
            assert_eq!(message.tool_calls().count(), 1);
            assert_eq!(message.stop_reason, StopReason::ToolUse);
            let said = events.iter().any(|event| matches!(event, Event::Notice(_)));
            assert!(!said, "{events:?}");
            assert_eq!(server.posts().len(), posts, "{refusal}");
        }
        let sent = server.posts().last().unwrap().json();
        let system = sent["messages"][0]["content"].as_str().unwrap();
        assert!(
            system.starts_with("Be brief.\n\nYou can call these tools"),
            "{system}"
        );
        assert!(
            system.contains("\nget_weather {\"city\": string}: The weather.\n"),
            "{system}"
        );
    }
}

#[tokio::test]
async fn a_grammar_that_is_refused_is_left_out() {
    let server = ScriptedServer::start(
        Script::new()
            .on(
                When::post(CHAT).body(|body| body.get("grammar").is_some()),
                error(400, r#"{"error":{"code":400,"message":"Failed to initialize samplers: failed to parse grammar","type":"invalid_request_error"}}"#),
            )
            .on(When::post(CHAT), openai_chat(&[Part::Text("Yes.")])),
    )
    .await;
    let records = Arc::new(ShortMemory::default());
    let fields = json!({"compat": {"supportsTools": false}});
    let mut model = model_with(&server.base_url(), Api::OpenAiCompletions, fields);
    model.server = Some(ServerKind::LlamaCpp);
    for posts in [2, 3] {
        let (answer, _) = turn(&records, &model).await;
        assert_eq!(answer.reply.message.text(), "Yes.");
        assert_eq!(server.posts().len(), posts);
    }
    let sent = server.posts().last().unwrap().json();
    assert!(
        sent["messages"].to_string().contains("get_weather {"),
        "{sent}"
    );
}

#[test]
fn the_answer_is_held_to_a_grammar_where_the_server_takes_one() {
    let mut model = in_words(Api::OpenAiCompletions);
    let mut request = offering();
    let plain = body(&model, &request);
    assert!(plain.get("grammar").is_none() && plain.get("structured_outputs").is_none());
    assert!(plain.get("tools").is_none() && plain.get("tool_choice").is_none());
    model.server = Some(ServerKind::Vllm);
    let held = body(&model, &request)["structured_outputs"]["grammar"].clone();
    assert!(held.as_str().unwrap().starts_with("root ::= "));
    model.server = Some(ServerKind::LlamaCpp);
    assert_eq!(body(&model, &request)["grammar"], held);
    // The prompt does not depend on what may be answered.
    request.tool_choice = ToolChoice::None;
    let last_word = body(&model, &request);
    assert_eq!(last_word["messages"], plain["messages"]);
    assert!(
        !last_word["grammar"]
            .as_str()
            .unwrap()
            .contains("get_weather")
    );
    model.repairs.dropped.insert("grammar".to_owned());
    assert!(body(&model, &request).get("grammar").is_none());
    model = Model {
        repairs: Default::default(),
        ..model
    };
    let native = body(&model, &offering());
    assert!(native.get("grammar").is_none() && native.get("tools").is_some());
}

/// A stream of these pieces of text.
fn stream(pieces: &[&str]) -> String {
    let frame = |delta: Value, end: Value| {
        data(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}))
    };
    let pieces = pieces
        .iter()
        .map(|piece| frame(json!({"content": piece}), Value::Null));
    let end = frame(json!({}), "stop".into());
    format!("{}{end}data: [DONE]\n\n", pieces.collect::<String>())
}

fn say(pieces: &[&str]) -> Outcome {
    let body = stream(pieces);
    decode(
        &in_words(Api::OpenAiCompletions),
        &offering(),
        [body.as_bytes()],
    )
}

fn shown(outcome: &Outcome) -> String {
    let texts = outcome.events.iter().filter_map(|event| match event {
        Event::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn words_come_at_once_and_the_call_behind_them_as_a_call() {
    let outcome = say(&[
        "Let me",
        " look.\n",
        "<tool",
        "_call>\n{\"name\": \"get_weather\", ",
        "\"arguments\": {\"city\": \"<b>\"}}\n</tool_call>",
    ]);
    assert_eq!(outcome.calls(), [("get_weather", r#"{"city": "<b>"}"#)]);
    assert_eq!(outcome.text(), "Let me look.\n");
    let texts = outcome
        .events
        .iter()
        .filter(|event| matches!(event, Event::Text(_)));
    assert!(texts.count() > 1, "piece by piece: {:?}", outcome.events);
    // Without the form in its prompt, a model that shows one in its words shows it.
    let quoted = decode(
        &fixture::model(Api::OpenAiCompletions),
        &offering(),
        [stream(&["Look:\n", CALL]).as_bytes()],
    );
    assert_eq!(quoted.calls(), []);
}

#[test]
fn what_is_wrong_with_a_call_is_for_its_tool_to_say() {
    for (said, name, arguments) in [
        (
            r#"<tool_call>{"name": "get_weather", "arguments": {"town": "Oslo"}}</tool_call>"#,
            "get_weather",
            r#"{"town": "Oslo"}"#,
        ),
        (
            r#"<tool_call>{"name": "get_wether", "arguments": {}}</tool_call>"#,
            "get_wether",
            "{}",
        ),
        (
            "Hm.\n<tool_call>\n{\"name\": \"get_weather\"}\n</tool_call>",
            "get_weather",
            "{}",
        ),
        (
            r#"<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}</tool_call>"#,
            "get_weather",
            r#"{"city": "Oslo"}"#,
        ),
        (
            "Sure: <tool_call>{'name': 'get_weather', 'arguments': {'city': 'Oslo',}}</tool_call>",
            "get_weather",
            "{'city': 'Oslo',}",
        ),
        (
            "<tool_call>\n```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n```\n</tool_call>",
            "get_weather",
            r#"{"city": "Oslo"}"#,
        ),
        (
            r#"<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}, "why": "asked"}"#,
            "get_weather",
            r#"{"city": "Oslo"}"#,
        ),
        (
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>\n<tool_response>\n21\n</tool_response>\nIt is 21.",
            "get_weather",
            r#"{"city": "Oslo"}"#,
        ),
    ] {
        let outcome = say(&[said]);
        assert_eq!(outcome.calls(), [(name, arguments)], "{said}");
        assert!(!shown(&outcome).contains("tool_"), "{said}");
        assert!(!shown(&outcome).contains("21"), "{said}");
    }
}

#[test]
fn a_mark_that_is_only_spoken_of_is_text() {
    for said in [
        "Write `<tool_call>` and JSON.",
        "The mark is \"<tool_call>\", then {\"name\": …}.",
        "```\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\"}}\n</tool_call>\n```",
        "Calls begin with <tool_call> in many models.",
        "Calls begin with <tool_call>",
        "a <tool",
        "<tool_call> is a mark.",
    ] {
        let outcome = say(&[said]);
        assert_eq!(outcome.calls(), [], "{said}");
        assert_eq!(outcome.text(), said);
        assert_eq!(shown(&outcome), said);
    }
}

#[test]
fn a_mark_in_reasoning_hides_no_call_behind_it() {
    let outcome = say(&["Hm. <tool_call> or not?\n</think>\n\nLet me look.\n", CALL]);
    assert_eq!(outcome.thinking(), "Hm. <tool_call> or not?");
    assert_eq!(outcome.text(), "Let me look.\n");
    assert_eq!(outcome.calls().len(), 1);
}

#[test]
fn a_call_against_the_rule_is_a_call_and_not_shown() {
    let request = Request {
        tool_choice: ToolChoice::None,
        ..offering()
    };
    let body = stream(&["So.\n", CALL]);
    let outcome = decode(
        &in_words(Api::OpenAiCompletions),
        &request,
        [body.as_bytes()],
    );
    assert_eq!(outcome.calls().len(), 1);
    assert_eq!(shown(&outcome), "So.\n");
}

fn assistant(content: Vec<AssistantPart>) -> Message {
    Message::Assistant(AssistantMessage {
        content,
        api: "openai-completions".to_owned(),
        provider: "box".to_owned(),
        model: "m".to_owned(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 0,
    })
}

fn called(id: &str) -> AssistantPart {
    AssistantPart::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: r#"{"city": "Paris"}"#.to_owned(),
    })
}

fn told(id: &str, text: &str) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id.to_owned(),
        tool_name: "get_weather".to_owned(),
        content: vec![Content::text(text, Provenance::Outside)],
        is_error: false,
        timestamp: 0,
    })
}

/// What the model answered, and what it is told before its next answer.
fn step() -> impl Strategy<Value = Vec<Message>> {
    let words = "[ -~\n]{0,12}";
    prop_oneof![
        (words, words).prop_map(|(text, next)| vec![
            assistant(vec![AssistantPart::Text {
                text: format!("x{text}")
            }]),
            Message::user(format!("y{next}"), 0),
        ]),
        (words, 1usize..4, prop::option::of(words)).prop_map(|(text, calls, next)| {
            let mut parts = vec![AssistantPart::Text { text }];
            parts.extend((0..calls).map(|at| called(&at.to_string())));
            let mut messages = vec![assistant(parts)];
            messages.extend((0..calls).map(|at| told(&at.to_string(), "21")));
            messages.extend(next.map(|text| Message::user(format!("z{text}"), 0)));
            messages
        }),
    ]
}

proptest! {
    #[test]
    fn each_request_begins_with_the_one_before_it(steps in prop::collection::vec(step(), 1..6)) {
        for api in [Api::OpenAiCompletions, Api::Ollama, Api::OpenAiResponses] {
            let model = in_words(api);
            let mut request = offering();
            let field = if api == Api::OpenAiResponses { "input" } else { "messages" };
            let mut before: Vec<Value> = Vec::new();
            for step in &steps {
                request.messages.extend(step.iter().cloned());
                let body = body(&model, &request);
                let now = body[field].as_array().unwrap().clone();
                prop_assert_eq!(&now[..before.len()], &before[..]);
                let roles: Vec<&Value> = now.iter().map(|message| &message["role"]).collect();
                let is_strict = roles.windows(2).all(|pair| pair[0] != pair[1]);
                prop_assert!(is_strict, "{:?}", roles);
                before = now;
            }
        }
    }

    #[test]
    fn however_it_is_cut_nothing_of_a_call_is_shown(
        words in "[ -~\n]{0,20}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        prop_assume!(!words.contains(['<', '`', '"', '\'', '{', '[']) && !words.trim().is_empty());
        let text = format!("{words}\n{CALL}");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
        let outcome = say(&pieces);
        prop_assert_eq!(outcome.calls().len(), 1);
        let expected = format!("{}\n", words.trim_start());
        prop_assert_eq!(shown(&outcome), expected);
    }
}
