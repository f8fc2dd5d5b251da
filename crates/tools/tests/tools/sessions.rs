//! Looking at other conversations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{Agent, AgentSettings, Effect, Limits, Tool};
use moltbot_config::schema::Config;
use moltbot_llm::{
    AssistantMessage, AssistantPart, Backends, Catalog, Content, Credentials, Knowledge, Message,
    Places, Provenance, StopReason, Thinking, ToolResultMessage, Usage, over_http,
};
use moltbot_store::{NewEntry, Store, TurnEnd};
use moltbot_tools::{AgentsList, SessionAccess, SessionStatus, SessionsHistory, SessionsList};
use serde_json::{Value, json};

use crate::call::Stage;

fn config(value: Value) -> Config {
    serde_json::from_value(value).unwrap()
}

/// A conversation with a question, a thought, a tool's result and an answer.
pub(crate) async fn talk(store: &Store, key: &str, agent: &str) -> String {
    let session = store.session(key, agent).await.unwrap();
    let result = Message::ToolResult(ToolResultMessage {
        tool_call_id: "a".into(),
        tool_name: "read".into(),
        content: vec![Content::text("the whole file", Provenance::OwnFiles)],
        is_error: false,
        timestamp: 2,
    });
    let answer = Message::Assistant(AssistantMessage {
        content: vec![
            AssistantPart::Thinking(Thinking {
                thinking: "a secret thought".into(),
                signature: None,
            }),
            AssistantPart::Text {
                text: "It is warm.".into(),
            },
        ],
        api: String::new(),
        provider: "box".into(),
        model: "m".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 3,
    });
    let entries = [Message::user(format!("How is {key}?"), 1), result, answer]
        .iter()
        .map(|m| NewEntry::new("message", serde_json::to_string(m).unwrap()))
        .collect();
    let (turn, _) = store
        .begin_turn(&session.session_id, entries)
        .await
        .unwrap();
    store
        .finish_turn(
            &turn.id,
            Vec::new(),
            TurnEnd::Done,
            moltbot_store::Usage::default(),
        )
        .await
        .unwrap();
    session.session_id
}

async fn asked(stage: &Stage, tool: &dyn Tool, arguments: Value) -> Value {
    serde_json::from_str(&stage.text(tool, arguments).await).unwrap()
}

#[tokio::test]
async fn an_agent_sees_its_own_conversations_and_others_where_the_owner_allows_it() {
    let stage = Stage::new().await;
    let store = Store::open(stage.dir.path().join("moltbot.db")).unwrap();
    talk(&store, "agent:main:main", "main").await;
    talk(&store, "agent:main:cron:x", "main").await;
    talk(&store, "agent:work:main", "work").await;
    let rules = |value| SessionAccess::from_config(&config(value));
    let on = |allow: Value| json!({"tools": {"agentToAgent": {"enabled": true, "allow": allow}}});
    for (access, seen) in [
        (rules(json!({})), 2),
        (rules(on(json!(["work"]))), 2),
        (rules(on(json!(["main", "work"]))), 3),
        (rules(on(json!(["*"]))), 3),
    ] {
        let list = SessionsList::new(store.clone(), access.clone());
        assert_eq!(asked(&stage, &list, json!({})).await["count"], seen);
        let history = SessionsHistory::new(store.clone(), access);
        let other = stage
            .call(&history, json!({"sessionKey": "agent:work:main"}))
            .await;
        assert_eq!(other.is_ok(), seen == 3);
        if let Err(error) = other {
            assert!(error.to_string().contains("agentToAgent"), "{error}");
        }
    }
    let list = SessionsList::new(store, SessionAccess::default());
    let crons = asked(&stage, &list, json!({"kinds": ["cron"], "messageLimit": 1})).await;
    assert_eq!(crons["sessions"][0]["key"], "agent:main:cron:x");
    assert_eq!(crons["sessions"][0]["messages"][0]["text"], "It is warm.");
}

#[tokio::test]
async fn a_history_shows_what_was_said_and_never_what_was_thought() {
    let stage = Stage::new().await;
    let store = Store::open(stage.dir.path().join("moltbot.db")).unwrap();
    let id = talk(&store, "agent:main:main", "main").await;
    let history = SessionsHistory::new(store, SessionAccess::default());
    for (arguments, texts) in [
        (
            json!({"sessionKey": id}),
            vec!["How is agent:main:main?", "It is warm."],
        ),
        (
            json!({"sessionKey": "AGENT:main:main", "includeTools": true}),
            vec!["How is agent:main:main?", "the whole file", "It is warm."],
        ),
        (json!({"sessionKey": id, "limit": 1}), vec!["It is warm."]),
    ] {
        let shown = asked(&stage, &history, arguments).await;
        assert!(!shown.to_string().contains("secret"), "{shown}");
        let messages = shown["messages"].as_array().unwrap();
        let said: Vec<&str> = messages
            .iter()
            .map(|m| m["text"].as_str().unwrap())
            .collect();
        assert_eq!(said, texts);
    }
    let error = stage
        .call(&history, json!({"sessionKey": "nothing"}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("sessions_list"), "{error}");
}

#[tokio::test]
async fn the_agents_are_those_of_the_configuration() {
    let stage = Stage::new().await;
    let alone = AgentsList::from_config(&config(json!({})));
    let list = asked(&stage, &alone, json!({})).await;
    assert_eq!(
        list,
        json!({"requester": "main", "agents": [{"id": "main"}]})
    );
    let two = json!({"agents": {"list": [{"id": "Main"}, {"id": "work", "name": "Work"}]}});
    let list = asked(&stage, &AgentsList::from_config(&config(two)), json!({})).await;
    assert_eq!(list["agents"][1], json!({"id": "work", "name": "Work"}));
}

/// An agent with two models, whose server nobody asks.
pub(crate) fn agent(store: &Store, stage: &Stage) -> Agent {
    let config = config(json!({
        "agents": {"defaults": {"model": {"primary": "box/main"}}},
        "models": {"providers": {"box": {"baseUrl": "http://127.0.0.1:9/v1", "models": [
            {"id": "main", "name": "M", "contextWindow": 1000}, {"id": "other-8b", "name": "O"}]}}},
    }));
    let credentials = Arc::new(Credentials::new(&config, &BTreeMap::new(), None));
    let knowledge = Arc::new(Knowledge::default());
    let http = over_http(credentials, Arc::clone(&knowledge));
    let settings = AgentSettings {
        agent_id: "main".into(),
        thinking: None,
        timeout: Duration::from_secs(600),
        limits: Limits::default(),
        workspace: stage.workspace(),
        places: Places::default(),
        has_anthropic_key: false,
    };
    let backends = Backends::new(http, None, knowledge);
    Agent::new(
        Catalog::new(&config, &[]),
        backends,
        store.clone(),
        settings,
    )
}

#[tokio::test]
async fn a_status_is_the_card_and_a_model_is_chosen_only_where_the_owner_agrees() {
    let stage = Stage::new().await;
    let store = Store::open(stage.dir.path().join("moltbot.db")).unwrap();
    talk(&store, "agent:main:cron:x", "main").await;
    let tool = SessionStatus::new(agent(&store, &stage), SessionAccess::default());
    let plan = |arguments| stage.plan(&tool, arguments).effect;
    assert_eq!(plan(json!({})), Effect::ReadsOwn);
    assert_eq!(
        plan(json!({"sessionKey": "agent:main:cron:x"})),
        Effect::ReadsOwn
    );
    let change = json!({"sessionKey": "agent:main:cron:x", "model": "other"});
    let planned = stage.plan(&tool, change.clone());
    assert_eq!(planned.effect, Effect::ChangesItself);
    assert_eq!(planned.detail, "model other for agent:main:cron:x");

    let card = stage.text(&tool, json!({})).await;
    assert!(
        card.contains("🧠 Model: box/main (openai-completions)"),
        "{card}"
    );
    assert!(card.contains("🧵 Session: agent:main:main ("), "{card}");
    let changed = stage.text(&tool, change).await;
    for part in [
        "Model set to box/other-8b",
        "🧠 Model: box/other-8b",
        "🧵 Session: agent:main:cron:x (",
    ] {
        assert!(changed.contains(part), "{part}: {changed}");
    }
    let back = json!({"sessionKey": "agent:main:cron:x", "model": "default"});
    let card = stage.text(&tool, back).await;
    assert!(card.contains("🧠 Model: box/main"), "{card}");
    let error = stage
        .call(&tool, json!({"model": "nowhere/x"}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn the_status_of_another_agent_follows_the_owners_rules() {
    let stage = Stage::new().await;
    let store = Store::open(stage.dir.path().join("moltbot.db")).unwrap();
    talk(&store, "agent:work:main", "work").await;
    let other = json!({"sessionKey": "agent:work:main"});
    let tool = SessionStatus::new(agent(&store, &stage), SessionAccess::default());
    let error = stage.call(&tool, other.clone()).await.unwrap_err();
    assert!(
        error.to_string().contains("tools.agentToAgent.enabled"),
        "{error}"
    );
    let on = json!({"tools": {"agentToAgent": {"enabled": true, "allow": ["*"]}}});
    let access = SessionAccess::from_config(&config(on));
    let tool = SessionStatus::new(agent(&store, &stage), access);
    assert!(
        stage
            .text(&tool, other)
            .await
            .contains("🧵 Session: agent:work:main (")
    );
    let change = json!({"sessionKey": "agent:work:main", "model": "other"});
    let error = stage.call(&tool, change).await.unwrap_err();
    assert!(
        error.to_string().contains("belongs to the agent work"),
        "{error}"
    );
}
