//! Whoever stops listening frees the model.

use std::sync::Arc;
use std::time::Duration;

use moltbot_llm::{Api, Backend, Credentials, Event, HttpBackend};
use tokio::sync::mpsc;

use crate::installed::Installed;
use crate::llama::{Llama, Options};
use crate::served::{APIS, Served};
use crate::talk::question;
use crate::wire;

/// More tokens than are generated while a test looks away.
const LONG: u64 = 12_000;

async fn is_busy(served: &Served) -> bool {
    let slots = wire::get_json(&served.origin, "/slots").await;
    slots[0]["is_processing"].as_bool().unwrap()
}

/// Asks for something endless and stops listening at the first word.
async fn stop_at_the_first_word(served: &Served) {
    let (told, mut words) = mpsc::unbounded_channel();
    let model = served.model();
    let asked = tokio::spawn(async move {
        let backend = HttpBackend::new(Arc::new(Credentials::default()));
        let request = question("Count from one to ten thousand, in words.", LONG);
        let mut events = |event| {
            if let Event::Text(_) = event {
                let _ = told.send(());
            }
        };
        backend.stream(&model, &request, &mut events).await
    });
    words.recv().await.expect("a first word");
    assert!(is_busy(served).await);
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn dropping_a_request_frees_the_slot() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let options = Options {
        context: LONG + 1000,
        ..Options::default()
    };
    let Some(llama) = Llama::start(&installed, options).await else {
        return;
    };
    for api in APIS {
        let served = llama.served(api);
        stop_at_the_first_word(&served).await;
        while is_busy(&served).await {
            // Nothing tells that a slot is free but asking.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // The slot did not just come to its end by itself.
    let generated = wire::metric(&llama.process.origin, "llamacpp:tokens_predicted_total").await;
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let at_most = LONG as f64;
    assert!(generated < at_most, "{generated} tokens");
    let served = llama.served(Api::OpenAiCompletions);
    let outcome = served.ask("plain", &question("Say hello.", 8)).await;
    assert!(!outcome.text().is_empty());
}
