//! Reading and searching the web.
//!
//! A model chooses the addresses that `web_fetch` reads, and what it has read may have told it which. So they are
//! checked (`addresses`, `resolver`), once as they are written and once as they are resolved, at every redirect again:
//! nothing in the house or on this machine can be reached. Whatever comes back is text from outside, rid of what a
//! person would not have seen.

mod addresses;
mod cache;
mod charset;
mod dom;
mod download;
mod fetch;
mod hidden;
mod html;
mod invisible;
mod pictures;
mod readable;
mod resolver;
mod search;

use std::time::{Duration, Instant};

use moltbot_agent::ToolOutput;
use moltbot_llm::Provenance;

pub(crate) use invisible::strip as strip_invisible;

pub use addresses::{AddressError, Origin, is_public};
pub use fetch::{FetchSettings, WebFetch};
pub(crate) use pictures::PictureLoader;
pub use resolver::{Lookup, SystemLookup};
pub use search::{Engine, SearchSettings, WebSearch};

/// What a tool found outside, as JSON for the model.
fn json_output(found: &impl serde::Serialize) -> ToolOutput {
    // Structs of texts and numbers always have a JSON form.
    let text = serde_json::to_string(found).unwrap_or_default();
    ToolOutput::text(text, Provenance::Outside)
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A number of minutes from the configuration; none for what is no time.
fn minutes(minutes: f64) -> Duration {
    Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default()
}
