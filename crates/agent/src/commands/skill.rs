//! Skills as commands.

/// A skill that has a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillCommand {
    /// The command, without `/`: lower-case letters, digits and `_`.
    pub name: String,
    /// The skill.
    pub skill: String,
}

impl SkillCommand {
    /// What the model is told in place of the command and `input`, the text behind it.
    pub fn message(&self, input: &str) -> String {
        match input.trim() {
            "" => format!("Use the \"{}\" skill for this request.", self.skill),
            input => format!(
                "Use the \"{}\" skill for this request.\n\nUser input:\n{input}",
                self.skill
            ),
        }
    }
}

/// The skill that a text begins with, by its command or its name, and what follows: of several, the longest. Case makes
/// no difference, and space, `_` and `-` are alike.
pub(super) fn find<'a, 't>(
    skills: &'a [SkillCommand],
    text: &'t str,
) -> Option<(&'a SkillCommand, &'t str)> {
    let names = skills
        .iter()
        .flat_map(|skill| [(skill, &skill.name), (skill, &skill.skill)]);
    names
        .filter_map(|(skill, name)| Some((skill, name.len(), after(name, text)?)))
        .max_by_key(|(_, length, _)| *length)
        .map(|(skill, _, rest)| (skill, rest))
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
