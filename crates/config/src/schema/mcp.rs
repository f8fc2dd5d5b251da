//! `mcp`: servers that bring tools of their own, over the Model Context Protocol.

use std::collections::BTreeMap;
use std::time::Duration;

section! {
    /// Servers that bring tools of their own, over the Model Context Protocol.
    pub struct Mcp {
        /// The servers by name. Their tools are offered as `<name>__<tool>`.
        pub servers: Option<BTreeMap<String, McpServer>>,
    }
}

section! {
    /// One server: a program of this machine (`command`) or an address (`url`).
    pub struct McpServer {
        /// Whether it is used. Default: true.
        pub enabled: Option<bool>,
        /// How it is spoken to. Default: by what is there, `command` or `url`.
        pub r#type: Option<McpTransport>,
        /// The program to run, a name on the PATH or a path. A leading `~/` is the home directory.
        /// No shell reads it.
        #[schemars(length(min = 1))]
        pub command: Option<String>,
        /// The program's arguments, each as one item. A leading `~/` is the home directory.
        pub args: Option<Vec<String>>,
        /// Environment variables for the program. Beside these it gets PATH, HOME and the like, none
        /// of this program's keys.
        pub env: Option<BTreeMap<String, String>>,
        /// The directory that the program is started in. Default: the home directory.
        pub cwd: Option<String>,
        /// The address of a server that is reached over HTTP.
        #[schemars(length(min = 1))]
        pub url: Option<String>,
        /// HTTP headers for every request to it, such as `Authorization`.
        pub headers: Option<BTreeMap<String, String>>,
        /// Longest time that one call may take, in seconds. Default: 60.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Longest time from the start until the server has told its tools, in seconds. Default: 30.
        #[schemars(range(min = 1))]
        pub start_seconds: Option<u64>,
        /// How far its calls are done without asking. Default: none.
        pub trust: Option<McpTrust>,
        /// Which of its tools are offered.
        pub tools: Option<McpTools>,
    }
}

section! {
    /// Which tools of a server are offered, by the server's own names; `*` stands for any text.
    pub struct McpTools {
        /// Only these. Empty: all.
        pub allow: Option<Vec<String>>,
        /// Not these, whatever `allow` says.
        pub deny: Option<Vec<String>>,
    }
}

choice! {
    /// How a server is spoken to.
    pub enum McpTransport {
        /// A program of this machine, over its standard input and output.
        Stdio = "stdio",
        /// Streamable HTTP.
        Http = "http",
        /// Streamable HTTP.
        StreamableHttp = "streamable-http",
    }
}

choice! {
    /// How far a server's calls are done without asking.
    pub enum McpTrust {
        /// The owner is asked about every call.
        None = "none",
        /// Calls of tools that the server itself marks as only reading are done unasked.
        Hints = "hints",
        /// All its tools only read: no call is asked about.
        ReadOnly = "readOnly",
    }
}

impl McpServer {
    /// Whether it is used.
    pub fn enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Longest time that one call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.unwrap_or(60))
    }

    /// Longest time from the start until the server has told its tools.
    pub fn start_timeout(&self) -> Duration {
        Duration::from_secs(self.start_seconds.unwrap_or(30))
    }

    /// How far its calls are done without asking.
    pub fn trust(&self) -> McpTrust {
        self.trust.unwrap_or(McpTrust::None)
    }
}
