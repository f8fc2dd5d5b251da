//! Commands inside the chat: `/new`, `/model` and the rest.

use moltbot_llm::ThinkingLevel;

use super::Chat;
use crate::commands::place_list;
use crate::exit::Exit;
use crate::output;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slash {
    Help,
    New(String),
    Model(String),
    Models,
    Think(String),
    Reasoning(String),
    Places(String),
    Status,
    Retry,
    Exit,
    Unknown(String),
}

/// What the chat does after a command.
pub(super) enum Next {
    Prompt,
    Send(String),
    Leave,
}

const HELP: &str = "\
/new [message]     start a new session; the old one stays on disk
/model [name]      show or choose the model of this session; /model default goes back
/models            the models you can choose from
/think [level]     off, minimal, low, medium, high, xhigh
/reasoning on|off  show the model's reasoning
/places [list]     where this session may go: local, regions, providers; or anywhere
/status            model, session and tokens
/retry             send the last unanswered message again
/exit              leave (so does Ctrl-D)
Ctrl-C stops an answer.";

impl Slash {
    /// Reads a command; `None` for a message. A path such as `/etc/hosts is…` is a message.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let (word, argument) = match rest.split_once(char::is_whitespace) {
            Some((word, argument)) => (word, argument.trim()),
            None => (rest, ""),
        };
        if word.is_empty()
            || !word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-:.".contains(c))
        {
            return None;
        }
        let argument = argument.to_owned();
        let word = word.trim_end_matches(':').to_ascii_lowercase();
        Some(match word.as_str() {
            "help" | "commands" => Self::Help,
            "new" | "reset" => Self::New(argument),
            "model" => Self::Model(argument),
            "models" => Self::Models,
            "think" | "thinking" | "t" => Self::Think(argument),
            "reasoning" | "reason" => Self::Reasoning(argument),
            "places" | "place" => Self::Places(argument),
            "status" => Self::Status,
            "retry" => Self::Retry,
            "exit" | "quit" => Self::Exit,
            _ => Self::Unknown(word),
        })
    }
}

impl Chat {
    /// Carries a command out.
    pub(super) async fn obey(&mut self, command: Slash) -> Result<Next, Exit> {
        match command {
            Slash::Help => output::line(HELP)?,
            Slash::Exit => return Ok(Next::Leave),
            Slash::New(message) => {
                self.session = self.agent.reset(&self.session).await?;
                self.unanswered = None;
                self.dim("New session.");
                if !message.is_empty() {
                    return Ok(Next::Send(message));
                }
            }
            Slash::Retry => match self.unanswered.clone() {
                Some(message) => return Ok(Next::Send(message)),
                None => output::line("There is no unanswered message.")?,
            },
            Slash::Model(name) => self.model_command(&name).await?,
            Slash::Models => {
                for row in self.agent.catalog().rows(false) {
                    output::line(row.model.reference)?;
                }
            }
            Slash::Think(level) => self.think_command(&level).await?,
            Slash::Reasoning(value) => match value.to_ascii_lowercase().as_str() {
                "on" => self.show_reasoning = true,
                "off" => self.show_reasoning = false,
                "" => {
                    let state = if self.show_reasoning { "on" } else { "off" };
                    output::line(format!(
                        "Current reasoning level: {state}.\nOptions: on, off."
                    ))?;
                }
                other => output::line(format!(
                    "Unrecognized reasoning level \"{other}\". Valid levels: on, off."
                ))?,
            },
            Slash::Places(list) => self.places_command(&list).await?,
            Slash::Status => self.status().await?,
            Slash::Unknown(word) => {
                // `/<alias>` chooses the model of that name.
                if self
                    .agent
                    .catalog()
                    .aliases()
                    .any(|(alias, _)| alias.eq_ignore_ascii_case(&word))
                {
                    self.model_command(&word).await?;
                } else {
                    output::line(format!("There is no command /{word}; /help lists them."))?;
                }
            }
        }
        Ok(Next::Prompt)
    }

    async fn model_command(&mut self, name: &str) -> Result<(), Exit> {
        if name.is_empty() {
            let (rungs, _) = self.agent.rungs(&self.session, self.model.as_deref())?;
            let current = rungs
                .first()
                .map(|m| m.reference.to_string())
                .unwrap_or_default();
            return output::line(format!(
                "Current: {current}\n\nSwitch: /model <provider/model>\nBrowse: /models"
            ));
        }
        let wanted = Some(name).filter(|name| !name.eq_ignore_ascii_case("default"));
        match self.agent.choose_model(&self.session, wanted).await {
            Ok(model) => {
                // What was chosen here goes before what the command line said.
                self.model = None;
                self.refresh().await?;
                let verb = if wanted.is_some() { "set" } else { "reset" };
                output::line(format!("Model {verb} to {}.", model.reference))
            }
            Err(error) => output::line(error),
        }
    }

    async fn think_command(&mut self, level: &str) -> Result<(), Exit> {
        if level.is_empty() {
            let current = self
                .thinking
                .unwrap_or_else(|| self.agent.thinking(&self.session));
            return output::line(format!(
                "Current thinking level: {current}.\nOptions: off, minimal, low, medium, high, xhigh."
            ));
        }
        match level.parse::<ThinkingLevel>() {
            Ok(level) => {
                self.agent
                    .choose_thinking(&self.session, Some(level))
                    .await?;
                self.thinking = None;
                self.refresh().await?;
                let (rungs, _) = self.agent.rungs(&self.session, self.model.as_deref())?;
                let reasons = rungs.first().is_some_and(|model| model.reasoning);
                output::line(match level {
                    ThinkingLevel::Off => "Thinking disabled.".to_owned(),
                    level if reasons => format!("Thinking level set to {level}."),
                    level => format!(
                        "Thinking level set to {level}; the model of this session does not reason."
                    ),
                })
            }
            Err(sentence) => output::line(sentence),
        }
    }

    async fn places_command(&mut self, list: &str) -> Result<(), Exit> {
        if !list.is_empty() {
            self.session = self.agent.bind(&self.session, &place_list(list)).await?;
        }
        let places = self.agent.places(&self.session);
        output::line(format!("This session may go: {places}."))?;
        match self.agent.rungs(&self.session, self.model.as_deref()) {
            Ok((rungs, left_out)) => {
                let names: Vec<String> = rungs.iter().map(|m| m.reference.to_string()).collect();
                output::line(format!("Models: {}", names.join(", ")))?;
                left_out.iter().try_for_each(output::line)
            }
            Err(error) => output::line(error),
        }
    }

    async fn status(&mut self) -> Result<(), Exit> {
        self.refresh().await?;
        let (rungs, _) = self.agent.rungs(&self.session, self.model.as_deref())?;
        let Some(first) = rungs.first() else {
            return Ok(());
        };
        let fallbacks: Vec<String> = rungs
            .iter()
            .skip(1)
            .map(|m| m.reference.to_string())
            .collect();
        let thinking = self
            .thinking
            .unwrap_or_else(|| self.agent.thinking(&self.session));
        output::line(format!("Moltbot {}", env!("CARGO_PKG_VERSION")))?;
        output::line(format!("Model:     {} ({})", first.reference, first.api))?;
        if !fallbacks.is_empty() {
            output::line(format!("Fallbacks: {}", fallbacks.join(", ")))?;
        }
        output::line(format!(
            "Tokens:    {} in / {} out",
            output::tokens(self.session.input_tokens),
            output::tokens(self.session.output_tokens)
        ))?;
        output::line(format!(
            "Context:   {} tokens",
            output::tokens(first.context_window)
        ))?;
        output::line(format!("Thinking:  {thinking}"))?;
        output::line(format!(
            "Session:   {} ({})",
            self.session.key, self.session.session_id
        ))
    }

    /// Reads the session again: its settings and counters change in the store.
    async fn refresh(&mut self) -> Result<(), Exit> {
        if let Some(session) = self
            .agent
            .store()
            .session_by_id(&self.session.session_id)
            .await?
        {
            self.session = session;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_messages() {
        assert_eq!(
            Slash::parse("/New hello  there"),
            Some(Slash::New("hello  there".into()))
        );
        assert_eq!(
            Slash::parse("/model: x/y"),
            Some(Slash::Model("x/y".into()))
        );
        assert_eq!(Slash::parse("/opus"), Some(Slash::Unknown("opus".into())));
        assert_eq!(Slash::parse("/etc/hosts is what?"), None);
        assert_eq!(Slash::parse("hello /new"), None);
        assert_eq!(Slash::parse("/"), None);
    }
}
