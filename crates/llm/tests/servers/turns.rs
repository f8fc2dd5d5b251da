//! The turns that every server must manage, in every dialect it speaks.

use std::future::Future;
use std::pin::Pin;

use moltbot_llm::{
    Content, Credentials, Event, FailureClass, Image, Message, Model, ModelRef, Provenance,
    Request, StopReason, UserMessage,
};
use serde_json::{Value, json};

use crate::fixture;
use crate::served::Served;
use crate::talk::{about_weather, ask_for, call, earlier, question, result, text};

/// How a server is known to behave where servers differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Tokens that one conversation may have.
    pub(crate) context: u64,
    /// How it refuses the name of a model that it does not have; `None` where it answers with the one it has.
    pub(crate) unknown_model: Option<FailureClass>,
    /// Whether it hands on in every dialect what a model thinks.
    pub(crate) hands_on_reasoning: bool,
    /// Whether its refusal of too long a prompt tells how long that was.
    pub(crate) counts_the_prompt: bool,
}

type Turn = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs every turn in a dialect. One that fails does not keep the others from being tried.
pub(crate) async fn run(served: &Served, habits: Habits) {
    let own = || served.clone();
    let turns: Vec<(&str, Turn)> = vec![
        ("plain", Box::pin(plain(own()))),
        ("cut by its limit", Box::pin(cut(own()))),
        ("one call", Box::pin(one_call(own()))),
        ("parallel calls", Box::pin(parallel_calls(own()))),
        ("a call cut short", Box::pin(broken_call(own()))),
        ("reasoning", Box::pin(reasoning(own(), habits))),
        ("an image", Box::pin(image(own()))),
        ("too long a prompt", Box::pin(overflow(own(), habits))),
        ("another model", Box::pin(unknown_model(own(), habits))),
    ];
    let mut failed = Vec::new();
    for (name, turn) in turns {
        // A task of its own, so that its panic stays there.
        if tokio::spawn(turn).await.is_err() {
            failed.push(name);
        }
    }
    let (label, api) = (&served.label, served.api);
    assert!(
        failed.is_empty(),
        "{label} in {api} fails at {failed:?}; see above."
    );
}

/// The words come one by one, and together they are the reply.
async fn plain(served: Served) {
    let outcome = served.ask("plain", &question("Say hello.", 24)).await;
    let reply = outcome.reply();
    let pieces = outcome.events.iter().filter_map(|event| match event {
        Event::Text(piece) => Some(piece.as_str()),
        _ => None,
    });
    let pieces: Vec<&str> = pieces.collect();
    assert!(pieces.len() > 1, "streamed: {pieces:?}");
    assert_eq!(pieces.concat(), reply.message.text());
    let usage = reply.message.usage;
    assert!(usage.prompt() > 0, "{usage:?}");
    assert!((1..=24).contains(&usage.output), "{usage:?}");
    let stop = reply.message.stop_reason;
    assert!(matches!(stop, StopReason::Stop | StopReason::Length));
}

async fn cut(served: Served) {
    let request = question("Count from one to one hundred in words.", 4);
    let outcome = served.ask("cut", &request).await;
    assert_eq!(outcome.reply().message.stop_reason, StopReason::Length);
}

/// Each tool call is answered, and the whole asked about again.
async fn answered(served: &Served, case: &str, mut request: Request, calls: usize) {
    let outcome = served.ask(case, &request).await;
    let message = outcome.reply().message.clone();
    assert_eq!(outcome.calls().len(), calls, "{message:?}");
    assert_eq!(message.stop_reason, StopReason::ToolUse);
    assert_eq!(message.text(), "", "nothing but calls");
    let started = outcome.events.iter().filter_map(|event| match event {
        Event::ToolCallStarted { name, .. } => Some(name.as_str()),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), vec!["get_weather"; calls]);
    for (name, arguments) in outcome.calls() {
        assert_eq!(name, "get_weather");
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert!(arguments["city"].is_string(), "{arguments}");
        assert_eq!(arguments["unit"], json!("celsius"));
    }
    let ids: Vec<String> = outcome.ids().into_iter().map(str::to_owned).collect();
    assert!(ids.iter().all(|id| !id.is_empty()), "{ids:?}");
    request.messages.push(Message::Assistant(message));
    let results = ids.iter().map(|id| result(id, 21));
    request.messages.extend(results);
    let outcome = served.ask(&format!("{case}_answered"), &request).await;
    assert!(outcome.calls().is_empty(), "{:?}", outcome.calls());
    assert!(outcome.text().contains("21"), "{}", outcome.text());
}

async fn one_call(served: Served) {
    let mut request = about_weather(&[&["London"], &["Oslo"]]);
    request.messages.push(ask_for(&["Paris"]));
    answered(&served, "call", request, 1).await;
}

async fn parallel_calls(served: Served) {
    let mut request = about_weather(&[&["London", "Oslo"], &["Madrid", "Vienna"]]);
    request.messages.push(ask_for(&["Paris", "Rome"]));
    answered(&served, "parallel_calls", request, 2).await;
}

/// The output limit cut a call in the middle of its arguments. What stands in the transcript then must not cost the
/// conversation.
async fn broken_call(served: Served) {
    let mut request = about_weather(&[&["London"]]);
    request.messages.extend([
        ask_for(&["Paris"]),
        earlier(vec![call("cut", "{\"city\": \"Par")]),
        result("cut", 21),
    ]);
    let outcome = served.ask("broken_call", &request).await;
    assert!(!outcome.reply().message.content.is_empty());
}

async fn reasoning(served: Served, habits: Habits) {
    let mut messages = Vec::new();
    for (one, two) in [("One", "two"), ("Two", "four"), ("Five", "ten")] {
        let answer = format!("<think>{one} and {one} make {two}.</think>{two}.");
        messages.push(Message::user(format!("What is {one} and {one}?"), 0));
        messages.push(earlier(vec![text(&answer)]));
    }
    messages.push(Message::user("What is three and three?", 0));
    let request = Request {
        messages,
        ..question("", 48)
    };
    let outcome = served.ask("reasoning", &request).await;
    if habits.hands_on_reasoning {
        assert!(!outcome.thinking().is_empty(), "{:?}", outcome.reply());
    }
    assert!(!outcome.text().is_empty());
    assert!(!outcome.text().contains("think>"), "{}", outcome.text());
}

/// A PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A server whose model is blind refuses a picture. The person is told, and gets an answer all the same.
async fn image(served: Served) {
    let picture = Content::Image(Image {
        data: PIXEL.to_owned(),
        mime_type: "image/png".to_owned(),
        from: Provenance::Owner,
    });
    let request = Request {
        messages: vec![Message::User(UserMessage {
            content: vec![Content::text("What is this?", Provenance::Owner), picture],
            timestamp: 0,
        })],
        ..question("", 16)
    };
    let model = Model {
        vision: true,
        ..served.model()
    };
    let outcome = served.ask_as(&model, "err_image", &request).await;
    let failure = outcome.failure();
    let class = FailureClass::ImagesUnsupported;
    assert_eq!(failure.class, class, "{failure:?}");
    let mut notices = 0;
    let answer = fixture::over(Credentials::default(), vec![model])
        .run(&request, &mut |event| {
            notices += usize::from(matches!(event, Event::Notice(_)));
        })
        .await;
    assert!(!answer.unwrap().reply.message.text().is_empty());
    assert_eq!(notices, 1);
}

async fn overflow(served: Served, habits: Habits) {
    let long = "hello ".repeat(usize::try_from(habits.context).unwrap() + 200);
    let outcome = served.ask("err_ctx_overflow", &question(&long, 16)).await;
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::ContextOverflow, "{failure:?}");
    assert_eq!(failure.tokens.limit, Some(habits.context), "{failure:?}");
    assert_eq!(
        failure.tokens.prompt.is_some(),
        habits.counts_the_prompt,
        "{failure:?}"
    );
    assert!(failure.tokens.prompt.is_none_or(|it| it > habits.context));
}

async fn unknown_model(served: Served, habits: Habits) {
    let model = Model {
        reference: ModelRef::new("box", "no-such-model"),
        ..served.model()
    };
    let request = question("Say hello.", 8);
    let outcome = served.ask_as(&model, "err_unknown_model", &request).await;
    match habits.unknown_model {
        Some(class) => assert_eq!(outcome.failure().class, class, "{:?}", outcome.failure()),
        None => assert!(!outcome.text().is_empty()),
    }
}
