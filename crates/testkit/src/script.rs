//! Which request gets which reply.

mod compile;
mod document;
mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::answer::Answer;
use crate::reply::{Reply, openai_error};
use crate::request::Recorded;

pub use error::{Problem, ScriptError};

type BodyTest = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// The requests a rule is for. Without a limit it holds for ever.
#[derive(Clone, Default)]
pub struct When {
    method: Option<String>,
    path: String,
    body: Option<BodyTest>,
    api_key: Option<String>,
    nth: Option<usize>,
    times: Option<usize>,
}

impl When {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// GET requests whose path begins with `path`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::method("GET", path)
    }

    /// POST requests whose path begins with `path`.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::method("POST", path)
    }

    /// Requests of this method whose path begins with `path`.
    #[must_use]
    pub fn method(method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: path.to_owned(),
            ..Self::default()
        }
    }

    /// Only requests with a JSON body for which `test` is true.
    #[must_use]
    pub fn body(mut self, test: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.body = Some(Arc::new(test));
        self
    }

    /// Only requests that carry this API key (`Authorization: Bearer`, `x-api-key`,
    /// `api-key` or `x-goog-api-key`). When no rule is left for a request and its key was
    /// what this one missed, the server answers 401.
    #[must_use]
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(key.to_owned());
        self
    }

    /// Only the `number`th (from 1) of the requests that reach this rule and fit it.
    #[must_use]
    pub fn nth(mut self, number: usize) -> Self {
        self.nth = Some(number);
        self
    }

    /// Only once: later requests go on to the next rules.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only `count` times: later requests go on to the next rules.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Whether the request fits, its API key left aside.
    fn fits(&self, request: &Recorded) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|method| *method == request.method);
        method_fits
            && request.path.starts_with(&self.path)
            && self
                .body
                .as_ref()
                .is_none_or(|test| request.try_json().is_some_and(|json| test(&json)))
    }
}

/// What makes the reply to a request: a fixed [`Reply`], an [`Answer`], which is streamed
/// or sent whole as the request asks, or a closure.
#[derive(Clone)]
pub struct Responder(Arc<dyn Fn(&Recorded) -> Reply + Send + Sync>);

impl Responder {
    /// A responder that makes each reply from its request.
    pub fn new(respond: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(respond))
    }
}

impl From<Reply> for Responder {
    fn from(reply: Reply) -> Self {
        Self::new(move |_| reply.clone())
    }
}

impl From<Answer> for Responder {
    fn from(answer: Answer) -> Self {
        Self::new(move |request| answer.reply_to(request))
    }
}

struct Rule {
    when: When,
    responder: Responder,
    seen: usize,
    answered: usize,
}

impl Rule {
    /// Whether the rule answers this request; counts it.
    fn takes(&mut self) -> bool {
        self.seen += 1;
        let is_turn = self.when.nth.is_none_or(|nth| nth == self.seen);
        let has_left = self.when.times.is_none_or(|times| self.answered < times);
        let takes = is_turn && has_left;
        self.answered += usize::from(takes);
        takes
    }
}

/// An ordered list of rules: the first that takes a request answers it. A request that no
/// rule takes gets a 404 with an OpenAI-style error body.
#[derive(Default)]
pub struct Script {
    rules: Vec<Rule>,
}

impl Script {
    /// A script without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a script from text, in the form that the [crate's page](crate#scripts-as-text)
    /// tells. Recorded replies are looked for from the working directory on.
    ///
    /// # Errors
    /// [`ScriptError`] names the first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        compile::script(parse::document(text)?, Path::new(""))
    }

    /// Reads a script from a file. Recorded replies are looked for from its folder on.
    ///
    /// # Errors
    /// As [`Script::parse`], and when the file cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        compile::script(parse::document(&text)?, directory)
    }

    /// Adds a rule behind the others.
    #[must_use]
    pub fn on(mut self, when: When, responder: impl Into<Responder>) -> Self {
        self.rules.push(Rule {
            when,
            responder: responder.into(),
            seen: 0,
            answered: 0,
        });
        self
    }

    /// Adds a rule whose replies are made from the request. A panic in `respond` closes
    /// the connection without a reply.
    #[must_use]
    pub fn on_with(
        self,
        when: When,
        respond: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.on(when, Responder::new(respond))
    }

    /// The reply to a request and the number of the rule that gave it.
    pub(crate) fn answer(&mut self, request: &Recorded) -> (Option<usize>, Reply) {
        let mut lacks_key = false;
        for (number, rule) in self.rules.iter_mut().enumerate() {
            if !rule.when.fits(request) {
                continue;
            }
            let required = rule.when.api_key.as_deref();
            if required.is_some_and(|key| !request.has_api_key(key)) {
                lacks_key = true;
            } else if rule.takes() {
                return (Some(number), (rule.responder.0)(request));
            }
        }
        let reply = if lacks_key {
            openai_error(401, "Incorrect API key provided.", "invalid_api_key")
        } else {
            let message = format!("Unknown request URL: {} {}.", request.method, request.path);
            openai_error(404, &message, "unknown_url")
        };
        (None, reply)
    }
}
