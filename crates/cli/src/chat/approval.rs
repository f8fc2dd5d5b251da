//! Asking the owner at the terminal whether a tool call may be done.

use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use moltbot_agent::{ApprovalAnswer, Approver, Question};
use moltbot_guard::invisible::written_out;
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
    /// Taken away before a question: it would turn where the question stands.
    pub(super) sign: SignOfLife,
}

/// A question that stands at the terminal. Dropped, it is taken back.
#[derive(Default)]
struct Standing(Arc<AtomicBool>);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[async_trait]
impl Approver for AtTerminal {
    async fn approve(&self, question: &Question) -> ApprovalAnswer {
        let Question { tool, plan, .. } = question;
        let is_own = self.session_key.get() == Some(&question.session_key);
        let asker = match is_own {
            true => "The agent".to_owned(),
            false => question.asker(),
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
        for line in question.shown() {
            output::note(line);
        }
        let programs: Vec<String> = plan
            .programs
            .iter()
            .map(|path| written_out(&path.display().to_string()))
            .collect();
        let can_always = !programs.is_empty();
        let prompt = match can_always {
            false => "Allow it? [y/N] ".to_owned(),
            true => format!(
                "Allow it? [y/N/a] (a: {} from now on) ",
                programs.join(", ")
            ),
        };
        let standing = Standing::default();
        let taken_back = Arc::clone(&standing.0);
        let answer = tokio::task::spawn_blocking(move || read_answer(&prompt, &taken_back));
        // The end of the input and a terminal that cannot be read are a no.
        let answer = answer.await.ok().flatten().unwrap_or_default();
        if can_always && is_always(&answer) {
            ApprovalAnswer::AllowAlways
        } else if is_yes(&answer) {
            ApprovalAnswer::AllowOnce
        } else {
            ApprovalAnswer::Deny
        }
    }

    fn tell(&self, sentence: &str) {
        output::note(output::styled(output::WARN, written_out(sentence)));
    }

    fn place(&self) -> &str {
        "terminal"
    }
}

/// Asks, and waits for a line; `None` where the question was taken back. What was typed before it was asked is no answer.
fn read_answer(prompt: &str, taken_back: &AtomicBool) -> Option<String> {
    forget_what_was_typed();
    let mut screen = io::stderr();
    write!(screen, "{prompt}")
        .and_then(|()| screen.flush())
        .ok()?;
    while !can_be_read() {
        if taken_back.load(Ordering::Acquire) {
            // The line stays open otherwise. A terminal that is gone needs none.
            let _ = writeln!(screen);
            return None;
        }
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    Some(line)
}

#[cfg(unix)]
fn forget_what_was_typed() {
    use rustix::termios::{QueueSelector, tcflush};
    // What is no terminal has nothing typed ahead.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// Waits a moment for a line. Where that cannot be told, reading waits.
#[cfg(unix)]
fn can_be_read() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    !matches!(
        poll(&mut fds, Some(&moment)),
        Ok(0) | Err(rustix::io::Errno::INTR)
    )
}

#[cfg(not(unix))]
fn forget_what_was_typed() {}

#[cfg(not(unix))]
fn can_be_read() -> bool {
    true
}

/// Whether an answer is a clear yes.
pub(crate) fn is_yes(answer: &str) -> bool {
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
