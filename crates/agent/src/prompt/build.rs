//! Puts a prompt together, section by section, in an order that never changes.

use std::path::Path;

use moltbot_llm::{Model, Source, ToolSpec};

use super::words::{self, lean};
use super::{Prompt, PromptProfile, PromptSettings, Section};
use crate::sandbox::Sandboxed;
use crate::shown_path::shown_path;
use crate::skills::{Skills, brief_list, full_list};
use crate::workspace::{Room, Standing, WorkspaceFile, read_files};

/// Assumed where nobody knows a model's context window.
const UNKNOWN_WINDOW: u64 = 8_192;

/// Characters of workspace files in a lean prompt: a sixteenth of the context window, at four characters a token, but
/// between these.
const LEAN_FILES: std::ops::RangeInclusive<u64> = 2_000..=8_000;

/// Characters of the list of skills in a lean prompt: a thirty-second of the window, but between these.
const LEAN_SKILLS: std::ops::RangeInclusive<u64> = 1_000..=4_000;

/// The context window that a prompt is made for.
pub(crate) fn safe_window(model: &Model) -> u64 {
    match model.context_source {
        Source::Guess => UNKNOWN_WINDOW,
        _ => model.context_window,
    }
}

/// What a prompt is made of.
pub(crate) struct Ingredients<'a> {
    pub(crate) settings: &'a PromptSettings,
    /// The model that the conversation begins with.
    pub(crate) model: &'a Model,
    pub(crate) agent_id: &'a str,
    pub(crate) workspace: &'a Path,
    /// What it is confined to there.
    pub(crate) sandbox: Option<&'a Sandboxed>,
    pub(crate) tools: Vec<ToolSpec>,
}

/// The sections so far.
#[derive(Default)]
struct Sections(Vec<Section>);

impl Sections {
    fn add(&mut self, name: &str, text: impl Into<String>) {
        self.0.push(Section {
            name: name.to_owned(),
            text: text.into(),
        });
    }
}

impl Ingredients<'_> {
    /// The prompt. Reads the workspace and the skills; writes nothing.
    pub(crate) fn prompt(self) -> Prompt {
        let profile = self
            .settings
            .profile
            .unwrap_or_else(|| PromptProfile::suiting(self.model));
        let mut sections = Sections::default();
        match profile {
            PromptProfile::Full => self.full(&mut sections),
            PromptProfile::Lean => self.lean(&mut sections),
            PromptProfile::None => {
                self.identity(&mut sections);
                self.brief(&mut sections);
            }
        }
        Prompt {
            profile,
            sections: sections.0,
            tools: self.tools,
        }
    }

    fn full(&self, sections: &mut Sections) {
        self.identity(sections);
        if self.tools.is_empty() {
            sections.add("Tooling", words::NO_TOOLS);
        } else {
            let mut tooling = words::TOOLING.to_owned();
            if self.has("sessions_spawn") && !self.is_sub_agent() {
                tooling = format!("{tooling}\n{}", words::DELEGATING);
            }
            sections.add("Tooling", tooling);
            sections.add("Tool Call Style", words::CALL_STYLE);
        }
        if !self.is_sub_agent() {
            sections.add("Command Line", words::COMMAND_LINE);
            if let Some(list) = full_list(&self.skills().usable) {
                sections.add("Skills", format!("## Skills (mandatory)\n{list}"));
            }
            if let Some(recall) = self.recall() {
                sections.add("Memory Recall", format!("## Memory Recall\n{recall}"));
            }
            if self.has("session_status") && !self.settings.aliases.is_empty() {
                let aliases = self.settings.aliases.iter();
                let lines: Vec<String> = aliases
                    .map(|(alias, model)| format!("- {alias}: {model}"))
                    .collect();
                sections.add(
                    "Model Aliases",
                    format!("## Model Aliases\n{}", lines.join("\n")),
                );
            }
        }
        if !self.tools.is_empty() {
            sections.add(
                "Workspace",
                format!(
                    "## Workspace\nYour working directory is {}. Relative paths start there.",
                    shown_path(self.workspace)
                ),
            );
            if let Some(sandbox) = self.sandbox {
                sections.add(
                    "Sandbox",
                    format!("## Sandbox\n{}", words::sandbox(sandbox)),
                );
            }
        }
        if self.settings.stamp.is_on() {
            sections.add("Time", words::TIME);
        }
        self.brief(sections);
        let files = self.files(Room {
            each: self.settings.file_chars,
            all: None,
            is_scarce: false,
            for_sub_agent: self.is_sub_agent(),
        });
        if !files.is_empty() {
            let mut heading = words::FILES.to_owned();
            if files
                .iter()
                .any(|file| file.name == "SOUL.md" && file.standing != Standing::Missing)
            {
                heading = format!("{heading} {}", words::PERSONA);
            }
            sections.add("Project Context", heading);
            self.add_files(sections, &files);
        }
        sections.add(
            "Runtime",
            format!(
                "## Runtime\nRuntime: agent={} | os={} ({}) | moltbot={}",
                self.agent_id,
                std::env::consts::OS,
                std::env::consts::ARCH,
                env!("CARGO_PKG_VERSION"),
            ),
        );
    }

    fn lean(&self, sections: &mut Sections) {
        self.identity(sections);
        if self.tools.is_empty() {
            sections.add("Tools", words::NO_TOOLS);
        } else {
            sections.add("Tools", lean::TOOLS);
            sections.add(
                "Workspace",
                format!(
                    "Your working directory is {}; relative paths start there.",
                    shown_path(self.workspace)
                ),
            );
            if let Some(sandbox) = self.sandbox {
                sections.add("Sandbox", words::sandbox(sandbox));
            }
        }
        if !self.is_sub_agent() {
            let room = self.share(32, LEAN_SKILLS);
            if let Some(list) = brief_list(&self.skills().usable, self.workspace, room) {
                sections.add("Skills", list);
            }
            sections.0.extend(self.recall().map(|text| Section {
                name: "Memory".to_owned(),
                text,
            }));
        }
        if self.settings.stamp.is_on() {
            sections.add("Time", lean::TIME);
        }
        self.brief(sections);
        let all = self.share(16, LEAN_FILES);
        let files = self.files(Room {
            each: self.settings.file_chars.min(all / 2),
            all: Some(all),
            is_scarce: true,
            for_sub_agent: self.is_sub_agent(),
        });
        if !files.is_empty() {
            sections.add("Files", lean::FILES);
            self.add_files(sections, &files);
        }
    }

    fn identity(&self, sections: &mut Sections) {
        let text = match self.is_sub_agent() {
            true => words::SUB_AGENT,
            false => words::IDENTITY,
        };
        sections.add("Identity", text);
    }

    fn brief(&self, sections: &mut Sections) {
        if let Some(brief) = &self.settings.brief {
            sections.add(
                "Subagent Context",
                format!("## Subagent Context\n{}", brief.trim()),
            );
        }
    }

    /// Advice to look things up, with the tools that there are for it.
    fn recall(&self) -> Option<String> {
        let how = match (self.has("memory_search"), self.has("memory_get")) {
            (true, true) => "`memory_search`, then `memory_get` for the lines you need",
            (true, false) => "`memory_search`",
            (false, true) => "read them with `memory_get`",
            (false, false) => return None,
        };
        Some(format!(
            "Before you answer about earlier work, decisions, dates, people, preferences or tasks, look into your notes: {how}. If they do not tell, say so."
        ))
    }

    /// The skills that can be used; none where they could not be read.
    fn skills(&self) -> Skills {
        match self.has("read") {
            true => Skills::find(&self.settings.skills),
            false => Skills::default(),
        }
    }

    fn files(&self, room: Room) -> Vec<WorkspaceFile> {
        let mut files = read_files(self.workspace, room);
        // The first day is spent on writing down who is who.
        if !self.has("write") && !self.has("edit") {
            files.retain(|file| file.name != "BOOTSTRAP.md");
        }
        files
    }

    fn add_files(&self, sections: &mut Sections, files: &[WorkspaceFile]) {
        let (left_out, there): (Vec<_>, Vec<_>) = files
            .iter()
            .partition(|file| file.standing == Standing::LeftOut);
        for file in there {
            sections.add(file.name, format!("## {}\n{}", file.name, file.text));
        }
        if !left_out.is_empty() && self.has("read") {
            let names: Vec<&str> = left_out.iter().map(|file| file.name).collect();
            sections.add(
                "Files left out",
                format!(
                    "There was no room for {}: read them when you need them.",
                    names.join(", ")
                ),
            );
        }
    }

    /// So many parts of the context window are worth so many characters, at four a token.
    fn share(&self, parts: u64, limits: std::ops::RangeInclusive<u64>) -> usize {
        let chars = (safe_window(self.model) / parts * 4).clamp(*limits.start(), *limits.end());
        usize::try_from(chars).unwrap_or(usize::MAX)
    }

    fn has(&self, tool: &str) -> bool {
        self.tools.iter().any(|spec| spec.name == tool)
    }

    fn is_sub_agent(&self) -> bool {
        self.settings.brief.is_some()
    }
}

#[cfg(test)]
mod tests;
