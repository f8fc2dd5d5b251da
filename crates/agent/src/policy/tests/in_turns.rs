//! The rules hold in a turn: for what is offered, and for what is called.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moltbot_llm::{
    Backends, Catalog, Credentials, Knowledge, Places, Provenance, ToolSpec, over_http,
};
use moltbot_store::Store;
use moltbot_testkit::{Part, Script, ScriptedServer, When, error, openai_chat};

use super::*;
use crate::{
    Agent, AgentSettings, Arguments, Effect, Gate, Limits, Plan, Scene, SessionKey, Tool,
    ToolError, ToolOutput, Toolbox, TurnRequest,
};

/// A tool that counts its calls.
struct Counting {
    name: &'static str,
    calls: Arc<AtomicU32>,
}

#[async_trait]
impl Tool for Counting {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_owned(),
            description: "Counts.".to_owned(),
            parameters: json!({"type": "object", "properties": {}, "required": []}),
        }
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, self.name)
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(ToolOutput::text("done", Provenance::Program))
    }
}

/// Takes a turn in which the model calls `read`; gives the names offered first, how often it was called, and what the
/// model was told of it.
async fn turn(tools: Value, first_fails: bool, session: &str) -> (Vec<String>, u32, String) {
    let call = [Part::ToolCall {
        id: "c1",
        name: "read",
        arguments: "{}",
    }];
    let mut script = Script::new();
    if first_fails {
        script = script.on(When::post("/near/").times(2), error(500, "boom"));
    }
    let script = script
        .on(When::post("/").once(), openai_chat(&call))
        .on(When::post("/"), openai_chat(&[Part::Text("Done.")]));
    let server = ScriptedServer::start(script).await;
    let config: Config = serde_json::from_value(json!({
        "tools": tools,
        "agents": {"defaults": {"model": {"primary": "near/m", "fallbacks": ["far/m"]}}},
        "models": {"providers": {
            "near": {"baseUrl": format!("{}/near/v1", server.origin()), "models": [{"id": "m", "name": "M"}]},
            "far": {"baseUrl": format!("{}/far/v1", server.origin()), "models": [{"id": "m", "name": "M"}]},
        }},
    }))
    .unwrap();
    let credentials = Arc::new(Credentials::new(&config, &BTreeMap::new(), None));
    let knowledge = Arc::new(Knowledge::default());
    let dir = tempfile::tempdir().unwrap();
    let settings = AgentSettings {
        agent_id: "main".into(),
        thinking: None,
        timeout: Duration::from_secs(600),
        limits: Limits::default(),
        workspace: dir.path().to_owned(),
        places: Places::default(),
        has_anthropic_key: false,
    };
    let calls = Arc::new(AtomicU32::new(0));
    let mut toolbox = Toolbox::new();
    for name in ["read", "exec", "cron"] {
        toolbox.add(Counting {
            name,
            calls: Arc::clone(&calls),
        });
    }
    let agent = Agent::new(
        Catalog::new(&config, &[]),
        Backends::new(
            over_http(credentials, Arc::clone(&knowledge)),
            None,
            knowledge,
        ),
        Store::open(dir.path().join("moltbot.db")).unwrap(),
        settings,
    )
    .with_tools(toolbox, Gate::closed())
    .with_tool_policies(ToolPolicies::new(&config));
    let session = agent
        .session(&SessionKey::parse(session, "main"))
        .await
        .unwrap();
    let request = TurnRequest::new(&session, "go");
    agent.turn(request, pending(), &mut |_| {}).await.unwrap();
    let posts: Vec<Value> = server.posts().iter().map(|post| post.json()).collect();
    let offered = posts[0]["tools"].as_array().into_iter().flatten();
    let offered = offered
        .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
        .collect();
    let last = posts.last().unwrap()["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    let told = last["content"].as_str().unwrap().to_owned();
    (offered, calls.load(Ordering::Relaxed), told)
}

#[tokio::test]
async fn what_is_not_allowed_is_neither_offered_nor_done() {
    let (offered, calls, told) = turn(json!({"deny": ["exec"]}), false, "main").await;
    assert_eq!(offered, ["cron", "read"]);
    assert_eq!((calls, told.as_str()), (1, "done"));
    let (offered, calls, told) = turn(json!({"deny": ["read"]}), false, "main").await;
    assert_eq!(offered, ["cron", "exec"]);
    assert_eq!(
        (calls, told.as_str()),
        (0, "There is no tool read. There are: cron, exec.")
    );
    let (offered, ..) = turn(json!({}), false, "agent:main:subagent:1").await;
    assert_eq!(offered, ["exec", "read"], "a sub-agent makes no schedules");
}

#[tokio::test]
async fn a_fallback_is_held_to_its_own_rules() {
    let tools = json!({"byProvider": {"far": {"deny": ["read"]}}});
    let (offered, calls, _) = turn(tools.clone(), false, "main").await;
    assert_eq!((offered.len(), calls), (3, 1));
    let (_, calls, told) = turn(tools, true, "main").await;
    assert_eq!(calls, 0);
    assert_eq!(
        told,
        "Tool \"read\" is not allowed for far/m: tools.byProvider[far].deny has \"read\"."
    );
}
