//! Loading: what is right, what is wrong and how it is told.

use std::fs;

use moltbot_config::spanned::{self, SourceFile};
use moltbot_config::{KeyPath, LoadError, hash, json_schema, load_text};
use proptest::prelude::*;
use serde_json::json;

use crate::Home;

#[test]
fn a_missing_file_is_an_empty_configuration() {
    let home = Home::new();
    let snapshot = home.load();
    assert!(!snapshot.exists);
    assert_eq!(snapshot.path, home.state("moltbot.json"));
    assert_eq!(snapshot.value, json!({}));
    assert_eq!(snapshot.raw, "");
    assert_eq!(
        snapshot.hash,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert!(snapshot.warnings.is_empty() && snapshot.notices.is_empty());
}

#[test]
fn json5_is_read_with_all_it_allows() {
    let text = "// the lab\n{\n  gateway: { port: 0x4965, mode: 'local', },\n  'logging': {level: \"info\"}, /* end */\n}\n";
    let home = Home::with(text);
    let snapshot = home.load();
    assert!(snapshot.exists);
    assert_eq!(snapshot.raw, text);
    assert_eq!(snapshot.hash, hash(text));
    assert_eq!(
        snapshot.value,
        json!({"gateway": {"port": 18789, "mode": "local"}, "logging": {"level": "info"}})
    );
    let origin = snapshot.origin(&"gateway.mode".parse().unwrap()).unwrap();
    assert_eq!((origin.line, origin.column), (3, 34));
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let home = Home::with("\u{feff}{cron: {enabled: true}}");
    assert_eq!(home.load().value, json!({"cron": {"enabled": true}}));
}

#[test]
fn whole_numbers_stay_whole() {
    let home = Home::with("{gateway: {port: 18789.0}, session: {reset: {atHour: -0}}}");
    let snapshot = home.load();
    assert_eq!(
        snapshot.value,
        json!({"gateway": {"port": 18789}, "session": {"reset": {"atHour": 0}}})
    );
}

/// What is said about a broken text.
fn syntax(text: &str) -> String {
    let error = Home::with(text).error();
    assert!(matches!(error, LoadError::Syntax { .. }), "{error}");
    error.to_string()
}

#[test]
fn syntax_errors_are_told_in_plain_words_with_their_place() {
    for (text, expected) in [
        (
            "{\n  a: 1\n  b: 2\n}",
            "2:7: expected a comma here, before the next entry",
        ),
        (
            "{\n  a 1\n}",
            "2:5: expected \":\" between the key and its value, found \"1\"",
        ),
        ("{ a: }", "1:6: expected a value, found \"}\""),
        (
            "{\n  a: [1, 2\n",
            "2:6: the \"[\" that opens here is never closed; add \"]\"",
        ),
        (
            "{\n  a: 1",
            "1:1: the \"{\" that opens here is never closed; add \"}\"",
        ),
        (
            "{ a: yes }",
            "1:6: expected a value, found \"yes\"; put quotes around text",
        ),
        (
            "{\n  name: \"x,\n  b: \"y\"\n}",
            "2:9: the string that starts here is not closed on its line; add the closing quote",
        ),
        (
            "{ a: \"x",
            "1:6: the string that starts here is never closed; add the closing quote",
        ),
        (
            "{ a: 1 } }",
            "1:10: expected the end of the file after the configuration object, found \"}\"",
        ),
        (
            "{ a: Infinity }",
            "1:6: the number Infinity is not finite; write a finite number",
        ),
        (
            "{ a: -NaN }",
            "1:6: the number -NaN is not finite; write a finite number",
        ),
        ("{ a: 1e999 }", "1:6: the number 1e999 is too large"),
        (
            "{ a: 0xfffffffffffffffff }",
            "1:6: the number 0xfffffffffffffffff is too large",
        ),
        (
            "/* no end",
            "1:1: the comment that opens here is never closed; add \"*/\"",
        ),
        (
            "",
            "1:1: expected an object such as {}, found the end of the file",
        ),
        (
            "// only a note\n",
            "2:1: expected an object such as {}, found the end of the file",
        ),
        ("{ é: 1, ö: * }", "1:12: expected JSON5, found \"*\""),
    ] {
        assert_eq!(
            syntax(text),
            format!("~/.clawdbot/moltbot.json:{expected}"),
            "for {text:?}"
        );
    }
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [200, 5_000, 100_000] {
        let text = format!("{{a: {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(syntax(&text).contains("nested"), "depth {depth}");
    }
}

#[test]
fn a_key_that_stands_twice_is_a_warning() {
    let home = Home::with("{\n  gateway: {port: 1},\n  gateway: {port: 2},\n}");
    let snapshot = home.load();
    assert_eq!(snapshot.value, json!({"gateway": {"port": 2}}));
    assert_eq!(
        snapshot.warnings,
        [
            "~/.clawdbot/moltbot.json:3:3: the key \"gateway\" stands twice in one object; this last value is used, the one on line 2 is not."
        ]
    );
}

#[test]
fn a_file_that_is_no_text_or_no_file_is_told() {
    let home = Home::new();
    fs::write(home.state("moltbot.json"), b"{a: '\xff'}").unwrap();
    assert_eq!(
        home.problems(),
        "~/.clawdbot/moltbot.json: the file is not UTF-8 text (at byte 5); save it as UTF-8"
    );
    let home = Home::new();
    fs::create_dir(home.state("moltbot.json")).unwrap();
    let error = home.error();
    assert!(matches!(error, LoadError::Unreadable { .. }));
    assert!(
        error
            .to_string()
            .starts_with("~/.clawdbot/moltbot.json: read failed: ")
    );
    assert_eq!(error.path(), home.state("moltbot.json"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let home = Home::with(
        r#"{
  models: {
    providers: {
      lmstudio: {
        baseURL: "http://127.0.0.1:1234/v1",
        baseUrl: "http://127.0.0.1:1234/v1",
        models: [
          { id: "a", name: "A", contxtWindow: 4096 },
          { id: "b", name: "B", contextWindow: "big" },
        ],
      },
    },
  },
  gateway: { port: 0, mode: "locl", auth: { token: "${GATEWAY_SECRET}" } },
  agents: { $include: "./agents.json5" },
  telegram: { botToken: "x" },
}"#,
    );
    home.put(
        "agents.json5",
        "{\n  defaults: { timeoutSeconds: -1 },\n  lst: [],\n}",
    );
    let main = "~/.clawdbot/moltbot.json";
    assert_eq!(
        home.problems(),
        [
            format!("{main}:5:9: models.providers.lmstudio.baseURL: unknown key; did you mean \"baseUrl\"?"),
            format!("{main}:8:33: models.providers.lmstudio.models[0].contxtWindow: unknown key; did you mean \"contextWindow\"?"),
            format!("{main}:9:48: models.providers.lmstudio.models[1].contextWindow: expected a whole number of at least 1, found a string"),
            format!("{main}:14:20: gateway.port: expected a whole number from 1 to 65535, found 0"),
            format!("{main}:14:29: gateway.mode: expected one of \"local\", \"remote\", found \"locl\"; did you mean \"local\"?"),
            format!("{main}:14:52: gateway.auth.token: Missing env var \"GATEWAY_SECRET\"; set it in the environment, in ~/.clawdbot/.env or under env.vars"),
            format!("{main}:16:3: telegram: this key is from an older version; it is now channels.telegram"),
            "~/.clawdbot/agents.json5:2:31: agents.defaults.timeoutSeconds: expected a whole number of at least 1, found -1".to_owned(),
            "~/.clawdbot/agents.json5:3:3: agents.lst: unknown key; did you mean \"list\"?".to_owned(),
        ]
        .join("\n")
    );
    let error = home.error();
    assert_eq!(error.issues().len(), 9);
    assert_eq!(error.issues()[0].suggestion.as_deref(), Some("baseUrl"));
    assert_eq!(error.issues()[8].file, home.state("agents.json5"));
}

#[test]
fn keys_of_older_versions_name_their_new_place() {
    for (text, expected) in [
        (
            "{whatsapp: {}}",
            "1:2: whatsapp: this key is from an older version; it is now channels.whatsapp",
        ),
        (
            "{gateway: {token: 'x'}}",
            "1:12: gateway.token: this key is from an older version; it is now gateway.auth.token",
        ),
        (
            "{tools: {bash: {}}}",
            "1:10: tools.bash: this key is from an older version; it is now tools.exec",
        ),
        (
            "{identity: {name: 'x'}}",
            "1:2: identity: this key is from an older version; it is now identity of that agent in agents.list",
        ),
        (
            "{routing: {queue: 'steer'}}",
            "1:12: routing.queue: this key is from an older version; it is now messages.queue",
        ),
        (
            "{messages: {tts: {enabled: true}}}",
            "1:19: messages.tts.enabled: this key is from an older version; it is now messages.tts.auto (\"always\" or \"off\")",
        ),
        (
            "{agents: {defaults: {model: 'lab/m'}}}",
            "1:22: agents.defaults.model: a plain model name here is from an older version; write it as agents.defaults.model.primary",
        ),
        (
            "{bindings: [{agentId: 'main', match: {channel: 'slack', provider: 'slack'}}]}",
            "1:57: bindings[0].match.provider: this key is from an older version; it is now match.channel",
        ),
    ] {
        assert_eq!(
            Home::with(text).problems(),
            format!("~/.clawdbot/moltbot.json:{expected}"),
            "for {text}"
        );
    }
    let agent = Home::with("{agent: {model: 'a/b', modelFallbacks: []}}").problems();
    assert_eq!(agent.lines().count(), 3, "{agent}");
}

#[test]
fn variables_are_substituted_and_paths_written_out() {
    let home = Home::with(
        r#"{
  env: { vars: { BASE: "http://lab:${PORT}" }, PORT: "8080", "SET": "from the file" },
  models: { providers: { lab: { baseUrl: "${BASE}/v1", apiKey: "$${KEEP}", models: [] } } },
  logging: { file: "~/logs/${SET}.log" },
  skills: { load: { extraDirs: ["~/not/a/listed/key"] } },
  plugins: { load: { paths: ["~/plugins"] } },
}"#,
    )
    .var("SET", "process");
    let snapshot = home.load();
    let path = |name: &str| home.environment.home.join(name).display().to_string();
    assert_eq!(
        snapshot.value["models"]["providers"]["lab"],
        json!({"baseUrl": "http://lab:8080/v1", "apiKey": "${KEEP}", "models": []})
    );
    assert_eq!(snapshot.value["logging"]["file"], path("logs/process.log"));
    assert_eq!(
        snapshot.value["plugins"]["load"]["paths"][0],
        path("plugins")
    );
    assert_eq!(
        snapshot.value["skills"]["load"]["extraDirs"][0],
        "~/not/a/listed/key"
    );
    assert_eq!(snapshot.environment.get("BASE"), Some("http://lab:8080"));
    assert_eq!(snapshot.environment.get("SET"), Some("process"));
    assert_eq!(
        snapshot
            .config
            .models
            .as_ref()
            .and_then(|models| { Some(models.providers.as_ref()?.get("lab")?.base_url.clone()) }),
        Some("http://lab:8080/v1".to_owned())
    );
}

#[test]
fn a_variable_that_is_empty_is_missing_too() {
    let home = Home::with("{\n  logging: {file: \"${A}${B}\"}}").var("A", "");
    assert_eq!(
        home.problems(),
        ["A", "B"]
            .map(|name| format!(
                "~/.clawdbot/moltbot.json:2:19: logging.file: Missing env var \"{name}\"; set it in the environment, in ~/.clawdbot/.env or under env.vars"
            ))
            .join("\n")
    );
}

#[test]
fn valid_keys_that_do_nothing_yet_are_noted() {
    let home = Home::with("{channels: {telegram: {botToken: 'x'}}, logging: {level: 'info'}}");
    assert_eq!(
        home.load().notices,
        ["channels.telegram is valid but this version does not act on it yet."]
    );
}

#[test]
fn rules_between_keys_are_checked() {
    for (text, expected) in [
        (
            "{agents: {list: [{id: 'a', agentDir: '~/x'}, {id: 'b', agentDir: '~/y/../x'}]}}",
            "1:66: agents.list[1].agentDir: Duplicate agentDir detected (multi-agent config). The agents a, b share ~/x; give each its own agentDir",
        ),
        (
            "{agents: {list: [{id: 'work'}, {id: ' Work'}]}}",
            "1:37: agents.list[1].id: the agent id \"work\" is used twice; the first is agents.list[0]",
        ),
        (
            "{tools: {allow: ['read'], alsoAllow: ['exec']}}",
            "1:27: tools.alsoAllow: allow and alsoAllow cannot both be set in the same place; merge alsoAllow into allow, or use a profile with alsoAllow",
        ),
        (
            "{tools: {byProvider: {'lab/m': {allow: ['a'], alsoAllow: ['b']}}}}",
            "1:47: tools.byProvider.lab/m.alsoAllow: allow and alsoAllow cannot both be set in the same place; merge alsoAllow into allow, or use a profile with alsoAllow",
        ),
        (
            "{channels: {telegram: {dmPolicy: 'open', allowFrom: [1]}}}",
            "1:34: channels.telegram.dmPolicy: channels.telegram.dmPolicy=\"open\" requires channels.telegram.allowFrom to include \"*\"",
        ),
        (
            "{channels: {discord: {dm: {policy: 'open'}}}}",
            "1:36: channels.discord.dm.policy: channels.discord.dm.policy=\"open\" requires channels.discord.dm.allowFrom to include \"*\"",
        ),
        (
            "{channels: {signal: {allowFrom: ['+1'], accounts: {b: {dmPolicy: 'open'}}}}}",
            "1:66: channels.signal.accounts.b.dmPolicy: channels.signal.accounts.b.dmPolicy=\"open\" requires channels.signal.accounts.b.allowFrom to include \"*\"",
        ),
        (
            "{agents: {list: [{id: 'a', identity: {avatar: '~/me.png'}}]}}",
            "1:47: agents.list[0].identity.avatar: identity.avatar must be a workspace-relative path, http(s) URL, or data URI.",
        ),
        (
            "{agents: {list: [{id: 'a', identity: {avatar: 'ftp://x/y.png'}}]}}",
            "1:47: agents.list[0].identity.avatar: identity.avatar must be a workspace-relative path, http(s) URL, or data URI.",
        ),
        (
            "{agents: {list: [{id: 'a', identity: {avatar: 'img/../../me.png'}}]}}",
            "1:47: agents.list[0].identity.avatar: identity.avatar must stay within the agent workspace.",
        ),
        (
            "{agents: {list: [{id: 'work'}]}, broadcast: {peer: ['work', 'wrok']}}",
            "1:61: broadcast.peer[1]: Unknown agent id \"wrok\" (not in agents.list); did you mean \"work\"?",
        ),
        (
            "{agents: {defaults: {heartbeat: {target: 'telegam'}}}}",
            "1:42: agents.defaults.heartbeat.target: unknown heartbeat target: telegam; did you mean \"telegram\"?",
        ),
        (
            "{browser: {profiles: {a: {color: '#FF4500'}}}}",
            "1:26: browser.profiles.a: Profile must set cdpPort or cdpUrl",
        ),
        (
            "{models: {providers: {b: {baseUrl: 'u', models: [], service: {command: ' '}}}}}",
            "1:72: models.providers.b.service.command: a command must not be empty; write the program that serves the model, such as \"llama-server\"",
        ),
        (
            "{models: {providers: {b: {baseUrl: 'u', models: [], service: {command: 'c', ready: 'box:1'}}}}}",
            "1:84: models.providers.b.service.ready: \"box:1\" is no URL; write one that starts with http:// or https://, or leave the key out to ask for the list of models",
        ),
        (
            "{models: {providers: {b: {baseUrl: 'u', models: [], service: {command: 'c', memory: 'lots'}}}}}",
            "1:85: models.providers.b.service.memory: \"lots\" is no amount of memory; write a number with a unit, such as \"24GB\" or \"512m\"",
        ),
        (
            "{models: {providers: {b: {baseUrl: 'u', models: [], service: {command: 'c', stop: ['']}}}}}",
            "1:83: models.providers.b.service.stop: the first item must be a program; write the command that stops the server as a list, such as [\"lms\", \"server\", \"stop\"]",
        ),
        (
            "{models: {providers: {b: {baseUrl: 'u', models: [], service: {command: 'c', env: {'A=': 'b'}}}}}}",
            "1:83: models.providers.b.service.env.A=: the name of an environment variable must not be empty or hold \"=\"",
        ),
        (
            "{mcp: {servers: {a: {args: ['x']}}}}",
            "1:21: mcp.servers.a: a server needs \"command\" (a program to start) or \"url\" (an address); add one of them",
        ),
        (
            "{mcp: {servers: {a: {command: 'c', url: 'https://h'}}}}",
            "1:41: mcp.servers.a.url: a server has either \"command\" or \"url\"; remove one of them",
        ),
        (
            "{mcp: {servers: {a: {url: 'h:1'}}}}",
            "1:27: mcp.servers.a.url: this is no address of a server; write one that starts with http:// or https://",
        ),
        (
            "{mcp: {servers: {a: {type: 'http', command: 'c'}}}}",
            "1:28: mcp.servers.a.type: a server of type \"http\" has \"url\"; leave \"type\" out to go by what is there",
        ),
        (
            "{mcp: {servers: {a: {command: ' '}}}}",
            "1:31: mcp.servers.a.command: a command must not be empty; write the program that is the server, such as \"npx\"",
        ),
        (
            "{mcp: {servers: {a: {command: 'c', env: {'A=': 'b'}}}}}",
            "1:42: mcp.servers.a.env.A=: the name of an environment variable must not be empty or hold \"=\"",
        ),
    ] {
        assert_eq!(
            Home::with(text).problems(),
            format!("~/.clawdbot/moltbot.json:{expected}"),
            "for {text}"
        );
    }
}

#[test]
fn what_the_rules_allow_is_right() {
    let home = Home::with(
        r#"{
  tools: { allow: [], alsoAllow: ["exec"] },
  channels: {
    telegram: { dmPolicy: "open", allowFrom: [" * "], accounts: { b: { dmPolicy: "open" } } },
    discord: { dm: { policy: "open", allowFrom: ["*"] } },
  },
  agents: {
    list: [
      { id: "main", identity: { avatar: "img/me.png" } },
      { id: "b", identity: { avatar: "https://x/y.png" } },
      { id: "c", workspace: "/srv/c", identity: { avatar: "/srv/c/me.png" } },
      { id: "d", identity: { avatar: "data:image/png;base64,AA" } },
    ],
  },
  bindings: [{ agentId: "b", match: { channel: "telegram" } }],
  broadcast: { strategy: "parallel", peer: ["MAIN", "b"] },
}"#,
    );
    assert!(home.load().warnings.is_empty());
}

#[test]
fn a_bound_agent_may_not_share_a_listed_ones_directory() {
    let home = Home::with(
        "{agents: {list: [{id: 'a', agentDir: '~/.clawdbot/agents/b/agent'}]}, bindings: [{agentId: 'B', match: {channel: 'slack'}}]}",
    );
    assert_eq!(
        home.problems(),
        "~/.clawdbot/moltbot.json:1:92: bindings[0].agentId: Duplicate agentDir detected (multi-agent config). The agents a, b share ~/.clawdbot/agents/b/agent; give each its own agentDir"
    );
}

#[test]
fn oddities_that_still_work_are_warnings() {
    let home = Home::with(
        "{session: {mainKey: 'boss'}, agents: {list: [{id: 'My Agent', default: true}, {id: 'b', default: true}]}}",
    );
    assert_eq!(
        home.load().warnings,
        [
            "~/.clawdbot/moltbot.json:1:51: agents.list[0].id: the agent id \"My Agent\" is used as \"my-agent\".",
            "agents.list: 2 agents have default: true; agents.list[0] is used.",
            "~/.clawdbot/moltbot.json:1:21: session.mainKey: \"boss\" is ignored; the main session is always \"main\".",
        ]
    );
}

#[test]
fn the_json_schema_describes_the_file() {
    let schema = json_schema();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["gateway"].is_object());
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in r#"([{}\[\]:,"'/*\\\n\r \t0-9.+eExX$_a-z-]|\PC|true|null|NaN|Infinity|\$include|//|/\*|\*/|\\u){0,60}"#) {
        let file = std::sync::Arc::new(SourceFile { path: "/f".into(), shown: "f".into() });
        match spanned::parse(&text, &file, &mut Vec::new()) {
            Ok(node) => {
                // What was read is plain JSON, and reads back as the same.
                let plain = node.to_value().to_string();
                let again = spanned::parse(&plain, &file, &mut Vec::new()).unwrap();
                prop_assert_eq!(again.to_value(), node.to_value());
            }
            Err(issue) => prop_assert!(issue.line >= 1 && issue.column >= 1),
        }
    }

    #[test]
    fn any_object_is_loaded_or_refused_with_a_place(text in r#"\{(gateway|agents|models|env|list|tools|channels|"[a-z$]{0,3}")?:?([{}\[\]:, 0-9]|'[*${A}a-z]{0,6}'|list|id|allow|model){0,30}\}"#) {
        let home = Home::new();
        match load_text(&home.environment, &text) {
            Ok(snapshot) => prop_assert!(snapshot.origin(&KeyPath::root()).is_some()),
            Err(error) => {
                prop_assert!(!error.issues().is_empty());
                prop_assert!(error.issues().iter().all(|issue| issue.line >= 1));
            }
        }
    }
}
