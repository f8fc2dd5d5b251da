//! `moltbot chat`: the conversation at the terminal.

mod input;
mod slash;
mod view;

use moltbot_agent::{Agent, TurnError, TurnRequest};
use moltbot_llm::{Api, ThinkingLevel};
use moltbot_store::{Session, TurnState};

use crate::app::App;
use crate::args::{ChatArgs, Globals};
use crate::commands::footnotes;
use crate::exit::Exit;
use crate::interrupt::interrupt;
use crate::output;
use input::{Input, Line};
use slash::{Next, Slash};
use view::View;

/// A chat in progress.
struct Chat {
    agent: Agent,
    session: Session,
    /// The model of this chat alone, from the command line.
    model: Option<String>,
    thinking: Option<ThinkingLevel>,
    show_reasoning: bool,
    /// A message that can be sent again by `/retry`.
    unanswered: Option<String>,
}

/// How a turn left the chat.
enum Outcome {
    Answered,
    Failed,
    /// Ctrl-C once: the answer stops, the chat goes on.
    Stopped,
    /// Ctrl-C twice.
    Leave,
}

/// Talks until the person leaves.
pub(crate) async fn run(globals: &Globals, args: ChatArgs) -> Result<(), Exit> {
    let app = App::load(globals, false)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let agent = app.agent(&agent_id, None)?;
    // Held until the chat ends.
    let services = app.services()?;
    services.keep_warm().await;
    let session = app.session(&agent, args.session.as_deref()).await?;
    let mut chat = Chat {
        agent,
        session,
        model: args.model,
        thinking: args.thinking,
        show_reasoning: args.reasoning,
        unanswered: None,
    };
    chat.greet().await?;
    let mut input = Input::open(&app.paths().state_dir.join("chat-history"));
    let mut failed = false;
    loop {
        let text = match input.read().await? {
            Line::Text(text) => text,
            Line::End => break,
        };
        let message = match Slash::parse(&text) {
            None => text,
            Some(command) => match chat.obey(command).await? {
                Next::Prompt => continue,
                Next::Send(message) => message,
                Next::Leave => break,
            },
        };
        match chat.turn(&message).await? {
            Outcome::Answered | Outcome::Stopped => {}
            Outcome::Failed => failed = true,
            Outcome::Leave => break,
        }
    }
    // A script that pipes messages in learns from the exit code that one of them got no answer.
    match failed && !input.is_interactive() {
        true => Err(Exit::silent(1)),
        false => Ok(()),
    }
}

impl Chat {
    /// Says which model will answer, and what is left over from last time.
    async fn greet(&mut self) -> Result<(), Exit> {
        let (rungs, left_out) = self.agent.rungs(&self.session, self.model.as_deref())?;
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
            if self.model.is_none() && !self.agent.catalog().has_configured_default() {
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
        for reason in left_out {
            output::note(output::styled(output::WARN, reason));
        }
        if let Some(unanswered) = self.agent.unanswered(&self.session).await? {
            let why = match unanswered.state {
                TurnState::Interrupted => "the program ended before it was answered",
                TurnState::Aborted => "it was stopped",
                _ => "no model answered it",
            };
            self.dim(format!(
                "Your last message is still open ({why}): “{}” — /retry sends it again.",
                preview(&unanswered.text)
            ));
            self.unanswered = Some(unanswered.text);
        }
        Ok(())
    }

    /// Takes one turn and shows it as it comes.
    async fn turn(&mut self, message: &str) -> Result<Outcome, Exit> {
        let mut view = View::new(self.show_reasoning);
        let request = TurnRequest {
            session: &self.session,
            message,
            model: self.model.as_deref(),
            thinking: self.thinking,
            inbox: None,
        };
        let mut show = |progress| view.show(progress);
        let result = {
            let turn = self.agent.turn(request, interrupt(), &mut show);
            tokio::pin!(turn);
            // The first Ctrl-C stops the answer; if that takes long, a second one leaves.
            tokio::select! {
                result = &mut turn => result,
                () = twice() => {
                    return Ok(Outcome::Leave);
                }
            }
        };
        view.end(matches!(result, Ok(_) | Err(TurnError::Stopped)))?;
        self.unanswered = self
            .agent
            .unanswered(&self.session)
            .await?
            .map(|open| open.text);
        match result {
            Ok(report) => {
                for text in footnotes(&report) {
                    self.dim(text);
                }
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

    fn dim(&self, text: impl std::fmt::Display) {
        output::note(output::styled(output::DIM, text));
    }
}

/// Completes at the second Ctrl-C from now.
async fn twice() {
    interrupt().await;
    interrupt().await;
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
