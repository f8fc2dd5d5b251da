//! One client connection: requests in, replies out, until one side ends it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::chunked;
use crate::ledger::{Exchange, OpenConnection, Shared};
use crate::reply::{Framing, Reply, Step, openai_error};
use crate::request::{Incoming, READ_SIZE, read_request};

/// How the sending of a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Complete,
    Cut,
    Reset,
    ClientLeft,
}

/// Serves a connection to its end. An I/O error means that the client is gone.
pub(crate) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _open = OpenConnection::count(&shared);
    let _ = exchanges(&mut stream, &shared).await;
}

async fn exchanges(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    // Each step must leave at once, not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let (mut request, keep_alive) = match read_request(stream, &mut buffer).await? {
            Incoming::Request {
                request,
                keep_alive,
            } => (request, keep_alive),
            Incoming::Closed => return Ok(()),
            Incoming::Malformed(reason) => {
                let message = format!("Malformed HTTP request: {reason}.");
                let reply = openai_error(400, &message, "malformed_request");
                send(&reply, &mut stream.split().1, shared).await?;
                return stream.shutdown().await;
            }
        };
        let (rule, reply) = shared.script().answer(&request);
        request.rule = rule;
        let exchange = Exchange::begin(shared, request);

        let (mut reader, mut writer) = stream.split();
        let ending = tokio::select! {
            biased;
            () = client_left(&mut reader, &mut buffer) => Ending::ClientLeft,
            sent = send(&reply, &mut writer, shared) => sent.unwrap_or(Ending::ClientLeft),
        };
        match ending {
            Ending::ClientLeft => {
                exchange.cancel();
                return Ok(());
            }
            // With no linger time the drop of the socket sends an RST.
            Ending::Reset => return stream.set_zero_linger(),
            Ending::Complete if keep_alive && reply.keeps_connection() => {}
            Ending::Complete | Ending::Cut => return stream.shutdown().await,
        }
    }
}

/// Returns when the client has closed its side. What it sends meanwhile is kept: it is the
/// start of its next request.
async fn client_left(reader: &mut ReadHalf<'_>, buffer: &mut Vec<u8>) {
    loop {
        buffer.reserve(READ_SIZE);
        match reader.read_buf(buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Sends a reply step by step.
async fn send(reply: &Reply, writer: &mut WriteHalf<'_>, shared: &Shared) -> io::Result<Ending> {
    let _slot = match &reply.slots {
        Some(slots) => slots.take().await,
        None => None,
    };
    for step in &reply.before_head {
        if let Some(ending) = perform(step, Framing::Raw, writer, shared).await? {
            return Ok(ending);
        }
    }
    writer.write_all(&reply.head()).await?;
    for step in &reply.steps {
        if let Some(ending) = perform(step, reply.framing, writer, shared).await? {
            return Ok(ending);
        }
    }
    if reply.framing == Framing::Chunked {
        writer.write_all(chunked::END).await?;
    }
    Ok(Ending::Complete)
}

/// Performs one step; gives the ending when nothing may follow it.
async fn perform(
    step: &Step,
    framing: Framing,
    writer: &mut WriteHalf<'_>,
    shared: &Shared,
) -> io::Result<Option<Ending>> {
    match step {
        Step::Bytes(bytes) if framing == Framing::Chunked => {
            writer.write_all(&chunked::encode(bytes)).await?;
        }
        Step::Bytes(bytes) => writer.write_all(bytes).await?,
        Step::Pause(gate) => shared.pause(gate).await,
        Step::Release(gate) => shared.release(gate),
        Step::Delay(duration) => tokio::time::sleep(*duration).await,
        Step::Hang => std::future::pending().await,
        Step::Cut => return Ok(Some(Ending::Cut)),
        Step::Reset => return Ok(Some(Ending::Reset)),
    }
    Ok(None)
}
