//! Calls that a model wrote as text, as the whole reply shows them.

use moltbot_llm::{
    Api, AssistantPart, Event, Reply, Request, StopReason, TextDecoder, ToolChoice, ToolSpec, Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::completions::{DONE, chunk, end, stream};
use crate::fixture::{Outcome, decode, hi, model};

const HERMES: &str =
    "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";
const PYTHONIC: &str = r#"[get_weather(city="Paris"), ping()]"#;

fn tools() -> Vec<ToolSpec> {
    let city =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    [("get_weather", city), ("ping", json!({"type": "object"}))]
        .into_iter()
        .map(|(name, parameters)| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters,
        })
        .collect()
}

fn offering() -> Request {
    Request {
        tools: tools(),
        ..hi()
    }
}

fn ask(request: &Request, deltas: &[Value]) -> Outcome {
    let body = stream(deltas, "stop");
    decode(&model(Api::OpenAiCompletions), request, [body.as_bytes()])
}

fn say(text: &str) -> Outcome {
    ask(&offering(), &[json!({"content": text})])
}

/// The text that a person has seen when the reply is over.
fn shown(events: &[Event]) -> String {
    let mut shown = String::new();
    for event in events {
        match event {
            Event::Text(piece) => shown.push_str(piece),
            Event::TextWasThinking => shown.clear(),
            _ => {}
        }
    }
    shown
}

fn ever_shown(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Text(_)))
}

#[test]
fn where_a_grammar_holds_the_text_calls_may_follow_words_or_be_a_block_of_code() {
    let model = model(Api::OpenAiCompletions);
    let call = r#"<tool_call>
{"name": "get_weather", "arguments": {"city": "Rome"}}
</tool_call>"#;
    let read = |text: &str, marker: Option<Option<&str>>| {
        let mut decoder = TextDecoder::with_tools(&model, 7, &tools());
        if let Some(marker) = marker {
            decoder.hold_to_grammar(marker);
        }
        let mut shown = String::new();
        let mut show = |events: Vec<Event>| {
            for event in events {
                if let Event::Text(text) = event {
                    shown.push_str(&text);
                }
            }
        };
        for letter in text.chars() {
            show(decoder.feed(&letter.to_string()));
        }
        let mut rest = Vec::new();
        let reply = decoder.finish(StopReason::Stop, Usage::default(), &mut rest);
        show(rest);
        (shown, reply.unwrap().message.tool_calls().count())
    };
    let marker = Some(Some("<tool_call>"));
    let after_words = format!("Let me look.\n\n{call}\n{call}");
    assert_eq!(read(&after_words, marker), ("Let me look.\n".into(), 2));
    assert_eq!(read(&after_words, None), (after_words.clone(), 0));
    assert_eq!(read(&after_words, Some(None)), (after_words.clone(), 0));
    assert_eq!(read(call, marker), (String::new(), 1));
    let in_a_line = format!("Write {call}");
    assert_eq!(read(&in_a_line, marker), (in_a_line.clone(), 0));

    let in_code = "```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n```";
    for marker in [marker, Some(None)] {
        assert_eq!(read(in_code, marker), (String::new(), 1));
    }
    assert_eq!(read(in_code, None), (in_code.to_owned(), 0));
    let explained = format!("Like so:\n{in_code}");
    assert_eq!(read(&explained, marker), (explained.clone(), 0));
    for data in [
        "```json\n{\"name\": \"Ann\"}\n```",
        "```\nx\n```",
        "Hello\n<tool",
        "a\n\nb",
    ] {
        assert_eq!(read(data, marker), (data.to_owned(), 0));
    }
}

#[test]
fn a_call_thought_of_behind_words_hides_none_that_is_made() {
    let model = model(Api::OpenAiCompletions);
    let mut decoder = TextDecoder::with_tools(&model, 7, &tools());
    decoder.hold_to_grammar(Some("<tool_call>"));
    let thought = format!("Perhaps so:\n{HERMES}\nYes.");
    for letter in format!("{thought}\n</think>\n\nI look.\n{HERMES}").chars() {
        decoder.feed(&letter.to_string());
    }
    let reply = decoder.finish(StopReason::Stop, Usage::default(), &mut Vec::new());
    let message = reply.unwrap().message;
    let reasoning: String = message
        .content
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Thinking(thinking) => Some(thinking.thinking.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(message.text(), "I look.");
    assert_eq!(message.tool_calls().count(), 1);
    assert_eq!(reasoning, thought);
}

#[test]
fn a_reply_that_is_wholly_calls_gives_calls_and_shows_nothing() {
    let outcome = say(PYTHONIC);
    assert_eq!(
        outcome.calls(),
        [("get_weather", r#"{"city":"Paris"}"#), ("ping", "{}")]
    );
    assert_eq!(outcome.reply().message.stop_reason, StopReason::ToolUse);
    assert_eq!(outcome.text(), "");
    assert_eq!(
        outcome.words(),
        [
            Event::ToolCallStarted {
                index: 0,
                name: "get_weather".to_owned()
            },
            Event::ToolCallArguments {
                index: 0,
                json: r#"{"city":"Paris"}"#.to_owned()
            },
            Event::ToolCallStarted {
                index: 1,
                name: "ping".to_owned()
            },
            Event::ToolCallArguments {
                index: 1,
                json: "{}".to_owned()
            },
        ]
    );
    let ids = outcome.ids();
    assert!(ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1]);
}

#[test]
fn without_offered_tools_nothing_changes() {
    let forbidden = Request {
        tool_choice: ToolChoice::None,
        ..offering()
    };
    for request in [hi(), forbidden] {
        let outcome = ask(&request, &[json!({"content": HERMES})]);
        assert_eq!(outcome.calls(), []);
        assert_eq!(outcome.text(), HERMES);
    }
}

#[test]
fn what_turns_out_to_be_no_call_is_given_out() {
    for text in [
        "<tool_call> is how Hermes begins a call.",
        "<tool_call>{\"name\": \"get_weather\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"rm\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"ping\", ",
        "[ping() is a call",
        "{\"name\": \"ping\", \"age\": 3}",
        "<",
        "[",
    ] {
        let outcome = say(text);
        assert_eq!(outcome.calls(), [], "{text}");
        assert_eq!(outcome.text(), text);
        assert_eq!(shown(&outcome.events), text);
    }
}

#[test]
fn reasoning_before_a_call_stays_reasoning() {
    for deltas in [
        vec![
            json!({"reasoning_content": "Hm."}),
            json!({"content": HERMES}),
        ],
        vec![json!({"content": format!("<think>Hm.</think>\n\n{HERMES}")})],
        vec![json!({"content": format!("Hm.\n</think>\n\n{HERMES}")})],
        vec![
            json!({"content": "\n\n"}),
            json!({"reasoning_content": "Hm."}),
            json!({"content": HERMES}),
        ],
    ] {
        let outcome = ask(&offering(), &deltas);
        assert_eq!(outcome.thinking(), "Hm.", "{deltas:?}");
        assert_eq!(outcome.calls().len(), 1, "{deltas:?}");
        assert_eq!(outcome.text(), "");
        assert_eq!(shown(&outcome.events), "");
    }
}

#[test]
fn a_call_that_was_only_thought_of_is_reasoning() {
    let outcome = say(&format!("{HERMES}\n</think>\n\nHello."));
    assert_eq!(outcome.calls(), []);
    assert_eq!(outcome.thinking(), HERMES);
    assert_eq!(outcome.text(), "Hello.");
    assert_eq!(
        outcome.words(),
        [
            Event::Thinking(HERMES.to_owned()),
            Event::Text("Hello.".to_owned())
        ]
    );
}

#[test]
fn arguments_that_hold_tags_are_left_as_they_are() {
    let city = "<think>\nx\n</think>\n<final>y</final><|channel|>final<|message|>`z";
    let text = format!(
        "<tool_call>{}</tool_call>",
        json!({"name": "get_weather", "arguments": {"city": city}})
    );
    let plain = format!(
        "<function=get_weather>\n<parameter=city>\n{city}\n</parameter>\n</function>\n</tool_call>"
    );
    for text in [text, plain] {
        let letters: Vec<Value> = text
            .chars()
            .map(|c| json!({"content": c.to_string()}))
            .collect();
        for outcome in [say(&text), ask(&offering(), &letters)] {
            let calls = outcome.calls();
            let [("get_weather", arguments)] = calls.as_slice() else {
                panic!("{calls:?}");
            };
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            assert_eq!(arguments, json!({"city": city}));
            assert_eq!(outcome.thinking(), "");
            assert!(!ever_shown(&outcome.events));
        }
    }
}

#[test]
fn tags_behind_what_is_no_call_still_count() {
    let outcome = say(&format!("{HERMES}<think>x"));
    assert_eq!(outcome.calls().len(), 0);
    let outcome = say(&format!("{HERMES}\n<think>x</think>"));
    assert_eq!(outcome.calls().len(), 1);
    assert_eq!(outcome.thinking(), "x");
    let outcome = say(&format!("{HERMES}\n</think>\n{PYTHONIC}"));
    assert_eq!(outcome.calls().len(), 2);
    assert_eq!(outcome.thinking(), HERMES);
    assert_eq!(shown(&outcome.events), "");
}

#[test]
fn a_native_call_makes_the_text_text() {
    let native = json!({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "ping", "arguments": "{}"}}]});
    let outcome = ask(&offering(), &[json!({"content": HERMES}), native.clone()]);
    assert_eq!(outcome.calls(), [("ping", "{}")]);
    assert_eq!(outcome.text(), HERMES);
    assert!(matches!(
        outcome.reply().message.content.as_slice(),
        [AssistantPart::Text { .. }, AssistantPart::ToolCall(_)]
    ));
    let outcome = ask(&offering(), &[native, json!({"content": HERMES})]);
    assert_eq!(outcome.calls(), [("ping", "{}")]);
}

#[test]
fn a_call_of_a_stream_that_breaks_off_is_neither_run_nor_shown() {
    let body = chunk(&json!({"content": HERMES}));
    let model = model(Api::OpenAiCompletions);
    let outcome = decode(&model, &offering(), [body.as_bytes()]);
    assert!(!outcome.failure().after_text);
    assert_eq!(outcome.words(), []);
}

#[test]
fn raw_text_of_a_model_without_a_server_is_read_alike() {
    let model = model(Api::OpenAiCompletions);
    let read = |mut decoder: TextDecoder| -> (Reply, Vec<Event>) {
        let mut events = Vec::new();
        for c in HERMES.chars() {
            events.extend(decoder.feed(&c.to_string()));
        }
        let reply = decoder.finish(StopReason::Stop, Usage::default(), &mut events);
        (reply.unwrap(), events)
    };
    let (reply, events) = read(TextDecoder::with_tools(&model, 7, &tools()));
    assert_eq!(reply.message.tool_calls().count(), 1);
    assert_eq!(reply.message.stop_reason, StopReason::ToolUse);
    assert!(!ever_shown(&events));
    let (reply, _) = read(TextDecoder::new(&model, 7));
    assert_eq!(reply.message.text(), HERMES);
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z .]{1,8}",
        1 => Just("\n".to_owned()),
        1 => Just("<think>".to_owned()),
        1 => Just("</think>\n".to_owned()),
        1 => Just("```\n".to_owned()),
        3 => Just(HERMES.to_owned()),
        1 => Just(PYTHONIC.to_owned()),
        1 => Just("<tool_call>".to_owned()),
        1 => Just("[get_".to_owned()),
        1 => Just("{\"name\":".to_owned()),
    ]
}

proptest! {
    /// However a reply is spread over frames, it is the same, and the events add up to it.
    #[test]
    fn frames_cut_a_call_anywhere_without_effect(
        fragments in prop::collection::vec(fragment(), 1..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let text = fragments.concat();
        let letters: Vec<char> = text.chars().collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(letters.len())).collect();
        cuts.push(letters.len());
        cuts.sort_unstable();
        let mut from = 0;
        let mut body = String::new();
        for cut in cuts {
            let piece: String = letters[from..cut].iter().collect();
            body.push_str(&chunk(&json!({"content": piece})));
            from = cut;
        }
        body.push_str(&end("stop"));
        body.push_str(DONE);
        let pieces = decode(&model(Api::OpenAiCompletions), &offering(), [body.as_bytes()]);
        let whole = say(&text);
        match (&pieces.result, &whole.result) {
            (Ok(pieces), Ok(whole)) => prop_assert_eq!(&pieces.message, &whole.message),
            (Err(pieces), Err(whole)) => prop_assert_eq!(pieces.class, whole.class),
            (pieces, whole) => prop_assert!(false, "{:?} but {:?}", pieces, whole),
        }
        if let Ok(reply) = &pieces.result {
            prop_assert_eq!(shown(&pieces.events), reply.message.text());
            if reply.message.tool_calls().next().is_some() {
                prop_assert!(!ever_shown(&pieces.events) || text.contains("</think>"));
            }
        }
    }

    /// Text that begins as no call does is given out as it comes.
    #[test]
    fn text_without_markers_streams(words in prop::collection::vec("[a-z][a-z ,.]{0,8}", 1..6)) {
        let model = model(Api::OpenAiCompletions);
        let request = offering();
        let mut decoder = moltbot_llm::Decoder::new(&model, &request, 7);
        for word in words {
            let events = decoder.feed(chunk(&json!({"content": word})).as_bytes());
            prop_assert_eq!(events, [Event::Text(word)]);
        }
    }
}
