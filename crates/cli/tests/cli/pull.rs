//! `moltbot models pull`.

#[cfg(feature = "engine")]
use std::fs;

#[cfg(feature = "engine")]
use moltbot_testkit::{Recorded, Reply, Script, ScriptedServer, When, block_on};

use crate::fixtures::run;
#[cfg(feature = "engine")]
use crate::fixtures::run_with;
use crate::setup::Home;

/// A file that begins as models do.
#[cfg(feature = "engine")]
fn model_bytes(len: usize) -> Vec<u8> {
    let body = (0..).map(|place: usize| (place * 31 % 251) as u8);
    b"GGUF".iter().copied().chain(body).take(len).collect()
}

/// The reply of a hub that can give out the rest of a file.
#[cfg(feature = "engine")]
fn file(bytes: &[u8], request: &Recorded) -> Reply {
    let kind = "application/octet-stream";
    let from = request.header("range").and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse::<usize>()
            .ok()
    });
    match from {
        Some(from) if from > 0 && from < bytes.len() => Reply::whole(206, kind, &bytes[from..])
            .header(
                "content-range",
                &format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
            ),
        _ => Reply::whole(200, kind, bytes),
    }
    .header("etag", "\"one\"")
}

#[cfg(feature = "engine")]
#[test]
fn a_model_comes_from_the_hub_that_the_environment_names() {
    let bytes = model_bytes(300_000);
    let server = block_on(ScriptedServer::start(Script::new().on_with(When::any(), {
        let bytes = bytes.clone();
        move |request| file(&bytes, request)
    })));
    let home = Home::new();
    let origin = server.origin();
    let vars = [("HF_ENDPOINT", origin.as_str()), ("HF_TOKEN", "hf_secret")];
    let pull = &["models", "pull", "hf:some/repo/Tiny-Q4_0.gguf"];
    let output = run_with(&home, &vars, pull).ok();
    let path = home.state().join("models/tiny-q4_0.gguf");
    assert_eq!(
        output.stdout,
        format!(
            "{}\nUse it: moltbot chat --model local/tiny-q4_0\n",
            path.display()
        )
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(output.stderr.lines().count(), 2, "{output:?}");
    assert!(
        output
            .stderr
            .starts_with("Pulling hf:some/repo/Tiny-Q4_0.gguf from "),
        "{output:?}"
    );
    assert!(
        !output.stderr.contains('\u{1b}'),
        "no bar in a pipe: {output:?}"
    );
    let request = &server.requests()[0];
    assert_eq!(request.path, "/some/repo/resolve/main/Tiny-Q4_0.gguf");
    assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));

    // A second time there is nothing to fetch.
    run_with(&home, &vars, pull).ok();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(home.ok(&["models", "list", "--plain"]), "local/tiny-q4_0\n");
}

#[cfg(feature = "engine")]
#[test]
fn a_file_on_this_machine_is_taken_over() {
    let home = Home::with_config(
        r#"{ agents: { defaults: { model: { primary: "openai/gpt-5.2" }, models: { "openai/gpt-5.2": {} } } } }"#,
    );
    fs::write(home.path().join("Mine.gguf"), model_bytes(5_000)).unwrap();
    let output = run(&home, &["models", "pull", "./Mine.gguf"]).ok();
    assert!(home.state().join("models/mine.gguf").exists());
    assert!(home.path().join("Mine.gguf").exists());
    // The owner's list of models does not hold it, so the usual hint would lead to a refusal.
    assert!(
        output.stdout.contains("moltbot models set local/mine"),
        "{output:?}"
    );
}

#[cfg(feature = "engine")]
#[test]
fn what_cannot_be_pulled_is_refused_with_a_reason() {
    let home = Home::new();
    let output = run(&home, &["models", "pull", "no-such-model"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("smollm2-135m"), "{output:?}");

    let vars = [("HF_ENDPOINT", "not an address")];
    let output = run_with(&home, &vars, &["models", "pull", "hf:a/b/c.gguf"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("HF_ENDPOINT"), "{output:?}");

    let server = block_on(ScriptedServer::start(Script::new()));
    let origin = server.origin();
    let output = run_with(
        &home,
        &[("HF_ENDPOINT", &origin)],
        &["models", "pull", "hf:a/b/c.gguf"],
    );
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("The hub has no hf:a/b@main/c.gguf"),
        "{output:?}"
    );
}

#[cfg(all(feature = "engine", unix))]
#[test]
fn ctrl_c_keeps_what_has_arrived_and_the_same_command_goes_on() {
    use std::process::{Command, Stdio};

    use crate::fixtures::Said;

    let home = Home::new();
    let bytes = model_bytes(400_000);
    let begun = Reply::whole(200, "application/octet-stream", &bytes[..200_000])
        .announced_length(bytes.len())
        .header("etag", "\"one\"")
        .pause("half");
    let script = Script::new()
        .on(When::any().once(), begun)
        .on_with(When::any(), {
            let bytes = bytes.clone();
            move |request| file(&bytes, request)
        });
    let server = block_on(ScriptedServer::start(script));
    let pull = || {
        let mut command = home.command(&["models", "pull", "hf:some/repo/tiny.gguf"]);
        command
            .env("HF_ENDPOINT", server.origin())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let child = pull().spawn().unwrap();
    block_on(server.wait_for_pause("half"));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let output = Said::from(child.wait_with_output().unwrap());
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(130), ""),
        "{output:?}"
    );
    assert!(
        output
            .stderr
            .contains("moltbot models pull hf:some/repo/tiny.gguf"),
        "{output:?}"
    );
    assert!(home.state().join("models/tiny.gguf.part").exists());
    assert!(!home.state().join("models/tiny.gguf").exists());

    Said::from(pull().output().unwrap()).ok();
    assert_eq!(
        fs::read(home.state().join("models/tiny.gguf")).unwrap(),
        bytes
    );
}

#[cfg(not(feature = "engine"))]
#[test]
fn a_build_without_the_engine_says_so() {
    let home = Home::new();
    let output = run(&home, &["models", "pull", "smollm2-135m"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("no engine"), "{output:?}");
    assert!(!home.state().join("models").exists());
}
