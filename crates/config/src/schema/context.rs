//! `contextPruning` and `compaction`: keeping a conversation within the context window.

section! {
    /// Leaving old tool results out of requests. The stored conversation stays whole.
    pub struct ContextPruning {
        /// When to do it. Default: off.
        pub mode: Option<PruningMode>,
        /// Time after the last cached request, such as `5m` or `1h` (minutes without a unit).
        /// Default: 5m.
        #[schemars(regex(pattern = r"^\s*\d+(\.\d+)?(ms|s|m|h|d)?\s*$"))]
        pub ttl: Option<String>,
        /// Newest answers whose tool results are not dropped; those to the newest never are.
        /// Default: 3.
        pub keep_last_assistants: Option<u32>,
        /// Share of the context window from which long results are shortened. Default: 0.3.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub soft_trim_ratio: Option<f64>,
        /// Share of the context window from which results are dropped. Default: 0.5.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub hard_clear_ratio: Option<f64>,
        /// Least characters of droppable results worth the trouble. Default: 50000.
        pub min_prunable_tool_chars: Option<u64>,
        /// Tools whose results may go.
        pub tools: Option<PruningTools>,
        /// How long results are shortened.
        pub soft_trim: Option<SoftTrim>,
        /// How results are dropped.
        pub hard_clear: Option<HardClear>,
    }
}

choice! {
    /// When old tool results are left out.
    pub enum PruningMode {
        /// Never.
        Off = "off",
        /// Once the server's prompt cache has expired.
        CacheTtl = "cache-ttl",
    }
}

section! {
    /// Tools by name; `*` stands for any text.
    pub struct PruningTools {
        /// Tools whose results may go. Default: all.
        pub allow: Option<Vec<String>>,
        /// Tools whose results stay.
        pub deny: Option<Vec<String>>,
    }
}

section! {
    /// How long tool results are shortened, in characters.
    pub struct SoftTrim {
        /// Results longer than this are shortened. Default: 4000.
        pub max_chars: Option<u64>,
        /// Kept from the start. Default: 1500.
        pub head_chars: Option<u64>,
        /// Kept from the end. Default: 1500.
        pub tail_chars: Option<u64>,
    }
}

section! {
    /// How tool results are dropped.
    pub struct HardClear {
        /// Whether any are dropped. Default: true.
        pub enabled: Option<bool>,
        /// Text left in their place. Default: `[Old tool result content cleared]`.
        pub placeholder: Option<String>,
    }
}

section! {
    /// Summarising a conversation that grows too long.
    pub struct Compaction {
        /// How the summary is made. Default: safeguard.
        pub mode: Option<CompactionMode>,
        /// Tokens kept free for the answer, at least, but never more than a quarter of the context
        /// window; 0 for no such limit. Default: 20000.
        pub reserve_tokens_floor: Option<u64>,
        /// Largest share of the context window for the turns that are kept, 0.1 to 0.9. Default:
        /// 0.5.
        #[schemars(range(min = 0.1, max = 0.9))]
        pub max_history_share: Option<f64>,
        /// Letting the agent note what matters before the summary.
        pub memory_flush: Option<MemoryFlush>,
    }
}

impl Compaction {
    /// How the summary is made.
    pub fn mode(&self) -> CompactionMode {
        self.mode.unwrap_or(CompactionMode::Safeguard)
    }

    /// Tokens kept free for the answer, at least; 0 for no such limit.
    pub fn reserve_tokens_floor(&self) -> u64 {
        self.reserve_tokens_floor.unwrap_or(20_000)
    }

    /// Largest share of the context window for the turns that are kept.
    pub fn max_history_share(&self) -> f64 {
        self.max_history_share.unwrap_or(0.5)
    }

    /// Letting the agent note what matters before the summary.
    pub fn memory_flush(&self) -> MemoryFlush {
        self.memory_flush.clone().unwrap_or_default()
    }
}

choice! {
    /// How a summary is made.
    pub enum CompactionMode {
        /// In one go.
        Default = "default",
        /// In pieces that are sure to fit, with failed tools and touched files listed.
        Safeguard = "safeguard",
    }
}

section! {
    /// Letting the agent note what matters before the summary.
    pub struct MemoryFlush {
        /// Whether to do it. Default: true.
        pub enabled: Option<bool>,
        /// Tokens before the limit at which it happens. Default: 4000.
        pub soft_threshold_tokens: Option<u64>,
        /// What the agent is asked, in place of the built-in text.
        pub prompt: Option<String>,
        /// Added to the system prompt, in place of the built-in text.
        pub system_prompt: Option<String>,
    }
}

impl MemoryFlush {
    /// Whether the agent notes what matters before the summary.
    pub fn enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Tokens before the limit at which it happens.
    pub fn soft_threshold_tokens(&self) -> u64 {
        self.soft_threshold_tokens.unwrap_or(4_000)
    }
}
