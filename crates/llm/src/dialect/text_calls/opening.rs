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

/// A regular expression of all the ways in which a text of calls of `tools` may begin, without what may be blank before
/// it. Slashes in it are escaped, so that it may stand between two.
pub(in crate::dialect) fn pattern(tools: &[ToolSpec]) -> String {
    let names: Vec<String> = tools.iter().map(|tool| literally(&tool.name)).collect();
    let names = format!("({})", names.join("|"));
    let openings: Vec<String> = OPENINGS
        .iter()
        .filter(|steps| !tools.is_empty() || !steps.iter().any(|step| matches!(step, Name)))
        .map(|steps| {
            let parts = steps.iter().map(|step| match step {
                Space => "\\s*".to_owned(),
                Word(word) => literally(word),
                Name => names.clone(),
            });
            parts.collect()
        })
        .collect();
    openings.join("|")
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
    let text = text.trim_start();
    OPENINGS
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
