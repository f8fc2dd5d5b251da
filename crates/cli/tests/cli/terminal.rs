//! A real pseudo-terminal with a person at it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use crate::setup::Home;

/// A test that waits this long for text that never comes fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Columns of the terminal.
const WIDTH: u16 = 120;

#[derive(Default)]
struct Screen {
    text: String,
    closed: bool,
}

/// A terminal in which `moltbot` runs.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the screen has been looked at.
    seen: usize,
    pty: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts the program with these arguments.
    pub(crate) fn open(home: &Home, args: &[&str]) -> Self {
        let pty = native_pty_system()
            .openpty(PtySize {
                rows: 40,
                cols: WIDTH,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_moltbot"));
        command.args(args);
        command.env_clear();
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.cwd(home.path());
        let child = pty.slave.spawn_command(command).unwrap();
        // The terminal closes when the program's side is the only one.
        drop(pty.slave);
        let keyboard = pty.master.take_writer().unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let screen = Arc::<(Mutex<Screen>, Condvar)>::default();
        let shared = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            loop {
                let read = reader.read(&mut chunk).unwrap_or(0);
                let mut screen = shared.0.lock().unwrap();
                if read == 0 {
                    screen.closed = true;
                    shared.1.notify_all();
                    return;
                }
                bytes.extend_from_slice(&chunk[..read]);
                screen.text = String::from_utf8_lossy(&bytes).into_owned();
                shared.1.notify_all();
            }
        });
        Self {
            child,
            keyboard,
            screen,
            seen: 0,
            pty: pty.master,
        }
    }

    /// Waits until this text comes after everything waited for before.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let (lock, changed) = &*self.screen;
        let mut screen = lock.lock().unwrap();
        loop {
            if let Some(at) = screen.text[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            assert!(
                !screen.closed,
                "the program ended before {text:?}: {}",
                screen.text
            );
            let (next, timeout) = changed.wait_timeout(screen, PATIENCE).unwrap();
            screen = next;
            assert!(!timeout.timed_out(), "{text:?} never came: {}", screen.text);
        }
    }

    /// Everything on the screen so far.
    pub(crate) fn text(&self) -> String {
        self.screen.0.lock().unwrap().text.clone()
    }

    /// Types a line.
    pub(crate) fn line(&mut self, text: &str) {
        self.press(&format!("{text}\r"));
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the program ends; gives everything that stands on the screen then and above it, as a person sees it.
    pub(crate) fn wait_and_read(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let (lock, changed) = &*self.screen;
        let closed = changed.wait_while(lock.lock().unwrap(), |screen| !screen.closed);
        let [rows, columns] = [1000, WIDTH].map(|size| NonZero::new(size).unwrap());
        let mut paper = vt100::Parser::new(rows, columns, 0);
        paper.process(closed.unwrap().text.as_bytes());
        let text = paper.screen().contents();
        (status, format!("{}\n", text.trim_end()))
    }

    /// Waits until the program ends.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The id of the program's process.
    #[cfg(unix)]
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// How the terminal is set: whether it echoes, and all the rest.
    #[cfg(unix)]
    pub(crate) fn modes(&self) -> String {
        format!("{:?}", self.pty.get_termios().unwrap())
    }

    /// Waits until the program ends; gives how it left the terminal, too.
    #[cfg(unix)]
    pub(crate) fn wait_and_look(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.modes())
    }
}
