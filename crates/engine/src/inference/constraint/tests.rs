#![allow(clippy::unwrap_used)]

use llguidance::toktrie::ApproximateTokEnv;
use moltbot_llm::{
    AssistantPart, Catalog, Event, Model, ModelRef, StopReason, TextDecoder, ToolCall, Usage,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: String::new(),
        parameters,
    }
}

fn weather() -> ToolSpec {
    tool(
        "get_weather",
        json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
            },
            "required": ["city"],
        }),
    )
}

fn trip() -> ToolSpec {
    tool(
        "plan_trip",
        json!({
            "type": "object",
            "properties": {
                "stops": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"place": {"type": "string"}, "nights": {"type": "integer"}},
                    "required": ["place", "nights"],
                }},
                "budget": {"type": "number"},
                "by_train": {"type": "boolean"},
                "notes": {"type": "array", "items": {"type": "string"}},
                "more": {"description": "Whatever else matters."},
            },
            "required": ["stops", "by_train"],
        }),
    )
}

fn ping() -> ToolSpec {
    tool("ping", json!({"type": "object", "properties": {}}))
}

fn request(tools: Vec<ToolSpec>, choice: ToolChoice) -> Request {
    Request {
        tools,
        choice,
        form: CallForm::HERMES,
        marker: None,
        thought: Thought::Absent,
        bound: None,
    }
}

/// What a grammar says of a text.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It may end here.
    Whole,
    /// It may go on.
    Begun,
    /// It is no such text.
    Refused,
}

use Verdict::{Begun, Refused, Whole};

fn grammars() -> Grammars {
    Grammars::of(&ApproximateTokEnv::single_byte_env()).unwrap()
}

fn judge(request: &Request, text: &str) -> Verdict {
    let mut matcher = grammars().matcher(request.clone()).unwrap();
    let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
    if matcher.try_consume_tokens(&bytes).unwrap() < bytes.len() {
        return Refused;
    }
    match matcher.is_accepting().unwrap() {
        true => Whole,
        false => Begun,
    }
}

fn call(name: &str, arguments: &str) -> String {
    format!("<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>")
}

#[test]
fn a_required_call_is_one_of_the_tools_with_arguments_that_fit() {
    let required = request(vec![weather(), trip(), ping()], ToolChoice::Required);
    let judge = |text: &str| judge(&required, text);
    for whole in [
        call("ping", "{}"),
        call("get_weather", r#"{"city": "Łódź"}"#),
        call(
            "get_weather",
            r#"{"city": "a \"b\"", "unit": "celsius", "days": 14}"#,
        ),
        call(
            "plan_trip",
            r#"{"stops": [{"place": "Rome", "nights": -2}, {"place": "", "nights": 0}], "budget": 12.5, "by_train": true}"#,
        ),
        format!("{}\n{}", call("ping", "{}"), call("ping", "{}")),
    ] {
        assert_eq!(judge(&whole), Whole, "{whole}");
    }
    for refused in [
        "Hello".to_owned(),
        String::from("\n<tool_call>"),
        call("pong", "{}"),
        call("get_weather_map", "{}"),
        call("ping", r#"{"loud": true}"#),
        call("get_weather", "{}"),
        call("get_weather", r#"{"unit": "celsius"}"#),
        call("get_weather", r#"{"city": "Rome", "unit": "kelvin"}"#),
        call("get_weather", r#"{"city": "Rome", "days": 15}"#),
        call("get_weather", r#"{"city": "Rome", "days": 1.5}"#),
        call("get_weather", r#"{"city": 7}"#),
        call("get_weather", r#"{"city": "Rome", "city": "Oslo"}"#),
        // Only the layout that templates write, so that the next prompt reads as this answer did.
        call("get_weather", r#"{"city":"Rome"}"#),
        call(
            "plan_trip",
            r#"{"stops": [{"place": "Rome"}], "by_train": true}"#,
        ),
    ] {
        assert_eq!(judge(&refused), Refused, "{refused}");
    }
    assert_eq!(judge(""), Begun);
    assert_eq!(judge("<tool_call>\n{\"name\": \"get_weather"), Begun);
    let nine = vec![call("ping", "{}"); 9].join("\n");
    assert_eq!(judge(&nine), Refused);
}

#[test]
fn the_model_may_answer_in_words_that_do_not_begin_as_calls_do() {
    let auto = request(vec![weather(), ping()], ToolChoice::Auto);
    let judge = |text: &str| judge(&auto, text);
    for whole in [
        "Hello, how can I help?",
        " \n Well.\n\nTwo paragraphs: {\"name\": \"ping\"}",
        "{\"name\": \"Ann\", \"age\": 7}",
        "[1] says so, [ping] does not",
        "[ping](https://example.org)",
        "<b>bold</b>",
        "😀",
    ] {
        assert_eq!(judge(whole), Whole, "{whole}");
    }
    assert_eq!(judge(&call("ping", "{}")), Whole);
    for refused in [
        "<tool_call>ping",
        "<tool_call>\n{\"name\": \"pong\"",
        "\n<tool_call>",
        " {\"type\":\"function\", \"name\": \"get_weather\"",
        "[TOOL_CALLS]",
        "<function=ping>",
        "[ping(",
        "[get_weather]{",
        "Sure!\n<tool_call>",
    ] {
        assert_eq!(judge(refused), Refused, "{refused}");
    }
    assert_eq!(judge(" \n"), Begun, "an answer without words is none");
}

#[test]
fn calls_may_follow_words_on_a_line_of_their_own() {
    let mut auto = request(vec![weather(), ping()], ToolChoice::Auto);
    auto.marker = CallForm::HERMES.marker();
    let judge = |text: &str| judge(&auto, text);
    let one = call("ping", "{}");
    for whole in [
        one.clone(),
        format!("Let me look.\n{one}"),
        format!("Two lines,\n\nand two calls. \n{one}\n{one}"),
        "Only words: <tool_response>.".to_owned(),
    ] {
        assert_eq!(judge(&whole), Whole, "{whole}");
    }
    assert_eq!(judge("Let me look.\n<tool_call>\n{\"name\": \"pi"), Begun);
    for refused in [
        // Not a line of its own, or within code: words about a call.
        format!("Write {one}"),
        format!("```\n{one}"),
        format!("```\ncode\n```\n{one}"),
        "Let me look.\n<tool_call>\n{\"name\": \"pong".to_owned(),
        "Let me look.\n<tool_call> or so".to_owned(),
        format!("Let me look.\n{one} Done."),
        format!("Let me look.\n{one}\nDone."),
        format!("Let me look.\n{}", call("get_weather", "{}")),
    ] {
        assert_eq!(judge(&refused), Refused, "{refused}");
    }
}

#[test]
fn a_call_shown_as_code_is_a_call() {
    for marker in [None, CallForm::HERMES.marker()] {
        let mut auto = request(vec![weather(), ping()], ToolChoice::Auto);
        auto.marker = marker;
        let judge = |text: &str| judge(&auto, text);
        let head = "```json\n{\n  \"name\": \"get_weather\"";
        let whole = format!("{head}, \"arguments\": {{\"city\": \"Rome\"}}}}\n```");
        assert_eq!(judge(&whole), Whole);
        let object = whole
            .trim_start_matches("```json\n")
            .trim_end_matches("\n```");
        assert_eq!(judge(object), Whole);
        assert_eq!(judge(&format!("{object}\nDone.")), Refused);
        assert_eq!(judge(head), Begun);
        assert_eq!(judge(&format!("{head}, \"arguments\": {{}}")), Refused);
        assert_eq!(judge(&format!("{whole}\nDone.")), Refused);
        for words in [
            "```json\n{\"name\": \"Ann\"}\n```",
            "```python\nprint(1)\n```",
            "Like so:\n```json\n{\"name\": \"ping\"}\n```",
        ] {
            assert_eq!(judge(words), Whole, "{words}");
        }
    }
}

#[test]
fn the_named_tool_is_called_once() {
    let named = request(vec![ping()], ToolChoice::Named("ping".into()));
    assert_eq!(judge(&named, &call("ping", "{}")), Whole);
    assert_eq!(judge(&named, &format!("{}\n", call("ping", "{}"))), Refused);
    assert_eq!(judge(&named, "ping"), Refused);
}

#[test]
fn no_call_where_none_is_wanted() {
    let none = request(vec![weather(), ping()], ToolChoice::None);
    assert_eq!(judge(&none, "Fine."), Whole);
    for data in ["<tool_call>", "{", "```json"] {
        assert_eq!(judge(&none, data), Refused, "{data}");
    }
    assert_eq!(judge(&none, "In JSON: {}"), Whole);
    assert_eq!(judge(&none, "See <tool_call>"), Refused);
}

#[test]
fn other_forms_of_calls() {
    let llama = Request {
        form: CallForm::LLAMA,
        ..request(vec![weather(), ping()], ToolChoice::Required)
    };
    let one = r#"{"name": "ping", "parameters": {}}"#;
    assert_eq!(judge(&llama, one), Whole);
    assert_eq!(judge(&llama, &format!("{one}{one}")), Refused);

    let mistral = Request {
        form: CallForm::MISTRAL,
        marker: CallForm::MISTRAL.marker(),
        ..request(vec![weather(), ping()], ToolChoice::Auto)
    };
    let two = r#"[TOOL_CALLS][{"name": "ping", "arguments": {}}, {"name": "get_weather", "arguments": {"city": "Rome"}}]"#;
    assert_eq!(judge(&mistral, two), Whole);
    assert_eq!(judge(&mistral, "[TOOL_CALLS]ping"), Refused);
    assert_eq!(judge(&mistral, "Words"), Whole);
    assert_eq!(judge(&mistral, &format!("Words\n{two}")), Whole);
}

#[test]
fn reasoning_comes_before_calls_and_words() {
    let mut request = request(vec![ping()], ToolChoice::Required);
    request.thought = Thought::at_end_of("…assistant\n", true);
    let thought = "<think>\nA <tool_call>? {\"name\": \"ping\"}\n</think>\n\n";
    let called = call("ping", "{}");
    assert_eq!(judge(&request, &format!("{thought}{called}")), Whole);
    assert_eq!(judge(&request, &called), Whole);
    assert_eq!(judge(&request, thought), Begun);
    assert_eq!(judge(&request, &format!("{thought}Words")), Refused);
    request.choice = ToolChoice::Auto;
    assert_eq!(judge(&request, &format!("{thought}Words")), Whole);
    assert_eq!(judge(&request, "<think>Words"), Begun);
    request.thought = Thought::at_end_of("…assistant\n<think>\n", true);
    assert_eq!(judge(&request, &format!("Hm.</think>\n\n{called}")), Whole);
    assert_eq!(judge(&request, &called), Begun);
}

#[test]
fn a_schema_that_is_too_much_for_a_grammar_takes_any_object() {
    let strange = tool(
        "strange",
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "if": {}, "then": {"required": ["a"]}}),
    );
    for bound in [None, Some(256)] {
        let mut request = request(vec![strange.clone(), weather()], ToolChoice::Required);
        request.bound = bound;
        let free = call("strange", r#"{"b": [1, {"c": null}], "a": "x"}"#);
        assert_eq!(judge(&request, &free), Whole);
        assert_eq!(judge(&request, &call("strange", "[]")), Refused);
        let wrong = call("get_weather", r#"{"b": 1}"#);
        assert_eq!(judge(&request, &wrong), Refused, "the others keep theirs");
    }
}

#[test]
fn a_small_model_s_values_end() {
    let mut request = request(vec![weather(), trip(), ping()], ToolChoice::Required);
    request.bound = Some(256);
    let with_city = |length: usize| {
        call(
            "get_weather",
            &format!(r#"{{"city": "{}"}}"#, "a".repeat(length)),
        )
    };
    assert_eq!(judge(&request, &with_city(512)), Whole);
    assert_eq!(judge(&request, &with_city(513)), Refused);
    let two = [call("ping", "{}"), call("ping", "{}")].join("\n");
    assert_eq!(judge(&request, &two), Refused);
    let stops = |count: usize| {
        let stop = r#"{"place": "Rome", "nights": 1}"#;
        let stops = vec![stop; count].join(", ");
        call(
            "plan_trip",
            &format!(r#"{{"stops": [{stops}], "by_train": true}}"#),
        )
    };
    assert_eq!(judge(&request, &stops(8)), Whole);
    assert_eq!(judge(&request, &stops(9)), Refused);
    let budget = |number: &str| {
        call(
            "plan_trip",
            &format!(r#"{{"stops": [], "budget": {number}, "by_train": true}}"#),
        )
    };
    assert_eq!(judge(&request, &budget("-0.25")), Whole);
    assert_eq!(judge(&request, &budget(&"9".repeat(30))), Refused);
    assert_eq!(
        judge(&request, &budget(&format!("0.{}", "3".repeat(30)))),
        Refused
    );
}

fn model() -> Model {
    Catalog::new(&Default::default(), &["tiny".to_owned()])
        .model(&ModelRef::new("local", "tiny"))
        .unwrap()
}

/// The calls that a decoder reads from `text`.
fn read(text: &str, tools: &[ToolSpec]) -> Vec<ToolCall> {
    let mut decoder = TextDecoder::with_tools(&model(), 1, tools);
    decoder.feed(text);
    let reply = decoder.finish(StopReason::Stop, Usage::default(), &mut Vec::new());
    let parts = reply.unwrap().message.content;
    let calls = parts.into_iter().map(|part| match part {
        AssistantPart::ToolCall(call) => call,
        other => panic!("{other:?} in {text}"),
    });
    calls.collect()
}

/// A model that writes on and on: in a text another letter, in a list another item.
#[test]
fn a_call_that_runs_out_of_tokens_is_closed() {
    let vocabulary = ApproximateTokEnv::single_byte_env();
    for (form, most) in [(CallForm::HERMES, 300), (CallForm::MISTRAL, 400)] {
        let request = Request {
            form,
            bound: Some(4000),
            ..request(vec![trip()], ToolChoice::Required)
        };
        let mut constraint = Constraint {
            closing: Some(Closing::new(&vocabulary, &request, most)),
            marker: None,
            matcher: grammars().matcher(request).unwrap(),
            vocabulary: vocabulary.clone(),
            only_calls: true,
        };
        let mut text = Vec::new();
        while !constraint.is_complete() {
            let left = most - text.len() as u64;
            assert!(left > 0, "{}", String::from_utf8_lossy(&text));
            let allowed = constraint.allowed(left).unwrap();
            let token = "a1, ".bytes().map(u32::from);
            let token = token.into_iter().find(|token| allowed.is_allowed(*token));
            let token = token.or_else(|| allowed.iter().next()).unwrap();
            if token > 255 {
                break;
            }
            text.push(u8::try_from(token).unwrap());
            constraint.accept(LlamaToken(token.cast_signed())).unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        assert_eq!(read(&text, &[trip()]).len(), 1, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever words come first: they are shown, and what follows them are calls.
    #[test]
    fn what_follows_words_is_calls_however_they_are_cut(
        words in "[A-Za-z.<`\\n ]{0,40}[a-z.]\\n{0,2}",
        cut in 1_usize..9,
    ) {
        let tools = vec![weather(), ping()];
        let mut auto = request(tools.clone(), ToolChoice::Auto);
        auto.marker = CallForm::HERMES.marker();
        let calls = [call("ping", "{}"), call("get_weather", r#"{"city": "<think>a\n<tool_call>"}"#)].join("\n");
        let text = format!("{words}\n{calls}");
        if judge(&auto, &text) == Whole {
            let mut decoder = TextDecoder::with_tools(&model(), 1, &tools);
            decoder.hold_to_grammar(auto.marker);
            let letters: Vec<char> = text.chars().collect();
            let mut events = Vec::new();
            for piece in letters.chunks(cut) {
                events.extend(decoder.feed(&piece.iter().collect::<String>()));
            }
            let reply = decoder.finish(StopReason::Stop, Usage::default(), &mut events).unwrap();
            let shown: String = events.iter().filter_map(|event| match event {
                Event::Text(text) => Some(text.as_str()),
                _ => None,
            }).collect();
            prop_assert_eq!(&shown, &reply.message.text());
            prop_assert_eq!(shown.trim_start(), words.trim_start());
            prop_assert_eq!(reply.message.tool_calls().count(), 2);
        } else {
            prop_assert!(words.contains("```") || words.trim().is_empty(), "{}", text);
        }
    }

    /// However badly a model chooses, what it has written in the end is calls.
    #[test]
    fn any_walk_through_the_grammar_is_valid_calls(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 64),
        form in prop::sample::select(vec![CallForm::HERMES, CallForm::LLAMA, CallForm::MISTRAL]),
    ) {
        let tools = vec![weather(), trip(), ping()];
        let request = Request { form, bound: Some(64), ..request(tools.clone(), ToolChoice::Required) };
        let mut matcher = grammars().matcher(request).unwrap();
        let mut text = Vec::new();
        for step in 0.. {
            if matcher.is_stopped() {
                break;
            }
            let mask = matcher.compute_mask_or_eos().unwrap();
            let mut allowed: Vec<u32> = mask.iter().collect();
            // The quote that ends a string is one choice among hundreds: often enough it must be made.
            if allowed.contains(&u32::from(b'"')) && step % 7 == 0 {
                allowed = vec![u32::from(b'"')];
            }
            let token = allowed[picks[step % picks.len()].index(allowed.len())];
            if token > 255 {
                break;
            }
            text.push(u8::try_from(token).unwrap());
            matcher.consume_token(token).unwrap();
            prop_assert!(text.len() < 50_000);
        }
        let text = String::from_utf8(text).unwrap();
        prop_assert!(!read(&text, &tools).is_empty(), "{}", text);
    }
}
