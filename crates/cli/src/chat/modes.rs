//! The terminal as it was found: whether it shows what is typed, and takes it line by line.

/// The modes of the terminal at standard input, set again when this is dropped: a line editor that waits when the
/// program is told to end cannot do it any more, and a shell without echo would be left.
#[cfg(unix)]
pub(crate) struct SavedModes(rustix::termios::Termios);

#[cfg(unix)]
impl SavedModes {
    /// The modes as they are; `None` where there is no terminal.
    pub(crate) fn save() -> Option<Self> {
        rustix::termios::tcgetattr(std::io::stdin()).ok().map(Self)
    }

    /// What is typed is not shown from now on, but for the line's end.
    pub(crate) fn hide_input(&self) -> std::io::Result<()> {
        use rustix::termios::{LocalModes, OptionalActions, tcsetattr};

        let mut modes = self.0.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL);
        Ok(tcsetattr(std::io::stdin(), OptionalActions::Flush, &modes)?)
    }
}

#[cfg(unix)]
impl Drop for SavedModes {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcgetpgrp, tcsetattr};

        let stdin = std::io::stdin();
        // From the background it is another's, and the system would halt whoever touches it.
        if tcgetpgrp(&stdin) == Ok(rustix::process::getpgrp()) {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &self.0);
        }
    }
}

/// The console there has its modes for each program.
#[cfg(not(unix))]
pub(crate) struct SavedModes;

#[cfg(not(unix))]
impl SavedModes {
    pub(crate) fn save() -> Option<Self> {
        None
    }

    pub(crate) fn hide_input(&self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
