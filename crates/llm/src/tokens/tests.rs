#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::catalog::Catalog;
use crate::message::Message;
use crate::records::ShortMemory;

fn model() -> Model {
    let config = serde_json::json!({"models": {"providers": {"box": {
        "baseUrl": "http://127.0.0.1:9/v1", "models": [{"id": "m", "name": "M"}],
    }}}});
    let config = serde_json::from_value(config).unwrap();
    Catalog::new(&config, &[]).resolve("box/m").unwrap()
}

/// A prompt of about so many tokens.
fn prompt(tokens: usize) -> Request {
    Request {
        messages: vec![Message::user("word".repeat(tokens - 4), 0)],
        ..Request::default()
    }
}

fn usage(input: u64) -> Usage {
    Usage {
        input,
        ..Usage::default()
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

async fn estimated(counter: &TokenCounter) -> u64 {
    counter.estimate(&model(), &prompt(1000)).await.tokens
}

#[test]
fn estimates_come_near_to_what_is_reported_and_are_remembered() {
    run(async {
        let records: Arc<ShortMemory> = Arc::default();
        let counter = TokenCounter::new(Arc::clone(&records) as Arc<dyn Records>);
        assert_eq!(estimated(&counter).await, 1000);
        let learn = async |reported| {
            let usage = usage(reported);
            counter.learn(&model(), &prompt(1000), &usage).await;
        };
        learn(1500).await;
        assert_eq!(estimated(&counter).await, 1500);
        learn(1600).await;
        assert_eq!(estimated(&counter).await, 1530);
        let again = TokenCounter::new(Arc::clone(&records) as Arc<dyn Records>);
        assert_eq!(estimated(&again).await, 1500, "2 % is not worth saving");
        for _ in 0..3 {
            learn(1600).await;
        }
        assert_eq!(estimated(&counter).await, 1576);
        let again = TokenCounter::new(records);
        assert_eq!(estimated(&again).await, 1576, "5 % is");
    });
}

#[test]
fn what_says_nothing_about_text_is_not_learned_from() {
    run(async {
        let counter = TokenCounter::new(Arc::new(ShortMemory::default()));
        for (tokens, reported) in [(100, 300), (1000, 0), (1000, 100), (1000, 9000)] {
            let usage = usage(reported);
            counter.learn(&model(), &prompt(tokens), &usage).await;
        }
        assert_eq!(estimated(&counter).await, 1000);
    });
}

#[test]
fn records_that_make_no_sense_are_ignored() {
    for json in ["", "{}", r#"{"factor":1e9}"#, r#"{"factor":-1}"#, "[9]"] {
        run(async {
            let records = ShortMemory::default();
            records.save(TOKENS, &key(&model()), json.to_owned()).await;
            let counter = TokenCounter::new(Arc::new(records));
            assert_eq!(estimated(&counter).await, 1000, "{json}");
        });
    }
}

#[test]
fn an_answered_prompt_has_the_tokens_that_were_reported() {
    run(async {
        let counter = TokenCounter::new(Arc::new(ShortMemory::default()));
        let told = async |api, reported| {
            let model = Model { api, ..model() };
            let usage = usage(reported);
            counter.answered(&model, &prompt(1000), &usage).await
        };
        let count = |tokens, source| TokenCount { tokens, source };
        let api = Api::OpenAiCompletions;
        assert_eq!(told(api, 7).await, count(7, CountSource::Server));
        assert_eq!(told(api, 0).await, count(1000, CountSource::Estimate));
        let engine = told(Api::Engine, 7).await;
        assert_eq!(engine, count(7, CountSource::Vocabulary));
    });
}

proptest! {
    #[test]
    fn whatever_is_reported_an_estimate_grows_with_the_prompt_and_is_never_nothing(
        reports in prop::collection::vec((1usize..3000, any::<u64>()), 0..20),
        (short, long) in (5usize..2000, 5usize..2000),
    ) {
        run(async {
            let counter = TokenCounter::new(Arc::new(ShortMemory::default()));
            for (tokens, reported) in reports {
                let usage = usage(reported);
                counter.learn(&model(), &prompt(tokens + 4), &usage).await;
            }
            let of = async |tokens| counter.estimate(&model(), &prompt(tokens)).await.tokens;
            let (less, more) = (of(short.min(long)).await, of(short.max(long)).await);
            prop_assert!(0 < less && less <= more);
            prop_assert!(more <= 4 * short.max(long) as u64 + 1);
            Ok(())
        })?;
    }
}
