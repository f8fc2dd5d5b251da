//! What a turn costs beside the model: CPU time of the whole process, and bytes sent.
//!
//! `cargo bench -p moltbot` (Linux: CPU time is read from /proc). A zero-delay server answers, so that all of the time is
//! ours. Figures are means over the runs; CPU time counts in clock ticks, so single runs would say nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};

use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, block_on, openai_chat, openai_responses,
};
use serde_json::json;

const RUNS: u32 = 100;

/// Clock ticks a second, as Linux reports them to programs on every platform.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    // `cargo test` builds benches too, and runs them with this flag; there is nothing to measure then.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let version = mean_ms(home.path(), &["--version"]);
    println!("moltbot --version                 {version:6.2} ms CPU (goal: under 5)");

    // What the server tells of itself counts too, as for any local one.
    let list = json!({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 32768}]});
    let script = Script::new()
        .on(When::get("/v1/models"), Reply::json(200, &list))
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Hello.")]),
        )
        .on(
            When::post("/v1/responses"),
            openai_responses(&[Part::Text("Hello.")]),
        );
    let server = block_on(ScriptedServer::start(script));
    for api in ["openai-completions", "openai-responses"] {
        let home = tempfile::tempdir().unwrap();
        let config = json!({
            "agents": {"defaults": {"model": {"primary": "box/m"}}},
            "models": {"providers": {"box": {
                "baseUrl": server.base_url(), "api": api, "models": [{"id": "m", "name": "M"}]}}},
        });
        std::fs::create_dir(home.path().join(".clawdbot")).unwrap();
        std::fs::write(
            home.path().join(".clawdbot/moltbot.json"),
            config.to_string(),
        )
        .unwrap();
        let first = server.posts().len();
        // Each run in a session of its own: a turn in a fresh conversation.
        let turn = mean_ms(
            home.path(),
            &["agent", "--message", "hi", "--json", "--session-id", "RUN"],
        );
        let body = server.posts()[first].body.len();
        println!(
            "moltbot agent, {api:18} {turn:6.2} ms CPU (goal: under 30), request for \"hi\" {body} bytes (goal: under 6144)"
        );
    }
}

/// Mean CPU milliseconds of a whole process.
fn mean_ms(home: &Path, args: &[&str]) -> f64 {
    let before = children_ticks();
    for run in 0..RUNS {
        let name = format!("run-{run}");
        let args = args
            .iter()
            .map(|arg| if *arg == "RUN" { name.as_str() } else { arg });
        let status = Command::new(env!("CARGO_BIN_EXE_moltbot"))
            .args(args)
            .env_clear()
            .env("HOME", home)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
    (children_ticks() - before) / TICKS_PER_SECOND * 1000.0 / f64::from(RUNS)
}

/// CPU time of all children that have ended, user and system, in clock ticks.
fn children_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold spaces; the fields are counted behind it.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()
}
