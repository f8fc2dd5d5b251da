//! `moltbot sandbox`: what confines the commands of a conversation, and whether it really does.

use moltbot_agent::{
    ContainerSettings, ElevatedLevel, Peer, SandboxSettings, SandboxTools, Sandboxed, SessionKey,
    ToolPolicies,
};
use moltbot_guard::access::FailingGate;
use moltbot_guard::container::Record;
use moltbot_guard::sandbox::{Finding, Trial};
use moltbot_store::Store;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::app::{App, this_program};
use crate::args::{Globals, SandboxCommand, SandboxExplainArgs, SandboxRecreateArgs};
use crate::exit::Exit;
use crate::output;

/// Runs a `sandbox` command.
pub(crate) async fn run(globals: &Globals, command: SandboxCommand) -> Result<(), Exit> {
    match command {
        SandboxCommand::Explain(args) => explain(globals, &args).await,
        SandboxCommand::List { json } => list(globals, json),
        SandboxCommand::Recreate(args) => recreate(globals, &args),
    }
}

/// Attempts, from inside, what the sandbox should and should not allow: in a process of its own, which is confined like
/// a command. Folders that do not exist yet are left out, and none is made; but where a container is asked for, one is made
/// with its folders, and removed.
///
/// # Errors
/// Nothing can be confined here, in a sentence.
pub(super) async fn try_out(app: &App, sandbox: &Sandboxed) -> Result<Trial, String> {
    let state = &app.paths().state_dir;
    let outside = match state.is_dir() {
        true => state,
        false => &app.snapshot.environment.home,
    };
    if let Some(trial) = sandbox.try_container(outside).await {
        return trial.map_err(|error| error.reason());
    }
    let mut plan = sandbox.confinement.clone();
    plan.writable.retain(|folder| folder.is_dir());
    let plan = serde_json::to_string(&plan).map_err(|error| error.to_string())?;
    let program = this_program().map_err(|exit| exit.message().to_owned())?;
    let output = Command::new(program)
        .arg("sandbox-trial")
        .arg(plan)
        .arg(outside)
        .env_clear()
        .output()
        .await
        .map_err(|error| format!("the trial cannot be started: {error}"))?;
    match output.status.success() {
        true => serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("the trial told nothing that can be read: {error}")),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// The containers that this installation made.
fn list(globals: &Globals, json: bool) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let records = ContainerSettings::records(&app.paths().state_dir).list();
    if json {
        return output::json(&json!({"containers": records}));
    }
    if records.is_empty() {
        return output::line("No containers. One is made when a command first needs it.");
    }
    let rows: Vec<Vec<String>> = records
        .into_iter()
        .map(|record| vec![record.name, record.scope, record.image])
        .collect();
    output::line(output::table(&["Container", "Shared by", "Image"], &rows))
}

/// Removes containers; the next command makes them anew.
fn recreate(globals: &Globals, args: &SandboxRecreateArgs) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let records = ContainerSettings::records(&app.paths().state_dir);
    let agent = args.agent.as_deref().map(|id| app.agent_id(Some(id)));
    let agent = agent.transpose()?;
    let session = match &args.session {
        Some(session) => Some(SessionKey::parse(session, &app.agent_id(None)?).to_string()),
        None => None,
    };
    let is_meant = |record: &Record| {
        let of_agent = |id: &String| {
            let whole = format!("agent:{id}");
            record.scope == whole || record.scope.starts_with(&format!("{whole}:"))
        };
        args.all || agent.iter().any(of_agent) || session.as_ref() == Some(&record.scope)
    };
    let meant: Vec<Record> = records.list().into_iter().filter(is_meant).collect();
    for record in &meant {
        let removed = records.remove(record, &app.snapshot.environment.vars);
        removed
            .map_err(|error| Exit::failed(format!("{} was not removed: {error}.", record.name)))?;
    }
    let names: Vec<&str> = meant.iter().map(|record| record.name.as_str()).collect();
    output::line(match names.as_slice() {
        [] => "No such container: `moltbot sandbox list` shows those that there are.".to_owned(),
        names => format!(
            "Removed {}. The next command makes it anew.",
            names.join(", ")
        ),
    })
}

/// Everything that is told.
struct Explained {
    agent_id: String,
    session_key: String,
    settings: SandboxSettings,
    /// `None` where the conversation is not sandboxed.
    sandbox: Option<Sandboxed>,
    tools: SandboxTools,
    elevated: Elevated,
    /// `None` where there is nothing to try out.
    trial: Option<Result<Trial, String>>,
}

/// Whether commands run outside the sandbox where whoever sits here asks.
struct Elevated {
    level: ElevatedLevel,
    /// What stands in the way; nothing where they may.
    failing: Vec<FailingGate>,
}

impl Elevated {
    /// What holds for a session. Nothing is made where there is no store yet.
    async fn of(app: &App, settings: &SandboxSettings, session_key: &str) -> Result<Self, Exit> {
        let database = &app.paths().database;
        let session = match database.exists() {
            true => Store::open(database)?.session_by_key(session_key).await?,
            false => None,
        };
        let settings = &settings.elevated;
        Ok(Self {
            level: settings.level(session.as_ref()),
            failing: settings.failing(session_key, Some(&Peer::at_this_machine())),
        })
    }

    fn as_json(&self, settings: &SandboxSettings) -> Value {
        let failing = self.failing.iter();
        let failing = failing.map(|gate| json!({"gate": gate.gate, "key": gate.key}));
        json!({
            "available": self.failing.is_empty(),
            "failing": failing.collect::<Vec<_>>(),
            "level": self.level.as_str(),
            "defaultLevel": settings.elevated.level(None).as_str(),
            "allowFrom": settings.elevated.lists(),
            "agentAllowFrom": settings.elevated.own_lists(),
        })
    }

    fn told(&self) -> String {
        if !self.failing.is_empty() {
            let gates: Vec<String> = self.failing.iter().map(FailingGate::to_string).collect();
            return format!("not available: {}", gates.join(", "));
        }
        match self.level {
            ElevatedLevel::Off => {
                "off: commands stay in the sandbox; /elevated on in the conversation lets yours out"
                    .to_owned()
            }
            level => format!("{level}: commands that you ask for run outside the sandbox"),
        }
    }
}

async fn explain(globals: &Globals, args: &SandboxExplainArgs) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let asked = app.agent_id(args.agent.as_deref())?;
    let key = match &args.session {
        Some(session) => SessionKey::parse(session, &asked),
        None => SessionKey::main(&asked),
    };
    let agent_id = app.agent_id(Some(key.agent()))?;
    if args.agent.is_some() && agent_id != asked {
        return Err(Exit::failed(format!(
            "Session {key} belongs to the agent \"{agent_id}\": leave --agent out, or name another session."
        )));
    }
    let session_key = key.to_string();
    let settings = app.sandbox(&agent_id)?;
    let sandbox = settings.of(&session_key);
    let trial = match &sandbox {
        Some(sandbox) => Some(try_out(&app, sandbox).await),
        None => None,
    };
    let explained = Explained {
        elevated: Elevated::of(&app, &settings, &session_key).await?,
        tools: ToolPolicies::new(&app.snapshot.config).in_sandbox(&agent_id),
        agent_id,
        session_key,
        settings,
        sandbox,
        trial,
    };
    match args.json {
        true => output::json(&explained.as_json()),
        false => explained.print(),
    }
}

impl Explained {
    fn as_json(&self) -> Value {
        let settings = &self.settings;
        let sandbox = self.sandbox.as_ref();
        json!({
            "agentId": self.agent_id,
            "sessionKey": self.session_key,
            "mainSessionKey": SessionKey::main(&self.agent_id).to_string(),
            "sessionIsSandboxed": sandbox.is_some(),
            "mode": settings.mode.to_string(),
            "modeKey": settings.mode_key,
            "scope": settings.scope.to_string(),
            "workspaceAccess": settings.access.to_string(),
            "workspaceRoot": settings.root,
            "workspace": sandbox.map(|sandbox| &sandbox.workspace),
            "home": sandbox.map(|sandbox| &sandbox.home),
            "container": sandbox.and_then(|sandbox| sandbox.container.as_ref()).map(|container| json!({
                "name": container.name(),
                "image": settings.container.as_ref().map(|container| container.image()),
                "key": container.key(),
            })),
            "network": settings.network,
            "limits": settings.limits,
            "readable": settings.readable,
            "leftAside": settings.left_aside,
            "tools": {
                "allow": self.tools.allow,
                "allowKey": self.tools.allow_key,
                "deny": self.tools.deny,
                "denyKey": self.tools.deny_key,
            },
            "elevated": self.elevated.as_json(settings),
            "enforced": self.trial.as_ref().map(trial_as_json),
        })
    }

    fn print(&self) -> Result<(), Exit> {
        let settings = &self.settings;
        let yes_no = |is: bool| if is { "on" } else { "off" }.to_owned();
        let row = |name: &str, says: String| vec![name.to_owned(), says];
        let mut rows = vec![
            row("Agent", self.agent_id.clone()),
            row("Session", self.session_key.clone()),
            row(
                "Sandboxed",
                match &self.sandbox {
                    Some(_) => "yes".to_owned(),
                    None => "no: commands run with all rights of this user".to_owned(),
                },
            ),
            row("Mode", format!("{} ({})", settings.mode, settings.mode_key)),
            row("Scope", settings.scope.to_string()),
            row("Workspace access", settings.access.to_string()),
        ];
        if let Some(sandbox) = &self.sandbox {
            rows.push(row("Workspace", sandbox.workspace.display().to_string()));
            rows.push(row("Home and TMPDIR", sandbox.home.display().to_string()));
        }
        rows.push(row(
            "Confined by",
            match &settings.container {
                Some(container) => {
                    format!("a container of {} ({})", container.image(), container.key)
                }
                None => "the system itself".to_owned(),
            },
        ));
        rows.push(row("Network", yes_no(settings.network)));
        let limits = settings.limits;
        let limits = [
            limits
                .memory
                .map(|bytes| format!("memory {}", output::bytes(bytes))),
            limits
                .cpu_seconds
                .map(|seconds| format!("processor {seconds} s")),
            limits
                .file_size
                .map(|bytes| format!("file {}", output::bytes(bytes))),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        if !limits.is_empty() {
            rows.push(row("Limits of a process", limits.join(", ")));
        }
        let readable = settings.readable.iter();
        let readable: Vec<String> = readable.map(|path| path.display().to_string()).collect();
        rows.push(row("Readable besides", readable.join(", ")));
        if !settings.left_aside.is_empty() {
            rows.push(row("Left aside", settings.left_aside.join(", ")));
        }
        let tools = &self.tools;
        let allowed = tools
            .allow
            .as_ref()
            .map_or("all".to_owned(), |list| list.join(", "));
        rows.push(row(
            "Tools allowed",
            format!("{allowed} ({})", tools.allow_key),
        ));
        rows.push(row(
            "Tools denied",
            format!("{} ({})", tools.deny.join(", "), tools.deny_key),
        ));
        if self.sandbox.is_some() {
            rows.push(row("Elevated", self.elevated.told()));
        }
        output::line(output::table(&["Part", "Says"], &rows))?;
        match &self.trial {
            None => Ok(()),
            Some(trial) => print_trial(trial),
        }
    }
}

fn trial_as_json(trial: &Result<Trial, String>) -> Value {
    match trial {
        Err(reason) => json!({"holds": false, "error": reason, "findings": []}),
        Ok(trial) => {
            let findings = trial.findings.iter().map(|finding| {
                json!({
                    "attempt": finding.attempt,
                    "allowed": finding.allowed,
                    "worked": finding.worked,
                    "holds": finding.holds(),
                })
            });
            json!({
                "holds": trial.holds(),
                "by": trial.enforced.by,
                "weaker": trial.enforced.weaker,
                "findings": findings.collect::<Vec<_>>(),
            })
        }
    }
}

fn print_trial(trial: &Result<Trial, String>) -> Result<(), Exit> {
    output::line("")?;
    let trial = match trial {
        Ok(trial) => trial,
        Err(reason) => {
            let text = format!("Nothing is enforced, so commands are refused: {reason}");
            return output::line(output::styled(output::BAD, text));
        }
    };
    output::line(output::styled(
        output::BOLD,
        format!("Tried out from inside, enforced by {}", trial.enforced.by),
    ))?;
    for finding in &trial.findings {
        let (style, word) = match finding.holds() {
            true => (output::GOOD, "holds"),
            false => (output::BAD, "does not hold"),
        };
        let word = output::styled(style, format_args!("{word:13}"));
        output::line(format!("  {word}  {}", told(finding)))?;
    }
    for sentence in &trial.enforced.weaker {
        output::line(output::styled(output::WARN, sentence))?;
    }
    Ok(())
}

/// What was attempted, and what came of it.
pub(super) fn told(finding: &Finding) -> String {
    let should = if finding.allowed { "allowed" } else { "denied" };
    let did = if finding.worked {
        "worked"
    } else {
        "was refused"
    };
    format!("{}: {should}, and it {did}", finding.attempt)
}
