//! What failed is left alone for a while; recovery is found by one request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use moltbot_llm::{
    Answer, Api, AssistantMessage, AssistantPart, Backend, Backends, CooldownPolicy, Event,
    EventSink, Failing, Failure, FailureClass, Knowledge, Ladder, LadderError, Model, Reply,
    Request, ShortMemory, StopReason, Usage,
};
use moltbot_testkit::{Part, Script, ScriptedServer, Step, When, error, openai_chat};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use crate::fixture::{config, hi, ladder, provider};

const START: u64 = 1_800_000_000_000;

/// What each request to a model comes to.
type Plays = dyn Fn(&Model) -> Option<FailureClass> + Send + Sync;

/// Models that answer or fail after a second, without a network.
struct Stage {
    plays: Box<Plays>,
    retry_after: Option<Duration>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Stage {
    fn new(plays: impl Fn(&Model) -> Option<FailureClass> + Send + Sync + 'static) -> Self {
        Self {
            plays: Box::new(plays),
            retry_after: None,
            asked: Mutex::default(),
        }
    }

    /// How often a provider was asked since the last time.
    fn asked(&self, provider: &str) -> usize {
        self.asked.lock().unwrap().remove(provider).unwrap_or(0)
    }
}

#[async_trait]
impl Backend for Stage {
    async fn stream(
        &self,
        model: &Model,
        _: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let provider = model.reference.provider.clone();
        *self.asked.lock().unwrap().entry(provider).or_default() += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(class) = (self.plays)(model) {
            return Err(Failure {
                status: Some(500),
                retry_after: self.retry_after,
                took: Duration::from_secs(1),
                ..Failure::new(class, model, "as it was told")
            });
        }
        events(Event::Text("Hello.".to_owned()));
        Ok(Reply {
            message: AssistantMessage {
                content: vec![AssistantPart::Text {
                    text: "Hello.".to_owned(),
                }],
                api: String::new(),
                provider: model.reference.provider.clone(),
                model: model.reference.model.clone(),
                usage: Usage::default(),
                stop_reason: StopReason::Stop,
                error_message: None,
                timestamp: 0,
            },
            served_by: None,
        })
    }
}

/// Knowledge whose clock is tokio's, which the test stops and moves.
fn knowledge(records: &Arc<ShortMemory>, begun: Instant) -> Arc<Knowledge> {
    let clock = move || START + u64::try_from(begun.elapsed().as_millis()).unwrap();
    Arc::new(Knowledge::with_cooldowns(
        Arc::clone(records) as _,
        CooldownPolicy::default(),
        Arc::new(clock),
    ))
}

fn hosted(name: &str) -> Model {
    let entry = provider(
        &format!("https://{name}.example.com/v1"),
        Api::OpenAiCompletions,
        json!({}),
        json!({}),
    );
    let config = config(json!({"models": {"providers": {name: entry}}}));
    moltbot_llm::Catalog::new(&config, &[])
        .resolve(&format!("{name}/m"))
        .unwrap()
}

struct House {
    stage: Arc<Stage>,
    knowledge: Arc<Knowledge>,
    rungs: Vec<Model>,
}

impl House {
    fn new(stage: Stage, rungs: &[&str]) -> Self {
        Self {
            stage: Arc::new(stage),
            knowledge: knowledge(&Arc::default(), Instant::now()),
            rungs: rungs.iter().map(|name| hosted(name)).collect(),
        }
    }

    async fn ask(&self) -> (Result<Answer, LadderError>, Vec<Event>) {
        let backends = Backends::new(
            Arc::clone(&self.stage) as _,
            None,
            Arc::clone(&self.knowledge),
        );
        let mut events = Vec::new();
        let ladder = Ladder::new(backends, self.rungs.clone());
        let result = ladder.run(&hi(), &mut |event| events.push(event)).await;
        (result, events)
    }
}

fn down_until(since: Instant, end: Duration) -> impl Fn(&Model) -> Option<FailureClass> {
    move |model| {
        let down = model.reference.provider == "first" && since.elapsed() < end;
        down.then_some(FailureClass::Overloaded)
    }
}

#[tokio::test(start_paused = true)]
async fn recovery_is_found_by_one_of_fifty_requests() {
    let begun = Instant::now();
    let stage = Stage::new(down_until(begun, Duration::from_secs(30)));
    let house = House::new(stage, &["first", "second"]);

    // All fifty are under way when it fails: that is one failure, and one minute of rest.
    let crowd = || async {
        let requests = (0..50).map(|_| house.ask());
        let mut served = Vec::new();
        let mut requests: Vec<_> = requests.map(Box::pin).collect();
        // All are polled by one task, in turns.
        std::future::poll_fn(|context| {
            requests.retain_mut(|request| match request.as_mut().poll(context) {
                std::task::Poll::Ready((result, _)) => {
                    served.push(result.unwrap().model.provider);
                    false
                }
                std::task::Poll::Pending => true,
            });
            match requests.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        served.retain(|provider| provider == "first");
        served.len()
    };
    assert_eq!(crowd().await, 0);
    assert_eq!(house.stage.asked("first"), 50);
    assert_eq!(house.knowledge.cooldowns().list().await[0].failures, 1);

    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(crowd().await, 0, "it rests");
    assert_eq!(house.stage.asked("first"), 0);

    // The rest has passed, and it works again; one request finds that out.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(crowd().await, 1);
    assert_eq!(house.stage.asked("first"), 1);
    assert_eq!(house.knowledge.cooldowns().list().await, []);

    assert_eq!(crowd().await, 50);
    assert_eq!(house.stage.asked("first"), 50);
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_makes_the_rest_longer() {
    let stage = Stage::new(down_until(Instant::now(), Duration::MAX));
    let house = House::new(stage, &["first", "second"]);
    for minutes in [1, 5, 25, 60, 60] {
        let (result, _) = house.ask().await;
        assert_eq!(result.unwrap().failed[0].failure.cooling, None);
        let all = house.knowledge.cooldowns().list().await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].until - all[0].failed_at, minutes * 60_000);
        assert_eq!(house.stage.asked("first"), 1);
        tokio::time::sleep(Duration::from_secs(minutes * 60 - 2)).await;
        house.ask().await.0.unwrap();
        assert_eq!(house.stage.asked("first"), 0);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    // A day later it counts from one again.
    tokio::time::sleep(Duration::from_secs(25 * 3600)).await;
    house.ask().await.0.unwrap();
    assert_eq!(house.knowledge.cooldowns().list().await[0].failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rung_left_alone_is_named_and_no_switch_is_announced() {
    let stage = Stage::new(down_until(Instant::now(), Duration::MAX));
    let house = House::new(stage, &["first", "second"]);
    let (_, events) = house.ask().await;
    let switched = |event: &&Event| matches!(event, Event::NextModel { .. });
    assert_eq!(events.iter().filter(switched).count(), 1);

    let (result, events) = house.ask().await;
    let answer = result.unwrap();
    assert_eq!(events.iter().filter(switched).count(), 0);
    assert_eq!(answer.model.provider, "second");
    let [attempt] = answer.failed.as_slice() else {
        panic!("{:?}", answer.failed)
    };
    assert_eq!(attempt.failure.class, FailureClass::Overloaded);
    assert_eq!(attempt.failure.cooling, Some(Duration::from_secs(59)));
    let text = attempt.failure.to_string();
    assert!(text.contains("is cooling down for another 59 s"), "{text}");
    assert!(text.contains("overloaded: as it was told"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn where_everything_rests_the_soonest_to_recover_is_asked_first() {
    let begun = Instant::now();
    let down = move |model: &Model| {
        let first = model.reference.provider == "first";
        match begun.elapsed() < Duration::from_secs(10) {
            true if first => Some(FailureClass::Billing),
            true => Some(FailureClass::Overloaded),
            false => None,
        }
    };
    let house = House::new(Stage::new(down), &["first", "second"]);
    let (result, _) = house.ask().await;
    assert_eq!(result.unwrap_err().attempts.len(), 2);
    assert_eq!(house.knowledge.cooldowns().list().await.len(), 2);
    assert_eq!(
        (house.stage.asked("first"), house.stage.asked("second")),
        (1, 1)
    );

    tokio::time::sleep(Duration::from_secs(10)).await;
    let (result, _) = house.ask().await;
    let answer = result.unwrap();
    assert_eq!(
        answer.model.provider, "second",
        "five hours against one minute"
    );
    let failed: Vec<_> = answer
        .failed
        .iter()
        .map(|a| a.model.provider.as_str())
        .collect();
    assert_eq!(failed, ["first"]);
    assert_eq!(
        (house.stage.asked("first"), house.stage.asked("second")),
        (0, 1)
    );
    let left = house.knowledge.cooldowns().list().await;
    assert_eq!(left.len(), 1, "the success is remembered: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_thrown_away_lets_the_next_one_try() {
    let stage = Stage::new(down_until(Instant::now(), Duration::from_secs(30)));
    let house = House::new(stage, &["first", "second"]);
    house.ask().await.0.unwrap();
    tokio::time::sleep(Duration::from_secs(70)).await;
    let half = tokio::time::timeout(Duration::from_millis(500), house.ask()).await;
    assert!(half.is_err(), "it takes a second");
    assert_eq!(house.ask().await.0.unwrap().model.provider, "first");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_for_wins() {
    let mut stage = Stage::new(down_until(Instant::now(), Duration::MAX));
    stage.retry_after = Some(Duration::from_secs(7));
    let house = House::new(stage, &["first", "second"]);
    house.ask().await.0.unwrap();
    let all = house.knowledge.cooldowns().list().await;
    assert_eq!(all[0].until - all[0].failed_at, 7_000);
}

#[tokio::test(start_paused = true)]
async fn another_process_sees_it_and_ends_it() {
    let records = Arc::<ShortMemory>::default();
    let begun = Instant::now();
    let stage = Stage::new(down_until(Instant::now(), Duration::MAX));
    let mut house = House::new(stage, &["first", "second"]);
    house.knowledge = knowledge(&records, begun);
    house.ask().await.0.unwrap();
    house.stage.asked("first");

    let here = std::mem::replace(&mut house.knowledge, knowledge(&records, begun));
    house.ask().await.0.unwrap();
    assert_eq!(house.stage.asked("first"), 0, "it was read");
    assert_eq!(house.knowledge.cooldowns().reset(|_| true).await, 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    house.knowledge = here;
    house.ask().await.0.unwrap();
    assert_eq!(house.stage.asked("first"), 1, "the reset was seen");
}

#[tokio::test]
async fn five_ways_of_failing_lead_to_the_rung_that_answers() {
    let chat = || When::post("/v1/chat/completions");
    let script = |reply| async { ScriptedServer::start(Script::new().on(chat(), reply)).await };
    let said = openai_chat(&[Part::Text("I was about to say")]);
    let off = script(error(500, "")).await;
    off.shutdown();
    let locked = script(error(401, "{\"error\":{\"message\":\"Who are you?\"}}")).await;
    let busy =
        script(error(429, "{\"error\":{\"message\":\"Slow down.\"}}").header("Retry-After", "30"))
            .await;
    let stuck = script(moltbot_testkit::Reply::stream().before_head(Step::Hang)).await;
    let cut = script(said.stream().after_frames(3, Step::Cut)).await;
    let good = script(openai_chat(&[Part::Text("Hello.")]).stream()).await;
    let api = Api::OpenAiCompletions;
    let at = |server: &ScriptedServer, fields| provider(&server.base_url(), api, fields, json!({}));
    let ladder = ladder(json!({
        "models": {"providers": {
            "off": at(&off, json!({})),
            "locked": at(&locked, json!({"apiKey": "key-of-the-second-one"})),
            "busy": at(&busy, json!({})),
            "stuck": at(&stuck, json!({"timeoutSeconds": 1})),
            "cut": at(&cut, json!({})),
            "good": at(&good, json!({})),
        }},
        "agents": {"defaults": {"model": {
            "primary": "off/m", "fallbacks": ["locked/m", "busy/m", "stuck/m", "cut/m", "good/m"],
        }}},
    }));
    let mut shown = String::new();
    let mut events = |event| match event {
        Event::Text(text) => shown.push_str(&text),
        Event::NextModel { .. } | Event::Again { .. } => shown.clear(),
        _ => {}
    };
    let answer = ladder.run(&hi(), &mut events).await.unwrap();
    assert_eq!(answer.model.to_string(), "good/m");
    assert_eq!(answer.reply.message.text(), "Hello.");
    assert_eq!(shown, "Hello.");
    let failed: Vec<_> = answer.failed.iter().map(|a| a.failure.class).collect();
    assert_eq!(
        failed,
        [
            FailureClass::Unreachable,
            FailureClass::Auth,
            FailureClass::RateLimit,
            FailureClass::Timeout,
            FailureClass::StreamCut,
        ]
    );
    assert!(answer.failed[4].failure.after_text);

    // The next request goes past what is known to take long or to be refused, and tries what costs nothing.
    let answer = ladder.run(&hi(), &mut |_| {}).await.unwrap();
    let cooling: Vec<_> = answer
        .failed
        .iter()
        .filter(|attempt| attempt.failure.cooling.is_some())
        .map(|attempt| attempt.model.to_string())
        .collect();
    assert_eq!(cooling, ["locked/m", "stuck/m"]);
    assert_eq!((locked.requests().len(), stuck.requests().len()), (1, 1));
}

/// Providers of the property test, hosted or not.
fn classes() -> impl Strategy<Value = FailureClass> {
    let all = [
        "unreachable",
        "timeout",
        "auth",
        "billing",
        "rate_limit",
        "overloaded",
        "server_error",
        "model_loading",
        "model_unavailable",
        "wrong_endpoint",
        "stream_cut",
        "empty_reply",
        "reasoning_only",
        "output_exhausted",
        "bad_model_output",
        "bad_reply",
        "context_overflow",
        "output_budget",
        "tools_unsupported",
        "schema_unsupported",
        "template_rejected",
        "param_rejected",
        "history_rejected",
        "bad_request",
    ];
    let read = |name: &str| serde_json::from_value::<FailureClass>(json!(name)).unwrap();
    proptest::sample::select(all.map(read).to_vec())
}

proptest! {
    #[test]
    fn a_rest_is_bounded_and_never_shrinks(
        class in classes(),
        local: bool,
        failures in 1_u32..50,
        asked in proptest::option::of(0_u64..1_000_000),
        took in 0_u64..600,
        hours in 0.0_f64..100.0,
    ) {
        let policy = CooldownPolicy::from_config(&config(json!({
            "auth": {"cooldowns": {"billingBackoffHoursByProvider": {"Z.AI": hours}}},
        })));
        let failing = |failures| Failing {
            provider: "zai",
            class,
            local,
            failures,
            retry_after: asked.map(Duration::from_secs),
            took: Duration::from_secs(took),
        };
        let day = Duration::from_secs(24 * 3600);
        let (now, next) = (policy.rest(&failing(failures)), policy.rest(&failing(failures + 1)));
        prop_assert_eq!(now.is_some(), next.is_some(), "whether it rests is not a matter of how often");
        prop_assert!(now <= next);
        prop_assert!(now <= Some(day));
        if let (Some(rest), Some(asked)) = (now, asked) {
            prop_assert_eq!(rest, Duration::from_secs(asked).clamp(Duration::from_secs(1), day));
        }
        let busy = matches!(
            class,
            FailureClass::Overloaded | FailureClass::RateLimit | FailureClass::ModelLoading
        );
        prop_assert!(!(local && busy && now.is_some()), "a busy local server is waited for");
        let about_the_request = !matches!(
            class,
            FailureClass::Unreachable | FailureClass::Timeout | FailureClass::Auth
                | FailureClass::Billing | FailureClass::RateLimit | FailureClass::Overloaded
                | FailureClass::ServerError | FailureClass::ModelLoading
                | FailureClass::ModelUnavailable
        );
        prop_assert!(!(about_the_request && now.is_some()));
        prop_assert_eq!(serde_json::to_value(class).unwrap(), json!(class.as_str()));
    }
}

#[test]
fn rests_are_those_of_the_settings() {
    let policy =
        |cooldowns| CooldownPolicy::from_config(&config(json!({"auth": {"cooldowns": cooldowns}})));
    let rest = |policy: &CooldownPolicy, class, local, failures, took| {
        let failing = Failing {
            provider: "box",
            class,
            local,
            failures,
            retry_after: None,
            took: Duration::from_millis(took),
        };
        policy.rest(&failing).map(|rest| rest.as_secs())
    };
    let hour = 3600;
    let default = policy(json!({}));
    let billing = |policy: &CooldownPolicy| {
        [1, 2, 3, 4].map(|n| rest(policy, FailureClass::Billing, false, n, 0).unwrap() / hour)
    };
    assert_eq!(billing(&default), [5, 10, 20, 24]);
    assert_eq!(
        billing(&policy(
            json!({"billingBackoffHours": 1, "billingMaxHours": 3})
        )),
        [1, 2, 3, 3]
    );
    let one = json!({"billingBackoffHours": 1, "billingBackoffHoursByProvider": {"BOX": 7}});
    assert_eq!(billing(&policy(one)), [7, 14, 24, 24]);
    assert_eq!(
        policy(json!({"failureWindowHours": 0.5})).window,
        Duration::from_secs(1800)
    );
    for (class, local, took, expected) in [
        (FailureClass::Unreachable, false, 20, None),
        (FailureClass::Unreachable, true, 5000, Some(30)),
        (FailureClass::Auth, true, 20, Some(60)),
        (FailureClass::Timeout, true, 0, Some(30)),
        (FailureClass::Timeout, false, 0, Some(60)),
        (FailureClass::ModelUnavailable, true, 0, None),
    ] {
        assert_eq!(rest(&default, class, local, 1, took), expected, "{class:?}");
    }
    assert_eq!(
        rest(&default, FailureClass::Unreachable, true, 9, 5000),
        Some(300)
    );
}
