//! Work given to sub-agents.

use moltbot_store::{RunState, Store};

async fn sessions(store: &Store) {
    for key in [
        "agent:main:main",
        "agent:main:subagent:1",
        "agent:main:subagent:2",
    ] {
        store.session(key, "main").await.unwrap();
    }
}

#[tokio::test]
async fn what_a_dead_process_left_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sqlite");
    let main = "agent:main:main";
    let dead = Store::open(&path).unwrap();
    sessions(&dead).await;
    for (id, child) in [
        ("a", "agent:main:subagent:1"),
        ("b", "agent:main:subagent:2"),
    ] {
        dead.begin_subagent_run(id, main, child, "{}")
            .await
            .unwrap();
    }
    dead.end_subagent_run("a", r#"{"end":"completed"}"#)
        .await
        .unwrap();
    // While it lives, its work is its own.
    let other = Store::open(&path).unwrap();
    assert_eq!(other.adopt_subagent_runs(main).await.unwrap(), []);
    other.end_subagent_run("b", "{}").await.unwrap();
    drop(dead);
    assert_eq!(
        other.adopt_subagent_runs("agent:main:else").await.unwrap(),
        []
    );
    let adopted = other.adopt_subagent_runs(main).await.unwrap();
    let states: Vec<_> = adopted
        .iter()
        .map(|run| (run.id.as_str(), run.state))
        .collect();
    assert_eq!(
        states,
        [("a", RunState::Ended), ("b", RunState::Interrupted)]
    );
    assert_eq!(
        adopted[0].outcome.as_deref(),
        Some(r#"{"end":"completed"}"#)
    );
    // It has an owner again.
    assert_eq!(other.adopt_subagent_runs(main).await.unwrap(), []);
    other.announced_subagent_run("a").await.unwrap();
    drop(other);
    let third = Store::open(&path).unwrap();
    let left = third.adopt_subagent_runs(main).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].id.as_str(), left[0].state),
        ("b", RunState::Interrupted)
    );
    assert_eq!(third.subagent_runs(main).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_told_is_put_away_and_its_transcript_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("a.sqlite")).unwrap();
    sessions(&store).await;
    let (main, child) = ("agent:main:main", "agent:main:subagent:1");
    store
        .begin_subagent_run("a", main, child, "{}")
        .await
        .unwrap();
    assert_eq!(store.archive_subagents(i64::MAX).await.unwrap(), 0);
    store.end_subagent_run("a", "{}").await.unwrap();
    assert_eq!(store.archive_subagents(i64::MAX).await.unwrap(), 0);
    store.announced_subagent_run("a").await.unwrap();
    assert_eq!(store.archive_subagents(0).await.unwrap(), 0);
    assert_eq!(store.archive_subagents(i64::MAX).await.unwrap(), 1);
    let listed = store.sessions().await.unwrap();
    assert!(listed.iter().all(|session| session.key != child));
    let session = store.session_by_key(child).await.unwrap().unwrap();
    assert!(store.transcript(&session.session_id).await.is_ok());
    store
        .archive_session("agent:main:subagent:2")
        .await
        .unwrap();
    assert_eq!(store.sessions().await.unwrap().len(), 1);
}
