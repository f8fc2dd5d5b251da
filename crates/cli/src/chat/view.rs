//! Showing an answer while it comes.
//!
//! At a terminal, words are shown as they come; what turns out void is said to be so. Whatever reads a pipe cannot take
//! anything back, so it gets the answer when it is certain.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use moltbot_agent::Progress;
use moltbot_llm::{Event, Phase};

use crate::exit::Exit;
use crate::output::{self, DIM};

/// What stands on the screen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Text,
    Thinking,
}

/// One answer on the screen: a spinner until words come, then the words.
pub(super) struct View {
    spinner: Option<ProgressBar>,
    show_reasoning: bool,
    last: Last,
    /// For a pipe: the answer so far.
    held: Option<String>,
    /// The reader of standard output went away.
    broken: Option<Exit>,
}

impl View {
    /// A view that shows reasoning, dimmed, if asked to.
    pub(super) fn new(show_reasoning: bool) -> Self {
        Self {
            spinner: spinner(),
            show_reasoning,
            last: Last::Nothing,
            held: (!std::io::stdout().is_terminal()).then(String::new),
            broken: None,
        }
    }

    /// Shows what happened.
    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Model(event) => self.event(event),
            Progress::ToolStarted { name, detail, .. } => {
                self.break_line();
                self.clear();
                output::note(output::styled(
                    DIM,
                    format!("· {name} {}", one_line(&detail)),
                ));
            }
            Progress::ToolEnded { name, error, .. } => {
                if let Some(error) = error {
                    let text = format!("· {name} failed: {}", one_line(&error));
                    output::note(output::styled(output::WARN, text));
                }
            }
            Progress::NextStep => {
                // A pipe gets the answer alone.
                if let Some(held) = &mut self.held {
                    held.clear();
                }
                self.break_line();
                self.clear();
                self.spinner = spinner();
            }
            Progress::Steered(_) => {}
            Progress::Compacting => self.say("shortening the conversation".to_owned()),
            Progress::Compacted { before, after } => {
                self.break_line();
                self.clear();
                let text = format!(
                    "· the conversation was shortened from {before} to about {after} tokens"
                );
                output::note(output::styled(DIM, text));
                self.spinner = spinner();
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Phase(phase) => self.say(describe(phase)),
            Event::Text(text) => {
                let text = output::plain(&text);
                if let Some(held) = &mut self.held {
                    held.push_str(&text);
                    return;
                }
                // Nothing but white space is no beginning of an answer.
                let text = match self.last {
                    Last::Text => text.as_str(),
                    _ => text.trim_start(),
                };
                if !text.is_empty() {
                    self.switch(Last::Text);
                    self.print(text);
                }
            }
            Event::Thinking(text) if self.show_reasoning => {
                let text = output::styled(DIM, output::plain(&text));
                if self.held.is_some() {
                    output::note(text);
                } else {
                    self.switch(Last::Thinking);
                    self.print(&text);
                }
            }
            Event::Thinking(_) => self.say("thinking".to_owned()),
            Event::TextWasThinking => {
                if let Some(held) = &mut self.held {
                    held.clear();
                }
                if self.last == Last::Text {
                    self.break_line();
                    output::note(output::styled(DIM, "(that was the model's reasoning)"));
                }
            }
            Event::NextModel { failure, next } => self.void(&format!("{failure} Asking {next}.")),
            Event::Again { failure } => self.void(&format!("{failure} Asking once more.")),
            Event::Notice(text) => {
                self.break_line();
                self.clear();
                output::note(output::styled(output::WARN, output::plain(&text)));
            }
            Event::ToolCallStarted { .. } | Event::ToolCallArguments { .. } => {}
        }
    }

    /// Ends the answer's last line and takes the spinner away. `stands` says whether what came is an answer, whole or
    /// stopped by the person.
    pub(super) fn end(mut self, stands: bool) -> Result<(), Exit> {
        self.clear();
        self.break_line();
        if let Some(held) = self.held.take()
            && stands
            && !held.trim().is_empty()
        {
            output::line(held.trim())?;
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    /// What was shown so far is no part of the answer.
    fn void(&mut self, reason: &str) {
        if let Some(held) = &mut self.held {
            held.clear();
        }
        self.break_line();
        self.clear();
        output::note(output::styled(output::WARN, reason));
    }

    fn switch(&mut self, to: Last) {
        if self.last == to {
            return;
        }
        self.clear();
        self.break_line();
        self.last = to;
    }

    fn break_line(&mut self) {
        if self.last != Last::Nothing {
            self.print("\n");
            self.last = Last::Nothing;
        }
    }

    fn print(&mut self, text: &str) {
        if self.broken.is_none() {
            self.broken = output::write(text).err();
        }
    }

    fn say(&self, text: String) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text);
        }
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A sign of life, at a terminal.
fn spinner() -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    })
}

/// The beginning of a text that may have many lines, and nothing that moves the cursor.
fn one_line(text: &str) -> String {
    const LIMIT: usize = 200;
    let line = output::plain(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match line.chars().count() > LIMIT {
        true => format!("{}…", line.chars().take(LIMIT).collect::<String>()),
        false => line,
    }
}

fn describe(phase: Phase) -> String {
    match phase {
        Phase::Waiting => "waiting".to_owned(),
        Phase::Queued { ahead: 0 } => "queued".to_owned(),
        Phase::Queued { ahead } => format!("queued behind {ahead}"),
        Phase::Loading { fraction: None } => "loading the model".to_owned(),
        Phase::Loading {
            fraction: Some(fraction),
        } => format!("loading the model {:.0} %", fraction * 100.0),
        Phase::Prefill { total: 0, .. } => "reading".to_owned(),
        Phase::Prefill { processed, total } => {
            format!("reading {:.0} %", processed as f64 / total as f64 * 100.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_said_in_words() {
        assert_eq!(
            describe(Phase::Prefill {
                processed: 43,
                total: 100
            }),
            "reading 43 %"
        );
        assert_eq!(
            describe(Phase::Prefill {
                processed: 0,
                total: 0
            }),
            "reading"
        );
        assert_eq!(
            describe(Phase::Loading {
                fraction: Some(0.5)
            }),
            "loading the model 50 %"
        );
    }
}
