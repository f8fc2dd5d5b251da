//! Serves a script file, so that a program can be tried against it by hand:
//! `cargo run -p moltbot-testkit --example serve -- FILE [PORT]`.
//!
//! Each request is shown as it arrives. A line typed here opens the gate of that name.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use moltbot_testkit::{Script, ScriptedServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .ok_or("Name the script: serve FILE [PORT].")?;
    let port = match arguments.next() {
        None => 0,
        Some(port) => port
            .parse()
            .map_err(|_| format!("{port:?} is no port; give a number from 0 to 65535."))?,
    };
    let script = Script::load(&file).map_err(|error| format!("{file}: {error}"))?;
    let server = ScriptedServer::start_on(port, script)
        .await
        .map_err(|error| format!("Port {port} cannot be listened on: {error}."))?;
    println!("Serving {file} at {}", server.base_url());
    println!("Type a gate's name to open it.");

    let mut gates = typed_lines();
    let mut shown = 0;
    loop {
        tokio::select! {
            () = server.wait_for_requests(shown + 1) => {
                for request in server.requests().into_iter().skip(shown) {
                    shown += 1;
                    let rule = match request.rule {
                        Some(rule) => format!("rule {}", rule + 1),
                        None => "no rule".to_owned(),
                    };
                    let body = String::from_utf8_lossy(&request.body);
                    println!("{} {} ({rule}) {body}", request.method, request.path);
                }
            }
            Some(gate) = gates.recv() => {
                println!("Opened {gate}");
                server.release(&gate);
            }
        }
    }
}

/// The lines typed here. Reading them blocks, so a thread of its own does it; it ends with
/// the input.
fn typed_lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let gate = line.trim();
            if !gate.is_empty() && sender.send(gate.to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
