//! `/approve`: the owner answers a question that was asked anywhere.

use moltbot_guard::Effect;
use moltbot_store::ApprovalAnswer;

use crate::agent::Agent;
use crate::approvals::{AnswerError, Asked};

use super::obey::{CommandError, Conversation};

const USAGE: &str = "Usage: /approve <id> allow-once|allow-always|deny";

impl Agent {
    pub(super) async fn approve_command(
        &self,
        text: &str,
        conversation: &Conversation,
    ) -> Result<String, CommandError> {
        let Some(book) = self.gate.approvals() else {
            return Ok("Nothing is asked about here.".to_owned());
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (id, answer) = match words.as_slice() {
            [] => {
                let pending = book.pending().await?;
                let lines: Vec<String> = pending.iter().map(told).collect();
                return Ok(match lines.is_empty() {
                    true => format!("Nothing waits for your word. {USAGE}"),
                    false => format!("{}\n{USAGE}", lines.join("\n")),
                });
            }
            [one, other] => match (decision(one), decision(other)) {
                (None, Some(answer)) => (one, answer),
                (Some(answer), None) => (other, answer),
                _ => return Ok(USAGE.to_owned()),
            },
            _ => return Ok(USAGE.to_owned()),
        };
        let place = match conversation.peer.channel.as_str() {
            "" => "chat",
            channel => channel,
        };
        let answered = match book.find(id).await {
            Ok(asked) => book.answer(&asked, answer, place).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(asked) => Ok(format!(
                "✅ {} {answer} submitted for {}.\n{}",
                match asked.question.plan.effect {
                    Effect::RunsCode => "Exec approval",
                    _ => "Approval",
                },
                asked.approval.short_id(),
                asked.question.shown().join("\n")
            )),
            Err(AnswerError::Store(error)) if is_the_stores(&error) => Err(error.into()),
            Err(error) => Ok(error.to_string()),
        }
    }
}

/// Whether the store itself failed, rather than what was asked of it.
fn is_the_stores(error: &moltbot_store::StoreError) -> bool {
    use moltbot_store::StoreError::{ApprovalAnswered, ApprovalExpired, NoSuchApproval};
    !matches!(
        error,
        NoSuchApproval { .. } | ApprovalAnswered { .. } | ApprovalExpired { .. }
    )
}

/// The words for an answer, as in the original.
fn decision(word: &str) -> Option<ApprovalAnswer> {
    match word.to_ascii_lowercase().as_str() {
        "allow-once" | "allowonce" | "allow" | "once" => Some(ApprovalAnswer::AllowOnce),
        "allow-always" | "allowalways" | "always" => Some(ApprovalAnswer::AllowAlways),
        "deny" | "reject" | "block" => Some(ApprovalAnswer::Deny),
        _ => None,
    }
}

/// What is asked, under a line that begins with its id.
fn told(asked: &Asked) -> String {
    let Asked { approval, question } = asked;
    let head = format!(
        "{} · {} wants to {} ({}):",
        approval.short_id(),
        question.asker(),
        question.plan.effect.describe(),
        question.tool,
    );
    format!("{head}\n{}", question.shown().join("\n"))
}
