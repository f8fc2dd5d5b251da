//! `moltbot chat`: the conversation at the terminal.

mod approval;
mod input;
pub(crate) mod modes;
mod screen;
mod sign_of_life;
mod slash;
mod view;

use std::sync::{Arc, OnceLock};

use moltbot_agent::{
    Agent, Agents, Conversation, Directives, ElevatedOrder, Gate, Inbox, Next, Occasion,
    ReasoningLevel, ToolCommand, TurnError, TurnRequest, compacted, stopped,
};
use moltbot_llm::Api;
use moltbot_store::TurnState;

use crate::app::App;
use crate::args::{ChatArgs, Globals};
use crate::commands::footnotes;
use crate::exit::Exit;
use crate::interrupt::{self, ctrl_c, interrupt};
use crate::output;
pub(crate) use approval::is_yes;
use approval::{AtTerminal, TerminalLock};
use input::{Input, Line, Notices};
pub(crate) use screen::Screen;
use sign_of_life::SignOfLife;
pub(crate) use slash::conversation;
use view::{End, View};

/// A chat in progress.
struct Chat {
    sign: SignOfLife,
    agents: Arc<Agents>,
    agent: Arc<Agent>,
    /// Whether a person types.
    interactive: bool,
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

/// What the agent is asked for.
enum Ask<'a> {
    /// What the person says.
    Message(&'a str),
    /// What came back of work that it gave away.
    Announcements,
}

/// Talks until the person leaves.
pub(crate) async fn run(globals: &Globals, args: ChatArgs) -> Result<(), Exit> {
    interrupt::hear_orders();
    let app = App::load(globals, false)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let mut input = Input::open(&app.paths().state_dir.join("chat-history"));
    let interactive = input.is_interactive();
    let notices = input.notices();
    let sign = SignOfLife::default();
    let terminal = TerminalLock::default();
    let own_key = Arc::new(OnceLock::new());
    let gate = match interactive {
        true => Gate::asking(Arc::new(AtTerminal {
            session_key: Arc::clone(&own_key),
            terminal: Arc::clone(&terminal),
            notices: notices.clone(),
            sign: sign.clone(),
        })),
        false => Gate::closed(),
    };
    let screen = Arc::new(Screen::default());
    let agents = app
        .agents(None, gate, vec![Arc::clone(&screen) as _])
        .await?;
    let agent = agents.agent(&agent_id).map_err(Exit::failed)?;
    // Held until the chat ends.
    let services = app.services()?;
    services.keep_warm().await;
    let session = app.session(&agent, args.session.as_deref()).await?;
    // Set once, here.
    let _ = own_key.set(session.key.clone());
    agents.attend(&session.key).await?;
    let mut chat = Chat {
        agents,
        agent,
        sign,
        interactive,
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
    let mut ended = false;
    while !ended {
        // Between two of these, sub-agents may ask.
        let _terminal = terminal.lock().await;
        let mut outcome = chat.tell().await?;
        if !matches!(outcome, Outcome::Leave) {
            let line = tokio::select! {
                line = input.read() => line?,
                never = chat.say_what_comes_back(notices.clone()) => match never {},
            };
            outcome = match line {
                Line::Text(text) if slash::leaves(&text) => Outcome::Leave,
                Line::Text(text) => chat.take(&text).await?,
                Line::Blank => Outcome::Answered,
                Line::End if interactive => Outcome::Leave,
                Line::End => {
                    ended = true;
                    chat.wait_for_all().await?
                }
            };
        }
        match outcome {
            Outcome::Answered | Outcome::Stopped => {}
            Outcome::Failed => failed = true,
            Outcome::Leave => ended = true,
        }
    }
    chat.leave();
    if let Some(order) = interrupt::order() {
        return Err(Exit::silent(order.exit_code()));
    }
    // A script that pipes messages in learns from the exit code that one of them got no answer.
    match failed && !interactive {
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
            } => return self.turn(Ask::Message(&message), directives).await,
            Next::Stop => {
                let key = &self.conversation.session.key;
                output::line(match self.agents.stop(key).await.subagents {
                    0 => "Nothing is running; /exit leaves.".to_owned(),
                    count => stopped(count),
                })?;
            }
            Next::Compact(instructions) => return self.compact(instructions.as_deref()).await,
            Next::CallTool(command) => return self.call_tool(&command).await,
        }
        Ok(Outcome::Answered)
    }

    /// Has the agent tell what came back of work that it gave away, if anything did.
    async fn tell(&self) -> Result<Outcome, Exit> {
        let key = &self.conversation.session.key;
        let mut outcome = Outcome::Answered;
        while self.agents.has_announcements(key) && matches!(outcome, Outcome::Answered) {
            for about in self.agents.announcements(key) {
                self.dim(output::plain(&format!("Back from a sub-agent: {about}")));
            }
            outcome = self.turn(Ask::Announcements, Directives::default()).await?;
        }
        Ok(outcome)
    }

    /// Says at the prompt what comes back meanwhile.
    async fn say_what_comes_back(&self, notices: Notices) -> std::convert::Infallible {
        let key = &self.conversation.session.key;
        let mut known = self.agents.announcements(key).len();
        loop {
            self.agents.more_announcements(key, known).await;
            let all = self.agents.announcements(key);
            for about in all.iter().skip(known) {
                notices.say(&format!(
                    "Back from a sub-agent: {about}. Press Enter to hear of it."
                ));
            }
            known = all.len();
        }
    }

    /// For a pipe: waits until everything is back, and has it told.
    async fn wait_for_all(&self) -> Result<Outcome, Exit> {
        let key = &self.conversation.session.key;
        loop {
            tokio::select! {
                more = self.agents.all_back(key) => if !more {
                    return Ok(Outcome::Answered);
                },
                () = interrupt() => {
                    self.agents.stop(key).await;
                    return Ok(Outcome::Stopped);
                }
            }
            match self.tell().await? {
                Outcome::Answered => {}
                other => return Ok(other),
            }
        }
    }

    /// Says what ends with the chat.
    fn leave(&self) {
        let at_work = self.agents.under_way(&self.conversation.session.key);
        if at_work > 0 {
            self.dim(format!(
                "{at_work} sub-agents were still at work and end here; the next chat tells what they left."
            ));
        }
    }

    /// Takes one turn and shows it as it comes.
    async fn turn(&self, ask: Ask<'_>, directives: Directives) -> Result<Outcome, Exit> {
        let talk = &self.conversation;
        let reasoning = directives
            .reasoning
            .or(talk.reasoning)
            .unwrap_or_else(|| self.agent.reasoning(&talk.session));
        let verbose = directives
            .verbose
            .or_else(|| self.agent.verbose(&talk.session))
            .unwrap_or(talk.verbose);
        let occasion = match ask {
            Ask::Message(_) => Occasion::Person,
            Ask::Announcements => Occasion::Unasked,
        };
        let show_reasoning = reasoning != ReasoningLevel::Off;
        let view = View::new(self.sign.clone(), show_reasoning, verbose, occasion);
        // Whatever reads a pipe gets one answer to each message.
        let inbox = self.interactive.then(Inbox::new);
        self.screen.open(&talk.session, view);
        let mut show = |progress| self.screen.progress(progress);
        let result = {
            let turn = async {
                let (agent, session) = (&self.agent, &talk.session);
                let Ask::Message(message) = ask else {
                    let told = self.agents.announce(
                        agent,
                        session,
                        inbox.as_ref(),
                        interrupt(),
                        &mut show,
                    );
                    return told.await;
                };
                let request = TurnRequest {
                    model: directives.model.as_deref().or(talk.model.as_deref()),
                    thinking: directives.thinking.or(talk.thinking),
                    elevated: ElevatedOrder {
                        asked_by: Some(&talk.peer),
                        level: directives.elevated,
                    },
                    inbox: inbox.as_ref(),
                    ..TurnRequest::new(session, message)
                };
                let turn = self.agents.turn(agent, request, interrupt(), &mut show);
                turn.await.map(Some)
            };
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
            Ok(None) => Ok(Outcome::Answered),
            Ok(Some(report)) => {
                let usage = self.agent.usage_line(&talk.session, &report);
                for text in usage.into_iter().chain(footnotes(&report)) {
                    self.dim(text);
                }
                self.keep_notes().await;
                Ok(Outcome::Answered)
            }
            Err(TurnError::Stopped) => {
                match self.agents.stop(&talk.session.key).await.subagents {
                    0 => self.dim("Stopped."),
                    count => self.dim(stopped(count)),
                }
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
        let mut view = View::new(self.sign.clone(), false, verbose, Occasion::Person);
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
