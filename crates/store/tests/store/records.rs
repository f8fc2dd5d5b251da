//! Records: kept under a kind and a key until they are replaced or removed.

use moltbot_store::StoreError;

use crate::open;

#[tokio::test]
async fn a_record_outlives_the_process_until_it_is_replaced_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .put_record("cooldown", "b", "{\"n\": 1}")
        .await
        .unwrap();
    store.put_record("cooldown", "a", "[]").await.unwrap();
    store.put_record("server", "a", "7").await.unwrap();
    store
        .put_record("cooldown", "b", "{\"n\":2}")
        .await
        .unwrap();
    drop(store);

    let store = open(dir.path());
    let of = async |kind: &str| -> Vec<(String, String)> {
        let records = store.records(kind).await.unwrap();
        assert!(records.iter().all(|record| record.updated_at > 0));
        records.into_iter().map(|r| (r.key, r.body)).collect()
    };
    let pair = |key: &str, body: &str| (key.to_owned(), body.to_owned());
    assert_eq!(
        of("cooldown").await,
        [pair("a", "[]"), pair("b", "{\"n\":2}")]
    );
    assert!(store.remove_record("cooldown", "a").await.unwrap());
    assert!(!store.remove_record("cooldown", "a").await.unwrap());
    assert_eq!(of("cooldown").await, [pair("b", "{\"n\":2}")]);
    assert_eq!(of("server").await, [pair("a", "7")]);
    assert_eq!(of("none").await, []);
}

#[tokio::test]
async fn a_record_that_is_no_json_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = store.put_record("server", "a", "{").await;
    assert!(
        matches!(refused, Err(StoreError::BodyNotJson { .. })),
        "{refused:?}"
    );
    assert_eq!(store.records("server").await.unwrap(), []);
}
