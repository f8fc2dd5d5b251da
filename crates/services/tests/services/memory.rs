//! Servers that need more memory than there is.

use std::path::Path;

use moltbot_llm::Priority;
use moltbot_services::{Launcher, ServiceError, Services, Spec};

use crate::stage::{BOX, Stage, lease, stand_in, unused};

const BIG: &str = "big";

/// `box`, which runs, and `big`, which needs 20 bytes of memory. The file says how many there are.
async fn two(stage: &Stage, memory: &Path) -> Services {
    let launcher = Launcher {
        program: "env".into(),
        args: vec![
            format!("STAND_IN_MEMORY={}", memory.display()),
            stand_in().display().to_string(),
            "keeper".to_owned(),
        ],
    };
    let big = Spec {
        memory: Some(20),
        ..stage.spec(BIG)
    };
    stage.services_with([stage.spec(BOX), big], launcher)
}

#[tokio::test]
async fn an_idle_server_makes_room() {
    let stage = Stage::new().await;
    let memory = stage.path("memory");
    std::fs::write(&memory, "10").unwrap();
    let services = two(&stage, &memory).await;
    let (leased, server) = stage.lease_started(&services).await;
    drop(leased);
    unused(&services).await;

    let making_room = async {
        server.gone().await;
        std::fs::write(&memory, "30").unwrap();
        let mut big = stage.server().await;
        big.order("listen").await;
        big
    };
    let mut ignore = || {};
    let (leased, _big) = tokio::join!(
        services.lease(BIG, Priority::Person, &mut ignore),
        making_room
    );
    assert!(leased.unwrap().unwrap().is_ours());
}

#[tokio::test]
async fn a_server_in_use_makes_no_room() {
    let stage = Stage::new().await;
    let memory = stage.path("memory");
    std::fs::write(&memory, "10").unwrap();
    let services = two(&stage, &memory).await;
    let (_leased, mut server) = stage.lease_started(&services).await;
    let refused = services.lease(BIG, Priority::Person, &mut || {}).await;
    let Err(ServiceError::NotReady { detail, .. }) = refused else {
        panic!("there is no room");
    };
    assert!(
        detail.contains("needs 0.0 GiB of memory") && detail.contains("providers.big.service"),
        "{detail}"
    );
    server.order("say still here").await;
    lease(&services).await.unwrap();
}
