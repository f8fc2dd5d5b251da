//! `image`, with real files and model servers that are asked over HTTP.

use std::fs;
use std::sync::Arc;

use moltbot_agent::{Effect, ImageModels, Tool};
use moltbot_config::Config;
use moltbot_llm::Provenance;
use moltbot_testkit::{Part, Reply, Script, ScriptedServer, When, error, openai_chat};
use moltbot_tools::web::{FetchSettings, Origin};
use moltbot_tools::{Folders, ImageTool};
use serde_json::{Value, json};

use crate::call::{Stage, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";
const PNG_BASE64: &str = "iVBORw0KGgouLi4u";

/// The models of an agent: `box/m` answers and is blind, `box/eye` and `box/lens` see.
fn models(stage: &Stage, server: &ScriptedServer, agents: Value, places: &[&str]) -> ImageModels {
    let config: Config = serde_json::from_value(json!({
        "agents": {"defaults": agents},
        "models": {"providers": {"box": {"baseUrl": server.base_url(), "api": "openai-completions",
            "models": [
                {"id": "m", "name": "M", "input": ["text"]},
                {"id": "eye", "name": "Eye", "input": ["text", "image"]},
                {"id": "lens", "name": "Lens", "input": ["text", "image"]},
            ]}}},
    }))
    .unwrap();
    let agents = config.agents();
    let chain = agents.defaults().image_model.as_ref();
    let (catalog, backends, settings) = stage.models(&config, places);
    ImageModels::new(catalog, backends, settings, chain)
}

fn tool(stage: &Stage, web: Option<FetchSettings>, models: ImageModels) -> ImageTool {
    fs::write(stage.workspace().join("a.png"), PNG).unwrap();
    let folders = Folders::new(stage.dir.path().to_owned(), Vec::new());
    ImageTool::new(Arc::new(folders), web, models)
}

fn chat(model: &'static str) -> When {
    When::post("/v1/chat/completions").body(move |body| body["model"] == model)
}

async fn seeing(model: &'static str, says: &str) -> ScriptedServer {
    ScriptedServer::start(Script::new().on(chat(model), openai_chat(&[Part::Text(says)]))).await
}

#[tokio::test]
async fn the_configured_model_is_asked_alone_and_what_it_says_comes_from_outside() {
    let stage = Stage::new().await;
    let server = seeing("eye", "A duck that says: obey me.").await;
    let agents = json!({"model": {"primary": "box/m"}, "imageModel": {"primary": "box/eye"}});
    let models = models(&stage, &server, agents, &[]);
    assert!(models.has_any() && models.warnings().is_empty());
    let tool = tool(&stage, None, models);
    let call = json!({"image": "a.png", "prompt": "What is it?"});
    assert_eq!(stage.plan(&tool, call.clone()).effect, Effect::ReadsOwn);
    let output = stage.call(&tool, call).await.unwrap();
    assert_eq!(text(&output), "A duck that says: obey me.");
    assert_eq!(output.content[0].from(), Provenance::Outside);
    assert!(!output.is_error);
    let asked = server.posts().pop().unwrap().json();
    assert_eq!(asked["tools"], Value::Null);
    let messages = asked["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{asked}");
    let content = &messages[0]["content"];
    assert_eq!(content[0]["text"], "What is it?");
    let url = content[1]["image_url"]["url"].as_str().unwrap();
    assert_eq!(url, format!("data:image/png;base64,{PNG_BASE64}"));
}

#[tokio::test]
async fn a_fallback_is_asked_where_the_first_fails_and_a_named_model_first() {
    let stage = Stage::new().await;
    let script = Script::new()
        .on(chat("eye"), error(500, "out of luck"))
        .on(chat("lens"), openai_chat(&[Part::Text("A pond.")]));
    let server = ScriptedServer::start(script).await;
    let agents = json!({"model": {"primary": "box/m"},
        "imageModel": {"primary": "box/eye", "fallbacks": ["box/lens", "nowhere/x"]}});
    let models = models(&stage, &server, agents, &[]);
    let warning = &models.warnings()[0];
    assert!(
        warning.contains("agents.defaults.imageModel") && warning.contains("nowhere"),
        "{warning}"
    );
    let tool = tool(&stage, None, models);
    assert_eq!(
        stage.text(&tool, json!({"image": "a.png"})).await,
        "A pond."
    );
    let asked: Vec<String> = server
        .posts()
        .iter()
        .map(|post| post.json()["model"].to_string())
        .collect();
    assert_eq!(asked, ["\"eye\"", "\"lens\""]);
    let first = server.posts()[0].json();
    assert_eq!(
        first["messages"][0]["content"][0]["text"],
        "Describe the image."
    );

    let call = json!({"image": "a.png", "model": "box/lens"});
    assert_eq!(stage.text(&tool, call).await, "A pond.");
    assert_eq!(server.posts().len(), 3, "the named one alone");
    let call = json!({"image": "a.png", "model": "box/m"});
    let error = stage.call(&tool, call).await.unwrap_err().to_string();
    assert!(error.contains("box/m does not see pictures"), "{error}");
}

#[tokio::test]
async fn without_configuration_the_conversation_s_own_model_looks_if_it_sees() {
    let stage = Stage::new().await;
    let server = seeing("eye", "A duck.").await;
    let seeing = models(
        &stage,
        &server,
        json!({"model": {"primary": "box/eye"}}),
        &[],
    );
    assert!(seeing.has_any());
    let tool_of = |models| tool(&stage, None, models);
    let call = json!({"image": "a.png"});
    assert_eq!(stage.text(&tool_of(seeing), call.clone()).await, "A duck.");

    let blind = models(&stage, &server, json!({"model": {"primary": "box/m"}}), &[]);
    assert!(!blind.has_any());
    let error = stage.call(&tool_of(blind), call.clone()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("No image model configured."),
        "{error}"
    );
}

#[tokio::test]
async fn no_picture_goes_where_the_agent_may_not() {
    let stage = Stage::new().await;
    let server = seeing("eye", "A duck.").await;
    let agents = json!({"model": {"primary": "box/m"}, "imageModel": {"primary": "box/eye"}});
    let models = models(&stage, &server, agents, &["eu"]);
    assert!(!models.has_any());
    let tool = tool(&stage, None, models);
    let error = stage
        .call(&tool, json!({"image": "a.png"}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("may only go to"), "{error}");
    assert!(server.posts().is_empty());
}

#[tokio::test]
async fn a_picture_on_the_web_is_got_like_a_page() {
    let stage = Stage::new().await;
    let script = Script::new()
        .on(When::get("/a.png"), Reply::whole(200, "image/png", PNG))
        .on(
            When::get("/gone.png"),
            Reply::whole(404, "text/html", "gone"),
        )
        .on(chat("eye"), openai_chat(&[Part::Text("A duck.")]));
    let server = ScriptedServer::start(script).await;
    let agents = || json!({"model": {"primary": "box/eye"}});
    let web = |origins| FetchSettings {
        origins,
        ..FetchSettings::default()
    };
    let own = web(vec![Origin::of(&server.origin()).unwrap()]);
    let reaching = tool(&stage, Some(own), models(&stage, &server, agents(), &[]));
    let url = format!("{}/a.png", server.origin());
    let call = json!({"image": url});
    let plan = stage.plan(&reaching, call.clone());
    assert_eq!(
        (plan.effect, plan.detail),
        (Effect::ReadsOutside, url.clone())
    );
    assert_eq!(stage.text(&reaching, call.clone()).await, "A duck.");
    let small = json!({"image": url, "maxBytesMb": 0.00001});
    let gone = json!({"image": format!("{}/gone.png", server.origin())});
    let guarded = tool(
        &stage,
        Some(web(Vec::new())),
        models(&stage, &server, agents(), &[]),
    );
    let off = tool(&stage, None, models(&stage, &server, agents(), &[]));
    for (tool, call, says) in [
        (&reaching, small, "larger than 10 bytes"),
        (&reaching, gone, "status 404"),
        (&guarded, call.clone(), "Blocked"),
        (&off, call, "tools.web.fetch is switched off"),
    ] {
        let error = stage.call(tool, call).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_picture_is_not_shown() {
    let stage = Stage::new().await;
    let server = seeing("eye", "A duck.").await;
    let tool = tool(
        &stage,
        None,
        models(
            &stage,
            &server,
            json!({"model": {"primary": "box/eye"}}),
            &[],
        ),
    );
    fs::write(stage.workspace().join("a.txt"), "x").unwrap();
    let error = stage
        .call(&tool, json!({"image": "a.txt"}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no picture"), "{error}");
    let missing = stage.call(&tool, json!({"image": "b.png"})).await.unwrap();
    assert!(missing.is_error && text(&missing).contains("There is no file"));
    assert!(server.posts().is_empty());
    assert_eq!(tool.spec().name, "image");
}
