//! One server for all who need it, started by the first.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use moltbot_llm::Priority;
use moltbot_services::{ServiceError, ServiceState, Spec};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::stage::{BOX, SHORT, Stage, lease, stand_in, unused};

#[tokio::test]
async fn a_server_is_started_when_it_is_first_needed() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    assert_eq!(services.state(BOX).await, Some(ServiceState::NotRunning));
    stage.nothing_started().await;

    let mut waited = 0;
    let mut on_wait = || waited += 1;
    let starting = async {
        let mut server = stage.server().await;
        assert_eq!(services.state(BOX).await, Some(ServiceState::Starting));
        server.order("say loading the weights").await;
        server.order("listen").await;
        server
    };
    let (first, _server) = tokio::join!(
        services.lease(BOX, Priority::Person, &mut on_wait),
        starting
    );
    let first = first.unwrap().unwrap();
    assert!(first.is_ours());
    assert!(waited > 0);
    let state = services.state(BOX).await.unwrap();
    assert!(
        matches!(state, ServiceState::Ready { users: 1, .. }),
        "{state:?}"
    );

    // The second request finds it ready.
    let mut on_wait = || panic!("it runs already");
    let second = services.lease(BOX, Priority::Person, &mut on_wait).await;
    assert_eq!(second.unwrap().unwrap().keeper(), first.keeper());
    stage.nothing_started().await;
    let log = stage.log();
    assert!(
        log.contains("loading the weights\n") && log.contains("] ready\n"),
        "{log}"
    );
}

#[tokio::test]
async fn a_provider_without_a_service_needs_no_lease() {
    let stage = Stage::new().await;
    let services = stage.services([]);
    let none = services.lease(BOX, Priority::Person, &mut || {}).await;
    assert!(none.unwrap().is_none());
    assert_eq!(services.state(BOX).await, None);
}

#[tokio::test]
async fn requests_at_once_start_one_server() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let starting = async {
        let mut server = stage.server().await;
        server.order("listen").await;
        server
    };
    let (one, two, three, _server) = tokio::join!(
        lease(&services),
        lease(&services),
        lease(&services),
        starting
    );
    let keepers = [one, two, three].map(|lease| lease.unwrap().keeper().unwrap());
    assert!(
        keepers.iter().all(|keeper| *keeper == keepers[0]),
        "{keepers:?}"
    );
    stage.nothing_started().await;
}

/// A program of its own that uses the service.
struct User {
    child: Child,
    /// Its end gives the lease back.
    input: ChildStdin,
}

impl User {
    fn start(spec: &Spec) -> Self {
        let mut child = Command::new(stand_in())
            .arg("user")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", serde_json::to_string(spec).unwrap()).unwrap();
        Self { child, input }
    }

    /// The keeper that it was told, once the server is ready.
    async fn keeper(&mut self) -> u32 {
        let output = self.child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        line.await.unwrap().unwrap().trim().parse().unwrap()
    }
}

#[tokio::test]
async fn programs_at_once_start_one_server_which_outlives_them() {
    let stage = Stage::new().await;
    let spec = Spec {
        idle: SHORT,
        ..stage.spec(BOX)
    };
    let mut users: Vec<User> = (0..4).map(|_| User::start(&spec)).collect();
    let mut server = stage.server().await;
    server.order("listen").await;
    let mut keepers = Vec::new();
    for user in &mut users {
        keepers.push(user.keeper().await);
    }
    assert!(
        keepers.iter().all(|keeper| *keeper == keepers[0]),
        "{keepers:?}"
    );
    stage.nothing_started().await;

    // One is killed, one ends: the others still have it.
    users[0].child.kill().unwrap();
    users[0].child.wait().unwrap();
    let User { mut child, input } = users.remove(1);
    drop(input);
    assert!(child.wait().unwrap().success());
    server.order("say still here").await;
    for User { mut child, input } in users.drain(1..) {
        drop(input);
        assert!(child.wait().unwrap().success());
    }
    server.gone().await;
    stage.keeper_ended().await;
}

#[tokio::test]
async fn a_server_that_is_not_ours_is_used_as_it_is() {
    let stage = Stage::new().await;
    let spec = stage.spec(BOX);
    let port: u16 = spec.args[2].parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.try_write(b"HTTP/1.1 401 no\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let services = stage.services([spec]);
    let lease = lease(&services).await.unwrap();
    assert!(!lease.is_ours());
    assert!(!stage.path("services").exists());
    stage.nothing_started().await;
}

#[tokio::test]
async fn work_that_nobody_waits_for_starts_nothing_unless_allowed() {
    let stage = Stage::new().await;
    let services = stage.services([stage.spec(BOX)]);
    let refused = services.lease(BOX, Priority::Background, &mut || {}).await;
    assert!(matches!(refused, Err(ServiceError::Background { .. })));
    stage.nothing_started().await;

    let (first, _server) = stage.lease_started(&services).await;
    let quiet = services.lease(BOX, Priority::Background, &mut || {}).await;
    assert_eq!(quiet.unwrap().unwrap().keeper(), first.keeper());

    let stage = Stage::new().await;
    let services = stage.services([Spec {
        background: true,
        ..stage.spec(BOX)
    }]);
    let starting = async {
        let mut server = stage.server().await;
        server.order("listen").await;
        server
    };
    let mut ignore = || {};
    let (allowed, _server) = tokio::join!(
        services.lease(BOX, Priority::Background, &mut ignore),
        starting
    );
    assert!(allowed.unwrap().unwrap().is_ours());
}

#[tokio::test]
async fn another_command_takes_the_place_of_an_idle_server() {
    let stage = Stage::new().await;
    let spec = stage.spec(BOX);
    let before = stage.services([spec.clone()]);
    let (lease_before, server) = stage.lease_started(&before).await;
    let changed = || {
        let mut spec = spec.clone();
        spec.env.insert("CHANGED".into(), "1".into());
        stage.services([spec])
    };
    // In use, it stays: two could not have the same port.
    let joined = lease(&changed()).await.unwrap();
    assert_eq!(joined.keeper(), lease_before.keeper());
    stage.nothing_started().await;

    drop((joined, lease_before));
    unused(&before).await;
    let after = changed();
    let (leased, mut new) = stage.lease_started(&after).await;
    server.gone().await;
    assert!(leased.is_ours());
    new.order("say hello").await;
}
