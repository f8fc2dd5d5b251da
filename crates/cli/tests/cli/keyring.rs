//! A real keyring: a D-Bus session of its own with gnome-keyring, unlocked, without a desktop.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use crate::setup::Home;

/// A session with a keyring; both end with it.
pub(crate) struct KeyringSession {
    bus: Child,
    /// What programs of the session have in their environment.
    variables: [(&'static str, String); 2],
}

impl KeyringSession {
    /// `None`, with a line that says so, where the programs for it are not installed.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is to know")]
    pub(crate) fn start(home: &Home) -> Option<Self> {
        let needed = ["dbus-daemon", "gnome-keyring-daemon", "secret-tool"];
        if let Some(missing) = needed.iter().find(|name| !is_installed(name)) {
            eprintln!("passed over: {missing} is not installed");
            return None;
        }
        let runtime = home.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &runtime)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let printed = bus.stdout.take().unwrap();
        BufReader::new(printed).read_line(&mut address).unwrap();
        let session = Self {
            bus,
            variables: [
                ("DBUS_SESSION_BUS_ADDRESS", address.trim().to_owned()),
                ("XDG_RUNTIME_DIR", runtime.display().to_string()),
            ],
        };
        // The first password makes the keyring. The daemon stays in the background, until the bus is gone.
        let mut daemon = session
            .join(Command::new("gnome-keyring-daemon").env("HOME", home.path()))
            .args(["--daemonize", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        daemon.stdin.take().unwrap().write_all(b"open").unwrap();
        assert!(daemon.wait().unwrap().success());
        Some(session)
    }

    /// Puts a program into the session.
    pub(crate) fn join<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}

impl Drop for KeyringSession {
    fn drop(&mut self) {
        // The session is over anyway where they have ended.
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
