//! Downloads that break off and go on.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use moltbot_engine::models::PullError;
use moltbot_testkit::{Reply, Script, ScriptedServer, When};
use proptest::prelude::*;

use crate::hub::{Served, model_bytes, names, offset, options, pulled, sha256};

const WHAT: &str = "hf:some/repo/tiny.gguf";
const PART: &str = "tiny.gguf.part";

/// Cuts the first download after `len` bytes and is broken from then on.
fn cut_once(served: Served, len: usize) -> Script {
    Script::new()
        .on_with(When::any().once(), move |request| {
            served.reply_cut_at(request, len)
        })
        .on(When::any(), Reply::whole(503, "text/plain", "broken"))
}

/// Gives the file out.
fn whole(served: Served) -> Script {
    Script::new().on_with(When::any(), move |request| served.reply(request))
}

/// Leaves `len` bytes of `served` as the part of a first pull.
async fn leave_part(served: Served, len: usize, dir: &std::path::Path) -> ScriptedServer {
    let bytes = served.bytes.clone();
    let server = ScriptedServer::start(cut_once(served, len)).await;
    pulled(WHAT, dir, &options(&server)).await.unwrap_err();
    assert_eq!(fs::read(dir.join(PART)).unwrap(), bytes[..len]);
    server
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_later_pull_goes_on_from_every_cut(
        (len, cut) in (5_usize..40_000).prop_flat_map(|len| (Just(len), 1..len)),
        linked: bool,
        marked: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bytes = model_bytes(len, 1);
            let served = Served {
                linked: linked.then(|| sha256(&bytes)),
                etag: marked.then_some("\"one\""),
                ..Served::new(bytes.clone())
            };
            let folder = tempfile::tempdir().unwrap();
            let server = leave_part(served.clone(), cut, folder.path()).await;
            let before = server.requests().len();

            server.set_script(whole(served));
            let model = pulled(WHAT, folder.path(), &options(&server)).await.unwrap();
            assert_eq!(fs::read(&model.path).unwrap(), bytes);
            assert_eq!(model.sha256, Some(sha256(&bytes)));
            assert_eq!(names(folder.path()), ["tiny.gguf", "tiny.json"]);
            let requests = server.requests().split_off(before);
            assert_eq!(requests.len(), 1);
            // Without a mark and a checksum a changed file would go unnoticed.
            let resumes = linked || marked;
            assert_eq!(offset(&requests[0]), resumes.then_some(cut));
            assert_eq!(requests[0].header("if-range"), marked.then_some("\"one\""));
        });
    }
}

#[tokio::test]
async fn one_pull_goes_on_by_itself() {
    let bytes = model_bytes(50_000, 1);
    let served = Served::new(bytes.clone());
    let count = AtomicUsize::new(0);
    let server = ScriptedServer::start(Script::new().on_with(When::any(), move |request| {
        let turn = count.fetch_add(1, Ordering::Relaxed);
        match [4, 700, 701, 33_000].get(turn) {
            Some(cut) => served.reply_cut_at(request, *cut),
            None => served.reply(request),
        }
    }))
    .await;
    let folder = tempfile::tempdir().unwrap();
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
    let offsets: Vec<_> = server.requests().iter().map(offset).collect();
    assert_eq!(offsets, [None, Some(4), Some(700), Some(701), Some(33_000)]);
}

#[tokio::test]
async fn a_connection_that_brings_nothing_more_ends_the_pull() {
    let served = Served::new(model_bytes(50_000, 1));
    let server = ScriptedServer::start(Script::new().on_with(When::any(), move |request| {
        match offset(request) {
            None => served.reply_cut_at(request, 1_000),
            Some(from) => {
                let rest = served.bytes.len() - from;
                Reply::whole(206, "application/octet-stream", "")
                    .header("etag", "\"one\"")
                    .header("content-range", &format!("bytes {from}-49999/50000"))
                    .announced_length(rest)
                    .cut()
            }
        }
    }))
    .await;
    let folder = tempfile::tempdir().unwrap();
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    let PullError::Interrupted {
        received, total, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((received, total), (1_000, Some(50_000)));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_changed_file_is_fetched_anew() {
    let new = model_bytes(9_000, 7);
    // A server that minds If-Range sends the whole; one that does not is caught by the mark
    // of its answer; one without marks, by the checksum the hub announces.
    for (minds_if_range, etag, linked) in [
        (true, Some("\"two\""), false),
        (false, Some("\"two\""), false),
        (false, Some("\"one\""), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let old = model_bytes(9_000, 1);
        let before = Served {
            linked: linked.then(|| sha256(&old)),
            ..Served::new(old)
        };
        let server = leave_part(before, 2_000, folder.path()).await;
        server.set_script(whole(Served {
            etag,
            minds_if_range,
            linked: linked.then(|| sha256(&new)),
            ..Served::new(new.clone())
        }));
        let model = pulled(WHAT, folder.path(), &options(&server))
            .await
            .unwrap();
        assert_eq!(fs::read(model.path).unwrap(), new);
    }
}

#[tokio::test]
async fn a_server_without_ranges_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served {
        ranges: false,
        ..Served::new(model_bytes(9_000, 1))
    };
    let server = leave_part(served.clone(), 2_000, folder.path()).await;
    server.set_script(whole(served.clone()));
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), served.bytes);
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::new(model_bytes(9_000, 1));
    let server = leave_part(served.clone(), 2_000, folder.path()).await;
    let right = served.clone();
    server.set_script(Script::new().on_with(When::any(), move |request| {
        let reply = right.reply(request);
        match offset(request) {
            Some(_) => reply.header("content-range", "bytes 0-8999/9000"),
            None => reply,
        }
    }));
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), served.bytes);

    // And if nothing else comes, that is said rather than asked for ever.
    let folder = tempfile::tempdir().unwrap();
    let part = Reply::whole(206, "application/octet-stream", "GGUF")
        .header("content-range", "bytes 0-3/9000");
    let server = ScriptedServer::start(Script::new().on(When::any(), part)).await;
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::BadAnswer { .. }), "{error}");
}

/// Puts a part and its state there as a pull leaves them that was killed.
fn put_part(dir: &std::path::Path, server: &ScriptedServer, bytes: &[u8], size: usize) {
    let url = format!("{}/some/repo/resolve/main/tiny.gguf", server.origin());
    let state = serde_json::json!({"url": url, "etag": "\"one\"", "sha256": null, "size": size});
    fs::write(dir.join(PART), bytes).unwrap();
    fs::write(dir.join("tiny.gguf.part.json"), state.to_string()).unwrap();
}

#[tokio::test]
async fn a_complete_part_only_needs_its_name() {
    let bytes = model_bytes(9_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let server = Served::new(bytes.clone()).start().await;
    put_part(folder.path(), &server, &bytes, 9_000);
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(offset(&requests[0]), Some(9_000));
}

#[tokio::test]
async fn a_part_longer_than_the_file_is_thrown_away() {
    let bytes = model_bytes(9_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let server = Served::new(bytes.clone()).start().await;
    put_part(folder.path(), &server, &model_bytes(12_000, 3), 9_000);
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
}

#[tokio::test]
async fn a_part_of_something_else_is_thrown_away() {
    let bytes = model_bytes(9_000, 1);
    let other = Served::new(bytes.clone()).start().await;
    for state in [None, Some("{ not json"), Some("other address")] {
        let folder = tempfile::tempdir().unwrap();
        let server = Served::new(bytes.clone()).start().await;
        put_part(folder.path(), &other, &model_bytes(2_000, 3), 9_000);
        match state {
            None => fs::remove_file(folder.path().join("tiny.gguf.part.json")).unwrap(),
            Some("other address") => {}
            Some(text) => fs::write(folder.path().join("tiny.gguf.part.json"), text).unwrap(),
        }
        let model = pulled(WHAT, folder.path(), &options(&server))
            .await
            .unwrap();
        assert_eq!(fs::read(model.path).unwrap(), bytes);
        assert_eq!(offset(&server.requests()[0]), None);
    }
}

#[tokio::test]
async fn a_damaged_part_is_found_by_the_checksum() {
    let bytes = model_bytes(9_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let served = Served {
        linked: Some(sha256(&bytes)),
        ..Served::new(bytes.clone())
    };
    let server = leave_part(served.clone(), 2_000, folder.path()).await;
    fs::write(folder.path().join(PART), model_bytes(2_000, 3)).unwrap();
    server.set_script(whole(served));
    let error = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::Checksum { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
    let model = pulled(WHAT, folder.path(), &options(&server))
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
}
