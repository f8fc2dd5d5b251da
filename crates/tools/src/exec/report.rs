//! What the model is told of a command.

use moltbot_agent::ToolOutput;
use moltbot_llm::{Content, Provenance};

use super::output::View;
use super::process::Process;
use super::status::Ending;

/// A command that has ended.
pub(super) fn ended(view: &View, ending: Ending) -> ToolOutput {
    let mut content = shown(view);
    if ending.is_success() {
        if content.is_empty() {
            content.push(own("(no output)"));
        }
        return told(content);
    }
    content.push(own(format!("Command {ending}")));
    told(content).failed()
}

/// A command that goes on in the background.
pub(super) fn still_running(view: &View, process: &Process) -> ToolOutput {
    let mut content = shown(view);
    content.push(own(format!(
        "Command still running (session {}, pid {}). Use process (list/poll/log/write/kill/clear/remove) for follow-up.",
        process.id, process.pid
    )));
    told(content)
}

/// What is new of a command in the background, and where it stands.
pub(super) fn polled(view: &View, ending: Option<Ending>) -> ToolOutput {
    let mut content = shown(view);
    if content.is_empty() {
        content.push(own("(no new output)"));
    }
    content.push(own(ending.map_or_else(
        || "Process still running.".to_owned(),
        Ending::of_process,
    )));
    told(content)
}

/// What a command has printed, all of it as far as it is shown at once.
pub(super) fn logged(view: &View) -> ToolOutput {
    let mut content = shown(view);
    if content.is_empty() {
        content.push(own("(no output)"));
    }
    told(content)
}

/// Words of the program's own.
pub(super) fn note(text: impl Into<String>) -> ToolOutput {
    told(vec![own(text)])
}

/// What a command printed may come from anywhere; what is said about it is the program's.
fn shown(view: &View) -> Vec<Content> {
    let mut content = Vec::new();
    if let Some(gap) = &view.gap {
        if !view.before.is_empty() {
            content.push(printed(&view.before));
        }
        content.push(own(gap));
    }
    if !view.after.trim().is_empty() {
        content.push(printed(&view.after));
    }
    content
}

/// Text that a command printed.
pub(super) fn printed(text: &str) -> Content {
    Content::text(text.trim_end_matches('\n'), Provenance::Outside)
}

fn own(text: impl Into<String>) -> Content {
    Content::text(text, Provenance::Program)
}

fn told(content: Vec<Content>) -> ToolOutput {
    ToolOutput {
        content,
        ..ToolOutput::default()
    }
}
