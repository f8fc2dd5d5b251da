//! A server that dies in the middle of an answer.

use moltbot_llm::{Answer, Api, Credentials, Event, FailureClass, LadderError, Model, ModelRef};

use crate::fixture;
use crate::installed::Installed;
use crate::litellm::LiteLlm;
use crate::llama::{Llama, Options};
use crate::process::Killer;
use crate::served::APIS;
use crate::talk::question;

/// Walks from a model whose server is killed at its third word to another; what was said of it, and what came.
async fn walk(
    first: Model,
    second: Model,
    killer: &Killer,
) -> (Vec<Event>, Result<Answer, LadderError>) {
    let first = Model {
        reference: ModelRef::new("first", first.reference.model),
        ..first
    };
    let rungs = fixture::over(Credentials::default(), vec![first, second]);
    let request = question("Count from one to ten thousand, in words.", 300);
    let mut events = Vec::new();
    let mut words = 0;
    let result = rungs
        .run(&request, &mut |event| {
            if let Event::Text(_) = event {
                words += 1;
                if words == 3 {
                    killer.kill();
                }
            }
            events.push(event);
        })
        .await;
    (events, result)
}

/// One failure that says that text was shown, one answer.
#[track_caller]
fn check(events: &[Event], result: Result<Answer, LadderError>, class: FailureClass, name: &str) {
    let answer = result.unwrap_or_else(|error| panic!("{name}: {error}"));
    let [attempt] = &answer.failed[..] else {
        panic!("{name}: not one failure: {:?}", answer.failed);
    };
    assert_eq!(
        attempt.failure.class, class,
        "{name}: {:?}",
        attempt.failure
    );
    assert!(attempt.failure.after_text, "{name}");
    let next = |event: &&Event| matches!(event, Event::NextModel { .. });
    assert_eq!(events.iter().filter(next).count(), 1, "{name}");
    let mut shown = String::new();
    for event in events {
        match event {
            Event::Text(piece) => shown.push_str(piece),
            Event::NextModel { .. } | Event::TextWasThinking => shown.clear(),
            _ => {}
        }
    }
    assert_eq!(shown, answer.reply.message.text(), "{name}");
    assert!(!shown.is_empty(), "{name}");
}

#[tokio::test]
async fn llama_server_killed_in_mid_stream() {
    let Some(installed) = Installed::find() else {
        return;
    };
    for api in APIS {
        let Some(first) = Llama::start(&installed, Options::default()).await else {
            return;
        };
        let Some(second) = Llama::start(&installed, Options::default()).await else {
            return;
        };
        let killer = first.process.killer();
        let (events, result) = walk(
            first.served(api).model(),
            second.served(api).model(),
            &killer,
        )
        .await;
        check(&events, result, FailureClass::StreamCut, api.as_str());
    }
}

/// The proxy outlives the server behind it, and has to say so.
#[tokio::test]
async fn llama_server_killed_behind_litellm() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(second) = Llama::start(&installed, Options::default()).await else {
        return;
    };
    let mut failed = Vec::new();
    for api in APIS {
        let Some(first) = Llama::start(&installed, Options::default()).await else {
            return;
        };
        let Some(litellm) = LiteLlm::start(&installed, &first).await else {
            return;
        };
        let second = second.served(Api::OpenAiCompletions).model();
        let killer = first.process.killer();
        let (events, result) = walk(litellm.served(api).model(), second, &killer).await;
        let class = FailureClass::ServerError;
        let checked = tokio::spawn(async move { check(&events, result, class, api.as_str()) });
        if checked.await.is_err() {
            failed.push(api.as_str());
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
