//! A scripted model server for tests.
//!
//! [`ScriptedServer`] listens on the loopback interface and answers requests by a
//! [`Script`]: ordered rules ([`When`]) with their [`Reply`]. It speaks HTTP/1.1 over raw
//! TCP, so a test decides exactly which bytes leave at which moment, where a stream is
//! cut and whether the connection ends by a FIN or by an RST. It runs on a thread of its
//! own: asynchronous tests, blocking tests and child processes can all be its client.
//!
//! [`openai_chat`], [`openai_responses`], [`anthropic_messages`], [`google_generate`] and
//! [`ollama_chat`] build what a real server would send for an answer made of [`Part`]s; [`capture`] loads recorded replies
//! of real servers. [`capable`] has a server that is told what it can do instead of what to
//! answer, and refuses the rest as real servers refuse it.
//!
//! ```
//! use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, models_list, openai_chat};
//!
//! let script = Script::new()
//!     .on(When::get("/v1/models"), models_list(&["small"]))
//!     .on(When::post("/v1/chat/completions"), openai_chat(&[Part::Text("Hello there.")]));
//! let server = block_on(ScriptedServer::start(script));
//! assert!(server.base_url().ends_with("/v1"));
//! ```
//!
//! # Scripts as text
//!
//! [`Script::parse`] reads the same rules from text. A line at the margin begins a rule: a
//! method and the beginning of a path (or `any`), then `once`, `times N` or `nth N`. The
//! indented lines below it say when it holds and what it answers. `#` begins a line that
//! is passed over.
//!
//! ```
//! use moltbot_testkit::{Script, ScriptedServer, block_on};
//!
//! let script = Script::parse(r#"
//! ## A server that loads its model first, then calls a tool, then answers and dies.
//! GET /v1/models
//!   models small
//!
//! POST /v1/chat/completions once
//!   status 503
//!   header Retry-After: 1
//!   json {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
//!
//! POST /v1/chat/completions
//!   when /tools exists
//!   when /messages/0/content contains "weather"
//!   answer
//!     thinking "They want the weather."
//!     call call_1 get_weather {"city": "Paris"}
//!
//! POST /v1/
//!   answer
//!     text "It rains in Paris."
//!   after 3 frames pause umbrella
//!   after 5 frames reset
//! "#)?;
//! let server = block_on(ScriptedServer::start(script));
//! # Ok::<(), moltbot_testkit::ScriptError>(())
//! ```
//!
//! | Line | Meaning |
//! |---|---|
//! | `when POINTER exists` (`absent`, `= JSON`, `contains JSON`) | Only requests whose JSON body fulfils this at a JSON pointer. `contains` looks for a part of a text, an element of an array or a key of an object. |
//! | `key KEY` | Only requests that carry this API key. |
//! | `status N`, `header NAME: VALUE` | The status (else 200, or that of the fixture) and further header lines. |
//! | `json JSON` | A JSON body. It may go on over further lines. |
//! | `body "TEXT"` | A body of plain text. |
//! | `models ID…` | A list of models. |
//! | `fixture PATH` | A recorded reply (see [`capture`]). |
//! | `answer` (`chat`, `responses`, `messages`) | A model's answer, in the dialect named or that of the request's path, streamed where the request asks for it. |
//! | … `text "…"`, `thinking "…"`, `call ID NAME ARGUMENTS` | Its parts, in their order; `-` is an empty id, and the arguments are sent as they stand. |
//! | … `finish WORD`, `usage input=N cached=N output=N reasoning=N`, `no-usage`, `reasoning-field NAME`, `id ID`, `model NAME` | As the methods of [`Answer`]; a finish is `stop`, `length`, `tool-calls` or `content-filter`. |
//! | `stream`, `data TEXT`, `event NAME TEXT`, `comment TEXT`, `bytes "…"` | An event stream, frame by frame. |
//! | `pause GATE`, `release GATE`, `cut`, `reset`, `hang` | What happens at this place of a stream, or at the end of any other reply. A gate is opened by the test or by another reply's `release`; `cut` ends the connection by a FIN, `reset` by an RST. |
//! | `before TIMING` | One of these in front of the head. |
//! | `after N frames TIMING`, `after N bytes TIMING` | One of these inside the body. |
//! | `drip N` | Pieces of at most N bytes. |
//! | `chunked`, `until-close`, `length N` | How the end of the body is told. |
//!
//! Changes of the whole reply are made in the order of their lines: `after 3 frames` below
//! `drip 1` counts bytes. `cargo run -p moltbot-testkit --example serve -- FILE PORT` serves
//! a script to a program that is tried by hand.

mod answer;
pub mod capable;
pub mod capture;
mod chunked;
mod connection;
mod ledger;
mod reply;
mod request;
mod script;
mod server;

pub use answer::{
    Answer, Finish, Part, Usage, anthropic_messages, google_generate, ollama_chat, openai_chat,
    openai_responses,
};
pub use ledger::Connections;
pub use reply::{Reply, Step, error, models_list};
pub use request::Recorded;
pub use script::{Problem, Responder, Script, ScriptError, When};
pub use server::{ScriptedServer, block_on};
