//! Where an agent can say something by itself, in the middle of a turn.

use std::path::PathBuf;

use async_trait::async_trait;
use moltbot_store::Session;
use thiserror::Error;

/// A way for messages to people: a terminal, a channel's account.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// The channel's name, such as `terminal`.
    fn channel(&self) -> &str;

    /// What can be done there.
    fn actions(&self) -> &[OutletAction];

    /// Where the person of a conversation is reached; `None` where that conversation is not held here.
    fn home(&self, session: &Session) -> Option<String>;

    /// Whether messages can go anywhere else than to the person of the conversation.
    fn reaches_others(&self) -> bool;

    /// Delivers a message.
    ///
    /// # Errors
    /// It was not delivered, or nobody knows.
    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, DeliveryError>;
}

/// What can be done at an outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutletAction {
    /// A message is sent.
    Send,
}

impl OutletAction {
    /// Its name, as models know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
        }
    }
}

/// A message on its way to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Whom it is for, as the outlet names people and rooms.
    pub target: String,
    /// What it says; may be empty where media goes along.
    pub text: String,
    /// A file that goes along: its absolute path, of a place that may be read.
    pub media: Option<PathBuf>,
}

/// That a message was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The channel's own id of the message, where it gives one.
    pub message_id: Option<String>,
}

/// A message that was not delivered. `Display` is the sentence for the model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// It was not.
    #[error("The message was not delivered: {0}.")]
    Failed(String),
}
