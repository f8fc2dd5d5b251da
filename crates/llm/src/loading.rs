//! Seeing a server load its model while it says nothing: LM Studio and Ollama load it when the first request for it
//! comes, which then waits for minutes without a byte. Neither tells on the paths of the OpenAI and Anthropic APIs, so
//! the lists of their own APIs are asked meanwhile.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use crate::backend::EventSink;
use crate::event::{Event, Phase};
use crate::lookup::Lookup;
use crate::model::Model;
use crate::probe::{ModelState, ServerKind, state_of};

/// How long one answer may take: a server that is loading may be slow.
const LIMIT: Duration = Duration::from_secs(4);

/// Tells whether the server of `model` is loading it, from `quiet` after now and so often again, for as long as this is
/// awaited.
pub(crate) async fn watch(
    model: &Model,
    key: Option<&str>,
    quiet: Duration,
    events: EventSink<'_>,
) -> Infallible {
    if !matches!(
        model.server,
        Some(ServerKind::LmStudio | ServerKind::Ollama)
    ) {
        return pending().await;
    }
    tokio::time::sleep(quiet).await;
    let Ok(lookup) = Lookup::new(model, key, LIMIT) else {
        return pending().await;
    };
    let mut told = Phase::Waiting;
    loop {
        let phase = match state_of(&lookup, model).await {
            Some(ModelState::NotLoaded | ModelState::Loading) => Phase::Loading { fraction: None },
            Some(ModelState::Loaded) | None => Phase::Waiting,
        };
        if phase != told {
            events(Event::Phase(phase));
            told = phase;
        }
        tokio::time::sleep(quiet).await;
    }
}
