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
//! of real servers.
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

mod answer;
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
pub use script::{Responder, Script, When};
pub use server::{ScriptedServer, block_on};
