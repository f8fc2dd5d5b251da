//! Speaking to models: the message vocabulary, the dialects of model servers, the catalog of providers and models,
//! and the ladder that walks from one model to the next when one fails.
//!
//! The way through this crate:
//!
//! ```text
//! config ──▶ Catalog ──▶ Model ─┐
//!                               ├─▶ Ladder ──▶ Backend ──▶ dialect ──▶ server
//! Request (messages, tools) ────┘                 │
//!                                  Event … ◀──────┴──▶ Reply or Failure
//! ```
//!
//! Everything streams: a [`Backend`] hands each [`Event`] to the caller as it arrives and returns the whole [`Reply`]
//! at the end. Dropping the future drops the connection. A dialect does no I/O: it encodes a [`Request`] to bytes and
//! decodes bytes to events, so every recorded stream can be replayed, cut anywhere.

#![allow(
    clippy::result_large_err,
    reason = "a failure is made once a request, where its size on the stack is nothing"
)]

mod backend;
mod call_form;
mod catalog;
mod clocks;
mod cooldown;
mod credentials;
mod dialect;
mod embeddings;
mod endpoint;
mod event;
mod failure;
mod gbnf;
mod hash;
mod http;
mod knowledge;
mod ladder;
mod listing;
mod loading;
mod lookup;
mod message;
mod model;
mod nudge;
mod places;
mod probe;
mod queue;
mod records;
mod reference;
mod relocate;
mod repair;
mod request;
mod rotation;
mod tokens;
mod waiting;

pub use backend::{
    Backend, Backends, EventSink, Reply, over_http, over_http_at_once, over_http_in,
};
pub use call_form::{CallForm, tool_response};
pub use catalog::{Catalog, CatalogError, ModelRow};
pub use clocks::Clocks;
pub use cooldown::{Cooldown, CooldownPolicy, Cooldowns, Failing, WallClock, machine_clock};
pub use credentials::{
    Credential, CredentialSource, Credentials, ProfileKind, ProfileState, StoredProfile, redact,
};
pub use dialect::{Decoder, TextDecoder, call_openings, encode};
pub use embeddings::{Embedder, EmbeddingError, EmbeddingServer};
pub use endpoint::Endpoint;
pub use event::{Event, Phase};
pub use failure::{Failure, FailureClass, NextStep, TokenFigures, in_words};
pub use http::{Clients, HttpBackend, chain as innermost_cause, client_builder};
pub use knowledge::Knowledge;
pub use ladder::{Answer, Attempt, Ladder, LadderError};
pub use listing::{ListedModel, ListingError, list_models, working_base};
pub use lookup::answer_of;
pub use message::{
    AssistantMessage, AssistantPart, Content, Image, Message, Provenance, StopReason, Thinking,
    ToolCall, ToolResultMessage, Usage, UserMessage,
};
pub use model::{Api, Cost, Model, Source};
pub use nudge::Nudging;
pub use places::{LOCAL, Places, place};
pub use probe::active::{Asked, SystemRules, ToolCalling, ask_model};
pub use probe::{Fact, ModelState, Probe, ProbeError, ServedModel, ServerKind, probe};
pub use queue::{Lines, Queued};
pub use records::{Records, ShortMemory};
pub use reference::{ModelRef, ModelRefError, normalize_provider};
pub use relocate::Relocating;
pub use repair::{Repairing, Repairs};
pub use request::{Origin, Priority, Request, ThinkingLevel, ToolChoice, ToolSpec};
pub use rotation::Rotating;
pub use tokens::{
    Budgeting, CountSource, TokenCount, TokenCounter, estimate_message, estimate_tokens,
};
pub use waiting::Waiting;
