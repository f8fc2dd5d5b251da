//! `ui`, `canvasHost`, `talk`, `discovery` and `web`: how people and devices find and see it.

use std::collections::BTreeMap;

section! {
    /// How it looks in the web page and the apps.
    pub struct Ui {
        /// Main colour, `RRGGBB`.
        #[schemars(regex(pattern = r"^#?[0-9a-fA-F]{6}$"))]
        pub seam_color: Option<String>,
        /// The assistant as shown there.
        pub assistant: Option<UiAssistant>,
    }
}

section! {
    /// The assistant as shown in the web page and the apps.
    pub struct UiAssistant {
        /// Its name, at most 50 characters.
        #[schemars(length(max = 50))]
        pub name: Option<String>,
        /// Its picture or letter, at most 200 characters.
        #[schemars(length(max = 200))]
        pub avatar: Option<String>,
    }
}

section! {
    /// Pages that the agent shows on devices.
    pub struct CanvasHost {
        /// Whether they are served. Default: true.
        pub enabled: Option<bool>,
        /// Folder of the pages. Default: `~/clawd/canvas`.
        pub root: Option<String>,
        /// Port of old versions; pages are served on the gateway's port.
        #[schemars(range(min = 1))]
        pub port: Option<u16>,
        /// Show changes at once. Default: true.
        pub live_reload: Option<bool>,
    }
}

section! {
    /// Talking with the apps.
    pub struct Talk {
        /// Voice.
        pub voice_id: Option<String>,
        /// Other names for voices.
        pub voice_aliases: Option<BTreeMap<String, String>>,
        /// Speech model.
        pub model_id: Option<String>,
        /// Sound format.
        pub output_format: Option<String>,
        /// Key for ElevenLabs. Default: `ELEVENLABS_API_KEY`.
        pub api_key: Option<String>,
        /// Stop speaking when the person speaks. Default: true.
        pub interrupt_on_speech: Option<bool>,
    }
}

section! {
    /// How devices find the gateway.
    pub struct Discovery {
        /// On the local network.
        pub mdns: Option<Mdns>,
        /// Beyond it, by DNS.
        pub wide_area: Option<WideArea>,
    }
}

section! {
    /// Being found on the local network.
    pub struct Mdns {
        /// What is told. Default: minimal.
        pub mode: Option<MdnsMode>,
    }
}

choice! {
    /// What is told on the local network.
    pub enum MdnsMode {
        /// Nothing.
        Off = "off",
        /// What devices need to connect.
        Minimal = "minimal",
        /// Also paths and the SSH port.
        Full = "full",
    }
}

section! {
    /// Being found by DNS.
    pub struct WideArea {
        /// Whether to write a DNS zone. Default: false.
        pub enabled: Option<bool>,
    }
}

section! {
    /// The connection to WhatsApp.
    pub struct Web {
        /// Whether to connect. Default: true.
        pub enabled: Option<bool>,
        /// Seconds between two signs of life. Default: 60.
        #[schemars(range(min = 1))]
        pub heartbeat_seconds: Option<u32>,
        /// Connecting again.
        pub reconnect: Option<WebReconnect>,
    }
}

section! {
    /// Connecting again after a connection was lost.
    pub struct WebReconnect {
        /// First wait, in milliseconds. Default: 2000.
        #[schemars(range(min = 1))]
        pub initial_ms: Option<u64>,
        /// Longest wait, in milliseconds. Default: 120000.
        #[schemars(range(min = 1))]
        pub max_ms: Option<u64>,
        /// How much longer each wait is. Default: 1.4.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub factor: Option<f64>,
        /// Random share of a wait, 0 to 1. Default: 0.2.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub jitter: Option<f64>,
        /// Most attempts; 0 for no limit. Default: 0.
        pub max_attempts: Option<u32>,
    }
}
