//! Plain HTTP, apart from everything that is tested: what a server says of itself, and replies as they come.

use moltbot_testkit::capture::Capture;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request and reads everything until the server closes.
async fn exchange(origin: &str, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let host = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await?;
    let head = format!("{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let head = match body {
        [] => format!("{head}\r\n"),
        body => {
            let length = body.len();
            format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
        }
    };
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    Ok(reply)
}

/// Whether a question is answered with a good status.
pub(crate) async fn answers(origin: &str, path: &str) -> bool {
    let reply = exchange(origin, &format!("GET {path}"), &[]).await;
    reply.is_ok_and(|reply| Capture::parse(path, &reply).is_ok_and(|reply| reply.status == 200))
}

async fn get(origin: &str, path: &str) -> Vec<u8> {
    let reply = exchange(origin, &format!("GET {path}"), &[]).await;
    let reply = Capture::parse(path, &reply.unwrap()).unwrap();
    assert_eq!(reply.status, 200, "{path}");
    reply.body
}

/// The JSON that a path answers with.
pub(crate) async fn get_json(origin: &str, path: &str) -> Value {
    serde_json::from_slice(&get(origin, path).await).unwrap()
}

/// A figure of a page of metrics in Prometheus' form.
pub(crate) async fn metric(origin: &str, name: &str) -> f64 {
    let page = String::from_utf8(get(origin, "/metrics").await).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in:\n{page}"))
        .trim()
        .parse()
        .unwrap()
}

/// Posts a body and gives the reply just as it came, head and all.
pub(crate) async fn post(origin: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path}");
    exchange(origin, &head, body).await.unwrap()
}
