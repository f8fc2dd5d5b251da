//! Models as an owner configures them, and asking them.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_config::schema::Config;
use moltbot_llm::{
    Api, Backend, Backends, Catalog, Credentials, Decoder, Event, Failure, HttpBackend, Knowledge,
    Ladder, Message, Model, Phase, Reply, Request, over_http_at_once,
};
use serde_json::{Value, json};

/// A key that must never be seen but in the one header it belongs in.
pub(crate) const KEY: &str = "key-0123456789abcdef0123456789abcdef";

/// The salt of generated call ids, where a test gives one.
pub(crate) const SALT: u64 = 7;

pub(crate) fn config(json: Value) -> Config {
    serde_json::from_value(json).unwrap()
}

/// A provider with one model `m`; `provider` and `model` are further fields of each.
pub(crate) fn provider(base_url: &str, api: Api, provider: Value, model: Value) -> Value {
    let with = |mut base: Value, extra: Value| {
        let fields = extra.as_object().unwrap().clone();
        base.as_object_mut().unwrap().extend(fields);
        base
    };
    let model = with(json!({"id": "m", "name": "M"}), model);
    let base = json!({"baseUrl": base_url, "api": api.as_str(), "models": [model]});
    with(base, provider)
}

/// The model `box/m` at this address in this dialect; `fields` are further fields of the model.
pub(crate) fn model_with(base_url: &str, api: Api, fields: Value) -> Model {
    let entry = provider(base_url, api, json!({}), fields);
    let config = config(json!({"models": {"providers": {"box": entry}}}));
    Catalog::new(&config, &[]).resolve("box/m").unwrap()
}

pub(crate) fn model_at(base_url: &str, api: Api) -> Model {
    model_with(base_url, api, json!({}))
}

/// A model that nobody is asked through: for decoding and encoding alone.
pub(crate) fn model(api: Api) -> Model {
    model_at("http://127.0.0.1:9", api)
}

pub(crate) fn hi() -> Request {
    Request {
        messages: vec![Message::user("hi", 0)],
        ..Request::default()
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    pub(crate) result: Result<Reply, Failure>,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn reply(&self) -> &Reply {
        match &self.result {
            Ok(reply) => reply,
            Err(failure) => panic!("no reply but {:?}: {failure}", failure.class),
        }
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        match &self.result {
            Ok(reply) => panic!("no failure but {reply:?}"),
            Err(failure) => failure,
        }
    }

    pub(crate) fn text(&self) -> String {
        self.reply().message.text()
    }

    pub(crate) fn thinking(&self) -> String {
        self.reply().message.thinking()
    }

    /// Name and arguments of each call.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<(&str, &str)> {
        let calls = self.reply().message.tool_calls();
        calls
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .collect()
    }

    /// The ids of the calls.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let calls = self.reply().message.tool_calls();
        calls.map(|call| call.id.as_str()).collect()
    }

    /// The events of the answer itself, phases left aside.
    pub(crate) fn words(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.retain(|event| !matches!(event, Event::Phase(_)));
        events
    }
}

/// Feeds a decoder as the HTTP backend does.
pub(crate) fn decode<'a>(
    model: &Model,
    request: &Request,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = Decoder::new(model, request, SALT);
    let mut events = Vec::new();
    for chunk in chunks {
        if decoder.is_over() {
            break;
        }
        events.extend(decoder.feed(chunk));
    }
    let result = decoder.finish(&mut events);
    Outcome { events, result }
}

/// Decodes a whole body that answers [`hi`].
pub(crate) fn read(api: Api, body: &str) -> Outcome {
    decode(&model(api), &hi(), [body.as_bytes()])
}

/// An event-stream frame.
pub(crate) fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// Asks a model over HTTP, with no key.
pub(crate) async fn ask(model: &Model, request: &Request) -> Outcome {
    let mut events = Vec::new();
    let result = HttpBackend::new(Arc::new(Credentials::default()))
        .stream(model, request, &mut |event| events.push(event))
        .await;
    assert_eq!(
        events.first(),
        Some(&Event::Phase(Phase::Waiting)),
        "waiting is announced first"
    );
    Outcome { events, result }
}

/// The ladder that a config gives its default agent.
pub(crate) fn ladder(json: Value) -> Ladder {
    let config = config(json);
    let credentials = Credentials::new(&config, &BTreeMap::new(), None);
    let (rungs, left_out) = Catalog::new(&config, &[]).chain(None, None, false).unwrap();
    assert!(left_out.is_empty(), "{left_out:?}");
    over(credentials, rungs)
}

/// The ladder over these models, without an engine.
pub(crate) fn over(credentials: Credentials, rungs: Vec<Model>) -> Ladder {
    let knowledge = Arc::new(Knowledge::default());
    // Nobody is waited for: what a ladder does comes after that.
    let http = over_http_at_once(Arc::new(credentials), Arc::clone(&knowledge));
    Ladder::new(Backends::new(http, None, knowledge), rungs)
}
