//! The layer that goes from one credential of a provider to the next when one is refused.

mod memory;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::backend::{Backend, EventSink, Reply};
use crate::cooldown::{Leave, Resting, Target, concerns_credential};
use crate::credentials::{Credential, CredentialSource, Credentials, redact};
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::knowledge::Knowledge;
use crate::model::Model;
use crate::request::Request;
use memory::Memory;

/// Asks with one credential after the other, until one is taken. A session stays with the one that worked for it, whose
/// account holds its prompt in the cache; new sessions take turns.
pub struct Rotating<B> {
    inner: B,
    credentials: Arc<Credentials>,
    knowledge: Arc<Knowledge>,
    memory: Memory,
}

impl<B> Rotating<B> {
    /// Rotates the credentials with which `inner` asks ([`Model::credential`]).
    pub fn new(inner: B, credentials: Arc<Credentials>, knowledge: Arc<Knowledge>) -> Self {
        Self {
            inner,
            credentials,
            memory: Memory::new(Arc::clone(knowledge.records())),
            knowledge,
        }
    }

    /// The credentials to try for this request, in order. One that the person chose is the only one.
    async fn order(&self, provider: &str, request: &Request) -> Vec<Credential> {
        let ranked = self.credentials.ranked(provider);
        if let Some(chosen) = &request.origin.profile {
            let chosen = CredentialSource::Profile(chosen.clone());
            let found = ranked.iter().find(|r| *r.credential.source() == chosen);
            // A choice among another provider's profiles says nothing here.
            if let Some(found) = found {
                return vec![found.credential.clone()];
            }
        }
        let session = request.origin.session.as_deref();
        self.memory.order(provider, session, ranked).await
    }
}

#[async_trait]
impl<B: Backend> Backend for Rotating<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let provider = &model.reference.provider;
        let order = self.order(provider, request).await;
        if order.is_empty() {
            let started = Instant::now();
            let result = self.inner.stream(model, request, events).await;
            return result.map_err(|failure| Failure {
                took: started.elapsed(),
                ..failure
            });
        }
        let cooldowns = self.knowledge.cooldowns();
        let mut resting: Option<(Resting, &Credential)> = None;
        // The failure, and whether anything had been shown by then.
        let mut refused: Option<(Failure, bool)> = None;
        for credential in &order {
            let leave = match cooldowns.admit(Target::credential(model, credential)).await {
                Ok(leave) => leave,
                Err(rest) => {
                    let sooner = |(known, _): &(Resting, _)| rest.left < known.left;
                    if resting.as_ref().is_none_or(sooner) {
                        resting = Some((rest, credential));
                    }
                    continue;
                }
            };
            if let Some((failure, shown)) = refused.take() {
                let next = credential.source();
                tracing::info!(model = %model.reference, "{failure} Asking with {next}.");
                if shown {
                    events(Event::Again {
                        failure: Box::new(failure),
                    });
                }
            }
            let signing = Signing { credential, leave };
            let mut shown = false;
            let mut heard = |event: Event| {
                shown |= !matches!(event, Event::Phase(_) | Event::Notice(_));
                events(event);
            };
            match self.ask(signing, model, request, &mut heard).await {
                Err(failure) if failure.of_credential => refused = Some((failure, shown)),
                result => return result,
            }
        }
        match (refused, resting) {
            // Nothing else is left: the one that rests the shortest may work after all.
            (None, Some((_, credential))) if request.origin.despite_cooldown => {
                let leave = cooldowns.admit_anyway(Target::credential(model, credential));
                let signing = Signing { credential, leave };
                self.ask(signing, model, request, events).await
            }
            (None, Some((rest, _))) => Err(Failure {
                of_credential: true,
                ..rest.failure(model)
            }),
            (Some((failure, _)), _) => Err(failure),
            // There was one, and it neither rested nor was refused: it has answered above.
            (None, None) => Err(Failure::new(FailureClass::Auth, model, "no usable API key")),
        }
    }
}

/// A credential, and leave to use it.
struct Signing<'a> {
    credential: &'a Credential,
    leave: Leave<'a>,
}

impl<B: Backend> Rotating<B> {
    async fn ask(
        &self,
        Signing { credential, leave }: Signing<'_>,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let mut signed = model.clone();
        signed.credential = Some(credential.source().clone());
        let started = Instant::now();
        let failure = match self.inner.stream(&signed, request, events).await {
            Ok(reply) => {
                leave.succeeded().await;
                let provider = &model.reference.provider;
                let session = request.origin.session.as_deref();
                if self.credentials.ranked(provider).len() > 1 {
                    let now = self.knowledge.cooldowns().now();
                    self.memory.used(provider, session, credential, now).await;
                }
                return Ok(reply);
            }
            Err(failure) => Failure {
                took: started.elapsed(),
                detail: without(&failure.detail, credential),
                of_credential: concerns_credential(failure.class),
                ..failure
            },
        };
        if failure.of_credential {
            leave.failed(&failure, model).await;
        }
        Err(failure)
    }
}

/// What a server said, without the key in it: some quote it.
fn without(detail: &str, credential: &Credential) -> String {
    let secret = credential.secret();
    match secret.len() {
        // A key as short as a word would be found in words.
        0..8 => detail.to_owned(),
        _ => detail.replace(secret, &redact(secret)),
    }
}
