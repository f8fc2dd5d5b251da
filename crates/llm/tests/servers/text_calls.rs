//! A model that writes its calls as text, past what its server looks for.

use moltbot_llm::Api;

use crate::installed::Installed;
use crate::llama::{Llama, Options};
use crate::talk::{about_weather, ask_for};

#[tokio::test]
async fn a_call_written_as_text_is_a_call() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(weights) = installed.talkative_model() else {
        return;
    };
    let options = Options {
        model: Some((weights, "qwen0.5b")),
        ..Options::default()
    };
    let Some(llama) = Llama::start(&installed, options).await else {
        return;
    };
    let mut request = about_weather(&[]);
    request.messages.push(ask_for(&["London"]));
    for api in [Api::OpenAiCompletions, Api::OpenAiResponses] {
        let outcome = llama.served(api).ask("text_call", &request).await;
        assert_eq!(outcome.calls().len(), 1, "{:?}", outcome.reply());
        assert_eq!(outcome.text(), "");
    }
}
