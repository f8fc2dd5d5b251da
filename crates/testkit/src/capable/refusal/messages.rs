//! Refusals of who says what in a conversation, and in which order.

use super::{BAD, Manner, Reason, Refusal, Words};
use crate::capable::capabilities::Kind;

impl Manner<'_> {
    pub(in crate::capable) fn content(&self, message: usize) -> Refusal {
        let message = format!("messages[{message}].content must be a string or null");
        self.say(Reason::Content, BAD, &message)
    }

    pub(in crate::capable) fn image(&self) -> Refusal {
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    status: 500,
                    kind: "server_error",
                    ..BAD
                };
                let message = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj";
                self.say(Reason::Image, words, message)
            }
            Kind::Vllm | Kind::Sglang => {
                let message = "At most 0 image(s) may be provided in one prompt.";
                self.say(Reason::Image, BAD, message)
            }
            _ => {
                let message =
                    "Invalid content type. image_url is only supported by certain models.";
                self.say(Reason::Image, BAD, message)
            }
        }
    }

    pub(in crate::capable) fn developer_role(&self, message: usize) -> Refusal {
        match self.kind() {
            Kind::LlamaCpp | Kind::Vllm => {
                self.template(Reason::DeveloperRole, "Unexpected message role.")
            }
            _ => {
                let message = format!(
                    "Failed to deserialize the JSON body into the target type: messages[{message}].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 60"
                );
                self.say(Reason::DeveloperRole, BAD, &message)
            }
        }
    }

    pub(in crate::capable) fn no_system_role(&self) -> Refusal {
        self.template(Reason::System, "System role not supported")
    }

    pub(in crate::capable) fn system_not_first(&self) -> Refusal {
        self.template(Reason::System, "System message must be at the beginning.")
    }

    pub(in crate::capable) fn alternation(&self) -> Refusal {
        let complaint = match self.kind() {
            Kind::Vllm | Kind::Sglang => {
                "Conversation roles must alternate user/assistant/user/assistant/..."
            }
            _ => {
                "After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results."
            }
        };
        self.template(Reason::Alternation, complaint)
    }

    pub(in crate::capable) fn no_user(&self) -> Refusal {
        self.template(Reason::NoUser, "No user query found in messages.")
    }
}
