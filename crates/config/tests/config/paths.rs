//! Where everything lives.

use std::fs;
use std::path::{Path, PathBuf};

use moltbot_config::Paths;

use crate::Home;

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "{}").unwrap();
}

#[test]
fn the_state_directory_is_the_old_one_unless_only_the_new_one_exists() {
    let home = Home::new();
    let at = |name: &str| home.environment.home.join(name);
    assert_eq!(Paths::resolve(&home.environment).state_dir, at(".clawdbot"));
    fs::create_dir(at(".moltbot")).unwrap();
    assert_eq!(Paths::resolve(&home.environment).state_dir, at(".clawdbot"));
    fs::remove_dir(at(".clawdbot")).unwrap();
    assert_eq!(Paths::resolve(&home.environment).state_dir, at(".moltbot"));
    fs::remove_dir(at(".moltbot")).unwrap();
    assert_eq!(Paths::resolve(&home.environment).state_dir, at(".clawdbot"));
}

#[test]
fn the_first_config_file_that_exists_is_used() {
    let home = Home::new()
        .var("MOLTBOT_STATE_DIR", "~/new")
        .var("CLAWDBOT_STATE_DIR", "~/old");
    let at = |name: &str| home.environment.home.join(name);
    let found = || Paths::resolve(&home.environment).config_file;
    assert_eq!(found(), at("new/moltbot.json"));
    // From the last place to the first: each goes before those made so far.
    for name in [
        ".clawdbot/clawdbot.json",
        ".clawdbot/moltbot.json",
        ".moltbot/clawdbot.json",
        ".moltbot/moltbot.json",
        "old/clawdbot.json",
        "old/moltbot.json",
        "new/clawdbot.json",
        "new/moltbot.json",
    ] {
        touch(&at(name));
        assert_eq!(found(), at(name));
    }
}

#[test]
fn a_named_config_file_is_not_searched_for() {
    let home = Home::with("{}").var("CLAWDBOT_CONFIG_PATH", "sub/../my.json");
    let paths = Paths::resolve(&home.environment);
    assert_eq!(paths.config_file, home.environment.cwd.join("my.json"));
    let home = home.var("MOLTBOT_CONFIG_PATH", "~/better.json");
    let paths = Paths::resolve(&home.environment);
    assert_eq!(paths.config_file, home.environment.home.join("better.json"));
}

#[test]
fn everything_else_lies_in_the_state_directory() {
    let home = Home::new().var("CLAWDBOT_STATE_DIR", "/srv/s");
    let paths = Paths::resolve(&home.environment);
    assert_eq!(paths.credentials_dir, PathBuf::from("/srv/s/credentials"));
    assert_eq!(paths.models_dir, PathBuf::from("/srv/s/models"));
    assert_eq!(paths.database, PathBuf::from("/srv/s/moltbot.db"));
    assert_eq!(paths.logs_dir, PathBuf::from("/srv/s/logs"));
    assert_eq!(
        paths.agent_dir("main"),
        PathBuf::from("/srv/s/agents/main/agent")
    );
    assert_eq!(
        paths.sessions_dir(" Work"),
        PathBuf::from("/srv/s/agents/work/sessions")
    );
    assert_eq!(
        paths.agent_workspace("work"),
        home.environment.home.join("clawd-work")
    );
}

#[test]
fn overrides_from_the_environment() {
    let home = Home::new()
        .var("CLAWDBOT_OAUTH_DIR", "~/oauth")
        .var("PI_CODING_AGENT_DIR", "/pi");
    let paths = Paths::resolve(&home.environment);
    assert_eq!(paths.credentials_dir, home.environment.home.join("oauth"));
    assert_eq!(paths.agent_dir("main"), PathBuf::from("/pi"));
    assert_eq!(paths.agent_dir("b"), home.state("agents/b/agent"));
    let home = home.var("CLAWDBOT_AGENT_DIR", "/claw");
    assert_eq!(
        Paths::resolve(&home.environment).agent_dir("main"),
        PathBuf::from("/claw")
    );
}

#[test]
fn paths_are_made_absolute_and_shown_short() {
    let home = Home::new();
    let environment = &home.environment;
    for (text, expected) in [
        ("~", environment.home.clone()),
        ("~/a/./b", environment.home.join("a/b")),
        ("~\\a", environment.home.join("a")),
        ("~other/a", environment.cwd.join("~other/a")),
        ("a/../b", environment.cwd.join("b")),
        ("/../x", PathBuf::from("/x")),
    ] {
        assert_eq!(environment.absolute(text), expected, "for {text}");
    }
    assert_eq!(environment.shown(&environment.home.join("a/b")), "~/a/b");
    assert_eq!(environment.shown(&environment.home), "~");
    assert_eq!(environment.shown(Path::new("/srv/x")), "/srv/x");
}
