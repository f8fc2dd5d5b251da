//! How the next token is chosen.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::constraint::Constraint;
use crate::protocol::GenerateOptions;

/// Small models fall into loops; a light penalty on the last words breaks them without harming names and code.
const REPEAT_PENALTY: f32 = 1.1;
const REPEAT_WINDOW: i32 = 64;
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;

/// The next token: of those that the constraint allows, in an answer that may have `left` more.
pub(super) fn next(
    sampler: &mut LlamaSampler,
    context: &LlamaContext<'_>,
    constraint: Option<&mut Constraint>,
    left: u64,
) -> Result<LlamaToken, String> {
    let Some(constraint) = constraint else {
        return Ok(sampler.sample(context, -1));
    };
    // To look at one token is far cheaper than at all of them, and most of what a model chooses freely is allowed.
    let mut candidates = context.token_data_array_ith(-1);
    candidates.apply_sampler(sampler);
    let free = candidates.selected_token();
    let token = match free.filter(|token| constraint.takes(*token, left)) {
        Some(token) => token,
        None => {
            let allowed = constraint.allowed(left)?;
            let candidates = context.candidates_ith(-1);
            let mut candidates = LlamaTokenDataArray::from_iter(
                candidates.filter(|one| allowed.is_allowed(one.id().0.cast_unsigned())),
                false,
            );
            candidates.apply_sampler(sampler);
            candidates
                .selected_token()
                .ok_or("the grammar leaves no token to choose from")?
        }
    };
    sampler.accept(token);
    constraint.accept(token)?;
    Ok(token)
}

/// The chain of samplers for one answer of a model with `vocabulary` tokens. `in_words` is false for one that is nothing
/// but calls: there, to frown on repetition would be to frown on the quote that ends a string.
pub(super) fn sampler(vocabulary: i32, options: &GenerateOptions, in_words: bool) -> LlamaSampler {
    let temperature = options
        .temperature
        .filter(|temperature| temperature.is_finite())
        .unwrap_or(GenerateOptions::DEFAULT_TEMPERATURE);
    if temperature <= 0.0 {
        return LlamaSampler::greedy();
    }
    let seed = options.seed.unwrap_or_else(random_seed);
    let penalty = if in_words { REPEAT_PENALTY } else { 1.0 };
    LlamaSampler::chain_simple([
        LlamaSampler::penalties(vocabulary, REPEAT_WINDOW, penalty, 0.0, 0.0),
        LlamaSampler::top_k(TOP_K),
        LlamaSampler::top_p(TOP_P, 1),
        LlamaSampler::min_p(MIN_P, 1),
        LlamaSampler::temp(temperature as f32),
        LlamaSampler::dist(seed),
    ])
}

/// A new seed each time: the standard library seeds its hashers from the system's randomness.
fn random_seed() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
