//! Turns and transcripts: one at a time, appended only, nothing half stored.

use moltbot_store::{NewEntry, SessionPatch, Store, StoreError, TurnEnd, TurnState, Usage};
use rusqlite::Connection;

use crate::{KEY, message, open, owners};

async fn states(store: &Store, session_id: &str) -> Vec<TurnState> {
    let turns = store.turns(session_id).await.unwrap();
    turns.into_iter().map(|turn| turn.state).collect()
}

#[tokio::test]
async fn a_turn_is_stored_step_by_step_and_read_back_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    // Spaces, order and escapes of a body are kept.
    let odd = NewEntry::new("message", "{ \"b\" : 1.0, \"a\":\"\\u00e9\" }\n");
    let (turn, mut entries) = store
        .begin_turn(
            &session_id,
            vec![NewEntry::new("model_change", "{}"), odd.clone()],
        )
        .await
        .unwrap();
    assert_eq!(
        (turn.state, turn.seq, turn.finished_at),
        (TurnState::Running, 1, None)
    );
    entries.extend(
        store
            .append(&turn.id, vec![message("working")])
            .await
            .unwrap(),
    );
    let usage = Usage {
        input_tokens: 11,
        output_tokens: 4,
    };
    let (turn, last) = store
        .finish_turn(&turn.id, vec![message("answer")], TurnEnd::Done, usage)
        .await
        .unwrap();
    entries.extend(last);
    assert_eq!(
        (turn.state, turn.usage, turn.error.as_deref()),
        (TurnState::Done, usage, None)
    );
    assert!(turn.finished_at.is_some());

    assert_eq!(
        entries.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(entries[0].parent_id, None);
    for pair in entries.windows(2) {
        assert_eq!(pair[1].parent_id.as_ref(), Some(&pair[0].id));
    }
    for entry in &entries {
        assert_eq!(entry.id.len(), 8);
        assert!(entry.id.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!((&entry.turn_id, &entry.session_id), (&turn.id, &session_id));
    }
    assert_eq!(entries[1].body, odd.body);
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.transcript(&session_id).await.unwrap(), entries);
    assert_eq!(store.turns(&session_id).await.unwrap(), [turn]);
    assert_eq!(store.interrupted().await.unwrap(), []);
}

#[tokio::test]
async fn a_failed_and_an_aborted_turn_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    let ends = [
        (
            TurnEnd::Failed("No server.".to_owned()),
            TurnState::Failed,
            Some("No server."),
        ),
        (TurnEnd::Aborted, TurnState::Aborted, None),
    ];
    for (end, state, error) in ends {
        let (turn, _) = store.begin_turn(&session_id, vec![]).await.unwrap();
        let (turn, _) = store
            .finish_turn(&turn.id, vec![], end, Usage::default())
            .await
            .unwrap();
        assert_eq!((turn.state, turn.error.as_deref()), (state, error));
    }
}

#[tokio::test]
async fn one_turn_at_a_time_per_session() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let session_id = one.session(KEY, "main").await.unwrap().session_id;
    let other_id = one
        .session("agent:main:other", "main")
        .await
        .unwrap()
        .session_id;

    let (a, b) = tokio::join!(
        one.begin_turn(&session_id, vec![message("from one")]),
        two.begin_turn(&session_id, vec![message("from two")]),
    );
    let ((winner, loser), (turn, error)) = match (a, b) {
        (Ok((turn, _)), Err(error)) => ((&one, &two), (turn, error)),
        (Err(error), Ok((turn, _))) => ((&two, &one), (turn, error)),
        (a, b) => panic!("exactly one must begin: {a:?} {b:?}"),
    };
    assert!(
        matches!(&error, StoreError::SessionBusy { key, turn_id } if key == KEY && *turn_id == turn.id),
        "{error:?}"
    );
    // Nothing of the refused turn was kept.
    assert_eq!(one.transcript(&session_id).await.unwrap().len(), 1);
    // The same store is refused too, and so is a note in between.
    for refused in [
        winner.begin_turn(&session_id, vec![]).await.map(drop),
        winner
            .record(&session_id, vec![message("note")])
            .await
            .map(drop),
    ] {
        assert!(
            matches!(refused, Err(StoreError::SessionBusy { .. })),
            "{refused:?}"
        );
    }
    // Another session is free.
    let (free, _) = loser.begin_turn(&other_id, vec![]).await.unwrap();
    assert_eq!(free.seq, 1);
    // Opening once more takes nothing from the living.
    drop(open(dir.path()));
    assert_eq!(states(&one, &session_id).await, [TurnState::Running]);

    winner
        .finish_turn(&turn.id, vec![], TurnEnd::Done, Usage::default())
        .await
        .unwrap();
    let (next, _) = loser.begin_turn(&session_id, vec![]).await.unwrap();
    assert_eq!(next.seq, 2);
}

#[tokio::test]
async fn only_its_own_store_continues_a_turn_and_only_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let session_id = one.session(KEY, "main").await.unwrap().session_id;
    let (turn, _) = one.begin_turn(&session_id, vec![]).await.unwrap();
    let finish = |store: Store, id: String| async move {
        store
            .finish_turn(&id, vec![message("x")], TurnEnd::Done, Usage::default())
            .await
    };

    let error = two.append(&turn.id, vec![message("x")]).await.unwrap_err();
    assert!(matches!(error, StoreError::NotYourTurn { .. }), "{error:?}");
    let error = finish(two.clone(), turn.id.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::NotYourTurn { .. }), "{error:?}");
    let error = one.append("nothing", vec![message("x")]).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSuchTurn { .. }), "{error:?}");

    finish(one.clone(), turn.id.clone()).await.unwrap();
    let error = one.append(&turn.id, vec![message("x")]).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::TurnOver {
                state: TurnState::Done,
                ..
            }
        ),
        "{error:?}"
    );
    let error = finish(one.clone(), turn.id.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::TurnOver { .. }), "{error:?}");
    assert_eq!(one.transcript(&session_id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_json_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    for bad in ["", "{", "{} {}", "plain"] {
        let entries = vec![message("good"), NewEntry::new("message", bad)];
        let error = store.begin_turn(&session_id, entries).await.unwrap_err();
        assert!(
            matches!(error, StoreError::BodyNotJson { .. }),
            "{bad}: {error:?}"
        );
    }
    assert_eq!(store.transcript(&session_id).await.unwrap(), []);
    assert_eq!(store.turns(&session_id).await.unwrap(), []);
}

#[tokio::test]
async fn a_dropped_store_leaves_its_turn_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let session_id = one.session(KEY, "main").await.unwrap().session_id;
    let (cut, _) = one
        .begin_turn(&session_id, vec![message("question")])
        .await
        .unwrap();
    assert_eq!(owners(dir.path()), 2);
    drop(one);
    assert_eq!(owners(dir.path()), 1);

    let three = open(dir.path());
    let interrupted = three.interrupted().await.unwrap();
    assert_eq!(interrupted.len(), 1);
    assert_eq!(
        (&interrupted[0].id, interrupted[0].state),
        (&cut.id, TurnState::Interrupted)
    );
    assert!(interrupted[0].error.is_some() && interrupted[0].finished_at.is_some());
    assert_eq!(three.transcript(&session_id).await.unwrap().len(), 1);
    // Once the conversation has gone on, there is nothing to report.
    two.record(&session_id, vec![message("next")])
        .await
        .unwrap();
    assert_eq!(two.interrupted().await.unwrap(), []);
    assert_eq!(
        states(&two, &session_id).await,
        [TurnState::Interrupted, TurnState::Done]
    );
}

#[tokio::test]
async fn a_reset_session_reports_no_interrupted_turn() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    store.begin_turn(&session_id, vec![]).await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.interrupted().await.unwrap().len(), 1);
    store
        .reset_session(KEY, SessionPatch::default())
        .await
        .unwrap();
    assert_eq!(store.interrupted().await.unwrap(), []);
}

#[tokio::test]
async fn a_begin_that_nobody_waits_for_does_not_keep_the_session_busy() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    // Keeps the turn from being begun until its asker is gone.
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    tokio::select! {
        biased;
        begun = store.begin_turn(&session_id, vec![message("lost")]) => panic!("began under a lock: {begun:?}"),
        () = std::future::ready(()) => {}
    }
    other.execute_batch("COMMIT").unwrap();
    let (turn, _) = store
        .begin_turn(&session_id, vec![message("next")])
        .await
        .unwrap();
    assert_eq!(turn.seq, 2);
    assert_eq!(
        states(&store, &session_id).await,
        [TurnState::Aborted, TurnState::Running]
    );
}

#[tokio::test]
async fn an_abandoned_turn_is_aborted_and_an_ended_one_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    let (done, _) = store.begin_turn(&session_id, vec![]).await.unwrap();
    store
        .finish_turn(&done.id, vec![], TurnEnd::Done, Usage::default())
        .await
        .unwrap();
    let (left, _) = store.begin_turn(&session_id, vec![]).await.unwrap();
    for id in [done.id.as_str(), left.id.as_str(), "nothing"] {
        store.abandon_turn(id);
    }
    assert_eq!(
        states(&store, &session_id).await,
        [TurnState::Done, TurnState::Aborted]
    );
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_a_transcript() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    let entries = store
        .record(&session_id, vec![message("one"), message("two")])
        .await
        .unwrap();

    let db = Connection::open(store.path()).unwrap();
    let insert = |verb: &str, seq: i64, id: &str, parent: &str| {
        let turn = &entries[0].turn_id;
        db.execute_batch(&format!(
            "{verb} INTO entries (session_id, seq, id, parent_id, turn_id, kind, body, created_at)
             VALUES ('{session_id}', {seq}, '{id}', '{parent}', '{turn}', 'message', '{{}}', 0)"
        ))
    };
    let (first, last) = (entries[0].id.as_str(), entries[1].id.as_str());
    let replace_row = "INSERT OR REPLACE INTO entries
        (rowid, session_id, seq, id, parent_id, turn_id, kind, body, created_at)
        SELECT 1, session_id, 3, 'ffffffff', id, turn_id, kind, body, 0 FROM entries WHERE seq = 2";
    let refused = [
        db.execute_batch("UPDATE entries SET body = '{}'"),
        db.execute_batch("DELETE FROM entries"),
        db.execute_batch("DELETE FROM entries WHERE seq = 2"),
        db.execute_batch(replace_row),
        insert("INSERT OR REPLACE", 2, "ffffffff", first),
        insert("INSERT OR REPLACE", 3, first, last),
        insert("INSERT", 4, "ffffffff", last),
        insert("INSERT", 3, "ffffffff", first),
    ];
    for result in refused {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("entries are append-only"), "{error}");
    }
    assert_eq!(store.transcript(&session_id).await.unwrap(), entries);
    // What the triggers refuse is not simply everything.
    insert("INSERT", 3, "ffffffff", last).unwrap();
}
