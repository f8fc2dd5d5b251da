//! What the capable server tells about itself.

use moltbot_testkit::capable::{Capabilities, Dialects, Kind, Slots, UnknownPath};
use serde_json::Value;

use super::{CHAT, MESSAGES, ask, chat, json_of, start, user};
use crate::client::{get, post};

#[test]
fn each_kind_tells_its_context_where_it_tells_it() {
    for (kind, path, pointer) in [
        (
            Kind::LlamaCpp,
            "/props",
            "/default_generation_settings/n_ctx",
        ),
        (Kind::LlamaCpp, "/v1/models", "/data/0/meta/n_ctx"),
        (Kind::Vllm, "/v1/models", "/data/0/max_model_len"),
        (Kind::Sglang, "/get_server_info", "/context_length"),
        (
            Kind::LmStudio,
            "/api/v1/models",
            "/models/0/loaded_instances/0/config/context_length",
        ),
        (
            Kind::LmStudio,
            "/api/v0/models",
            "/data/0/loaded_context_length",
        ),
        (Kind::Ollama, "/api/ps", "/models/0/context_length"),
        (
            Kind::LiteLlm,
            "/v1/model/info",
            "/data/0/model_info/max_input_tokens",
        ),
    ] {
        let server = start(Capabilities {
            context: Some(12_345),
            slots: Some(Slots {
                count: 3,
                refuses_more: false,
            }),
            ..Capabilities::of(kind)
        });
        let told = json_of(&get(server.server(), path));
        assert_eq!(
            told.pointer(pointer),
            Some(&Value::from(12_345)),
            "{kind:?}: {told}"
        );
        if path == "/props" {
            assert_eq!(told["total_slots"], 3);
        }
    }
}

#[test]
fn every_kind_lists_its_model() {
    for kind in Kind::ALL {
        let server = start(Capabilities {
            model: "tiny".to_owned(),
            ..Capabilities::of(kind)
        });
        let listed = json_of(&get(server.server(), "/v1/models"));
        assert_eq!(listed["data"][0]["id"], "tiny");
        assert_eq!(server.asked(), 0);
    }
}

#[test]
fn tokens_are_counted_as_the_prompt_is() {
    let llama = start(Capabilities::of(Kind::LlamaCpp));
    let counted = json_of(&post(
        llama.server(),
        "/tokenize",
        r#"{"content": "twelve bytes"}"#,
    ));
    assert_eq!(counted["tokens"].as_array().unwrap().len(), 3);
    let vllm = start(Capabilities::of(Kind::Vllm));
    let counted = json_of(&post(
        vllm.server(),
        "/tokenize",
        r#"{"prompt": "twelve bytes!"}"#,
    ));
    assert_eq!(counted["count"], 4);
}

#[test]
fn an_unknown_path_is_told_as_the_server_tells_it() {
    for (kind, unknown_path, status, text) in [
        (
            Kind::LmStudio,
            UnknownPath::OfKind,
            200,
            "Unexpected endpoint or method. (POST /v1/messages)",
        ),
        (Kind::Vllm, UnknownPath::OfKind, 404, "Not Found"),
        (Kind::LlamaCpp, UnknownPath::OfKind, 404, "File Not Found"),
        (Kind::Ollama, UnknownPath::OfKind, 404, "404 page not found"),
        (
            Kind::Generic,
            UnknownPath::MethodNotAllowed,
            405,
            "Method Not Allowed",
        ),
        (
            Kind::Generic,
            UnknownPath::OkWithError,
            200,
            "Unexpected endpoint",
        ),
        (
            Kind::LmStudio,
            UnknownPath::NotFound,
            404,
            "404 page not found",
        ),
    ] {
        let server = start(Capabilities {
            unknown_path,
            dialects: Dialects {
                messages: false,
                ..Dialects::default()
            },
            ..Capabilities::of(kind)
        });
        let reply = post(server.server(), MESSAGES, "{}");
        assert_eq!(reply.status, status, "{kind:?}");
        let body = String::from_utf8(reply.body).unwrap();
        assert!(body.contains(text), "{body}");
        assert_eq!(ask(&server, CHAT, &chat(user("Hi"))).status, 200);
    }
    let server = start(Capabilities::of(Kind::LlamaCpp));
    let body = chat(user("Hi"));
    assert_eq!(ask(&server, "/chat/completions", &body).status, 200);
    assert_eq!(get(server.server(), CHAT).status, 404);
    server.become_capable_of(Capabilities::of(Kind::Vllm));
    assert_eq!(ask(&server, "/chat/completions", &body).status, 404);
}
