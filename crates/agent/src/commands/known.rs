//! The commands there are.

use std::fmt::Write;

/// How a command is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Takes the rest of the message; counts at its beginning only.
    Whole,
    /// Takes nothing; may stand anywhere in a message.
    Shortcut,
    /// Takes one word; may stand anywhere in a message.
    Directive,
    /// Known from the original, but nothing here does it yet.
    NotBuilt,
}

/// One command.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    aliases: &'static [&'static str],
    pub(super) kind: Kind,
    /// What it takes, as in a help text.
    takes: &'static str,
    about: &'static str,
    /// Its heading; `None` leaves it out of lists.
    group: Option<&'static str>,
}

const SESSION: Option<&str> = Some("Session");
const OPTIONS: Option<&str> = Some("Options");
const STATUS: Option<&str> = Some("Status");
const TOOLS: Option<&str> = Some("Tools");

const fn known(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Kind,
    takes: &'static str,
    about: &'static str,
    group: Option<&'static str>,
) -> Known {
    Known {
        name,
        aliases,
        kind,
        takes,
        about,
        group,
    }
}

const fn not_built(name: &'static str, aliases: &'static [&'static str]) -> Known {
    known(name, aliases, Kind::NotBuilt, "", "", None)
}

/// All of them, in the order in which they are listed.
#[rustfmt::skip]
const KNOWN: &[Known] = &[
    known("new", &["reset"], Kind::Whole, "[model] [message]", "start a new session; the old one stays on disk", SESSION),
    known("stop", &[], Kind::Whole, "", "stop the answer that is being written", SESSION),
    known("subagents", &[], Kind::Whole, "[list|info|log|send|stop]", "the sub-agents of this session", SESSION),
    known("retry", &[], Kind::Whole, "", "send the last unanswered message again", SESSION),
    known("compact", &[], Kind::Whole, "[instructions]", "summarise what was said so far", SESSION),
    known("model", &[], Kind::Directive, "[name]", "show or choose the model; /model default goes back", OPTIONS),
    known("think", &["thinking", "t"], Kind::Directive, "[level]", "off, minimal, low, medium, high, xhigh", OPTIONS),
    known("reasoning", &["reason"], Kind::Directive, "on|off", "show the model's reasoning", OPTIONS),
    known("verbose", &["v"], Kind::Directive, "on|full|off", "show what tools do", OPTIONS),
    known("elevated", &["elev"], Kind::Directive, "on|off|ask|full", "run commands outside the sandbox", OPTIONS),
    known("usage", &[], Kind::Whole, "off|tokens|full", "show the tokens of each answer", OPTIONS),
    known("places", &["place"], Kind::Whole, "[list]", "where this session may go: local, regions, providers; or anywhere", OPTIONS),
    known("status", &[], Kind::Shortcut, "", "model, session and tokens", STATUS),
    known("context", &[], Kind::Whole, "[list|detail|json]", "what the model is told, and what it takes", STATUS),
    known("models", &[], Kind::Whole, "[provider]", "the models you can choose from", STATUS),
    known("whoami", &["id"], Kind::Shortcut, "", "how the agent knows you", STATUS),
    known("help", &[], Kind::Shortcut, "", "this list", STATUS),
    known("commands", &[], Kind::Shortcut, "", "the commands by group", STATUS),
    known("approve", &[], Kind::Whole, "[id allow-once|allow-always|deny]", "answer what an agent asks you about", TOOLS),
    known("skill", &["skills"], Kind::Whole, "<name> [text]", "use a skill", TOOLS),
    not_built("exec", &[]),
    not_built("queue", &[]),
    not_built("activation", &[]),
    not_built("send", &[]),
    not_built("config", &[]),
    not_built("debug", &[]),
    not_built("allowlist", &[]),
    not_built("tts", &[]),
    not_built("restart", &[]),
    not_built("bash", &[]),
];

/// A command by its name or another name, in any case.
pub(super) fn find(word: &str) -> Option<&'static Known> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(word);
    KNOWN
        .iter()
        .find(|known| is_it(&known.name) || known.aliases.iter().any(is_it))
}

/// The names and other names of all commands, without `/`: no skill's command can be called like that.
pub fn command_names() -> impl Iterator<Item = &'static str> {
    KNOWN
        .iter()
        .flat_map(|known| std::iter::once(known.name).chain(known.aliases.iter().copied()))
}

/// What is listed: the skills' command only where there are skills.
fn listed(has_skills: bool) -> impl Iterator<Item = (&'static Known, &'static str)> {
    KNOWN.iter().filter_map(move |known| {
        let shown = known.name != "skill" || has_skills;
        Some((known, known.group.filter(|_| shown)?))
    })
}

/// A command and what it takes, as it is typed.
fn usage(known: &Known) -> String {
    format!("/{} {}", known.name, known.takes)
        .trim_end()
        .to_owned()
}

/// The help card.
pub(super) fn help(has_skills: bool) -> String {
    let rows: Vec<(String, &str)> = listed(has_skills)
        .map(|(known, _)| (usage(known), known.about))
        .collect();
    table(&rows)
}

/// Rows in two columns.
pub(super) fn table(rows: &[(String, &str)]) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max();
    let width = width.unwrap_or_default();
    let lines: Vec<String> = rows
        .iter()
        .map(|(left, right)| format!("{left:width$}  {right}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// The commands under headings, with their other names.
pub(super) fn commands(has_skills: bool) -> String {
    let mut text = String::new();
    for group in [SESSION, OPTIONS, STATUS, TOOLS].into_iter().flatten() {
        let of_group: Vec<&Known> = listed(has_skills)
            .filter(|(_, other)| *other == group)
            .map(|(known, _)| known)
            .collect();
        if of_group.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(group);
        for known in of_group {
            let others: Vec<String> = known
                .aliases
                .iter()
                .map(|name| format!("/{name}"))
                .collect();
            let others = match others.is_empty() {
                true => String::new(),
                false => format!(" ({})", others.join(", ")),
            };
            // Writing into a string does not fail.
            let _ = write!(text, "\n  {}{others} - {}", usage(known), known.about);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_means_one_command() {
        let mut names = BTreeSet::new();
        for known in KNOWN {
            assert!(names.insert(known.name), "{}", known.name);
            for alias in known.aliases {
                assert!(names.insert(alias), "{alias}");
                assert_eq!(
                    find(&alias.to_uppercase()).map(|k| k.name),
                    Some(known.name)
                );
            }
        }
        assert!(find("nonsense").is_none());
    }

    #[test]
    fn what_does_not_work_is_not_listed() {
        for text in [help(false), commands(false)] {
            assert!(text.contains("/new [model] [message]"), "{text}");
            for word in ["/skill", "/queue"] {
                assert!(!text.contains(word), "{text}");
            }
        }
        assert!(help(true).contains("/skill <name> [text]"));
        assert!(commands(false).contains("/think [level] (/thinking, /t) - off"));
    }
}
