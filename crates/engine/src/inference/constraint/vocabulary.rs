//! A model's vocabulary as grammars read it: the bytes of each token.

use std::sync::Arc;

use llama_cpp_2::token::LlamaToken;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::inference::LoadedModel;

/// Every token with the bytes that it adds to an answer. Tokens that add none can never be chosen, but for those that end
/// the answer.
pub(super) fn tokens(model: &LoadedModel) -> Result<TokEnv, String> {
    let vocab = model.llama.vocab();
    let mut ends = Vec::new();
    let words: Vec<Vec<u8>> = vocab
        .tokens()
        .map(|token| {
            if model.ends_turn(token) {
                ends.push(token.0.cast_unsigned());
                return marked(model, token);
            }
            let bytes = model.answer_bytes(token);
            // The byte that marks what is not text; no text has it.
            if bytes.first() == Some(&TokTrie::SPECIAL_TOKEN_MARKER) {
                return Vec::new();
            }
            bytes
        })
        .collect();
    let preferred = [vocab.eot(), vocab.eos()]
        .into_iter()
        .map(|token| token.0.cast_unsigned())
        .find(|token| ends.contains(token));
    let Some(end) = preferred.or(ends.first().copied()) else {
        return Err("its vocabulary has no token that ends an answer".into());
    };
    ends.retain(|token| *token != end);
    ends.insert(0, end);
    let count = u32::try_from(words.len()).map_err(|error| error.to_string())?;
    let trie = TokTrie::from(&TokRxInfo::new(count, end), &words).with_eos_tokens(&ends);
    Ok(Arc::new(ApproximateTokEnv::new(trie)))
}

/// A token that is no text.
fn marked(model: &LoadedModel, token: LlamaToken) -> Vec<u8> {
    let mut bytes = vec![TokTrie::SPECIAL_TOKEN_MARKER];
    bytes.extend(model.prompt_bytes(token));
    bytes
}
