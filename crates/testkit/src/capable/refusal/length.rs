//! Refusals of what is too long.

use serde_json::json;

use super::{BAD, Manner, Reason, Refusal, Words};
use crate::answer::Dialect;
use crate::capable::capabilities::{Kind, Overflow};

impl Manner<'_> {
    /// `field` asked for `asked` tokens behind `prompt`, and there can be `limit`.
    pub(in crate::capable) fn output(
        &self,
        field: &str,
        asked: u64,
        prompt: u64,
        limit: u64,
    ) -> Refusal {
        let context = prompt + limit;
        let message = match self.kind() {
            Kind::Vllm => format!(
                "'max_tokens' or 'max_completion_tokens' is too large: {asked}. This model's maximum context length is {context} tokens and your request has {prompt} input tokens ({asked} > {context} - {prompt})."
            ),
            Kind::Sglang => format!(
                "Requested token count exceeds the model's maximum context length of {context} tokens. You requested a total of {} tokens: {prompt} tokens from the input messages and {asked} tokens for the completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit.",
                prompt + asked
            ),
            _ if self.is_anthropic() => format!(
                "max_tokens: {asked} > {limit}, which is the maximum allowed number of output tokens for {}",
                self.can.model
            ),
            _ => format!(
                "{field} is too large: {asked}. This model supports at most {limit} completion tokens, whereas you provided {asked}."
            ),
        };
        let words = Words {
            param: Some(field),
            code: Some("invalid_value"),
            ..BAD
        };
        self.say(Reason::Output, words, &message)
    }

    pub(in crate::capable) fn context(&self, prompt: u64, context: u64) -> Refusal {
        if self.can.overflow == Overflow::InStream {
            let message = "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input.";
            let body = json!({"error": {"message": message}, "message": message});
            return Refusal {
                in_stream: true,
                ..Refusal::new(
                    Reason::Context,
                    200,
                    format!("event: error\ndata: {body}\n\n"),
                )
            };
        }
        let say = |words, message: &str| self.say(Reason::Context, words, message);
        let new = |body| Refusal::new(Reason::Context, 400, body);
        match self.kind() {
            Kind::LlamaCpp => {
                let message = format!(
                    "request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it"
                );
                new(json!({"error": {
                    "code": 400, "message": message, "type": "exceed_context_size_error",
                    "n_prompt_tokens": prompt, "n_ctx": context,
                }}))
            }
            Kind::Vllm => {
                let message = format!(
                    "This model's maximum context length is {context} tokens. However, your prompt contains at least {prompt} input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value={prompt})"
                );
                let words = Words {
                    param: Some("input_tokens"),
                    ..BAD
                };
                say(words, &message)
            }
            Kind::Sglang => say(
                BAD,
                &format!(
                    "The input ({prompt} tokens) is longer than the model's context length ({context} tokens)."
                ),
            ),
            Kind::LmStudio => new(json!({"error": format!(
                "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: {prompt}>= n_ctx: {context}). Try to load the model with a larger context length, or provide a shorter input."
            )})),
            Kind::Ollama => new(json!({
                "StatusCode": 400, "Status": "400 Bad Request",
                "error": format!(
                    "prompt too long; exceeded max context length by {} tokens",
                    prompt - context
                ),
            })),
            Kind::Generic if self.is_anthropic() => say(
                BAD,
                &format!("prompt is too long: {prompt} tokens > {context} maximum"),
            ),
            Kind::Generic if self.dialect == Dialect::OpenAiResponses => say(
                Words {
                    param: Some("input"),
                    code: Some("context_length_exceeded"),
                    ..BAD
                },
                "Your input exceeds the context window of this model. Please adjust your input and try again.",
            ),
            Kind::Generic | Kind::LiteLlm => say(
                Words {
                    param: Some("messages"),
                    code: Some("context_length_exceeded"),
                    ..BAD
                },
                &format!(
                    "This model's maximum context length is {context} tokens. However, your messages resulted in {prompt} tokens. Please reduce the length of the messages."
                ),
            ),
        }
    }
}
