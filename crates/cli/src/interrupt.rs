//! Ctrl-C, and orders from outside to end: SIGTERM, and the SIGHUP of a terminal that is gone.
//!
//! Without these the system would end the program on the spot, and the commands that it started would go on without
//! it. Whoever hears an order stops the turn, so that the journal says so, and ends what was started.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::watch;

/// What obeys an order to end has this long before it is dropped where it stands.
const PATIENCE: Duration = Duration::from_secs(1);

/// An order to end the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "no such signals there"))]
pub(crate) enum Order {
    /// The terminal is gone (SIGHUP).
    HangUp,
    /// SIGTERM.
    Terminate,
}

impl Order {
    /// What a shell says of a program that a signal ended: 128 and the signal's number.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Terminate => 143,
        }
    }
}

/// The first order that came; a signal is sent to a process, not to a part of it.
static ORDER: OnceLock<watch::Receiver<Option<Order>>> = OnceLock::new();

/// Hears orders to end from now on. A command that does not call this is ended by the system, as any program.
#[cfg(unix)]
pub(crate) fn hear_orders() {
    use tokio::signal::unix::{SignalKind, signal};

    let (sender, receiver) = watch::channel(None);
    if ORDER.set(receiver).is_err() {
        return;
    }
    for (order, kind) in [
        (Order::HangUp, SignalKind::hangup()),
        (Order::Terminate, SignalKind::terminate()),
    ] {
        // `nohup`: who started this wants it to outlive the terminal.
        if order == Order::HangUp && is_ignored(kind) {
            continue;
        }
        // Where it cannot be heard it ends the program, and the journal says so at the next start.
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                sender.send_modify(|first| {
                    first.get_or_insert(order);
                });
            }
        });
    }
}

/// There are no such orders.
#[cfg(not(unix))]
pub(crate) fn hear_orders() {}

/// Whether this program was started with the signal ignored.
#[cfg(target_os = "linux")]
fn is_ignored(kind: tokio::signal::unix::SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (kind.as_raw_value() - 1)) != 0)
}

/// Nobody tells.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_ignored(_kind: tokio::signal::unix::SignalKind) -> bool {
    false
}

/// The order to end that has come.
pub(crate) fn order() -> Option<Order> {
    ORDER.get().and_then(|heard| *heard.borrow())
}

/// Completes when the program is ordered to end, or has been; never, where orders are not heard.
pub(crate) async fn ordered() -> Order {
    if let Some(heard) = ORDER.get()
        && let Ok(order) = heard.clone().wait_for(Option::is_some).await
        && let Some(order) = *order
    {
        return order;
    }
    std::future::pending().await
}

/// Completes when an order to end was not obeyed in time.
pub(crate) async fn overdue() -> Order {
    let order = ordered().await;
    tokio::time::sleep(PATIENCE).await;
    order
}

/// Completes at the next Ctrl-C; never, where it cannot be heard (it then ends the process, and the journal says so at
/// the next start).
pub(crate) async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Completes at the next Ctrl-C, or when the program is ordered to end, or has been.
pub(crate) async fn interrupt() {
    tokio::select! {
        () = ctrl_c() => {}
        _ = ordered() => {}
    }
}
