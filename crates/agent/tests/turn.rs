//! Turns against a scripted server and a real store.

#![allow(clippy::unwrap_used, missing_docs)]

mod fixture;

#[path = "turn/context.rs"]
mod context;
#[path = "turn/context_property.rs"]
mod context_property;
#[path = "turn/prompt.rs"]
mod prompt;

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{
    Agent, Progress, SessionKey, StoredRecords, TurnError, TurnReport, TurnRequest,
};
use moltbot_config::Config;
use moltbot_llm::{Credentials, Event, Knowledge, ThinkingLevel};
use moltbot_store::{Session, TurnState};
use moltbot_testkit::{
    Part, Script, ScriptedServer, Step, When, anthropic_messages, error, openai_chat,
    openai_responses,
};
use serde_json::{Value, json};

use fixture::{Parts, conversation};

struct Setup {
    agent: Agent,
    session: Session,
    server: ScriptedServer,
    dir: tempfile::TempDir,
}

async fn setup(script: Script, api: &str) -> Setup {
    let server = ScriptedServer::start(script).await;
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(&server, api, dir.path(), Duration::from_secs(600));
    let session = agent.session(&SessionKey::main("main")).await.unwrap();
    Setup {
        agent,
        session,
        server,
        dir,
    }
}

fn agent(server: &ScriptedServer, api: &str, dir: &Path, timeout: Duration) -> Agent {
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m", "fallbacks": ["box/n"]}}},
        "models": {"providers": {"box": {"baseUrl": server.origin(), "api": api, "models": [
            {"id": "m", "name": "M", "reasoning": true}, {"id": "n", "name": "N"}]}}},
    });
    let mut parts = Parts::new(config, dir);
    parts.settings.timeout = timeout;
    parts.agent()
}

async fn say(setup: &Setup, message: &str) -> Result<String, TurnError> {
    let request = TurnRequest::new(&setup.session, message);
    let report = setup.agent.turn(request, pending(), &mut |_| {}).await?;
    Ok(report.message.text())
}

async fn states(setup: &Setup) -> Vec<TurnState> {
    let turns = setup
        .agent
        .store()
        .turns(&setup.session.session_id)
        .await
        .unwrap();
    turns.iter().map(|turn| turn.state).collect()
}

fn all_dialects(text: &str) -> Script {
    let parts = [Part::Thinking("Hm."), Part::Text(text)];
    Script::new()
        .on(When::post("/v1/chat/completions"), openai_chat(&parts))
        .on(When::post("/v1/responses"), openai_responses(&parts))
        .on(When::post("/v1/messages"), anthropic_messages(&parts))
}

/// What a message of a chat completion says, without the stamp that the program put before a person's.
fn said(message: &Value) -> &str {
    let content = message["content"].as_str().unwrap();
    if message["role"] != "user" {
        return content;
    }
    let (stamp, text) = content.split_once('\n').unwrap();
    assert!(
        stamp.starts_with('[') && stamp.ends_with(" UTC]"),
        "{stamp}"
    );
    text
}

/// The messages of a transcript, as they are stored.
async fn messages(agent: &Agent, session: &Session) -> Vec<Value> {
    let entries = agent.store().transcript(&session.session_id).await.unwrap();
    let messages = entries.iter().filter(|entry| entry.kind == "message");
    messages
        .map(|entry| serde_json::from_str(&entry.body).unwrap())
        .collect()
}

#[tokio::test]
async fn every_request_begins_with_the_one_before_in_each_dialect_and_over_a_restart() {
    for api in [
        "openai-completions",
        "openai-responses",
        "anthropic-messages",
    ] {
        let mut setup = setup(all_dialects("Answer."), api).await;
        for round in 0..4 {
            say(&setup, &format!("message {round}")).await.unwrap();
            if round == 1 {
                // Another process goes on with the same conversation.
                setup.agent = agent(
                    &setup.server,
                    api,
                    setup.dir.path(),
                    Duration::from_secs(600),
                );
            }
        }
        let requests: Vec<Vec<Value>> = setup
            .server
            .requests()
            .iter()
            .map(|r| conversation(&r.json()))
            .collect();
        assert_eq!(requests.len(), 4);
        for pair in requests.windows(2) {
            assert_eq!(pair[1][..pair[0].len()], pair[0][..], "{api}");
            assert!(pair[1].len() > pair[0].len());
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_on_disk_with_its_reasoning_apart() {
    let setup = setup(all_dialects("Answer."), "openai-completions").await;
    assert_eq!(say(&setup, "q").await.unwrap(), "Answer.");
    let bodies = messages(&setup.agent, &setup.session).await;
    assert_eq!(bodies[0]["role"], "user");
    assert_eq!(bodies[1]["role"], "assistant");
    assert_eq!(
        bodies[1]["content"][0],
        json!({"type": "thinking", "thinking": "Hm."})
    );
    assert_eq!(
        bodies[1]["content"][1],
        json!({"type": "text", "text": "Answer."})
    );
    assert_eq!(states(&setup).await, [TurnState::Done]);
    let session = setup
        .agent
        .store()
        .session_by_id(&setup.session.session_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.model.as_deref(), Some("m"));
    assert!(session.output_tokens > 0);
}

#[tokio::test]
async fn a_failed_turn_is_journaled_and_not_shown_to_the_model_again() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("One.")]),
        )
        .on(
            When::post("/v1/chat/completions").times(2),
            error(500, "boom"),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Three.")]),
        );
    let setup = setup(script, "openai-completions").await;
    say(&setup, "one").await.unwrap();
    let failed = say(&setup, "two").await.unwrap_err();
    assert!(
        failed
            .to_string()
            .starts_with("All models failed (2): box/m: "),
        "{failed}"
    );
    let open = setup
        .agent
        .unanswered(&setup.session)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((open.text.as_str(), open.state), ("two", TurnState::Failed));
    say(&setup, "three").await.unwrap();
    assert_eq!(setup.agent.unanswered(&setup.session).await.unwrap(), None);
    assert_eq!(
        states(&setup).await,
        [TurnState::Done, TurnState::Failed, TurnState::Done]
    );
    let sent = conversation(&setup.server.requests().pop().unwrap().json());
    let texts: Vec<&str> = sent[1..].iter().map(said).collect();
    assert_eq!(texts, ["one", "One.", "three"]);
}

#[tokio::test]
async fn a_stop_keeps_what_was_shown_and_closes_the_connection() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("a b c d e f")])
                .stream()
                .after_frames(4, Step::Hang),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Next.")]),
        );
    let setup = setup(script, "openai-completions").await;
    let (heard, text) = tokio::sync::oneshot::channel();
    let mut heard = Some(heard);
    let mut events = |event| {
        if let Progress::Model(Event::Text(_)) = event
            && let Some(heard) = heard.take()
        {
            heard.send(()).unwrap();
        }
    };
    let request = TurnRequest::new(&setup.session, "go");
    let stop = async {
        text.await.unwrap();
    };
    let error = setup
        .agent
        .turn(request, stop, &mut events)
        .await
        .unwrap_err();
    assert!(matches!(error, TurnError::Stopped));
    setup.server.wait_for_cancel().await;
    assert_eq!(states(&setup).await, [TurnState::Aborted]);
    say(&setup, "more").await.unwrap();
    let sent = conversation(&setup.server.requests().pop().unwrap().json());
    assert_eq!(
        sent.len(),
        4,
        "system, message, what was shown, message: {sent:?}"
    );
    assert!(sent[2]["content"].as_str().unwrap().starts_with('a'));
}

#[tokio::test]
async fn a_turn_thrown_away_leaves_the_session_free() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[]).stream().after_frames(0, Step::Hang),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Here.")]),
        );
    let setup = setup(script, "openai-completions").await;
    {
        let mut ignore = |_| {};
        let request = TurnRequest::new(&setup.session, "go");
        let turn = setup.agent.turn(request, pending(), &mut ignore);
        tokio::select! {
            _ = turn => panic!("the server never answers"),
            () = setup.server.wait_for_requests(1) => {}
        }
    }
    assert_eq!(say(&setup, "again").await.unwrap(), "Here.");
    assert_eq!(states(&setup).await, [TurnState::Aborted, TurnState::Done]);
}

#[tokio::test]
async fn one_turn_at_a_time() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("x")])
                .stream()
                .after_frames(1, Step::pause("go")),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("y")]),
        );
    let setup = setup(script, "openai-completions").await;
    let first = say(&setup, "first");
    let second = async {
        setup.server.wait_for_requests(1).await;
        let busy = say(&setup, "second").await.unwrap_err();
        assert!(matches!(busy, TurnError::Store(_)), "{busy}");
        setup.server.release("go");
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.unwrap(), "x");
}

#[tokio::test]
async fn the_whole_run_has_a_limit() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text("never ends")])
            .stream()
            .after_frames(1, Step::Hang),
    );
    let mut setup = setup(script, "openai-completions").await;
    setup.agent = agent(
        &setup.server,
        "openai-completions",
        setup.dir.path(),
        Duration::from_millis(50),
    );
    let error = say(&setup, "go").await.unwrap_err();
    assert!(matches!(error, TurnError::OutOfTime(_)), "{error}");
    assert!(error.to_string().contains("agents.defaults.timeoutSeconds"));
    assert_eq!(states(&setup).await, [TurnState::Failed]);
}

#[tokio::test]
async fn a_call_of_a_tool_nobody_offered_is_no_answer() {
    let call = Part::ToolCall {
        id: "c",
        name: "rm",
        arguments: "{}",
    };
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("Let me."), call]),
        )
        .on(When::post("/v1/chat/completions"), openai_chat(&[call]));
    let setup = setup(script, "openai-completions").await;
    assert_eq!(say(&setup, "one").await.unwrap(), "Let me.");
    let error = say(&setup, "two").await.unwrap_err();
    assert!(matches!(error, TurnError::UnknownTool(_)), "{error}");
}

#[tokio::test]
async fn a_session_s_choices_hold_until_it_is_reset() {
    let setup = setup(all_dialects("Ok."), "openai-completions").await;
    let chosen = setup
        .agent
        .choose_model(&setup.session, Some("box/n"))
        .await
        .unwrap();
    assert_eq!(chosen.reference.to_string(), "box/n");
    setup
        .agent
        .choose_thinking(&setup.session, Some(ThinkingLevel::High))
        .await
        .unwrap();
    let session = setup
        .agent
        .session(&SessionKey::main("main"))
        .await
        .unwrap();
    assert_eq!(setup.agent.thinking(&session), ThinkingLevel::High);
    let (rungs, _) = setup.agent.rungs(&session, None).unwrap();
    let names: Vec<String> = rungs.iter().map(|m| m.reference.to_string()).collect();
    assert_eq!(
        names,
        ["box/n", "box/m"],
        "the primary stays behind the choice"
    );
    let fresh = setup.agent.reset(&session).await.unwrap();
    assert_ne!(fresh.session_id, session.session_id);
    let (rungs, _) = setup.agent.rungs(&fresh, None).unwrap();
    assert_eq!(rungs[0].reference.to_string(), "box/m");
    assert_eq!(setup.agent.thinking(&fresh), ThinkingLevel::Low);
    assert!(
        setup
            .agent
            .choose_model(&fresh, Some("nowhere/x"))
            .await
            .is_err()
    );
}

/// An agent as a process makes it, over a store that outlives it.
fn fresh(config: &Value, credentials: Credentials, dir: &Path) -> Agent {
    let mut parts = Parts::new(config.clone(), dir);
    let records = Arc::new(StoredRecords::new(parts.store.clone()));
    parts.knowledge = Arc::new(Knowledge::new(records));
    parts.credentials = Arc::new(credentials);
    parts.agent()
}

/// Two models of one box.
fn two_models(server: &ScriptedServer) -> Value {
    json!({
        "agents": {"defaults": {"model": {"primary": "box/m", "fallbacks": ["box/n"]}}},
        "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": [
            {"id": "m", "name": "M"}, {"id": "n", "name": "N"}]}}},
    })
}

async fn turn_of(agent: &Agent) -> Result<TurnReport, TurnError> {
    let session = agent.session(&SessionKey::main("main")).await.unwrap();
    let request = TurnRequest::new(&session, "hi");
    agent.turn(request, pending(), &mut |_| {}).await
}

#[tokio::test]
async fn a_restart_keeps_what_is_cooling_down() {
    let chat = || When::post("/v1/chat/completions");
    let script = Script::new()
        .on(chat().body(|body| body["model"] == "m"), error(500, "oops"))
        .on(chat(), openai_chat(&[Part::Text("Here.")]));
    let server = ScriptedServer::start(script).await;
    let (dir, config) = (tempfile::tempdir().unwrap(), two_models(&server));
    let first = turn_of(&fresh(&config, Credentials::default(), dir.path())).await;
    assert_eq!(first.unwrap().failed[0].failure.cooling, None);

    let agent = fresh(&config, Credentials::default(), dir.path());
    let report = turn_of(&agent).await.unwrap();
    assert_eq!(report.model.to_string(), "box/n");
    let failure = &report.failed[0].failure;
    assert!(failure.cooling.is_some(), "{failure}");
    assert!(failure.to_string().contains("cooling down"), "{failure}");
    let asked = server.requests();
    let of_m = asked
        .iter()
        .filter(|request| request.json()["model"] == "m");
    assert_eq!(of_m.count(), 1, "it was left alone");
}

#[tokio::test]
async fn what_was_shown_before_every_model_failed_is_kept_nowhere() {
    let said = openai_chat(&[Part::Text("I was about to")]).stream();
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        said.after_frames(3, Step::Cut),
    );
    let setup = setup(script, "openai-completions").await;
    let error = say(&setup, "go").await.unwrap_err();
    let TurnError::Models(models) = &error else {
        panic!("{error}")
    };
    assert_eq!(models.attempts.len(), 2);
    assert!(models.last().unwrap().after_text);
    assert!(
        !format!("{error} {error:?}").contains("about to"),
        "{error}"
    );
    let kept = messages(&setup.agent, &setup.session).await;
    assert_eq!(kept.len(), 1, "the message alone: {kept:?}");
}

#[tokio::test]
async fn a_stopped_answer_is_that_of_the_model_that_gave_it() {
    let chat = || When::post("/v1/chat/completions");
    let script = Script::new()
        .on(chat().body(|body| body["model"] == "m"), error(500, "oops"))
        .on(
            chat(),
            openai_chat(&[Part::Text("a b c")])
                .stream()
                .after_frames(3, Step::pause("half")),
        );
    let server = ScriptedServer::start(script).await;
    let (dir, config) = (tempfile::tempdir().unwrap(), two_models(&server));
    let agent = fresh(&config, Credentials::default(), dir.path());
    // The first is asked and fails, then it is left alone.
    for _ in 0..2 {
        let session = agent.session(&SessionKey::main("main")).await.unwrap();
        let request = TurnRequest::new(&session, "go");
        let (heard, text) = tokio::sync::oneshot::channel();
        let mut heard = Some(heard);
        let mut events = |event| {
            if let Progress::Model(Event::Text(_)) = event
                && let Some(heard) = heard.take()
            {
                heard.send(()).unwrap();
            }
        };
        let stop = async { text.await.unwrap() };
        let error = agent.turn(request, stop, &mut events).await.unwrap_err();
        assert!(matches!(error, TurnError::Stopped), "{error}");
        let last = messages(&agent, &session).await.pop().unwrap();
        assert_eq!(
            (&last["role"], &last["model"]),
            (&json!("assistant"), &json!("n"))
        );
    }
}

#[tokio::test]
async fn a_profile_chosen_with_the_model_is_used_until_a_new_session() {
    let server = ScriptedServer::start(all_dialects("Ok.")).await;
    let (dir, config) = (tempfile::tempdir().unwrap(), two_models(&server));
    let path = dir.path().join("auth-profiles.json");
    let file = json!({"profiles": {
        "box:a": {"type": "api_key", "provider": "box", "key": "key-of-a"},
        "box:b": {"type": "api_key", "provider": "box", "key": "key-of-b"},
        "other:c": {"type": "api_key", "provider": "other", "key": "key-of-c"},
    }});
    std::fs::write(&path, file.to_string()).unwrap();
    let credentials = Credentials::new(&Config::default(), &BTreeMap::new(), Some(path));
    let agent = fresh(&config, credentials, dir.path());
    let session = agent.session(&SessionKey::main("main")).await.unwrap();
    for (wanted, sentence) in [
        ("box/n@box:z", "Auth profile \"box:z\" not found."),
        (
            "box/n@other:c",
            "Auth profile \"other:c\" is for other, not box.",
        ),
    ] {
        let error = agent
            .choose_model(&session, Some(wanted))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
    let key = || {
        let request = server.requests().pop().unwrap();
        let known = ["key-of-a", "key-of-b"];
        known
            .into_iter()
            .find(|key| request.has_api_key(key))
            .unwrap()
    };
    agent
        .choose_model(&session, Some("box/n@box:b"))
        .await
        .unwrap();
    turn_of(&agent).await.unwrap();
    turn_of(&agent).await.unwrap();
    assert_eq!(key(), "key-of-b");
    let session = agent.session(&SessionKey::main("main")).await.unwrap();
    agent.reset(&session).await.unwrap();
    turn_of(&agent).await.unwrap();
    assert_eq!(key(), "key-of-a", "the other has waited longer");
}
