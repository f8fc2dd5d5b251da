//! Several credentials of one provider: which is asked with, and what a refusal of one leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_llm::{
    Answer, Api, Backends, Catalog, Credentials, Event, FailureClass, Knowledge, Ladder,
    LadderError, Origin, ProfileState, Records, Request, ShortMemory, over_http,
};
use moltbot_testkit::{Part, Reply, Script, ScriptedServer, When, error, openai_chat};
use serde_json::{Value, json};

use crate::fixture::{config, hi, provider};

fn key(name: &str) -> String {
    format!("key-{name}-0123456789abcdef0123456789abcdef")
}

/// A box with a profile file, and everything needed to ask it again and again.
struct Setup {
    server: ScriptedServer,
    records: Arc<ShortMemory>,
    dir: tempfile::TempDir,
    auth: Value,
}

impl Setup {
    /// A server that greets whoever has one of these keys, and tells the others what `refusal` says.
    async fn new(accepted: &[&str], refusal: Reply) -> Self {
        let chat = || When::post("/v1/chat/completions");
        let mut script = Script::new();
        for name in accepted {
            script = script.on(
                chat().api_key(&key(name)),
                openai_chat(&[Part::Text("Hello.")]),
            );
        }
        let setup = Self {
            server: ScriptedServer::start(script.on(chat(), refusal)).await,
            records: Arc::default(),
            dir: tempfile::tempdir().unwrap(),
            auth: json!({}),
        };
        setup.store(json!({}), &["a", "b", "c"]);
        setup
    }

    /// Writes the profile file with these profiles, each of which has the key of its name.
    fn store(&self, order: Value, names: &[&str]) {
        let profiles: BTreeMap<String, Value> = names
            .iter()
            .map(|name| {
                let entry = json!({"type": "api_key", "provider": "box", "key": key(name)});
                (format!("box:{name}"), entry)
            })
            .collect();
        let file = json!({"version": 1, "profiles": profiles, "order": order});
        std::fs::write(self.dir.path().join("auth-profiles.json"), file.to_string()).unwrap();
    }

    fn config(&self) -> moltbot_config::schema::Config {
        let api = Api::OpenAiCompletions;
        config(json!({
            "auth": self.auth,
            "models": {"providers": {"box": provider(&self.server.base_url(), api, json!({}), json!({}))}},
        }))
    }

    fn credentials(&self) -> Credentials {
        let path = self.dir.path().join("auth-profiles.json");
        Credentials::new(&self.config(), &BTreeMap::new(), Some(path))
    }

    /// Asks as a process does that was just started.
    async fn ask_as(&self, origin: Origin) -> (Result<Answer, LadderError>, Vec<Event>) {
        let knowledge = Arc::new(Knowledge::new(Arc::clone(&self.records) as _));
        let http = over_http(Arc::new(self.credentials()), Arc::clone(&knowledge));
        let model = Catalog::new(&self.config(), &[]).resolve("box/m").unwrap();
        let ladder = Ladder::new(Backends::new(http, None, knowledge), vec![model]);
        let mut events = Vec::new();
        let request = Request { origin, ..hi() };
        let result = ladder.run(&request, &mut |event| events.push(event)).await;
        (result, events)
    }

    async fn ask(&self, session: &str) -> Result<Answer, LadderError> {
        let origin = Origin {
            session: Some(session.to_owned()),
            ..Origin::default()
        };
        self.ask_as(origin).await.0
    }

    /// The names of the keys that requests came with since the last time.
    fn keys(&self, seen: &mut usize) -> String {
        let requests = self.server.requests();
        let names = ["a", "b", "c"];
        let new = requests[*seen..].iter().map(|request| {
            let name = names.iter().find(|name| request.has_api_key(&key(name)));
            *name.unwrap_or(&"-")
        });
        let new = new.collect();
        *seen = requests.len();
        new
    }
}

fn refused() -> Reply {
    error(
        401,
        &json!({"error": {"message": "Incorrect API key.", "code": "invalid_api_key"}}).to_string(),
    )
}

#[tokio::test]
async fn the_key_that_works_is_found_and_kept() {
    let setup = Setup::new(&["c"], refused()).await;
    let mut seen = 0;
    let (answer, events) = setup.ask_as(Origin::default()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.failed, [], "the model has not failed");
    assert_eq!(setup.keys(&mut seen), "abc");
    let voided = |event: &Event| matches!(event, Event::Again { .. } | Event::NextModel { .. });
    assert!(
        !events.iter().any(voided),
        "nothing was shown that would be void"
    );
    // The next process knows which two are refused.
    setup.ask("s").await.unwrap();
    assert_eq!(setup.keys(&mut seen), "c");
}

#[tokio::test]
async fn what_is_kept_holds_no_key() {
    let quoting = error(
        401,
        &json!({"error": {"message": format!("No such key: {}", key("a"))}}).to_string(),
    );
    let setup = Setup::new(&["c"], quoting).await;
    setup.store(json!({}), &["a"]);
    let error = setup.ask("s").await.unwrap_err();
    setup.store(json!({}), &["c"]);
    setup.ask("s").await.unwrap();
    let secret = "0123456789abcdef";
    assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    for kind in [
        "cooldown",
        "credential-use",
        "credential-session",
        "repairs",
    ] {
        let records = setup.records.load(kind).await;
        assert!(!format!("{records:?}").contains(secret), "{records:?}");
    }
    assert_eq!(setup.records.load("cooldown").await.len(), 1);
}

#[tokio::test]
async fn sessions_take_turns_and_stay_with_theirs() {
    let setup = Setup::new(&["a", "b", "c"], refused()).await;
    let mut seen = 0;
    for session in ["one", "two", "three", "two", "one", "one", "three"] {
        setup.ask(session).await.unwrap();
        // Turns go by the millisecond of the last use.
        let used = std::time::SystemTime::now();
        while used.elapsed().unwrap().as_millis() < 2 {
            std::thread::yield_now();
        }
    }
    assert_eq!(setup.keys(&mut seen), "abcbaac");
}

#[tokio::test]
async fn an_order_that_the_owner_set_is_kept_to() {
    let mut setup = Setup::new(&["a", "b", "c"], refused()).await;
    setup.auth = json!({"order": {"Box": ["box:b", "box:gone", "box:a"]}});
    let mut seen = 0;
    setup.ask("one").await.unwrap();
    setup.ask("two").await.unwrap();
    assert_eq!(setup.keys(&mut seen), "bb");
    // The file's own order goes before.
    setup.store(json!({"box": ["box:c"]}), &["a", "b", "c"]);
    setup.ask("three").await.unwrap();
    assert_eq!(setup.keys(&mut seen), "c");
    assert_eq!(
        setup.credentials().order("box"),
        (vec!["box:c".to_owned()], true)
    );
}

#[tokio::test]
async fn a_profile_that_the_person_chose_is_the_only_one() {
    let setup = Setup::new(&["a", "c"], refused()).await;
    let mut seen = 0;
    let chosen = |id: &str| Origin {
        profile: Some(id.to_owned()),
        ..Origin::default()
    };
    setup.ask_as(chosen("box:c")).await.0.unwrap();
    assert_eq!(setup.keys(&mut seen), "c");
    let error = setup.ask_as(chosen("box:b")).await.0.unwrap_err();
    assert_eq!(error.last().unwrap().class, FailureClass::Auth);
    assert_eq!(setup.keys(&mut seen), "b", "no other is tried");
    // The model itself is not left alone for it.
    setup.ask("s").await.unwrap();
    assert_eq!(setup.keys(&mut seen), "a");
    // One that is gone, or another provider's, is no choice.
    setup.ask_as(chosen("elsewhere:x")).await.0.unwrap();
}

#[tokio::test]
async fn where_all_are_refused_they_are_left_alone_until_nothing_else_is_left() {
    let setup = Setup::new(&[], refused()).await;
    let mut seen = 0;
    let error = setup.ask("s").await.unwrap_err();
    assert_eq!(error.attempts.len(), 1);
    assert_eq!(setup.keys(&mut seen), "abc");
    // There is no other model: one of them is tried after all.
    let error = setup.ask("s").await.unwrap_err();
    assert_eq!(setup.keys(&mut seen), "a");
    assert_eq!(error.last().unwrap().cooling, None);
    // A new key is not held responsible for the old one.
    setup.server.set_script(Script::new().on(
        When::post("/v1/chat/completions").api_key(&key("d")),
        openai_chat(&[Part::Text("Hello.")]),
    ));
    let profiles = json!({"box:a": {"type": "api_key", "provider": "box", "key": key("d")}});
    let file = json!({"profiles": profiles}).to_string();
    std::fs::write(setup.dir.path().join("auth-profiles.json"), file).unwrap();
    assert_eq!(setup.ask("s").await.unwrap().failed, []);
}

#[test]
fn profiles_are_told_apart_by_what_they_are_good_for() {
    let dir = tempfile::tempdir().unwrap();
    let (own, main) = (dir.path().join("own.json"), dir.path().join("main.json"));
    let soon = 4_000_000_000_000_u64;
    let file = json!({"profiles": {
        "box:key": {"type": "api_key", "provider": "Box", "key": key("own")},
        "box:old": {"type": "token", "provider": "box", "token": "t", "expires": 1},
        "box:login": {"type": "oauth", "provider": "box", "access": key("access"), "refresh": "r", "expires": soon},
        "box:empty": {"type": "api_key", "provider": "box", "key": " "},
        "box:odd": {"type": "api_key", "provider": "box", "key": key("odd")},
        "box:broken": {"type": "api_key"},
    }});
    std::fs::write(&own, file.to_string()).unwrap();
    let inherited = json!({"profiles": {
        "box:key": {"type": "api_key", "provider": "box", "key": key("main")},
        "other:key": {"type": "token", "provider": "other", "token": key("token")},
    }});
    std::fs::write(&main, inherited.to_string()).unwrap();
    let declared = |id: &str, mode: &str| (id.to_owned(), json!({"provider": "box", "mode": mode}));
    let profiles: BTreeMap<_, _> = [
        declared("box:key", "api_key"),
        declared("box:old", "oauth"),
        declared("box:login", "oauth"),
        declared("box:empty", "api_key"),
        declared("box:odd", "token"),
    ]
    .into();
    let config = config(json!({"auth": {"profiles": profiles}}));
    let credentials = Credentials::new(&config, &BTreeMap::new(), Some(own)).inheriting(main);
    let states: Vec<_> = credentials
        .profiles()
        .map(|profile| (profile.id.as_str(), credentials.state(profile)))
        .collect();
    assert_eq!(
        states,
        [
            ("box:empty", ProfileState::Empty),
            ("box:key", ProfileState::Usable),
            ("box:login", ProfileState::Usable),
            ("box:odd", ProfileState::Mismatched),
            ("box:old", ProfileState::Expired),
            ("other:key", ProfileState::Usable),
        ]
    );
    let found = |provider: &str| credentials.find(provider).unwrap().secret().to_owned();
    assert_eq!(found("box"), key("access"), "a login goes before a key");
    assert_eq!(found("other"), key("token"), "inherited");
    // An own entry is not replaced by the inherited one.
    let shown: Vec<_> = credentials.profiles().map(|p| p.redacted()).collect();
    assert!(shown.iter().all(|text| text.len() < 16), "{shown:?}");
}

#[tokio::test]
async fn what_a_key_showed_before_its_limit_is_void() {
    let mut frames = openai_chat(&[Part::Text("I was about to")]).frames();
    frames.truncate(3);
    let limit = json!({"error": {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}});
    frames.push(format!("data: {limit}\n\n"));
    let setup = Setup::new(&["b", "c"], Reply::frames(frames)).await;
    let (answer, events) = setup.ask_as(Origin::default()).await;
    assert_eq!(answer.unwrap().failed, []);
    let mut shown = String::new();
    let mut voided = 0;
    for event in events {
        match event {
            Event::Text(text) => shown.push_str(&text),
            Event::Again { failure } => {
                assert_eq!(failure.class, FailureClass::RateLimit);
                assert!(failure.after_text);
                shown.clear();
                voided += 1;
            }
            _ => {}
        }
    }
    assert_eq!((shown.as_str(), voided), ("Hello.", 1));
    assert_eq!(setup.keys(&mut 0), "ab");
}
