//! The grammar of an answer, in the Lark-like notation of llguidance.

use std::fmt::Write as _;

use moltbot_llm::{ToolChoice, bare_call_opening, call_openings, fenced_call_opening};
use serde_json::Value;

use super::Request;

/// Most calls in one answer. A small model, whose answers are bounded, makes one: it does not know when they are enough.
const MOST_CALLS: usize = 8;

const THINK: &str = "<think>";
/// As a regular expression between slashes.
const END_THINK: &str = r"<\/think>";

/// What announces calls in the forms that are prescribed, as a regular expression: no answer in words has it.
const MARKERS: &str = r"<tool_call>|\[TOOL_CALLS\]";

/// How an answer begins that is data, as a regular expression.
const DATA: &str = r"\{|```json";

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
        ToolChoice::Auto if request.marker.is_some() => "(calls | WORDS more | in_code | TEXT)",
        ToolChoice::Auto => "(calls | in_code | TEXT)",
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
        grammar.push_str(&text_terminals(request));
    }
    if matches!(request.choice, ToolChoice::Auto) {
        grammar.push_str(&in_code(request));
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

/// Words: anything that is not blank, does not begin as calls do in any form, and never announces one; or all up to the
/// marker of calls that follow. Words with code in them are followed by none: there a marker may be part of the code.
fn text_terminals(request: &Request) -> String {
    let openings = call_openings(&request.tools);
    let fenced = match request.choice {
        ToolChoice::Auto => format!("|{}", fenced_call_opening(&names(request))),
        _ => String::new(),
    };
    // Where no call is wanted, what has begun as one would go on as one, with some other name.
    let data = match request.choice {
        ToolChoice::None => format!("|{DATA}"),
        _ => String::new(),
    };
    let mut begins = format!(" & ~/\\s*({openings}{fenced}{data})(?s:.*)/");
    if request.thought != Thought::Absent {
        // Writing to a String cannot fail.
        let _ = write!(begins, " & ~/\\s*{THINK}(?s:.*)/");
    }
    let mut terminals = format!("TEXT: /\\s*\\S(?s:.*)/{begins} & ~/(?s:.*)({MARKERS})(?s:.*)/\n");
    if let Some(marker) = request.marker {
        let marker = expression(marker);
        let _ = writeln!(
            terminals,
            "WORDS: /\\s*\\S(?s:.*)\\n{marker}/{begins} & ~/(?s:.*)({MARKERS})(?s:.+)/ & ~/(?s:.*)```(?s:.*)/"
        );
    }
    terminals
}

/// A marker as a regular expression.
fn expression(marker: &str) -> String {
    marker.replace('[', r"\[").replace(']', r"\]")
}

fn names(request: &Request) -> Vec<&str> {
    request
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect()
}

/// One call as a block of code or as an object, all of the answer: what models write that saw more code than calls in
/// training. Held to be a call it is one; left alone it would be shown to a person who asked for something to be done.
fn in_code(request: &Request) -> String {
    let form = &request.form;
    // The quote behind the name is part of the beginning.
    let middle = literal(form.middle.trim_start_matches('"'));
    let (mut rules, mut terminals) = (Vec::new(), String::new());
    for (at, name) in names(request).into_iter().enumerate() {
        rules.push(format!("CODE_{at} {middle} arguments_{at} \"}}\\n```\""));
        let beginning = fenced_call_opening(&[name]);
        let _ = writeln!(terminals, "CODE_{at}: /\\s*({beginning})/");
        // Where this is not the form of calls itself.
        if !form.before.starts_with('{') {
            rules.push(format!("BARE_{at} {middle} arguments_{at} \"}}\""));
            let beginning = bare_call_opening(name);
            let _ = writeln!(terminals, "BARE_{at}: /\\s*{beginning}/");
        }
    }
    format!("in_code: {}\n{terminals}", rules.join(" | "))
}

fn calls(request: &Request, schemas: &[Value]) -> String {
    let form = &request.form;
    let most = match request.choice {
        ToolChoice::Named(_) => 1,
        _ if !form.several || request.bound.is_some() => 1,
        _ => MOST_CALLS,
    };
    let several = match most {
        0 | 1 => String::new(),
        most => format!(" ({} call){{0,{}}}", literal(form.between), most - 1),
    };
    let last = literal(form.last);
    let mut rules = format!("calls: {} call{several} {last}\n", literal(form.first));
    let call = |before: &str| {
        let alternatives = request.tools.iter().enumerate().map(|(at, tool)| {
            let head = format!("{before}{}{}", tool.name, form.middle);
            format!("{} arguments_{at} {}", literal(&head), literal(form.after))
        });
        alternatives.collect::<Vec<_>>().join(" | ")
    };
    let _ = writeln!(rules, "call: {}", call(form.before));
    if let Some(marker) = request.marker {
        // What the words end with is the beginning of the first call.
        let begun = format!("{}{}", form.first, form.before);
        let left = begun.strip_prefix(marker).unwrap_or(&begun);
        let _ = writeln!(rules, "more: begun{several} {last}\nbegun: {}", call(left));
    }
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
