//! Calling a tool as an agent does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{
    AgentSettings, Arguments, Limits, Plan, Sandboxed, Scene, Tool, ToolError, ToolOutput,
};
use moltbot_config::Config;
use moltbot_guard::Label;
use moltbot_llm::{Backends, Catalog, Content, Credentials, Knowledge, Places, over_http};
use moltbot_store::Store;
use serde_json::Value;

/// A workspace and a conversation.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    session: moltbot_store::Session,
    /// What the conversation has read.
    pub(crate) label: Label,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of("main").await
    }

    /// The same for an agent.
    pub(crate) async fn of(agent: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("moltbot.db")).unwrap();
        let key = format!("agent:{agent}:main");
        let session = store.session(&key, agent).await.unwrap();
        std::fs::create_dir(dir.path().join("workspace")).unwrap();
        Self {
            dir,
            session,
            label: Label::OWNER,
        }
    }

    /// The models of a configuration, asked over HTTP by the agent `main` within these places.
    pub(crate) fn models(
        &self,
        config: &Config,
        places: &[&str],
    ) -> (Catalog, Backends, AgentSettings) {
        let credentials = Arc::new(Credentials::new(config, &BTreeMap::new(), None));
        let knowledge = Arc::new(Knowledge::default());
        let http = over_http(credentials, Arc::clone(&knowledge));
        let settings = AgentSettings {
            places: Places::only(places.iter().copied()),
            agent_id: "main".into(),
            thinking: None,
            timeout: Duration::from_secs(600),
            has_anthropic_key: false,
            limits: Limits::default(),
            workspace: self.workspace(),
        };
        let backends = Backends::new(http, None, knowledge);
        (Catalog::new(config, &[]), backends, settings)
    }

    pub(crate) fn workspace(&self) -> std::path::PathBuf {
        self.dir.path().join("workspace")
    }

    fn with<T>(&self, workspace: &Path, then: impl FnOnce(&Scene<'_>) -> T) -> T {
        then(&Scene {
            session: &self.session,
            workspace,
            sandbox: None,
            call_id: "call_1",
            label: self.label,
            decided: None,
        })
    }

    pub(crate) async fn call(
        &self,
        tool: &dyn Tool,
        arguments: Value,
    ) -> Result<ToolOutput, ToolError> {
        let plan = self.plan(tool, arguments.clone());
        self.call_decided(tool, arguments, Some(&plan)).await
    }

    /// The same in a sandbox.
    pub(crate) async fn call_in(
        &self,
        sandbox: &Sandboxed,
        tool: &dyn Tool,
        arguments: Value,
    ) -> Result<ToolOutput, ToolError> {
        let mut scene = Scene {
            session: &self.session,
            workspace: &sandbox.workspace,
            sandbox: Some(sandbox),
            call_id: "call_1",
            label: self.label,
            decided: None,
        };
        let arguments = object(arguments);
        let plan = tool.plan(&arguments, &scene);
        scene.decided = Some(&plan);
        tool.call(arguments, &scene).await
    }

    /// Calls a tool of which this plan was decided on.
    pub(crate) async fn call_decided(
        &self,
        tool: &dyn Tool,
        arguments: Value,
        decided: Option<&Plan>,
    ) -> Result<ToolOutput, ToolError> {
        let workspace = self.workspace();
        let scene = Scene {
            session: &self.session,
            workspace: &workspace,
            sandbox: None,
            call_id: "call_1",
            label: self.label,
            decided,
        };
        tool.call(object(arguments), &scene).await
    }

    /// The text that the model is told.
    pub(crate) async fn text(&self, tool: &dyn Tool, arguments: Value) -> String {
        match self.call(tool, arguments).await {
            Ok(output) => text(&output),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn plan(&self, tool: &dyn Tool, arguments: Value) -> Plan {
        self.with(&self.workspace(), |scene| {
            tool.plan(&object(arguments), scene)
        })
    }

    /// The same in a sandbox.
    pub(crate) fn plan_in(&self, sandbox: &Sandboxed, tool: &dyn Tool, arguments: Value) -> Plan {
        let scene = Scene {
            session: &self.session,
            workspace: &sandbox.workspace,
            sandbox: Some(sandbox),
            call_id: "call_1",
            label: self.label,
            decided: None,
        };
        tool.plan(&object(arguments), &scene)
    }
}

pub(crate) fn text(output: &ToolOutput) -> String {
    let texts: Vec<&str> = output.content.iter().filter_map(Content::as_text).collect();
    texts.join("\n")
}

fn object(value: Value) -> Arguments {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}
