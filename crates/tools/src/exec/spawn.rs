//! Starting a shell, with a pipe or a terminal for its output.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitStatus;

use moltbot_guard::container::Signals;

/// What to start.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    /// What the shell runs.
    pub(super) command: String,
    /// The program and its arguments by which it runs that. Never empty.
    pub(super) line: Vec<String>,
    /// Where. Absolute.
    pub(super) workdir: PathBuf,
    /// The whole environment.
    pub(super) environment: BTreeMap<String, String>,
    /// What it reads from and writes to.
    pub(super) streams: Streams,
    /// How what it starts is ended, where signals to its own processes do not.
    pub(super) signals: Option<Signals>,
}

/// What a command reads from and writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Nothing to read; a pipe to write to.
    Output,
    /// Pipes.
    Pipes,
    /// A terminal.
    Terminal,
}

/// A shell that runs.
pub(super) struct Started {
    /// Its process id, which is also that of its group and its session.
    pub(super) pid: u32,
    /// What it prints, errors among the rest, as it comes.
    pub(super) output: Box<dyn Read + Send>,
    /// What it reads from.
    pub(super) input: Option<Box<dyn Write + Send>>,
    /// Waits for the shell to end.
    pub(super) wait: Box<dyn FnOnce() -> io::Result<ExitStatus> + Send>,
}

/// Starts a shell.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub(super) fn start(launch: &Launch) -> io::Result<Started> {
    match launch.streams {
        Streams::Terminal => on_terminal(launch),
        Streams::Output => on_pipes(launch, false),
        Streams::Pipes => on_pipes(launch, true),
    }
}

/// Starts a shell.
///
/// # Errors
/// Always: there is no such shell here.
#[cfg(not(unix))]
pub(super) fn start(_launch: &Launch) -> io::Result<Started> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "running commands is not supported on Windows; run moltbot in WSL2",
    ))
}

#[cfg(unix)]
fn program_of(launch: &Launch) -> io::Result<(&String, &[String])> {
    let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "there is no command");
    launch.line.split_first().ok_or_else(nothing)
}

#[cfg(unix)]
fn on_pipes(launch: &Launch, reads: bool) -> io::Result<Started> {
    use process_wrap::std::{CommandWrap, ProcessSession};
    use std::process::Stdio;

    // One pipe for both, so that what is printed keeps its order.
    let (output, writer) = io::pipe()?;
    let (program, arguments) = program_of(launch)?;
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .current_dir(&launch.workdir)
        .env_clear()
        .envs(&launch.environment)
        .stdin(if reads { Stdio::piped() } else { Stdio::null() })
        .stdout(writer.try_clone()?)
        .stderr(writer);
    // Let go of what the command holds of the pipe: it ends when the last program that writes to it does.
    let spawned = CommandWrap::from(command).wrap(ProcessSession).spawn()?;
    let mut child = spawned.into_inner();
    let input = child.stdin().take();
    Ok(Started {
        pid: child.id(),
        output: Box::new(output),
        input: input.map(|input| Box::new(input) as Box<dyn Write + Send>),
        wait: Box::new(move || child.wait()),
    })
}

#[cfg(unix)]
fn on_terminal(launch: &Launch) -> io::Result<Started> {
    use portable_pty::{Child, CommandBuilder, PtySize};

    let size = PtySize {
        rows: 30,
        cols: 120,
        ..PtySize::default()
    };
    let pair = portable_pty::native_pty_system()
        .openpty(size)
        .map_err(io::Error::other)?;
    let output = pair.master.try_clone_reader().map_err(io::Error::other)?;
    let input = pair.master.take_writer().map_err(io::Error::other)?;
    let (program, arguments) = program_of(launch)?;
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.cwd(&launch.workdir);
    command.env_clear();
    for (name, value) in &launch.environment {
        command.env(name, value);
    }
    let child: Box<dyn Child> = pair
        .slave
        .spawn_command(command)
        .map_err(io::Error::other)?;
    // On Unix it is one of the standard library, which tells signals by number.
    let mut child = child
        .downcast::<std::process::Child>()
        .map_err(|_| io::Error::other("the terminal's child process is of an unknown kind"))?;
    Ok(Started {
        pid: child.id(),
        output,
        input: Some(input),
        wait: Box::new(move || child.wait()),
    })
}
