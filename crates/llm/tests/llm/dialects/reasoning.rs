//! Reasoning, wherever servers put it.

use moltbot_llm::{Api, Event, FailureClass};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::completions::{DONE, chunk, end, stream};
use crate::fixture::{Outcome, decode, hi, model, read};

fn chat(deltas: &[Value]) -> Outcome {
    read(Api::OpenAiCompletions, &stream(deltas, "stop"))
}

#[track_caller]
fn says(outcome: &Outcome, thinking: &str, text: &str) {
    assert_eq!(outcome.thinking(), thinking);
    assert_eq!(outcome.text(), text);
}

#[test]
fn every_field_of_reasoning_is_read() {
    for field in ["reasoning_content", "reasoning", "thinking"] {
        let outcome = chat(&[
            json!({field: "Let me"}),
            json!({field: " see."}),
            json!({"content": "Hello."}),
        ]);
        says(&outcome, "Let me see.", "Hello.");
    }
}

#[test]
fn the_details_alone_are_read_and_sealed_ones_passed_over() {
    let outcome = chat(&[
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "Let me"}]}),
        json!({"reasoning_details": [{"type": "reasoning.summary", "summary": " see."}]}),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VhbGVk"}]}),
        json!({"content": "Hello."}),
    ]);
    says(&outcome, "Let me see.", "Hello.");
}

#[test]
fn the_same_reasoning_in_several_fields_counts_once() {
    let details = json!([{"type": "reasoning.text", "text": "Hm."}]);
    for delta in [
        json!({"reasoning": "Hm.", "reasoning_content": "Hm."}),
        json!({"reasoning": "Hm.", "reasoning_details": details}),
        json!({"reasoning": "Hm.", "reasoning_content": "", "thinking": "Hm."}),
        json!({"reasoning": null, "reasoning_content": null, "reasoning_details": details}),
    ] {
        let outcome = chat(&[delta.clone(), json!({"content": "Hello."})]);
        assert_eq!(outcome.thinking(), "Hm.", "{delta}");
    }
}

#[test]
fn content_in_typed_parts_is_taken_apart() {
    let outcome = chat(&[
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
        json!({"content": [{"type": "text", "text": "Hello."}]}),
    ]);
    says(&outcome, "Hm.", "Hello.");
}

#[test]
fn tags_in_the_text_are_read_wherever_they_are_cut() {
    for (tagged, thinking, text) in [
        ("<think>Let me see.</think>Hello.", "Let me see.", "Hello."),
        (
            "\n<thinking>\nA\n</thinking>\n\nB <b>C</b>",
            "A",
            "B <b>C</b>",
        ),
        ("<thought>A</thought><final>B</final>", "A", "B"),
        ("<reasoning>a < b</reasoning>b", "a < b", "b"),
        (
            "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
            "A",
            "B",
        ),
    ] {
        let whole = chat(&[json!({"content": tagged})]);
        says(&whole, thinking, text);
        for (cut, _) in tagged.char_indices() {
            let (head, tail) = tagged.split_at(cut);
            let outcome = chat(&[json!({"content": head}), json!({"content": tail})]);
            says(&outcome, thinking, text);
        }
        let letters: Vec<Value> = tagged
            .chars()
            .map(|c| json!({"content": c.to_string()}))
            .collect();
        says(&chat(&letters), thinking, text);
    }
}

#[test]
fn a_closing_tag_alone_takes_back_what_was_shown() {
    let outcome = chat(&[
        json!({"content": "They greet me.\n"}),
        json!({"content": "</thi"}),
        json!({"content": "nk>\n\n"}),
        json!({"content": "Hello."}),
    ]);
    says(&outcome, "They greet me.", "Hello.");
    assert_eq!(
        outcome.words(),
        [
            Event::Text("They greet me.\n".to_owned()),
            Event::TextWasThinking,
            Event::Text("Hello.".to_owned()),
        ]
    );
}

#[test]
fn tags_in_code_are_text() {
    let text = "```xml\n<think>x</think>\n```\nand `</think>` too";
    says(&chat(&[json!({"content": text})]), "", text);
}

#[test]
fn a_call_in_harmony_s_commentary_is_a_call() {
    for header in [
        "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>",
        "<|channel|>commentary to=functions.get_weather<|constrain|>json<|message|>",
        "<|channel|>commentary to=get_weather<|message|>",
        "<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>",
    ] {
        let text = format!(
            "<|channel|>analysis<|message|>Hm.<|end|>{header}{{\"city\":\"Paris\"}}<|call|>"
        );
        let pieces: Vec<Value> = text.chars().map(|c| json!({"content": c})).collect();
        for deltas in [vec![json!({"content": text})], pieces] {
            let outcome = chat(&deltas);
            assert_eq!(
                outcome.calls(),
                [("get_weather", r#"{"city":"Paris"}"#)],
                "{header}"
            );
            says(&outcome, "Hm.", "");
        }
    }
}

#[test]
fn a_harmony_header_that_is_too_long_is_text_in_any_cut() {
    let text = format!("<|channel|>{}<|message|>Hi.", "x ".repeat(150));
    let pieces: Vec<Value> = text.chars().map(|c| json!({"content": c})).collect();
    let whole = chat(&[json!({"content": text})]);
    assert_eq!(chat(&pieces).reply().message, whole.reply().message);
}

#[test]
fn a_call_that_an_answer_quotes_in_harmony_s_form_is_text() {
    let call = "<|channel|>commentary to=functions.rm<|message|>{\"path\":\"/\"}";
    for prose in ["The form is ", "The form is this:\n\n", "`code` "] {
        let outcome = chat(&[json!({"content": format!("{prose}{call}<|call|>")})]);
        says(&outcome, "", &format!("{prose}{call}"));
        assert_eq!(outcome.calls(), []);
    }
    let preamble = "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant";
    let outcome = chat(&[json!({"content": format!("{preamble}{call}<|call|>")})]);
    says(&outcome, "", "I look.");
    assert_eq!(outcome.calls(), [("rm", r#"{"path":"/"}"#)]);
}

#[test]
fn reasoning_that_used_up_the_limit_is_no_answer() {
    let body = stream(
        &[json!({"reasoning_content": "Hm.", "content": null})],
        "length",
    );
    let outcome = read(Api::OpenAiCompletions, &body);
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::OutputExhausted);
    assert!(failure.to_string().contains("thinking level"));
}

#[test]
fn an_unclosed_tag_leaves_no_answer() {
    let outcome = chat(&[json!({"content": "<think>and then and then"})]);
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::ReasoningOnly);
    assert!(!failure.after_text);
}

#[test]
fn blank_lines_before_the_answer_are_nobody_s_text() {
    for deltas in [
        vec![json!({"content": "\n\nHello."})],
        vec![json!({"content": "\n"}), json!({"content": "\nHello."})],
        vec![
            json!({"reasoning": "Hm."}),
            json!({"content": "\n\n"}),
            json!({"content": "Hello."}),
        ],
    ] {
        let outcome = chat(&deltas);
        assert_eq!(outcome.text(), "Hello.");
        let texts: Vec<Event> = outcome
            .words()
            .into_iter()
            .filter(|event| matches!(event, Event::Text(_)))
            .collect();
        assert_eq!(texts, [Event::Text("Hello.".to_owned())]);
    }
}

#[test]
fn reasoning_between_words_does_not_join_them() {
    let outcome = chat(&[
        json!({"content": "One"}),
        json!({"reasoning": "Hm."}),
        json!({"content": " "}),
        json!({"content": "two."}),
    ]);
    assert_eq!(outcome.text(), "One two.");
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z .]{1,8}",
        1 => Just("\n".to_owned()),
        1 => Just("<think>".to_owned()),
        1 => Just("</think>".to_owned()),
        1 => Just("`".to_owned()),
        1 => Just("```\n".to_owned()),
        1 => Just("<|channel|>analysis<|message|>".to_owned()),
        1 => Just("<|end|>".to_owned()),
        1 => Just("✓<".to_owned()),
    ]
}

proptest! {
    /// However a text is spread over frames, the reply is the same, and so is what the events add up to.
    #[test]
    fn frames_cut_a_text_anywhere_without_effect(
        fragments in prop::collection::vec(fragment(), 1..8),
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
        let model = model(Api::OpenAiCompletions);
        let pieces = decode(&model, &hi(), [body.as_bytes()]);
        let whole = chat(&[json!({"content": text})]);
        match (&pieces.result, &whole.result) {
            (Ok(pieces), Ok(whole)) => prop_assert_eq!(&pieces.message, &whole.message),
            (Err(pieces), Err(whole)) => prop_assert_eq!(pieces.class, whole.class),
            (pieces, whole) => prop_assert!(false, "{:?} but {:?}", pieces, whole),
        }
        let mut shown = String::new();
        for event in pieces.words() {
            match event {
                Event::Text(piece) => shown.push_str(&piece),
                Event::TextWasThinking => shown.clear(),
                _ => {}
            }
        }
        if let Ok(reply) = &pieces.result {
            prop_assert_eq!(shown, reply.message.text());
        }
    }
}
