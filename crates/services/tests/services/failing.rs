//! Servers that do not start, or do not stay.

use moltbot_services::{Pace, ServiceError, ServiceState, Spec};

use crate::stage::{BOX, LONG, SHORT, Stage, lease};

#[track_caller]
fn detail(error: ServiceError) -> String {
    match error {
        ServiceError::NotReady { detail, .. } => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_ends_at_once_says_why() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let failing = async {
        let mut server = stage.server().await;
        server.order("say loading").await;
        server.order("say error: address already in use").await;
        server.end(3).await;
    };
    let (refused, ()) = tokio::join!(lease(&services), failing);
    let detail = detail(refused.unwrap_err());
    assert!(
        detail.contains("stand-in ended with exit status: 3")
            && detail.contains("its last words: error: address already in use")
            && detail.contains("service.log"),
        "{detail}"
    );
    let state = services.state(BOX).await.unwrap();
    assert!(matches!(state, ServiceState::Failing { .. }), "{state:?}");
}

#[tokio::test]
async fn a_server_that_is_never_ready_is_ended() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        start_limit: SHORT * 10,
        ..stage.spec(BOX)
    }]);
    let loading = async {
        let mut server = stage.server().await;
        server.order("say reading tensors").await;
        server.gone().await;
    };
    let (refused, ()) = tokio::join!(lease(&services), loading);
    let detail = detail(refused.unwrap_err());
    assert!(
        detail.contains("was not ready within") && detail.contains("reading tensors"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        command: "/no/such/llama-server".into(),
        ..stage.spec(BOX)
    }]);
    let detail = detail(lease(&services).await.unwrap_err());
    assert!(
        detail.contains("/no/such/llama-server cannot be started: No such file"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_far_restart_is_not_waited_for() {
    let stage = Stage::new().await;
    let spec = stage.spec(BOX);
    let services = stage.services([Spec {
        command: "/no/such/server".into(),
        pace: Pace {
            backoff: LONG,
            ..spec.pace
        },
        ..spec
    }]);
    let first = detail(lease(&services).await.unwrap_err());
    let ServiceError::NotReady {
        detail: second,
        retry_after,
    } = lease(&services).await.unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!(first, second);
    assert!(retry_after > Pace::default().patience);
    let tries = stage.log().matches("starting /no/such/server").count();
    assert_eq!(tries, 1);
}

#[tokio::test]
async fn a_server_that_crashed_is_there_for_the_next_request() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let (first, server) = stage.lease_started(&services).await;
    server.end(7).await;
    // A process is heard of a moment after its connections are closed.
    while !matches!(
        services.state(BOX).await,
        Some(ServiceState::Failing { .. })
    ) {
        tokio::task::yield_now().await;
    }
    let (second, mut server) = stage.lease_started(&services).await;
    assert_eq!(first.keeper(), second.keeper());
    server.order("say back").await;
    let log = stage.log();
    assert!(log.contains("ended with exit status: 7"), "{log}");
    stage.nothing_started().await;
}

#[tokio::test]
async fn a_keeper_that_cannot_be_started_is_told() {
    let stage = Stage::new().await;
    let nowhere = moltbot_services::Launcher {
        program: "/no/such/moltbot".into(),
        args: Vec::new(),
    };
    let services = stage.services_with([stage.spec(BOX)], nowhere);
    let error = lease(&services).await.unwrap_err().to_string();
    assert!(
        error.contains("/no/such/moltbot cannot be started"),
        "{error}"
    );

    let long = Spec {
        dir: stage.path(&"x".repeat(100)),
        ..stage.spec(BOX)
    };
    let error = lease(&stage.services([long])).await.unwrap_err();
    assert!(matches!(error, ServiceError::PathTooLong { .. }), "{error}");
}
