//! Lines of a log without secrets.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use moltbot_config::Snapshot;
use moltbot_config::schema::RedactSensitive;
use moltbot_guard::secrets::{Masks, Secrets};
use tracing_subscriber::fmt::MakeWriter;

use crate::app;

/// What is taken out of a log: the owner's own secrets always, what looks like one unless the owner wants to see it
/// (`logging.redactSensitive`, `redactPatterns`).
pub(super) struct Discretion {
    snapshot: Snapshot,
    /// Gathered with the first line: most commands write none.
    secrets: OnceLock<Secrets>,
    masks_any: bool,
    /// The built-in ones are made with the first line, too.
    masks: OnceLock<Masks>,
}

impl Discretion {
    /// As the owner wants it, and the patterns that are no regular expressions.
    pub(super) fn new(snapshot: &Snapshot) -> (Self, Vec<String>) {
        let settings = snapshot.config.logging.clone().unwrap_or_default();
        let (masks, refused) = match settings.redact_patterns.as_deref() {
            None | Some([]) => (OnceLock::new(), Vec::new()),
            Some(patterns) => {
                let (masks, refused) = Masks::new(patterns);
                (OnceLock::from(masks), refused)
            }
        };
        let discretion = Self {
            snapshot: snapshot.clone(),
            secrets: OnceLock::new(),
            masks_any: settings.redact_sensitive() == RedactSensitive::Tools,
            masks,
        };
        (discretion, refused)
    }

    fn shown(&self, line: &str) -> String {
        let secrets = self.secrets.get_or_init(|| app::secrets(&self.snapshot));
        let line = secrets.redact(line);
        match self.masks_any {
            true => self
                .masks
                .get_or_init(Masks::default)
                .apply(&line)
                .into_owned(),
            false => line.into_owned(),
        }
    }
}

/// A place that a log is written to, with discretion.
pub(super) struct Discreet<M> {
    pub(super) place: M,
    pub(super) discretion: Arc<Discretion>,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Discreet<M> {
    type Writer = Line<'a, M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            writer: self.place.make_writer(),
            discretion: &self.discretion,
        }
    }
}

/// Where one line goes. The subscriber writes each whole.
pub(super) struct Line<'a, W> {
    writer: W,
    discretion: &'a Discretion,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = self.discretion.shown(&String::from_utf8_lossy(bytes));
        self.writer.write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
