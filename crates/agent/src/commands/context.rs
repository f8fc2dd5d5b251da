//! `/context`: what the model is told before the conversation, and what that takes of its window.

use std::path::PathBuf;

use moltbot_store::Session;
use serde_json::{Value, json};

use super::obey::{CommandError, Conversation};
use super::status::short_tokens;
use crate::agent::Agent;
use crate::prompt::{PromptReport, SectionCost, ToolCost};
use crate::skills::listed_blocks;
use crate::turn::now_ms;
use crate::workspace::{Standing, file_length, standing_of};

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    List,
    Detail,
    Json,
}

/// A workspace file as the prompt holds it.
struct InjectedFile {
    name: String,
    path: PathBuf,
    standing: Standing,
    /// Characters of the file as it is now.
    raw_chars: usize,
    /// Characters in the prompt.
    injected_chars: usize,
    tokens: u64,
}

impl Agent {
    /// Answers `/context`.
    pub(super) async fn context_command(
        &self,
        extent: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        let extent = match extent.to_ascii_lowercase().as_str() {
            "" | "list" => Extent::List,
            "detail" => Extent::Detail,
            "json" => Extent::Json,
            _ => {
                return Ok(format!(
                    "Unrecognized context report \"{extent}\". Valid: list, detail, json."
                ));
            }
        };
        self.refresh(conversation).await?;
        let session = &conversation.session;
        let report = match self.prompt_report(Some(session)).await {
            Ok(report) => report,
            Err(error) => return Ok(error.to_string()),
        };
        let files = self.injected_files(&report);
        if extent == Extent::Json {
            let report = self.as_json(session, &report, &files);
            // String keys only, so it always serialises.
            return Ok(serde_json::to_string_pretty(&report).unwrap_or_default());
        }
        let used = self.context_used(session).await?;
        let mut lines = self.head(session, &report, used);
        lines.extend(self.of_files(&files));
        lines.extend(of_skills(&report, extent));
        lines.extend(of_tools(&report, extent));
        if extent == Extent::Detail {
            lines.push("Parts of the system prompt:".to_owned());
            let sections = report.sections.iter();
            lines.extend(sections.map(|part| entry(&part.name, part.tokens)));
        }
        Ok(lines.join("\n"))
    }

    /// The model, and how full its window is.
    fn head(&self, session: &Session, report: &PromptReport, used: u64) -> Vec<String> {
        let window = report.context_window;
        let of = match report.is_frozen {
            true => "as this session began",
            false => "as this session would begin now",
        };
        let mut lines = vec![
            format!("🧠 Context of {}, {of}", session.key),
            format!(
                "Model: {} · window {} ({}) · prompt profile {}",
                report.model,
                short_tokens(window),
                report.context_source,
                report.profile
            ),
            format!(
                "System prompt: {} ({} characters) · tools: {}",
                tokens(report.system_tokens()),
                system_chars(report),
                tokens(report.tool_tokens()),
            ),
        ];
        if used > 0 {
            lines.push(format!(
                "In use after the last answer: {}/{}{}",
                short_tokens(used),
                short_tokens(window),
                share(used, window)
            ));
        }
        lines
    }

    fn of_files(&self, files: &[InjectedFile]) -> Vec<String> {
        let mut lines = vec![
            format!(
                "Workspace files, at most {} characters of each: {}",
                self.prompt.file_chars,
                match files.is_empty() {
                    true => "none",
                    false => "",
                }
            )
            .trim_end()
            .to_owned(),
        ];
        lines.extend(files.iter().map(|file| {
            let how = match file.standing {
                Standing::Missing => "missing, which the model is told".to_owned(),
                Standing::Cut => format!(
                    "cut, {} of {} characters",
                    file.injected_chars, file.raw_chars
                ),
                Standing::Whole | Standing::LeftOut => {
                    format!("{} characters", file.injected_chars)
                }
            };
            format!("- {}: {how}, {}", file.name, tokens(file.tokens))
        }));
        lines
    }

    fn injected_files(&self, report: &PromptReport) -> Vec<InjectedFile> {
        let files = report.sections.iter().filter_map(|section| {
            let text = section.text.split_once('\n').map_or("", |(_, text)| text);
            let standing = standing_of(&section.name, text)?;
            let path = self.settings.workspace.join(&section.name);
            Some(InjectedFile {
                name: section.name.clone(),
                standing,
                raw_chars: file_length(&path),
                injected_chars: text.chars().count(),
                path,
                tokens: section.tokens,
            })
        });
        files.collect()
    }

    /// With the names of the original where they mean the same.
    fn as_json(&self, session: &Session, report: &PromptReport, files: &[InjectedFile]) -> Value {
        let all = system_chars(report);
        let project: usize = files.iter().map(|file| file.injected_chars).sum();
        let injected: Vec<Value> = files
            .iter()
            .map(|file| {
                json!({
                    "name": file.name,
                    "path": file.path.display().to_string(),
                    "missing": file.standing == Standing::Missing,
                    "rawChars": file.raw_chars,
                    "injectedChars": file.injected_chars,
                    "truncated": file.standing == Standing::Cut,
                })
            })
            .collect();
        let skills = skills_section(report);
        let blocks = skills.map(|section| listed_blocks(&section.text));
        let blocks: Vec<Value> = blocks
            .unwrap_or_default()
            .into_iter()
            .map(|(name, chars)| json!({"name": name, "blockChars": chars}))
            .collect();
        let tools: Vec<Value> = report.tools.iter().map(tool_json).collect();
        let hidden: Vec<Value> = report
            .hidden_tools
            .iter()
            .map(|tool| {
                let mut entry = tool_json(&tool.cost);
                entry["source"] = tool.source.as_str().into();
                entry
            })
            .collect();
        let schema_chars: usize = report.tools.iter().map(schema_chars).sum();
        json!({
            "source": if report.is_frozen { "run" } else { "estimate" },
            "generatedAt": now_ms(),
            "sessionId": session.session_id,
            "sessionKey": session.key,
            "provider": report.model.provider,
            "model": report.model.model,
            "contextWindow": report.context_window,
            "workspaceDir": self.settings.workspace.display().to_string(),
            "bootstrapMaxChars": self.prompt.file_chars,
            "systemPrompt": {
                "chars": all,
                "projectContextChars": project,
                "nonProjectContextChars": all.saturating_sub(project),
                "tokens": report.system_tokens(),
            },
            "injectedWorkspaceFiles": injected,
            "skills": {
                "promptChars": skills.map_or(0, |section| section.text.chars().count()),
                "entries": blocks,
            },
            "tools": {
                // The prompt itself lists none.
                "listChars": 0,
                "schemaChars": schema_chars,
                "tokens": report.tool_tokens(),
                "entries": tools,
            },
            "hiddenTools": {"tokens": report.hidden_tokens(), "entries": hidden},
        })
    }
}

fn of_skills(report: &PromptReport, extent: Extent) -> Vec<String> {
    let Some(section) = skills_section(report) else {
        return vec!["Skills: none".to_owned()];
    };
    let blocks = listed_blocks(&section.text);
    let mut lines = vec![format!(
        "Skills: {}, {}",
        blocks.len(),
        tokens(section.tokens)
    )];
    if extent == Extent::Detail {
        lines.extend(
            blocks
                .iter()
                .map(|(name, chars)| format!("- {name}: {chars} characters")),
        );
    }
    lines
}

fn of_tools(report: &PromptReport, extent: Extent) -> Vec<String> {
    let names: Vec<&str> = report
        .tools
        .iter()
        .map(|tool| tool.spec.name.as_str())
        .collect();
    let mut lines = Vec::new();
    match extent {
        Extent::Detail => {
            lines.push("Tools:".to_owned());
            let tools = report.tools.iter();
            lines.extend(tools.map(|tool| entry(&tool.spec.name, tool.tokens)));
        }
        _ if names.is_empty() => lines.push("Tools: none".to_owned()),
        _ => lines.push(format!("Tools: {}", names.join(", "))),
    }
    if !report.hidden_tools.is_empty() {
        lines.push(format!(
            "Hidden tools, which the model searches for: {}, which would take {}",
            report.hidden_tools.len(),
            tokens(report.hidden_tokens()),
        ));
    }
    if extent == Extent::Detail {
        let hidden = report.hidden_tools.iter();
        lines.extend(hidden.map(|tool| {
            let name = format!("{} ({})", tool.cost.spec.name, tool.source);
            entry(&name, tool.cost.tokens)
        }));
    }
    lines
}

fn skills_section(report: &PromptReport) -> Option<&SectionCost> {
    report
        .sections
        .iter()
        .find(|section| section.name == "Skills")
}

fn system_chars(report: &PromptReport) -> usize {
    let chars = report
        .sections
        .iter()
        .map(|section| section.text.chars().count());
    // An empty line stands between two.
    chars.sum::<usize>() + 2 * report.sections.len().saturating_sub(1)
}

fn schema_chars(tool: &ToolCost) -> usize {
    tool.spec.parameters.to_string().chars().count()
}

fn tool_json(tool: &ToolCost) -> Value {
    let properties = tool
        .spec
        .parameters
        .get("properties")
        .and_then(Value::as_object);
    json!({
        "name": tool.spec.name,
        "summaryChars": tool.spec.description.chars().count(),
        "schemaChars": schema_chars(tool),
        "propertiesCount": properties.map_or(0, serde_json::Map::len),
        "tokens": tool.tokens,
    })
}

fn entry(name: &str, count: u64) -> String {
    format!("- {name}: {}", tokens(count))
}

/// An estimate, in words.
fn tokens(count: u64) -> String {
    match count {
        1 => "~1 token".to_owned(),
        count => format!("~{} tokens", short_tokens(count)),
    }
}

/// How much of a window that is: ` (6%)`.
pub(super) fn share(used: u64, window: u64) -> String {
    match window {
        0 => String::new(),
        window => format!(" ({}%)", used.saturating_mul(100) / window),
    }
}
