//! `$include` over real files.

use std::fs;

use serde_json::json;

use crate::Home;

#[test]
fn a_file_takes_the_place_of_the_object_that_names_it() {
    let home = Home::with(
        "{gateway: {$include: './parts/gateway.json5'}, agents: {list: {$include: 'list.json5'}}}",
    );
    home.put(
        "parts/gateway.json5",
        "{port: 4000, auth: {$include: '../auth.json5'}}",
    );
    home.put(
        "auth.json5",
        "{mode: 'token', token: '${TOKEN}'} // a secret",
    );
    home.put("list.json5", "[{id: 'a'}, {$include: './b.json5'}]");
    home.put("b.json5", "{id: 'b'}");
    let home = home.var("TOKEN", "t");
    let snapshot = home.load();
    assert_eq!(
        snapshot.value,
        json!({
            "gateway": {"port": 4000, "auth": {"mode": "token", "token": "t"}},
            "agents": {"list": [{"id": "a"}, {"id": "b"}]},
        })
    );
    assert_eq!(
        snapshot.includes,
        ["parts/gateway.json5", "auth.json5", "list.json5", "b.json5"].map(|name| home.state(name))
    );
}

#[test]
fn lists_of_files_and_siblings_are_merged() {
    let home = Home::with(
        "{$include: ['one.json5', 'two.json5'], tools: {deny: ['c'], exec: {ask: 'off'}}, gateway: {port: 3}}",
    );
    home.put(
        "one.json5",
        "{tools: {deny: ['a'], profile: 'coding'}, gateway: {port: 1}}",
    );
    home.put(
        "two.json5",
        "{tools: {deny: ['b'], exec: {ask: 'always', host: 'node'}}}",
    );
    assert_eq!(
        home.load().value,
        json!({
            "tools": {"deny": ["a", "b", "c"], "profile": "coding", "exec": {"ask": "off", "host": "node"}},
            "gateway": {"port": 3},
        })
    );
}

#[test]
fn a_list_of_files_that_hold_lists_gives_one_list() {
    let home = Home::with("{tools: {deny: {$include: ['a.json5', 'b.json5']}}}");
    home.put("a.json5", "['a']");
    home.put("b.json5", "['b', 'c']");
    assert_eq!(
        home.load().value,
        json!({"tools": {"deny": ["a", "b", "c"]}})
    );
}

#[test]
fn absolute_paths_and_the_home_directory_work() {
    let home = Home::new();
    let elsewhere = home.environment.cwd.join("g.json5");
    fs::write(&elsewhere, "{port: 5}").unwrap();
    fs::write(home.environment.home.join("l.json5"), "{level: 'warn'}").unwrap();
    home.put(
        "moltbot.json",
        &format!(
            "{{gateway: {{$include: {:?}}}, logging: {{$include: '~/l.json5'}}}}",
            elsewhere.display().to_string()
        ),
    );
    assert_eq!(
        home.load().value,
        json!({"gateway": {"port": 5}, "logging": {"level": "warn"}})
    );
}

#[test]
fn every_failure_is_told_with_its_place() {
    let home = Home::with(
        "{\n  gateway: {$include: './none.json5'},\n  agents: {$include: 3},\n  tools: {$include: ['ok.json5', 4]},\n  cron: {$include: 'list.json5', enabled: true},\n  hooks: {$include: 'broken.json5'},\n}",
    );
    home.put("ok.json5", "{}");
    home.put("list.json5", "[1]");
    home.put("broken.json5", "{\n  path: 1\n  b: 2}");
    let missing = home.state("none.json5");
    assert_eq!(
        home.problems(),
        [
            format!(
                "~/.clawdbot/moltbot.json:2:23: gateway: Failed to read include file: ./none.json5 (resolved: {}): No such file or directory (os error 2)",
                missing.display()
            ),
            "~/.clawdbot/moltbot.json:3:22: agents: Invalid $include: expected a file name or a list of file names, found a number".to_owned(),
            "~/.clawdbot/moltbot.json:4:34: tools: Invalid $include list: expected file names as strings, found a number".to_owned(),
            "~/.clawdbot/moltbot.json:5:20: cron: Sibling keys require included content to be an object; ~/.clawdbot/list.json5 holds a list".to_owned(),
            "~/.clawdbot/broken.json5:2:10: hooks: Failed to parse include file: expected a comma here, before the next entry (included at ~/.clawdbot/moltbot.json:6:21)".to_owned(),
        ]
        .join("\n")
    );
}

#[test]
fn circles_are_told_with_the_way_around() {
    let home = Home::with("{agents: {$include: 'a.json5'}}");
    home.put("a.json5", "{defaults: {$include: './b.json5'}}");
    home.put("b.json5", "{\n  model: {$include: '../.clawdbot/a.json5'}}");
    assert_eq!(
        home.problems(),
        "~/.clawdbot/b.json5:2:21: agents.defaults.model: Circular include detected: ~/.clawdbot/a.json5 -> ~/.clawdbot/b.json5 -> ~/.clawdbot/a.json5"
    );
    let home = Home::with("{$include: 'moltbot.json'}");
    assert!(home.problems().contains(
        "Circular include detected: ~/.clawdbot/moltbot.json -> ~/.clawdbot/moltbot.json"
    ));
}

#[cfg(unix)]
#[test]
fn a_circle_through_a_link_is_one_too() {
    let home = Home::with("{$include: 'link.json5'}");
    std::os::unix::fs::symlink(home.state("moltbot.json"), home.state("link.json5")).unwrap();
    assert!(home.problems().contains("Circular include detected"));
}

#[test]
fn the_same_file_may_be_included_side_by_side() {
    let home = Home::with(
        "{agents: {list: [{id: 'a', tools: {$include: 't.json5'}}, {id: 'b', tools: {$include: 't.json5'}}]}}",
    );
    home.put("t.json5", "{profile: 'minimal'}");
    assert_eq!(home.load().includes, [home.state("t.json5")]);
}

#[test]
fn ten_files_deep_is_the_limit() {
    let chain = |length: usize| {
        let home = Home::with("{gateway: {$include: '1.json5'}}");
        for depth in 1..length {
            home.put(
                &format!("{depth}.json5"),
                &format!("{{$include: './{}.json5'}}", depth + 1),
            );
        }
        home.put(&format!("{length}.json5"), "{port: 7}");
        home
    };
    assert_eq!(chain(10).load().value, json!({"gateway": {"port": 7}}));
    assert_eq!(
        chain(11).problems(),
        "~/.clawdbot/10.json5:1:12: gateway: Maximum include depth (10) exceeded at: ./11.json5"
    );
}

#[test]
fn nesting_over_all_files_has_a_limit() {
    let home = Home::with(&format!(
        "{{a: {}{{$include: 'a.json5'}}{}}}",
        "[".repeat(80),
        "]".repeat(80)
    ));
    home.put("a.json5", &format!("{}{}", "[".repeat(80), "]".repeat(80)));
    assert!(home.problems().contains("nested more than 128 levels deep"));
}

#[test]
fn a_missing_variable_in_an_included_file_is_told_there() {
    let home = Home::with("{gateway: {$include: 'g.json5'}}");
    home.put("g.json5", "{\n  auth: {token: '${NOPE}'}}");
    assert_eq!(
        home.problems(),
        "~/.clawdbot/g.json5:2:17: gateway.auth.token: Missing env var \"NOPE\"; set it in the environment, in ~/.clawdbot/.env or under env.vars"
    );
}
