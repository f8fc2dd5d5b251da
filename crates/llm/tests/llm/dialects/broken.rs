//! Replies with a good status that are none, in every dialect.

use moltbot_llm::{Api, FailureClass};
use moltbot_testkit::{Reply, Script, ScriptedServer, Step, When, error};
use serde_json::json;

use crate::fixture::{ask, hi, model_at, read};

const APIS: [Api; 5] = [
    Api::OpenAiCompletions,
    Api::OpenAiResponses,
    Api::AnthropicMessages,
    Api::GoogleGenerativeAi,
    Api::Ollama,
];

#[track_caller]
fn fails(body: &str, class: FailureClass) {
    for api in APIS {
        let outcome = read(api, body);
        assert_eq!(outcome.failure().class, class, "{api}: {body:?}");
        assert!(!outcome.failure().after_text, "{api}: {body:?}");
        assert_eq!(outcome.words(), [], "{api}: {body:?}");
    }
}

#[test]
fn nothing_is_no_reply() {
    for body in ["", "\n\n", " ", ": still here\n\n: still here\n\n"] {
        fails(body, FailureClass::StreamCut);
    }
    fails("data: [DONE]\n\n", FailureClass::EmptyReply);
}

#[test]
fn an_answer_of_another_kind_is_a_bad_reply() {
    for body in [
        "<!doctype html><html><body>It works!</body></html>",
        "  \n<html></html>",
        "It works!",
        "{\"hello\":\"world\"}",
        "[]",
        "[1,2]",
        "data: {\"hello\":\"world\"}\n\n",
        "data: nonsense\n\n",
    ] {
        fails(body, FailureClass::BadReply);
    }
}

#[test]
fn a_reply_that_breaks_off_before_it_said_anything_is_cut() {
    for body in [
        "da",
        "data: {\"cho",
        "event: message_start\n",
        "event: message_start\ndata: {\"type\"",
        ": waiting\n\ndata: {",
        "{\"choices\":[",
        "[{\"error\":",
    ] {
        fails(body, FailureClass::StreamCut);
    }
}

#[test]
fn an_error_inside_a_good_status_is_read_in_every_envelope() {
    let missing = "model 'm' not found, try pulling it first";
    for body in [
        json!({"error": missing}),
        json!({"error": {"message": missing, "type": "api_error", "param": null, "code": null}}),
        json!({"error": {"message": "No such thing.", "code": "model_not_found"}}),
        json!({"object": "error", "message": missing, "code": 404}),
        json!({"type": "error", "error": {"type": "not_found_error", "message": missing}}),
        json!([{"error": {"code": 404, "message": missing, "status": "NOT_FOUND"}}]),
    ] {
        fails(&body.to_string(), FailureClass::ModelUnavailable);
        fails(&format!("data: {body}\n\n"), FailureClass::ModelUnavailable);
        fails(
            &format!("event: error\ndata: {body}\n\n"),
            FailureClass::ModelUnavailable,
        );
    }
}

#[test]
fn a_path_that_the_server_does_not_know_is_named_as_such() {
    let body = json!({"error": "Unexpected endpoint or method. (POST /v1/messages)"});
    fails(&body.to_string(), FailureClass::WrongEndpoint);
}

#[tokio::test]
async fn a_connection_broken_in_the_first_frame_is_cut_not_odd() {
    for step in [Step::Cut, Step::Reset] {
        for body in ["", "data: {\"cho", "{\"choices\":", "<html>"] {
            let mut reply = Reply::stream();
            if !body.is_empty() {
                reply = reply.bytes(body);
            }
            let script = Script::new().on(When::any(), reply.step(step.clone()));
            let server = ScriptedServer::start(script).await;
            for api in APIS {
                let outcome = ask(&model_at(&server.base_url(), api), &hi()).await;
                let failure = outcome.failure();
                assert_eq!(failure.class, FailureClass::StreamCut, "{step:?} {body:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_web_page_with_a_bad_status_is_not_quoted() {
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    let script = Script::new().on(When::any(), error(502, page));
    let server = ScriptedServer::start(script).await;
    for api in APIS {
        let outcome = ask(&model_at(&server.base_url(), api), &hi()).await;
        let failure = outcome.failure();
        assert_eq!(failure.class, FailureClass::ServerError);
        assert_eq!(failure.status, Some(502));
        assert!(!failure.to_string().contains("html"), "{failure}");
    }
}

#[tokio::test]
async fn an_error_in_a_stream_with_a_bad_status_is_read() {
    let body = "event: error\ndata: {\"error\":{\"message\":\"Incorrect API key provided.\"}}\n\n";
    let reply = Reply::frames([body]).status(500);
    let server = ScriptedServer::start(Script::new().on(When::any(), reply)).await;
    let outcome = ask(&model_at(&server.base_url(), Api::OpenAiCompletions), &hi()).await;
    assert_eq!(outcome.failure().class, FailureClass::Auth);
}
