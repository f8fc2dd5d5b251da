//! `browser`: a web browser that agents control.

use std::collections::BTreeMap;

section! {
    /// A web browser that agents control.
    pub struct Browser {
        /// Whether agents may. Default: true.
        pub enabled: Option<bool>,
        /// Whether agents may run scripts in pages. Default: true.
        pub evaluate_enabled: Option<bool>,
        /// Address of a browser's control protocol. Default: on this machine.
        pub cdp_url: Option<String>,
        /// How long a remote browser may take to answer, in milliseconds. Default: 1500.
        pub remote_cdp_timeout_ms: Option<u64>,
        /// How long connecting to it may take, in milliseconds. Default: twice that, at least 2000.
        pub remote_cdp_handshake_timeout_ms: Option<u64>,
        /// Colour of the window. Default: #FF4500.
        pub color: Option<String>,
        /// The browser's program. Default: found by itself.
        pub executable_path: Option<String>,
        /// No window. Default: false.
        pub headless: Option<bool>,
        /// Without the browser's own sandbox. Default: false.
        pub no_sandbox: Option<bool>,
        /// Never start a browser, only use one that runs. Default: false.
        pub attach_only: Option<bool>,
        /// Profile that is used unless another is named. Default: chrome.
        pub default_profile: Option<String>,
        /// How pages are shown to the model.
        pub snapshot_defaults: Option<SnapshotDefaults>,
        /// Browsers by name: lower-case letters, digits and `-`.
        #[schemars(extend("propertyNames" = {"pattern": "^[a-z0-9-]+$"}))]
        pub profiles: Option<BTreeMap<String, BrowserProfile>>,
    }
}

section! {
    /// How pages are shown to the model.
    pub struct SnapshotDefaults {
        /// Shorter form of pages.
        pub mode: Option<SnapshotMode>,
    }
}

choice! {
    /// A form of pages.
    pub enum SnapshotMode {
        /// Only what can be used, in few words.
        Efficient = "efficient",
    }
}

section! {
    /// One browser. It needs `cdpPort` or `cdpUrl`.
    pub struct BrowserProfile {
        required {
            /// Colour of its window, `RRGGBB`.
            #[schemars(regex(pattern = r"^#?[0-9a-fA-F]{6}$"))]
            pub color: String,
        }
        /// Port of its control protocol on this machine.
        #[schemars(range(min = 1))]
        pub cdp_port: Option<u16>,
        /// Address of its control protocol.
        pub cdp_url: Option<String>,
        /// Who runs it. Default: clawd.
        pub driver: Option<BrowserDriver>,
    }
}

choice! {
    /// Who runs a browser.
    pub enum BrowserDriver {
        /// This program.
        Clawd = "clawd",
        /// The owner, with the extension in it.
        Extension = "extension",
    }
}
