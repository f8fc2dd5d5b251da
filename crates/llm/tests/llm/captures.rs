//! Every recorded reply of a real server, judged by a reading of our own that shares nothing with the decoder.

use std::sync::LazyLock;
use std::time::Duration;

use moltbot_llm::{
    Api, AssistantPart, Event, FailureClass, Model, Request, TokenFigures, list_models,
};
use moltbot_testkit::capture::{self, Capture};
use moltbot_testkit::{Script, ScriptedServer, When};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use crate::fixture::{Outcome, ask, decode, hi, model, model_at};
use crate::oracle::{self, Said, case, endpoint};

/// A reply and the request that it answers.
pub(crate) struct Recording {
    pub(crate) capture: Capture,
    pub(crate) model: Model,
    /// The request as the decoder sees it.
    request: Request,
}

impl Recording {
    fn decode<'a>(&self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        decode(&self.model, &self.request, chunks)
    }

    pub(crate) fn said(&self) -> Said {
        oracle::read(&self.capture, &self.capture.body)
    }
}

/// Every recorded reply of an endpoint that answers, whatever the answer.
static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let captures = all();
    captures.into_iter().filter_map(recording).collect()
});

/// Every capture; none on a machine that keeps none, which is said aloud.
fn all() -> Vec<Capture> {
    match capture::kept_dir() {
        Some(directory) => capture::all(directory).unwrap(),
        None => {
            tell_that_none_are_kept();
            Vec::new()
        }
    }
}

#[allow(clippy::print_stderr)]
fn tell_that_none_are_kept() {
    let (directory, variable) = (capture::default_dir(), capture::DIRECTORY_VARIABLE);
    eprintln!(
        "No captures are kept at {}; name their folder in {variable} to test with them.",
        directory.display()
    );
}

fn recording(capture: Capture) -> Option<Recording> {
    let api = match endpoint(&capture) {
        "chat" | "err" => Api::OpenAiCompletions,
        "responses" => Api::OpenAiResponses,
        "messages" => Api::AnthropicMessages,
        _ => return None,
    };
    let path = capture::default_dir().join(format!("{}.req.json", capture.name));
    let body: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let request = Request {
        max_tokens: limits.iter().find_map(|name| body[name].as_u64()),
        ..hi()
    };
    Some(Recording {
        capture,
        model: model(api),
        request,
    })
}

/// Recorded answers, refusals left aside.
pub(crate) fn answers() -> impl Iterator<Item = &'static Recording> {
    RECORDINGS.iter().filter(|r| r.capture.status == 200)
}

/// Checks an outcome against the naive reading.
fn check(recording: &Recording, outcome: &Outcome) {
    let name = &recording.capture.name;
    let said = recording.said();
    if said.is_empty() {
        let class = outcome.failure().class;
        let empty = [FailureClass::EmptyReply, FailureClass::OutputExhausted];
        assert!(empty.contains(&class), "{name}: {class:?}");
        return;
    }
    let reply = match &outcome.result {
        Ok(reply) => &reply.message,
        Err(failure) => panic!("{name}: {failure}"),
    };
    assert_eq!(reply.text(), said.text.trim_start(), "{name}");
    assert_eq!(reply.thinking(), said.thinking, "{name}");
    let calls: Vec<_> = reply
        .tool_calls()
        .map(|call| (&call.id, &call.name, &call.arguments))
        .collect();
    let expected: Vec<_> = said
        .calls
        .iter()
        .map(|call| (&call.id, &call.name, &call.arguments))
        .collect();
    assert_eq!(calls, expected, "{name}");
    assert_eq!(reply.usage, said.usage, "{name}");
    let stop = said.stop_reason(recording.request.max_tokens);
    assert_eq!(reply.stop_reason, stop, "{name}");
    check_events(name, outcome);
}

/// The events, put together, are the reply.
fn check_events(name: &str, outcome: &Outcome) {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for event in outcome.words() {
        match event {
            Event::Text(piece) => text.push_str(&piece),
            Event::Thinking(piece) => thinking.push_str(&piece),
            Event::TextWasThinking => thinking.push_str(&std::mem::take(&mut text)),
            Event::ToolCallStarted { index, name: tool } => {
                assert_eq!(index, calls.len(), "{name}");
                calls.push((tool, String::new()));
            }
            Event::ToolCallArguments { index, json } => calls[index].1.push_str(&json),
            other => panic!("{name}: {other:?}"),
        }
    }
    let message = &outcome.reply().message;
    assert_eq!(text, message.text(), "{name}");
    let mut thoughts = String::new();
    for part in &message.content {
        if let AssistantPart::Thinking(block) = part {
            thoughts.push_str(&block.thinking);
        }
    }
    assert_eq!(thinking, thoughts, "{name}");
    for ((tool, arguments), call) in calls.iter().zip(message.tool_calls()) {
        assert_eq!(*tool, call.name, "{name}");
        let expected = if arguments.is_empty() {
            "{}"
        } else {
            arguments
        };
        assert_eq!(expected, call.arguments, "{name}");
    }
    assert_eq!(calls.len(), message.tool_calls().count(), "{name}");
}

#[test]
fn a_whole_reply_says_what_it_says() {
    for recording in answers() {
        let outcome = recording.decode([recording.capture.body.as_slice()]);
        check(recording, &outcome);
    }
}

#[test]
fn a_reply_fed_byte_by_byte_says_the_same_in_the_same_events() {
    for recording in answers() {
        let body = &recording.capture.body;
        let whole = recording.decode([body.as_slice()]);
        let bytes = recording.decode(body.chunks(1));
        assert_eq!(whole, bytes, "{}", recording.capture.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_reply_cut_anywhere_says_the_same_in_the_same_events(
        which in any::<Index>(),
        cuts in prop::collection::vec(any::<Index>(), 1..=2),
    ) {
        let recordings: Vec<_> = answers().collect();
        if recordings.is_empty() {
            return Ok(());
        }
        let recording = which.get(&recordings);
        let body = recording.capture.body.as_slice();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let mut rest = body;
        let mut chunks = Vec::new();
        for cut in cuts.into_iter().rev() {
            let (before, after) = rest.split_at(cut);
            chunks.insert(0, after);
            rest = before;
        }
        chunks.insert(0, rest);
        let whole = recording.decode([body]);
        prop_assert_eq!(recording.decode(chunks), whole, "{}", &recording.capture.name);
    }
}

/// The smallest stream and the smallest document of each dialect of each server, as far as they are small.
fn small() -> Vec<&'static Recording> {
    let mut chosen: Vec<&Recording> = Vec::new();
    for recording in answers().filter(|recording| !recording.said().is_empty()) {
        let kind = |r: &Recording| {
            let server = r.capture.name.split('_').next().map(str::to_owned);
            (server, r.model.api, r.capture.is_event_stream())
        };
        match chosen
            .iter_mut()
            .find(|known| kind(known) == kind(recording))
        {
            Some(known) if recording.capture.body.len() < known.capture.body.len() => {
                *known = recording;
            }
            Some(_) => {}
            None => chosen.push(recording),
        }
    }
    chosen.retain(|r| r.capture.body.len() < 4500);
    chosen
}

#[test]
fn a_reply_cut_short_is_whole_or_a_failure() {
    for recording in small() {
        let body = &recording.capture.body;
        let whole = recording.decode([body.as_slice()]).reply().clone();
        for end in 0..body.len() {
            let name = format!("{} up to byte {end}", recording.capture.name);
            let part = &body[..end];
            let has_ended = oracle::read(&recording.capture, part).finish.is_some();
            match recording.decode([part]).result {
                Ok(reply) => {
                    assert!(has_ended, "{name}: an end that never came");
                    assert_eq!(reply.message.content, whole.message.content, "{name}");
                }
                Err(failure) => {
                    assert!(!has_ended, "{name}: {failure}");
                    assert_eq!(failure.class, FailureClass::StreamCut, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reply_over_http_is_the_same_as_from_the_file() {
    let server = ScriptedServer::start(Script::new()).await;
    for recording in answers() {
        server.set_script(Script::new().on(When::any(), recording.capture.reply()));
        let model = model_at(&server.base_url(), recording.model.api);
        let outcome = ask(&model, &recording.request).await;
        check(recording, &outcome);
        assert!(outcome.result.is_err() || outcome.reply().message.timestamp > 0);
    }
}

/// The class and the token figures that a refusal must be read as.
fn refusal(capture: &Capture) -> (Option<FailureClass>, TokenFigures) {
    let none = TokenFigures::default();
    match (case(capture), capture.status) {
        ("err_ctx_overflow", _) => {
            // The only large numbers in these texts are the prompt's size and the limit below it.
            let body = String::from_utf8_lossy(&capture.body).into_owned();
            let numbers = body
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|run| run.parse().ok())
                .filter(|number: &u64| *number > 1000);
            let figures = TokenFigures {
                prompt: numbers.clone().max(),
                limit: numbers.min(),
                ..none
            };
            (Some(FailureClass::ContextOverflow), figures)
        }
        ("err_unknown_model", _) => (Some(FailureClass::ModelUnavailable), none),
        (_, 400) => (Some(FailureClass::BadRequest), none),
        // A 404 that names an object of the request; no request of ours names one.
        _ => (None, none),
    }
}

#[tokio::test]
async fn a_recorded_refusal_is_read_as_what_it_means() {
    let server = ScriptedServer::start(Script::new()).await;
    let refusals = RECORDINGS.iter().filter(|r| r.capture.status != 200);
    for recording in refusals {
        let capture = &recording.capture;
        server.set_script(Script::new().on(When::any(), capture.reply()));
        let outcome = ask(
            &model_at(&server.base_url(), recording.model.api),
            &recording.request,
        )
        .await;
        let failure = outcome.failure();
        let (class, figures) = refusal(capture);
        if let Some(class) = class {
            assert_eq!(failure.class, class, "{}: {failure}", capture.name);
        }
        assert_eq!(failure.tokens, figures, "{}: {failure}", capture.name);
        assert_eq!(failure.status, Some(capture.status), "{}", capture.name);
        assert!(!failure.after_text, "{}", capture.name);
    }
}

#[tokio::test]
async fn recorded_lists_of_models_are_read() {
    let server = ScriptedServer::start(Script::new()).await;
    for capture in all().iter().filter(|c| endpoint(c) == "models") {
        server.set_script(Script::new().on(When::get("/v1/models"), capture.reply()));
        let model = model_at(&server.base_url(), Api::OpenAiCompletions);
        let listed = list_models(&model, None, Duration::from_secs(60))
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&capture.body).unwrap();
        let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, [body["data"][0]["id"].as_str().unwrap()]);
    }
}
