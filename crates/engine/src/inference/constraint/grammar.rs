//! The grammar of an answer, in the Lark-like notation of llguidance.

use std::fmt::Write as _;

use moltbot_llm::{ToolChoice, call_openings};
use serde_json::Value;

use super::Request;

/// Most calls in one answer. A small model, whose answers are bounded, makes one: it does not know when they are enough.
const MOST_CALLS: usize = 8;

const THINK: &str = "<think>";
/// As a regular expression between slashes.
const END_THINK: &str = r"<\/think>";

/// What announces calls in the forms that are prescribed, as a regular expression: no answer in words has it.
const MARKERS: &str = r"<tool_call>|\[TOOL_CALLS\]";

/// Whether reasoning comes before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thought {
    /// It does not.
    Absent,
    /// It may, between its tags.
    Possible,
    /// The prompt has begun it.
    Begun,
}

impl Thought {
    /// What follows this prompt, with a template that knows of reasoning or does not.
    pub(super) fn at_end_of(prompt: &str, template_thinks: bool) -> Self {
        let prompt = prompt.trim_end();
        if prompt.ends_with(THINK) {
            Self::Begun
        } else if template_thinks && !prompt.ends_with("</think>") {
            Self::Possible
        } else {
            Self::Absent
        }
    }
}

/// The grammar of the answers to `request`, with these schemas for the arguments of its tools.
pub(super) fn text(request: &Request, schemas: &[Value]) -> String {
    let thought = match request.thought {
        Thought::Absent => "",
        Thought::Possible => "THOUGHT? ",
        Thought::Begun => "THOUGHT ",
    };
    let reply = match request.choice {
        ToolChoice::Auto => "(calls | TEXT)",
        ToolChoice::None => "TEXT",
        ToolChoice::Required | ToolChoice::Named(_) => "calls",
    };
    let mut grammar = format!("start: {thought}{reply}\n");
    match request.thought {
        Thought::Absent => {}
        Thought::Possible => grammar.push_str(&thought_terminal(THINK)),
        Thought::Begun => grammar.push_str(&thought_terminal("")),
    }
    if matches!(request.choice, ToolChoice::Auto | ToolChoice::None) {
        grammar.push_str(&text_terminal(request));
    }
    if !matches!(request.choice, ToolChoice::None) {
        grammar.push_str(&calls(request, schemas));
    }
    grammar
}

/// Reasoning up to its closing tag, and the blank after it. Nothing else may follow the tag, or it would not be the
/// first one.
fn thought_terminal(open: &str) -> String {
    format!("THOUGHT: /{open}(?s:.*){END_THINK}\\s*/ & ~/(?s:.*){END_THINK}(?s:.*)\\S(?s:.*)/\n")
}

/// Words: anything that is not blank, does not begin as calls do in any form, and never announces one.
fn text_terminal(request: &Request) -> String {
    let openings = call_openings(&request.tools);
    let mut terminal = format!(
        "TEXT: /\\s*\\S(?s:.*)/ & ~/\\s*({openings})(?s:.*)/ & ~/(?s:.*)({MARKERS})(?s:.*)/"
    );
    if request.thought != Thought::Absent {
        // Writing to a String cannot fail.
        let _ = write!(terminal, " & ~/\\s*{THINK}(?s:.*)/");
    }
    terminal.push('\n');
    terminal
}

fn calls(request: &Request, schemas: &[Value]) -> String {
    let form = &request.form;
    let most = match request.choice {
        ToolChoice::Named(_) => 1,
        _ if !form.several || request.bound.is_some() => 1,
        _ => MOST_CALLS,
    };
    let mut rules = String::from("calls: ");
    rules.push_str(&literal(form.first));
    rules.push_str(" call");
    if most > 1 {
        let _ = write!(rules, " ({} call){{0,{}}}", literal(form.between), most - 1);
    }
    let _ = writeln!(rules, " {}", literal(form.last));
    let alternatives: Vec<String> = request
        .tools
        .iter()
        .enumerate()
        .map(|(at, tool)| {
            let head = format!("{}{}{}", form.before, tool.name, form.middle);
            format!("{} arguments_{at} {}", literal(&head), literal(form.after))
        })
        .collect();
    let _ = writeln!(rules, "call: {}", alternatives.join(" | "));
    for (at, schema) in schemas.iter().enumerate() {
        let _ = writeln!(rules, "arguments_{at}: %json {schema}");
    }
    rules
}

/// A literal of the notation, which writes strings as JSON does; nothing for an empty one.
fn literal(text: &str) -> String {
    match text {
        "" => String::new(),
        text => Value::from(text).to_string(),
    }
}
