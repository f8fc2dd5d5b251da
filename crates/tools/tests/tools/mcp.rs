//! Tools of MCP servers: real programs that are really killed, and real HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use moltbot_agent::{Effect, Target, TargetKind, Tool};
use moltbot_config::{Config, Environment};
use moltbot_llm::{Content, Provenance, Records, ShortMemory};
use moltbot_tools::mcp::{McpServers, ServerStanding};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::call::{Stage, text};
use crate::mcp_server::TestServer;

/// The program of `examples/mcp-server.rs`, which lies beside the folder of the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples/mcp-server")
}

/// Records that say when something was saved.
struct Watched {
    records: ShortMemory,
    saved: watch::Sender<usize>,
}

#[async_trait]
impl Records for Watched {
    async fn load(&self, kind: &str) -> Vec<(String, String)> {
        self.records.load(kind).await
    }

    async fn save(&self, kind: &str, key: &str, json: String) {
        self.records.save(kind, key, json).await;
        self.saved.send_modify(|count| *count += 1);
    }

    async fn remove(&self, kind: &str, key: &str) {
        self.records.remove(kind, key).await;
    }
}

/// What the tests have in common: a conversation, a place for what is known, and a line from every program.
struct House {
    stage: Stage,
    control: TcpListener,
    records: Arc<Watched>,
}

impl House {
    async fn new() -> Self {
        Self {
            stage: Stage::new().await,
            control: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
            records: Arc::new(Watched {
                records: ShortMemory::default(),
                saved: watch::Sender::default(),
            }),
        }
    }

    /// The configuration of the program, with more keys.
    fn server(&self, more: Value) -> Value {
        let port = self.control.local_addr().unwrap().port().to_string();
        let mut server = json!({"command": program(), "env": {"CONTROL": port, "OWN_TOKEN": "t"}, "startSeconds": 600});
        merge(&mut server, more);
        server
    }

    fn servers(&self, servers: Value) -> McpServers {
        let config: Config = serde_json::from_value(json!({"mcp": {"servers": servers}})).unwrap();
        let mut environment = Environment::from_process();
        environment
            .vars
            .insert("OPENAI_API_KEY".to_owned(), "k".to_owned());
        environment.home = self.stage.dir.path().to_owned();
        let records = Arc::clone(&self.records) as Arc<dyn Records>;
        McpServers::from_config(&config, &environment, records, self.results())
    }

    fn results(&self) -> PathBuf {
        self.stage.dir.path().join("results")
    }

    /// The next program that starts.
    async fn started(&self) -> Running {
        let (stream, _) = self.control.accept().await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let pid = line.strip_prefix("started ").unwrap().parse().unwrap();
        Running { pid, lines }
    }

    /// Whether no program has started that was not looked at.
    async fn nobody_started(&self) -> bool {
        futures_util::FutureExt::now_or_never(self.control.accept()).is_none()
    }

    async fn call(&self, tool: &dyn Tool, arguments: Value) -> String {
        self.stage.text(tool, arguments).await
    }

    async fn error(&self, tool: &dyn Tool, arguments: Value) -> String {
        self.stage
            .call(tool, arguments)
            .await
            .unwrap_err()
            .to_string()
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// A program that runs.
struct Running {
    pid: i32,
    lines: Lines<BufReader<TcpStream>>,
}

impl Running {
    async fn says(&mut self, line: &str) {
        assert_eq!(self.lines.next_line().await.unwrap().as_deref(), Some(line));
    }

    /// Waits until it is gone.
    async fn ends(&mut self) {
        while let Ok(Some(_)) = self.lines.next_line().await {}
    }
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn named<'a>(tools: &'a [Arc<dyn Tool>], name: &str) -> &'a dyn Tool {
    let tool = tools.iter().find(|tool| tool.spec().name == name);
    tool.unwrap_or_else(|| panic!("no {name}")).as_ref()
}

fn names(tools: &[Arc<dyn Tool>]) -> Vec<String> {
    let mut names: Vec<String> = tools.iter().map(|tool| tool.spec().name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_servers_tools_are_offered_and_called() {
    let house = House::new().await;
    let servers =
        house.servers(json!({"my box": house.server(json!({"tools": {"deny": ["gr*"]}}))}));
    let found = servers.tools().await;
    assert_eq!(found.notices, Vec::<String>::new());
    assert_eq!(
        names(&found.tools),
        [
            "my_box__big",
            "my_box__echo",
            "my_box__env_names",
            "my_box__fail",
            "my_box__hang"
        ]
    );
    let echo = named(&found.tools, "my_box__echo");
    let spec = echo.spec();
    assert_eq!(spec.description, "Says what it was given.");
    assert_eq!(
        spec.parameters,
        json!({"type": "object", "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "filter": {"type": "string", "description": "Text, or JSON: object."},
        }, "required": []})
    );
    let arguments = json!({"text": "hi", "filter": "{\"a\": 1}"});
    let plan = house.stage.plan(echo, arguments.clone());
    assert_eq!(plan.effect, Effect::Sends);
    assert_eq!(
        plan.detail,
        r#"echo {"text":"hi","filter":{"a":1}} to the MCP server my box"#
    );
    let output = house.stage.call(echo, arguments).await.unwrap();
    assert_eq!(text(&output), r#"{"text":"hi","filter":{"a":1}}"#);
    assert_eq!(output.content[0].from(), Provenance::Outside);

    let failed = house
        .stage
        .call(named(&found.tools, "my_box__fail"), json!({}))
        .await
        .unwrap();
    assert!(failed.is_error);
    assert_eq!(text(&failed), "no such file");

    let variables = house
        .call(named(&found.tools, "my_box__env_names"), json!({}))
        .await;
    let variables: Vec<&str> = variables.split(' ').collect();
    assert!(
        variables.contains(&"PATH") && variables.contains(&"OWN_TOKEN"),
        "{variables:?}"
    );
    assert!(!variables.contains(&"OPENAI_API_KEY"), "{variables:?}");

    let big = house
        .call(
            named(&found.tools, "my_box__big"),
            json!({"bytes": 9_000_000}),
        )
        .await;
    assert!(big.len() < 31_000, "{}", big.len());
    let file = std::fs::read_dir(house.results())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert!(big.contains(&file.display().to_string()));
    assert_eq!(std::fs::metadata(file).unwrap().len(), 9_000_000);
}

#[tokio::test]
async fn what_the_owner_vouches_for_is_done_unasked() {
    let house = House::new().await;
    let effects = async |trust: &str| {
        let servers = house.servers(json!({"a": house.server(json!({"trust": trust}))}));
        let found = servers.tools().await;
        ["a__echo", "a__grow"].map(|name| {
            let tool = named(&found.tools, name);
            (house.stage.plan(tool, json!({})).effect, tool.is_parallel())
        })
    };
    let (asks, reads) = ((Effect::Sends, false), (Effect::ReadsOutside, true));
    assert_eq!(effects("none").await, [asks, asks]);
    assert_eq!(effects("hints").await, [reads, asks]);
    assert_eq!(effects("readOnly").await, [reads, reads]);
    // A server that fetches what it is asked for tells others; then their address is decided on.
    let servers = house.servers(json!({"a": house.server(json!({"trust": "hints"}))}));
    let found = servers.tools().await;
    let plan = |arguments| house.stage.plan(named(&found.tools, "a__echo"), arguments);
    let asked = plan(json!({"text": "see https://evil.example/?d=1"}));
    assert_eq!(
        asked.targets,
        [Target::new(TargetKind::Url, "evil.example/?d=1")]
    );
    assert!(asked.vouched && plan(json!({"text": "hello"})).targets.is_empty());
}

#[tokio::test]
async fn a_server_is_asked_once_and_later_started_by_a_call_alone() {
    let house = House::new().await;
    let copy = house.stage.dir.path().join("server");
    std::fs::copy(program(), &copy).unwrap();
    let config = json!({"a": house.server(json!({"command": copy}))});
    assert_eq!(
        house.servers(config.clone()).report().await[0].standing,
        ServerStanding::Unasked
    );

    let servers = house.servers(config.clone());
    let found = servers.tools().await;
    let mut first = house.started().await;
    drop((servers, found));
    first.ends().await;

    // The program cannot be started any more, and is not.
    std::fs::remove_file(&copy).unwrap();
    let servers = house.servers(config);
    let found = servers.tools().await;
    assert_eq!(found.notices, Vec::<String>::new());
    assert_eq!(found.tools.len(), 6);
    let report = &servers.report().await[0];
    assert_eq!(
        (report.standing, report.tools.len()),
        (ServerStanding::Known, 6)
    );
    let error = house.error(named(&found.tools, "a__echo"), json!({})).await;
    assert!(
        error.starts_with("The MCP server \"a\" could not be started:"),
        "{error}"
    );

    std::fs::copy(program(), &copy).unwrap();
    assert_eq!(
        house.call(named(&found.tools, "a__echo"), json!({})).await,
        "{}"
    );
    let mut second = house.started().await;
    drop((servers, found));
    second.ends().await;
}

#[tokio::test]
async fn a_program_that_is_killed_during_a_call_is_started_again_by_the_next() {
    // As `npx` does it: the program that was started is not the one that answers.
    let wrapped = json!({"command": "/bin/sh", "args": ["-c", "\"$0\"; exit 1", program()]});
    for (more, is_wrapped) in [(json!({}), false), (wrapped, true)] {
        let house = House::new().await;
        let servers = house.servers(json!({"a": house.server(more)}));
        let found = servers.tools().await;
        let mut first = house.started().await;
        let (error, ()) = tokio::join!(
            house.error(named(&found.tools, "a__hang"), json!({})),
            async {
                first.says("hanging").await;
                kill(match is_wrapped {
                    true => parent(first.pid),
                    false => first.pid,
                });
                first.ends().await;
            }
        );
        assert!(error.contains("ended during the call"), "{error}");
        assert_eq!(
            house.call(named(&found.tools, "a__echo"), json!({})).await,
            "{}"
        );
        let second = house.started().await;
        assert_ne!(first.pid, second.pid);
    }
}

/// The process that started another.
fn parent(pid: i32) -> i32 {
    let output = std::process::Command::new("ps")
        .args(["-o", "ppid=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled() {
    let house = House::new().await;
    let servers = house.servers(json!({
        "a": house.server(json!({})),
        "b": house.server(json!({"timeoutSeconds": 1})),
    }));
    let found = servers.tools().await;
    let hang = named(&found.tools, "a__hang");
    let mut running = [house.started().await, house.started().await];
    {
        let [one, other] = &mut running;
        tokio::select! {
            error = house.error(hang, json!({})) => panic!("{error}"),
            () = one.says("hanging") => {}
            () = other.says("hanging") => {}
        }
    }
    let [one, other] = &mut running;
    let is_one = tokio::select! {
        () = one.says("cancelled") => true,
        () = other.says("cancelled") => false,
    };
    let error = house.error(named(&found.tools, "b__hang"), json!({})).await;
    assert!(error.contains("\"b\" did not answer within 1 s"), "{error}");
    let late = if is_one { other } else { one };
    late.says("hanging").await;
    late.says("cancelled").await;
    // It still serves.
    assert_eq!(
        house.call(named(&found.tools, "b__echo"), json!({})).await,
        "{}"
    );
}

#[tokio::test]
async fn a_server_that_fails_costs_its_own_tools_and_one_sentence() {
    let house = House::new().await;
    let servers = house.servers(json!({
        "good": house.server(json!({})),
        "mute": house.server(json!({
            // It minds no SIGTERM either.
            "command": "/bin/sh",
            "args": ["-c", "trap '' TERM; exec \"$0\"", program()],
            "env": {"MODE": "mute"},
            "startSeconds": 1,
        })),
        "broken": house.server(json!({"env": {"MODE": "broken"}})),
        "gone": {"command": "/nonexistent/server"},
        "off": {"command": "/nonexistent/server", "enabled": false},
    }));
    let found = servers.tools().await;
    assert_eq!(found.tools.len(), 6);
    assert_eq!(found.notices.len(), 3, "{:?}", found.notices);
    for (notice, says) in found.notices.iter().zip([
        "The MCP server \"broken\" did not answer as an MCP server: it ended. It printed: cannot find the database.",
        "The MCP server \"gone\" could not be started: /nonexistent/server: No such file or directory",
        "The MCP server \"mute\" had not told its tools after 1 s. It printed: waiting for somebody to press a key. Raise",
    ]) {
        assert!(notice.starts_with(says), "{notice}");
    }
    assert!(
        found.notices[0].contains("moltbot mcp probe broken"),
        "{}",
        found.notices[0]
    );
    let reports = servers.report().await;
    let standings: Vec<_> = reports
        .iter()
        .map(|one| (one.name.as_str(), one.standing))
        .collect();
    assert_eq!(
        standings,
        [
            ("broken", ServerStanding::Failed),
            ("gone", ServerStanding::Failed),
            ("good", ServerStanding::Known),
            ("mute", ServerStanding::Failed),
            ("off", ServerStanding::Off),
        ]
    );
    assert!(
        reports[0]
            .last_error
            .as_deref()
            .unwrap()
            .contains("the database")
    );
    assert!(
        servers
            .probe("off")
            .await
            .unwrap_err()
            .to_string()
            .contains("switched off")
    );
    assert!(servers.probe("gone").await.is_err());
    servers.probe("good").await.unwrap();

    let mut running = Vec::new();
    for _ in 0..3 {
        running.push(house.started().await);
    }
    // Nobody waits for the mute one a second time, and what is said of it is the same.
    let again = servers.tools().await;
    assert_eq!(again.notices[2], found.notices[2]);
    // The broken one is tried again at once: it may be well by now.
    running.push(house.started().await);
    assert!(house.nobody_started().await);
    drop((servers, found, again));
    for one in &mut running {
        one.ends().await;
    }
}

#[tokio::test]
async fn a_list_that_changes_is_seen_by_the_next_conversation() {
    let house = House::new().await;
    let config = json!({"a": house.server(json!({}))});
    let servers = house.servers(config.clone());
    let found = servers.tools().await;
    let mut saved = house.records.saved.subscribe();
    saved.borrow_and_update();
    assert_eq!(
        house.call(named(&found.tools, "a__grow"), json!({})).await,
        "grown"
    );
    saved.changed().await.unwrap();
    let later = house.servers(config).tools().await;
    assert!(names(&later.tools).contains(&"a__extra".to_owned()));
    assert_eq!(found.tools.len() + 1, later.tools.len());
}

/// The server over HTTP, for those who know the token.
async fn over_http(said: mpsc::UnboundedSender<String>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let server = TestServer::new(said);
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let service = TowerToHyperService::new(service);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            let guarded = hyper::service::service_fn(
                move |request: hyper::Request<hyper::body::Incoming>| {
                    let service = service.clone();
                    async move {
                        let token = request.headers().get("authorization").cloned();
                        let mut response = hyper::service::Service::call(&service, request).await?;
                        if token.is_none_or(|token| token != "Bearer secret") {
                            *response.status_mut() = hyper::StatusCode::UNAUTHORIZED;
                            let headers = response.headers_mut();
                            headers.insert(
                                "www-authenticate",
                                hyper::header::HeaderValue::from_static("Bearer"),
                            );
                        }
                        Ok::<_, std::convert::Infallible>(response)
                    }
                },
            );
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), guarded),
            );
        }
    });
    url
}

#[tokio::test]
async fn a_server_is_reached_over_http() {
    let house = House::new().await;
    let (said, mut lines) = mpsc::unbounded_channel();
    let url = over_http(said).await;
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = format!("http://{}/mcp?key=secret", closed.local_addr().unwrap());
    drop(closed);
    let servers = house.servers(json!({
        "nobody": {"url": nobody},
        "remote": {"type": "http", "url": url, "headers": {"Authorization": "Bearer secret"}, "timeoutSeconds": 1},
        "stranger": {"url": url},
    }));
    let found = servers.tools().await;
    assert_eq!(found.tools.len(), 6, "{:?}", found.notices);
    assert_eq!(found.notices.len(), 2);
    assert!(
        found.notices[0].contains("Connection refused") && !found.notices[0].contains("secret"),
        "{}",
        found.notices[0]
    );
    assert!(
        found.notices[1].contains("asks for a login (OAuth)"),
        "{}",
        found.notices[1]
    );

    let output = house
        .stage
        .call(named(&found.tools, "remote__echo"), json!({"text": "hi"}))
        .await
        .unwrap();
    assert_eq!(
        output.content,
        [Content::text(r#"{"text":"hi"}"#, Provenance::Outside)]
    );
    let error = house
        .error(named(&found.tools, "remote__hang"), json!({}))
        .await;
    assert!(error.contains("did not answer within 1 s"), "{error}");
    assert_eq!(lines.recv().await.as_deref(), Some("hanging"));
    assert_eq!(lines.recv().await.as_deref(), Some("cancelled"));
    assert_eq!(servers.report().await[1].place, url);
}

/// A server as people write them with the Python SDK, which makes the schemas from types.
const PYTHON: &str = r#"
from typing import Literal, Optional
from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import BaseModel

class Place(BaseModel):
    x: float
    y: float = 0
    note: Optional[str] = None

server = FastMCP("places")

@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def distance(start: Place, end: Place, unit: Literal["m", "km"] = "m") -> float:
    "How far it is."
    metres = ((start.x - end.x) ** 2 + (start.y - end.y) ** 2) ** 0.5
    return metres if unit == "m" else metres / 1000

@server.tool()
def add(id: int | str, tags: list[str] | None = None) -> str:
    "Adds one."
    return f"{id!r} {tags!r}"

@server.tool()
def fail() -> str:
    "Fails."
    raise ValueError("no such place")

server.run()
"#;

#[tokio::test]
#[allow(clippy::print_stderr)]
async fn another_vendors_server_works() {
    let installed = std::env::var_os("MOLTBOT_TEST_SERVERS").map(PathBuf::from);
    let python = installed.map(|folder| folder.join("mcp/bin/python"));
    let Some(python) = python.filter(|python| python.exists()) else {
        eprintln!(
            "The Python SDK is not installed: scripts/test-servers mcp installs it and runs this test."
        );
        return;
    };
    let house = House::new().await;
    let script = house.stage.dir.path().join("server.py");
    std::fs::write(&script, PYTHON).unwrap();
    let servers = house.servers(json!({
        "places": {"command": python, "args": [script], "trust": "hints", "startSeconds": 600},
    }));
    let found = servers.tools().await;
    assert_eq!(found.notices, Vec::<String>::new());
    let distance = named(&found.tools, "places__distance");
    let place = json!({
        "type": "object",
        "properties": {"x": {"type": "number"}, "y": {"type": "number"}, "note": {"type": "string"}},
        "required": ["x"],
    });
    assert_eq!(
        distance.spec().parameters,
        json!({
            "type": "object",
            "properties": {"start": place, "end": place, "unit": {"type": "string", "enum": ["m", "km"]}},
            "required": ["start", "end"],
        })
    );
    let arguments = json!({"start": {"x": 0}, "end": {"x": 3000, "y": 4000}, "unit": "km"});
    assert_eq!(
        house.stage.plan(distance, arguments.clone()).effect,
        Effect::ReadsOutside
    );
    assert_eq!(house.call(distance, arguments).await, "5.0");

    let add = named(&found.tools, "places__add");
    assert_eq!(
        house.stage.plan(add, json!({"id": "7"})).effect,
        Effect::Sends
    );
    assert_eq!(
        house.call(add, json!({"id": "7", "tags": ["a"]})).await,
        "'7' ['a']"
    );
    let error = house
        .stage
        .call(named(&found.tools, "places__fail"), json!({}))
        .await
        .unwrap();
    assert!(
        error.is_error && text(&error).contains("no such place"),
        "{error:?}"
    );
}
