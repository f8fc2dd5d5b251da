//! The connections of a keeper, and what each is there for.

use std::collections::BTreeMap;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::protocol::{Ask, Report, Wire};

/// What a connection is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// It has not asked yet.
    New,
    /// A request waits for the server, which is started for it.
    Waiting,
    /// Work that nobody waits for waits for a server that starts anyway.
    WaitingQuietly,
    /// A request uses the server.
    Using,
    /// Work that nobody waits for uses the server.
    UsingQuietly,
    /// A program that has used the server still runs.
    Holding,
    /// Somebody waits for the server's end.
    Stopping,
}

/// What comes from a connection.
#[derive(Debug)]
pub(super) enum Message {
    /// Its question.
    Asked { id: u64, ask: Ask },
    /// Its end.
    Left(u64),
}

struct Client {
    concern: Concern,
    reports: UnboundedSender<Report>,
}

/// All connections.
pub(super) struct Clients {
    by_id: BTreeMap<u64, Client>,
    next_id: u64,
    inbox: UnboundedReceiver<Message>,
    to_inbox: UnboundedSender<Message>,
}

impl Default for Clients {
    fn default() -> Self {
        let (to_inbox, inbox) = unbounded_channel();
        Self {
            by_id: BTreeMap::new(),
            next_id: 0,
            inbox,
            to_inbox,
        }
    }
}

impl Clients {
    /// The next thing that a connection says; takes new ones in on the way. Can be dropped without losing anything.
    pub(super) async fn next(&mut self, listener: &UnixListener) -> Message {
        loop {
            tokio::select! {
                // The channel stays open: we hold a sender ourselves.
                Some(message) = self.inbox.recv() => return message,
                Ok((stream, _)) = listener.accept() => self.take_in(stream),
            }
        }
    }

    fn take_in(&mut self, stream: UnixStream) {
        let id = self.next_id;
        self.next_id += 1;
        let (reports, to_write) = unbounded_channel();
        self.by_id.insert(
            id,
            Client {
                concern: Concern::New,
                reports,
            },
        );
        tokio::spawn(serve(
            Wire::new(stream),
            id,
            to_write,
            self.to_inbox.clone(),
        ));
    }

    /// How many connections are there for this.
    pub(super) fn count(&self, concern: Concern) -> usize {
        let all = self.by_id.values();
        all.filter(|client| client.concern == concern).count()
    }

    /// Requests that must not lose the server, beside those that wait for its start.
    pub(super) fn users(&self) -> usize {
        [
            Concern::Using,
            Concern::UsingQuietly,
            Concern::WaitingQuietly,
        ]
        .map(|concern| self.count(concern))
        .iter()
        .sum()
    }

    /// Notes what a connection is there for.
    pub(super) fn set(&mut self, id: u64, concern: Concern) {
        if let Some(client) = self.by_id.get_mut(&id) {
            client.concern = concern;
        }
    }

    /// Forgets a connection and says what it was there for.
    pub(super) fn leave(&mut self, id: u64) -> Option<Concern> {
        self.by_id.remove(&id).map(|client| client.concern)
    }

    /// Tells one connection.
    pub(super) fn answer(&self, id: u64, report: Report) {
        if let Some(client) = self.by_id.get(&id) {
            // One that has just ended hears nothing.
            let _ = client.reports.send(report);
        }
    }

    /// Tells one connection, and ends it.
    pub(super) fn answer_last(&mut self, id: u64, report: Report) {
        self.answer(id, report);
        self.by_id.remove(&id);
    }

    /// Tells all connections that are there for this, and ends them.
    pub(super) fn answer_all(&mut self, concern: Concern, report: &Report) {
        self.by_id.retain(|_, client| {
            let told = client.concern == concern;
            if told {
                let _ = client.reports.send(report.clone());
            }
            !told
        });
    }

    /// The server is ready: whoever waited for it uses it now.
    pub(super) fn let_in(&mut self) {
        let keeper = std::process::id();
        for client in self.by_id.values_mut() {
            client.concern = match client.concern {
                Concern::Waiting => Concern::Using,
                Concern::WaitingQuietly => Concern::UsingQuietly,
                _ => continue,
            };
            let _ = client.reports.send(Report::Ready { keeper });
        }
    }
}

/// Carries one connection's question in and reports out, until either side is done with the other.
async fn serve(
    mut wire: Wire,
    id: u64,
    mut reports: UnboundedReceiver<Report>,
    inbox: UnboundedSender<Message>,
) {
    if let Some(ask) = wire.receive().await {
        // A keeper that ends hears nothing any more, here and below.
        let _ = inbox.send(Message::Asked { id, ask });
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => if wire.send(&report).await.is_err() { break },
                    None => break,
                },
                // Nothing more is asked; what comes is the end.
                _ = wire.receive::<Ask>() => break,
            }
        }
    }
    let _ = inbox.send(Message::Left(id));
}
