//! What `scripts/install-test-servers` has installed.

use std::path::PathBuf;

/// Names the folder of installed servers.
const DIRECTORY_VARIABLE: &str = "MOLTBOT_TEST_SERVERS";

/// The servers and models of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    directory: PathBuf,
}

impl Installed {
    /// The folder that the variable names; `None`, said aloud, where it names none.
    pub(crate) fn find() -> Option<Self> {
        let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) else {
            pass_over(&format!("{DIRECTORY_VARIABLE} names no folder"));
            return None;
        };
        let directory = PathBuf::from(directory);
        assert!(
            directory.is_dir(),
            "{DIRECTORY_VARIABLE} names {}, which is no folder; scripts/test-servers sets it.",
            directory.display()
        );
        Some(Self { directory })
    }

    /// A file or folder of it; `None`, said aloud, where this one was not installed.
    pub(crate) fn part(&self, name: &str) -> Option<PathBuf> {
        let path = self.directory.join(name);
        if !path.exists() {
            pass_over(&format!("{} is not installed", path.display()));
            return None;
        }
        Some(path)
    }

    /// llama.cpp's server.
    pub(crate) fn llama_server(&self) -> Option<PathBuf> {
        self.part("llama-server")
    }

    /// The model of nearly all these tests. With [`crate::llama::TEMPLATE`] it calls tools and thinks, after a fashion.
    pub(crate) fn small_model(&self) -> Option<PathBuf> {
        self.part("SmolLM2-135M-Instruct.Q4_1.gguf")
    }

    /// A model that knows tools and would rather write its calls as text.
    pub(crate) fn talkative_model(&self) -> Option<PathBuf> {
        self.part("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf")
    }
}

#[allow(clippy::print_stderr)]
pub(crate) fn pass_over(reason: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("this test").to_owned();
    eprintln!("{test} passes over: {reason}. Run scripts/test-servers to test with real servers.");
}
