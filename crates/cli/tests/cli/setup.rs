//! A home directory of its own for each test, and the program run in it as a person would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A home directory that holds nothing, until the test puts something there.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// An empty home.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A home with this configuration.
    pub(crate) fn with_config(text: impl AsRef<str>) -> Self {
        let home = Self::new();
        home.write(".clawdbot/moltbot.json", text);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join(".clawdbot")
    }

    /// Writes a file below the home. The state directory and what is in it are the owner's alone, as the program makes
    /// them.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<str>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text.as_ref()).unwrap();
        #[cfg(unix)]
        if path.starts_with(self.state()) {
            self.close(&path);
        }
        path
    }

    #[cfg(unix)]
    fn close(&self, path: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(path, 0o600);
        let folders = path.ancestors().skip(1);
        for folder in folders.take_while(|folder| *folder != self.path()) {
            set(folder, 0o700);
        }
    }

    /// Reads a file below the home.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The program with these arguments, in this home and nothing else of this machine's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moltbot"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn moltbot(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, which must succeed, and gives what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.moltbot(args);
        assert!(output.status.success(), "{args:?} failed: {}", err(&output));
        out(&output)
    }

    /// Runs the program, which must fail with code 1 and say something, and gives what it said.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.moltbot(args);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{args:?}: {}{}",
            out(&output),
            err(&output)
        );
        let said = err(&output);
        assert!(!said.trim().is_empty(), "{args:?} failed without a word");
        said
    }

    /// Runs the program, which must succeed and print JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(args);
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{args:?} printed no JSON ({e}): {text}"))
    }
}

/// What a run printed.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a run said on standard error.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
