//! One conversation with a loaded model: what it has read stays in the KV cache, and the next turn reads only what is new.

mod prefix;

use std::num::NonZeroU32;
use std::time::Instant;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use thiserror::Error;

use super::constraint::Constraint;
use super::model::{LoadError, LoadedModel, llama};
use super::sampling;
use super::utf8::Utf8Stream;
use crate::protocol::{Counts, GenerateOptions, Stop};
use crate::template::Prompt;

/// Prompt tokens per step. Between steps a cancellation is noticed, so a step must stay short: 64 tokens are a quarter of
/// a second on two slow cores, where 512 are ten.
const CHUNK: usize = 64;

/// What happens while an answer is generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The prompt is being read.
    Prefill {
        /// Tokens read so far, those kept from the turn before included.
        processed: u64,
        /// All tokens of the prompt.
        total: u64,
    },
    /// More of the answer.
    Text(String),
}

/// A finished answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// Tokens and times.
    pub counts: Counts,
    /// Why it ended.
    pub stop: Stop,
}

/// Why no answer was generated.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The prompt does not fit the context.
    #[error("The prompt has {prompt} tokens and the context holds {context}.")]
    ContextOverflow {
        /// Tokens of the prompt.
        prompt: u64,
        /// Tokens of the context.
        context: u64,
    },
    /// The prompt holds no token at all.
    #[error("The prompt is empty.")]
    EmptyPrompt,
    /// The grammar could not be followed.
    #[error("The answer could not be held to the tools' grammar: {0}.")]
    Constraint(String),
    /// llama.cpp failed.
    #[error("llama.cpp failed: {0}.")]
    Inference(String),
}

/// A loaded model with a context: the tokens it has read and their keys and values.
#[derive(Debug)]
pub struct Session<'model> {
    model: &'model LoadedModel,
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    /// The tokens whose keys and values are in the cache, in order.
    cached: Vec<LlamaToken>,
    /// The last token of an answer that ended by its limit or its grammar: written, and not read.
    unread: Option<LlamaToken>,
    limit: usize,
}

impl<'model> Session<'model> {
    /// Reserves a context of at most `context` tokens, fewer where the model was trained for fewer.
    ///
    /// # Errors
    /// Too little memory.
    pub fn new(model: &'model LoadedModel, context: u32, threads: u32) -> Result<Self, LoadError> {
        let limit = context.min(model.trained_context()).max(1);
        let threads = i32::try_from(threads.max(1)).unwrap_or(i32::MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(limit))
            .with_n_batch(CHUNK as u32)
            .with_n_ubatch(CHUNK as u32)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            // A cache of the sliding window alone could not go back to a shorter prefix.
            .with_swa_full(true)
            .with_no_perf(true);
        let context = model
            .llama
            .new_context(llama()?, params)
            .map_err(|_| LoadError::Context { context: limit })?;
        Ok(Self {
            model,
            context,
            batch: LlamaBatch::new(CHUNK, 1),
            cached: Vec::new(),
            unread: None,
            limit: limit as usize,
        })
    }

    /// Tokens of context.
    pub fn context_limit(&self) -> u32 {
        self.limit as u32
    }

    /// The tokens in the cache.
    pub fn cached(&self) -> &[LlamaToken] {
        &self.cached
    }

    /// Reads what is new in `prompt` and generates an answer, within the constraint if there is one. `cancelled` is asked
    /// between steps of some milliseconds; a cancelled answer ends well, and the session can be used again.
    ///
    /// # Errors
    /// A prompt that does not fit, or a failure of llama.cpp.
    pub fn generate(
        &mut self,
        prompt: &Prompt,
        constraint: Option<Constraint>,
        options: &GenerateOptions,
        progress: &mut dyn FnMut(Progress),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Generated, GenerateError> {
        let mut said = self.cached.clone();
        said.extend(self.unread);
        let tokens = prefix::prompt_tokens(self.model, &said, prompt);
        if tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        if tokens.len() >= self.limit {
            return Err(GenerateError::ContextOverflow {
                prompt: tokens.len() as u64,
                context: self.limit as u64,
            });
        }
        let result = self.answer(&tokens, constraint, options, progress, cancelled);
        if result.is_err() {
            // What the cache holds after a failed step is unknown.
            self.forget();
        }
        result
    }

    fn answer(
        &mut self,
        prompt: &[LlamaToken],
        constraint: Option<Constraint>,
        options: &GenerateOptions,
        progress: &mut dyn FnMut(Progress),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Generated, GenerateError> {
        let started = Instant::now();
        self.unread = None;
        let reused = self.keep_prefix(prompt);
        let mut counts = Counts {
            reused: reused as u64,
            ..Counts::default()
        };
        let read = self.read(prompt, progress, cancelled)?;
        counts.prefilled = (self.cached.len() - reused) as u64;
        counts.prefill_ms = milliseconds(started);
        let stop = match read {
            Read::All => {
                let started = Instant::now();
                let stop = self.write(constraint, options, &mut counts, progress, cancelled);
                counts.generate_ms = milliseconds(started);
                stop?
            }
            Read::Cancelled => Stop::Cancelled,
        };
        Ok(Generated { counts, stop })
    }

    /// Shortens the cache to what it has in common with `prompt`, less at least the last token, whose step yields the
    /// first prediction. Returns how many tokens stay.
    fn keep_prefix(&mut self, prompt: &[LlamaToken]) -> usize {
        let keep = prefix::common(prompt, &self.cached).min(prompt.len() - 1);
        if keep < self.cached.len() {
            // Recurrent models cannot go back to an earlier token; they start anew.
            match self.context.kv_cache_seq_rm(0, Some(keep as u32), None) {
                Ok(()) => self.cached.truncate(keep),
                Err(_) => self.forget(),
            }
        }
        self.cached.len()
    }

    fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.cached.clear();
    }

    fn read(
        &mut self,
        prompt: &[LlamaToken],
        progress: &mut dyn FnMut(Progress),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Read, GenerateError> {
        let total = prompt.len();
        progress(Progress::Prefill {
            processed: self.cached.len() as u64,
            total: total as u64,
        });
        while self.cached.len() < total {
            if cancelled() {
                return Ok(Read::Cancelled);
            }
            let from = self.cached.len();
            let chunk = &prompt[from..total.min(from + CHUNK)];
            self.step(chunk, from + chunk.len() == total)?;
            progress(Progress::Prefill {
                processed: self.cached.len() as u64,
                total: total as u64,
            });
        }
        Ok(Read::All)
    }

    fn write(
        &mut self,
        mut constraint: Option<Constraint>,
        options: &GenerateOptions,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Stop, GenerateError> {
        let most = options.max_tokens.unwrap_or(u64::MAX).max(1);
        let in_words = constraint
            .as_ref()
            .is_none_or(|constraint| !constraint.only_calls());
        let mut sampler = sampling::sampler(self.model.llama.n_vocab(), options, in_words);
        let mut text = Utf8Stream::default();
        let stop = loop {
            if cancelled() {
                break Stop::Cancelled;
            }
            let room = (self.limit - self.cached.len()) as u64 + 1;
            let left = (most - counts.generated).min(room);
            let token = sampling::next(&mut sampler, &self.context, constraint.as_mut(), left)
                .map_err(GenerateError::Constraint)?;
            if self.model.ends_turn(token) {
                break Stop::EndOfTurn;
            }
            counts.generated += 1;
            let piece = text.push(&self.model.answer_bytes(token));
            if !piece.is_empty() {
                progress(Progress::Text(piece));
            }
            if constraint.as_ref().is_some_and(Constraint::is_complete) {
                self.unread = Some(token);
                break Stop::EndOfTurn;
            }
            if counts.generated >= most || self.cached.len() >= self.limit {
                self.unread = Some(token);
                break Stop::Length;
            }
            self.step(&[token], true)?;
        };
        let rest = text.finish();
        if !rest.is_empty() {
            progress(Progress::Text(rest));
        }
        Ok(stop)
    }

    /// Lets the model read `tokens`; `predict` asks for a prediction after the last of them.
    fn step(&mut self, tokens: &[LlamaToken], predict: bool) -> Result<(), GenerateError> {
        self.batch.clear();
        for (offset, token) in tokens.iter().enumerate() {
            let position = (self.cached.len() + offset) as i32;
            let last = offset + 1 == tokens.len();
            self.batch
                .add(*token, position, &[0], predict && last)
                .map_err(|error| GenerateError::Inference(error.to_string()))?;
        }
        self.context
            .decode(&mut self.batch)
            .map_err(|error| GenerateError::Inference(error.to_string()))?;
        self.cached.extend_from_slice(tokens);
        Ok(())
    }
}

enum Read {
    All,
    Cancelled,
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
