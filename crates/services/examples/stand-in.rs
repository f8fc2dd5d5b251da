//! Stand-ins for the tests of this crate: a keeper, and a model server that does what the test tells it.
//!
//! `stand-in keeper PROVIDER`: runs [`moltbot_services::keep`]. The memory that is available is read from the file that
//! `STAND_IN_MEMORY` names, where it is set.
//!
//! `stand-in server CONTROL PORT`: connects to the test at port CONTROL, says its process id, and obeys: `listen` (on
//! PORT, answering every request with a list of models), `say TEXT` (on standard output), `end CODE`, and `deaf` (to
//! SIGTERM). Each order is answered by `done`. Ends when the test does.
//!
//! `stand-in detached CONTROL PORT`: starts a server like the above in a group of its own, waits until it listens, and
//! ends.
//!
//! `stand-in user`: a program that uses a service. The first line of standard input is its specification. Says the keeper's process id when the server is ready, and keeps its lease until
//! standard input ends.

use std::fmt::Display;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

use moltbot_llm::Priority;
use moltbot_services::{Launcher, Lease, Services, Spec};

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["keeper", _] => keeper(),
        ["server", control, port] => server(control, port),
        ["detached", control, port] => detached(control, port),
        ["user"] => user(),
        _ => Err(format!("what is {words:?}?").into()),
    }
}

fn keeper() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(moltbot_services::keep(io::stdin(), io::stdout(), memory));
    Ok(ExitCode::SUCCESS)
}

fn memory() -> Option<u64> {
    let path = std::env::var_os("STAND_IN_MEMORY")?;
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn server(control: &str, port: &str) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut control = TcpStream::connect(("127.0.0.1", control.parse()?))?;
    let mut orders = BufReader::new(control.try_clone()?).lines();
    tell(&mut control, std::process::id())?;
    while let Some(order) = orders.next().transpose()? {
        match order.split_once(' ').unwrap_or((order.as_str(), "")) {
            ("listen", _) => {
                let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
                std::thread::spawn(move || answer(&listener));
            }
            ("say", text) => {
                let mut out = io::stdout();
                writeln!(out, "{text}")?;
                out.flush()?;
            }
            ("deaf", _) => {
                let _guard = runtime.enter();
                let kind = tokio::signal::unix::SignalKind::terminate();
                // From now on the signal is caught, and nobody looks.
                std::mem::forget(tokio::signal::unix::signal(kind)?);
            }
            ("end", code) => return Ok(ExitCode::from(code.parse::<u8>()?)),
            (what, _) => return Err(format!("what is {what}?").into()),
        }
        tell(&mut control, "done")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn user() -> Outcome {
    let mut lines = io::stdin().lines();
    let spec: Spec = serde_json::from_str(&lines.next().ok_or("no specification")??)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let launcher = Launcher {
        program: std::env::current_exe()?,
        args: vec!["keeper".to_owned()],
    };
    let (provider, dir) = (spec.provider.clone(), spec.dir.clone());
    let services = Services::of([(provider.clone(), spec)].into(), &dir, launcher);
    let lease = runtime.block_on(services.lease(&provider, Priority::Person, &mut || {}))?;
    let keeper = lease.as_ref().and_then(Lease::keeper).ok_or("not ours")?;
    let mut out = io::stdout();
    writeln!(out, "{keeper}")?;
    out.flush()?;
    lines.for_each(drop);
    Ok(ExitCode::SUCCESS)
}

fn tell(control: &mut TcpStream, what: impl Display) -> io::Result<()> {
    writeln!(control, "{what}")
}

fn answer(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        // A client that goes away in between is no concern of ours.
        let _ = answer_one(stream);
    }
}

fn answer_one(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        head.extend_from_slice(&byte);
    }
    let body = r#"{"object":"list","data":[{"id":"small","object":"model"}]}"#;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn detached(control: &str, port: &str) -> Outcome {
    Command::new(std::env::current_exe()?)
        .args(["server", control, port])
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()?;
    while TcpStream::connect(("127.0.0.1", port.parse()?)).is_err() {
        std::thread::yield_now();
    }
    Ok(ExitCode::SUCCESS)
}
