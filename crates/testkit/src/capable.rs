//! A model server with chosen abilities.
//!
//! [`CapableServer`] is told by [`Capabilities`] what it takes, what it refuses and how its
//! streams deviate, and then behaves as such a server does, in every dialect at once: it
//! holds each request against what it takes, refuses with the body that a real server of
//! that kind sends, and else plays a model whose answers follow from the request alone.
//!
//! The model is simple. Offered a tool (one with `weather` in its name, else the first), it
//! calls it for each of the [`CITIES`] that the last user message names, and once it has all
//! results it says [`sentence_with`] them. Told of tools in its system prompt alone, it calls them
//! in the form that is asked for there. Asked about the weather without a tool it says
//! [`WITHOUT_TOOLS`], to all else [`GREETING`].
//!
//! ```
//! use moltbot_testkit::block_on;
//! use moltbot_testkit::capable::{Capabilities, CapableServer, Family, Kind, Tools};
//!
//! let server = block_on(CapableServer::start(Capabilities {
//!     tools: Tools::Text(Family::Hermes),
//!     short_tool_ids: true,
//!     context: Some(4096),
//!     ..Capabilities::of(Kind::LlamaCpp).refusing(["stream_options", "strict"])
//! }));
//! assert!(server.refusals().is_empty());
//! ```

mod ask;
mod capabilities;
mod check;
mod discovery;
mod in_words;
mod model;
mod oddity;
mod refusal;
#[cfg(feature = "proptest")]
mod strategy;
mod text_call;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use capabilities::{
    Busy, Capabilities, Dialects, FIELDS, Family, FieldWording, Kind, Oddities, Overflow,
    Reasoning, Schemas, Slots, SystemRule, Tools, UnknownPath, UsageReport,
};
pub use model::{CITIES, GREETING, THOUGHT, WITHOUT_TOOLS, sentence_with};
pub use refusal::{Reason, Refusal};
#[cfg(feature = "proptest")]
pub use strategy::{capabilities, capabilities_with_obstacles};

use crate::answer::{Answer, Dialect, Finish, Usage};
use crate::reply::{self, Reply, Step};
use crate::request::Recorded;
use crate::script::{Script, When};
use crate::server::ScriptedServer;
use ask::Ask;
use refusal::Manner;

/// A model server that can do what its [`Capabilities`] say, on `127.0.0.1`.
///
/// Requests, counts of connections and the gates are those of the [`ScriptedServer`] that it
/// is built on: see [`CapableServer::server`].
pub struct CapableServer {
    server: ScriptedServer,
    state: Arc<Mutex<State>>,
}

impl CapableServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// When the machine gives no loopback port or no thread.
    pub async fn start(capabilities: Capabilities) -> Self {
        Self::start_on(0, capabilities)
            .await
            .unwrap_or_else(|error| panic!("the capable server could not start: {error}"))
    }

    /// Starts a server on this port.
    ///
    /// # Errors
    /// When the port is taken, or the machine gives no thread.
    pub async fn start_on(port: u16, capabilities: Capabilities) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new(capabilities)));
        let script = Script::new().on_with(When::any(), {
            let state = Arc::clone(&state);
            move |request| lock(&state).reply(request)
        });
        let server = ScriptedServer::start_on(port, script).await?;
        Ok(Self { server, state })
    }

    /// The server underneath: requests, counts, gates, shutdown.
    #[must_use]
    pub fn server(&self) -> &ScriptedServer {
        &self.server
    }

    /// `http://127.0.0.1:PORT/v1`, the base URL of OpenAI-style clients.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// The requests that were refused so far, in their order.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        lock(&self.state).refusals.clone()
    }

    /// The requests for an answer so far, refused ones included and those at unknown paths
    /// left aside.
    #[must_use]
    pub fn asked(&self) -> usize {
        lock(&self.state).asked
    }

    /// Makes it another server for the requests to come, as after an update or the change of
    /// its model. Counts of loading and busy requests begin anew.
    pub fn become_capable_of(&self, capabilities: Capabilities) {
        let mut state = lock(&self.state);
        let refusals = std::mem::take(&mut state.refusals);
        let asked = state.asked;
        *state = State {
            refusals,
            asked,
            ..State::new(capabilities)
        };
    }
}

/// The state. Its methods do not leave it half changed when they panic.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    can: Capabilities,
    /// How many requests are still refused since the model is loading.
    loading: usize,
    /// How many requests are still refused since the server is busy.
    busy: usize,
    slots: Option<reply::Slots>,
    asked: usize,
    refusals: Vec<Refusal>,
}

impl State {
    fn new(can: Capabilities) -> Self {
        Self {
            loading: can.loading,
            busy: can.busy.requests,
            slots: can.slots.map(|slots| reply::Slots::new(slots.count.max(1))),
            asked: 0,
            refusals: Vec::new(),
            can,
        }
    }

    fn reply(&mut self, request: &Recorded) -> Reply {
        match self.decide(request) {
            Ok(reply) => reply,
            Err(refusal) => {
                let reply = refusal.reply();
                self.refusals.push(refusal);
                reply
            }
        }
    }

    fn decide(&mut self, request: &Recorded) -> Result<Reply, Refusal> {
        let manner = Manner {
            can: &self.can,
            dialect: Dialect::of_path(&request.path),
        };
        let key = self.can.api_key.as_deref();
        if key.is_some_and(|key| !request.has_api_key(key)) {
            return Err(manner.key());
        }
        let Some(dialect) = dialect(&self.can, request) else {
            return discovery::reply(&self.can, self.loading > 0, request)
                .ok_or_else(|| manner.path(&request.method, &request.path));
        };
        self.asked += 1;
        if self.loading > 0 {
            self.loading -= 1;
            return Err(manner.loading());
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Err(Refusal {
                retry_after: self.can.busy.retry_after,
                ..manner.busy(Reason::Busy, self.can.busy.status)
            });
        }
        let refuses_more = self.can.slots.is_some_and(|slots| slots.refuses_more);
        if refuses_more && self.slots.as_ref().is_some_and(reply::Slots::are_taken) {
            return Err(manner.busy(Reason::Full, 503));
        }
        let ask = Ask::read(dialect, &request.body).map_err(|wrong| manner.malformed(&wrong))?;
        if let Some(refusal) = check::check(&self.can, &ask) {
            return Err(refusal);
        }
        let mut reply = speak(&self.can, &ask);
        if let Some(gate) = &self.can.gate {
            reply = reply.after_bytes(0, Step::pause(gate));
        }
        Ok(match &self.slots {
            Some(slots) => reply.holding(slots.clone()),
            None => reply,
        })
    }
}

/// The dialect that is asked for an answer; `None` where the server speaks none there.
fn dialect(can: &Capabilities, request: &Recorded) -> Option<Dialect> {
    let spoken = [
        (
            "chat/completions",
            Dialect::OpenAiChat,
            can.dialects.completions,
        ),
        (
            "responses",
            Dialect::OpenAiResponses,
            can.dialects.responses,
        ),
        (
            "messages",
            Dialect::AnthropicMessages,
            can.dialects.messages,
        ),
    ];
    let path = request.path.strip_prefix('/')?;
    let path = match path.strip_prefix("v1/") {
        Some(path) => path,
        // These two serve their paths without the version, too.
        None if matches!(can.kind, Kind::LlamaCpp | Kind::LiteLlm) => path,
        None => return None,
    };
    let found = spoken.iter().find(|(name, _, _)| *name == path)?;
    (found.2 && request.method == "POST").then_some(found.1)
}

/// The answer of the model as this server sends it.
fn speak(can: &Capabilities, ask: &Ask) -> Reply {
    let mut blocks = model::answer(can, ask);
    let limit = ask.limit.map(|(_, tokens)| tokens).or(can.default_output);
    let was_cut = limit.is_some_and(|limit| model::cut(&mut blocks, limit));
    let mut answer = Answer::of_blocks(ask.dialect, blocks).model(&can.model);
    answer = answer.prompt_tokens(match can.context {
        Some(context) => ask.prompt_tokens().min(context),
        None => ask.prompt_tokens(),
    });
    if was_cut {
        answer = answer.finish(Finish::Length);
    }
    if can.reasoning == Reasoning::ShortField {
        answer = answer.reasoning_field("reasoning");
    }
    if !ask.streams() || can.oddities.whole_document {
        return answer.whole();
    }
    let asks_for_usage = ask
        .body
        .get("stream_options")
        .is_some_and(|options| options["include_usage"] == true);
    let tells_usage = match can.usage {
        UsageReport::WhenAsked => asks_for_usage,
        UsageReport::Always => true,
        UsageReport::Never => false,
    };
    if !tells_usage && (ask.dialect == Dialect::OpenAiChat || can.usage == UsageReport::Never) {
        answer = answer.without_usage();
    }
    let both = can.reasoning == Reasoning::BothFields;
    let frames = oddity::deviate(ask.dialect, &answer.frames(), &can.oddities, both);
    let reply = Reply::frames(frames);
    match can.oddities.drip {
        Some(size) => reply.in_pieces_of(size),
        None => reply,
    }
}

impl Answer {
    /// The same with this many tokens of prompt.
    fn prompt_tokens(self, tokens: u64) -> Self {
        let usage = self.counted_usage();
        self.usage(Usage {
            input_tokens: tokens,
            ..usage
        })
    }
}
