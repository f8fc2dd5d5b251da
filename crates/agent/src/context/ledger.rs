//! Tokens: counted where somebody read them, estimated where nobody has yet.

use moltbot_llm::{
    AssistantMessage, AssistantPart, Message, Model, Request, TokenCounter, estimate_message,
};

use super::Context;

impl Context {
    /// The tokens that `model` will read for `request`, whose messages are this context's.
    ///
    /// The last reply of this model says what all before it took; what came after is estimated. Where there is no such
    /// reply, all is estimated. Also tells whether there was one.
    pub(crate) async fn need(
        &self,
        counter: &TokenCounter,
        model: &Model,
        request: &Request,
    ) -> (u64, bool) {
        let Some((at, known)) = self.known(model) else {
            return (counter.estimate(model, request).await.tokens, false);
        };
        let behind: Vec<Message> = self.lines[at + 1..]
            .iter()
            .map(|line| line.message.clone())
            .collect();
        if behind.is_empty() {
            return (known, true);
        }
        let behind = Request {
            messages: behind,
            ..Request::default()
        };
        (known + counter.estimate(model, &behind).await.tokens, true)
    }

    /// The newest line that a reply of this model stands in, and the tokens up to its end.
    fn known(&self, model: &Model) -> Option<(usize, u64)> {
        let lines = self.lines.iter().enumerate().skip(self.stale).rev();
        lines
            .into_iter()
            .find_map(|(at, line)| match &line.message {
                Message::Assistant(reply) => {
                    let is_its = reply.provider == model.reference.provider
                        && reply.model == model.reference.model;
                    (is_its && reply.usage.prompt() > 0)
                        .then(|| (at, reply.usage.prompt() + as_history(reply)))
                }
                _ => None,
            })
    }
}

/// The tokens of a reply when it is sent back: all that were written, but for reasoning, which mostly is not.
fn as_history(reply: &AssistantMessage) -> u64 {
    let reasons = reply
        .content
        .iter()
        .any(|part| matches!(part, AssistantPart::Thinking(_)));
    match reasons {
        true => reply
            .usage
            .output
            .min(estimate_message(&Message::Assistant(reply.clone()))),
        false => reply.usage.output,
    }
}
