//! Reading one HTTP/1.1 request off a connection.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::chunked;

/// The most header lines of a message that are read.
pub(crate) const MAX_HEADERS: usize = 100;

/// How much room a read gets, in bytes.
pub(crate) const READ_SIZE: usize = 16 * 1024;

/// One request as the server read it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method, in capitals as sent.
    pub method: String,
    /// The path of the request target, without the query.
    pub path: String,
    /// The query of the request target, without its `?`.
    pub query: Option<String>,
    /// The header lines in the order sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, its transfer coding undone.
    pub body: Vec<u8>,
    /// The rule of the script that answered, counted from 0; `None` when none did.
    pub rule: Option<usize>,
}

impl Recorded {
    /// The first value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON, `None` when it is not JSON.
    #[must_use]
    pub fn try_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When the body is not JSON: the client under test sent something else.
    #[must_use]
    pub fn json(&self) -> Value {
        self.try_json().unwrap_or_else(|| {
            panic!(
                "the body of {} {} is not JSON: {:?}",
                self.method,
                self.path,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    /// Whether the client sent `key` as its API key, in any of the headers that model
    /// servers read it from.
    #[must_use]
    pub fn has_api_key(&self, key: &str) -> bool {
        let bearer = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let plain = ["x-api-key", "api-key", "x-goog-api-key"].map(|name| self.header(name));
        bearer == Some(key) || plain.contains(&Some(key))
    }
}

/// The first value of a header, whatever the case of its name.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Header lines as owned text; bytes that are not UTF-8 are replaced.
pub(crate) fn owned_headers(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|line| {
            let value = String::from_utf8_lossy(line.value).into_owned();
            (line.name.to_ascii_lowercase(), value)
        })
        .collect()
}

/// What a connection brought next.
pub(crate) enum Incoming {
    /// A whole request, and whether the client wants the connection kept afterwards.
    Request { request: Recorded, keep_alive: bool },
    /// The client closed the connection.
    Closed,
    /// Bytes that are no HTTP/1.1 request, and why.
    Malformed(String),
}

/// The head of a request and how many bytes it took.
struct Head {
    request: Recorded,
    length: usize,
    version: u8,
}

/// Reads the next request. `buffer` holds what was read beyond the last one.
pub(crate) async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Incoming> {
    let head = loop {
        match parse_head(buffer) {
            Err(reason) => return Ok(Incoming::Malformed(reason)),
            Ok(Some(head)) => break head,
            Ok(None) => {}
        }
        if read_more(stream, buffer).await? == 0 {
            return Ok(Incoming::Closed);
        }
    };
    buffer.drain(..head.length);
    let mut request = head.request;

    if request
        .header("expect")
        .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }

    let body_length = loop {
        match take_body(&request, buffer) {
            Err(reason) => return Ok(Incoming::Malformed(reason)),
            Ok(Some((body, length))) => {
                request.body = body;
                break length;
            }
            Ok(None) => {}
        }
        if read_more(stream, buffer).await? == 0 {
            return Ok(Incoming::Closed);
        }
    };
    buffer.drain(..body_length);

    let asks_to_close = request
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Incoming::Request {
        keep_alive: head.version == 1 && !asks_to_close,
        request,
    })
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.reserve(READ_SIZE);
    stream.read_buf(buffer).await
}

/// The head of a request, `None` while its end has not arrived.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, String> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut lines);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Ok(Some(Head {
        length,
        version: parsed.version.unwrap_or_default(),
        request: Recorded {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query,
            headers: owned_headers(parsed.headers),
            body: Vec::new(),
            rule: None,
        },
    }))
}

/// The body at the start of `buffer` and how many bytes it took, `None` while its end has
/// not arrived.
fn take_body(request: &Recorded, buffer: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    if let Some(coding) = request.header("transfer-encoding") {
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(format!("unknown transfer coding {coding:?}"));
        }
        return chunked::decode(buffer).map_err(|_| "the body is not chunked".to_owned());
    }
    let length = match request.header("content-length") {
        None => 0,
        Some(value) => value
            .trim()
            .parse()
            .map_err(|_| format!("content-length {value:?} is no number"))?,
    };
    Ok(buffer.get(..length).map(|body| (body.to_vec(), length)))
}
