//! Reads what a message orders.

use moltbot_config::schema::ElevatedLevel;
use moltbot_llm::ThinkingLevel;

use super::known::{self, Kind};
use super::levels::{self, ReasoningLevel, VerboseLevel};

/// Words that stop the agent when they are the whole message.
const STOP_WORDS: [&str; 6] = ["stop", "esc", "abort", "wait", "exit", "interrupt"];

/// Names that only the owner's files know.
pub trait Names {
    /// Whether this is a model that can be chosen: a reference, an alias, or one of them with an auth profile.
    fn is_model(&self, name: &str) -> bool;

    /// Whether this is another name for a model (`/opus`).
    fn is_alias(&self, word: &str) -> bool;

    /// Whether this is the command of a skill (`/github`).
    fn is_skill(&self, word: &str) -> bool;
}

/// A command, with what was said behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `/help`
    Help,
    /// `/commands`
    Commands,
    /// `/status`
    Status,
    /// `/whoami`
    WhoAmI,
    /// `/new`, `/reset`: maybe a model, and a message.
    New(String),
    /// `/stop`, or a bare word that means it.
    Stop,
    /// `/retry`
    Retry,
    /// `/subagents`: maybe what to do with which.
    Subagents(String),
    /// `/compact`: maybe what to keep in mind.
    Compact(String),
    /// `/usage`
    Usage(String),
    /// `/models`: maybe a provider and a page.
    Models(String),
    /// `/approve`: maybe which question, and the answer.
    Approve(String),
    /// `/context`: maybe `list`, `detail` or `json`.
    Context(String),
    /// `/places`: maybe a list.
    Places(String),
    /// `/model`, `/<alias>`: a model, `default`, `list`, `status`, or nothing.
    Model(String),
    /// `/think`: a level, or nothing.
    Think(String),
    /// `/verbose`: a level, or nothing.
    Verbose(String),
    /// `/reasoning`: a level, or nothing.
    Reasoning(String),
    /// `/elevated`: a level, or nothing.
    Elevated(String),
    /// `/skill <name> …`, `/<name> …`: the text behind the slash or behind `/skill`.
    Skill(String),
    /// A command of the original that does nothing here yet.
    NotBuilt(&'static str),
    /// No command at all.
    Unknown(String),
}

/// What holds for one message alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// The model.
    pub model: Option<String>,
    /// How much it thinks.
    pub thinking: Option<ThinkingLevel>,
    /// How much is shown of what tools do.
    pub verbose: Option<VerboseLevel>,
    /// Whether reasoning is shown.
    pub reasoning: Option<ReasoningLevel>,
    /// Whether commands run outside the sandbox.
    pub elevated: Option<ElevatedLevel>,
}

/// A message, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// What is carried out at once, in order. Directives stand here when the message holds nothing for the model: then
    /// they hold for the conversation.
    pub commands: Vec<Command>,
    /// What holds for this message alone.
    pub directives: Directives,
    /// What is left for the model; empty where nothing is.
    pub rest: String,
}

/// Takes a message apart.
///
/// A command counts where the message begins with it. Directives and the shortcuts `/help`, `/commands`, `/status` and
/// `/whoami` also count inside a text, but not in code, and directives only with a value that they know: everything else
/// there is text. A path such as `/etc/hosts` is text.
pub fn parse(text: &str, names: &dyn Names) -> Parsed {
    let text = text.trim();
    if STOP_WORDS
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
    {
        return only(Command::Stop);
    }
    let mut found = Vec::new();
    let mut rest = text;
    if let Some(word) = Word::read(text) {
        match begin(&word, names) {
            Begin::Only(command) => return only(command),
            Begin::Then(order, after) => {
                found.push(order);
                rest = after;
            }
        }
    }
    let rest = within(rest, names, &mut found);
    let mut parsed = Parsed {
        rest,
        ..Parsed::default()
    };
    for order in found {
        match order {
            Order::Command(command) => parsed.commands.push(command),
            Order::Directive(directive) if parsed.rest.is_empty() => {
                parsed.commands.push(directive.command());
            }
            Order::Directive(directive) => directive.apply(&mut parsed.directives),
        }
    }
    parsed
}

fn only(command: Command) -> Parsed {
    Parsed {
        commands: vec![command],
        ..Parsed::default()
    }
}

enum Order {
    Command(Command),
    Directive(Directive),
}

/// A directive with a value that it knows.
struct Directive {
    name: &'static str,
    value: String,
}

impl Directive {
    /// For the conversation.
    fn command(self) -> Command {
        directive_command(self.name, self.value)
    }

    /// For one message. The last of a kind counts.
    fn apply(self, to: &mut Directives) {
        match self.name {
            "think" => to.thinking = self.value.parse().ok(),
            "verbose" => to.verbose = levels::verbose(&self.value),
            "reasoning" => to.reasoning = ReasoningLevel::read(&self.value),
            "elevated" => to.elevated = levels::elevated(&self.value),
            _ => to.model = Some(self.value),
        }
    }
}

fn directive_command(name: &str, value: String) -> Command {
    match name {
        "think" => Command::Think(value),
        "verbose" => Command::Verbose(value),
        "reasoning" => Command::Reasoning(value),
        "elevated" => Command::Elevated(value),
        _ => Command::Model(value),
    }
}

/// Whether a directive knows a value.
fn is_value(name: &str, value: &str, names: &dyn Names) -> bool {
    match name {
        "think" => value.parse::<ThinkingLevel>().is_ok(),
        "verbose" => levels::verbose(value).is_some(),
        "reasoning" => ReasoningLevel::read(value).is_some(),
        "elevated" => levels::elevated(value).is_some(),
        _ => names.is_model(value),
    }
}

/// What a message begins with.
enum Begin<'a> {
    /// The message is this and nothing else.
    Only(Command),
    /// This, and then text.
    Then(Order, &'a str),
}

fn begin<'a>(word: &Word<'a>, names: &dyn Names) -> Begin<'a> {
    if names.is_alias(word.whole) {
        return model(word.whole, word.behind_whole);
    }
    let Some(known) = known::find(word.name) else {
        let name = word.name.to_owned();
        if names.is_alias(word.name) {
            return model(word.name, word.after);
        }
        return Begin::Only(match names.is_skill(word.name) {
            true => Command::Skill(format!("{name} {}", word.after.trim())),
            false => Command::Unknown(name),
        });
    };
    match known.kind {
        Kind::NotBuilt => Begin::Only(Command::NotBuilt(known.name)),
        Kind::Shortcut => Begin::Then(Order::Command(shortcut(known.name)), word.after),
        Kind::Whole => Begin::Only(whole(known.name, word.after.trim())),
        Kind::Directive => {
            let (value, after) = value(word.after);
            if value.is_empty() {
                let show = directive_command(known.name, String::new());
                return Begin::Then(Order::Command(show), word.after);
            }
            // Alone, any value is answered; with text behind it, a wrong one stops the message: the person did not
            // mean to send it like this.
            if after.trim().is_empty() || !is_value(known.name, value, names) {
                return Begin::Only(directive_command(known.name, value.to_owned()));
            }
            let value = value.to_owned();
            let name = known.name;
            Begin::Then(Order::Directive(Directive { name, value }), after)
        }
    }
}

fn model<'a>(name: &str, after: &'a str) -> Begin<'a> {
    let directive = Directive {
        name: "model",
        value: name.to_owned(),
    };
    Begin::Then(Order::Directive(directive), after)
}

fn shortcut(name: &str) -> Command {
    match name {
        "help" => Command::Help,
        "commands" => Command::Commands,
        "status" => Command::Status,
        _ => Command::WhoAmI,
    }
}

fn whole(name: &str, argument: &str) -> Command {
    let argument = argument.to_owned();
    match name {
        "new" => Command::New(argument),
        "stop" => Command::Stop,
        "retry" => Command::Retry,
        "subagents" => Command::Subagents(argument),
        "approve" => Command::Approve(argument),
        "compact" => Command::Compact(argument),
        "usage" => Command::Usage(argument),
        "models" => Command::Models(argument),
        "context" => Command::Context(argument),
        "places" => Command::Places(argument),
        _ => Command::Skill(argument),
    }
}

/// Takes directives and shortcuts out of a text, and gives the text without them.
fn within(text: &str, names: &dyn Names, found: &mut Vec<Order>) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_fence = false;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        if is_fence || in_fence {
            in_fence ^= is_fence;
            kept.push_str(line);
            continue;
        }
        let mut rest = line;
        let mut in_code = false;
        while let Some(at) = rest.find(['/', '`']) {
            let (before, here) = rest.split_at(at);
            kept.push_str(before);
            if here.starts_with('`') {
                in_code = !in_code;
            } else if !in_code
                && kept.chars().next_back().is_none_or(char::is_whitespace)
                && let Some((order, after)) = inside(here, names)
            {
                found.push(order);
                // One of the two spaces goes with it.
                rest = match kept.is_empty() || kept.ends_with([' ', '\n']) {
                    true => after.strip_prefix(' ').unwrap_or(after),
                    false => after,
                };
                continue;
            }
            kept.push_str(&here[..1]);
            rest = &here[1..];
        }
        kept.push_str(rest);
    }
    kept.trim().to_owned()
}

/// A directive or shortcut inside a text.
fn inside<'a>(text: &'a str, names: &dyn Names) -> Option<(Order, &'a str)> {
    let word = Word::read(text)?;
    if names.is_alias(word.whole) {
        let value = word.whole.to_owned();
        let name = "model";
        return Some((
            Order::Directive(Directive { name, value }),
            word.behind_whole,
        ));
    }
    let known = known::find(word.name)?;
    match known.kind {
        Kind::Whole | Kind::NotBuilt => None,
        Kind::Shortcut => Some((Order::Command(shortcut(known.name)), word.after)),
        Kind::Directive => {
            let (value, after) = value(word.after);
            let name = known.name;
            let value = value.to_owned();
            is_value(name, &value, names)
                .then_some((Order::Directive(Directive { name, value }), after))
        }
    }
}

/// The word behind a directive on the same line, and what follows it.
fn value(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// `/name`, `/name:`, and what follows.
struct Word<'a> {
    name: &'a str,
    after: &'a str,
    /// The name with colons in it, as aliases may have them.
    whole: &'a str,
    behind_whole: &'a str,
}

impl<'a> Word<'a> {
    /// Reads the word that a text begins with; `None` where that is no command's.
    fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('/')?;
        let (token, behind_whole) =
            text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = token.find(|c| !letter(c)).unwrap_or(token.len());
        let (name, tail) = text.split_at(end);
        let after = match tail.chars().next() {
            None => "",
            Some(':') => &tail[1..],
            Some(c) if c.is_whitespace() => tail,
            Some(_) => return None,
        };
        (!name.is_empty()).then_some(Self {
            name,
            after,
            whole: token.trim_end_matches(':'),
            behind_whole,
        })
    }
}
