//! The crate against real model servers: `scripts/test-servers` installs them and runs this. Where
//! `MOLTBOT_TEST_SERVERS` does not name a folder of installed servers, each test says so and passes over.
//!
//! The models are tiny. What is judged is the plumbing between us and the server, never the model's wisdom.
#![allow(clippy::unwrap_used)]

mod cancel;
mod conformance;
#[path = "../llm/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests that need no server")]
mod fixture;
mod installed;
mod litellm;
mod llama;
mod prefix;
mod probing;
mod process;
mod restart;
mod served;
mod talk;
#[allow(dead_code, reason = "shared with the benchmark, which shows more")]
mod ten_turns;
mod text_calls;
mod tools_in_words;
mod turns;
mod vllm;
mod wire;
