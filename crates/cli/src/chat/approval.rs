//! Asking the owner at the terminal whether a tool call may be done.

use async_trait::async_trait;
use moltbot_agent::{Approver, Question};
use moltbot_guard::invisible::written_out;
use rustyline::DefaultEditor;

use crate::output;

use super::sign_of_life::SignOfLife;

/// Asks at this terminal, one question at a time. Anything but a clear yes is a no.
pub(super) struct AtTerminal {
    /// Taken away before a question: it would turn where the question stands.
    pub(super) sign: SignOfLife,
}

#[async_trait]
impl Approver for AtTerminal {
    async fn approve(&self, question: &Question) -> bool {
        let Question {
            tool, plan, reason, ..
        } = question;
        self.sign.clear();
        output::note(output::styled(
            output::WARN,
            format!("The agent wants to {} ({tool}):", plan.effect.describe()),
        ));
        for line in plan.detail.lines() {
            output::note(format!("    {}", written_out(line)));
        }
        output::note(output::styled(output::DIM, written_out(reason)));
        let answer = tokio::task::spawn_blocking(|| {
            let mut editor = DefaultEditor::new().ok()?;
            editor.readline("Allow it? [y/N] ").ok()
        });
        // Ctrl-C, the end of the input and a terminal that cannot be read are a no.
        answer
            .await
            .ok()
            .flatten()
            .is_some_and(|answer| is_yes(&answer))
    }
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    ["y", "yes", "j", "ja", "是", "好"].contains(&answer.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [
            ("y", true),
            (" Yes ", true),
            ("", false),
            ("n", false),
            ("yep", false),
            ("y rm", false),
        ] {
            assert_eq!(is_yes(answer), yes, "{answer}");
        }
    }
}
