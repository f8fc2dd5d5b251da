//! `env`: environment variables set from the config file.

use std::collections::BTreeMap;

section! {
    /// Environment variables for this program. One that is already set is never changed.
    pub struct Env {
        others {
            /// Any other key is a variable; it wins over the same name in `vars`.
            pub variables: BTreeMap<String, String>,
        }
        /// Reading missing variables from the login shell.
        pub shell_env: Option<ShellEnv>,
        /// Variables by name.
        pub vars: Option<BTreeMap<String, String>>,
    }
}

section! {
    /// Reading missing variables from the login shell.
    pub struct ShellEnv {
        /// Whether to ask the login shell for keys that are missing. Default: false.
        pub enabled: Option<bool>,
        /// How long to wait for the shell, in milliseconds. Default: 15000.
        pub timeout_ms: Option<u64>,
    }
}
