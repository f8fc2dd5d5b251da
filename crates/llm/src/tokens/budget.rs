//! The layer that fits prompt and answer into the context window before anything is sent.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use super::TokenCount;
use crate::backend::{Backend, EventSink, Reply};
use crate::credentials::{Credential, Credentials};
use crate::failure::{Failure, FailureClass, TokenFigures};
use crate::knowledge::Knowledge;
use crate::model::Model;
use crate::request::Request;

/// An answer is left at least this many tokens: with fewer it is none.
const LEAST_OUTPUT: u64 = 256;

/// Asks for no longer an answer than the window has room for, and does not send a prompt that does not fit: a server
/// would read it first and refuse it then, or cut it in silence. Only where the window is known; an estimated prompt must
/// be half as long again. What servers report of their prompts makes the next estimate better.
pub struct Budgeting<B> {
    inner: B,
    credentials: Arc<Credentials>,
    knowledge: Arc<Knowledge>,
}

impl<B> Budgeting<B> {
    /// Fits requests to `inner`. Tokens are counted by [`Knowledge::tokens`]; servers are asked with these credentials.
    pub fn new(inner: B, credentials: Arc<Credentials>, knowledge: Arc<Knowledge>) -> Self {
        Self {
            inner,
            credentials,
            knowledge,
        }
    }
}

#[async_trait]
impl<B: Backend> Backend for Budgeting<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let tokens = self.knowledge.tokens();
        let fitted = match model.window() {
            None => Cow::Borrowed(request),
            Some(window) => {
                let credential = self.credentials.of(model);
                let key = credential.as_ref().map(Credential::secret);
                let prompt = tokens.count(model, request, key).await;
                match room(prompt, window) {
                    Some(room) => within(request, room),
                    None => return Err(too_long(model, prompt, window)),
                }
            }
        };
        let reply = self.inner.stream(model, &fitted, events).await?;
        tokens.learn(model, request, &reply.message.usage).await;
        Ok(reply)
    }
}

/// The most tokens that can be asked for beside this prompt; `None` where the prompt alone is too long.
fn room(prompt: TokenCount, window: u64) -> Option<u64> {
    // An estimate may be too low as easily as too high.
    let (most, taken) = match prompt.is_exact() {
        true => (window, prompt.tokens),
        false => (
            window.saturating_add(window / 2),
            prompt.tokens.saturating_add(prompt.tokens / 10),
        ),
    };
    (prompt.tokens <= most).then(|| window.saturating_sub(taken).max(LEAST_OUTPUT))
}

fn within(request: &Request, room: u64) -> Cow<'_, Request> {
    match request.max_tokens {
        Some(asked) if asked > room => Cow::Owned(Request {
            max_tokens: Some(room),
            ..request.clone()
        }),
        _ => Cow::Borrowed(request),
    }
}

fn too_long(model: &Model, prompt: TokenCount, window: u64) -> Failure {
    Failure {
        tokens: TokenFigures {
            prompt: Some(prompt.tokens),
            limit: Some(window),
            counted: Some(prompt.source),
        },
        ..Failure::new(FailureClass::ContextOverflow, model, "")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::CountSource;

    proptest! {
        #[test]
        fn what_is_counted_fits_with_its_answer(tokens in any::<u64>(), window in 1u64..10_000_000) {
            let count = |source| TokenCount { tokens, source };
            for source in [CountSource::Server, CountSource::Vocabulary] {
                match room(count(source), window) {
                    None => prop_assert!(tokens > window),
                    Some(room) => {
                        prop_assert!(tokens <= window && room >= LEAST_OUTPUT);
                        prop_assert!(room == LEAST_OUTPUT || tokens + room == window);
                    }
                }
            }
            // A guess refuses less and leaves less.
            let guessed = room(count(CountSource::Estimate), window);
            match room(count(CountSource::Server), window) {
                Some(counted) => prop_assert!(guessed.is_some_and(|room| room <= counted)),
                None => prop_assert_eq!(guessed.is_none(), tokens > window + window / 2),
            }
        }
    }
}
