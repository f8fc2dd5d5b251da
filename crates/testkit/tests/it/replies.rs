//! Every kind of step and framing, byte by byte.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use moltbot_testkit::capture::Capture;
use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, Step, When, block_on, error, models_list, openai_chat,
};

use crate::client::{Client, get, post};

fn serving(reply: Reply) -> ScriptedServer {
    block_on(ScriptedServer::start(Script::new().on(When::any(), reply)))
}

#[test]
fn each_frame_of_a_stream_is_a_chunk() {
    let server = serving(Reply::frames(["data: one\n\n", "data: two\n\n"]));
    let mut client = Client::connect(&server);
    client.get("/v1/events");
    assert_eq!(
        client.read_until("0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
         b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n"
    );
    assert!(client.has_nothing_to_read());
}

#[test]
fn a_gate_holds_the_stream_until_the_test_opens_it() {
    let reply = Reply::frames(["data: one\n\n", "data: two\n\n"]);
    let server = serving(reply.after_frames(1, Step::pause("half")));
    let mut client = Client::connect(&server);
    client.get("/");
    client.read_until("data: one\n\n\r\n");
    block_on(server.wait_for_pause("half"));
    assert!(client.has_nothing_to_read());
    assert_eq!(server.connections().concurrent, 1);

    server.release("half");
    assert_eq!(
        client.read_until("0\r\n\r\n"),
        "b\r\ndata: two\n\n\r\n0\r\n\r\n"
    );
    // An open gate stays open.
    assert_eq!(get(&server, "/").body, b"data: one\n\ndata: two\n\n");
}

#[test]
fn a_gate_before_the_head_holds_everything() {
    let server = serving(models_list(&["small"]).before_head(Step::pause("loading")));
    let mut client = Client::connect(&server);
    client.get("/v1/models");
    block_on(server.wait_for_pause("loading"));
    assert!(client.has_nothing_to_read());
    server.release("loading");
    assert_eq!(client.read_whole().status, 200);
}

#[test]
fn a_delay_lasts() {
    let wait = Duration::from_millis(20);
    let server = serving(Reply::stream().delay(wait).bytes("data: late\n\n"));
    let before = Instant::now();
    assert_eq!(get(&server, "/").body, b"data: late\n\n");
    assert!(before.elapsed() >= wait);
}

#[test]
fn a_cut_closes_in_good_order_before_the_end() {
    let reply = Reply::frames(["data: one\n\n", "data: two\n\n"]);
    let server = serving(reply.after_frames(1, Step::Cut));
    let mut client = Client::connect(&server);
    client.get("/");
    let bytes = client.read_to_end().unwrap();
    assert!(bytes.ends_with(b"\r\n\r\nb\r\ndata: one\n\n\r\n"));
    block_on(server.wait_for_idle());
    assert_eq!(server.connections().cancelled, 0);
}

#[test]
fn a_cut_body_is_shorter_than_announced() {
    let whole = Reply::whole(200, "text/plain", "0123456789");
    for reply in [
        whole.clone().in_pieces_of(4).after_frames(1, Step::Cut),
        Reply::whole(200, "text/plain", "0123")
            .announced_length(10)
            .cut(),
    ] {
        let server = serving(reply);
        let mut client = Client::connect(&server);
        client.get("/");
        let reply = Capture::parse("cut", &client.read_to_end().unwrap()).unwrap();
        assert_eq!(reply.header("content-length"), Some("10"));
        assert_eq!(reply.body, b"0123");
    }
}

#[test]
fn a_reset_is_an_error_for_the_client() {
    let reply = Reply::stream()
        .bytes("data: one\n\n")
        .pause("before")
        .reset();
    let server = serving(reply);
    let mut client = Client::connect(&server);
    client.get("/");
    client.read_until("data: one\n\n\r\n");
    server.release("before");
    assert_eq!(client.read_to_end(), Err(ErrorKind::ConnectionReset));
    block_on(server.wait_for_idle());
    assert_eq!(server.connections().cancelled, 0);
}

#[test]
fn a_connection_can_end_without_any_reply() {
    let server = serving(Reply::stream().before_head(Step::Cut));
    let mut client = Client::connect(&server);
    client.get("/");
    assert_eq!(client.read_to_end(), Ok(Vec::new()));

    let server = serving(Reply::stream().before_head(Step::Reset));
    let mut client = Client::connect(&server);
    client.get("/");
    assert_eq!(client.read_to_end(), Err(ErrorKind::ConnectionReset));
}

#[test]
fn pieces_may_cut_through_a_character() {
    let reply = openai_chat(&[Part::Text("né à côté")]).stream();
    let whole = reply.frame_count();
    let pieces = reply.clone().in_pieces_of(1);
    assert!(pieces.frame_count() > whole);
    let split = get(&serving(pieces), "/");
    let joined = get(&serving(reply), "/");
    assert!(String::from_utf8_lossy(&split.body).contains("né"));
    assert_eq!(split.body, joined.body);
}

#[test]
fn raw_bytes_are_sent_as_they_are() {
    let bytes = "HTTP/1.0 299 Odd\r\nX-Case: Kept\r\n\r\nhalf a bo";
    let server = serving(Reply::raw(bytes));
    let mut client = Client::connect(&server);
    client.get("/");
    assert_eq!(client.read_to_end().unwrap(), bytes.as_bytes());
}

#[test]
fn a_body_can_end_with_its_connection() {
    let server = serving(Reply::whole(200, "text/plain", "to the end").until_close());
    let mut client = Client::connect(&server);
    client.get("/");
    let reply = Capture::parse("reply", &client.read_to_end().unwrap()).unwrap();
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.body, b"to the end");
}

#[test]
fn errors_and_models_have_their_servers_form() {
    let limited = error(429, r#"{"error":{"message":"slow down"}}"#).header("Retry-After", "7");
    let reply = post(&serving(limited), "/v1/chat/completions", "{}");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.body, br#"{"error":{"message":"slow down"}}"#);

    let reply = get(&serving(error(502, "bad gateway")), "/");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );

    let reply = get(&serving(models_list(&["a", "b"])), "/v1/models");
    let list: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][1]["id"], "b");
}

#[test]
fn a_step_goes_behind_the_frames_counted() {
    let frames = Reply::frames(["1", "2"]).pause("p");
    let bytes = |text: &str| Step::Bytes(text.into());
    let steps = |count| {
        let reply = frames.clone().after_frames(count, Step::Cut);
        format!("{reply:?}")
    };
    let expected = |steps: [Step; 4]| {
        let reply = steps.into_iter().fold(Reply::stream(), Reply::step);
        format!("{reply:?}")
    };
    let pause = || Step::pause("p");
    assert_eq!(
        steps(0),
        expected([Step::Cut, bytes("1"), bytes("2"), pause()])
    );
    assert_eq!(
        steps(1),
        expected([bytes("1"), Step::Cut, bytes("2"), pause()])
    );
    assert_eq!(
        steps(2),
        expected([bytes("1"), bytes("2"), Step::Cut, pause()])
    );
    assert_eq!(
        steps(9),
        expected([bytes("1"), bytes("2"), pause(), Step::Cut])
    );
}
