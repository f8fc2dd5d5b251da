//! A conversation that is being shortened, with what each part of it costs.

use moltbot_llm::{
    Content, Message, Model, Request, UserMessage, estimate_message, estimate_tokens,
};

use super::reduction::Reduction;
use super::{Context, Line};

/// How a conversation would be shown. All tokens here are estimates, which [`Scale`] turns into those of the model.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// All messages, those before [`Trial::first`] too.
    pub(super) lines: Vec<Line>,
    /// The tokens of each.
    pub(super) costs: Vec<u64>,
    /// The first that is shown.
    pub(super) first: usize,
    /// The tokens of the system prompt and the tools.
    pub(super) base: u64,
    /// What stands for what is not shown.
    message: Vec<Content>,
    message_cost: u64,
    /// Results of which less is shown.
    pub(super) reductions: Vec<Reduction>,
    /// Texts to be kept in files.
    pub(super) files: Vec<KeptText>,
}

/// The whole text of a result, for a file.
#[derive(Debug, Clone)]
pub(super) struct KeptText {
    pub(super) path: String,
    pub(super) text: String,
}

impl Trial {
    /// The conversation as it stands.
    pub(super) fn new(context: &Context, model: &Model, request: &Request) -> Self {
        let around = Request {
            system: request.system.clone(),
            tools: request.tools.clone(),
            ..Request::default()
        };
        let mut trial = Self {
            costs: context
                .lines
                .iter()
                .map(|line| estimate_message(&line.message))
                .collect(),
            lines: context.lines.clone(),
            first: 0,
            base: estimate_tokens(model, &around),
            message: Vec::new(),
            message_cost: 0,
            reductions: Vec::new(),
            files: Vec::new(),
        };
        if let Some(compaction) = &context.compaction {
            trial.reductions.clone_from(&compaction.reduced);
            trial.say(compaction.message.clone());
        }
        trial
    }

    /// All tokens.
    pub(super) fn total(&self) -> u64 {
        self.base + self.message_cost + self.kept()
    }

    /// The tokens of the messages that are shown.
    pub(super) fn kept(&self) -> u64 {
        self.costs[self.first..].iter().sum()
    }

    /// Puts this before the messages that are shown.
    pub(super) fn say(&mut self, message: Vec<Content>) {
        self.message_cost = cost(&message);
        self.message = message;
    }

    /// What stands before the messages that are shown.
    pub(super) fn message(&self) -> &[Content] {
        &self.message
    }

    /// Shows less of a result.
    pub(super) fn reduce(&mut self, at: usize, reduction: Reduction) {
        let line = &mut self.lines[at];
        if let Message::ToolResult(result) = &mut line.message {
            reduction.apply(result);
            self.costs[at] = estimate_message(&line.message);
            self.reductions
                .retain(|known| known.entry != reduction.entry);
            self.reductions.push(reduction);
        }
    }

    /// What is shown of a result, where that is less than all.
    pub(super) fn reduction(&self, entry: &str) -> Option<&Reduction> {
        self.reductions.iter().find(|known| known.entry == entry)
    }

    /// The first message of the newest that have no more than `tokens` together; where not even the newest step fits,
    /// where that begins. A result never comes first: it belongs to the call before it.
    pub(super) fn newest_within(&self, tokens: u64) -> usize {
        let (mut sum, mut fitting, mut newest) = (0, None, None);
        for at in (self.first..self.lines.len()).rev() {
            sum += self.costs[at];
            let is_result = matches!(self.lines[at].message, Message::ToolResult(_));
            // What has no entry cannot be named as the first that is kept.
            if !is_result && self.lines[at].entry.is_some() {
                newest = newest.or(Some(at));
                if sum <= tokens {
                    fitting = Some(at);
                }
            }
            if sum > tokens && newest.is_some() {
                break;
            }
        }
        fitting.or(newest).unwrap_or(self.first)
    }
}

/// The tokens of a message of these parts.
pub(super) fn cost(content: &[Content]) -> u64 {
    if content.is_empty() {
        return 0;
    }
    estimate_message(&Message::User(UserMessage {
        content: content.to_vec(),
        timestamp: 0,
    }))
}

/// The tokens of a text.
pub(crate) fn text_cost(text: &str) -> u64 {
    estimate_message(&Message::user(text, 0))
}

/// The beginning of a text that has about no more than so many tokens, whole lines where that does not cost much.
pub(crate) fn head_within(text: &str, tokens: u64) -> &str {
    let mut head = text;
    loop {
        let cost = text_cost(head);
        if cost <= tokens || head.is_empty() {
            break;
        }
        // Token counts and lengths are far below 2^53.
        let share = tokens as f64 / cost as f64 * 0.98;
        head = &head[..head.floor_char_boundary((head.len() as f64 * share) as usize)];
    }
    if head.len() == text.len() {
        return head;
    }
    match head.rfind('\n') {
        Some(end) if end > head.len() / 2 => &head[..end],
        _ => head,
    }
}

/// How many tokens of the model an estimated one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale(f64);

impl Scale {
    /// What the model counts where `estimated` was estimated.
    pub(super) fn new(counted: u64, estimated: u64) -> Self {
        // Counts are far below 2^53. Less than a quarter is no count of the whole; pictures may be worth many times the
        // guess.
        Self((counted as f64 / estimated.max(1) as f64).max(0.25))
    }

    /// The model's tokens.
    pub(super) fn counted(self, estimated: u64) -> u64 {
        (estimated as f64 * self.0).ceil() as u64
    }

    /// The estimate for so many of the model's tokens.
    pub(super) fn estimated(self, counted: u64) -> u64 {
        (counted as f64 / self.0).floor() as u64
    }
}
