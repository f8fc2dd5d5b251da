//! Any history ends within the window, or in one sentence.

use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use moltbot_agent::{Agent, SessionKey, TurnError, TurnRequest};
use moltbot_llm::{
    AssistantMessage, AssistantPart, Backend, Content, EventSink, Failure, FailureClass, Message,
    Model, Provenance, Reply, Request, StopReason, TokenFigures, ToolCall, ToolResultMessage,
    Usage, estimate_tokens,
};
use moltbot_store::NewEntry;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::context::keeping_results;
use crate::fixture::Parts;

/// A model of so much context, whose vocabulary is not the one that is guessed.
struct Small {
    window: u64,
    /// Its tokens for a hundred guessed ones.
    percent: u64,
    notes: Notes,
    /// Whether a refusal says how many tokens there are, and how many may be.
    names_figures: bool,
    /// Requests that were answered, but for notes.
    answered: Mutex<Vec<Request>>,
    asked_for_notes: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
enum Notes {
    Good,
    Endless,
    Empty,
    Failing,
}

impl Small {
    fn tokens(&self, model: &Model, request: &Request) -> u64 {
        estimate_tokens(model, request) * self.percent / 100
    }
}

fn wants_notes(request: &Request) -> bool {
    match request.messages.last() {
        Some(Message::User(user)) => {
            let text = user.content.last().and_then(Content::as_text);
            text.is_some_and(|text| text.contains("## Goal\n## Facts"))
        }
        _ => false,
    }
}

#[async_trait]
impl Backend for Small {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        _: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let is_for_notes = wants_notes(request);
        if is_for_notes {
            self.asked_for_notes.fetch_add(1, Ordering::SeqCst);
        }
        let prompt = self.tokens(model, request);
        if prompt > self.window {
            let figures = TokenFigures {
                prompt: Some(prompt),
                limit: Some(self.window),
                counted: None,
            };
            return Err(Failure {
                tokens: if self.names_figures {
                    figures
                } else {
                    TokenFigures::default()
                },
                ..Failure::new(FailureClass::ContextOverflow, model, "too long")
            });
        }
        let text = match (is_for_notes, self.notes) {
            (false, _) => "Done.".to_owned(),
            (true, Notes::Good) => "## Goal\nGo on.".to_owned(),
            (true, Notes::Endless) => "And on. ".repeat(20_000),
            (true, Notes::Empty) => String::new(),
            (true, Notes::Failing) => {
                return Err(Failure::new(FailureClass::ServerError, model, "no"));
            }
        };
        if !is_for_notes {
            self.answered.lock().unwrap().push(request.clone());
        }
        Ok(Reply {
            message: AssistantMessage {
                content: vec![AssistantPart::Text { text }],
                api: String::new(),
                provider: model.reference.provider.clone(),
                model: model.reference.model.clone(),
                usage: Usage {
                    input: prompt,
                    output: 10,
                    ..Usage::default()
                },
                stop_reason: StopReason::Stop,
                error_message: None,
                timestamp: 0,
            },
            served_by: None,
        })
    }
}

fn agent(small: &Arc<Small>, window: u64, dir: &Path) -> Agent {
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m"}}},
        "models": {"providers": {"box": {"baseUrl": "http://127.0.0.1:9/v1", "models": [
            {"id": "m", "name": "M", "contextWindow": window, "maxTokens": 500}]}}},
    });
    let mut parts = Parts::new(config, dir);
    parts.models = Some(Arc::clone(small) as Arc<dyn Backend>);
    parts.agent().with_context(keeping_results(dir))
}

/// One step of a conversation.
#[derive(Debug, Clone)]
enum Step {
    Said(String),
    /// Calls, each with what came of it; without, its process died.
    Called(Vec<Option<(String, bool)>>),
    /// A result that nobody asked for.
    Orphan(String),
    Answered(String),
}

/// Text of many kinds and lengths.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("words and words ".to_owned()),
        Just("\u{0}\u{1}\u{fffd}\u{7f}".to_owned()),
        Just("人工智能助手".to_owned()),
        Just("🦀".to_owned()),
        Just("Never delete mail.\n".to_owned()),
        any::<String>(),
    ];
    let times = prop_oneof![6 => 0usize..20, 3 => 20usize..400, 1 => 400usize..6000];
    (piece, times).prop_map(|(piece, times)| {
        piece
            .chars()
            .cycle()
            .take(piece.chars().count().min(24) * times)
            .collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::option::weighted(0.9, (text(), any::<bool>()));
    prop_oneof![
        3 => text().prop_map(Step::Said),
        4 => prop::collection::vec(outcome, 1..4).prop_map(Step::Called),
        1 => text().prop_map(Step::Orphan),
        3 => text().prop_map(Step::Answered),
    ]
}

fn assistant(content: Vec<AssistantPart>) -> Message {
    Message::Assistant(AssistantMessage {
        content,
        api: String::new(),
        provider: "box".into(),
        model: "m".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 0,
    })
}

fn result(id: String, (text, is_error): (String, bool)) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id,
        tool_name: "read".into(),
        content: vec![Content::text(text, Provenance::Outside)],
        is_error,
        timestamp: 0,
    })
}

fn entries(steps: Vec<Step>) -> Vec<NewEntry> {
    let mut messages = vec![Message::user("Begin.", 0), assistant(Vec::new())];
    for (at, step) in steps.into_iter().enumerate() {
        match step {
            Step::Said(text) => messages.push(Message::user(text, 0)),
            Step::Answered(text) => messages.push(assistant(vec![AssistantPart::Text { text }])),
            Step::Orphan(text) => messages.push(result(format!("lost {at}"), (text, false))),
            Step::Called(outcomes) => {
                let id = |n: usize| format!("call {at} {n}");
                let call = |n: usize| ToolCall {
                    id: id(n),
                    name: "read".into(),
                    arguments: format!("{{\"path\": \"notes {n}.md\"}}"),
                };
                let calls = (0..outcomes.len()).map(|n| AssistantPart::ToolCall(call(n)));
                messages.push(assistant(calls.collect()));
                let results = outcomes.into_iter().enumerate();
                messages.extend(results.filter_map(|(n, outcome)| Some(result(id(n), outcome?))));
            }
        }
    }
    let body = |message: &Message| serde_json::to_string(message).unwrap();
    messages
        .iter()
        .map(|message| NewEntry::new("message", body(message)))
        .collect()
}

fn case() -> impl Strategy<Value = (Vec<Step>, String, u64, u64, Notes, bool, bool)> {
    let notes = prop_oneof![
        Just(Notes::Good),
        Just(Notes::Endless),
        Just(Notes::Empty),
        Just(Notes::Failing)
    ];
    (
        prop::collection::vec(step(), 0..24),
        prop_oneof![9 => Just("Go on.".to_owned()), 1 => text()],
        1500u64..24_000,
        50u64..200,
        notes,
        any::<bool>(),
        any::<bool>(),
    )
}

async fn check(
    (steps, message, window, percent, notes, names_figures, is_window_known): (
        Vec<Step>,
        String,
        u64,
        u64,
        Notes,
        bool,
        bool,
    ),
) -> Result<(), TestCaseError> {
    let small = Arc::new(Small {
        window,
        percent,
        notes,
        names_figures,
        answered: Mutex::default(),
        asked_for_notes: AtomicU64::new(0),
    });
    let dir = tempfile::tempdir().unwrap();
    // What is configured may be far from what the server has.
    let configured = if is_window_known { window } else { 200_000 };
    let first = agent(&small, configured, dir.path());
    let session = first.session(&SessionKey::main("main")).await.unwrap();
    first
        .store()
        .record(&session.session_id, entries(steps))
        .await
        .unwrap();
    let outcome = first
        .turn(TurnRequest::new(&session, &message), pending(), &mut |_| {})
        .await;
    prop_assert!(small.asked_for_notes.load(Ordering::SeqCst) <= 2);
    let transcript = first.store().transcript(&session.session_id).await.unwrap();
    let compactions = transcript.iter().filter(|entry| entry.kind == "compaction");
    let compactions: Vec<Value> = compactions
        .map(|entry| serde_json::from_str(&entry.body).unwrap())
        .collect();
    for compaction in &compactions {
        prop_assert!(
            compaction["tokensAfter"].as_u64() < compaction["tokensBefore"].as_u64(),
            "{compaction}"
        );
    }
    match outcome {
        Ok(_) => {}
        Err(TurnError::TooLong(sentence)) => {
            let sentence = sentence.to_string();
            prop_assert!(
                sentence.starts_with("The conversation does not fit") && !sentence.contains('\n')
            );
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    }
    // Another process shows the same.
    let second = agent(&small, configured, dir.path());
    let outcome = second
        .turn(
            TurnRequest::new(&session, "Further."),
            pending(),
            &mut |_| {},
        )
        .await;
    let transcript = second
        .store()
        .transcript(&session.session_id)
        .await
        .unwrap();
    let all = transcript
        .iter()
        .filter(|entry| entry.kind == "compaction")
        .count();
    if outcome.is_ok() && all == compactions.len() {
        let answered = small.answered.lock().unwrap();
        let (before, after) = (&answered[0].messages, &answered[1].messages);
        prop_assert_eq!(&after[..before.len()], &before[..]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn any_history_ends_within_the_window_or_in_one_sentence(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(case))?;
    }
}
