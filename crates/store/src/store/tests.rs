//! What needs a hand on the connection: limits set from inside, and a short patience.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;

fn message(text: &str) -> NewEntry {
    NewEntry::new("message", serde_json::json!({ "text": text }).to_string())
}

async fn set(store: &Store, pragma: &'static str, value: i64) -> i64 {
    store
        .call(move |db| {
            let set = db
                .reader()
                .pragma_update_and_check(None, pragma, value, |row| row.get(0));
            // A pragma that gives no row back is set all the same.
            match set {
                Err(rusqlite::Error::QueryReturnedNoRows) => Ok(value),
                other => Ok(other?),
            }
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_one_call_and_keeps_everything_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("a.sqlite")).unwrap();
    let session = store.session("agent:main:main", "main").await.unwrap();
    let (turn, _) = store
        .begin_turn(&session.session_id, vec![message("hello")])
        .await
        .unwrap();

    // SQLite raises the limit to the size that the file has.
    set(&store, "max_page_count", 1).await;
    let big = message(&"x".repeat(100_000));
    let error = store.append(&turn.id, vec![big.clone()]).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::DiskFull { path } if path == store.path()),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("a.sqlite is full; free some space"),
        "{error}"
    );
    let error = store
        .finish_turn(&turn.id, vec![big.clone()], TurnEnd::Done, Usage::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert_eq!(
        store.transcript(&session.session_id).await.unwrap().len(),
        1
    );

    set(&store, "max_page_count", 1_000_000).await;
    assert_eq!(store.append(&turn.id, vec![big]).await.unwrap()[0].seq, 2);
    let (turn, _) = store
        .finish_turn(&turn.id, vec![], TurnEnd::Done, Usage::default())
        .await
        .unwrap();
    assert_eq!(turn.state, crate::TurnState::Done);
}

#[tokio::test]
async fn a_read_only_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("a.sqlite")).unwrap();
    let session = store.session("agent:main:main", "main").await.unwrap();
    set(&store, "query_only", 1).await;
    let error = store
        .begin_turn(&session.session_id, vec![])
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("a.sqlite is read-only; give yourself write"),
        "{error}"
    );
    assert_eq!(store.sessions().await.unwrap(), [session]);
}

#[tokio::test]
async fn a_file_locked_by_another_program_is_reported_and_usable_again_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sqlite");
    let database = Database::open(&path, Duration::from_millis(20)).unwrap();
    let store = Store {
        writer: Arc::new(Writer::start(database).unwrap()),
    };
    let session = store.session("agent:main:main", "main").await.unwrap();

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store
        .record(&session.session_id, vec![message("x")])
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::Busy { .. }), "{error:?}");
    assert!(
        error.to_string().contains("close it (another moltbot"),
        "{error}"
    );
    // Reading goes on.
    assert_eq!(store.transcript(&session.session_id).await.unwrap(), []);
    let error = Database::open(&path, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");

    other.execute_batch("COMMIT").unwrap();
    store
        .record(&session.session_id, vec![message("x")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_fault_inside_stops_the_store_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("a.sqlite")).unwrap();
    let lost: Result<(), _> = store.call(|_| panic!("a fault made by this test")).await;
    assert!(matches!(lost, Err(StoreError::Stopped { .. })));
    assert!(matches!(
        store.sessions().await,
        Err(StoreError::Stopped { .. })
    ));
    // The lock went with it, so the turns it had are found by the next one.
    drop(store);
    assert_eq!(
        std::fs::read_dir(dir.path().join("owners"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn every_connection_waits_for_the_disk_and_checks_references() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sqlite");
    drop(Store::open(&path).unwrap());
    let db = Database::open(&path, BUSY_TIMEOUT).unwrap();
    let pragma = |name: &str| {
        db.reader()
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
    };
    assert_eq!(pragma("synchronous").unwrap(), 2, "FULL");
    assert_eq!(pragma("foreign_keys").unwrap(), 1);
    let mode: String = db
        .reader()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}
