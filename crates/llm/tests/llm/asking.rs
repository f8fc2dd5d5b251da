//! Asking a model: what each kind of answer and refusal shows, and what is kept of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_llm::{
    Api, Asked, Credentials, HttpBackend, Knowledge, Model, Records, Repairing, ShortMemory,
    SystemRules, ToolCalling, ask_model, probe,
};
use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, error, models_list, openai_chat, openai_responses,
};
use serde_json::{Value, json};

use crate::fixture::model_at;

struct Asker {
    knowledge: Arc<Knowledge>,
    backend: Repairing<HttpBackend>,
}

impl Asker {
    fn new(records: &Arc<ShortMemory>) -> Self {
        let records = Arc::clone(records) as Arc<dyn Records>;
        let knowledge = Arc::new(Knowledge::new(records));
        let http = HttpBackend::new(Arc::new(Credentials::default()));
        Self {
            backend: Repairing::new(http, Arc::clone(&knowledge)),
            knowledge,
        }
    }

    async fn ask(&self, model: &Model) -> Asked {
        ask_model(model, None, &self.backend, &self.knowledge).await
    }
}

async fn ask(server: &ScriptedServer, api: Api) -> Asked {
    let model = model_at(&server.base_url(), api);
    Asker::new(&Arc::default()).ask(&model).await
}

const CHAT: &str = "/v1/chat/completions";

fn call(city: &str) -> Part<'_> {
    let (id, arguments) = match city {
        "Rome" => ("b", r#"{"city":"Rome"}"#),
        _ => ("a", r#"{"city":"Paris"}"#),
    };
    Part::ToolCall {
        id,
        name: "look_up",
        arguments,
    }
}

fn offers(tool: &'static str) -> impl Fn(&Value) -> bool + Send + Sync + 'static {
    move |body: &Value| {
        let tools = body["tools"].as_array().into_iter().flatten();
        tools
            .map(|tool| tool["function"]["name"].as_str().or(tool["name"].as_str()))
            .any(|name| name == Some(tool))
    }
}

fn wants_both(body: &Value) -> bool {
    body.to_string().contains("Rome")
}

/// How a refusal of the form of a request reads.
fn bad(text: &str) -> Reply {
    let body = json!({"error": {"message": text, "type": "invalid_request_error", "code": 400}});
    error(400, &body.to_string())
}

fn value<T: Clone>(fact: &Option<moltbot_llm::Fact<T>>) -> Option<T> {
    let fact = fact.as_ref()?;
    assert_eq!(fact.source, "asked");
    Some(fact.value.clone())
}

#[tokio::test]
async fn a_server_that_can_do_all_of_it_says_so_in_eight_requests() {
    let server = ScriptedServer::start(
        Script::new()
            .on(
                When::post(CHAT).body(wants_both),
                openai_chat(&[call("Paris"), call("Rome")]),
            )
            .on(
                When::post(CHAT).body(offers("look_up")),
                openai_chat(&[Part::Thinking("Look it up."), call("Paris")])
                    .reasoning_field("reasoning"),
            )
            .on(When::post(CHAT), openai_chat(&[Part::Text("ok")])),
    )
    .await;
    let asked = ask(&server, Api::OpenAiCompletions).await;
    assert_eq!(asked.failure, None);
    assert_eq!(value(&asked.tools), Some(ToolCalling::Native));
    assert_eq!(value(&asked.parallel_calls), Some(true));
    assert_eq!(value(&asked.usage), Some(true));
    assert_eq!(value(&asked.reasoning).as_deref(), Some("reasoning"));
    assert_eq!(value(&asked.list_content), Some(true));
    let all = SystemRules {
        system: true,
        developer: true,
        several: true,
    };
    assert_eq!(value(&asked.system_messages), Some(all));
    let schemas = value(&asked.schemas).unwrap();
    assert_eq!(schemas.len(), 5);
    assert!(schemas.values().all(|taken| *taken), "{schemas:?}");
    assert!(asked.tokens > 8 * 12, "{}", asked.tokens);
    let bodies: Vec<Value> = server.posts().iter().map(|post| post.json()).collect();
    assert_eq!(bodies.len(), 8);
    // All but the one that goes the way of a turn: llama.cpp closes connections behind replies.
    let posts = server.posts();
    let mut questions = posts.iter().skip(1);
    assert!(questions.all(|post| post.header("connection") == Some("close")));
    assert!(
        bodies
            .iter()
            .all(|body| body["max_tokens"].as_u64().unwrap() <= 160)
    );
}

#[tokio::test]
async fn a_strict_server_s_refusals_are_its_answers() {
    let is_list = |body: &Value| body["messages"][0]["content"].is_array();
    let has_developer = |body: &Value| body["messages"][0]["role"] == "developer";
    let has_several = |body: &Value| body["messages"][2]["role"] == "system";
    let server = ScriptedServer::start(
        Script::new()
            .on(When::post(CHAT).body(is_list), error(422, r#"{"detail":[{"type":"string_type","loc":["body","messages",0,"content"],"msg":"Input should be a valid string"}]}"#))
            .on(When::post(CHAT).body(has_developer), bad("Unknown role: developer"))
            .on(When::post(CHAT).body(has_several), error(500, r#"{"error":{"code":500,"message":"Jinja Exception: System message must be at the beginning.","type":"server_error"}}"#))
            .on(When::post(CHAT).body(offers("f_ref")), bad("Failed to parse grammar: unsupported $ref"))
            .on(When::post(CHAT).body(offers("f_empty")), bad("Invalid tool schema: parameters"))
            .on(
                When::post(CHAT).body(offers("look_up")),
                openai_chat(&[Part::Text("<think>Hm.</think><tool_call>\n{\"name\": \"look_up\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>")]),
            )
            .on(When::post(CHAT), openai_chat(&[Part::Text("ok")]).without_usage()),
    )
    .await;
    let asked = ask(&server, Api::OpenAiCompletions).await;
    assert_eq!(value(&asked.tools), Some(ToolCalling::AsText));
    assert_eq!(value(&asked.parallel_calls), Some(false));
    assert_eq!(value(&asked.usage), Some(false));
    assert_eq!(value(&asked.reasoning).as_deref(), Some("tags"));
    assert_eq!(value(&asked.list_content), Some(false));
    let rules = value(&asked.system_messages).unwrap();
    assert!(
        rules.system && !rules.developer && !rules.several,
        "{rules:?}"
    );
    let schemas = value(&asked.schemas).unwrap();
    let refused: Vec<&String> = schemas
        .iter()
        .filter(|(_, taken)| !**taken)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(refused, ["$ref", "empty parameters"]);
}

#[tokio::test]
async fn refused_tools_are_remembered_for_the_turns() {
    let with_tools = |body: &Value| body.get("tools").is_some();
    let server = ScriptedServer::start(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["m"]))
            .on(
                When::post(CHAT).body(with_tools),
                error(400, r#"{"error":{"message":"registry.ollama.ai/library/m does not support tools","type":"api_error","param":null,"code":null}}"#),
            )
            .on(When::post(CHAT), openai_chat(&[Part::Text("ok")])),
    )
    .await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let asker = Asker::new(&records);
    let told = probe(&model, None).await.unwrap();
    asker.knowledge.learn(&model, told.clone()).await;
    let asked = asker.ask(&model).await;
    assert_eq!(value(&asked.tools), Some(ToolCalling::Refused));
    assert_eq!((&asked.parallel_calls, &asked.schemas), (&None, &None));
    asker.knowledge.learn_asked(&model, asked.clone()).await;

    // Another process knows both, until the server is another one.
    let later = Asker::new(&records).knowledge;
    assert!(later.dress(model.clone()).await.repairs.tools_as_text);
    assert_eq!(later.asked(&model).await, Some(asked));
    later.learn(&model, told.clone()).await;
    assert!(later.asked(&model).await.is_some());
    let newer = moltbot_llm::Probe {
        version: Some(moltbot_llm::Fact {
            value: "2".into(),
            source: "x".into(),
        }),
        ..told
    };
    later.learn(&model, newer).await;
    assert_eq!(later.asked(&model).await, None);
    assert!(!later.dress(model).await.repairs.tools_as_text);
}

#[tokio::test]
async fn what_a_model_ignores_and_what_it_never_answers() {
    let chatty = ScriptedServer::start(
        Script::new().on(When::post(CHAT), openai_chat(&[Part::Text("Certainly!")])),
    )
    .await;
    let asked = ask(&chatty, Api::OpenAiCompletions).await;
    assert_eq!(value(&asked.tools), Some(ToolCalling::Ignored));
    assert_eq!(asked.reasoning, None);

    let dead =
        ScriptedServer::start(Script::new().on(When::any(), error(500, "out of luck"))).await;
    let asked = ask(&dead, Api::OpenAiCompletions).await;
    let said = asked.failure.clone().unwrap();
    assert!(said.contains("failed while answering"), "{said}");
    assert_eq!(dead.posts().len(), 1);
    assert_eq!(
        asked,
        Asked {
            failure: Some(said),
            ..Asked::default()
        }
    );
}

#[tokio::test]
async fn the_responses_dialect_is_asked_in_its_own_words() {
    let path = "/v1/responses";
    let server = ScriptedServer::start(
        Script::new()
            .on(
                When::post(path).body(offers("look_up")),
                openai_responses(&[Part::Thinking("Hm."), call("Paris")]),
            )
            .on(When::post(path), openai_responses(&[Part::Text("ok")])),
    )
    .await;
    let asked = ask(&server, Api::OpenAiResponses).await;
    assert_eq!(value(&asked.tools), Some(ToolCalling::Native));
    assert_eq!(value(&asked.reasoning).as_deref(), Some("reasoning"));
    // Rules of the other dialect are no matter here.
    assert_eq!(
        (&asked.list_content, &asked.system_messages),
        (&None, &None)
    );
    let _: BTreeMap<String, bool> = value(&asked.schemas).unwrap();
    assert!(server.posts().iter().all(|post| post.path == path));
}
