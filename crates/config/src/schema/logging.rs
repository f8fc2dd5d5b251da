//! `logging` and `diagnostics`: what is written down about the program's own work.

use std::collections::BTreeMap;

section! {
    /// What is logged, and where.
    pub struct Logging {
        /// Least important level that goes to the log file. Default: info.
        pub level: Option<LogLevel>,
        /// Least important level shown on the console. Default: nothing is.
        pub console_level: Option<LogLevel>,
        /// The log file. Default: one file a day in the state directory's `logs`, kept for 7 days.
        pub file: Option<String>,
        /// How lines look on the console. Default: pretty.
        pub console_style: Option<ConsoleStyle>,
        /// Whether secrets are masked in what tools print. Default: tools.
        pub redact_sensitive: Option<RedactSensitive>,
        /// Regular expressions of what to mask, in place of the built-in ones. Plain, or
        /// `/pattern/flags`.
        pub redact_patterns: Option<Vec<String>>,
    }
}

impl Logging {
    /// Least important level that goes to the log file.
    pub fn level(&self) -> LogLevel {
        self.level.unwrap_or(LogLevel::Info)
    }

    /// Least important level shown on the console.
    pub fn console_level(&self) -> LogLevel {
        self.console_level.unwrap_or(LogLevel::Silent)
    }

    /// How lines look on the console.
    pub fn console_style(&self) -> ConsoleStyle {
        self.console_style.unwrap_or(ConsoleStyle::Pretty)
    }

    /// Whether secrets are masked in what tools print.
    pub fn redact_sensitive(&self) -> RedactSensitive {
        self.redact_sensitive.unwrap_or(RedactSensitive::Tools)
    }
}

choice! {
    /// How important a log line is.
    pub enum LogLevel {
        /// Nothing at all.
        Silent = "silent",
        /// What ends the program.
        Fatal = "fatal",
        /// What failed.
        Error = "error",
        /// What may need attention.
        Warn = "warn",
        /// What happened.
        Info = "info",
        /// How it happened.
        Debug = "debug",
        /// Every step.
        Trace = "trace",
    }
}

choice! {
    /// How log lines look on the console.
    pub enum ConsoleStyle {
        /// Coloured, with time and source.
        Pretty = "pretty",
        /// One short line each.
        Compact = "compact",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// Where secrets are masked.
    pub enum RedactSensitive {
        /// Nowhere.
        Off = "off",
        /// In what tools print and log.
        Tools = "tools",
    }
}

section! {
    /// Traces for finding faults.
    pub struct Diagnostics {
        /// Whether diagnostics are collected. Default: false.
        pub enabled: Option<bool>,
        /// Names of single diagnostics to switch on, such as `telegram.*`.
        pub flags: Option<Vec<String>>,
        /// Sending traces and measurements to an OpenTelemetry collector.
        pub otel: Option<Otel>,
        /// Writing down what each model request did to the prompt cache.
        pub cache_trace: Option<CacheTrace>,
    }
}

section! {
    /// Sending traces and measurements to an OpenTelemetry collector.
    pub struct Otel {
        /// Whether anything is sent. Default: false.
        pub enabled: Option<bool>,
        /// Address of the collector.
        pub endpoint: Option<String>,
        /// Wire format. Default: http/protobuf.
        pub protocol: Option<OtelProtocol>,
        /// Extra headers, such as a key.
        pub headers: Option<BTreeMap<String, String>>,
        /// Name under which this program appears.
        pub service_name: Option<String>,
        /// Send traces. Default: true.
        pub traces: Option<bool>,
        /// Send measurements. Default: true.
        pub metrics: Option<bool>,
        /// Send log lines. Default: false.
        pub logs: Option<bool>,
        /// Share of traces sent, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub sample_rate: Option<f64>,
        /// Time between two sendings, in milliseconds.
        pub flush_interval_ms: Option<u64>,
    }
}

choice! {
    /// Wire format of an OpenTelemetry collector.
    pub enum OtelProtocol {
        /// Protocol buffers over HTTP.
        HttpProtobuf = "http/protobuf",
        /// gRPC.
        Grpc = "grpc",
    }
}

section! {
    /// Writing down what each model request did to the prompt cache. Holds private text.
    pub struct CacheTrace {
        /// Whether it is written. Default: false.
        pub enabled: Option<bool>,
        /// Where to. Default: `logs/cache-trace.jsonl` in the state directory.
        pub file_path: Option<String>,
        /// Include the messages. Default: true.
        pub include_messages: Option<bool>,
        /// Include the prompt. Default: true.
        pub include_prompt: Option<bool>,
        /// Include the system prompt. Default: true.
        pub include_system: Option<bool>,
    }
}
