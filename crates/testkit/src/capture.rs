//! Recorded replies of real servers: `.http` files as `curl -i -N` writes them.

use std::path::{Path, PathBuf};

use crate::chunked;
use crate::reply::Reply;
use crate::request::{MAX_HEADERS, header, owned_headers};

/// The environment variable that names the folder of captures.
pub const DIRECTORY_VARIABLE: &str = "MOLTBOT_WIRE_CAPTURES";

/// Headers that belong to one connection, not to what was said on it.
const CONNECTION_HEADERS: [&str; 4] = [
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
];

/// A recorded reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The file name without `.http`.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// The header lines in the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body with its transfer coding undone, otherwise as received: event-stream
    /// framing included.
    pub body: Vec<u8>,
}

/// Why a capture could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A file or folder could not be read.
    #[error("{} could not be read: {source}; check the path or {DIRECTORY_VARIABLE}.", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not one HTTP/1.1 response.
    #[error(
        "The capture {name} is no HTTP/1.1 response ({reason}); record it again with `curl -i -N`."
    )]
    Malformed {
        /// The capture's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Capture {
    /// Reads a response from bytes. `name` is what errors call it.
    ///
    /// Interim responses (1xx) in front are passed over. A body that its head calls
    /// chunked may have its chunks still or, as curl writes it, no longer.
    ///
    /// # Errors
    /// [`CaptureError::Malformed`] when there is no whole head.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, CaptureError> {
        let malformed = |reason: &str| CaptureError::Malformed {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        let mut rest = bytes;
        loop {
            let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut parsed = httparse::Response::new(&mut lines);
            let length = match parsed.parse(rest) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) => return Err(malformed("its head has no end")),
                Err(error) => return Err(malformed(&error.to_string())),
            };
            let status = parsed.code.unwrap_or_default();
            rest = &rest[length..];
            if (100..200).contains(&status) {
                continue;
            }
            let headers = owned_headers(parsed.headers);
            let body = body_of(&headers, rest);
            return Ok(Self {
                name: name.to_owned(),
                status,
                headers,
                body,
            });
        }
    }

    /// The first value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Whether the body is an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|value| value.starts_with("text/event-stream"))
    }

    /// The body cut behind each empty line: the frames of an event stream. Joined they
    /// are the body.
    #[must_use]
    pub fn frames(&self) -> Vec<&[u8]> {
        let mut frames = Vec::new();
        let mut rest = self.body.as_slice();
        while let Some(end) = frame_end(rest) {
            let (frame, after) = rest.split_at(end);
            frames.push(frame);
            rest = after;
        }
        if !rest.is_empty() {
            frames.push(rest);
        }
        frames
    }

    /// The same reply for a script: an event stream chunked, frame by frame; any other
    /// body whole.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = if self.is_event_stream() {
            Reply::frames(self.frames())
        } else {
            let content_type = self.header("content-type").unwrap_or_default();
            Reply::whole(self.status, content_type, self.body.clone())
        };
        self.headers
            .iter()
            .filter(|(name, _)| !CONNECTION_HEADERS.contains(&name.as_str()))
            .fold(reply.status(self.status), |reply, (name, value)| {
                reply.header(name, value)
            })
    }
}

/// The body behind a head, its chunks undone where there are any.
fn body_of(headers: &[(String, String)], rest: &[u8]) -> Vec<u8> {
    let is_chunked = header(headers, "transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if is_chunked && let Ok(Some((body, _))) = chunked::decode(rest) {
        return body;
    }
    rest.to_vec()
}

/// How long the first frame is, its empty line included.
fn frame_end(bytes: &[u8]) -> Option<usize> {
    let ends = |empty_line: &[u8]| {
        let start = bytes
            .windows(empty_line.len())
            .position(|window| window == empty_line)?;
        Some(start + empty_line.len())
    };
    match (ends(b"\n\n"), ends(b"\r\n\r\n")) {
        (Some(plain), Some(carried)) => Some(plain.min(carried)),
        (plain, carried) => plain.or(carried),
    }
}

/// Loads one `.http` file.
///
/// # Errors
/// When the file cannot be read or is no HTTP/1.1 response.
pub fn load(path: impl AsRef<Path>) -> Result<Capture, CaptureError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| CaptureError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Capture::parse(&name, &bytes)
}

/// Loads every `.http` file of a folder, sorted by name.
///
/// # Errors
/// When the folder or a file cannot be read, or a file is no HTTP/1.1 response.
pub fn all(directory: impl AsRef<Path>) -> Result<Vec<Capture>, CaptureError> {
    let directory = directory.as_ref();
    let unreadable = |source| CaptureError::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "http")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(load).collect()
}

/// The folder of captures: `MOLTBOT_WIRE_CAPTURES`, or `shared/wire/captures` beside the
/// workspace. It need not exist.
#[must_use]
pub fn default_dir() -> PathBuf {
    match std::env::var_os(DIRECTORY_VARIABLE) {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/wire/captures"),
    }
}

/// [`default_dir`], or `None` where no captures are kept: the variable is not set and the
/// folder beside the workspace does not exist. A folder that the variable names is given
/// in any case, so that a wrong name fails the test instead of skipping it.
#[must_use]
pub fn kept_dir() -> Option<PathBuf> {
    let directory = default_dir();
    (std::env::var_os(DIRECTORY_VARIABLE).is_some() || directory.is_dir()).then_some(directory)
}
