//! The other side of a keeper's socket: finding it, starting it, and having a lease.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::error::ServiceError;
use crate::files::{Files, SOCKET_PATH_LIMIT, private_dir};
use crate::keeper::{LISTENING, TAKEN};
use crate::log::ServiceLog;
use crate::protocol::{Ask, Report, Wire};
use crate::record::Record;
use crate::services::Launcher;
use crate::spec::Spec;

/// How often a keeper is looked for that ends or begins at this very moment, and the pause in between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// How long a keeper may take to say its first word.
const GREETING_LIMIT: Duration = Duration::from_secs(30);

/// A server that runs for as long as this is held.
#[derive(Debug)]
pub struct Lease {
    /// The keeper sees the end of this connection; `None` for a server that is not ours.
    wire: Option<Wire>,
    keeper: Option<u32>,
}

impl Lease {
    /// A server that somebody else started.
    fn foreign() -> Self {
        Self {
            wire: None,
            keeper: None,
        }
    }

    /// Whether the server is ours, and stops being needed when this is dropped.
    pub fn is_ours(&self) -> bool {
        self.wire.is_some()
    }

    /// The process id of the server's keeper; `None` for a server that is not ours.
    pub fn keeper(&self) -> Option<u32> {
        self.keeper
    }
}

/// Gets a lease. `start` says whether the server may be started for it, `on_wait` hears that it is on its way.
pub(crate) async fn lease(
    spec: &Spec,
    launcher: &Launcher,
    start: bool,
    on_wait: &mut (dyn FnMut() + Send),
) -> Result<Lease, ServiceError> {
    let files = spec.files();
    let ask = match start {
        true => Ask::Use {
            fingerprint: spec.fingerprint(),
        },
        false => Ask::Join,
    };
    for _ in 0..TRIES {
        let Some(mut wire) = connect(&files).await else {
            let left_over = Record::read(&files.record).is_some_and(|record| record.is_left_over());
            if !left_over && spec.ready.check().await {
                return Ok(Lease::foreign());
            }
            if !start && !left_over {
                return Err(background(spec));
            }
            on_wait();
            launch(spec, launcher).await?;
            continue;
        };
        if wire.send(&ask).await.is_err() {
            sleep(PAUSE).await;
            continue;
        }
        loop {
            match wire.receive().await {
                Some(Report::Starting) => on_wait(),
                Some(Report::Ready { keeper }) => {
                    return Ok(Lease {
                        wire: Some(wire),
                        keeper: Some(keeper),
                    });
                }
                Some(Report::Failed { detail, retry_ms }) => {
                    return Err(ServiceError::NotReady {
                        detail,
                        retry_after: Duration::from_millis(retry_ms),
                    });
                }
                Some(Report::NotRunning) => return Err(background(spec)),
                // It ended, or makes way for one that keeps the command of now.
                _ => break,
            }
        }
        sleep(PAUSE).await;
    }
    Err(ServiceError::Keeper {
        detail: format!("no keeper answers at {}", files.socket.display()),
    })
}

/// A connection that tells the keeper that this program runs, and the keeper's process id; a keeper is started where
/// there is none.
pub(crate) async fn hold(spec: &Spec, launcher: &Launcher) -> Result<(Wire, u32), ServiceError> {
    let files = spec.files();
    for _ in 0..TRIES {
        let Some(mut wire) = connect(&files).await else {
            launch(spec, launcher).await?;
            continue;
        };
        if wire.send(&Ask::Hold).await.is_ok()
            && let Some(Report::Held { keeper }) = wire.receive().await
        {
            return Ok((wire, keeper));
        }
        sleep(PAUSE).await;
    }
    Err(ServiceError::Keeper {
        detail: format!("no keeper answers at {}", files.socket.display()),
    })
}

/// One question and its answer; `None` where no keeper answers.
pub(crate) async fn ask(files: &Files, ask: &Ask) -> Option<Report> {
    let mut wire = connect(files).await?;
    wire.send(ask).await.ok()?;
    wire.receive().await
}

async fn connect(files: &Files) -> Option<Wire> {
    let stream = UnixStream::connect(&files.socket).await.ok()?;
    Some(Wire::new(stream))
}

fn background(spec: &Spec) -> ServiceError {
    ServiceError::Background {
        provider: spec.provider.clone(),
    }
}

/// Starts a keeper and waits until it listens, or finds that there is one already.
pub(crate) async fn launch(spec: &Spec, launcher: &Launcher) -> Result<(), ServiceError> {
    check_length(&spec.files().socket)?;
    let failed = |detail: String| ServiceError::Keeper { detail };
    let said = match start(spec, launcher).await {
        Ok(child) => timeout(GREETING_LIMIT, greeting(child)).await,
        Err(error) => {
            let program = launcher.program.display();
            return Err(failed(format!("{program} cannot be started: {error}")));
        }
    };
    match said.as_deref() {
        Ok(LISTENING) => Ok(()),
        Ok(TAKEN) => {
            sleep(PAUSE).await;
            Ok(())
        }
        Ok("") => Err(failed(format!(
            "its keeper ended at once; log: {}",
            spec.log.display()
        ))),
        Ok(said) => Err(failed(said.to_owned())),
        Err(_) => Err(failed("its keeper does not answer".to_owned())),
    }
}

async fn start(spec: &Spec, launcher: &Launcher) -> io::Result<Child> {
    private_dir(&spec.dir)?;
    let mut child = Command::new(&launcher.program)
        .args(&launcher.args)
        .arg(&spec.provider)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(ServiceLog::new(&spec.log).open()?)
        // It outlives us, and Ctrl-C in our terminal is not meant for it.
        .process_group(0)
        .spawn()?;
    // Closed at the end of this block: that is the end of what it reads.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&serde_json::to_vec(spec)?).await?;
    }
    Ok(child)
}

/// Its first line; empty where it ended without one.
async fn greeting(mut child: Child) -> String {
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        // An end without a line is told by the empty line.
        let _ = BufReader::new(output).read_line(&mut line).await;
    }
    line.trim_end().to_owned()
}

fn check_length(socket: &Path) -> Result<(), ServiceError> {
    match socket.as_os_str().len() > SOCKET_PATH_LIMIT {
        true => Err(ServiceError::PathTooLong {
            path: socket.to_owned(),
            limit: SOCKET_PATH_LIMIT,
        }),
        false => Ok(()),
    }
}
