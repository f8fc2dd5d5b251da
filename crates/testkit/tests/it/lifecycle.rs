//! Connections, counters, cancellation and the end of a server.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};

use moltbot_testkit::{Connections, Reply, Script, ScriptedServer, Step, When, block_on};

use crate::client::{Client, get};

fn serving(reply: Reply) -> ScriptedServer {
    block_on(ScriptedServer::start(Script::new().on(When::any(), reply)))
}

#[test]
fn a_connection_carries_one_request_after_another() {
    let server = serving(Reply::whole(200, "text/plain", "ok"));
    let mut client = Client::connect(&server);
    for _ in 0..3 {
        client.get("/");
        assert_eq!(client.read_whole().body, b"ok");
    }
    block_on(server.wait_for_idle());
    assert_eq!(
        server.connections(),
        Connections {
            open: 1,
            accepted: 1,
            concurrent: 0,
            peak_concurrent: 1,
            total_requests: 3,
            cancelled: 0,
        }
    );
    drop(client);
    block_on(server.wait_for(|connections| connections.open == 0));
    assert_eq!(server.connections().cancelled, 0);
}

#[test]
fn a_request_sent_ahead_is_answered_next() {
    let server = serving(Reply::whole(200, "text/plain", "ok").before_head(Step::pause("first")));
    let mut client = Client::connect(&server);
    client.get("/one");
    block_on(server.wait_for_pause("first"));
    client.get("/two");
    server.release("first");
    client.read_whole();
    client.read_whole();
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/one", "/two"]);
}

#[test]
fn the_reply_or_the_client_may_end_the_connection() {
    let server = serving(Reply::whole(200, "text/plain", "ok").header("connection", "close"));
    let mut client = Client::connect(&server);
    client.get("/");
    assert!(client.read_to_end().unwrap().ends_with(b"\r\n\r\nok"));

    let server = serving(Reply::whole(200, "text/plain", "ok"));
    let mut client = Client::connect(&server);
    client.write("GET / HTTP/1.0\r\n\r\n");
    assert!(client.read_to_end().unwrap().ends_with(b"\r\n\r\nok"));
    assert!(get(&server, "/").body == b"ok");
}

#[test]
fn a_client_that_leaves_is_counted() {
    let server = serving(Reply::frames(["data: one\n\n"]).hang());
    let mut client = Client::connect(&server);
    client.get("/");
    client.read_until("data: one\n\n\r\n");
    assert_eq!(server.connections().cancelled, 0);
    drop(client);
    block_on(server.wait_for_cancel());
    block_on(server.wait_for(|connections| connections.open == 0));
    let seen = server.connections();
    assert_eq!(
        (seen.cancelled, seen.concurrent, seen.total_requests),
        (1, 0, 1)
    );
}

#[test]
fn leaving_is_seen_before_the_head_and_at_a_gate() {
    for reply in [
        Reply::stream().before_head(Step::Hang),
        Reply::stream().pause("never opened"),
    ] {
        let server = serving(reply);
        let mut client = Client::connect(&server);
        client.get("/");
        block_on(server.wait_for_requests(1));
        client.finish_sending();
        block_on(server.wait_for_cancel());
    }
}

#[test]
fn a_large_reply_that_nobody_reads_is_cancelled() {
    // More than the sockets can hold, so that the server is still writing.
    let server = serving(Reply::whole(200, "text/plain", vec![b'x'; 64 << 20]));
    let mut client = Client::connect(&server);
    client.get("/");
    client.read_until("\r\n\r\n");
    drop(client);
    block_on(server.wait_for_cancel());
}

#[test]
fn the_peak_is_the_most_at_one_time() {
    let server = serving(Reply::whole(200, "text/plain", "ok").before_head(Step::pause("all")));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.get("/");
    }
    block_on(server.wait_for(|connections| connections.concurrent == 3));
    server.release("all");
    for client in &mut clients {
        assert_eq!(client.read_whole().body, b"ok");
    }
    block_on(server.wait_for_idle());
    clients[0].get("/");
    clients[0].read_whole();
    block_on(server.wait_for_requests(4));
    assert_eq!(server.connections().peak_concurrent, 3);
}

#[test]
fn a_shutdown_ends_replies_and_frees_the_port() {
    let server = serving(Reply::frames(["data: one\n\n"]).hang());
    let mut client = Client::connect(&server);
    client.get("/v1/kept");
    client.read_until("data: one\n\n\r\n");
    server.shutdown();
    server.shutdown();
    assert_eq!(client.read_to_end(), Ok(Vec::new()));
    assert_eq!(server.requests()[0].path, "/v1/kept");
    assert_eq!(
        (server.connections().open, server.connections().cancelled),
        (0, 0)
    );
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);

    let script = Script::new().on(When::any(), Reply::whole(200, "text/plain", "again"));
    let second = block_on(ScriptedServer::start_on(server.port(), script)).unwrap();
    assert_eq!(second.base_url(), server.base_url());
    assert_eq!(get(&second, "/").body, b"again");
}

#[test]
fn a_dropped_server_is_gone() {
    let server = serving(Reply::stream());
    let port = server.port();
    drop(server);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
}

#[test]
fn a_taken_port_is_an_error() {
    let server = serving(Reply::stream());
    let second = block_on(ScriptedServer::start_on(server.port(), Script::new()));
    assert_eq!(
        second.err().map(|error| error.kind()),
        Some(ErrorKind::AddrInUse)
    );
}

#[test]
#[should_panic(expected = "the scripted server was shut down before it saw 1 requests")]
fn waiting_for_a_server_that_is_gone_fails_the_test() {
    let server = serving(Reply::stream());
    server.shutdown();
    block_on(server.wait_for_requests(1));
}

#[tokio::test]
async fn it_serves_while_the_tests_own_runtime_is_blocked() {
    let server =
        ScriptedServer::start(Script::new().on(When::any(), Reply::whole(200, "text/plain", "ok")))
            .await;
    assert_eq!(get(&server, "/").body, b"ok");
    server.wait_for_requests(1).await;
    server.wait_for_idle().await;
}
