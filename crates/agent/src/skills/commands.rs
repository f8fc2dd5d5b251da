//! Skills as commands of a person: `/<name> [input]` and `/skill <name> [input]`.

use std::collections::BTreeSet;

use super::Skill;

/// Chat services take no longer command.
const MOST_NAME: usize = 32;

/// Chat services take no longer description.
const MOST_DESCRIPTION: usize = 100;

/// A skill as a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillCommand {
    /// The command, without `/`: lower-case letters, digits and `_`, at most 32.
    pub name: String,
    /// The skill.
    pub skill: String,
    /// What it is for, at most 100 characters.
    pub description: String,
    /// The tool that is called directly with what follows the command; `None` asks the model.
    pub tool: Option<String>,
}

impl SkillCommand {
    /// What the model is told in place of the command and `input`, the text behind it.
    pub fn message(&self, input: &str) -> String {
        let mut text = format!("Use the \"{}\" skill for this request.", self.skill);
        let input = input.trim();
        if !input.is_empty() {
            text.push_str(&format!("\n\nUser input:\n{input}"));
        }
        text
    }
}

/// The commands of the skills that a person may call, in the order of the skills. Where a name is taken, by one of
/// `reserved` (without `/`) or by another skill, it gets a number behind it.
pub fn skill_commands(skills: &[Skill], reserved: &[&str]) -> Vec<SkillCommand> {
    let mut taken: BTreeSet<String> = reserved.iter().map(|name| name.to_lowercase()).collect();
    let mut commands = Vec::new();
    for skill in skills.iter().filter(|skill| skill.is_command) {
        let base = sanitised(&skill.name);
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            let ending = format!("_{number}");
            // Names are ASCII.
            let kept = &base[..base.len().min(MOST_NAME - ending.len())];
            name = format!("{kept}{ending}");
            number += 1;
        }
        commands.push(SkillCommand {
            name,
            skill: skill.name.clone(),
            description: skill.description.chars().take(MOST_DESCRIPTION).collect(),
            tool: skill.tool.clone(),
        });
    }
    commands
}

/// The skill that a text begins with, by its command or its name, and the input behind it: of several, the longest, and a
/// command before a name. Case makes no difference, and space, `_` and `-` are alike.
pub(crate) fn find_skill_command<'a, 't>(
    commands: &'a [SkillCommand],
    text: &'t str,
) -> Option<(&'a SkillCommand, &'t str)> {
    let names = commands.iter().flat_map(|command| {
        [
            (command, &command.name, true),
            (command, &command.skill, false),
        ]
    });
    names
        .filter_map(|(command, name, own)| Some((command, (name.len(), own), after(name, text)?)))
        .max_by_key(|(_, rank, _)| *rank)
        .map(|(command, _, rest)| (command, rest))
}

/// What follows a name at the beginning of a text.
fn after<'t>(name: &str, text: &'t str) -> Option<&'t str> {
    let alike = |c: char| match c {
        '_' | '-' => ' ',
        c => c.to_ascii_lowercase(),
    };
    let mut rest = text.trim_start().chars();
    for wanted in name.chars() {
        if alike(rest.next()?) != alike(wanted) {
            return None;
        }
    }
    let rest = rest.as_str();
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

fn sanitised(name: &str) -> String {
    let mut clean = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => clean.push(c),
            _ if clean.ends_with('_') || clean.is_empty() => {}
            _ => clean.push('_'),
        }
    }
    clean.truncate(MOST_NAME);
    match clean.trim_end_matches('_') {
        "" => "skill".to_owned(),
        clean => clean.to_owned(),
    }
}
