//! Recorded replies: parsing them, and serving them again.

use std::path::Path;

use moltbot_testkit::capture::{self, Capture, CaptureError};
use moltbot_testkit::{Script, ScriptedServer, When, block_on};
use proptest::prelude::*;

use crate::client::post;

const CHUNKED_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_file_is_loaded_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "b.http",
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy",
    );
    write("a.http", "HTTP/1.1 200 OK\r\n\r\n");
    write("a.req.json", "{}");
    let captures = capture::all(folder.path()).unwrap();
    let seen: Vec<_> = captures
        .iter()
        .map(|capture| {
            (
                capture.name.as_str(),
                capture.status,
                capture.body.as_slice(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("a", 200, b"".as_slice()), ("b", 503, b"busy".as_slice())]
    );
}

#[test]
fn chunks_are_undone_where_there_are_any() {
    let decoded = format!("{CHUNKED_HEAD}data: 1\n\ndata: 2\n\n");
    let coded = format!("{CHUNKED_HEAD}9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    for bytes in [decoded, coded] {
        let capture = Capture::parse("stream", bytes.as_bytes()).unwrap();
        assert_eq!(capture.body, b"data: 1\n\ndata: 2\n\n");
        assert_eq!(capture.frames(), [b"data: 1\n\n", b"data: 2\n\n"]);
    }
}

#[test]
fn interim_responses_are_passed_over() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody";
    let capture = Capture::parse("interim", bytes).unwrap();
    assert_eq!(
        (capture.status, capture.body.as_slice()),
        (200, b"body".as_slice())
    );
}

#[test]
fn what_is_no_response_is_named() {
    let error = Capture::parse("odd", b"HTTP/1.1 200 OK\r\nhalf: a head").unwrap_err();
    assert_eq!(
        error.to_string(),
        "The capture odd is no HTTP/1.1 response (its head has no end); \
         record it again with `curl -i -N`."
    );
    assert!(Capture::parse("odd", b"GET / HTTP/1.1\r\n\r\n").is_err());
    let missing = Path::new("no-such-folder");
    assert!(matches!(
        capture::all(missing),
        Err(CaptureError::Unreadable { .. })
    ));
    assert!(matches!(
        capture::load(missing),
        Err(CaptureError::Unreadable { .. })
    ));
}

#[test]
fn frames_end_at_either_kind_of_empty_line() {
    let bytes = format!("{CHUNKED_HEAD}a\r\n\r\nb\n\nrest");
    let capture = Capture::parse("mixed", bytes.as_bytes()).unwrap();
    assert_eq!(
        capture.frames(),
        [b"a\r\n\r\n".as_slice(), b"b\n\n", b"rest"]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "[ -~\r\n]{0,200}",
    ) {
        let _ = Capture::parse("any", &bytes);
        let response = format!("HTTP/1.1 200 OK\r\n\r\n{text}");
        let capture = Capture::parse("any", response.as_bytes()).unwrap();
        prop_assert_eq!(&capture.frames().concat(), &capture.body);
        prop_assert_eq!(&capture.body, text.as_bytes());
    }
}

/// Where the recorded replies are kept; on a machine without them there is nothing to try.
fn recorded() -> Option<Vec<Capture>> {
    Some(capture::all(capture::kept_dir()?).unwrap())
}

#[test]
fn every_recorded_reply_is_sane() {
    let Some(captures) = recorded() else { return };
    assert!(captures.len() >= 134, "only {} captures", captures.len());
    for capture in &captures {
        let name = &capture.name;
        assert!(
            [200, 400, 404, 501].contains(&capture.status),
            "{name}: {}",
            capture.status
        );
        if capture.is_event_stream() {
            assert_eq!(capture.status, 200, "{name}");
            assert!(capture.header("transfer-encoding").is_some(), "{name}");
            let frames = capture.frames();
            assert!(frames.len() >= 3, "{name}");
            for frame in frames {
                assert!(
                    frame.starts_with(b"data: ") || frame.starts_with(b"event: "),
                    "{name}"
                );
                assert!(frame.ends_with(b"\n\n"), "{name}");
            }
        } else {
            let length: usize = capture.header("content-length").unwrap().parse().unwrap();
            assert_eq!(length, capture.body.len(), "{name}");
            if length > 0 {
                let kind = capture.header("content-type").unwrap();
                assert!(kind.starts_with("application/json"), "{name}: {kind}");
                serde_json::from_slice::<serde_json::Value>(&capture.body).unwrap();
            }
        }
    }
}

#[test]
fn a_recorded_reply_is_served_again() {
    let Some(captures) = recorded() else { return };
    let server = block_on(ScriptedServer::start(Script::new()));
    for original in &captures {
        server.set_script(Script::new().on(When::any(), original.reply()));
        let served = post(&server, "/", "{}");
        assert_eq!(served.status, original.status, "{}", original.name);
        assert_eq!(served.body, original.body, "{}", original.name);
        assert_eq!(
            served.header("server"),
            original.header("server"),
            "{}",
            original.name
        );
        assert_eq!(
            served.is_event_stream(),
            original.is_event_stream(),
            "{}",
            original.name
        );
    }
}
