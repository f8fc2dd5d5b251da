//! What can be said of a conversation without a model.

use std::collections::BTreeSet;

use moltbot_llm::{AssistantMessage, Content, Message, Provenance};
use serde_json::Value;

use super::Line;
use super::compaction::Details;
use super::reduction::text_of;
use super::trial::{head_within, text_cost};

/// A line of a digest is cut here, in characters.
const LINE: usize = 240;

/// No more failed calls than this are listed, the newest.
const FAILURES: usize = 8;

/// No more files than this are listed of each kind, the newest.
const FILES: usize = 40;

/// What the person said, oldest first, one line each, within so many tokens; behind what was known before.
pub(super) fn digest(before: Option<&str>, lines: &[Line], tokens: u64) -> String {
    let mut text = String::new();
    if let Some(before) = before {
        text.push_str(head_within(before, tokens / 2));
        text.push_str("\n\n");
    }
    let head = "## What was said (first lines; no summary could be made)";
    let mut left = tokens.saturating_sub(text_cost(&text) + text_cost(head));
    let mut said: Vec<String> = Vec::new();
    for line in lines.iter().rev() {
        let told = match &line.message {
            Message::User(user) => {
                first_line(&words(&user.content)).map(|line| format!("- User: {line}"))
            }
            Message::Assistant(reply) => {
                first_line(&reply.text()).map(|line| format!("- Assistant: {line}"))
            }
            Message::ToolResult(_) => None,
        };
        let Some(told) = told else { continue };
        // Four tokens are the message's own.
        let Some(rest) = left.checked_sub(text_cost(&told).saturating_sub(3)) else {
            break;
        };
        left = rest;
        said.push(told);
    }
    if said.is_empty() {
        return text.trim_end().to_owned();
    }
    said.reverse();
    text.push_str(head);
    text.push('\n');
    text.push_str(&said.join("\n"));
    text
}

/// What is listed below every summary: calls that failed, files that were touched. Empty where there is nothing.
pub(super) fn listing(lines: &[Line], details: &Details, tokens: u64) -> String {
    let mut text = String::new();
    let failures = failures(lines);
    if !failures.is_empty() {
        text.push_str("\n\n## Tool Failures\n");
        text.push_str(&failures.join("\n"));
    }
    for (tag, files) in [
        ("read-files", &details.read_files),
        ("modified-files", &details.modified_files),
    ] {
        if !files.is_empty() {
            text.push_str(&format!("\n\n<{tag}>\n{}\n</{tag}>", files.join("\n")));
        }
    }
    head_within(&text, tokens).to_owned()
}

/// The files that these messages touched, added to those known before.
pub(super) fn details(before: Option<&Details>, lines: &[Line]) -> Details {
    let mut details = before.cloned().unwrap_or_default();
    let note = |files: &mut Vec<String>, file: String| {
        files.retain(|known| *known != file);
        files.push(file);
    };
    for line in lines {
        let Message::Assistant(reply) = &line.message else {
            continue;
        };
        for (file, is_changed) in touched(reply) {
            match is_changed {
                true => note(&mut details.modified_files, file),
                false => note(&mut details.read_files, file),
            }
        }
    }
    let modified: BTreeSet<&String> = details.modified_files.iter().collect();
    details.read_files.retain(|file| !modified.contains(file));
    for files in [&mut details.read_files, &mut details.modified_files] {
        files.drain(..files.len().saturating_sub(FILES));
    }
    details
}

/// The files that a reply's calls name, and whether they change them.
fn touched(reply: &AssistantMessage) -> Vec<(String, bool)> {
    let mut files = Vec::new();
    for call in reply.tool_calls() {
        let is_changed = match call.name.as_str() {
            "read" => false,
            "write" | "edit" | "apply_patch" => true,
            _ => continue,
        };
        let Ok(arguments) = serde_json::from_str::<Value>(&call.arguments) else {
            continue;
        };
        let named = ["path", "file_path"]
            .iter()
            .find_map(|key| arguments.get(key)?.as_str());
        files.extend(named.map(|file| (shortened(file), is_changed)));
        let patch = arguments
            .get("input")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let heads = ["*** Add File: ", "*** Update File: ", "*** Delete File: "];
        let patched = patch
            .lines()
            .filter_map(|line| heads.iter().find_map(|head| line.strip_prefix(head)));
        files.extend(patched.map(|file| (shortened(file), true)));
    }
    files
}

fn failures(lines: &[Line]) -> Vec<String> {
    let mut failures: Vec<String> = lines
        .iter()
        .rev()
        .filter_map(|line| match &line.message {
            Message::ToolResult(result) if result.is_error => {
                let text = text_of(result);
                let words = first_line(&text).unwrap_or_default();
                Some(format!("- {}: {words}", result.tool_name))
            }
            _ => None,
        })
        .take(FAILURES)
        .collect();
    failures.reverse();
    failures
}

/// What somebody said, without what the program added.
pub(super) fn words(content: &[Content]) -> String {
    let said = content
        .iter()
        .filter(|part| part.from() != Provenance::Program);
    let texts: Vec<&str> = said.filter_map(Content::as_text).collect();
    texts.join("\n")
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(shortened(line))
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
