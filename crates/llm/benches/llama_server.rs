//! Ten turns with tools against a real llama-server: what it read, what it took from its cache, what was new.
//!
//! `scripts/install-test-servers model llama-server`, then
//! `MOLTBOT_TEST_SERVERS=target/test-servers cargo bench -p moltbot-llm --bench llama_server`. The test target `servers`
//! holds the same ten turns to account.
//!
//! With llama.cpp b11434 and SmolLM2-135M, in each of the three dialects: of 17,031 prompt tokens in 20 requests 859 were
//! read, 840 of them new. Each request but the first read one token that was known: the last that the model had generated,
//! which llama.cpp does not read until it goes on from there.

#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(dead_code, reason = "shared with the tests, which do more")]

#[path = "../tests/llm/fixture.rs"]
mod fixture;
#[path = "../tests/servers/installed.rs"]
mod installed;
#[path = "../tests/servers/llama.rs"]
mod llama;
#[path = "../tests/servers/process.rs"]
mod process;
#[path = "../tests/servers/served.rs"]
mod served;
#[path = "../tests/servers/talk.rs"]
mod talk;
#[path = "../tests/servers/ten_turns.rs"]
mod ten_turns;
#[path = "../tests/servers/wire.rs"]
mod wire;

use installed::Installed;
use llama::{Llama, Options};

fn main() {
    // `cargo test --benches` runs it too, without this flag; there is nothing to measure then.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let Some(installed) = Installed::find() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(report(&installed));
}

async fn report(installed: &Installed) {
    let options = Options {
        context: 4096,
        ..Options::default()
    };
    for api in served::APIS {
        // A fresh one each time: nothing is cached yet.
        let Some(llama) = Llama::start(installed, options.clone()).await else {
            return;
        };
        let rows = ten_turns::run(&llama, api).await;
        println!("{api}");
        println!("turn  brings  prompt tokens  cache_n  prompt_n  new tokens  read again");
        for row in &rows {
            let brings = if row.called { "call" } else { "answer" };
            let (turn, prompt, cached) = (row.turn, row.prompt, row.cached);
            let (read, new, again) = (row.read, row.new, row.read_again());
            println!(
                "{turn:4}  {brings:6}  {prompt:13}  {cached:7}  {read:8}  {new:10}  {again:10}"
            );
        }
        let sum = |figure: fn(&ten_turns::Row) -> u64| rows.iter().map(figure).sum::<u64>();
        println!(
            "In all {} prompt tokens, of which {} were read and {} were new.\n",
            sum(|row| row.prompt),
            sum(|row| row.read),
            sum(|row| row.new)
        );
    }
}
