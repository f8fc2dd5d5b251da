//! The ladder: the first model that answers, walking from the primary through the fallbacks.

use std::fmt;

use crate::backend::{Backend, Backends, EventSink, Reply};
use crate::event::Event;
use crate::failure::{Failure, FailureClass, NextStep};
use crate::message::{Content, Message};
use crate::model::Model;
use crate::reference::ModelRef;
use crate::request::{Request, ThinkingLevel};
use crate::tokens::TokenCount;

/// A reply's output is capped here unless the owner set `params.maxTokens`: the limits that vendors publish are far
/// above any answer to a person, and a request for them is refused by servers with a smaller window.
const OUTPUT_CAP: u64 = 32_000;

/// The models to try, in order, for one request.
pub struct Ladder {
    backends: Backends,
    rungs: Vec<Model>,
}

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// The model that gave it.
    pub model: ModelRef,
    /// What it cost by the catalog's prices, in US dollars; 0 where none is known.
    pub cost: f64,
    /// The tokens of the prompt, and who counted them.
    pub prompt: TokenCount,
    /// The rungs that failed before it, in order; empty when the first answered.
    pub failed: Vec<Attempt>,
}

/// A rung that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The model tried.
    pub model: ModelRef,
    /// What came of it.
    pub failure: Failure,
}

/// No rung answered. `Display` is the sentence for the person.
#[derive(Debug, Clone, PartialEq)]
pub struct LadderError {
    /// What was tried, in order; never empty.
    pub attempts: Vec<Attempt>,
}

impl LadderError {
    /// The failure that ended the walk.
    pub fn last(&self) -> Option<&Failure> {
        self.attempts.last().map(|attempt| &attempt.failure)
    }
}

impl fmt::Display for LadderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts.as_slice() {
            [only] => only.failure.fmt(f),
            attempts => {
                write!(f, "All models failed ({}): ", attempts.len())?;
                for (index, attempt) in attempts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" | ")?;
                    }
                    let class = attempt.failure.class.as_str();
                    write!(f, "{}: {} ({class})", attempt.model, attempt.failure)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LadderError {}

impl Ladder {
    /// A ladder over these models, first choice first.
    pub fn new(backends: Backends, rungs: Vec<Model>) -> Self {
        Self { backends, rungs }
    }

    /// The models, in order.
    pub fn rungs(&self) -> &[Model] {
        &self.rungs
    }

    /// Asks the rungs in order until one answers. When a rung fails and another is tried,
    /// [`Event::NextModel`] says so: whatever text was shown before it is void.
    ///
    /// # Errors
    /// Every rung failed, or one failed in a way that no other model would mend.
    pub async fn run(
        &self,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Answer, LadderError> {
        let mut failed = Vec::new();
        let mut at = 0;
        while let Some(rung) = self.rungs.get(at) {
            let index = at;
            let model = &self.backends.knowledge().dress(rung.clone()).await;
            let outcome = match self.backends.of(model) {
                Ok(backend) => ask(backend, model, &fit(request, model), &mut *events).await,
                Err(failure) => Err(failure),
            };
            let failure = match outcome {
                Ok(reply) => {
                    let usage = &reply.message.usage;
                    let tokens = self.backends.knowledge().tokens();
                    return Ok(Answer {
                        cost: model.cost.of(usage),
                        prompt: tokens.answered(model, request, usage).await,
                        reply,
                        model: model.reference.clone(),
                        failed,
                    });
                }
                Err(failure) => failure,
            };
            tracing::warn!(model = %model.reference, class = failure.class.as_str(), "{failure}");
            // A conversation too long for one model may fit one with a larger window.
            let next = match failure.class.next_step() {
                NextStep::NextRung => Some(index + 1),
                NextStep::Compact => {
                    let larger = |rung: &Model| rung.context_window > model.context_window;
                    let behind = self.rungs.iter().skip(index + 1);
                    behind.clone().position(larger).map(|at| index + 1 + at)
                }
                NextStep::Tell => None,
            }
            .filter(|at| *at < self.rungs.len());
            if let Some(next) = next.and_then(|at| self.rungs.get(at)) {
                events(Event::NextModel {
                    failure: failure.clone(),
                    next: next.reference.clone(),
                });
            }
            failed.push(Attempt {
                model: model.reference.clone(),
                failure,
            });
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Err(LadderError { attempts: failed })
    }
}

/// Asks one model, within its provider's time limit where there is one. The limit may cut the answer at any point, so
/// what was shown by then is noted here.
async fn ask(
    backend: &dyn Backend,
    model: &Model,
    request: &Request,
    events: EventSink<'_>,
) -> Result<Reply, Failure> {
    let Some(limit) = model.timeout else {
        return backend.stream(model, request, events).await;
    };
    let mut shown = false;
    let mut note = |event: Event| {
        match event {
            Event::Text(_) => shown = true,
            Event::TextWasThinking => shown = false,
            _ => {}
        }
        events(event);
    };
    match tokio::time::timeout(limit, backend.stream(model, request, &mut note)).await {
        Ok(result) => result,
        Err(_) => Err(Failure {
            after_text: shown,
            ..Failure::new(
                FailureClass::Timeout,
                model,
                format!("no whole answer within {} s", limit.as_secs()),
            )
        }),
    }
}

/// The request as this model can take it: its own limits and parameters, and no pictures where it is blind.
fn fit(request: &Request, model: &Model) -> Request {
    let mut fitted = request.clone();
    fitted.max_tokens = request
        .max_tokens
        .map(|asked| asked.min(model.output_limit.unwrap_or(model.max_tokens)))
        .or(model.output_limit)
        .or(Some(model.max_tokens.min(OUTPUT_CAP)));
    fitted.temperature = request.temperature.or(model.temperature);
    if !model.reasoning {
        fitted.thinking = ThinkingLevel::Off;
    }
    if !model.vision {
        for message in &mut fitted.messages {
            let content = match message {
                Message::User(user) => &mut user.content,
                Message::ToolResult(result) => &mut result.content,
                Message::Assistant(_) => continue,
            };
            for part in content {
                if let Content::Image(_) = part {
                    *part = Content::unseen_image();
                }
            }
        }
    }
    fitted
}
