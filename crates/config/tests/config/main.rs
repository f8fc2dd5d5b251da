//! The configuration as the owner meets it: real files, real environments, real child processes.
#![allow(clippy::unwrap_used)]

mod edit;
mod environment;
mod include;
mod load;
mod paths;
#[cfg(unix)]
mod references;
mod write;

use std::fs;
use std::path::PathBuf;

use moltbot_config::{Environment, LoadError, Snapshot, load};
use tempfile::TempDir;

/// A home directory of its own, with nothing in it but what a test puts there.
struct Home {
    /// Removed with everything in it at the end of the test.
    _root: TempDir,
    environment: Environment,
}

impl Home {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        // The temporary directory may lie behind a symbolic link.
        let base = root.path().canonicalize().unwrap();
        let home = base.join("home");
        let cwd = base.join("work");
        fs::create_dir_all(home.join(".clawdbot")).unwrap();
        fs::create_dir_all(&cwd).unwrap();
        Self {
            _root: root,
            environment: Environment {
                vars: [("PATH", "/usr/bin:/bin")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                home,
                cwd,
            },
        }
    }

    /// A home whose config file holds `text`.
    fn with(text: &str) -> Self {
        let home = Self::new();
        home.put("moltbot.json", text);
        home
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.environment.vars.insert(name.into(), value.into());
        self
    }

    /// A path in the state directory.
    fn state(&self, name: &str) -> PathBuf {
        self.environment.home.join(".clawdbot").join(name)
    }

    /// Writes a file in the state directory.
    fn put(&self, name: &str, text: &str) {
        let path = self.state(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.state("moltbot.json")).unwrap()
    }

    fn load(&self) -> Snapshot {
        load(&self.environment).unwrap()
    }

    fn error(&self) -> LoadError {
        load(&self.environment).unwrap_err()
    }

    /// What is wrong, one sentence a line.
    fn problems(&self) -> String {
        self.error().to_string()
    }
}

#[test]
fn the_process_environment_is_captured() {
    let environment = Environment::from_process();
    assert_eq!(
        environment.vars.get("CARGO_PKG_NAME").map(String::as_str),
        Some("moltbot-config")
    );
    assert_eq!(environment.cwd, std::env::current_dir().unwrap());
    assert!(environment.home.is_absolute());
}

#[test]
fn nothing_secret_is_shown_for_debugging() {
    let home = Home::with("{gateway: {auth: {token: '${TOKEN}', password: 'hunter2'}}}")
        .var("TOKEN", "hunter3");
    let snapshot = home.load();
    let shown = format!("{snapshot:?} {:?}", snapshot.environment);
    assert!(shown.contains("TOKEN"));
    assert!(!shown.contains("hunter"), "{shown}");
}
