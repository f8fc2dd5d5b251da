//! Turns in which a model uses tools, against a scripted server and a real store.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "tools/approvals.rs"]
mod approvals;
#[path = "tools/disclosure.rs"]
mod disclosure;
mod fixture;
#[path = "tools/tool_command.rs"]
mod tool_command;

use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use moltbot_agent::{
    Agent, ApprovalAnswer, Approver, Arguments, Conversation, Effect, Gate, Inbox, Limits, Peer,
    Plan, Progress, Question, Scene, SessionKey, TargetKind, Tool, ToolError, ToolOutput, Toolbox,
    TurnError, TurnReport, TurnRequest, VerboseLevel,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::Session;
use moltbot_testkit::{
    Answer, Part, Recorded, Script, ScriptedServer, When, anthropic_messages, google_generate,
    ollama_chat, openai_chat, openai_responses,
};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

use fixture::{Parts, conversation};

/// Builds an answer in one dialect.
type Build = fn(&[Part<'_>]) -> Answer;

const DIALECTS: [(&str, &str, Build); 5] = [
    ("openai-completions", "/v1/chat/completions", openai_chat),
    ("openai-responses", "/v1/responses", openai_responses),
    ("anthropic-messages", "/v1/messages", anthropic_messages),
    ("google-generative-ai", "/v1beta/models/", google_generate),
    ("ollama", "/api/chat", ollama_chat),
];

fn call<'a>(id: &'a str, name: &'a str, arguments: &'a str) -> Part<'a> {
    Part::ToolCall {
        id,
        name,
        arguments,
    }
}

fn spec(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: "A test.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        }),
    }
}

/// Tells the weather, and counts how often.
struct Weather(Arc<AtomicUsize>);

#[async_trait]
impl Tool for Weather {
    fn spec(&self) -> ToolSpec {
        spec("weather")
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOutside, "the weather").on(TargetKind::Query, "the weather")
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let city = arguments["city"].as_str().unwrap();
        Ok(ToolOutput::text(
            format!("{city}: 21 degrees"),
            Provenance::Outside,
        ))
    }
}

/// Runs something, as far as the gate is concerned.
struct Runs(Arc<AtomicUsize>);

#[async_trait]
impl Tool for Runs {
    fn spec(&self) -> ToolSpec {
        spec("run")
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let command = arguments["city"].as_str().unwrap();
        Plan::new(Effect::RunsCode, command).on(TargetKind::Command, command)
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(ToolOutput::text("ran", Provenance::Outside))
    }
}

/// Ends only when as many others run at the same time.
struct Meets(Arc<Barrier>);

#[async_trait]
impl Tool for Meets {
    fn spec(&self) -> ToolSpec {
        spec("meet")
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, "")
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.0.wait().await;
        Ok(ToolOutput::text(
            arguments["city"].as_str().unwrap(),
            Provenance::OwnFiles,
        ))
    }
}

/// Never ends; says when it began and when it was dropped.
struct Endless {
    began: Arc<Notify>,
    ended: Arc<AtomicUsize>,
}

#[async_trait]
impl Tool for Endless {
    fn spec(&self) -> ToolSpec {
        spec("endless")
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, "")
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        struct Ends(Arc<AtomicUsize>);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let _ends = Ends(Arc::clone(&self.ended));
        self.began.notify_one();
        pending().await
    }
}

/// Says the same to every question, and keeps them.
struct Says(bool, Mutex<Vec<Question>>);

#[async_trait]
impl Approver for Says {
    async fn approve(&self, question: &Question) -> ApprovalAnswer {
        self.1.lock().unwrap().push(question.clone());
        match self.0 {
            true => ApprovalAnswer::AllowOnce,
            false => ApprovalAnswer::Deny,
        }
    }

    fn tell(&self, _: &str) {}

    fn place(&self) -> &str {
        "test"
    }
}

struct Setup {
    agent: Agent,
    session: Session,
    server: ScriptedServer,
    dir: tempfile::TempDir,
}

impl Setup {
    async fn new(script: Script, api: &str, tools: Toolbox, gate: Gate, limits: Limits) -> Self {
        let server = ScriptedServer::start(script).await;
        let dir = tempfile::tempdir().unwrap();
        let agent = agent(&server, api, dir.path(), limits).with_tools(tools, gate);
        let session = agent.session(&SessionKey::main("main")).await.unwrap();
        Self {
            agent,
            session,
            server,
            dir,
        }
    }

    async fn chat(script: Script, tools: Toolbox) -> Self {
        let limits = Limits::default();
        Self::new(script, "openai-completions", tools, Gate::closed(), limits).await
    }

    /// The conversation as a surface holds it that sets nothing of its own.
    fn conversation(&self) -> Conversation {
        Conversation {
            session: self.session.clone(),
            model: None,
            thinking: None,
            reasoning: None,
            verbose: VerboseLevel::Off,
            peer: Peer::default(),
        }
    }

    async fn say(&self, message: &str) -> Result<TurnReport, TurnError> {
        let request = TurnRequest::new(&self.session, message);
        self.agent.turn(request, pending(), &mut |_| {}).await
    }

    /// The messages of the last request.
    fn sent(&self) -> Vec<Value> {
        conversation(&self.server.requests().pop().unwrap().json())
    }
}

fn agent(server: &ScriptedServer, api: &str, dir: &Path, limits: Limits) -> Agent {
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m"}}},
        "models": {"providers": {"box": {"baseUrl": server.origin(), "api": api, "models": [
            {"id": "m", "name": "M"},
            {"id": "small", "name": "S", "contextWindow": 8_192},
            {"id": "large", "name": "L", "contextWindow": 131_072},
        ]}}},
    });
    let mut parts = Parts::new(config, dir);
    parts.settings.limits = limits;
    parts.agent()
}

fn box_with(tool: impl Tool + 'static) -> Toolbox {
    let mut tools = Toolbox::new();
    tools.add(tool);
    tools
}

/// A request's conversation as text, without its closing bracket, and everything else that a model reads.
fn read_by_model(request: &Recorded) -> (String, Vec<Value>) {
    let body = request.json();
    let rendered = serde_json::to_string(&conversation(&body)).unwrap();
    let around = ["system", "instructions", "systemInstruction", "tools"];
    let around = around.map(|name| body.get(name).cloned().unwrap_or_default());
    (
        rendered.strip_suffix(']').unwrap().to_owned(),
        around.into(),
    )
}

#[tokio::test]
async fn a_turn_uses_tools_in_each_dialect_and_each_request_begins_with_the_one_before() {
    for ((api, path, build), restarts) in DIALECTS.into_iter().flat_map(|d| [(d, false), (d, true)])
    {
        let count = Arc::new(AtomicUsize::new(0));
        let mut script = Script::new();
        for _ in 0..3 {
            let calls = [
                Part::Text("I look."),
                call("call_1", "weather", r#"{"city":"Paris"}"#),
                call("call_2", "weather", r#"{"city":"Rome"}"#),
            ];
            script = script
                .on(When::post(path).once(), build(&calls))
                .on(When::post(path).once(), build(&[Part::Text("It is warm.")]));
        }
        let tools = || box_with(Weather(Arc::clone(&count)));
        let limits = Limits::default();
        let mut setup = Setup::new(script, api, tools(), Gate::closed(), limits).await;
        for _ in 0..3 {
            let report = setup.say("How warm is it?").await.unwrap();
            assert_eq!(report.message.text(), "It is warm.");
            assert_eq!(report.calls, 2);
            if restarts {
                setup.agent = agent(&setup.server, api, setup.dir.path(), limits)
                    .with_tools(tools(), Gate::closed());
            }
        }
        assert_eq!(count.load(Ordering::SeqCst), 6);
        let requests: Vec<_> = setup.server.posts().iter().map(read_by_model).collect();
        assert_eq!(requests.len(), 6);
        for pair in requests.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let grew = after.0.len() > before.0.len();
            assert!(
                grew && after.0.starts_with(&before.0),
                "{api}: {before:#?} {after:#?}"
            );
            assert_eq!(before.1, after.1, "{api}");
        }
    }
}

#[tokio::test]
async fn calls_of_one_reply_run_at_the_same_time_and_are_answered_in_order() {
    let calls = [
        call("a", "meet", r#"{"city":"Paris"}"#),
        call("b", "meet", r#"{"city":"Rome"}"#),
        call("c", "meet", r#"{"city":"Oslo"}"#),
    ];
    let script = Script::new()
        .on(When::any().once(), openai_chat(&calls))
        .on(When::any().once(), openai_chat(&[Part::Text("Done.")]));
    let tools = box_with(Meets(Arc::new(Barrier::new(3))));
    let setup = Setup::chat(script, tools).await;
    setup.say("go").await.unwrap();
    let told: Vec<Value> = setup
        .sent()
        .into_iter()
        .filter(|m| m["role"] == "tool")
        .collect();
    let ids: Vec<&str> = told
        .iter()
        .map(|m| m["tool_call_id"].as_str().unwrap())
        .collect();
    let texts: Vec<&str> = told
        .iter()
        .map(|m| m["content"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(texts, ["Paris", "Rome", "Oslo"]);
}

#[tokio::test]
async fn what_needs_the_owner_s_word_is_asked_or_refused() {
    for (gate, ran, told) in [
        (Gate::closed(), 0, "nobody can be asked here"),
        (
            Gate::asking(Arc::new(Says(false, Mutex::default()))),
            0,
            "The owner said no",
        ),
        (
            Gate::asking(Arc::new(Says(true, Mutex::default()))),
            1,
            "ran",
        ),
    ] {
        let script = Script::new()
            .on(
                When::any().once(),
                openai_chat(&[call("a", "run", r#"{"city":"Paris"}"#)]),
            )
            .on(When::any().once(), openai_chat(&[Part::Text("Done.")]));
        let count = Arc::new(AtomicUsize::new(0));
        let tools = box_with(Runs(Arc::clone(&count)));
        let setup = Setup::new(script, "openai-completions", tools, gate, Limits::default()).await;
        setup.say("go").await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), ran);
        let text = setup.sent().pop().unwrap()["content"].to_string();
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn an_order_is_obeyed_unasked_until_text_from_outside_was_read() {
    let script = Script::new()
        .on(
            When::any().once(),
            openai_chat(&[call("a", "run", r#"{"city":"make"}"#)]),
        )
        .on(When::any().once(), openai_chat(&[Part::Text("Done.")]))
        .on(
            When::any().once(),
            openai_chat(&[call("b", "run", r#"{"city":"make"}"#)]),
        )
        .on(When::any().once(), openai_chat(&[Part::Text("Not done.")]));
    let count = Arc::new(AtomicUsize::new(0));
    let setup = Setup::chat(script, box_with(Runs(Arc::clone(&count)))).await;
    setup.say("Run make").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // What it printed comes from outside, and the next turn reads that in the transcript.
    setup.say("Run make").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let told = setup.sent().pop().unwrap()["content"].to_string();
    assert!(
        told.contains("after the conversation has read text from outside"),
        "{told}"
    );
    let explained = setup
        .agent
        .explain(&setup.session, "run", r#"{"city":"make"}"#);
    let explained = explained.await.unwrap();
    assert_eq!(explained.decision.rule, "run-after-outside");
    assert_eq!(explained.label.source, Provenance::Outside);
    let unknown = setup.agent.explain(&setup.session, "walk", "{}").await;
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "There is no tool walk. There are: run."
    );
}

#[tokio::test]
async fn the_owner_is_told_by_which_rule_and_why_it_is_asked() {
    let script = Script::new()
        .on(
            When::any().once(),
            openai_chat(&[call("a", "run", r#"{"city":"make"}"#)]),
        )
        .on(When::any().once(), openai_chat(&[Part::Text("Done.")]));
    let says = Arc::new(Says(true, Mutex::default()));
    let asking: Arc<dyn Approver> = Arc::clone(&says) as Arc<dyn Approver>;
    let count = Arc::new(AtomicUsize::new(0));
    let tools = box_with(Runs(Arc::clone(&count)));
    let limits = Limits::default();
    let gate = Gate::asking(asking);
    let setup = Setup::new(script, "openai-completions", tools, gate, limits).await;
    setup.say("build it").await.unwrap();
    let asked = says.1.lock().unwrap();
    let [question] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (question.rule.as_str(), question.reason.as_str()),
        ("run", "It runs a program.")
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_made_is_told_to_the_model() {
    for (name, arguments, told) in [
        (
            "wether",
            "{}",
            "There is no tool wether. There are: weather.",
        ),
        ("weather", "{}", "Missing required parameter: city."),
        ("weather", r#"{"city":"#, "not a JSON object"),
    ] {
        let script = Script::new()
            .on(
                When::any().once(),
                openai_chat(&[call("a", name, arguments)]),
            )
            .on(When::any().once(), openai_chat(&[Part::Text("Sorry.")]));
        let count = Arc::new(AtomicUsize::new(0));
        let setup = Setup::chat(script, box_with(Weather(Arc::clone(&count)))).await;
        assert_eq!(setup.say("go").await.unwrap().message.text(), "Sorry.");
        assert_eq!(count.load(Ordering::SeqCst), 0);
        let text = setup.sent().pop().unwrap()["content"].to_string();
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn the_same_call_again_and_again_is_told_then_ended_with_a_last_word() {
    let again = openai_chat(&[call("a", "weather", r#"{"city":"Paris"}"#)]);
    let mut script = Script::new();
    for _ in 0..5 {
        script = script.on(When::any().once(), again.clone());
    }
    let script = script.on(
        When::any().once(),
        openai_chat(&[Part::Text("21 degrees.")]),
    );
    let count = Arc::new(AtomicUsize::new(0));
    let setup = Setup::chat(script, box_with(Weather(Arc::clone(&count)))).await;
    let report = setup.say("go").await.unwrap();
    assert_eq!(report.message.text(), "21 degrees.");
    assert_eq!(count.load(Ordering::SeqCst), 5);
    assert!(report.cut_short.unwrap().contains("the same call"));
    let last = setup.server.requests().pop().unwrap().json();
    assert_eq!(last["tool_choice"], "none");
    let sent = conversation(&last);
    let nudged = sent
        .iter()
        .filter(|m| m.to_string().contains("this very call before"));
    assert_eq!(nudged.count(), 2);
    assert!(
        sent.last().unwrap()["content"]
            .to_string()
            .contains("No more tools in this turn")
    );
}

#[tokio::test]
async fn a_model_that_never_stops_is_stopped_in_one_sentence() {
    let script = Script::new().on(
        When::any(),
        openai_chat(&[call("a", "weather", r#"{"city":"Paris"}"#)]),
    );
    let count = Arc::new(AtomicUsize::new(0));
    let limits = Limits {
        calls: 2,
        ..Limits::default()
    };
    let tools = box_with(Weather(Arc::clone(&count)));
    let setup = Setup::new(script, "openai-completions", tools, Gate::closed(), limits).await;
    let error = setup.say("go").await.unwrap_err();
    assert!(
        error.to_string().contains("limit of 2 tool calls"),
        "{error}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_the_person_says_meanwhile_steers_and_follows_up() {
    let script = Script::new()
        .on(
            When::any().once(),
            openai_chat(&[call("a", "weather", r#"{"city":"Paris"}"#)]),
        )
        .on(
            When::any().once(),
            openai_chat(&[Part::Text("Rome, then.")]),
        )
        .on(When::any().once(), openai_chat(&[Part::Text("And done.")]));
    let setup = Setup::chat(script, box_with(Weather(Arc::default()))).await;
    let inbox = Inbox::new();
    inbox.follow_up("Anything else?");
    let mut steered = Vec::new();
    let request = TurnRequest {
        inbox: Some(&inbox),
        ..TurnRequest::new(&setup.session, "go")
    };
    let mut progress = |progress| match progress {
        Progress::ToolStarted { .. } => inbox.steer("No, Rome."),
        Progress::Steered(text) => steered.push(text),
        _ => {}
    };
    let report = setup
        .agent
        .turn(request, pending(), &mut progress)
        .await
        .unwrap();
    assert_eq!(report.message.text(), "And done.");
    assert_eq!(steered, ["No, Rome.", "Anything else?"]);
    let roles: Vec<String> = setup
        .sent()
        .iter()
        .map(|m| m["role"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        roles[1..],
        ["user", "assistant", "tool", "user", "assistant", "user"]
    );
}

#[tokio::test]
async fn stopping_ends_the_tool_and_the_next_turn_knows_that_it_was_cut() {
    let script = Script::new()
        .on(
            When::any().once(),
            openai_chat(&[call("a", "endless", r#"{"city":"Paris"}"#)]),
        )
        .on(When::any().once(), openai_chat(&[Part::Text("Next.")]));
    let (began, ended) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let tools = box_with(Endless {
        began: Arc::clone(&began),
        ended: Arc::clone(&ended),
    });
    let setup = Setup::chat(script, tools).await;
    let request = TurnRequest::new(&setup.session, "go");
    let error = setup
        .agent
        .turn(request, began.notified(), &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, TurnError::Stopped));
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    setup.say("and now?").await.unwrap();
    let sent = setup.sent();
    let roles: Vec<&str> = sent.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles[1..], ["user", "assistant", "tool", "user"]);
    assert!(
        sent[3]["content"]
            .to_string()
            .contains("missing tool result in session history")
    );
}
