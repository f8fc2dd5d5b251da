//! Asking the owner at the terminal whether a tool call may be done.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use moltbot_agent::{Approver, Question};
use moltbot_guard::invisible::{lines_written_out, written_out};
use moltbot_guard::shell::Approvals;
use rustyline::DefaultEditor;
use tokio::sync::Mutex;

use super::input::Notices;
use crate::output;

use super::sign_of_life::SignOfLife;

/// Whoever holds it has the terminal.
pub(super) type TerminalLock = Arc<Mutex<()>>;

/// Asks at this terminal, one question at a time. Anything but a clear yes is a no. What the conversation at the terminal
/// wants is asked in its turn; a sub-agent, or another conversation, waits until the terminal is free.
pub(super) struct AtTerminal {
    /// The key of the conversation at the terminal.
    pub(super) session_key: Arc<OnceLock<String>>,
    pub(super) terminal: TerminalLock,
    pub(super) notices: Notices,
    /// `exec-approvals.json`, for what is allowed for good.
    pub(super) approvals: PathBuf,
    /// Taken away before a question: it would turn where the question stands.
    pub(super) sign: SignOfLife,
}

#[async_trait]
impl Approver for AtTerminal {
    async fn approve(&self, question: &Question) -> bool {
        let Question {
            tool, plan, reason, ..
        } = question;
        let is_own = self.session_key.get() == Some(&question.session_key);
        let asker = match &question.subagent {
            Some(name) => format!("The sub-agent \"{}\"", one_line(name)),
            None if !is_own => {
                format!("The agent in {}", one_line(&question.session_key))
            }
            None => "The agent".to_owned(),
        };
        let _terminal = match is_own {
            true => None,
            false => Some(match self.terminal.try_lock() {
                Ok(terminal) => terminal,
                Err(_) => {
                    self.notices.say(&format!(
                        "{asker} waits for your word ({tool}); press Enter at the prompt to be asked."
                    ));
                    self.terminal.lock().await
                }
            }),
        };
        self.sign.clear();
        output::note(output::styled(
            output::WARN,
            format!("{asker} wants to {} ({tool}):", plan.effect.describe()),
        ));
        for line in lines_written_out(&plan.detail) {
            output::note(format!("    {line}"));
        }
        output::note(output::styled(output::DIM, written_out(reason)));
        let programs: Vec<String> = plan
            .programs
            .iter()
            .map(|path| written_out(&path.display().to_string()))
            .collect();
        let prompt = match programs.is_empty() {
            true => "Allow it? [y/N] ".to_owned(),
            false => format!(
                "Allow it? [y/N/a] (a: {} from now on) ",
                programs.join(", ")
            ),
        };
        let answer = tokio::task::spawn_blocking(move || {
            let mut editor = DefaultEditor::new().ok()?;
            editor.readline(&prompt).ok()
        });
        // Ctrl-C, the end of the input and a terminal that cannot be read are a no.
        let answer = answer.await.ok().flatten().unwrap_or_default();
        if !plan.programs.is_empty() && is_always(&answer) {
            let kept = Approvals::allow(&self.approvals, &question.agent_id, &plan.programs);
            if let Err(error) = kept {
                output::note(output::styled(
                    output::BAD,
                    format!("Allowed this once only: {error}."),
                ));
            }
            return true;
        }
        is_yes(&answer)
    }
}

/// A name on one line, with what cannot be seen made visible.
fn one_line(name: &str) -> String {
    let name: Vec<&str> = name.split_whitespace().collect();
    written_out(&name.join(" "))
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    ["y", "yes", "j", "ja", "是", "好"].contains(&answer.as_str())
}

fn is_always(answer: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    ["a", "always", "immer", "总是"].contains(&answer.as_str())
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
