//! Model servers that the program starts by itself. The server is this test program, started again with the name of one
//! ignored test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{nobody, run};
use crate::setup::Home;

const PORT: &str = "SERVICES_TEST_PORT";

/// Not a test: a model server at the port that the environment names.
#[test]
#[ignore = "the server of the other tests"]
fn stand_in() {
    let Some(port) = std::env::var(PORT).ok().and_then(|port| port.parse().ok()) else {
        return;
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("{error}"));
    for mut stream in listener.incoming().flatten() {
        let mut length = 0;
        let mut head = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        head.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            head.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        head.read_exact(&mut vec![0; length]).unwrap();
        let body = match first.starts_with("GET") {
            true => json!({"object": "list", "data": [{"id": "small", "object": "model"}]}),
            false => json!({"object": "chat.completion", "model": "small", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hello there."}, "finish_reason": "stop"}
            ]}),
        }
        .to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    }
}

/// A home whose default model is on a server with this service, and the model `spare/small` behind it.
fn home(base_url: &str, service: Value, spare: &str) -> Home {
    let models = json!([{"id": "small", "name": "Small", "contextWindow": 32768}]);
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/small", "fallbacks": ["spare/small"]}}},
        "models": {"providers": {
            "box": {"baseUrl": base_url, "models": models, "service": service},
            "spare": {"baseUrl": spare, "models": models},
        }},
    });
    Home::with_config(config.to_string())
}

#[test]
fn a_question_starts_the_server_which_ends_after_it() {
    let base_url = nobody();
    let port = base_url.trim_end_matches("/v1").rsplit(':').next().unwrap();
    let service = json!({
        "command": std::env::current_exe().unwrap(),
        "args": ["services::stand_in", "--exact", "--ignored", "--nocapture"],
        "env": {PORT: port},
        "idleMinutes": 0,
    });
    let home = home(&base_url, service, &nobody());
    let checks = home.ok(&["doctor"]);
    assert!(
        checks.contains("not running, started when needed"),
        "{checks}"
    );

    let said = run(&home, &["agent", "--message", "hi"]).ok();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("Hello there.\n", "")
    );
    while home.state().join("services/box.sock").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = home.read(".clawdbot/logs/service-box.log");
    assert!(
        log.contains("] ready\n") && log.contains("] stopped: "),
        "{log}"
    );
}

#[test]
fn a_server_that_does_not_start_is_one_reason_to_move_on() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text("From the spare one.")]),
    );
    let spare = block_on(ScriptedServer::start(script));
    let service = json!({"command": "sh", "args": ["-c", "echo cannot open model.gguf; exit 3"]});
    let home = home(&nobody(), service, &spare.base_url());
    let said = run(&home, &["agent", "--message", "hi"]).ok();
    assert_eq!(said.stdout, "From the spare one.\n");
    assert!(
        said.stderr.contains("sh ended with exit status: 3")
            && said.stderr.contains("cannot open model.gguf"),
        "{}",
        said.stderr
    );
    let checks = home.ok(&["doctor"]);
    assert!(checks.contains("cannot open model.gguf"), "{checks}");
}
