//! What the server sends back, step by step.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One step of sending a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the body. In a chunked reply each step is one chunk, written in one go.
    Bytes(Vec<u8>),
    /// Wait until the test opens the gate of this name with
    /// [`ScriptedServer::release`](crate::ScriptedServer::release).
    Pause(String),
    /// Open the gate of this name for good, as
    /// [`ScriptedServer::release`](crate::ScriptedServer::release) does: one reply lets
    /// another go on, whatever the clock says.
    Release(String),
    /// Wait this long.
    Delay(Duration),
    /// Close the connection in good order (FIN), though the reply is not at its end.
    Cut,
    /// Reset the connection (RST).
    Reset,
    /// Send nothing more, and keep the connection until the client closes it.
    Hang,
}

impl Step {
    /// [`Step::Pause`] at the gate of this name.
    pub fn pause(gate: impl Into<String>) -> Self {
        Self::Pause(gate.into())
    }

    /// [`Step::Release`] of the gate of this name.
    pub fn release(gate: impl Into<String>) -> Self {
        Self::Release(gate.into())
    }
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By `Content-Length`: the sum of the body's bytes, or the length given.
    Length(Option<usize>),
    /// By the chunked transfer coding.
    Chunked,
    /// By closing the connection.
    Close,
    /// Not at all: the steps hold the head too, and the connection is closed after them.
    Raw,
}

/// A reply: status, headers and the steps of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    pub(crate) before_head: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: Option<Slots>,
}

/// The slots of a server that answers only so many requests at a time.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Semaphore>);

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Whether every slot is taken.
    pub(crate) fn are_taken(&self) -> bool {
        self.0.available_permits() == 0
    }

    /// Waits for a slot, which is given back when the guard is dropped. `None` never
    /// happens: the slots are not closed.
    pub(crate) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// The same slots, not as many.
impl PartialEq for Slots {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Slots {}

impl Reply {
    /// A whole body with its `Content-Length`.
    pub fn whole(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::framed(status, content_type, Framing::Length(None)).bytes(body)
    }

    /// A whole JSON body.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// The start of an event stream: status 200, chunked, no body yet.
    #[must_use]
    pub fn stream() -> Self {
        Self::framed(200, "text/event-stream", Framing::Chunked)
    }

    /// An event stream of whole frames, each sent as one chunk.
    pub fn frames<F: Into<Vec<u8>>>(frames: impl IntoIterator<Item = F>) -> Self {
        frames.into_iter().fold(Self::stream(), Self::bytes)
    }

    /// These bytes exactly, head included; then the connection is closed.
    ///
    /// A recording made by `curl -i` has its transfer coding already undone, so sent like
    /// this its head would promise chunks that do not come: use
    /// [`Capture::reply`](crate::capture::Capture::reply) for such files.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::framed(200, "", Framing::Raw).bytes(bytes)
    }

    fn framed(status: u16, content_type: &str, framing: Framing) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            framing,
            before_head: Vec::new(),
            steps: Vec::new(),
            slots: None,
        }
    }

    /// The same reply with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets a header; one of the same name is replaced. The headers that frame the body
    /// are the server's own.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the body chunked.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body without a length: closing the connection ends it.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Announces this `Content-Length`, in bytes, whatever the body's real length.
    #[must_use]
    pub fn announced_length(mut self, length: usize) -> Self {
        self.framing = Framing::Length(Some(length));
        self
    }

    /// Does this before the status line, where a cold server makes its client wait.
    /// [`Step::Bytes`] are written as they are, in front of the head.
    #[must_use]
    pub fn before_head(mut self, step: Step) -> Self {
        self.before_head.push(step);
        self
    }

    /// Adds a step at the end.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds bytes of the body.
    #[must_use]
    pub fn bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Bytes(bytes.into()))
    }

    /// Adds a [`Step::Pause`] at the gate of this name.
    #[must_use]
    pub fn pause(self, gate: &str) -> Self {
        self.step(Step::pause(gate))
    }

    /// Adds a [`Step::Delay`].
    #[must_use]
    pub fn delay(self, duration: Duration) -> Self {
        self.step(Step::Delay(duration))
    }

    /// Adds a [`Step::Cut`].
    #[must_use]
    pub fn cut(self) -> Self {
        self.step(Step::Cut)
    }

    /// Adds a [`Step::Reset`].
    #[must_use]
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Adds a [`Step::Hang`].
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Puts a step right behind the first `count` steps of bytes (for 0: before all of
    /// them; at the end when there are fewer). `after_frames(3, Step::Cut)` cuts a built
    /// answer behind its third frame.
    #[must_use]
    pub fn after_frames(mut self, count: usize, step: Step) -> Self {
        let mut left = count;
        let place = self.steps.iter().position(|known| {
            let found = left == 0;
            left = left.saturating_sub(usize::from(matches!(known, Step::Bytes(_))));
            found
        });
        self.steps.insert(place.unwrap_or(self.steps.len()), step);
        self
    }

    /// Puts a step right behind the first `count` bytes of the body, wherever that cuts
    /// through a frame or a character (at the end when there are fewer).
    #[must_use]
    pub fn after_bytes(mut self, count: usize, step: Step) -> Self {
        let mut left = count;
        let mut place = 0;
        while let Some(known) = self.steps.get_mut(place) {
            if left == 0 {
                break;
            }
            place += 1;
            let Step::Bytes(bytes) = known else { continue };
            if left < bytes.len() {
                let rest = bytes.split_off(left);
                self.steps.insert(place, Step::Bytes(rest));
                break;
            }
            left -= bytes.len();
        }
        self.steps.insert(place, step);
        self
    }

    /// Holds one of these slots from before the head to the end of the reply. While none
    /// is free the reply waits.
    #[must_use]
    pub(crate) fn holding(mut self, slots: Slots) -> Self {
        self.slots = Some(slots);
        self
    }

    /// Sends the body in pieces of at most `size` bytes (at least 1), wherever that cuts
    /// through a frame or a character.
    #[must_use]
    pub fn in_pieces_of(mut self, size: usize) -> Self {
        let pieces = |step: Step| match step {
            Step::Bytes(bytes) => bytes
                .chunks(size.max(1))
                .map(|piece| Step::Bytes(piece.to_vec()))
                .collect(),
            other => vec![other],
        };
        self.steps = self.steps.into_iter().flat_map(pieces).collect();
        self
    }

    /// How many steps of bytes the body has.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        let is_bytes = |step: &&Step| matches!(step, Step::Bytes(_));
        self.steps.iter().filter(is_bytes).count()
    }

    /// The status line and the header lines, the empty line included.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.framing {
            Framing::Length(announced) => {
                let length = announced.unwrap_or_else(|| self.body_length());
                head.push_str(&format!("content-length: {length}\r\n"));
            }
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::Close => head.push_str("connection: close\r\n"),
            Framing::Raw => return Vec::new(),
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn body_length(&self) -> usize {
        let length = |step: &Step| match step {
            Step::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        self.steps.iter().map(length).sum()
    }

    /// Whether the connection can carry another request after this reply.
    pub(crate) fn keeps_connection(&self) -> bool {
        let says_close = crate::request::header(&self.headers, "connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        matches!(self.framing, Framing::Length(_) | Framing::Chunked) && !says_close
    }
}

/// A whole error reply. The content type is JSON when the body is JSON, else plain text.
#[must_use]
pub fn error(status: u16, body: &str) -> Reply {
    let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
    let content_type = if is_json {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    Reply::whole(status, content_type, body)
}

/// An error reply in OpenAI's envelope.
pub(crate) fn openai_error(status: u16, message: &str, code: &str) -> Reply {
    let body = json!({"error": {
        "message": message,
        "type": "invalid_request_error",
        "param": null,
        "code": code,
    }});
    Reply::json(status, &body)
}

/// The reply to `GET /v1/models`, in the form that every OpenAI-style server shares.
#[must_use]
pub fn models_list(ids: &[&str]) -> Reply {
    let models: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "testkit"}))
        .collect();
    Reply::json(200, &json!({"object": "list", "data": models}))
}

/// The reason phrase of a status; clients ignore it (RFC 9112, section 4).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}
