//! The tool that runs commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, ConfinedCommand, Effect, Plan, Scene, TargetKind, Tool, ToolError, ToolOutput,
    read_arguments,
};
use moltbot_guard::shell::Programs;
use moltbot_llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::elevated::{Place, owner_outside};
use super::environment;
use super::process::Process;
use super::report;
use super::settings::ExecSettings;
use super::spawn::{Launch, Streams};
use super::table::{ProcessTable, owner as owner_inside};

/// `exec`: runs a command with `sh -c` and tells what it printed.
///
/// The command gets a session of its own. When the call is dropped, everything that it started ends; a command that
/// goes on in the background is in the table, for [`ProcessTool`](super::ProcessTool).
#[derive(Debug, Clone)]
pub struct ExecTool {
    table: Arc<ProcessTable>,
    settings: ExecSettings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    command: String,
    workdir: Option<String>,
    #[serde(default)]
    env: Map<String, Value>,
    yield_ms: Option<u64>,
    #[serde(default)]
    background: bool,
    timeout: Option<u64>,
    #[serde(default)]
    pty: bool,
}

impl ExecTool {
    /// The tool of one agent; its commands are in this table.
    pub fn new(table: Arc<ProcessTable>, settings: ExecSettings) -> Self {
        Self { table, settings }
    }

    /// The environment that a command starts with.
    fn environment(&self, scene: &Scene<'_>) -> BTreeMap<String, String> {
        match scene.sandbox {
            Some(sandbox) => sandbox.environment(&self.settings.environment),
            None => self.settings.environment.clone(),
        }
    }

    /// The folder that a command runs in.
    fn workdir(&self, request: &Request, place: &Place<'_>) -> PathBuf {
        let scene = &place.scene;
        let Some(wanted) = request.workdir.as_deref().filter(|dir| !dir.is_empty()) else {
            return scene.workspace.to_owned();
        };
        let environment = self.environment(scene);
        let home = environment.get("HOME");
        match (wanted.strip_prefix('~'), home) {
            (Some(""), Some(home)) => PathBuf::from(home),
            (Some(rest), Some(home)) if rest.starts_with('/') => {
                PathBuf::from(home).join(rest.trim_start_matches('/'))
            }
            _ => match place.sandbox() {
                Some(sandbox) => scene.workspace.join(&*sandbox.outside(wanted)),
                None => scene.workspace.join(wanted),
            },
        }
    }

    /// The plan with what the owner said of such commands for good.
    fn judged(&self, plan: Plan, command: &str, is_bare: bool, place: &Place<'_>) -> Plan {
        let scene = &place.scene;
        let Some(rules) = &self.settings.rules else {
            return plan;
        };
        let environment = self.environment(scene);
        let path = environment.get("PATH");
        let programs = Programs::new(path.map_or("", String::as_str), scene.workspace);
        // What anybody can write in, the agent can, too.
        let shared = ["/tmp", "/var/tmp", "/dev/shm"].map(Path::new);
        let mut writable: Vec<&Path> = shared.into_iter().chain([scene.workspace]).collect();
        if let Some(sandbox) = place.sandbox() {
            writable.extend([sandbox.workspace.as_path(), &sandbox.home]);
            writable.extend(sandbox.confinement.writable.iter().map(PathBuf::as_path));
            // What is found here is not what a container starts under that name.
            writable.extend(sandbox.container.is_some().then_some(Path::new("/")));
        }
        let mut plan = rules.judge(plan, command, &programs, &writable);
        if !is_bare {
            // Another folder or a variable can make another program of it.
            plan.listed = false;
            plan.programs.clear();
        }
        plan
    }

    fn launch(&self, request: &Request, place: &Place<'_>) -> Result<Launch, ToolError> {
        let scene = &place.scene;
        if request.command.trim().is_empty() {
            return Err(ToolError::Arguments("command required".to_owned()));
        }
        let own = environment::of_call(&request.env)
            .map_err(|error| ToolError::Arguments(format!("{error}.")))?;
        let workdir = self.workdir(request, place);
        if let Some(sandbox) = place.sandbox() {
            sandbox.prepare().map_err(ToolError::failed)?;
        }
        if !workdir.is_dir() {
            return Err(ToolError::Arguments(format!(
                "There is no folder {} to run the command in.",
                workdir.display()
            )));
        }
        let mut environment = self.environment(scene);
        if request.pty {
            // That of the owner's terminal is not the one it gets.
            environment.insert("TERM".to_owned(), "xterm-256color".to_owned());
        }
        environment.extend(own);
        let confined = confined(request, &workdir, environment, scene)?;
        Ok(Launch {
            command: request.command.clone(),
            line: confined.line,
            workdir,
            environment: confined.environment,
            signals: confined.signals,
            streams: match (request.pty, request.background) {
                (true, _) => Streams::Terminal,
                (false, true) => Streams::Pipes,
                (false, false) => Streams::Output,
            },
        })
    }
}

/// How a command is started in a folder, confined where the conversation is.
fn confined(
    request: &Request,
    workdir: &Path,
    environment: BTreeMap<String, String>,
    scene: &Scene<'_>,
) -> Result<ConfinedCommand, ToolError> {
    let command = &request.command;
    let Some(sandbox) = scene.sandbox else {
        return Ok(ConfinedCommand {
            line: ["/bin/sh", "-c", command].map(str::to_owned).into(),
            environment,
            signals: None,
        });
    };
    let is_in = |folder: &Path| match (workdir.canonicalize(), folder.canonicalize()) {
        (Ok(workdir), Ok(folder)) => workdir.starts_with(folder),
        _ => false,
    };
    let is_inside = sandbox
        .confinement
        .writable
        .iter()
        .any(|folder| is_in(folder))
        || is_in(&sandbox.workspace);
    if !is_inside {
        return Err(ToolError::Arguments(format!(
            "Path escapes sandbox root ({}): {}",
            sandbox.workspace.display(),
            workdir.display()
        )));
    }
    sandbox
        .command(command, workdir, environment, request.pty)
        .map_err(ToolError::failed)
}

#[async_trait]
impl Tool for ExecTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "exec".to_owned(),
            description: "Run a shell command. After yieldMs it goes on in the background: follow it with process."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "command": {"type": "string"},
                    "workdir": {"type": "string"},
                    "env": {"type": "object"},
                    "yieldMs": {
                        "type": "integer",
                        "description": format!("Default {}.", self.settings.yield_after.as_millis()),
                    },
                    "background": {"type": "boolean", "description": "Do not wait."},
                    "timeout": {
                        "type": "integer",
                        "description": format!("Seconds. Default {}.", self.settings.timeout.as_secs()),
                    },
                    "pty": {"type": "boolean", "description": "For programs that need a terminal."},
                },
                "required": ["command"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let place = Place::of(arguments, scene);
        let refused = place.as_ref().err().cloned();
        let place = place.unwrap_or_else(|_| Place::of_conversation(scene));
        let mut is_bare = false;
        let detail = match read_arguments::<Request>(arguments.clone()) {
            Ok(request) => {
                // An order says nothing of other folders and variables.
                is_bare = request.workdir.is_none() && request.env.is_empty();
                let mut notes = vec![format!("in {}", self.workdir(&request, &place).display())];
                notes.extend(place.left.map(|_| "outside the sandbox".to_owned()));
                notes.extend(
                    request
                        .env
                        .iter()
                        .map(|(name, value)| format!("with {name}={value}")),
                );
                format!("{} ({})", request.command, notes.join(", "))
            }
            // The call says what is wrong.
            Err(_) => arguments
                .get("command")
                .map(Value::to_string)
                .unwrap_or_default(),
        };
        let mut plan = Plan::new(Effect::RunsCode, detail);
        if refused.is_some() {
            plan.forbidden = refused;
            return plan;
        }
        match arguments.get("command").and_then(Value::as_str) {
            Some(command) => {
                let plan = place.judged(self.judged(plan, command, is_bare, &place));
                match is_bare {
                    true => plan.on(TargetKind::Command, command),
                    false => plan,
                }
            }
            None => plan,
        }
    }

    /// Commands of one reply build on each other.
    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let place = Place::of(&arguments, scene).map_err(ToolError::Arguments)?;
        let request: Request = read_arguments(arguments)?;
        let launch = self.launch(&request, &place)?;
        if let Some(sandbox) = place.scene.sandbox {
            sandbox.ready().await.map_err(ToolError::failed)?;
        }
        let timeout = request
            .timeout
            .map_or(self.settings.timeout, ExecSettings::timeout_of);
        let wait = request
            .yield_ms
            .map_or(self.settings.yield_after, ExecSettings::yield_within);
        let owner = match place.left {
            Some(_) => owner_outside(scene),
            None => None,
        };
        let owner = owner.unwrap_or_else(|| owner_inside(scene));
        let process = self
            .table
            .start(launch, &owner, timeout, &self.settings)
            .map_err(|error| {
                ToolError::failed(format!("The command cannot be started: {error}."))
            })?;
        let waited = EndedWhenDropped(process);
        let process = &waited.0;
        if !request.background {
            let mut status = process.status();
            let enough = status.wait_for(|status| status.ending.is_some() || status.is_left_behind);
            // Whether it came to an end is asked below.
            let _ = tokio::time::timeout(wait, enough).await;
        }
        if let Some(ending) = process.ending()
            && !request.background
        {
            self.table.remove(&process.id);
            return Ok(report::ended(&process.output().whole(), ending));
        }
        process.go_to_background();
        let mut output = process.output();
        let view = output.whole();
        output.mark_shown();
        Ok(report::still_running(&view, process))
    }
}

/// Ends a command that is not waited for any more, unless it goes on in the background.
struct EndedWhenDropped(Arc<Process>);

impl Drop for EndedWhenDropped {
    fn drop(&mut self) {
        if !self.0.is_in_background() {
            self.0.stop();
        }
    }
}
