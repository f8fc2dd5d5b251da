//! Showing an answer while it comes.
//!
//! At a terminal, words are shown as they come; what turns out void is said to be so. Whatever reads a pipe cannot take
//! anything back, so it gets the answer when it is certain.

use std::io::IsTerminal;
use std::path::Path;

use anstyle::Style;
use moltbot_agent::{AlreadySaid, Media, Occasion, Progress, ReplyFilter, VerboseLevel};
use moltbot_llm::{Event, Phase};

use crate::exit::Exit;
use crate::output::{self, DIM};

use super::sign_of_life::SignOfLife;

/// What stands on the screen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Text,
    Thinking,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is whole.
    Answered,
    /// No model was asked.
    WithoutModel,
    /// The person stopped it; what came stands.
    Stopped,
    /// What came is void.
    Failed,
}

/// One answer on the screen: a spinner until words come, then the words.
pub(super) struct View {
    sign: SignOfLife,
    show_reasoning: bool,
    verbose: VerboseLevel,
    last: Last,
    /// Whether a person waits for it.
    occasion: Occasion,
    /// Takes out what is meant for the program.
    filter: ReplyFilter,
    /// What tools told the person meanwhile.
    said: AlreadySaid,
    /// Whether any text stands on the screen.
    has_text: bool,
    /// For a pipe: the answer so far.
    held: Option<String>,
    /// The reader of standard output went away.
    broken: Option<Exit>,
}

impl View {
    /// A view that shows reasoning, dimmed, and what tools do, if asked to.
    pub(super) fn new(
        sign: SignOfLife,
        show_reasoning: bool,
        verbose: VerboseLevel,
        occasion: Occasion,
    ) -> Self {
        sign.start();
        Self {
            sign,
            show_reasoning,
            verbose,
            last: Last::Nothing,
            occasion,
            filter: ReplyFilter::new(occasion),
            said: AlreadySaid::default(),
            has_text: false,
            held: (!std::io::stdout().is_terminal()).then(String::new),
            broken: None,
        }
    }

    /// Shows what happened.
    pub(super) fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Model(event) => self.event(event),
            Progress::ToolStarted { name, detail, .. } => {
                let text = format!("{name} {}", one_line(&detail));
                match self.verbose {
                    VerboseLevel::Off => self.say(text),
                    VerboseLevel::On | VerboseLevel::Full => self.aside(DIM, &format!("· {text}")),
                }
            }
            Progress::ToolEnded {
                name, error, took, ..
            } => match (self.verbose, error) {
                (VerboseLevel::Off, _) | (VerboseLevel::On, None) => {}
                (_, Some(error)) => {
                    let text = format!("· {name} failed: {}", one_line(&error));
                    self.aside(output::WARN, &text);
                }
                (VerboseLevel::Full, None) => {
                    self.aside(DIM, &format!("· {name} done ({:.1} s)", took.as_secs_f64()));
                }
            },
            Progress::NextStep => {
                let (rest, reply) = self.new_filter().finish();
                self.rest(&rest);
                self.attach(&reply.media);
                // A pipe gets the answer alone.
                if let Some(held) = &mut self.held {
                    held.clear();
                }
                self.break_line();
                self.clear();
                self.sign.start();
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
                self.sign.start();
            }
        }
    }

    /// Shows what a model says.
    fn event(&mut self, event: Event) {
        match event {
            Event::Phase(phase) => self.say(describe(phase)),
            Event::Text(text) => {
                let text = self.filter.push(&output::plain(&text));
                let text = self.said.push(&text);
                self.text(&text);
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
                self.new_filter();
                self.said.forget();
                self.has_text = false;
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

    /// Ends the answer's last line and takes the spinner away.
    pub(super) fn end(mut self, end: End) -> Result<(), Exit> {
        let (rest, reply) = self.new_filter().finish();
        let stands = end != End::Failed;
        if stands {
            self.rest(&rest);
        }
        let shown = match &self.held {
            Some(held) => !held.trim().is_empty(),
            None => self.has_text,
        };
        // Whoever was told something meanwhile has an answer.
        let is_silent = !shown && !self.said.is_something();
        if end == End::Answered && is_silent && self.occasion == Occasion::Person {
            self.text(reply.for_person());
        }
        self.clear();
        self.break_line();
        if let Some(held) = self.held.take()
            && stands
            && !held.trim().is_empty()
        {
            output::line(held.trim())?;
        }
        if stands {
            self.attach(&reply.media);
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Shows a message that a tool sends in the middle of the turn. It stands, whatever becomes of the answer.
    pub(super) fn message(&mut self, text: &str, media: Option<&Path>) {
        self.clear();
        self.break_line();
        self.said.note(text);
        if !text.is_empty() {
            self.print(&format!("{}\n", output::plain(text)));
        }
        if let Some(path) = media {
            self.attach(&[Media::Path(path.display().to_string())]);
        }
        self.sign.start();
    }

    /// The last of a reply's text.
    fn rest(&mut self, text: &str) {
        let shown = self.said.push(text) + &self.said.finish();
        self.text(&shown);
    }

    /// More of the answer's text.
    fn text(&mut self, text: &str) {
        if let Some(held) = &mut self.held {
            held.push_str(text);
            return;
        }
        // Nothing but white space is no beginning of an answer.
        let text = match self.last {
            Last::Text => text,
            _ => text.trim_start(),
        };
        if !text.is_empty() {
            self.has_text = true;
            self.switch(Last::Text);
            self.print(text);
        }
    }

    /// Names what goes with the text.
    fn attach(&mut self, media: &[Media]) {
        self.break_line();
        for media in media {
            self.aside(
                DIM,
                &output::plain(&format!("Attachment: {}", media.as_str())),
            );
        }
    }

    /// A line that is no part of the answer.
    fn aside(&mut self, style: Style, text: &str) {
        self.break_line();
        self.clear();
        output::note(output::styled(style, text));
    }

    /// Begins to read another reply; gives the filter of the one before.
    fn new_filter(&mut self) -> ReplyFilter {
        std::mem::replace(&mut self.filter, ReplyFilter::new(self.occasion))
    }

    /// What was shown so far is no part of the answer.
    fn void(&mut self, reason: &str) {
        self.new_filter();
        self.said.forget();
        self.has_text = false;
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
        self.sign.say(text);
    }

    fn clear(&self) {
        self.sign.clear();
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.clear();
    }
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
