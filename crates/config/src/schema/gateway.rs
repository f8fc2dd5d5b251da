//! `gateway`: the server that holds everything together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::gateway_http::GatewayHttp;
use super::record::GatewayMode;

section! {
    /// The server that holds everything together.
    pub struct Gateway {
        /// Port that it listens on. Default: 18789.
        #[schemars(range(min = 1))]
        pub port: Option<u16>,
        /// Whether it runs here or on another machine. It only starts when this is local.
        pub mode: Option<GatewayMode>,
        /// Addresses that it listens on. Default: loopback (this machine only).
        pub bind: Option<GatewayBind>,
        /// Address to listen on with `bind: "custom"`.
        pub custom_bind_host: Option<String>,
        /// Who may connect.
        pub auth: Option<GatewayAuth>,
        /// The web page.
        pub control_ui: Option<ControlUi>,
        /// Addresses of proxies that are believed about where a request comes from.
        pub trusted_proxies: Option<Vec<String>>,
        /// Reaching it through Tailscale.
        pub tailscale: Option<GatewayTailscale>,
        /// The gateway on another machine, for `mode: "remote"`.
        pub remote: Option<GatewayRemote>,
        /// What happens when this file changes.
        pub reload: Option<GatewayReload>,
        /// Encrypted connections.
        pub tls: Option<GatewayTls>,
        /// Interfaces for other programs.
        pub http: Option<GatewayHttp>,
        /// Other machines that help the gateway.
        pub nodes: Option<GatewayNodes>,
    }
}

choice! {
    /// Addresses that the gateway listens on.
    pub enum GatewayBind {
        /// This machine only, or all if that fails.
        Auto = "auto",
        /// All addresses.
        Lan = "lan",
        /// This machine only.
        Loopback = "loopback",
        /// The address in `customBindHost`.
        Custom = "custom",
        /// The machine's Tailscale address.
        Tailnet = "tailnet",
    }
}

section! {
    /// Who may connect.
    pub struct GatewayAuth {
        /// What they must know. Default: password if one is set, else token.
        pub mode: Option<GatewayAuthMode>,
        /// The token. Default: `CLAWDBOT_GATEWAY_TOKEN`.
        pub token: Option<String>,
        /// The password. Default: `CLAWDBOT_GATEWAY_PASSWORD`.
        pub password: Option<String>,
        /// Believe Tailscale about who connects. Default: true with `tailscale.mode: "serve"` and
        /// no password.
        pub allow_tailscale: Option<bool>,
    }
}

choice! {
    /// What those who connect must know.
    pub enum GatewayAuthMode {
        /// A token.
        Token = "token",
        /// A password.
        Password = "password",
    }
}

section! {
    /// The web page.
    pub struct ControlUi {
        /// Whether there is one. Default: true.
        pub enabled: Option<bool>,
        /// Path under which it is found. Default: `/`.
        pub base_path: Option<String>,
        /// Allow signing in over an unencrypted connection from elsewhere. Default: false.
        pub allow_insecure_auth: Option<bool>,
        /// Do not check which device signs in. Dangerous. Default: false.
        pub dangerously_disable_device_auth: Option<bool>,
    }
}

section! {
    /// Reaching the gateway through Tailscale.
    pub struct GatewayTailscale {
        /// For whom. Default: off.
        pub mode: Option<TailscaleMode>,
        /// Undo it at the end. Default: false.
        pub reset_on_exit: Option<bool>,
    }
}

choice! {
    /// For whom Tailscale opens a port.
    pub enum TailscaleMode {
        /// For nobody.
        Off = "off",
        /// For the machines of the tailnet.
        Serve = "serve",
        /// For the whole internet.
        Funnel = "funnel",
    }
}

section! {
    /// The gateway on another machine.
    pub struct GatewayRemote {
        /// Its address, `ws://` or `wss://`.
        pub url: Option<String>,
        /// How it is reached. Default: ssh.
        pub transport: Option<RemoteTransport>,
        /// Its token.
        pub token: Option<String>,
        /// Its password.
        pub password: Option<String>,
        /// SHA-256 of the only certificate that is accepted.
        pub tls_fingerprint: Option<String>,
        /// Machine to go through, `user@host`.
        pub ssh_target: Option<String>,
        /// Key file for that machine.
        pub ssh_identity: Option<String>,
    }
}

choice! {
    /// How a remote gateway is reached.
    pub enum RemoteTransport {
        /// Through an SSH tunnel.
        Ssh = "ssh",
        /// Directly.
        Direct = "direct",
    }
}

section! {
    /// What happens when this file changes.
    pub struct GatewayReload {
        /// Whether changes are taken at once. Default: hybrid.
        pub mode: Option<ReloadMode>,
        /// Milliseconds to wait after a change. Default: 300.
        pub debounce_ms: Option<u64>,
    }
}

choice! {
    /// How a change of the file is taken.
    pub enum ReloadMode {
        /// Not until the next start.
        Off = "off",
        /// By a restart.
        Restart = "restart",
        /// At once where possible; the rest is reported.
        Hot = "hot",
        /// At once where possible, else by a restart.
        Hybrid = "hybrid",
    }
}

section! {
    /// Encrypted connections.
    pub struct GatewayTls {
        others {
            /// Keys of other versions are let through.
            pub others: BTreeMap<String, Value>,
        }
        /// Whether connections are encrypted. Default: false.
        pub enabled: Option<bool>,
        /// Make a certificate when there is none. Default: true.
        pub auto_generate: Option<bool>,
        /// Certificate file. Default: in the state directory.
        pub cert_path: Option<String>,
        /// Key file. Default: in the state directory.
        pub key_path: Option<String>,
        /// File of the authority that signs clients.
        pub ca_path: Option<String>,
    }
}

section! {
    /// Other machines that help the gateway.
    pub struct GatewayNodes {
        /// Using the browser of one of them.
        pub browser: Option<NodeBrowser>,
        /// Commands that they may be given, beyond the usual ones.
        pub allow_commands: Option<Vec<String>>,
        /// Commands that they may not be given.
        pub deny_commands: Option<Vec<String>>,
    }
}

section! {
    /// Using the browser of another machine.
    pub struct NodeBrowser {
        /// Which machine. Default: auto.
        pub mode: Option<NodeBrowserMode>,
        /// Its id or name.
        pub node: Option<String>,
    }
}

choice! {
    /// Which machine's browser is used.
    pub enum NodeBrowserMode {
        /// The only one connected that has a browser.
        Auto = "auto",
        /// The one named.
        Manual = "manual",
        /// None but this machine's.
        Off = "off",
    }
}

section! {
    /// What this machine does as a helper of a gateway.
    pub struct NodeHost {
        /// Lending its browser.
        pub browser_proxy: Option<BrowserProxy>,
    }
}

section! {
    /// Lending this machine's browser to a gateway.
    pub struct BrowserProxy {
        /// Whether to lend it. Default: true.
        pub enabled: Option<bool>,
        /// Browser profiles that are lent. Default: all.
        pub allow_profiles: Option<Vec<String>>,
    }
}
