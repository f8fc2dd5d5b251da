//! What is left alone because it failed, and the profiles of a provider, as a person sees them.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, error, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{CONFIG, Said, nobody, run};
use crate::setup::Home;

fn chat() -> When {
    When::post("/v1/chat/completions")
}

fn hello() -> moltbot_testkit::Answer {
    openai_chat(&[Part::Text("Hello.")])
}

/// A default `box/m` and a fallback `box/n` at this address.
fn two_models(base_url: &str) -> Home {
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m", "fallbacks": ["box/n"]}}},
        "models": {"providers": {"box": {"baseUrl": base_url, "models": [
            {"id": "m", "name": "M"}, {"id": "n", "name": "N"}]}}},
    });
    Home::with_config(config.to_string())
}

fn say(home: &Home) -> Value {
    home.json(&["agent", "--message", "hi", "--json"])
}

#[test]
fn what_cools_down_is_shown_passed_over_and_can_be_reset() {
    let script = Script::new()
        .on(chat().body(|body| body["model"] == "m"), error(500, "oops"))
        .on(chat(), hello());
    let server = block_on(ScriptedServer::start(script));
    let asked = || {
        let requests = server.requests();
        requests.iter().filter(|r| r.json()["model"] == "m").count()
    };
    let home = two_models(&server.base_url());
    assert_eq!(
        home.ok(&["models", "cooldown", "list"]),
        "Nothing is cooling down.\n"
    );
    assert_eq!(say(&home)["meta"]["fallback"][0]["skipped"], false);
    assert_eq!(asked(), 1);

    let fallback = &say(&home)["meta"]["fallback"][0];
    assert_eq!(
        (&fallback["model"], &fallback["skipped"]),
        (&json!("box/m"), &json!(true))
    );
    assert_eq!(fallback["reason"], "server_error");
    assert_eq!(asked(), 1, "another process remembers it");

    let status = home.json(&["models", "status", "--json"]);
    assert_eq!(status["rungs"][0]["state"], "cooling");
    assert_eq!(status["rungs"][0]["cooldown"]["reason"], "server_error");
    assert_eq!(status["rungs"][0]["cooldown"]["failures"], 1);
    assert_eq!(
        status["rungs"][1],
        json!({"model": "box/n", "state": "ok", "cooldown": null})
    );
    let card = home.ok(&["models", "status"]);
    assert!(card.contains("box/m  cooling down for another "), "{card}");
    assert!(card.contains("failed once: server_error (oops)"), "{card}");
    let list = home.json(&["models", "cooldown", "list", "--json"]);
    assert_eq!(list["cooldowns"][0]["model"], "m");

    let nothing = "Nothing of that is cooling down.\n";
    assert_eq!(home.ok(&["models", "cooldown", "reset", "box/n"]), nothing);
    assert_eq!(home.ok(&["models", "auth", "reset"]), nothing);
    assert_eq!(
        home.ok(&["models", "cooldown", "reset", "box/m"]),
        "Reset 1 cooldown.\n"
    );
    say(&home);
    assert_eq!(asked(), 2);
    assert_eq!(
        home.ok(&["models", "cooldown", "reset", "Box"]),
        "Reset 1 cooldown.\n"
    );
    assert_eq!(home.ok(&["models", "cooldown", "reset", "all"]), nothing);
}

/// Keys long enough that a part of them may be shown.
fn key(name: &str) -> String {
    format!("key-{name}-not-a-real-one-0123456789abcdef")
}

fn store(home: &Home, profiles: Value) {
    let file = json!({"version": 1, "profiles": profiles});
    home.write(
        ".clawdbot/agents/main/agent/auth-profiles.json",
        file.to_string(),
    );
}

fn two_profiles() -> Value {
    json!({
        "box:a": {"type": "api_key", "provider": "box", "key": key("a")},
        "box:b": {"type": "api_key", "provider": "box", "key": key("b")},
        "other:c": {"type": "api_key", "provider": "other", "key": key("c")},
    })
}

#[track_caller]
fn shows_no_key(said: &Said) {
    for name in ["a", "b", "c"] {
        let everything = format!("{}{}", said.stdout, said.stderr);
        assert!(!everything.contains(&key(name)), "{everything}");
    }
}

#[test]
fn a_refused_profile_gives_way_to_the_next_and_is_shown() {
    let refusal = json!({"error": {"message": format!("Unknown key {}.", key("a"))}}).to_string();
    let script = Script::new()
        .on(chat().api_key(&key("b")), hello())
        .on(chat(), error(401, &refusal));
    let server = block_on(ScriptedServer::start(script));
    let home = two_models(&server.base_url());
    store(&home, two_profiles());
    assert_eq!(
        say(&home)["meta"]["fallback"],
        json!([]),
        "the model did not fail"
    );
    assert_eq!(server.requests().len(), 2);

    let said = run(&home, &["models", "status", "--json"]).ok();
    shows_no_key(&said);
    let auth = &said.json()["auth"];
    let unusable = &auth["unusableProfiles"][0];
    assert_eq!(unusable["profileId"], "box:a");
    assert_eq!(
        (&unusable["kind"], &unusable["reason"]),
        (&json!("cooldown"), &json!("auth"))
    );
    assert!(unusable["remainingMs"].as_u64().unwrap() <= 60_000);
    assert_eq!(auth["oauth"]["profiles"][1]["status"], "static");
    assert_eq!(
        said.json()["rungs"][0]["state"],
        "ok",
        "the other profile serves it"
    );
    for command in [&["models", "status"][..], &["models", "cooldown", "list"]] {
        let said = run(&home, command).ok();
        shows_no_key(&said);
        assert!(
            said.stdout.contains("cooling down for another "),
            "{said:?}"
        );
        assert!(said.stdout.contains("box:a"), "{said:?}");
    }
    for kept in ["moltbot.db", "moltbot.db-wal"] {
        let bytes = std::fs::read(home.state().join(kept)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("not-a-real-one"), "{kept}");
    }
    say(&home);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        home.ok(&["models", "auth", "reset", "box:b"]),
        "Nothing of that is cooling down.\n"
    );
    assert_eq!(
        home.ok(&["models", "auth", "reset", "box:a"]),
        "Reset 1 cooldown.\n"
    );
}

#[test]
fn the_order_of_profiles_is_kept_in_the_configuration() {
    let home = two_models(&nobody());
    store(&home, two_profiles());
    let order = |rest: &[&str]| run(&home, &[&["models", "auth", "order"], rest].concat());
    let get = ["get", "--provider", "Box", "--json"];
    assert_eq!(
        order(&get).json(),
        json!({"provider": "box", "order": null})
    );
    let set = order(&["set", "--provider", "Box", "box:b", "box:a"]).ok();
    assert_eq!(
        (set.stdout.as_str(), set.stderr.as_str()),
        ("box: box:b, box:a\n", "")
    );
    assert_eq!(order(&get).json()["order"], json!(["box:b", "box:a"]));
    let config = home.json(&["config", "get", "auth.order", "--json"]);
    assert_eq!(config, json!({"box": ["box:b", "box:a"]}));
    for (profile, sentence) in [
        ("box:z", "Auth profile \"box:z\" not found.\n"),
        (
            "other:c",
            "Auth profile \"other:c\" is for other, not box.\n",
        ),
    ] {
        let refused = order(&["set", "--provider", "box", profile]);
        assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), sentence));
    }
    order(&["clear", "--provider", "box"]).ok();
    assert_eq!(order(&get).json()["order"], Value::Null);
    assert!(!home.read(CONFIG).contains("box:b"));
    order(&["clear", "--provider", "box"]).ok();
}

#[test]
fn check_tells_expired_from_soon_expired() {
    let home = two_models(&nobody());
    let day = 24 * 3600 * 1000;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_millis()).unwrap();
    for (provider, expires, code, status) in [
        ("box", now + 9 * day, 0, "ok"),
        ("box", now + day / 2, 2, "expiring"),
        ("box", now - 1000, 1, "expired"),
        ("unused", now - 1000, 0, ""),
    ] {
        let token =
            json!({"type": "token", "provider": provider, "token": key("t"), "expires": expires});
        store(&home, json!({"box:t": token}));
        let said = run(&home, &["models", "status", "--check", "--json"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        let rows = &said.json()["auth"]["oauth"]["profiles"];
        assert_eq!(rows[0]["status"].as_str().unwrap_or_default(), status);
    }
}
