//! `models.providers.<id>.service`: a model server that this program starts and stops by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::forms::MemorySize;

section! {
    /// A model server that is started when one of its models is first needed, and stopped when it
    /// has been idle.
    pub struct Service {
        required {
            /// The program to run, a name on the PATH or a path. A leading `~/` is the home
            /// directory. No shell reads it.
            #[schemars(length(min = 1))]
            pub command: String,
        }
        /// The program's arguments, each as one item. A leading `~/` is the home directory.
        pub args: Option<Vec<String>>,
        /// Environment variables for the program, beside those that this program runs with.
        pub env: Option<BTreeMap<String, String>>,
        /// The directory that the program is started in. Default: the home directory.
        pub cwd: Option<String>,
        /// URL that answers with success once the server can take requests. Default: the list of
        /// models under `baseUrl`, and `/health` of the same server where there is one.
        #[schemars(length(min = 1))]
        pub ready: Option<String>,
        /// Longest time from the start until the server is ready, in seconds. Default: 600.
        #[schemars(range(min = 1))]
        pub start_seconds: Option<u64>,
        /// Minutes without a request after which the server is stopped; 0 keeps it until the
        /// programs that used it have ended. Default: 30.
        pub idle_minutes: Option<u64>,
        /// Memory that must be available before the server is started, such as `24GB`. Idle
        /// servers of other providers are stopped to make room. Default: not checked.
        pub memory: Option<MemorySize>,
        /// Start the server with a long-running program and never stop it for being idle while
        /// that runs. Default: false.
        pub keep_warm: Option<bool>,
        /// Let work that nobody waits for start the server, too. Default: false.
        pub background: Option<bool>,
        /// For a server that goes on after `command` has ended (`lms server start`): the program
        /// that stops it, and its arguments.
        #[schemars(length(min = 1))]
        pub stop: Option<Vec<String>>,
    }
}

impl Service {
    /// The program's arguments.
    pub fn args(&self) -> &[String] {
        self.args.as_deref().unwrap_or_default()
    }

    /// Longest time from the start until the server is ready.
    pub fn start_limit(&self) -> Duration {
        Duration::from_secs(self.start_seconds.unwrap_or(600))
    }

    /// Time without a request after which the server is stopped; zero keeps it until the programs
    /// that used it have ended.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_minutes.unwrap_or(30).saturating_mul(60))
    }

    /// Bytes of memory that must be available before the server is started.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory.as_ref().and_then(MemorySize::bytes)
    }

    /// Whether the server stays while a long-running program of ours runs.
    pub fn keep_warm(&self) -> bool {
        self.keep_warm.unwrap_or(false)
    }

    /// Whether work that nobody waits for may start the server.
    pub fn background(&self) -> bool {
        self.background.unwrap_or(false)
    }
}
