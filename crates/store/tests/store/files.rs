//! The file: its mode and place, and what happens when it is not what we hope for.

use std::fs;
use std::path::Path;

use moltbot_store::{Store, StoreError};
use rusqlite::Connection;

use crate::{KEY, message, open};

/// A database with enough in it to have many pages.
async fn filled(dir: &Path) -> std::path::PathBuf {
    let store = open(dir);
    let session = store.session(KEY, "main").await.unwrap();
    let entries = (0..50)
        .map(|n| message(&format!("{n} {}", "x".repeat(1000))))
        .collect();
    store.record(&session.session_id, entries).await.unwrap();
    store.path().to_owned()
}

/// Opens the file and reads all of it.
async fn read_all(path: &Path) -> Result<(), StoreError> {
    let store = Store::open(path)?;
    for session in store.sessions().await? {
        store.transcript(&session.session_id).await?;
    }
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn everything_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("new/state");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = open(&state);
    store.session(KEY, "main").await.unwrap();
    for name in ["moltbot.sqlite", "moltbot.sqlite-wal", "moltbot.sqlite-shm"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    for file in fs::read_dir(state.join("owners")).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("owners")), 0o700);
    drop(store);

    // A file that others could read is taken from them.
    let path = state.join("moltbot.sqlite");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&state);
    assert_eq!(mode(&path), 0o600);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_the_file_shares_its_owners() {
    let dir = tempfile::tempdir().unwrap();
    let (real, linked) = (dir.path().join("real"), dir.path().join("linked"));
    let store = open(&real);
    let session_id = store.session(KEY, "main").await.unwrap().session_id;
    store.begin_turn(&session_id, vec![]).await.unwrap();

    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(store.path(), linked.join("moltbot.sqlite")).unwrap();
    let other = open(&linked);
    assert_eq!(other.path(), store.path());
    let refused = other.begin_turn(&session_id, vec![]).await;
    assert!(
        matches!(refused, Err(StoreError::SessionBusy { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 999, .. }),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(
        said.contains("has version 999") && said.contains("update moltbot"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bookmarks.sqlite");
    for version in [0, 1, 70] {
        let _ = fs::remove_file(&path);
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch("CREATE TABLE bookmarks (url TEXT)")
            .unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let before = fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotOurs { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .contains("bookmarks.sqlite belongs to another program")
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    let text = "Dear diary, ".repeat(1000);
    fs::write(&path, &text).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("notes.txt is not a database; move it aside"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn an_empty_file_becomes_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("moltbot.sqlite");
    fs::write(&path, "").unwrap();
    Store::open(&path).unwrap();
}

#[tokio::test]
async fn a_damaged_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let whole = fs::read(&path).unwrap();
    let page = 4096;
    assert!(whole.len() > 10 * page);
    let mut scribbled = whole.clone();
    scribbled[page..].fill(0xA5);
    let mut schema_gone = whole.clone();
    schema_gone[100..page].fill(0xA5);
    for damaged in [scribbled, schema_gone, whole[..page].to_vec()] {
        fs::write(&path, damaged).unwrap();
        let error = read_all(&path).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let said = error.to_string();
        assert!(
            said.contains("moltbot.sqlite is damaged") && said.contains("restore it from a backup"),
            "{said}"
        );
    }
    fs::write(&path, whole).unwrap();
    read_all(&path).await.unwrap();
}

#[tokio::test]
async fn a_value_we_would_never_write_counts_as_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let db = Connection::open(&path).unwrap();
    db.execute_batch("UPDATE sessions SET settings = 'not json'")
        .unwrap();
    let error = read_all(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_place_that_cannot_hold_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Store::open(dir.path().join("file/moltbot.sqlite")).unwrap_err();
    assert!(matches!(error, StoreError::Prepare { .. }), "{error:?}");
    assert!(
        error.to_string().contains("check that its folder exists"),
        "{error}"
    );

    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
}
