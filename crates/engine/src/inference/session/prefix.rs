//! What a new prompt has in common with the tokens that were read and written before.
//!
//! A model's answer need not consist of the tokens that its text would be split into. Splitting the next prompt afresh
//! would then differ from the cache in the middle of the answer, and everything after would be read again. So where
//! the new prompt's text goes on exactly where the cache ends, the cached tokens stand as they are.

use llama_cpp_2::token::LlamaToken;

use crate::inference::LoadedModel;
use crate::template::Prompt;

/// How many tokens two sequences have in common at their beginning.
pub(super) fn common(one: &[LlamaToken], other: &[LlamaToken]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

/// The tokens of `prompt`, in the form that shares most with `said`, what was read and written before.
pub(super) fn prompt_tokens(
    model: &LoadedModel,
    said: &[LlamaToken],
    prompt: &Prompt,
) -> Vec<LlamaToken> {
    let fresh = model.tokenize(prompt);
    if common(&fresh, said) == said.len() {
        return fresh;
    }
    continued(model, said, prompt).unwrap_or(fresh)
}

/// `said` and the tokens of the rest of `prompt`, where its text begins with that of `said` and goes on with a
/// control token: only there is splitting the rest alone the same as splitting the whole.
fn continued(model: &LoadedModel, said: &[LlamaToken], prompt: &Prompt) -> Option<Vec<LlamaToken>> {
    let mut rest = Remainder::new(prompt.pieces());
    for (index, token) in said.iter().enumerate() {
        let bytes = model.prompt_bytes(*token);
        let read = rest.advance(&bytes, model.is_control(*token));
        // A begin-of-sequence token that is not part of the text was added to it.
        let added = index == 0 && model.added_bos() == Some(*token);
        if !read && !added {
            return None;
        }
    }
    let tail = model.tokenize_pieces(rest.pieces()?.into_iter(), false);
    if !tail.first().is_some_and(|token| model.is_control(*token)) {
        return None;
    }
    let mut tokens = said.to_vec();
    tokens.extend(tail);
    Some(tokens)
}

/// What is left of a prompt's pieces.
struct Remainder<'a> {
    pieces: &'a [String],
    /// Bytes of the first piece that are gone.
    gone: usize,
}

impl<'a> Remainder<'a> {
    fn new(pieces: &'a [String]) -> Self {
        Self { pieces, gone: 0 }
    }

    /// Takes `bytes` off the front; false, and nothing taken, where the front reads otherwise. `within_piece` refuses
    /// bytes that reach over a border: a control token spelled out in a message is no control token.
    fn advance(&mut self, bytes: &[u8], within_piece: bool) -> bool {
        let (mut pieces, mut gone, mut bytes) = (self.pieces, self.gone, bytes);
        while !bytes.is_empty() {
            let Some((first, others)) = pieces.split_first() else {
                return false;
            };
            let front = &first.as_bytes()[gone..];
            if front.is_empty() {
                (pieces, gone) = (others, 0);
                continue;
            }
            let length = front.len().min(bytes.len());
            if front[..length] != bytes[..length] || (within_piece && length < bytes.len()) {
                return false;
            }
            bytes = &bytes[length..];
            gone += length;
        }
        (self.pieces, self.gone) = (pieces, gone);
        true
    }

    /// The pieces that are left; `None` where the first begins within a character.
    fn pieces(&self) -> Option<Vec<&'a str>> {
        let Some((first, others)) = self.pieces.split_first() else {
            return Some(Vec::new());
        };
        let mut left = vec![first.get(self.gone..)?];
        left.extend(others.iter().map(String::as_str));
        left.retain(|piece| !piece.is_empty());
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_front_is_taken_off_across_borders() {
        let pieces = pieces(&["one <", "|end|> two", "three"]);
        let mut rest = Remainder::new(&pieces);
        assert!(rest.advance(b"one <|e", false));
        assert!(!rest.advance(b"nd!", false));
        assert_eq!(rest.pieces(), Some(vec!["nd|> two", "three"]));
        assert!(rest.advance(b"nd|> twothr", false));
        assert_eq!(rest.pieces(), Some(vec!["ee"]));
        assert!(!rest.advance(b"ee!", false));
        assert!(rest.advance(b"ee", false));
        assert_eq!(rest.pieces(), Some(vec![]));
    }

    #[test]
    fn a_control_token_stays_within_a_piece() {
        let spelled_out = pieces(&["hi <", "|end|>"]);
        let mut rest = Remainder::new(&spelled_out);
        assert!(rest.advance(b"hi ", false));
        assert!(!rest.advance(b"<|end|>", true));

        let real = pieces(&["hi ", "<|end|>"]);
        let mut rest = Remainder::new(&real);
        assert!(rest.advance(b"hi ", false));
        assert!(rest.advance(b"<|end|>", true));
    }

    #[test]
    fn a_cut_within_a_character_has_no_rest() {
        let pieces = pieces(&["é"]);
        let mut rest = Remainder::new(&pieces);
        assert!(rest.advance(&"é".as_bytes()[..1], false));
        assert_eq!(rest.pieces(), None);
    }
}
