//! Ten turns with tools: the server reads what is new, and nothing twice.

use moltbot_llm::{Api, Credentials, Message, Model, ToolChoice};

use crate::fixture;
use crate::llama::Llama;
use crate::talk::{about_weather, ask_for, result};
use crate::wire;

/// llama.cpp keeps each token by itself. The last one it generated was never read, so it is read with the next turn.
pub(crate) const BLOCK: u64 = 1;

const CITIES: [&str; 10] = [
    "Paris", "Rome", "Lisbon", "Berlin", "Athens", "Dublin", "Prague", "Warsaw", "Vienna",
    "Helsinki",
];

/// One request of a turn: the one that brings the call, or the one that brings the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The turn, from 1.
    pub(crate) turn: usize,
    /// Whether it brought a call of the tool.
    pub(crate) called: bool,
    /// Tokens of the prompt.
    pub(crate) prompt: u64,
    /// Tokens that the server took from its cache (`cache_n`), as our usage says.
    pub(crate) cached: u64,
    /// Tokens that it read (`prompt_n`), as our usage says.
    pub(crate) read: u64,
    /// Tokens that it read, as the server's own metrics say.
    pub(crate) read_by_its_metrics: u64,
    /// Tokens that stood neither in the prompt before nor in the reply to it; all of them at first.
    pub(crate) new: u64,
}

impl Row {
    /// Tokens that the server had read before.
    pub(crate) fn read_again(&self) -> u64 {
        self.read - self.new
    }
}

/// Asks for the weather of ten cities, one after the other, with all that was said before.
pub(crate) async fn run(llama: &Llama, api: Api) -> Vec<Row> {
    run_as(llama, llama.served(api).model(), ToolChoice::Auto).await
}

/// The same with its model as a turn knows it, which is asked about a city with this choice.
pub(crate) async fn run_as(llama: &Llama, model: Model, choice: ToolChoice) -> Vec<Row> {
    let ladder = fixture::over(Credentials::default(), vec![model]);
    let mut request = about_weather(&[&["London"], &["Oslo"]]);
    let mut rows: Vec<Row> = Vec::new();
    let mut known = 0;
    for (turn, city) in CITIES.into_iter().enumerate() {
        request.messages.push(ask_for(&[city]));
        request.tool_choice = choice.clone();
        loop {
            let before = read_so_far(llama).await;
            let answer = ladder.run(&request, &mut |_| {}).await.unwrap();
            let message = answer.reply.message;
            let usage = message.usage;
            let calls: Vec<String> = message.tool_calls().map(|call| call.id.clone()).collect();
            rows.push(Row {
                turn: turn + 1,
                called: !calls.is_empty(),
                prompt: usage.prompt(),
                cached: usage.cache_read,
                read: usage.input,
                read_by_its_metrics: read_so_far(llama).await - before,
                new: usage.prompt() - known,
            });
            known = usage.prompt() + usage.output;
            request.messages.push(Message::Assistant(message));
            if calls.is_empty() {
                break;
            }
            let results = calls.iter().map(|id| result(id, 10 + turn));
            request.messages.extend(results);
            request.tool_choice = ToolChoice::Auto;
        }
    }
    rows
}

async fn read_so_far(llama: &Llama) -> u64 {
    let total = wire::metric(&llama.process.origin, "llamacpp:prompt_tokens_total").await;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    let total = total as u64;
    total
}
