//! The same answers in every dialect, over real connections.

use moltbot_llm::{Api, Event, StopReason, Usage};
use moltbot_testkit::{
    Answer, Finish, Part, Reply, Script, ScriptedServer, Step, When, anthropic_messages,
    google_generate, ollama_chat, openai_chat, openai_responses,
};

use crate::fixture::{Outcome, ask, hi, model_at};

/// A dialect as the scripted server speaks it.
struct Dialect {
    api: Api,
    path: &'static str,
    answer: fn(&[Part<'_>]) -> Answer,
}

const DIALECTS: [Dialect; 5] = [
    Dialect {
        api: Api::OpenAiCompletions,
        path: "/v1/chat/completions",
        answer: openai_chat,
    },
    Dialect {
        api: Api::OpenAiResponses,
        path: "/v1/responses",
        answer: openai_responses,
    },
    Dialect {
        api: Api::AnthropicMessages,
        path: "/v1/messages",
        answer: anthropic_messages,
    },
    Dialect {
        api: Api::GoogleGenerativeAi,
        path: "/v1/models/m:streamGenerateContent",
        answer: google_generate,
    },
    Dialect {
        api: Api::Ollama,
        path: "/api/chat",
        answer: ollama_chat,
    },
];

const WEATHER: Part<'static> = Part::ToolCall {
    id: "call_1",
    name: "get_weather",
    arguments: r#"{"city":"Paris","unit":"celsius"}"#,
};

const TIME: Part<'static> = Part::ToolCall {
    id: "call_2",
    name: "get_time",
    arguments: "{}",
};

impl Dialect {
    async fn reply(&self, reply: Reply) -> Outcome {
        let script = Script::new().on(When::post(self.path), reply);
        let server = ScriptedServer::start(script).await;
        let outcome = ask(&model_at(&server.base_url(), self.api), &hi()).await;
        assert!(
            server.unmatched().is_empty(),
            "{}: {:?}",
            self.api,
            server.unmatched()
        );
        outcome
    }

    async fn answer(&self, answer: Answer) -> Outcome {
        self.reply(answer.stream()).await
    }

    async fn parts(&self, parts: &[Part<'_>]) -> Outcome {
        self.answer((self.answer)(parts).model("m")).await
    }
}

fn text(piece: &str) -> Event {
    Event::Text(piece.to_owned())
}

fn thinking(piece: &str) -> Event {
    Event::Thinking(piece.to_owned())
}

/// The events with the pieces of each call's arguments joined.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    for event in events {
        match (out.last_mut(), event) {
            (
                Some(Event::ToolCallArguments { index, json }),
                Event::ToolCallArguments {
                    index: next,
                    json: more,
                },
            ) if *index == next => json.push_str(&more),
            (_, event) => out.push(event),
        }
    }
    out
}

fn started(index: usize, name: &str) -> Event {
    Event::ToolCallStarted {
        index,
        name: name.to_owned(),
    }
}

fn arguments(index: usize, json: &str) -> Event {
    Event::ToolCallArguments {
        index,
        json: json.to_owned(),
    }
}

#[tokio::test]
async fn text_comes_word_by_word() {
    for dialect in &DIALECTS {
        let outcome = dialect.parts(&[Part::Text("Hello there, friend.")]).await;
        assert_eq!(
            outcome.words(),
            [text("Hello"), text(" there,"), text(" friend.")],
            "{}",
            dialect.api
        );
        let reply = outcome.reply();
        assert_eq!(reply.message.text(), "Hello there, friend.");
        assert_eq!(reply.message.stop_reason, StopReason::Stop);
        let usage = Usage {
            input: 12,
            output: 3,
            ..Usage::default()
        };
        assert_eq!(reply.message.usage, usage, "{}", dialect.api);
        assert_eq!(reply.message.api, dialect.api.as_str());
        assert_eq!(reply.message.provider, "box");
        assert_eq!(reply.message.model, "m");
        assert_eq!(reply.served_by, None);
        assert!(reply.message.timestamp > 0);
    }
}

#[tokio::test]
async fn another_name_of_the_model_is_told() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[Part::Text("Hi.")]).model("m-q4");
        let outcome = dialect.answer(answer).await;
        assert_eq!(outcome.reply().served_by.as_deref(), Some("m-q4"));
        assert_eq!(outcome.reply().message.model, "m");
    }
}

#[tokio::test]
async fn thinking_is_apart_from_text() {
    for dialect in &DIALECTS {
        let outcome = dialect
            .parts(&[Part::Thinking("Let me see."), Part::Text("Hello.")])
            .await;
        let expected = [
            thinking("Let"),
            thinking(" me"),
            thinking(" see."),
            text("Hello."),
        ];
        assert_eq!(outcome.words(), expected, "{}", dialect.api);
        assert_eq!(outcome.text(), "Hello.");
        assert_eq!(outcome.thinking(), "Let me see.");
    }
}

#[tokio::test]
async fn a_call_is_announced_and_kept_to_the_byte() {
    for dialect in &DIALECTS {
        let outcome = dialect.parts(&[Part::Text("Let me look."), WEATHER]).await;
        let json = r#"{"city":"Paris","unit":"celsius"}"#;
        let expected = [
            text("Let"),
            text(" me"),
            text(" look."),
            started(0, "get_weather"),
            arguments(0, json),
        ];
        assert_eq!(joined(outcome.words()), expected, "{}", dialect.api);
        assert_eq!(outcome.calls(), [("get_weather", json)]);
        assert_eq!(outcome.ids(), ["call_1"]);
        let stop = outcome.reply().message.stop_reason;
        assert_eq!(stop, StopReason::ToolUse, "{}", dialect.api);
    }
}

#[tokio::test]
async fn calls_in_parallel_are_kept_apart() {
    for dialect in &DIALECTS {
        let outcome = dialect.parts(&[WEATHER, TIME]).await;
        let json = r#"{"city":"Paris","unit":"celsius"}"#;
        assert_eq!(
            outcome.calls(),
            [("get_weather", json), ("get_time", "{}")],
            "{}",
            dialect.api
        );
        assert_eq!(outcome.ids(), ["call_1", "call_2"], "{}", dialect.api);
        let starts: Vec<Event> = outcome
            .words()
            .into_iter()
            .filter(|event| matches!(event, Event::ToolCallStarted { .. }))
            .collect();
        assert_eq!(starts, [started(0, "get_weather"), started(1, "get_time")]);
    }
}

#[tokio::test]
async fn a_reply_at_its_limit_says_so() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[Part::Text("And so on and")]).finish(Finish::Length);
        let outcome = dialect.answer(answer).await;
        assert_eq!(outcome.text(), "And so on and");
        let stop = outcome.reply().message.stop_reason;
        assert_eq!(stop, StopReason::Length, "{}", dialect.api);
    }
}

#[tokio::test]
async fn what_a_filter_left_is_the_answer() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[Part::Text("I can't.")]).finish(Finish::ContentFilter);
        let outcome = dialect.answer(answer).await;
        assert_eq!(outcome.text(), "I can't.");
        let stop = outcome.reply().message.stop_reason;
        assert_eq!(stop, StopReason::Stop, "{}", dialect.api);
    }
}

#[tokio::test]
async fn cached_tokens_are_counted_apart() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[Part::Text("Hi.")]).usage(moltbot_testkit::Usage {
            input_tokens: 100,
            cached_tokens: 80,
            output_tokens: 7,
            reasoning_tokens: 0,
        });
        let usage = dialect.answer(answer).await.reply().message.usage;
        let expected = Usage {
            input: 20,
            output: 7,
            cache_read: 80,
            cache_write: 0,
        };
        assert_eq!(usage, expected, "{}", dialect.api);
        assert_eq!(usage.prompt(), 100);
    }
}

#[tokio::test]
async fn a_whole_document_is_read_where_a_stream_was_asked_for() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[
            Part::Thinking("Let me see."),
            Part::Text("One moment."),
            WEATHER,
            TIME,
        ]);
        let outcome = dialect.reply(answer.whole()).await;
        assert_eq!(outcome.text(), "One moment.", "{}", dialect.api);
        assert_eq!(outcome.thinking(), "Let me see.", "{}", dialect.api);
        let json = r#"{"city":"Paris","unit":"celsius"}"#;
        assert_eq!(
            outcome.calls(),
            [("get_weather", json), ("get_time", "{}")],
            "{}",
            dialect.api
        );
        let stop = outcome.reply().message.stop_reason;
        assert_eq!(stop, StopReason::ToolUse, "{}", dialect.api);
        assert_eq!(
            outcome.reply().message.usage.prompt(),
            12,
            "{}",
            dialect.api
        );
    }
}

#[tokio::test]
async fn a_stream_in_crumbs_is_the_same() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[
            Part::Thinking("Naïve – ja?"),
            Part::Text("Grüße 👋, schön."),
            WEATHER,
        ]);
        let mut whole = dialect.answer(answer.clone()).await;
        let mut crumbs = dialect.reply(answer.stream().in_pieces_of(3)).await;
        for outcome in [&mut whole, &mut crumbs] {
            if let Ok(reply) = &mut outcome.result {
                reply.message.timestamp = 0;
            }
        }
        assert_eq!(crumbs, whole, "{}", dialect.api);
        assert_eq!(whole.text(), "Grüße 👋, schön.");
    }
}

#[tokio::test]
async fn a_server_that_stays_on_the_line_after_the_end_is_not_waited_for() {
    for dialect in &DIALECTS {
        // Google gives its reason before the end, in some versions with every frame: the end is that of the body.
        if dialect.api == Api::GoogleGenerativeAi {
            continue;
        }
        let answer = (dialect.answer)(&[Part::Text("Done.")]);
        let script = Script::new().on(When::any(), answer.stream().step(Step::Hang));
        let server = ScriptedServer::start(script).await;
        let outcome = ask(&model_at(&server.base_url(), dialect.api), &hi()).await;
        assert_eq!(outcome.text(), "Done.", "{}", dialect.api);
        server.wait_for_cancel().await;
    }
}

#[tokio::test]
async fn a_connection_broken_behind_the_end_costs_nothing() {
    for dialect in &DIALECTS {
        let answer = (dialect.answer)(&[Part::Text("Done <")]);
        let frames = answer.stream().frame_count();
        // `[DONE]` is lost; the reason for the end has come. The text ends in what may begin a tag.
        let kept = match dialect.api {
            Api::OpenAiCompletions => frames - 1,
            _ => frames,
        };
        let reply = answer.stream().after_frames(kept, Step::Cut);
        let outcome = dialect.reply(reply).await;
        assert_eq!(outcome.text(), "Done <", "{}", dialect.api);
        let mut shown = String::new();
        for event in outcome.words() {
            if let Event::Text(piece) = event {
                shown.push_str(&piece);
            }
        }
        assert_eq!(shown, "Done <", "{}", dialect.api);
        assert!(outcome.reply().message.timestamp > 0);
    }
}
