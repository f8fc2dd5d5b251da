//! `meta`, `wizard` and `update`: what the program notes about itself in the file, and updates.

section! {
    /// Written by the program at every change of the file.
    pub struct Meta {
        /// Version that last wrote the file.
        pub last_touched_version: Option<String>,
        /// When the file was last written (ISO 8601).
        pub last_touched_at: Option<String>,
    }
}

section! {
    /// Written by the setup wizard.
    pub struct Wizard {
        /// When it last ran (ISO 8601).
        pub last_run_at: Option<String>,
        /// The version that ran.
        pub last_run_version: Option<String>,
        /// The source commit of that version.
        pub last_run_commit: Option<String>,
        /// The command that started it.
        pub last_run_command: Option<String>,
        /// Whether it set up a gateway here or a client of a remote one.
        pub last_run_mode: Option<GatewayMode>,
    }
}

choice! {
    /// Where the gateway runs.
    pub enum GatewayMode {
        /// On this machine.
        Local = "local",
        /// On another machine, to which this one connects.
        Remote = "remote",
    }
}

section! {
    /// How this program is kept up to date.
    pub struct Update {
        /// Releases to follow. Default: stable.
        pub channel: Option<UpdateChannel>,
        /// Look for a newer version at start, at most once a day. Default: true.
        pub check_on_start: Option<bool>,
    }
}

choice! {
    /// A line of releases.
    pub enum UpdateChannel {
        /// Tested releases.
        Stable = "stable",
        /// Releases under test.
        Beta = "beta",
        /// The newest state of the source.
        Dev = "dev",
    }
}
