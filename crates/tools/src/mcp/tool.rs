//! One tool of a server.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, Effect, Plan, Scene, Target, TargetKind, Tool, ToolError, ToolOutput,
};
use moltbot_guard::urls_in;
use moltbot_llm::{Provenance, ToolSpec};
use serde_json::Value;

use super::arguments::restore;
use super::listing::{ListedTool, clean};
use super::output;
use super::schema::simplify;
use super::server::Server;

/// Longest description that models are told, in characters.
const DESCRIPTION: usize = 600;

/// A tool of a server.
pub(super) struct McpTool {
    server: Arc<Server>,
    /// As models see it.
    spec: ToolSpec,
    /// As the server listed it.
    listed: ListedTool,
    effect: Effect,
    results_dir: PathBuf,
}

impl McpTool {
    /// A tool as it is offered under this name; `None` where models cannot be told what it needs.
    pub(super) fn new(
        server: Arc<Server>,
        listed: ListedTool,
        name: String,
        results_dir: PathBuf,
    ) -> Option<Self> {
        let parameters = simplify(&listed.schema)?;
        let description = match clean(&listed.description, DESCRIPTION) {
            words if words.is_empty() => format!("Tool of {}.", clean(&server.settings.name, 60)),
            words => words,
        };
        Some(Self {
            effect: server.settings.effect(listed.only_reads),
            server,
            spec: ToolSpec {
                name,
                description,
                parameters,
            },
            listed,
            results_dir,
        })
    }

    /// What the server is sent for what a model gave.
    fn sent(&self, arguments: &Arguments) -> Arguments {
        let mut sent = arguments.clone();
        restore(&mut sent, &self.listed.schema);
        sent
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn source(&self) -> Option<&str> {
        Some(&self.server.settings.name)
    }

    fn words(&self) -> Provenance {
        self.server.settings.words()
    }

    fn plan(&self, arguments: &Arguments, _scene: &Scene<'_>) -> Plan {
        let sent = Value::Object(self.sent(arguments));
        let (server, tool) = (&self.server.settings.name, &self.listed.name);
        let detail = format!("{tool} {sent} to the MCP server {server}");
        let mut plan = Plan::new(self.effect, detail);
        if self.effect == Effect::ReadsOutside {
            plan.vouched = self.server.settings.is_vouched_for();
            // A server may fetch what it is asked for: then its host learns of it.
            let urls = urls_in(&sent).into_iter();
            plan.targets = urls.map(|url| Target::new(TargetKind::Url, url)).collect();
        }
        plan
    }

    fn is_parallel(&self) -> bool {
        // What may change something happens in the order in which it was asked for.
        self.effect == Effect::ReadsOutside
    }

    async fn call(
        &self,
        arguments: Arguments,
        _scene: &Scene<'_>,
    ) -> Result<ToolOutput, ToolError> {
        let sent = self.sent(&arguments);
        let result = self.server.call(&self.listed.name, sent).await;
        let result = result.map_err(ToolError::failed)?;
        Ok(output::told(result, &self.results_dir).await)
    }
}
