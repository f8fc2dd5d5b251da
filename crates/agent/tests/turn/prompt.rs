//! What a model is told before the conversation, and what it costs.

use std::fs;
use std::path::Path;

use moltbot_agent::{Inbox, PromptProfile, PromptSettings};

use super::*;

/// The system prompt of a request.
fn system(body: &Value) -> String {
    let first = &body["messages"][0];
    assert_eq!(first["role"], "system");
    first["content"].as_str().unwrap().to_owned()
}

/// A setup whose agent works in a folder of its own below the home.
async fn setup_in(workspace: &str, settings: PromptSettings) -> Setup {
    let mut setup = setup(all_dialects("Ok."), "openai-completions").await;
    setup.agent = working_in(&setup, &setup.dir.path().join(workspace), settings);
    setup
}

fn working_in(setup: &Setup, workspace: &Path, prompt: PromptSettings) -> Agent {
    let mut parts = Parts::new(two_models(&setup.server), setup.dir.path());
    parts.settings.workspace = workspace.to_owned();
    parts.agent().with_prompt(prompt)
}

fn with_files() -> PromptSettings {
    PromptSettings {
        creates_files: true,
        ..PromptSettings::default()
    }
}

#[tokio::test]
async fn a_prompt_stays_what_it_was_when_the_conversation_began() {
    let mut setup = setup_in("w", with_files()).await;
    let workspace = setup.dir.path().join("w");
    say(&setup, "one").await.unwrap();
    assert!(workspace.join("BOOTSTRAP.md").exists(), "it was made");
    fs::write(workspace.join("SOUL.md"), "Be a pirate.").unwrap();
    say(&setup, "two").await.unwrap();
    // Another process goes on with it.
    setup.agent = working_in(&setup, &workspace, with_files());
    say(&setup, "three").await.unwrap();
    setup.session = setup.agent.reset(&setup.session).await.unwrap();
    say(&setup, "four").await.unwrap();
    let told: Vec<String> = setup
        .server
        .requests()
        .iter()
        .map(|request| system(&request.json()))
        .collect();
    assert!(told[0].contains("# Who you are") && !told[0].contains("pirate"));
    assert_eq!((&told[1], &told[2]), (&told[0], &told[0]));
    assert!(told[3].contains("Be a pirate."), "a new session sees it");
}

#[tokio::test]
async fn what_the_person_said_is_stored_apart_from_its_stamp() {
    let script = Script::new().on(When::post("/v1/chat/completions"), error(500, "boom"));
    let setup = setup(script, "openai-completions").await;
    say(&setup, "hello").await.unwrap_err();
    let message = messages(&setup.agent, &setup.session).await.remove(0);
    assert_eq!(message["content"][0]["from"], "program");
    assert_eq!(
        message["content"][1],
        json!({"type": "text", "text": "hello", "from": "owner"})
    );
    let open = setup
        .agent
        .unanswered(&setup.session)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open.text, "hello");
}

#[tokio::test]
async fn what_is_said_during_a_turn_is_stamped_too() {
    let setup = setup(all_dialects("Ok."), "openai-completions").await;
    let inbox = Inbox::default();
    inbox.follow_up("and this");
    let request = TurnRequest {
        inbox: Some(&inbox),
        ..TurnRequest::new(&setup.session, "this")
    };
    setup
        .agent
        .turn(request, pending(), &mut |_| {})
        .await
        .unwrap();
    let sent = conversation(&setup.server.requests().pop().unwrap().json());
    let texts: Vec<&str> = sent[1..].iter().map(said).collect();
    assert_eq!(texts, ["this", "Ok.", "and this"]);
}

#[tokio::test]
async fn without_a_workspace_there_is_one_clear_sentence_and_the_message_is_kept() {
    let setup = setup_in("moltbot.db/w", PromptSettings::default()).await;
    let failed = say(&setup, "hello").await.unwrap_err();
    assert!(matches!(failed, TurnError::Workspace(_)), "{failed}");
    assert!(
        failed.to_string().starts_with("The workspace folder "),
        "{failed}"
    );
    assert_eq!(states(&setup).await, [TurnState::Failed]);
    let open = setup
        .agent
        .unanswered(&setup.session)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open.text, "hello");
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn a_report_says_what_each_part_costs_and_creates_nothing() {
    let setup = setup_in("w", with_files()).await;
    let before = setup.agent.prompt_report(None).await.unwrap();
    assert!(!setup.dir.path().join("w").exists());
    assert_eq!(
        (before.is_frozen, before.profile),
        (false, PromptProfile::Lean)
    );
    assert_eq!(before.last_turn, None);
    assert_eq!(before.sections[0].name, "Identity");
    assert!(before.sections.iter().all(|section| section.tokens > 0));

    say(&setup, "one").await.unwrap();
    say(&setup, "two").await.unwrap();
    let report = setup
        .agent
        .prompt_report(Some(&setup.session))
        .await
        .unwrap();
    assert!(report.is_frozen);
    let texts: Vec<&str> = report.sections.iter().map(|s| s.text.as_str()).collect();
    let told = system(&setup.server.requests()[1].json());
    assert_eq!(texts.join("\n\n"), told);
    // Four characters a token, and the message around it.
    assert_eq!(report.system_tokens(), told.len().div_ceil(4) as u64 + 4);
    let last = report.last_turn.unwrap();
    assert_eq!((last.model.to_string().as_str(), last.steps), ("box/m", 1));
    assert!(last.usage.is_known());
}
