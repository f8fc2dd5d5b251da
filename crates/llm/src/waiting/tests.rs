#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::catalog::Catalog;
use crate::message::{AssistantMessage, StopReason, Usage};

/// The model `box/m` at this base URL.
fn model(base_url: &str) -> Model {
    let config = serde_json::json!({"models": {"providers": {"box": {
        "baseUrl": base_url, "api": "openai-completions", "models": [{"id": "m", "name": "M"}],
    }}}});
    let config = serde_json::from_value(config).unwrap();
    Catalog::new(&config, &[]).resolve("box/m").unwrap()
}

fn local() -> Model {
    model("http://127.0.0.1:9/v1")
}

fn hosted() -> Model {
    model("https://api.example.com/v1")
}

fn refusal(model: &Model, class: FailureClass, retry_after: Option<u64>) -> Failure {
    Failure {
        retry_after: retry_after.map(Duration::from_secs),
        ..Failure::new(class, model, "")
    }
}

/// A server that refuses until a time has passed, counted from the first request.
struct Cold {
    until: Duration,
    class: FailureClass,
    retry_after: Option<u64>,
    /// Said before each refusal.
    says: Option<Event>,
    asked: Mutex<Vec<Instant>>,
}

impl Cold {
    fn new(until: u64, class: FailureClass) -> Self {
        Self {
            until: Duration::from_secs(until),
            class,
            retry_after: None,
            says: None,
            asked: Mutex::default(),
        }
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Backend for &Cold {
    async fn stream(
        &self,
        model: &Model,
        _: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let first = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Instant::now());
            asked[0]
        };
        if first.elapsed() < self.until {
            self.says.clone().into_iter().for_each(events);
            return Err(refusal(model, self.class, self.retry_after));
        }
        let message = AssistantMessage {
            content: Vec::new(),
            api: model.api.to_string(),
            provider: model.reference.provider.clone(),
            model: model.reference.model.clone(),
            usage: Usage::default(),
            stop_reason: StopReason::Stop,
            error_message: None,
            timestamp: 0,
        };
        Ok(Reply {
            message,
            served_by: None,
        })
    }
}

/// What came of asking it, the phases seen, and the time that passed.
async fn ask(cold: &Cold, model: &Model) -> (Result<Reply, Failure>, Vec<Phase>, Duration) {
    let started = Instant::now();
    let mut phases = Vec::new();
    let mut sink = |event| {
        if let Event::Phase(phase) = event {
            phases.push(phase);
        }
    };
    let request = Request::default();
    let result = Waiting::new(cold).stream(model, &request, &mut sink).await;
    (result, phases, started.elapsed())
}

const LOADING: Phase = Phase::Loading { fraction: None };

#[tokio::test(start_paused = true)]
async fn a_cold_start_of_three_minutes_succeeds_and_is_seen_as_loading() {
    for model in [local(), model("http://studio.lan:1234/v1")] {
        let cold = Cold::new(180, FailureClass::ModelLoading);
        let (result, phases, waited) = ask(&cold, &model).await;
        assert!(result.is_ok(), "{result:?}");
        assert!(phases.len() > 30 && phases.iter().all(|phase| *phase == LOADING));
        let late = waited - Duration::from_secs(180);
        assert!(late <= LONGEST, "asked again {late:?} after it was ready");
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_loads_goes_up_as_loading() {
    let cold = Cold::new(u64::MAX, FailureClass::ModelLoading);
    let (result, _, waited) = ask(&cold, &local()).await;
    assert_eq!(result.unwrap_err().class, FailureClass::ModelLoading);
    assert!(waited <= Duration::from_secs(600) && waited > Duration::from_secs(590));
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_in_the_house_is_waited_for_and_not_for_ever() {
    for class in [FailureClass::Overloaded, FailureClass::RateLimit] {
        let (result, phases, _) = ask(&Cold::new(60, class), &local()).await;
        assert!(result.is_ok());
        assert!(phases.iter().all(|phase| *phase == Phase::Waiting));
        let (result, _, waited) = ask(&Cold::new(u64::MAX, class), &local()).await;
        assert_eq!(result.unwrap_err().class, class);
        assert!(waited <= Duration::from_secs(120) && waited > Duration::from_secs(110));
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_again_when_it_says_and_at_growing_distances_when_it_says_nothing() {
    let mut cold = Cold::new(20, FailureClass::Overloaded);
    cold.retry_after = Some(7);
    ask(&cold, &local()).await.0.unwrap();
    let times = |cold: &Cold| -> Vec<u128> {
        let asked = cold.asked.lock().unwrap();
        asked
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_millis())
            .collect()
    };
    assert_eq!(times(&cold), [7000, 7000, 7000]);
    let cold = Cold::new(15, FailureClass::Overloaded);
    ask(&cold, &local()).await.0.unwrap();
    assert_eq!(times(&cold), [500, 1000, 2000, 4000, 5000, 5000]);
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_more_than_there_is_to_give_is_left_at_once() {
    for (model, class, retry_after, asked) in [
        (local(), FailureClass::RateLimit, Some(3600), 1),
        (local(), FailureClass::ServerError, None, 1),
        (hosted(), FailureClass::RateLimit, None, 1),
        (hosted(), FailureClass::Overloaded, Some(3), 1),
        (hosted(), FailureClass::ModelLoading, None, 1),
        (hosted(), FailureClass::RateLimit, Some(2), 3),
    ] {
        let mut cold = Cold::new(u64::MAX, class);
        cold.retry_after = retry_after;
        let (result, _, _) = ask(&cold, &model).await;
        assert_eq!(result.unwrap_err().class, class);
        assert_eq!(cold.times_asked(), asked, "{class:?} {retry_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_had_begun_is_not_begun_again() {
    for (event, asked) in [
        (Event::Text("Hi".to_owned()), 1),
        (Event::Thinking("Hm".to_owned()), 1),
        (Event::Phase(Phase::Waiting), 2),
        (Event::Notice("No tools.".to_owned()), 2),
    ] {
        let mut cold = Cold::new(0, FailureClass::Overloaded);
        cold.until = Duration::from_millis(400);
        cold.says = Some(event);
        let (result, _, _) = ask(&cold, &local()).await;
        assert_eq!(result.is_ok(), asked == 2);
        assert_eq!(cold.times_asked(), asked);
    }
}

proptest! {
    #[test]
    fn waiting_ends_whatever_the_server_says(
        is_local in any::<bool>(),
        said in prop::collection::vec((0usize..3, prop::option::of(0u64..90), 0u64..20), 400),
    ) {
        let model = if is_local { local() } else { hosted() };
        let clocks = Clocks::new(is_local, None, 0, None);
        let mut patience = Patience::new(clocks, is_local);
        let classes = [FailureClass::ModelLoading, FailureClass::Overloaded, FailureClass::RateLimit];
        let mut slept = Duration::ZERO;
        let mut gave_up = false;
        for (class, retry_after, asking) in said {
            let failure = refusal(&model, classes[class], retry_after);
            match patience.wait(&failure, Duration::from_secs(asking)) {
                Some(wait) => {
                    prop_assert!(wait.pause >= FIRST);
                    slept += wait.pause;
                }
                None => {
                    gave_up = true;
                    break;
                }
            }
        }
        prop_assert!(gave_up);
        let limit = if is_local { clocks.load + clocks.busy } else { HOSTED * HOSTED_TIMES };
        prop_assert!(slept <= limit);
    }
}
