//! `/context` of a real workspace.

use std::fs;

use async_trait::async_trait;
use moltbot_llm::ToolSpec;
use serde_json::Value;

use super::*;
use crate::prompt::{PromptProfile, PromptSettings};
use crate::skills::{SkillOrigin, SkillSettings};
use crate::tool::{Arguments, Scene, Tool, ToolError, ToolOutput};
use crate::{Gate, Toolbox};
use moltbot_guard::{Effect, Plan};

/// A tool, of a server's if it has a `__` in its name.
struct Named(String);

#[async_trait]
impl Tool for Named {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.0.clone(),
            description: "Does it.".to_owned(),
            parameters: json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": []}),
        }
    }

    fn source(&self) -> Option<&str> {
        Some(self.0.split_once("__")?.0)
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, "")
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::default())
    }
}

async fn setup(profile: PromptProfile) -> Setup {
    let mut setup = Setup::new().await;
    let workspace = setup.agent.settings.workspace.clone();
    fs::write(workspace.join("AGENTS.md"), "Be kind.").unwrap();
    fs::write(workspace.join("SOUL.md"), "x".repeat(900)).unwrap();
    fs::create_dir_all(workspace.join("skills/notes")).unwrap();
    fs::write(
        workspace.join("skills/notes/SKILL.md"),
        "---\nname: notes\ndescription: Keep: notes\n---\n",
    )
    .unwrap();
    let prompt = PromptSettings {
        profile: Some(profile),
        file_chars: 500,
        skills: SkillSettings {
            folders: vec![(SkillOrigin::Workspace, workspace.join("skills"))],
            ..SkillSettings::default()
        },
        ..PromptSettings::default()
    };
    let mut tools = Toolbox::new();
    tools.add(Named("read".to_owned()));
    for number in 0..30 {
        tools.add(Named(format!("hub__t{number}")));
    }
    setup.agent = setup
        .agent
        .with_prompt(prompt)
        .with_tools(tools, Gate::closed());
    setup
}

#[tokio::test]
async fn what_the_model_is_told_is_shown_with_what_it_takes() {
    for profile in [PromptProfile::Full, PromptProfile::Lean] {
        let mut setup = setup(profile).await;
        let list = setup.says("/context").await;
        assert_eq!(list, setup.says("/context list").await);
        for part in [
            "🧠 Context of agent:main:main, as this session would begin now",
            "Model: box/main · window 1.0k (config)",
            "- AGENTS.md: 8 characters, ~",
            "- SOUL.md: cut, ",
            " of 900 characters",
            "Skills: 1, ~",
            "Tools: read, tool_call, tool_search",
            "Hidden tools, which the model searches for: 30, which would take ~",
        ] {
            assert!(list.contains(part), "{part}: {list}");
        }
        assert!(!list.contains("hub__t3"), "{list}");
        let detail = setup.says("/context DETAIL").await;
        for part in [
            "- notes: ",
            "- read: ~",
            "- hub__t3 (hub): ~",
            "- Identity: ~",
        ] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        let wrong = setup.says("/context all").await;
        assert!(wrong.contains("Valid: list, detail, json"), "{wrong}");
    }
}

#[tokio::test]
async fn the_report_has_the_names_of_the_original() {
    let mut setup = setup(PromptProfile::Full).await;
    let report: Value = serde_json::from_str(&setup.says("/context json").await).unwrap();
    assert_eq!(report["source"], "estimate");
    assert_eq!(report["provider"], "box");
    assert_eq!(report["sessionKey"], "agent:main:main");
    let system = &report["systemPrompt"];
    let (all, project) = (&system["chars"], &system["projectContextChars"]);
    assert_eq!(
        all.as_u64().unwrap(),
        project.as_u64().unwrap() + system["nonProjectContextChars"].as_u64().unwrap()
    );
    let files = report["injectedWorkspaceFiles"].as_array().unwrap();
    let file = |name: &str| files.iter().find(|file| file["name"] == name).unwrap();
    assert_eq!(file("AGENTS.md")["injectedChars"], 8);
    assert_eq!(file("SOUL.md")["rawChars"], 900);
    assert_eq!(file("SOUL.md")["truncated"], true);
    assert_eq!(file("USER.md")["missing"], true);
    assert_eq!(report["skills"]["entries"][0]["name"], "notes");
    assert!(
        report["skills"]["entries"][0]["blockChars"]
            .as_u64()
            .unwrap()
            > 20
    );
    let tool = &report["tools"]["entries"][0];
    assert_eq!(
        (&tool["name"], &tool["summaryChars"]),
        (&json!("read"), &json!(8))
    );
    assert_eq!(tool["propertiesCount"], 1);
    assert_eq!(
        report["hiddenTools"]["entries"].as_array().unwrap().len(),
        30
    );
}
