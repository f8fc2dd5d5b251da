//! When a server ends, and that it does.

use std::time::Duration;

use moltbot_services::{Pace, ServiceState, Spec};

use crate::stage::{BOX, LONG, SHORT, Stage, kill, lease, stand_in, unused};

#[tokio::test]
async fn an_idle_server_is_stopped_and_its_keeper_ends() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        idle: SHORT,
        ..stage.spec(BOX)
    }]);
    let (leased, mut server) = stage.lease_started(&services).await;
    server.order("say in use").await;
    drop(leased);
    server.gone().await;
    stage.keeper_ended().await;
    assert!(!stage.path("services/box.json").exists());
    assert_eq!(services.state(BOX).await, Some(ServiceState::NotRunning));
    let log = stage.log();
    assert!(log.contains("stopped: nobody has needed it"), "{log}");

    // And it comes back for the next request.
    let (_leased, _server) = stage.lease_started(&services).await;
}

#[tokio::test]
async fn without_an_idle_time_it_stays_until_the_program_ends() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        idle: Duration::ZERO,
        ..stage.spec(BOX)
    }]);
    let (leased, mut server) = stage.lease_started(&services).await;
    drop(leased);
    let state = unused(&services).await;
    assert!(
        matches!(state, ServiceState::Ready { users: 0, .. }),
        "{state:?}"
    );
    server.order("say still here").await;
    drop(services);
    server.gone().await;
    stage.keeper_ended().await;
}

#[tokio::test]
async fn a_warm_server_is_started_with_the_program_and_comes_back() {
    let stage = Stage::new().await;
    let services = stage.services([Spec {
        idle: SHORT,
        keep_warm: true,
        ..stage.spec(BOX)
    }]);
    services.keep_warm().await;
    let mut server = stage.server().await;
    server.order("listen").await;
    drop(lease(&services).await.unwrap());
    unused(&services).await;
    server.end(1).await;
    let mut again = stage.server().await;
    again.order("listen").await;
    drop(services);
    again.gone().await;
}

#[tokio::test]
async fn a_server_that_does_not_listen_to_the_signal_is_killed() {
    let stage = Stage::new().await;
    let spec = stage.spec(BOX);
    let services = stage.services([Spec {
        idle: SHORT,
        pace: Pace {
            grace: SHORT,
            ..spec.pace
        },
        ..spec
    }]);
    let (leased, mut server) = stage.lease_started(&services).await;
    server.order("deaf").await;
    drop(leased);
    server.gone().await;
    stage.keeper_ended().await;
    let log = stage.log();
    assert!(log.contains("is killed"), "{log}");
}

#[tokio::test]
async fn the_end_of_a_keeper_is_the_end_of_its_server() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let (leased, server) = stage.lease_started(&services).await;
    kill("TERM", leased.keeper().unwrap());
    server.gone().await;
    stage.keeper_ended().await;
}

#[tokio::test]
async fn what_goes_on_after_its_command_is_stopped_by_its_own() {
    let stage = Stage::new().await;
    let mut spec = Spec {
        idle: SHORT,
        ..stage.spec(BOX)
    };
    let pid_file = stage.path("pid");
    spec.args[0] = "detached".to_owned();
    let stop = format!("kill $(cat {})", pid_file.display());
    spec.stop = Some(["sh", "-c", &stop].map(str::to_owned).into());
    let services = stage.services([spec]);
    let starting = async {
        let mut server = stage.server().await;
        std::fs::write(&pid_file, server.pid.to_string()).unwrap();
        server.order("listen").await;
        server
    };
    let (leased, server) = tokio::join!(lease(&services), starting);
    let first = leased.unwrap();

    // Gone behind our back, it is started again for the next request.
    server.end(0).await;
    let (second, server) = tokio::join!(lease(&services), async {
        let mut server = stage.server().await;
        std::fs::write(&pid_file, server.pid.to_string()).unwrap();
        server.order("listen").await;
        server
    });
    drop((first, second.unwrap()));
    server.gone().await;
    stage.keeper_ended().await;
}

#[tokio::test]
async fn what_a_server_has_started_ends_with_it() {
    let stage = Stage::new().await;
    let mut spec = Spec {
        idle: LONG,
        ..stage.spec(BOX)
    };
    // The leader is a shell; the server is its child.
    let words: Vec<String> = spec.args.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("'{}' {}; true", stand_in().display(), words.join(" "));
    spec.command = "sh".to_owned();
    spec.args = vec!["-c".to_owned(), line];
    let services = stage.services([spec]);
    let (leased, server) = stage.lease_started(&services).await;
    kill("TERM", leased.keeper().unwrap());
    server.gone().await;
    stage.keeper_ended().await;
}
