//! What a server has read, it does not read again.

use moltbot_llm::Api;

use crate::installed::Installed;
use crate::llama::{Llama, Options};
use crate::served::APIS;
use crate::ten_turns::{self, BLOCK};

async fn ten_turns_read_only_what_is_new(api: Api) {
    let Some(installed) = Installed::find() else {
        return;
    };
    let options = Options {
        context: 4096,
        ..Options::default()
    };
    let Some(llama) = Llama::start(&installed, options).await else {
        return;
    };
    let rows = ten_turns::run(&llama, api).await;
    for row in &rows {
        assert_eq!(row.cached + row.read, row.prompt, "{api} {row:?}");
        assert_eq!(row.read, row.read_by_its_metrics, "{api} {row:?}");
        assert!(row.read_again() <= BLOCK, "{api} {row:?} of {rows:#?}");
    }
    let called = rows.iter().filter(|row| row.called).count();
    assert_eq!(called, 10, "a call a turn: {rows:#?}");
}

#[tokio::test]
async fn ten_turns_of_completions() {
    ten_turns_read_only_what_is_new(APIS[0]).await;
}

#[tokio::test]
async fn ten_turns_of_responses() {
    ten_turns_read_only_what_is_new(APIS[1]).await;
}

#[tokio::test]
async fn ten_turns_of_messages() {
    ten_turns_read_only_what_is_new(APIS[2]).await;
}
