//! Carries commands out.

use moltbot_llm::{CatalogError, ThinkingLevel};
use moltbot_store::{Session, StoreError};
use serde_json::Value;
use thiserror::Error;

use super::known;
use super::levels::{self, ReasoningLevel, UsageFooter, VerboseLevel};
use super::parse::{Command, Directives, Parsed, parse};
use super::status::short_tokens;
use crate::agent::Agent;
use crate::compact::CompactReport;
use crate::history::HistoryError;
use crate::skills::{SkillCommand, find_skill_command};
use crate::tool_command::ToolCommand;

/// The session setting that holds how much is shown of what tools do.
const VERBOSE_LEVEL: &str = "verboseLevel";

/// The session setting that holds whether reasoning is shown.
const REASONING_LEVEL: &str = "reasoningLevel";

/// The session setting that holds what is said of tokens behind each answer.
const RESPONSE_USAGE: &str = "responseUsage";

/// What was set here and goes with a reset.
pub(crate) const RESET_SETTINGS: [&str; 3] = [VERBOSE_LEVEL, REASONING_LEVEL, RESPONSE_USAGE];

/// A conversation as its surface holds it.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The session, read again after each command.
    pub session: Session,
    /// The model that the surface was started with, instead of the session's own.
    pub model: Option<String>,
    /// The thinking level that the surface was started with, instead of the session's own.
    pub thinking: Option<ThinkingLevel>,
    /// Whether reasoning is shown, as the surface was started, instead of the session's own.
    pub reasoning: Option<ReasoningLevel>,
    /// How much is shown here of what tools do where the session says nothing.
    pub verbose: VerboseLevel,
    /// Who talks.
    pub peer: Peer,
}

impl Conversation {
    /// A conversation whose surface sets nothing of its own and shows nothing of what tools do.
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            model: None,
            thinking: None,
            reasoning: None,
            verbose: VerboseLevel::Off,
            peer: Peer::default(),
        }
    }
}

/// Who talks with the agent, as the channel tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The channel's id, such as `telegram`.
    pub channel: String,
    /// The sender's id there.
    pub user_id: Option<String>,
    /// The sender's user name there: one that the channel gives to one person at a time.
    pub username: Option<String>,
    /// The chat.
    pub chat: Option<String>,
    /// The thread or topic.
    pub thread: Option<String>,
    /// Who is let in there.
    pub allow_from: Vec<String>,
}

impl Peer {
    /// The channel of whoever sits at this machine.
    pub const TERMINAL: &str = "terminal";

    /// Whoever sits at this machine, nameless.
    pub fn at_this_machine() -> Self {
        Self {
            channel: Self::TERMINAL.to_owned(),
            ..Self::default()
        }
    }
}

/// A message, with its commands carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// What the person is shown at once, each a message of its own.
    pub said: Vec<String>,
    /// What is to be done now.
    pub next: Next,
}

/// What a surface does after a message was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Next {
    /// Nothing more.
    #[default]
    Nothing,
    /// The agent is asked.
    Ask {
        /// What the model is told.
        message: String,
        /// What holds for this message alone; it goes before the conversation's own.
        directives: Directives,
    },
    /// What runs for the conversation is stopped, with all that it started; then [`stopped`] is said.
    Stop,
    /// What was said so far is summarised; maybe with instructions of the person's.
    Compact(Option<String>),
    /// A tool carries it out: [`Agent::call_tool`].
    CallTool(ToolCommand),
}

/// What came of one command.
enum Done {
    /// This is shown.
    Said(String),
    /// This is shown, if there is anything, and then the second taken as if the person had said it.
    Send(String, String),
    /// The surface has to do it.
    Next(Next),
}

/// A command that could not be carried out.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transcript cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// What a person is told of `/compact`.
pub fn compacted(report: Option<&CompactReport>) -> String {
    let Some(report) = report else {
        return "⚙️ Compaction skipped: there is nothing that a summary would make shorter."
            .to_owned();
    };
    let percent = report.after * 100 / report.window.max(1);
    format!(
        "⚙️ Compacted ({} → {}) • Context {}/{} ({percent}%)",
        short_tokens(report.before),
        short_tokens(report.after),
        short_tokens(report.after),
        short_tokens(report.window),
    )
}

/// What is said when something was stopped, with so many sub-agents.
pub fn stopped(subagents: usize) -> String {
    match subagents {
        0 => "⚙️ Agent was aborted.".to_owned(),
        1 => "⚙️ Agent was aborted. Stopped 1 sub-agent.".to_owned(),
        many => format!("⚙️ Agent was aborted. Stopped {many} sub-agents."),
    }
}

impl Agent {
    /// The same agent with skills that have commands of their own.
    #[must_use]
    pub fn with_skill_commands(mut self, skills: Vec<SkillCommand>) -> Self {
        self.skills = skills;
        self
    }

    /// Takes a message apart, with the names that this agent knows.
    pub fn parse(&self, text: &str) -> Parsed {
        parse(text, self)
    }

    /// Takes a message of a person who may give commands: carries out what it orders, and says what is to be done next.
    ///
    /// # Errors
    /// The store failed. Whatever the person can do something about is said.
    pub async fn take(
        &self,
        text: &str,
        conversation: &mut Conversation,
    ) -> Result<Taken, CommandError> {
        let mut taken = Taken::default();
        let mut text = text.to_owned();
        loop {
            let parsed = self.parse(&text);
            let mut send = None;
            for command in parsed.commands {
                let said = match self.obey(command, conversation).await? {
                    Done::Said(said) => said,
                    Done::Send(said, message) => {
                        send = Some(message);
                        said
                    }
                    Done::Next(next) => {
                        taken.next = next;
                        continue;
                    }
                };
                taken
                    .said
                    .extend(Some(said).filter(|said| !said.is_empty()));
            }
            // What a command sends was part of the message, so it may order something itself.
            match send {
                Some(message) => text = message,
                None if parsed.rest.is_empty() => return Ok(taken),
                None => {
                    let mut directives = parsed.directives;
                    let refused = self.without_refused_elevation(&mut directives, conversation);
                    taken.said.extend(refused);
                    taken.next = Next::Ask {
                        message: parsed.rest,
                        directives,
                    };
                    return Ok(taken);
                }
            }
        }
    }

    async fn obey(
        &self,
        command: Command,
        conversation: &mut Conversation,
    ) -> Result<Done, CommandError> {
        let text = match command {
            Command::Help => known::help(!self.skills.is_empty()),
            Command::Commands => known::commands(!self.skills.is_empty()),
            Command::Status => {
                self.refresh(conversation).await?;
                self.status(conversation).await?
            }
            Command::WhoAmI => whoami(&conversation.peer),
            Command::New(text) => return self.begin_anew(&text, conversation).await,
            Command::Retry => {
                return Ok(match self.unanswered(&conversation.session).await? {
                    Some(open) => Done::Send(String::new(), open.text),
                    None => Done::Said("There is no unanswered message.".to_owned()),
                });
            }
            Command::Stop => return Ok(Done::Next(Next::Stop)),
            Command::Compact(text) => {
                let instructions = Some(text).filter(|text| !text.is_empty());
                return Ok(Done::Next(Next::Compact(instructions)));
            }
            Command::Subagents(text) => self.subagents_command(&text, conversation).await?,
            Command::Approve(text) => self.approve_command(&text, conversation).await?,
            Command::Usage(value) => self.usage_command(&value, conversation).await?,
            Command::Context(extent) => self.context_command(&extent, conversation).await?,
            Command::Models(arguments) => self.models_list(&arguments),
            Command::Places(list) => self.places_command(&list, conversation).await?,
            Command::Model(name) => self.model_command(&name, conversation).await?,
            Command::Think(level) => self.think_command(&level, conversation).await?,
            Command::Verbose(level) => self.verbose_command(&level, conversation).await?,
            Command::Reasoning(level) => self.reasoning_command(&level, conversation).await?,
            Command::Elevated(level) => self.elevated_command(&level, conversation).await?,
            Command::Skill(text) => return Ok(self.skill_command(&text, conversation)),
            Command::NotBuilt(name) => {
                format!("/{name} does not work in this version yet; /help lists what does.")
            }
            Command::Unknown(word) => {
                format!("There is no command /{word}; /help lists them.")
            }
        };
        Ok(Done::Said(text))
    }

    /// How much a session shows of what tools do, where it says so.
    pub fn verbose(&self, session: &Session) -> Option<VerboseLevel> {
        let level = session.settings.get(VERBOSE_LEVEL).and_then(Value::as_str);
        level.and_then(levels::verbose)
    }

    /// Whether a session shows its models' reasoning.
    pub fn reasoning(&self, session: &Session) -> ReasoningLevel {
        let level = session
            .settings
            .get(REASONING_LEVEL)
            .and_then(Value::as_str);
        level.and_then(ReasoningLevel::read).unwrap_or_default()
    }

    /// What a session says of tokens behind each answer.
    pub fn usage_footer(&self, session: &Session) -> UsageFooter {
        let level = session.settings.get(RESPONSE_USAGE).and_then(Value::as_str);
        level.and_then(UsageFooter::read).unwrap_or_default()
    }

    async fn begin_anew(
        &self,
        text: &str,
        conversation: &mut Conversation,
    ) -> Result<Done, CommandError> {
        let (hint, message) = self.hint(text);
        conversation.session = self.reset(&conversation.session).await?;
        let mut refused = String::new();
        if let Some(name) = hint
            && let Err(sentence) = self.choose(Some(&name), conversation).await?
        {
            refused = format!("\n{sentence}");
        }
        let model = match self.next_model(conversation) {
            Ok(model) => model.reference,
            Err(error) => return Ok(Done::Said(error.to_string())),
        };
        let default = self.default_model().filter(|default| *default != model);
        let default = default.map(|default| format!(" (default: {default})"));
        let said = format!(
            "✅ New session started · model: {model}{}{refused}",
            default.unwrap_or_default()
        );
        Ok(match message.is_empty() {
            true => Done::Said(said),
            false => Done::Send(said, message.to_owned()),
        })
    }

    async fn think_command(
        &self,
        level: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        const OPTIONS: &str = "off, minimal, low, medium, high, xhigh";
        if level.is_empty() {
            let current = conversation
                .thinking
                .unwrap_or_else(|| self.thinking(&conversation.session));
            return Ok(current_level("thinking", current.as_str(), OPTIONS));
        }
        let Ok(level) = level.parse::<ThinkingLevel>() else {
            return Ok(unrecognized("thinking", level, OPTIONS));
        };
        self.choose_thinking(&conversation.session, Some(level))
            .await?;
        conversation.thinking = None;
        self.refresh(conversation).await?;
        let reasons = self
            .next_model(conversation)
            .is_ok_and(|model| model.reasoning);
        Ok(match level {
            ThinkingLevel::Off => "Thinking disabled.".to_owned(),
            level if reasons => format!("Thinking level set to {level}."),
            level => {
                format!("Thinking level set to {level}; the model of this session does not reason.")
            }
        })
    }

    async fn verbose_command(
        &self,
        level: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        const OPTIONS: &str = "on, full, off";
        if level.is_empty() {
            let current = self.verbose(&conversation.session);
            let current = current.unwrap_or(conversation.verbose);
            return Ok(current_level("verbose", current.as_str(), OPTIONS));
        }
        let Some(read) = levels::verbose(level) else {
            return Ok(unrecognized("verbose", level, OPTIONS));
        };
        self.keep(conversation, VERBOSE_LEVEL, read.as_str())
            .await?;
        Ok(match read {
            VerboseLevel::On => "⚙️ Verbose logging enabled.",
            VerboseLevel::Full => "⚙️ Verbose logging set to full.",
            VerboseLevel::Off => "⚙️ Verbose logging disabled.",
        }
        .to_owned())
    }

    async fn reasoning_command(
        &self,
        level: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        const OPTIONS: &str = "on, off, stream";
        if level.is_empty() {
            let current = conversation
                .reasoning
                .unwrap_or_else(|| self.reasoning(&conversation.session));
            return Ok(current_level("reasoning", current.as_str(), OPTIONS));
        }
        let Some(read) = ReasoningLevel::read(level) else {
            return Ok(unrecognized("reasoning", level, OPTIONS));
        };
        self.keep(conversation, REASONING_LEVEL, read.as_str())
            .await?;
        conversation.reasoning = None;
        Ok(match read {
            ReasoningLevel::On => "⚙️ Reasoning visibility enabled.",
            ReasoningLevel::Off => "⚙️ Reasoning visibility disabled.",
            ReasoningLevel::Stream => "⚙️ Reasoning stream enabled (Telegram only).",
        }
        .to_owned())
    }

    async fn usage_command(
        &self,
        value: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        let footer = match value {
            "" => self.usage_footer(&conversation.session).next(),
            _ if value.eq_ignore_ascii_case("cost") => {
                return Ok("What past answers cost is not kept in this version; /usage tokens shows it behind each answer.".to_owned());
            }
            _ => match UsageFooter::read(value) {
                Some(footer) => footer,
                None => return Ok(unrecognized("usage", value, "off, tokens, full")),
            },
        };
        self.keep(conversation, RESPONSE_USAGE, footer.as_str())
            .await?;
        Ok(format!("⚙️ Usage footer: {}.", footer.as_str()))
    }

    async fn places_command(
        &self,
        list: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        if !list.is_empty() {
            conversation.session = self.bind(&conversation.session, &place_list(list)).await?;
        }
        let places = self.places(&conversation.session);
        let mut lines = vec![format!("This session may go: {places}.")];
        match self.rungs(&conversation.session, conversation.model.as_deref()) {
            Ok((rungs, left_out)) => {
                let names: Vec<String> = rungs.iter().map(|m| m.reference.to_string()).collect();
                lines.push(format!("Models: {}", names.join(", ")));
                lines.extend(left_out.iter().map(CatalogError::to_string));
            }
            Err(error) => lines.push(error.to_string()),
        }
        Ok(lines.join("\n"))
    }

    fn skill_command(&self, text: &str, conversation: &Conversation) -> Done {
        if let Some((skill, input)) = find_skill_command(&self.skills, text) {
            return match ToolCommand::new(skill, input, &conversation.peer) {
                Some(command) => Done::Next(Next::CallTool(command)),
                None => Done::Send(String::new(), skill.message(input)),
            };
        }
        let names: Vec<&str> = self
            .skills
            .iter()
            .map(|skill| skill.skill.as_str())
            .collect();
        let names = names.join(", ");
        Done::Said(match (names.is_empty(), text.split_whitespace().next()) {
            (true, _) => "There are no skills here.".to_owned(),
            (false, None) => format!("Skills: {names}. /skill <name> [text] uses one."),
            (false, Some(name)) => format!("There is no skill \"{name}\". There are: {names}."),
        })
    }

    pub(super) async fn keep(
        &self,
        conversation: &mut Conversation,
        key: &str,
        value: &str,
    ) -> Result<(), CommandError> {
        conversation.session = self
            .set(&conversation.session, [(key, value.into())])
            .await?;
        Ok(())
    }

    /// Reads the session again: its settings and counters change in the store.
    pub(super) async fn refresh(
        &self,
        conversation: &mut Conversation,
    ) -> Result<(), CommandError> {
        let id = &conversation.session.session_id;
        if let Some(session) = self.store.session_by_id(id).await? {
            conversation.session = session;
        }
        Ok(())
    }
}

/// The places in a list typed by a person; none for `anywhere`.
pub fn place_list(text: &str) -> Vec<String> {
    let places = text.split([',', ' ']).map(str::trim);
    let places =
        places.filter(|place| !place.is_empty() && !place.eq_ignore_ascii_case("anywhere"));
    places.map(str::to_owned).collect()
}

pub(super) fn current_level(thing: &str, level: &str, options: &str) -> String {
    format!("Current {thing} level: {level}.\nOptions: {options}.")
}

pub(super) fn unrecognized(thing: &str, value: &str, valid: &str) -> String {
    format!("Unrecognized {thing} level \"{value}\". Valid levels: {valid}.")
}

fn whoami(peer: &Peer) -> String {
    let mut lines = vec![
        "🧭 Identity".to_owned(),
        format!("Channel: {}", peer.channel),
    ];
    let known = [
        ("User id", &peer.user_id),
        ("Username", &peer.username),
        ("Chat", &peer.chat),
        ("Thread", &peer.thread),
    ];
    for (name, value) in known {
        lines.extend(value.iter().map(|value| format!("{name}: {value}")));
    }
    if !peer.allow_from.is_empty() {
        lines.push(format!("AllowFrom: {}", peer.allow_from.join(", ")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
