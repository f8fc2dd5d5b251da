//! `moltbot prompt show`: what a model is told, and what that costs. And the workspace that part of it comes from.

use moltbot_testkit::{Part, Script, ScriptedServer, Usage, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{CONFIG, box_config};
use crate::setup::Home;

/// What a server reports of a prompt of `input` tokens, of which it had `cached`.
fn usage(input: u64, cached: u64) -> Usage {
    Usage {
        input_tokens: input,
        cached_tokens: cached,
        output_tokens: 10,
        reasoning_tokens: 0,
    }
}

fn answering(reports: &[Usage]) -> ScriptedServer {
    let chat = || When::post("/v1/chat/completions");
    let script = reports.iter().fold(Script::new(), |script, usage| {
        script.on(
            chat().once(),
            openai_chat(&[Part::Text("Ok.")]).usage(*usage),
        )
    });
    block_on(ScriptedServer::start(script))
}

fn section<'a>(shown: &'a Value, name: &str) -> Option<&'a str> {
    let sections = shown["sections"].as_array().unwrap();
    let found = sections.iter().find(|section| section["name"] == name)?;
    found["text"].as_str()
}

#[test]
fn the_prompt_of_a_session_that_would_begin_now_is_shown_and_nothing_is_made() {
    let server = answering(&[]);
    let home = Home::with_config(box_config(&server.base_url()));
    let shown = home.json(&["prompt", "show", "--json"]);
    assert_eq!(
        (&shown["frozen"], &shown["profile"]),
        (&json!(false), &json!("lean"))
    );
    assert_eq!(
        (&shown["sessionKey"], &shown["lastTurn"]),
        (&Value::Null, &Value::Null)
    );
    let tokens = |value: &Value| value["tokens"].as_u64().unwrap();
    let sections = shown["sections"].as_array().unwrap();
    let sum: u64 = sections.iter().map(tokens).sum();
    assert_eq!(shown["tokens"]["system"], sum);
    assert!((20..350).contains(&sum), "{sum} tokens");
    let tools = shown["tools"].as_array().unwrap();
    let all: u64 = sum + tools.iter().map(tokens).sum::<u64>();
    assert!(tools.len() >= 10 && all < 2000, "{all} tokens: {tools:#?}");
    assert!(!home.path().join("clawd").exists());
    assert!(server.posts().is_empty(), "no model is asked");
    let text = home.ok(&["prompt", "show"]);
    assert!(text.contains("You are Moltbot"), "{text}");
    assert!(text.contains("Profile lean, model box/small"), "{text}");
    assert!(text.contains("No turn yet."), "{text}");
}

#[test]
fn a_session_keeps_its_prompt_and_what_its_last_turn_read_again_is_shown() {
    let server = answering(&[usage(1_000, 0), usage(1_030, 1_005), usage(1_060, 400)]);
    let home = Home::with_config(box_config(&server.base_url()));
    home.ok(&["agent", "-m", "one"]);
    let soul = home.path().join("clawd/SOUL.md");
    assert!(soul.exists() && home.path().join("clawd/BOOTSTRAP.md").exists());
    std::fs::write(&soul, "Be a pirate.").unwrap();
    home.ok(&["agent", "-m", "two"]);

    let shown = home.json(&["prompt", "show", "--json"]);
    assert_eq!(
        (&shown["frozen"], &shown["sessionKey"]),
        (&json!(true), &json!("agent:main:main"))
    );
    assert!(!section(&shown, "SOUL.md").unwrap().contains("pirate"));
    let last = &shown["lastTurn"];
    assert_eq!(
        (
            &last["model"],
            &last["input"],
            &last["cacheRead"],
            &last["output"]
        ),
        (&json!("box/small"), &json!(25), &json!(1_005), &json!(10))
    );
    // Of 1,030 tokens, 1,010 were read or written before.
    assert_eq!(last["reread"], 5);

    home.ok(&["agent", "-m", "three"]);
    let text = home.ok(&["prompt", "show", "--session-id", "main"]);
    assert!(
        text.contains("Prompt of agent:main:main, as it began"),
        "{text}"
    );
    assert!(
        text.contains("660 tokens read anew, 400 from the cache, 10 written; about 640 of them had been read before."),
        "{text}"
    );
    let told: Vec<Value> = server
        .posts()
        .iter()
        .map(|request| request.json()["messages"][0].clone())
        .collect();
    assert!(told.iter().all(|system| *system == told[0]), "{told:?}");
}

#[test]
fn the_owner_says_how_much_an_agent_is_told_and_where_it_works() {
    let server = answering(&[usage(100, 0)]);
    let home = Home::with_config(box_config(&server.base_url()));
    home.ok(&["config", "set", "agents.defaults.promptProfile", "none"]);
    home.ok(&["config", "set", "agents.defaults.skipBootstrap", "true"]);
    let list =
        json!([{"id": "main"}, {"id": "work", "promptProfile": "full", "workspace": "~/office"}]);
    home.ok(&["config", "set", "agents.list", &list.to_string()]);
    home.write("office/AGENTS.md", "Wear a tie.");
    home.write(
        "office/skills/post/SKILL.md",
        "---\nname: post\ndescription: Letters.\nmetadata: {moltbot: {requires: {bins: [no-such-program]}}}\n---\n",
    );
    let shown = home.json(&["prompt", "show", "--json"]);
    assert_eq!(shown["profile"], "none");
    assert_eq!(shown["sections"].as_array().unwrap().len(), 1);
    let shown = home.json(&["prompt", "show", "--agent", "work", "--json"]);
    assert_eq!(shown["profile"], "full");
    assert_eq!(
        section(&shown, "AGENTS.md"),
        Some("## AGENTS.md\nWear a tie.")
    );
    assert!(
        section(&shown, "SOUL.md")
            .unwrap()
            .contains("[MISSING] Expected at: ")
    );
    assert_eq!(shown["unusedSkills"][0]["name"], "post");
    home.ok(&["agent", "--agent", "work", "-m", "hi"]);
    assert!(
        !home.path().join("office/SOUL.md").exists(),
        "nothing is created"
    );
}

#[test]
fn a_session_that_is_not_there_is_named() {
    let server = answering(&[]);
    let home = Home::with_config(box_config(&server.base_url()));
    let said = home.fails(&["prompt", "show", "--session-id", "elsewhere"]);
    assert!(said.contains("There is no session \"elsewhere\""), "{said}");
}

#[test]
fn a_workspace_that_cannot_be_made_is_one_sentence() {
    let server = answering(&[]);
    let home = Home::with_config(box_config(&server.base_url()));
    home.ok(&[
        "config",
        "set",
        "agents.defaults.workspace",
        &format!("~/{CONFIG}/w"),
    ]);
    let said = home.fails(&["agent", "-m", "hi"]);
    assert!(said.starts_with("The workspace folder "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(server.posts().is_empty());
}

#[test]
fn an_unknown_time_zone_is_told_and_messages_are_stamped_in_utc() {
    let server = answering(&[usage(100, 0)]);
    let home = Home::with_config(box_config(&server.base_url()));
    home.ok(&[
        "config",
        "set",
        "agents.defaults.envelopeTimezone",
        "Mars/Base",
    ]);
    let output = home.moltbot(&["agent", "-m", "hi"]);
    let said = crate::setup::err(&output);
    assert!(said.contains("no time zone \"Mars/Base\""), "{said}");
    let sent = server.posts()[0].json()["messages"][1].clone();
    let (stamp, text) = sent["content"].as_str().unwrap().split_once('\n').unwrap();
    assert!(stamp.ends_with(" UTC]"), "{stamp}");
    assert_eq!(text, "hi");
}
