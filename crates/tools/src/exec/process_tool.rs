//! The tool that follows commands in the background.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moltbot_agent::{Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
use moltbot_llm::ToolSpec;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::elevated::{owner_outside, typing_refused};
use super::keys;
use super::output::{View, read_lines};
use super::process::Process;
use super::report;
use super::spawn::Streams;
use super::status::Ending;
use super::table::{ProcessTable, owner};

/// How long a poll waits for something new: a model that asks again and again pays for every question.
const POLL: Duration = Duration::from_secs(3);
/// Lines that are read from an offset where no number is asked for.
const LINES: u64 = 200;

/// `process`: lists, reads, feeds and ends the commands that `exec` has left in the background, those of the same
/// agent, or of the same sandbox, only; and those that the same conversation left outside of its sandbox.
#[derive(Debug, Clone)]
pub struct ProcessTool {
    table: Arc<ProcessTable>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    action: Action,
    session_id: Option<String>,
    data: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    text: Option<String>,
    #[serde(default)]
    eof: bool,
    offset: Option<u64>,
    limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    List,
    Poll,
    Log,
    Write,
    SendKeys,
    Submit,
    Paste,
    Kill,
    Clear,
    Remove,
}

impl Action {
    /// Whether it types something: what a shell is told that way runs.
    fn types(self) -> bool {
        matches!(
            self,
            Self::Write | Self::SendKeys | Self::Submit | Self::Paste
        )
    }
}

impl Request {
    /// What is typed, under either name.
    fn typed(&self) -> &str {
        let text = self.data.as_deref().or(self.text.as_deref());
        text.unwrap_or_default()
    }
}

impl ProcessTool {
    /// The tool for the commands in this table.
    pub fn new(table: Arc<ProcessTable>) -> Self {
        Self { table }
    }

    fn find(&self, request: &Request, scene: &Scene<'_>) -> Option<Arc<Process>> {
        let id = request.session_id.as_deref()?.trim();
        let mut processes = self.of_conversation(scene).into_iter();
        processes.find(|process| process.id == id)
    }

    /// The commands that a conversation may follow: first those where it is.
    fn of_conversation(&self, scene: &Scene<'_>) -> Vec<Arc<Process>> {
        let owners = std::iter::once(owner(scene)).chain(owner_outside(scene));
        owners
            .flat_map(|owner| self.table.of_owner(&owner))
            .collect()
    }

    fn list(&self, scene: &Scene<'_>) -> ToolOutput {
        let processes = self.of_conversation(scene);
        if processes.is_empty() {
            return report::note("No running or recent sessions.");
        }
        let lines: Vec<String> = processes.iter().map(|process| line(process)).collect();
        report::note(lines.join("\n"))
    }
}

#[async_trait]
impl Tool for ProcessTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "process".to_owned(),
            description: "Follow commands that exec left in the background.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "action": {
                        "type": "string",
                        "enum": [
                            "list", "poll", "log", "write", "send-keys", "submit", "paste", "kill", "clear", "remove",
                        ],
                    },
                    "sessionId": {"type": "string"},
                    "data": {"type": "string", "description": "For write, submit (adds Enter)."},
                    "keys": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "For send-keys: Enter, Up, C-c.",
                    },
                    "text": {"type": "string", "description": "For paste."},
                    "eof": {"type": "boolean", "description": "End input after write."},
                    "offset": {"type": "integer", "description": "First log line, from 0."},
                    "limit": {"type": "integer"},
                },
                "required": ["action"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let Ok(request) = read_arguments::<Request>(arguments.clone()) else {
            // The call says what is wrong.
            return Plan::new(Effect::ReadsOwn, "");
        };
        let id = request.session_id.as_deref().unwrap_or_default();
        if !request.action.types() {
            let action = arguments.get("action").and_then(serde_json::Value::as_str);
            let detail = format!("{} {id}", action.unwrap_or_default());
            return Plan::new(Effect::ReadsOwn, detail.trim_end());
        }
        let process = self.find(&request, scene);
        let is_outside = process
            .as_ref()
            .is_some_and(|process| Some(&process.agent) == owner_outside(scene).as_ref());
        let mut command = process
            .map(|process| process.command.clone())
            .unwrap_or_default();
        if is_outside {
            command.push_str(", outside the sandbox");
        }
        let typed = match request.action {
            Action::SendKeys => request.keys.join(" "),
            _ => request.typed().to_owned(),
        };
        let mut plan = Plan::new(
            Effect::RunsCode,
            format!("{typed} (typed into session {id}: {command})"),
        );
        plan.forbidden = typing_refused(scene).filter(|_| is_outside);
        plan
    }

    /// What is typed and what is read follow each other.
    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let request: Request = read_arguments(arguments)?;
        if request.action == Action::List {
            return Ok(self.list(scene));
        }
        let Some(id) = &request.session_id else {
            return refuse("sessionId required");
        };
        let Some(process) = self.find(&request, scene) else {
            return refuse(format!("No session found for {id}"));
        };
        match request.action {
            Action::List => Ok(self.list(scene)),
            Action::Poll => Ok(poll(&process).await),
            Action::Log => log(&process, &request).await,
            Action::Write | Action::SendKeys | Action::Submit | Action::Paste => {
                feed(&process, &request).await
            }
            Action::Kill => match process.ending() {
                Some(ending) => refuse(has_ended(&process, ending)),
                None => {
                    process.stop();
                    process.ended().await;
                    Ok(report::note(format!("Killed session {id}.")))
                }
            },
            Action::Clear if process.ending().is_none() => refuse(format!(
                "Session {id} still runs. Use remove, which ends it."
            )),
            Action::Clear => {
                self.table.remove(&process.id);
                Ok(report::note(format!("Cleared session {id}.")))
            }
            Action::Remove => {
                process.stop();
                process.ended().await;
                self.table.remove(&process.id);
                Ok(report::note(format!("Removed session {id}.")))
            }
        }
    }
}

/// What is new; waits a little for it.
async fn poll(process: &Process) -> ToolOutput {
    let until = Instant::now() + POLL;
    let mut status = process.status();
    loop {
        // In this order: what was printed before the end is there when the end is known.
        let ending = status.borrow_and_update().ending;
        let news = process.output().news();
        if ending.is_some() || !news.is_empty() {
            return report::polled(&news, ending);
        }
        match timeout_at(until, status.changed()).await {
            Ok(Ok(())) => {}
            _ => return report::polled(&View::default(), None),
        }
    }
}

/// What was printed, or some lines of it.
async fn log(process: &Process, request: &Request) -> Result<ToolOutput, ToolError> {
    let Some(offset) = request.offset else {
        let Some(limit) = request.limit else {
            return Ok(report::logged(&process.output().whole()));
        };
        let count = usize::try_from(limit).unwrap_or(usize::MAX);
        return Ok(report::logged(&View {
            after: process.output().last_lines(count),
            ..View::default()
        }));
    };
    let limit = request.limit.unwrap_or(LINES);
    let unreadable = |error: std::io::Error| {
        ToolError::failed(format!(
            "The output of session {} cannot be read: {error}.",
            process.id
        ))
    };
    let reader = process.output().reader().map_err(unreadable)?;
    let read = tokio::task::spawn_blocking(move || read_lines(reader, offset, limit));
    let lines = read
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(unreadable)?;
    let mut output = match lines.text.is_empty() {
        true => report::note(format!("There are no lines from {offset} on.")),
        false => ToolOutput {
            content: vec![report::printed(&lines.text)],
            ..ToolOutput::default()
        },
    };
    if let Some(next) = lines.next {
        let more = report::note(format!("[More lines follow, from offset {next} on.]"));
        output.content.extend(more.content);
    }
    Ok(output)
}

/// Types what is asked for.
async fn feed(process: &Process, request: &Request) -> Result<ToolOutput, ToolError> {
    let id = &process.id;
    if let Some(ending) = process.ending() {
        return refuse(has_ended(process, ending));
    }
    if process.streams == Streams::Output {
        return refuse(format!(
            "Session {id} has no input. Start the command with background or pty to write to it."
        ));
    }
    let typed = request.typed();
    let (bytes, told) = match request.action {
        Action::SendKeys if !process.has_terminal() => {
            return refuse(format!(
                "Session {id} has no terminal. Start the command with pty to send keys, or use write."
            ));
        }
        Action::SendKeys if request.keys.is_empty() => return refuse("keys required"),
        Action::SendKeys => {
            let bytes = keys::encode(&request.keys)
                .map_err(|error| ToolError::Arguments(error.to_string()))?;
            let told = format!("Sent {} bytes to session {id}.", bytes.len());
            (bytes, told)
        }
        Action::Submit => {
            let enter = if process.has_terminal() { '\r' } else { '\n' };
            let told = format!("Submitted session {id} (sent CR).");
            (format!("{typed}{enter}").into_bytes(), told)
        }
        Action::Paste => {
            let told = format!("Pasted {} chars to session {id}.", typed.chars().count());
            let bytes = match process.output().wants_brackets() {
                true => format!("\x1b[200~{typed}\x1b[201~"),
                false => typed.to_owned(),
            };
            (bytes.into_bytes(), told)
        }
        _ => {
            if typed.is_empty() && !request.eof {
                return refuse("data required");
            }
            let end = if request.eof { " (stdin closed)" } else { "" };
            let told = format!("Wrote {} bytes to session {id}{end}.", typed.len());
            (typed.as_bytes().to_owned(), told)
        }
    };
    let ends = request.action == Action::Write && request.eof;
    let outcome = async {
        if !bytes.is_empty() {
            process.type_in(bytes).await?;
        }
        if ends {
            process.end_input().await?;
        }
        Ok::<(), super::input::InputError>(())
    };
    match outcome.await {
        Ok(()) => Ok(report::note(told)),
        Err(error) => refuse(format!("Session {id} cannot be written to: {error}.")),
    }
}

/// One line of the list.
fn line(process: &Process) -> String {
    let state = match process.ending() {
        None => "running",
        Some(ending) if ending.is_success() => "completed",
        Some(_) => "failed",
    };
    let ran = process
        .ended_at()
        .unwrap_or_else(std::time::Instant::now)
        .duration_since(process.started);
    let command = process.command.lines().next().unwrap_or_default();
    let shown: String = command.chars().take(120).collect();
    let more = if shown.len() < process.command.len() {
        " …"
    } else {
        ""
    };
    format!(
        "{} {state} {} s :: {shown}{more} (in {})",
        process.id,
        ran.as_secs(),
        process.workdir.display()
    )
}

fn has_ended(process: &Process, ending: Ending) -> String {
    format!("Session {} has ended. {}", process.id, ending.of_process())
}

/// The program's own words about a call that cannot be done.
fn refuse(reason: impl Into<String>) -> Result<ToolOutput, ToolError> {
    Err(ToolError::Arguments(reason.into()))
}
