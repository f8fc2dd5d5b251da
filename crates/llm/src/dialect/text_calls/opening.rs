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

/// Whether a text that so far reads `text` may be calls of `tools`: it begins as one does, or is the beginning of such
/// a beginning. Once false, it stays so whatever follows.
pub(super) fn may_begin(text: &str, tools: &[ToolSpec]) -> bool {
    let text = text.trim_start();
    OPENINGS.iter().any(|steps| follows(text, steps, tools))
}

fn follows(mut rest: &str, steps: &[Step], tools: &[ToolSpec]) -> bool {
    for (at, step) in steps.iter().enumerate() {
        match step {
            Space => rest = rest.trim_start(),
            Word(word) => match rest.strip_prefix(word) {
                Some(behind) => rest = behind,
                None => return word.starts_with(rest),
            },
            // One name may be the beginning of another, so each is tried.
            Name => {
                return tools
                    .iter()
                    .any(|tool| match rest.strip_prefix(tool.name.as_str()) {
                        Some(behind) => follows(behind, &steps[at + 1..], tools),
                        None => tool.name.starts_with(rest),
                    });
            }
        }
    }
    true
}
