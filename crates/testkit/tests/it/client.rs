//! A tiny blocking HTTP client that shows every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use moltbot_testkit::ScriptedServer;
use moltbot_testkit::capture::Capture;

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: &ScriptedServer) -> Self {
        Self {
            stream: TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap(),
            buffer: Vec::new(),
        }
    }

    /// Writes these bytes as they are.
    pub(crate) fn write(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).unwrap();
    }

    /// Sends a request with a body and these further header lines.
    pub(crate) fn send(&mut self, line: &str, headers: &[&str], body: &str) {
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let length = body.len();
        self.write(&format!(
            "{line} HTTP/1.1\r\nhost: test\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ));
    }

    pub(crate) fn get(&mut self, path: &str) {
        self.send(&format!("GET {path}"), &[], "");
    }

    /// Reads up to the first occurrence of `end`, which is included.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .buffer
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the server closed before it sent {end:?}");
            self.buffer.extend_from_slice(&bytes[..count]);
        }
    }

    /// Reads a whole reply that tells its length, and leaves the connection open.
    pub(crate) fn read_whole(&mut self) -> Capture {
        let head = self.read_until("\r\n\r\n");
        let length = Capture::parse("head", head.as_bytes())
            .unwrap()
            .header("content-length")
            .unwrap()
            .parse()
            .unwrap();
        while self.buffer.len() < length {
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the server closed inside a body");
            self.buffer.extend_from_slice(&bytes[..count]);
        }
        let body: Vec<u8> = self.buffer.drain(..length).collect();
        Capture::parse("reply", &[head.as_bytes(), &body].concat()).unwrap()
    }

    /// Reads to the end of the connection.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>, ErrorKind> {
        let mut bytes = std::mem::take(&mut self.buffer);
        self.stream
            .read_to_end(&mut bytes)
            .map_err(|error| error.kind())?;
        Ok(bytes)
    }

    /// Whether nothing at all has arrived beyond what was read.
    pub(crate) fn has_nothing_to_read(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let outcome = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        let empty = outcome.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        empty && self.buffer.is_empty()
    }

    /// Closes the sending side only.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// Posts `body` and reads the reply to the end of the connection.
pub(crate) fn post(server: &ScriptedServer, path: &str, body: &str) -> Capture {
    let mut client = Client::connect(server);
    client.send(&format!("POST {path}"), &["connection: close"], body);
    Capture::parse("reply", &client.read_to_end().unwrap()).unwrap()
}

/// Gets `path` and reads the reply to the end of the connection.
pub(crate) fn get(server: &ScriptedServer, path: &str) -> Capture {
    let mut client = Client::connect(server);
    client.send(&format!("GET {path}"), &["connection: close"], "");
    Capture::parse("reply", &client.read_to_end().unwrap()).unwrap()
}
