//! `tool_search`: finding a tool that the model was not told of by itself.

use std::fmt::Write;

use async_trait::async_trait;
use moltbot_llm::{Provenance, ToolSpec};
use serde_json::{Value, json};

use super::{HiddenTool, ranking};
use crate::tool::{Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput};

/// Its name.
pub(crate) const TOOL_SEARCH: &str = "tool_search";

/// So many are told with their parameters.
const BEST: usize = 5;

/// But no further one once there are so many characters.
const MOST_CHARS: usize = 12_000;

/// So many more are told by name.
const ALSO: usize = 20;

/// Most characters of what a tool is said to do.
const SUMMARY: usize = 300;

/// Searches hidden tools.
pub(super) struct ToolSearch {
    hidden: Vec<HiddenTool>,
    of_what: String,
}

impl ToolSearch {
    /// Searches these. `of_what` says how many there are, and where from.
    pub(super) fn new(hidden: Vec<HiddenTool>, of_what: String) -> Self {
        Self { hidden, of_what }
    }

    fn answer(&self, query: &str) -> String {
        let found = ranking::best(query, &self.hidden);
        if found.is_empty() {
            let all: Vec<usize> = (0..self.hidden.len()).collect();
            return format!(
                "No tool matches \"{query}\". There are {}. {}Search with other words for what it should do.",
                self.of_what,
                self.names("Some of them: ", &all),
            );
        }
        let mut text = "Call one of these with tool_call.".to_owned();
        let mut told = 0;
        for at in found.iter().take(BEST) {
            if told > 0 && text.len() > MOST_CHARS {
                break;
            }
            let spec = &self.hidden[*at].spec;
            // Writing into a string does not fail.
            let _ = write!(
                text,
                "\n\n{}: {}\nparameters: {}",
                spec.name,
                summary(&spec.description),
                spec.parameters
            );
            told += 1;
        }
        let also = self.names("\n\nAlso: ", &found[told..]);
        text + also.trim_end()
    }

    /// Some names, with `before` in front of them where there are any.
    fn names(&self, before: &str, places: &[usize]) -> String {
        let names = places.iter().take(ALSO);
        let names: Vec<&str> = names
            .map(|at| self.hidden[*at].spec.name.as_str())
            .collect();
        match names.is_empty() {
            true => String::new(),
            false => format!("{before}{}. ", names.join(", ")),
        }
    }
}

#[async_trait]
impl Tool for ToolSearch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: TOOL_SEARCH.to_owned(),
            description: format!("Find {}. Tells their names and parameters.", self.of_what),
            parameters: json!({
                "type": "object",
                "properties": {"query": {"type": "string", "description": "what it should do, in a few words"}},
                "required": ["query"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, query(arguments))
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        // Names and descriptions are those of somebody else's program.
        Ok(ToolOutput::text(
            self.answer(query(&arguments)),
            Provenance::Outside,
        ))
    }
}

fn query(arguments: &Arguments) -> &str {
    arguments
        .get("query")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What a tool does, on one line.
fn summary(description: &str) -> String {
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SUMMARY) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
