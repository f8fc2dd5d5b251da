//! Every mishap at every frame of a stream: a server that is killed, hangs, drips, ends too early or reports an error
//! in the middle. Whatever happens, the person gets one answer or one sentence.

use std::sync::Arc;
use std::time::Duration;

use moltbot_llm::{
    Api, Backends, Credentials, FailureClass, Knowledge, Ladder, Model, ModelRef, over_http_at_once,
};
use moltbot_testkit::{
    Answer, Part, Reply, Script, ScriptedServer, Step, When, anthropic_messages, openai_chat,
    openai_responses,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::captures::answers;
use crate::fixture::{hi, model_at};
use crate::walk::{Shown, Walk};

/// What the second model says.
const SECOND: &str = "Hello there.";

/// A stream that is played with mishaps in it.
struct Stream {
    name: String,
    api: Api,
    is_recorded: bool,
    frames: Vec<Vec<u8>>,
    /// What it says when nothing happens.
    says: Shown,
}

impl Stream {
    /// The first frames, and a proper end behind them.
    fn up_to(&self, count: usize) -> Reply {
        Reply::frames(self.frames[..count].to_vec())
    }

    fn whole(&self) -> Reply {
        self.up_to(self.frames.len())
    }
}

/// Builds an answer in one dialect.
type Build = fn(&[Part<'_>]) -> Answer;

/// Answers of each dialect as the testkit builds them.
fn built() -> Vec<Stream> {
    let call = Part::ToolCall {
        id: "call_1",
        name: "get_weather",
        arguments: r#"{"city":"Paris"}"#,
    };
    let text = "It rains in Paris — bring an umbrella.";
    let dialects: [(Api, Build); 3] = [
        (Api::OpenAiCompletions, openai_chat),
        (Api::OpenAiResponses, openai_responses),
        (Api::AnthropicMessages, anthropic_messages),
    ];
    let mut streams = Vec::new();
    for (api, answer) in dialects {
        for (name, parts) in [
            ("text", vec![Part::Text(text)]),
            ("thought", vec![Part::Thinking("Hm, hm."), Part::Text(text)]),
            (
                "tagged",
                vec![Part::Text("<think>Hm.</think>\n\nIt rains.")],
            ),
            ("call", vec![Part::Text("Let me look."), call]),
            ("calls", vec![call, call]),
        ] {
            let mut says = Shown::default();
            for part in &parts {
                match part {
                    Part::Text(text) => says
                        .text
                        .push_str(text.trim_start_matches("<think>Hm.</think>\n\n")),
                    Part::Thinking(_) => {}
                    Part::ToolCall {
                        name, arguments, ..
                    } => says
                        .calls
                        .push(((*name).to_owned(), (*arguments).to_owned())),
                }
            }
            streams.push(Stream {
                name: format!("{api} {name}"),
                api,
                is_recorded: false,
                frames: answer(&parts)
                    .frames()
                    .into_iter()
                    .map(String::into_bytes)
                    .collect(),
                says,
            });
        }
    }
    streams
}

/// The shortest recorded stream of each server in each dialect, once with and once without calls.
fn recorded() -> Vec<Stream> {
    let mut chosen: Vec<((String, Api, bool), Stream)> = Vec::new();
    for recording in answers().filter(|recording| recording.capture.is_event_stream()) {
        let said = recording.said();
        if said.is_empty() {
            continue;
        }
        let server = recording.capture.name.split('_').next().unwrap().to_owned();
        let kind = (server, recording.model.api, said.calls.is_empty());
        let stream = Stream {
            name: recording.capture.name.clone(),
            api: recording.model.api,
            is_recorded: true,
            frames: recording
                .capture
                .frames()
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
            says: Shown {
                text: said.text.trim_start().to_owned(),
                calls: said
                    .calls
                    .into_iter()
                    .map(|call| (call.name, call.arguments))
                    .collect(),
            },
        };
        match chosen.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) if stream.frames.len() < known.frames.len() => *known = stream,
            Some(_) => {}
            None => chosen.push((kind, stream)),
        }
    }
    chosen.into_iter().map(|(_, stream)| stream).collect()
}

fn streams() -> Vec<Stream> {
    built().into_iter().chain(recorded()).collect()
}

/// Two models over one backend: the first meets the mishap, the second answers.
struct Pair {
    backends: Backends,
    first: ScriptedServer,
    second: Model,
    _second: ScriptedServer,
}

impl Pair {
    async fn new() -> Self {
        let knowledge = Arc::new(Knowledge::default());
        let http = over_http_at_once(Arc::new(Credentials::default()), Arc::clone(&knowledge));
        let greets = openai_chat(&[Part::Text(SECOND)]);
        let second = ScriptedServer::start(Script::new().on(When::any(), greets)).await;
        let mut model = model_at(&second.base_url(), Api::OpenAiCompletions);
        model.reference = ModelRef::new("second", "m");
        Self {
            backends: Backends::new(http, None, knowledge),
            first: ScriptedServer::start(Script::new()).await,
            second: model,
            _second: second,
        }
    }

    fn first(&self, api: Api) -> Model {
        Model {
            reference: ModelRef::new("first", "m"),
            ..model_at(&self.first.base_url(), api)
        }
    }

    /// With the second model and without it.
    fn ladders(&self, first: &Model) -> [Ladder; 2] {
        let alone = vec![first.clone()];
        let both = vec![first.clone(), self.second.clone()];
        [both, alone].map(|rungs| Ladder::new(self.backends.clone(), rungs))
    }

    /// Plays the first model's reply to both ladders and checks what comes of it. Gives who answered.
    async fn play(&self, name: &str, stream: &Stream, reply: Reply) -> String {
        self.first.set_script(Script::new().on(When::any(), reply));
        let [both, alone] = self.ladders(&self.first(stream.api));
        // Each reply meets a program that holds nothing against the server yet.
        let cooldowns = self.backends.knowledge().cooldowns();
        cooldowns.reset(|_| true).await;
        let walk = Walk::new(&both, &hi()).await;
        check_pair(name, stream, &walk);
        cooldowns.reset(|_| true).await;
        check_alone(name, stream, &Walk::new(&alone, &hi()).await);
        walk.result.unwrap().model.provider
    }
}

/// The answer that came, from whichever model, is all that stands.
fn check_answer(name: &str, stream: &Stream, walk: &Walk) {
    let answer = match &walk.result {
        Ok(answer) => answer,
        Err(error) => panic!("{name}: {error}"),
    };
    let message = &answer.reply.message;
    let said = Shown {
        text: message.text(),
        calls: message
            .tool_calls()
            .map(|call| (call.name.clone(), call.arguments.clone()))
            .collect(),
    };
    assert_eq!(
        walk.standing(),
        said,
        "{name}: what is shown is what was answered"
    );
    match answer.model.provider.as_str() {
        "first" => assert_eq!(said, stream.says, "{name}: a whole answer"),
        _ => assert_eq!(said.text, SECOND, "{name}"),
    }
}

/// With a second model there is always an answer.
fn check_pair(name: &str, stream: &Stream, walk: &Walk) {
    check_answer(name, stream, walk);
    let answer = walk.result.as_ref().unwrap();
    let switched = usize::from(answer.model.provider == "second");
    assert_eq!(walk.switches().len(), switched, "{name}");
    assert_eq!(answer.failed.len(), switched, "{name}");
}

/// Without one there is the answer, or one sentence.
fn check_alone(name: &str, stream: &Stream, walk: &Walk) {
    let Err(error) = &walk.result else {
        return check_answer(name, stream, walk);
    };
    check_sentence(name, &error.to_string());
    assert_eq!(error.attempts.len(), 1, "{name}");
    assert_eq!(walk.switches(), [], "{name}");
    let has_shown = !walk.standing().text.is_empty();
    assert_eq!(
        error.attempts[0].failure.after_text, has_shown,
        "{name}: whoever shows text is told that it was cut"
    );
}

/// Something that a person can read.
fn check_sentence(name: &str, sentence: &str) {
    assert!(sentence.len() > 20, "{name}: {sentence}");
    assert!(
        !sentence.contains(['{', '<', '\n']),
        "{name}: raw text: {sentence}"
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_at_any_frame_gives_one_answer() {
    let pair = Pair::new().await;
    for stream in streams() {
        for count in 0..=stream.frames.len() {
            let name = |what: &str| format!("{} {what} behind frame {count}", stream.name);
            let cut = |step| stream.whole().after_frames(count, step);
            for (what, reply) in [
                ("cut", cut(Step::Cut)),
                ("reset", cut(Step::Reset)),
                ("ended", stream.up_to(count)),
                ("closed", stream.up_to(count).until_close()),
            ] {
                let who = pair.play(&name(what), &stream, reply).await;
                if count == 0 {
                    assert_eq!(who, "second", "{}", name(what));
                } else if count == stream.frames.len() {
                    assert_eq!(who, "first", "{}", name(what));
                }
            }
            if let Some(frame) = stream.frames.get(count) {
                let half = stream.up_to(count).bytes(&frame[..frame.len() / 2]);
                pair.play(&name("torn"), &stream, half).await;
            }
        }
    }
}

#[tokio::test]
async fn an_error_at_any_frame_gives_one_answer() {
    let openai = json!({"error": {
        "message": "The server had an error while processing your request. Sorry about that!",
        "type": "server_error",
    }});
    let anthropic =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let vllm = json!({"error": {"message": "TimeoutError", "type": "GatewayTimeout", "code": 504}});
    let failed = json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "output": [],
        "error": {"code": "server_error", "message": "The model failed."}}});
    let errors = [
        format!("data: {openai}\n\n"),
        format!("event: error\ndata: {anthropic}\n\n"),
        format!("data: {vllm}\n\ndata: [DONE]\n\n"),
        format!("event: response.failed\ndata: {failed}\n\n"),
        "data: {\"error\": \"EOF\"}\n\n".to_owned(),
    ];
    let pair = Pair::new().await;
    for stream in streams() {
        for count in 0..=stream.frames.len() {
            for (number, error) in errors.iter().enumerate() {
                // Only the Responses API knows this event.
                if error.contains("response.failed") && stream.api != Api::OpenAiResponses {
                    continue;
                }
                // Recorded streams are long: each error stands behind every fifth of their frames.
                if stream.is_recorded && count % errors.len() != number {
                    continue;
                }
                let name = format!("{} behind frame {count}: {error}", stream.name);
                let reply = stream.up_to(count).bytes(error.as_str());
                pair.play(&name, &stream, reply.clone()).await;
                let goes_on = stream.frames[count..]
                    .iter()
                    .fold(reply, |reply, frame| reply.bytes(frame.clone()));
                pair.play(&name, &stream, goes_on).await;
            }
        }
    }
}

/// An error that no other model mends ends the walk with its one sentence, though another model stands ready.
#[tokio::test]
async fn an_overflow_at_any_frame_is_told_once() {
    let text = "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input.";
    let body = json!({"error": {"message": text}, "message": text});
    let error = format!("event: error\ndata: {body}\n\n");
    let pair = Pair::new().await;
    for stream in built() {
        for count in 0..=stream.frames.len() {
            let name = format!("{} behind frame {count}", stream.name);
            let reply = stream.up_to(count).bytes(error.as_str());
            pair.first.set_script(Script::new().on(When::any(), reply));
            let [both, _] = pair.ladders(&pair.first(stream.api));
            let walk = Walk::new(&both, &hi()).await;
            match &walk.result {
                Ok(_) => check_pair(&name, &stream, &walk),
                Err(error) => {
                    check_sentence(&name, &error.to_string());
                    assert_eq!(error.attempts.len(), 1, "{name}");
                    assert_eq!(error.last().unwrap().class, FailureClass::ContextOverflow);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_drips_is_the_same_answer() {
    let pair = Pair::new().await;
    for stream in streams() {
        for size in [1, 7, 1000] {
            let name = format!("{} in pieces of {size}", stream.name);
            let reply = stream.whole().in_pieces_of(size);
            pair.first.set_script(Script::new().on(When::any(), reply));
            let [both, _] = pair.ladders(&pair.first(stream.api));
            let walk = Walk::new(&both, &hi()).await;
            check_pair(&name, &stream, &walk);
            assert_eq!(walk.switches(), [], "{name}");
        }
    }
}

/// The whole server goes away while it speaks: killed, or restarted.
#[tokio::test]
async fn a_server_killed_at_any_frame_gives_one_answer() {
    for stream in built() {
        for count in 0..=stream.frames.len() {
            let name = format!("{} killed behind frame {count}", stream.name);
            let pair = Pair::new().await;
            let reply = stream.whole().after_frames(count, Step::pause("kill"));
            pair.first.set_script(Script::new().on(When::any(), reply));
            let [both, _] = pair.ladders(&pair.first(stream.api));
            let request = hi();
            let (walk, ()) = tokio::join!(Walk::new(&both, &request), async {
                pair.first.wait_for_pause("kill").await;
                pair.first.shutdown();
            });
            check_pair(&name, &stream, &walk);
        }
    }
}

/// The owner's limit ends the wait for a server that hangs, and its connection is closed.
#[tokio::test]
async fn a_server_that_hangs_at_any_frame_gives_one_answer() {
    let pair = Arc::new(Pair::new().await);
    let mut script = Script::new();
    let mut cases = Vec::new();
    for stream in built().into_iter().map(Arc::new) {
        for count in 0..=stream.frames.len() {
            let path = format!("/{}", cases.len());
            let reply = stream.whole().after_frames(count, Step::Hang);
            script = script.on(When::post(&format!("{path}/")), reply);
            cases.push((path, count, Arc::clone(&stream)));
        }
    }
    pair.first.set_script(script);
    let mut walks = JoinSet::new();
    for (path, count, stream) in cases {
        let pair = Arc::clone(&pair);
        walks.spawn(async move {
            let name = format!("{} hangs behind frame {count}", stream.name);
            let first = Model {
                base_url: format!("{}{path}/v1", pair.first.origin()),
                timeout: Some(Duration::from_millis(1500)),
                ..pair.first(stream.api)
            };
            let [both, alone] = pair.ladders(&first);
            let request = hi();
            let (both, alone) =
                tokio::join!(Walk::new(&both, &request), Walk::new(&alone, &request));
            check_pair(&name, &stream, &both);
            check_alone(&name, &stream, &alone);
        });
    }
    while let Some(walked) = walks.join_next().await {
        walked.unwrap();
    }
    pair.first.wait_for_idle().await;
    assert!(pair.first.connections().cancelled > 0);
}
