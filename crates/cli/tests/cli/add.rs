//! `moltbot models add`.

use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, block_on, error, models_list, openai_chat,
    openai_responses,
};
use serde_json::{Value, json};

use crate::fixtures::{CONFIG, box_config, nobody, run, run_with};
use crate::setup::Home;

const KEY: &str = "test-not-a-real-key-0123456789-abcdefghij";

fn serving(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

fn says(script: Script) -> Script {
    script
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Hello.")]),
        )
        .on(
            When::post("/v1/responses"),
            openai_responses(&[Part::Text("Hello.")]),
        )
}

fn lm_studio() -> Script {
    let native = json!({"models": [
        {"type": "llm", "key": "resting", "max_context_length": 131_072, "loaded_instances": []},
        {"type": "llm", "key": "minimax-m2.1-gs32", "max_context_length": 196_608,
         "loaded_instances": [{"id": "minimax-m2.1-gs32", "config": {"context_length": 65536}}],
         "capabilities": {"vision": true, "trained_for_tool_use": true}},
    ]});
    says(
        Script::new()
            .on(
                When::get("/v1/models"),
                models_list(&["resting", "minimax-m2.1-gs32"]),
            )
            .on(When::get("/api/v1/models"), Reply::json(200, &native)),
    )
}

fn vllm() -> Script {
    let list = json!({"data": [{"id": "org/big", "owned_by": "vllm", "max_model_len": 4096}]});
    says(Script::new().on(When::get("/v1/models"), Reply::json(200, &list)))
}

fn llama_cpp() -> Script {
    let list = json!({"data": [{"id": "tiny", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 32768}}]});
    let props = json!({"default_generation_settings": {"n_ctx": 8192}, "total_slots": 1, "build_info": "b1"});
    says(
        Script::new()
            .on(When::get("/v1/models"), Reply::json(200, &list))
            .on(When::get("/props"), Reply::json(200, &props)),
    )
}

#[test]
fn each_kind_of_server_is_written_down_as_it_is_and_answers() {
    let cases = [
        (
            lm_studio(),
            "lmstudio",
            "openai-responses",
            "minimax-m2.1-gs32",
            65536,
            8192,
        ),
        (vllm(), "vllm", "openai-completions", "org/big", 4096, 1024),
        (
            llama_cpp(),
            "llamacpp",
            "openai-completions",
            "tiny",
            8192,
            2048,
        ),
    ];
    for (script, id, api, model, context, answer) in cases {
        let server = serving(script);
        let home = Home::new();
        // As people write it: without the scheme, without the version.
        let address = server.origin().replace("http://", "");
        let text = home.ok(&["models", "add", &address, "--set-default"]);
        assert!(text.contains(&format!("models.providers.{id}")), "{text}");
        assert!(
            text.contains(&format!("Default model: {id}/{model}")),
            "{text}"
        );
        let models = home.json(&["config", "get", "models", "--json"]);
        assert_eq!(models["mode"], "merge");
        let provider = &models["providers"][id];
        assert_eq!(provider["baseUrl"], server.base_url());
        assert_eq!(provider["api"], api);
        let first = &provider["models"][0];
        assert_eq!(first["id"], model);
        assert_eq!(
            (&first["contextWindow"], &first["maxTokens"]),
            (&json!(context), &json!(answer))
        );
        assert_eq!(first["cost"]["cacheRead"], 0);
        let input = match id {
            "lmstudio" => json!(["text", "image"]),
            _ => json!(["text"]),
        };
        assert_eq!(first["input"], input);
        assert_eq!(server.posts().len(), 0);

        let before = server.requests().len();
        let said = run(&home, &["agent", "-m", "hi"]).ok();
        assert_eq!(
            (said.stdout.as_str(), said.stderr.as_str()),
            ("Hello.\n", ""),
            "{id}"
        );
        // What was told need not be asked again: one question confirms it.
        assert_eq!(server.requests().len(), before + 2, "{id}");
    }
}

#[test]
fn the_owner_s_file_keeps_what_it_has() {
    let (first, second) = (serving(vllm()), serving(lm_studio()));
    let home = Home::with_config(box_config(&first.base_url()));
    home.ok(&["models", "add", &second.base_url()]);
    let text = home.read(CONFIG);
    assert!(text.contains("// The machine under the desk."), "{text}");
    assert!(text.contains("box: {"), "{text}");
    // The model that is not loaded has no context yet, and none is made up.
    let resting = home.json(&[
        "config",
        "get",
        "models.providers.lmstudio.models[1]",
        "--json",
    ]);
    assert_eq!(resting["id"], "resting");
    assert_eq!(resting.get("contextWindow"), None);
    // The default is still the owner's.
    assert!(home.ok(&["models", "status"]).contains("box/small"));

    let said = home.fails(&["models", "add", &first.base_url(), "--id", "LMStudio"]);
    assert!(
        said.contains("\"lmstudio\" already") && said.contains("--yes") && said.contains("--id"),
        "{said}"
    );
    assert_eq!(home.read(CONFIG), text);
    home.ok(&[
        "models",
        "add",
        &first.base_url(),
        "--id",
        "lmstudio",
        "--yes",
    ]);
    let provider = home.json(&["config", "get", "models.providers.lmstudio", "--json"]);
    assert_eq!(provider["baseUrl"], first.base_url());
    let report = home.json(&[
        "models",
        "add",
        &first.base_url(),
        "--id",
        "other",
        "--api",
        "openai-responses",
        "--json",
    ]);
    assert_eq!(report["written"]["api"], "openai-responses");
    assert_eq!(report["provider"], "other");
}

#[test]
fn a_key_is_used_and_not_shown_and_may_be_a_variable() {
    let list = json!({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]});
    let server = serving(Script::new().on(
        When::get("/v1/models").api_key(KEY),
        Reply::json(200, &list),
    ));
    let home = Home::new();
    let said = home.fails(&["models", "add", &server.base_url()]);
    assert!(said.contains("--key"), "{said}");
    let said = run(&home, &["models", "add", &server.base_url(), "--key", KEY]).ok();
    assert!(
        !said.stdout.contains(KEY) && !said.stderr.contains(KEY),
        "{said:?}"
    );
    assert!(home.read(CONFIG).contains(KEY));

    let home = Home::new();
    let vars = [("BOX_KEY", KEY)];
    run_with(
        &home,
        &vars,
        &["models", "add", &server.base_url(), "--key", "${BOX_KEY}"],
    )
    .ok();
    let text = home.read(CONFIG);
    assert!(text.contains("${BOX_KEY}") && !text.contains(KEY), "{text}");
}

#[test]
fn what_is_no_server_is_not_written_down() {
    let page = serving(Script::new().on(When::any(), Reply::whole(200, "text/html", "<html>")));
    let empty = serving(Script::new().on(When::get("/v1/models"), models_list(&[])));
    let broken = serving(Script::new().on(When::any(), error(500, "out of luck")));
    let home = Home::new();
    for (address, says) in [
        (page.base_url(), "not with a list of models"),
        (empty.base_url(), "has no model"),
        (broken.base_url(), "out of luck"),
        (nobody(), "start the server"),
        ("http://".to_owned(), "is no address"),
    ] {
        let said = home.fails(&["models", "add", &address]);
        assert!(said.contains(says), "{address}: {said}");
        assert!(!said.contains("models.providers"), "{said}");
    }
    assert!(!home.state().join("moltbot.json").exists());
}

/// A wrong path is corrected before it is written.
#[test]
fn the_working_address_is_what_is_written() {
    let server = serving(vllm());
    let home = Home::new();
    let address = format!("{}/ui/chat", server.origin());
    let report: Value = home.json(&["models", "add", &address, "--json"]);
    assert_eq!(report["written"]["baseUrl"], server.base_url());
}
