//! The tool calls of one reply: read, decided on, done, and answered in the order in which they were asked for.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use moltbot_guard::secrets::Secrets;
use moltbot_guard::{Effect, Evidence, Label, Plan, TargetKind, Visibility};
use moltbot_llm::{Content, Message, ModelRef, Provenance, ToolCall, ToolResultMessage};
use moltbot_store::Session;

use crate::agent::tool_scope;
use crate::arguments;
use crate::clock::TurnClock;
use crate::disclosure::{self, TOOL_SEARCH};
use crate::discretion::{find_in_arguments, hide_in_content};
use crate::gate::{Gate, Verdict, Wanted};
use crate::policy::ToolPolicies;
use crate::progress::{Progress, ProgressSink};
use crate::sandbox::Workplace;
use crate::tool::{Arguments, Scene, Tool, ToolError, ToolOutput};
use crate::toolbox::Toolbox;
use crate::turn::now_ms;

/// Does tool calls.
pub(crate) struct Calls<'a> {
    pub(crate) tools: &'a Toolbox,
    pub(crate) policies: &'a ToolPolicies,
    pub(crate) gate: &'a Gate,
    pub(crate) secrets: &'a Secrets,
    pub(crate) clock: &'a TurnClock,
    pub(crate) session: &'a Session,
    pub(crate) workplace: Workplace,
}

/// What came of one call.
pub(crate) struct Called {
    /// The call.
    pub(crate) call: ToolCall,
    /// What the model is told.
    pub(crate) output: ToolOutput,
    /// Who may see that.
    pub(crate) visibility: Visibility,
}

impl Called {
    /// As the model is told it.
    pub(crate) fn into_message(self) -> Message {
        Message::ToolResult(ToolResultMessage {
            tool_call_id: self.call.id,
            tool_name: self.call.name,
            content: self.output.content,
            is_error: self.output.is_error,
            timestamp: now_ms(),
        })
    }

    /// All text of it.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<&str> = self
            .output
            .content
            .iter()
            .filter_map(Content::as_text)
            .collect();
        texts.join("\n")
    }
}

/// A call that may be done.
struct Ready<'a> {
    at: usize,
    call: &'a ToolCall,
    /// The tool's own name, whatever the call names.
    name: String,
    tool: &'a dyn Tool,
    arguments: Arguments,
    plan: Plan,
}

impl Calls<'_> {
    /// Does all calls of a reply: those that may run at the same time do, the others alone and in order. They are decided
    /// on by what the model had read when it asked for them.
    pub(crate) async fn run(
        &self,
        calls: Vec<ToolCall>,
        model: &ModelRef,
        evidence: &mut Evidence,
        progress: ProgressSink<'_>,
    ) -> Vec<Called> {
        let label = evidence.label();
        let mut outputs: Vec<Option<ToolOutput>> = vec![None; calls.len()];
        let mut visibilities = vec![Visibility::Private; calls.len()];
        let mut together: Vec<Ready<'_>> = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            let ready = match self
                .prepare(at, call, model, evidence, &mut *progress)
                .await
            {
                Ok(ready) => ready,
                Err(mut refusal) => {
                    hide_in_content(self.secrets, &mut refusal.content);
                    outputs[at] = Some(refusal);
                    continue;
                }
            };
            visibilities[at] = visibility(&ready.plan);
            if ready.tool.is_parallel() {
                together.push(ready);
                continue;
            }
            let before = std::mem::take(&mut together);
            self.perform(before, label, &mut outputs, &mut *progress)
                .await;
            self.perform(vec![ready], label, &mut outputs, &mut *progress)
                .await;
        }
        self.perform(together, label, &mut outputs, progress).await;
        calls
            .into_iter()
            .zip(outputs)
            .zip(visibilities)
            .map(|((call, output), visibility)| Called {
                call,
                // Each was refused or performed.
                output: output.unwrap_or_default(),
                visibility,
            })
            .collect()
    }

    /// Reads a call and has it decided on. `Err` is what the model is told instead of a result.
    async fn prepare<'a>(
        &'a self,
        at: usize,
        call: &'a ToolCall,
        model: &ModelRef,
        evidence: &mut Evidence,
        progress: ProgressSink<'_>,
    ) -> Result<Ready<'a>, ToolOutput> {
        let refuse = |reason: String| Err(refusal(reason));
        let asked = match disclosure::asked(call) {
            Ok(asked) => asked,
            Err(error) => return refuse(error),
        };
        let name = asked.tool.into_owned();
        let Some(tool) = self.tools.get(&name) else {
            return refuse(self.no_such_tool(&name));
        };
        let agent = &self.session.agent_id;
        let scope = tool_scope(Some(self.session), &self.workplace);
        let not_allowed = |name: &str| {
            let mut allowed = self.policies.decide(agent, model, &scope, [name]);
            let rule = allowed.removed.remove(name)?;
            Some(format!(
                "Tool \"{name}\" is not allowed for {model}: {rule}."
            ))
        };
        // The search finds nothing but what is allowed; the rules are about that.
        if name != TOOL_SEARCH
            && let Some(reason) = not_allowed(&name)
        {
            return refuse(reason);
        }
        let spec = tool.spec();
        let arguments = match arguments::read(&asked.arguments, &spec, tool.aliases()) {
            Ok(arguments) => arguments,
            // It may quote the schema.
            Err(error) => {
                let told = match self.is_hidden(tool.as_ref()) {
                    // The model may never have seen it.
                    true => format!("{error} The schema of {name}: {}", spec.parameters),
                    false => error,
                };
                return Err(ToolOutput::text(told, foreign_words(tool.as_ref())).failed());
            }
        };
        if let Some(reason) = tool.through(&arguments).as_deref().and_then(not_allowed) {
            return refuse(reason);
        }
        let scene = self.scene(call, evidence.label(), None);
        let mut plan = tool.plan(&arguments, &scene);
        if leaves(plan.effect)
            && let Some(secret) = find_in_arguments(self.secrets, &arguments)
        {
            plan.forbidden = Some(format!("It would give away the secret {secret}."));
        }
        progress(Progress::ToolStarted {
            id: call.id.clone(),
            name: name.clone(),
            detail: self.secrets.redact(&plan.detail).into_owned(),
        });
        let wanted = Wanted {
            tool: &name,
            arguments: &arguments,
            plan: &plan,
        };
        let deciding = self.gate.decide(wanted, evidence, self.secrets, &scene);
        match self.clock.stopped_for(deciding).await {
            Verdict::Allow => Ok(Ready {
                at,
                call,
                name,
                tool: tool.as_ref(),
                arguments,
                plan,
            }),
            Verdict::Refuse(reason) => {
                progress(Progress::ToolEnded {
                    id: call.id.clone(),
                    name,
                    error: Some(self.secrets.redact(&reason).into_owned()),
                    took: Duration::ZERO,
                });
                refuse(reason)
            }
        }
    }

    /// Does these calls at the same time.
    async fn perform(
        &self,
        ready: Vec<Ready<'_>>,
        label: Label,
        outputs: &mut [Option<ToolOutput>],
        progress: ProgressSink<'_>,
    ) {
        let started = Instant::now();
        let mut running: FuturesUnordered<_> = ready
            .into_iter()
            .map(|ready| async move {
                let scene = self.scene(ready.call, label, Some(&ready.plan));
                let outcome = ready.tool.call(ready.arguments, &scene).await;
                (ready.at, ready.call, ready.name, outcome)
            })
            .collect();
        while let Some((at, call, name, outcome)) = running.next().await {
            let error = match &outcome {
                Ok(output) if output.is_error => Some(first_line(&output.content)),
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
            let error = error.map(|error| self.secrets.redact(&error).into_owned());
            progress(Progress::ToolEnded {
                id: call.id.clone(),
                name,
                error,
                took: started.elapsed(),
            });
            let mut output = outcome.unwrap_or_else(told);
            hide_in_content(self.secrets, &mut output.content);
            outputs[at] = Some(output);
        }
    }

    /// Whether the model was not told of a tool by itself.
    fn is_hidden(&self, tool: &dyn Tool) -> bool {
        self.tools.is_hidden(tool)
    }

    fn no_such_tool(&self, name: &str) -> String {
        let (hidden, told): (Vec<_>, Vec<_>) = self
            .tools
            .iter()
            .partition(|tool| self.is_hidden(tool.as_ref()));
        let told: Vec<String> = told.iter().map(|tool| tool.spec().name).collect();
        let told = told.join(", ");
        match hidden.len() {
            0 => format!("There is no tool {name}. There are: {told}."),
            count => format!(
                "There is no tool {name}. There are: {told}, and {count} more that {TOOL_SEARCH} finds."
            ),
        }
    }

    fn scene<'a>(
        &'a self,
        call: &'a ToolCall,
        label: Label,
        decided: Option<&'a Plan>,
    ) -> Scene<'a> {
        Scene {
            session: self.session,
            workspace: &self.workplace.folder,
            sandbox: self.workplace.sandbox.as_ref(),
            call_id: &call.id,
            label,
            decided,
        }
    }
}

/// Whether a call of this kind takes its arguments to somebody else.
fn leaves(effect: Effect) -> bool {
    matches!(
        effect,
        Effect::ReadsOutside
            | Effect::Sends
            | Effect::ChangesAccount
            | Effect::Delegates
            | Effect::RunsCode
    )
}

/// Who may see what a call of this plan brings: what everybody can fetch or find, everybody.
fn visibility(plan: &Plan) -> Visibility {
    let is_public = |kind: &TargetKind| matches!(kind, TargetKind::Url | TargetKind::Query);
    let is_fetched =
        plan.effect == Effect::ReadsOutside && !plan.targets.is_empty() && !plan.vouched;
    match is_fetched && plan.targets.iter().all(|target| is_public(&target.kind)) {
        true => Visibility::Public,
        false => Visibility::Private,
    }
}

/// Whose words a schema's are that is quoted: those of another program are nobody's whom the owner has heard.
pub(crate) fn foreign_words(tool: &dyn Tool) -> Provenance {
    match tool.source() {
        Some(_) => Provenance::Outside,
        None => Provenance::Program,
    }
}

fn refusal(reason: String) -> ToolOutput {
    ToolOutput::text(reason, Provenance::Program).failed()
}

/// What a model is told of an error. Its words may quote what was read.
fn told(error: ToolError) -> ToolOutput {
    match error {
        ToolError::Arguments(reason) => refusal(reason),
        ToolError::Failed(reason) => ToolOutput::text(reason, Provenance::Outside).failed(),
    }
}

fn first_line(content: &[Content]) -> String {
    let text = content
        .iter()
        .find_map(Content::as_text)
        .unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
