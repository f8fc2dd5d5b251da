//! What is left when a keeper is killed.

use moltbot_services::Spec;

use crate::stage::{BOX, SHORT, Stage, kill, lease};

#[tokio::test]
async fn the_server_of_a_killed_keeper_is_taken_over() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        idle: SHORT,
        ..stage.spec(BOX)
    }]);
    let (first, mut server) = stage.lease_started(&services).await;
    let old = first.keeper().unwrap();
    kill("KILL", old);
    server.order("say I survived").await;

    let second = lease(&services).await.unwrap();
    assert_ne!(second.keeper().unwrap(), old);
    stage.nothing_started().await;
    server.order("say and serve").await;
    drop((first, second));
    server.gone().await;
    stage.keeper_ended().await;
}

#[tokio::test]
async fn a_left_over_server_is_found_without_a_request() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        idle: SHORT,
        ..stage.spec(BOX)
    }]);
    let (leased, server) = stage.lease_started(&services).await;
    stage.kill_keeper(leased.keeper().unwrap()).await;
    services.recover().await;
    server.gone().await;
}

#[tokio::test]
async fn a_left_over_server_of_another_command_gives_way() {
    let stage = Stage::new().await;
    let spec = stage.spec(BOX);
    let services = stage.services([spec.clone()]);
    let (leased, server) = stage.lease_started(&services).await;
    stage.kill_keeper(leased.keeper().unwrap()).await;
    let mut changed = spec;
    changed.env.insert("CHANGED".into(), "1".into());
    let services = stage.services([changed]);
    let (_leased, mut new) = stage.lease_started(&services).await;
    server.gone().await;
    new.order("say hello").await;
}

#[tokio::test]
async fn a_left_over_server_of_no_provider_is_ended() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let (leased, server) = stage.lease_started(&services).await;
    let nobody = stage.services([]);
    // As long as its keeper lives, it is none of our business.
    nobody.recover().await;
    let state = services.state(BOX).await.unwrap().to_string();
    assert_eq!(state, "running, 1 request");
    stage.kill_keeper(leased.keeper().unwrap()).await;
    nobody.recover().await;
    server.gone().await;
    // Its record goes once the process is gone, too.
    while stage.path("services/box.json").exists() {
        nobody.recover().await;
        tokio::task::yield_now().await;
    }
}
