//! Programs that are asked for a few words and must answer in time.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How often a program that has closed its output is looked at until it has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// How long the complaints of a program that has failed are waited for: another that it started may hold them open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A program that ended in time.
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it printed, as far as that was asked for.
    pub(crate) output: Vec<u8>,
    /// What it said on standard error, likewise; of a program that succeeded perhaps not all.
    pub(crate) complaints: Vec<u8>,
}

/// Why there is no answer. Each reads as the end of a sentence about the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// It is not there, or may not be run.
    #[error("it could not be started ({0})")]
    Start(io::Error),
    /// The pipe failed.
    #[error("its output could not be read ({0})")]
    Read(io::Error),
    /// It was ended because it took too long.
    #[error("it took longer than {} ms", .0.as_millis())]
    Late(Duration),
}

/// Runs a program to its end with `input` as its standard input (nothing where that is empty). At most `most` bytes of
/// what it prints, and of what it says on standard error, are kept.
///
/// # Errors
/// [`NoAnswer`]. A program that takes longer than `limit` is ended.
pub(crate) fn run(
    command: &mut Command,
    input: &[u8],
    limit: Duration,
    most: u64,
) -> Result<Ended, NoAnswer> {
    let deadline = Instant::now() + limit;
    let mut child = command
        .stdin(match input.is_empty() {
            true => Stdio::null(),
            false => Stdio::piped(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NoAnswer::Start)?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        thread::spawn(move || {
            // A program that does not read it says what it thinks of that itself.
            let _ = stdin.write_all(&input);
        });
    }
    let output = child.stdout.take().map(|pipe| reader(pipe, most));
    let complaints = child.stderr.take().map(|pipe| reader(pipe, most));
    let answer = ended(&mut child, output, deadline, limit);
    if answer.is_err() {
        // Fails only where it has ended already.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, output) = answer?;
    let complaints = complaints.and_then(|words| match status.success() {
        true => words.try_recv().ok(),
        false => words.recv_timeout(LAST_WORDS).ok(),
    });
    Ok(Ended {
        status,
        output,
        complaints: complaints.and_then(Result::ok).unwrap_or_default(),
    })
}

/// Reads a pipe on a thread of its own, because a read can't be given up. It ends when the last process that holds the
/// pipe ends, which may be later than the program.
fn reader(mut pipe: impl Read + Send + 'static, most: u64) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.by_ref().take(most).read_to_end(&mut bytes);
        // Nobody waits any more where the time was up.
        let _ = sender.send(read.map(|_| bytes));
        // What is beyond is thrown away, so that the program can end.
        let _ = io::copy(&mut pipe, &mut io::sink());
    });
    receiver
}

/// How the program ended, and what it had printed.
fn ended(
    child: &mut Child,
    output: Option<Receiver<io::Result<Vec<u8>>>>,
    deadline: Instant,
    limit: Duration,
) -> Result<(ExitStatus, Vec<u8>), NoAnswer> {
    let output = match output {
        Some(output) => output
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .map_err(|_| NoAnswer::Late(limit))?
            .map_err(NoAnswer::Read)?,
        None => Vec::new(),
    };
    loop {
        if let Some(status) = child.try_wait().map_err(NoAnswer::Read)? {
            return Ok((status, output));
        }
        if Instant::now() >= deadline {
            return Err(NoAnswer::Late(limit));
        }
        thread::sleep(GLANCE);
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sh(script: &str, input: &str, limit: Duration) -> Result<Ended, NoAnswer> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        run(&mut command, input.as_bytes(), limit, 10)
    }

    #[test]
    fn a_program_is_told_and_heard() {
        let long = Duration::from_secs(600);
        let ended = sh("cat; echo no >&2; exit 3", "in", long).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(
            (ended.output, ended.complaints),
            (b"in".into(), b"no\n".into())
        );
        // More than is kept does not hold it up.
        let ended = sh("yes | head -c 1000000", "", long).unwrap();
        assert!(ended.status.success());
        assert_eq!(ended.output, b"y\ny\ny\ny\ny\n");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        for script in ["exec sleep 600", "exec >&- 2>&-; exec sleep 600"] {
            let answer = sh(script, "", Duration::from_millis(50));
            assert!(matches!(answer, Err(NoAnswer::Late(_))), "{script}");
        }
    }
}
