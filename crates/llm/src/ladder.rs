//! The ladder: the first model that answers, walking from the primary through the fallbacks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::backend::{Backend, Backends, EventSink, Reply};
use crate::cooldown::Target;
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
    /// The rung asked last.
    asked: AtomicUsize,
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
    /// The rungs that failed before it, or were left alone because they failed a moment ago ([`Failure::cooling`]), in
    /// order; empty when the first answered.
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

/// A walk up the ladder, as far as it has come.
#[derive(Default)]
struct Walk {
    /// What failed or was left alone, by rung.
    failed: Vec<(usize, Attempt)>,
    /// The failure after which no other rung has been heard of yet.
    untold: Option<Failure>,
    /// The conversation did not fit this many tokens.
    too_small: u64,
}

/// What came of a rung.
enum Step {
    Answered(Box<Answer>),
    /// It was not asked; it is left alone for this much longer.
    Cooling(Duration),
    /// Another may do better.
    Failed,
    /// No other would.
    Over,
}

impl Walk {
    fn note(&mut self, rung: usize, model: &Model, failure: Failure) {
        self.failed.retain(|(known, _)| *known != rung);
        let model = model.reference.clone();
        self.failed.push((rung, Attempt { model, failure }));
    }

    fn attempts(self) -> Vec<Attempt> {
        self.failed
            .into_iter()
            .map(|(_, attempt)| attempt)
            .collect()
    }
}

impl Ladder {
    /// A ladder over these models, first choice first.
    pub fn new(backends: Backends, rungs: Vec<Model>) -> Self {
        Self {
            backends,
            rungs,
            asked: AtomicUsize::new(0),
        }
    }

    /// The models, in order.
    pub fn rungs(&self) -> &[Model] {
        &self.rungs
    }

    /// The model whose events come now, or came last.
    pub fn asked(&self) -> Option<&ModelRef> {
        let rung = self.rungs.get(self.asked.load(Ordering::Relaxed));
        rung.map(|model| &model.reference)
    }

    /// Asks the rungs in order until one answers. Those that failed a moment ago are passed over; where no other
    /// answers, they are asked after all, first the one that is left alone the shortest.
    ///
    /// When a rung failed and another is asked, [`Event::NextModel`] says so: whatever text was shown before it is
    /// void.
    ///
    /// # Errors
    /// Every rung failed, or one failed in a way that no other model would mend.
    pub async fn run(
        &self,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Answer, LadderError> {
        let mut walk = Walk::default();
        let mut cooling = Vec::new();
        let mut plan: VecDeque<(usize, bool)> =
            (0..self.rungs.len()).map(|rung| (rung, false)).collect();
        while let Some((rung, anyway)) = plan.pop_front() {
            match self.step(rung, anyway, request, &mut walk, events).await {
                Step::Answered(mut answer) => {
                    answer.failed = walk.attempts();
                    return Ok(*answer);
                }
                Step::Cooling(left) if !anyway => cooling.push((left, rung)),
                Step::Cooling(_) | Step::Failed => {}
                Step::Over => break,
            }
            if plan.is_empty() {
                cooling.sort_unstable();
                plan.extend(cooling.drain(..).map(|(_, rung)| (rung, true)));
            }
        }
        Err(LadderError {
            attempts: walk.attempts(),
        })
    }

    async fn step(
        &self,
        rung: usize,
        anyway: bool,
        request: &Request,
        walk: &mut Walk,
        events: EventSink<'_>,
    ) -> Step {
        let knowledge = self.backends.knowledge();
        let configured = &self.rungs[rung];
        let model = &knowledge.dress(configured.clone()).await;
        // A conversation too long for one model may fit one with a larger window.
        if model.context_window <= walk.too_small {
            return Step::Failed;
        }
        let cooldowns = knowledge.cooldowns();
        let target = Target::server(model);
        let leave = match anyway {
            true => cooldowns.admit_anyway(target),
            false => match cooldowns.admit(target).await {
                Ok(leave) => leave,
                Err(resting) => return cooled(rung, model, resting.failure(model), walk),
            },
        };
        let (model, request, outcome) = {
            let untold = &mut walk.untold;
            let mut told = |event: Event| {
                self.turn_to(rung, untold, &mut *events);
                events(event);
            };
            let model = knowledge.meet(configured.clone(), &mut told).await;
            let mut request = fit(request, &model);
            request.origin.despite_cooldown = anyway;
            let outcome = match self.backends.of(&model) {
                Ok(backend) => ask(backend, &model, &request, &mut told).await,
                Err(failure) => Err(failure),
            };
            (model, request, outcome)
        };
        let model = &model;
        let failure = match outcome {
            Ok(reply) => {
                leave.succeeded().await;
                self.turn_to(rung, &mut walk.untold, events);
                walk.failed.retain(|(known, _)| *known != rung);
                let usage = &reply.message.usage;
                return Step::Answered(Box::new(Answer {
                    cost: model.cost.of(usage),
                    prompt: knowledge.tokens().answered(model, &request, usage).await,
                    reply,
                    model: model.reference.clone(),
                    failed: Vec::new(),
                }));
            }
            Err(failure) if failure.cooling.is_some() => {
                return cooled(rung, model, failure, walk);
            }
            Err(failure) => failure,
        };
        knowledge.failed(configured, &failure).await;
        tracing::warn!(model = %model.reference, class = failure.class.as_str(), "{failure}");
        if is_the_server_s(&failure) {
            leave.failed(&failure, model).await;
        }
        self.turn_to(rung, &mut walk.untold, events);
        let step = match failure.class.next_step() {
            NextStep::NextRung => Step::Failed,
            NextStep::Compact => {
                walk.too_small = walk.too_small.max(model.context_window);
                Step::Failed
            }
            NextStep::Tell => Step::Over,
        };
        walk.untold = Some(failure.clone());
        walk.note(rung, model, failure);
        step
    }

    /// From now on it is this rung that is heard.
    fn turn_to(&self, rung: usize, untold: &mut Option<Failure>, events: EventSink<'_>) {
        self.asked.store(rung, Ordering::Relaxed);
        if let (Some(failure), Some(next)) = (untold.take(), self.rungs.get(rung)) {
            events(Event::NextModel {
                failure: Box::new(failure),
                next: next.reference.clone(),
            });
        }
    }
}

fn cooled(rung: usize, model: &Model, failure: Failure, walk: &mut Walk) -> Step {
    tracing::info!(model = %model.reference, class = failure.class.as_str(), "{failure}");
    let left = failure.cooling.unwrap_or_default();
    walk.note(rung, model, failure);
    Step::Cooling(left)
}

/// Whether a failure is remembered against the model's server: not where a credential was refused, which is remembered
/// against that, nor where there was no key to ask with.
fn is_the_server_s(failure: &Failure) -> bool {
    let without_key = failure.class == FailureClass::Auth && failure.status.is_none();
    !without_key && !failure.of_credential
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
    let started = tokio::time::Instant::now();
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
            took: started.elapsed(),
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
