//! Sessions: found by key, changed key by key, reset.

use moltbot_store::{Session, SessionPatch, Store, StoreError, TurnEnd, Usage};
use serde_json::{Map, Value, json};

use crate::{KEY, message, open};

fn settings(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

async fn spend(store: &Store, session: &Session, input_tokens: u64, output_tokens: u64) {
    let (turn, _) = store.begin_turn(&session.session_id, vec![]).await.unwrap();
    let usage = Usage {
        input_tokens,
        output_tokens,
    };
    store
        .finish_turn(&turn.id, vec![], TurnEnd::Done, usage)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_is_created_once_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.sessions().await.unwrap(), []);
    let made = store.session(KEY, "main").await.unwrap();
    assert_eq!((made.key.as_str(), made.agent_id.as_str()), (KEY, "main"));
    assert_eq!(made.settings, Map::new());
    // An existing session keeps its agent.
    assert_eq!(store.session(KEY, "other").await.unwrap(), made);
    assert_eq!(
        store.session_by_id(&made.session_id).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(store.session_by_id("nothing").await.unwrap(), None);
    assert_eq!(store.sessions().await.unwrap(), [made]);
}

#[tokio::test]
async fn two_askers_get_the_same_new_session() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let (a, b) = tokio::join!(one.session(KEY, "main"), two.session(KEY, "main"));
    assert_eq!(a.unwrap(), b.unwrap());
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    one.session(KEY, "main").await.unwrap();
    let patch = SessionPatch {
        label: Some(Some("Garden".to_owned())),
        settings: settings(
            json!({ "thinkingLevel": "high", "modelOverride": "m", "nested": { "a": 1 } }),
        ),
        provider: Some("ollama".to_owned()),
        model: Some("qwen".to_owned()),
    };
    one.update_session(KEY, patch).await.unwrap();
    let patch = SessionPatch {
        settings: settings(
            json!({ "thinkingLevel": "low", "modelOverride": null, "absent": null }),
        ),
        ..SessionPatch::default()
    };
    let session = two.update_session(KEY, patch).await.unwrap();
    assert_eq!(
        Value::Object(session.settings.clone()).to_string(),
        r#"{"thinkingLevel":"low","nested":{"a":1}}"#
    );
    assert_eq!(session.label.as_deref(), Some("Garden"));
    assert_eq!(session.provider.as_deref(), Some("ollama"));
    assert_eq!(session.model.as_deref(), Some("qwen"));
    assert_eq!(one.session(KEY, "main").await.unwrap(), session);

    let unnamed = SessionPatch {
        label: Some(None),
        ..SessionPatch::default()
    };
    assert_eq!(one.update_session(KEY, unnamed).await.unwrap().label, None);
}

#[tokio::test]
async fn an_unknown_session_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let patch = SessionPatch::default;
    let errors = [
        store.update_session("nope", patch()).await.unwrap_err(),
        store.reset_session("nope", patch()).await.unwrap_err(),
        store.begin_turn("nope", vec![]).await.unwrap_err(),
        store.record("nope", vec![]).await.unwrap_err(),
        store.transcript("nope").await.unwrap_err(),
        store.turns("nope").await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(&error, StoreError::NoSuchSession { session } if session == "nope"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_reset_opens_a_new_transcript_and_keeps_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = store.session(KEY, "main").await.unwrap();
    store
        .record(&old.session_id, vec![message("before")])
        .await
        .unwrap();
    spend(&store, &old, 10, 2).await;
    let patch = SessionPatch {
        label: Some(Some("kept".to_owned())),
        settings: settings(json!({ "thinkingLevel": "high", "elevatedLevel": "on" })),
        ..SessionPatch::default()
    };
    store.update_session(KEY, patch).await.unwrap();

    let clear = SessionPatch {
        settings: settings(json!({ "thinkingLevel": null })),
        ..SessionPatch::default()
    };
    let new = store.reset_session(KEY, clear).await.unwrap();
    assert_ne!(new.session_id, old.session_id);
    assert_eq!(new.settings, settings(json!({ "elevatedLevel": "on" })));
    assert_eq!(new.label.as_deref(), Some("kept"));
    assert_eq!((new.input_tokens, new.output_tokens), (0, 0));
    assert_eq!(store.session(KEY, "main").await.unwrap(), new);
    assert_eq!(store.session_by_id(&old.session_id).await.unwrap(), None);
    assert_eq!(store.transcript(&new.session_id).await.unwrap(), []);
    assert_eq!(store.transcript(&old.session_id).await.unwrap().len(), 1);

    let error = store.begin_turn(&old.session_id, vec![]).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::SessionReset { key, session_id } if key == KEY && *session_id == old.session_id),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_turn_under_way_at_a_reset_ends_in_the_old_transcript() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = store.session(KEY, "main").await.unwrap();
    let (turn, _) = store
        .begin_turn(&old.session_id, vec![message("q")])
        .await
        .unwrap();
    let new = store
        .reset_session(KEY, SessionPatch::default())
        .await
        .unwrap();
    let usage = Usage {
        input_tokens: 5,
        output_tokens: 5,
    };
    store
        .finish_turn(&turn.id, vec![message("a")], TurnEnd::Done, usage)
        .await
        .unwrap();
    assert_eq!(store.transcript(&old.session_id).await.unwrap().len(), 2);
    assert_eq!(store.transcript(&new.session_id).await.unwrap().len(), 0);
    assert_eq!(store.session(KEY, "main").await.unwrap().input_tokens, 0);
}

#[tokio::test]
async fn tokens_add_up_over_turns_and_cannot_overflow() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session = store.session(KEY, "main").await.unwrap();
    spend(&store, &session, 100, 7).await;
    spend(&store, &session, 20, 3).await;
    let now = store.session(KEY, "main").await.unwrap();
    assert_eq!((now.input_tokens, now.output_tokens), (120, 10));
    spend(&store, &session, u64::MAX, u64::MAX).await;
    let now = store.session(KEY, "main").await.unwrap();
    assert_eq!(now.input_tokens, 120 + u64::from(u32::MAX));
}
