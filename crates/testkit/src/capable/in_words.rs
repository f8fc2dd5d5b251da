//! Tools that a system prompt tells of, and results that come in a user's message: what a client
//! does where the server takes no tools.

use serde_json::{Value, json};

use super::ask::{Role, Tool, Turn};

/// The tools, the question and what has been looked up since, as far as words tell.
pub(super) struct InWords {
    pub(super) tools: Vec<Tool>,
    pub(super) asked: String,
    pub(super) results: Vec<String>,
}

impl InWords {
    /// What these turns tell; `None` where they tell of no tools.
    pub(super) fn read(turns: &[Turn]) -> Option<Self> {
        let told = turns.iter().find_map(|turn| {
            let (_, told) = turn.text.split_once("You can call these tools")?;
            Some(told.split_once("To call a tool, answer with")?.0)
        })?;
        let tools = told.lines().skip(1).filter_map(tool).collect();
        let users = turns.iter().filter(|turn| turn.role == Role::User);
        let (mut asked, mut results) = (String::new(), Vec::new());
        for turn in users {
            let mut rest = turn.text.as_str();
            if !rest.starts_with("<tool_response>") {
                asked = rest.to_owned();
                results.clear();
                continue;
            }
            while let Some((_, behind)) = rest.split_once("<tool_response>\n") {
                let (result, behind) = behind.split_once("\n</tool_response>")?;
                results.push(result.to_owned());
                rest = behind;
            }
        }
        Some(Self {
            tools,
            asked,
            results,
        })
    }
}

/// `NAME {"ARGUMENT": KIND, …}: WHAT IT DOES`; the first argument is enough.
fn tool(line: &str) -> Option<Tool> {
    let (name, rest) = line.split_once(' ')?;
    let argument = rest
        .strip_prefix("{\"")
        .and_then(|rest| rest.split_once('"'));
    let parameters = match argument {
        Some((argument, _)) => {
            json!({"type": "object", "properties": {argument: {"type": "string"}}})
        }
        None => Value::Null,
    };
    Some(Tool {
        name: name.to_owned(),
        parameters,
        has_strict: false,
    })
}
