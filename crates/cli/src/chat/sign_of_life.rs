//! The spinner that says that something goes on.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The spinner of a chat: one for whoever shows an answer and whoever asks the person something meanwhile, as both
/// write where it turns. There is none where no person looks.
#[derive(Clone, Default)]
pub(super) struct SignOfLife(Arc<Mutex<Option<ProgressBar>>>);

impl SignOfLife {
    /// It turns, without words.
    pub(super) fn start(&self) {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        *self.bar() = bar;
    }

    /// Says what goes on, where it turns.
    pub(super) fn say(&self, text: String) {
        if let Some(bar) = &*self.bar() {
            bar.set_message(text);
        }
    }

    /// Takes it away: what is written next begins on a line of its own.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
