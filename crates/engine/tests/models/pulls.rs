//! Whole pulls, and what hubs refuse.

use std::fs;

use moltbot_engine::models::{PullError, PullOptions, find, installed};
use moltbot_testkit::{Reply, Script, ScriptedServer, When};

use crate::hub::{Served, model_bytes, names, no_hub, options, pulled, sha256};

const WHAT: &str = "hf:some/repo/Tiny-Q4_0.gguf";

#[tokio::test]
async fn a_model_is_pulled_once() {
    let bytes = model_bytes(300_000, 1);
    let server = Served::new(bytes.clone()).start().await;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("models");

    let model = pulled(WHAT, &dir, &options(&server)).await.unwrap();
    assert_eq!(model.id, "tiny-q4_0");
    assert_eq!(model.bytes, 300_000);
    assert_eq!(model.sha256, Some(sha256(&bytes)));
    assert_eq!(
        model.source.as_deref(),
        Some("hf:some/repo@main/Tiny-Q4_0.gguf")
    );
    assert_eq!(fs::read(&model.path).unwrap(), bytes);
    assert_eq!(find(&dir, "Tiny-Q4_0").unwrap(), model.path);
    assert_eq!(installed(&dir).unwrap(), std::slice::from_ref(&model));
    assert_eq!(names(&dir), ["tiny-q4_0.gguf", "tiny-q4_0.json"]);
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("tiny-q4_0.json")).unwrap()).unwrap();
    assert_eq!(record["bytes"], 300_000);
    assert!(record["pulled_at"].as_str().unwrap().ends_with('Z'));

    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/some/repo/resolve/main/Tiny-Q4_0.gguf");
    assert_eq!(requests[0].header("range"), None);

    let again = pulled(WHAT, &dir, &options(&server)).await.unwrap();
    assert_eq!(again, model);
    assert_eq!(server.requests().len(), 1, "it was here already");
}

#[tokio::test]
async fn a_redirect_takes_the_checksum_along_and_leaves_the_token() {
    let bytes = model_bytes(5_000, 1);
    let store = Served::new(bytes.clone()).start().await;
    let elsewhere = format!("{}/blob?signature=x", store.origin());
    let linked = sha256(&bytes);
    let hub = ScriptedServer::start(
        Script::new()
            .on(
                When::get("/some/repo"),
                Reply::whole(307, "text/plain", "").header("location", "/moved/tiny"),
            )
            .on(
                When::get("/moved"),
                Reply::whole(302, "text/plain", "")
                    .header("location", &elsewhere)
                    .header("x-linked-etag", &format!("\"{linked}\""))
                    .header("x-linked-size", "5000"),
            ),
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let options = PullOptions {
        token: Some("hf_secret".to_owned()),
        ..options(&hub)
    };
    let model = pulled(WHAT, folder.path(), &options).await.unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
    for request in hub.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    assert_eq!(store.requests()[0].header("authorization"), None);
    assert!(!format!("{options:?}").contains("hf_secret"));
}

#[tokio::test]
async fn the_length_need_not_be_known() {
    let bytes = model_bytes(70_000, 1);
    for chunked in [false, true] {
        let served = Served::new(bytes.clone());
        let server = ScriptedServer::start(Script::new().on_with(When::any(), move |request| {
            let reply = served.reply(request);
            if chunked {
                reply.in_pieces_of(9_999).chunked()
            } else {
                reply.until_close()
            }
        }))
        .await;
        let folder = tempfile::tempdir().unwrap();
        let model = pulled(WHAT, folder.path(), &options(&server))
            .await
            .unwrap();
        assert_eq!(fs::read(model.path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn damaged_files_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served {
        linked: Some(sha256(b"something else")),
        ..Served::new(model_bytes(5_000, 1))
    }
    .start()
    .await;
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::Checksum { .. }), "{error}");
    assert!(error.to_string().contains("deleted"), "{error}");

    // A page for signing in, with status 200.
    let server = Served::new(b"<html>Sign in</html>".to_vec()).start().await;
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::NotGguf { .. }), "{error}");

    // More than the hub has said.
    let served = Served::new(model_bytes(5_000, 1));
    let server = ScriptedServer::start(Script::new().on_with(When::any(), move |request| {
        let reply = served.reply(request).chunked();
        reply.header("x-linked-size", "4000")
    }))
    .await;
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            PullError::Length {
                expected: 4_000,
                ..
            }
        ),
        "{error}"
    );

    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_curated_model_must_be_the_one_we_know() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model_bytes(5_000, 1);
    let server = Served::new(bytes.clone()).start().await;
    let error = pulled("qwen3-0.6b", folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::Checksum { .. }), "{error}");
    assert_eq!(
        server.requests()[0].path,
        "/Qwen/Qwen3-0.6B-GGUF/resolve/23749fefcc72300e3a2ad315e1317431b06b590a/Qwen3-0.6B-Q8_0.gguf"
    );

    // A hub that says so itself is not made to send it.
    let served = Served {
        linked: Some(sha256(&bytes)),
        ..Served::new(bytes)
    };
    let server = ScriptedServer::start(
        Script::new().on_with(When::any(), move |request| served.reply(request).hang()),
    )
    .await;
    let error = pulled("qwen3-0.6b", folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::Replaced { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn what_a_hub_refuses_is_said_with_the_next_step() {
    let cases = [
        (401, None, "set HF_TOKEN"),
        (401, Some("hf_old"), "renew it"),
        (403, Some("hf_good"), "accept its terms"),
        (404, None, "check owner, repository, revision and file name"),
        (503, None, "503 Service Unavailable"),
        // Nothing was asked for that could not be satisfied.
        (416, None, "416"),
    ];
    for (status, token, words) in cases {
        let refusal = Reply::whole(status, "text/plain", "no");
        let server = ScriptedServer::start(Script::new().on(When::any(), refusal)).await;
        let folder = tempfile::tempdir().unwrap();
        let options = PullOptions {
            token: token.map(str::to_owned),
            ..options(&server)
        };
        let error = pulled(WHAT, folder.path(), &options).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(words), "{said}");
        assert!(said.contains("hf:some/repo@main/Tiny-Q4_0.gguf"), "{said}");
        assert!(names(folder.path()).is_empty());
    }
}

#[tokio::test]
async fn a_hub_that_cannot_be_reached_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let error = pulled(WHAT, folder.path(), &no_hub()).await.unwrap_err();
    assert!(matches!(error, PullError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
    assert!(names(folder.path()).is_empty());

    // The same for an encrypted address: that there is no certificate to see is no panic.
    let server = Served::new(model_bytes(5_000, 1)).start().await;
    let options = PullOptions {
        hub: server.origin().replace("http:", "https:").parse().unwrap(),
        ..PullOptions::default()
    };
    let error = pulled(WHAT, folder.path(), &options).await.unwrap_err();
    assert!(matches!(error, PullError::Unreachable { .. }), "{error}");

    let options = PullOptions {
        hub: "mailto:hub@example.com".parse().unwrap(),
        ..PullOptions::default()
    };
    let error = pulled(WHAT, folder.path(), &options).await.unwrap_err();
    assert!(matches!(error, PullError::BadHub { .. }), "{error}");
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    for (target, words) in [
        ("/round", "one redirect after another"),
        ("ftp://example.com/x", "a redirect to nowhere"),
    ] {
        let reply = Reply::whole(302, "text/plain", "").header("location", target);
        let server = ScriptedServer::start(Script::new().on(When::any(), reply)).await;
        let folder = tempfile::tempdir().unwrap();
        let error = pulled(WHAT, folder.path(), &options(&server))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn two_models_do_not_share_a_name() {
    let server = Served::new(model_bytes(5_000, 1)).start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = options(&server);
    pulled(WHAT, folder.path(), &options).await.unwrap();
    let error = pulled("hf:other/repo/tiny-q4_0.gguf", folder.path(), &options)
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::NameTaken { .. }), "{error}");

    // A file put there by hand is the model only if it is the very file.
    fs::write(folder.path().join("qwen3-0.6b.gguf"), b"GGUF").unwrap();
    let error = pulled("qwen3-0.6b", folder.path(), &options)
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::NameTaken { .. }), "{error}");
    fs::write(folder.path().join("mine.gguf"), b"GGUF").unwrap();
    let model = pulled("hf:any/repo/mine.gguf", folder.path(), &options)
        .await
        .unwrap();
    assert_eq!((model.bytes, model.source), (4, None));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn one_process_pulls_a_model_at_a_time() {
    let server = Served::new(model_bytes(5_000, 1)).start().await;
    let folder = tempfile::tempdir().unwrap();
    let part = fs::File::create(folder.path().join("tiny-q4_0.gguf.part")).unwrap();
    part.lock().unwrap();
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::Busy { .. }), "{error}");
    drop(part);
    pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = pulled(WHAT, &file.join("models"), &no_hub())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Cannot make the folder"),
        "{error}"
    );
}

#[test]
fn a_pull_can_run_on_any_thread() {
    fn needs_send<T: Send>(_: T) {}
    let options = PullOptions::default();
    let mut unheard = |_| {};
    needs_send(moltbot_engine::models::pull(
        WHAT,
        "models".as_ref(),
        &options,
        &mut unheard,
    ));
}
