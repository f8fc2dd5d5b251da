//! The terminal as a place that the agent can send messages to while it works on its answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use moltbot_agent::{DeliveryError, OutgoingMessage, Outlet, OutletAction, Progress, Receipt};
use moltbot_store::Session;

use super::view::View;

/// The terminal of a chat. What comes of the model's answer and what tools send is shown by the same view, one after the
/// other.
#[derive(Default)]
pub(crate) struct Screen {
    turn: Mutex<Option<Shown>>,
}

/// The turn that is being shown.
struct Shown {
    session_key: String,
    view: View,
}

impl Screen {
    /// Its name among the channels.
    pub(crate) const CHANNEL: &str = "terminal";
    /// What can be done there.
    pub(crate) const ACTIONS: &[OutletAction] = &[OutletAction::Send];
    /// The one who sits in front of it.
    pub(crate) const PERSON: &str = "user";

    /// A turn of this session begins.
    pub(super) fn open(&self, session: &Session, view: View) {
        *self.turn() = Some(Shown {
            session_key: session.key.clone(),
            view,
        });
    }

    /// Shows what happens in it.
    pub(super) fn progress(&self, progress: Progress) {
        if let Some(shown) = self.turn().as_mut() {
            shown.view.progress(progress);
        }
    }

    /// It is over; gives what it was shown by.
    pub(super) fn close(&self) -> Option<View> {
        self.turn().take().map(|shown| shown.view)
    }

    fn turn(&self) -> MutexGuard<'_, Option<Shown>> {
        // A view that broke off in the middle of a line still shows the next.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Outlet for Screen {
    fn channel(&self) -> &str {
        Self::CHANNEL
    }

    fn actions(&self) -> &[OutletAction] {
        Self::ACTIONS
    }

    fn home(&self, session: &Session) -> Option<String> {
        let turn = self.turn();
        let shown = turn.as_ref()?;
        (shown.session_key == session.key).then(|| Self::PERSON.to_owned())
    }

    fn reaches_others(&self) -> bool {
        false
    }

    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, DeliveryError> {
        match self.turn().as_mut() {
            Some(shown) => {
                shown.view.message(&message.text, message.media.as_deref());
                Ok(Receipt::default())
            }
            None => Err(DeliveryError::Failed(
                "nobody sits at the terminal any more".to_owned(),
            )),
        }
    }
}
