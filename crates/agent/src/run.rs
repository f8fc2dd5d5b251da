//! The loop of a turn: ask the model, do what it asks for, tell it, until it has answered.

use moltbot_guard::Evidence;
use moltbot_llm::{
    Answer, AssistantMessage, AssistantPart, Attempt, Content, Knowledge, Ladder, Message,
    ModelRef, Provenance, Request, StopReason, TokenCount, ToolCall, ToolChoice, Usage,
    UserMessage,
};
use moltbot_store::{NewEntry, Store};

use crate::calls::Calls;
use crate::context::{Compactor, Context};
use crate::discretion::{hide_in_answer, hide_in_content};
use crate::draft::Draft;
use crate::evidence::take_in;
use crate::history;
use crate::inbox::{Inbox, Said};
use crate::limits::{Limits, Spent};
use crate::progress::{Progress, ProgressSink};
use crate::prompt::Prompt;
use crate::repetition::{Advice, Repetition};
use crate::stamp::Stamp;
use crate::turn::{TurnError, now_ms};

/// One turn at work.
pub(crate) struct Run<'a> {
    pub(crate) store: &'a Store,
    pub(crate) turn_id: &'a str,
    pub(crate) ladder: &'a Ladder,
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) compactor: Compactor<'a>,
    pub(crate) calls: Calls<'a>,
    pub(crate) limits: Limits,
    pub(crate) inbox: Option<&'a Inbox>,
    /// How messages are stamped.
    pub(crate) stamp: &'a Stamp,
    /// What the model is asked: grows by each step.
    pub(crate) request: Request,
    /// Where its messages come from.
    pub(crate) context: Context,
    /// What calls are decided on: taken from the messages, and never less than what they say now.
    pub(crate) evidence: Evidence,
    /// What the person has seen of the present step.
    pub(crate) draft: Draft,
    pub(crate) spent: Spent,
    pub(crate) cost: f64,
    pub(crate) failed: Vec<Attempt>,
    /// Why the model had to answer without further tools.
    pub(crate) cut_short: Option<String>,
}

/// How a turn was answered.
pub(crate) struct Answered {
    pub(crate) message: AssistantMessage,
    pub(crate) model: ModelRef,
    pub(crate) prompt: TokenCount,
}

/// Whether the model may call tools in the next step.
enum Tools {
    Offered,
    /// No longer, for this reason.
    Over(String),
}

impl Run<'_> {
    /// Works until the model has answered. What the model and its tools said is in the journal step by step, but for the
    /// answer, which the caller writes together with the end of the turn.
    ///
    /// # Errors
    /// No model answered, or the journal could not be written.
    pub(crate) async fn work(&mut self, progress: ProgressSink<'_>) -> Result<Answered, TurnError> {
        let mut repetition = Repetition::default();
        let mut tools = Tools::Offered;
        loop {
            let answer = self.ask(&tools, &mut *progress).await?;
            let (mut message, model, prompt) = self.note(answer);
            let calls: Vec<ToolCall> = message.tool_calls().cloned().collect();
            hide_in_answer(self.calls.secrets, &mut message);
            if let Tools::Over(reason) = &tools
                && !calls.is_empty()
            {
                // What it was told not to do is not done.
                without_calls(&mut message);
                if message.text().trim().is_empty() {
                    return Err(TurnError::NoLastWord {
                        model,
                        reason: reason.clone(),
                    });
                }
                return Ok(Answered {
                    message,
                    model,
                    prompt,
                });
            }
            if calls.is_empty() {
                let next = self.inbox.and_then(Inbox::take_next);
                let Some(next) = next else {
                    return Ok(Answered {
                        message,
                        model,
                        prompt,
                    });
                };
                let said = self.said(&next);
                self.keep(vec![Message::Assistant(message), said]).await?;
                next.taken_up();
                if next.receipt.is_none() {
                    progress(Progress::Steered(next.text()));
                }
                progress(Progress::NextStep);
                continue;
            }
            if self.calls.tools.is_empty() {
                return self.without_tools(message, model, prompt);
            }
            self.keep(vec![Message::Assistant(message)]).await?;
            let advice = self
                .act(calls, &model, &mut repetition, &mut *progress)
                .await?;
            tools = match (self.spent.over(self.limits), advice) {
                (Some(reason), _) => Tools::Over(reason),
                (None, Advice::LastWord) => Tools::Over(
                    "the same call was made again and again with the same outcome".to_owned(),
                ),
                (None, _) => Tools::Offered,
            };
            if let Tools::Over(reason) = &tools {
                self.cut_short = Some(reason.clone());
                self.tell(format!(
                    "No more tools in this turn: {reason}. Answer now with what you have, and say what is missing."
                ))
                .await?;
            }
            progress(Progress::NextStep);
        }
    }

    async fn ask(
        &mut self,
        tools: &Tools,
        progress: ProgressSink<'_>,
    ) -> Result<Answer, TurnError> {
        // The tools stay in the prompt either way: without them the server would have to read it all anew.
        self.request.tool_choice = match tools {
            Tools::Offered => ToolChoice::Auto,
            Tools::Over(_) => ToolChoice::None,
        };
        self.ask_within_window(progress).await
    }

    /// Adds up what a step took.
    fn note(&mut self, answer: Answer) -> (AssistantMessage, ModelRef, TokenCount) {
        let message = answer.reply.message;
        self.spent.usage += message.usage;
        self.cost += answer.cost;
        for attempt in answer.failed {
            self.failed.retain(|known| known.model != attempt.model);
            self.failed.push(attempt);
        }
        (message, answer.model, answer.prompt)
    }

    /// Does what the model asked for and tells it, and what the person said meanwhile.
    async fn act(
        &mut self,
        calls: Vec<ToolCall>,
        model: &ModelRef,
        repetition: &mut Repetition,
        progress: ProgressSink<'_>,
    ) -> Result<Advice, TurnError> {
        let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        self.spent.calls = self.spent.calls.saturating_add(count);
        let mut advice = Advice::GoOn;
        let mut results = Vec::with_capacity(calls.len());
        let done = self
            .calls
            .run(calls, model, &mut self.evidence, &mut *progress)
            .await;
        for mut called in done {
            let call = &called.call;
            self.spent.usage += called.output.spent.usage;
            self.cost += called.output.spent.cost;
            let told = repetition.note(&call.name, &call.arguments, &called.text());
            if told == Advice::Nudge {
                called.output.content.push(Content::text(
                    "(You have made this very call before, with the same outcome. Do something else, or answer.)",
                    Provenance::Program,
                ));
            }
            advice = advice.max(told);
            called.take_in(self.calls.tools, &mut self.evidence);
            results.push(called.into_message());
        }
        for message in self.inbox.map(Inbox::take_steering).unwrap_or_default() {
            results.push(self.said(&message));
            progress(Progress::Steered(message.text()));
        }
        self.keep(results).await?;
        Ok(advice)
    }

    /// A message that arrives now, as it is kept and shown to the model.
    fn said(&mut self, message: &Said) -> Message {
        let mut content = message.content.clone();
        hide_in_content(self.calls.secrets, &mut content);
        let said = self.stamp.on(content, now_ms());
        take_in(&said, &mut self.evidence);
        said
    }

    /// Tells the model something in the program's own name.
    async fn tell(&mut self, text: String) -> Result<(), TurnError> {
        let message = Message::User(UserMessage {
            content: vec![Content::text(text, Provenance::Program)],
            timestamp: now_ms(),
        });
        self.keep(vec![message]).await
    }

    /// Writes messages into the journal, and shows them to the model from now on.
    pub(crate) async fn keep(&mut self, messages: Vec<Message>) -> Result<(), TurnError> {
        let entries: Vec<NewEntry> = messages.iter().map(history::entry).collect();
        let stored = self.store.append(self.turn_id, entries).await?;
        for (message, entry) in messages.iter().zip(stored) {
            self.context.push(Some(entry.id), message.clone());
        }
        self.request.messages.extend(messages);
        Ok(())
    }

    /// Writes down the prompt that the conversation begins with.
    pub(crate) async fn keep_prompt(&mut self, prompt: Prompt) -> Result<Prompt, TurnError> {
        self.store
            .append(self.turn_id, vec![prompt.entry()])
            .await?;
        Ok(prompt)
    }

    /// No tools were offered, so whatever is called does not exist.
    fn without_tools(
        &self,
        mut message: AssistantMessage,
        model: ModelRef,
        prompt: TokenCount,
    ) -> Result<Answered, TurnError> {
        without_calls(&mut message);
        if message.text().trim().is_empty() {
            return Err(TurnError::UnknownTool(model));
        }
        Ok(Answered {
            message,
            model,
            prompt,
        })
    }

    /// All tokens of the turn so far.
    pub(crate) fn usage(&self) -> Usage {
        self.spent.usage
    }
}

fn without_calls(message: &mut AssistantMessage) {
    message
        .content
        .retain(|part| !matches!(part, AssistantPart::ToolCall(_)));
    message.stop_reason = StopReason::Stop;
}
