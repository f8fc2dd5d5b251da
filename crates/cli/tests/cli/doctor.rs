//! `moltbot doctor`.

use moltbot_testkit::{Reply, Script, ScriptedServer, When, block_on, models_list};
use serde_json::{Value, json};

use crate::fixtures::{CONFIG, box_config, nobody, run_with};
use crate::setup::Home;

/// The findings with this id.
fn found<'a>(report: &'a Value, id: &str) -> Vec<&'a Value> {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().filter(|check| check["id"] == id).collect()
}

/// The only finding with this id.
#[track_caller]
fn one<'a>(report: &'a Value, id: &str) -> &'a Value {
    match found(report, id)[..] {
        [check] => check,
        _ => panic!("not one {id} in {report:#}"),
    }
}

#[track_caller]
fn assert_says(check: &Value, status: &str, detail: &str, remedy: &str) {
    assert_eq!(check["status"], status, "{check}");
    assert!(
        check["detail"].as_str().unwrap().contains(detail),
        "{check}"
    );
    assert!(
        check["remedy"]
            .as_str()
            .unwrap_or_default()
            .contains(remedy),
        "{check}"
    );
}

fn doctor(home: &Home) -> Value {
    home.json(&["doctor", "--json"])
}

fn serving(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

fn listing(ids: &[&str]) -> ScriptedServer {
    serving(Script::new().on(When::get("/v1/models"), models_list(ids)))
}

#[test]
fn all_is_well_when_the_server_has_the_model() {
    let server = listing(&["other", "small"]);
    let home = Home::with_config(box_config(&server.base_url()));
    let report = doctor(&home);
    assert_says(one(&report, "config.file"), "ok", "is valid", "");
    assert_says(one(&report, "models.default"), "ok", "box/small", "");
    assert_says(one(&report, "models.server.box"), "ok", "has small", "");
    assert_says(one(&report, "credentials.none"), "ok", "", "");
    for id in ["engine.build", "disk.free", "memory.total"] {
        one(&report, id);
    }
    assert_eq!(
        found(&report, "models.server.box")[0]["remedy"],
        json!(null)
    );
    assert_eq!(server.requests().len(), 1);

    let text = home.ok(&["doctor"]);
    for heading in [
        "Config",
        "Models",
        "Credentials",
        "Engine",
        "Disk",
        "Memory",
    ] {
        assert!(
            text.lines().any(|line| line == heading),
            "{heading} is not in {text}"
        );
    }
    assert!(!text.contains('\u{1b}'));
    assert!(!text.contains("  fail  "), "{text}");
    assert!(text.lines().count() <= 20, "{text}");
}

#[test]
fn a_model_that_the_server_lacks_is_told_with_what_it_has() {
    let server = listing(&["unrelated-70b", "lab/Small-GGUF"]);
    let home = Home::with_config(box_config(&server.base_url()));
    let report = doctor(&home);
    let check = one(&report, "models.server.box");
    assert_says(
        check,
        "fail",
        "does not list small; near it are lab/Small-GGUF",
        "moltbot models set box/lab/Small-GGUF",
    );

    server.set_script(Script::new().on(When::get("/v1/models"), models_list(&[])));
    assert_says(
        one(&doctor(&home), "models.server.box"),
        "fail",
        "it lists no model",
        "load small there",
    );

    server.set_script(Script::new().on(When::get("/v1/models"), models_list(&["unrelated-70b"])));
    assert_says(
        one(&doctor(&home), "models.server.box"),
        "fail",
        "it has unrelated-70b",
        "",
    );
}

#[test]
fn a_refused_key_is_told_with_its_source_and_never_shown() {
    let key = "test-not-a-real-key-0123456789-abcdefghij";
    let server = serving(Script::new().on(
        When::get("/v1/models").api_key("right"),
        models_list(&["small"]),
    ));
    let config = box_config(&server.base_url());
    let home = Home::with_config(&config);
    assert_says(
        one(&doctor(&home), "models.server.box"),
        "fail",
        "asks for a key",
        "set models.providers.box.apiKey",
    );

    home.write(
        CONFIG,
        config.replace("models: [{", "apiKey: \"BOX_SECRET\", models: [{"),
    );
    let output = run_with(&home, &[("BOX_SECRET", key)], &["doctor", "--json"]).ok();
    assert!(!output.stdout.contains(key), "{output:?}");
    assert_says(
        one(&output.json(), "models.server.box"),
        "fail",
        "refuses the key from env: BOX_SECRET",
        "",
    );

    let output = run_with(&home, &[("BOX_SECRET", "right")], &["doctor", "--json"]).ok();
    assert_says(
        one(&output.json(), "models.server.box"),
        "ok",
        "has small",
        "",
    );
}

#[test]
fn a_wrong_base_url_is_told_with_the_right_one() {
    let page = Reply::whole(200, "text/html", "<html>Welcome</html>");
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small"]))
            .on(When::get("/web"), page),
    );
    // One path is not there, the other is a page for people.
    for wrong in ["api", "web"] {
        let home = Home::with_config(box_config(&format!("{}/{wrong}", server.origin())));
        let right = format!(
            "moltbot config set models.providers.box.baseUrl {}",
            server.base_url()
        );
        let report = doctor(&home);
        assert_says(
            one(&report, "models.server.box"),
            "fail",
            "not as a model server",
            &right,
        );
        // The remedy is a remedy.
        let args: Vec<&str> = right.split(' ').skip(1).collect();
        home.ok(&args);
        assert_says(
            one(&doctor(&home), "models.server.box"),
            "ok",
            "has small",
            "",
        );
    }
    server.set_script(Script::new());
    let home = Home::with_config(box_config(&server.base_url()));
    assert_says(
        one(&doctor(&home), "models.server.box"),
        "fail",
        "not with a list of models",
        "/v1",
    );
}

#[test]
fn a_server_that_does_not_answer_is_to_be_started() {
    let home = Home::with_config(box_config(&nobody()));
    let report = doctor(&home);
    assert_says(
        one(&report, "models.server.box"),
        "fail",
        "cannot be reached",
        "start the server",
    );
    // A program that is known by its name comes with its command.
    let home = Home::with_config(box_config(&nobody()).replace("box", "vllm"));
    let report = doctor(&home);
    assert_says(
        one(&report, "models.server.vllm"),
        "fail",
        "cannot be reached",
        "vllm serve small --port ",
    );
    let text = home.ok(&["doctor"]);
    assert!(text.contains("-> start vLLM: vllm serve small"), "{text}");
    assert!(text.ends_with("1 problem.\n"), "{text}");
}

#[test]
fn a_broken_configuration_is_told_and_the_rest_is_checked_all_the_same() {
    let home =
        Home::with_config("{ models: { providers: { box: { baseURL: 'x', models: [] } } } }");
    let report = doctor(&home);
    assert_says(
        one(&report, "config.file"),
        "fail",
        "cannot be used",
        "moltbot config validate",
    );
    let issues = found(&report, "config.issue");
    assert!(issues.iter().any(|issue| {
        issue["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean \"baseUrl\"?")
    }));
    assert_says(one(&report, "models.default"), "warn", "not checked", "");
    one(&report, "engine.build");
    one(&report, "disk.free");

    home.write(CONFIG, "{ broken");
    assert_says(
        one(&doctor(&home), "config.file"),
        "fail",
        "cannot be used",
        "",
    );
}

#[test]
fn keys_without_effect_are_named_together() {
    let home = Home::with_config(
        "{ channels: { telegram: { enabled: true }, discord: { enabled: true } } }",
    );
    let report = doctor(&home);
    let check = one(&report, "config.unbuilt");
    assert_says(check, "warn", "channels.telegram", "");
    assert_says(check, "warn", "channels.discord", "");
}

#[test]
fn without_a_model_it_says_how_to_get_one() {
    let report = doctor(&Home::new());
    assert_says(one(&report, "config.file"), "ok", "does not exist yet", "");
    assert_says(
        one(&report, "models.default"),
        "fail",
        "moltbot models pull",
        "",
    );
}

#[test]
fn a_hosted_fallback_without_a_key_is_no_safety_net() {
    let server = listing(&["small"]);
    let home = Home::with_config(box_config(&server.base_url()).replace(
        "primary: \"box/small\"",
        "primary: \"box/small\", fallbacks: [\"anthropic/claude-opus-4-5\"]",
    ));
    let report = doctor(&home);
    assert_says(
        one(&report, "credentials.anthropic"),
        "fail",
        "no key",
        "set ANTHROPIC_API_KEY",
    );
    assert!(
        found(&report, "models.server.anthropic").is_empty(),
        "nobody asks without a key"
    );
}

#[test]
fn the_name_of_a_variable_that_is_not_set_is_no_key() {
    let server = listing(&["small"]);
    let home = Home::with_config(
        box_config(&server.base_url()).replace("models: [{", "apiKey: \"BOX_API_KEY\", models: [{"),
    );
    let report = doctor(&home);
    assert_says(
        one(&report, "credentials.box"),
        "warn",
        "BOX_API_KEY",
        "set BOX_API_KEY",
    );
}

#[test]
fn a_file_of_profiles_that_cannot_be_read_is_told() {
    let home = Home::new();
    home.write(
        ".clawdbot/agents/main/agent/auth-profiles.json",
        "{ profiles",
    );
    assert_says(
        one(&doctor(&home), "credentials.profiles"),
        "warn",
        "auth-profiles.json",
        "",
    );
}

/// The head of a model file of version 3 with no tensors and no metadata.
#[cfg(feature = "engine")]
const EMPTY_GGUF: &str = "GGUF\u{3}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[cfg(feature = "engine")]
#[test]
fn installed_models_are_told_with_their_checksums() {
    let home =
        Home::with_config(r#"{ agents: { defaults: { model: { primary: "local/gone" } } } }"#);
    home.write("Mine.gguf", EMPTY_GGUF);
    home.ok(&["models", "pull", "Mine.gguf"]);
    home.write(".clawdbot/models/by-hand.gguf", EMPTY_GGUF);
    home.write(".clawdbot/models/broken.gguf", "GGUF");
    let report = doctor(&home);
    assert_says(
        one(&report, "engine.model.mine"),
        "ok",
        "checksum on record",
        "",
    );
    assert_says(
        one(&report, "engine.model.by-hand"),
        "ok",
        "put here by hand",
        "",
    );
    assert_says(one(&report, "engine.model.broken"), "fail", "GGUF", "");
    assert_says(
        one(&report, "models.local.gone"),
        "fail",
        "not installed",
        "moltbot models pull gone",
    );

    std::fs::remove_file(home.state().join("models/mine.gguf")).unwrap();
    home.write(".clawdbot/models/mine.gguf", "GGUF cut");
    let report = doctor(&home);
    assert_says(
        one(&report, "engine.model.mine"),
        "warn",
        "not as long",
        "pull it again",
    );
}
