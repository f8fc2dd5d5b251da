//! Calling a tool as an agent does.

use std::path::Path;

use moltbot_agent::{Arguments, Plan, Sandboxed, Scene, Tool, ToolError, ToolOutput};
use moltbot_guard::Label;
use moltbot_llm::Content;
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
