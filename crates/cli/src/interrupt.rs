//! Ctrl-C.

/// Completes at the next Ctrl-C; never, where it cannot be heard (it then ends the process, and the journal says so at
/// the next start).
pub(crate) async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
