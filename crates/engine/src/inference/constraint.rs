//! What keeps a model's calls valid: a grammar made of the tools on offer, and the tokens that it allows next.
//!
//! The model decides whether and when it calls; once it begins to, only tokens are left to choose from that lead to a
//! whole call of a tool that is offered, with arguments that its schema allows.

mod closing;
mod grammar;
mod schema;
mod vocabulary;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokTrie};
use llguidance::{Matcher, ParserFactory};
use moltbot_llm::{CallForm, ToolChoice, ToolSpec};
use serde_json::Value;
use thiserror::Error;

use super::model::LoadedModel;
use crate::template::Prompt;

use closing::Closing;
use grammar::Thought;

/// Models with fewer parameters than this do not find the end of a string; what they write is bounded.
const SMALL_MODEL: u64 = 1_000_000_000;

/// Why an answer cannot be constrained.
#[derive(Debug, Error)]
pub enum GrammarError {
    /// A call is asked for, and there is nothing to call.
    #[error("A tool call is required, and no tool is offered.")]
    NoTools,
    /// The tool that must be called is not there.
    #[error("The tool {0} must be called, and is not offered.")]
    NotOffered(String),
    /// The grammar cannot be used with this model.
    #[error("The tools cannot be made into a grammar for this model: {0}.")]
    Unusable(String),
}

/// What one answer may consist of.
#[derive(Clone)]
pub struct Constraint {
    matcher: Matcher,
    vocabulary: TokEnv,
    /// Whether the answer is nothing but calls.
    only_calls: bool,
    marker: Option<&'static str>,
    /// For small models.
    closing: Option<Closing>,
}

impl Constraint {
    /// Whether the answer is nothing but calls.
    pub(super) fn only_calls(&self) -> bool {
        self.only_calls
    }

    /// What begins the line of calls that follow words; `None` where calls stand alone.
    pub(crate) fn marker(&self) -> Option<&'static str> {
        self.marker
    }

    /// Whether this token is certain to be one of those allowed. A token that ends the answer never is.
    pub(super) fn takes(&mut self, token: LlamaToken, left: u64) -> bool {
        let token = token.0.cast_unsigned();
        let bytes = self.vocabulary.tok_trie().token(token);
        let is_text = bytes
            .first()
            .is_some_and(|first| *first != TokTrie::SPECIAL_TOKEN_MARKER);
        let closing = self.closing.as_ref();
        let is_narrowed = closing.is_some_and(|closing| closing.is_due(left));
        is_text
            && !is_narrowed
            && self
                .matcher
                .validate_tokens(&[token])
                .is_ok_and(|valid| valid == 1)
    }

    /// The tokens that may come next, in an answer that may have this many more.
    pub(super) fn allowed(&mut self, left: u64) -> Result<SimpleVob, String> {
        let allowed = self
            .matcher
            .compute_mask_or_eos()
            .map_err(|error| error.to_string())?;
        let Some(closing) = self.closing.as_ref().filter(|closing| closing.is_due(left)) else {
            return Ok(allowed);
        };
        let vocabulary = self.vocabulary.tok_trie();
        let is_whole = self.matcher.is_accepting();
        if is_whole.map_err(|error| error.to_string())? {
            return Ok(vocabulary.eos_token_set());
        }
        Ok(match closing.closer(&allowed) {
            Some(closer) => vocabulary.singleton_token_set(closer),
            None => allowed,
        })
    }

    /// Notes that `token`, one of those allowed, comes next.
    pub(super) fn accept(&mut self, token: LlamaToken) -> Result<(), String> {
        let token = token.0.cast_unsigned();
        if let Some(closing) = &mut self.closing {
            closing.written(self.vocabulary.tok_trie().token(token));
        }
        self.matcher
            .consume_token(token)
            .map_err(|error| error.to_string())
    }

    /// Whether nothing can follow any more.
    pub(super) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint")
            .field("only_calls", &self.only_calls)
            .field("state", &self.matcher.stop_reason())
            .finish()
    }
}

/// The model's vocabulary as grammars see it, and the grammar that was used last.
pub(super) struct Grammars {
    factory: ParserFactory,
    /// A session offers the same tools turn after turn. As it was before the first token, so that what one answer
    /// adds to its tables does not weigh on the next.
    last: Mutex<Option<(Request, Matcher)>>,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

/// All that a grammar depends on.
#[derive(Debug, Clone, PartialEq)]
struct Request {
    tools: Vec<ToolSpec>,
    choice: ToolChoice,
    form: CallForm,
    /// What begins the line of calls that follow words, where they may.
    marker: Option<&'static str>,
    thought: Thought,
    bound: Option<usize>,
}

impl Grammars {
    /// Reads the vocabulary of `model`; takes some tenths of a second.
    pub(super) fn new(model: &LoadedModel) -> Result<Self, String> {
        Self::of(&vocabulary::tokens(model)?)
    }

    fn of(vocabulary: &TokEnv) -> Result<Self, String> {
        let slices = SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(vocabulary, InferenceCapabilities::default(), &slices)
            .map_err(|error| error.to_string())?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Self {
            factory,
            last: Mutex::default(),
        })
    }

    fn matcher(&self, request: Request) -> Result<Matcher, GrammarError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, matcher)) = last.as_ref()
            && *of == request
        {
            return Ok(matcher.deep_clone());
        }
        let started = Instant::now();
        let matcher = self.compile(&request)?;
        tracing::debug!(
            tools = request.tools.len(),
            took = ?started.elapsed(),
            "the tools are a grammar"
        );
        *last = Some((request, matcher.deep_clone()));
        Ok(matcher)
    }

    fn compile(&self, request: &Request) -> Result<Matcher, GrammarError> {
        let mut schemas: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| schema::copy(&tool.parameters, request.bound))
            .collect();
        let whole = self.parse(TopLevelGrammar::from_lark(grammar::text(request, &schemas)));
        let first_reason = match whole {
            Ok(matcher) => return Ok(matcher),
            Err(reason) => reason,
        };
        // Some schema asks for more than a grammar can tell; the tool itself looks at the arguments again.
        for (schema, tool) in schemas.iter_mut().zip(&request.tools) {
            if let Err(reason) = self.parse(TopLevelGrammar::from_json_schema(schema.clone())) {
                tracing::debug!(
                    tool = tool.name,
                    reason,
                    "no grammar for this tool's arguments"
                );
                *schema = schema::any_object(request.bound);
            }
        }
        self.parse(TopLevelGrammar::from_lark(grammar::text(request, &schemas)))
            .map_err(|reason| {
                tracing::debug!(reason, first_reason, "the tools give no grammar");
                GrammarError::Unusable(reason)
            })
    }

    fn parse(&self, grammar: TopLevelGrammar) -> Result<Matcher, String> {
        let parser = self
            .factory
            .create_parser(grammar)
            .map_err(|error| error.to_string())?;
        let matcher = Matcher::new(Ok(parser));
        matcher.get_error().map_or(Ok(matcher), Err)
    }
}

impl LoadedModel {
    /// What keeps the answer to `prompt` in words or in whole calls of `tools`, as `choice` has it; nothing where any
    /// answer will do. `most_tokens` is what the answer may have at most.
    ///
    /// # Errors
    /// A choice that asks for a tool that is not offered.
    pub fn constraint(
        &self,
        prompt: &Prompt,
        tools: &[ToolSpec],
        choice: &ToolChoice,
        most_tokens: u64,
    ) -> Result<Option<Constraint>, GrammarError> {
        let only_calls = matches!(choice, ToolChoice::Required | ToolChoice::Named(_));
        let tools = match choice {
            ToolChoice::Named(name) => {
                let named: Vec<ToolSpec> = tools
                    .iter()
                    .filter(|tool| tool.name == *name)
                    .cloned()
                    .collect();
                if named.is_empty() {
                    return Err(GrammarError::NotOffered(name.clone()));
                }
                named
            }
            _ => tools.to_vec(),
        };
        if tools.is_empty() {
            return match only_calls {
                true => Err(GrammarError::NoTools),
                false => Ok(None),
            };
        }
        let form = match self.template().call_form() {
            Some(form) => form,
            // Its own form is left to the model; one that it must use has to be a form that can be had.
            None if *choice != ToolChoice::Auto => CallForm::HERMES,
            None => return Ok(None),
        };
        let is_small = self.llama.n_params() < SMALL_MODEL;
        let longest = usize::try_from(most_tokens).unwrap_or(usize::MAX);
        let request = Request {
            tools,
            choice: choice.clone(),
            form,
            marker: match choice {
                ToolChoice::Auto => self.template().call_marker(),
                _ => None,
            },
            thought: Thought::at_end_of(&prompt.text(), self.template().thinks()),
            bound: is_small.then_some(longest),
        };
        let constraint = self
            .grammars()
            .map_err(|reason| GrammarError::Unusable(reason.to_owned()))
            .and_then(|grammars| {
                let vocabulary = grammars.factory.tok_env().clone();
                let closing = is_small.then(|| Closing::new(&vocabulary, &request, most_tokens));
                Ok(Constraint {
                    marker: request.marker,
                    matcher: grammars.matcher(request)?,
                    vocabulary,
                    only_calls,
                    closing,
                })
            });
        match constraint {
            Ok(constraint) => Ok(Some(constraint)),
            // Calls that may turn out malformed are better than no answer.
            Err(reason) if !only_calls => {
                tracing::warn!(%reason, "this answer is held to no grammar");
                Ok(None)
            }
            Err(reason) => Err(reason),
        }
    }
}

#[cfg(test)]
mod tests;
