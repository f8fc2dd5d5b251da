//! `moltbot chat`: the conversation at the terminal.

mod approval;
mod input;
mod modes;
mod screen;
mod sign_of_life;
mod slash;
mod view;

use std::sync::Arc;

use moltbot_agent::{
    Agent, Conversation, Directives, Gate, Next, ReasoningLevel, ToolCommand, TurnError,
    TurnRequest, compacted,
};
use moltbot_llm::Api;
use moltbot_store::TurnState;

use crate::app::App;
use crate::args::{ChatArgs, Globals};
use crate::commands::footnotes;
use crate::exit::Exit;
use crate::interrupt::{self, ctrl_c, interrupt};
use crate::output;
use approval::AtTerminal;
use input::{Input, Line};
pub(crate) use screen::Screen;
use sign_of_life::SignOfLife;
pub(crate) use slash::conversation;
use view::{End, View};

/// A chat in progress.
struct Chat {
    agent: Agent,
    sign: SignOfLife,
    /// With what the command line said for this chat alone.
    conversation: Conversation,
    screen: Arc<Screen>,
}

/// How a line left the chat.
enum Outcome {
    /// Answered by the agent or the program.
    Answered,
    Failed,
    /// Ctrl-C once: the answer stops, the chat goes on, unless the program is to end.
    Stopped,
    /// Ctrl-C twice.
    Leave,
}

/// Talks until the person leaves.
pub(crate) async fn run(globals: &Globals, args: ChatArgs) -> Result<(), Exit> {
    interrupt::hear_orders();
    let app = App::load(globals, false)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let mut input = Input::open(&app.paths().state_dir.join("chat-history"));
    let sign = SignOfLife::default();
    let gate = match input.is_interactive() {
        true => Gate::asking(Arc::new(AtTerminal { sign: sign.clone() })),
        false => Gate::closed(),
    };
    let screen = Arc::new(Screen::default());
    let agent = app
        .agent(&agent_id, None, gate, vec![Arc::clone(&screen) as _])
        .await?;
    // Held until the chat ends.
    let services = app.services()?;
    services.keep_warm().await;
    let session = app.session(&agent, args.session.as_deref()).await?;
    let mut chat = Chat {
        agent,
        sign,
        conversation: Conversation {
            model: args.model,
            thinking: args.thinking,
            reasoning: args.reasoning.then_some(ReasoningLevel::On),
            ..conversation(session)
        },
        screen,
    };
    chat.greet().await?;
    let mut failed = false;
    loop {
        let text = match input.read().await? {
            Line::Text(text) if slash::leaves(&text) => break,
            Line::Text(text) => text,
            Line::End => break,
        };
        match chat.take(&text).await? {
            Outcome::Answered | Outcome::Stopped => {}
            Outcome::Failed => failed = true,
            Outcome::Leave => break,
        }
    }
    if let Some(order) = interrupt::order() {
        return Err(Exit::silent(order.exit_code()));
    }
    // A script that pipes messages in learns from the exit code that one of them got no answer.
    match failed && !input.is_interactive() {
        true => Err(Exit::silent(1)),
        false => Ok(()),
    }
}

impl Chat {
    /// Says which model will answer, and what is left over from last time.
    async fn greet(&self) -> Result<(), Exit> {
        let talk = &self.conversation;
        let (rungs, left_out) = self.agent.rungs(&talk.session, talk.model.as_deref())?;
        if let Some(first) = rungs.first() {
            let names: Vec<String> = rungs
                .iter()
                .skip(1)
                .map(|m| m.reference.to_string())
                .collect();
            let then = match names.is_empty() {
                true => String::new(),
                false => format!(", then {}", names.join(", ")),
            };
            self.dim(format!(
                "Model: {}{then} · /help for commands",
                first.reference
            ));
            if talk.model.is_none() && !self.agent.catalog().has_configured_default() {
                self.dim(match first.api {
                    Api::Engine => {
                        "No model is configured, so this is the largest one installed here. A better one for this machine: moltbot models recommend. A server of your own: set agents.defaults.model.primary in the file that moltbot config file names."
                    }
                    _ => {
                        "No model is configured and none is installed here, so your messages go to this hosted model, for which a key was found. To stay on this machine: moltbot models recommend."
                    }
                });
            }
        }
        for warning in self.agent.tool_warnings(&talk.session) {
            output::note(output::styled(output::WARN, warning));
        }
        for reason in left_out {
            output::note(output::styled(output::WARN, reason));
        }
        if let Some(unanswered) = self.agent.unanswered(&talk.session).await? {
            let why = match unanswered.state {
                TurnState::Interrupted => "the program ended before it was answered",
                TurnState::Aborted => "it was stopped",
                _ => "no model answered it",
            };
            self.dim(format!(
                "Your last message is still open ({why}): “{}” — /retry sends it again.",
                preview(&unanswered.text)
            ));
        }
        Ok(())
    }

    /// Takes a line: carries out what it orders, and asks the agent where that is meant.
    async fn take(&mut self, text: &str) -> Result<Outcome, Exit> {
        let taken = self.agent.take(text, &mut self.conversation).await?;
        taken.said.iter().try_for_each(output::line)?;
        if slash::asks_for_help(text) {
            output::line(slash::KEYS)?;
        }
        match taken.next {
            Next::Nothing => {}
            Next::Ask {
                message,
                directives,
            } => return self.turn(&message, directives).await,
            Next::Stop => output::line("Nothing is running; /exit leaves.")?,
            Next::Compact(instructions) => return self.compact(instructions.as_deref()).await,
            Next::CallTool(command) => return self.call_tool(&command).await,
        }
        Ok(Outcome::Answered)
    }

    /// Takes one turn and shows it as it comes.
    async fn turn(&self, message: &str, directives: Directives) -> Result<Outcome, Exit> {
        let talk = &self.conversation;
        let reasoning = directives
            .reasoning
            .or(talk.reasoning)
            .unwrap_or_else(|| self.agent.reasoning(&talk.session));
        let verbose = directives
            .verbose
            .or_else(|| self.agent.verbose(&talk.session))
            .unwrap_or(talk.verbose);
        let view = View::new(self.sign.clone(), reasoning != ReasoningLevel::Off, verbose);
        let request = TurnRequest {
            model: directives.model.as_deref().or(talk.model.as_deref()),
            thinking: directives.thinking.or(talk.thinking),
            ..TurnRequest::new(&talk.session, message)
        };
        self.screen.open(&talk.session, view);
        let mut show = |progress| self.screen.progress(progress);
        let result = {
            let turn = self.agent.turn(request, interrupt(), &mut show);
            tokio::pin!(turn);
            // The first Ctrl-C stops the answer; if that takes long, a second one leaves.
            tokio::select! {
                result = &mut turn => result,
                () = twice() => {
                    self.screen.close();
                    return Ok(Outcome::Leave);
                }
            }
        };
        if let Some(view) = self.screen.close() {
            view.end(match result {
                Ok(_) => End::Answered,
                Err(TurnError::Stopped) => End::Stopped,
                Err(_) => End::Failed,
            })?;
        }
        match result {
            Ok(report) => {
                let usage = self.agent.usage_line(&talk.session, &report);
                for text in usage.into_iter().chain(footnotes(&report)) {
                    self.dim(text);
                }
                self.keep_notes().await;
                Ok(Outcome::Answered)
            }
            Err(TurnError::Stopped) => {
                self.dim("Stopped.");
                Ok(Outcome::Stopped)
            }
            Err(error) => {
                output::note(output::styled(output::BAD, &error));
                Ok(Outcome::Failed)
            }
        }
    }

    /// Carries out a command by its tool.
    async fn call_tool(&self, command: &ToolCommand) -> Result<Outcome, Exit> {
        let talk = &self.conversation;
        let verbose = self.agent.verbose(&talk.session).unwrap_or(talk.verbose);
        let mut view = View::new(self.sign.clone(), false, verbose);
        let mut show = |progress| view.progress(progress);
        let result = self
            .agent
            .call_tool(&talk.session, command, interrupt(), &mut show)
            .await;
        view.end(match result {
            Ok(_) => End::WithoutModel,
            Err(TurnError::Stopped) => End::Stopped,
            Err(_) => End::Failed,
        })?;
        match result {
            Ok(report) => {
                output::line(output::plain(&report.text))?;
                Ok(match report.is_error {
                    true => Outcome::Failed,
                    false => Outcome::Answered,
                })
            }
            Err(TurnError::Stopped) => {
                self.dim("Stopped.");
                Ok(Outcome::Stopped)
            }
            Err(error) => {
                output::note(output::styled(output::BAD, &error));
                Ok(Outcome::Failed)
            }
        }
    }

    /// Summarises the conversation because the person asks for it.
    async fn compact(&self, instructions: Option<&str>) -> Result<Outcome, Exit> {
        let session = &self.conversation.session;
        let stop = interrupt();
        match self
            .agent
            .compact(session, instructions, stop, &mut |_| {})
            .await
        {
            Ok(report) => {
                output::line(compacted(report.as_ref()))?;
                Ok(Outcome::Answered)
            }
            Err(TurnError::Stopped) => {
                self.dim("Stopped.");
                Ok(Outcome::Stopped)
            }
            Err(error) => {
                output::note(output::styled(output::BAD, &error));
                Ok(Outcome::Failed)
            }
        }
    }

    /// Lets the agent write down what must not be lost, where the conversation will soon have to be shortened. The person
    /// has the answer by then, and may stop it.
    async fn keep_notes(&self) {
        let session = &self.conversation.session;
        let written = self
            .agent
            .flush_memory(session, interrupt(), &mut |_| {})
            .await;
        match written {
            Ok(true) => self.dim("Notes of this conversation were written to memory."),
            Ok(false) => {}
            Err(error) => tracing::warn!("notes of the conversation were not written: {error}"),
        }
    }

    fn dim(&self, text: impl std::fmt::Display) {
        output::note(output::styled(output::DIM, text));
    }
}

/// Completes at the second Ctrl-C from now.
async fn twice() {
    ctrl_c().await;
    ctrl_c().await;
}

/// The beginning of a message, on one line.
fn preview(text: &str) -> String {
    const LIMIT: usize = 60;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > LIMIT {
        true => format!("{}…", line.chars().take(LIMIT).collect::<String>()),
        false => line,
    }
}
