//! The tools `memory_search` and `memory_get`.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments, session_places,
};
use moltbot_llm::{Provenance, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Memory, Question};
use crate::files::origin;

/// `memory_search`: finds passages in the agent's notes.
pub struct MemorySearch(Arc<Memory>);

impl MemorySearch {
    /// In these notes.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self(memory)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchArguments {
    query: String,
    max_results: Option<f64>,
    min_score: Option<f64>,
}

#[async_trait]
impl Tool for MemorySearch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "memory_search".to_owned(),
            description: "Search your notes (MEMORY.md, memory/*.md) for earlier decisions, people, dates, preferences \
                          or tasks before answering about them. Gives passages with path and lines."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string"},
                    "maxResults": {"type": "number"},
                    "minScore": {"type": "number"}
                },
                "required": ["query"]
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _scene: &Scene<'_>) -> Plan {
        let query = arguments.get("query").and_then(Value::as_str);
        Plan::new(
            Effect::ReadsOwn,
            format!("notes about: {}", query.unwrap_or_default()),
        )
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let arguments: SearchArguments = read_arguments(arguments)?;
        if arguments.query.trim().is_empty() {
            return Err(ToolError::Arguments("query required".to_owned()));
        }
        let question = Question {
            text: arguments.query,
            max_results: arguments.max_results.map(whole),
            min_score: arguments.min_score,
        };
        match self
            .0
            .search(&question, &session_places(scene.session))
            .await
        {
            Ok(found) => told(
                &found,
                self.0
                    .source(found.results.iter().map(|note| note.path.as_str())),
            ),
            Err(error) => {
                let nothing = json!({"results": [], "disabled": true, "error": error.to_string()});
                told(&nothing, Provenance::Program)
            }
        }
    }
}

/// `memory_get`: reads lines of a note.
pub struct MemoryGet(Arc<Memory>);

impl MemoryGet {
    /// Of these notes.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self(memory)
    }
}

#[derive(Deserialize)]
struct GetArguments {
    path: String,
    from: Option<f64>,
    lines: Option<f64>,
}

#[async_trait]
impl Tool for MemoryGet {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "memory_get".to_owned(),
            description: "Read lines of a note that memory_search found.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "from": {"type": "number", "description": "First line, from 1"},
                    "lines": {"type": "number", "description": "How many"}
                },
                "required": ["path"]
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _scene: &Scene<'_>) -> Plan {
        let path = arguments.get("path").and_then(Value::as_str);
        Plan::new(Effect::ReadsOwn, path.unwrap_or_default())
    }

    async fn call(
        &self,
        arguments: Arguments,
        _scene: &Scene<'_>,
    ) -> Result<ToolOutput, ToolError> {
        let arguments: GetArguments = read_arguments(arguments)?;
        let (from, lines) = (arguments.from.map(whole), arguments.lines.map(whole));
        let excerpt = self.0.get(&arguments.path, from, lines).await;
        let excerpt = excerpt.map_err(ToolError::failed)?;
        told(&excerpt, self.0.source([excerpt.path.as_str()]))
    }
}

impl Memory {
    /// Where what notes of these names say comes from.
    fn source<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Provenance {
        let workspace = &self.settings().workspace;
        let is_foreign = |name: &str| origin::is_foreign_at(&workspace.join(name));
        match names.into_iter().any(is_foreign) {
            true => Provenance::Outside,
            false => Provenance::OwnFiles,
        }
    }
}

/// A number as models write it: `5.0` is 5, less than 1 is 1.
fn whole(number: f64) -> usize {
    // A cast to an integer stays within its bounds, whatever the number.
    (number as usize).max(1)
}

fn told(result: &impl Serialize, from: Provenance) -> Result<ToolOutput, ToolError> {
    let text = serde_json::to_string(result).map_err(ToolError::failed)?;
    Ok(ToolOutput::text(text, from))
}
