//! A model hub on the loopback interface, and pulls from it.

use std::fmt::Write as _;
use std::path::Path;

use moltbot_engine::models::{
    InstalledModel, PullError, PullOptions, PullPhase, PullProgress, pull,
};
use moltbot_testkit::{Recorded, Reply, Script, ScriptedServer, When};
use sha2::{Digest as _, Sha256};

/// A file that a hub gives out.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) bytes: Vec<u8>,
    pub(crate) etag: Option<&'static str>,
    /// What the hub says the checksum is.
    pub(crate) linked: Option<String>,
    /// Whether it can give out a part.
    pub(crate) ranges: bool,
    /// Whether it minds `If-Range`.
    pub(crate) minds_if_range: bool,
}

impl Served {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            etag: Some("\"one\""),
            linked: None,
            ranges: true,
            minds_if_range: true,
        }
    }

    /// The reply to a request, as RFC 9110 (section 14) wants it.
    pub(crate) fn reply(&self, request: &Recorded) -> Reply {
        let total = self.bytes.len();
        let is_other_version = self.minds_if_range
            && request
                .header("if-range")
                .is_some_and(|mark| Some(mark) != self.etag);
        let from = offset(request).filter(|_| self.ranges && !is_other_version);
        let kind = "application/octet-stream";
        let mut reply = match from {
            None => Reply::whole(200, kind, self.bytes.clone()),
            Some(from) if from >= total => {
                Reply::whole(416, kind, "").header("content-range", &format!("bytes */{total}"))
            }
            Some(from) => Reply::whole(206, kind, &self.bytes[from..]).header(
                "content-range",
                &format!("bytes {from}-{}/{total}", total - 1),
            ),
        };
        if let Some(etag) = self.etag {
            reply = reply.header("etag", etag);
        }
        if let Some(linked) = &self.linked {
            reply = reply.header("x-linked-etag", &format!("\"{linked}\""));
        }
        reply
    }

    /// The same reply, the connection cut when `len` bytes of the file have left.
    pub(crate) fn reply_cut_at(&self, request: &Recorded, len: usize) -> Reply {
        let from = offset(request).unwrap_or(0);
        let rest = self.bytes.len() - from;
        let short = Self {
            bytes: self.bytes[..len.max(from + 1).min(self.bytes.len())].to_vec(),
            ..self.clone()
        };
        let total = self.bytes.len();
        let mut reply = short.reply(request).announced_length(rest);
        if offset(request).is_some() {
            reply = reply.header(
                "content-range",
                &format!("bytes {from}-{}/{total}", total - 1),
            );
        }
        reply.cut()
    }

    pub(crate) async fn start(self) -> ScriptedServer {
        let script = Script::new().on_with(When::any(), move |request| self.reply(request));
        ScriptedServer::start(script).await
    }
}

/// The `N` of `Range: bytes=N-`.
pub(crate) fn offset(request: &Recorded) -> Option<usize> {
    let range = request.header("range")?;
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

/// A file that begins as models do. Different seeds give different files.
pub(crate) fn model_bytes(len: usize, seed: usize) -> Vec<u8> {
    let body = (seed..).map(|place| (place * 31 % 251) as u8);
    b"GGUF".iter().copied().chain(body).take(len).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

pub(crate) fn options(server: &ScriptedServer) -> PullOptions {
    PullOptions {
        hub: server.origin().parse().unwrap(),
        ..PullOptions::default()
    }
}

/// A hub that answers to nobody.
pub(crate) fn no_hub() -> PullOptions {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    PullOptions {
        hub: format!("http://127.0.0.1:{port}").parse().unwrap(),
        ..PullOptions::default()
    }
}

/// Pulls, and checks that the progress makes sense.
pub(crate) async fn pulled(
    what: &str,
    dir: &Path,
    options: &PullOptions,
) -> Result<InstalledModel, PullError> {
    let mut heard: Vec<PullProgress> = Vec::new();
    let result = pull(what, dir, options, &mut |progress| heard.push(progress)).await;
    for step in &heard {
        let total = step.total.unwrap_or(u64::MAX);
        assert!(step.received <= total, "{step:?}");
        assert!(!step.source.is_empty(), "{step:?}");
    }
    if let Ok(model) = &result {
        let last = heard.last().unwrap();
        assert_eq!(last.phase, PullPhase::Done);
        assert_eq!(
            (last.received, last.total),
            (model.bytes, Some(model.bytes))
        );
    }
    result
}

/// The names of all files in a folder.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
