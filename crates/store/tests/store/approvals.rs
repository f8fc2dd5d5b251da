//! Questions to the owner.

use moltbot_store::{Approval, ApprovalAnswer, NewApproval, Session, Store, StoreError};

use crate::open;

const HOUR: i64 = 3_600_000;

async fn session(store: &Store) -> Session {
    store.session("agent:main:main", "main").await.unwrap()
}

async fn ask(store: &Store, session: &Session, call: &str, lifetime: i64) -> Approval {
    let new = NewApproval {
        session_key: session.key.clone(),
        session_id: session.session_id.clone(),
        call: call.to_owned(),
        question: "{\"tool\": \"exec\"}".to_owned(),
        lifetime,
    };
    store.ask_approval(new).await.unwrap()
}

#[tokio::test]
async fn a_question_outlives_its_process_and_is_answered_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let own = session(&store).await;
    let asked = ask(&store, &own, "a", HOUR).await;
    assert!(asked.is_pending() && asked.short_id().len() == 8);
    // Asked again, it is the same question.
    assert_eq!(ask(&store, &own, "a", HOUR).await, asked);
    assert!(!store.take_approval(&own.session_id, "a").await.unwrap());
    drop(store);

    let store = open(dir.path());
    let waiting = store.pending_approvals().await.unwrap();
    assert_eq!(waiting, std::slice::from_ref(&asked));
    let found = store.approvals_beginning(asked.short_id()).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&asked));
    assert_eq!(store.approvals_beginning("%").await.unwrap(), []);
    let answered = store
        .answer_approval(&asked.id, ApprovalAnswer::AllowOnce, "cli")
        .await
        .unwrap();
    assert_eq!(answered.answered_by.as_deref(), Some("cli"));
    assert_eq!(store.pending_approvals().await.unwrap(), []);
    let twice = store
        .answer_approval(&asked.id, ApprovalAnswer::Deny, "cli")
        .await;
    assert!(
        matches!(twice, Err(StoreError::ApprovalAnswered { .. })),
        "{twice:?}"
    );
    // It allows that call of that transcript, once.
    assert!(!store.take_approval(&own.session_id, "b").await.unwrap());
    assert!(!store.take_approval("other", "a").await.unwrap());
    assert_eq!(store.used_approvals(&own.session_id).await.unwrap(), []);
    assert!(store.take_approval(&own.session_id, "a").await.unwrap());
    assert!(!store.take_approval(&own.session_id, "a").await.unwrap());
    let used = store.used_approvals(&own.session_id).await.unwrap();
    assert_eq!(used.len(), 1);
    assert!(used[0].used_at.is_some());
    // Asked anew, it is another question.
    assert_ne!(ask(&store, &own, "a", HOUR).await.id, asked.id);
    assert_eq!(store.newest_approvals().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_denied_or_has_expired_allows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let own = session(&store).await;
    let denied = ask(&store, &own, "a", HOUR).await;
    store
        .answer_approval(&denied.id, ApprovalAnswer::Deny, "chat")
        .await
        .unwrap();
    assert!(!store.take_approval(&own.session_id, "a").await.unwrap());
    let expired = ask(&store, &own, "b", 0).await;
    assert!(!expired.is_pending());
    let late = store
        .answer_approval(&expired.id, ApprovalAnswer::AllowOnce, "chat")
        .await;
    assert!(
        matches!(late, Err(StoreError::ApprovalExpired { .. })),
        "{late:?}"
    );
    assert_eq!(store.pending_approvals().await.unwrap(), []);
    // What has expired is asked anew.
    assert_ne!(ask(&store, &own, "b", HOUR).await.id, expired.id);
    // What is open here, and what is allowed anywhere and not done yet.
    let other = store.session("agent:main:other", "main").await.unwrap();
    let theirs = ask(&store, &other, "c", HOUR).await;
    let ids = async |session: &Session| -> Vec<String> {
        let open = store.open_approvals(&session.session_id).await.unwrap();
        open.into_iter().map(|one| one.call).collect()
    };
    assert_eq!(ids(&own).await, ["b"]);
    store
        .answer_approval(&theirs.id, ApprovalAnswer::AllowOnce, "cli")
        .await
        .unwrap();
    assert_eq!(ids(&own).await, ["b", "c"]);
    store.expire_approval(&theirs.id).await.unwrap();
    assert!(!store.take_approval(&other.session_id, "c").await.unwrap());
    assert_eq!(ids(&own).await, ["b"]);
    let unknown = store
        .answer_approval("nothing", ApprovalAnswer::Deny, "chat")
        .await;
    assert!(
        matches!(unknown, Err(StoreError::NoSuchApproval { .. })),
        "{unknown:?}"
    );
}
