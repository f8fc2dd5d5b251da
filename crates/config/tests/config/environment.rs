//! Where variables come from: the process, `.env` files, the config's `env` block, the login shell; and profiles.

use std::fs;
use std::path::PathBuf;

use moltbot_config::{Environment, Paths, Profile, ProfileError, load};

use crate::Home;

#[test]
fn the_first_source_that_has_a_value_wins() {
    let home = Home::with(
        "{env: {vars: {A: 'vars', C: 'vars', D: 'vars', E: 'vars'}, D: 'direct', BLANK: 'block'}}",
    )
    .var("A", "process")
    .var("BLANK", "  ");
    home.put(".env", "A=state\nC=state\n");
    let environment = home.load().environment;
    let values = ["A", "C", "D", "E", "BLANK"].map(|name| environment.get(name).unwrap());
    assert_eq!(values, ["process", "state", "direct", "vars", "block"]);
}

#[test]
fn the_folder_of_the_state_goes_before_the_current_one_which_gives_keys_alone() {
    let home = Home::with("{}").var("A_KEY", "process");
    home.put(".env", "A_KEY=state\nB_KEY=state\nOTHER=state\n");
    let current = [
        "A_KEY=cwd",
        "B_KEY=cwd",
        "C_API_KEY=cwd",
        "D_TOKEN=cwd",
        "MOLTBOT_CONFIG_PATH=/evil.json",
        "MOLTBOT_STATE_DIR=/evil",
        "CLAWDBOT_GATEWAY_TOKEN=evil",
        "LD_PRELOAD=/evil.so",
        "DOCKER_HOST=tcp://evil",
        "HTTPS_PROXY=http://evil",
    ];
    fs::write(home.environment.cwd.join(".env"), current.join("\n")).unwrap();
    let environment = home.load().environment;
    let names = ["A_KEY", "B_KEY", "OTHER", "C_API_KEY", "D_TOKEN"];
    assert_eq!(
        names.map(|name| environment.get(name).unwrap()),
        ["process", "state", "state", "cwd", "cwd"]
    );
    let values: Vec<&String> = environment.vars.values().collect();
    assert!(
        values.iter().all(|value| !value.contains("evil")),
        "{values:?}"
    );
}

#[test]
fn lines_that_are_no_assignments_are_warnings() {
    let home = Home::with("{}");
    home.put(".env", "GOOD=1\nwhat is this\n");
    let snapshot = home.load();
    assert_eq!(snapshot.environment.get("GOOD"), Some("1"));
    assert_eq!(
        snapshot.warnings,
        ["~/.clawdbot/.env:2: this line is not NAME=value; it is ignored."]
    );
}

#[test]
fn a_block_variable_may_use_another_whatever_the_order() {
    let home =
        Home::with("{env: {A: '${B}/a', vars: {B: '${C}/b', C: 'c'}}, logging: {file: '${A}'}}");
    assert_eq!(home.load().value["logging"]["file"], "c/b/a");
}

#[test]
fn block_variables_that_need_each_other_are_missing() {
    let home = Home::with("{env: {A: '${B}', B: '${A}'}}");
    let problems = home.problems();
    assert_eq!(problems.lines().count(), 2, "{problems}");
    assert!(problems.contains("env.A: Missing env var \"B\""));
}

#[test]
fn the_old_name_of_the_zai_key_is_copied() {
    let home = Home::with("{env: {Z_AI_API_KEY: 'k'}}");
    assert_eq!(home.load().environment.get("ZAI_API_KEY"), Some("k"));
    let home = Home::with("{}")
        .var("Z_AI_API_KEY", "old")
        .var("ZAI_API_KEY", "new");
    assert_eq!(home.load().environment.get("ZAI_API_KEY"), Some("new"));
}

#[test]
fn the_newer_name_of_a_setting_wins() {
    let home = Home::new()
        .var("CLAWDBOT_GATEWAY_PORT", "1")
        .var("MOLTBOT_GATEWAY_PORT", "2")
        .var("CLAWDBOT_NIX_MODE", "YES");
    assert_eq!(home.environment.setting("GATEWAY_PORT"), Some("2"));
    assert!(home.environment.is_on("NIX_MODE"));
    assert!(!home.environment.is_on("GATEWAY_PORT"));
    assert_eq!(home.environment.setting("NO_SUCH"), None);
}

/// A login shell of a home: a script that says what it was asked.
#[cfg(unix)]
fn shell(home: &Home, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = home.environment.home.join("shell");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[cfg(unix)]
#[test]
fn the_login_shell_gives_expected_keys_only() {
    let home = Home::with("{env: {shellEnv: {enabled: true}}}");
    let shell = shell(
        &home,
        "echo hello from the profile\nOPENAI_API_KEY=sk-shell OTHER=x SLACK_APP_TOKEN='a\nb' exec /bin/sh \"$2\" \"$3\"",
    );
    let home = home.var("SHELL", &shell);
    let snapshot = home.load();
    assert_eq!(snapshot.warnings, [""; 0]);
    assert_eq!(snapshot.environment.get("OPENAI_API_KEY"), Some("sk-shell"));
    assert_eq!(snapshot.environment.get("SLACK_APP_TOKEN"), Some("a\nb"));
    assert_eq!(snapshot.environment.get("OTHER"), None);
}

#[cfg(unix)]
#[test]
fn the_real_login_shell_reads_the_profile() {
    let home = Home::with("{}")
        .var("CLAWDBOT_LOAD_SHELL_ENV", "1")
        .var("SHELL", "/bin/sh");
    fs::write(
        home.environment.home.join(".profile"),
        "export GEMINI_API_KEY=from-profile\n",
    )
    .unwrap();
    let mut environment = home.environment.clone();
    environment
        .vars
        .insert("HOME".into(), environment.home.display().to_string());
    let snapshot = load(&environment).unwrap();
    assert_eq!(
        snapshot.environment.get("GEMINI_API_KEY"),
        Some("from-profile")
    );
}

#[cfg(unix)]
#[test]
fn the_login_shell_is_not_asked_without_need() {
    let never = |home: Home| {
        let asked = home.environment.home.join("asked");
        let shell = shell(&home, &format!("touch {}", asked.display()));
        let home = home.var("SHELL", &shell);
        home.load();
        assert!(!asked.exists());
    };
    never(Home::with("{}"));
    never(Home::with("{env: {shellEnv: {enabled: true}}}").var("OPENAI_API_KEY", "set"));
    never(
        Home::with("{env: {shellEnv: {enabled: true}}}")
            .var("CLAWDBOT_DEFER_SHELL_ENV_FALLBACK", "on"),
    );
}

#[cfg(unix)]
#[test]
fn a_shell_that_fails_is_a_warning() {
    let with_shell = |script: &str, timeout: u64| {
        let home = Home::with(&format!(
            "{{env: {{shellEnv: {{enabled: true, timeoutMs: {timeout}}}}}}}"
        ));
        let shell = shell(&home, script);
        let home = home.var("SHELL", &shell);
        let warnings = home.load().warnings;
        assert_eq!(warnings.len(), 1);
        warnings[0].clone()
    };
    assert!(with_shell("exit 3", 15_000).ends_with("it ended with exit status: 3."));
    // The shell waits for ever, so only the timeout can end this.
    assert!(with_shell("exec tail -f /dev/null", 20).ends_with("it took longer than 20 ms."));
    let home = Home::with("{env: {shellEnv: {enabled: true}}}").var("SHELL", "/no/such/shell");
    assert!(home.load().warnings[0].contains("could not be started"));
}

fn profiled(home: &Home, name: Option<&str>, dev: bool) -> Environment {
    let mut environment = home.environment.clone();
    Profile::from_flags(name, dev)
        .unwrap()
        .unwrap()
        .apply(&mut environment);
    environment
}

#[test]
fn a_profile_has_its_own_state_config_and_workspace() {
    let home = Home::new();
    let environment = profiled(&home, Some("work"), false);
    let at = |name: &str| -> PathBuf { home.environment.home.join(name) };
    let paths = Paths::resolve(&environment);
    assert_eq!(paths.state_dir, at(".clawdbot-work"));
    assert_eq!(paths.config_file, at(".clawdbot-work/moltbot.json"));
    assert_eq!(paths.default_workspace(), at("clawd-work"));
    assert_eq!(environment.get("CLAWDBOT_PROFILE"), Some("work"));
    assert_eq!(environment.get("CLAWDBOT_GATEWAY_PORT"), None);
    let dev = profiled(&home, None, true);
    assert_eq!(dev.get("CLAWDBOT_GATEWAY_PORT"), Some("19001"));
    assert_eq!(Paths::resolve(&dev).state_dir, at(".clawdbot-dev"));
    let default = profiled(&home, Some("default"), false);
    assert_eq!(Paths::resolve(&default).state_dir, at(".clawdbot"));
    assert_eq!(Paths::resolve(&default).default_workspace(), at("clawd"));
}

#[test]
fn a_profile_fills_only_what_is_unset() {
    let home = Home::new()
        .var("MOLTBOT_STATE_DIR", "/srv/state")
        .var("CLAWDBOT_GATEWAY_PORT", "7");
    let environment = profiled(&home, Some("dev"), true);
    assert_eq!(environment.get("CLAWDBOT_STATE_DIR"), None);
    assert_eq!(environment.get("CLAWDBOT_GATEWAY_PORT"), Some("7"));
    let paths = Paths::resolve(&environment);
    assert_eq!(paths.config_file, PathBuf::from("/srv/state/moltbot.json"));
}

#[test]
fn wrong_profile_flags_are_refused() {
    assert_eq!(Profile::from_flags(None, false), Ok(None));
    for name in ["", "a b", "../x", "é"] {
        assert_eq!(
            Profile::from_flags(Some(name), false),
            Err(ProfileError::InvalidName(name.to_owned()))
        );
    }
    assert_eq!(
        Profile::from_flags(Some("work"), true),
        Err(ProfileError::DevAndOther("work".to_owned()))
    );
}
