//! How the program ends when something went wrong.

use std::process::ExitCode;

use moltbot_config::ProfileError;

use crate::output;

/// An end with an exit code other than 0.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    /// For the person, on standard error; empty where everything is said already.
    message: String,
}

impl Exit {
    /// Code 1 with a sentence.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    /// This code; what there is to say has been said.
    pub(crate) fn silent(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }

    /// The same with another code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The sentence for the person.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says the sentence and gives the code to the shell.
    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            // It may quote a server or a model.
            output::note(output::plain(&self.message));
        }
        ExitCode::from(self.code)
    }
}

/// Library errors are whole sentences already.
macro_rules! from_error {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Exit {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        }
    )+};
}

from_error!(
    moltbot_agent::AnswerError,
    moltbot_agent::ChoiceError,
    moltbot_agent::CommandError,
    moltbot_agent::HistoryError,
    moltbot_agent::TurnError,
    moltbot_config::EditError,
    moltbot_config::PathError,
    moltbot_engine::models::ModelsError,
    moltbot_engine::models::PullError,
    moltbot_guard::access::PairingError,
    moltbot_guard::shell::ApprovalsError,
    moltbot_llm::CatalogError,
    moltbot_store::StoreError,
    moltbot_tools::mcp::McpError,
    moltbot_tools::memory::MemoryError,
);

impl From<ProfileError> for Exit {
    fn from(error: ProfileError) -> Self {
        Self {
            code: 2,
            message: format!("[moltbot] {error}"),
        }
    }
}
