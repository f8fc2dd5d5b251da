//! How the next token is chosen.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use llama_cpp_2::sampling::LlamaSampler;

use crate::protocol::GenerateOptions;

/// Small models fall into loops; a light penalty on the last words breaks them without harming names and code.
const REPEAT_PENALTY: f32 = 1.1;
const REPEAT_WINDOW: i32 = 64;
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;

/// The chain of samplers for one answer of a model with `vocabulary` tokens.
pub(super) fn sampler(vocabulary: i32, options: &GenerateOptions) -> LlamaSampler {
    let temperature = options
        .temperature
        .filter(|temperature| temperature.is_finite())
        .unwrap_or(GenerateOptions::DEFAULT_TEMPERATURE);
    if temperature <= 0.0 {
        return LlamaSampler::greedy();
    }
    let seed = options.seed.unwrap_or_else(random_seed);
    LlamaSampler::chain_simple([
        LlamaSampler::penalties(vocabulary, REPEAT_WINDOW, REPEAT_PENALTY, 0.0, 0.0),
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
