//! `moltbot models probe`.

use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, block_on, error, models_list, openai_chat,
};
use serde_json::{Value, json};

use crate::fixtures::{CONFIG, box_config, nobody, run};
use crate::setup::Home;

fn serving(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

/// LM Studio with `small`, loaded with this much context.
fn lm_studio(loaded: u64) -> ScriptedServer {
    let native = json!({"models": [
        {"type": "llm", "key": "small", "max_context_length": 40960,
         "loaded_instances": [{"id": "small", "config": {"context_length": loaded}}],
         "capabilities": {"vision": false, "trained_for_tool_use": true}},
        {"type": "llm", "key": "resting", "max_context_length": 131_072, "loaded_instances": []},
    ]});
    let unexpected = Reply::json(200, &json!({"error": "Unexpected endpoint or method."}));
    serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small", "resting"]))
            .on(When::get("/api/v1/models"), Reply::json(200, &native))
            .on(When::any(), unexpected),
    )
}

fn vllm(id: &str, context: u64) -> ScriptedServer {
    let list = json!({"data": [{"id": id, "owned_by": "vllm", "max_model_len": context}]});
    serving(
        Script::new()
            .on(When::get("/v1/models"), Reply::json(200, &list))
            .on(
                When::get("/version"),
                Reply::json(200, &json!({"version": "0.32.0"})),
            ),
    )
}

/// The only server of a report.
#[track_caller]
fn one(report: &Value) -> &Value {
    match &report["servers"].as_array().unwrap()[..] {
        [server] => server,
        _ => panic!("not one server in {report:#}"),
    }
}

#[test]
fn less_context_than_configured_is_told_with_what_to_do() {
    let server = lm_studio(4096);
    let home = Home::with_config(box_config(&server.base_url()));
    let text = home.ok(&["models", "probe", "--passive"]);
    for line in [
        "  LM Studio".to_owned(),
        "  Model    State       Context  Max     Slots  Vision  Tools".to_owned(),
        "  small    loaded      4096     40960   -      no      yes".to_owned(),
        "  resting  not loaded  -        131072  -      -       -".to_owned(),
        "  box/small: contextWindow is configured as 32768, but the server has loaded 4096"
            .to_owned(),
        "    -> moltbot config set models.providers.box.models.0.contextWindow 4096".to_owned(),
        "    -> or load it with more: lms unload small && lms load small --context-length 32768"
            .to_owned(),
        format!("  told by {}/api/v1/models", server.origin()),
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "{line:?} is not in:\n{text}"
        );
    }

    let report = home.json(&["models", "probe", "--json", "--passive"]);
    let found = one(&report);
    assert_eq!(found["ok"], true);
    assert_eq!(found["probe"]["server"]["value"], "lm-studio");
    assert_eq!(
        found["probe"]["models"][0]["loadedContext"],
        json!({"value": 4096, "source": format!("{}/api/v1/models", server.origin())})
    );
    let comparison = &found["comparisons"][0];
    assert_eq!(comparison["verdict"], "too-large");
    assert_eq!(comparison["contextWindowConfigured"], true);

    // The remedy is a remedy.
    let remedy = comparison["remedies"][0].as_str().unwrap();
    let args: Vec<&str> = remedy.split(' ').skip(1).collect();
    home.ok(&args);
    let report = home.json(&["models", "probe", "--json", "--passive"]);
    assert_eq!(one(&report)["comparisons"][0]["verdict"], "matches");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn a_default_is_not_taken_for_a_setting_and_more_context_is_offered() {
    let server = vllm("small", 250_000);
    let config = box_config(&server.base_url());
    let home = Home::with_config(config.replace(", contextWindow: 32768", ""));
    let text = home.ok(&["models", "probe", "box/small"]);
    assert!(text.contains("  vLLM 0.32.0\n"), "{text}");
    assert!(
        text.contains(
            "contextWindow is not configured and taken as 200000, and the server has loaded 250000"
        ),
        "{text}"
    );
    home.ok(&[
        "config",
        "set",
        "models.providers.box.models.0.contextWindow",
        "250000",
    ]);
    let text = home.ok(&["models", "probe", "box"]);
    assert!(text.contains("as the server has it"), "{text}");

    // A provider that lists no models of its own has an address all the same.
    home.write(
        CONFIG,
        format!(
            "{{ models: {{ providers: {{ bare: {{ baseUrl: \"{}\", models: [] }} }} }} }}",
            server.base_url()
        ),
    );
    let report = home.json(&["models", "probe", "bare", "--json"]);
    assert_eq!(one(&report)["probe"]["server"]["value"], "vllm");
    assert_eq!(one(&report)["comparisons"], json!([]));
}

#[test]
fn a_model_that_the_server_lacks_is_told_with_a_near_one() {
    let server = vllm("lab/Small", 4096);
    let home = Home::with_config(box_config(&server.base_url()));
    let report = home.json(&["models", "probe", "--json"]);
    let comparison = &one(&report)["comparisons"][0];
    assert_eq!(comparison["verdict"], "missing");
    assert_eq!(
        comparison["remedies"][0],
        "moltbot models set box/lab/Small"
    );
}

#[test]
fn a_wrong_base_url_is_told_with_the_right_one() {
    let server = vllm("small", 32768);
    let home = Home::with_config(box_config(&format!("{}/api", server.origin())));
    let report = home.json(&["models", "probe", "--json"]);
    let found = one(&report);
    assert_eq!(found["probe"]["baseUrl"], server.base_url());
    let remedy = found["baseUrlRemedy"].as_str().unwrap();
    assert!(home.ok(&["models", "probe"]).contains(remedy));
    let args: Vec<&str> = remedy.split(' ').skip(1).collect();
    home.ok(&args);
    let report = home.json(&["models", "probe", "--json"]);
    assert_eq!(one(&report)["baseUrlRemedy"], Value::Null);
}

#[test]
fn a_server_that_cannot_be_probed_is_an_exit_code() {
    let home = Home::with_config(box_config(&nobody()));
    for args in [
        &["models", "probe", "box"][..],
        &["models", "probe", "box/small"],
        &["models", "probe"],
    ] {
        let said = run(&home, args);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.stdout.contains("box at http://127.0.0.1:")
                && said.stdout.contains("cannot be reached"),
            "{said:?}"
        );
    }
    let said = run(&home, &["models", "probe", "box", "--json"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(one(&said.json())["ok"], false);

    // One of the chain is down: the other is told all the same.
    let server = vllm("small", 32768);
    let config = box_config(&nobody())
        .replace("providers: {", &format!("providers: {{ up: {{ baseUrl: \"{}\", models: [{{ id: \"small\", name: \"Small\", contextWindow: 32768 }}] }},", server.base_url()))
        .replace("primary: \"box/small\"", "primary: \"box/small\", fallbacks: [\"up/small\"]");
    home.write(CONFIG, config);
    let report = home.json(&["models", "probe", "--json"]);
    let oks: Vec<&Value> = report["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| &server["ok"])
        .collect();
    assert_eq!(oks, [false, true]);

    let said = home.fails(&["models", "probe", "nowhere"]);
    assert!(said.contains("There is no provider \"nowhere\""), "{said}");
}

#[test]
fn a_refused_key_is_told_and_never_shown() {
    let key = "test-not-a-real-key-0123456789-abcdefghij";
    let server = serving(Script::new().on(
        When::any(),
        error(
            401,
            r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
        ),
    ));
    let config = box_config(&server.base_url());
    let home =
        Home::with_config(config.replace("models: [{", &format!("apiKey: \"{key}\", models: [{{")));
    let said = run(&home, &["models", "probe"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("wants a valid API key"), "{said:?}");
    assert!(
        !said.stdout.contains(key) && !said.stderr.contains(key),
        "{said:?}"
    );

    // A vendor is not asked without a key.
    let said = run(&home, &["models", "probe", "anthropic"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("set ANTHROPIC_API_KEY"), "{said:?}");
}

#[test]
fn what_runs_inside_has_no_server() {
    let home =
        Home::with_config(r#"{ agents: { defaults: { model: { primary: "local/tiny" } } } }"#);
    let said = run(&home, &["models", "probe"]).ok();
    assert!(said.stdout.contains("runs inside moltbot"), "{said:?}");
    assert_eq!(run(&home, &["models", "probe", "local"]).code, Some(1));
}

#[test]
fn what_came_out_is_kept_and_shown_with_its_source() {
    let list = json!({"data": [{"id": "small", "owned_by": "vllm", "max_model_len": 8192}]});
    let called = Part::ToolCall {
        id: "a",
        name: "look_up",
        arguments: r#"{"city":"Paris"}"#,
    };
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), Reply::json(200, &list))
            .on(
                When::post("/v1/chat/completions").body(|body| body.get("tools").is_some()),
                openai_chat(&[called]),
            )
            .on(
                When::post("/v1/chat/completions"),
                openai_chat(&[Part::Text("ok")]),
            ),
    );
    let home = Home::with_config(box_config(&server.base_url()));
    let shown = |home: &Home| {
        let list = home.json(&["models", "list", "--json"]);
        let row = &list["models"][0];
        (
            row["contextWindow"].clone(),
            row["contextWindowSource"].clone(),
        )
    };
    assert_eq!(shown(&home), (json!(32768), json!("config")));
    // Nothing is written by looking.
    assert!(!home.state().join("moltbot.db").exists());

    let said = run(&home, &["models", "probe"]).ok();
    assert!(said.stderr.contains("some hundred tokens"), "{said:?}");
    for line in [
        "    calls tools, one at a time",
        "    takes tool schemas as they are",
        "    does count the tokens of a stream",
        "    does take the role system, developer, several of them",
    ] {
        assert!(said.stdout.lines().any(|known| known == line), "{said:?}");
    }
    assert_eq!(shown(&home), (json!(8192), json!("probed")));
    assert!(home.ok(&["models", "list"]).contains("8.2k probed"));
    assert!(
        home.ok(&["models", "status"])
            .contains("box/small (8.2k probed)")
    );
    let status = home.json(&["models", "status", "--json"]);
    assert_eq!(status["contextWindowSource"], "probed");

    // Without asking again, what was asked is known.
    let asked = server.posts().len();
    let report = home.json(&["models", "probe", "--json", "--passive"]);
    let model = &one(&report)["asked"][0];
    assert_eq!(
        model["result"]["tools"],
        json!({"value": "native", "source": "asked"})
    );
    assert_eq!(server.posts().len(), asked);
}

#[test]
fn a_model_that_is_not_loaded_is_left_alone_unless_it_may_be_loaded() {
    let native = json!({"models": [
        {"type": "llm", "key": "small", "max_context_length": 40960, "loaded_instances": []}]});
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small"]))
            .on(When::get("/api/v1/models"), Reply::json(200, &native))
            .on(
                When::post("/v1/chat/completions"),
                openai_chat(&[Part::Text("ok")]),
            ),
    );
    let home = Home::with_config(box_config(&server.base_url()));
    let text = home.ok(&["models", "probe"]);
    assert!(
        text.contains("box/small: not asked anything, it is not loaded; --load"),
        "{text}"
    );
    assert_eq!(server.posts().len(), 0);
    let text = home.ok(&["models", "probe", "--load"]);
    assert!(text.contains("did not call a tool when asked to"), "{text}");
}

/// The figure of the manual, and what LM Studio loads unless told otherwise.
#[test]
fn a_turn_says_once_that_less_is_loaded_than_configured() {
    let native = json!({"models": [{"type": "llm", "key": "small", "max_context_length": 262_144,
        "loaded_instances": [{"id": "small", "config": {"context_length": 4096}}]}]});
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small"]))
            .on(When::get("/api/v1/models"), Reply::json(200, &native))
            .on(
                When::post("/v1/chat/completions"),
                openai_chat(&[Part::Text("Hello.")]),
            ),
    );
    let home = Home::with_config(box_config(&server.base_url()).replace("32768", "196608"));
    let said = run(&home, &["agent", "-m", "hi"]).ok();
    assert_eq!(said.stdout, "Hello.\n");
    assert!(
        said.stderr
            .contains("contextWindow is configured as 196608, but its server has loaded 4096"),
        "{said:?}"
    );
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    let sent = server.posts()[0].json();
    assert!(sent["max_tokens"].as_u64().unwrap() < 4096, "{sent}");
    // What is known is confirmed by one question.
    let before = server.requests().len();
    let json = home.json(&["agent", "-m", "hi", "--json"]);
    assert_eq!(json["meta"]["notices"].as_array().unwrap().len(), 1);
    assert_eq!(server.requests().len(), before + 2);
}

#[test]
fn a_wrong_base_url_answers_all_the_same() {
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small"]))
            .on(
                When::post("/v1/chat/completions"),
                openai_chat(&[Part::Text("Hello.")]),
            ),
    );
    let home = Home::with_config(box_config(&format!("{}/api", server.origin())));
    let said = run(&home, &["agent", "-m", "hi"]).ok();
    assert_eq!(said.stdout, "Hello.\n");
    let (_, command) = said.stderr.trim().rsplit_once(": ").unwrap();
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    home.ok(&args);
    let said = run(&home, &["agent", "-m", "hi"]).ok();
    assert_eq!(said.stderr, "");
}
