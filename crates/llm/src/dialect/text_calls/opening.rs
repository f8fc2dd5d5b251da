//! How the text of a call begins, in every family: what must be held back while it may yet become one.

use crate::request::ToolSpec;

/// A step of an opening.
enum Step {
    /// Any white space, or none.
    Space,
    /// Exactly this.
    Word(&'static str),
    /// The name of a tool that is offered.
    Name,
}

use Step::{Name, Space, Word};

/// Where a family's first marker could as well begin a link or data, the opening goes on to the tool's name.
const OPENINGS: &[&[Step]] = &[
    &[Word("<tool_call>")],
    &[Word("<function="), Name, Word(">")],
    &[Word("<minimax:tool_call>")],
    &[Word("<|python_tag|>")],
    &[Word("<｜tool▁calls▁begin｜>")],
    &[Word("<|tool_calls_section_begin|>")],
    &[Word("[TOOL_CALLS]")],
    &[Word("[TOOL_REQUEST]")],
    &[Word("["), Name, Word("]"), Space, Word("{")],
    &[Word("["), Space, Name, Space, Word("(")],
    &[
        Word("{"),
        Space,
        Word("\"name\""),
        Space,
        Word(":"),
        Space,
        Word("\""),
        Name,
        Word("\""),
    ],
    &[
        Word("{"),
        Space,
        Word("\"type\""),
        Space,
        Word(":"),
        Space,
        Word("\"function\""),
        Space,
        Word(","),
        Space,
        Word("\"name\""),
        Space,
        Word(":"),
        Space,
        Word("\""),
        Name,
        Word("\""),
    ],
];

/// How a call as a block of code begins.
const FENCED: &[&[Step]] = &[
    &[
        Word("```json"),
        Space,
        Word("{"),
        Space,
        Word("\"name\""),
        Space,
        Word(":"),
        Space,
        Word("\""),
        Name,
        Word("\""),
    ],
    &[
        Word("```"),
        Space,
        Word("{"),
        Space,
        Word("\"name\""),
        Space,
        Word(":"),
        Space,
        Word("\""),
        Name,
        Word("\""),
    ],
];

/// A regular expression of the beginning of a call as a block of code, up to the quote behind the name, which is one of
/// these.
pub(in crate::dialect) fn fenced_pattern(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| literally(name)).collect();
    let names = format!("({})", names.join("|"));
    let patterns: Vec<String> = FENCED.iter().map(|steps| written(steps, &names)).collect();
    patterns.join("|")
}

/// The same of a call as an object and nothing around it.
pub(in crate::dialect) fn bare_pattern(name: &str) -> String {
    // A block of code without its fence.
    written(&FENCED[1][1..], &literally(name))
}

/// A regular expression of all the ways in which a text of calls of `tools` may begin, without what may be blank before
/// it. Slashes in it are escaped, so that it may stand between two.
pub(in crate::dialect) fn pattern(tools: &[ToolSpec]) -> String {
    let names: Vec<String> = tools.iter().map(|tool| literally(&tool.name)).collect();
    let names = format!("({})", names.join("|"));
    let openings: Vec<String> = OPENINGS
        .iter()
        .filter(|steps| !tools.is_empty() || !steps.iter().any(|step| matches!(step, Name)))
        .map(|steps| written(steps, &names))
        .collect();
    openings.join("|")
}

/// The expression of an opening, with this one for its name.
fn written(steps: &[Step], names: &str) -> String {
    let parts = steps.iter().map(|step| match step {
        Space => "\\s*".to_owned(),
        Word(word) => literally(word),
        Name => names.to_owned(),
    });
    parts.collect()
}

/// An expression of this text and no other.
fn literally(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$/".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The characters that openings end with.
pub(super) const LAST: [char; 5] = ['>', ']', '{', '(', '"'];

/// How much of an opening a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opening {
    /// None, and whatever follows it will be none.
    Absent,
    /// The text is the beginning of one.
    Partial,
    /// All of one.
    Whole,
}

/// How much of a call of `tools` a text has that so far reads `text`.
pub(super) fn look(text: &str, tools: &[ToolSpec]) -> Opening {
    look_for(OPENINGS, text, tools)
}

/// How much of a call of `tools` as a block of code a text has that so far reads `text`.
pub(super) fn look_fenced(text: &str, tools: &[ToolSpec]) -> Opening {
    look_for(FENCED, text, tools)
}

fn look_for(openings: &[&[Step]], text: &str, tools: &[ToolSpec]) -> Opening {
    let text = text.trim_start();
    openings
        .iter()
        .map(|steps| follow(text, steps, tools))
        .max()
        .unwrap_or(Opening::Absent)
}

fn part_of(whole: &str, text: &str) -> Opening {
    match whole.starts_with(text) {
        true => Opening::Partial,
        false => Opening::Absent,
    }
}

fn follow(mut rest: &str, steps: &[Step], tools: &[ToolSpec]) -> Opening {
    for (at, step) in steps.iter().enumerate() {
        match step {
            Space => rest = rest.trim_start(),
            Word(word) => match rest.strip_prefix(word) {
                Some(behind) => rest = behind,
                None => return part_of(word, rest),
            },
            // One name may be the beginning of another, so each is tried.
            Name => {
                return tools
                    .iter()
                    .map(|tool| match rest.strip_prefix(tool.name.as_str()) {
                        Some(behind) => follow(behind, &steps[at + 1..], tools),
                        None => part_of(&tool.name, rest),
                    })
                    .max()
                    .unwrap_or(Opening::Absent);
            }
        }
    }
    Opening::Whole
}
