//! Asking the owner at the terminal whether a tool call may be done.

use async_trait::async_trait;
use moltbot_agent::{Approver, Question};
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
        let Question { tool, plan, .. } = question;
        self.sign.clear();
        output::note(output::styled(
            output::WARN,
            format!("The agent wants to {} ({tool}):", plan.effect.describe()),
        ));
        for line in plan.detail.lines() {
            output::note(format!("    {}", visible(line)));
        }
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

/// A text with what cannot be seen made visible: nothing hides in what is allowed.
fn visible(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let is_hidden = c.is_control()
            || matches!(
                c,
                '\u{ad}'
                    | '\u{61c}'
                    | '\u{115f}'
                    | '\u{1160}'
                    | '\u{180b}'..='\u{180f}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{3164}'
                    | '\u{fe00}'..='\u{fe0f}'
                    | '\u{feff}'
                    | '\u{ffa0}'
                    | '\u{e0000}'..='\u{e0fff}'
            );
        match is_hidden && c != '\t' {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    ["y", "yes", "j", "ja", "是", "好"].contains(&answer.as_str())
}

#[cfg(test)]
mod tests {
    use super::{is_yes, visible};

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

    #[test]
    fn nothing_hides_in_what_is_allowed() {
        let command = "rm \u{202e}x\u{200b}\x1b[2K # 好";
        assert_eq!(visible(command), "rm \\u{202e}x\\u{200b}\\u{1b}[2K # 好");
    }
}
