//! Prompts of real folders.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use moltbot_config::Config;
use moltbot_llm::Catalog;
use serde_json::json;

use super::*;
use crate::skills::{SkillOrigin, SkillSettings};
use crate::workspace::prepare;

/// A model of a server in the house.
fn model(id: &str, window: u64) -> Model {
    let config: Config = serde_json::from_value(json!({"models": {"providers": {"box": {
        "baseUrl": "http://127.0.0.1:1/v1",
        "models": [{"id": id, "name": id, "contextWindow": window}, {"id": "unknown", "name": "U"}],
    }}}}))
    .unwrap();
    let id = if window == 0 { "unknown" } else { id };
    Catalog::new(&config, &[])
        .resolve(&format!("box/{id}"))
        .unwrap()
}

fn tools(names: &[&str]) -> Vec<ToolSpec> {
    names
        .iter()
        .map(|name| ToolSpec {
            name: (*name).to_owned(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {}}),
        })
        .collect()
}

/// What this program offers by default.
const TOOLS: [&str; 9] = [
    "edit",
    "exec",
    "memory_get",
    "memory_search",
    "process",
    "read",
    "session_status",
    "web_fetch",
    "write",
];

fn prompt(settings: &PromptSettings, model: &Model, workspace: &Path, names: &[&str]) -> Prompt {
    Ingredients {
        settings,
        model,
        agent_id: "main",
        workspace,
        sandbox: None,
        tools: tools(names),
    }
    .prompt()
}

fn section_names(prompt: &Prompt) -> Vec<&str> {
    prompt
        .sections
        .iter()
        .map(|section| section.name.as_str())
        .collect()
}

#[test]
fn the_model_decides_how_much_is_said_where_the_owner_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let auto = PromptSettings::default();
    for (id, window, profile) in [
        ("big", 128_000, PromptProfile::Full),
        ("qwen3-30b-a3b", 40_960, PromptProfile::Full),
        ("big", 32_768, PromptProfile::Lean),
        ("qwen3-4b", 128_000, PromptProfile::Lean),
        ("unknown", 0, PromptProfile::Lean),
    ] {
        let made = prompt(&auto, &model(id, window), dir.path(), &[]);
        assert_eq!(made.profile, profile, "{id} {window}");
    }
    let set = PromptSettings {
        profile: Some(PromptProfile::Full),
        ..PromptSettings::default()
    };
    let made = prompt(&set, &model("qwen3-4b", 8_192), dir.path(), &[]);
    assert_eq!(made.profile, PromptProfile::Full);
}

#[test]
fn sections_stand_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path(), true).unwrap();
    let skill = dir.path().join("skills/s");
    fs::create_dir_all(&skill).unwrap();
    fs::write(skill.join("SKILL.md"), "---\ndescription: d\n---\n").unwrap();
    let settings = PromptSettings {
        aliases: vec![("fast".into(), "box/small".into())],
        skills: SkillSettings {
            folders: vec![(SkillOrigin::Workspace, dir.path().join("skills"))],
            ..SkillSettings::default()
        },
        ..PromptSettings::default()
    };
    let full = prompt(&settings, &model("big", 128_000), dir.path(), &TOOLS);
    assert_eq!(
        section_names(&full),
        [
            "Identity",
            "Tooling",
            "Tool Call Style",
            "Command Line",
            "Skills",
            "Memory Recall",
            "Model Aliases",
            "Workspace",
            "Time",
            "Project Context",
            "AGENTS.md",
            "SOUL.md",
            "TOOLS.md",
            "IDENTITY.md",
            "USER.md",
            "HEARTBEAT.md",
            "BOOTSTRAP.md",
            "Runtime",
        ]
    );
    let system = full.system();
    assert!(system.contains("- fast: box/small"), "{system}");
    assert!(system.contains("SOUL.md says who you are"), "{system}");
    assert!(!system.contains("sessions_spawn"), "it is not offered");
    let lean = prompt(&settings, &model("small", 8_192), dir.path(), &TOOLS);
    assert_eq!(
        section_names(&lean),
        [
            "Identity",
            "Tools",
            "Workspace",
            "Skills",
            "Memory",
            "Time",
            "Files",
            "AGENTS.md",
            "SOUL.md",
            "BOOTSTRAP.md",
        ]
    );
    let bare = prompt(&settings, &model("big", 128_000), dir.path(), &[]);
    assert_eq!(
        section_names(&bare)[..5],
        [
            "Identity",
            "Tooling",
            "Command Line",
            "Time",
            "Project Context"
        ],
        "what there are no tools for is not spoken of"
    );
    let none = PromptSettings {
        profile: Some(PromptProfile::None),
        ..settings
    };
    let none = prompt(&none, &model("big", 128_000), dir.path(), &TOOLS);
    assert_eq!(section_names(&none), ["Identity"]);
}

#[test]
fn a_prompt_is_the_same_whenever_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path(), true).unwrap();
    let made = || {
        prompt(
            &PromptSettings::default(),
            &model("big", 128_000),
            dir.path(),
            &TOOLS,
        )
    };
    assert_eq!(made(), made());
    let text = serde_json::to_string(&made()).unwrap();
    assert_eq!(serde_json::from_str::<Prompt>(&text).unwrap(), made());
}

#[test]
fn a_lean_prompt_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let lean = prompt(
        &PromptSettings::default(),
        &model("small", 8_192),
        dir.path(),
        &TOOLS,
    );
    let length = lean.system().len() - dir.path().display().to_string().len();
    assert!(length <= 4 * 300, "{length} characters: {}", lean.system());
    // A workspace as it begins.
    prepare(dir.path(), true).unwrap();
    let lean = prompt(
        &PromptSettings::default(),
        &model("small", 8_192),
        dir.path(),
        &TOOLS,
    );
    assert!(lean.system().len() <= 4 * 600, "{}", lean.system());
}

#[test]
fn workspace_files_take_a_share_of_a_small_window() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["AGENTS.md", "SOUL.md", "USER.md", "MEMORY.md"] {
        fs::write(dir.path().join(name), "x".repeat(30_000)).unwrap();
    }
    let length = |window| {
        let made = prompt(
            &PromptSettings::default(),
            &model("small", window),
            dir.path(),
            &TOOLS,
        );
        let xs = made.system().chars().filter(|c| *c == 'x').count();
        (
            xs,
            section_names(&made).last().map(|name| (*name).to_owned()),
        )
    };
    let left_out = Some("Files left out".to_owned());
    let (little, last) = length(8_192);
    assert!((1_800..2_100).contains(&little), "{little}");
    assert_eq!(last, left_out);
    let (more, _) = length(32_768);
    assert!((7_000..8_100).contains(&more), "{more}");
}

#[test]
fn a_sub_agent_has_its_task_and_neither_persona_nor_memories() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["AGENTS.md", "SOUL.md", "TOOLS.md", "MEMORY.md"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    let settings = PromptSettings::default().for_sub_agent("Count the files.\n");
    for window in [8_192, 128_000] {
        let made = prompt(&settings, &model("m", window), dir.path(), &TOOLS);
        let system = made.system();
        assert!(system.starts_with("You are a sub-agent"), "{system}");
        assert!(
            system.contains("## Subagent Context\nCount the files."),
            "{system}"
        );
        assert!(
            system.contains("## AGENTS.md\nAGENTS.md\n\n## TOOLS.md\nTOOLS.md"),
            "{system}"
        );
        assert!(
            !system.contains("## SOUL.md") && !system.contains("MEMORY.md"),
            "{system}"
        );
    }
}
