//! Where messages come from: a line editor at a terminal, plain lines from a pipe.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};

use crate::exit::Exit;
use crate::interrupt::{ctrl_c, ordered};
use crate::output;

use super::modes::SavedModes;

/// Lines of history kept.
const HISTORY_LIMIT: usize = 1000;

/// What was read.
pub(super) enum Line {
    /// A line that is not blank.
    Text(String),
    /// A blank line.
    Blank,
    /// The person leaves, the pipe is at its end, or the program is to end.
    End,
}

/// Says something while a line is being typed: it appears above the line. Clones say it in the same place.
#[derive(Clone, Default)]
pub(super) struct Notices(Arc<Mutex<Option<Box<dyn ExternalPrinter + Send>>>>);

impl Notices {
    /// Says a line.
    pub(super) fn say(&self, text: &str) {
        let text = output::plain(text);
        let mut printer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = printer
            .as_mut()
            .is_some_and(|printer| printer.print(format!("{text}\n")).is_ok());
        if !shown {
            output::note(text);
        }
    }
}

/// A source of lines.
pub(super) struct Input {
    /// `None` for a pipe; taken out while a thread waits for a line.
    editor: Option<DefaultEditor>,
    history: PathBuf,
    interactive: bool,
    notices: Notices,
    /// Ctrl-C at an empty prompt: the next one leaves.
    warned: bool,
    /// A thread may still wait for a line when the program ends, and has changed the terminal for it.
    _modes: Option<SavedModes>,
}

impl Input {
    /// Opens standard input. `history` is the file that earlier lines are kept in.
    pub(super) fn open(history: &Path) -> Self {
        let interactive = std::io::stdin().is_terminal();
        let mut editor = interactive.then(|| editor(history)).flatten();
        let printer = editor.as_mut().and_then(|editor| {
            let printer = editor.create_external_printer().ok()?;
            Some(Box::new(printer) as Box<dyn ExternalPrinter + Send>)
        });
        Self {
            notices: Notices(Arc::new(Mutex::new(printer))),
            editor,
            history: history.to_owned(),
            interactive,
            warned: false,
            _modes: interactive.then(SavedModes::save).flatten(),
        }
    }

    /// Whether a person types.
    pub(super) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Says things while a line is being typed.
    pub(super) fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Waits for the next line.
    pub(super) async fn read(&mut self) -> Result<Line, Exit> {
        loop {
            let interactive = self.interactive;
            let leave = async {
                tokio::select! {
                    // A line editor hears Ctrl-C by itself; a pipe does not.
                    () = ctrl_c(), if !interactive => {}
                    _ = ordered() => {}
                }
            };
            let (editor, read) = tokio::select! {
                // No line is asked for where none will be taken.
                biased;
                () = leave => return Ok(Line::End),
                read = self.wait() => read?,
            };
            self.editor = editor;
            match read {
                Ok(text) => {
                    self.warned = false;
                    let text = text.trim();
                    if text.is_empty() {
                        return Ok(Line::Blank);
                    }
                    self.remember(text);
                    return Ok(Line::Text(text.to_owned()));
                }
                Err(ReadlineError::Interrupted) if !self.warned => {
                    self.warned = true;
                    output::note(output::styled(output::DIM, "Ctrl-C again leaves."));
                }
                Err(ReadlineError::Interrupted | ReadlineError::Eof) => return Ok(Line::End),
                Err(error) => {
                    return Err(Exit::failed(format!(
                        "Standard input cannot be read: {error}."
                    )));
                }
            }
        }
    }

    /// Reads one line on a thread of its own: both sources block.
    async fn wait(
        &mut self,
    ) -> Result<(Option<DefaultEditor>, Result<String, ReadlineError>), Exit> {
        let editor = self.editor.take();
        tokio::task::spawn_blocking(move || match editor {
            Some(mut editor) => {
                let read = editor.readline("› ");
                (Some(editor), read)
            }
            None => {
                let mut line = String::new();
                let read = match std::io::stdin().lock().read_line(&mut line) {
                    Ok(0) => Err(ReadlineError::Eof),
                    Ok(_) => Ok(line),
                    Err(error) => Err(ReadlineError::Io(error)),
                };
                (None, read)
            }
        })
        .await
        .map_err(|error| Exit::failed(format!("Standard input cannot be read: {error}.")))
    }

    /// Keeps a line for the next chat. History is a comfort: where it cannot be kept, the chat goes on.
    fn remember(&mut self, text: &str) {
        let Some(editor) = &mut self.editor else {
            return;
        };
        if editor.add_history_entry(text).unwrap_or(false) {
            let _ = editor.save_history(&self.history);
            only_for_owner(&self.history);
        }
    }
}

fn editor(history: &Path) -> Option<DefaultEditor> {
    let config = Config::builder()
        .max_history_size(HISTORY_LIMIT)
        .ok()?
        .auto_add_history(false)
        .build();
    let mut editor = DefaultEditor::with_config(config).ok()?;
    // The first chat has none yet.
    let _ = editor.load_history(history);
    Some(editor)
}

fn only_for_owner(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = path;
}
