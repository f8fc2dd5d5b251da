//! An MCP server for the tests of this crate: `tests/tools/mcp_server.rs` on standard input and output.
//!
//! `CONTROL` is a port that it connects to and tells what happens. `MODE=mute` answers nothing;
//! `MODE=broken` ends with a complaint.

#![allow(missing_docs, clippy::print_stderr)]

#[path = "../tests/tools/mcp_server.rs"]
mod mcp_server;

use std::io::Write as _;
use std::net::TcpStream;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitCode;

use rmcp::ServiceExt as _;
use tokio::sync::mpsc;

use mcp_server::TestServer;

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let port: u16 = std::env::var("CONTROL")?.parse()?;
    let mut control = TcpStream::connect(("127.0.0.1", port))?;
    writeln!(control, "started {}", std::process::id())?;
    match std::env::var("MODE").as_deref() {
        Ok("broken") => {
            eprintln!("starting up");
            eprintln!("cannot find the database");
            return Ok(ExitCode::from(3));
        }
        Ok("mute") => {
            eprintln!("waiting for somebody to press a key");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
    let (said, mut lines) = mpsc::unbounded_channel::<String>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let telling = tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if writeln!(control, "{line}").is_err() {
                    return;
                }
            }
        });
        let input = file(std::io::stdin().as_fd())?;
        let output = file(std::io::stdout().as_fd())?;
        let server = TestServer::new(said);
        let served = server.serve((input, output)).await?;
        served.waiting().await?;
        telling.abort();
        Ok(ExitCode::SUCCESS)
    })
}

fn file(stream: BorrowedFd<'_>) -> std::io::Result<tokio::fs::File> {
    let stream = std::fs::File::from(stream.try_clone_to_owned()?);
    Ok(tokio::fs::File::from_std(stream))
}
