//! What models, servers and files say does not steer the terminal: no title, no clipboard, no link under other words, nothing
//! wiped away.

use moltbot_testkit::{
    Part, Script, ScriptedServer, When, block_on, error, models_list, openai_chat,
};

use crate::fixtures::{box_config, run};
use crate::setup::Home;

/// Title, clipboard, a link, cursor and screen, another way to begin each, and a bell.
const STEERING: &str = "a\u{1b}]0;title\u{7}\u{1b}]52;c;Y2F0\u{7}\u{1b}]8;;http://x.example\u{1b}\\b\u{1b}]8;;\u{1b}\\\u{1b}[2J\u{1b}[1;1H\u{1b}[8m\u{1b}Pq\u{1b}\\\u{9b}2J\u{9d}0;t\u{9c}\u{8}\u{8}\rc";

#[track_caller]
fn is_plain(what: &str, text: &str) {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!text.is_empty(), "{what} says nothing");
    assert!(!text.contains(steers), "{what}: {text:?}");
}

#[test]
fn nothing_that_is_shown_steers_the_terminal() {
    let server = block_on(ScriptedServer::start(
        Script::new()
            .on(
                When::post("/v1/chat/completions").once(),
                openai_chat(&[Part::Text(STEERING)]),
            )
            .on(When::post("/v1/chat/completions"), error(400, STEERING))
            .on(When::get("/v1/models"), models_list(&[STEERING])),
    ));
    let home = Home::with_config(box_config(&server.base_url()));
    let name = format!("clawd/memory/{}.md", STEERING.replace('/', "-"));
    home.write(&name, format!("The dentist is {STEERING}\n"));
    for arguments in [
        ["agent", "-m", "hi"],
        ["agent", "-m", "again"],
        ["memory", "search", "dentist"],
        ["models", "list", "--all"],
        ["models", "probe", "--passive"],
    ] {
        let said = run(&home, &arguments);
        is_plain(
            &format!("{arguments:?}"),
            &format!("{}{}", said.stdout, said.stderr),
        );
    }
    // For programs it is escaped, as JSON has it.
    let found = home.ok(&["memory", "search", "dentist", "--json"]);
    is_plain("JSON", &found);
    assert_eq!(found.matches("title").count(), 2, "{found}");
}
